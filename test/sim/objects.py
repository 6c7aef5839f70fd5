"""The object server and what it keeps: hash directories, suffix hashes, async pendings.

Follows swift/obj (store, writing, suffix_hashes, partition_hashes, updates, ssync_receiver): the
same rules in the same order of durable steps, each `yield` between two of them.
"""
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from swift.core import expiring, fileset, hashing, object_meta, suffix_diff, sync_offers
from swift.core.fileset import FileSet
from swift.core.object_meta import ObjectState
from swift.core.timestamp import ZERO, Timestamp
from test.sim.network import Call
from test.sim.world import PART_POWER, QUEUE_ACCOUNT, Disk, Node, Partition, Path, path_of

Steps = Generator[Any, Any, Any]
UPDATE_TIMEOUT_S = 1.0
DIVISOR = 200


def judged(names: Iterable[str]) -> FileSet:
    """Return the verdict over a hash directory, which daemons ask for again and again."""
    return _judged(fileset.judge, tuple(names))


@lru_cache(1 << 14)
def _judged(judge: Callable[[tuple[str, ...]], FileSet], names: tuple[str, ...]) -> FileSet:
    """Call the rule. It is a part of the key, for mutations put others in its place."""
    return judge(names)


@dataclass(frozen=True)
class Change:
    """One PUT, POST or DELETE as an object server gets it."""
    path: Path
    time: Timestamp
    headers: dict[str, str]
    targets: tuple[Node, ...] = ()
    queue_targets: tuple[Node, ...] = ()
    cleans_queue: bool = True
    if_delete_at: int | None = None
    is_replication: bool = False


@dataclass(frozen=True)
class Row:
    """One row for a container, as it is sent and as async pendings keep it."""
    op: str
    path: Path
    headers: dict[str, str]
    successes: tuple[int, ...] = ()

    @property
    def note_name(self) -> str:
        time = self.headers.get('X-Meta-Timestamp') or self.headers['X-Timestamp']
        return '%s-%s' % (self.path.hash, Timestamp(time).internal)

    @property
    def container(self) -> Path:
        return path_of(self.path.account, self.path.container)


@dataclass(frozen=True)
class Found:
    """What a hash directory says: see swift/obj/reading.py."""
    files: FileSet
    state: ObjectState | None = None
    is_expired: bool = False

    @property
    def exists(self) -> bool:
        return self.state is not None and not self.is_expired

    @property
    def known_time(self) -> Timestamp:
        """The time that a new PUT or DELETE must exceed."""
        if self.exists:
            return self.state.data_time
        if self.state is not None:
            return self.state.time
        return self.files.tombstone.time if self.files.tombstone else ZERO


def look_up(disk: Disk, path: Path, now: float) -> Found:
    """Say what is stored under a name."""
    content = disk.files(path)
    files = judged(content)
    if files.data is None:
        return Found(files)
    ctype = content[files.ctype.name] if files.ctype else None
    state = object_meta.merge(content[files.data.name],
                              content[files.meta.name] if files.meta else None, ctype)
    delete_at = state.delete_at
    return Found(files, state, delete_at is not None and delete_at <= now)


# -- steps on the disk -----------------------------------------------------------------------------

def mark_dirty(node: Node, part_number: int, suffix: str) -> Steps:
    """Note that a suffix changes; waits while the list is being consolidated."""
    while ('hashes', part_number) in node.locked:
        yield
    part = node.disk.part(part_number)
    part.invalid.append(suffix)
    part.touch(node.now())
    yield


def write_file(node: Node, path: Path, name: str, metadata: dict[str, str]) -> Steps:
    """Make a file durable and visible, then remove what it made obsolete.

    The mark stays on the list until the file is visible, as swift/obj/suffix_hashes.marked_dirty
    sees to with its lock.
    """
    key = ('marked', path.part)
    node.locked[key] = node.locked.get(key, 0) + 1
    try:
        yield from mark_dirty(node, path.part, hashing.suffix_of(path.hash))
        part = node.disk.part(path.part)
        part.dirs.setdefault(path.hash, {})[name] = metadata
    finally:
        node.locked[key] = max(node.locked.get(key, 0) - 1, 0)
    yield
    yield from clean_up(node, part, path.hash)


def clean_up(node: Node, part: Partition, hash_: str) -> Steps:
    """Unlink what no verdict will need again; return the verdict over what is left."""
    content = part.dirs.get(hash_, {})
    files = judged(content)
    gone = fileset.disposable(files, node.now(), node.reclaim_age_s)
    for name in gone:
        content.pop(name, None)
        yield
    if not content and part.dirs.get(hash_) is content:
        del part.dirs[hash_]
    return judged(content) if gone else files


# -- hashes ----------------------------------------------------------------------------------------

def suffixes_of(part: Partition) -> list[str]:
    return sorted({hashing.suffix_of(hash_) for hash_ in part.dirs})


def get_hashes(node: Node, number: int, recalculate: Iterable[str] = (),
               do_listing: bool = False) -> Steps:
    """Return the hash of every suffix of a partition, as swift/obj/partition_hashes does."""
    for _try in range(8):
        part = node.disk.parts.get(number)
        if part is None:
            return {}
        hashes = yield from _consolidate(node, number, part)
        seen = part.hashes
        if part.hashes is None:
            hashes = {}
        if part.hashes is None or do_listing:
            for suffix in suffixes_of(part):
                hashes.setdefault(suffix, None)
        for suffix in recalculate:
            hashes[suffix] = None
        for suffix in [suffix for suffix, digest in hashes.items() if not digest]:
            digest = yield from _suffix_hash(node, part, suffix)
            if digest is None:
                del hashes[suffix]
            else:
                hashes[suffix] = digest
        if part.hashes is seen:
            # Compared by identity: whoever writes the cache makes a new dict.
            part.hashes = dict(hashes)
            yield
            return hashes
    return hashes


def _consolidate(node: Node, number: int, part: Partition) -> Steps:
    while ('hashes', number) in node.locked or node.locked.get(('marked', number)):
        yield
    node.locked['hashes', number] = None
    hashes = dict(part.hashes or {})
    if part.invalid:
        hashes.update(dict.fromkeys(part.invalid))
        if part.hashes is not None:
            part.hashes = dict(hashes)
        yield
        part.invalid.clear()
        part.touch(node.now())
    node.locked.pop(('hashes', number), None)
    yield
    return dict(part.hashes or {})


def _suffix_hash(node: Node, part: Partition, suffix: str) -> Steps:
    texts = []
    for hash_ in sorted(hash_ for hash_ in part.dirs if hashing.suffix_of(hash_) == suffix):
        files = yield from clean_up(node, part, hash_)
        texts += fileset.hash_inputs(files)
    if not any(hashing.suffix_of(hash_) == suffix for hash_ in part.dirs):
        return None
    return ''.join(texts) or 'empty'


def audit_pass(node: Node) -> Steps:
    """The object-auditor's part in reclaiming: old tombstones make their suffix look changed."""
    for number, part in sorted(node.disk.parts.items()):
        for hash_, content in list(part.dirs.items()):
            tombstone = judged(content).tombstone
            if tombstone and node.now() - float(tombstone.time) > node.reclaim_age_s:
                yield from mark_dirty(node, number, hashing.suffix_of(hash_))


# -- requests --------------------------------------------------------------------------------------

class ObjectServer:
    """The verbs. Answers are tuples that begin with a status."""

    def __init__(self, node: Node):
        self.node = node

    def put(self, change: Change) -> Steps:
        node, path = self.node, change.path
        found = look_up(node.disk, path, float(change.time))
        if found.known_time >= change.time:
            if found.exists and found.state.data_time == change.time:
                yield from self._tell(change, self._row_of(change, found.state), None,
                                      found.state.delete_at)
            return (409,)
        yield                                         # the body arrives
        metadata = {**change.headers, 'X-Timestamp': change.time.internal, 'name': str(path)}
        yield from write_file(node, path, fileset.data_name(change.time), metadata)
        state = object_meta.merge(metadata)
        old = found.state.delete_at if found.exists else None
        yield from self._tell(change, self._row_of(change, state), old, state.delete_at)
        return (201,)

    def post(self, change: Change) -> Steps:
        node, path = self.node, change.path
        # Replication must reach objects that seem to have expired: what it brings may undo that.
        found = look_up(node.disk, path, -1.0 if change.is_replication else float(change.time))
        if not found.exists:
            return (404,)
        headers = dict(change.headers)
        ctype = headers.pop('Content-Type', None)
        ctype_time = headers.pop('Content-Type-Timestamp', None)
        plan = object_meta.plan_post(found.state, object_meta.PostRequest(
            change.time, headers, ctype, Timestamp(ctype_time) if ctype_time else change.time))
        if plan is None:
            return (409,)
        yield from write_file(node, path, fileset.meta_name(plan.time, plan.ctype_time),
                              plan.metadata)
        state = found.state
        row = self._row_of(change, state)
        row.headers.update({
            'X-Content-Type': plan.metadata.get('Content-Type') or state.data['Content-Type'],
            'X-Content-Type-Timestamp': (plan.ctype_time or state.data_time).internal,
            'X-Meta-Timestamp': plan.time.internal})
        new = change.headers.get('X-Delete-At')
        is_newer = plan.time > state.time
        yield from self._tell(change, row, state.delete_at if is_newer else None,
                              int(new) if new and is_newer else None, state.data_time)
        return (202,)

    def delete(self, change: Change) -> Steps:
        node, path = self.node, change.path
        found = look_up(node.disk, path, float(change.time))
        status = self._status_of_delete(found, change)
        tombstone = found.files.tombstone
        is_repeated = tombstone is not None and tombstone.time == change.time
        if change.if_delete_at is not None and status != 204:
            if status == 409 and is_repeated:
                yield from self._tell_delete(change, found)
            return (status,)
        is_newer = found.known_time < change.time
        if is_newer:
            yield from write_file(node, path, fileset.tombstone_name(change.time),
                                  {'X-Timestamp': change.time.internal, 'name': str(path)})
        yield from self._tell_delete(change, found, is_newer or is_repeated)
        return (status,)

    def _tell_delete(self, change: Change, found: Found, has_row: bool = True) -> Steps:
        row = Row('DELETE', change.path, {'X-Timestamp': change.time.internal})
        old = found.state.delete_at if found.state else None
        yield from self._tell(change, row if has_row else None, old, None)

    @staticmethod
    def _status_of_delete(found: Found, change: Change) -> int:
        if change.if_delete_at is None:
            if not found.exists:
                return 404
            return 204 if found.known_time < change.time else 409
        if found.state is None and found.files.tombstone is None:
            return 404
        if found.known_time >= change.time:
            return 409
        stored = (found.state.delete_at or 0) if found.state else 0
        return 204 if stored == change.if_delete_at else 412

    def head_object(self, path: Path) -> Steps:
        """Answer with the time of the newest change and X-Delete-At."""
        found = look_up(self.node.disk, path, 0.0)
        yield
        if found.state is None:
            return (404, found.known_time, None)
        return (200, found.state.time, found.state.delete_at)

    # -- container rows --------------------------------------------------------------------------

    @staticmethod
    def _row_of(change: Change, state: ObjectState) -> Row:
        return Row('PUT', change.path, {
            'X-Size': str(state.size), 'X-Content-Type': state.data['Content-Type'],
            'X-Etag': state.etag, 'X-Timestamp': state.data_time.internal})

    def _tell(self, change: Change, row: Row | None, old: int | None, new: int | None,
              data_time: Timestamp | None = None) -> Steps:
        """Tell containers; whatever is not acknowledged is noted before this returns."""
        if change.is_replication:
            return
        jobs = self._queue_jobs(change, old, new, data_time or change.time)
        if row is not None and change.targets:
            jobs.append((row, change.targets))
        calls = [Call(self.node, target, 'row', (row,), UPDATE_TIMEOUT_S)
                 for row, targets in jobs for target in targets]
        answers = yield calls
        for row, targets in jobs:
            mine, answers = answers[:len(targets)], answers[len(targets):]
            done = sum(answer is not None and answer[0] // 100 == 2 for answer in mine)
            if done < len(targets) or not targets:
                self.node.scheduler.note('%s notes %s %s', self.node, row.op, row.path)
                self.node.disk.asyncs[row.note_name] = row
                yield

    @staticmethod
    def _queue_jobs(change: Change, old: int | None, new: int | None,
                    data_time: Timestamp) -> list[tuple[Row, tuple[Node, ...]]]:
        if old == new:
            return []
        jobs: list[tuple[Row, tuple[Node, ...]]] = []
        if new and change.queue_targets:
            jobs.append((Row('PUT', queue_path(change.path, new), {
                'X-Timestamp': change.time.internal, 'X-Size': '0', 'X-Etag': 'empty',
                'X-Content-Type': 'text/plain',
                'X-Content-Type-Timestamp': data_time.internal}), change.queue_targets))
        if old and change.cleans_queue:
            jobs.append((Row('DELETE', queue_path(change.path, old),
                             {'X-Timestamp': change.time.internal}), ()))
        return jobs

    # -- replication -----------------------------------------------------------------------------

    def replicate(self, part: int, suffixes: tuple[str, ...] = ()) -> Steps:
        """REPLICATE: the hashes of a partition, some of them computed anew; and its token."""
        if suffixes:
            for suffix in suffixes:
                yield from mark_dirty(self.node, part, suffix)
        token = token_of(self.node, part)
        hashes = yield from get_hashes(self.node, part, suffixes)
        return (200, hashes, token)

    def states(self, parts: tuple[int, ...]) -> Steps:
        """REPLICATE of tokens only."""
        yield
        return (200, {part: token_of(self.node, part) for part in parts})

    def missing_check(self, lines: list[str]) -> Steps:
        """SSYNC: which of the offers are wanted."""
        wants = []
        for line in lines:
            offer = sync_offers.decode_offer(line)
            files = judged(self._dir_of(offer.hash))
            is_deleted = files.data is None
            want = sync_offers.decide(offer, sync_offers.Times.of(files), is_deleted)
            if want:
                wants.append(sync_offers.encode_want(offer.hash, want))
        yield
        return (200, wants)

    def _dir_of(self, hash_: str) -> dict[str, dict]:
        part = self.node.disk.parts.get(hashing.part_of(hash_, PART_POWER))
        return part.dirs.get(hash_, {}) if part else {}

    def ssync_update(self, method: str, change: Change) -> Steps:
        """SSYNC: one sub-request."""
        return getattr(self, method.lower())(change)

    def rsync(self, part: int, hash_: str, name: str, metadata: dict[str, str]) -> Steps:
        """A file arrives past the server: nothing is marked."""
        self.node.disk.part(part).dirs.setdefault(hash_, {})[name] = metadata
        yield
        return (200,)


def token_of(node: Node, number: int) -> str | None:
    """Return the token of a partition if it can be relied on."""
    part = node.disk.parts.get(number)
    if part is None or not part.change_count or not suffix_diff.is_settled(
            part.changed_at, node.now(), 2.0):
        return None
    return part.token


def queue_container(path: Path, delete_at: int) -> str:
    return hashing.expirer_container(path.hash, delete_at, DIVISOR)


def queue_path(path: Path, delete_at: int) -> Path:
    """Return the name of the row that asks for an object's deletion."""
    return path_of(QUEUE_ACCOUNT, queue_container(path, delete_at),
                   expiring.queue_object(delete_at, path.account, path.container, path.obj))


