"""What one request costs the proxy's own code: engine, filters, controllers, clients of backends.

usage: python -m test.bench.request_path [--requests 4000] [--rounds 7] [OPERATION ...]
       python -m test.bench.request_path --profile get-4k
       python -m test.bench.request_path --without etag-quoter,ratelimit get-4k

The whole pipeline of a cluster made by `bin/saio up --config-only` runs in this process, over
sockets that answer at once from memory: recorded answers of the object and container servers and
of memcached. So there are no system calls (but for the line of the access log, to /dev/null) and
nobody to wait for: what is left is our code, and it is measured to one percent on a busy machine,
where a running cluster shows ten. Processor time of a request is about a third of what a loaded
cluster needs for it, because there nothing stays in the processor's caches.

Prints microseconds of processor time per request, the least of all rounds (anything above it is
the machine's). Compare two trees by running them in turn. With --without the pipeline is also
measured without some filters, in turn in the same process, and the ratio is printed.

Last results (2 processors, busy): get-4k 102, head 100, put-4k 157, head-container 128,
list-1000 281 µs.
"""
from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TOKEN = 'AUTH_tk' + 'c0ffee' * 5 + '00'
BODY = b'x' * 4096
ETAG = '620f0b67a91f7f74151bc5be745b7110'
TIME = '1795931223.38014'
DATE = 'Date: Sun, 29 Nov 2026 05:47:26 GMT\r\n'
OBJECT = (
    'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 4096\r\n'
    f'Etag: "{ETAG}"\r\nLast-Modified: Sun, 29 Nov 2026 05:47:04 GMT\r\n'
    f'X-Timestamp: {TIME}\r\nX-Backend-Timestamp: {TIME}\r\nX-Backend-Data-Timestamp: {TIME}\r\n'
    f'X-Backend-Durable-Timestamp: {TIME}\r\n{DATE}\r\n').encode()
CREATED = ('HTTP/1.1 201 Created\r\nContent-Type: text/html; charset=UTF-8\r\n'
           f'Content-Length: 0\r\nEtag: "{ETAG}"\r\n{DATE}\r\n').encode()
ENTRY = (b'{"name":"o%04d","hash":"620f0b67a91f7f74151bc5be745b7110","bytes":4096,'
         b'"content_type":"application/octet-stream","last_modified":"2026-11-29T05:47:03.380140"}')
LISTING = b'[' + b','.join(ENTRY % number for number in range(1000)) + b']'
CONTAINER = (
    'HTTP/1.1 %s\r\nContent-Type: application/json; charset=utf-8\r\n'
    f'X-Backend-Timestamp: {TIME}\r\nX-Backend-Put-Timestamp: {TIME}\r\n'
    f'X-Backend-Delete-Timestamp: 0000000000.00000\r\nX-Backend-Status-Changed-At: {TIME}\r\n'
    'X-Backend-Storage-Policy-Index: 0\r\nX-Container-Object-Count: 1000\r\n'
    f'X-Container-Bytes-Used: 4096000\r\nX-Timestamp: {TIME}\r\nX-Put-Timestamp: {TIME}\r\n'
    'X-Backend-Sharding-State: unsharded\r\nLast-Modified: Sun, 29 Nov 2026 05:47:04 GMT\r\n'
    f'Content-Length: %d\r\n{DATE}\r\n')
CACHED = {
    'account/AUTH_test': (
        b'{"status": 204, "container_count": "1", "total_object_count": "0", "bytes": "0", '
        b'"storage_policies": {"0": {"container_count": 1, "object_count": 0, "bytes": 0}}, '
        b'"meta": {}, "sysmeta": {}, "account_really_exists": true}'),
    'container/AUTH_test/c': (
        '{"status": 204, "read_acl": null, "write_acl": null, "sync_to": null, "sync_key": null, '
        '"object_count": "1000", "bytes": "4096000", "versions": null, "storage_policy": "0", '
        '"cors": {"allow_origin": null, "expose_headers": null, "max_age": null}, "meta": {}, '
        f'"sysmeta": {{}}, "sharding_state": "unsharded", "created_at": "{TIME}", '
        f'"put_timestamp": "{TIME}", "delete_timestamp": "0000000000.00000", '
        f'"status_changed_at": "{TIME}"}}').encode(),
    f'AUTH_/token/{TOKEN}': b'[9796017599.2805455, "test,test:tester,AUTH_test"]',
}
HEADERS = f'Host: 127.0.0.1:8080\r\nX-Auth-Token: {TOKEN}\r\n'
REQUESTS = {
    'get-4k': (f'GET /v1/AUTH_test/c/o7 HTTP/1.1\r\n{HEADERS}\r\n'.encode(), 200),
    'head': (f'HEAD /v1/AUTH_test/c/o7 HTTP/1.1\r\n{HEADERS}\r\n'.encode(), 200),
    'put-4k': (f'PUT /v1/AUTH_test/c/o7 HTTP/1.1\r\n{HEADERS}Content-Length: 4096\r\n\r\n'.encode()
               + BODY, 201),
    'head-container': (f'HEAD /v1/AUTH_test/c HTTP/1.1\r\n{HEADERS}\r\n'.encode(), 204),
    'list-1000': (f'GET /v1/AUTH_test/c?format=json HTTP/1.1\r\n{HEADERS}\r\n'.encode(), 200),
}


def backend_answer(request: bytes) -> bytes:
    """Return what an object or container server answers."""
    method, target = request[:200].split(b' ', 2)[:2]
    if target.partition(b'?')[0].count(b'/') == 4:
        if method == b'HEAD':
            return (CONTAINER % ('204 No Content', 0)).encode()
        return (CONTAINER % ('200 OK', len(LISTING))).encode() + LISTING
    if method == b'PUT':
        return CREATED
    return OBJECT if method == b'HEAD' else OBJECT + BODY


class MemorySocket:
    """A socket that answers what is sent to it at once."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.waiting = b''

    def send(self, data: bytes) -> int:
        self.waiting = self.answer(data)
        return len(data)

    def sendmsg(self, parts: tuple[bytes, ...]) -> int:
        return self.send(b''.join(parts))

    def recv(self, size: int) -> bytes:
        if not self.waiting:
            raise BlockingIOError
        data, self.waiting = self.waiting[:size], self.waiting[size:]
        return data

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        pass

    def close(self) -> None:
        pass


class AlwaysReady:
    """Readiness of a MemorySocket."""

    def __init__(self, fd: int) -> None:
        pass

    def wait_read(self, timeout: float | None = None) -> bool:
        return True

    def watch(self, callback: Callable) -> None:
        pass

    unwatch = close = lambda self: None


class Proxy:
    """The application of a configuration file in front of peers in memory."""

    def __init__(self, conf: Path) -> None:
        from swift.common import green, memcached_wire
        from swift.common.http import pool, stream
        from swift.common.http.connection import Connection
        from swift.common.http.server import HttpServer, ServerOptions
        from swift.common.pipeline import loadapp
        from swift.core.memcache_ring import hash_key

        stream.Readiness = AlwaysReady
        backend_socket = lambda *_args: MemorySocket(backend_answer)     # noqa: E731
        pool.green.connect = backend_socket
        known = {hash_key(key).encode(): value for key, value in CACHED.items()}

        def cache_answer(request: bytes) -> bytes:
            command, *keys = request.partition(b'\r\n')[0].split()
            if command == b'set':
                known[keys[0]] = request.split(b'\r\n')[1]
                return b'STORED\r\n'
            return b''.join(b'VALUE %s 2 %d\r\n%s\r\n' % (key, len(known[key]), known[key])
                            for key in keys) + b'END\r\n'

        def connect_wire(wire, _address, _timeout_s) -> None:
            wire._sock = MemorySocket(cache_answer)
            wire._ready = AlwaysReady(-1)

        memcached_wire.PlainWire.__init__ = connect_wire
        self.answer = b''
        server = HttpServer(green.listen(('127.0.0.1', 0)), loadapp(str(conf)), ServerOptions())
        self.client = MemorySocket(self._keep)
        self._connection = Connection(server, stream.Stream(self.client), ('127.0.0.1', 4711))
        server._connections[self._connection] = None

    def _keep(self, data: bytes) -> bytes:
        self.answer = data
        return b''

    def run(self, request: bytes, count: int) -> float:
        """Return the seconds of processor time that `count` requests take. In the hub only."""
        client, on_readable = self.client, self._connection.on_readable
        began = time.process_time()
        for _ in range(count):
            client.waiting = request
            on_readable()
        return time.process_time() - began


def measure(proxies: list[Proxy], names: list[str], count: int, rounds: int) -> None:
    """Print the cost of each operation, and the ratio of two proxies; rounds take turns."""
    least = {(index, name): float('inf') for index in range(len(proxies)) for name in names}
    for proxy in proxies:
        for name in names:
            request, status = REQUESTS[name]
            proxy.run(request, 100)
            shown = proxy.answer[:200].partition(b'\r\n')[0].decode()
            assert shown.split()[1] == str(status), f'{name}: {shown}'
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for index, name in least:
            took = proxies[index].run(REQUESTS[name][0], count) / count
            least[index, name] = min(least[index, name], took)
    for name in names:
        shown = [f'{least[index, name] * 1e6:7.1f} us' for index in range(len(proxies))]
        if len(proxies) == 2:
            shown.append(f'{least[0, name] / least[1, name]:6.3f}')
        print(f'{name:16}', *shown)


def profile(proxy: Proxy, name: str, count: int) -> None:
    proxy.run(REQUESTS[name][0], 100)
    profiler = cProfile.Profile()
    profiler.runcall(proxy.run, REQUESTS[name][0], count)
    print(f'{count} requests; cProfile itself makes calls look dear')
    pstats.Stats(profiler).sort_stats('tottime').print_stats(60)


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--requests', type=int, default=4000)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--profile', action='store_true')
    parser.add_argument('--without', default='', help='filters, separated by commas')
    parser.add_argument('operations', nargs='*', default=list(REQUESTS))
    args = parser.parse_args()
    from swift.common import green
    green.patch()
    with tempfile.TemporaryDirectory() as root:
        conf = make_configuration(Path(root))

        def work() -> None:
            proxies = [Proxy(conf)]
            if args.without:
                proxies.append(Proxy(shorter(conf, set(args.without.split(',')))))
            if args.profile:
                profile(proxies[0], args.operations[0], args.requests)
            else:
                measure(proxies, args.operations, args.requests, args.rounds)

        run_in_hub(work)


def make_configuration(root: Path) -> Path:
    """Write the configuration and rings of a small cluster; return the proxy's file."""
    import subprocess
    import sys
    program = Path(__file__).parents[2] / 'bin' / 'saio'
    subprocess.run([sys.executable, program, 'up', '--config-only', '--root', root],
                   check=True, capture_output=True)
    conf = root / 'etc' / 'proxy-server.conf'
    text = conf.read_text()
    lines = ['log_file = /dev/null' if line.startswith('log_file') else line
             for line in text.split('\n')]
    conf.write_text('\n'.join(lines))
    return conf


def shorter(conf: Path, filters: set[str]) -> Path:
    """Write a configuration whose pipeline lacks some filters; return its file."""
    lines = [' '.join(word for word in line.split(' ') if word not in filters)
             if line.startswith('pipeline =') else line for line in conf.read_text().split('\n')]
    path = conf.with_name('proxy-shorter.conf')
    path.write_text('\n'.join(lines))
    return path


def run_in_hub(work: Callable[[], None]) -> None:
    """Call `work` as the hub's callback: only there the crew may be started."""
    from swift.common import green
    done = green.Event()

    def call() -> None:
        try:
            work()
        except BaseException as error:
            done.send_exception(error)
        else:
            done.send(None)

    green.call_later(0, call)
    done.wait()


if __name__ == '__main__':
    main()
