"""The bytes of a large object, one segment after the other, streamed as if they were one object.

Layer 1: static and dynamic large objects differ in their manifests, not in this. A plan
(core.segment_plan) says what to fetch; each Fetch is a sub-request in the client's name:

    plan ... Fetch | bytes | Fetch ...
               |               |
             current         ahead       asked for in a green thread as soon as current streams

While a segment streams, the head of the next one is awaited, and its first bytes wait in the
sockets: where one ends the next begins without a round trip. Nothing of it is read before its turn,
so memory is that of two open answers.

Invariants: start() opens the first segment before the answer's status is sent, so that what is
broken there is told as 409 or 503 (SegmentFailed); whatever fails later breaks the body off short
of its length. Each answer is closed once, on every path.

Object servers hash what they read as a whole, and refuse what does not match; hashing again here
(`verify`) halves the speed and is off unless asked for. Source: sheet 05 section 14.
"""
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from swift.common import green
from swift.common.clock import SYSTEM, Clock
from swift.common.errors import SwiftError
from swift.common.http.passage import Remainder
from swift.common.log import Logger
from swift.common.subrequest import make_subrequest
from swift.common.swob import (
    HTTPConflict,
    HTTPException,
    HTTPServiceUnavailable,
    Request,
    Response,
    close_if_possible,
    sender_of,
    str_to_wsgi,
    wsgi_quote,
)
from swift.core.byteranges import boundary_of
from swift.core.conditions import strip_quotes
from swift.core.hashing import md5
from swift.core.mime import CHUNK_BYTES, BrokenMime, MimeReader
from swift.core.pacing import AfterBurst
from swift.core.ranges import MultipartPlan, parse_content_range
from swift.core.segment_plan import Fetch, ObjectSegment, UnusableSegment

_COPIED = ('HTTP_X_AUTH_TOKEN', 'HTTP_X_STORAGE_TOKEN', 'HTTP_X_OPEN_EXPIRED')


class SegmentFailed(SwiftError, UnusableSegment):
    """A segment that cannot be had, or is not what the manifest says."""

    def __init__(self, message: str, is_outage: bool = False):
        super().__init__(message)
        self.is_outage = is_outage

    def answer(self, req: Request) -> HTTPException:
        """Return the answer to a request that has not been answered yet."""
        kind = HTTPServiceUnavailable if self.is_outage else HTTPConflict
        return kind(request=req)


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How a large object may be read."""

    max_get_time_s: float
    rate_limit_after: int
    rate_limit_per_s: float
    # Only segments smaller than this are held back; None: all.
    rate_limit_under_bytes: int | None = None
    verify: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """In whose name segments are read, and what is expected of them."""

    app: Callable
    env: dict
    root: str              # /v1/account, a WSGI string
    kind: str              # SLO or DLO, in agent and source
    limits: ReadLimits
    logger: Logger
    # Whether a segment must have the size in the manifest.
    pins_size: bool = True
    clock: Clock = SYSTEM
    sleep: Callable[[float], None] = green.sleep

    def request(self, segment: ObjectSegment, range_header: str | None = None) -> Request:
        """Return the request for a segment itself: a manifest is not expanded."""
        headers = {} if range_header is None else {'Range': range_header}
        req = make_subrequest(
            self.env, 'GET',
            wsgi_quote(self.root + str_to_wsgi(segment.path)) + '?multipart-manifest=get',
            headers=headers, agent=f'%(orig)s  {self.kind} MultipartGET', swift_source=self.kind)
        for key in _COPIED:
            if key in self.env:
                req.environ[key] = self.env[key]
        return req

    def open(self, fetch: Fetch) -> 'OpenSegment':
        """Ask for a segment. Blocks until its head is there. Raises SegmentFailed."""
        response = self.request(fetch.segment, fetch.header).get_response(self.app)
        try:
            self._check(fetch, response)
            return OpenSegment(fetch, response, pins_size=self.pins_size,
                               verify=self.limits.verify)
        except BaseException:
            response.close()
            raise

    def _check(self, fetch: Fetch, response: Response) -> None:
        segment = fetch.segment
        if not response.is_success:
            raise SegmentFailed(f'{self.kind}: {response.status} for segment {segment.path}',
                                response.status_int >= 500)
        etag = strip_quotes(response.headers.get('Etag') or '')
        if etag != segment.etag:
            raise SegmentFailed(f'{self.kind}: segment {segment.path} has ETag {etag}, the '
                                f'manifest says {segment.etag}')
        length = response.content_length
        if self.pins_size and not fetch.ranges and length != segment.size:
            raise SegmentFailed(f'{self.kind}: segment {segment.path} has {length} bytes, the '
                                f'manifest says {segment.size}')


class OpenSegment:
    """A segment whose answer has begun. The owner closes it."""

    def __init__(self, fetch: Fetch, response: Response, *, pins_size: bool, verify: bool):
        self._segment = fetch.segment
        self._response = response
        self.left = fetch.length if pins_size else response.content_length
        chunks = iter(response.app_iter or ())
        # Nobody has to look at its bytes.
        self._may_pass = False
        if len(fetch.ranges) > 1:
            chunks = _parts(fetch, response, chunks)
            self.left = fetch.length
        elif fetch.ranges and response.status_int == 200:
            chunks = _slice(chunks, *fetch.ranges[0])
            self.left = fetch.length
        elif verify and not fetch.ranges:
            chunks = _verified(fetch.segment, chunks)
        else:
            self._may_pass = True
        self.chunks = chunks

    def sender(self, sock_fd: int) -> Callable[[], int] | None:
        """Return what sends the bytes into a socket past the process, None if they cannot."""
        return sender_of(self._response.app_iter, sock_fd) if self._may_pass else None

    def count(self, size: int) -> None:
        """So many bytes have come."""
        if self.left is not None:
            self.left -= size
            if self.left < 0:
                raise SegmentFailed(f'{self._segment.path}: more bytes than announced')

    def check_end(self) -> None:
        """The answer is over. Raises SegmentFailed if bytes are missing."""
        if self.left:
            raise SegmentFailed(f'{self._segment.path}: {self.left} bytes less than announced')

    def drain(self) -> None:
        """No more bytes are wanted: read the end of an answer that was read as a whole.

        Then its connection is left to others. Raises SegmentFailed if the bytes were wrong.
        """
        if not self.left:
            next(self.chunks, None)

    def close(self) -> None:
        self._response.close()


def _parts(fetch: Fetch, response: Response, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the parts of a multipart answer, each checked to be the one asked for."""
    boundary = boundary_of(response.headers.get('Content-Type') or '')
    if response.status_int != 206 or not boundary:
        raise SegmentFailed(f'{fetch.segment.path}: no multipart answer to several ranges')
    pieces = filter(None, chunks)
    return _read_parts(fetch, MimeReader(lambda size: next(pieces, b''), boundary))


def _read_parts(fetch: Fetch, reader: MimeReader) -> Iterator[bytes]:
    try:
        for start, stop in fetch.ranges:
            head = reader.next_part()
            shown = head.get('Content-Range') if head is not None else None
            if shown is None or parse_content_range(shown)[:2] != (start, stop):
                raise SegmentFailed(f'{fetch.segment.path}: {shown!r} instead of {start}-{stop}')
            yield from iter(lambda: reader.read(CHUNK_BYTES), b'')
    except (BrokenMime, ValueError) as problem:
        raise SegmentFailed(f'{fetch.segment.path}: {problem}') from None


def _slice(chunks: Iterator[bytes], start: int, stop: int) -> Iterator[bytes]:
    """Yield bytes [start, stop) of an answer that ignored its Range."""
    position = 0
    for chunk in chunks:
        wanted = chunk[max(start - position, 0):max(stop - position, 0)]
        position += len(chunk)
        if wanted:
            yield wanted
        if position >= stop:
            return


def _verified(segment: ObjectSegment, chunks: Iterator[bytes]) -> Iterator[bytes]:
    digest = md5()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != segment.etag:
        raise SegmentFailed(f'{segment.path}: bytes with MD5 {digest.hexdigest()}, the manifest '
                            f'says {segment.etag}')


class SegmentBody:
    """A body made of what a plan fetches. start() first, then iterate; close() gives it up."""

    def __init__(self, reader: Reader, plan: Iterable[Fetch | bytes], length: int | None):
        """`length` is what was announced: more is cut off, less is an error; None for unknown."""
        self._reader = reader
        self._plan = iter(plan)
        self._left = length
        self._pace = AfterBurst(reader.limits.rate_limit_after, reader.limits.rate_limit_per_s)
        self._deadline = reader.clock.monotonic() + reader.limits.max_get_time_s
        # What start() has found: data, at most one open segment.
        self._ready: list[bytes | OpenSegment] = []
        self._current: OpenSegment | None = None
        self._chunks: Iterator[bytes] = iter(())
        self._ahead: green.Queue | None = None
        self._task = None
        self._closed = False
        # What lets the current segment pass, and what the socket had no room for.
        self._passing: Callable[[], int] | None = None
        self._unsent = Remainder()

    def start(self) -> None:
        """Open the first segment. Raises SegmentFailed."""
        try:
            while (item := self._advance()) is not None:
                self._ready.append(item)
                if isinstance(item, OpenSegment):
                    break
        except SegmentFailed as problem:
            self._reader.logger.error('%s', problem)
            self.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            while self._left != 0 and not self._closed:
                chunk = next(self._chunks, None)
                if chunk is None and not self._turn():
                    break
                if self._reader.clock.monotonic() > self._deadline:
                    raise self._too_long()
                if chunk:
                    return self._counted(chunk)
            if self._left and not self._closed:
                raise SegmentFailed(f'{self._left} bytes less than the manifest says')
        except SegmentFailed as problem:
            self._give_up(problem)
            raise
        self.close()
        raise StopIteration

    def _give_up(self, problem: SegmentFailed) -> None:
        self._reader.env['swift.non_client_disconnect'] = True
        self._reader.logger.error('While reading a large object: %s', problem)
        self.close()

    def _counted(self, chunk: bytes) -> bytes:
        if self._current is not None:
            self._current.count(len(chunk))
        if self._left is None:
            return chunk
        if len(chunk) > self._left:
            chunk = chunk[:self._left]
        self._left -= len(chunk)
        if not self._left and self._current is not None:
            self._current.drain()
        return chunk

    # -- past the process -----------------------------------------------------------------------

    def sender(self, sock_fd: int) -> Callable[[], int] | None:
        """Return a function that sends the next bytes into a socket (see http/answer.py).

        Segments whose answers can go past the process do; the rest is written from here.
        """
        return None if self._left is None else lambda: self._send(sock_fd)

    def _send(self, sock_fd: int) -> int:
        if not self._unsent:
            if self._passing is None and (self._current is None or self._current.left == 0):
                self._begin_passing(sock_fd)
            if self._passing is not None:
                return self._pass()
        return self._unsent.step(sock_fd, lambda: next(self, b''))

    def _begin_passing(self, sock_fd: int) -> None:
        """Go on to the next segment, and let it pass if it can and brings no more than is due."""
        try:
            self._turn()
        except SegmentFailed as problem:
            self._give_up(problem)
            raise
        one = self._current
        if one is not None and one.left and one.left <= self._left:
            self._passing = one.sender(sock_fd)

    def _pass(self) -> int:
        sent = self._passing()
        if sent:
            self._current.count(sent)
            self._left -= sent
            if not self._current.left:
                self._passing = None
        if self._reader.clock.monotonic() > self._deadline:
            problem = self._too_long()
            self._give_up(problem)
            raise problem
        return sent

    def _too_long(self) -> SegmentFailed:
        return SegmentFailed(
            f'max LO GET time of {self._reader.limits.max_get_time_s:g}s exceeded')

    # -- segments -------------------------------------------------------------------------------

    def _turn(self) -> bool:
        """Go on to the next item of the plan; False at its end."""
        if self._current is not None:
            self._current.check_end()
            self._current.close()
            self._current = None
        item = self._ready.pop(0) if self._ready else self._take_ahead()
        if item is None:
            return False
        if isinstance(item, bytes):
            self._chunks = iter((item,))
            return True
        self._current = item
        self._chunks = item.chunks
        self._ahead = green.Queue()
        self._task = green.spawn(self._look_ahead, self._ahead)
        return True

    def _take_ahead(self) -> 'bytes | OpenSegment | None':
        if self._ahead is None:
            return self._advance()
        waiting, self._ahead, self._task = self._ahead, None, None
        item, problem = waiting.get()
        if problem is not None:
            raise problem
        return item

    def _look_ahead(self, outcome: green.Queue) -> None:
        try:
            found = self._advance(), None
        except (Exception, green.Timeout) as problem:
            # Told when it is its turn: what comes before is not to suffer.
            found = None, problem
        outcome.put(found)

    def _advance(self) -> 'bytes | OpenSegment | None':
        """Return the next item of the plan, opened; None at its end. Raises SegmentFailed."""
        try:
            item = next(self._plan, None)
        except UnusableSegment as problem:
            if isinstance(problem, SegmentFailed):
                raise
            raise SegmentFailed(f'{self._reader.kind}: {problem}') from None
        if item is None or isinstance(item, bytes):
            return item
        under = self._reader.limits.rate_limit_under_bytes
        if under is None or item.segment.size < under:
            wait_s = self._pace.wait_s(self._reader.clock.monotonic())
            if wait_s:
                self._reader.sleep(wait_s)
        return self._reader.open(item)

    def close(self) -> None:
        """Close what is open and give up what was asked for."""
        if self._closed:
            return
        self._closed = True
        if self._task is not None:
            self._task.kill()
            self._task = None
        if self._ahead is not None and not self._ahead.empty():
            self._ready.append(self._ahead.get()[0])
        for item in (*self._ready, self._current):
            if isinstance(item, OpenSegment):
                item.close()
        self._ready.clear()
        self._current = None


class WholeBody(SegmentBody):
    """The body of a large object of known length, of which a response may take parts."""

    def __init__(self, reader: Reader, plan: Callable[[int, int], Iterator[Fetch | bytes]],
                 length: int):
        """`plan(start, stop)` tells what to fetch for these bytes."""
        super().__init__(reader, plan(0, length), length)
        self._plan_part = plan

    def app_iter_range(self, start: int, stop: int) -> SegmentBody:
        return SegmentBody(self._reader, self._plan_part(start, stop), stop - start)

    def app_iter_ranges(self, ranges: Sequence[tuple[int, int]], content_type: str, boundary: str,
                        size: int) -> SegmentBody:
        frame = MultipartPlan(boundary, content_type, size, tuple(ranges))
        return SegmentBody(self._reader, self._framed(frame), frame.content_length)

    def _framed(self, frame: MultipartPlan) -> Iterator[Fetch | bytes]:
        for start, stop in frame.ranges:
            yield frame.head(start, stop)
            yield from self._plan_part(start, stop)
            yield frame.PART_END
        yield frame.closing


def answered(env: dict, start_response: Callable, response: Response) -> Iterable[bytes]:
    """Send a conditional response with a large body, if its first segment can be had.

    Conditions and ranges come first: they decide which segment that is, or that none is needed.
    """
    begun: list[tuple] = []
    body = response(env, lambda status, headers, exc_info=None: begun.append((status, headers)))
    if isinstance(body, SegmentBody):
        try:
            body.start()
        except SegmentFailed as problem:
            close_if_possible(body)
            return problem.answer(Request(env))(env, start_response)
    start_response(*begun[0])
    return body
