"""Replicate one partition: compare with peers and send, or give a handoff's share back.

Layer 3. Decisions are core/suffix_diff's; this asks, sends and counts.

    update   own hashes -> each peer's hashes -> differing suffixes, computed anew -> sync
    revert   lock -> list -> sync everything to every primary -> remove what was listed

Sending is rsync's work or a session of ssync_sender. Nothing here raises for what a peer or a disk
does: it is logged and counted, and the partition has its turn again in the next pass.
"""
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from swift.common import rsync
from swift.common.codecs.hashes import decode_peer_hashes
from swift.common.codecs.unpickle import BadPickle
from swift.common.errors import DiskError, LockTimeout, SwiftError, TransportError
from swift.common.transport import node_name, target_of
from swift.core import suffix_diff
from swift.core.ring_lookup import Node
from swift.core.rsync_module import BadModule, directories_command, module_of, worth_logging
from swift.core.suffix_diff import InSync, Outcome, PeerRound, Token
from swift.obj.partition_files import (
    Snapshot,
    drop,
    list_suffixes,
    remove_empty,
)
from swift.obj.partition_hashes import Hashed, Rules, get_hashes, state_token, suffix_paths
from swift.obj.placement import Placement
from swift.obj.replication_locks import PARTITION_LOCK, REVERT_TIMEOUT_S, try_lock, wait_for
from swift.obj.replication_verbs import STATE_HEADER

# Suffixes named in one REPLICATE request, so that its line stays within every server's limit.
SUFFIXES_PER_REQUEST = 1000
UNMOUNTED = 507


@dataclass(frozen=True, slots=True)
class Job:
    """One partition on one local device. ``peers`` are its primaries but for this device."""
    place: Placement
    part: int
    home: Node
    peers: tuple[Node, ...]
    is_handoff: bool

    @property
    def device(self) -> str:
        return self.place.device

    @property
    def key(self) -> tuple[int, str, int]:
        """What the partition is remembered under."""
        return (self.place.policy.index, self.place.device, self.part)


class Jobs:
    """Does the jobs of one replicator process. ``owner`` is the ObjectReplicator."""

    def __init__(self, owner: Any):
        self._owner = owner
        self._options = owner.options
        self._store = owner.store
        self._clock = owner.clock
        self._logger = owner.logger
        self._statsd = owner.statsd

    # -- update --------------------------------------------------------------------------------

    def update(self, job: Job, do_listing: bool) -> None:
        """Compare a partition with its other primaries and send them what they lack."""
        began = self._clock.monotonic()
        stats = self._owner.stats_of(job.device)
        self._statsd.increment('partition.update.count.%s' % job.device)
        stats.attempted += 1
        self._owner.known.pop(job.key, None)
        try:
            token, hashed = self._store.run(job.place, _hash, self._rules(), (), do_listing)
        except (DiskError, LockTimeout, OSError) as error:
            self._logger.error('cannot hash %s: %s', job.place.part_path, error)
            stats.fail(job.peers)
            return
        self._count_hashes(stats, hashed)
        if not hashed.hashes:
            self._remove_empty(job)
            stats.success += len(job.peers)
            stats.hashmatch += len(job.peers)
            return
        tokens = self._ask_peers(job, dict(hashed.hashes), stats)
        if tokens is not None and token is not None:
            self._owner.remember(job.key, InSync(token, tokens, self._clock.time()))
        self._statsd.timing('partition.update.timing', (self._clock.monotonic() - began) * 1000)

    def _ask_peers(self, job: Job, hashes: dict[str, Any], stats: Any) -> dict[int, Token] | None:
        """Bring all peers up to date; return their tokens if none of them lacked anything."""
        peers = list(job.peers)
        random.shuffle(peers)
        handoffs = self._owner.ring_of(job.place.policy).get_more_nodes(job.part)
        peer_round = PeerRound(peers, handoffs, job.home.region, self._owner.handoff_delete)
        tokens: dict[int, Token | None] = {}
        for node in peer_round:
            try:
                outcome, token = self._update_peer(job, node, hashes, stats)
            except (SwiftError, OSError, BadPickle) as error:
                self._logger.error('Error syncing with node %s: %s', node_name(node), error)
                outcome, token = Outcome.FAILED, None
            peer_round.note(node, outcome)
            tokens[node.id] = token
        bad = [node for node, outcome in peer_round.outcomes
               if outcome in (Outcome.FAILED, Outcome.UNMOUNTED)]
        stats.fail(bad)
        stats.success += len(peer_round.outcomes) - len(bad)
        if peer_round.all_primaries_in_sync and all(tokens.values()):
            return tokens
        return None

    def _update_peer(self, job: Job, node: Node, hashes: dict[str, Any], stats: Any
                     ) -> tuple[Outcome, Token | None]:
        answer, body = self._replicate(job, node)
        if answer.status == UNMOUNTED:
            self._logger.error('%s responded as unmounted', node_name(node))
            return Outcome.UNMOUNTED, None
        if answer.status != 200:
            self._logger.error('Invalid response %s from %s', answer.status, node_name(node))
            return Outcome.FAILED, None
        remote = decode_peer_hashes(body) or {}
        suffixes = suffix_diff.differing(hashes, remote)
        if suffixes:
            _token, hashed = self._store.run(job.place, _hash, self._rules(), suffixes, False)
            self._count_hashes(stats, hashed, count=False)
            hashes.clear()
            hashes.update(hashed.hashes)
            suffixes = suffix_diff.differing(hashes, remote)
        if not suffixes:
            stats.hashmatch += 1
            return Outcome.IN_SYNC, answer.headers.get(STATE_HEADER)
        stats.rsync += 1
        is_sent = self._sync(job, node, suffixes, not remote)
        stats.suffix_sync += len(suffixes)
        self._statsd.update_stats('suffix.syncs', len(suffixes))
        return Outcome.SENT if is_sent else Outcome.FAILED, None

    def _count_hashes(self, stats: Any, hashed: Hashed, count: bool = True) -> None:
        stats.suffix_hash += hashed.computed
        if count:
            stats.suffix_count += len(hashed.hashes)
        if hashed.computed:
            self._statsd.update_stats('suffix.hashes', hashed.computed)

    def _sync(self, job: Job, node: Node, suffixes: Sequence[str], is_new: bool) -> bool:
        if self._options.sync_method == 'rsync':
            if is_new:
                self._make_partition(job, node, suffixes)
            return self._push(job, node, suffixes)
        sender = self._owner.sender
        return all(sender.sync(job.place, node, snapshot).ok
                   for _suffixes, snapshot in sender.batches(job.place, suffixes))

    def _remove_empty(self, job: Job) -> None:
        """Remove a partition without objects: there is nothing to push, now or later."""
        place = job.place

        def remove(_place: Placement) -> bool:
            held = try_lock(place.part_path, place.device_path, (PARTITION_LOCK,))
            if held is None:
                return False             # somebody is bringing objects
            with held:
                return remove_empty(place.part_path)
        try:
            if self._store.run(place, remove):
                self._logger.info('Removing partition: %s', place.part_path)
        except (DiskError, OSError) as error:
            self._logger.error('cannot remove %s: %s', place.part_path, error)

    # -- revert --------------------------------------------------------------------------------

    def revert(self, job: Job) -> bool:
        """Give everything in a handoff partition to its primaries; tell whether it is gone."""
        began = self._clock.monotonic()
        stats = self._owner.stats_of(job.device)
        self._statsd.increment('partition.delete.count.%s' % job.device)
        stats.attempted += 1
        stats.remove += 1
        place = job.place

        def attempt() -> Any:
            return self._store.run(place, lambda _place: try_lock(
                place.part_path, place.device_path, (PARTITION_LOCK,)))
        try:
            with wait_for(attempt, REVERT_TIMEOUT_S, place.part_path, self._clock):
                return self._revert_locked(job, stats)
        except LockTimeout:
            self._statsd.increment('partition.lock-failure.count')
            self._logger.info('Unable to lock handoff partition %s for replication on device %s '
                              'policy %d', job.part, job.device, place.policy.index)
        except (SwiftError, OSError) as error:
            self._logger.error('Error syncing handoff partition %s: %s', place.part_path, error)
            stats.fail(job.peers)
        finally:
            self._statsd.timing('partition.delete.timing',
                                (self._clock.monotonic() - began) * 1000)
        return False

    def _revert_locked(self, job: Job, stats: Any) -> bool:
        place = job.place
        suffixes = self._store.run(place, lambda _place: list_suffixes(place.part_path))
        for some, snapshot in self._owner.sender.batches(place, suffixes):
            if not snapshot:
                continue
            held = self._give(job, some, snapshot, stats)
            if held is None:
                # The rest would meet the same trouble.
                return False
            self._store.run(place, _drop, snapshot, held)
        is_gone = self._store.run(place, lambda _place: remove_empty(place.part_path))
        if is_gone:
            self._logger.info('Removing partition: %s', place.part_path)
        return is_gone

    def _give(self, job: Job, suffixes: Sequence[str], snapshot: Snapshot, stats: Any
              ) -> list[str] | None:
        """Send a snapshot to all primaries; return what may be removed, None if nothing may."""
        held = set(snapshot)
        served: set[int] = set()
        results = []
        for node in job.peers:
            stats.rsync += 1
            stats.suffix_sync += len(suffixes)
            got = self._give_to(job, node, suffixes, snapshot, node.region in served)
            results.append(got is not None)
            if got is None:
                stats.fail((node,))
                continue
            stats.success += 1
            held &= got
            if node.region != job.home.region:
                served.add(node.region)
        self._statsd.update_stats('suffix.syncs', len(suffixes) * len(results))
        if not suffix_diff.handoff_may_go(results, self._owner.handoff_delete):
            return None
        return sorted(held)

    def _give_to(self, job: Job, node: Node, suffixes: Sequence[str], snapshot: Snapshot,
                 is_served: bool) -> set[str] | None:
        """Send a snapshot to one node; return the hashes that it then has, None on failure.

        ``is_served``: another node of its far region got them, and passes them on.
        """
        if self._options.sync_method == 'rsync':
            self._make_partition(job, node, suffixes)
            return set(snapshot) if self._push(job, node, suffixes, is_revert=True) else None
        result = self._owner.sender.sync(job.place, node, snapshot, only_check=is_served)
        return set(result.in_sync) if result.ok else None

    # -- rsync ---------------------------------------------------------------------------------

    def _make_partition(self, job: Job, node: Node, suffixes: Sequence[str]) -> None:
        """Have a node make the directories of a partition: rsync makes the lowest one only.

        What marks a suffix dirty makes the partition.
        """
        self._mark_dirty(job, node, suffixes[:1])

    def _push(self, job: Job, node: Node, suffixes: Sequence[str], is_revert: bool = False) -> bool:
        place, options = job.place, self._options
        sources = self._store.run(place, lambda _place: suffix_paths(place.part_path, suffixes))
        if not sources:
            return False
        try:
            module = module_of(options.rsync_module, node)
        except BadModule as error:
            self._logger.error('%s', error)
            return False
        target = '%s/%s/%s/%s' % (module, node.device, place.datadir, place.part)
        command = directories_command(self._owner.rsync_limits, node.region != job.home.region,
                                      sources, target)
        run = rsync.run(command, options.rsync_timeout, self._clock)
        limit = options.rsync_error_log_line_length or None
        lines = [line[:limit] if run.status else line for line in run.lines
                 if worth_logging(line, options.log_rsync_transfers)]
        rsync.log_run(self._logger, run, command, lines)
        is_good = run.status == 0
        if is_revert and not is_good:
            return False
        # A node that was not told keeps its old hashes, which hide from all others what came, and
        # obsolete files beside newer ones: a handoff may not go before.
        return self._mark_dirty(job, node, suffixes) and is_good

    def _mark_dirty(self, job: Job, node: Node, suffixes: Sequence[str]) -> bool:
        """Tell a node that files came into its suffixes past its server; True if it heard."""
        heard = True
        for start in range(0, len(suffixes), SUFFIXES_PER_REQUEST):
            some = '-'.join(sorted(suffixes[start:start + SUFFIXES_PER_REQUEST]))
            try:
                answer, _body = self._replicate(job, node, '/' + some)
            except TransportError as error:
                self._logger.warning('%s was not told of new files: %s', node_name(node), error)
                heard = False
                continue
            if answer.status != 200:
                self._logger.warning('Invalid response %s from %s', answer.status,
                                     node_name(node))
                heard = False
        return heard

    # -- requests ------------------------------------------------------------------------------

    def _replicate(self, job: Job, node: Node, path: str = '') -> tuple[Any, bytes]:
        headers = self._owner.headers_for(job.place.policy)
        with self._owner.transport.request(
                node, 'REPLICATE', target_of(node.device, job.part, path),
                {'Content-Length': '0', **headers}, timeout_s=self._options.http_timeout,
                replication=True) as answer:
            return answer, answer.read()

    def _rules(self) -> Rules:
        return Rules(self._clock.time(), self._options.reclaim_age)


def _hash(place: Placement, rules: Rules, recalculate: Iterable[str], do_listing: bool
          ) -> tuple[Token | None, Hashed]:
    # The token first: what changes while we hash must not look unchanged later.
    token = state_token(place.part_path, rules.now)
    return token, get_hashes(place.part_path, place.device_path, rules, recalculate, do_listing)


def _drop(place: Placement, snapshot: Snapshot, hashes: list[str]) -> None:
    drop(place.part_path, snapshot, hashes, place.device_path)
