"""The `swift` command beside the published one, against the same cluster in the same run.

    python -m test.bench.clients [--auth URL] [--files 2000] [--large-mib 1024] [--rounds 3]

Each step runs with both clients in turn, the order changing from round to round, in containers of
their own: upload and download of many small files, of one large file in segments, and the start
of the program. Wall time is that of a machine that may be shared, so the best round counts; CPU
seconds (user + system) and peak memory are the client's alone and comparable on any machine.
Without --auth a cluster is started for the run.
"""
import argparse
import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from test.support.swift_command import CLONE, OURS, published_command

SMALL_BYTES = 4096
SEGMENT_MIB = 64
TIMEOUT_S = 1800


@dataclass(frozen=True)
class Cost:
    """What one run of a program cost."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(argv: list[str], cwd: Path, environment: dict[str, str]) -> Cost:
    """Run a program to its end and return its cost; raises if it fails."""
    begin = time.monotonic()
    # A child of its own, so that the peak is not that of an earlier and larger program.
    script = ('import resource, subprocess, sys; '
              'done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); '
              'used = resource.getrusage(resource.RUSAGE_CHILDREN); '
              'print(used.ru_utime + used.ru_stime, used.ru_maxrss, done.returncode)')
    done = subprocess.run([sys.executable, '-c', script, *argv], cwd=cwd, env=environment,
                          stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_S, check=True)
    wall = time.monotonic() - begin
    cpu, peak, status = done.stdout.split()
    if status != '0':
        raise SystemExit(f'{" ".join(argv)} ended with status {status}')
    return Cost(wall, float(cpu), int(peak) / 1024)


@dataclass
class Client:
    """One of the two commands, with a directory and containers of its own."""

    name: str
    program: tuple[str, ...]
    folder: Path
    environment: dict[str, str]

    def run(self, *words: str) -> Cost:
        return measure([*self.program, *words], self.folder, self.environment)


def steps(client: Client, round_number: int) -> Iterator[tuple[str, list[str]]]:
    """Yield (name of the step, arguments) in the order in which they run."""
    small, large = f'{client.name}-s{round_number}', f'{client.name}-l{round_number}'
    yield 'start (--help)', ['--help']
    yield 'stat', ['stat']
    yield 'upload of small files', ['upload', small, 'small']
    yield 'upload, again, --skip-identical', ['upload', '--skip-identical', small, 'small']
    yield 'download of small files', ['download', small, '-D', 'down']
    segments = ['--segment-size', f'{SEGMENT_MIB}M', large, 'large']
    yield 'upload of a large file', ['upload', *segments]
    yield 'download of a large file', ['download', large, 'large', '-o', 'large.down']
    yield '', ['delete', small]
    yield '', ['delete', large]


def make_files(folder: Path, files: int, large_mib: int) -> None:
    (folder / 'small').mkdir(parents=True)
    for number in range(files):
        (folder / 'small' / f'{number:05d}').write_bytes(os.urandom(SMALL_BYTES))
    with open(folder / 'large', 'wb') as large:
        for _ in range(large_mib):
            large.write(os.urandom(1 << 20))


def compare(clients: list[Client], rounds: int) -> dict[str, dict[str, Cost]]:
    """Return step -> client -> the cheapest of the rounds, each figure by itself."""
    found: dict[str, dict[str, list[Cost]]] = {}
    for number in range(rounds):
        order = clients if number % 2 == 0 else clients[::-1]
        for pair in zip(*(steps(client, number) for client in order), strict=True):
            for client, (step, words) in zip(order, pair, strict=True):
                cost = client.run(*words)
                if step:
                    print(f'  {client.name:<10}{step:<34}{cost.wall_s:8.2f} s '
                          f'{cost.cpu_s:8.2f} s CPU {cost.peak_mib:8.0f} MiB', flush=True)
                    found.setdefault(step, {}).setdefault(client.name, []).append(cost)
        for client in clients:
            shutil.rmtree(client.folder / 'down', ignore_errors=True)
    return {step: {name: Cost(*(min(getattr(cost, part) for cost in costs)
                                for part in ('wall_s', 'cpu_s', 'peak_mib')))
                   for name, costs in by_client.items()}
            for step, by_client in found.items()}


def table(found: dict[str, dict[str, Cost]]) -> str:
    """Return the figures as a table in Markdown."""
    lines = ['| step | ours, s | published, s | times faster | CPU s | CPU s, published | '
             'MiB | MiB, published |', '|---|---|---|---|---|---|---|---|']
    for step, by_client in found.items():
        ours, theirs = by_client['ours'], by_client['published']
        lines.append(f'| {step} | {ours.wall_s:.2f} | {theirs.wall_s:.2f} | '
                     f'{theirs.wall_s / ours.wall_s:.1f} | {ours.cpu_s:.2f} | '
                     f'{theirs.cpu_s:.2f} | {ours.peak_mib:.0f} | {theirs.peak_mib:.0f} |')
    return '\n'.join(lines)


@contextlib.contextmanager
def cluster(auth_url: str | None, folder: Path) -> Iterator[str]:
    if auth_url:
        yield auth_url
        return
    from test.support.saio import running_saio
    with running_saio(folder / 'saio') as saio:
        yield saio.auth_url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--auth', help='authentication URL of a running cluster')
    parser.add_argument('--files', type=int, default=2000)
    parser.add_argument('--large-mib', type=int, default=1024)
    parser.add_argument('--rounds', type=int, default=3)
    options = parser.parse_args()
    published = published_command()
    if published is None:
        raise SystemExit('the published client is not installed: source ./.testenv')
    with tempfile.TemporaryDirectory() as name, cluster(options.auth, Path(name)) as auth_url:
        base = {'PATH': os.environ['PATH'], 'ST_AUTH': auth_url, 'ST_USER': 'test:tester',
                'ST_KEY': 'testing'}
        clients = [Client('ours', OURS, Path(name) / 'ours', dict(base, PYTHONPATH=str(CLONE))),
                   Client('published', published, Path(name) / 'published', base)]
        for client in clients:
            make_files(client.folder, options.files, options.large_mib)
            measure([*client.program, '--version'], client.folder, client.environment)
        print(table(compare(clients, options.rounds)))
    print(f'\nload at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, '
          f'own peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB')


if __name__ == '__main__':
    main()
