"""Ring files: reading formats 1 and 2, writing both so that equal rings are equal bytes.

Layer 1. No numpy here: every server process imports this. A loaded table is one memoryview per
replica over native-order unsigned integers of 2 or 4 bytes.

    gzip( "R1NG" version:u16be  rest )
    1: rest = length:u32be JSON rows            rows: 2 bytes per entry in the order named in JSON
    2: rest = section... index index_offset:u64be index_file_offset:u64be
       section, index = length:u64be bytes      index: JSON name -> [file start, start, file end,
                                                end, checksum method, checksum] of the whole section

Everything is verified while reading: gzip checksum, section checksums, sizes, and that every
entry names a device. Format 2 is deflated with a full flush around each section, so metadata can
be read from the end of the file without inflating the table; a file that was compressed again
has lost that framing and is read from the front instead. Unknown sections are ignored.

Invariant: only the last of several rows may be short. Source: sheet 01 sections 3 to 5.
"""
from __future__ import annotations

import gzip
import hashlib
import json
import os
import struct
import sys
import tempfile
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from swift.common.errors import RingError, RingLoadError, RingMissing
from swift.core.ring_lookup import assigned_ids, replica_count_of

MAGIC = b'R1NG'
FORMATS = (1, 2)
FIXED_MTIME = 1300507380
FILE_MODE = 0o644
ENTRY_CODES = {2: 'H', 4: 'I'}
SECTION_METADATA = 'swift/ring/metadata'
SECTION_DEVICES = 'swift/ring/devices'
SECTION_ASSIGNMENTS = 'swift/ring/assignments'
CHECKSUMS = ('md5', 'sha1', 'sha256', 'sha512')
TAIL_BYTES = 31
READ_BYTES = 1 << 20
# A device list of 65535 devices with 4 KiB of text each; more is no ring.
JSON_BYTES_MAX = 1 << 28

FileIdentity = tuple[int, int, int]


@dataclass
class RingData:
    """The content of a ring file. ``rows`` is empty for metadata-only loads."""

    devs: Sequence[dict[str, object] | None]
    part_shift: int
    rows: Sequence[memoryview] = ()
    dev_id_bytes: int = 2
    version: int | None = None
    next_part_power: int | None = None
    replica_count: float = 0.0
    format_version: int = 1
    file_bytes: int = 0
    raw_bytes: int = 0
    identity: FileIdentity | None = field(default=None, compare=False)

    @property
    def part_power(self) -> int:
        return 32 - self.part_shift

    @property
    def partition_count(self) -> int:
        return 1 << self.part_power


def file_identity(stat: os.stat_result) -> FileIdentity:
    """Return what changes when a ring file is replaced or rewritten."""
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


def read_ring(path: str, metadata_only: bool = False) -> RingData:
    """Return the checked content of a ring file, RingLoadError if there is none.

    ``metadata_only`` leaves the table out; for format 2 it is not even inflated. Blocks on disk;
    cost of a full load about 30 ns per table entry.
    """
    try:
        with open(path, 'rb') as ring_file:
            try:
                data = _read_open(ring_file, path, metadata_only)
            except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError,
                    AttributeError, IndexError, struct.error) as problem:
                raise RingLoadError(f'Ring file {path} is damaged or no ring: '
                                    f'{problem or type(problem).__name__}', path) from problem
            data.identity = file_identity(os.fstat(ring_file.fileno()))
            data.file_bytes = data.identity[2]
    except OSError as problem:
        kind = RingMissing if isinstance(problem, FileNotFoundError) else RingLoadError
        raise kind(f'Unable to read ring file {path}: {problem.strerror}', path) from problem
    return data


def write_ring(path: str, ring: RingData, format_version: int = 1,
               dev_id_bytes: int | None = None) -> None:
    """Write a ring file durably in place of what is there. The table must be native order.

    Raises RingError if format 1 is asked for ids that need more than two bytes.
    """
    if format_version not in FORMATS:
        raise RingError(f'Unsupported ring version: {format_version}', path)
    width = dev_id_bytes or ring.dev_id_bytes
    if format_version == 1 and width != 2:
        raise RingError('Ring v1 only supports 2-byte dev IDs', path)
    name = os.path.basename(path)
    content = _GzipWriter(name[:-3] if name.endswith('.gz') else name)
    content.write_stored(MAGIC + struct.pack('>H', format_version))
    if format_version == 1:
        _write_v1(content, ring)
        chunks = content.finish()
    else:
        _write_v2(content, ring, width)
        chunks = content.finish(level=0)
    replace_file(path, chunks)


def replace_file(path: str, chunks: Iterable[bytes], mode: int | None = FILE_MODE) -> None:
    """Put a file at ``path`` so that a crash leaves the old one or the new one.

    ``mode`` None keeps the permissions that creating the file normally would give it.
    """
    folder = os.path.dirname(path) or '.'
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=os.path.basename(path) + '.')
    try:
        with os.fdopen(handle, 'wb') as target:
            for chunk in chunks:
                target.write(chunk)
            target.flush()
            os.fchmod(target.fileno(), _default_mode() if mode is None else mode)
            os.fsync(target.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder_handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder_handle)
    finally:
        os.close(folder_handle)


def rows_of(entries: memoryview, partition_count: int) -> list[memoryview]:
    """Cut a table into rows. ValueError if a short row is not the last of several."""
    if len(entries) and len(entries) < partition_count:
        raise ValueError(f'Incomplete table: {len(entries)} of {partition_count} partitions')
    return [entries[start:start + partition_count]
            for start in range(0, len(entries), partition_count)]


def _default_mode() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


# -- reading ---------------------------------------------------------------------------------

def _read_open(ring_file, path: str, metadata_only: bool) -> RingData:
    stream = gzip.GzipFile(fileobj=ring_file)
    head = stream.read(6)
    if len(head) < 6 or head[:4] != MAGIC:
        raise RingLoadError(f'Bad ring magic: {head[:4]!r}', path)
    format_version, = struct.unpack('>H', head[4:])
    if format_version == 1:
        data = _read_v1(stream, metadata_only)
    elif format_version == 2:
        data = _read_v2(stream, ring_file, metadata_only)
    else:
        raise RingLoadError(f"Unsupported ring version: {format_version} for '{path}'", path)
    data.format_version = format_version
    _check(data)
    return data


def _read_v1(stream, metadata_only: bool) -> RingData:
    length, = struct.unpack('>I', _exactly(stream, 4))
    if length > JSON_BYTES_MAX:
        raise ValueError(f'{length} bytes of metadata')
    meta = json.loads(_exactly(stream, length))
    data = RingData(devs=meta['devs'], part_shift=meta['part_shift'], version=meta.get('version'),
                    next_part_power=meta.get('next_part_power'),
                    replica_count=float(meta['replica_count']))
    _check_shift(data.part_shift)
    if metadata_only:
        return data
    entries = array('H')
    limit = 2 * meta['replica_count'] * data.partition_count
    body = _all(stream, limit)
    if len(body) % 2:
        raise ValueError('Odd number of bytes in the table')
    entries.frombytes(body)
    if meta.get('byteorder', sys.byteorder) != sys.byteorder:
        entries.byteswap()
    data.rows = rows_of(memoryview(entries), data.partition_count)
    if len(data.rows) != meta['replica_count']:
        raise ValueError(f'Incomplete table: {len(data.rows)} of {meta["replica_count"]} rows')
    data.replica_count = replica_count_of(data.rows)
    data.raw_bytes = 10 + length + len(body)
    return data


def _read_v2(stream, ring_file, metadata_only: bool) -> RingData:
    if metadata_only:
        try:
            return _from_sections(_SeekingSections(ring_file), False)
        except zlib.error:
            # Compressed again by somebody: the positions in the file mean nothing now.
            ring_file.seek(0)
            stream = gzip.GzipFile(fileobj=ring_file)
            stream.read(6)
    body = _all(stream, None)
    data = _from_sections(_WholeSections(MAGIC + b'\0\2' + body), not metadata_only)
    data.raw_bytes = 6 + len(body)
    return data


def _from_sections(sections, with_table: bool) -> RingData:
    meta = json.loads(sections.read(SECTION_METADATA))
    width = meta['dev_id_bytes']
    data = RingData(devs=json.loads(sections.read(SECTION_DEVICES)), dev_id_bytes=width,
                    part_shift=meta['part_shift'], version=meta.get('version'),
                    next_part_power=meta.get('next_part_power'),
                    replica_count=float(meta.get('replica_count') or 0))
    _check_shift(data.part_shift)
    if with_table:
        entries = array(ENTRY_CODES[width])
        entries.frombytes(sections.read(SECTION_ASSIGNMENTS))
        if sys.byteorder != 'big':
            entries.byteswap()
        data.rows = rows_of(memoryview(entries), data.partition_count)
        data.replica_count = replica_count_of(data.rows)
    return data


class _Sections:
    """The named parts of a format 2 ring."""

    index: Mapping[str, Sequence]

    def read(self, name: str) -> memoryview | bytes:
        """Return the verified content of a section; KeyError if there is none."""
        file_start, start, _file_end, end, method, checksum = self.index[name]
        prefixed = self._blob(file_start, start)
        if end is not None and end - start != len(prefixed):
            raise ValueError(f'Inconsistent section size: {end - start} and {len(prefixed)}')
        if checksum is not None:
            if method not in CHECKSUMS:
                raise ValueError(f'Unsupported checksum {method}:{checksum} for section  {name}')
            found = hashlib.new(method, prefixed, usedforsecurity=False).hexdigest()
            if found != checksum:
                raise ValueError(f'Hash mismatch in block: {found} is not {checksum}')
        return prefixed[8:]

    def _blob(self, file_start: int, start: int) -> memoryview | bytes:
        raise NotImplementedError


class _WholeSections(_Sections):
    """Sections of a stream that was inflated as a whole."""

    def __init__(self, raw: bytes) -> None:
        self._raw = memoryview(raw)
        start, _file_start = struct.unpack('>QQ', self._raw[-16:])
        self.index = json.loads(bytes(self._blob(0, start)[8:]))

    def _blob(self, file_start: int, start: int) -> memoryview:
        length, = struct.unpack('>Q', self._raw[start:start + 8])
        end = start + 8 + length
        if end > len(self._raw):
            raise ValueError(f'Incomplete read; expected {end - len(self._raw)} more bytes to be '
                             'read')
        return self._raw[start:end]

    def read(self, name: str) -> memoryview | bytes:
        content = super().read(name)
        return content if name == SECTION_ASSIGNMENTS else bytes(content)


class _SeekingSections(_Sections):
    """Sections inflated one by one at their positions in the file; zlib.error if that fails."""

    def __init__(self, ring_file) -> None:
        self._file = ring_file
        ring_file.seek(-TAIL_BYTES, os.SEEK_END)
        file_start, = struct.unpack('>Q', self._inflate(8)[0])
        self.index = json.loads(self._blob(file_start, 0)[8:])

    def _blob(self, file_start: int, start: int) -> bytes:
        self._file.seek(file_start)
        prefix, inflater = self._inflate(8)
        length, = struct.unpack('>Q', prefix)
        if length > JSON_BYTES_MAX:
            raise zlib.error('no section there')
        return prefix + self._inflate(length, inflater)[0]

    def _inflate(self, size: int, inflater=None) -> tuple[bytes, object]:
        inflater = inflater or zlib.decompressobj(-zlib.MAX_WBITS)
        found = b''
        while len(found) < size:
            source = inflater.unconsumed_tail or self._file.read(READ_BYTES)
            piece = inflater.decompress(source, size - len(found))
            if not piece and (not source or inflater.eof):
                raise zlib.error(f'Incomplete read; expected {size - len(found)} more bytes to '
                                 'be read')
            found += piece
        return found, inflater


def _exactly(stream, size: int) -> bytes:
    found = stream.read(size)
    if len(found) != size:
        raise ValueError(f'Incomplete read; expected {size - len(found)} more bytes to be read')
    return found


def _all(stream, limit: int | None) -> bytearray:
    """Read to the end, which also makes gzip verify its checksum."""
    found = bytearray()
    while chunk := stream.read(READ_BYTES):
        found += chunk
        if limit is not None and len(found) > limit:
            raise ValueError('More entries than partitions and replicas')
    return found


def _check_shift(part_shift: int) -> None:
    if type(part_shift) is not int or not 0 <= part_shift <= 32:
        raise ValueError(f'Impossible part shift {part_shift!r}')


def _check(data: RingData) -> None:
    """Fill in what old rings leave out; ValueError if table and devices do not fit."""
    for index, dev in enumerate(data.devs):
        if dev is None:
            continue
        dev.setdefault('replication_ip', dev['ip'])
        dev.setdefault('replication_port', dev['port'])
        for key in ('id', 'region', 'zone', 'port', 'replication_port'):
            if type(dev[key]) is not int:
                raise ValueError(f'Device {index} has {key} {dev[key]!r}, which is no integer')
        if dev['id'] != index:
            raise ValueError(f'Device {index} says that its id is {dev["id"]}')
    for dev_id in assigned_ids(data.rows):
        if dev_id >= len(data.devs) or data.devs[dev_id] is None:
            raise ValueError(f'The table names device {dev_id}, which does not exist')


# -- writing ---------------------------------------------------------------------------------

class _GzipWriter:
    """Builds one gzip member; tells positions so that an index can be written."""

    def __init__(self, name: str) -> None:
        header = b'\x1f\x8b\x08\x08' + struct.pack('<I', FIXED_MTIME) + b'\x02\xff'
        self._chunks = [header + name.encode('latin-1', 'replace') + b'\0']
        self._deflater = _deflater(9)
        self._crc = 0
        self.raw_position = 0
        self.file_position = len(self._chunks[0])

    def write(self, raw: bytes | memoryview) -> None:
        self._count(raw)
        self._emit(self._deflater.compress(raw))

    def write_stored(self, raw: bytes) -> None:
        """Write bytes that stay readable in the file. The stream must have been flushed."""
        stored = _deflater(0)
        self._count(raw)
        self._emit(stored.compress(raw) + stored.flush(zlib.Z_FULL_FLUSH))

    def flush(self) -> None:
        """End a block so that inflating can start here with no history."""
        self._emit(self._deflater.flush(zlib.Z_FULL_FLUSH))
        # A fresh compressor gives the same bytes as one whose history was flushed.
        self._deflater = _deflater(9)

    def finish(self, level: int = 9) -> list[bytes]:
        last = self._deflater if level == 9 else _deflater(level)
        self._emit(last.flush(zlib.Z_FINISH))
        self._emit(struct.pack('<II', self._crc, self.raw_position & 0xffffffff))
        return self._chunks

    def _count(self, raw: bytes | memoryview) -> None:
        self._crc = zlib.crc32(raw, self._crc)
        self.raw_position += memoryview(raw).nbytes

    def _emit(self, compressed: bytes) -> None:
        self._chunks.append(compressed)
        self.file_position += len(compressed)


def _deflater(level: int):
    return zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)


def _write_v1(content: _GzipWriter, ring: RingData) -> None:
    meta = {'devs': list(ring.devs), 'part_shift': ring.part_shift,
            'replica_count': len(ring.rows), 'byteorder': sys.byteorder}
    if ring.version is not None:
        meta['version'] = ring.version
    if ring.next_part_power is not None:
        meta['next_part_power'] = ring.next_part_power
    text = _json(meta)
    content.write(struct.pack('>I', len(text)) + text)
    for row in ring.rows:
        content.write(_entries(row, 2).tobytes())


def _write_v2(content: _GzipWriter, ring: RingData, width: int) -> None:
    meta = {'dev_id_bytes': width, 'part_shift': ring.part_shift,
            'replica_count': replica_count_of(ring.rows), 'version': ring.version}
    if ring.next_part_power is not None:
        meta['next_part_power'] = ring.next_part_power
    table = b''.join(_big_endian(_entries(row, width)) for row in ring.rows)
    index: dict[str, list] = {}
    for name, body in ((SECTION_METADATA, _json(meta)), (SECTION_DEVICES, _json(list(ring.devs))),
                       (SECTION_ASSIGNMENTS, table)):
        index[name] = _write_section(content, body)
    file_position, raw_position = content.file_position, content.raw_position
    _write_section(content, _json(index))
    content.write_stored(struct.pack('>Q', raw_position))
    content.write_stored(struct.pack('>Q', file_position))


def _write_section(content: _GzipWriter, body: bytes) -> list:
    start = [content.file_position, content.raw_position]
    prefixed = struct.pack('>Q', len(body)) + body
    content.write(prefixed)
    content.flush()
    checksum = hashlib.sha256(prefixed).hexdigest()
    return [*start, content.file_position, content.raw_position, 'sha256', checksum]


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True).encode('ascii')


def _entries(row: Sequence[int] | memoryview, width: int) -> array:
    """Return a row as a native array of the width; OverflowError if an id does not fit."""
    code = ENTRY_CODES[width]
    view = memoryview(row)
    if view.itemsize == width and view.format in ENTRY_CODES.values():
        entries = array(code)
        entries.frombytes(view.cast('B'))
        return entries
    return array(code, view.tolist())


def _big_endian(entries: array) -> bytes:
    if sys.byteorder != 'big':
        entries.byteswap()
    return entries.tobytes()
