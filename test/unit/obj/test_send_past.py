"""Bodies that go from the file to the socket past the process: option splice."""
import errno
import os
import socket

import pytest

from swift.common import green
from swift.common.disk_threads import run_in_thread
from swift.common.http.server import HttpServer, ServerOptions
from swift.obj.reading import Body
from test.support.object_node import Node

PATH = '/sda/12/AUTH_test/c/o'
T = '1799999910.00000'
SIZE = 3_000_000
DATA = os.urandom(SIZE)


@pytest.fixture
def node(tmp_path):
    (tmp_path / 'sda').mkdir()
    node = Node(tmp_path, splice='yes')
    node.request('PUT', PATH, {'X-Timestamp': T, 'Content-Type': 'a/b'}, DATA)
    yield node
    node.close()


@pytest.fixture
def address(node):
    sock = green.listen(('127.0.0.1', 0))
    server = HttpServer(sock, node.app, ServerOptions())
    server.start()
    yield sock.getsockname()
    server.stop()


@pytest.fixture
def past(monkeypatch):
    """What was sent past the process, in steps."""
    steps = []
    real = Body.send_step

    def counting(self, fd):
        steps.append(real(self, fd))
        return steps[-1]
    monkeypatch.setattr(Body, 'send_step', counting)
    return steps


def ask(*args):
    """Return head and body of an answer to a client in a thread of its own."""
    return run_in_thread(_ask, *args)


def _ask(address, method='GET', headers=''):
    with socket.create_connection(address, 20) as sock:
        sock.sendall(f'{method} {PATH} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
                     f'{headers}\r\n'.encode())
        data = b''.join(iter(lambda: sock.recv(1 << 20), b''))
    head, _end, body = data.partition(b'\r\n\r\n')
    return head, body


def test_the_first_read_is_hashed_and_the_next_ones_go_past(address, past):
    for turn in range(3):
        head, body = ask(address)
        assert head.startswith(b'HTTP/1.1 200 OK') and body == DATA
        assert sum(past) == turn * SIZE


def test_head_and_ranges_come_through_the_process(address, past):
    ask(address)
    assert ask(address, 'HEAD')[1] == b''
    head, body = ask(address, 'GET', 'Range: bytes=10-19\r\n')
    assert head.startswith(b'HTTP/1.1 206') and body == DATA[10:20]
    assert past == []


def test_no_descriptor_stays_open_when_the_reader_leaves(node, address, past):
    ask(address)
    before = len(os.listdir('/proc/self/fd'))

    def leave():
        with socket.create_connection(address, 20) as sock:
            sock.sendall(f'GET {PATH} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
            assert sock.recv(10)
    run_in_thread(leave)
    assert ask(address)[1] == DATA
    green.sleep(0)
    with green.Timeout(20):
        while len(os.listdir('/proc/self/fd')) > before:
            green.sleep(0.01)


def test_without_the_option_nothing_goes_past(node, past, address):
    node.app.options = node.app.options.replace(splice=False)
    for _turn in range(2):
        assert ask(address)[1] == DATA
    assert past == []


def test_what_the_medium_lost_is_quarantined_and_reported(node, address, monkeypatch):
    assert ask(address)[1] == DATA

    def fail(*_args):
        raise OSError(errno.EIO, 'Input/output error')
    monkeypatch.setattr(os, 'sendfile', fail)
    with pytest.raises(ConnectionResetError):
        ask(address)                             # the length was announced: it must be noticed
    assert [name for name in node.files() if '/quarantined/' in name]
    assert any('Input/output error' in line for line in node.logger.lines(40))
    assert 'quarantines:1|c' in node.metrics
