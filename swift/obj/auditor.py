"""The object-auditor daemon: reads what is stored and quarantines what contradicts itself.

Layer 3. A scan is audit_sweep's work; here are the options and the processes:

    parent ── ZBF child: scans, rests for the interval, scans again, until the parent lets go
          └── ALL children: one for all devices, or (concurrency > 1) one for each device

    -z N   only the zero-byte scan, at N files a second, in the parent
    -d     only some devices

Source: sheet 02 §19, §23.6, §24; sheet 07 §6.
"""
import os
import select
from collections.abc import Mapping
from typing import Any

from swift.common import recon_cache
from swift.common.cluster import Cluster
from swift.common.config.common import StorageDaemonOptions
from swift.common.config.options import Bytes, Float, Integer, List, Seconds, split_list
from swift.common.config.parser import readconf
from swift.common.daemon import Daemon, in_processes, start_process, wait_for_process
from swift.common.devices import usable_devices
from swift.common.errors import ConfigError
from swift.common.metrics import Statsd
from swift.core.audit_plan import ALL, ZBF
from swift.obj.audit_sweep import Scan
from swift.obj.audit_watchers import Watch, load_class, watcher_conf

RSYNC_TIMEOUT_EXTRA_S = 900
RSYNC_TIMEOUT_DEFAULT_S = 900
RSYNC_TEMPFILE_TIMEOUT_S = 86400


class Sizes(List):
    """A list of sizes in bytes."""

    kind = 'list of bytes'

    def parse(self, text: str) -> tuple[int, ...]:
        try:
            sizes = tuple(int(part) for part in split_list(text))
        except ValueError:
            raise ValueError('%r is not a list of whole numbers' % text) from None
        if any(size < 0 for size in sizes):
            raise ValueError('sizes are not negative')
        return sizes


class AutoSeconds(Seconds):
    """Seconds, or the word auto (None)."""

    def parse(self, text: str) -> float | None:
        return None if text.strip().lower() == 'auto' else super().parse(text)

    def show(self) -> str:
        return 'auto'


class ObjectAuditorOptions(StorageDaemonOptions, section='object-auditor'):
    """Reads objects, quarantines damaged ones and shows them to watchers."""

    interval = Seconds(30, 'Rest between two passes.')
    concurrency = Integer(1, 'Devices read at the same time, each in its own process; 1 = one '
                             'process for all.', at_least=1)
    files_per_second = Float(20, 'Objects a process audits per second; 0 = no limit.')
    bytes_per_second = Float(10000000, 'Bytes a process reads per second; 0 = no limit.')
    zero_byte_files_per_second = Float(50, 'Objects per second that the scan for empty and cut '
                                           'files opens; 0 = no such scan.')
    disk_chunk_size = Bytes(65536, 'Bytes read at once.', at_least=1)
    log_time = Seconds(3600, 'Progress is logged and noted in the recon file this often.')
    object_size_stats = Sizes((), 'Upper limits of size classes, such as 10,100,1024; how many '
                                  'objects are in each is logged after a pass.')
    rsync_tempfile_timeout = AutoSeconds(None, (
        'Files that rsync left behind are removed when they are this old; auto = rsync_timeout '
        'of [object-replicator] + 900, or 86400 without that section.'))
    reclaim_age = Seconds(604800, 'Tombstones older than this are reclaimed.')
    watchers = List((), 'Audit watchers to call with every good object, as package#name. '
                        'swift#dark_data finds objects that no container lists.')


class ObjectAuditor(Daemon):
    """The daemon."""

    options_class = ObjectAuditorOptions
    jitter = False
    rest_full_interval = True

    def __init__(self, conf: Mapping[str, str], logger: Any = None, *,
                 cluster: Cluster | None = None, **more: Any):
        super().__init__(conf, logger, **more)
        self.cluster = cluster or Cluster.load(self.options.swift_dir, logger=self.logger)
        self.statsd = Statsd.from_options(conf, tail=self.options.log_name or 'object-auditor',
                                          logger=self.logger)
        self.recon_path = os.path.join(self.options.recon_cache_path, recon_cache.OBJECT_FILE)
        self.sleep = self._sleep
        self.rng = self._rng
        # Here and not at the first scan, so that a wrong name stops the start.
        self._watcher_classes = {spec: load_class(spec) for spec in self.options.watchers}
        timeout = self.options.rsync_tempfile_timeout
        self.rsync_tempfile_timeout_s = _auto_timeout(conf) if timeout is None else timeout

    def watchers(self) -> list[Watch]:
        """Return the watchers of a new scan."""
        made = [Watch(spec, cls, watcher_conf(self.conf, spec), self.logger)
                for spec, cls in self._watcher_classes.items()]
        return [watch for watch in made if watch.is_on]

    def run_pass(self, *, zero_byte_fps: float = 0, devices: str = '', once: bool = False,
                 **words: Any) -> None:
        """Audit everything once."""
        chosen = split_list(devices or '')
        if zero_byte_fps:
            self._clear(ZBF)
            self.scan(ZBF, chosen, zero_byte_fps)
            return
        self._clear(ALL, ZBF)
        zbf_fps = self.options.zero_byte_files_per_second
        if zbf_fps <= 0:
            self._scan_all(chosen)
            return
        # The read end sees the end of the file when the ALL children have ended and the parent
        # lets go of the other end, or dies.
        reader, writer = os.pipe()
        child = start_process(
            lambda _nothing: self._scan_zero_bytes(chosen, zbf_fps, once, reader, writer), None,
            self.logger)
        os.close(reader)
        try:
            self._scan_all(chosen)
        finally:
            os.close(writer)
            wait_for_process(child)

    def _scan_all(self, chosen: tuple[str, ...]) -> None:
        parallel = self.options.concurrency
        if parallel > 1:
            items = [(name,) for name, _path in self.devices(chosen)]
            named = True
        else:
            items, named = [chosen], False
        in_processes(lambda names: self.scan(ALL, names, self.options.files_per_second, named),
                     items, parallel, self.logger)

    def _scan_zero_bytes(self, chosen: tuple[str, ...], fps: float, once: bool, reader: int,
                         writer: int) -> None:
        """The ZBF child: scan again and again while the parent's other children work."""
        os.close(writer)
        while True:
            self.scan(ZBF, chosen, fps)
            if once:
                return
            ended, _, _ = select.select([reader], [], [], self.options.interval)
            if ended:
                return

    def scan(self, kind: str, chosen: tuple[str, ...], files_per_second: float,
             named: bool = False) -> None:
        """Scan devices; none named means all."""
        Scan(self, kind, self.devices(chosen), chosen if named or chosen else (),
             files_per_second).run()

    def devices(self, chosen: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        """Return name and path of the devices that are usable, or those of them that are named."""
        return usable_devices(self.options.devices, self.options.mount_check,
                              self.logger.warning, chosen)

    def _clear(self, *kinds: str) -> None:
        recon_cache.dump({'object_auditor_stats_%s' % kind: {} for kind in kinds},
                         self.recon_path, self.logger)


def _auto_timeout(conf: Mapping[str, str]) -> float:
    """Return after how long no replicator can be writing a temporary file any more."""
    try:
        section = readconf(conf['__file__'], 'object-replicator')
        return float(section.get('rsync_timeout', RSYNC_TIMEOUT_DEFAULT_S)) + RSYNC_TIMEOUT_EXTRA_S
    except (ConfigError, KeyError, ValueError):
        return RSYNC_TEMPFILE_TIMEOUT_S


def add_arguments(parser: Any) -> None:
    """Declare the options of the command line."""
    parser.add_argument('-z', '--zero_byte_fps', type=float, metavar='N',
                        help='only scan for empty and cut files, at N files per second')
    parser.add_argument('-d', '--devices', metavar='NAMES', default='',
                        help='only audit these devices (comma separated)')
