"""Whether every replica on every disk holds exactly what was acknowledged, and nothing more.

    settle(faults, load)       run updaters and replicators until the check is content
    strict_problems(...)       what is wrong, for people; [] when all of this holds:

* each object: the same files, bytes and metadata on all primaries, in a state that the ledger
  allows; deleted ones have nothing but their tombstone; nobody else has a copy;
* each container and account: the same rows, facts and metadata on all primaries, nobody else has
  a database; rows and totals are those of the objects, and the account's those of the containers;
* no async pending, nothing in quarantine, every database sound.

An operation that was not acknowledged may be seen in an object and not in the listing, or the
other way round (the only server that stored it died before it told a container server): such
names are counted (`Figures.unlisted`), and no failure. So are temporary files of killed processes,
which daemons remove later, and metadata of a POST to a node that had missed the DELETE before: it
stays beside the tombstone until `reclaim_age` and shows nothing.
"""
import dataclasses
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from test.support.faults import Faults, Primary, database_copy, object_copy
from test.support.mixed_load import Ledger

# In this order what one hands to the next is worked off in the same round.
REPAIR = ('object-updater', 'account-replicator', 'container-replicator', 'object-replicator',
          'container-updater')
ROUNDS_MAX = 8
PASS_TIMEOUT_S = 600                             # daemons are nice, and the machine may be busy


@dataclass
class Figures:
    """What a check saw beside problems."""

    rounds: int = 0
    objects: int = 0
    deleted: int = 0
    databases: int = 0
    unlisted: int = 0
    temporary: int = 0
    strays: int = 0


def settle(faults: Faults, account: str, ledger: Ledger) -> tuple[list[str], Figures]:
    """Run the daemons pass by pass; return what they could not mend, and figures."""
    figures, problems = Figures(), ['never ran']
    for number in range(1, ROUNDS_MAX + 1):
        for daemon in REPAIR:
            done = faults.saio.program('swift-init', daemon, 'once', timeout_s=PASS_TIMEOUT_S)
            assert done.returncode == 0, done.stdout + done.stderr
        figures = Figures(rounds=number)
        problems = strict_problems(faults, account, ledger, figures)
        if not problems:
            break
    return problems, figures


def strict_problems(faults: Faults, account: str, ledger: Ledger, figures: Figures) -> list[str]:
    """Return everything that is not as promised."""
    problems = [f'async pending left: {path}' for path in _all(faults, 'async_pending*/*/*')]
    problems += [f'in quarantine: {path}' for path in _all(faults, 'quarantined/*/*')]
    problems += _unsound(faults, figures)
    stored = {}
    for name in sorted(name for name in ledger.states if len(name) == 2):
        problems += _object_problems(faults, account, name, ledger, stored, figures)
    containers = {name[:1] for name in ledger.states}
    listed = {}
    for name in sorted(containers):
        problems += _container_problems(faults, account, name, ledger, stored, listed, figures)
    problems += _account_problems(faults, account, listed)
    return problems + _strangers(faults, account, ledger)


def _all(faults: Faults, pattern: str) -> list[Path]:
    return [path for node in faults.layout.node_numbers
            for path in Path(faults.layout.devices_root(node)).glob(f'*/{pattern}')]


def _unsound(faults: Faults, figures: Figures) -> list[str]:
    problems = []
    for path in _all(faults, '*s/*/*/*/*.db'):
        figures.databases += 1
        conn = sqlite3.connect(path)
        try:
            verdict = conn.execute('PRAGMA integrity_check').fetchone()[0]
        finally:
            conn.close()
        if verdict != 'ok':
            problems.append(f'{path}: {verdict}')
    tombstones = {path.parent for path in _all(faults, 'objects*/*/*/*/*.ts')}
    figures.strays = len([path for path in _all(faults, 'objects*/*/*/*/*.meta')
                          if path.parent in tombstones])
    figures.temporary = len([path for path in _all(faults, 'tmp*/*') if path.is_file()])
    return problems


# -- objects ----------------------------------------------------------------------------------

def _visible(place: Primary) -> Any:
    """Return an object's copy without the temporary files of killed transfers."""
    found = object_copy(place)
    if found is None:
        return None
    files = tuple(name for name in found.files if not name.startswith('.'))
    if files and found.digest is None:
        # A .meta beside a tombstone is a POST to what was deleted before: it shows nothing.
        files = tuple(name for name in files if not name.endswith('.meta'))
        return dataclasses.replace(found, files=files, metadata=())
    return dataclasses.replace(found, files=files) if files else None


def _state(copy: Any) -> Any:
    if copy is None or copy.digest is None:
        return None
    known = dict(copy.metadata)
    return copy.digest, int(known['Content-Length']), known['X-Object-Meta-Gen']


def _object_problems(faults, account, name, ledger, stored, figures) -> list[str]:
    found = {place.node: _visible(place) for place in faults.primaries(account, *name)}
    first = next(iter(found.values()))
    state = stored[name] = _state(first)
    figures.objects += state is not None
    figures.deleted += state is None
    if any(copy != first for copy in found.values()):
        return [f'{name}: copies differ: {found}']
    if state not in ledger.states[name]:
        return [f'{name}: is {state} everywhere, acknowledged: {ledger.states[name]}']
    if state is not None and state[0] != dict(first.metadata)['ETag']:
        return [f'{name}: bytes {state[0]} do not fit {first.metadata}']
    return []


# -- databases --------------------------------------------------------------------------------

def _agreed(faults, names: tuple[str, ...]) -> tuple[list[str], Any]:
    """Return how the replicas of a database differ, and one of them."""
    found = {place.node: _plain(database_copy(place, names)) for place in faults.primaries(*names)}
    first = next(iter(found.values()))
    return [f'{names}: node {node} differs: {_difference(first, copy)}'
            for node, copy in found.items() if copy != first], first


def _plain(copy: Any) -> Any:
    """Leave out what is each replica's own: the order of the metadata's keys."""
    if copy is None:
        return None
    metadata = json.dumps(json.loads(copy.metadata or '{}'), sort_keys=True)
    return dataclasses.replace(copy, metadata=metadata)


def _difference(one: Any, other: Any) -> str:
    if one is None or other is None:
        return f'{one and one.facts} against {other and other.facts}'
    rows = set(one.rows) ^ set(other.rows)
    return f'{set(one.facts) ^ set(other.facts)} {one.metadata} {other.metadata} {list(rows)[:4]}'


def _container_problems(faults, account, name, ledger, stored, listed, figures) -> list[str]:
    problems, copy = _agreed(faults, (account, *name))
    if problems:
        return problems
    states = ledger.states.get(name, ['exists'])
    deleted = copy is None or dict(copy.facts)['deleted']
    if deleted and None in states:
        return []
    generation = copy and json.loads(copy.metadata).get('X-Container-Meta-Gen', [''])[0]
    if deleted or (name in ledger.states and generation not in states):
        return [f'{name}: deleted {deleted}, generation {generation}, acknowledged: {states}']
    rows = {row['name']: (row['etag'], row['size'])
            for row in map(dict, copy.rows) if not row['deleted']}
    listed[name] = rows
    return _row_problems(name, rows, ledger, stored, figures) + _total_problems(
        name, dict(copy.facts), len(rows), sum(size for _etag, size in rows.values()))


def _row_problems(name, rows, ledger, stored, figures) -> list[str]:
    problems = [f'{name}: lists {obj}, which nobody wrote'
                for obj in rows if (*name, obj) not in stored]
    for path, state in stored.items():
        if path[:1] != name or rows.get(path[1]) == (state and state[:2]):
            continue
        if len(ledger.states[path]) > 1:
            figures.unlisted += 1
        else:
            problems.append(f'{path}: row {rows.get(path[1])}, object {state}')
    return problems


def _total_problems(names, facts: dict, count: int, size: int) -> list[str]:
    policies = [dict(row) for row in facts['policies']]
    totals = tuple(sum(row[column] for row in policies)
                   for column in ('object_count', 'bytes_used'))
    return [] if totals == (count, size) else [
        f'{names}: totals {totals}, but rows have {(count, size)}']


def _account_problems(faults, account, listed) -> list[str]:
    problems, copy = _agreed(faults, (account,))
    if problems or copy is None:
        return problems or [f'{account} has no database']
    rows = {(row['name'],): (row['object_count'], row['bytes_used'])
            for row in map(dict, copy.rows) if not row['deleted']}
    true = {name: (len(rows), sum(size for _etag, size in rows.values()))
            for name, rows in listed.items()}
    problems = [f'{account}: row of {name} is {rows.get(name)}, container has {true.get(name)}'
                for name in sorted(rows.keys() | true.keys()) if rows.get(name) != true.get(name)]
    facts = dict(copy.facts)
    count = sum(dict(row)['container_count'] for row in facts['policies'])
    if count != len(rows):
        problems.append(f'{account}: counts {count} of {len(rows)} containers')
    return problems + _total_problems((account,), facts, sum(count for count, _ in rows.values()),
                                      sum(size for _, size in rows.values()))


# -- what is where it does not belong ---------------------------------------------------------

def _strangers(faults, account, ledger) -> list[str]:
    """Return hash directories with content that are on no primary of their partition."""
    cluster = faults.cluster
    rings = {'objects': cluster.object_ring(0), 'containers': cluster.container_ring,
             'accounts': cluster.account_ring}
    known = {cluster.hash_path(account, *name) for name in ledger.states}
    problems = []
    for kind, ring in rings.items():
        for folder in _all(faults, f'{kind}/*/*/*'):
            if not folder.is_dir() or not any(
                    not path.name.startswith('.') for path in folder.iterdir()):
                continue
            device, part = folder.parts[-5], int(folder.parts[-3])
            if device not in {node.device for node in ring.get_part_nodes(part)}:
                problems.append(f'left on a handoff: {folder}')
            elif kind == 'objects' and folder.name not in known:
                problems.append(f'nobody wrote {folder}')
    return problems


