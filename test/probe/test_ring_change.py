"""A device is added, another is emptied and removed: exactly the partitions that must move do."""
from pathlib import Path

import pytest

from swift.cli.saio.rings import run
from swift.common.cluster import Cluster
from swift.common.ring.ring import Ring
from test.support.client import Client
from test.support.converge import replicate
from test.support.faults import Faults, database_copy, direct, object_copy
from test.support.saio import running_saio

CONTAINERS, OBJECTS = 4, 16
NAMES = {'account': 'accounts', 'container': 'containers', 'object': 'objects'}


@pytest.fixture
def saio(tmp_path):
    """A cluster for this module alone: its rings change."""
    with running_saio(tmp_path / 'saio') as cluster:
        yield cluster


def change_rings(faults, *words):
    """Run the same commands of swift-ring-builder on all rings, rebalance, and let all know."""
    layout = faults.layout
    for name in NAMES:
        builder = str(Path(layout.etc) / f'{name}.builder')
        for command in words:
            run(builder, *(word.format(port=layout.port_of(name, 1)) for word in command))
        run(builder, 'pretend_min_part_hours_passed')
        run(builder, 'rebalance')
    faults.init('main', 'restart')
    faults.cluster = Cluster.load(layout.etc)


def assignment(faults, kind):
    """Return {partition: names of its devices} of a ring."""
    ring = Ring(faults.layout.etc, ring_name=kind)
    return {part: {node.device for node in ring.get_part_nodes(part)}
            for part in range(ring.partition_count)}


def partitions(faults, kind):
    """Return {(partition, device): inode of its directory} of what is on the disks."""
    found = {}
    for node in faults.layout.node_numbers:
        for path in Path(faults.layout.devices_root(node)).glob(f'*/{NAMES[kind]}/*/???'):
            found[int(path.parts[-2]), path.parts[-4]] = path.parent.stat().st_ino
    return found


def check_moves(faults, before, on_disk):
    """Partitions are where the new rings say; those that had to stay were not touched."""
    for kind in NAMES:
        now = assignment(faults, kind)
        there = partitions(faults, kind)
        used = {part for part, _device in there}
        assert used == {part for part, _device in on_disk[kind]}, 'partitions lost or invented'
        assert set(there) == {(part, device) for part in used for device in now[part]}
        stayed = {(part, device) for part in used for device in now[part] & before[kind][part]}
        assert {key: there[key] for key in stayed} == {key: on_disk[kind][key] for key in stayed}


def check_plan(before, now, added, emptied):
    """The new ring moves only to the added device, or only off the emptied one."""
    moved = {part for part in now if now[part] != before[part]}
    for part in moved:
        assert len(now[part] - before[part]) == 1, 'one replica of a partition at a time'
        assert now[part] - before[part] <= added or before[part] - now[part] <= emptied
    holding = {part for part in before if before[part] & emptied}
    if emptied:
        assert moved == holding and not any(devices & emptied for devices in now.values())
    return moved


def fill(client):
    """Return names of an account, containers, objects and a deleted object, all on the disks."""
    things = [(client.account,)]
    for number in range(CONTAINERS):
        assert client.put(f'c{number}').status == 201
        things.append((client.account, f'c{number}'))
    for number in range(OBJECTS):
        container = f'c{number % CONTAINERS}'
        assert client.put(f'{container}/o{number}', str(number).encode()).status == 201
        things.append((client.account, container, f'o{number}'))
    assert client.delete('c0/o0').status == 204
    return things


def values(faults, names):
    """Return what each primary has; the new device is on a node that has one already."""
    look = object_copy if len(names) == 3 else lambda place: database_copy(place, names)
    return [look(place) for place in faults.primaries(*names)]


def check_contents(faults, client, sound):
    for names, value in sound.items():
        assert values(faults, names) == value
        if len(names) == 3:
            wanted = (404, b'') if names[2] == 'o0' else (200, names[2][1:].encode())
            assert [direct(place, names) for place in faults.primaries(*names)] == [wanted] * 3
    listed = [client.get(f'c{number}').lines for number in range(CONTAINERS)]
    assert sorted(sum(listed, [])) == sorted(f'o{number}' for number in range(1, OBJECTS))


@pytest.mark.slow
def test_added_and_emptied_devices_move_what_they_must(saio):
    faults = Faults(saio)
    faults.quiet()
    client = Client(saio.auth_url)
    sound = {names: values(faults, names) for names in fill(client)}
    assert all(copies == copies[:1] * 3 and copies[0] for copies in sound.values())
    for commands, added, emptied in (
            ([('add', 'r1z1-127.0.0.1:{port}/sdb5', '1')], {'sdb5'}, set()),
            ([('set_weight', '/sdb2', '0', '--yes')], set(), {'sdb2'}),
            ([('remove', '/sdb2', '--yes')], set(), set())):
        before = {kind: assignment(faults, kind) for kind in NAMES}
        on_disk = {kind: partitions(faults, kind) for kind in NAMES}
        change_rings(faults, *commands)
        plan = {kind: check_plan(before[kind], assignment(faults, kind), added, emptied)
                for kind in NAMES}
        used = {part for part, _device in on_disk['object']}
        assert bool(used & plan['object']) == bool(added or emptied)
        if added or emptied:
            replicate(faults)
        check_moves(faults, before, on_disk)
        check_contents(faults, client, sound)
    for folder in NAMES.values():
        assert faults.files(f'{folder}/*/???', 2) == []
