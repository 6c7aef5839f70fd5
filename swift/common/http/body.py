"""``wsgi.input``: the body of a request, received as the application asks for it (layer 1).

    expects 100 --first read or send_hundred_continue_response()--> reading --> end
                                     further send_hundred_continue_response(): ^ one more body

Nothing is read ahead of the application, so a slow one is felt by the client. The interim
100 goes out at the first read and may carry headers. In the several-continues dialogue of
multi-phase PUTs (sheet 02 section 10) each further 100 allows one more chunked body on the same
request; its bytes follow seamlessly after those of the one before.

Raises ClientDisconnect when the client went away or broke the framing, ClientReadTimeout when
it was silent for ``client_timeout``; after either the connection is closed by the server.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from swift.common.errors import ClientDisconnect, ClientReadTimeout
from swift.common.http.framing import ChunkedReader, LengthReader
from swift.common.http.message import RequestHead, encode_head
from swift.common.http.stream import READ_SIZE, BadFraming, EndOfStream, Stream

if TYPE_CHECKING:
    Reader = ChunkedReader | LengthReader


class RequestBody:
    """A file-like object over the body of one request."""

    def __init__(self, stream: Stream, head: RequestHead, timeout: float) -> None:
        self._stream = stream
        self._timeout = timeout
        self._reader: Reader = (ChunkedReader(stream) if head.chunked
                                else LengthReader(stream, head.content_length or 0))
        self._held = b''                 # read from the connection, not taken by the caller yet
        self._continue_headers: list[tuple[str, str]] = []
        self._rounds_left = 0            # further chunked bodies that were invited by a 100
        self._may_continue = not head.is_http10
        self.awaits_continue = head.expects_continue
        self.broken = False              # the connection is of no use any more
        self.chunked_input = head.chunked
        self.content_length = head.content_length
        self.position = 0                # bytes handed to the caller

    # -- the interim answer ---------------------------------------------------------------------

    def set_hundred_continue_response_headers(
            self, headers: Iterable[tuple[str, str]], capitalize_response_headers: bool = True,
    ) -> None:
        """Set the headers that every further 100 carries. Their case is kept."""
        # Compat: the second parameter is what other WSGI servers take; we never change case.
        self._continue_headers = list(headers)

    def send_hundred_continue_response(self) -> None:
        """Send an interim 100 now. After the first one it invites one more chunked body."""
        if self.awaits_continue:
            self.awaits_continue = False
        else:
            self._rounds_left += 1
        if not self._may_continue:
            return
        lines = ['HTTP/1.1 100 Continue']
        lines += [f'{name}: {value}' for name, value in self._continue_headers]
        try:
            self._stream.send(encode_head(lines), self._timeout)
        except OSError as error:
            self._fail(error)

    def answer_started(self) -> None:
        """The final answer is on its way: no 100 may follow it."""
        self._may_continue = False

    # -- reading ----------------------------------------------------------------------------------

    def read(self, size: int | None = -1) -> bytes:
        """Return exactly ``size`` bytes, or what is left of the body. -1: all of it."""
        if size is None or size < 0:
            return b''.join(iter(lambda: self.read_some(READ_SIZE), b''))
        data = self.read_some(size)
        missing = size - len(data)
        if not missing or not data:
            return data
        parts = [data]
        while missing:
            data = self.read_some(missing)
            if not data:
                break
            parts.append(data)
            missing -= len(data)
        return b''.join(parts) if len(parts) > 1 else parts[0]

    def read_some(self, size: int = READ_SIZE) -> bytes:
        """Return 1 to ``size`` bytes as soon as there are any; b'' at the end of the body."""
        if self._held:
            data = self._held[:size]
            self._held = self._held[size:]
        else:
            data = self._receive(size)
        self.position += len(data)
        return data

    def _receive(self, size: int) -> bytes:
        if self.awaits_continue:
            self.send_hundred_continue_response()
        if self.broken:
            raise ClientDisconnect('the connection was lost before')
        try:
            data = self._reader.read_some(size, self._timeout)
            while not data and size and self._rounds_left and self.chunked_input:
                self._rounds_left -= 1
                self._reader = ChunkedReader(self._stream)
                data = self._reader.read_some(size, self._timeout)
            return data
        except (EndOfStream, BadFraming, OSError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.broken = True
        if isinstance(error, TimeoutError):
            raise ClientReadTimeout(seconds=self._timeout) from None
        raise ClientDisconnect(str(error) or 'client closed the connection') from None

    def readline(self, size: int | None = -1) -> bytes:
        """Return bytes up to and with the next line feed, at most ``size`` (-1: no bound)."""
        bound = None if size is None or size < 0 else size
        held = self._held
        searched = 0
        while True:
            end = held.find(b'\n', searched, bound) + 1
            if end or (bound is not None and len(held) >= bound):
                break
            searched = len(held)
            more = self._receive(READ_SIZE)
            if not more:
                break
            held += more
        if not end:
            end = len(held) if bound is None else min(bound, len(held))
        self._held = held[end:]
        self.position += end
        return held[:end]

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """Return the remaining lines; stop after about ``hint`` bytes."""
        lines: list[bytes] = []
        total = 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint and total >= hint:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b'')

    @property
    def arrived(self) -> int:
        """How many bytes can be read without waiting, at the least; 0 of a body in chunks."""
        if self.chunked_input or self.awaits_continue:
            return 0
        stream = self._stream
        return len(self._held) + min(len(stream.buffer) - stream.position,
                                     self._reader.remaining)

    # -- for the server ---------------------------------------------------------------------------

    @property
    def remaining(self) -> int:
        """Bytes of the body still to be received; huge when unknown."""
        return self._reader.remaining

    @property
    def finished(self) -> bool:
        """Whether the whole body was received, so that the next request may follow."""
        return not self.broken and self._reader.done and not self._rounds_left

    def drain(self, limit: int, timeout: float) -> bool:
        """Receive and drop what the application left, up to ``limit`` bytes. True when at end."""
        self._held = b''
        try:
            while limit > 0 and not self._reader.done:
                limit -= len(self._reader.read_some(READ_SIZE, timeout)) or limit
        except (EndOfStream, BadFraming, OSError):
            self.broken = True
        return self.finished


class EmptyBody:
    """``wsgi.input`` of all requests without a body: one shared object without state."""

    __slots__ = ()
    awaits_continue = broken = chunked_input = False
    finished = True
    remaining = position = 0
    content_length = 0

    def read(self, size: int | None = -1) -> bytes:
        return b''

    read_some = readline = read

    def readlines(self, hint: int | None = None) -> list[bytes]:
        return []

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def set_hundred_continue_response_headers(
            self, headers: Iterable[tuple[str, str]], capitalize_response_headers: bool = True,
    ) -> None:
        """There is nothing to continue."""

    def send_hundred_continue_response(self) -> None:
        """There is nothing to continue."""

    def answer_started(self) -> None:
        """Nothing follows."""


EMPTY_BODY = EmptyBody()
