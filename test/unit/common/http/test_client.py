"""The client against our own server and against peers that are scripted byte by byte."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.common import green
from swift.common.errors import (
    BadResponse,
    ConnectFailed,
    ConnectTimeout,
    PeerClosed,
    ResponseTimeout,
    TransportError,
)
from swift.common.http.client import Response
from swift.common.http.message import HeaderLines, UnsafeHeader, WholeHeaders
from swift.common.http.pool import ConnectionPool
from swift.common.http.stream import EndOfStream, Stream
from swift.core.headers import HeaderMap
from test.support.raw_http import served, settle
from test.support.scripted_stream import split_at

LIMITS = {'conn_timeout': 5, 'timeout': 5}
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


class Peer:
    """A scripted peer: ``script(stream)`` runs for each connection, which then closes."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.received = []
        self.errors = []
        self.sock = green.listen(('127.0.0.1', 0))
        self.address = self.sock.getsockname()
        self.task = green.spawn(self._accept)

    def _accept(self):
        while self.scripts:
            try:
                sock, _address = self.sock.accept()
            except BlockingIOError:
                green.wait_readable(self.sock)
                continue
            sock.setblocking(False)
            green.spawn(self._talk, Stream(sock), self.scripts.pop(0))

    def _talk(self, stream, script):
        try:
            script(self, stream)
        except (OSError, EndOfStream) as error:
            self.errors.append(error)
        finally:
            stream.close()

    def head(self, stream):
        """Receive and keep one request head."""
        lines = []
        while line := stream.read_line(10000, 5):
            lines.append(line)
        self.received.append(lines)

    def close(self):
        self.task.kill()
        self.sock.close()


@pytest.fixture
def pool():
    pool = ConnectionPool()
    yield pool
    pool.close()


@pytest.fixture
def peer():
    peers = []

    def make(*scripts):
        peers.append(Peer(*scripts))
        return peers[-1]

    yield make
    for each in peers:
        each.close()


def answering(data, requests=1, then=None):
    """A script: read heads, answer each with ``data``."""
    def script(peer, stream):
        for _turn in range(requests):
            peer.head(stream)
            for piece in data if isinstance(data, list) else [data]:
                stream.send(piece, 5)
                green.sleep(0)
        if then is not None:
            then(stream)
    return script


def hold(stream):
    """Keep the connection until the other side closes."""
    stream.receive(1, 5)


# --- requests ----------------------------------------------------------------------------------

def test_request_line_and_headers(pool, peer):
    there = peer(answering(OK, 2))
    pool.request(there.address, 'GET', '/a%20b?c', {'X-A': 'b', 'X-E': '\xe9'}, **LIMITS).read()
    headers = HeaderMap([('X-A', '1')])
    headers.add('X-A', '2')
    pool.request(there.address, 'PUT', '/', headers, b'', **LIMITS).read()
    host = b'Host: 127.0.0.1:%d' % there.address[1]
    assert there.received == [[b'GET /a%20b?c HTTP/1.1', host, b'X-A: b', b'X-E: \xe9'],
                              [b'PUT / HTTP/1.1', host, b'X-A: 1', b'X-A: 2',
                               b'Content-Length: 0']]


@pytest.mark.parametrize('method, target, headers', [
    ('GET', '/a b', {}), ('GET', '', {}), ('G T', '/', {}), ('GET', '/\r\nX: y', {}),
    ('GET', '/', {'A': 'b\r\nC: d'}), ('GET', '/', {'A\n': 'b'}),
])
def test_unsafe_requests_are_bugs(pool, peer, method, target, headers):
    there = peer(answering(OK))
    with pytest.raises(UnsafeHeader):
        pool.request(there.address, method, target, headers, **LIMITS)


def test_headers_encoded_before(pool, peer):
    there = peer(answering(OK))
    shared = HeaderLines({'X-A': '\xe9', 'Content-Length': '1'})
    headers = WholeHeaders(shared, HeaderLines({'X-B': 'c'}))
    pool.request(there.address, 'PUT', '/a?\xe9', headers, b'x', **LIMITS).read()
    assert there.received == [[b'PUT /a?\xe9 HTTP/1.1', b'Host: 127.0.0.1:%d' % there.address[1],
                               b'X-A: \xe9', b'Content-Length: 1', b'X-B: c']]
    assert dict(headers) == {'X-A': '\xe9', 'Content-Length': '1', 'X-B': 'c'}
    assert (headers.get('X-A'), headers.get('X-B'), headers.get('X-C')) == ('\xe9', 'c', None)


@pytest.mark.parametrize('headers', [
    {'A': 'b\r\nC: d'}, {'A\n': 'b'}, {'A': '\r'}, {'A': '\0'}])
def test_unsafe_lines_are_bugs(headers):
    with pytest.raises(UnsafeHeader):
        HeaderLines(headers)


@pytest.mark.parametrize('target', ['/a b', '/\r\nX: y', '/\0', '/\n', ''])
def test_unsafe_targets_are_bugs(target):
    with pytest.raises(UnsafeHeader):
        WholeHeaders(HeaderLines({}), HeaderLines({})).encode('GET', target, 'h')


@pytest.mark.parametrize('size', [0, 1, 5000, 16384, 16385, 100000, 3 << 20])
def test_bodies_of_every_size(pool, size):
    def app(environ, start_response):
        body = environ['wsgi.input'].read()
        start_response('201 Created', [('X-Sent', environ['CONTENT_LENGTH'])])
        return [body]

    with served(app) as here:
        body = bytes(size)
        for _turn in range(2):
            response = pool.request(here.address, 'PUT', '/o', {}, body, **LIMITS)
            assert (response.status, response.reason) == (201, 'Created')
            assert response.headers['x-sent'] == str(size)
            assert response.read() == body
        assert pool.statistics()['connected'] == 1


def test_streamed_bodies(pool):
    def app(environ, start_response):
        start_response('200 OK', [])
        return [environ['wsgi.input'].read(), environ.get('CONTENT_LENGTH', 'none').encode()]

    with served(app) as here:
        for headers, tail in (({'Content-Length': '100003'}, b'100003'),
                              ({'Transfer-Encoding': 'chunked'}, b'none')):
            exchange = pool.open(here.address, 5)
            exchange.send_head('PUT', '/', headers)
            for piece in (b'abc', b'', b'x' * 100000):
                exchange.send(piece)
            exchange.end()
            assert exchange.response(5).read() == b'abc' + b'x' * 100000 + tail
        assert pool.statistics()['connected'] == 1
        assert pool.statistics()['idle'] == 1


def test_length_of_streamed_bodies_is_asserted(pool, peer):
    there = peer(answering(OK, then=hold))
    exchange = pool.open(there.address, 5)
    exchange.send_head('PUT', '/', {'Content-Length': '3'})
    with pytest.raises(AssertionError):
        exchange.send(b'abcd')
    with pytest.raises(AssertionError):
        exchange.end()
    exchange.close()


# --- the continue dialogue ---------------------------------------------------------------------

def test_several_continues(pool):
    def app(environ, start_response):
        body = environ['wsgi.input']
        body.set_hundred_continue_response_headers([('X-Obj-Multiphase-Commit', 'yes')])
        first = body.read()
        body.send_hundred_continue_response()
        second = body.read()
        start_response('201 Created', [])
        return [first, b'|', second]

    with served(app) as here:
        for _turn in range(2):
            exchange = pool.open(here.address, 5)
            exchange.send_head('PUT', '/', {'Transfer-Encoding': 'chunked',
                                            'Expect': '100-continue'})
            assert exchange.wait_continue(5) is None
            assert ('X-Obj-Multiphase-Commit', 'yes') in exchange.interim.headers
            exchange.send(b'object')
            exchange.end()
            exchange.interim = None
            assert exchange.wait_continue(5) is None
            assert exchange.interim.status == 100
            exchange.send(b'commit')
            exchange.end()
            assert exchange.response(5).read() == b'object|commit'
        assert pool.statistics()['connected'] == 1


def test_final_answer_instead_of_continue(pool):
    def app(environ, start_response):
        start_response('507 Insufficient Storage', [])
        return [b'full']

    with served(app) as here:
        exchange = pool.open(here.address, 5)
        exchange.send_head('PUT', '/', {'Content-Length': '5', 'Expect': '100-continue'})
        response = exchange.wait_continue(5)
        assert response.status == 507
        assert response.read() == b'full'
        assert pool.statistics()['idle'] == 0      # the body never went out


def test_other_interim_answers_are_skipped(pool, peer):
    there = peer(answering(b'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n'
                           b'HTTP/1.1 100 Continue\r\n\r\n' + OK),
                 answering(b'HTTP/1.1 102 Processing\r\n\r\n' * 50 + OK))
    exchange = pool.open(there.address, 5)
    exchange.send_head('PUT', '/', {'Content-Length': '0', 'Expect': '100-continue'})
    assert exchange.wait_continue(5) is None
    assert exchange.response(5).read() == b'ok'
    with pytest.raises(BadResponse):
        pool.request(there.address, 'GET', '/', {}, **LIMITS)


def test_waiting_for_several_answers_in_one_green_thread(pool, peer):
    gate = green.Event()

    def slow(peer, stream):
        peer.head(stream)
        gate.wait()
        stream.send(OK, 5)

    there = peer(slow, answering(OK, then=hold), answering(b''))
    exchanges = []
    for _turn in range(3):
        exchanges.append(pool.open(there.address, 5))
        exchanges[-1].send_head('GET', '/', {}, b'')
    late, early, lost = exchanges
    assert late.answer_begins(0.01) is False
    assert early.answer_begins(5) and early.answer_begins(5)
    assert early.response(5).read() == b'ok'
    assert early.answer_begins(0)                # answered: nothing to wait for
    assert lost.answer_begins(5)
    with pytest.raises(PeerClosed):
        lost.response(5)
    gate.send()
    assert late.response(5).read() == b'ok'


# --- answers -----------------------------------------------------------------------------------

ANSWERS = [
    (OK, b'ok', True),
    (b'HTTP/1.1 204 No Content\r\n\r\n', b'', True),
    (b'HTTP/1.1 204 OK\r\nContent-Length: 0\r\n\r\n', b'', True),
    (b'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n', b'', True),
    (b'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', b'', True),
    (b'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', b'', True),
    (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n',
     b'abcde', True),
    (b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', b'ok', False),
    (b'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', b'ok', False),
    (b'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok', b'ok', True),
    (b'HTTP/1.0 200 OK\r\n\r\nuntil the end', b'until the end', False),
    (b'HTTP/1.1 200 OK\r\n\r\nuntil the end', b'until the end', False),
    (b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more', b'ok', False),
]


@given(case=st.sampled_from(ANSWERS), cuts=st.lists(st.integers(0, 110), max_size=6),
       size=st.integers(1, 20))
def test_answers_in_any_split(case, cuts, size):
    data, body, stays = case
    there = Peer(answering(split_at(data, cuts)))
    pool = ConnectionPool()
    try:
        response = pool.request(there.address, 'GET', '/', {}, **LIMITS)
        assert b''.join(response.iter_chunks(size)) == body
        assert there.errors == []
        # The peer closes, perhaps after bytes that nobody asked for: the hub drops what was kept.
        settle(lambda: pool.statistics()['idle'] == 0)
    finally:
        pool.close()
        there.close()


@pytest.mark.parametrize('data, body, stays', ANSWERS)
def test_which_connections_are_kept(pool, peer, data, body, stays):
    there = peer(answering(data, then=hold if b'until' not in data else None))
    response = pool.request(there.address, 'GET', '/', {}, **LIMITS)
    assert response.read() == body
    assert response.read() == response.read(5) == response.read_some() == b''
    assert pool.statistics()['idle'] == stays


@pytest.mark.parametrize('interim', [b'', b'HTTP/1.1 103 Early\r\n\r\n'])
@pytest.mark.parametrize('in_pieces', [False, True])
@pytest.mark.parametrize('data, body, stays', ANSWERS)
def test_whole_answers(pool, peer, data, body, stays, in_pieces, interim):
    whole = interim + data
    sent = [whole[i:i + 7] for i in range(0, len(whole), 7)] if in_pieces else whole
    there = peer(answering(sent, then=hold if b'until' not in data else None))
    exchange = pool.open(there.address, 5)
    exchange.send_head('GET', '/', {}, b'')
    head, received = exchange.answer(5)
    assert (received, head.status) == (body, int(data[9:12]))
    assert head.header_map is head.header_map
    assert list(head.header_map.items()) == [(name.title(), value) for name, value in head.headers]
    settle(lambda: pool.statistics()['idle'] == stays)


def test_whole_answers_to_head_have_no_body(pool, peer):
    there = peer(answering(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 2, then=hold))
    for _turn in range(2):
        exchange = pool.open(there.address, 5)
        exchange.send_head('HEAD', '/', {}, b'')
        assert exchange.answer(5)[1] == b''
    assert pool.statistics()['connected'] == 1


def test_a_whole_answer_that_breaks_off(pool, peer):
    there = peer(answering(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'))
    exchange = pool.open(there.address, 5)
    exchange.send_head('GET', '/', {}, b'')
    with pytest.raises(PeerClosed):
        exchange.answer(5)
    assert pool.statistics()['idle'] == 0


def test_head_answers_have_no_body(pool, peer):
    there = peer(answering(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n', 2))
    for _turn in range(2):
        response = pool.request(there.address, 'HEAD', '/', {}, **LIMITS)
        assert (response.content_length, response.read()) == (1000, b'')
    assert pool.statistics()['reused'] == 1


def test_headers_of_the_answer(pool, peer):
    there = peer(answering(b'HTTP/1.1 404 Not Here\r\nx-a:  1 \r\nX-B: 2\r\nX-B: \xe9\r\n'
                           b'X-Caf\xc3\xa9: c\r\nContent-Length: 0\r\n\r\n'))
    response = pool.request(there.address, 'GET', '/', {}, **LIMITS)
    assert (response.status, response.reason, response.version) == (404, 'Not Here', 'HTTP/1.1')
    assert response.headers['X-A'] == '1'
    assert response.headers['x-b'] == '2,\xe9'
    assert response.headers['X-Caf\xc3\xa9'] == 'c'
    assert response.head.headers[0] == ('x-a', '1')


@pytest.mark.parametrize('data', [
    b'nonsense\r\n\r\n', b'HTTP/2.0 200 OK\r\n\r\n', b'HTTP/1.1 20 OK\r\n\r\n',
    b'HTTP/1.1 2000 OK\r\n\r\n', b'HTTP/1.1 099 OK\r\n\r\n', b'HTTP/1.1 200 OK\r\nA : b\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n', b'HTTP/1.1 200 OK\r\nA: b\n\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nA: ' + b'x' * 200000, b'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n',
    b'HTTP/1.1 200 OK\r\n' + b'A: b\r\n' * 2000 + b'\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
])
def test_bad_answers(pool, peer, data):
    there = peer(answering(data, then=hold))
    with pytest.raises(BadResponse) as caught:
        pool.request(there.address, 'GET', '/', {}, **LIMITS).read()
    assert caught.value.peer == '127.0.0.1:%d' % there.address[1]
    assert pool.statistics()['idle'] == 0


@pytest.mark.parametrize('data', [
    b'', b'HTTP/1.1 200 OK\r\nA: b', b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
])
def test_answers_cut_short(pool, peer, data):
    there = peer(answering(data))
    with pytest.raises(PeerClosed):
        pool.request(there.address, 'GET', '/', {}, **LIMITS).read()
    assert there.scripts == []           # a fresh connection is not tried twice


@pytest.mark.parametrize('data', [b'', b'HTTP/1.1 200', b'HTTP/1.1 100 Continue\r\n\r\n'])
def test_silent_peer(pool, peer, data):
    there = peer(answering(data, then=hold))
    with pytest.raises(ResponseTimeout) as caught:
        pool.request(there.address, 'GET', '/', {}, conn_timeout=5, timeout=0.03)
    assert caught.value.seconds == 0.03


def test_dripping_peer_does_not_stretch_the_timeout(pool, peer):
    def drip(stream):
        while True:
            stream.send(b'x', 5)
            green.sleep(0.01)

    there = peer(answering(b'HTTP/1.1 200 OK\r\nA: ', then=drip))
    with green.Timeout(5), pytest.raises(ResponseTimeout):
        pool.request(there.address, 'GET', '/', {}, conn_timeout=5, timeout=0.1)


def test_silence_in_the_body(pool, peer):
    there = peer(answering(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc', then=hold))
    response = pool.request(there.address, 'GET', '/', {}, **LIMITS)
    assert response.read_some() == b'abc'
    with pytest.raises(ResponseTimeout):
        response.read_some(10, timeout=0.02)
    with pytest.raises(PeerClosed):
        response.read_some()
    response.close()


def test_early_answer_of_a_peer_that_stops_reading(pool, peer):
    def refuse(peer, stream):
        peer.head(stream)
        stream.send(b'HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno', 5)
        stream.finish_sending()          # and closes with bytes unread, which is a reset

    there = peer(refuse, refuse)
    response = pool.request(there.address, 'PUT', '/', {}, bytes(30 << 20), **LIMITS)
    assert (response.status, response.read()) == (413, b'no')
    exchange = pool.open(there.address, 5)
    exchange.send_head('PUT', '/', {'Transfer-Encoding': 'chunked'})
    with pytest.raises(PeerClosed):
        for _turn in range(1000):
            exchange.send(bytes(65536))
    assert exchange.response(5).status == 413
    exchange.close()


def test_closed_port_and_silent_host(pool):
    sock = green.listen(('127.0.0.1', 0))
    address = sock.getsockname()
    sock.close()
    with pytest.raises(ConnectFailed) as caught:
        pool.request(address, 'GET', '/', {}, **LIMITS)
    assert caught.value.reason == 'Connection refused'
    # A listener whose queue is full drops the handshake, as a dead host does.
    full = green.listen(('127.0.0.1', 0), backlog=0)
    held = []
    with pytest.raises(ConnectTimeout) as caught:
        for _turn in range(50):
            held.append(pool.connect(full.getsockname(), 0.05))
    assert caught.value.seconds == 0.05
    for stream in held:
        stream.close()
    full.close()


# --- giving up ---------------------------------------------------------------------------------

def test_close_drops_a_short_rest_and_keeps_the_connection(pool, peer):
    there = peer(answering(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234', 1,
                           lambda stream: (stream.send(b'56789', 5), hold(stream))),
                 answering(b'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n0', then=hold))
    response = pool.request(there.address, 'GET', '/', {}, **LIMITS)
    assert response.read(3) == b'012'
    settle(lambda: len(there.scripts) == 1)
    for _turn in range(5):
        green.sleep(0)
    response.close()
    response.close()
    assert pool.statistics()['idle'] == 1
    pool.close()
    pool = ConnectionPool()
    response = pool.request(there.address, 'GET', '/', {}, **LIMITS)
    response.close()
    assert pool.statistics()['idle'] == 0
    with pytest.raises(PeerClosed):
        raise_if_empty(response)


def raise_if_empty(response: Response):
    if response.read_some() == b'':
        raise PeerClosed


def test_context_manager_and_early_end_of_iteration(pool):
    def app(environ, start_response):
        start_response('200 OK', [('Content-Length', '100000000')])
        return (b'x' * 100000 for _turn in range(1000))

    with served(app) as here:
        with pool.request(here.address, 'GET', '/', {}, **LIMITS) as response:
            for _piece in response.iter_chunks(1000):
                break
        settle(lambda: not here.server.statistics()['connections'])
        assert here.server.statistics()['disconnected'] == 1


def test_killed_request_closes_its_connection(pool, peer):
    there = peer(answering(b'', then=hold))
    task = green.spawn(pool.request, there.address, 'GET', '/', {}, **LIMITS)
    settle(lambda: there.received)
    task.kill()
    settle(lambda: there.task.dead)
    assert pool.statistics()['idle'] == 0


def test_timeout_around_a_request(pool, peer):
    there = peer(answering(b'', then=hold), answering(OK))
    with green.Timeout(0.02, False):
        pool.request(there.address, 'GET', '/', {}, **LIMITS)
    assert pool.request(there.address, 'GET', '/', {}, **LIMITS).read() == b'ok'


def test_everything_raised_is_a_transport_error():
    for error in (BadResponse, ConnectFailed, ConnectTimeout, PeerClosed, ResponseTimeout):
        assert issubclass(error, TransportError)
