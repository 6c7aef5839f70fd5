"""swift-dispersion-populate: create the sample that swift-dispersion-report looks for (layer 4).

Containers dispersion_<policy>_<N>, and in container dispersion_objects_<policy> objects
dispersion_<N>, one per partition to cover. May be run again at any time: what exists is created
again, which changes nothing.

Source: sheet 07 section 13.
"""
from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from swift.cli.arguments import Parser, Refused, not_negative, policy_named, refuses_in_one_line
from swift.cli.broken_pipe import say
from swift.cli.dispersion import options as dispersion_options
from swift.cli.dispersion.options import DispersionOptions
from swift.cli.progress import Progress
from swift.cli.sign_in import SignInError
from swift.cli.storage_account import AccountError, StorageAccount
from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.ring.ring import Ring
from swift.core import dispersion
from swift.core.hashing import part_of
from swift.core.policy import StoragePolicy

POLICY_HEADER = 'X-Storage-Policy'


@refuses_in_one_line
def main(argv: Sequence[str] | None = None, *, clock: Clock = SYSTEM,
         sleep: Callable[[float], None] = time.sleep) -> int:
    """Run the program with arguments (without program name) and return its exit code."""
    words = _parser().parse_args(argv)
    options = dispersion_options.load(words.conf)
    containers = options.container_populate and not words.object_only
    objects = options.object_populate and not words.container_only
    if not (containers or objects):
        raise Refused('Neither container or object populate is set to run')
    cluster = Cluster.load(options.swift_dir)
    policy = policy_named(cluster, words.policy_name)
    account = dispersion_options.account_of(options, words.insecure, sleep)
    work = Populating(options, cluster, account, policy, words.no_overlap, clock)
    say(f'Using storage policy: {policy.name} ')
    try:
        if containers:
            work.containers(cluster.container_ring, words.container_suffix_start)
        if objects:
            work.objects(cluster.object_ring(policy.index), words.object_suffix_start)
    except (AccountError, SignInError) as problem:
        print(f'ERROR: {problem}', file=sys.stderr)
        print('Gave up due to error(s).', file=sys.stderr)
        return 1
    return 0


def _parser() -> Parser:
    parser = Parser(prog='swift-dispersion-populate',
                    description='Create containers and objects that sample the partitions.')
    only = parser.add_mutually_exclusive_group()
    only.add_argument('--container-only', action='store_true', help='create containers only')
    only.add_argument('--object-only', action='store_true', help='create objects only')
    for kind in ('container', 'object'):
        parser.add_argument(f'--{kind}-suffix-start', type=not_negative, default=0, metavar='N',
                            help=f'{kind}s with smaller numbers are there already')
    parser.add_argument('--no-overlap', action='store_true',
                        help='cover partitions that no existing item covers')
    dispersion_options.add_arguments(parser)
    return parser


@dataclass
class Populating:
    """One run. Raises AccountError and SignInError."""

    options: DispersionOptions
    cluster: Cluster
    account: StorageAccount
    policy: StoragePolicy
    no_overlap: bool
    clock: Clock

    def containers(self, ring: Ring, start: int) -> None:
        prefix = dispersion.container_prefix(self.policy.index)
        account = self.account.name
        self._create('container', ring, self._part_of(ring, account),
                     _Kind(prefix, '', start, self._create_container))

    def objects(self, ring: Ring, start: int) -> None:
        container = dispersion.objects_container(self.policy.index)
        account = self.account.name
        self._create_container(container)
        self._create('object', ring, self._part_of(ring, account, container),
                     _Kind(dispersion.OBJECT_PREFIX, container, start, self._create_object))

    def _part_of(self, ring: Ring, *names: str) -> Callable[[str], int]:
        """Return the partition of what has that name in an account or container.

        The ring is not asked: it would reload itself, which is not for native threads, and a
        sample follows one table from beginning to end.
        """
        power = ring.part_power
        return lambda name: part_of(self.cluster.hash_path(*names, name, raw_digest=True), power)

    def _create(self, noun: str, ring: Ring, place: Callable[[str], int], kind: _Kind) -> None:
        began, retries_before = self.clock.monotonic(), self.account.retries_made
        taken = set()
        if self.no_overlap:
            taken = {place(name) for name in self.account.names(kind.container, kind.prefix)}
        wanted = dispersion.partitions_wanted(
            ring.partition_count, self.options.dispersion_coverage, len(taken))
        names = (name for name, _part in dispersion.sample(
            kind.prefix, place, wanted, kind.start, taken))
        with Progress(f'Creating {noun}s', wanted) as progress:
            count = for_each(names, kind.create, self.options.concurrency, progress)
        spent = dispersion.time_text(self.clock.monotonic() - began)
        say(f'Created {count} {noun}s for dispersion reporting, {spent}, '
            f'{self.account.retries_made - retries_before} retries')
        covered = 100.0 * (len(taken) + wanted) / ring.partition_count
        say(f'Total {noun} coverage is now {covered:.2f}%.')

    def _create_container(self, name: str) -> None:
        self.account.put(name, {POLICY_HEADER: self.policy.name})

    def _create_object(self, name: str) -> None:
        path = f'{dispersion.objects_container(self.policy.index)}/{name}'
        self.account.put(path, {'x-object-meta-dispersion': name}, name.encode())


@dataclass(frozen=True)
class _Kind:
    """What differs between containers and objects."""

    prefix: str
    container: str
    start: int
    create: Callable[[str], None]


def for_each(items: Iterable[str], work: Callable[[str], None], concurrency: int,
             progress: Progress) -> int:
    """Do the work for every item in native threads and return how many there were.

    Raises the first error, once the threads have finished what they had begun. Items are taken
    as threads become free, so that a sample of millions is never in memory.
    """
    feed = _Feed(iter(items), progress)
    threads = [threading.Thread(target=feed.serve, args=(work,), daemon=True)
               for _number in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if feed.error is not None:
        raise feed.error
    return feed.done


class _Feed:
    """Hands items to threads until they are used up or one failed."""

    def __init__(self, items: Iterator[str], progress: Progress) -> None:
        self.done = 0
        self.error: Exception | None = None
        self._items = items
        self._progress = progress
        self._lock = threading.Lock()

    def serve(self, work: Callable[[str], None]) -> None:
        while (item := self._next()) is not None:
            try:
                work(item)
            except Exception as error:               # thread boundary: raised by for_each
                with self._lock:
                    self.error = self.error or error
                return
            with self._lock:
                self.done += 1
                self._progress.step()

    def _next(self) -> str | None:
        with self._lock:
            return None if self.error is not None else next(self._items, None)


