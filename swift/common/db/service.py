"""What the account and the container server have in common: requests, answers, one hop to disk.

Layer 1. A server is a table of verbs over DatabaseServer. A verb gets a BackendRequest and returns
an Answer or raises Refused; operating errors become answers in one table (error_status). Verbs run
in green threads and reach the database only through on_disk() and append(), which check the device
first and run in that device's native threads, so that a hanging disk stalls nobody else.

    PATH  /<device>/<partition>/<account>[/<container>[/<object>]]

Header values and names are raw UTF-8 on the wire, text here. Sources: sheet 03 §12, §13, 07 §17.3,
§18.3; exact texts from the golden dialogues of the backend servers.
"""
import importlib.metadata
import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from swift.common import chain, fs
from swift.common.clock import SYSTEM, Clock
from swift.common.config.common import DatabaseServerOptions
from swift.common.db.broker import Broker, Environment
from swift.common.db.cache import BrokerCache
from swift.common.db.files import Place
from swift.common.db.group import GroupAppend
from swift.common.disk_threads import DiskThreads, run_in_thread
from swift.common.error_status import status_of
from swift.common.errors import (
    DeviceUnavailable,
    DiskFull,
    SwiftError,
)
from swift.common.log import clear_transaction, set_transaction
from swift.common.request import Request
from swift.common.response import RESPONSE_REASONS
from swift.common.storage_log import RequestLog
from swift.core.accept import Accept
from swift.core.constraints import config_true_value
from swift.core.headers import bounded_referer, title_case
from swift.core.listing import ListingQuery
from swift.core.listing_render import JSON, PLAIN, TEXT_XML, XML
from swift.core.names import (
    device_part_problem,
    drive_name_is_valid,
    is_valid_utf8,
    quote,
    reserved_name_problem,
    split_backend_path,
)
from swift.core.row_merge import is_storable
from swift.core.timestamp import Timestamp, is_normal
from swift.core.wsgi_text import str_to_wsgi, wsgi_to_str

Headers = list[tuple[str, str]]

HTML = 'text/html; charset=UTF-8'
TEXT = 'text/plain'
FORMATS = {'plain': PLAIN, 'json': JSON, 'xml': XML}
OFFERS = (PLAIN, JSON, XML, TEXT_XML)
# Threads per device: enough to keep a disk busy, few enough to leave its queue to the kernel.
THREADS_PER_DEVICE = 4
BODY_BYTES_MAX = 1 << 28
_SLOT = 2                        # of programs, besides those of the pending log
# Only the fifth part of a path, the object, may contain slashes.
OBJECT_SEGMENTS = 5
_ABSENT = (None,) * (OBJECT_SEGMENTS + 1)
PLACES_KEPT = 1024


class Answer:
    """A finished answer. `length` False leaves Content-Length out."""

    __slots__ = ('body', 'headers', 'info', 'is_page', 'length', 'line', 'policy_index', 'reason',
                 'shown_length', 'status', 'work')

    def __init__(self, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b'',
                 content_type: str = HTML, length: bool = True, reason: str = '') -> None:
        self.status = status
        self.reason = reason or RESPONSE_REASONS[status][0]
        self.headers: Headers = [('Content-Type', content_type), *headers]
        self.body = body
        self.length = length
        self.is_page = False
        self.policy_index: int | None = None
        self.info = ''
        # What the request was about, when one verb does several things; timed by that name too.
        self.work = ''
        # The status line, once the headers are complete; and the length for the log.
        self.line: str | None = None
        self.shown_length: str | None = None

    def complete(self, method: str) -> None:
        """Add the headers that follow from the body; once for an answer that is kept."""
        if self.is_page and method == 'HEAD':
            self.shown_length = '0'
        elif self.length:
            self.shown_length = str(len(self.body))
            self.headers.append(('Content-Length', self.shown_length))
        self.line = f'{self.status} {self.reason}'


def page(status: int, headers: Iterable[tuple[str, str]] = (), drive: str = '') -> Answer:
    """Return an answer with the default page of its status, if it has one."""
    title, text = RESPONSE_REASONS[status]
    if not text:
        return Answer(status, headers, length=status != 204)
    if status == 507:
        text %= {'drive': drive}
    answer = Answer(status, headers, f'<html><h1>{title}</h1><p>{text}</p></html>'.encode())
    answer.is_page = True
    return answer


def plain(status: int, text: str, content_type: str = TEXT) -> Answer:
    """Return an answer with a line of text."""
    return Answer(status, (), text.encode('utf-8', 'surrogateescape'), content_type)


class Refused(Exception):
    """The request ends here, with this answer. Raised anywhere in a verb, in disk threads too."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class BackendRequest:
    """One request to a storage server: path parts as text, headers and parameters on demand."""

    __slots__ = ('_params', 'account', 'container', 'device', 'env', 'method', 'obj', 'part')

    def __init__(self, env: dict, segments: tuple[int, int] | None, utf8_refusal: str) -> None:
        """Split the path into between `segments` parts, or not at all; raises Refused."""
        self.env = env
        self.method = env['REQUEST_METHOD']
        self._params: dict[str, str] | None = None
        path = env['PATH_INFO']
        if not path.isascii():
            path = wsgi_to_str(path)
            if not is_valid_utf8(path):
                raise Refused(plain(412, utf8_refusal, HTML))
        parts = path.split('/', OBJECT_SEGMENTS)
        if (segments is not None and len(parts) == segments[1] + 1 and '' not in parts[1:]
                and not parts[0] and '\x00' not in path
                and (segments[1] == OBJECT_SEGMENTS or '/' not in parts[-1])
                and not device_part_problem(parts[1], parts[2])):
            # The usual: all segments are there, and nothing is odd about them.
            parts += _ABSENT[len(parts):]
            _, self.device, self.part, self.account, self.container, self.obj = parts
            return
        self.device = self.part = self.account = self.container = self.obj = None
        if segments is not None:
            self._split(path, segments)

    def _split(self, path: str, segments: tuple[int, int]) -> None:
        try:
            parts = split_backend_path(path, *segments)
            if segments[1] < OBJECT_SEGMENTS and '/' in (parts[-1] or ''):
                raise ValueError('Invalid path: ' + quote(path))
        except ValueError as err:
            raise Refused(plain(400, str(err))) from None
        parts += [None] * (5 - len(parts))
        self.device, self.part, self.account, self.container, self.obj = parts
        if '\x00' in path:
            problem = reserved_name_problem(self.account, self.container, self.obj)
            if problem:
                raise Refused(plain(400, problem, HTML))

    def header(self, name: str) -> str | None:
        """Return a header as text; `name` is as in the environ, without HTTP_."""
        value = self.env.get('HTTP_' + name)
        return value if value is None or value.isascii() else wsgi_to_str(value)

    def needed_header(self, name: str) -> str:
        """Return a header that peers always send."""
        value = self.header(name)
        if value is None:
            shown = name.replace('_', '-').title()
            raise Refused(plain(400, f'Missing {shown} header'))
        return value

    def needed_integer(self, name: str, default: str | None = None) -> str:
        """Return the text of a header that has to be a whole number."""
        value = self.header(name) or default or self.needed_header(name)
        try:
            if not is_storable(int(value)):
                raise ValueError(value)
        except ValueError:
            shown = name.replace('_', '-').title()
            raise Refused(plain(400, f'Invalid {shown} header')) from None
        return value

    def is_true(self, name: str) -> bool:
        """Tell whether a header has one of the words that mean yes."""
        value = self.env.get('HTTP_' + name)
        return value is not None and config_true_value(value)

    def time_text(self, name: str = 'X_TIMESTAMP') -> str:
        """Return the time of the request in internal form; Refused as in timestamp()."""
        value = self.env.get('HTTP_' + name)
        if value is not None and is_normal(value):
            return value
        return self.timestamp(name).internal

    def timestamp(self, name: str = 'X_TIMESTAMP') -> Timestamp:
        """Return the time of the request; Refused when it is missing or bad."""
        value = self.env.get('HTTP_' + name)
        shown = name.replace('_', '-').title()
        if value is None:
            raise Refused(plain(400, f'Missing {shown} header'))
        try:
            return Timestamp(value)
        except ValueError:
            raise Refused(plain(400, f'Invalid {shown} header')) from None

    def stored_headers(self, wanted: Callable[[str], bool]) -> dict[str, str]:
        """Return the headers to store, by canonical name, as text."""
        found = {}
        for key, value in self.env.items():
            if key.startswith('HTTP_X_'):
                name = title_case(key[5:].replace('_', '-'))
                if wanted(name):
                    found[wsgi_to_str(name)] = wsgi_to_str(value)
        return found

    def referer(self) -> str:
        """Return method and URL, as requests that follow from this one name their origin."""
        return bounded_referer(Request(self.env).as_referer())

    def body(self) -> bytes:
        """Return the whole body, which is bounded."""
        data = self.env['wsgi.input'].read(BODY_BYTES_MAX + 1)
        if len(data) > BODY_BYTES_MAX:
            raise Refused(page(413))
        return data

    # -- query --------------------------------------------------------------------------------

    def params(self) -> dict[str, str]:
        """Return the query's parameters as text, undecodable bytes as surrogate escapes."""
        if self._params is None:
            query = self.env.get('QUERY_STRING')
            self._params = dict(parse_qsl(
                query, keep_blank_values=True, errors='surrogateescape')) if query else {}
        return self._params

    def param(self, name: str, default: str | None = '') -> str | None:
        """Return a parameter; Refused when it is not UTF-8."""
        value = self.params().get(name)
        if value is None:
            return default
        if value and not value.isascii() and not is_valid_utf8(value):
            raise Refused(plain(400, f'"{name}" parameter not valid UTF-8'))
        return value

    def listing_format(self) -> str:
        """Return the content type of the listing asked for (sheet 03 §13); Refused."""
        wanted = self.param('format', None)
        if wanted is not None:
            return FORMATS.get(wanted.lower(), PLAIN)
        header = self.env.get('HTTP_ACCEPT')
        if not header:
            return PLAIN
        try:
            offer = _best_offer(header)
        except ValueError:
            raise Refused(plain(400, 'Invalid Accept header', HTML)) from None
        if offer is None:
            raise Refused(page(406))
        return offer

    def listing_query(self, limit_max: int, with_path: bool = False) -> ListingQuery:
        """Return what page of a listing is asked for; Refused."""
        limit, given = limit_max, self.param('limit')
        if given and given.isdecimal():
            limit = int(given)
            if limit > limit_max:
                raise Refused(plain(412, f'Maximum limit is {limit_max}', HTML))
        return ListingQuery(
            limit, self.param('marker'), self.param('end_marker'), self.param('prefix'),
            self.param('delimiter'), self.param('path', None) if with_path else None,
            config_true_value(self.param('reverse')),
            self.is_true('X_BACKEND_ALLOW_RESERVED_NAMES'))


class _Device:
    """What is kept per device. `checks`: programs that fail on a bad one; [True]: for writes."""

    __slots__ = ('checks', 'threads')

    def __init__(self, threads: DiskThreads, *checks: chain.Program) -> None:
        self.threads = threads
        self.checks = checks


@lru_cache(maxsize=64)
def _best_offer(accept: str) -> str | None:
    return Accept(accept).best_match(OFFERS)


class DatabaseServer:
    """A WSGI application over the databases of this machine's devices.

    Subclasses give `kind`, `broker_class`, `replication_class` and `verbs`: method -> (function,
    fewest and most path segments or None for any path, sample rate of the timing). Owns its disk
    threads and brokers; close() ends them.
    """

    kind: str
    broker_class: type[Broker]
    # What answers REPLICATE: replication/rpc.py, which builds on this module.
    replication_class: Callable[['DatabaseServer'], Any]
    verbs: dict[str, tuple[Callable, tuple[int, int] | None, float | None]]
    utf8_refusal = 'Invalid UTF8'

    def __init__(self, options: DatabaseServerOptions, cluster: Any, logger: Any, statsd: Any,
                 clock: Clock = SYSTEM) -> None:
        self.options = options
        self.cluster = cluster
        self.logger = logger
        self.statsd = statsd
        self.clock = clock
        self.environment = Environment(logger, clock, options.db_preallocation,
                                       options.db_query_logging)
        self.brokers = BrokerCache(lambda place: self.broker_class(place, self.environment))
        self.request_log = RequestLog(options, logger, clock)
        self.replication = self.replication_class(self)
        self._devices: dict[str, _Device] = {}
        self._places: dict[tuple, Place] = {}
        self._appends = GroupAppend(self._append_group)
        self._version = importlib.metadata.version('swift')
        self._allowed = ', '.join(sorted(
            name for name in self.verbs
            if name != 'REPLICATE' or options.replication_server))

    # -- requests -----------------------------------------------------------------------------

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        started = self.clock.monotonic()
        set_transaction(env.get('HTTP_X_TRANS_ID'))
        try:
            answer = self._answer(env)
            method = env['REQUEST_METHOD']
            if answer.line is None:
                answer.complete(method)
            self._account_for(env, answer, self.clock.monotonic() - started)
            # A copy: filters may add to it, and this answer may be given again.
            start_response(answer.line, answer.headers.copy())
            return [b'' if method == 'HEAD' else answer.body]
        finally:
            clear_transaction()

    def _answer(self, env: dict) -> Answer:
        method = env['REQUEST_METHOD']
        try:
            verb = self.verbs.get(method)
            if verb is None or (method == 'REPLICATE' and not self.options.replication_server):
                BackendRequest(env, None, self.utf8_refusal)
                return page(405)
            return verb[0](self, BackendRequest(env, verb[1], self.utf8_refusal))
        except Refused as refusal:
            return refusal.answer
        except SwiftError as err:
            return self._error_answer(env, err)
        except Exception:
            self.logger.exception('ERROR __call__ error with %s %s', method, env['PATH_INFO'])
            return page(500)

    def _error_answer(self, env: dict, err: SwiftError) -> Answer:
        status = status_of(err)
        if status >= 500:
            self.logger.error('ERROR %s %s: %s', env['REQUEST_METHOD'], env['PATH_INFO'], err)
        return page(status, drive=env['PATH_INFO'].split('/', 2)[1])

    def _account_for(self, env: dict, answer: Answer, seconds: float) -> None:
        """Log the request and report its timing."""
        self.request_log.write(env, answer.status, answer.shown_length, seconds,
                               answer.policy_index, answer.info)
        if self.statsd.enabled and env['REQUEST_METHOD'] in self.verbs:
            name = env['REQUEST_METHOD']
            kind = '.errors.timing' if answer.status >= 500 else '.timing'
            self.statsd.timing(name + kind, seconds * 1000, self.verbs[name][2])
            if answer.work:
                self.statsd.timing(answer.work + kind, seconds * 1000)

    def options_verb(self, req: BackendRequest) -> Answer:
        """OPTIONS: what this server can do."""
        return Answer(200, [('Allow', self._allowed),
                            ('Server', f'{self.kind}-server/{self._version}')])

    def replicate_verb(self, req: BackendRequest) -> Answer:
        """REPLICATE: the dialogue between replicators (replication/rpc.py)."""
        return self.replication.answer(req)

    # -- disks --------------------------------------------------------------------------------

    def place(self, req: BackendRequest, container: str | None = None) -> Place:
        """Return where the database of the request lives."""
        key = req.device, req.part, req.account, container
        place = self._places.get(key)
        if place is None:
            place = Place.of(self.kind, f'{self.options.devices}/{req.device}', req.part,
                             self.cluster.hash_path(req.account, container))
            if len(self._places) >= PLACES_KEPT:
                self._places.clear()
            self._places[key] = place
        return place

    def on_disk(self, req: BackendRequest, function: Callable, *args: Any,
                writes: bool = False) -> Any:
        """Call a function in the device's threads, after checking the device.

        `writes`: refuse when the space left is below the reserve. Raises Refused, SwiftError.
        """
        return self._threads_of(req.device).run(self._checked, req.device, writes, function, args)

    def _threads_of(self, device: str) -> DiskThreads:
        return self._device(device).threads

    def _device(self, name: str) -> _Device:
        device = self._devices.get(name)
        if device is None:
            # Checked before, so that nobody makes us start threads for devices that do not exist.
            checks = run_in_thread(self._first_look, name)
            device = self._devices.get(name)     # somebody else may have come meanwhile
            if device is None:
                device = self._devices[name] = _Device(
                    DiskThreads(f'{self.kind}-{name}', THREADS_PER_DEVICE), *checks)
        return device

    def _first_look(self, device: str) -> tuple[chain.Program, chain.Program]:
        """Check a device; return what _check_device() does as programs: for any use, for writes."""
        self._check_device(device, False)
        path = f'{self.options.devices}/{device}'
        usable = (chain.mounted(path) if self.options.mount_check else chain.exists(path),)
        reserve = self.options.fallocate_reserve
        if self.options.disable_fallocate or not reserve:
            return usable, usable
        info = os.statvfs(path)
        return usable, (
            *usable, chain.open_file(_SLOT, path, os.O_RDONLY | os.O_DIRECTORY),
            chain.room(_SLOT, int(reserve.bytes_of(info.f_blocks * info.f_frsize))),
            chain.close(_SLOT))

    def _checked(self, device: str, writes: bool, function: Callable, args: tuple) -> Any:
        self._check_device(device, writes)
        return function(*args)

    def _check_device(self, device: str, writes: bool) -> None:
        """Raise Refused with a 507 unless the device is there and, for writes, has room."""
        path = f'{self.options.devices}/{device}'
        try:
            if not drive_name_is_valid(device):
                raise DeviceUnavailable(f'{device} is no device name', path, device)
            fs.check_device(path, self.options.mount_check)
            if writes:
                self._check_space(path)
        except (DeviceUnavailable, DiskFull):
            raise Refused(page(507, drive=device)) from None

    def _check_space(self, path: str) -> None:
        reserve = self.options.fallocate_reserve
        if self.options.disable_fallocate or not reserve:
            return
        with fs.opened(path, os.O_RDONLY | os.O_DIRECTORY) as fd:
            free, total = fs.free_and_total(fd)
        if free <= reserve.bytes_of(total):
            raise DiskFull(f'{path} has no room above its reserve', path)

    def holds_true(self, place: Place, checks: chain.Program) -> bool:
        """Tell whether a program of checks goes through on a device that is usable."""
        device = self._device(place.device)
        try:
            device.threads.run_program((*device.checks[False], *checks))
        except chain.Stopped:
            return False
        return True

    def append(self, place: Place, record: bytes, takes_space: bool = True) -> None:
        """Put a record into the pending log of a database; durable at return.

        Joins the records of other requests that come meanwhile. `takes_space`: only if there is
        room above the reserve. Raises Refused, DatabaseMissing and other SwiftErrors.
        """
        self._appends.add((place.directory, takes_space), (place, takes_space), record)

    def _append_group(self, target: tuple[Place, bool], data: bytes) -> None:
        place, takes_space = target
        device = self._device(place.device)
        broker = self.brokers.known(place)
        if broker is None or not broker.append_at_once(
                data, device.threads.run_program, device.checks[takes_space]):
            device.threads.run(self._append, place, takes_space, data)

    def _append(self, place: Place, takes_space: bool, data: bytes) -> None:
        self._check_device(place.device, takes_space)
        self.brokers.get(place).append(data)

    def close(self) -> None:
        """End disk threads and close databases."""
        for device in self._devices.values():
            device.threads.close()
        self._devices.clear()
        self.brokers.close()


def metadata_headers(metadata: dict[str, tuple[str, str]]) -> Headers:
    """Return stored metadata that exists as header lines."""
    return [(title_case(str_to_wsgi(name)), str_to_wsgi(value))
            for name, (value, _) in metadata.items() if value]
