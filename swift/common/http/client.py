"""One HTTP request to a peer and its answer (layer 1).

    HEAD --send_head--> BODY --send*, end--> SENT --response--> ANSWERED --body read--> released
                          ^ wait_continue: None (go on) or the final response

An ``Exchange`` uses one connection for one request. For bodies that are there as a whole it is
driven by ConnectionPool.request(); streamed ones drive it themselves:

    exchange.send_head('PUT', target, headers)       headers decide the framing of the body
    exchange.wait_continue(timeout)                  if Expect: 100-continue was sent
    exchange.send(data) ... exchange.end()
    response = exchange.response(timeout)

Several-continues dialogue: after end() a further wait_continue() may return None again; then
send() and end() transfer one more chunked body. ``exchange.interim`` has the headers of the
last 1xx.

When the peer closes a *reused* connection before it said anything, what was given to send_head()
goes out once more on a fresh connection: the peer had merely timed it out. Streamed body bytes
cannot be repeated. A peer may answer and close before it took the whole body: after a failed
send(), response() still finds that answer.

The connection returns to its pool when the request was sent and the answer read completely;
in all other cases it is closed. Everything raised is a TransportError. Memory: one 64 KiB piece.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from swift.common.errors import (
    BadResponse,
    PeerClosed,
    ResponseTimeout,
    TransportError,
    weather_reason,
)
from swift.common.http.framing import ChunkedReader, CloseReader, LengthReader
from swift.common.http.message import ResponseHead, WholeHeaders, encode_request_head
from swift.common.http.stream import READ_SIZE, BadFraming, EndOfStream, Stream
from swift.common.http.wire import (
    LAST_CHUNK,
    BadHead,
    Limits,
    find_head_end,
    parse_response_head,
)
from swift.core.headers import HeaderMap

if TYPE_CHECKING:
    from swift.common.http.pool import ConnectionPool

HEAD_SIZE_MAX = 131072
INTERIM_MAX = 16                 # 1xx answers skipped before a final one is due
REUSE_READ_MAX = 65536           # an unread rest of an answer up to this size may be dropped
JOIN_MAX = 16384                 # chunks up to this size are copied to their frame
RESPONSE_LIMITS = Limits(start_line=8192, header_line=65536, header_count=1000)

Headers = Mapping[str, str] | Iterable[tuple[str, str]] | WholeHeaders


def header_pairs(headers: Headers) -> Iterable[tuple[str, str]]:
    """Return headers of any accepted kind as pairs, one per line."""
    if type(headers) is dict:
        return headers.items()
    lines = getattr(headers, 'lines', None)
    if lines is not None:
        return lines()
    items = getattr(headers, 'items', None)
    return items() if items is not None else headers


class Exchange:
    """One request and its answer on one connection. Close it, or the response it returned."""

    __slots__ = ('_announced', '_chunked', '_ended', '_first', '_left', '_method', '_pool',
                 '_stream', 'address', 'conn_timeout', 'heard', 'interim', 'repeated', 'reused',
                 'timeout')

    def __init__(self, pool: ConnectionPool, address: tuple[str, int], stream: Stream,
                 reused: bool, conn_timeout: float, timeout: float) -> None:
        self.address = address
        self.conn_timeout = conn_timeout
        self.timeout = timeout           # of each wait while sending
        self.interim: ResponseHead | None = None
        self.heard = False               # a byte of the answer has come
        self.reused = reused
        self.repeated = False            # the peer may have carried out the request before
        self._pool = pool
        self._stream: Stream | None = stream
        self._first: tuple[bytes, bytes] | None = None     # head and body, while repeatable
        self._method = ''
        self._chunked = False
        self._left = 0                   # bytes of the body still due (not chunked)
        self._ended = False
        self._announced = False          # the hub has seen that the answer begins

    @property
    def peer(self) -> str:
        return f'{self.address[0]}:{self.address[1]}'

    # -- the request ------------------------------------------------------------------------------

    def send_head(self, method: str, target: str, headers: Headers, body: bytes | None = None,
                  ) -> None:
        """Send the request line and headers; with ``body`` the whole request in one write.

        Adds Host, and Content-Length for a given body. Without ``body`` the headers must tell
        the framing; no length and no chunks mean that there is no body.
        """
        self._method = method
        if type(headers) is WholeHeaders and body is not None:
            self._ended = True
            self._first = headers.encode(method, target, self.peer), body
        else:
            self._encode_first(method, target, headers, body)
        try:
            self._send_first()
        except PeerClosed:
            if self.reused:
                self._repeat()
            elif body is None:
                raise
            # Else response() looks for an answer that was given before the body was taken.

    def _encode_first(self, method: str, target: str, headers: Headers,
                      body: bytes | None) -> None:
        lines = [f'{method} {target} HTTP/1.1', f'Host: {self.peer}']
        length = None
        named = False
        for name, value in header_pairs(headers):
            lines.append(f'{name}: {value}')
            size = len(name)
            if size == 4 and name.lower() == 'host':
                named = True
            elif size == 14 and name.lower() == 'content-length':
                length = int(value)
            elif size == 17 and name.lower() == 'transfer-encoding':
                self._chunked = True
        if named:
            del lines[1]
        if body is not None:
            assert not self._chunked and length in (None, len(body))
            if length is None and (body or method in ('PUT', 'POST')):
                lines.append(f'Content-Length: {len(body)}')
            self._ended = True
        else:
            self._left = length or 0
            self._ended = not self._left and not self._chunked
        self._first = (encode_request_head(method, target, lines), body or b'')

    def _send_first(self) -> None:
        head, body = self._first
        if len(body) > JOIN_MAX:
            self._out_parts(head, body)
        else:
            self._out(head + body if body else head)

    def _repeat(self) -> None:
        """Send head and body again on a fresh connection."""
        self.close()
        self._stream = self._pool.connect(self.address, self.conn_timeout)
        self._pool.count('repeated')
        self.reused = False
        self.repeated = True
        self._send_first()

    def send(self, data: bytes) -> None:
        """Send a piece of the body; blocks while the peer does not take it."""
        if not data:
            return
        self._first = None
        if not self._chunked:
            assert len(data) <= self._left, 'more body than Content-Length'
            self._left -= len(data)
            self._ended = not self._left
            self._out(data)
            return
        self._ended = False
        if len(data) <= JOIN_MAX:
            self._out(b'%x\r\n%b\r\n' % (len(data), data))
        else:
            self._out_parts(b'%x\r\n' % len(data), data, b'\r\n')

    def end(self) -> None:
        """The body is complete."""
        if self._chunked:
            self._first = None
            self._out(LAST_CHUNK)
        assert not self._left, 'less body than Content-Length'
        self._ended = True

    def _out(self, data: bytes) -> None:
        try:
            self._live().send(data, self.timeout)
        except OSError as error:
            raise self._send_failure(error) from error

    def _out_parts(self, *parts: bytes) -> None:
        try:
            self._live().send_parts(parts, self.timeout)
        except OSError as error:
            raise self._send_failure(error) from error

    def _send_failure(self, error: OSError) -> TransportError:
        if isinstance(error, TimeoutError):
            return self.fail(error, 'sending', self.timeout)
        reason = weather_reason(error) or str(error)
        return PeerClosed(f'{reason} while sending', self.peer, reason)

    def _live(self) -> Stream:
        if self._stream is None:
            raise PeerClosed('the connection is closed', self.peer)
        return self._stream

    # -- the answer -------------------------------------------------------------------------------

    def wait_continue(self, timeout: float) -> Response | None:
        """Return None when the peer says 100 Continue, else its final response."""
        head = self._next_head(timeout)
        while head.status != 100 and head.status < 200:
            head = self._next_head(timeout)
        return None if head.status == 100 else self._answer(head, timeout)

    def answer_begins(self, timeout: float) -> bool:
        """Return whether the answer, or the connection's end, comes within ``timeout`` seconds.

        Consumes and closes nothing: one green thread can look after several exchanges.
        """
        stream = self._stream
        self._announced = (stream is None or bool(stream.buffer)
                           or stream.ready.wait_read(timeout))
        return self._announced

    def response(self, timeout: float) -> Response:
        """Return the final response as soon as its head is there; ``timeout`` for each head."""
        for _turn in range(INTERIM_MAX):
            head = self._next_head(timeout)
            if head.status >= 200:
                return self._answer(head, timeout)
        self.close()
        raise BadResponse('too many interim answers', self.peer)

    def answer(self, timeout: float) -> tuple[ResponseHead, bytes]:
        """Return the final response, read to its end; its connection is free again, or closed.

        ``timeout``: for each head and each piece of the body. Cost: less than response().
        """
        head = self._next_head(timeout)
        stream = self._stream
        if (head.content_length == len(stream.buffer) and 200 <= head.status not in (204, 304)
                and self._method != 'HEAD'):
            # All of it came with the head.
            body, stream.buffer = stream.buffer, b''
            self.finished(head.keep_alive)
            return head, body
        response = (self._answer(head, timeout) if head.status >= 200
                    else self.response(timeout))
        with response:
            return response.head, response.read()

    def _next_head(self, timeout: float) -> ResponseHead:
        try:
            head = self._receive_head(timeout)
        except PeerClosed:
            if not self.reused or self.heard or self._first is None:
                raise
            self._repeat()
            head = self._receive_head(timeout)
        if head.status < 200:
            self.interim = head
        return head

    def _receive_head(self, timeout: float) -> ResponseHead:
        stream = self._live()
        clock = self._pool.clock
        deadline = clock.monotonic() + timeout
        try:
            if stream.buffer:
                data = stream.take_buffer()
                end = find_head_end(data)
            else:
                data, end = b'', -1
                # An answer is hardly ever there at once: to try would be a system call in vain.
                if not self._announced and not stream.ready.wait_read(timeout):
                    raise TimeoutError
            while end < 0:
                if len(data) > HEAD_SIZE_MAX:
                    raise BadHead(f'head longer than {HEAD_SIZE_MAX} bytes')
                more = stream.receive(READ_SIZE, max(deadline - clock.monotonic(), 0.0))
                if not more:
                    raise EndOfStream
                self.heard = True
                seen = len(data)
                data = data + more if seen else more
                end = find_head_end(data, seen)
            self._announced = False
            head = parse_response_head(data[:end], RESPONSE_LIMITS)
        except (OSError, EndOfStream, BadHead) as error:
            raise self.fail(error, 'waiting for an answer', timeout) from error
        stream.buffer = data[end:]
        return head

    def _answer(self, head: ResponseHead, timeout: float) -> Response:
        return Response(self, self._live(), head, self._method == 'HEAD', timeout)

    def fail(self, error: Exception, doing: str, seconds: float) -> TransportError:
        """Close the connection and return what its failure is called."""
        self.close()
        if isinstance(error, TimeoutError):
            return ResponseTimeout(f'timeout {doing}', self.peer, seconds=seconds)
        if isinstance(error, (BadHead, BadFraming)):
            return BadResponse(f'{error} ({doing})', self.peer)
        reason = weather_reason(error) or 'Connection closed'
        return PeerClosed(f'{reason} while {doing}', self.peer, reason)

    # -- the end ----------------------------------------------------------------------------------

    def finished(self, keep_alive: bool) -> None:
        """The answer was read completely; the connection may serve another request."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        if keep_alive and self._ended and not stream.buffer:
            self._pool.give_back(self.address, stream)
        else:
            stream.close()

    def close(self) -> None:
        """Give the connection up. Idempotent."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class Response:
    """An answer: its head, and its body as a stream. Close it, or read it to the end."""

    __slots__ = ('_exchange', '_headers', '_keep_alive', '_reader', '_rest', '_stream', '_timeout',
                 'head')

    def __init__(self, exchange: Exchange, stream: Stream, head: ResponseHead, head_only: bool,
                 timeout: float) -> None:
        self.head = head
        self._headers: HeaderMap | None = None
        self._exchange: Exchange | None = exchange
        self._stream = stream
        self._timeout = timeout
        self._rest = b''                 # body bytes that are here though the connection is not
        self._reader: Any = None
        self._keep_alive = head.keep_alive
        status = head.status
        if head_only or status in (204, 304):
            self._release()
        elif head.chunked:
            self._reader = ChunkedReader(stream)
        elif head.content_length is None:
            self._keep_alive = False
            self._reader = CloseReader(stream)
        elif len(stream.buffer) == head.content_length:
            # All of it came with the head: the connection is free before anybody reads.
            self._rest, stream.buffer = stream.buffer, b''
            self._release()
        elif len(stream.buffer) > head.content_length:
            self._rest = stream.buffer[:head.content_length]
            stream.buffer = stream.buffer[head.content_length:]
            self._release()
        else:
            self._reader = LengthReader(stream, head.content_length)

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def reason(self) -> str:
        return self.head.reason

    @property
    def version(self) -> str:
        return self.head.version

    @property
    def content_length(self) -> int | None:
        """The Content-Length header, None without one."""
        return self.head.content_length

    @property
    def headers(self) -> HeaderMap:
        """The headers, by name without regard to case."""
        if self._headers is None:
            self._headers = HeaderMap.of_lines(self.head.headers)
        return self._headers

    def take_whole(self) -> bytes | None:
        """Return the whole body if all of it has arrived already, else None.

        Never waits. To be called before anything was read.
        """
        if self._reader is not None:
            return None
        data, self._rest = self._rest, b''
        return data

    def read_some(self, size: int = READ_SIZE, timeout: float | None = None) -> bytes:
        """Return 1 to ``size`` bytes as soon as there are any; b'' at the end."""
        if self._rest:
            data = self._rest[:size]
            self._rest = self._rest[size:]
            return data
        reader = self._reader
        if reader is None:
            return b''
        return self._received(reader.read_some, size,
                              self._timeout if timeout is None else timeout)

    @property
    def passes(self) -> bool:
        """Whether what is left of the body can be moved by splice()."""
        return type(self._reader) is LengthReader and not self._stream.eager

    def splice(self, pipe_fd: int, size: int) -> int:
        """Move up to ``size`` bytes into an empty pipe as soon as there are any; return how many.

        Only if ``passes``, and not at the end.
        """
        reader = self._reader
        return self._received(lambda size, timeout: reader.splice(pipe_fd, size, timeout), size,
                              self._timeout)

    def _received(self, receive: Callable, size: int, timeout: float) -> Any:
        """Call what receives a part of the body; mind its failure, and the end of the body."""
        reader = self._reader
        if self._exchange is None:
            raise PeerClosed('the response was closed')
        try:
            received = receive(size, timeout)
        except (OSError, EndOfStream, BadFraming) as error:
            failure = self._exchange.fail(error, 'reading the body', timeout)
            self._exchange = None
            raise failure from error
        if reader.done:
            self._release()
        return received

    def read(self, size: int | None = None, timeout: float | None = None) -> bytes:
        """Return exactly ``size`` bytes, fewer only at the end; None: everything."""
        if size is None or size < 0:
            return b''.join(iter(lambda: self.read_some(READ_SIZE, timeout), b''))
        data = self.read_some(size, timeout)
        if len(data) == size or not data:
            return data
        parts = [data]
        left = size - len(data)
        while left:
            data = self.read_some(left, timeout)
            if not data:
                break
            parts.append(data)
            left -= len(data)
        return b''.join(parts)

    def iter_chunks(self, size: int = READ_SIZE, timeout: float | None = None) -> Iterator[bytes]:
        """Yield the body in pieces of at most ``size`` bytes as they come; closes at the end."""
        try:
            while data := self.read_some(size, timeout):
                yield data
        finally:
            self.close()

    def _release(self) -> None:
        """The body was received completely."""
        self._reader = None
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.finished(self._keep_alive)

    def close(self) -> None:
        """Give up the rest of the body. Idempotent. Never waits.

        A short rest that has arrived already is dropped so that the connection stays usable.
        """
        self._rest = b''
        if self._exchange is None:
            return
        try:
            if self._reader.remaining <= REUSE_READ_MAX:
                while self._exchange is not None and self._arrived():
                    self.read_some(READ_SIZE, 0)
        except TransportError:
            pass
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.close()

    def _arrived(self) -> bool:
        """Receive what is there without waiting; False when there is nothing."""
        stream = self._stream
        if not stream.buffer:
            try:
                stream.buffer = stream.sock.recv(READ_SIZE)
            except OSError:
                return False
        return bool(stream.buffer)

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()
