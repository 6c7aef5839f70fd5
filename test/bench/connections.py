"""How a cluster takes 10, 100 and 1,000 clients at once.

usage: python -m test.bench.connections [--seconds 8] [--ops get-4k,put-4k] [--counts 10,100,1000]
                                        [--auth URL]

Without --auth a fresh all-in-one cluster is started in a temporary folder. Prints a Markdown
table on stdout: with more clients the rate should stay, and the median of the waits grow with
their number. Never passes or fails: figures are for doc/performance.md.
"""
import argparse
import contextlib
import dataclasses
import tempfile
import time
from pathlib import Path

from test.bench import operations
from test.support.client import Client
from test.support.saio import running_saio


@contextlib.contextmanager
def target(auth_url: str | None):
    """Yield the authentication URL of a cluster."""
    if auth_url:
        yield auth_url
        return
    with tempfile.TemporaryDirectory() as folder, running_saio(Path(folder) / 'saio') as cluster:
        yield cluster.auth_url


def measure(client: Client, name: str, connections: int, seconds: int) -> operations.Figure:
    """Run an operation with so many connections."""
    known = operations.OPERATIONS[name]
    operations.OPERATIONS[name] = dataclasses.replace(known, connections=connections)
    try:
        return operations.measure(client, name, seconds, f'{int(time.time()):x}-{connections}')
    finally:
        operations.OPERATIONS[name] = known


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--seconds', type=int, default=8)
    parser.add_argument('--ops', default='get-4k,put-4k')
    parser.add_argument('--counts', default='10,100,1000')
    parser.add_argument('--auth')
    options = parser.parse_args()
    print('| operation | clients | rate | p50 ms | p99 ms | errors |\n|---|---|---|---|---|---|')
    with target(options.auth) as auth_url:
        client = Client(auth_url)
        for name in options.ops.split(','):
            for count in map(int, options.counts.split(',')):
                figure = measure(client, name, count, options.seconds)
                print(f'| {name} | {count} | {figure.rate:.0f}/s | {figure.p50_ms:.1f} | '
                      f'{figure.p99_ms:.1f} | {figure.errors} |', flush=True)


if __name__ == '__main__':
    main()
