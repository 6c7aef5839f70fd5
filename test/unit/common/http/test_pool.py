"""Which connections are kept, for how long, and what happens to stale ones."""
import pytest

from swift.common import green
from swift.common.clock import ManualClock
from swift.common.errors import PeerClosed
from swift.common.http.pool import TRUSTED_S, ConnectionPool
from test.support.raw_http import served, settle
from test.unit.common.http.test_client import LIMITS, OK, Peer, answering, hold


def hello(environ, start_response):
    environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Length', '2')])
    return [b'ok']


def ask(pool, address, **more):
    return pool.request(address, 'GET', '/', {}, **{**LIMITS, **more}).read()


@pytest.fixture
def pool():
    pool = ConnectionPool()
    yield pool
    pool.close()


def test_newest_first_and_limits():
    gate = green.Event()

    def app(environ, start_response):
        gate.wait()
        return hello(environ, start_response)

    pool = ConnectionPool(max_idle_per_node=2)
    with served(app) as here:
        tasks = [green.spawn(ask, pool, here.address) for _turn in range(5)]
        settle(lambda: here.server.request_count == 5)
        gate.send()
        assert [task.wait() for task in tasks] == [b'ok'] * 5
        assert pool.statistics()['idle'] == 2
        settle(lambda: here.server.statistics()['connections'] == 2)
        newest = pool._idle[here.address][-1].stream
        assert pool.open(here.address, 5)._stream is newest
    pool.close()


def test_limit_of_all_idle_connections():
    pool = ConnectionPool(max_idle=1)
    with served(hello) as one, served(hello) as two:
        ask(pool, one.address)
        ask(pool, two.address)
        assert pool.statistics()['idle'] == 1
        assert ask(pool, two.address) == b'ok'
    pool.close()


def test_idle_connections_age():
    clock = ManualClock()
    pool = ConnectionPool(clock=clock, idle_timeout_s=30)
    with served(hello) as here:
        ask(pool, here.address)
        clock.advance(29)
        pool._sweep()
        assert pool.statistics()['idle'] == 1
        clock.advance(2)
        pool._sweep()
        assert pool.statistics()['idle'] == 0
        assert pool._idle == {}
        settle(lambda: here.server.statistics()['connections'] == 0)
    pool.close()


def test_sweeper_runs_by_itself():
    pool = ConnectionPool(idle_timeout_s=0.02)
    with served(hello) as here:
        ask(pool, here.address)
        settle(lambda: pool.statistics()['idle'] == 0)
    pool.close()


def test_peer_that_closes_an_idle_connection_is_noticed(pool):
    with served(hello, keepalive_timeout=0.02) as here:
        ask(pool, here.address)
        settle(lambda: pool.statistics()['stale'] == 1)
        assert pool.statistics()['idle'] == 0
        assert ask(pool, here.address) == b'ok'


def test_stale_connection_is_found_before_use(pool):
    there = Peer(answering(OK, then=lambda stream: None), answering(OK))
    assert ask(pool, there.address) == b'ok'
    connection = pool._idle[there.address][0]
    connection.stream.ready.unwatch()    # the hub had no chance to notice
    connection.since -= TRUSTED_S
    settle(connection.stream.is_stale)
    assert ask(pool, there.address) == b'ok'
    assert pool.statistics() == {'idle': 1, 'connected': 2, 'reused': 0, 'stale': 1,
                                 'repeated': 0}
    there.close()


def test_connection_closed_right_after_use_is_replaced_when_it_fails(pool):
    there = Peer(answering(OK, then=lambda stream: None), answering(OK))
    assert ask(pool, there.address) == b'ok'
    connection = pool._idle[there.address][0]
    connection.stream.ready.unwatch()    # the hub had no chance to notice
    settle(connection.stream.is_stale)
    assert ask(pool, there.address) == b'ok'
    assert pool.statistics() == {'idle': 1, 'connected': 2, 'reused': 1, 'stale': 0,
                                 'repeated': 1}


def closing_at(stage):
    """A script: answer one request, then end the connection during the second."""
    def script(peer, stream):
        peer.head(stream)
        stream.send(OK, 5)
        if stage == 'after head':
            peer.head(stream)
        elif stage == 'first byte':
            stream.fill(5)
        elif stage == 'answer begun':
            peer.head(stream)
            stream.send(b'HTTP/1.1 2', 5)
        stream.abort()
    return script


@pytest.mark.parametrize('stage', ['first byte', 'after head'])
@pytest.mark.parametrize('body', [b'', b'small', bytes(3 << 20)])
def test_connection_that_dies_under_a_request_is_replaced_once(pool, stage, body):
    def second(peer, stream):
        peer.head(stream)
        left = len(body)
        while left:
            left -= len(stream.read_some(left, 5))
        stream.send(OK, 5)
        hold(stream)

    there = Peer(closing_at(stage), second)
    ask(pool, there.address)
    response = pool.request(there.address, 'PUT', '/', {}, body, **LIMITS)
    assert response.read() == b'ok'
    assert pool.statistics()['repeated'] == 1
    there.close()


def test_begun_answer_is_not_repeated(pool):
    there = Peer(closing_at('answer begun'), answering(OK))
    ask(pool, there.address)
    with pytest.raises(PeerClosed):
        ask(pool, there.address)
    assert pool.statistics()['repeated'] == 0
    there.close()


def test_no_second_repetition(pool):
    there = Peer(closing_at('after head'), lambda peer, stream: peer.head(stream), answering(OK))
    ask(pool, there.address)
    with pytest.raises(PeerClosed):
        ask(pool, there.address)
    assert len(there.scripts) == 1
    there.close()


def test_streamed_head_is_repeated_but_not_its_body(pool):
    def goes_on(peer, stream):
        peer.head(stream)
        stream.send(b'HTTP/1.1 100 Continue\r\n\r\n', 5)
        assert stream.read_line(100, 5) == b'3'
        stream.send(OK, 5)
        hold(stream)

    headers = {'Transfer-Encoding': 'chunked', 'Expect': '100-continue'}
    there = Peer(closing_at('after head'), goes_on)
    ask(pool, there.address)
    exchange = pool.open(there.address, 5)
    assert exchange.reused
    exchange.send_head('PUT', '/', headers)
    assert exchange.wait_continue(5) is None
    exchange.send(b'abc')
    exchange.end()
    assert exchange.response(5).read() == b'ok'
    there.close()

    there = Peer(closing_at('after head'), answering(OK))
    ask(pool, there.address)
    exchange = pool.open(there.address, 5)
    exchange.send_head('PUT', '/', {'Transfer-Encoding': 'chunked'})
    exchange.send(b'abc')
    with pytest.raises(PeerClosed):
        exchange.response(5)
    exchange.close()
    there.close()


def test_concurrent_requests_have_connections_of_their_own(pool):
    def app(environ, start_response):
        data = environ['wsgi.input'].read()
        green.sleep(0)
        start_response('200 OK', [])
        return [data]

    with served(app) as here:
        def work(number):
            for turn in range(20):
                body = b'%d-%d' % (number, turn)
                response = pool.request(here.address, 'PUT', '/', {}, body, **LIMITS)
                assert response.read() == body
            return number

        tasks = [green.spawn(work, number) for number in range(10)]
        assert [task.wait() for task in tasks] == list(range(10))
        assert pool.statistics()['connected'] == 10
        assert pool.statistics()['idle'] == 10


def test_close_and_after():
    pool = ConnectionPool()
    with served(hello) as here:
        exchange = pool.open(here.address, 5)
        ask(pool, here.address)
        pool.close()
        assert pool.statistics()['idle'] == 0
        exchange.send_head('GET', '/', {}, b'')
        assert exchange.response(5).read() == b'ok'
        assert pool.statistics()['idle'] == 0
        settle(lambda: here.server.statistics()['connections'] == 0)
