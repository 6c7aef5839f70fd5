"""One replica of a streamed PUT: slow, dying, silent."""

from types import SimpleNamespace

import pytest

from swift.common import green
from swift.common.errors import PeerClosed, ResponseTimeout
from swift.core.ring_lookup import Node
from swift.proxy.replica import QUEUE_CHUNKS, Replica
from test.support.fake_backend import FakeResponse

NODE = Node(1, 1, 1, '10.0.0.1', 6000, '10.0.0.1', 7000, 'sda')


class Exchange:
    """An exchange that takes chunks only while `gate` is open, and may break."""

    def __init__(self):
        self.interim = SimpleNamespace(headers=[('x-obj-metadata-footer', 'YES')])
        self.gate = green.Event()
        self.error = None
        self.sent = []
        self.is_closed = False

    def send_head(self, method, target, headers):
        self.target = target

    def wait_continue(self, timeout):
        return None

    def send(self, data):
        self.gate.wait()
        if self.error:
            raise self.error
        self.sent.append(data)

    def end(self):
        self.sent.append('end')

    def response(self, timeout):
        return FakeResponse(201, {'Etag': '"x"'}, b'')

    def close(self):
        self.is_closed = True


@pytest.fixture
def exchange():
    return Exchange()


@pytest.fixture
def replica(exchange):
    transport = SimpleNamespace(open=lambda node, timeout_s, replication: exchange)
    replica = Replica(transport, NODE, 0.05)
    assert replica.start(7, 'PUT', '/a/c/o', '', {}, False) is None
    replica.start_sending()
    yield replica
    replica.close()
    assert exchange.is_closed


def test_chunks_arrive_in_order_and_the_answer_comes(replica, exchange):
    exchange.gate.send()
    for i in range(20):
        assert replica.put(b'%d' % i, 1) is None
    assert replica.final_answer().status == 201
    assert exchange.sent == [b'%d' % i for i in range(20)] + ['end']
    assert exchange.target == '/sda/7/a/c/o' and replica.takes_footers


def test_queue_is_bounded_and_a_stalled_node_is_given_up(replica):
    accepted = 0
    while (error := replica.put(b'x', 0.01)) is None:
        accepted += 1
    assert isinstance(error, ResponseTimeout)
    assert QUEUE_CHUNKS <= accepted <= QUEUE_CHUNKS + 1
    assert replica.put(b'x', 0.01) is error


def test_death_of_the_node_wakes_whoever_waits_for_room(replica, exchange):
    while not replica._queue.full():
        replica.put(b'x', 1)
        green.sleep(0)
    exchange.error = PeerClosed('gone')
    green.spawn_after(0, exchange.gate.send)
    assert replica.put(b'x', 30) is exchange.error
    with pytest.raises(PeerClosed):
        replica.final_answer()


def test_node_that_never_takes_the_end_is_given_up(replica):
    replica.put(b'x', 1)
    with pytest.raises(ResponseTimeout):
        replica.final_answer()


def test_final_answer_instead_of_100():
    exchange = Exchange()
    exchange.wait_continue = lambda timeout: FakeResponse(507, {}, b'full')
    replica = Replica(SimpleNamespace(open=lambda *args: exchange), NODE, 1)
    answer = replica.start(7, 'PUT', '/a/c/o', '', {}, False)
    assert (answer.status, answer.body) == (507, b'full')
    replica.close()
