"""How answers are framed, and what happens when the application or the client misbehaves."""
import pytest

from swift.common import green
from swift.common.errors import PeerClosed
from test.support.raw_http import served, settle

GET = b'GET / HTTP/1.1\r\nHost: h\r\n\r\n'
GET10 = b'GET / HTTP/1.0\r\n\r\n'
BIG = bytes(range(256)) * 1024           # 256 KiB


class Body:
    """An iterable that counts its close() calls."""

    def __init__(self, pieces):
        self.pieces = iter(pieces)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        piece = next(self.pieces)
        if isinstance(piece, Exception):
            raise piece
        return piece() if callable(piece) else piece

    def close(self):
        self.closed += 1


def app_with(body, *headers, status='200 OK'):
    def app(environ, start_response):
        start_response(status, list(headers))
        return body() if callable(body) else body
    return app


# --- framing -----------------------------------------------------------------------------------

@pytest.mark.parametrize('make', [
    lambda: [b'hello'], lambda: (b'hel', b'lo'), lambda: [b'', b'hello'],
    lambda: Body([b'hello']), lambda: Body([b'', b'hel', b'', b'lo']),
])
def test_small_bodies_get_a_length(make):
    with served(app_with(make)) as here:
        client = here.client()
        for _turn in range(2):
            answer = client.ask(GET)
            assert answer.get('Content-Length') == '5'
            assert answer.get('Transfer-Encoding') is None
            assert answer.body == b'hello'


@pytest.mark.parametrize('pieces', [
    [b'a' * 3000, b'b' * 3000, b'c'], [BIG], [b'x', BIG, b'y'], [BIG, BIG], [b'a' * 4096],
    [b'z' * 20000] * 3,
])
def test_streams_are_chunked_for_11_and_closed_for_10(pieces):
    bodies = []

    def app(environ, start_response):
        start_response('200 OK', [])
        bodies.append(Body(pieces))
        return bodies[-1]

    with served(app) as here:
        client = here.client()
        for _turn in range(2):
            answer = client.ask(GET)
            assert answer.get('Transfer-Encoding') == 'chunked'
            assert answer.body == b''.join(pieces)
        answer = here.ask(GET10)
        assert answer.get('Transfer-Encoding') is None
        assert answer.get('Connection') == 'close'
        assert answer.body == b''.join(pieces)
    assert [body.closed for body in bodies] == [1, 1, 1]


@pytest.mark.parametrize('pieces', [[BIG], [b'a' * 100, BIG, b'b'], [BIG[:70000], BIG[70000:]]])
def test_a_known_length_is_sent_plain(pieces):
    size = sum(map(len, pieces))
    for kind in (list, tuple, Body):
        app = app_with(lambda kind=kind: kind(pieces), ('content-length', str(size)))
        with served(app) as here:
            client = here.client()
            for _turn in range(2):
                answer = client.ask(GET)
                assert answer.headers[0] == ('content-length', str(size))
                assert answer.get('Transfer-Encoding') is None
                assert answer.body == b''.join(pieces)


@pytest.mark.parametrize('status', ['204 No Content', '304 Not Modified'])
def test_statuses_without_body(status):
    with served(app_with([b'ignored'], ('Content-Length', '7'), status=status)) as here:
        client = here.client()
        for _turn in range(2):
            answer = client.ask(GET)
            assert answer.status_line == 'HTTP/1.1 ' + status
            assert answer.get('Content-Length') == '7'


def test_head():
    body = Body([b'a', b'b'])
    with served(app_with(body, ('Content-Length', '1234'))) as here:
        client = here.client()
        answer = client.ask(b'HEAD / HTTP/1.1\r\n\r\n', head_only=True)
        assert answer.get('Content-Length') == '1234'
        assert client.ask(b'HEAD / HTTP/1.1\r\n\r\n', head_only=True).status == 200
    assert body.closed == 2              # the same iterable served twice


def test_head_of_a_list_is_measured_and_of_a_stream_is_not():
    with served(app_with([b'hello'])) as here:
        assert here.ask(b'HEAD / HTTP/1.1\r\n\r\n', True).get('Content-Length') == '5'
    with served(app_with(lambda: Body([BIG]))) as here:
        client = here.client()
        answer = client.ask(b'HEAD / HTTP/1.1\r\n\r\n', True)
        assert (answer.get('Content-Length'), answer.get('Transfer-Encoding')) == (None, None)
        assert client.ask(b'HEAD / HTTP/1.1\r\n\r\n', True).status == 200


def test_date_of_the_application_is_kept():
    with served(app_with([b''], ('Date', 'yesterday'))) as here:
        assert here.ask(GET).get('Date') == 'yesterday'


def test_small_pieces_are_collected_unless_told_otherwise():
    gate = green.Event()

    def app(environ, start_response):
        if environ['PATH_INFO'] == '/now':
            environ['eventlet.minimum_write_chunk_size'] = 0
        start_response('200 OK', [])
        yield b'beat'
        yield b'beat'
        gate.wait()
        yield b'end'

    with served(app) as here:
        now, later = here.client(), here.client()
        now.send(b'GET /now HTTP/1.1\r\n\r\n')
        later.send(GET)
        while now.stream.read_line(1000, 5):
            pass
        assert now.read(18) == b'4\r\nbeat\r\n4\r\nbeat\r\n'
        gate.send()
        assert later.answer().body == b'beatbeatend'


def test_generator_may_call_start_response_late():
    def app(environ, start_response):
        yield b''
        start_response('201 Created', [('X', 'y')])
        yield b'hello'

    with served(app) as here:
        assert here.ask(GET).status == 201
        assert here.ask(b'HEAD / HTTP/1.1\r\n\r\n', True).status == 201


def test_write_callable():
    def app(environ, start_response):
        write = start_response('200 OK', [('Content-Length', '10')])
        write(b'hello')
        return [b'world']

    with served(app) as here:
        client = here.client()
        assert client.ask(GET).body == b'helloworld'
        assert client.ask(GET).body == b'helloworld'


# --- applications that break -------------------------------------------------------------------

def assert_failed(here, client, answer):
    assert answer.status == 500
    assert b'Traceback' not in answer.body and b'secret' not in answer.body
    assert answer.get('Connection') == 'close'
    assert client.is_closed()
    assert here.server.statistics()['failed'] == 1
    assert any('secret' in line for line in here.logger.lines())


@pytest.mark.parametrize('error', [ValueError('secret'), OSError('secret'), TimeoutError('secret'),
                                   green.Timeout(None, ValueError('secret'))])
def test_exception_before_the_head(error):
    def app(environ, start_response):
        raise error

    with served(app) as here:
        client = here.client()
        answer = client.ask(GET)
        assert answer.status == 500 and answer.get('Connection') == 'close'
        assert client.is_closed()
        assert here.server.statistics()['failed'] == 1


def test_exception_in_the_body_before_anything_was_sent():
    body = Body([b'small', ValueError('secret')])
    with served(app_with(body)) as here:
        client = here.client()
        assert_failed(here, client, client.ask(GET))
    assert body.closed == 1


def test_exception_in_close():
    class Bad(list):
        def close(self):
            raise ValueError('secret')

    with served(app_with(Bad([b'x']))) as here:
        client = here.client()
        client.send(GET)
        client.rest()
        assert here.server.statistics()['failed'] == 1


@pytest.mark.parametrize('request_', [GET, GET10])
def test_exception_in_the_middle_breaks_the_connection(request_):
    body = Body([BIG, ValueError('secret')])
    with served(app_with(body)) as here:
        client = here.client()
        client.send(request_)
        data = client.rest()
        # A whole-looking answer must be impossible: no last chunk, and a reset for HTTP/1.0.
        assert not data.endswith(b'0\r\n\r\n')
        assert here.server.statistics()['failed'] == 1
    assert body.closed == 1


def test_source_that_breaks_in_the_middle_is_one_line_in_the_log():
    body = Body([BIG, PeerClosed('the last node went away')])
    with served(app_with(body, ('Content-Length', '3000000'))) as here:
        client = here.client()
        client.send(GET)
        assert len(client.rest()) < 3000000
        assert [line for line in here.logger.lines() if 'the last node went away' in line] == [
            'cut off the answer to GET /: the last node went away']
        assert not any('Traceback' in line for line in here.logger.lines())
    assert body.closed == 1


def test_short_body_breaks_the_connection():
    for body in (lambda: [b'abc'], lambda: Body([b'abc']), lambda: Body([BIG])):
        with served(app_with(body, ('Content-Length', '300000'))) as here:
            client = here.client()
            client.send(GET)
            assert len(client.rest()) < 300000
            assert here.server.statistics()['connections'] == 0


def test_overlong_body_is_cut():
    for body in (lambda: [b'abcdef'], lambda: Body([b'abc', b'def']), lambda: Body([b'abcdef'])):
        with served(app_with(body, ('Content-Length', '4'))) as here:
            client = here.client()
            assert client.ask(GET).body == b'abcd'
            assert client.is_closed()
            assert any('2 bytes more' in line for line in here.logger.lines())


@pytest.mark.parametrize('headers', [
    [('X', 'a\r\nSet-Cookie: b')], [('X', 'a\nb')], [('X\r', 'a')], [('X', 'a\0')],
    [('X', '\u20ac')], [('Content-Length', '-1')], [('Content-Length', 'x')],
])
def test_unsafe_headers_become_500(headers):
    with served(app_with([b''], *headers)) as here:
        answer = here.ask(GET)
        assert answer.status == 500
        assert answer.get('Set-Cookie') is None


def test_missing_and_double_start_response():
    def silent(environ, start_response):
        return [b'x']

    def double(environ, start_response):
        start_response('200 OK', [])
        start_response('200 OK', [])
        return [b'x']

    for app in (silent, double):
        with served(app) as here:
            assert here.ask(GET).status == 500


def test_exc_info_replaces_the_answer_until_it_is_sent():
    def app(environ, start_response):
        start_response('200 OK', [])
        try:
            raise ValueError('x')
        except ValueError as error:
            start_response('400 Bad', [], (ValueError, error, error.__traceback__))
        return [b'no']

    with served(app) as here:
        assert here.ask(GET).status_line == 'HTTP/1.1 400 Bad'


# --- clients that leave ------------------------------------------------------------------------

def test_client_leaves_while_receiving():
    body = Body([BIG] * 1000)
    with served(app_with(body)) as here:
        client = here.client()
        client.send(GET)
        client.read(1000)
        client.stream.abort()
        settle(lambda: here.server.statistics()['disconnected'] == 1)
        assert here.server.statistics()['connections'] == 0
    assert body.closed == 1


def test_client_that_does_not_read():
    body = Body([BIG] * 1000)
    with served(app_with(body), client_timeout=0.05) as here:
        client = here.client()
        client.send(GET)
        settle(lambda: here.server.statistics()['disconnected'] == 1)
        assert body.closed == 1


def test_close_all_closes_requests_under_way():
    gate = green.Event()
    body = Body([BIG, lambda: gate.wait() or b'never', b'more'])
    with served(app_with(body)) as here:
        client = here.client()
        client.send(GET)
        client.read(1000)
        here.server.close_all()
        assert here.server.statistics()['connections'] == 0
        gate.send()
        settle(lambda: body.closed)
    assert body.closed == 1


def test_slow_reader_bounds_what_is_produced():
    produced = []

    def pieces():
        for _turn in range(2000):
            produced.append(65536)
            yield b'x' * 65536

    with served(app_with(lambda: Body(pieces()))) as here:
        client = here.client()
        client.send(GET)
        client.read(1)
        for _turn in range(50):
            green.sleep(0)
        # What the kernel's socket buffers hold, and no more.
        assert sum(produced) < 16 << 20


@pytest.mark.parametrize('leaves', [True, False])
def test_a_stalled_client_is_told_apart_from_one_that_left(leaves):
    body = Body(BIG for _ in range(1000))
    environs = []

    def app(environ, start_response):
        environs.append(environ)
        start_response('200 OK', [])
        return body

    with served(app, client_timeout=0.1) as here:
        client = here.client()
        client.send(GET)
        if leaves:
            client.close()
        with green.Timeout(5):
            while not body.closed:
                green.sleep(0.01)
        assert bool(environs[0].get('swift.http.client_stalled')) is not leaves
