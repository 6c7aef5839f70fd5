"""Byte ranges: the Range header, which parts of a body it asks for, and the multipart answer.

Layer 0. All positions are half open inside (start <= i < stop) and only inclusive in header text.

    Range: bytes=0-4,-5   on 11 bytes   [(0, 5), (6, 11)]

Any item that is not a range makes the whole header void (sheet 04 §9.2). Requests that would cost
far more than they are worth are answered like unsatisfiable ones. A multipart answer's length is
known before its first byte is read.
"""
import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_RANGES = 50
MAX_OVERLAPPING_PAIRS = 2
# From this number on, ranges must be in ascending order.
MIN_RANGES_TO_BE_ASCENDING = 8

_ITEM = re.compile(r'(\+?[0-9]+)?-([0-9]+)?\Z', re.ASCII)
_CONTENT_RANGE = re.compile(r'bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)\Z', re.ASCII | re.IGNORECASE)


class Range:
    """A parsed Range header: a list of (first, last) positions as sent, one of them maybe None."""

    __slots__ = ('ranges',)

    def __init__(self, header: str):
        """Parse; ValueError when the header is void."""
        compact = header.replace(' ', '').replace('\t', '')
        if compact[:6].lower() != 'bytes=':
            raise ValueError('Invalid Range header: %s' % header)
        self.ranges: list[tuple[int | None, int | None]] = []
        for item in compact[6:].split(','):
            match = _ITEM.match(item)
            # Numbers beyond any size are as good as nonsense, and costly to convert.
            if not match or item == '-' or len(item) > 64:
                raise ValueError('Invalid Range header: %s' % header)
            first = int(match[1]) if match[1] else None
            last = int(match[2]) if match[2] else None
            if first is not None and last is not None and first > last:
                raise ValueError('Invalid Range header: %s' % header)
            self.ranges.append((first, last))

    @classmethod
    def parse(cls, header: str | None) -> 'Range | None':
        """Return the parsed header, or None if there is none or it is void."""
        if not header:
            return None
        try:
            return cls(header)
        except ValueError:
            return None

    def resolve(self, length: int) -> list[tuple[int, int]] | None:
        """Return the satisfiable ranges of a body as (start, stop), in the order asked for.

        None means "the whole body" (the last bytes of nothing); an empty list means that the
        request cannot be satisfied, or asks for more than is decent.
        """
        found = []
        for first, last in self.ranges:
            if first is None:
                if last and not length:
                    return None
                if last:
                    found.append((max(0, length - last), length))
            elif first < length:
                found.append((first, length if last is None else min(last + 1, length)))
        return [] if is_abusive(found) else found

    def ranges_for_length(self, length: int | None) -> list[tuple[int, int]] | None:
        """The name that filters know for resolve; None also when the length is unknown."""
        return None if length is None else self.resolve(length)

    def __str__(self) -> str:
        return 'bytes=' + ','.join(
            f'{"" if first is None else first}-{"" if last is None else last}'
            for first, last in self.ranges)

    def __repr__(self) -> str:
        return f'Range({str(self)!r})'


def is_abusive(ranges: Sequence[tuple[int, int]]) -> bool:
    """True iff a request for these ranges is refused: too many, too mixed up, or overlapping."""
    if len(ranges) > MAX_RANGES:
        return True
    if len(ranges) >= MIN_RANGES_TO_BE_ASCENDING:
        for before, after in zip(ranges, ranges[1:], strict=False):
            if after[0] < before[0]:
                return True
    overlaps = 0
    # Sorted by start, a range overlaps those of the following that start before it ends.
    ordered = sorted(ranges)
    for index, (_start, stop) in enumerate(ordered):
        for other_start, _other_stop in ordered[index + 1:]:
            if other_start >= stop:
                break
            overlaps += 1
            if overlaps > MAX_OVERLAPPING_PAIRS:
                return True
    return False


def content_range(start: int, stop: int, length: int | str) -> str:
    """Return the value of Content-Range for a part of a body."""
    return f'bytes {start}-{stop - 1}/{length}'


def parse_content_range(value: str) -> tuple[int, int, int | None]:
    """Return (start, stop, length) of a Content-Range value, length None for `*`; ValueError."""
    match = _CONTENT_RANGE.match(value.strip())
    if not match:
        raise ValueError(f'malformed Content-Range: {value!r}')
    start, stop = int(match[1]), int(match[2]) + 1
    length = None if match[3] == '*' else int(match[3])
    if stop <= start or (length is not None and stop > length):
        raise ValueError(f'malformed Content-Range: {value!r}')
    return start, stop, length


@dataclass(frozen=True, slots=True)
class MultipartPlan:
    """The frame around the parts of a multipart/byteranges answer.

    `content_type` is that of the whole body, `length` its size (text is passed through, for `*`);
    both as they go into the part headers. The frame is bytes; every part is its head, the data,
    and PART_END; then comes `closing`.
    """

    boundary: str
    content_type: str
    length: int | str
    ranges: tuple[tuple[int, int], ...]

    PART_END = b'\r\n'

    @property
    def header_value(self) -> str:
        """The Content-Type of the answer."""
        return f'multipart/byteranges;boundary={self.boundary}'

    def head(self, start: int, stop: int) -> bytes:
        """Return what goes before the data of a part."""
        return (f'--{self.boundary}\r\nContent-Type: {self.content_type}\r\n'
                f'Content-Range: {content_range(start, stop, self.length)}\r\n\r\n'
                ).encode('latin-1')

    @property
    def closing(self) -> bytes:
        """What goes after the last part."""
        return f'--{self.boundary}--'.encode('latin-1')

    @property
    def content_length(self) -> int:
        """Exact size of the answer's body."""
        return len(self.closing) + sum(
            len(self.head(start, stop)) + stop - start + len(self.PART_END)
            for start, stop in self.ranges)
