"""Uploads on the wire: interim answers, bodies cut short, what may follow on a connection."""

import re
import socket
import time
from urllib.parse import urlsplit

import pytest

HEALTH = b'GET /healthcheck HTTP/1.1\r\nConnection: close\r\n\r\n'


class Wire:
    """Sends bytes to the proxy and returns all it answers until it closes."""

    def __init__(self, client):
        self.client = client

    def put(self, path, *lines, method='PUT', token=True):
        """The head of a request below the account, as bytes."""
        own = [f'X-Auth-Token: {self.client.token}'] if token else []
        target = f'{self.client.storage_path}/{path}'
        head = [f'{method} {target} HTTP/1.1', 'Host: h', *own, *lines]
        return ('\r\n'.join(head) + '\r\n\r\n').encode()

    def ask(self, data, *, wait_for=b'', then=b'', half_close=False):
        place = urlsplit(self.client.auth_url)
        with socket.create_connection((place.hostname, place.port), timeout=20) as sock:
            sock.sendall(data)
            got = b''
            while wait_for not in got:
                got += sock.recv(65536)
            sock.sendall(then)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                got += piece
        return got


def statuses(answers: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb'HTTP/1\.[01] (\d{3}) ', answers)]


@pytest.fixture
def wire(client):
    return Wire(client)


@pytest.mark.parametrize(
    ('framing', 'body'),
    [
        ('Content-Length: 5', b'hello'),
        ('Transfer-Encoding: chunked', b'2;x="y;z"\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: t\r\n\r\n'),
    ],
)
def test_body_is_asked_for_when_it_is_wanted(client, container, wire, framing, body):
    head = wire.put(f'{container}/o', framing, 'Expect: 100-continue', 'Connection: close')
    got = wire.ask(head, wait_for=b'\r\n\r\n', then=body)
    assert got.startswith(b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n')
    assert client.get(f'{container}/o').body == b'hello'


@pytest.mark.parametrize(
    ('path', 'lines', 'token', 'status'),
    [
        ('none/o', ['Content-Length: 5'], True, 404),
        ('none/o', ['Content-Length: 5'], False, 401),
        ('{c}/o', ['Content-Length: 5368709123'], True, 413),
        ('{c}/there', ['Content-Length: 5', 'If-None-Match: *'], True, 412),
        ('{c}/o', ['Content-Length: 5', 'X-Delete-At: 1'], True, 400),
    ],
)
def test_refused_uploads_are_never_asked_for(client, container, wire, path, lines, token, status):
    client.put(f'{container}/there', b'x')
    head = wire.put(path.format(c=container), *lines, 'Expect: 100-continue', token=token)
    got = wire.ask(head)
    assert statuses(got) == [status] and b'\r\nConnection: close\r\n' in got


@pytest.mark.parametrize(
    ('framing', 'body'),
    [
        ('Content-Length: 10', b'abc'),
        ('Content-Length: 10000000', b'a' * 200000),
        ('Transfer-Encoding: chunked', b'5\r\nab'),
        ('Transfer-Encoding: chunked', b'5\r\nhello\r\n'),
        ('Transfer-Encoding: chunked', b'zz\r\nhello\r\n0\r\n\r\n'),
        ('Transfer-Encoding: chunked', b'5\r\nhelloX\r\n0\r\n\r\n'),
    ],
)
def test_half_an_upload_is_499_and_changes_nothing(client, container, wire, framing, body):
    client.put(f'{container}/o', b'before')
    got = wire.ask(wire.put(f'{container}/o', framing) + body, half_close=True)
    assert got.startswith(b'HTTP/1.1 499 Client Disconnect\r\n')
    assert client.get(f'{container}/o').body == b'before'


@pytest.mark.parametrize(
    ('method', 'path', 'framing', 'body', 'status'),
    [
        ('PUT', 'none/o', 'Content-Length: 5', b'hello', 404),
        ('PUT', 'none/o', 'Transfer-Encoding: chunked', b'5\r\nhello\r\n0\r\n\r\n', 404),
        ('POST', '{c}', 'Content-Length: 5', b'hello', 204),
        ('GET', '{c}/none', 'Content-Length: 5', b'hello', 404),
        ('DELETE', '{c}/none', 'Transfer-Encoding: chunked', b'1\r\nx\r\n0\r\n\r\n', 404),
        ('PUT', '{c}/o', 'Content-Length: 5', b'hello', 201),
    ],
)
def test_a_body_never_becomes_the_next_request(
    container, wire, method, path, framing, body, status
):
    head = wire.put(path.format(c=container), framing, method=method)
    assert statuses(wire.ask(head + body + HEALTH)) == [status, 200]


@pytest.mark.parametrize('line_end', [b'\n', b'\r\n'])
def test_heads_with_bare_line_feeds_are_refused_at_once(wire, line_end):
    start = time.monotonic()
    got = wire.ask(b'GET /healthcheck HTTP/1.1\nHost: h\n' + line_end)
    assert statuses(got) == [400] and time.monotonic() - start < 5


def test_old_clients_get_no_interim_answer_and_no_chunks(client, container, wire):
    head = wire.put(f'{container}/o', 'Content-Length: 5', 'Expect: 100-continue')
    got = wire.ask(head.replace(b'HTTP/1.1', b'HTTP/1.0') + b'hello')
    assert statuses(got) == [201]
    head = wire.put(f'{container}/o?heartbeat=on', f'Destination: {container}/c', method='COPY')
    got = wire.ask(head.replace(b'HTTP/1.1', b'HTTP/1.0'))
    assert statuses(got) == [202] and b'chunked' not in got
    assert b'\r\n\r\n Content-Length: 0\n' in got and b'Response Status: 201 Created\n' in got


def test_names_with_underscores_are_dropped_and_doubles_joined(client, container, wire):
    lines = ['X-Object-Meta-A_b: 1', 'X-Object-Meta-Dup: 1', 'X-Object-Meta-dup: 2']
    wire.ask(wire.put(f'{container}/o', *lines, 'Content-Length: 0', 'Connection: close'))
    found = client.head(f'{container}/o').headers
    meta = {name: value for name, value in found.items() if name.startswith('X-Object-Meta')}
    assert meta == {'X-Object-Meta-Dup': '1,2'}


def test_metadata_bytes_come_back_as_they_were(client, container):
    headers = {'X-Object-Meta-A': b'\xff\xfe', 'X-Object-Meta-B': 'é'.encode()}
    assert client.put(f'{container}/o', b'', headers=headers).status == 201
    answer = client.head(f'{container}/o')
    assert answer.header('X-Object-Meta-A') == '\xff\xfe'
    assert answer.header('X-Object-Meta-B') == 'é'.encode().decode('latin-1')
