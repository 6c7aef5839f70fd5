"""How fast and how small the HTTP engine is, next to eventlet's own server in the same run.

usage: python -m test.bench.http_engine [--seconds 3]     needs: wrk

Prints requests per second of a five-byte answer with 16 keep-alive connections for eventlet.wsgi
and for our server, their ratio, the processor time of a pooled client request with its server in
one process, and the memory of 1,000 idle connections.

Last results (2 processors, otherwise quiet): eventlet 13,500/s, ours 65,500/s (4.8 times);
client and server together 49 µs; 1,000 idle connections 2.1 MiB.
"""
from __future__ import annotations

import argparse
import re
import socket
import subprocess
import sys
import time

EVENTLET = '''
import warnings; warnings.simplefilter('ignore')
import eventlet; eventlet.monkey_patch()
from eventlet import wsgi
sock = eventlet.listen(('127.0.0.1', 0)); print(sock.getsockname()[1], flush=True)
def app(environ, start_response):
    start_response('200 OK', [('Content-Length', '5')]); return [b'hello']
wsgi.server(sock, app, log_output=False)
'''
OURS = '''
from swift.common import green
green.patch()
from swift.common.http.server import HttpServer, ServerOptions
sock = green.listen(('127.0.0.1', 0)); print(sock.getsockname()[1], flush=True)
def app(environ, start_response):
    start_response('200 OK', [('Content-Length', '5')]); return [b'hello']
HttpServer(sock, app, ServerOptions(max_clients=2000)).serve()
'''


def start(program: str) -> tuple[subprocess.Popen, int]:
    server = subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE, text=True)
    return server, int(server.stdout.readline())


def rate(program: str, seconds: int) -> float:
    server, port = start(program)
    try:
        out = subprocess.run(['wrk', '-t1', '-c16', f'-d{seconds}s', f'http://127.0.0.1:{port}/'],
                             capture_output=True, text=True, check=True).stdout
        return float(re.search(r'Requests/sec:\s+([\d.]+)', out).group(1))
    finally:
        server.terminate()
        server.wait()


def idle_memory(count: int = 1000) -> float:
    """Return MiB that idle keep-alive connections cost the server."""
    server, port = start(OURS)

    def used() -> float:
        with open(f'/proc/{server.pid}/smaps_rollup') as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith('Pss:')) / 1024

    def connection(number: int) -> socket.socket:
        sock = socket.create_connection(('127.0.0.1', port))
        sock.sendall(b'GET / HTTP/1.1\r\nHost: h\r\nX-Number: %d\r\n\r\n' % number)
        sock.recv(1000)
        return sock

    try:
        held = [connection(0)]
        before = used()
        held += [connection(number) for number in range(count)]
        return used() - before
    finally:
        server.terminate()
        server.wait()


def client_cost(count: int = 8000) -> float:
    """Return µs of processor time for one pooled request and its answering."""
    from swift.common import green
    from swift.common.http.pool import ConnectionPool
    from swift.common.http.server import HttpServer, ServerOptions

    def app(environ, start_response):
        start_response('200 OK', [('Content-Length', '4096'), ('X-Timestamp', '1700000000.00000')])
        return [b'x' * 4096]

    sock = green.listen(('127.0.0.1', 0))
    HttpServer(sock, app, ServerOptions()).start()
    pool = ConnectionPool()
    headers = {'X-Trans-Id': 'tx', 'X-Timestamp': '1700000000.00000', 'User-Agent': 'bench'}

    def work() -> None:
        for _turn in range(count // 8):
            pool.request(sock.getsockname(), 'GET', '/sda/1/a/c/o', headers, conn_timeout=1,
                         timeout=5).read()

    began = time.process_time()
    for task in [green.spawn(work) for _turn in range(8)]:
        task.wait()
    return (time.process_time() - began) / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=int, default=3)
    options = parser.parse_args()
    theirs, ours = rate(EVENTLET, options.seconds), rate(OURS, options.seconds)
    print(f'eventlet.wsgi {theirs:.0f}/s, ours {ours:.0f}/s: {ours / theirs:.2f} times')
    print(f'pooled request, client and server: {client_cost():.1f} µs of processor time')
    print(f'1000 idle connections: {idle_memory():.1f} MiB')


if __name__ == '__main__':
    main()
