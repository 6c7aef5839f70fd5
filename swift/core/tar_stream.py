"""Tar archives read once from front to back, in bounded memory, whatever they claim.

Pure (layer 0): TarReader is driven by a function that reads. Blocks have 512 bytes:

    header  name[100] mode uid gid size[12] mtime checksum[8] type link[100] magic ... prefix[155]
    data    `size` bytes, padded to whole blocks
    ...     a block of zeros ends the archive; so does, as for other readers, the end of the bytes

Before its header a member may have extended ones: `L` and `K` (GNU, a long name), `x` (POSIX, lines
of `<length> <key>=<value>`), `g` (the same, for all members that follow). Sparse files, which say
how to invent bytes that are not there, are named but not read: `SPARSE`.

Invariants: never more than METADATA_BYTES_MAX of an archive are held; a header that cannot be
trusted, or bytes that are missing, are BrokenTar and not a silent end.
"""
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

BLOCK = 512
SKIP_BYTES = 65536
METADATA_BYTES_MAX = 1 << 20
EXTENDED_HEADERS_MAX = 16

FILE, SPARSE, OTHER = 'file', 'sparse', 'other'

_FILE_TYPES = b'0\x007'
# Links, devices, directories and pipes: their size says nothing about data.
_WITHOUT_DATA = b'123456'
_ZEROS = bytes(BLOCK)
_SPARSE_KEYS = ('GNU.sparse.map', 'GNU.sparse.size', 'GNU.sparse.major')
# Where sparse headers say that another block of their map follows.
_SPARSE_MORE, _SPARSE_MAP_MORE = 482, 504


class BrokenTar(ValueError):
    """The bytes are no archive, or not all of it; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive; `extra` are its extended attributes."""

    name: bytes
    kind: str
    size: int
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Extended:
    """What extended headers have said about the next member."""

    name: bytes | None = None
    attributes: dict[str, str] = field(default_factory=dict)


class TarReader:
    """Members of an archive, one after the other: next_member(), then read() its data."""

    def __init__(self, read: Callable[[int], bytes]):
        """`read(n)` returns 1 to n bytes, b'' at the end."""
        self._read = read
        self._started = False
        self._left = 0             # data of the current member
        self._padding = 0
        self._global: dict[str, str] = {}

    def next_member(self) -> Member | None:
        """Return the next member, skipping what is left of the last one; None at the end."""
        self._skip(self._left + self._padding)
        self._left = self._padding = 0
        extended = _Extended(attributes=dict(self._global))
        for _ in range(EXTENDED_HEADERS_MAX + 1):
            header = self._header()
            if header is None:
                return None
            kind = header[156:157]
            if kind in (b'x', b'X', b'g', b'L', b'K'):
                self._extend(extended, kind, self._metadata(_number(header[124:136])))
                continue
            return self._member(header, kind, extended)
        raise BrokenTar('too many extended headers')

    def read(self, size: int) -> bytes:
        """Return 1 to `size` bytes of the current member; b'' at its end."""
        if not self._left:
            return b''
        data = self._read(min(size, self._left))
        if not data:
            raise BrokenTar('unexpected end of data')
        self._left -= len(data)
        return data

    def read_whole(self) -> bytes:
        """Return what is left of the current member: for small ones."""
        return b''.join(iter(lambda: self.read(SKIP_BYTES), b''))

    # -- headers -------------------------------------------------------------------------------

    def _header(self) -> bytes | None:
        data = self._up_to(BLOCK)
        if not data:
            if not self._started:
                raise BrokenTar('empty file')
            return None
        if len(data) < BLOCK:
            raise BrokenTar('truncated header')
        if data == _ZEROS:
            return None
        self._started = True
        if _number(data[148:156]) not in _checksums(data):
            raise BrokenTar('bad checksum')
        return data

    def _member(self, header: bytes, kind: bytes, extended: _Extended) -> Member:
        attributes = extended.attributes
        name = extended.name
        if 'path' in attributes:
            name = attributes['path'].encode('utf-8', 'surrogateescape')
        if name is None:
            name = _plain_name(header)
        size = _number(header[124:136])
        if 'size' in attributes:
            size = _decimal(attributes['size'])
        if size < 0:
            raise BrokenTar('invalid header')
        what = OTHER
        if kind == b'S':
            self._skip_sparse_map(header)
            what = SPARSE
        elif kind in _FILE_TYPES and not (kind == b'\0' and name.endswith(b'/')):
            what = SPARSE if any(key in attributes for key in _SPARSE_KEYS) else FILE
        if what == OTHER and kind in _WITHOUT_DATA:
            size = 0
        self._left, self._padding = size, -size % BLOCK
        return Member(name, what, size, attributes)

    def _extend(self, extended: _Extended, kind: bytes, data: bytes) -> None:
        if kind == b'L':
            extended.name = data.split(b'\0', 1)[0]
        elif kind == b'g':
            found = _attributes(data)
            # Names and sizes are of one member; as common ones they would be a trap.
            found.pop('path', None)
            found.pop('size', None)
            self._global.update(found)
            if sum(map(len, self._global)) + sum(
                    map(len, self._global.values())) > METADATA_BYTES_MAX:
                raise BrokenTar('extended headers are too large')
            extended.attributes = {**self._global, **extended.attributes}
        elif kind in (b'x', b'X'):
            extended.attributes.update(_attributes(data))

    def _metadata(self, size: int) -> bytes:
        if not 0 <= size <= METADATA_BYTES_MAX:
            raise BrokenTar('extended header is too large')
        data = self._up_to(size)
        if len(data) < size:
            raise BrokenTar('unexpected end of data')
        self._skip(-size % BLOCK)
        return data

    def _skip_sparse_map(self, header: bytes) -> None:
        more = header[_SPARSE_MORE]
        for _ in range(METADATA_BYTES_MAX // BLOCK):
            if not more:
                return
            block = self._up_to(BLOCK)
            if len(block) < BLOCK:
                raise BrokenTar('unexpected end of data')
            more = block[_SPARSE_MAP_MORE]
        raise BrokenTar('extended header is too large')

    # -- bytes ---------------------------------------------------------------------------------

    def _up_to(self, size: int) -> bytes:
        """Return `size` bytes, fewer at the end."""
        data = self._read(size) if size else b''
        while 0 < len(data) < size:
            more = self._read(size - len(data))
            if not more:
                break
            data += more
        return data

    def _skip(self, size: int) -> None:
        while size:
            data = self._read(min(size, SKIP_BYTES))
            if not data:
                raise BrokenTar('unexpected end of data')
            size -= len(data)


def _number(text: bytes) -> int:
    """Return a number as headers write it: octal digits, or binary after a marked first byte."""
    if text[0] in (0x80, 0xff):
        value = int.from_bytes(text[1:], 'big')
        return value - (1 << 8 * (len(text) - 1)) if text[0] == 0xff else value
    digits = text.split(b'\0', 1)[0].strip() or b'0'
    if not all(48 <= digit < 56 for digit in digits):
        raise BrokenTar('invalid header')
    return int(digits, 8)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BrokenTar('invalid header')
    return int(text)


def _checksums(header: bytes) -> tuple[int, int]:
    """Return the sum of a header's bytes, and what old programs with signed bytes make of it."""
    body = header[:148] + b' ' * 8 + header[156:]
    unsigned = sum(body)
    return unsigned, unsigned - 256 * sum(byte > 127 for byte in body)


def _plain_name(header: bytes) -> bytes:
    name = header[:100].split(b'\0', 1)[0]
    if header[257:263] == b'ustar\0':
        prefix = header[345:500].split(b'\0', 1)[0]
        if prefix:
            name = prefix + b'/' + name
    return name


def _attributes(data: bytes) -> dict[str, str]:
    """Return the attributes of a POSIX extended header."""
    found = {}
    position = 0
    while position < len(data) and data[position]:
        digits, blank, _rest = data[position:position + 24].partition(b' ')
        if not blank or not digits.isdigit():
            raise BrokenTar('invalid header')
        end = position + int(digits)
        line = data[position + len(digits) + 1:end]
        key, mark, value = line.partition(b'=')
        if not mark or not line.endswith(b'\n') or end > len(data):
            raise BrokenTar('invalid header')
        found[key.decode('utf-8', 'surrogateescape')] = value[:-1].decode(
            'utf-8', 'surrogateescape')
        position = end
    return found
