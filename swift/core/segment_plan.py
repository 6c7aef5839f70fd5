"""Which bytes of which objects make up a part of a large object.

Pure (layer 0). A large object is a list of segments: objects or parts of them, manifests of further
segments, data that stands in the manifest itself.

    segments, [start, stop)  --expand-->  Piece | bytes ...  --grouped-->  Fetch | bytes ...

Manifests inside are asked for (`load`) when, and only when, the wanted bytes touch them; no deeper
than DEPTH_MAX. Pieces of one object that follow each other become one request: one range if they
touch, several as long as servers accept them.

Laws (tested against a naive model): the bytes of expand(start, stop) are those of the whole at
[start, stop); grouping changes requests and never bytes or their order.
Source: sheet 05 section 14.
"""
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from swift.core.ranges import is_abusive

DEPTH_MAX = 10


class UnusableSegment(Exception):
    """A segment that cannot be had; the text says which and why."""


@dataclass(frozen=True, slots=True)
class ObjectSegment:
    """Bytes [start, stop) of an object below the account; `path` is text, `/container/object`.

    `size` and `etag` are those of the whole object, of a manifest's those of what it stands for.
    """

    path: str
    size: int
    etag: str
    start: int
    stop: int
    is_manifest: bool = False

    @property
    def length(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class DataSegment:
    """Bytes that stand in the manifest."""

    data: bytes

    @property
    def length(self) -> int:
        return len(self.data)


Segment = ObjectSegment | DataSegment


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes [start, stop) of an object, never empty."""

    segment: ObjectSegment
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """One request for a segment: its ranges in order, none for all of it."""

    segment: ObjectSegment
    ranges: tuple[tuple[int, int], ...] = ()

    @property
    def header(self) -> str | None:
        """The Range header, None for all of the object."""
        if not self.ranges:
            return None
        if len(self.ranges) == 1 and self.ranges[0][1] == self.segment.size:
            return f'bytes={self.ranges[0][0]}-'
        return 'bytes=' + ','.join(f'{start}-{stop - 1}' for start, stop in self.ranges)

    @property
    def length(self) -> int:
        """How many bytes it brings."""
        if not self.ranges:
            return self.segment.size
        return sum(stop - start for start, stop in self.ranges)


def total_length(segments: Iterable[Segment]) -> int:
    """Return the size of the large object."""
    return sum(segment.length for segment in segments)


def cut(segments: Iterable[Segment], start: int, stop: float) -> Iterator[tuple[Segment, int, int]]:
    """Yield each segment that [start, stop) touches, with the part of it that is wanted.

    The part counts from the beginning of the object (or the data), not of the segment.
    """
    position = 0
    for segment in segments:
        if position >= stop:
            return
        first = max(start - position, 0)
        end = min(stop - position, segment.length)
        position += segment.length
        if first < end:
            offset = segment.start if isinstance(segment, ObjectSegment) else 0
            yield segment, offset + first, offset + end


def expand(segments: Iterable[Segment], start: int, stop: float,
           load: Callable[[ObjectSegment], Sequence[Segment]],
           depth: int = 1) -> Iterator[Piece | bytes]:
    """Yield what makes up bytes [start, stop), in order.

    `load` returns the segments of a manifest inside; it, and too deep a nesting, raise
    UnusableSegment, when their turn comes.
    """
    for segment, first, end in cut(segments, start, stop):
        if isinstance(segment, DataSegment):
            yield segment.data[first:end]
        elif not segment.is_manifest:
            yield Piece(segment, first, end)
        elif depth >= DEPTH_MAX:
            raise UnusableSegment(f'{segment.path}: more than {DEPTH_MAX} levels of manifests')
        else:
            yield from expand(load(segment), first, end, load, depth + 1)


def grouped(pieces: Iterable[Piece | bytes]) -> Iterator[Fetch | bytes]:
    """Yield requests that bring the pieces, in order."""
    held: ObjectSegment | None = None
    ranges: list[tuple[int, int]] = []
    source = iter(pieces)
    while True:
        try:
            piece = next(source, None)
        except UnusableSegment:
            # What came before it is not to suffer.
            if held is not None:
                yield _fetch(held, ranges)
            raise
        if held is not None:
            joined = _joined(held, ranges, piece)
            if joined is not None:
                ranges = joined
                continue
            yield _fetch(held, ranges)
            held = None
        if piece is None:
            return
        if isinstance(piece, bytes):
            yield piece
        else:
            held, ranges = piece.segment, [(piece.start, piece.stop)]


def one_by_one(pieces: Iterable[Piece | bytes]) -> Iterator[Fetch | bytes]:
    """Yield one request for each piece: of objects that come only once, none is waited for."""
    for piece in pieces:
        yield piece if isinstance(piece, bytes) else _fetch(
            piece.segment, [(piece.start, piece.stop)])


def _joined(held: ObjectSegment, ranges: list[tuple[int, int]],
            piece: Piece | bytes | None) -> list[tuple[int, int]] | None:
    """Return the ranges with a piece of the same object added, None if it has to wait."""
    if (not isinstance(piece, Piece) or piece.segment.path != held.path
            or piece.segment.etag != held.etag or piece.segment.size != held.size):
        return None
    start, stop = ranges[-1]
    if piece.start == stop:
        return [*ranges[:-1], (start, piece.stop)]
    more = [*ranges, (piece.start, piece.stop)]
    return None if is_abusive(more) else more


def _fetch(segment: ObjectSegment, ranges: list[tuple[int, int]]) -> Fetch:
    return Fetch(segment, () if ranges == [(0, segment.size)] else tuple(ranges))
