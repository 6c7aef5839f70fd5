"""container-sync: keeps containers alike that live in two clusters, or twice in one.

Layer 3. Sheet 03 §19. A pass walks the links to containers with a target (sync_store.py) on the
devices of this machine. For each one of whose primaries this is: catch up, then send what is new
(core.sync_plan says which rows, sync_send.py sends them), for `container_time` seconds at most. How
far it came stands in the database; safe to kill at any moment: rows are sent again.

    skipped    containers that are deleted, versioned, not at home here, or lack a target or key
    failures   rows that did not arrive, and targets that cannot be resolved
"""
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from swift.common.client_daemon import ClientDaemon
from swift.common.config.common import StorageDaemonOptions
from swift.common.config.options import Integer, List, Seconds, Text
from swift.common.db.broker import Environment
from swift.common.db.files import Place
from swift.common.devices import usable_devices
from swift.common.disk_threads import run_in_thread
from swift.common.errors import DatabaseMissing, DiskError, LockTimeout
from swift.common.green import Pile
from swift.common.http.remote import RemoteClient
from swift.common.internal_client import conf_for
from swift.common.listening import local_addresses
from swift.common.ring.utils import is_local_device
from swift.common.sync_realms import SyncRealms
from swift.container import sync_store
from swift.container.backend import ContainerBroker, ContainerInfo
from swift.container.sync_send import Sender, Target
from swift.core import db_metadata, sync_target
from swift.core.row_merge import ObjectRecord
from swift.core.sync_plan import Failures, Sent, is_mine

AGENT = 'Swift Container Sync'
ROWS_PER_READ = 100
REPORT_INTERVAL_S = 3600
COUNTED = ('syncs', 'deletes', 'puts', 'skips', 'failures')


class ContainerSyncOptions(StorageDaemonOptions, section='container-sync'):
    """The daemon that keeps containers alike that live in two clusters."""

    interval = Seconds(300, 'Shortest time between the starts of two passes.')
    container_time = Seconds(60, 'Longest time spent on one container in one pass.')
    conn_timeout = Seconds(5, 'Longest silence allowed from the other cluster.')
    request_tries = Integer(3, 'How often a request to this cluster is tried.', at_least=1)
    sync_row_concurrency = Integer(8, 'Rows of a container that are sent at the same time.',
                                   at_least=1)
    sync_proxy = List((), 'HTTP proxies on the way to other clusters, http://host:port; one of '
                          'them is taken for each request.')
    internal_client_conf_path = Text('', 'Pipeline for requests to this cluster; default '
                                         'internal-client.conf in swift_dir, or else a built-in '
                                         'one. It must have symlink, and what encrypts.')
    allowed_sync_hosts = List(('127.0.0.1',), 'Hosts that X-Container-Sync-To may name by URL.')


class ContainerSync(ClientDaemon):
    """The daemon. Tests give it a cluster, a client and a remote."""

    options_class = ContainerSyncOptions
    agent = AGENT
    statsd_name = 'container-sync'

    def __init__(self, conf: Mapping[str, str], logger: Any = None, *,
                 remote: RemoteClient | None = None, **parts: Any):
        super().__init__(conf, logger, **parts)
        options = self.options
        self.environment = Environment(self.logger, self.clock)
        self.realms = SyncRealms(options.swift_dir, self.logger, self.clock)
        self.sender = Sender(lambda: self.client,
                             remote or RemoteClient(options.conn_timeout, options.sync_proxy),
                             self.logger, self._sleep)
        self._addresses = frozenset(local_addresses(options.ring_ip or options.bind_ip))
        self.counts = dict.fromkeys(COUNTED, 0)
        self._reported = self.clock.monotonic()

    def client_path(self) -> str | None:
        """Return where the pipeline is: in the file of clients inside daemons."""
        return conf_for(self.options.internal_client_conf_path, self.options.swift_dir)

    # -- a pass --------------------------------------------------------------------------------

    def run_pass(self, **words: Any) -> None:
        """Look at every container that has a target, once."""
        assert self.cluster.container_ring
        self.logger.info('Begin container sync pass')
        began = self.clock.monotonic()
        for _name, device in run_in_thread(usable_devices, self.options.devices,
                                           self.options.mount_check, self.logger.warning):
            for place in run_in_thread(sync_store.places, device):
                self._process_guarded(place)
                if self.clock.monotonic() - self._reported >= REPORT_INTERVAL_S:
                    self.report()
        self.logger.info('Container sync pass completed: %.02fs',
                         self.clock.monotonic() - began)

    def run_once(self, **words: Any) -> None:
        """Do one pass, and say what it did."""
        self.run_pass(**words)
        self.report()

    def report(self) -> None:
        """Log what was done since the last report."""
        counts = self.counts
        self.logger.info('In the last %.0fs: %s synced [%s deletes, %s puts], %s skipped, '
                         '%s failed', self.clock.monotonic() - self._reported, counts['syncs'],
                         counts['deletes'], counts['puts'], counts['skips'], counts['failures'])
        self.counts = dict.fromkeys(COUNTED, 0)
        self._reported = self.clock.monotonic()

    def _count(self, name: str) -> None:
        self.counts[name] += 1
        self.statsd.increment(name)

    # -- one container -------------------------------------------------------------------------

    def _process_guarded(self, place: Place) -> None:
        broker = ContainerBroker(place, self.environment)
        try:
            self.process(broker)
        except DatabaseMissing:
            pass                                     # removed meanwhile
        except (DiskError, LockTimeout) as error:
            self._count('failures')
            self.logger.error('ERROR Syncing %s: %s', place.directory, error)
        except Exception:  # the item boundary of a daemon
            self._count('failures')
            self.logger.exception('ERROR Syncing %s', place.directory)
        finally:
            run_in_thread(broker.close)

    def process(self, broker: ContainerBroker) -> None:
        """Synchronise one container, if it is to be and this is its place."""
        info = run_in_thread(broker.info)
        place_among = self._place_among_primaries(broker.place, info)
        if place_among is None:
            return
        if self._is_skipped(info):
            self._count('skips')
            return
        try:
            target = self._target(info)
        except sync_target.BadSyncTarget as problem:
            self._count('failures')
            self.logger.error('ERROR %s: %s', info.path, problem)
            return
        _Run(self, broker, info, target, *place_among).run()
        self._count('syncs')

    def _place_among_primaries(self, place: Place, info: ContainerInfo
                               ) -> tuple[int, int] | None:
        """Return which of how many primaries of a container the device is, None if it is none."""
        _part, nodes = self.cluster.container_ring.get_nodes(info.account, info.container)
        for ordinal, node in enumerate(nodes):
            if node.device == place.device and is_local_device(
                    self._addresses, self.options.bind_port, node.ip, node.port):
                return ordinal, len(nodes)
        return None

    def _is_skipped(self, info: ContainerInfo) -> bool:
        metadata = db_metadata.live(info.metadata)
        if info.is_deleted or not all(
                metadata.get(key) for key in (sync_store.TARGET_KEY, sync_store.SECRET_KEY)):
            return True
        if metadata.get('X-Container-Sysmeta-Versions-Container'):
            self.logger.warning('Skipping container %s with object versioning configured',
                                info.path)
            return True
        return False

    def _target(self, info: ContainerInfo) -> Target:
        """Return where a container is synchronised to. Raises BadSyncTarget."""
        value = info.metadata[sync_store.TARGET_KEY][0]
        user_key = info.metadata[sync_store.SECRET_KEY][0]
        realms = self.realms.current()
        url = sync_target.resolve(value, self.options.allowed_sync_hosts, realms)
        if url is None:
            raise sync_target.BadSyncTarget('no target in X-Container-Sync-To')
        realm = sync_target.realm_of(value)
        return Target(info.account, info.container, info.storage_policy_index, url,
                      urlsplit(url).path, user_key, realm, realms[realm].key if realm else '')


class _Run:
    """One container in one pass."""

    def __init__(self, owner: ContainerSync, broker: ContainerBroker, info: ContainerInfo,
                 target: Target, ordinal: int, replicas: int):
        self._owner = owner
        self._broker = broker
        self._info = info
        self._target = target
        self._ordinal = ordinal
        self._replicas = replicas
        self._point1 = info.x_container_sync_point1
        self._point2 = info.x_container_sync_point2
        self._stop_at = owner.clock.monotonic() + owner.options.container_time
        # False once somebody else has given the container another target.
        self._goes_on = True

    def run(self) -> None:
        self._catch_up()
        self._send_new()

    @property
    def _has_time(self) -> bool:
        return self._goes_on and self._owner.clock.monotonic() < self._stop_at

    def _rows(self, point: int, end: int | None) -> Sequence[tuple[int, ObjectRecord]]:
        return run_in_thread(self._broker.rows_between, point, end, ROWS_PER_READ)

    def _batches(self, rows: Sequence[tuple[int, ObjectRecord]]):
        size = self._owner.options.sync_row_concurrency
        for start in range(0, len(rows), size):
            if not self._has_time:
                return
            yield rows[start:start + size]

    def _catch_up(self) -> None:
        """Send every row up to point 1; point 2 stays before the first that failed."""
        reached = self._point2
        failures = Failures(reached)
        while reached < self._point1 and self._has_time:
            rows = self._rows(reached, self._point1)
            if not rows:
                # Rows that were replaced since have higher numbers.
                failures.done([self._point1], [])
                reached = self._point1
            for batch in self._batches(rows):
                sent = self._send(batch)
                failures.done([number for number, _row in batch],
                              [number for number, result in sent if result is Sent.FAILED])
                reached = batch[-1][0]
            self._store(self._point1, failures.point)

    def _send_new(self) -> None:
        """Send this replica's share of what is behind point 1."""
        reached = self._point1
        while self._has_time and (rows := self._rows(reached, None)):
            for batch in self._batches(rows):
                self._send([(number, row) for number, row in batch if self._is_mine(row)])
                reached = batch[-1][0]
            self._store(reached, self._point2)

    def _store(self, point1: int, point2: int) -> None:
        if (point1, point2) != (self._point1, self._point2):
            self._goes_on = run_in_thread(
                self._broker.set_sync_points, point1, point2,
                self._info.metadata[sync_store.TARGET_KEY][0])
            self._point1, self._point2 = point1, point2

    def _is_mine(self, row: ObjectRecord) -> bool:
        path_hash = self._owner.cluster.hash_path(
            self._info.account, self._info.container, row.name, raw_digest=True)
        return is_mine(path_hash, self._ordinal, self._replicas)

    def _send(self, rows: Sequence[tuple[int, ObjectRecord]]) -> list[tuple[int, Sent]]:
        if not rows:
            return []
        with Pile(len(rows)) as pile:
            for number, row in rows:
                pile.spawn(self._send_one, number, row)
            return list(pile)

    def _send_one(self, number: int, row: ObjectRecord) -> tuple[int, Sent]:
        owner = self._owner
        began = owner.clock.time()
        result = owner.sender.send(self._target, row)
        if result is not Sent.NOTHING_TO_DO:
            owner._count(result.value)
        if result in (Sent.PUT, Sent.DELETED):
            owner.statsd.timing_since(f'{result.value}.timing', began)
        return number, result
