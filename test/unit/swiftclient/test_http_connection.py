"""HTTPConnection against a server on loopback: what goes over the wire, and what comes back."""

import gc
import io
import select
import socket

import pytest
import requests

from swiftclient.client import ClientException, HTTPConnection, http_connection
from swiftclient.version import version_string
from test.support.scripted_http import Early, answer, cut, scripted


def ask(conn, method='GET', path='/x', data=None, headers=None):
    conn.request(method, path, data, headers)
    return conn.getresponse()


def test_request_sends_lower_case_names_and_no_defaults_of_a_library():
    with scripted(answer(200)) as server:
        ask(HTTPConnection(server.url), headers={'X-Object-Meta-Naïve': 'ï', 'X-N': 5})
    names = server.seen[0].names
    assert names == ['Host', 'Accept-Encoding', 'x-object-meta-naïve', 'x-n', 'user-agent']
    assert server.seen[0].header('x-n') == '5'
    assert (b'x-object-meta-na\xc3\xafve', b'\xc3\xaf') in server.seen[0].lines
    assert server.seen[0].header('accept-encoding') == 'identity'
    assert server.seen[0].header('user-agent') == f'python-swiftclient-{version_string}'


def test_user_agent_of_the_caller_wins():
    with scripted(answer(200), answer(200)) as server:
        ask(HTTPConnection(server.url), headers={'User-Agent': 'mine'})
        ask(HTTPConnection(server.url, default_user_agent='other'))
    assert [seen.header('user-agent') for seen in server.seen] == ['mine', 'other']


def test_response_offers_status_headers_and_body():
    with scripted(answer(404, b'nope', x_a='caf\u00e9', etag='"e"')) as server:
        resp = ask(HTTPConnection(server.url), path='/v1/a?q=1')
        assert (resp.status, resp.status_code, resp.reason) == (404, 404, 'Scripted')
        assert resp.getheader('x-A') == 'café' and resp.getheader('none', 7) == 7
        assert ('Etag', '"e"') in resp.getheaders()
        assert resp.request.url == f'{server.root}/v1/a?q=1'
        assert (resp.read(1), resp.read(2), resp.read(), resp.read()) == (b'n', b'op', b'e', b'')


def test_header_that_is_no_utf8_is_an_error_only_for_who_reads_it():
    with scripted(b'HTTP/1.1 200 OK\r\nX-A: \xe9\r\nContent-Length: 0\r\n\r\n') as server:
        resp = ask(HTTPConnection(server.url))
        assert resp.status == 200
        with pytest.raises(UnicodeDecodeError):
            resp.getheaders()


def test_more_headers_than_a_standard_library_takes():
    lines = ''.join(f'X-Object-Meta-{n}: {n}\r\n' for n in range(256)).encode()
    with scripted(b'HTTP/1.1 200 OK\r\n' + lines + b'Content-Length: 0\r\n\r\n') as server:
        assert len(ask(HTTPConnection(server.url)).getheaders()) == 257


@pytest.mark.parametrize('octets,body', [
    (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
     b'3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nA: b\r\n\r\n', b'abcdefg'),
    (b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', b'ok'),
    (b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nzz', b'zz'),
], ids=['chunked', 'interim', 'packed stays packed'])
def test_bodies_leave_the_connection_ready_for_the_next(octets, body):
    with scripted(octets, answer(200, b'next')) as server:
        conn = HTTPConnection(server.url)
        assert ask(conn).read() == body
        assert ask(conn).read() == b'next'
        assert server.connections == 1


def test_body_until_the_server_closes():
    with scripted(cut(b'HTTP/1.1 200 OK\r\n\r\nall of it'), answer(200)) as server:
        conn = HTTPConnection(server.url)
        assert ask(conn).read() == b'all of it'
        ask(conn)
        assert server.connections == 2


@pytest.mark.parametrize('size', [1, 2, 3, 5, 7, 8, 100])
@pytest.mark.parametrize('chunks', [[b'01234567'], [b'0', b'123', b'4567'], [b'0'] + [b'1'] * 7])
def test_read_returns_as_much_as_was_asked_for(size, chunks):
    framed = b''.join(b'%x\r\n%b\r\n' % (len(chunk), chunk) for chunk in [*chunks, b''])
    with scripted(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + framed) as server:
        resp = ask(HTTPConnection(server.url))
        blocks = list(iter(lambda: resp.read(size), b''))
    assert b''.join(blocks) == b''.join(chunks)
    assert all(len(block) == size for block in blocks[:-1])


def test_body_that_ends_early_is_an_error_that_comes_after_what_was_read():
    with scripted(cut(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcde')) as server:
        resp = ask(HTTPConnection(server.url))
        assert (resp.read(3), resp.read(4)) == (b'abc', b'de')
        for _ in range(2):
            with pytest.raises(requests.exceptions.ConnectionError, match='4 bytes are missing'):
                resp.read(4)


@pytest.mark.parametrize('octets', [
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n' + b'A: b\r\n' * 300,
    b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n'])
def test_whole_body_that_breaks_is_an_error(octets):
    with scripted(cut(octets)) as server:
        with pytest.raises(requests.exceptions.ConnectionError):
            ask(HTTPConnection(server.url)).read()


@pytest.mark.parametrize('octets', [
    b'HTTP/1.1 100 Continue\r\n\r\n' * 200, b'HTTP/1.1 200 OK\r\nA: ' + b'x' * (3 << 20),
    b'', b'HTTP/1.1 2', b'nonsense\r\n\r\n', b'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n'])
def test_no_response_is_an_error_of_requests_and_of_the_system(octets):
    with scripted(cut(octets)) as server:
        with pytest.raises(requests.exceptions.ConnectionError) as caught:
            ask(HTTPConnection(server.url))
    assert isinstance(caught.value, OSError) and str(server.port) in str(caught.value)


def test_refused_connection_names_the_server():
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(requests.exceptions.ConnectionError,
                       match=f'new connection to 127.0.0.1:{port}.*Connection refused'):
        ask(HTTPConnection(f'http://127.0.0.1:{port}/'))


def test_silence_longer_than_the_timeout():
    with socket.create_server(('127.0.0.1', 0)) as silent:
        conn = HTTPConnection(f'http://127.0.0.1:{silent.getsockname()[1]}/', timeout=0.05)
        with pytest.raises(requests.exceptions.ReadTimeout):
            ask(conn)


@pytest.mark.parametrize('poll', [True, False])
def test_connection_is_kept_and_a_closed_one_is_found_before_use(monkeypatch, poll):
    seen_by_the_test = select.poll()
    if not poll:  # as in programs that eventlet has patched
        monkeypatch.delattr('select.poll')
    with scripted(answer(200), answer(200), cut(answer(200)), answer(200)) as server:
        conn = HTTPConnection(server.url)
        statuses = [ask(conn, 'PUT', data=b'x' * 200_000).status for _ in range(3)]
        seen_by_the_test.register(conn._pool._idle[0]._sock, select.POLLIN)
        assert seen_by_the_test.poll()  # the end of the connection is here
        statuses.append(ask(conn, 'PUT', data=b'x').status)
    assert statuses == [200] * 4
    assert [seen.connection for seen in server.seen] == [1, 1, 1, 2]


def test_unread_response_does_not_disturb_the_next():
    with scripted(answer(200, b'x' * 10), answer(200, b'y')) as server:
        conn = HTTPConnection(server.url)
        first = ask(conn)
        assert ask(conn).read() == b'y' and first.read() == b'x' * 10


def test_close_is_for_now_only():
    with scripted(answer(200), answer(200)) as server:
        conn = HTTPConnection(server.url)
        ask(conn)
        conn.close()
        assert ask(conn).status == 200 and server.connections == 2


class Source:
    """A readable without a length."""

    def __init__(self, octets: bytes):
        self.read = io.BytesIO(octets).read


@pytest.mark.parametrize('data,body,length', [
    (None, b'', '0'), ('', b'', '0'), ('hé', 'hé'.encode(), '3'), (b'h', b'h', '1'),
    (bytearray(b'ab'), b'ab', '2'), (memoryview(b'abcd').cast('H'), b'abcd', '4'),
    (iter([b'a', b'', 'é']), 'aé'.encode(), None),
    (Source(b'abc'), b'abc', None), (Source(b'a' * 70000), b'a' * 70000, None),
], ids=lambda value: type(value).__name__)
def test_bodies_of_requests(data, body, length):
    with scripted(answer(201)) as server:
        ask(HTTPConnection(server.url), 'PUT', data=data)
    assert server.seen[0].body == body
    assert server.seen[0].header('content-length') == length
    assert server.seen[0].header('transfer-encoding') == (None if length else 'chunked')


def test_file_is_sent_with_the_length_of_its_rest(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'0123456789')
    with scripted(answer(201)) as server, open(path, 'rb') as source:
        source.seek(4)
        ask(HTTPConnection(server.url), 'PUT', data=source)
    assert (server.seen[0].body, server.seen[0].header('content-length')) == (b'456789', '6')


@pytest.mark.parametrize('blocks,complaint', [([b'abc'], 'ends 2 bytes before the 5'),
                                              ([b'abc', b'def'], 'longer than the 5')])
def test_announced_length_is_kept_or_nothing_is_stored(blocks, complaint):
    with scripted(answer(201)) as server:
        with pytest.raises(ClientException, match=complaint) as caught:
            ask(HTTPConnection(server.url), 'PUT', data=iter(blocks),
                headers={'content-length': '5'})
    assert caught.value.http_status is None  # to try again is in vain


@pytest.mark.parametrize('value', [None, object(), 'a\r\nb: c'])
def test_header_that_cannot_be_sent_is_refused_before_anything_is_sent(value):
    with scripted() as server:
        with pytest.raises(requests.exceptions.InvalidHeader):
            ask(HTTPConnection(server.url), headers={'x-a': value})
    assert not server.seen and not server.connections


def test_answer_before_the_end_of_the_body_stops_the_body():
    sent = []

    def endless():
        while True:
            sent.append(1)
            yield b'x' * 65536

    with scripted(Early(answer(413, b'too large')), answer(200)) as server:
        conn = HTTPConnection(server.url, timeout=20)
        resp = ask(conn, 'PUT', data=endless())
        assert (resp.status, resp.read()) == (413, b'too large')
        assert ask(conn).status == 200
    assert [seen.connection for seen in server.seen] == [1, 2]
    assert len(sent) < 10000


@pytest.mark.parametrize('status,method,asked', [
    (status, method, asked) for status in (301, 302, 303, 307, 308)
    for method, asked in {
        'GET': 'GET', 'HEAD': 'HEAD', 'POST': 'POST' if status > 303 else 'GET',
        'PUT': 'GET' if status in (302, 303) else 'PUT'}.items()])
def test_redirections_are_followed(status, method, asked):
    data = b'data' if method in ('PUT', 'POST') else None
    with scripted(answer(status, location='/other?q'), answer(200)) as server:
        resp = ask(HTTPConnection(server.url), method, data=data, headers={'x-auth-token': 't'})
        assert resp.request.url == f'{server.root}/other?q'
    second = server.seen[1]
    assert (resp.status, second.method, second.target) == (200, asked, '/other?q')
    assert second.header('x-auth-token') == 't'
    assert second.body == (data or b'' if status > 303 else b'')


def test_redirections_without_end():
    with scripted(*[answer(302, location='/again')] * 40) as server:
        with pytest.raises(requests.exceptions.TooManyRedirects):
            ask(HTTPConnection(server.url))
    assert len(server.seen) == 31


def test_redirection_to_another_server():
    with scripted(answer(200, b'here')) as other:
        with scripted(answer(302, location=other.url), answer(200)) as server:
            conn = HTTPConnection(server.url)
            assert ask(conn).read() == b'here' and ask(conn).status == 200
    assert [seen.connection for seen in server.seen] == [1, 1]
    assert other.seen[0].header('host') == f'127.0.0.1:{other.port}'


def test_connection_that_is_dropped_closes_its_sockets():
    with scripted(answer(200)) as server:
        conn = HTTPConnection(server.url)
        ask(conn)
        sock = conn._pool._idle[0]._sock
        del conn
        gc.collect()
        assert sock.fileno() == -1


@pytest.mark.parametrize('path,target', [('', '/'), ('?q', '/?q'), ('/a;b?q', '/a;b?q')])
def test_path_of_a_url_that_ends_with_its_host(path, target):
    with scripted(answer(302, location=f'/elsewhere{target}'), answer(200)) as server:
        assert ask(HTTPConnection(server.root), path=path).status == 200
    assert [seen.target for seen in server.seen] == [target, f'/elsewhere{target}']


def test_attributes_that_callers_use():
    parsed, conn = http_connection('https://h:1/x?y', cacert='ca', cert='c', cert_key='k',
                                   timeout=3, proxy='http://p:3/rest')
    assert (conn.url, conn.parsed_url) == ('https://h:1/x?y', parsed)
    assert (conn.host, conn.port) == ('h:1', 1)
    assert conn.requests_args == {'verify': 'ca', 'cert': ('c', 'k'), 'stream': True, 'timeout': 3,
                                  'proxies': {'http': 'http://p:3'}}
    insecure = HTTPConnection('https://h/', cacert='ca', insecure=True, cert='c')
    assert insecure.requests_args == {'verify': False, 'cert': 'c', 'stream': True}
    assert insecure.resp is None and insecure.port is None


@pytest.mark.parametrize('url,options,text', [
    ('ftp://h/x', {}, 'Unsupported scheme "ftp" in url "ftp://h/x"'),
    ('h/x', {}, 'Unsupported scheme "" in url "h/x"'),
    ('http://h/', {'proxy': 'p:3'}, "Proxy's missing scheme")])
def test_what_no_connection_can_be_made_of(url, options, text):
    with pytest.raises(ClientException) as caught:
        HTTPConnection(url, **options)
    assert str(caught.value) == text
