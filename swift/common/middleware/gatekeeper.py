"""gatekeeper: keeps the headers that the cluster uses internally inside of it.

Layer 2, directly behind catch_errors, and never in the pipeline of an internal client. Drops the
names of `core/headers.py` INTERNAL_* from requests and from answers. A client's X-Timestamp is set
aside, because the proxy would take it for the time of the request. Source: sheet 05 §3.

Cost: one test per environ key and per header line of the answer.
"""
from collections.abc import Callable, Iterable
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from swift.common import log
from swift.common.answer_headers import Headers, edited
from swift.common.config.options import Bool, Options
from swift.common.sections import read_section
from swift.common.swob import environ_key
from swift.core.headers import (
    INTERNAL_NAMES,
    INTERNAL_PREFIXES,
    X_BACKEND_ALLOW_RESERVED,
    X_BACKEND_INBOUND_TIMESTAMP,
    is_internal,
)

_KEY_PREFIXES = tuple(environ_key(prefix) for prefix in INTERNAL_PREFIXES)
_KEYS = frozenset(environ_key(name) for name in INTERNAL_NAMES)
_INBOUND_TIMESTAMP = environ_key(X_BACKEND_INBOUND_TIMESTAMP)
_ALLOW_RESERVED = environ_key(X_BACKEND_ALLOW_RESERVED)
# Answers have the same few names again and again.
_stays_inside = lru_cache(maxsize=4096)(is_internal)
# Environ keys that were looked at and are nothing of the cluster's own. Bounded: names of headers
# come from clients.
_harmless: set[str] = set()
HARMLESS_MAX = 4096


def _internal_keys(env: dict) -> list[str]:
    """Return the keys of a request's environ that must not come from clients."""
    if _harmless.issuperset(env):
        return []
    found = [key for key in env if key.startswith(_KEY_PREFIXES) or key in _KEYS]
    if len(_harmless) < HARMLESS_MAX:
        _harmless.update(env.keys() - found)
    return found


class GatekeeperOptions(Options, section='filter:gatekeeper'):
    shunt_inbound_x_timestamp = Bool(
        True, 'Set X-Timestamp headers of clients aside as X-Backend-Inbound-X-Timestamp.')
    allow_reserved_names_header = Bool(
        False, 'Let X-Allow-Reserved-Names of clients open the reserved namespace. For tests.')


class GatekeeperMiddleware:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: GatekeeperOptions, logger: log.Logger):
        self.app = app
        self.logger = logger
        self._shunt_timestamp = options.shunt_inbound_x_timestamp
        self._allow_reserved_names = options.allow_reserved_names_header

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        removed = _internal_keys(env)
        if removed:
            for key in removed:
                del env[key]
            self.logger.debug('removed request headers: %s', removed)
        if self._shunt_timestamp and 'HTTP_X_TIMESTAMP' in env:
            env[_INBOUND_TIMESTAMP] = env.pop('HTTP_X_TIMESTAMP')
            self.logger.debug('shunted request header X-Timestamp')
        if self._allow_reserved_names and 'HTTP_X_ALLOW_RESERVED_NAMES' in env:
            env[_ALLOW_RESERVED] = env.pop('HTTP_X_ALLOW_RESERVED_NAMES')

        return self.app(env, edited(
            start_response, lambda _status, headers: self._outgoing(env, headers)))

    def _outgoing(self, env: dict, headers: Headers) -> Headers:
        kept = [line for line in headers if not _stays_inside(line[0])]
        if len(kept) < len(headers):
            self.logger.debug('removed response headers: %s', [
                name for name, _value in headers if _stays_inside(name)])
        if env.get('swift.leave_relative_location'):
            kept = [(name, relative(value)) if name.lower() == 'location' else (name, value)
                    for name, value in kept]
        return kept


def relative(url: str) -> str:
    """Return path, query and fragment of a URL."""
    return urlunsplit(('', '', *urlsplit(url)[2:]))


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#gatekeeper`."""
    section = read_section(GatekeeperOptions, global_conf, local_conf, 'gatekeeper')
    return lambda app: GatekeeperMiddleware(app, section.options, section.logger)
