"""Compressed streams read from front to back: gzip and bzip2, with a limit to how far they expand.

Pure (layer 0): driven by a function that reads, as TarReader is; the two fit into each other.

    read(n) of the body -> Decompressor.read(n) -> TarReader

A stream may consist of several, one after the other; what follows without their mark is ignored,
as by the tools. Invariants: read(n) never holds more than n bytes besides one piece of input; a
stream that becomes more than `ratio_max` times its size (after a free first FREE_BYTES) is refused.
"""
import bz2
import zlib
from collections.abc import Callable

from swift.core.tar_stream import BrokenTar

INPUT_BYTES = 16384
FREE_BYTES = 1 << 20
GZIP, BZIP2 = 'gz', 'bz2'
_MARKS = {GZIP: b'\x1f\x8b', BZIP2: b'BZh'}
_NAMES = {GZIP: 'gzip', BZIP2: 'bzip2'}


class Decompressor:
    """`read(n)` gives 1 to n bytes of what was compressed, b'' at the end; BrokenTar."""

    def __init__(self, read: Callable[[int], bytes], kind: str, ratio_max: float = 0):
        """`ratio_max` 0 means no limit."""
        self._read = read
        self._kind = kind
        self._ratio_max = ratio_max
        self._consumed = self._produced = 0
        self._input = b''
        self._engine = None
        self._streams = 0

    def read(self, size: int) -> bytes:
        """Return decompressed bytes."""
        while True:
            if self._engine is None and not self._next_stream():
                return b''
            data = self._step(size)
            if data:
                self._count(len(data))
                return data

    def _step(self, size: int) -> bytes:
        """Return some bytes of the current stream; b'' when it is over or wants more input."""
        try:
            if self._kind == GZIP:
                data = self._engine.decompress(self._input, size)
                self._input = self._engine.unconsumed_tail
                needs_input = not self._input
            else:
                data = self._engine.decompress(self._input, size)
                self._input = b''
                needs_input = not self._engine.eof and self._engine.needs_input
        except (zlib.error, OSError, ValueError):
            raise BrokenTar('invalid compressed data') from None
        if self._engine.eof:
            self._input = self._engine.unused_data
            self._engine = None
        elif not data and needs_input:
            if not self._more():
                raise BrokenTar('unexpected end of data')
        return data

    def _next_stream(self) -> bool:
        mark = _MARKS[self._kind]
        while len(self._input) < len(mark):
            if not self._more():
                break
        if not self._input.startswith(mark):
            if not self._streams:
                raise BrokenTar(f'not a {_NAMES[self._kind]} file')
            return False
        self._streams += 1
        self._engine = (zlib.decompressobj(16 + zlib.MAX_WBITS) if self._kind == GZIP
                        else bz2.BZ2Decompressor())
        return True

    def _more(self) -> bool:
        data = self._read(INPUT_BYTES)
        self._consumed += len(data)
        self._input += data
        return bool(data)

    def _count(self, size: int) -> None:
        self._produced += size
        limit = self._ratio_max
        if limit and self._produced > FREE_BYTES + limit * self._consumed:
            raise BrokenTar(f'expands to more than {limit:g} times its size')
