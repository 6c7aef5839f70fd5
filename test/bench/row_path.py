"""What one request costs a container server's own code: engine, filters, verbs, pending log.

usage: python -m test.bench.row_path [--requests 4000] [--rounds 7] [OPERATION ...]
       python -m test.bench.row_path --profile row

The pipeline of a container server of `bin/saio up --config-only` runs in this process, behind a
socket in memory, over a real database in a temporary folder. The operations:

    row         a record comes in; the append is left out and there are no disk threads
    row-disk    the same with disk threads and the append, sync included (tmpfs: in memory)
    merge       a record of the pending log is decoded and merged into the database
    head, list  HEAD, and GET of 1000 names, of a container that does not change

Each record has its own time, ETag and transaction, as in reality, so no header block comes twice.
Prints microseconds of processor time per request or record over all threads, the least of all
rounds. See test.bench.request_path for what that is worth. `taskset -c 0` makes row-disk steadier.

Last results (2 processors, busy): row 35, head 38, list 52, merge 8, row-disk 75 µs.
"""
from __future__ import annotations

import argparse
import cProfile
import gc
import os
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from test.bench.request_path import MemorySocket, make_configuration, run_in_hub

PATH = '/sdb1/7/AUTH_test/c'
SHARED_MEMORY = '/dev/shm'
COMMON = 'User-Agent: object-server 4711\r\nX-Backend-Storage-Policy-Index: 0\r\n'
ROW = (f'PUT {PATH}/o%07d HTTP/1.1\r\nHost: 127.0.0.1:6011\r\nX-Size: 4096\r\n'
       'X-Content-Type: application/octet-stream\r\nX-Timestamp: 17959%05d.%05d\r\n'
       'X-Etag: %032x\r\nX-Trans-Id: tx%021x-006a6aeb7b\r\n'
       f'Referer: PUT http://127.0.0.1:8080/v1/AUTH_test/c/o%07d\r\n{COMMON}'
       'Content-Length: 0\r\n\r\n')
HEAD = (f'HEAD {PATH} HTTP/1.1\r\nHost: 127.0.0.1:6011\r\nX-Trans-Id: tx%021x-006a6aeb7b\r\n'
        'Referer: HEAD http://127.0.0.1:8080/v1/AUTH_test/c\r\nUser-Agent: proxy-server 4711\r\n'
        'Accept: application/json\r\nConnection: keep-alive\r\n\r\n')
CREATE = (f'PUT {PATH} HTTP/1.1\r\nHost: x\r\nX-Timestamp: 1795900000.00000\r\n'
          'Content-Length: 0\r\n\r\n').encode()
ROWS = 1000
LONG_AGO = 1_700_000_000


def row(number: int) -> bytes:
    """Return a PUT of a record."""
    name = number % ROWS
    return (ROW % (name, number // 100000, number % 100000, number, number, name)).encode()


def head(number: int) -> bytes:
    """Return a HEAD of the container."""
    return (HEAD % number).encode()


def listing(number: int) -> bytes:
    """Return a GET of the container."""
    return head(number).replace(b'HEAD ', b'GET ').replace(b'/c HTTP', b'/c?format=json HTTP')


class Server:
    """The container server behind one connection in memory."""

    def __init__(self, conf: Path) -> None:
        from swift.common import green
        from swift.common.http import stream
        from swift.common.http.connection import Connection
        from swift.common.http.server import HttpServer, ServerOptions
        from swift.common.pipeline import loadapp
        from test.bench.request_path import AlwaysReady
        stream.Readiness = AlwaysReady
        self.app = loadapp(str(conf))
        self.answer = b''
        self.on_answer: Callable[[], None] = lambda: None
        server = HttpServer(green.listen(('127.0.0.1', 0)), self.app, ServerOptions())
        self.client = MemorySocket(self._keep)
        self._connection = Connection(server, stream.Stream(self.client), ('127.0.0.1', 4711))
        server._connections[self._connection] = None
        self.number = 0

    def _keep(self, data: bytes) -> bytes:
        self.answer = data
        self.on_answer()
        return b''

    def request(self, data: bytes, status: int) -> None:
        """Have one request answered. In the hub, without disk threads."""
        self.client.waiting = data
        self._connection.on_readable()
        assert self.answer[9:12] == b'%d' % status, self.answer[:200]

    def run(self, make: Callable[[int], bytes], count: int) -> float:
        """Return the seconds of processor time that `count` requests take. In the hub."""
        requests = [make(self.number + turn) for turn in range(count)]
        self.number += count
        client, on_readable = self.client, self._connection.on_readable
        began = time.process_time()
        for request in requests:
            client.waiting = request
            on_readable()
        return time.process_time() - began

    def run_with_disk(self, make: Callable[[int], bytes], count: int) -> float:
        """The same in a green thread, with disk threads: an answer brings the next request."""
        from swift.common import green
        requests = [make(self.number + turn) for turn in range(count)]
        self.number += count
        client, on_readable = self.client, self._connection.on_readable
        done = green.Event()

        def ask() -> None:
            client.waiting = requests.pop()
            on_readable()

        def on_answer() -> None:
            if requests:
                green.call_later(0, ask)
            else:
                done.send(None)

        self.on_answer = on_answer
        began = time.process_time()
        green.call_later(0, ask)
        done.wait()
        return time.process_time() - began


def without_threads() -> None:
    """Let disk threads run their jobs at once."""
    from swift.common import chain, disk_threads
    disk_threads.DiskThreads.run = lambda _self, function, *args, **more: function(*args, **more)
    disk_threads.DiskThreads.run_program = lambda _self, program: chain.run(program)


def log_of(count: int, first: int) -> bytes:
    """Return the content of a pending log."""
    from swift.common.codecs import pending
    from swift.core.row_merge import ObjectRecord
    return b''.join(pending.encode(ObjectRecord(
        f'o{number % ROWS:07}', f'17959{number // 100000:05}.{number % 100000:05}', 4096,
        'application/octet-stream', f'{number:032x}', 0, 0, None, None))
        for number in range(first, first + count))


def operations(conf: Path) -> dict[str, Callable[[int], float]]:
    """Return the operations that need no disk threads: name -> seconds of `count` requests."""
    from swift.common.db.pending import LogProgram
    server = Server(conf)
    server.request(CREATE, 201)
    for number in range(ROWS):
        server.request(row(number), 201)
    server.number = ROWS
    server.request(head(0), 204)

    append = LogProgram.append
    broker = next(iter(_database_server(server.app).brokers._brokers.values()))

    def run(make: Callable[[int], bytes], count: int) -> float:
        LogProgram.append = lambda *_args: True
        try:
            return server.run(make, count)
        finally:
            LogProgram.append = append

    def merge(count: int) -> float:
        data = log_of(count, server.number)
        server.number += count
        broker.append(data)
        began = time.process_time()
        broker.merge_pending()
        return time.process_time() - began

    def read(make: Callable[[int], bytes], count: int) -> float:
        for path in (broker.path, broker.place.directory):
            os.utime(path, (LONG_AGO, LONG_AGO))         # not changed by the merges in between
        server.run(make, 1)
        return server.run(make, count)

    return {'row': lambda count: run(row, count), 'head': lambda count: read(head, count),
            'list': lambda count: read(listing, count // 10) * 10, 'merge': merge}


def _database_server(app: object) -> object:
    while not hasattr(app, 'brokers'):
        app = app.app
    return app


def measure(runs: dict[str, Callable[[int], float]], count: int, rounds: int) -> None:
    """Print the cost of each operation; the rounds of all operations take turns."""
    least = dict.fromkeys(runs, float('inf'))
    for run in runs.values():
        run(100)
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for name, run in runs.items():
            least[name] = min(least[name], run(count) / count)
    for name, seconds in least.items():
        print(f'{name:16} {seconds * 1e6:7.1f} us', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--requests', type=int, default=4000)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--profile', action='store_true')
    parser.add_argument('operations', nargs='*', default=['row', 'head', 'list', 'merge',
                                                          'row-disk'])
    args = parser.parse_args()
    from swift.common import disk_threads, green
    green.patch()
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as root:
        make_configuration(Path(root))
        conf = Path(root) / 'etc' / 'container-server' / '1.conf'
        conf.write_text('\n'.join(
            'log_file = /dev/null' if line.startswith('log_file') else line
            for line in conf.read_text().split('\n')))
        (Path(root) / 'srv' / '1' / 'node' / 'sdb1').mkdir(parents=True, exist_ok=True)
        threads = disk_threads.DiskThreads
        threaded = threads.run, threads.run_program

        def work() -> None:
            without_threads()
            runs = operations(conf)
            chosen = {name: run for name, run in runs.items() if name in args.operations}
            if args.profile:
                profiler = cProfile.Profile()
                profiler.runcall(next(iter(chosen.values())), args.requests)
                pstats.Stats(profiler).sort_stats('tottime').print_stats(60)
            else:
                measure(chosen, args.requests, args.rounds)

        run_in_hub(work)
        if 'row-disk' in args.operations and not args.profile:
            threads.run, threads.run_program = threaded
            server = Server(conf)
            measure({'row-disk': lambda count: server.run_with_disk(row, count)},
                    args.requests, args.rounds)


if __name__ == '__main__':
    main()
