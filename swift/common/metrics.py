"""StatsD metrics: counters and timings as single UDP datagrams.

Layer 1. Legacy metrics have dotted names, labelled ones carry key-value pairs in the dialect
of option statsd_label_mode:

    [<prefix>.]<tail>.<metric>:<value>|<c or ms>[|@<rate>]
    graphite m;k=v:1|c   influxdb m,k=v:1|c   librato m#k=v,k2=v2:1|c   dogstatsd m:1|c|#k:v

Invariants: sending never raises, and waits for nothing but the first look-up of the host; one
socket per client object; the host is looked up again every RESOLVE_INTERVAL_S in the background
(not at all when it is an address).
Without a host the object answers every call by doing nothing.

Source: sheet 07 sections 18 and 28.21.
"""
import random
import re
import socket
from _socket import socket as RawSocket
from collections.abc import Callable, Mapping
from typing import Any

from swift.common.clock import SYSTEM, Clock
from swift.common.config.common import StatsdOptions
from swift.common.disk_threads import run_in_background
from swift.common.errors import ConfigError

RESOLVE_INTERVAL_S = 60.0
BAD_LABEL_NAME = re.compile(r'[^0-9a-zA-Z_]')
BAD_LABEL_VALUE = re.compile(r'[^0-9a-zA-Z_.]')


class UdpTarget:
    """A connected non-blocking UDP socket to a host that may move."""

    def __init__(self, host: str, port: int, clock: Clock = SYSTEM, logger: Any = None,
                 background: Callable[[Callable[[], None]], None] = run_in_background):
        self._background = background
        self._host = host
        self._port = port
        self._clock = clock
        self._logger = logger
        self._sock: RawSocket | None = None
        self._resolve_at: float | None = None
        self._complained = False

    def send(self, payload: bytes) -> None:
        """Send one datagram or forget it."""
        if self._resolve_at is None:
            self._connect()
        elif self._clock.monotonic() >= self._resolve_at:
            self._resolve_at = float('inf')  # one look-up at a time
            self._background(self._connect)
        if self._sock is not None:
            try:
                self._sock.send(payload)
            except OSError:
                pass  # nobody listens, or the buffer is full: metrics may get lost

    def close(self) -> None:
        """Give the socket back."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _connect(self) -> None:
        self._resolve_at = self._clock.monotonic() + RESOLVE_INTERVAL_S
        try:
            found = socket.getaddrinfo(self._host, self._port, 0, socket.SOCK_DGRAM)
            # IPv4 preferred: many collectors listen there only.
            family, kind, proto, _name, address = min(
                found, key=lambda item: item[0] != socket.AF_INET)
            sock = RawSocket(family, kind, proto)
            sock.setblocking(False)
            sock.connect(address)
        except OSError as err:
            if self._logger is not None and not self._complained:
                self._logger.warning('Error sending metrics to %s:%s: %s',
                                     self._host, self._port, err)
            self._complained = True
            return  # an older address, if any, stays in use
        self._complained = False
        self.close()
        self._sock = sock
        try:
            socket.inet_pton(family, self._host)
            self._resolve_at = float('inf')
        except OSError:
            pass


class Statsd:
    """Metrics with dotted names; `tail` names the service.

    `send` takes the bytes of one datagram. All sample rates are multiplied with the factor;
    the rate is part of the datagram when it is below one.
    """

    def __init__(self, send: Callable[[bytes], None] | None, tail: str = '', prefix: str = '',
                 default_rate: float = 1.0, rate_factor: float = 1.0, clock: Clock = SYSTEM,
                 rng: Callable[[], float] = random.random):
        self._send = send
        self._base = ''.join(part + '.' for part in (prefix, tail) if part)
        self._default_rate = default_rate
        self._rate_factor = rate_factor
        self._clock = clock
        self._rng = rng

    @classmethod
    def from_options(cls, conf: Mapping[str, str] | StatsdOptions, tail: str = '',
                     logger: Any = None) -> 'Statsd':
        """Return the client that the log_statsd_* options describe, named `tail`.

        Raises ConfigError for bad values. A mapping may be a whole section.
        """
        options = _options(conf)
        on = options.log_statsd_host and options.statsd_emit_legacy
        target = UdpTarget(options.log_statsd_host, options.log_statsd_port, logger=logger)
        return cls(target.send if on else None, tail, options.log_statsd_metric_prefix,
                   options.log_statsd_default_sample_rate,
                   options.log_statsd_sample_rate_factor)

    @property
    def enabled(self) -> bool:
        """Whether anything is sent; lets callers skip building names."""
        return self._send is not None

    def update_stats(self, metric: str, value: int, sample_rate: float | None = None) -> None:
        """Add `value` to a counter."""
        if self._send is not None:
            self._emit(metric, value, 'c', sample_rate)

    def increment(self, metric: str, sample_rate: float | None = None) -> None:
        """Add one to a counter."""
        if self._send is not None:
            self._emit(metric, 1, 'c', sample_rate)

    def decrement(self, metric: str, sample_rate: float | None = None) -> None:
        """Take one from a counter."""
        if self._send is not None:
            self._emit(metric, -1, 'c', sample_rate)

    def timing(self, metric: str, ms: float, sample_rate: float | None = None) -> None:
        """Report a duration in milliseconds."""
        if self._send is not None:
            self._emit(metric, round(ms, 4), 'ms', sample_rate)

    def timing_since(self, metric: str, t0: float, sample_rate: float | None = None) -> None:
        """Report the time since `t0`, seconds of the wall clock."""
        if self._send is not None:
            self.timing(metric, (self._clock.time() - t0) * 1000, sample_rate)

    def transfer_rate(self, metric: str, ms: float, size_bytes: int,
                      sample_rate: float | None = None) -> None:
        """Report milliseconds per kB (1000 bytes); nothing when no bytes moved."""
        if size_bytes and self._send is not None:
            self.timing(metric, ms / size_bytes * 1000, sample_rate)

    def _emit(self, metric: str, value: float, kind: str, sample_rate: float | None) -> None:
        rate = _rate(sample_rate, self._default_rate, self._rate_factor)
        text = '%s%s:%s|%s' % (self._base, metric, value, kind)
        if rate < 1:
            if self._rng() >= rate:
                return
            text += '|@%s' % rate
        self._send(text.encode('utf-8', 'backslashreplace'))


class LabeledStatsd:
    """Metrics with labels, in one of the dialects of statsd_label_mode. No prefix applies."""

    def __init__(self, send: Callable[[bytes], None] | None, mode: str,
                 user_labels: Mapping[str, str] | None = None, default_rate: float = 1.0,
                 rate_factor: float = 1.0, rng: Callable[[], float] = random.random):
        self._send = send
        self._format = DIALECTS[mode]
        self._user_labels = _checked_labels(user_labels or {})
        self._default_rate = default_rate
        self._rate_factor = rate_factor
        self._rng = rng

    @classmethod
    def from_options(cls, conf: Mapping[str, str] | StatsdOptions,
                     logger: Any = None) -> 'LabeledStatsd':
        """Return the client that the options describe; off unless a label mode is set."""
        options = _options(conf)
        on = options.log_statsd_host and options.statsd_label_mode != 'disabled'
        target = UdpTarget(options.log_statsd_host, options.log_statsd_port, logger=logger)
        return cls(target.send if on else None, options.statsd_label_mode,
                   options.statsd_user_labels, options.log_statsd_default_sample_rate,
                   options.log_statsd_sample_rate_factor)

    @property
    def enabled(self) -> bool:
        """Whether anything is sent; lets callers skip collecting labels."""
        return self._send is not None

    def update_stats(self, metric: str, value: int, labels: Mapping[str, Any],
                     sample_rate: float | None = None) -> None:
        """Add `value` to a counter."""
        if self._send is not None:
            self._emit(metric, value, 'c', labels, sample_rate)

    def increment(self, metric: str, labels: Mapping[str, Any],
                  sample_rate: float | None = None) -> None:
        """Add one to a counter."""
        self.update_stats(metric, 1, labels, sample_rate)

    def timing(self, metric: str, ms: float, labels: Mapping[str, Any],
               sample_rate: float | None = None) -> None:
        """Report a duration in milliseconds."""
        if self._send is not None:
            self._emit(metric, round(ms, 4), 'ms', labels, sample_rate)

    def transfer_rate(self, metric: str, ms: float, size_bytes: int, labels: Mapping[str, Any],
                      sample_rate: float | None = None) -> None:
        """Report milliseconds per kB (1000 bytes); nothing when no bytes moved."""
        if size_bytes:
            self.timing(metric, ms / size_bytes * 1000, labels, sample_rate)

    def _emit(self, metric: str, value: float, kind: str, labels: Mapping[str, Any],
              sample_rate: float | None) -> None:
        rate = _rate(sample_rate, self._default_rate, self._rate_factor)
        if rate < 1 and self._rng() >= rate:
            return
        merged = {**self._user_labels, **labels}
        pairs = [(key, '' if merged[key] is None else str(merged[key]))
                 for key in sorted(merged)]
        tail = '%s|%s' % (value, kind) + ('|@%s' % rate if rate < 1 else '')
        self._send(self._format(metric, tail, pairs).encode('utf-8', 'backslashreplace'))


def _joined(start: str, between: str) -> Callable[[str, str, list], str]:
    """Return a dialect that puts `k=v` pairs between the metric and its value."""
    def render(metric: str, tail: str, pairs: list[tuple[str, str]]) -> str:
        labels = between.join('%s=%s' % pair for pair in pairs)
        return '%s%s%s:%s' % (metric, start if pairs else '', labels, tail)
    return render


def _dogstatsd(metric: str, tail: str, pairs: list[tuple[str, str]]) -> str:
    labels = ','.join('%s:%s' % pair for pair in pairs)
    return '%s:%s%s%s' % (metric, tail, '|#' if pairs else '', labels)


DIALECTS = {'disabled': _dogstatsd, 'dogstatsd': _dogstatsd, 'graphite': _joined(';', ';'),
            'influxdb': _joined(',', ','), 'librato': _joined('#', ',')}


def _options(conf: Mapping[str, str] | StatsdOptions) -> StatsdOptions:
    if isinstance(conf, StatsdOptions):
        return conf
    return StatsdOptions.parse({key: value for key, value in conf.items()
                                if key.startswith(('log_statsd_', 'statsd_'))})


def _rate(sample_rate: float | None, default: float, factor: float) -> float:
    return (default if sample_rate is None else sample_rate) * factor


def _checked_labels(user_labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels an operator configured, under their public names."""
    for name, value in user_labels.items():
        if BAD_LABEL_NAME.search(name):
            raise ConfigError('invalid character in statsd user label configuration '
                              '%r: %r' % ('statsd_user_label_' + name, name))
        if BAD_LABEL_VALUE.search(value):
            raise ConfigError('invalid character in statsd user label configuration '
                              '%r: %r' % ('statsd_user_label_' + name, value))
    return {'user_' + name: value for name, value in user_labels.items()}
