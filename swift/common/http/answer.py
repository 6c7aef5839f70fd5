"""The final answer of one request: from WSGI to bytes (layer 1).

    start_response --> (first bytes) --> head and body leave together --> more body --> end

Rules (sheet 04 section 18): a length given by the application is sent plain; without one a list
is measured, HTTP/1.1 gets chunks, HTTP/1.0 the end of the connection. HEAD, 204 and 304 have no
body. Small pieces are collected to WRITE_MIN bytes unless ``eventlet.minimum_write_chunk_size``
says otherwise (0 sends each at once: heartbeats). Header case stays as the application sent it.

A body may have ``sender(fd)``, which returns a function that sends its next bytes from a file into
the socket (how many; 0 when it is full), or None. It is used where nothing has to be done to the
bytes on their way: no TLS, no chunks.

``run`` returns how the connection goes on; it never raises for what a client or an application
does. The body iterable's close() is called exactly once, whatever happens.
"""
from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from swift.common import green
from swift.common.errors import ClientError, SwiftError
from swift.common.http.body import EMPTY_BODY
from swift.common.http.message import RequestHead, encode_head
from swift.common.http.wire import LAST_CHUNK, LENGTH_DIGITS_MAX

if TYPE_CHECKING:
    from swift.common.http.connection import Connection

WRITE_MIN = 4096
JOIN_MAX = 16384                 # pieces up to this size are copied together, larger ones gathered
DRAIN_MAX = 256 << 20            # an unread body larger than this is not waited for
CODES_KEPT = 512

# Header names as applications write them -> the four that the engine looks at, or 0.
LENGTH, CODING, DATE, CONNECTION = 1, 2, 3, 4
_CODES = {'content-length': LENGTH, 'transfer-encoding': CODING, 'date': DATE,
          'connection': CONNECTION}
_codes: dict[str, int] = {}


def _code_of(name: str) -> int:
    code = _CODES.get(name.lower(), 0)
    if len(_codes) < CODES_KEPT:
        _codes[name] = code
    return code


class Ending(enum.Enum):
    """What becomes of the connection."""

    KEEP = 'keep'                # answered completely, the next request may come
    CLOSE = 'close'              # answered completely, to be closed
    BREAK = 'break'              # answered in part: the client must notice


class ClientGone(Exception):
    """The answer cannot be sent: the client closed, or did not read for too long."""


class ShortBody(Exception):
    """The application's body is not as long as its Content-Length says."""


class Answer:
    """Runs the application for one request and sends what it answers."""

    __slots__ = ('_body', '_chunked', '_connection', '_environ', '_head', '_head_sent', '_headers',
                 '_keep', '_left', '_no_body', '_status', '_stream', '_timeout')

    def __init__(self, connection: Connection, head: RequestHead, environ: dict,
                 body: Any) -> None:
        self._connection = connection
        self._stream = connection.stream
        self._timeout = connection.server.options.client_timeout
        self._head = head
        self._environ = environ
        self._body = body
        self._keep = head.keep_alive             # the connection may stay
        self._status: str | None = None
        self._headers: list[tuple[str, str]] = []
        self._head_sent = False
        self._no_body = head.method == 'HEAD'
        self._chunked = False
        self._left: int | None = None            # bytes the Content-Length still promises

    @property
    def status(self) -> str | None:
        """The status line's number and reason; None while there is none."""
        return self._status

    def run(self, app: Callable) -> Ending:
        """Call the application, send its answer, close its iterable."""
        result = None
        try:
            try:
                result = app(self._environ, self._start_response)
                self._send_result(result)
            finally:
                close = getattr(result, 'close', None)
                if close is not None:
                    close()
        except (ClientGone, ClientError):
            # The second is what reading the body raised, if the application let it pass.
            self._connection.server.count('disconnected')
            return Ending.BREAK
        except (Exception, green.Timeout) as error:
            return self._application_failed(error)
        if self._body.broken or not self._keep:
            return Ending.CLOSE
        return Ending.KEEP

    def _application_failed(self, error: BaseException) -> Ending:
        """The last line of defence: log it, tell the client no more than 500.

        A body whose source broke for good (a node, a disk) can only be cut off: one line says so.
        Anything else is a bug and leaves its traceback in the log.
        """
        expected = self._head_sent and isinstance(error, SwiftError)
        self._connection.server.log_failure(self._environ, error if expected else None)
        if self._head_sent:
            return Ending.BREAK
        self._keep = False
        self._status = '500 Internal Error'
        self._headers = [('Content-Type', 'text/plain'), ('Content-Length', '0')]
        try:
            self._send_only(b'')
        except ClientGone:
            return Ending.BREAK
        return Ending.CLOSE

    # -- what the application calls -------------------------------------------------------------

    def _start_response(self, status: str, headers: list[tuple[str, str]],
                        exc_info: Any = None) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._status is not None:
            raise AssertionError('start_response was called twice')
        self._status = status
        self._headers = headers
        return self._write

    def _write(self, data: bytes) -> None:
        """PEP 3333's write(): sends at once."""
        if data:
            self._send_piece(data)

    # -- sending ----------------------------------------------------------------------------------

    def _send_result(self, result: Iterable[bytes]) -> None:
        kind = type(result)
        if (kind is list or kind is tuple) and self._status is not None and not self._head_sent:
            self._send_only(result[0] if len(result) == 1 else b''.join(result))
            return
        if getattr(result, 'sender', None) is None or not self._send_past(result.sender):
            self._send_pieces(result)

    def _send_past(self, sender: Callable) -> bool:
        """Let the body go from its file to the socket; False when it has to come through here."""
        fd = self._stream.direct_fd()
        if fd is None or self._no_body or self._head_sent or self._status is None:
            return False
        send = sender(fd)
        if send is None:
            return False
        head = self._make_head(None)
        assert self._left is not None, 'a body that is sent past the process has a length'
        self._send_head(head)
        while self._left:
            try:
                sent = send()
            except ConnectionError as error:
                raise self._gone(error) from error
            self._left -= sent
            if not sent and not self._stream.ready.wait_write(self._timeout):
                raise self._gone(TimeoutError())
        return True

    def _send_only(self, data: bytes) -> None:
        """Send a body that is there as a whole, with its head."""
        head = self._make_head(len(data))
        if self._no_body or not data:
            self._check_length(0)
            self._send_head(head)
        elif self._chunked:
            self._send_head(head + b'%x\r\n' % len(data) + data + b'\r\n' + LAST_CHUNK)
        else:
            if self._left == len(data):
                self._left = 0
            else:
                data = self._check_length(len(data), data)
            if len(data) <= JOIN_MAX:
                self._send_head(head + data)
            else:
                self._head_sent = True
                self._out_parts(head, data)
        if self._left:
            raise ShortBody(f'{self._left} bytes short of the Content-Length')

    def _send_head(self, data: bytes) -> None:
        self._head_sent = True
        try:
            self._stream.send(data, self._timeout)
        except OSError as error:
            raise self._gone(error) from error

    def _out(self, data: bytes) -> None:
        try:
            self._stream.send(data, self._timeout)
        except OSError as error:
            raise self._gone(error) from error

    def _out_parts(self, *parts: bytes) -> None:
        try:
            self._stream.send_parts(parts, self._timeout)
        except OSError as error:
            raise self._gone(error) from error

    def _gone(self, error: OSError) -> ClientGone:
        if isinstance(error, TimeoutError):
            # Who closes the body may count those that stall apart from those that left.
            self._environ['swift.http.client_stalled'] = True
        return ClientGone()

    def _send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Send a body piece by piece as it is produced."""
        held: list[bytes] = []
        held_size = 0
        least: int | None = None
        for piece in pieces:
            if not piece:
                continue
            if self._no_body and self._status is not None:
                break                    # there is a body, but not for this request
            if least is None:
                least = self._environ.get('eventlet.minimum_write_chunk_size', WRITE_MIN)
            held_size += len(piece)
            if held_size < least:
                held.append(piece)
                continue
            if held:
                held.append(piece)
                piece = b''.join(held)
                held.clear()
            held_size = 0
            self._send_piece(piece)
        assert self._status is not None, 'the application did not call start_response'
        if not self._head_sent:
            self._send_only(b''.join(held))
            return
        if held:
            self._send_piece(b''.join(held))
        if self._chunked:
            self._out(LAST_CHUNK)
        if self._left:
            raise ShortBody(f'{self._left} bytes short of the Content-Length')

    def _send_piece(self, piece: bytes) -> None:
        prefix = b''
        if not self._head_sent:
            prefix = self._make_head(None)
            self._head_sent = True
        suffix = b''
        if self._no_body:
            piece = b''
        elif self._chunked:
            prefix += b'%x\r\n' % len(piece)
            suffix = b'\r\n'
        else:
            piece = self._check_length(len(piece), piece)
        if not prefix:
            self._out(piece)
        elif len(piece) <= JOIN_MAX:
            self._out(prefix + piece + suffix)
        else:
            self._out_parts(prefix, piece, suffix)

    def _check_length(self, size: int, data: bytes = b'') -> bytes:
        """Count ``data`` against the promised length; what is too much is cut off."""
        left = self._left
        if left is None:
            return data
        if size > left:
            self._connection.server.log_overlong(self._environ, size - left)
            self._keep = False
            self._left = 0
            return data[:left]
        self._left = left - size
        return data

    # -- the head ----------------------------------------------------------------------------------

    def _make_head(self, size: int | None) -> bytes:
        """Encode the head and decide on framing. ``size``: of the whole body if it is known."""
        status = self._status
        lines = [f'HTTP/1.1 {status}']
        length = None
        dated = coded = named = False
        codes = _codes
        for name, value in self._headers:
            code = codes.get(name)
            if code is None:
                code = _code_of(name)
            if code:
                if code == LENGTH:
                    length = str(value)
                elif code == DATE:
                    dated = True
                elif code == CODING:
                    coded = True
                elif value.lower() == 'close':
                    named = True
                    self._keep = False
            lines.append(f'{name}: {value}')
        if status[:3] in ('204', '304') or status[0] == '1':
            self._no_body = True
        if length is not None and not coded:
            self._promise(length)
        elif not coded:
            self._frame(lines, size)
        else:
            self._keep = False           # the application frames by itself; we only pass it on
        if not dated:
            lines.append(self._connection.server.date_line())
        self._settle_connection(lines, named)
        return encode_head(lines)

    def _promise(self, length: str) -> None:
        if not (length.isascii() and length.isdigit() and len(length) <= LENGTH_DIGITS_MAX):
            raise ValueError(f'Content-Length {length[:40]!r} of the application')
        if not self._no_body:
            self._left = int(length)

    def _frame(self, lines: list[str], size: int | None) -> None:
        """The application gave no length."""
        if self._no_body:
            if size and self._head.method == 'HEAD':
                lines.append(f'Content-Length: {size}')
        elif size is not None:
            lines.append(f'Content-Length: {size}')
            self._left = size
        elif self._head.is_http10:
            self._keep = False
        else:
            lines.append('Transfer-Encoding: chunked')
            self._chunked = True

    def _settle_connection(self, lines: list[str], named: bool) -> None:
        body = self._body
        if body is not EMPTY_BODY:
            if body.awaits_continue or body.broken or (not body.finished
                                                       and DRAIN_MAX < body.remaining < 1 << 60):
                # The client still holds, or goes on sending, a body that nobody will read.
                self._keep = False
            body.answer_started()
        if not self._keep or not self._connection.server.keeps_alive:
            self._keep = False
            if not named:
                lines.append('Connection: close')
        elif self._head.is_http10:
            lines.append('Connection: keep-alive')
            timeout = self._connection.server.options.keepalive_timeout
            if timeout is not None:
                lines.append(f'Keep-Alive: timeout={timeout:g}')
