"""What a small upload costs the client: processor time per PUT, by the ways to send it.

    python -m test.bench.client_transport [--requests N] [--rounds N] [--other PYTHON]

One connection to a server in a process of its own that only answers. The ways: the standard
library, urllib3 and a session of `requests` by themselves, and `put_object` of swiftclient; with
--other also that of the swiftclient installed for another interpreter. Prints the lowest and the
middle round of each, with what it takes to load.
"""
import argparse
import http.client
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import time

ANSWER = (b'HTTP/1.1 201 Created\r\nContent-Length: 0\r\nEtag: 0123456789abcdef\r\n'
          b'Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/html\r\n'
          b'X-Trans-Id: tx0\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n')
PATH = '/v1/AUTH_test/c/o'
TOKEN = {'x-auth-token': 'AUTH_tk0123456789abcdef'}
LOADED = {'http.client': 'http.client', 'urllib3': 'urllib3', 'requests': 'requests',
          'swiftclient': 'swiftclient'}


def answer_all(listener: socket.socket, size: int) -> None:
    """Serve one connection after the other: read a head and `size` bytes, send the answer."""
    while True:
        sock, _ = listener.accept()
        with sock, sock.makefile('rb') as stream:
            while stream.readline():
                while stream.readline() not in (b'\r\n', b''):
                    pass
                stream.read(size)
                sock.sendall(ANSWER)


def by_http_client(port: int, body: bytes):
    conn = http.client.HTTPConnection('127.0.0.1', port)

    def put():
        conn.request('PUT', PATH, body, TOKEN)
        conn.getresponse().read()
    return put


def by_urllib3(port: int, body: bytes):
    import urllib3
    pool = urllib3.HTTPConnectionPool('127.0.0.1', port)

    def put():
        pool.urlopen('PUT', PATH, body, TOKEN, retries=False, preload_content=False).read()
    return put


def by_requests(port: int, body: bytes):
    import requests
    session = requests.Session()
    url = f'http://127.0.0.1:{port}{PATH}'
    return lambda: session.put(url, body, headers=TOKEN)


def by_swiftclient(port: int, body: bytes):
    from swiftclient import client
    pair = client.http_connection(f'http://127.0.0.1:{port}/v1/AUTH_test')
    return lambda: client.put_object(
        pair[0].geturl(), TOKEN['x-auth-token'], 'c', 'o', body, http_conn=pair)


WAYS = {'http.client': by_http_client, 'urllib3': by_urllib3, 'requests': by_requests,
        'swiftclient': by_swiftclient}


def measure(put, requests: int, rounds: int) -> tuple[float, float]:
    """Return the lowest and the middle round, in microseconds per request."""
    put()
    costs = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(requests):
            put()
        costs.append((time.process_time() - began) / requests * 1e6)
    return min(costs), statistics.median(costs)


def loading_ms(python: str, module: str) -> float:
    """Return the least time of five that an interpreter needs to load a module."""
    code = f'import time; t = time.process_time(); import {module}; ' \
           'print(time.process_time() - t)'
    return min(float(subprocess.check_output([python, '-c', code])) for _ in range(5)) * 1e3


def report(name: str, options, port: int, python: str = '') -> None:
    lowest, middle = measure(WAYS[name](port, b'x' * options.size), options.requests,
                             options.rounds)
    print('%-28s %5.0f us lowest %5.0f us middle, loaded in %4.0f ms' % (
        f'{name} {python}'.strip(), lowest, middle,
        loading_ms(sys.executable, LOADED[name])), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--requests', type=int, default=500, help='per round')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--size', type=int, default=4096)
    parser.add_argument('--other', metavar='PYTHON', help='an interpreter with a swiftclient')
    parser.add_argument('--port', type=int, help=argparse.SUPPRESS)  # of a server that runs
    options = parser.parse_args()
    if options.port:
        report('swiftclient', options, options.port, 'of --other')
        return
    listener = socket.create_server(('127.0.0.1', 0))
    port = listener.getsockname()[1]
    server = multiprocessing.get_context('fork').Process(
        target=answer_all, args=(listener, options.size), daemon=True)
    server.start()
    for name in WAYS:
        in_turn = multiprocessing.get_context('fork').Process(
            target=report, args=(name, options, port))
        in_turn.start()
        in_turn.join()
    if options.other:
        numbers = [f'--{key}={getattr(options, key)}' for key in ('requests', 'rounds', 'size')]
        # By its path, and elsewhere, so that it finds its own swiftclient.
        command = [os.path.abspath(options.other), __file__, f'--port={port}', *numbers]
        subprocess.run(command, check=True, cwd='/')
    server.terminate()
    server.join()


if __name__ == '__main__':
    main()
