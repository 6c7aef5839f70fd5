"""Measure a cluster through its public API, operation by operation, with wrk (ab for HEAD).

Each operation says which yardstick its rate is divided by, so that figures of different machines
and moments can be compared.
"""
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from test.support.client import Client

SCRIPT = Path(__file__).with_name('operations.lua')


@dataclass(frozen=True)
class Operation:
    """verb of the script, object size, connections, yardstick, and the ratio that is aimed at."""
    verb: str
    size: int
    connections: int
    yardstick: str
    goal: float


OPERATIONS = {
    'put-4k': Operation('put', 4096, 16, 'fsync_put', 0.15),
    'get-4k': Operation('get', 4096, 16, 'hello', 0.20),
    'head': Operation('head', 4096, 16, 'hello', 0.20),
    'post': Operation('post', 4096, 16, 'fsync_put', 0.15),
    'delete': Operation('delete', 4096, 16, 'fsync_put', 0.15),
    'list-1000': Operation('list', 4096, 16, 'hello', 0.02),
    'head-container': Operation('head-container', 4096, 16, 'hello', 0.25),
    'put-1m': Operation('put', 1 << 20, 8, 'md5', 0.12),
    'get-1m': Operation('get', 1 << 20, 8, 'md5', 0.5),
    'put-64m': Operation('put', 64 << 20, 2, 'md5', 0.13),
    'get-64m': Operation('get', 64 << 20, 2, 'md5', 0.7),
}


@dataclass(frozen=True)
class Figure:
    """Rate per second, latencies in milliseconds, answers that were not 2xx or did not come."""
    rate: float
    p50_ms: float
    p99_ms: float
    errors: int
    count: int


def stored(size: int) -> int:
    """How many objects of a size are there to be read."""
    return 1000 if size <= 4096 else 4 if size > 1 << 22 else 64


def prepare(client: Client, operation: Operation) -> str:
    """Make sure that the operation's container and objects are there; return its name."""
    name = f'bench-{operation.size}'
    if client.put(name).status == 201:
        body = (b'0123456789abcdef' * (operation.size // 16 + 1))[:operation.size]
        for number in range(stored(operation.size)):
            assert client.put(f'{name}/o{number}', body).status == 201
    return name


def measure(client: Client, name: str, seconds: int, run: str) -> Figure:
    """Run one operation for some seconds. A delete run removes what the put run stored."""
    operation = OPERATIONS[name]
    container = prepare(client, operation)
    place = urlsplit(client.auth_url)
    host, path = f'{place.scheme}://{place.netloc}', f'{client.storage_path}/{container}'
    if operation.verb.startswith('head'):
        url = host + path + ('/o7' if operation.verb == 'head' else '')
        return _ab(url, client.token, operation.connections, seconds)
    env = dict(os.environ, OP=operation.verb, TOKEN=client.token, BASE=path, RUN=run,
               SIZE=str(operation.size), COUNT=str(stored(operation.size)))
    out = subprocess.run(['wrk', '-t1', f'-c{operation.connections}', f'-d{seconds}s', '--timeout',
                          '60s', '-s', str(SCRIPT), host], env=env, capture_output=True, text=True,
                         check=True).stdout
    count, usec, p50, p99, errors = re.search(
        r'RESULT (\d+) (\d+) (\S+) (\S+) (\d+)', out).groups()
    return Figure(int(count) / (int(usec) / 1e6), float(p50) / 1e3, float(p99) / 1e3, int(errors),
                  int(count))


def _ab(url: str, token: str, connections: int, seconds: int) -> Figure:
    """wrk waits for the body that the answer to a HEAD only announces; ab does not."""
    out = subprocess.run(['ab', '-q', '-i', '-k', '-r', '-c', str(connections), '-t', str(seconds),
                          '-n', '10000000', '-H', f'X-Auth-Token: {token}', url],
                         capture_output=True, text=True, check=True).stdout

    def figure(pattern: str) -> float:
        found = re.search(pattern, out, re.M)
        return float(found.group(1)) if found else 0.0
    errors = figure(r'^Non-2xx responses:\s+(\d+)') + figure(r'^Failed requests:\s+(\d+)')
    return Figure(figure(r'^Requests per second:\s+([\d.]+)'), figure(r'^\s+50%\s+(\d+)'),
                  figure(r'^\s+99%\s+(\d+)'), int(errors),
                  int(figure(r'^Complete requests:\s+(\d+)')))
