"""Memory: bodies stream through in small pieces, quiet clients cost next to nothing, processes
share what they can.

Peaks are resident sizes since the test began; the sum of an idle cluster counts shared pages once.
"""

import contextlib
import http.client
import socket
import threading
from urllib.parse import urlsplit

import pytest

from test.support import memory

IDLE_CLUSTER_MIB_MAX = 700
STREAMING_MIB_MAX = 40           # above its idle size, per worker
STREAMS = 16
BODY_BYTES = 16 << 20
CONNECTIONS = 1000
CONNECTIONS_MIB_MAX = 20
PIECE = bytes(range(256)) * 1024


@pytest.fixture
def workers(saio):
    return memory.children(saio.pids('proxy-server')[0])


@contextlib.contextmanager
def rise_at_most(pids, most_mib):
    """Fail when a process needs more than that above what it has now."""
    before = {pid: memory.resident(pid) for pid in pids}
    for pid in pids:
        memory.forget_peak(pid)
    yield
    rises = {pid: memory.peak(pid) - before[pid] for pid in pids}
    assert all(rise <= most_mib for rise in rises.values()), rises


def side_by_side(function, count):
    """Call function(number) in `count` threads; return the results in order."""
    results = [None] * count

    def call(number):
        results[number] = function(number)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def exchange(client, method, path, body=None, headers=()):
    conn = http.client.HTTPConnection(urlsplit(client.auth_url).netloc, timeout=120)
    conn.request(method, f'{client.storage_path}/{path}', body,
                 {'X-Auth-Token': client.token, **dict(headers)})
    return conn, conn.getresponse()


def upload(client, path):
    pieces = (PIECE for _ in range(BODY_BYTES // len(PIECE)))
    conn, answer = exchange(client, 'PUT', path, pieces, {'Content-Length': str(BODY_BYTES)})
    with contextlib.closing(conn):
        answer.read()
        return answer.status


def download(client, path):
    conn, answer = exchange(client, 'GET', path)
    size = 0
    with contextlib.closing(conn):
        while data := answer.read(len(PIECE)):
            size += len(data)
    return size


# Runs first in this module, hence on a cluster that has not done anything yet.
@pytest.mark.slow
def test_an_idle_cluster_fits_into_its_budget(saio):
    sizes = {pid: memory.proportional(pid) for pid in memory.processes(saio)}
    assert len(sizes) > 20
    assert sum(sizes.values()) < IDLE_CLUSTER_MIB_MAX, sizes


@pytest.mark.slow
def test_idle_connections_cost_little(saio, workers):
    host, port = urlsplit(saio.auth_url).hostname, urlsplit(saio.auth_url).port
    before = sum(map(memory.resident, workers))
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection((host, port)))
                       for _ in range(CONNECTIONS)]
        for conn in connections:
            conn.sendall(b'GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n')
        # Every one has been served, and is kept alive from now on.
        assert all(conn.recv(4096).startswith(b'HTTP/1.1 200') for conn in connections)
        assert sum(map(memory.resident, workers)) - before < CONNECTIONS_MIB_MAX


@pytest.mark.slow
def test_large_bodies_stream_through_the_proxy(client, container, workers):
    with rise_at_most(workers, STREAMING_MIB_MAX):
        assert side_by_side(lambda n: upload(client, f'{container}/{n}'),
                            STREAMS) == [201] * STREAMS
    with rise_at_most(workers, STREAMING_MIB_MAX):
        assert side_by_side(lambda n: download(client, f'{container}/{n}'),
                            STREAMS) == [BODY_BYTES] * STREAMS


@pytest.mark.slow
def test_slow_readers_do_not_fill_the_proxy(client, container, workers):
    """Nobody reads: what was asked for stays on the storage nodes."""
    assert upload(client, f'{container}/o') == 201
    with rise_at_most(workers, STREAMING_MIB_MAX):
        opened = side_by_side(lambda _n: exchange(client, 'GET', f'{container}/o'), STREAMS)
        for conn, answer in opened:
            assert (answer.status, len(answer.read(1))) == (200, 1)
            answer.close()
            conn.close()
