"""The account- and container-replicator.

Follows swift/common/db/replication/daemon.py and sync.py; decisions are core/db_sync's.
"""
from collections import deque
from collections.abc import Callable, Generator
from functools import lru_cache
from typing import Any

from swift.core import db_sync
from swift.core.db_sync import Horizons, Method
from test.sim.databases import Database, Facts
from test.sim.network import Call
from test.sim.world import Node, by_text

Steps = Generator[Any, Any, Any]
PER_DIFF = 3
MAX_DIFFS = 10
HANDOFF_DELETE = 0


def replicate_pass(node: Node) -> Steps:
    """One pass over all databases of a node."""
    paths = sorted(node.disk.dbs, key=by_text)
    node.scheduler.rng.shuffle(paths)
    for path in paths:
        db = node.disk.dbs.get(path)
        if db is not None:
            yield from _replicate(node, db)
    # Landed files whose sender went away go with time.
    node.disk.landed.clear()


@lru_cache(64)
def _horizons(of: Callable[[float, float], Horizons], now: float, reclaim_age_s: float) -> Horizons:
    """Call the rule; in calm weather time stands still while a whole round is done.

    The rule is a part of the key, for mutations put others in its place.
    """
    return of(now, reclaim_age_s)


def _replicate(node: Node, db: Database) -> Steps:
    horizons = _horizons(Horizons.of, node.now(), node.reclaim_age_s)
    db.reclaim(horizons)
    facts = db.facts()
    yield
    if db.is_reclaimable(horizons):
        if db.version == facts.version and node.disk.dbs.get(db.path) is db:
            node.scheduler.note('%s removes %s', node, db.path)
            del node.disk.dbs[db.path]
            yield
        return
    ring = node.rings['db']
    primaries = ring.primaries(db.path.part)
    own = next((index for index, peer in enumerate(primaries) if peer is node), None)
    waiting = deque(primaries[index] for index in db_sync.peer_order(len(primaries), own))
    more = iter(peer for peer in ring.handoffs(db.path.part) if peer is not node)
    results = []
    while waiting:
        outcome = yield from _push(node, db, facts, waiting.popleft())
        results.append(outcome == 'success')
        if outcome == 'unmounted' and (other := next(more, None)) is not None:
            waiting.append(other)
    if own is None and db_sync.may_leave_handoff(results, HANDOFF_DELETE,
                                                 db.version == facts.version):
        if node.disk.dbs.get(db.path) is db:
            node.scheduler.note('%s hands %s over', node, db.path)
            del node.disk.dbs[db.path]
            yield
            node.on_handover(primaries)


def _push(node: Node, db: Database, facts: Facts, peer: Node) -> Steps:
    """Bring a peer up to date."""
    answer = yield Call(node, peer, 'db_sync', (db.path, facts))
    if answer is None:
        return 'failure'
    if answer[0] == 507:
        return 'unmounted'
    if answer[0] == 404:
        done = yield from _send_file(node, db, peer, 'complete_rsync')
        return 'success' if done else 'failure'
    done = yield from _with_facts(node, db, facts, peer, answer[1], answer[2])
    return 'success' if done else 'failure'


def _with_facts(node: Node, db: Database, facts: Facts, peer: Node, remote: Facts,
                remote_point: int) -> Steps:
    version = db.version
    db.merge_times(remote.times)
    db.version = version                             # what the replicator stores is no news to it
    yield
    point = max(remote_point, db.outgoing.get(remote.id, db_sync.NOWHERE))
    method = db_sync.choose(facts.log, remote.log, point, PER_DIFF)
    if method is Method.REMOTE_MERGE:
        return (yield from _send_file(node, db, peer, 'rsync_then_merge'))
    if method is Method.DIFF:
        return (yield from _send_rows(node, db, facts, peer, remote.id, point))
    if method is Method.HASHMATCH:
        db.raise_point(db.outgoing, remote.id, remote_point)
    return True


def _send_rows(node: Node, db: Database, facts: Facts, peer: Node, remote_id: str,
               point: int) -> Steps:
    for _request in range(MAX_DIFFS):
        rows = db.rows_since(point, PER_DIFF)
        if rows:
            answer = yield Call(node, peer, 'merge_items', (db.path, rows, facts.id))
            if answer is None or answer[0] != 202:
                return False
            point = rows[-1][0]
        if not rows or point >= facts.log.max_row:
            break
    else:
        return False
    if facts.incoming:
        answer = yield Call(node, peer, 'merge_syncs', (db.path, facts.incoming))
        if answer is None or answer[0] != 202:
            return False
    db.raise_point(db.outgoing, remote_id, point)
    yield
    return True


def _send_file(node: Node, db: Database, peer: Node, operation: str) -> Steps:
    copy = db.copied()
    answer = yield Call(node, peer, 'land', (copy,))
    if answer is None or answer[0] != 201:
        return False
    answer = yield Call(node, peer, operation, (db.path, copy.id))
    return answer is not None and answer[0] == 204
