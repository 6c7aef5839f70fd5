"""MIME multipart documents: codec of bytes and events, and the documents of an object PUT.

Layer 0. A document is parts between boundary lines; `B` is the boundary, every line ends in CRLF:

    --B                     before the first part only empty lines may stand
    Name: value             the headers of a part
                            an empty line
    data                    any bytes; the CRLF before the next boundary is not part of them
    --B                     the next part follows, or, with
    --B--                   the document is over; what follows is ignored

MimeDecoder turns bytes, fed in pieces of any size, into events. States:

    PREAMBLE --boundary--> HEADERS --empty line--> DATA --boundary--> HEADERS or END

Law: the events do not depend on how the bytes were cut into pieces (but for the cuts in data).
MimeReader drives it from a function that reads. The rest is what the proxy says to an object
server when metadata follows the body (sheet 02 §10): object body, footers, commit.
"""
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from swift.core.headers import HeaderMap

HEADER_BYTES_MAX = 65536
FOOTER_BYTES_MAX = 1 << 20
CHUNK_BYTES = 65536


class BrokenMime(ValueError):
    """The bytes are no document with this boundary, or stop in the middle."""


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part begins; its headers."""

    headers: HeaderMap


@dataclass(frozen=True, slots=True)
class PartData:
    """Some bytes of the part, never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """All of the part has been seen."""


@dataclass(frozen=True, slots=True)
class DocumentEnd:
    """The closing boundary has been seen."""


class _State(Enum):
    PREAMBLE = 1
    HEADERS = 2
    DATA = 3
    END = 4


class MimeDecoder:
    """Bytes in, events out. Holds back at most one header block or one boundary line."""

    def __init__(self, boundary: str | bytes):
        if isinstance(boundary, str):
            boundary = boundary.encode('latin-1')
        if not boundary or len(boundary) > 256 or b'\r' in boundary or b'\n' in boundary:
            raise BrokenMime('a boundary has 1 to 256 bytes')
        self._line = b'--' + boundary
        self._delimiter = b'\r\n' + self._line
        self._state = _State.PREAMBLE
        self._buffer = b''
        # Bytes at the front of the buffer that are not data: a CRLF that may belong to a boundary.
        self._virtual = 0

    @property
    def is_finished(self) -> bool:
        """True after the closing boundary."""
        return self._state is _State.END

    def feed(self, data: bytes) -> list:
        """Take more bytes, return the events they complete. Raises BrokenMime."""
        events: list = []
        if self._state is _State.END:
            return events
        self._buffer = self._buffer + data if self._buffer else data
        step = True
        while step and self._state is not _State.END:
            if self._state is _State.DATA:
                step = self._read_data(events)
            elif self._state is _State.HEADERS:
                step = self._read_headers(events)
            else:
                step = self._read_preamble(events)
        if self._state is _State.END:
            self._buffer = b''
        return events

    def _read_preamble(self, events: list) -> bool:
        rest = self._buffer.lstrip(b'\r\n')
        if not rest.startswith(self._line[:len(rest)]):
            raise BrokenMime('the document does not begin with its boundary')
        self._buffer = rest
        return len(rest) > len(self._line) and self._after_boundary(len(self._line), events)

    def _after_boundary(self, position: int, events: list) -> bool:
        """Decide what a boundary ending at `position` of the buffer begins; False: need more."""
        tail = self._buffer[position:position + 2]
        if len(tail) < 2:
            return False
        if tail == b'\r\n':
            self._buffer = self._buffer[position + 2:]
            self._state = _State.HEADERS
        elif tail == b'--':
            self._state = _State.END
            events.append(DocumentEnd())
        else:
            raise BrokenMime('a boundary line has something behind it')
        return True

    def _read_headers(self, events: list) -> bool:
        if self._buffer[:2] == b'\r\n':
            block, size = b'', 2
        else:
            end = self._buffer.find(b'\r\n\r\n', 0, HEADER_BYTES_MAX + 4)
            if end < 0:
                if len(self._buffer) > HEADER_BYTES_MAX:
                    raise BrokenMime('the headers of a part are too long')
                return False
            block, size = self._buffer[:end], end + 4
        events.append(PartStart(_parse_headers(block)))
        # The CRLF that ended the headers may be the one before the boundary of an empty part.
        self._buffer = b'\r\n' + self._buffer[size:]
        self._state = _State.DATA
        self._virtual = 2
        return True

    def _read_data(self, events: list) -> bool:
        buffer = self._buffer
        found = self._find_delimiter(buffer)
        stop = self._held_back(buffer) if found < 0 else found
        if stop > self._virtual:
            events.append(PartData(buffer[self._virtual:stop]))
        # The virtual CRLF is either still whole or used up: nothing held back begins with its LF.
        self._virtual = 0 if stop else self._virtual
        self._buffer = buffer[stop:]
        size = len(self._delimiter)
        if found < 0 or len(self._buffer) < size + 2:
            return False
        events.append(PartEnd())
        return self._after_boundary(size, events)

    def _find_delimiter(self, buffer: bytes) -> int:
        """Return where the first delimiter begins (its last two bytes may be missing), or -1."""
        found = buffer.find(self._delimiter)
        while found >= 0:
            end = found + len(self._delimiter)
            tail = buffer[end:end + 2]
            if len(tail) < 2 or tail in (b'\r\n', b'--'):
                return found
            # Data that looks like a longer boundary.
            found = buffer.find(self._delimiter, found + 1)
        return -1

    def _held_back(self, buffer: bytes) -> int:
        """Return where the bytes begin that may turn out to be the start of a delimiter."""
        # A delimiter has one CR, its first byte.
        last = buffer.rfind(b'\r', max(0, len(buffer) - len(self._delimiter)))
        if last >= 0 and self._delimiter.startswith(buffer[last:]):
            return last
        return len(buffer)


def _parse_headers(block: bytes) -> HeaderMap:
    headers = HeaderMap()
    for line in block.split(b'\r\n') if block else ():
        name, colon, value = line.partition(b':')
        if not colon or not name.strip():
            raise BrokenMime('a header line of a part has no name')
        headers.add(name.strip().decode('latin-1'), value.strip().decode('latin-1'))
    return headers


class MimeReader:
    """The parts of a document, one after the other, from a function that reads.

    `read(n)` returns up to n bytes, b'' at the end of what there is now. After next_part has given
    a part's headers, `read` here gives its data; the next next_part skips what was left of it.
    BrokenMime when the bytes end inside of a part. After a boundary the source may end for a while
    (a dialogue): next_part goes on reading when it is called again.
    """

    def __init__(self, read: Callable[[int], bytes], boundary: str | bytes):
        self._read = read
        self._decoder = MimeDecoder(boundary)
        self._events: list = []
        self._rest = b''
        self._is_inside = False

    def _next_event(self):
        while not self._events:
            if self._decoder.is_finished:
                return DocumentEnd()
            data = self._read(CHUNK_BYTES)
            if not data:
                return None
            self._events = self._decoder.feed(data)
            self._events.reverse()
        return self._events.pop()

    def next_part(self) -> HeaderMap | None:
        """Return the headers of the next part; None when there is none (yet)."""
        while self._is_inside:
            self.read(CHUNK_BYTES)
        event = self._next_event()
        if isinstance(event, PartStart):
            self._is_inside = True
            return event.headers
        return None

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes of the part (all of them if negative); b'' at its end."""
        if size < 0:
            return b''.join(iter(lambda: self.read(CHUNK_BYTES), b''))
        if not self._rest and self._is_inside:
            event = self._next_event()
            if isinstance(event, PartData):
                self._rest = event.data
            elif isinstance(event, PartEnd):
                self._is_inside = False
            else:
                raise BrokenMime('the document ends inside of a part')
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def read_all(self, limit: int) -> bytes:
        """Return all of a small part; BrokenMime when it has more than `limit` bytes."""
        pieces, size = [], 0
        for piece in iter(lambda: self.read(CHUNK_BYTES), b''):
            size += len(piece)
            if size > limit:
                raise BrokenMime(f'a part has more than {limit} bytes')
            pieces.append(piece)
        return b''.join(pieces)


# -- the documents of an object PUT ---------------------------------------------------------------

BODY_DOCUMENT = 'object body'
FOOTER_DOCUMENT = 'object metadata'
COMMIT_DOCUMENT = 'put commit'
COMMIT_TEXT = b'put_commit_confirmation'


class FooterRefused(ValueError):
    """The footers cannot be used: `status` and text of the answer."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


def body_head(boundary: str) -> bytes:
    """Return what goes before the bytes of the object."""
    return f'--{boundary}\r\nX-Document: {BODY_DOCUMENT}\r\n\r\n'.encode('latin-1')


def footer_part(boundary: str, footers: Mapping[str, str], is_last: bool) -> bytes:
    """Return what goes after the bytes of the object, up to and with the next boundary line."""
    text = json.dumps(dict(footers)).encode('ascii')
    digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
    end = '--\r\n' if is_last else '\r\n'
    return b''.join((
        f'\r\n--{boundary}\r\nX-Document: {FOOTER_DOCUMENT}\r\n'
        f'Content-MD5: {digest}\r\n\r\n'.encode('latin-1'),
        text, f'\r\n--{boundary}{end}'.encode('latin-1')))


def commit_part(boundary: str) -> bytes:
    """Return the second body of a two-phase PUT; its boundary line ended the first one."""
    return b''.join((f'X-Document: {COMMIT_DOCUMENT}\r\n\r\n'.encode('latin-1'), COMMIT_TEXT,
                     f'\r\n--{boundary}--'.encode('latin-1')))


def parse_footers(headers: Mapping[str, str] | None, body: bytes) -> dict[str, str]:
    """Check and read the footers of an object PUT; FooterRefused says what is wrong.

    `headers` are those of the part, None when it did not come.
    """
    if headers is None or headers.get('X-Document') != FOOTER_DOCUMENT:
        raise FooterRefused(400, "couldn't find footer MIME doc")
    expected = headers.get('Content-MD5')
    if not expected:
        raise FooterRefused(400, 'no Content-MD5 in footer')
    if hashlib.md5(body, usedforsecurity=False).hexdigest() != expected.lower():
        raise FooterRefused(422, 'footer MD5 mismatch')
    try:
        footers = json.loads(body)
    except ValueError:
        footers = None
    if not isinstance(footers, dict):
        raise FooterRefused(400, 'invalid JSON for footer doc')
    return {name: value if isinstance(value, str) else str(value)
            for name, value in footers.items()}
