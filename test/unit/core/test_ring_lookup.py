"""Primaries and handoffs: the worked example, golden rings, and a naive model of the rules."""
from array import array
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.common.ring.files import read_ring
from swift.core.ring_lookup import Node, Placement, assigned_ids, replica_count_of
from test.support.golden_rings import FOLDER, expected_of, ring_files


def dev(dev_id, region=1, zone=1, ip='10.0.0.1', **more):
    return {'id': dev_id, 'region': region, 'zone': zone, 'ip': ip, 'port': 6200,
            'device': f'sd{dev_id}', 'weight': 1.0, 'meta': '', 'replication_ip': ip,
            'replication_port': 6200, **more}


def placement(devs, rows, part_power):
    return Placement(devs, [memoryview(array('H', row)) for row in rows], 32 - part_power)


EXAMPLE_DEVS = [dev(0, 1, 1, '.1'), dev(1, 1, 1, '.1'), dev(2, 1, 1, '.2'), dev(3, 1, 2, '.3'),
                dev(4, 2, 1, '.4'), dev(5, 2, 2, '.5'), dev(6, 1, 2, '.3')]
EXAMPLE_ROWS = [[6, 1, 2, 3, 4, 0, 1, 2], [3, 4, 0, 1, 2, 3, 4, 1]]
EXAMPLE = [([6, 3], [4, 1, 2, 0]), ([1, 4], [3, 2, 0]), ([2, 0], [4, 3, 1]), ([3, 1], [4, 2, 0]),
           ([4, 2], [3, 0, 1]), ([0, 3], [4, 2, 1]), ([1, 4], [6, 2, 3, 0]), ([2, 1], [4, 3, 0])]


def naive_handoffs(devs, rows, part_shift, part):
    """The rules of the specification, word by word, scanning the table for each device."""
    parts = len(rows[0])
    start = int.from_bytes(md5(str(part).encode()).digest()[:4], 'big') >> part_shift
    inc = parts // 65536 or 1
    columns = [*range(start, parts, inc), *range(inc - (parts - start) % inc, start, inc)]
    owners = {dev_id for row in rows for dev_id in row}
    primaries = {row[part] for row in rows if part < len(row)}
    keys = [lambda d: d['region'], lambda d: (d['region'], d['zone']),
            lambda d: (d['region'], d['zone'], d['ip']), lambda d: d['id']]
    totals = [len({key(devs[owner]) for owner in owners}) for key in keys]
    used = [{key(devs[one]) for one in primaries} for key in keys]
    found = []
    for level, key in enumerate(keys):
        for column in columns:
            for row in rows:
                if len(used[level]) == totals[level] or column >= len(row):
                    continue
                candidate = devs[row[column]]
                if candidate['id'] in used[3] or key(candidate) in used[level]:
                    continue
                found.append(candidate['id'])
                used[3].add(candidate['id'])
                for lower in range(level, 4):
                    used[lower].add(keys[lower](candidate))
    return found


@pytest.mark.parametrize('part', range(8))
def test_worked_example(part):
    table = placement(EXAMPLE_DEVS, EXAMPLE_ROWS, 3)
    primaries, handoffs = EXAMPLE[part]
    assert [node.id for node in table.primaries(part)] == primaries
    assert list(table.handoff_ids(part)) == handoffs
    assert naive_handoffs(EXAMPLE_DEVS, EXAMPLE_ROWS, 29, part) == handoffs


@pytest.mark.parametrize('path', ring_files())
def test_look_ups_in_golden_rings(path):
    data = read_ring(str(FOLDER / path))
    table = Placement(data.devs, data.rows, data.part_shift)
    expected = expected_of(path)
    for look_up in expected['lookups']:
        part = look_up['partition']
        assert int(look_up['hash'][:8], 16) >> data.part_shift == part
        assert table.primary_ids(part) == look_up['primaries']
        assert list(table.handoff_ids(part))[:6] == look_up['first_6_handoffs']
    for part, nodes in expected['all_handoffs'].items():
        assert table.primary_ids(int(part)) == nodes['primaries']
        assert list(table.handoff_ids(int(part))) == nodes['handoffs']
    example = expected['node_dicts_example']
    part = example['partition']
    assert [node.as_dict() for node in table.primaries(part)] == example['primaries']
    handoffs = [node.as_dict() for node in table.handoffs(part)]
    assert handoffs[:len(example['handoffs'])] == example['handoffs']


@st.composite
def tables(draw):
    power = draw(st.integers(0, 5))
    count = draw(st.integers(1, 12))
    devs = [dev(number, draw(st.integers(1, 3)), draw(st.integers(1, 3)),
                f'10.0.0.{draw(st.integers(1, 4))}') for number in range(count)]
    rows = [draw(st.lists(st.integers(0, count - 1), min_size=1 << power, max_size=1 << power))
            for _replica in range(draw(st.integers(1, 4)))]
    if len(rows) > 1:
        rows[-1] = rows[-1][:draw(st.integers(1, 1 << power))]
    return devs, rows, power


@given(tables())
def test_handoffs_equal_the_naive_rules(table):
    devs, rows, power = table
    ours = placement(devs, rows, power)
    for part in range(1 << power):
        assert list(ours.handoff_ids(part)) == naive_handoffs(devs, rows, 32 - power, part)


@given(tables())
def test_no_node_is_offered_twice_and_positions_count_up(table):
    devs, rows, power = table
    ours = placement(devs, rows, power)
    for part in range(1 << power):
        primaries, handoffs = ours.primaries(part), list(ours.handoffs(part))
        assert [node.index for node in primaries] == list(range(len(primaries)))
        assert [node.handoff_index for node in handoffs] == list(range(len(handoffs)))
        ids = [node.id for node in primaries + handoffs]
        assert len(set(ids)) == len(ids)
        assert set(ids) <= ours.assigned


def test_large_tables_are_sampled():
    power = 17
    devs = [dev(number, zone=number) for number in range(3)]
    # Device 2 owns odd columns only: with a step of 2 a walk from an even start never meets it.
    row = [0, 2] * (1 << (power - 1))
    other = [1] * (1 << power)
    ours = placement(devs, [row, other], power)
    seen = set()
    for part in range(40):
        ids = list(ours.handoff_ids(part))
        assert ids == naive_handoffs(devs, [row, other], 32 - power, part)
        seen.update(map(tuple, [ids]))
    assert len(seen) > 1


def test_a_device_with_two_replicas_counts_once():
    table = placement([dev(0), dev(1)], [[0], [0], [1]], 0)
    assert [(node.id, node.index) for node in table.primaries(0)] == [(0, 0), (1, 1)]


def test_partitions_outside_the_table_have_no_nodes():
    table = placement([dev(0)], [[0, 0]], 1)
    assert table.primaries(2) == [] and table.primaries(-1) == []


def test_empty_table():
    table = Placement([dev(0)], [], 28)
    assert table.primaries(0) == [] and list(table.handoffs(0)) == []
    assert table.replica_count == 0 and table.partition_count == 0 and not table.assigned


def test_fractional_replicas():
    table = placement([dev(0), dev(1)], [[0, 1, 0, 1], [1, 0]], 2)
    assert table.replica_count == 1.5
    assert [len(table.primaries(part)) for part in range(4)] == [2, 2, 1, 1]
    assert replica_count_of([]) == 0.0


def test_node_is_a_mapping_for_plug_ins():
    node = Node.from_dict(dev(7, parts=5), index=2)
    assert node['ip'] == node.ip == '10.0.0.1' and node['index'] == 2 and node['parts'] == 5
    assert 'handoff_index' not in node and node.get('handoff_index') is None
    assert dict(node) == node.as_dict() == {**dev(7, parts=5), 'index': 2}
    with pytest.raises(KeyError):
        node['nothing']
    with pytest.raises(AttributeError):
        node.ip = 'x'


def test_node_lists_are_new_nodes_are_shared():
    table = placement(EXAMPLE_DEVS, EXAMPLE_ROWS, 3)
    first, second = table.primaries(0), table.primaries(0)
    assert first is not second and first[0] is second[0]
    assert len({first[0], second[0]}) == 1


def test_assigned_ids():
    assert assigned_ids([memoryview(array('I', [5, 70000])), memoryview(array('I', [5]))]) == {
        5, 70000}
