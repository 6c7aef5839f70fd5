"""The affinity grammars and the orders made from them."""

from collections import namedtuple

import pytest

from swift.core.affinity import (
    FARTHEST,
    local_first,
    local_handoff_count,
    parse_read_affinity,
    parse_write_affinity,
)

Node = namedtuple('Node', 'id region zone')
NODES = [Node(0, 1, 1), Node(1, 1, 2), Node(2, 2, 1), Node(3, 3, 1)]


def test_read_affinity_takes_the_smallest_matching_number():
    priority = parse_read_affinity('r1z1=100, r1=200, r2=10,r2z1=300')
    assert [priority(node) for node in NODES] == [100, 200, 10, FARTHEST]


@pytest.mark.parametrize('text', ['r1', 'r1=x', 'z1=1', 'r1z=1', 'r1=1;r2=2', 'rr=1'])
def test_read_affinity_refuses_other_text(text):
    with pytest.raises(ValueError, match='Invalid affinity value'):
        parse_read_affinity(text)


def test_write_affinity_matches_regions_and_zones():
    is_local = parse_write_affinity(' r1z2 , r3')
    assert [is_local(node) for node in NODES] == [False, True, False, True]
    assert parse_write_affinity('') is None
    with pytest.raises(ValueError, match='Invalid write_affinity value'):
        parse_write_affinity('r1=1')


def _ids(nodes):
    return ''.join(str(node.id) for node in nodes)


def test_local_first_puts_near_nodes_up_to_the_count_in_front():
    primaries = [Node(0, 1, 1), Node(1, 2, 1), Node(2, 1, 1)]
    handoffs = [Node(i, 1 + i % 2, 1) for i in range(3, 9)]
    is_local = parse_write_affinity('r2')

    def order(count):
        return _ids(local_first(primaries, iter(handoffs), is_local, count))

    assert order(0) == '012345678'
    assert order(1) == '102345678'
    assert order(2) == '130245678'
    assert order(3) == '135024678'
    assert order(99) == '135702468'


def test_local_first_looks_no_further_than_needed():
    is_local = parse_write_affinity('r1')

    def handoffs():
        yield Node(9, 1, 1)
        raise AssertionError('looked too far')

    nodes = local_first([Node(0, 1, 1), Node(1, 1, 1)], handoffs(), is_local, 2)
    assert next(nodes).id == 0 and next(nodes).id == 1 and next(nodes).id == 9


def test_local_handoff_count_replaces_remote_primaries():
    is_local = parse_write_affinity('r1')
    assert local_handoff_count(NODES, is_local, None) == 2
    assert local_handoff_count(NODES, is_local, 1) == 1
    assert local_handoff_count(NODES, is_local, 0) == 0
