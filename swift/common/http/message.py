"""Heads of HTTP messages as values, and their bytes (layer 1, no I/O).

``RequestHead`` and ``ResponseHead`` are what the parsers of ``wire`` return. The encoders refuse
whatever would let a header value start a new line: a value that came from a client must never
be able to forge a header of ours.

    REQUEST  = METHOD SP target SP HTTP/1.1 CRLF *(name: value CRLF) CRLF
    RESPONSE = HTTP/1.1 SP status SP reason CRLF *(name: value CRLF) CRLF

Names and values are text in Latin-1, as in WSGI. Sheet 04 sections 2.2 and 18.
"""
from __future__ import annotations

import time as _calendar
from collections.abc import Iterator, Mapping

from swift.core.headers import HeaderMap

WEEKDAYS = ('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')
MONTHS = ('', 'Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')


_UNSAFE = frozenset('\r\n\0')


class RequestHead:
    """A request's first lines, checked. ``content_length`` is None when none was sent."""

    __slots__ = ('chunked', 'content_length', 'expects_continue', 'headers_raw', 'is_http10',
                 'keep_alive', 'method', 'query', 'raw_path', 'unframed')

    def __init__(self, method: str, raw_path: str, query: str, is_http10: bool) -> None:
        self.method = method
        self.raw_path = raw_path
        self.query = query
        self.is_http10 = is_http10
        self.keep_alive = not is_http10
        self.content_length: int | None = None
        self.chunked = False
        self.unframed = False            # there may be a body, but nobody knows how long
        self.expects_continue = False
        self.headers_raw: tuple[tuple[str, str], ...] = ()


class ResponseHead:
    """A response's first lines, checked, with what they say about the body that follows.

    Shared by equal answers: whoever gets one from the parser leaves it as it is.
    """

    __slots__ = ('_map', 'chunked', 'content_length', 'headers', 'keep_alive', 'reason', 'status',
                 'version')

    def __init__(self, version: str, status: int, reason: str,
                 headers: list[tuple[str, str]]) -> None:
        self._map: HeaderMap | None = None
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
        self.content_length: int | None = None
        self.chunked = False
        self.keep_alive = version != 'HTTP/1.0'

    @property
    def header_map(self) -> HeaderMap:
        """The headers by name, not to be changed."""
        if self._map is None:
            self._map = HeaderMap.of_lines(self.headers)
        return self._map


class UnsafeHeader(ValueError):
    """A header that would break out of its line; a bug of the caller."""


def encode_head(lines: list[str]) -> bytes:
    """Return the bytes of a head given as its lines. Raises UnsafeHeader.

    Cost: one join, two counts, one encode.
    """
    text = '\r\n'.join(lines) + '\r\n\r\n'
    wanted = len(lines) + 1
    if text.count('\n') != wanted or text.count('\r') != wanted or '\0' in text:
        raise UnsafeHeader(f'line break or NUL in a header of {lines[0][:100]!r}')
    return text.encode('latin-1')


def encode_request_head(method: str, target: str, lines: list[str]) -> bytes:
    """Return the head of a request given as its lines; ``target`` is quoted already."""
    if ' ' in target or ' ' in method or not target:
        raise UnsafeHeader(f'request target {target[:100]!r} is not quoted')
    return encode_head(lines)


class HeaderLines:
    """Headers of a request as they will be sent, encoded and checked once for several requests.

    `pairs`: the same as a mapping, which is not to be changed. Raises UnsafeHeader.
    """

    __slots__ = ('pairs', 'text')

    def __init__(self, pairs: Mapping[str, str]) -> None:
        text = ''.join([f'{name}: {value}\r\n' for name, value in pairs.items()])
        wanted = len(pairs)
        if text.count('\n') != wanted or text.count('\r') != wanted or '\0' in text:
            raise UnsafeHeader('line break or NUL in a header')
        self.pairs = pairs
        self.text = text


class WholeHeaders:
    """All headers of a request whose body is there: shared ones, and this request's own.

    They have no name in common. Content-Length is among them, unless there is no body and the
    method does not suggest one; Host and Transfer-Encoding are not.
    """

    __slots__ = ('own', 'shared')

    def __init__(self, shared: HeaderLines, own: HeaderLines) -> None:
        self.shared = shared
        self.own = own

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from self.shared.pairs.items()
        yield from self.own.pairs.items()

    def get(self, name: str) -> str | None:
        """Return a header by its exact name."""
        return self.own.pairs.get(name) or self.shared.pairs.get(name)

    def encode(self, method: str, target: str, host: str) -> bytes:
        """Return the head of a request. Raises UnsafeHeader for a target that is not quoted."""
        if (not target or ' ' in target
                or not target.isprintable() and not _UNSAFE.isdisjoint(target)):
            raise UnsafeHeader(f'request target {target[:100]!r} is not quoted')
        return (f'{method} {target} HTTP/1.1\r\nHost: {host}\r\n{self.shared.text}'
                f'{self.own.text}\r\n').encode('latin-1')


class DateLine:
    """The ``Date`` header of this second; encoding it anew for each answer would cost 2 µs."""

    __slots__ = ('_line', '_second')

    def __init__(self) -> None:
        self._second = -1
        self._line = ''

    def at(self, now: float) -> str:
        """Return the header line for the wall time ``now``."""
        second = int(now)
        if second != self._second:
            at = _calendar.gmtime(second)
            self._line = (f'Date: {WEEKDAYS[at.tm_wday]}, {at.tm_mday:02d} {MONTHS[at.tm_mon]} '
                          f'{at.tm_year:04d} {at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} GMT')
            self._second = second
        return self._line
