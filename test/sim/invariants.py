"""What must hold when faults have stopped and the daemons have come to rest.

    objects       every primary has the same files, nobody else has any; the newest acknowledged
                  write, or something newer that a client asked for, is what they say
    hashes        the cached suffix hashes say what a fresh look says
    databases     all primaries have the same rows and times, nobody else has a database
    listings      each object has its row and each row its object, with the same values
    totals        the account says of each container what the container says of itself
    leftovers     no async pending; after the reclaim age no tombstone, no removed row, no
                  deleted database, no row of the expirer's queue

What a client was never promised is looked at less closely: a write that failed may have come
about on one node that crashed before it told the container, or whose device went away after it
told; such a winner's row may be missing or say something older.
"""
from typing import Any

from swift.core import fileset, row_merge
from swift.core.timestamp import Timestamp
from test.sim.ledger import Fate, Write
from test.sim.objects import Found, get_hashes, judged, look_up, queue_path
from test.sim.world import ACCOUNT, Path, by_text, path_of

# What the rules are known not to keep, with the reason in doc/durability.md; `--strict` shows it.
KNOWN_LIMITS = frozenset(('stale expiry', 'lone conflict'))


class Broken(Exception):
    """A promise that was not kept. Its text says which."""


def demand(holds: bool, text: str, *values: Any) -> None:
    if not holds:
        raise Broken(text % values)


def check_converged(cluster: Any) -> None:
    """Check all that holds as soon as the daemons are at rest. Raises Broken."""
    for node in cluster.nodes:
        demand(not node.disk.asyncs, '%s still has async pendings: %s', node,
               [str(row.path) for row in node.disk.asyncs.values()])
    _check_hashes(cluster)
    for path in sorted(cluster.clients.ledger.writes, key=by_text):
        if path.obj is not None:
            _check_object(cluster, path)
    _check_databases(cluster)
    for path in sorted(cluster.clients.ledger.writes, key=by_text):
        if path.obj is None:
            _check_container(cluster, path)
    _check_totals(cluster)


# -- objects ---------------------------------------------------------------------------------------

def _check_object(cluster: Any, path: Path) -> None:
    primaries = cluster.rings['object'].primaries(path.part)
    contents = [node.disk.files(path) for node in primaries]
    first = _meaning(primaries[0], path)
    for node, content in zip(primaries, contents, strict=True):
        demand(_meaning(node, path) == first, '%s differs: %s has %s, %s has %s', path, node,
               sorted(content), primaries[0], sorted(contents[0]))
        demand(not judged(content).obsolete, '%s: obsolete files stay on %s: %s', path, node,
               sorted(content))
    for node in cluster.nodes:
        # A .meta without its object waits there for the object, up to the reclaim age.
        demand(node in primaries or look_up(node.disk, path, 0.0).files.time is None,
               '%s: nobody cleans %s up: %s', path, node, sorted(node.disk.files(path)))
    _check_promise(cluster, path, look_up(primaries[0].disk, path, 0.0))


def _meaning(node: Any, path: Path) -> tuple:
    """Return what files say: their names may differ where a POST met different older data."""
    found = look_up(node.disk, path, 0.0)
    return (fileset.hash_inputs(found.files), found.state and found.state.metadata,
            found.state and found.state.data)


def _check_promise(cluster: Any, path: Path, found: Found) -> None:
    """Compare what is there with what clients were told."""
    writes = cluster.clients.ledger.of(path)
    promised = [write for write in writes
                if write.method != 'POST' and _is_promised(cluster, write)]
    newest = max(promised, key=lambda write: write.time, default=None)
    if cluster.is_reclaimed and (newest is None or newest.method == 'DELETE' or newest.delete_at):
        return
    if found.state is None:
        tombstone = found.files.tombstone
        if tombstone is None:
            demand(cluster.is_reclaimed or newest is None or newest.method == 'DELETE'
                   and newest.status == 404, '%s: nothing is left of %s', path, newest)
            return
        _check_tombstone(cluster, path, newest, tombstone.time)
        return
    setters = [write for write in writes if write.time == found.state.time]
    demand(not cluster.is_reclaimed or found.state.delete_at is None
           or any(write.fate is Fate.UNKNOWN for write in setters)
           or queue_path(path, found.state.delete_at) in cluster.lost_notes,
           '%s: has not expired, although %s', path, setters and setters[0])
    winner = _write_at(writes, 'PUT', found.state.data_time)
    demand(winner is not None and found.state.etag == winner.headers['ETag'],
           '%s: nobody wrote %s', path, found.files)
    demand(newest is None or winner.time >= newest.time, '%s: %s was lost, %s is there', path,
           newest, winner)
    _check_post(path, writes, found)


def _is_promised(cluster: Any, write: Write) -> bool:
    if write.fate is Fate.OVERTAKEN and cluster.has_lost_device:
        # One server's word is enough for that answer, and it may have been that server's device.
        return not cluster.forgives('lone conflict')
    return write.fate is not Fate.UNKNOWN


def _check_tombstone(cluster: Any, path: Path, newest: Write | None, time: Timestamp) -> None:
    writes = cluster.clients.ledger.of(path)
    if _write_at(writes, 'DELETE', time) is not None:
        demand(newest is None or time >= newest.time, '%s: %s was lost, deleted at %s', path,
               newest, time)
        return
    # The expirer's tombstone has the time of the expiry itself.
    demand(any(write.delete_at == int(time) for write in writes), '%s: nobody deleted at %s', path,
           time)
    demand(newest is None or time >= newest.time, '%s: %s was lost, expired at %s', path, newest,
           time)
    demand(newest is None or newest.method == 'DELETE' or cluster.forgives('stale expiry')
           or _may_expire(writes, newest, int(time)),
           '%s: %s was lost, it does not expire at %s', path, newest, time)


def _may_expire(writes: list[Write], newest: Write, delete_at: int) -> bool:
    """Tell whether a write expires at a time, or something came after it that may have."""
    return newest.delete_at == delete_at or any(
        newest.time < write.time and float(write.time) <= delete_at for write in writes)


def _check_post(path: Path, writes: list[Write], found: Found) -> None:
    data_time = found.state.data_time
    posts = [write for write in writes if write.method == 'POST' and write.fate is Fate.DONE
             and write.time > data_time]
    newest = max(posts, key=lambda write: write.time, default=None)
    if newest is None:
        return
    demand(found.state.time >= newest.time, '%s: %s was lost, metadata is of %s', path, newest,
           found.state.time)
    writer = _write_at(writes, 'POST', found.state.time)
    demand(writer is not None and found.state.metadata.get('X-Object-Meta-V')
           == writer.headers['X-Object-Meta-V'], '%s: nobody wrote this metadata: %s', path,
           found.state.metadata)


def _write_at(writes: list[Write], method: str, time: Timestamp) -> Write | None:
    return next((write for write in writes if write.method == method and write.time == time), None)


def _check_hashes(cluster: Any) -> None:
    """The cache must not hide a change from the peers."""
    for node in cluster.nodes:
        for number, part in node.disk.parts.items():
            cached = cluster.scheduler.run_now(get_hashes(node, number))
            part.hashes = None
            fresh = cluster.scheduler.run_now(get_hashes(node, number))
            demand(cached == fresh, '%s part %s: stale hashes %s, really %s', node, number, cached,
                   fresh)


# -- databases -------------------------------------------------------------------------------------

def _check_databases(cluster: Any) -> None:
    paths = sorted({path for node in cluster.nodes for path in node.disk.dbs}, key=by_text)
    for path in paths:
        primaries = cluster.rings['db'].primaries(path.part)
        for node in cluster.nodes:
            demand(node in primaries or path not in node.disk.dbs,
                   'nobody cleans database %s up on %s', path, node)
        dbs = [node.disk.dbs.get(path) for node in primaries]
        for node, db in zip(primaries, dbs, strict=True):
            demand(db is not None, '%s has no database of %s', node, path)
            demand(db.times == dbs[0].times, '%s: times differ: %s on %s, %s on %s', path, db.times,
                   node, dbs[0].times, primaries[0])
            demand(_records(db) == _records(dbs[0]), '%s: rows differ: %s on %s, %s on %s', path,
                   _records(db), node, _records(dbs[0]), primaries[0])


def _records(db: Any) -> list[Any]:
    """Return what the rows say; removed ones may be forgotten at different times."""
    return db.live()


def _check_container(cluster: Any, path: Path) -> None:
    """Compare a container with its clients' writes and with its objects."""
    db = cluster.rings['db'].primaries(path.part)[0].disk.dbs.get(path)
    writes = cluster.clients.ledger.of(path)
    newest = max((write for write in writes if write.fate is Fate.DONE),
                 key=lambda write: write.time, default=None)
    is_last = newest is not None and not any(write.time > newest.time for write in writes)
    if is_last and newest.method == 'PUT':
        demand(db is not None and not db.is_deleted, '%s: %s was lost', path, newest)
    if is_last and newest.method == 'DELETE':
        demand(db is None or db.is_deleted or db.live(), '%s: %s was lost', path, newest)
    rows = {record.name: record for record in db.live()} if db is not None else {}
    for obj in [one for one in cluster.clients.ledger.writes
                if one.obj is not None and one.container == path.container]:
        _check_row(cluster, obj, rows.pop(obj.obj, None))
    demand(not rows, '%s: rows without objects: %s', path, rows)


def _check_row(cluster: Any, path: Path, row: Any) -> None:
    primary = cluster.rings['object'].primaries(path.part)[0]
    found = look_up(primary.disk, path, 0.0)
    # Decided once: later on a tombstone that would tell may have been reclaimed.
    if not cluster.row_promises.setdefault(path, _is_row_promised(cluster, path, found)):
        return
    if found.state is None:
        demand(row is None, '%s: deleted, but listed as %s', path, row)
        return
    state = found.state
    demand(row is not None, '%s: exists, but is not listed', path)
    data, ctype, meta = row_merge.record_times(row)
    listed = data, row.size, row.etag, row.content_type
    real = state.data_time, state.size, state.etag, state.metadata['Content-Type']
    demand(listed == real, '%s: listed as %s, really %s', path, listed, real)
    demand(meta == state.time and ctype == state.ctype_time, '%s: listed with times %s, really %s',
           path, (ctype, meta), (state.ctype_time, state.time))


def _is_row_promised(cluster: Any, path: Path, found: Found) -> bool:
    """Tell whether all that an object is now was acknowledged, and nothing newer may have been."""
    writes = cluster.clients.ledger.of(path)
    if path in cluster.lost_notes:
        return False
    if cluster.has_lost_device and any(write.fate is not Fate.DONE for write in writes):
        return False
    if found.state is None:
        newest = found.files.tombstone.time if found.files.tombstone else None
        # The expirer tries until its deletion is acknowledged.
        return newest is None or any(
            write.time == newest and write.fate is Fate.DONE
            or write.delete_at is not None and Timestamp(write.delete_at) == newest
            for write in writes)
    needed = [write for write in writes if write.time in (
        found.state.data_time, found.state.time, found.state.ctype_time)]
    return all(write.fate is Fate.DONE for write in needed)


def _check_totals(cluster: Any) -> None:
    for path in sorted({path for node in cluster.nodes for path in node.disk.dbs}, key=by_text):
        if path.container is None:
            continue
        db = cluster.rings['db'].primaries(path.part)[0].disk.dbs[path]
        account = path_of(path.account)
        for node in cluster.rings['db'].primaries(account.part):
            holder = node.disk.dbs.get(account)
            demand(holder is not None, '%s: no account', account)
            row = holder.rows.get(path.container)
            told = None if row is None else (row[1].object_count, row[1].bytes_used)
            demand((row is None or row[1].deleted) if db.is_deleted else told == db.totals(),
                   '%s: the account says %s on %s, the container %s', path, row, node, db.totals())


def check_reclaimed(cluster: Any) -> None:
    """Check that nothing is left that nobody will ever clean up. Raises Broken."""
    for node in cluster.nodes:
        for part in node.disk.parts.values():
            for content in part.dirs.values():
                demand(judged(content).data is not None, '%s keeps %s for ever', node,
                       sorted(content))
        for path, db in node.disk.dbs.items():
            demand(not any(record.deleted for _number, record in db.rows.values()),
                   '%s keeps removed rows of %s for ever', node, path)
            demand(not db.is_deleted, '%s keeps deleted %s for ever', node, path)
            demand(path.account == ACCOUNT or db.is_account or not db.live(),
                   '%s keeps rows of the expirer for ever: %s', node, db.live())
