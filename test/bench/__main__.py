"""Benchmark of a cluster: yardsticks and operations in the same run, as ratios.

usage: python -m test.bench [--seconds 8] [--rounds 3] [--ops put-4k,get-4k,...] [--xfs]
                            [--auth URL --disk DIR] [--json FILE] [--plot FILE.svg]

Without --auth a fresh all-in-one cluster is started in a temporary folder. Prints progress on
stderr and a Markdown table on stdout. Never passes or fails: figures are for doc/performance.md.
"""
import argparse
import contextlib
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from test.bench import yardsticks
from test.bench.operations import OPERATIONS, Figure, measure
from test.bench.plot import ratios_svg
from test.support.client import Client
from test.support.saio import running_saio


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def target(args: argparse.Namespace):
    """Yield (authentication URL, a folder on the devices' disk)."""
    if args.auth:
        yield args.auth, args.disk
        return
    with tempfile.TemporaryDirectory() as folder:
        say('starting a cluster')
        with running_saio(Path(folder) / 'saio', *(['--xfs'] if args.xfs else [])) as cluster:
            yield cluster.auth_url, f'{cluster.layout.root}/srv'


def run(args: argparse.Namespace) -> dict:
    """Measure every operation `rounds` times, each round with yardsticks of its own."""
    names = args.ops.split(',') if args.ops else list(OPERATIONS)
    results: dict = {'yardsticks': [], 'operations': {name: [] for name in names}}
    with target(args) as (auth_url, disk):
        client = Client(auth_url)
        for number in range(args.rounds):
            sticks = yardsticks.measure(disk)
            results['yardsticks'].append(sticks)
            say(f'round {number + 1} of {args.rounds}: ' + ', '.join(
                f'{name} {value:.0f}' for name, value in sticks.items()))
            stamp = f'{int(time.time()):x}'      # of the objects that are put, then deleted
            for name in names:
                figure = measure(client, name, args.seconds, stamp)
                results['operations'][name].append(dataclasses.asdict(figure))
                say(f'  {name:<15} {figure.rate:9.1f}/s  p50 {figure.p50_ms:8.2f} ms  '
                    f'p99 {figure.p99_ms:8.2f} ms  {figure.errors} errors')
    return results


def ratio(name: str, figure: Figure, sticks: dict) -> float:
    """Rate divided by the yardstick; megabytes per second where that is md5."""
    operation = OPERATIONS[name]
    rate = figure.rate * (operation.size / 1e6 if operation.yardstick == 'md5' else 1)
    return rate / sticks[operation.yardstick]


def summary(results: dict) -> list[tuple[str, Figure, float]]:
    """Median of each figure, and of the ratios taken round by round."""
    rows = []
    for name, figures in results['operations'].items():
        figures = [Figure(**values) for values in figures]
        middle = Figure(*(statistics.median(column) for column in zip(
            *(dataclasses.astuple(figure) for figure in figures), strict=True)))
        ratios = [ratio(name, figure, sticks) for figure, sticks in zip(
            figures, results['yardsticks'], strict=True)]
        rows.append((name, middle, statistics.median(ratios)))
    return rows


def markdown(results: dict) -> str:
    lines = ['| operation | rate | MB/s | p50 ms | p99 ms | errors | ratio | goal |',
             '|---|---|---|---|---|---|---|---|']
    for name, figure, middle in summary(results):
        operation = OPERATIONS[name]
        moved = figure.rate * operation.size / 1e6 if operation.verb in ('put', 'get') else 0
        lines.append(f'| {name} | {figure.rate:.1f}/s | {moved:.1f} | {figure.p50_ms:.1f} | '
                     f'{figure.p99_ms:.1f} | {figure.errors:.0f} | {middle:.3f} '
                     f'{operation.yardstick} | {operation.goal} |')
    sticks = {name: statistics.median(s[name] for s in results['yardsticks'])
              for name in results['yardsticks'][0]}
    return '\n'.join(lines) + '\n\nYardsticks (medians): ' + ', '.join(
        f'{name} {value:.0f}' for name, value in sticks.items()) + '\n'


def main() -> int:
    parser = argparse.ArgumentParser(prog='python -m test.bench', usage=__doc__)
    parser.add_argument('--seconds', type=int, default=8)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--ops', default='')
    parser.add_argument('--auth')
    parser.add_argument('--disk', default=tempfile.gettempdir())
    parser.add_argument('--xfs', action='store_true')
    parser.add_argument('--json', type=Path)
    parser.add_argument('--plot', type=Path)
    args = parser.parse_args()
    results = run(args)
    print(markdown(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))
    if args.plot:
        args.plot.write_text(ratios_svg([
            (name, middle / OPERATIONS[name].goal) for name, _, middle in summary(results)]))
    return 0


if __name__ == '__main__':
    sys.exit(main())
