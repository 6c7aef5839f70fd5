"""The receiving side of an SSYNC session: says what it lacks, then stores what it gets.

Layer 3. One request and its answer run side by side (sheet 02 §16; the dialogue is sketched in
core/sync_offers). The answer is a generator: it reads from the request as far as it needs for its
next piece, and each piece leaves at once.

    headers, empty line -> slot, locks -> offers in, wants out -> sub-requests in -> verdict out

From the first byte on trouble can only be told in the body: `:ERROR: <status> <text>`, after
which the connection is closed. Each sub-request is stored as if it had come by itself, durable
before the next is read, so that a session killed at any moment keeps what it finished.
Memory: the wants of one session, and one step of a body.
"""
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from swift.common.errors import (
    ClientDisconnect,
    ClientReadTimeout,
    LockTimeout,
    NameCollision,
    StateChanged,
    SwiftError,
)
from swift.common.swob import Request, Response, status_map
from swift.core import sync_offers
from swift.core.constraints import config_true_value
from swift.core.sync_offers import Offer, Times, Want
from swift.core.wsgi_text import wsgi_unquote
from swift.obj.placement import Placement
from swift.obj.reading import Kind, Lookup, open_by_hash
from swift.obj.replication_locks import (
    PARTITION_LOCK,
    Held,
    SessionSlots,
    device_lock_names,
    try_lock,
    wait_for,
)
from swift.obj.store import Store

LINE_SIZE_MAX = 65536
HEADERS_MAX = 1000
# Offers looked up in one trip to the disk.
_BATCH = 64
_DRAIN_SIZE = 65536
_WITHOUT_RECORD = ('etag', 'x-backend-no-commit')
_HEX_DIGITS = frozenset('0123456789abcdef')


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long to wait for locks, how many sessions a device takes, when to give up."""
    per_device: int
    lock_timeout_s: float
    failure_threshold: int
    failure_ratio: float

    @classmethod
    def of(cls, options: Any) -> Self:
        per_device = options.replication_concurrency_per_device
        if per_device is None:
            old_form = options.replication_one_per_device or 'true'
            per_device = 1 if config_true_value(old_form) else 0
        return cls(per_device, options.replication_lock_timeout,
                   options.replication_failure_threshold, options.replication_failure_ratio)


class SessionFailed(Exception):
    """What is reported in the answer before the connection is closed."""

    def __init__(self, status: int, text: str | bytes):
        super().__init__(text)
        self.status = status
        self.text = text

    @property
    def line(self) -> bytes:
        return (':ERROR: %d %r\n' % (self.status, self.text)).encode('ascii', 'backslashreplace')


class SsyncReceiver:
    """Starts sessions. ``server`` runs sub-requests; its store has the objects."""

    def __init__(self, store: Store, server: Any, slots: SessionSlots, limits: SessionLimits):
        self.store = store
        self.server = server
        self.slots = slots
        self.limits = limits

    def answer(self, req: Request, place: Placement) -> Response:
        """Return the answer whose body is the session."""
        # Nothing may wait in a buffer: the sender answers to each piece.
        req.environ['eventlet.minimum_write_chunk_size'] = 0
        return Response(request=req, app_iter=_Session(self, req, place),
                        headers={'X-Backend-Accept-No-Commit': 'True'})


class _Session:
    """One session; iterating runs it."""

    def __init__(self, receiver: SsyncReceiver, req: Request, place: Placement):
        self._receiver = receiver
        self._store = receiver.store
        self._limits = receiver.limits
        self._logger = receiver.server.logger
        self._environ = req.environ
        self._body = req.environ['wsgi.input']
        self._place = place
        self._peer = '%s/%s/%s' % (req.environ.get('REMOTE_ADDR'), place.device, place.part)
        self._first = b''                # a line that was read ahead
        self._failures = self._successes = 0

    def __iter__(self) -> Iterator[bytes]:
        yield b'\r\n'
        try:
            with self._receiver.slots.slot() as has_slot:
                if not has_slot:
                    raise SessionFailed(503, _page(503))
                with self._locks():
                    yield from self._missing_check()
                    yield from self._updates()
                    return
        except SessionFailed as failure:
            self._logger.warning('%s SSYNC: %s', self._peer, failure)
            line = failure.line
        except LockTimeout as error:
            self._logger.warning('%s SSYNC LOCK TIMEOUT: %s', self._peer, error)
            line = SessionFailed(0, str(error)).line
        except ClientReadTimeout as error:
            self._logger.error('%s TIMEOUT in SSYNC: %s', self._peer, error)
            line = SessionFailed(408, _page(408)).line
        except ClientDisconnect:
            # There is nobody to tell.
            self._logger.error('%s SSYNC: the sender hung up', self._peer)
            raise
        except SwiftError as error:
            self._logger.exception('%s EXCEPTION in SSYNC', self._peer)
            line = SessionFailed(0, str(error)).line
        yield line
        # What else the sender has said is not worth reading; the connection ends here.
        self._body.broken = True

    @contextmanager
    def _locks(self) -> Iterator[None]:
        """Hold a slot of the device, then the partition, within one timeout for both."""
        place, clock = self._place, self._store.clock
        deadline = clock.monotonic() + self._limits.lock_timeout_s
        wanted = [(place.part_path, (PARTITION_LOCK,))]
        if self._limits.per_device:
            wanted.append((place.device_path, device_lock_names(self._limits.per_device)))
        with ExitStack() as stack:
            for directory, names in wanted:
                stack.enter_context(self._lock(
                    directory, names, max(0.0, deadline - clock.monotonic())))
            yield

    def _lock(self, directory: str, names: tuple[str, ...], timeout_s: float) -> Held:
        place, store = self._place, self._store

        def attempt() -> Held | None:
            return store.run(place, lambda _place: try_lock(directory, place.device_path, names))
        try:
            return wait_for(attempt, timeout_s, '%s/%s' % (directory, names[0]), store.clock)
        except LockTimeout as error:
            # The sender gets to see the timeout that operators configured.
            raise LockTimeout(path=error.path, seconds=self._limits.lock_timeout_s) from None

    # -- reading -------------------------------------------------------------------------------

    def _read_line(self) -> str:
        """Return the next line without its end, as a WSGI string."""
        line, self._first = self._first or self._body.readline(LINE_SIZE_MAX), b''
        if not line.endswith(b'\n'):
            if len(line) >= LINE_SIZE_MAX:
                raise SessionFailed(0, 'line too long')
            raise ClientDisconnect('the session ends early')
        return line.decode('latin-1').rstrip('\r\n')

    def _expect(self, token: str) -> None:
        line = self._read_line().strip()
        if line != token:
            raise SessionFailed(0, 'Looking for %s got %r' % (token, line[:1024]))

    # -- offers --------------------------------------------------------------------------------

    def _missing_check(self) -> Iterator[bytes]:
        self._expect(sync_offers.MISSING_START)
        wanted: list[str] = []
        batch: list[Offer] = []
        while (line := self._read_line().strip()) != sync_offers.MISSING_END:
            try:
                offer = sync_offers.decode_offer(line)
            except ValueError as error:
                raise SessionFailed(0, str(error)) from None
            if len(offer.hash) != 32 or not _HEX_DIGITS.issuperset(offer.hash):
                raise SessionFailed(0, 'bad hash in offer: %r' % offer.hash)
            batch.append(offer)
            if len(batch) == _BATCH:
                wanted += self._wanted_lines(batch)
                batch = []
        wanted += self._wanted_lines(batch)
        yield _line(sync_offers.MISSING_START)
        if wanted:
            yield '\r\n'.join(wanted).encode('ascii')
        yield b'\r\n'
        yield _line(sync_offers.MISSING_END)

    def _wanted_lines(self, batch: list[Offer]) -> list[str]:
        if not batch:
            return []
        wants, problems = self._store.run(self._place, _decide_all, batch,
                                          self._store.cluster.hash_path)
        for place, problem in problems:
            self._store.note_quarantine(place, problem)
        return [sync_offers.encode_want(offer.hash, want)
                for offer, want in zip(batch, wants, strict=True) if want]

    # -- updates -------------------------------------------------------------------------------

    def _updates(self) -> Iterator[bytes]:
        if self._sender_only_asked():
            return
        self._expect(sync_offers.UPDATES_START)
        while (line := self._read_line()).strip() != sync_offers.UPDATES_END:
            if not line.strip():
                continue
            self._update(line)
            self._check_hope()
        if self._failures:
            raise SessionFailed(500, b'ERROR: With :UPDATES: %d failures to %d successes'
                                % (self._failures, self._successes))
        yield _line(sync_offers.UPDATES_START)
        yield _line(sync_offers.UPDATES_END)

    def _sender_only_asked(self) -> bool:
        """Tell whether the session ends in good order here: wants were all it was about."""
        if not self._first:
            self._first = self._body.readline(LINE_SIZE_MAX)
        return not self._first

    def _check_hope(self) -> None:
        if sync_offers.is_hopeless(self._failures, self._successes,
                                   self._limits.failure_threshold, self._limits.failure_ratio):
            raise SessionFailed(0, 'Too many %d failures to %d successes'
                                % (self._failures, self._successes))

    def _update(self, line: str) -> None:
        method, _, path = line.partition(' ')
        headers = self._read_headers()
        length = _content_length(method, headers)
        source = _LimitedBody(self._body, length or 0)
        answer = self._receiver.server.handle(self._make_environ(method, path, headers, source))
        source.drain()
        if answer.status_int // 100 == 2 or answer.status_int == 404:
            self._successes += 1
        else:
            self._failures += 1
            self._logger.warning('ssync subrequest failed with %s: %s %s', answer.status_int,
                                 method, path)

    def _read_headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = []
        while line := self._read_line():
            name, mark, value = line.partition(':')
            if not mark or len(headers) >= HEADERS_MAX:
                raise SessionFailed(0, 'bad header line: %r' % line[:1024])
            headers.append((name.strip(), value.strip()))
        return headers

    def _make_environ(self, method: str, path: str, headers: list[tuple[str, str]],
                      source: Any) -> dict[str, Any]:
        place, outer = self._place, self._environ
        recorded = ' '.join(name.lower() for name, _value in headers
                            if name.lower() not in _WITHOUT_RECORD)
        environ = {'REQUEST_METHOD': method, 'SCRIPT_NAME': '', 'QUERY_STRING': '',
                   'PATH_INFO': '/%s/%s%s' % (place.device, place.part, wsgi_unquote(path.strip())),
                   'wsgi.input': source}
        for key in ('SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL', 'REMOTE_ADDR', 'wsgi.errors',
                    'wsgi.url_scheme', 'wsgi.version', 'HTTP_X_TRANS_ID', 'HTTP_USER_AGENT'):
            if key in outer:
                environ[key] = outer[key]
        for name, value in (*headers, ('X-Backend-Storage-Policy-Index', str(place.policy.index)),
                            ('X-Backend-Replication', 'True'),
                            ('X-Backend-Replication-Headers', recorded)):
            key = name.upper().replace('-', '_')
            environ[key if key in ('CONTENT_TYPE', 'CONTENT_LENGTH') else 'HTTP_' + key] = value
        return environ


class _LimitedBody:
    """The body of one sub-request: a stretch of the session's."""

    awaits_continue = False

    def __init__(self, source: Any, size: int):
        self._source = source
        self._left = size
        self._error: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        """Return exactly ``size`` bytes, or what is left."""
        wanted = self._left if size < 0 else min(size, self._left)
        try:
            data = self._source.read(wanted) if wanted else b''
        except SwiftError as error:
            self._error = error
            raise
        if len(data) < wanted:
            self._error = ClientDisconnect('the session ends in a body')
        self._left -= len(data)
        return data

    read_some = read

    def drain(self) -> None:
        """Read what the sub-request left; raise what went wrong with the session meanwhile."""
        while self._left and self._error is None:
            self.read(_DRAIN_SIZE)
        if self._error is not None:
            raise self._error


def _content_length(method: str, headers: list[tuple[str, str]]) -> int | None:
    """Return the length of a sub-request's body. Raises SessionFailed for what cannot be."""
    text = next((value for name, value in headers if name.lower() == 'content-length'), None)
    if method not in (sync_offers.PUT, sync_offers.POST, sync_offers.DELETE):
        raise SessionFailed(0, 'Invalid subrequest method %s' % method)
    if text is not None and not (text.isascii() and text.isdigit()):
        raise SessionFailed(0, 'Invalid content-length %r' % text)
    length = None if text is None else int(text)
    if method == sync_offers.PUT and length is None:
        raise SessionFailed(0, 'No content-length sent for PUT request')
    if method != sync_offers.PUT and length:
        raise SessionFailed(0, '%s subrequest with content-length %d' % (method, length))
    return length


def _decide_all(place: Placement, offers: list[Offer], hash_path: Any
                ) -> tuple[list[Want], list[tuple[Placement, str]]]:
    """Decide on offers; also return what was quarantined on the way. For disk threads."""
    wants, problems = [], []
    for offer in offers:
        want, found, where = _decide(place.with_hash(offer.hash), offer, hash_path)
        wants.append(want)
        if found is not None and found.problem:
            problems.append((where, found.problem))
    return wants, problems


def _decide(place: Placement, offer: Offer, hash_path: Any
            ) -> tuple[Want, Lookup | None, Placement]:
    try:
        named, found = open_by_hash(place, hash_path)
    except (StateChanged, NameCollision, NotADirectoryError):
        # Storing what comes then will say what is wrong, if anything still is.
        return sync_offers.EVERYTHING, None, place
    local = Times.of(found.files) if found.kind is not Kind.ABSENT else None
    return sync_offers.decide(offer, local, found.kind is Kind.DELETED), found, named


def _page(status: int) -> bytes:
    """Return the body that an answer of this status has."""
    return b''.join(status_map[status]()({'REQUEST_METHOD': 'SSYNC'}, lambda *_args: None))


def _line(token: str) -> bytes:
    return token.encode('ascii') + b'\r\n'
