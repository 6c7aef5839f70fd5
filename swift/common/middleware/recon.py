"""recon: what a storage node knows about itself, as JSON, for operators' tools.

Layer 2, in account, container and object servers. Answers every method on ``/recon/<what>[/<of>]``
without authentication; these servers belong on a network of their own. What daemons last did is
read from the recon files that they write (common/recon_cache.py); what is missing there is null.

    200 application/json    404 `Invalid path: ...`    500 `Internal server error.`

Devices may be dead and hang whoever looks at them, so all work is done in a few native threads of
its own: requests for objects never wait for it. Source: sheet 05 §25.2, sheet 07 §10.1.
"""
import importlib.metadata
import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from swift.common import recon_cache, recon_sources
from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.config.common import SwiftDir
from swift.common.config.options import Options, Text
from swift.common.disk_threads import DiskThreads
from swift.common.errors import SwiftError
from swift.common.places import DEFAULT_SWIFT_DIR
from swift.common.sections import read_section
from swift.common.swob import Response

PREFIX = '/recon/'
THREADS = 4
OBJECT, CONTAINER, ACCOUNT = (recon_cache.OBJECT_FILE, recon_cache.CONTAINER_FILE,
                              recon_cache.ACCOUNT_FILE)
DRIVE, RELINKER = 'drive.recon', 'relinker.recon'
_REPLICATION = ('replication_time', 'replication_stats', 'replication_last')
_OBJECT_REPLICATION = (OBJECT, (*_REPLICATION, 'object_replication_time',
                                'object_replication_last'))


def _audits(kind: str, file: str) -> tuple[str, tuple[str, ...]]:
    return file, tuple(kind + key for key in ('_audits_passed', '_auditor_pass_completed',
                                              '_audits_since', '_audits_failed'))


# What comes from the files of daemons: path -> file and keys.
CACHED: dict[str, tuple[str, tuple[str, ...]]] = {
    'async': (OBJECT, ('async_pending', 'async_pending_last')),
    'replication': _OBJECT_REPLICATION,
    'replication/object': _OBJECT_REPLICATION,
    'replication/account': (ACCOUNT, _REPLICATION),
    'replication/container': (CONTAINER, _REPLICATION),
    'reconstruction/object': (OBJECT, ('object_reconstruction_last',
                                       'object_reconstruction_time')),
    'updater/container': (CONTAINER, ('container_updater_sweep',)),
    'updater/object': (OBJECT, ('object_updater_sweep', 'object_updater_stats',
                                'object_updater_last')),
    'auditor/account': _audits('account', ACCOUNT),
    'auditor/container': _audits('container', CONTAINER),
    'auditor/object': (OBJECT, ('object_auditor_stats_ALL', 'object_auditor_stats_ZBF')),
    'expirer/object': (OBJECT, ('object_expiration_pass', 'expired_last_pass')),
    'sharding': (CONTAINER, ('sharding_stats', 'sharding_time', 'sharding_last')),
    'driveaudit': (DRIVE, ('drive_audit_errors',)),
    'relinker': (RELINKER, ('devices', 'workers')),
}
# Paths whose second word says of what; others ignore one.
_DIVIDED = frozenset(path.partition('/')[0] for path in CACHED if '/' in path)


class ReconOptions(Options, section='filter:recon'):
    """Answers GET /recon/... with what daemons wrote down and what the node says of itself."""

    recon_cache_path = Text('/var/cache/swift', 'Directory of the recon files.')
    devices = Text('/srv/node', 'Parent directory of the device mount points.')
    swift_dir = SwiftDir(DEFAULT_SWIFT_DIR, 'Directory of swift.conf and the rings.')
    recon_lock_path = Text('/var/lock', 'Directory of the lock of swift-recon-cron.')


class ReconMiddleware:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: ReconOptions, logger: Any, *,
                 clock: Clock = SYSTEM, cluster: Cluster | None = None):
        self.app = app
        self.options = options
        self.logger = logger
        self._clock = clock
        self._cluster = cluster or Cluster(options.swift_dir, logger=logger)
        self._checksums = recon_sources.Checksums()
        self._threads = DiskThreads('recon', THREADS)
        devices, sources = options.devices, recon_sources
        self._sources: dict[str, Callable[[], Any]] = {
            'version': lambda: {'version': importlib.metadata.version('swift')},
            'load': sources.load,
            'mem': sources.memory,
            'mounted': sources.mounted,
            'unmounted': lambda: sources.unmounted(devices),
            'diskusage': lambda: sources.disk_usage(devices),
            'devices': lambda: sources.device_names(devices),
            'ringmd5': lambda: sources.ring_checksums(self._cluster, self._checksums, logger),
            'swiftconfmd5': lambda: sources.swift_conf_checksum(self._cluster, self._checksums,
                                                                logger),
            'quarantined': lambda: sources.quarantined(devices, self._cluster),
            'sockstat': sources.sockets,
            'time': self._clock.time,
        }

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        path = env.get('PATH_INFO', '')
        if not path.startswith(PREFIX):
            return self.app(env, start_response)
        return self._answer(path)(env, start_response)

    def _answer(self, path: str) -> Response:
        what, _slash, of_what = path[len(PREFIX):].partition('/')
        name = '%s/%s' % (what, of_what) if what in _DIVIDED and of_what else what
        if name not in CACHED and name not in self._sources:
            return Response(status=404, body=('Invalid path: %s' % path).encode('latin-1'),
                            content_type='text/plain')
        value = self._threads.run(self._value, name)
        if value is None:
            return Response(status=500, body='Internal server error.', content_type='text/plain')
        return Response(body=json.dumps(value), content_type='application/json')

    def _value(self, name: str) -> Any:
        """Return what is asked for, None if it cannot be had. In a native thread."""
        try:
            source = self._sources.get(name)
            return self._cached(*CACHED[name]) if source is None else source()
        except (OSError, SwiftError, ValueError, LookupError) as error:
            self.logger.error('Error getting recon data for %s: %s', name, error)
            return None

    def _cached(self, file: str, keys: tuple[str, ...]) -> dict[str, Any]:
        path = os.path.join(self.options.recon_cache_path, file)
        values = recon_cache.read(path)
        if not values and file != RELINKER:
            self.logger.warning('No recon data in %s', path)
        return {key: values.get(key) for key in keys}


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#recon`."""
    section = read_section(ReconOptions, global_conf, local_conf, 'recon')
    return lambda app: ReconMiddleware(app, section.options, section.logger)
