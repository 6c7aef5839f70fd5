"""The server from outside: bytes in, bytes out, over real sockets."""
import re

import pytest

from swift.common import green
from test.support.raw_http import served, settle

GET = b'GET / HTTP/1.1\r\nHost: h\r\n\r\n'


def hello(environ, start_response):
    start_response('200 OK', [('Content-Length', '5'), ('ETag', 'kept-Case')])
    return [b'hello']


def echo(environ, start_response):
    body = environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]


def show(*names):
    """Return an app that answers with some environ values, one per line, and keeps environ."""
    def app(environ, start_response):
        app.environ = environ
        body = '\n'.join(f'{environ.get(name)}' for name in names).encode('latin-1')
        start_response('200 OK', [('Content-Length', str(len(body)))])
        return [body]
    return app


# --- connections -------------------------------------------------------------------------------

def test_keep_alive_and_case():
    with served(hello) as here:
        client = here.client()
        for _turn in range(3):
            answer = client.ask(GET)
            assert answer.status_line == 'HTTP/1.1 200 OK'
            assert ('ETag', 'kept-Case') in answer.headers
            assert answer.get('Connection') is None
            assert answer.get('Date').endswith(' GMT')
            assert answer.body == b'hello'
        assert here.server.statistics()['accepted'] == 1
        assert here.server.statistics()['requests'] == 3


def test_pipelined_requests_are_answered_in_order():
    turns = []

    def app(environ, start_response):
        path = environ['PATH_INFO']
        turns.append(path)
        if path == '/1':
            green.sleep(0.01)            # the first takes longest
        start_response('200 OK', [])
        return [path.encode() + environ['wsgi.input'].read()]

    with served(app) as here:
        client = here.client()
        client.send(b'GET /1 HTTP/1.1\r\n\r\n'
                    b'PUT /2 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc'
                    b'PUT /3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n'
                    b'GET /4 HTTP/1.1\r\nConnection: close\r\n\r\n')
        assert [client.answer().body for _n in range(4)] == [b'/1', b'/2abc', b'/3def', b'/4']
        assert client.is_closed()
    assert turns == ['/1', '/2', '/3', '/4']


@pytest.mark.parametrize('request_head, connection, stays', [
    (b'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 'close', False),
    (b'GET / HTTP/1.1\r\nConnection: Keep-Alive\r\n\r\n', None, True),
    (b'GET / HTTP/1.1\r\nConnection: foo, CLOSE\r\n\r\n', 'close', False),
    (b'GET / HTTP/1.0\r\n\r\n', 'close', False),
    (b'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 'keep-alive', True),
    (b'GET /\r\n\r\n', 'close', False),
    (b'GET / HTTP/1.9\r\n\r\n', None, True),
])
def test_who_keeps_the_connection(request_head, connection, stays):
    with served(hello) as here:
        client = here.client()
        answer = client.ask(request_head)
        assert answer.status_line == 'HTTP/1.1 200 OK'
        assert answer.get('Connection') == connection
        assert answer.get('Keep-Alive') is None
        if stays:
            assert client.ask(GET).body == b'hello'
        else:
            assert client.is_closed()


def test_keep_alive_timeout_is_named_to_http10_clients():
    with served(hello, keepalive_timeout=7) as here:
        answer = here.ask(b'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
        assert answer.get('Keep-Alive') == 'timeout=7'


def test_access_log_is_for_debugging():
    with served(hello, access_log=True) as here:
        here.client().ask(b'GET /a%20b?c=d HTTP/1.1\r\nHost: h\r\n\r\n')
        settle(here.logger.lines)
        line, = here.logger.lines()
    assert re.fullmatch(r'127\.0\.0\.1 - - "GET /a%20b\?c=d" 200 \d\.\d{4}', line)
    with served(hello) as here:
        here.client().ask(GET)
        assert here.logger.lines() == []


def test_keep_alive_off():
    with served(hello, keepalive_timeout=0) as here:
        client = here.client()
        assert client.ask(GET).get('Connection') == 'close'
        assert client.is_closed()


def test_application_closes_the_connection():
    def app(environ, start_response):
        start_response('200 OK', [('Connection', 'close'), ('Content-Length', '0')])
        return []

    with served(app) as here:
        client = here.client()
        assert client.ask(GET).get('Connection') == 'close'
        assert client.is_closed()


def test_idle_connection_is_closed_after_keepalive_timeout():
    with served(hello, keepalive_timeout=0.05) as here:
        client = here.client()
        client.ask(GET)
        assert client.is_closed()
        assert here.server.statistics()['timed_out'] == 1
        assert here.server.statistics()['connections'] == 0


@pytest.mark.parametrize('beginning', [b'', b'GET / HT', b'GET / HTTP/1.1\r\nA: b\r\n'])
def test_silent_client_is_closed(beginning):
    with served(hello, client_timeout=0.05, keepalive_timeout=50) as here:
        client = here.client()
        client.send(beginning)
        assert client.is_closed()
        assert here.server.statistics()['timed_out'] == 1


def test_slow_head_does_not_get_more_time_per_byte():
    with served(hello, client_timeout=0.2) as here:
        client = here.client()
        with green.Timeout(5):
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                while True:
                    client.send(b'A')
                    green.sleep(0.02)


def test_oldest_idle_connection_makes_room(monkeypatch):
    monkeypatch.setattr('swift.common.http.server.IDLE_KEPT_S', 0.02)
    with served(hello, max_clients=2) as here:
        first, second, third = here.client(), here.client(), here.client()
        first.ask(GET)
        second.ask(GET)                  # both places are taken, by idle connections
        assert third.ask(GET).body == b'hello'
        assert first.is_closed()
        assert second.ask(GET).body == b'hello'
        assert here.server.statistics()['evicted'] == 1


def test_no_more_than_max_clients_are_served():
    release = green.Event()

    def app(environ, start_response):
        if environ['PATH_INFO'] == '/wait':
            release.wait()
        return hello(environ, start_response)

    with served(app, max_clients=1) as here:
        busy, waiting = here.client(), here.client()
        busy.send(b'GET /wait HTTP/1.1\r\nConnection: close\r\n\r\n')
        waiting.send(GET)
        settle(lambda: here.server.request_count == 1)
        for _turn in range(20):
            green.sleep(0)
        assert here.server.statistics()['accepted'] == 1
        release.send()
        assert busy.answer().status == 200
        assert waiting.answer().body == b'hello'


def test_stop_lets_requests_finish_and_says_close():
    release = green.Event()

    def app(environ, start_response):
        if environ['PATH_INFO'] == '/wait':
            release.wait()
        return hello(environ, start_response)

    with served(app) as here:
        busy, idle, quiet = here.client(), here.client(), here.client()
        idle.ask(GET)
        quiet.ask(GET)
        busy.send(b'GET /wait HTTP/1.1\r\n\r\n')
        settle(lambda: here.server.request_count == 3)
        waiter = green.spawn(here.server.serve)
        green.sleep(0)
        here.server.stop()
        waiter.wait()
        release.send()
        assert busy.answer().get('Connection') == 'close'
        assert busy.is_closed()
        # A request that was under way when the server stopped is answered all the same.
        assert idle.ask(GET).get('Connection') == 'close'
        assert idle.is_closed()
        assert here.server.drain(0) is False
        quiet.close()
        assert here.server.drain(5) is True


def test_socket_shut_down_by_somebody_else_means_stop():
    with served(hello) as here:
        client = here.client()
        client.ask(GET)
        waiter = green.spawn(here.server.serve)
        here.server._sock.shutdown(2)
        waiter.wait()
        assert here.server.stopping
        assert client.ask(GET).get('Connection') == 'close'
        assert here.logger.lines() == []


def test_stop_takes_connections_the_kernel_has():
    with served(hello) as here:
        late = here.client()
        late.send(GET)                   # the loop has not run: nothing is accepted yet
        here.server.stop()
        assert late.answer().body == b'hello'


# --- the environ -------------------------------------------------------------------------------

def test_environ():
    app = show('REQUEST_METHOD', 'PATH_INFO', 'RAW_PATH_INFO', 'QUERY_STRING', 'SERVER_PROTOCOL',
               'CONTENT_TYPE', 'CONTENT_LENGTH', 'HTTP_X_A', 'HTTP_X_B', 'SCRIPT_NAME',
               'wsgi.url_scheme', 'REMOTE_ADDR')
    with served(app) as here:
        answer = here.ask(b'GETorHEAD /a%20%C3%A9//?x=%20&y HTTP/1.1\r\nhost: h\r\nx-a:  1 \r\n'
                          b'X-b: 1\r\nX-B: \xc3\xa9\t\r\nX_A: forged\r\nContent-Type: t/p\r\n\r\n')
        assert answer.body.decode('utf-8').split('\n') == [
            'GETorHEAD', '/a \xc3\xa9//'.encode('latin-1').decode(), '/a%20%C3%A9//', 'x=%20&y',
            'HTTP/1.0', 't/p', 'None', '1', '1,\xe9', '', 'http', '127.0.0.1']
        environ = app.environ
        assert environ['headers_raw'] == (
            ('host', 'h'), ('x-a', '1'), ('X-b', '1'), ('X-B', '\xc3\xa9'), ('X_A', 'forged'),
            ('Content-Type', 't/p'))
        assert environ['SERVER_PORT'] == str(here.address[1])
        assert environ['wsgi.input'].read() == b''
        assert 'HTTP_CONTENT_TYPE' not in environ
        assert environ['swift.http.connection'].peer[0] == '127.0.0.1'


def test_headers_are_those_of_the_request_however_alike_the_one_before():
    """A repeated block of headers is not parsed again, and nothing is left of another one."""
    def app(environ, start_response):
        seen = [f'{environ["PATH_INFO"]} {environ.pop("HTTP_A", None)}', environ['headers_raw']]
        environ['HTTP_B'] = 'set by a filter'
        environ.pop('CONTENT_LENGTH', None)
        body = repr((*seen, environ['wsgi.input'].read())).encode()
        start_response('200 OK', [('Content-Length', str(len(body)))])
        return [body]

    with served(app) as here:
        client = here.client()
        raw = (('A', 'x'), ('Content-Length', '2'))
        for path in ('/1', '/2'):
            answer = client.ask(b'PUT %s HTTP/1.1\r\nA: x\r\nContent-Length: 2\r\n\r\nab'
                                % path.encode())
            assert answer.body.decode() == repr((f'{path} x', raw, b'ab'))
        answer = client.ask(b'PUT /3 HTTP/1.1\r\nA: y\r\nContent-Length: 2\r\n\r\nab')
        assert answer.body.decode() == repr(('/3 y', (('A', 'y'), raw[1]), b'ab'))
        assert client.ask(b'GET /4 HTTP/1.1\r\n\r\n').body.decode() == repr(('/4 None', (), b''))


@pytest.mark.parametrize('target, path, query', [
    (b'http://other.example/healthcheck?a', '/healthcheck', 'a'),
    (b'https://h', '/', ''),
    (b'http://h?q', '/', 'q'),
    (b'healthcheck', 'healthcheck', ''),
    (b'*', '*', ''),
    (b'/a?b?c', '/a', 'b?c'),
    (b'/v1/http://x', '/v1/http://x', ''),
    (b'/%00%ff%zz', '/\x00\xff%zz', ''),
    (b'/\xc3\xa9', '/\xc3\xa9', ''),
])
def test_targets(target, path, query):
    app = show('PATH_INFO', 'QUERY_STRING')
    with served(app) as here:
        here.ask(b'GET ' + target + b' HTTP/1.1\r\n\r\n')
        assert (app.environ['PATH_INFO'], app.environ['QUERY_STRING']) == (path, query)


def test_each_request_has_a_fresh_context():
    import contextvars
    name = contextvars.ContextVar('name', default='none')

    def app(environ, start_response):
        body = name.get().encode()
        name.set(environ['PATH_INFO'])
        start_response('200 OK', [])
        return [body]

    with served(app) as here:
        client = here.client()
        assert client.ask(b'GET /1 HTTP/1.1\r\n\r\n').body == b'none'
        client.send(b'GET /2 HTTP/1.1\r\n\r\n' + b'GET /3 HTTP/1.1\r\n\r\n')
        assert [client.answer().body, client.answer().body] == [b'none', b'none']


# --- refusals ----------------------------------------------------------------------------------

@pytest.mark.parametrize('head, status_line', [
    (b'GET /' + b'a' * 8300 + b' HTTP/1.1', 'HTTP/1.0 414 Request URI Too Long'),
    (b'G' * 9000, 'HTTP/1.0 414 Request URI Too Long'),
    (b'GET / HTTP/1.1\r\nX: ' + b'a' * 9000, 'HTTP/1.0 400 Header Line Too Long'),
    (b'GET / HTTP/1.1\r\n' + b'\r\n'.join(b'X-%d: ' % n + b'b' * 8000 for n in range(9)),
     'HTTP/1.0 400 Headers Too Large'),
    (b'PUT / HTTP/1.1\r\nContent-Length: -5', 'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nContent-Length: abc', 'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nContent-Length: ', 'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nContent-Length: 1.5', 'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nContent-Length: +5', 'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5', 'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6', 'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked',
     'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nContent-Length: 6',
     'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: x',
     'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nA : b',
     'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\nCaf\xe9 : b', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\nCaf\xe9 x: b', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\nA: \xe9\r\n Caf\xe9: b', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\nA: b\nCaf\xe9: b', 'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999', 'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.0\r\nTransfer-Encoding: chunked', 'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
     'HTTP/1.0 400 Bad Request'),
    (b'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked, x', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\nA: b\nC: d', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\nA: b\rC: d', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\nA: b\r\n c', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\nA : b', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\n A: b', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\nA: \x00', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\nnonsense', 'HTTP/1.0 400 Bad Request'),
    (b'GET / HTTP/1.1\r\n: b', 'HTTP/1.0 400 Bad Request'),
])
def test_refused_with_an_empty_page(head, status_line):
    with served(hello) as here:
        client = here.client()
        answer = client.ask(head + b'\r\n\r\n' + b'GET /smuggled HTTP/1.1\r\n\r\n')
        assert answer.status_line == status_line
        assert answer.get('Content-Length') == '0'
        client.half_close()
        assert client.is_closed()
        assert here.server.request_count == 0 or b'smuggled' not in head


@pytest.mark.parametrize('head', [b'GET / HTTP/1.1\nHost: h\n\n',
                                  b'GET / HTTP/1.1\r\nHost: h\n\r\n'])
def test_heads_that_end_with_bare_line_feeds_are_refused_at_once(head):
    with served(hello) as here:
        client = here.client()
        assert client.ask(head).status_line == 'HTTP/1.0 400 Bad Request'
        client.half_close()
        assert client.is_closed()


@pytest.mark.parametrize('data, status, reason', [
    (b'GET / HTTP/3.0', 505, 'Invalid HTTP version (3.0)'),
    (b'GET / HTTP/2.0', 505, 'Invalid HTTP version (2.0)'),
    (b'GET / HTTP/x', 400, "Bad request version ('HTTP/x')"),
    (b'GET / FOO/1.1', 400, "Bad request version ('FOO/1.1')"),
    (b'NONSENSE', 400, "Bad request syntax ('NONSENSE')"),
    (b'POST /healthcheck', 400, "Bad HTTP/0.9 request type ('POST')"),
    (b'GET /health check HTTP/1.1', 400, "Bad request syntax ('GET /health check HTTP/1.1')"),
    (b'\r\nGET / HTTP/1.1', 400, "Bad request syntax ('')"),
    (b'GET  HTTP/1.1', 400, "Bad request syntax ('GET  HTTP/1.1')"),
    (b'GET /\t HTTP/1.1', 400, r"Bad request syntax ('GET /\t HTTP/1.1')"),
    (b'GET /\n HTTP/1.1', 400, r"Bad request syntax ('GET /\n HTTP/1.1')"),
    (b'GET / HTTP/1.1\r\n' + b'\r\n'.join(b'X-%d: 1' % n for n in range(202)), 431,
     'Too many headers'),
])
def test_refused_with_a_page(data, status, reason):
    with served(hello) as here:
        client = here.client()
        answer = client.ask(data + b'\r\n\r\n')
        assert answer.status_line == f'HTTP/1.1 {status} {reason}'
        assert answer.get('Content-Type') == 'text/html;charset=utf-8'
        assert answer.get('Connection') == 'close'
        assert answer.get('X-Trans-Id') == answer.get('X-Openstack-Request-Id')
        assert len(answer.get('X-Trans-Id')) == 34
        assert reason.split(' (')[0].encode() in answer.body and b'<html' in answer.body
        client.half_close()
        assert client.is_closed()
        assert here.server.request_count == 0


def test_client_text_in_a_page_is_escaped():
    with served(hello) as here:
        answer = here.ask(b'<script>\xe9\r\n\r\n')
        assert b'<script>' not in answer.body
        assert b'&lt;script&gt;\\xe9' in answer.body


@pytest.mark.parametrize('head', [
    b'GET /' + b'a' * 8170 + b' HTTP/1.1\r\n\r\n',
    b'GET / HTTP/1.1\r\nX-Long: ' + b'a' * 8150 + b'\r\n\r\n',
    b'GET / HTTP/1.1\r\n' + b''.join(b'X-%d: 1\r\n' % n for n in range(201)) + b'\r\n',
    b'GET / HTTP/1.1\r\n' + b''.join(b'X-%d: ' % n + b'b' * 8000 + b'\r\n' for n in range(8))
    + b'\r\n',
])
def test_just_within_the_limits(head):
    with served(hello) as here:
        assert here.ask(head).status == 200


@pytest.mark.parametrize('beginning, status', [
    (b'GET /' + b'a' * 8200, 414),
    (b'GET / HTTP/1.1\r\nX: ' + b'a' * 8300, 400),
    (b'GET / HTTP/1.1\r\n' + b'X: %s\r\n' % (b'b' * 8000) * 9, 400),
])
def test_unfinished_heads_are_refused_at_the_limit(beginning, status):
    with served(hello) as here:
        client = here.client()
        for start in range(0, len(beginning), 5000):
            client.send(beginning[start:start + 5000])
            green.sleep(0)
        assert client.answer().status == status


def test_foreign_transfer_encoding_reaches_the_application():
    with served(show('HTTP_TRANSFER_ENCODING')) as here:
        client = here.client()
        answer = client.ask(b'PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n')
        assert (answer.body, answer.get('Connection')) == (b'gzip', 'close')
        assert client.is_closed()
        for lines in (b'Transfer-Encoding: gzip\r\nContent-Length: 1',
                      b'Content-Length: 1\r\nTransfer-Encoding: gzip'):
            client = here.client()
            answer = client.ask(b'PUT / HTTP/1.1\r\n' + lines + b'\r\n\r\nx')
            assert (answer.body, answer.get('Connection')) == (b'gzip', 'close')
            client.close()
        answer = here.ask(b'PUT / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n')
        assert answer.body == b'gzip, chunked'


def test_length_after_chunked_is_ignored_and_the_connection_ends():
    def app(environ, start_response):
        assert 'CONTENT_LENGTH' not in environ
        return echo(environ, start_response)

    with served(app) as here:
        client = here.client()
        answer = client.ask(b'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3'
                            b'\r\n\r\n6\r\nlonger\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n')
        assert (answer.body, answer.get('Connection')) == (b'longer', 'close')
        client.half_close()
        assert client.is_closed()
        assert here.server.request_count == 1


def test_header_names_may_have_bytes_above_ascii():
    app = show('HTTP_X_OBJECT_META_CAF\xc3\xa9', 'HTTP_\xb5\xff', 'HTTP_~1~', 'HTTP_A')
    with served(app) as here:
        answer = here.ask(b'GET / HTTP/1.1\r\nX-Object-Meta-Caf\xc3\xa9: \xe9\r\n\xb5\xff:1\r\n'
                          b'A: b\r\n\r\n')
        assert answer.body.decode('latin-1').split('\n') == ['\xe9', '1', 'None', 'b']
        assert app.environ['headers_raw'][0] == ('X-Object-Meta-Caf\xc3\xa9', '\xe9')


# --- PROXY protocol ----------------------------------------------------------------------------

def test_proxy_line_names_the_client():
    app = show('REMOTE_ADDR', 'REMOTE_PORT', 'SERVER_ADDR', 'SERVER_PORT', 'wsgi.url_scheme')
    with served(app, proxy_protocol=True) as here:
        client = here.client()
        client.send_split([b'PROXY TC', b'P4 10.1.2.3 10.9.8.7 1234 443\r', b'\nGET / HT',
                           b'TP/1.1\r\n\r\n'])
        assert client.answer().body == b'10.1.2.3\n1234\n10.9.8.7\n443\nhttps'
        assert client.ask(GET).body.startswith(b'10.1.2.3\n')     # one line per connection
        client = here.client()
        assert client.ask(b'PROXY UNKNOWN\r\n' + GET).body.startswith(b'127.0.0.1\n')


@pytest.mark.parametrize('data', [
    GET, b'PROXY TCP4 x y 1 2\r\n' + GET, b'PROXY ' + b'a' * 200,
    b'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n' + GET])
def test_missing_or_bad_proxy_line(data):
    with served(hello, proxy_protocol=True) as here:
        answer = here.ask(data)
        assert answer.status_line.startswith('HTTP/1.1 400 Invalid PROXY line')
        assert here.server.request_count == 0
