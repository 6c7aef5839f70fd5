"""Where a body ends: by length, by chunks, or with the connection (layer 1).

Three readers over a Stream, one interface: ``read_some(size, timeout)`` returns 1 to ``size``
bytes, b'' once the body is over; ``done`` is True when nothing of the body is left to receive.
They serve requests and responses alike. Raises EndOfStream when the peer closed too early,
BadFraming for malformed chunks, and what Stream raises.

    chunked: *( size-in-hex [;extension] CRLF data CRLF ) 0 [;extension] CRLF *(trailer CRLF) CRLF

Extensions are ignored, trailers read and thrown away. Bare LF, signs, blanks before the size
are refused: a lenient reader is how requests are smuggled.
"""
from __future__ import annotations

import os

from swift.common.http.stream import BadFraming, EndOfStream, Stream
from swift.common.http.wire import CHUNK_LINE_SIZE_MAX, TRAILERS_SIZE_MAX, parse_chunk_size

UNBOUNDED = 1 << 62
_PIPE_BYTES_LEAST = 4096         # what an empty pipe always has room for


class LengthReader:
    """A body of a known number of bytes."""

    __slots__ = ('_stream', 'remaining')

    def __init__(self, stream: Stream, length: int) -> None:
        self._stream = stream
        self.remaining = length

    @property
    def done(self) -> bool:
        return not self.remaining

    def read_some(self, size: int, timeout: float | None) -> bytes:
        remaining = self.remaining
        if not remaining or not size:
            return b''
        data = self._stream.read_some(size if size < remaining else remaining, timeout)
        if not data:
            raise EndOfStream
        self.remaining = remaining - len(data)
        return data


    def splice(self, pipe_fd: int, size: int, timeout: float | None) -> int:
        """Like read_some, into an empty pipe; returns how many bytes."""
        size = min(size, self.remaining)
        if self._stream.buffer:
            moved = os.write(pipe_fd, self._stream.read_some(min(size, _PIPE_BYTES_LEAST), timeout))
        else:
            moved = self._stream.splice(pipe_fd, size, timeout)
        if not moved:
            raise EndOfStream
        self.remaining -= moved
        return moved


class ChunkedReader:
    """A body in chunks."""

    __slots__ = ('_in_chunk', '_started', '_stream', 'done')

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._in_chunk = 0               # bytes of the current chunk not read yet
        self._started = False            # a chunk's closing CR LF is due
        self.done = False

    @property
    def remaining(self) -> int:
        """Bytes still to come, as far as known: an upper bound is not."""
        return 0 if self.done else UNBOUNDED

    def read_some(self, size: int, timeout: float | None) -> bytes:
        if self.done or not size:
            return b''
        if not self._in_chunk and not self._next_chunk(timeout):
            return b''
        in_chunk = self._in_chunk
        data = self._stream.read_some(size if size < in_chunk else in_chunk, timeout)
        if not data:
            raise EndOfStream
        self._in_chunk = in_chunk - len(data)
        return data

    def _next_chunk(self, timeout: float | None) -> bool:
        stream = self._stream
        if self._started and stream.read_line(2, timeout):
            raise BadFraming('no CR LF after a chunk')
        self._started = False
        line = stream.read_line(CHUNK_LINE_SIZE_MAX, timeout)
        try:
            self._in_chunk = parse_chunk_size(line)
        except ValueError as error:
            raise BadFraming(str(error)) from None
        if self._in_chunk:
            self._started = True
            return True
        total = 0
        while True:
            line = stream.read_line(CHUNK_LINE_SIZE_MAX, timeout)
            if not line:
                break
            total += len(line)
            if total > TRAILERS_SIZE_MAX:
                raise BadFraming('trailers too large')
        self.done = True
        return False


class CloseReader:
    """A body that ends when the peer closes the connection."""

    __slots__ = ('_stream', 'done')

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.done = False

    @property
    def remaining(self) -> int:
        return 0 if self.done else UNBOUNDED

    def read_some(self, size: int, timeout: float | None) -> bytes:
        if self.done or not size:
            return b''
        data = self._stream.read_some(size, timeout)
        if not data:
            self.done = True
        return data
