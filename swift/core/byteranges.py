"""Follow a read from one replica to the next: what was delivered, and what is still missing.

Pure (layer 0). Two trackers with one interface, for the two kinds of object answers:

    PlainProgress      one run of bytes (200, or 206 with one range)
    MultipartProgress  a multipart/byteranges document; parses it as it passes

feed(data) returns the bytes to send on; missing() is the Range header for the next replica; after a
new replica has answered, resume(answer) prepares for its body, which may start in the middle of
a part, and whose boundary differs: the client sees one document with the first boundary.

Invariant: the bytes handed on are exactly those that one replica would have sent.
"""

import re
from dataclasses import dataclass

_CONTENT_RANGE = re.compile(r'bytes (\d+)-(\d+)/(\d+|\*)\Z')
_PART_HEAD_BYTES_MAX = 65536


class BrokenDocument(ValueError):
    """The other replica's answer does not continue what was delivered."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The head of the answer that continues a read."""

    status: int
    content_range: str = ''
    boundary: str = ''
    content_type: str = ''


def parse_content_range(text: str) -> tuple[int, int]:
    """Return (first, last) of a Content-Range value; BrokenDocument when it is none."""
    match = _CONTENT_RANGE.match(text.strip())
    if match is None:
        raise BrokenDocument(f'bad Content-Range {text!r}')
    return int(match[1]), int(match[2])


def boundary_of(content_type: str) -> str:
    """Return the boundary of a multipart/byteranges content type, '' for any other type."""
    kind, _, parameters = content_type.partition(';')
    if kind.strip().lower() != 'multipart/byteranges':
        return ''
    for parameter in parameters.split(';'):
        name, _, value = parameter.partition('=')
        if name.strip().lower() == 'boundary':
            return value.strip().strip('"')
    return ''


class PlainProgress:
    """Progress through bytes first..last of an object."""

    __slots__ = ('_last', '_next')

    def __init__(self, first: int, last: int):
        self._next = first
        self._last = last

    @property
    def is_complete(self) -> bool:
        return self._next > self._last

    def advance(self, count: int) -> None:
        """So many bytes were delivered before anybody counted."""
        self._next += count

    def feed(self, data: bytes) -> bytes:
        self._next += len(data)
        return data

    def missing(self) -> str:
        return f'bytes={self._next}-{self._last}'

    def resume(self, answer: Resumed) -> None:
        """Check that the answer starts where the last one broke off."""
        if answer.status != 206:
            raise BrokenDocument(f'status {answer.status} instead of 206')
        if parse_content_range(answer.content_range) != (self._next, self._last):
            raise BrokenDocument(f'{answer.content_range!r} instead of {self.missing()}')


class MultipartProgress:
    """Progress through a multipart/byteranges document.

    `specs` are the ranges the client asked for, as they stand in the header (`5-9`, `20-`, `-5`).
    The server leaves out those that cannot be satisfied; the ones still to come are found by
    striking out, for each part, the specs up to the one that it answers.
    """

    __slots__ = ('_boundary', '_theirs', '_specs', '_buffer', '_state', '_next', '_last',
                 '_type_line', '_continues', '_owed', '_is_bare', '_any_part')

    _BETWEEN, _IN_PART, _DONE = range(3)

    def __init__(self, boundary: str, specs: list[str]):
        self._boundary = self._theirs = b'--' + boundary.encode()
        self._specs = list(specs)
        self._buffer = b''
        self._state = self._BETWEEN
        self._next, self._last = 0, -1
        self._type_line = b''
        self._continues = False
        self._owed = b''
        self._is_bare = False
        self._any_part = False

    @property
    def is_complete(self) -> bool:
        return self._state == self._DONE

    def feed(self, data: bytes) -> bytes:
        """Return the client's bytes for these bytes of the replica's document."""
        self._buffer += data
        out = [self._owed]
        self._owed = b''
        while True:
            piece = self._take()
            if piece is None:
                return b''.join(out)
            out.append(piece)

    def _take(self) -> bytes | None:
        if self._state == self._DONE:
            return None
        if self._state == self._BETWEEN:
            return self._take_head()
        wanted = self._last - self._next + 1
        if wanted:
            piece, self._buffer = self._buffer[:wanted], self._buffer[wanted:]
            self._next += len(piece)
            return piece or None
        if self._is_bare:
            # The only range that was missing came without framing.
            return self.closing()
        if len(self._buffer) < 2:
            return None
        if not self._buffer.startswith(b'\r\n'):
            raise BrokenDocument('part longer than its range')
        self._buffer = self._buffer[2:]
        self._state = self._BETWEEN
        return b'\r\n'

    def _take_head(self) -> bytes | None:
        if self._buffer.startswith(self._theirs + b'--'):
            self._state = self._DONE
            return self._boundary + b'--'
        head, mark, rest = self._buffer.partition(b'\r\n\r\n')
        if not mark:
            if len(self._buffer) > _PART_HEAD_BYTES_MAX:
                raise BrokenDocument('no end of a part head')
            return None
        if not head.startswith(self._theirs + b'\r\n'):
            raise BrokenDocument('no boundary where a part should start')
        self._buffer = rest
        lines = head[len(self._theirs) + 2:].split(b'\r\n')
        content_range = ''
        for line in lines:
            name, _, value = line.partition(b':')
            if name.strip().lower() == b'content-range':
                content_range = value.decode('latin-1').strip()
            elif name.strip().lower() == b'content-type':
                self._type_line = line
        return self._start_part(content_range)

    def _start_part(self, content_range: str) -> bytes:
        """Return the part's head for the client; nothing when it continues an open part."""
        first, last = parse_content_range(content_range)
        self._state = self._IN_PART
        if self._continues:
            self._continues = False
            if (first, last) != (self._next, self._last):
                raise BrokenDocument(f'{content_range!r} does not continue at {self._next}')
            return b''
        total = content_range.rpartition('/')[2]
        while not _answers(self._pop_spec(content_range), first, last, int(total)):
            pass
        self._next, self._last = first, last
        self._any_part = True
        return b'\r\n'.join((self._boundary, self._type_line,
                             b'Content-Range: ' + content_range.encode(), b'', b''))

    def _pop_spec(self, content_range: str) -> str:
        if not self._specs:
            raise BrokenDocument(f'part {content_range!r} was not asked for')
        return self._specs.pop(0)

    def missing(self) -> str:
        """Return the Range header for the rest: the open part's rest, then the parts to come."""
        rest = [f'{self._next}-{self._last}'] if self._next <= self._last else []
        return 'bytes=' + ','.join(rest + self._specs)

    @property
    def lacks_only_framing(self) -> bool:
        """True when every byte of the object was delivered, and just the end is not."""
        return (self._any_part and self._state != self._DONE and self._next > self._last
                and not self._specs)

    def closing(self) -> bytes:
        """Return the end of the document, when only that is missing."""
        start = b'\r\n' if self._state == self._IN_PART else b''
        self._state = self._DONE
        return start + self._boundary + b'--'

    def resume(self, answer: Resumed) -> None:
        """Prepare for the body of the next replica."""
        if answer.status != 206:
            raise BrokenDocument(f'status {answer.status} instead of 206')
        self._buffer = b''
        is_open = self._next <= self._last
        if self._state == self._IN_PART and not is_open:
            self._owed = b'\r\n'
        self._state = self._BETWEEN
        self._continues = is_open
        self._is_bare = not answer.boundary
        if answer.boundary:
            self._theirs = b'--' + answer.boundary.encode()
        else:
            # The object's own type, which a multipart answer has in each part instead.
            self._type_line = self._type_line or b'Content-Type: ' + answer.content_type.encode()
            self._owed += self._start_part(answer.content_range)


def _answers(spec: str, first: int, last: int, total: int | None) -> bool:
    """Return whether a part with these bytes is the answer to a requested range."""
    start, _, stop = spec.strip().partition('-')
    if not start:
        return total is not None and last == total - 1 and first == max(0, total - int(stop or 0))
    if int(start) != first:
        return False
    end = int(stop) if stop else None
    if end is None or (total is not None and end >= total):
        return total is None or last == total - 1
    return last == end
