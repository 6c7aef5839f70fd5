"""container-sync-realms.conf: the keys and clusters of realms, read again when the file changes.

Layer 1. Looked at every `mtime_check_interval` seconds at most; no file, no realms. A file that
cannot be read is logged and changes nothing. Source: sheet 03 §19.2, sheet 05 §24.
"""
import os
from collections.abc import Mapping

from swift.common.clock import SYSTEM, Clock
from swift.common.config.options import Options, Seconds, Text
from swift.common.config.parser import read_plain
from swift.common.errors import ConfigError
from swift.common.log import Logger
from swift.core.sync_target import Realm, parse_realms

CONF_NAME = 'container-sync-realms.conf'
CHECK_INTERVAL_S = 300


class RealmsDefaults(Options):
    """How often the file is looked at."""

    mtime_check_interval = Seconds(CHECK_INTERVAL_S, 'Shortest time between two looks at whether '
                                                     'this file has changed.')


class RealmOptions(Options, section='realm'):
    """A realm: clusters that synchronise containers with each other."""

    key = Text('', 'Secret that all clusters of the realm share.')
    key2 = Text('', 'Second key that is accepted, for changing keys.')


class SyncRealms:
    """The realms of one configuration directory, one instance per process."""

    def __init__(self, swift_dir: str, logger: Logger, clock: Clock = SYSTEM):
        self.path = os.path.join(swift_dir, CONF_NAME)
        self._logger = logger
        self._clock = clock
        self._realms: Mapping[str, Realm] = {}
        self._seen: tuple[int, int, int] | None = None
        self._interval_s = float(CHECK_INTERVAL_S)
        self._look_at = 0.0

    def current(self) -> Mapping[str, Realm]:
        """Return the realms by name in upper case. Cost: seldom a stat, hardly ever a small read.
        """
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._reload()
            self._look_at = now + self._interval_s
        return self._realms

    def _reload(self) -> None:
        try:
            status = os.stat(self.path)
        except OSError:
            self._seen, self._realms = None, {}
            return
        seen = status.st_mtime_ns, status.st_size, status.st_ino
        if seen == self._seen:
            return
        try:
            sections = read_plain(self.path)
            # What [DEFAULT] says is in every section.
            said = {name: section[name] for section in sections.values()
                    for name in RealmsDefaults.table if name in section}
            defaults = RealmsDefaults.parse(said, self.path)
        except ConfigError as problem:
            self._logger.error('Could not load %s: %s', self.path, problem)
            return
        self._realms = parse_realms(sections)
        self._seen, self._interval_s = seen, defaults.mtime_check_interval
