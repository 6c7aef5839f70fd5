"""The object-replicator daemon: keeps every partition of a replicated policy on its primaries.

Layer 3. Options, what the processes of the daemon know, and the numbers for operators; the work
is done by replication_pass (which partitions), replication_jobs (one partition) and ssync_sender.

    ObjectReplicator ── ReplicationPass ── Jobs ── rsync | SsyncSender

``known`` remembers partitions that were found alike on all primaries, see suffix_diff.InSync. It
lives and dies with the process: the first pass always compares everything.
Source: sheet 02 §17, §23.3, §24; sheet 07 §6.
"""
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from swift.common import recon_cache
from swift.common.cluster import Cluster
from swift.common.config.common import StorageDaemonOptions
from swift.common.config.options import AutoInt, Bool, Choice, Integer, Seconds, Text
from swift.common.daemon import Daemon
from swift.common.daemon_workers import deal_out, run_workers, supervise
from swift.common.errors import RingError
from swift.common.http.pool import ConnectionPool
from swift.common.listening import local_addresses
from swift.common.metrics import Statsd
from swift.common.ring.utils import is_local_device
from swift.common.transport import NodeTransport
from swift.core.policy import StoragePolicy
from swift.core.ring_lookup import Node
from swift.core.rsync_module import RsyncLimits
from swift.core.suffix_diff import InSync, effective_handoff_delete
from swift.obj.options import DiskOptions
from swift.obj.replication_pass import ReplicationPass, Selection
from swift.obj.replication_stats import (
    ReplicationStats,
    aggregate,
    progress_lines,
    recon_values,
    total_of,
)
from swift.obj.ssync_sender import SsyncSender, SyncTimeouts
from swift.obj.store import Store

_PER_DISK = 'object_replication_per_disk'
# Partitions remembered at most; some 700 bytes each.
KNOWN_MAX = 100_000


class ObjectReplicatorOptions(StorageDaemonOptions, DiskOptions, section='object-replicator'):
    """Keeps every object of replicated policies on its primaries, and empties handoffs."""

    interval = Seconds(30, 'Pause between two passes.', aliases=('run_pause',))
    concurrency = Integer(1, 'Partitions worked on at the same time, per process.', at_least=1)
    replicator_workers = Integer(0, 'Processes, each with a share of the devices; 0 = none but '
                                    'the main one.', at_least=0)
    stats_interval = Seconds(300, 'Progress is logged this often during a pass.')
    full_check_interval = Seconds(3600, 'Partitions that did not change since they were found '
                                        'alike on all primaries are compared in full, with a new '
                                        'listing, this often; in between only their states are. '
                                        '0 = compare all in every pass.')
    sync_method = Choice('rsync', 'ssync', doc='How missing files are sent.')
    rsync_timeout = Seconds(900, 'Longest run of one rsync.')
    rsync_io_timeout = Integer(30, 'Seconds after which rsync gives up a silent peer.',
                               at_least=0)
    rsync_bwlimit = Text('0', 'Bandwidth limit of each rsync in kB/s, or with a suffix; '
                              '0 = none.')
    rsync_compress = Bool(False, 'Compress what goes to another region.')
    rsync_module = Text('{replication_ip}::object', 'Where the rsync daemon of a node takes '
                        'objects; may hold {ip} {port} {replication_ip} {replication_port} '
                        '{region} {zone} {device} {meta}.')
    conn_timeout = Seconds(0.5, 'Time allowed to connect to a node.')
    node_timeout = Seconds(10, 'Time allowed for the start of an SSYNC session and for each '
                               'send of it.')
    http_timeout = Seconds(60, 'Time allowed for an answer to REPLICATE, and for each wait '
                               'during an SSYNC session.')
    lockup_timeout = Seconds(1800, 'Deprecated and unused.')
    ring_check_interval = Seconds(15, 'How often a pass looks whether a ring changed.')
    log_rsync_transfers = Bool(True, 'Log the files that rsync sends, at level DEBUG.')
    rsync_error_log_line_length = Integer(0, 'Error lines of rsync are cut to this length; '
                                             '0 = never.', at_least=0)
    handoffs_first = Bool(False, 'Empty handoff partitions before all else; for emergencies.')
    handoff_delete = AutoInt(0, 'A handoff partition is removed after so many primaries have '
                                'it; auto = all.')


@dataclass(frozen=True, slots=True)
class _Share:
    """What a worker process is to do."""
    devices: tuple[str, ...]
    selection: Selection


class ObjectReplicator(Daemon):
    """The daemon. ``pool`` sends requests; tests may share one."""

    options_class = ObjectReplicatorOptions
    jitter = False
    rest_full_interval = True

    def __init__(self, conf: Any, logger: Any = None, *, pool: Any = None,
                 cluster: Cluster | None = None, **more: Any):
        super().__init__(conf, logger, **more)
        options = self.options
        self.cluster = cluster or Cluster.load(options.swift_dir, logger=self.logger)
        self.statsd = Statsd.from_options(conf, tail=options.log_name or 'object-replicator',
                                          logger=self.logger)
        self.store = Store(options, self.cluster, self.logger, self.statsd, self.clock)
        self.transport = NodeTransport(pool or ConnectionPool(), options.conn_timeout)
        self.sender = SsyncSender(self.store, self.transport, SyncTimeouts(
            options.node_timeout, options.http_timeout), options.disk_chunk_size, self.logger)
        self.rsync_limits = RsyncLimits(options.rsync_io_timeout, options.rsync_bwlimit,
                                        options.rsync_compress)
        self.known: dict[tuple, InSync] = {}
        self.pass_count = 0
        self._stats: dict[str, ReplicationStats] = {}
        self._share: frozenset[str] | None = None        # None: all local devices
        self._recon_path = os.path.join(options.recon_cache_path, recon_cache.OBJECT_FILE)
        self._aggregated = self.clock.monotonic()
        self._addresses = local_addresses(options.ring_ip or options.bind_ip)

    # -- what this process is responsible for --------------------------------------------------

    def replicated_policies(self) -> list[StoragePolicy]:
        """Return the policies whose objects are whole copies."""
        return [policy for policy in self.cluster.policies if not policy.is_ec]

    def ring_of(self, policy: StoragePolicy) -> Any:
        """Return the ring of a policy."""
        return self.cluster.object_ring(policy.index)

    def local_devices(self, policy: StoragePolicy) -> list[Node]:
        """Return the ring devices of this machine, replication addresses deciding."""
        options = self.options
        port = None if options.servers_per_port else options.bind_port
        nodes = [Node.from_dict(device) for device in self.ring_of(policy).devs if device]
        return [node for node in nodes if is_local_device(
            self._addresses, port, node.replication_ip, node.replication_port)]

    def handles(self, device: str) -> bool:
        """Tell whether a device is among the share of this process."""
        return self._share is None or device in self._share

    @property
    def handoff_delete(self) -> int:
        """How many copies suffice to remove a handoff; 0: all."""
        return effective_handoff_delete(self.options.handoff_delete, (
            self.ring_of(policy).replica_count for policy in self.replicated_policies()))

    def headers_for(self, policy: StoragePolicy) -> dict[str, str]:
        """Return the headers of a request to a peer."""
        return {'User-Agent': 'object-replicator %d' % os.getpid(),
                'X-Backend-Storage-Policy-Index': str(policy.index)}

    def remember(self, key: tuple, state: InSync) -> None:
        """Remember that a partition is alike on all primaries, if there is room."""
        if len(self.known) < KNOWN_MAX:
            self.known[key] = state

    def stats_of(self, device: str) -> ReplicationStats:
        """Return the counters of a device in this pass."""
        return self._stats.setdefault(device, ReplicationStats())

    # -- passes --------------------------------------------------------------------------------

    def run_once(self, devices: Iterable[str] = (), partitions: Iterable[int] = (),
                 policies: Iterable[int] = (), **_words: Any) -> None:
        """Do one pass, limited to some devices, partitions or policies if any are given."""
        began = self.clock.monotonic()
        self.logger.info('Running object replicator in script mode.')
        selection = Selection(frozenset(devices), frozenset(partitions), frozenset(policies))
        if self.options.replicator_workers:
            shares = [_Share(share, selection) for share in self._shares()]
            run_workers(shares, self._work_once, self.logger)
            self._aggregate()
        else:
            self._replicate(selection)
        self.logger.info('Object replication complete (once). (%.02f minutes)',
                         (self.clock.monotonic() - began) / 60)

    def run_forever(self, **_words: Any) -> None:
        """Do passes until the process ends, in worker processes if so configured."""
        self.logger.info('Starting object replicator in daemon mode.')
        if not self.options.replicator_workers:
            super().run_forever()
            return
        supervise(self._shares, self._work_forever, self.logger, self._sleep,
                  self._aggregate_sometimes)

    def run_pass(self, **_words: Any) -> None:
        """Do one pass of the daemon."""
        began = self.clock.monotonic()
        self.logger.info('Starting object replication pass.')
        self._replicate(Selection())
        self.logger.info('Object replication complete. (%.02f minutes)',
                         (self.clock.monotonic() - began) / 60)

    def _replicate(self, selection: Selection) -> None:
        began = self.clock.monotonic()
        self._stats = {}
        self.pass_count += 1
        ReplicationPass(self, selection).run()
        if not selection.is_limited:
            self._publish(self.clock.monotonic() - began)

    def report(self, done: int, total: int, seconds: float) -> None:
        """Log how far a pass is."""
        for line in progress_lines(done, total, seconds, total_of(self._stats.values())):
            self.logger.info('%s', line)

    # -- worker processes ----------------------------------------------------------------------

    def _shares(self) -> list[tuple[str, ...]]:
        try:
            names = [node.device for policy in self.replicated_policies()
                     for node in self.local_devices(policy)]
        except RingError as error:
            self.logger.error('%s', error)
            names = []
        return deal_out(names, self.options.replicator_workers)

    def _work_once(self, share: _Share) -> None:
        self._share = frozenset(share.devices)
        self._replicate(share.selection)

    def _work_forever(self, devices: tuple[str, ...]) -> None:
        self._share = frozenset(devices)
        super().run_forever()

    # -- recon ---------------------------------------------------------------------------------

    def _publish(self, seconds: float) -> None:
        ended = self.clock.time()
        if self._share is None:
            self._dump(recon_values(total_of(self._stats.values()).as_recon(), seconds, ended))
            return
        self._dump({_PER_DISK: {
            device: recon_values(self.stats_of(device).as_recon(), seconds, ended)
            for device in self._share}})

    def _aggregate_sometimes(self) -> None:
        now = self.clock.monotonic()
        if now - self._aggregated >= self.options.stats_interval:
            self._aggregated = now
            self._aggregate()

    def _aggregate(self) -> None:
        """Sum up what the workers left, once each local device has reported."""
        known = recon_cache.read(self._recon_path).get(_PER_DISK) or {}
        local = {device for share in self._shares() for device in share}
        gone = {device: {} for device in known if device not in local}
        if gone:
            self._dump({_PER_DISK: gone})
        if local and local <= set(known):
            self._dump(aggregate({device: known[device] for device in local}))

    def _dump(self, values: dict[str, Any]) -> None:
        recon_cache.dump(values, self._recon_path, self.logger)


def add_arguments(parser: Any) -> None:
    """Declare what the program understands besides the words of every daemon."""
    parser.add_argument('-d', '--devices', type=_names, default=(),
                        help='replicate only these devices (comma-separated; with --once)')
    parser.add_argument('-p', '--partitions', type=_numbers, default=(),
                        help='replicate only these partitions (comma-separated; with --once)')
    parser.add_argument('-i', '--policies', type=_numbers, default=(),
                        help='replicate only policies with these indexes (with --once)')


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(',') if name.strip())


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(name) for name in _names(text))
