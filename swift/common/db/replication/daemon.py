"""account-replicator and container-replicator: every database of this machine, to all its replicas.

Layer 1; the servers' packages say what a database is. A pass takes the databases in cohorts:

    read      reclaim, then facts, points and a mark, in threads
    ask       `sync` to all peers whose servers take many at once, one request per server
    push      each database to its peers, one after the other, `concurrency` databases at a time
    leave     a database on a device where it does not belong goes when all (or handoff_delete)
              peers have it and nobody wrote since it was read

Idle databases cost one `sync` for each peer, in as many requests as there are servers and cohorts.
Safe to kill at any moment: what was sent is sent again, which changes nothing; what was learnt is
learnt again. One database in trouble is logged and counted and stops nobody else.
Source: sheet 03 §17.
"""
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from swift.common import fs, leftovers
from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.daemon import Daemon
from swift.common.db.broker import Environment
from swift.common.db.files import Place
from swift.common.db.replicated import ReplicatedBroker
from swift.common.db.replication import walk
from swift.common.db.replication.options import ReplicatorOptions
from swift.common.db.replication.peer import Peers, Question, Reply
from swift.common.db.replication.stats import Stats
from swift.common.db.replication.sync import Kind, Outcome, Push, Replica
from swift.common.db.replication.walk import LocalDevice
from swift.common.disk_threads import run_in_thread
from swift.common.errors import DatabaseFault, DatabaseMissing, DiskError, SwiftError
from swift.common.green import Pool
from swift.common.http.pool import ConnectionPool
from swift.common.listening import local_addresses
from swift.common.metrics import Statsd
from swift.common.ring.utils import is_local_device
from swift.common.transport import NodeTransport
from swift.core.db_sync import (
    Horizons,
    effective_handoff_delete,
    may_leave_handoff,
    peer_order,
)
from swift.core.pending_update import Rate

# Databases that are read before any of them is pushed. Each keeps a few descriptors and a page
# cache of 512 KiB at most.
COHORT = 64
PENDING_TIMEOUT_S = 30.0
_SHOWN = ('diff', 'diff_capped', 'empty', 'hashmatch', 'no_change', 'remote_merge', 'rsync',
          'ts_repl')


@dataclass(frozen=True, slots=True)
class Job:
    """A database that is to be replicated, and to which nodes."""

    device: LocalDevice
    replica: Replica
    peers: tuple[Any, ...]
    is_primary: bool


class Replicator(Daemon):
    """The daemon. Subclasses name the kind, its broker and its options, and add to it."""

    options: ReplicatorOptions
    kind: ClassVar[str]
    broker_class: ClassVar[type[ReplicatedBroker]]

    def __init__(self, conf: Mapping[str, str], logger: Any = None, *, clock: Clock = SYSTEM,
                 cluster: Cluster | None = None, pool: Any = None, **parts: Any) -> None:
        super().__init__(conf, logger, clock=clock, **parts)
        options = self.options
        self.cluster = cluster or Cluster(options.swift_dir, logger=self.logger)
        self.statsd = Statsd.from_options(conf, options.log_name or self.options_class.section)
        self.environment = Environment(self.logger, clock, lock_timeout_s=PENDING_TIMEOUT_S)
        self.peers = Peers(NodeTransport(pool or ConnectionPool(clock=clock), options.conn_timeout),
                           options.node_timeout, f'{options.log_name} {os.getpid()}', self.logger)
        self.protocol = self.make_kind()
        self.stats = Stats(self.statsd, clock.time())

    def make_kind(self) -> Kind:
        """Return what this kind adds to the protocol."""
        return Kind()

    @property
    def ring(self) -> Any:
        """The ring that says where databases belong."""
        raise NotImplementedError

    # -- passes -------------------------------------------------------------------------------

    def run_forever(self, **words: Any) -> None:
        """As all daemons; a choice of devices and partitions is for single passes."""
        super().run_forever()

    def run_pass(self, devices: str = '', partitions: str = '') -> None:
        """Replicate every database once, or those of some devices and partitions (lists)."""
        self.stats = Stats(self.statsd, self.clock.time())
        began = self.clock.monotonic()
        self._announce('Beginning replication run')
        local = self.local_devices(_words(devices))
        if not local:
            self.logger.error('ERROR no device of this machine in the ring is ready')
        self.begin(local)
        found = walk.databases(self.kind, local, self.logger, _words(partitions))
        self.replicate(self._paced(found))
        self.finish()
        self._announce('Replication run OVER')
        self._report(self.clock.monotonic() - began)

    def _announce(self, text: str) -> None:
        self.logger.info(text)
        if self.options.handoffs_only or self.options.handoff_delete:
            self.logger.warning(
                'Emergency options are set (handoffs_only=%s, handoff_delete=%s): not every '
                'database is brought to all its replicas. Take them back as soon as possible.',
                self.options.handoffs_only, self.options.handoff_delete or 'auto')

    def begin(self, local: list[LocalDevice]) -> None:
        """Get ready for a pass; subclasses."""

    def finish(self) -> None:
        """Do what is left to do after all databases; subclasses."""

    def local_devices(self, wanted: tuple[str, ...] = ()) -> list[LocalDevice]:
        """Return the devices of this machine that are ready, or those of them in a list."""
        options = self.options
        addresses = local_addresses(options.ring_ip or options.bind_ip)
        found = []
        for dev in self.ring.devs:
            if not dev or (wanted and dev['device'] not in wanted):
                continue
            if is_local_device(addresses, options.bind_port, dev['replication_ip'],
                               dev['replication_port']):
                path = f'{options.devices}/{dev["device"]}'
                if self._is_ready(path):
                    found.append(LocalDevice(dev['id'], dev['device'], path, dev['region'],
                                             dev['weight']))
        return found

    def _is_ready(self, path: str) -> bool:
        try:
            run_in_thread(fs.check_device, path, self.options.mount_check)
            run_in_thread(leftovers.remove_old, path, self.clock.time() - self.options.reclaim_age)
            return True
        except (DiskError, OSError) as err:
            self.logger.warning('Skipping %s: %s', path, err)
            return False

    def _paced(self, found: Iterable[tuple[LocalDevice, Place]]
               ) -> Iterator[tuple[LocalDevice, Place]]:
        rate = Rate(self.options.databases_per_second)
        for one in found:
            if not self._is_wanted(*one):
                continue
            wait = rate.take(self.clock.monotonic())
            if wait > 0:
                self._sleep(wait)
            yield one

    def _is_wanted(self, device: LocalDevice, place: Place) -> bool:
        if not self.options.handoffs_only:
            return True
        part = _part_of(place)
        return part >= self.ring.partition_count or all(
            node.id != device.id for node in self.ring.get_part_nodes(part))

    def _report(self, took_s: float) -> None:
        stats = self.stats
        self.logger.info('Attempted to replicate %d dbs in %.5f seconds (%.5f/s)',
                         stats['attempted'], took_s, stats['attempted'] / (took_s or 1e-9))
        self.logger.info('Removed %d dbs', stats['remove'])
        self.logger.info('%d successes, %d failures', stats['success'], stats['failure'])
        self.dump_recon(f'{self.kind}.recon', {
            'replication_stats': stats.as_recon(), 'replication_time': took_s,
            'replication_last': self.clock.time()})
        self.logger.info('%s', ' '.join(f'{name}:{stats[name]}' for name in _SHOWN))

    # -- databases ----------------------------------------------------------------------------

    def replicate(self, found: Iterable[tuple[LocalDevice, Place]]) -> None:
        """Replicate these databases, a cohort at a time."""
        found = iter(found)
        pool = Pool(self.options.concurrency)
        while cohort := tuple(islice(found, COHORT)):
            jobs: list[Job] = []
            for device, place in cohort:
                pool.spawn(self._guarded, device, place, self._prepare, jobs.append)
            pool.waitall()
            answers = self.peers.ask_many(self._questions(jobs))
            for job in jobs:
                place = job.replica.broker.place
                pool.spawn(self._guarded, job.device, place, self._push, job, answers)
            pool.waitall()

    def _guarded(self, device: LocalDevice, place: Place, work: Callable, *args: Any) -> None:
        """Do something about one database; whatever goes wrong is its own trouble."""
        try:
            work(device, place, *args)
        except DatabaseMissing:
            pass                                     # removed meanwhile
        except SwiftError as err:
            self.logger.error('ERROR reading db %s: %s', place.directory, err)
            self._quarantine_if_useless(place, err)
            self._fail(place)
        except Exception:  # the item boundary of a daemon
            self.logger.exception('ERROR with db %s', place.directory)
            self._fail(place)

    def _quarantine_if_useless(self, place: Place, err: SwiftError) -> None:
        # Other damage sends a database to quarantine where it is met.
        if isinstance(err, DatabaseFault) and 'no such table' in str(err):
            try:
                run_in_thread(self.broker_class(place, self.environment).quarantine, str(err))
            except (DiskError, OSError) as trouble:
                self.logger.error('ERROR cannot quarantine %s: %s', place.directory, trouble)

    def _fail(self, place: Place) -> None:
        part = _part_of(place)
        if part < self.ring.partition_count:
            for node in self.ring.get_part_nodes(part):
                self.stats.fail(node)
                self.statsd.increment('failures')

    def _prepare(self, device: LocalDevice, place: Place, accept: Callable[[Job], Any]) -> None:
        """Read a database; `accept` the job that it is, unless it is done with already."""
        self.stats.count('attempted')
        broker = self.broker_class(place, self.environment)
        kept = False
        try:
            replica = run_in_thread(self._read, device, broker)
            if replica is not None:
                accept(self._job(device, replica))
                kept = True
        finally:
            if not kept:
                run_in_thread(broker.close)

    def _read(self, device: LocalDevice, broker: ReplicatedBroker) -> Replica | None:
        """Forget what is old; return what there is to replicate, None: nothing. In a thread."""
        horizons = Horizons.of(self.clock.time(), self.options.reclaim_age)
        broker.reclaim(horizons)
        state = broker.state()
        if broker.is_reclaimable(horizons):
            if broker.remove(state.mark):
                self.on_removed(broker, state.info)
                self.stats.count_removal(device.name)
            return None
        names = state.info['account'], state.info.get('container')
        part = self.ring.get_part(*names)
        if str(part) != os.path.basename(os.path.dirname(os.path.dirname(broker.place.directory))):
            self.logger.error(
                'Found %s for %s when it should be on partition %d; will replicate out and remove.',
                broker.path, '/'.join(name for name in names if name), part)
        return Replica(broker, part, state, device.region)

    def _job(self, device: LocalDevice, replica: Replica) -> Job:
        primaries = self.ring.get_part_nodes(replica.part)
        own = None
        if replica.part == _part_of(replica.broker.place):
            own = next((index for index, node in enumerate(primaries) if node.id == device.id),
                       None)
        peers = tuple(primaries[index] for index in peer_order(len(primaries), own))
        return Job(device, replica, peers, own is not None)

    def _questions(self, jobs: Iterable[Job]) -> Iterator[Question]:
        for job in jobs:
            words = self.protocol.sync_words(job.replica)
            for node in job.peers:
                yield Question(node, job.replica.part, job.replica.hash, words)

    def _push(self, device: LocalDevice, place: Place, job: Job,
              answers: Mapping[tuple[int, str], Reply]) -> None:
        """Push a database to all its peers; then let it go if it does not belong here."""
        started = self.clock.time()
        broker = job.replica.broker
        try:
            results = self._push_to_peers(job, answers)
            self.after_peers(job, results + [True] * job.is_primary)
            if not job.is_primary:
                run_in_thread(self._leave, job, results)
        finally:
            run_in_thread(broker.close)
            self.statsd.timing_since('timing', started)

    def _push_to_peers(self, job: Job, answers: Mapping[tuple[int, str], Reply]) -> list[bool]:
        replica = job.replica
        push = Push(self.peers, self.options, self.stats, self.logger, self.protocol,
                    self.options.rsync_module, replica)
        more = self.ring.get_more_nodes(replica.part)
        waiting, results = deque(job.peers), []
        while waiting:
            node = waiting.popleft()
            outcome = push.to(node, answers.get((node.id, replica.hash)))
            results.append(outcome is Outcome.SUCCESS)
            if outcome is Outcome.SUCCESS:
                self.stats.count('success')
                continue
            self.stats.fail(node)
            self.statsd.increment('failures')
            if outcome is Outcome.UNMOUNTED:
                self.logger.error('ERROR Remote drive not mounted %s:%s/%s', node.replication_ip,
                                  node.replication_port, node.device)
                other = next((one for one in more if one.id != job.device.id), None)
                if other is not None:
                    waiting.append(other)
        return results

    def after_peers(self, job: Job, results: list[bool]) -> None:
        """Do what is due for a database when all peers had their turn; subclasses."""

    def _leave(self, job: Job, results: list[bool]) -> None:
        """Remove a database that does not belong here and has done its duty. In a thread."""
        number = effective_handoff_delete(self.options.handoff_delete, self.ring.replica_count)
        broker = job.replica.broker
        # Whether anybody wrote meanwhile is asked last, under all locks.
        if not may_leave_handoff(results, number, True) or not self.may_leave(broker):
            return
        if broker.remove(job.replica.state.mark):
            self.on_removed(broker, job.replica.info)
            self.stats.count_removal(job.device.name)

    def may_leave(self, broker: ReplicatedBroker) -> bool:
        """Tell whether a database may leave that all peers have; subclasses. In a thread."""
        return True

    def on_removed(self, broker: ReplicatedBroker, info: dict[str, Any]) -> None:
        """Remove what belongs to a database that is gone; subclasses. In a thread."""


def add_arguments(parser: Any) -> None:
    """Add what the command lines of both replicators have."""
    parser.add_argument('-d', '--devices', default='',
                        help='replicate only these devices, separated by commas (with --once)')
    parser.add_argument('-p', '--partitions', default='',
                        help='replicate only these partitions, separated by commas (with --once)')


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(',') if word.strip())


def _part_of(place: Place) -> int:
    return int(os.path.basename(os.path.dirname(os.path.dirname(place.directory))))
