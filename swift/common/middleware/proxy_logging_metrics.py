"""The metrics of a request: timings and bytes, by kind of thing, method and status.

Layer 2, part of the proxy-logging filter. Dotted names have the tail `proxy-server`:

    <type>.<METHOD>.<status>.timing | .xfer          type: account, container, object, else the
    <type>.GET.<status>.first-byte.timing            source of the request, else UNKNOWN
    object.policy.<index>.<METHOD>.<status>...       the same again for objects with a policy

Labelled ones say the same in labels and also count long transfers while they last. Everything is
off, and nothing is computed, without a statsd host. Source: sheet 05 section 6.4, sheet 04
section 17.2.
"""
from collections.abc import Iterable, Mapping

from swift.common.clock import Clock
from swift.common.metrics import LabeledStatsd, Statsd
from swift.common.middleware.proxy_logging_fields import Record

TAIL = 'proxy-server'
BAD_METHOD = 'BAD_METHOD'
UNKNOWN = 'UNKNOWN'
TYPES = ('account', 'container', 'object')


class RequestMetrics:
    """Emits the metrics of requests. One per filter."""

    def __init__(self, statsd: Statsd, labeled: LabeledStatsd, methods: Iterable[str],
                 transfer_interval_s: float, clock: Clock):
        self._statsd = statsd
        self._labeled = labeled
        self._methods = frozenset(method.upper() for method in methods)
        self._interval_s = transfer_interval_s
        self._clock = clock
        self.enabled = statsd.enabled or labeled.enabled

    @classmethod
    def from_conf(cls, conf: Mapping[str, str], methods: Iterable[str],
                  transfer_interval_s: float, logger, clock: Clock) -> 'RequestMetrics':
        """Return the metrics that the statsd options of a section ask for."""
        return cls(Statsd.from_options(conf, tail=TAIL, logger=logger),
                   LabeledStatsd.from_options(conf, logger=logger), methods,
                   transfer_interval_s, clock)

    def begin(self, record: Record) -> None:
        """At the start of a request: labels for everybody further in, a meter if asked for."""
        if not self._labeled.enabled:
            return
        env = record.env
        record.labels = env['swift.base_labels'] = self._labels(record)
        if self._interval_s >= 0:
            record.meter = TransferMeter(self._labeled, record, self._interval_s, self._clock)
            env['wsgi.input'] = MeteredInput(env['wsgi.input'], record.meter)

    def end(self, record: Record) -> None:
        """At the end of a request."""
        if record.meter is not None:
            record.meter.flush()
        kind = self._kind(record)
        method = self._method(record)
        duration_ms = (record.end_time - record.start_time) * 1000
        first_byte_ms = None
        if method == 'GET' and record.first_byte_time is not None:
            first_byte_ms = (record.first_byte_time - record.start_time) * 1000
        moved = record.bytes_recvd + record.bytes_sent
        policy = record.policy_index if kind == 'object' else None
        for base in (kind, f'object.policy.{policy}') if policy else (kind,):
            name = f'{base}.{method}.{record.status}'
            self._statsd.timing(f'{name}.timing', duration_ms)
            self._statsd.update_stats(f'{name}.xfer', moved)
            if first_byte_ms is not None:
                self._statsd.timing(f'{base}.GET.{record.wire_status}.first-byte.timing',
                                    first_byte_ms)
        if self._labeled.enabled:
            self._end_labeled(record, duration_ms, first_byte_ms, policy)

    def _end_labeled(self, record: Record, duration_ms: float, first_byte_ms: float | None,
                     policy: str | None) -> None:
        # Computed anew: the path and the method are those that the filters further in made of it.
        labels = {**self._labels(record), 'status': record.status}
        if policy:
            labels['policy'] = policy
        emit = self._labeled
        emit.timing('swift_proxy_server_request_timing', duration_ms, labels)
        emit.update_stats('swift_proxy_server_request_body_bytes', record.bytes_recvd, labels)
        emit.update_stats('swift_proxy_server_response_body_bytes', record.bytes_sent, labels)
        if first_byte_ms is not None:
            emit.timing('swift_proxy_server_request_ttfb', first_byte_ms,
                        {**labels, 'status': record.wire_status})

    def _labels(self, record: Record) -> dict[str, str]:
        account, container, _obj = record.entity
        env = record.env
        is_s3 = 'swift.backend_path' in env or 's3api.auth_details' in env
        labels = {'resource': self._kind(record), 'method': self._method(record),
                  'api': 'S3' if is_s3 else 'swift'}
        if account:
            labels['account'] = account
        if container:
            labels['container'] = container
        return labels

    def _kind(self, record: Record) -> str:
        present = [segment for segment in record.entity if segment is not None]
        if present:
            return TYPES[len(present) - 1]
        return record.env.get('swift.source') or UNKNOWN

    def _method(self, record: Record) -> str:
        method = record.env.get('swift.orig_req_method') or record.env['REQUEST_METHOD']
        return method if method in self._methods else BAD_METHOD


class TransferMeter:
    """Reports the bytes of a transfer while it lasts, at most once per interval."""

    def __init__(self, labeled: LabeledStatsd, record: Record, interval_s: float, clock: Clock):
        self._labeled = labeled
        self._record = record
        self._interval_s = interval_s
        self._clock = clock
        self._counts = {'request': 0, 'response': 0}
        self._report_at = clock.monotonic() + interval_s

    def received(self, size: int) -> None:
        self._count('request', size)

    def sent(self, size: int) -> None:
        self._count('response', size)

    def _count(self, way: str, size: int) -> None:
        self._counts[way] += size
        if self._clock.monotonic() >= self._report_at:
            self.flush()

    def flush(self) -> None:
        """Report what has not been reported."""
        self._report_at = self._clock.monotonic() + self._interval_s
        for way, size in self._counts.items():
            if size:
                self._labeled.update_stats(f'swift_proxy_server_{way}_body_streaming_bytes',
                                           size, self._record.labels)
                self._counts[way] = 0


class MeteredInput:
    """`wsgi.input` that reports to a meter."""

    def __init__(self, body, meter: TransferMeter):
        self._body = body
        self._meter = meter

    def read(self, *args) -> bytes:
        return self._metered(self._body.read(*args))

    def readline(self, *args) -> bytes:
        return self._metered(self._body.readline(*args))

    def read_some(self, *args) -> bytes:
        return self._metered(self._body.read_some(*args))

    def __getattr__(self, name: str):
        return getattr(self._body, name)

    def _metered(self, data: bytes) -> bytes:
        self._meter.received(len(data))
        return data
