"""Node order, limits and handoffs."""

from types import SimpleNamespace

import pytest

from swift.common.config.options import Multiple
from swift.common.nodes import NodeOrder, NodePicker, NodeSpeeds
from swift.common.transport import node_address, node_name, quote_path, target_of
from test.support.fake_backend import StubCluster
from test.support.logs import RecordingLogger
from test.support.proxy import CountingMetrics, TickingClock


def picker_of(**more):
    options = SimpleNamespace(**{
        'request_node_count': Multiple(2, True), 'log_handoffs': True,
        'error_suppression_interval': 60, 'error_suppression_limit': 0, 'timing_expiry': 300,
        **more})
    return NodePicker(options, RecordingLogger(), CountingMetrics(), TickingClock())


def order_of(picker, shuffle=lambda nodes: None, **more):
    return NodeOrder(SimpleNamespace(**{
        'sorting_method': 'shuffle', 'read_affinity': '', 'write_affinity': '',
        'write_affinity_node_count': Multiple(2, True),
        'write_affinity_handoff_delete_count': None, **more}), picker.speeds, picker.clock, shuffle)


@pytest.fixture
def ring():
    return StubCluster(8).object_ring(0)


def test_primaries_then_handoffs_up_to_the_count(ring):
    picker = picker_of()
    nodes = list(picker.for_reading(ring, 0, order_of(picker), 'object'))
    assert [node.id for node in nodes] == [0, 1, 2, 3, 4, 5]
    assert [node.handoff_index is None for node in nodes] == [True] * 3 + [False] * 3


def test_primaries_are_shuffled_first(ring):
    picker = picker_of(request_node_count=Multiple(3))
    order = order_of(picker, shuffle=lambda nodes: nodes.reverse())
    assert [node.id for node in picker.for_reading(ring, 0, order, 'object')] == [2, 1, 0]


def test_limited_nodes_are_skipped_and_do_not_count(ring):
    picker = picker_of(request_node_count=Multiple(3))
    bad = ring.get_part_nodes(0)[1]
    picker.limit(bad, '507')
    nodes = picker.for_reading(ring, 0, order_of(picker), 'object')
    assert [node.id for node in nodes] == [0, 2, 3]
    assert picker.metrics.counts == {'error_limiter.forced_limit': 1, 'error_limiter.is_limited': 1,
                                     'object.handoff_count': 1}
    assert f'Node will be error limited for 60.00s: {node_name(bad)}' in picker.logger.lines()
    assert 'Handoff requested (1)' in picker.logger.lines()


def test_nodes_limited_while_tried_do_not_count(ring):
    picker = picker_of(request_node_count=Multiple(3))
    nodes = picker.for_reading(ring, 0, order_of(picker), 'object')
    tried = []
    for node in nodes:
        tried.append(node.id)
        if node.id < 2:
            picker.note_error(node, 'boom')
    assert tried == [0, 1, 2, 3, 4]


def test_unexpected_handoffs_only_are_logged(ring):
    picker = picker_of()
    list(picker.for_reading(ring, 0, order_of(picker), 'object'))
    assert picker.logger.lines() == []
    silent = picker_of(request_node_count=Multiple(3), log_handoffs=False)
    silent.limit(ring.get_part_nodes(0)[0], '507')
    silent.logger.clear()
    list(silent.for_reading(ring, 0, order_of(silent), 'object'))
    assert silent.logger.lines() == []


def test_all_primaries_replaced_is_counted(ring):
    picker = picker_of(request_node_count=Multiple(3))
    for node in ring.get_part_nodes(0):
        picker.limit(node, '507')
    list(picker.for_reading(ring, 0, order_of(picker), 'container'))
    assert picker.metrics.counts['container.handoff_count'] == 3
    assert picker.metrics.counts['container.handoff_all_count'] == 1


def test_affinity_sorts_reads(ring):
    picker = picker_of(request_node_count=Multiple(3))
    order = order_of(picker, sorting_method='affinity', read_affinity='r2=1')
    assert [node.id for node in picker.for_reading(ring, 0, order, 'object')] == [1, 0, 2]


def test_timing_sorts_unknown_then_fast(ring):
    picker = picker_of(request_node_count=Multiple(3))
    order = order_of(picker, sorting_method='timing')
    assert order.measures
    first, second, _third = ring.get_part_nodes(0)
    picker.speeds.note(first.ip, 0.5, picker.clock.monotonic())
    picker.speeds.note(second.ip, 0.1, picker.clock.monotonic())
    assert [node.id for node in picker.for_reading(ring, 0, order, 'object')] == [2, 1, 0]


def test_speeds_expire_and_have_milliseconds():
    speeds = NodeSpeeds(300)
    speeds.note('ip', 0.1234567, 0)
    assert speeds.of('ip', 299) == 0.123
    assert speeds.of('ip', 300) == -1.0


def test_write_affinity_prefers_local_nodes_then_all_others(ring):
    picker = picker_of()
    order = order_of(picker, write_affinity='r2', write_affinity_node_count=Multiple(3))
    nodes = [node.id for node in picker.for_writing(ring, 0, order, 'object')]
    assert nodes == [1, 3, 5, 0, 2, 4]
    plain = order_of(picker)
    assert [node.id for node in picker.for_writing(ring, 0, plain, 'object')] == [0, 1, 2, 3, 4, 5]


def test_delete_asks_local_handoffs_after_the_primaries(ring):
    picker = picker_of(request_node_count=Multiple(3))
    order = order_of(picker, write_affinity='r2')
    primaries = ring.get_part_nodes(0)
    count = order.delete_handoff_count(primaries)
    assert count == 2
    nodes = picker.for_writing(ring, 0, order, 'object', local_handoffs=count)
    assert [node.id for node in nodes] == [0, 1, 2, 3, 5]
    fixed = order_of(picker, write_affinity='r2', write_affinity_handoff_delete_count=1)
    assert fixed.delete_handoff_count(primaries) == 1
    assert order_of(picker).delete_handoff_count(primaries) == 0


def test_handoffs_are_not_computed_unless_needed(ring):
    ring.get_more_nodes = lambda part: pytest.fail('asked for handoffs')
    picker = picker_of()
    nodes = picker.for_reading(ring, 0, order_of(picker), 'object')
    assert [nodes.take().id for _ in range(3)] == [0, 1, 2]


def test_addresses_and_targets(ring):
    node = ring.get_part_nodes(0)[0]
    assert node_address(node) == ('10.0.0.1', 6000)
    assert node_address(node, replication=True) == ('10.0.0.1', 7000)
    assert node_name(node) == '10.0.0.1:6000/sd0'
    assert target_of('sd 1', 7, '/a/c') == '/sd%201/7/a/c'
    assert target_of('sd1', 7, '/a', 'format=json') == '/sd1/7/a?format=json'


@pytest.mark.parametrize('name,quoted', [
    ('/a/c/o', '/a/c/o'), ('/a/c/ö', '/a/c/%C3%B6'), ('/a/c/a b', '/a/c/a%20b'),
    ('/a/c/\x00o', '/a/c/%00o'), ('/a/c/x~y-z_1.2', '/a/c/x~y-z_1.2'), ('/a/c/%', '/a/c/%25'),
    ('/a/c/\n', '/a/c/%0A')])
def test_quote_path(name, quoted):
    assert quote_path(name) == quoted
