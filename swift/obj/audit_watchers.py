"""Plug-ins that see every good object an auditor meets.

Layer 3. A watcher is a class behind an entry point of the group ``swift.object_audit_watcher``;
``watchers = pkg#name, ...`` enables it. Its interface, all arguments by keyword:

    Watcher(conf, logger)
    start(audit_type=)                                a scan begins, ``ALL`` or ``ZBF``
    see_object(object_metadata=, data_file_path=)     after an object passed its audit
    end()                                             the scan is over

A class may take further keywords (``**other``); more may be passed one day. Whatever goes wrong
in the constructor, start or end switches the watcher off for the scan; in see_object it is logged.
QuarantineRequest from see_object has the object quarantined. Source: sheet 02 §19.
"""
import importlib.metadata
from collections.abc import Mapping
from typing import Any

from swift.common.config.parser import readconf
from swift.common.errors import ConfigError
from swift.common.exceptions import QuarantineRequest
from swift.common.log import Logger

GROUP = 'swift.object_audit_watcher'
SECTION_PREFIX = 'object-auditor:watcher:'


def load_class(spec: str) -> type:
    """Return the class that ``pkg#name`` (or ``egg:pkg#name``) means. Raises ConfigError."""
    package, _hash, name = spec.removeprefix('egg:').partition('#')
    try:
        distribution = importlib.metadata.distribution(package)
        for entry in distribution.entry_points:
            if entry.group == GROUP and entry.name == name:
                return entry.load()
    except (ImportError, AttributeError) as error:
        # PackageNotFoundError is an ImportError too.
        raise ConfigError('Unable to load audit watcher %s: %s' % (spec, error)) from error
    raise ConfigError('Unable to load audit watcher %s: no entry point %s in group %s of %s'
                      % (spec, name, GROUP, package))


def watcher_conf(conf: Mapping[str, str], spec: str) -> dict[str, str]:
    """Return the auditor's configuration with the watcher's own section merged over it."""
    merged = dict(conf)
    path = conf.get('__file__')
    if path:
        try:
            own = readconf(path, SECTION_PREFIX + spec)
        except ConfigError:
            return merged                       # a watcher needs no section
        own.pop('log_name', None)
        merged.update(own)
    return merged


class PrefixedLogger(Logger):
    """A logger whose lines start with a prefix; everything else is that of another logger."""

    def __init__(self, logger: Any, prefix: str):
        self.__dict__.update(logger.__dict__)
        self._prefix = prefix

    def _log(self, level: int, msg: Any, args: tuple, **more: Any) -> None:
        # A percent sign in the prefix is text.
        super()._log(level, self._prefix.replace('%', '%%') + str(msg) if args
                     else self._prefix + str(msg), args, **more)


class Watch:
    """One watcher during one scan."""

    def __init__(self, name: str, cls: type, conf: Mapping[str, str], logger: Any):
        self.name = name
        self._logger = logger
        self._watcher: Any = None
        prefixed = PrefixedLogger(logger, '[audit-watcher %s] ' % name)
        try:
            self._watcher = cls(dict(conf), prefixed)
        except Exception:  # the boundary of foreign code, as below
            self._give_up('construct')

    @property
    def is_on(self) -> bool:
        """False once the watcher failed for good."""
        return self._watcher is not None

    def start(self, audit_type: str) -> None:
        """Tell that a scan begins."""
        self._call('start', audit_type=audit_type)

    def end(self) -> None:
        """Tell that the scan is over."""
        self._call('end')

    def see_object(self, metadata: Mapping[str, str], path: str) -> bool:
        """Show a good object; True iff it is to be quarantined."""
        if self._watcher is None:
            return False
        try:
            self._watcher.see_object(object_metadata=dict(metadata), data_file_path=path)
        except QuarantineRequest:
            return True
        except Exception:
            self._logger.exception('Error in see_object of audit watcher %s on %s', self.name,
                                   path)
        return False

    def _call(self, method: str, **arguments: Any) -> None:
        if self._watcher is None:
            return
        try:
            getattr(self._watcher, method)(**arguments)
        except Exception:
            self._give_up(method)

    def _give_up(self, what: str) -> None:
        self._watcher = None
        self._logger.exception('Error in %s of audit watcher %s: it is off for this scan', what,
                               self.name)
