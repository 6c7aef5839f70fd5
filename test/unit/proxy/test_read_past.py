"""Large bodies that go from a replica's connection to the client's past the proxy."""
import os
import re
import socket
from types import SimpleNamespace

import pytest

from swift.common import green
from swift.common.disk_threads import run_in_thread
from swift.common.http import passage
from swift.common.http.pool import ConnectionPool
from swift.common.http.server import HttpServer, ServerOptions
from swift.common.middleware.catch_errors import CatchErrorsMiddleware, CatchErrorsOptions
from swift.common.middleware.proxy_logging import ProxyLogging
from swift.common.swob import Response
from swift.proxy.controllers.obj_read import PASS_BYTES_MIN, ObjectBody
from swift.proxy.reading import Read, Source
from test.support.logs import RecordingLogger

SIZE = PASS_BYTES_MIN + 1_000_001
DATA = os.urandom(SIZE)
HEADERS = [('X-Timestamp', '1.00000'), ('X-Backend-Timestamp', '1.00000'), ('Etag', 'e'),
           ('Content-Type', 'a/b')]


class Replica:
    """An object server that breaks off after ``good`` bytes of an answer."""

    def __init__(self, good=SIZE):
        self.good = good
        self.ranges = []
        self.sock = green.listen(('127.0.0.1', 0))
        self.server = HttpServer(self.sock, self, ServerOptions())
        self.server.start()
        self.address = self.sock.getsockname()

    def __call__(self, env, start_response):
        first, headers, status = 0, list(HEADERS), '200 OK'
        self.ranges.append(env.get('HTTP_RANGE'))
        if self.ranges[-1]:
            first = int(re.match(r'bytes=(\d+)-', self.ranges[-1])[1])
            headers.append(('Content-Range', f'bytes {first}-{SIZE - 1}/{SIZE}'))
            status = '206 Partial Content'
        start_response(status, [*headers, ('Content-Length', str(SIZE - first))])
        return self.pieces(first)

    def pieces(self, first):
        for start in range(first, SIZE, 65536):
            if start >= self.good:
                raise RuntimeError('broken')
            yield DATA[start:start + 65536]


class Proxy:
    """What an object GET needs of the application, between a client and replicas."""

    def __init__(self, replicas):
        self.replicas = replicas
        self.pool = ConnectionPool()
        self.lines = []
        self.logger = RecordingLogger()
        self.measures_nodes = False
        self.options = SimpleNamespace(object_chunk_size=65536)
        self.nodes = SimpleNamespace(note_error=lambda *_args: None)
        self.metrics = SimpleNamespace(increment=lambda *_args: None)
        self.transport = SimpleNamespace(request=self.request)
        logging = ProxyLogging(self, {})
        logging.access_logger = SimpleNamespace(info=self.lines.append)
        app = CatchErrorsMiddleware(logging, CatchErrorsOptions.parse({}), self.logger)
        self.sock = green.listen(('127.0.0.1', 0))
        self.server = HttpServer(self.sock, app, ServerOptions())
        self.server.start()

    def request(self, node, method, _target, headers, **_more):
        return self.pool.request(node.address, method, '/o', headers, conn_timeout=5, timeout=5)

    def __call__(self, env, start_response):
        nodes = iter(self.replicas)
        read = Read('Object', 'GET', 0, '/o',
                    SimpleNamespace(take=lambda: next(nodes, None)), {}, 5)
        node = read.nodes.take()
        resp = self.request(node, 'GET', '', {})
        body = ObjectBody(self, read, Source(node, resp), resumable=True, env=env)
        return Response(app_iter=body, headers={'Content-Length': str(SIZE)})(env, start_response)

    def get(self, takes=SIZE * 2):
        """Ask as a client that leaves after so many bytes; return status line and body."""
        return run_in_thread(self._get, takes)

    def _get(self, takes):
        data = b''
        with socket.create_connection(self.sock.getsockname(), 20) as sock:
            sock.sendall(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
            while len(data) < takes and (more := sock.recv(1 << 20)):
                data += more
        head, _end, body = data.partition(b'\r\n\r\n')
        return head.partition(b'\r\n')[0], body


@pytest.fixture
def cluster():
    """Make a proxy with replicas; all are stopped in the end."""
    started = []

    def make(*replicas):
        nodes = [SimpleNamespace(address=replica.address, ip='ip', device='d',
                                 handoff_index=None) for replica in replicas]
        proxy = Proxy(nodes)
        started.extend((*replicas, proxy))
        return proxy
    yield make
    for one in started:
        one.server.stop()
        one.server.close_all()
        one.sock.close()
        if isinstance(one, Proxy):
            one.pool.close()


@pytest.fixture
def past(monkeypatch):
    """What was sent past the process, in steps."""
    steps = []
    real = passage.Passage.step

    def counting(self):
        steps.append(real(self))
        return steps[-1]
    monkeypatch.setattr(passage.Passage, 'step', counting)
    return steps


def statuses(proxy):
    """The statuses and sizes of the access log."""
    return [(line.split()[6], int(line.split()[11])) for line in proxy.lines]


def test_a_large_body_goes_past_and_is_counted(cluster, past):
    proxy = cluster(Replica())
    assert proxy.get() == (b'HTTP/1.1 200 OK', DATA)
    assert sum(past) == SIZE
    assert statuses(proxy) == [('200', SIZE)]
    assert proxy.pool.statistics()['idle'] == 1      # the connection serves the next request


def test_another_replica_continues_what_breaks(cluster, past):
    second = Replica()
    proxy = cluster(Replica(good=2_000_000), second)
    assert proxy.get() == (b'HTTP/1.1 200 OK', DATA)
    assert 0 < sum(past) < SIZE
    assert second.ranges == [f'bytes={sum(past)}-{SIZE - 1}']
    assert statuses(proxy) == [('200', SIZE)]


def test_without_another_one_the_client_is_cut_off(cluster, past):
    proxy = cluster(Replica(good=2_000_000))
    with pytest.raises(ConnectionResetError):
        proxy.get()
    assert statuses(proxy) == [('500', sum(past))]


def test_a_client_that_leaves_is_logged_as_such_and_leaves_nothing_open(cluster, past):
    proxy = cluster(Replica())
    proxy.get()
    before = len(os.listdir('/proc/self/fd'))
    proxy.get(takes=100_000)
    with green.Timeout(20):
        while len(proxy.lines) < 2 or len(os.listdir('/proc/self/fd')) > before:
            green.sleep(0.01)
    assert statuses(proxy)[1][0] == '499'
