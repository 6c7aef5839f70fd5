"""container-updater: tells accounts about their containers.

Layer 3. Sheet 03 §21. Every pass looks at all container databases of this machine's devices; one
whose totals or times differ from what was last reported is reported to all account servers that
have its account. A majority of successes is remembered in the database; one without news is
not even read again while its files stay as they are (unchanged.py).

    different, majority says 2xx     remember what was reported
    all say 404                      the account does not exist: quarantine the container
    anything else                    leave containers of the account alone for a while

Works on `concurrency` containers at a time in one process: the waiting is for disks (in their
native threads) and peers. Safe to kill at any moment: reporting twice changes nothing.
"""
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from swift.common import fs, recon_cache
from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.daemon import Daemon
from swift.common.db.broker import Environment
from swift.common.db.files import DATADIRS, Place
from swift.common.device_tree import DeviceTree
from swift.common.disk_threads import run_in_thread
from swift.common.errors import DatabaseMissing, DiskError, LockTimeout, TransportError
from swift.common.green import Pile, Pool
from swift.common.http.pool import ConnectionPool
from swift.common.metrics import Statsd
from swift.common.transport import NodeTransport, target_of
from swift.container.account_update import report_headers
from swift.container.backend import ContainerBroker, ContainerInfo
from swift.container.options import ContainerUpdaterOptions
from swift.container.unchanged import Marks, Unchanged, marks_of
from swift.core import account_report
from swift.core.account_report import Told
from swift.core.names import join_path, quote
from swift.core.pending_update import Rate
from swift.core.timestamp import Timestamp

REASON_NO_ACCOUNT = 'no account replicas exist'
# What `slowdown` meant: this much work per container in addition.
SLOWDOWN_OVERHEAD_S = 0.01


@dataclass(slots=True)
class Counts:
    """What a pass did."""

    successes: int = 0
    failures: int = 0
    no_changes: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What one database has to tell: its facts as reported, and whether they are news."""

    info: ContainerInfo
    object_count: int
    bytes_used: int

    @property
    def is_news(self) -> bool:
        """Tell whether the account knows less than this."""
        info = self.info
        return account_report.is_news(
            Told(info.put_timestamp, info.delete_timestamp, self.object_count, self.bytes_used),
            Told(info.reported_put_timestamp, info.reported_delete_timestamp,
                 info.reported_object_count, info.reported_bytes_used))


@dataclass(frozen=True, slots=True)
class Sight:
    """A database as a pass met it: where, and the marks of its files, not older than a time."""

    place: Place
    marks: Marks
    looked_at: float


class ContainerUpdater(Daemon):
    """The daemon."""

    options_class = ContainerUpdaterOptions

    def __init__(self, conf: Mapping[str, str], logger: Any = None, *, clock: Clock = SYSTEM,
                 cluster: Cluster | None = None, pool: Any = None, **parts: Any) -> None:
        super().__init__(conf, logger, clock=clock, **parts)
        options = self.options
        self.cluster = cluster or Cluster(options.swift_dir, logger=self.logger)
        self.statsd = Statsd.from_options(conf, options.log_name or 'container-updater')
        self.environment = Environment(self.logger, clock)
        self._transport = NodeTransport(pool or ConnectionPool(), options.conn_timeout)
        self._tree = DeviceTree(options, self.logger)
        self._suppressed: dict[str, float] = {}
        self._unchanged = Unchanged()
        # Turns to repeat a report: since when they are due in this pass.
        self._turns = (0.0, 0.0)
        self.counts = Counts()

    def run_pass(self, **words: Any) -> None:
        """Look at every container once."""
        began = self.clock.monotonic()
        self._begin_turns(self.clock.time())
        # Without a ring nothing can be sent: one error instead of one per container.
        assert self.cluster.account_ring
        self.counts = Counts()
        self._suppressed = {account: until for account, until in self._suppressed.items()
                            if until > began}
        self.logger.info('Begin container update sweep')
        rate = self._rate()
        pool = Pool(self.options.concurrency)
        self._unchanged.begin_pass()
        for sight in self._sights():
            if (not self._has_turn(sight.place)
                    and self._unchanged.is_known(sight.place.directory, sight.marks)):
                self._count_no_change()
                continue
            wait = rate.take(self.clock.monotonic())
            if wait > 0:
                self._sleep(wait)
            pool.spawn(self._process_guarded, sight)
        pool.waitall()
        took = self.clock.monotonic() - began
        counts = self.counts
        self.logger.info('Container update sweep completed: %.02fs, %s successes, %s failures, '
                         '%s with no changes', took, counts.successes, counts.failures,
                         counts.no_changes)
        self.dump_recon(recon_cache.CONTAINER_FILE, {'container_updater_sweep': took})

    def _begin_turns(self, now: float) -> None:
        """Turns that came up since the pass before are taken in this one; none in a first pass."""
        self._turns = (self._turns[1] or now, now)

    def _has_turn(self, place: Place) -> bool:
        return account_report.is_turn(place.hash, *self._turns,
                                      self.options.report_again_interval)

    def _rate(self) -> Rate:
        if self.options.slowdown is not None and 'containers_per_second' not in self.conf:
            return Rate(1 / (self.options.slowdown + SLOWDOWN_OVERHEAD_S))
        return Rate(self.options.containers_per_second)

    # -- which containers ---------------------------------------------------------------------

    def _sights(self) -> Iterator[Sight]:
        """Yield every container database, partitions in random order.

        Cost: one hop into a thread for each partition and for each suffix directory.
        """
        datadir = DATADIRS['container']
        for device, part in self._tree.partitions(datadir, self._rng()):
            for suffix in self._tree.names(device, datadir, part):
                looked_at = self.clock.time()
                for place, marks in self._tree.listed(partial(_look_at_suffix, device, part),
                                                      device, datadir, part, suffix):
                    yield Sight(place, marks, looked_at)

    # -- one container ------------------------------------------------------------------------

    def _process_guarded(self, sight: Sight) -> None:
        place = sight.place
        broker = ContainerBroker(place, self.environment)
        started = self.clock.time()
        try:
            if self.process(broker):
                self._unchanged.remember(place.directory, sight.marks, sight.looked_at)
        except DatabaseMissing:
            pass                                     # removed meanwhile
        except LockTimeout as err:
            self.logger.info('Failed to get info of %s: %s', place.directory, err)
        except DiskError as err:
            self.counts.failures += 1
            self.logger.error('ERROR with container %s: %s', place.directory, err)
        except Exception:  # the item boundary of a daemon
            self.counts.failures += 1
            self.logger.exception('ERROR __process_container %s', place.directory)
        finally:
            run_in_thread(broker.close)
        self.statsd.timing_since('timing', started)

    def process(self, broker: ContainerBroker) -> bool:
        """Report one container if there is news; True iff there was none.

        Raises DiskError, LockTimeout.
        """
        report = run_in_thread(read_report, broker)
        info = report.info
        if not Timestamp(info.put_timestamp) or self._is_suppressed(info.account):
            return False
        if not report.is_news and not self._has_turn(broker.place):
            self._count_no_change()
            return True
        self._tell_accounts(broker, report)
        return False

    def _count_no_change(self) -> None:
        self.counts.no_changes += 1
        self.statsd.increment('no_changes')

    def _tell_accounts(self, broker: ContainerBroker, report: Report) -> None:
        info = report.info
        statuses = self._send(report)
        successes = sum(200 <= status < 300 for status in statuses)
        if successes > len(statuses) // 2:
            run_in_thread(broker.reported, info.put_timestamp, info.delete_timestamp,
                          report.object_count, report.bytes_used)
            self.counts.successes += 1
            self.statsd.increment('successes')
            return
        self.counts.failures += 1
        self.statsd.increment('failures')
        if report.is_news and statuses and all(status == 404 for status in statuses):
            run_in_thread(broker.quarantine, REASON_NO_ACCOUNT)
            return
        self.logger.debug('Update report failed for %s %s', info.path, broker.place.directory)
        self._suppressed[info.account] = (
            self.clock.monotonic() + self.options.account_suppression_time)

    def _is_suppressed(self, account: str) -> bool:
        until = self._suppressed.get(account)
        if until is None:
            return False
        if self.clock.monotonic() < until:
            return True
        del self._suppressed[account]
        return False

    def _send(self, report: Report) -> list[int]:
        """Tell all account servers at once; return their statuses, 500 for no answer."""
        info = report.info
        part, nodes = self.cluster.account_ring.get_nodes(info.account)
        path = quote(join_path(info.account, info.container))
        headers = dict(report_headers(info, 'container-updater'))
        headers['X-Object-Count'] = str(report.object_count)
        headers['X-Bytes-Used'] = str(report.bytes_used)
        headers['X-Account-Override-Deleted'] = 'yes'
        with Pile(len(nodes)) as pile:
            for node in nodes:
                pile.spawn(self._send_one, node, part, path, headers)
            return list(pile)

    def _send_one(self, node: Any, part: int, path: str, headers: dict[str, str]) -> int:
        try:
            response = self._transport.request(
                node, 'PUT', target_of(node.device, part, path), headers,
                timeout_s=self.options.node_timeout, replication=True)
            try:
                response.read()
            finally:
                response.close()
        except TransportError as err:
            self.logger.error('ERROR account update failed with %s:%s/%s (will retry later): %s',
                              node.replication_ip, node.replication_port, node.device, err)
            return 500
        return response.status


def _look_at_suffix(device: str, part: str, path: str) -> list[tuple[Place, Marks]]:
    """Return the databases of a suffix directory with their marks. Raises OSError."""
    found = []
    for name in fs.list_dir(path):
        place = Place.of('container', device, part, name)
        marks = marks_of(place)
        if marks:
            found.append((place, marks))
    return found


def read_report(broker: ContainerBroker) -> Report:
    """Return what a database has to tell. Shards count nothing: their root does."""
    info = broker.info()
    if broker.is_root():
        return Report(info, info.object_count, info.bytes_used)
    return Report(info, 0, 0)
