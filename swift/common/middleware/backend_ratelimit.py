"""backend_ratelimit: how many requests a storage server takes for each of its devices.

Layer 2, in account, container and object servers. What is too much is refused with 529, which the
proxies take for a node that is busy; nothing waits. Each worker counts for itself.

    /<device>/<partition>[/...]     takes from the device's allowance, then from the method's there

Rates stand in the filter's section and, stronger, in a file that is read again while the server
runs: [backend_ratelimit] in backend-ratelimit.conf. What is taken out of the file is again what the
section says; a file that cannot be read changes nothing but the log. Source: sheet 05 §13.2.

Cost: without any rate, one comparison of times per request.
"""
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from swift.common.clock import SYSTEM, Clock
from swift.common.config.common import SwiftDir
from swift.common.config.options import Float, Options, Seconds, Text
from swift.common.config.parser import read_plain
from swift.common.errors import ConfigError
from swift.common.log import Logger
from swift.common.metrics import Statsd
from swift.common.places import DEFAULT_SWIFT_DIR
from swift.common.sections import read_section
from swift.common.swob import HTTPTooManyBackendRequests, Request
from swift.core.pacing_rates import Allowance

ALL = ''
METHODS = ('DELETE', 'GET', 'HEAD', 'POST', 'PUT', 'REPLICATE', 'UPDATE')
CONF_NAME = 'backend-ratelimit.conf'
FILE_SECTION = 'backend_ratelimit'
# Devices of a node times methods are some hundreds; more are requests for devices that are not.
LIMITERS_MAX = 10000


def _rate(method: str) -> Float:
    return Float(0, f'Most {method} requests per second and device; 0 = no limit.', at_least=0)


class BackendRates(Options, section=FILE_SECTION):
    """Rates per device; also the options of the file that is read again."""

    requests_per_device_per_second = Float(
        0, 'Most requests per second and device; 0 = no limit.', at_least=0)
    delete_requests_per_device_per_second = _rate('DELETE')
    get_requests_per_device_per_second = _rate('GET')
    head_requests_per_device_per_second = _rate('HEAD')
    post_requests_per_device_per_second = _rate('POST')
    put_requests_per_device_per_second = _rate('PUT')
    replicate_requests_per_device_per_second = _rate('REPLICATE')
    update_requests_per_device_per_second = _rate('UPDATE')
    requests_per_device_rate_buffer = Seconds(1, 'Idle time that may be caught up on at once.')


# method -> its option
NAMES = {ALL: 'requests_per_device_per_second', **{
    method: f'{method.lower()}_requests_per_device_per_second' for method in METHODS}}


class BackendRateLimitOptions(BackendRates, section='filter:backend_ratelimit'):
    """Rates per device of a storage server."""

    backend_ratelimit_conf_path = Text('', 'File with rates that is read again while the server '
                                           'runs; default <swift_dir>/backend-ratelimit.conf, '
                                           'if there is one.')
    config_reload_interval = Seconds(60, 'Shortest time between two looks at that file; '
                                         '0 = never.')
    swift_dir = SwiftDir(DEFAULT_SWIFT_DIR, 'Directory of that file.')


class BackendRateLimit:
    """The filter of one worker. `conf` is its section as written."""

    def __init__(self, app: Callable, conf: Mapping[str, Any], options: BackendRateLimitOptions,
                 logger: Logger, metrics: Statsd, *, clock: Clock = SYSTEM):
        self.app = app
        self.logger = logger
        self.rates: BackendRates = options
        self._conf = {name: conf[name] for name in BackendRates.table if name in conf}
        self._options = options
        self._metrics = metrics
        self._clock = clock
        self._path = options.backend_ratelimit_conf_path or os.path.join(
            options.swift_dir, CONF_NAME)
        self._use(options)
        self._reload()

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        now = self._clock.time()
        if self._look_at <= now:
            self._reload()
        if self._per_second and not self._has_turn(env, now):
            self._metrics.increment('backend.ratelimit')
            return HTTPTooManyBackendRequests(request=Request(env))(env, start_response)
        return self.app(env, start_response)

    def _has_turn(self, env: dict, now: float) -> bool:
        """Take a turn of the request's device, and of its method there; tell whether it had one."""
        method = env['REQUEST_METHOD']
        if method not in METHODS:
            return True
        segments = env['PATH_INFO'].split('/', 3)
        if len(segments) < 3 or segments[0] or not segments[1] or not is_partition(segments[2]):
            return True
        device = segments[1]
        return (self._limiter(device, ALL).take(now)
                and self._limiter(device, method).take(now))

    def _limiter(self, device: str, method: str) -> Allowance:
        key = (device, method)
        limiter = self._limiters.get(key)
        if limiter is None:
            if len(self._limiters) >= LIMITERS_MAX:
                self._limiters.clear()
            limiter = self._limiters[key] = Allowance(
                self._per_second.get(method, 0), self.rates.requests_per_device_rate_buffer)
        return limiter

    # -- rates -----------------------------------------------------------------------------------

    def _reload(self) -> None:
        """Look at the file and use what it says from now on."""
        interval_s = self._options.config_reload_interval
        self._look_at = self._clock.time() + interval_s if interval_s else float('inf')
        try:
            rates = self._read()
        except ConfigError as problem:
            self.logger.warning('Invalid config file, keeping the current rates: %s', problem)
            return
        if any(getattr(rates, name) != getattr(self.rates, name) for name in BackendRates.table):
            self.logger.info('Loaded config file %s', self._path)
            self._use(rates)

    def _read(self) -> BackendRates:
        """Return the rates of section and file. Raises ConfigError."""
        found: dict[str, str] = {}
        if self._options.backend_ratelimit_conf_path or os.path.exists(self._path):
            found = read_plain(self._path).get(FILE_SECTION, {})
        return BackendRates.parse({**self._conf, **found}, self._path)

    def _use(self, rates: BackendRates) -> None:
        self.rates = rates
        self._limiters: dict[tuple[str, str], Allowance] = {}
        values = {method: getattr(rates, name) for method, name in NAMES.items()}
        self._per_second = {method: value for method, value in values.items() if value > 0}


def is_partition(text: str) -> bool:
    """Tell whether a segment of a path is the number of a partition."""
    return text.isascii() and text.isdigit()


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#backend_ratelimit`."""
    section = read_section(BackendRateLimitOptions, global_conf, local_conf, 'backend_ratelimit')
    metrics = Statsd.from_options(section.conf, logger=section.logger)
    return lambda app: BackendRateLimit(app, section.conf, section.options, section.logger,
                                        metrics)
