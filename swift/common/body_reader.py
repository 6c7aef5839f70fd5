"""The body of one answer as the body of another request, without holding it in memory.

Layer 1. For filters that copy objects: read by one sub-request, written by the next.
"""
from collections.abc import Iterable


class BodyReader:
    """A source's body as the `wsgi.input` of a PUT: chunks in, sizes asked for out."""

    def __init__(self, body: Iterable[bytes]):
        self._chunks = iter(body)
        self._held = b''

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, b'' at the end; all that is left without a size."""
        if size is None or size < 0:
            data = self._held + b''.join(self._chunks)
            self._held = b''
            return data
        data = self._held or self._next_chunk()
        self._held = data[size:]
        return data[:size]

    def read_some(self, size: int) -> bytes:
        return self.read(size)

    def readline(self, size: int | None = -1) -> bytes:
        raise AssertionError('bodies of objects are not read by lines')

    def _next_chunk(self) -> bytes:
        for chunk in self._chunks:
            if chunk:
                return chunk
        return b''
