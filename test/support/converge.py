"""Passes of the daemons after a fault, and what must be true when they are done.

    replicate(faults, 'container', 'object')    one pass of the replicators, node after node
    check_object(faults, names, b'body')        the same on all primaries, on none else
    check_database(faults, names)               the same for a container or an account

Node after node, because replicators push: when each has run once, everybody has what anybody had,
so a second pass would hide what the first one missed.
"""
from test.support.faults import Faults, Primary, copies, differences, direct


def replicate(faults: Faults, *kinds: str) -> None:
    """Run one pass of replicators, on one node after the other; kinds do not meet each other."""
    for node in faults.layout.node_numbers:
        faults.init(*(f'{kind}-replicator.{node}'
                      for kind in kinds or ('account', 'container', 'object')), 'once')


def at_once(faults: Faults, *daemons: str) -> None:
    """Run one pass of daemons that touch their own node only, on all nodes at the same time."""
    faults.init(*daemons, 'once')


def held(places: list[Primary]) -> list[Primary]:
    """Return the places that have files of the thing."""
    return [place for place in places if place.folder.is_dir() and any(
        not path.name.endswith('.lock') and path.name != '.lock'
        for path in place.folder.iterdir())]


def check_object(faults: Faults, names: tuple[str, str, str], body: bytes | None,
                 policy: int = 0) -> None:
    """Every primary answers with `body` (None: it is deleted everywhere); no handoff has files."""
    different = differences(faults, names, policy)
    assert not different, '\n'.join(different)
    got = {}
    for place in faults.primaries(*names, policy=policy):
        with faults.saio.near(place.node):
            got[place.node] = direct(place, names, policy)
    if body is not None:
        assert set(got.values()) == {(200, body)}, f'{names}: {got}'
    else:
        assert {status for status, _body in got.values()} == {404}, f'{names}: {got}'
    assert held(faults.handoffs(*names, policy=policy)) == []


def check_database(faults: Faults, names: tuple[str, ...]) -> None:
    """Every primary has the same database; no handoff has one."""
    assert None not in copies(faults, names).values()
    different = differences(faults, names)
    assert not different, '\n'.join(different)
    assert held(faults.handoffs(*names)) == []
