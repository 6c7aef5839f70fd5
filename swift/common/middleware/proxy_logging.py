"""proxy-logging: one access line and a few metrics per request.

Layer 2. It stands in the pipeline twice. The left one sees client requests first, marks them
(`swift.proxy_access_log_made`) and logs them; the right one, just before the app, lets marked ones
pass and so logs the requests that filters make on their own, which carry a `source`.

    {client_ip} {remote_addr} {end_time.datetime} {method} {path} {protocol} {status_int} {referer}
    {user_agent} {auth_token} {bytes_recvd} {bytes_sent} {client_etag} {transaction_id} {headers}
    {request_time} {source} {log_info} {start_time} {end_time} {policy_index} {access_user_id}

A line is written when the body is finished or given up: status 499 when the client went away
while it sent or received, 500 when the body broke. Bodies that are there as a whole (lists) are
logged at once and handed on as they are, so that the server can send them in one piece; others go
through a counter that adds one call per chunk. Secrets are cut to their first characters.

Cost: about 20 µs per request with the default template. Source: sheet 05 section 6, sheet 04
section 17.
"""
import os
from collections.abc import Callable, Iterable, Mapping

from swift.common import green
from swift.common.clock import SYSTEM, Clock
from swift.common.config.options import Bool, Float, Integer, List, Options, Text
from swift.common.log import get_logger, overlay
from swift.common.middleware.proxy_logging_fields import (
    ANONYMIZABLE,
    DEFAULT_TEMPLATE,
    FIELDS,
    TIMES,
    Record,
    Secrets,
)
from swift.common.middleware.proxy_logging_metrics import RequestMetrics
from swift.common.registry import register_sensitive_header, register_sensitive_param
from swift.common.swob import close_if_possible, sender_of
from swift.core.log_template import Anonymizer, Template

LOGGED = 'swift.proxy_access_log_made'
CLIENT_DISCONNECT = 499
BROKEN_BODY = 500
TIMED_OUT = 408


class ProxyLoggingOptions(Options, section='filter:proxy-logging'):
    """The access log."""

    access_log_name = Text('', 'As log_name, for the access log.')
    access_log_facility = Text('', 'As log_facility, for the access log.')
    access_log_level = Text('', 'As log_level, for the access log.')
    access_log_address = Text('', 'As log_address, for the access log.')
    access_log_file = Text('', 'As log_file, for the access log.')
    access_log_udp_host = Text('', 'As log_udp_host, for the access log.')
    access_log_udp_port = Text('', 'As log_udp_port, for the access log.')
    access_log_statsd_host = Text('', 'As log_statsd_host, for the metrics of requests.')
    access_log_statsd_port = Text('', 'As log_statsd_port, for the metrics of requests.')
    access_log_statsd_default_sample_rate = Text('', 'As log_statsd_default_sample_rate.')
    access_log_statsd_sample_rate_factor = Text('', 'As log_statsd_sample_rate_factor.')
    access_log_statsd_metric_prefix = Text('', 'As log_statsd_metric_prefix.')
    access_log_route = Text('proxy-access', 'Name by which log_custom_handlers know this log.')
    access_log_headers = Bool(False, 'Log the headers of requests.', aliases=('log_headers',))
    access_log_headers_only = List((), 'Log only these headers.')
    reveal_sensitive_prefix = Integer(16, 'How many characters of tokens and signatures are '
                                          'shown.', at_least=0)
    log_statsd_valid_http_methods = List(
        'GET,HEAD,POST,PUT,DELETE,COPY,OPTIONS,UPDATE',
        'Methods with metrics of their own; all others are counted as BAD_METHOD.',
        aliases=('access_log_statsd_valid_http_methods',))
    log_anonymization_method = Text('MD5', 'Hash behind the .anonymized fields.')
    log_anonymization_salt = Text('', 'Salt of that hash.')
    log_msg_template = Text(DEFAULT_TEMPLATE, 'Template of the line.')
    statsd_emit_buffer_xfer_bytes_seconds = Float(
        -1, 'Report the bytes of long transfers this often; 0 = with each chunk, -1 = not.')


class ProxyLogging:
    """The filter."""

    def __init__(self, app: Callable, conf: Mapping[str, str], *, logger=None,
                 metrics: RequestMetrics | None = None, clock: Clock = SYSTEM):
        """Raises ValueError for a template or hash that cannot be used."""
        self.app = app
        self._clock = clock
        options = ProxyLoggingOptions.parse(conf)
        access_conf = overlay(conf, 'access_')
        self.access_logger = logger or get_logger(access_conf, 'proxy-server',
                                                    options.access_log_route)
        options.report_to(self.access_logger)
        anonymizer = Anonymizer(options.log_anonymization_method, options.log_anonymization_salt)
        try:
            self._template = Template(options.log_msg_template, FIELDS, TIMES, ANONYMIZABLE,
                                      anonymizer)
        except ValueError as problem:
            raise ValueError(f'Cannot interpolate log_msg_template: {problem}') from None
        self._secrets = Secrets(options.reveal_sensitive_prefix)
        self._headers = None
        if options.access_log_headers:
            self._headers = frozenset(name.title() for name in options.access_log_headers_only)
        self._metrics = metrics or RequestMetrics.from_conf(
            access_conf, options.log_statsd_valid_http_methods,
            options.statsd_emit_buffer_xfer_bytes_seconds, self.access_logger, clock)
        self._pid = os.getpid()

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if LOGGED in env:
            return self.app(env, start_response)
        env[LOGGED] = True
        record = Record(env, self._clock.time(), self._secrets, self._headers)
        received = env['wsgi.input']
        if not hasattr(received, 'position'):
            # Another server's body, or a test's: it does not count by itself.
            received = env['wsgi.input'] = CountedInput(received)
        record.received = received
        if self._metrics.enabled:
            self._metrics.begin(record)
        answer = _Answer()
        try:
            body = self.app(env, answer.start)
            if answer.status is None:
                body = answer.first_chunk(body)
            elif answer.written:
                body = _Resumed(answer.written, iter(body), body)
        except BaseException:
            record.wire_status = BROKEN_BODY
            self.finish(record, BROKEN_BODY)
            raise
        return self._respond(record, answer, body, start_response)

    def _respond(self, record: Record, answer: '_Answer', body, start_response) -> Iterable[bytes]:
        """Start the answer and return its body, counted."""
        record.wire_status = int(answer.status[:3])
        length = record.look_at(answer.headers)
        whole = isinstance(body, (list, tuple))
        size = sum(map(len, body)) if whole else 0
        if whole and length is None and not record.is_chunked:
            length = size
            answer.headers.append(('Content-Length', str(size)))
        if answer.exc_info is None:
            start_response(answer.status, answer.headers)
        else:
            start_response(answer.status, answer.headers, answer.exc_info)
        if record.env['REQUEST_METHOD'] == 'HEAD':
            if not whole:
                close_if_possible(body)
                body = [b'']
            self.finish(record, record.wire_status)
            return body
        if whole:
            record.first_byte_time = self._clock.time()
            record.bytes_sent = size
            self.finish(record, record.wire_status)
            return body
        return CountedBody(self, record, body, length)

    def finish(self, record: Record, status: int) -> None:
        """Write the line and the metrics of a request. Called once per request."""
        record.end_time = self._clock.time()
        received = record.received
        record.bytes_recvd = received.position
        if received.broken and status != TIMED_OUT:
            status = CLIENT_DISCONNECT
        record.status = record.env.get('swift.proxy_logging_status') or status
        self.access_logger.info(self._template(record))
        if self._metrics.enabled:
            self._metrics.end(record)

    def first_byte(self, record: Record) -> None:
        record.first_byte_time = self._clock.time()

    def sent(self, record: Record, size: int) -> None:
        """Count a chunk for the metrics of long transfers."""
        if record.meter is not None:
            record.meter.sent(size)


class _Answer:
    """Catches what the app tells start_response."""

    __slots__ = ('exc_info', 'headers', 'status', 'written')

    def __init__(self):
        self.status: str | None = None
        self.headers: list[tuple[str, str]] = []
        self.exc_info = None
        self.written: list[bytes] = []

    def start(self, status: str, headers: list[tuple[str, str]], exc_info=None) -> Callable:
        self.status = status
        self.headers = list(headers)
        self.exc_info = exc_info
        return self.written.append

    def first_chunk(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Read on until the app starts its answer: generators do it late."""
        iterator = iter(body)
        first = b''
        for first in iterator:
            if first:
                break
        assert self.status is not None, 'the application did not start its response'
        return _Resumed([*self.written, first], iterator, body)


class _Resumed:
    """A body of which some chunks were read already."""

    def __init__(self, chunks: list[bytes], iterator, body):
        self._chunks = chunks[::-1]
        self._iterator = iterator
        self._body = body

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        return self._chunks.pop() if self._chunks else next(self._iterator)

    def close(self) -> None:
        close_if_possible(self._body)


class CountedBody:
    """A response body on its way out: counts bytes, and reports how it ended."""

    __slots__ = ('_body', '_done', '_expected', '_filter', '_next', '_record')

    def __init__(self, filter_: ProxyLogging, record: Record, body: Iterable[bytes],
                 expected: int | None):
        self._filter = filter_
        self._record = record
        self._body = body
        self._expected = expected
        self._next = iter(body).__next__
        self._done = False

    def __iter__(self) -> 'CountedBody':
        return self

    def __next__(self) -> bytes:
        record = self._record
        try:
            chunk = self._next()
        except StopIteration:
            short = self._expected is not None and record.bytes_sent < self._expected
            self._finish(BROKEN_BODY if short else record.wire_status)
            raise
        except (Exception, green.Timeout):
            self._finish(BROKEN_BODY)
            raise
        if chunk:
            self._count(len(chunk))
        return chunk

    def sender(self, sock_fd: int) -> Callable[[], int] | None:
        """What the body offers to send itself with (see http/answer.py), counted as well."""
        send = sender_of(self._body, sock_fd) if self._expected else None
        return None if send is None else lambda: self._send(send)

    def _send(self, send: Callable[[], int]) -> int:
        record = self._record
        try:
            sent = send()
        except ConnectionError:
            raise                        # the client's: close() says so
        except (Exception, green.Timeout):
            self._finish(BROKEN_BODY)
            raise
        if sent:
            self._count(sent)
            if record.bytes_sent == self._expected:
                self._finish(record.wire_status)
        return sent

    def _count(self, size: int) -> None:
        record = self._record
        if record.first_byte_time is None:
            self._filter.first_byte(record)
        record.bytes_sent += size
        if record.meter is not None:
            self._filter.sent(record, size)

    def close(self) -> None:
        """End of the answer, for whatever reason."""
        try:
            close_if_possible(self._body)
        finally:
            if not self._done:
                self._finish(self._status_of_unfinished())

    def _status_of_unfinished(self) -> int:
        """Return the status to log when the body was closed before its end was seen."""
        record = self._record
        env = record.env
        if env.get('swift.non_client_disconnect'):
            return record.wire_status
        # A filter that asked for something stops reading at the length announced. A server reads
        # on until the end unless its client is gone, maybe during the last chunk.
        if record.bytes_sent == self._expected and env.get('swift.source'):
            return record.wire_status
        return CLIENT_DISCONNECT

    def _finish(self, status: int) -> None:
        assert not self._done, 'a request is logged once'
        self._done = True
        self._filter.finish(self._record, status)


class CountedInput:
    """`wsgi.input` of a server that does not count."""

    def __init__(self, body):
        self._body = body
        self.position = 0
        self.broken = False

    def read(self, *args) -> bytes:
        return self._counted(self._body.read, args)

    def readline(self, *args) -> bytes:
        return self._counted(self._body.readline, args)

    def __iter__(self):
        return iter(self.readline, b'')

    def __getattr__(self, name: str):
        return getattr(self._body, name)

    def _counted(self, read: Callable, args: tuple) -> bytes:
        try:
            data = read(*args)
        except BaseException:
            self.broken = True
            raise
        self.position += len(data)
        return data


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#proxy_logging`."""
    conf = {**global_conf, **local_conf}
    for name in ('x-auth-token', 'x-storage-token'):
        register_sensitive_header(name)
    register_sensitive_param('temp_url_sig')

    def logging_filter(app: Callable) -> ProxyLogging:
        return ProxyLogging(app, conf)

    return logging_filter
