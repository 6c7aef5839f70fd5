"""One pass of the object-replicator: which partitions are here, which need work, in which order.

Layer 3.

    per device and policy: list partitions -> jobs (update, or revert on a handoff)
    updates -> those that did not change since they were found alike everywhere are left out
    what is left, shuffled (handoffs first if so configured) -> a pool of green threads

To find out what did not change costs one system call for each copy of a partition and one request
for each peer device and STATES_PER_REQUEST partitions (see replication_verbs, suffix_diff.InSync);
a comparison costs some fifteen system calls for each copy and a request for each peer. Peers that
do not know that request are asked for hashes every time.
"""
import os
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from swift.common import fs, leftovers
from swift.common.errors import DeviceUnavailable, DiskError, SwiftError, TransportError
from swift.common.green import Pile, Pool
from swift.common.transport import node_name, target_of
from swift.core import suffix_diff
from swift.core.policy import StoragePolicy
from swift.core.ring_lookup import Node
from swift.core.suffix_diff import InSync, Token
from swift.obj.partition_files import read_tokens
from swift.obj.placement import Placement
from swift.obj.replication_jobs import Job, Jobs
from swift.obj.replication_verbs import STATES

STATES_PER_REQUEST = 4096
ASKED_AT_ONCE = 8
_STATUS_FILES = frozenset(('auditor_status_ALL.json', 'auditor_status_ZBF.json'))


@dataclass(frozen=True, slots=True)
class Selection:
    """What a pass is limited to; empty sets: everything."""
    devices: frozenset[str] = frozenset()
    partitions: frozenset[int] = frozenset()
    policies: frozenset[int] = frozenset()

    @property
    def is_limited(self) -> bool:
        return bool(self.devices or self.partitions or self.policies)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One policy on one local device; makes the jobs of its partitions.

    Jobs are made when their turn comes: a node has more partitions than memory for jobs.
    """
    home: Node
    ring: Any
    top: Placement

    def key(self, part: int) -> tuple[int, str, int]:
        """What a partition is remembered under."""
        return (self.top.policy.index, self.home.device, part)

    def peers(self, part: int) -> tuple[tuple[Node, ...], bool]:
        """Return the primaries of a partition but for this device, and whether it is none."""
        primaries = self.ring.get_part_nodes(part)
        others = tuple(node for node in primaries if node.id != self.home.id)
        return others, len(others) == len(primaries)

    def job(self, part: int) -> Job:
        """Return the job of a partition."""
        peers, is_handoff = self.peers(part)
        return Job(self.top.in_part(str(part)), part, self.home, peers, is_handoff)


Todo = tuple[Plan, int]


class RingChanged(SwiftError):
    """Partitions moved: the rest of the pass would follow an outdated plan."""


class ReplicationPass:
    """One pass over the devices of this process. ``owner`` is the ObjectReplicator."""

    def __init__(self, owner: Any, selection: Selection):
        self._owner = owner
        self._options = owner.options
        self._store = owner.store
        self._clock = owner.clock
        self._logger = owner.logger
        self._selection = selection
        self._jobs = Jobs(owner)
        self._rings: dict[int, tuple[Any, Any]] = {}
        self._done = 0
        self._total = 0
        self._began = self._reported = self._looked = owner.clock.monotonic()
        self._handoffs_left = 0

    def run(self) -> None:
        """Do the pass."""
        handoffs, updates = self._collect()
        self._total = len(handoffs) + len(updates)
        updates = self._without_unchanged(updates)
        try:
            self._work(handoffs, updates)
        except RingChanged:
            self._logger.info('Ring change detected. Aborting current replication pass.')
        self._report()

    def _work(self, handoffs: list[Todo], updates: list[Todo]) -> None:
        random.shuffle(handoffs)
        random.shuffle(updates)
        if self._options.handoffs_first:
            self._run_all(handoffs)
            if self._handoffs_left:
                self._logger.warning('Handoffs first mode still has handoffs remaining.  Aborting '
                                     'current replication pass.')
                return
            self._run_all(updates)
            return
        mixed = handoffs + updates
        random.shuffle(mixed)
        self._run_all(mixed)

    def _run_all(self, todo: list[Todo]) -> None:
        pool = Pool(self._options.concurrency)
        try:
            for plan, part in todo:
                self._check_rings()
                self._check_report()
                pool.spawn_n(self._run_job, plan.job(part))
        finally:
            pool.waitall()

    def _run_job(self, job: Job) -> None:
        try:
            if not job.is_handoff:
                self._jobs.update(job, self._is_listing_due(job))
            elif not self._jobs.revert(job):
                self._handoffs_left += 1
        except Exception:  # the item boundary of a daemon: the next partition may do
            self._logger.exception('Exception in partition %s', job.place.part_path)
        self._done += 1

    def _is_listing_due(self, job: Job) -> bool:
        known = self._owner.known.get(job.key)
        if known is not None and self._clock.time() - known.checked_at >= (
                self._options.full_check_interval):
            return True
        return suffix_diff.is_listing_due(job.part, self._owner.pass_count)

    # -- which partitions there are ------------------------------------------------------------

    def _collect(self) -> tuple[list[Todo], list[Todo]]:
        """Return the handoff partitions and the others of this pass."""
        handoffs: list[Todo] = []
        updates: list[Todo] = []
        for plan in self._plans():
            for part in self._parts_of(plan):
                (handoffs if plan.peers(part)[1] else updates).append((plan, part))
        return handoffs, updates

    def _plans(self) -> Iterator[Plan]:
        for policy in self._owner.replicated_policies():
            if self._selection.policies and policy.index not in self._selection.policies:
                continue
            ring = self._owner.ring_of(policy)
            if ring.next_part_power is not None:
                self._logger.warning('next_part_power set in policy %r. Skipping', policy.name)
                continue
            self._rings[policy.index] = (ring, ring.devs)
            for home in self._owner.local_devices(policy):
                if self._is_selected(home.device):
                    yield Plan(home, ring, Placement(
                        home.device, self._store.device_path(home.device), '', policy, '', '', '',
                        ''))

    def _is_selected(self, device: str) -> bool:
        wanted = self._selection.devices
        return (not wanted or device in wanted) and self._owner.handles(device)

    def _parts_of(self, plan: Plan) -> Iterator[int]:
        home, top = plan.home, plan.top
        stats = self._owner.stats_of(home.device)
        try:
            parts, problems = self._store.run(top, _list_partitions, self._clock.time())
        except (DiskError, OSError) as error:
            if isinstance(error, DeviceUnavailable):
                self._logger.warning('%s is not mounted', home.device)
            else:
                self._logger.error('cannot list %s: %s', top.device_path, error)
            stats.fail((home,))
            return
        for problem in problems:
            self._logger.warning('%s', problem)
            stats.fail((home,))
        for part in parts:
            if part >= plan.ring.partition_count:
                stats.fail((home,))
            elif not self._selection.partitions or part in self._selection.partitions:
                yield part

    # -- which of them did not change ----------------------------------------------------------

    def _without_unchanged(self, todo: list[Todo]) -> list[Todo]:
        """Return what is left of ``todo`` without what is as it was, here and at all peers."""
        groups: dict[Plan, list[int]] = defaultdict(list)
        for plan, part in todo:
            if plan.key(part) in self._owner.known:
                groups[plan].append(part)
        unchanged: set[tuple] = set()
        for plan, parts in groups.items():
            for start in range(0, len(parts), STATES_PER_REQUEST):
                unchanged |= self._find_unchanged(plan, parts[start:start + STATES_PER_REQUEST])
        return [(plan, part) for plan, part in todo if plan.key(part) not in unchanged]

    def _find_unchanged(self, plan: Plan, parts: list[int]) -> set[tuple]:
        """Return the keys of those partitions that need no work."""
        now = self._clock.time()
        try:
            tokens = self._store.run(plan.top, _read_tokens, parts, now)
        except (DiskError, OSError):
            return set()
        known: dict[tuple, InSync] = self._owner.known
        candidates = []
        for part in parts:
            peers = plan.peers(part)[0]
            if suffix_diff.may_skip(known[plan.key(part)], tokens[part],
                                    (node.id for node in peers), now,
                                    self._options.full_check_interval):
                candidates.append((part, peers))
        answers = self._ask_states(candidates, plan.top.policy)
        found = set()
        for part, peers in candidates:
            key = plan.key(part)
            if suffix_diff.still_in_sync(
                    known[key], lambda peer, part=part: answers.get((peer, part))):
                found.add(key)
                self._count_unchanged(plan.home.device, len(peers))
        return found

    def _count_unchanged(self, device: str, peer_count: int) -> None:
        stats = self._owner.stats_of(device)
        stats.attempted += 1
        stats.unchanged += 1
        stats.success += peer_count
        stats.hashmatch += peer_count
        self._done += 1

    def _ask_states(self, wanted: Iterable[tuple[int, tuple[Node, ...]]], policy: StoragePolicy
                    ) -> dict[tuple[int, int], Token]:
        """Return the tokens that peers give, by node id and partition."""
        asked: dict[int, tuple[Node, list[int]]] = {}
        for part, peers in wanted:
            for node in peers:
                asked.setdefault(node.id, (node, []))[1].append(part)
        answers: dict[tuple[int, int], Token] = {}
        with Pile(ASKED_AT_ONCE) as pile:
            for node, parts in asked.values():
                pile.spawn(self._ask_node, node, parts, policy)
            for node_id, tokens in pile:
                answers.update(((node_id, part), token) for part, token in tokens.items())
        return answers

    def _ask_node(self, node: Node, parts: list[int], policy: StoragePolicy
                  ) -> tuple[int, dict[int, Token]]:
        body = ''.join('%d\n' % part for part in parts).encode('ascii')
        try:
            with self._owner.transport.request(
                    node, 'REPLICATE', target_of(node.device, STATES, ''),
                    self._owner.headers_for(policy), body=body,
                    timeout_s=self._options.http_timeout, replication=True) as answer:
                if answer.status == 200:
                    return node.id, _parse_states(answer.read())
        except TransportError as error:
            self._logger.error('Error asking node %s for states: %s', node_name(node), error)
        # Its partitions are compared one by one, which says what is wrong with it.
        return node.id, {}

    # -- on the way ----------------------------------------------------------------------------

    def _check_rings(self) -> None:
        now = self._clock.monotonic()
        if now - self._looked < self._options.ring_check_interval:
            return
        self._looked = now
        for ring, devs in self._rings.values():
            if ring.devs is not devs or ring.has_changed():
                raise RingChanged('the ring changed')

    def _check_report(self) -> None:
        now = self._clock.monotonic()
        if now - self._reported >= self._options.stats_interval:
            self._reported = now
            self._report()

    def _report(self) -> None:
        self._owner.report(self._done, self._total, self._clock.monotonic() - self._began)


def _list_partitions(place: Placement, now: float) -> tuple[list[int], list[str]]:
    """Return the partitions of a policy on a device, and what is wrong there."""
    leftovers.remove_old(place.device_path, now - leftovers.AGE_S)
    top = '%s/%s' % (place.device_path, place.datadir)
    fs.make_dirs(top, place.device_path)
    parts: list[int] = []
    problems: list[str] = []
    with fs.translate(top), os.scandir(top) as entries:
        for entry in entries:
            name = entry.name
            if name in _STATUS_FILES:
                continue
            if not (name.isascii() and name.isdigit()):
                problems.append('Unexpected entry %s/%s' % (top, name))
            elif not entry.is_dir(follow_symlinks=False):
                problems.append('Removing partition %s/%s which is a file' % (top, name))
                fs.unlink_if_there('%s/%s' % (top, name))
            else:
                parts.append(int(name))
    return parts, problems


def _read_tokens(place: Placement, parts: list[int], now: float) -> dict[int, Token | None]:
    return read_tokens('%s/%s' % (place.device_path, place.datadir), parts, now)


def _parse_states(body: bytes) -> dict[int, Token]:
    tokens = {}
    for line in body.decode('ascii', 'replace').splitlines():
        part, _, token = line.partition(' ')
        if part.isdigit() and token:
            tokens[int(part)] = token
    return tokens
