"""HTTP/1.1 as octets: the head of a request written, the head of a response read.

Pure. The library speaks it itself because a request through `requests` costs several times more
than all the rest of an upload of a small file, and its import longer than a whole `swift stat`
should take (doc/swiftclient.md has the figures). Names and values are taken as they are: a line
break in one of them would begin another header, so it is refused.
"""

import re
from collections import namedtuple
from collections.abc import Iterable
from enum import Enum
from urllib.parse import quote

MAX_HEAD_SIZE = 1 << 20  # bytes of status line and headers; a swift may send 256 and more of them
MAX_LINE_SIZE = 65536  # bytes of a chunk's size line or of a trailer
NO_BODY_STATUSES = (204, 304)

_BLANKS = ' \t'  # those of HTTP; str.strip() would take the end of an à in UTF-8 for one
_UNSAFE_IN_TARGET = re.compile(r'[^!-~]')
_PRINTABLE = ''.join(map(chr, range(0x21, 0x7F)))
_HEXADECIMAL = re.compile(rb'[0-9a-fA-F]+')
_STATUS_LINE = re.compile(r'HTTP/(\d)\.(\d) (\d{3})(?: (.*))?$')


class BadAnswer(ValueError):
    """What came is no HTTP response."""


def quoted_target(target: str) -> str:
    """Return a request target that fits into the request line: what is not printable is quoted."""
    return quote(target, safe=_PRINTABLE) if _UNSAFE_IN_TARGET.search(target) else target


def _octets(part) -> bytes:
    if isinstance(part, str):
        part = part.encode('utf-8')
    if not isinstance(part, bytes):
        raise TypeError(f'a header must be text or bytes, not {part!r}')
    if b'\n' in part or b'\r' in part:
        raise ValueError(f'a header must not hold a line break: {part!r}')
    return part


def render_head(method: str, target: str, headers: Iterable[tuple]) -> bytes:
    """Return request line and header lines. ValueError, TypeError: a header cannot be sent."""
    lines = [f'{method} {quoted_target(target)} HTTP/1.1'.encode('ascii')]
    for name, value in headers:
        lines.append(b'%b: %b' % (_octets(name), _octets(value)))
    lines.append(b'\r\n')
    return b'\r\n'.join(lines)


# Status line and headers of a response: version as a pair of numbers, status as a number, reason;
# headers as a list of names and values in latin-1, in order. (Records are named tuples in this
# package: importing dataclasses would take a third of its whole import.)
Head = namedtuple('Head', 'version status reason headers')


def parse_head(block: bytes) -> Head:
    """Return the head that `block` holds, without the empty line at its end."""
    first, *lines = block.decode('latin-1').replace('\r\n', '\n').split('\n')
    found = _STATUS_LINE.match(first)
    if not found:
        raise BadAnswer(f'no status line of HTTP: {first[:100]!r}')
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(':')
        if line[:1] in ' \t' and headers:  # a folded line continues the one before
            headers[-1] = (headers[-1][0], f'{headers[-1][1]} {line.strip(_BLANKS)}')
        elif colon:
            headers.append((name.strip(_BLANKS), value.strip(_BLANKS)))
        else:
            raise BadAnswer(f'no header: {line[:100]!r}')
    return Head((int(found[1]), int(found[2])), int(found[3]), found[4] or '', headers)


class Ends(Enum):
    """How the end of a body shows."""

    NONE = 'there is no body'
    LENGTH = 'after a known number of bytes'
    CHUNKS = 'after the chunk of size zero'
    CLOSE = 'when the server closes'


# The length is in bytes, where it is known; else 0.
Framing = namedtuple('Framing', 'ends length keep_alive')


def framing_of(method: str, head: Head) -> Framing:
    """Return how long the body is, and whether the connection can be used again after it."""
    length = encoding = connection = None
    for name, value in head.headers:
        key = name.lower()
        if key == 'content-length':
            length = value
        elif key == 'transfer-encoding':
            encoding = value.lower()
        elif key == 'connection':
            connection = value.lower()
    keep = 'close' not in (connection or '')
    if head.version < (1, 1):
        keep = 'keep-alive' in (connection or '')
    if method == 'HEAD' or head.status in NO_BODY_STATUSES:
        return Framing(Ends.NONE, 0, keep)
    if encoding and 'chunked' in encoding:
        return Framing(Ends.CHUNKS, 0, keep)
    if length is not None:
        if not (length.isascii() and length.isdigit()):
            raise BadAnswer(f'Content-Length: {length[:100]!r}')
        return Framing(Ends.LENGTH if int(length) else Ends.NONE, int(length), keep)
    return Framing(Ends.CLOSE, 0, False)


def chunk_size(line: bytes) -> int:
    """Return the size that the line before a chunk tells."""
    size = line.split(b';', 1)[0].strip()
    if not _HEXADECIMAL.fullmatch(size):
        raise BadAnswer(f'no size of a chunk: {line[:100]!r}')
    return int(size, 16)
