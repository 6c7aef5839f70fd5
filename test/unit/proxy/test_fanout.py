"""Fan-out of small writes: late answers, replacement nodes, and what is left open."""

import pytest

from swift.common import green
from swift.common.errors import PeerClosed
from swift.core.put_round import PutRound
from swift.proxy.fanout import Fanout, Write, send_to_all
from test.support.proxy import Proxy


@pytest.fixture
def proxy():
    proxy = Proxy()
    proxy.put_container()
    return proxy


def write_of(proxy, method='DELETE', count=3):
    ring = proxy.cluster.object_ring(0)
    part = ring.get_part('a', 'c', 'o')
    nodes = proxy.app.nodes.for_reading(ring, part, proxy.app.order, 'object')
    headers = {'X-Timestamp': '1700000001.00000'}
    return Write('Object', method, part, '/a/c/o', nodes, [headers] * count)


def statuses(answers):
    return sorted(answer.status for answer in answers)


def test_all_answer(proxy):
    assert statuses(send_to_all(proxy.app, write_of(proxy))) == [404, 404, 404]
    assert all(exchange.is_closed for exchange in proxy.pool.exchanges)


def test_no_green_thread_in_the_common_case(proxy, monkeypatch):
    monkeypatch.setattr(green, 'spawn', lambda *args: pytest.fail('spawned'))
    assert len(send_to_all(proxy.app, write_of(proxy))) == 3


def test_server_errors_and_refused_connections_are_replaced(proxy):
    first, second, _third = proxy.primaries()
    first.is_down = True
    second.answers = [503]
    # Handoffs that know nothing of the object have no say on a 404, but a DELETE leaves proof.
    assert statuses(send_to_all(proxy.app, write_of(proxy))) == [404, 404, 404]
    assert len(proxy.pool.requests('object', 'DELETE')) == 4


def test_handoffs_without_proof_have_no_say(proxy):
    first, _second, _third = proxy.primaries()
    first.is_down = True
    assert statuses(send_to_all(proxy.app, write_of(proxy, 'POST'))) == [404, 404, 503]


def test_late_node_is_left_behind_after_a_quorum(proxy):
    proxy.primaries()[0].silence = green.Event()
    answers = send_to_all(proxy.app, write_of(proxy))
    assert statuses(answers) == [404, 404, 503]
    assert all(exchange.is_closed for exchange in proxy.pool.exchanges)


def test_late_nodes_are_waited_for_without_a_quorum(proxy):
    event = green.Event()
    for node in proxy.primaries()[:2]:
        node.silence = event
    green.spawn_after(0.01, event.send)
    assert statuses(send_to_all(proxy.app, write_of(proxy))) == [404, 404, 404]


def test_no_nodes_at_all(proxy):
    for node in proxy.nodes:
        node.is_down = True
    assert statuses(send_to_all(proxy.app, write_of(proxy))) == [503, 503, 503]


def test_whole_put_gives_up_a_node_that_breaks_off(proxy):
    first = proxy.primaries()[0]
    real = first.handle

    def breaking(kind, method, target, headers, body):
        if method == 'PUT' and kind == 'object':
            first.is_down = True
            raise PeerClosed('in the middle')
        return real(kind, method, target, headers, body)

    first.handle = breaking
    assert proxy.request('PUT', '/v1/a/c/o', body=b'x').status == 201
    assert sum(('a', 'c', 'o') in node.objects for node in proxy.nodes) == 3


def test_round_that_is_done_takes_no_more_answers(proxy):
    event = green.Event()
    for node in proxy.primaries()[1:]:
        node.silence = event
    round_ = PutRound(3, 1, whole=True)
    answers = Fanout(proxy.app, write_of(proxy), round_).run()
    assert list(answers) != [] and round_.is_done
    event.send()
    green.sleep(0)
    assert len(answers) == 1
