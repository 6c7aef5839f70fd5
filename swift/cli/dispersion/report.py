"""swift-dispersion-report: how many copies of the sample are where they belong (layer 4).

Lists what swift-dispersion-populate created and asks every primary node of one item per
partition for it, a bounded number of requests at once. Exit code 0 also when copies are missing:
the figures tell, as text or as JSON.

Source: sheet 07 section 13.
"""
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from swift.cli.arguments import Parser, Refused, policy_named, refuses_in_one_line
from swift.cli.broken_pipe import ends_quietly
from swift.cli.dispersion import options as dispersion_options
from swift.cli.dispersion.options import DispersionOptions
from swift.cli.progress import Progress
from swift.cli.sign_in import SignInError
from swift.cli.storage_account import AccountError, StorageAccount
from swift.common import green
from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.direct_client import DirectClient, DirectError
from swift.common.errors import TransportError
from swift.common.http.pool import ConnectionPool
from swift.common.ring.ring import Ring
from swift.common.transport import node_name
from swift.core import dispersion
from swift.core.dispersion import Tally
from swift.core.policy import StoragePolicy

UNMOUNTED = ('ERROR: {} is unmounted -- This will cause replicas designated for that device to '
             'be considered missing until resolved or the ring is updated.')
INDEX_HEADER = 'X-Backend-Storage-Policy-Index'


@ends_quietly
@refuses_in_one_line
def main(argv: Sequence[str] | None = None, *, clock: Clock = SYSTEM,
         sleep: Callable[[float], None] = green.sleep) -> int:
    """Run the program with arguments (without program name) and return its exit code."""
    words = _parser().parse_args(argv)
    options = dispersion_options.load(words.conf)
    options = options.replace(dump_json=options.dump_json or words.dump_json,
                              partitions=options.partitions or words.partitions)
    containers = options.container_report and not words.object_only
    objects = options.object_report and not words.container_only
    if not (containers or objects):
        raise Refused('Neither container or object report is set to run')
    cluster = Cluster.load(options.swift_dir)
    policy = policy_named(cluster, words.policy_name)
    account = dispersion_options.account_of(options, words.insecure, sleep)
    pool = ConnectionPool(clock=clock)
    try:
        survey = Survey(options, account, policy, DirectClient(pool, clock), words.debug, sleep)
        found = {}
        if containers:
            found['container'] = survey.containers(cluster.container_ring)
        if objects:
            found['object'] = survey.objects(cluster.object_ring(policy.index))
    except (AccountError, SignInError) as problem:
        raise Refused(f'ERROR: {problem}') from problem
    finally:
        pool.close()
    if options.dump_json:
        print(json.dumps(found))
    return 0


def _parser() -> Parser:
    parser = Parser(prog='swift-dispersion-report',
                    description='Look for the copies of what swift-dispersion-populate created.')
    parser.add_argument('-j', '--dump-json', action='store_true', help='print JSON')
    parser.add_argument('-d', '--debug', action='store_true',
                        help='say which node answered with an error')
    parser.add_argument('-p', '--partitions', action='store_true',
                        help='name the partitions that miss copies')
    only = parser.add_mutually_exclusive_group()
    only.add_argument('--container-only', action='store_true', help='look for containers only')
    only.add_argument('--object-only', action='store_true', help='look for objects only')
    dispersion_options.add_arguments(parser)
    return parser


@dataclass
class Survey:
    """One run. Prints as it goes, unless the report is to be JSON."""

    options: DispersionOptions
    account: StorageAccount
    policy: StoragePolicy
    client: DirectClient
    debug: bool
    sleep: Callable[[float], None]
    unmounted: set[str] = field(default_factory=set)
    retries: int = 0
    progress: Progress | None = None

    def __post_init__(self) -> None:
        self.client.sleep = self._pause

    def containers(self, ring: Ring) -> dict[str, Any]:
        """Return the part of the report about containers."""
        account = self.account.name
        names = self.account.names('', dispersion.container_prefix(self.policy.index))
        found = self._look_for('container', names, ring, _Item(
            lambda name: ring.get_part(account, name),
            lambda node, part, name: self.client.head_container(node, part, account, name)))
        # Compat: what misses nothing is counted for objects only.
        found.pop('missing_0', None)
        return found

    def objects(self, ring: Ring) -> dict[str, Any]:
        """Return the part of the report about objects."""
        account = self.account.name
        container = dispersion.objects_container(self.policy.index)
        headers = {INDEX_HEADER: str(self.policy.index)}
        names = self.account.names(container, dispersion.OBJECT_PREFIX)
        return self._look_for('object', names, ring, _Item(
            lambda name: ring.get_part(account, container, name),
            lambda node, part, name: self.client.head_object(
                node, part, (account, container, name), headers)))

    def _look_for(self, noun: str, names: Iterable[str], ring: Ring,
                  item: _Item) -> dict[str, Any]:
        clock = self.client.clock
        began, retries = clock.monotonic(), self.retries + self.account.retries_made
        tally = Tally(ring.partition_count)
        sample: dict[int, str] = {}
        for name in names:
            part = item.part_of(name)
            tally.overlapping += part in sample
            sample.setdefault(part, name)
        if sample:
            self._ask(noun, sample, ring, item, tally)
        else:
            self._complain(f'No {noun}s to query. Has swift-dispersion-populate been run?')
        retries = self.retries + self.account.retries_made - retries
        if not self.options.dump_json and sample:
            spent = dispersion.time_text(clock.monotonic() - began)
            print('\n'.join((f'Queried {tally.queried} {noun}s for dispersion reporting, {spent}, '
                             f'{retries} retries', *tally.lines(noun))), flush=True)
        return {'retries': retries, 'overlapping': tally.overlapping,
                'pct_found': tally.percent_found, 'copies_found': tally.copies_found,
                'copies_expected': tally.copies_expected,
                **{f'missing_{count}': parts for count, parts in tally.missing().items()}}

    def _ask(self, noun: str, sample: dict[int, str], ring: Ring, item: _Item,
             tally: Tally) -> None:
        """Ask all primaries for all items and count what they answer."""
        with (Progress(f'Querying {noun}s', len(sample)) as progress,
              green.ContextPool(self.options.concurrency) as pool):
            self.progress = progress
            for part, name in sample.items():
                nodes = ring.get_part_nodes(part)
                answers = _Answers(len(nodes), lambda expected, found, part=part: self._count(
                    noun, part, tally, (expected, found)))
                for node in nodes:
                    pool.spawn(lambda node=node, part=part, name=name, answers=answers:
                               answers.add(self._has(item, node, part, name)))
            pool.waitall()

    def _count(self, noun: str, part: int, tally: Tally, copies: tuple[int, int]) -> None:
        expected, found = copies
        tally.add(expected, found)
        self.progress.step()
        missing = expected - found
        if missing and self.options.partitions:
            self._complain(f'# {noun.capitalize()} partition {part} missing {missing} '
                           + ('copy' if missing == 1 else 'copies'))

    def _has(self, item: _Item, node: Any, part: int, name: str) -> bool:
        """Return whether a node has its copy of an item."""
        try:
            self.client.retry(item.head, node, part, name, retries=self.options.retries)
        except DirectError as problem:
            self._refused(node_name(node), problem.status)
            return False
        except TransportError as problem:
            self._complain(f'ERROR: {node_name(node)}: {problem}')
            return False
        return True

    def _refused(self, name: str, status: int) -> None:
        if status == 507:
            if name not in self.unmounted:
                self.unmounted.add(name)
                self._complain(UNMOUNTED.format(name))
        elif self.debug or status != 404:
            self._complain(f'ERROR: {name} returned a {status}')

    def _complain(self, text: str) -> None:
        if self.progress is not None:
            self.progress.clear()
        print(text, file=sys.stderr, flush=True)

    def _pause(self, seconds: float) -> None:
        self.retries += 1
        self.sleep(seconds)


@dataclass(frozen=True)
class _Item:
    """What differs between containers and objects."""

    part_of: Callable[[str], int]
    head: Callable[[Any, int, str], Any]


@dataclass
class _Answers:
    """Collects what the primaries of one partition say; the last one completes it."""

    due: int
    complete: Callable[[int, int], None]
    found: int = 0
    heard: int = 0

    def add(self, has_copy: bool) -> None:
        self.heard += 1
        self.found += has_copy
        if self.heard == self.due:
            self.complete(self.due, self.found)
