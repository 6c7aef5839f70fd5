"""The object-updater daemon: brings deferred container updates to their containers.

Layer 3. Each device has ``async_pending[-N]/<suffix>/<hash>-<time>``. A sweep of a device is
update_sweep's work; here are the options, the loop over the devices and the numbers for operators.
A process handles one device at a time; ``updater_workers`` > 1 forks one process per device.
Source: sheet 02 §20, §23.5, §24.
"""
import os
from typing import Any

from swift.common import recon_cache
from swift.common.cluster import Cluster
from swift.common.config.common import StorageDaemonOptions
from swift.common.config.options import Float, Integer, Seconds
from swift.common.daemon import Daemon, in_processes
from swift.common.devices import usable_devices
from swift.common.http.pool import ConnectionPool
from swift.common.metrics import Statsd
from swift.core.pending_update import OldestFailures
from swift.obj.update_sweep import DeviceSweep

_PER_DEVICE = 'object_updater_per_device'


class ObjectUpdaterOptions(StorageDaemonOptions, section='object-updater'):
    """Tells container servers what they did not take when an object was written."""

    interval = Seconds(300, 'Shortest time between the starts of two sweeps.')
    concurrency = Integer(8, 'Updates sent at the same time.', at_least=1)
    updater_workers = Integer(1, 'Devices worked on at the same time, each in its own process.',
                              at_least=1)
    slowdown = Float(0.01, 'Deprecated: pause after each update; use objects_per_second.')
    objects_per_second = Float(50, 'Updates per second and process; 0 = no limit.')
    max_objects_per_container_per_second = Float(
        0, 'Updates per second for containers that share a bucket; 0 = no limit.')
    per_container_ratelimit_buckets = Integer(1000, 'Buckets that containers are hashed into.',
                                              at_least=1)
    max_deferred_updates = Integer(10000, 'Updates that wait for their container; the oldest '
                                          'beyond that are left to the next sweep.', at_least=0)
    report_interval = Seconds(300, 'Progress is logged this often during a sweep.')
    async_tracker_max_entries = Integer(100, 'Containers with failures that are remembered.',
                                        at_least=1)
    async_tracker_dump_count = Integer(5, 'How many of them are reported.', at_least=0)
    conn_timeout = Seconds(0.5, 'Time allowed to connect to a container server.')
    node_timeout = Seconds(10, 'Time allowed for its answer.')


class ObjectUpdater(Daemon):
    """The daemon. ``pool`` sends requests; tests give it one that answers from memory."""

    options_class = ObjectUpdaterOptions

    def __init__(self, conf: Any, logger: Any = None, *, pool: Any = None,
                 cluster: Cluster | None = None, **more: Any):
        super().__init__(conf, logger, **more)
        if 'slowdown' in self.conf and 'objects_per_second' not in self.conf:
            self.options = self.options.replace(
                objects_per_second=1 / (self.options.slowdown + 0.01))
        self.cluster = cluster or Cluster.load(self.options.swift_dir, logger=self.logger)
        self.pool = pool or ConnectionPool()
        self.statsd = Statsd.from_options(conf, tail=self.options.log_name or 'object-updater',
                                          logger=self.logger)
        self.sleep = self._sleep
        self._recon_path = os.path.join(self.options.recon_cache_path, recon_cache.OBJECT_FILE)

    def run_pass(self, **words: Any) -> None:
        """Sweep all devices."""
        began = self.clock.monotonic()
        # Without a ring nothing can be sent: one error instead of one per update.
        assert self.cluster.container_ring
        self.logger.info('Begin object update sweep')
        devices = self._devices()
        workers = self.options.updater_workers
        in_processes(self.sweep_device, devices, workers if workers > 1 else 0, self.logger)
        took = self.clock.monotonic() - began
        self.logger.info('Object update sweep of all devices completed: %.02fs', took)
        known = recon_cache.read(self._recon_path).get(_PER_DEVICE) or {}
        stats = [known[device] for device in devices if isinstance(known.get(device), dict)]
        gone = {device: {} for device in known if device not in devices}
        self._dump({'object_updater_sweep': took, 'object_updater_last': self.clock.time(),
                    'object_updater_stats': self._aggregate(stats)})
        if gone:
            self._dump({_PER_DEVICE: gone})

    def _devices(self) -> list[str]:
        return [name for name, _path in usable_devices(
            self.options.devices, self.options.mount_check, self.logger.warning)]

    def sweep_device(self, device: str) -> None:
        """Sweep one device and leave its numbers in the recon file."""
        sweep = DeviceSweep(self, device)
        sweep.run()
        self._dump({_PER_DEVICE: {device: self._failure_stats(sweep.failures)}})

    def _failure_stats(self, failures: OldestFailures) -> dict[str, Any]:
        entries = [{'timestamp': time.normal, 'account': account, 'container': container}
                   for time, account, container in failures.oldest(len(failures))]
        return self._stats_of(entries, len(failures))

    def _aggregate(self, stats: list[dict[str, Any]]) -> dict[str, Any]:
        entries = [entry for one in stats for entry in
                   one['failures_oldest_timestamp_account_containers']['oldest_entries']]
        entries.sort(key=lambda entry: entry['timestamp'])
        return self._stats_of(entries, sum(one['failures_account_container_count']
                                           for one in stats))

    def _stats_of(self, entries: list[dict[str, str]], count: int) -> dict[str, Any]:
        oldest = float(entries[0]['timestamp']) if entries else None
        shown = entries[:self.options.async_tracker_dump_count]
        return {
            'failures_oldest_timestamp': oldest,
            'failures_oldest_timestamp_age':
                None if oldest is None else self.clock.time() - oldest,
            'failures_account_container_count': count,
            'failures_oldest_timestamp_account_containers': {
                'oldest_count': len(shown), 'oldest_entries': shown},
            # Compat: shown by tools; what the entries take as text.
            'tracker_memory_usage': sum(len(str(entry)) for entry in entries)}

    def _dump(self, values: dict[str, Any]) -> None:
        recon_cache.dump(values, self._recon_path, self.logger)
