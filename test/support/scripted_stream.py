"""A Stream without a socket: received bytes come from a script, sent ones are kept."""
from __future__ import annotations

from swift.common.http.stream import READ_SIZE, Stream


class ScriptedStream(Stream):
    """Hands out ``pieces`` one receive() at a time; an exception among them is raised.

    After the last piece the peer has closed. ``asked`` records what was asked for.
    """

    __slots__ = ('asked', 'pieces', 'sent')

    def __init__(self, pieces, buffer: bytes = b'') -> None:
        self.pieces = list(pieces)
        self.sent = b''
        self.asked: list[int] = []
        self.buffer = buffer
        self.position = 0
        self.closed = False

    def receive(self, size: int, timeout: float | None) -> bytes:
        assert 0 < size <= READ_SIZE
        self.asked.append(size)
        if not self.pieces:
            return b''
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
        return piece[:size]

    def send(self, data: bytes, timeout: float | None) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True


def split_at(data: bytes, cuts) -> list[bytes]:
    """Return ``data`` in pieces cut at the given positions."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in zip(places, places[1:], strict=False)]
