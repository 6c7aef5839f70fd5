"""The object-updater and the container-updater.

Follow swift/obj/update_sweep.py and swift/container/updater.py.
"""
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from swift.core import pending_update
from swift.core.account_report import is_turn
from swift.core.pending_update import Answer, Fate
from test.sim.db_server import account_record
from test.sim.network import Call
from test.sim.world import Node, by_text, path_of

Steps = Generator[Any, Any, Any]
REPORT_AGAIN_S = 86400.0


def object_pass(node: Node) -> Steps:
    """Send the async pendings of a node."""
    asyncs = node.disk.asyncs
    files = pending_update.sort_files(list(asyncs))
    newest = {name.partition('-')[0]: name for name in files.current}
    kept = []
    for name in files.outdated:
        newer, older = asyncs.get(newest[name.partition('-')[0]]), asyncs[name]
        if newer is not None and pending_update.overtakes(newer.headers, older.op, older.headers):
            del asyncs[name]
            yield
        else:
            kept.append(name)
    for name in (*files.current, *kept):
        if name in asyncs:
            yield from _send(node, name)


def _send(node: Node, name: str) -> Steps:
    asyncs = node.disk.asyncs
    row = asyncs[name]
    peers = [peer for peer in node.rings['db'].primaries(row.container.part)
             if peer.id not in row.successes]
    answers = yield [Call(node, peer, 'row', (row,)) for peer in peers]
    outcome = pending_update.judge(None, row.successes, (), [
        Answer(peer.id, answer[0] if answer else 0)
        for peer, answer in zip(peers, answers, strict=True)])
    if outcome.fate is Fate.DONE:
        asyncs.pop(name, None)
        yield
    elif outcome.changed and name in asyncs:
        asyncs[name] = replace(row, successes=outcome.successes)
        yield


def container_pass(node: Node, since: float | None = None) -> Steps:
    """Tell accounts what changed in the containers of a node, and whose turn came up `since`."""
    now = node.now()
    since = now if since is None else since
    for path in sorted(node.disk.dbs, key=by_text):
        db = node.disk.dbs.get(path)
        if db is None or db.is_account \
                or not (db.is_news or is_turn(path.hash, since, now, REPORT_AGAIN_S)):
            continue
        report, record = db.report(), account_record(db)
        nodes = node.rings['db'].primaries(path_of(path.account).part)
        answers = yield [Call(node, peer, 'account_row', (path.account, record))
                         for peer in nodes]
        successes = sum(answer is not None and answer[0] // 100 == 2 for answer in answers)
        if successes > len(nodes) // 2:
            db.reported = report
            db.version += 1
            yield

