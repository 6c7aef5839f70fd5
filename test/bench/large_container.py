"""What a container of a million objects costs next to one of a few thousand.

usage: python -m test.bench.large_container [--objects 1000000] [--requests 200] [--rounds 5]

Two container databases in a temporary folder, one small, one bulk-loaded; the broker of the
container server is asked in this process, both in turn. The operations, on names like
`d0042/o000123`:

    put        records are appended to the pending log and merged, 100 at a time; per record
    head       facts of the container after a record has come
    list       1,000 rows behind a marker anywhere
    reverse    the same, backwards
    prefix     1,000 rows that begin with a directory's name
    delimiter  1,000 subdirectories behind a marker anywhere: one index seek each

Prints microseconds of processor time, the least of all rounds, and what the large one costs more.

Last results: see doc/performance.md.
"""
from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from swift.common.clock import SYSTEM
from swift.common.db.broker import Environment
from swift.container.backend import ContainerBroker
from swift.core.listing import ListingQuery
from test.support.brokers import container_broker, obj
from test.support.logs import RecordingLogger

SMALL = 4000
PER_DIRECTORY = 1000
# A delimiter needs a thousand directories in both.
FEW_PER_DIRECTORY = 2
BATCH = 100


class Container:
    """One database, with directories of as many objects each."""

    def __init__(self, folder: Path, objects: int, per_directory: int) -> None:
        self._per_directory = per_directory
        self.objects = objects
        self.directories = objects // per_directory
        self._time = 1_700_000_001
        folder.mkdir()
        self.broker: ContainerBroker = container_broker(
            folder, Environment(RecordingLogger(), SYSTEM))
        for start in range(0, objects, 20_000):
            self.broker.merge_records([self._record(number) for number in range(
                start, min(start + 20_000, objects))])

    def _name(self, number: int) -> str:
        return 'd%04d/o%06d' % divmod(number, self._per_directory)

    def _record(self, number: int):
        return obj(self._name(number), '%d.00000' % self._time)

    def put(self, random_: random.Random) -> None:
        """Let records come, of objects that are there already."""
        self._time += 1
        for _turn in range(BATCH):
            self.broker.append(self.broker.encode(
                self._record(random_.randrange(self.objects))))
        self.broker.merge_pending()

    def head(self, random_: random.Random) -> None:
        """Ask for the facts after a change."""
        self._time += 1
        self.broker.append(self.broker.encode(self._record(random_.randrange(self.objects))))
        assert self.broker.info().object_count == self.objects

    def page(self, random_: random.Random, reverse: bool = False, **more: str) -> None:
        """Ask for 1,000 rows, with that many on the way."""
        number = random_.randrange(self.objects - 1001)
        marker = self._name(number + 1001 if reverse else number)
        self._list(ListingQuery(1000, marker, reverse=reverse, **more))

    def subdirectories(self, random_: random.Random) -> None:
        """Ask for as many directories as there are behind one, 1,000 at most."""
        first = random_.randrange(max(1, self.directories - 1001))
        self._list(ListingQuery(1000, 'd%04d/' % first, delimiter='/'), self.directories - 1)

    def directory(self, random_: random.Random) -> None:
        """Ask for what one or some directories hold: about as many rows in both containers."""
        number = random_.randrange(self.directories)
        prefix = 'd%04d/' % number if self._per_directory >= 1000 else 'd%d' % (number // 1000)
        self._list(ListingQuery(1000, prefix=prefix), 0)

    def _list(self, query: ListingQuery, least: int = 1000) -> None:
        assert len(self.broker.list_objects(query)) >= min(least, 900)


OPERATIONS: dict[str, tuple[Callable[[Container, random.Random], None], int]] = {
    'put': (Container.put, BATCH), 'head': (Container.head, 1), 'list': (Container.page, 1),
    'reverse': (lambda container, random_: container.page(random_, True), 1),
    'prefix': (Container.directory, 1), 'delimiter': (Container.subdirectories, 1)}


def measure(container: Container, name: str, count: int) -> float:
    """Return µs of processor time per operation."""
    operation, parts = OPERATIONS[name]
    count = max(1, count // parts)
    random_ = random.Random(7)
    began = time.process_time()
    for _turn in range(count):
        operation(container, random_)
    return (time.process_time() - began) / count / parts * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--objects', type=int, default=1_000_000)
    parser.add_argument('--requests', type=int, default=200)
    parser.add_argument('--rounds', type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        small = Container(Path(folder) / 'small', SMALL, FEW_PER_DIRECTORY)
        large = Container(Path(folder) / 'large', options.objects, PER_DIRECTORY)
        print(f'{options.objects} rows loaded in {time.monotonic() - began:.0f} s')
        for name in OPERATIONS:
            rounds = [(measure(small, name, options.requests),
                       measure(large, name, options.requests)) for _ in range(options.rounds)]
            few, many = (min(column) for column in zip(*rounds, strict=True))
            print(f'{name:<10} {few:8.0f} µs of {small.objects}, {many:8.0f} µs of '
                  f'{large.objects}: {(many / few - 1) * 100:+.0f} %', flush=True)
        small.broker.close()
        large.broker.close()


if __name__ == '__main__':
    main()
