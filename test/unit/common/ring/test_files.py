"""Ring files: golden bytes both ways, and every kind of damage refused."""
import gzip
import json
import os
import struct
import sys
from array import array

import pytest

from swift.common.errors import RingError, RingLoadError
from swift.common.ring.files import RingData, file_identity, read_ring, replace_file, write_ring
from test.support.golden_rings import FOLDER, expected_of, ring_files


def dev(dev_id, **more):
    return {'id': dev_id, 'region': 1, 'zone': dev_id, 'ip': '10.0.0.1', 'port': 6200,
            'device': 'sda', **more}


def v1_bytes(meta, table, magic=b'R1NG\0\1'):
    text = json.dumps(meta).encode()
    return gzip.compress(magic + struct.pack('>I', len(text)) + text + table)


def small_v1(**changes):
    meta = {'devs': [dev(0), dev(1)], 'part_shift': 30, 'replica_count': 2,
            'byteorder': 'little', **changes}
    return {key: value for key, value in meta.items() if value is not None}


TABLE = struct.pack('<8H', 0, 1, 0, 1, 1, 0, 1, 0)


@pytest.fixture
def read(tmp_path):
    def read_bytes(content, **options):
        path = tmp_path / 'x.ring.gz'
        path.write_bytes(content)
        return read_ring(str(path), **options)
    return read_bytes


@pytest.mark.parametrize('path', ring_files())
def test_golden_rings_are_read(path):
    data, expected = read_ring(str(FOLDER / path)), expected_of(path)
    if isinstance(expected['devs'], dict):
        # A summary: 70000 entries, nearly all of them holes.
        assert len(data.devs) == expected['devs']['length']
        assert [dev for dev in data.devs if dev] == expected['devs']['present']
    else:
        assert list(data.devs) == expected['devs']
    assert data.part_shift == expected['part_shift'] and data.version == expected['version']
    assert data.next_part_power == expected['next_part_power']
    assert data.replica_count == expected['replica_count']
    assert [len(row) for row in data.rows] == expected['rows']
    assert [row[:16].tolist() for row in data.rows] == expected['rows_first_16']
    assert data.file_bytes == os.path.getsize(FOLDER / path)


@pytest.mark.parametrize('path', ring_files())
def test_golden_rings_are_written_back_byte_for_byte(path, tmp_path):
    data = read_ring(str(FOLDER / path))
    target = tmp_path / 'object.ring.gz'
    write_ring(str(target), data, data.format_version)
    assert target.read_bytes() == (FOLDER / path).read_bytes()
    assert target.stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ['object.ring.gz']


@pytest.mark.parametrize('path', ring_files())
def test_metadata_only(path):
    whole, part = read_ring(str(FOLDER / path)), read_ring(str(FOLDER / path), metadata_only=True)
    assert part.devs == whole.devs and part.version == whole.version
    assert part.part_power == whole.part_power and not part.rows
    assert part.dev_id_bytes == whole.dev_id_bytes


@pytest.mark.parametrize('version', [1, 2])
def test_big_endian_and_missing_keys(read, version):
    table = array('H', [0, 1, 0, 1, 1, 0, 1, 0])
    if sys.byteorder == 'little':
        table.byteswap()
    data = read(v1_bytes(small_v1(byteorder='big'), table.tobytes()))
    assert [row.tolist() for row in data.rows] == [[0, 1, 0, 1], [1, 0, 1, 0]]
    assert data.version is None
    assert data.devs[1]['replication_ip'] == '10.0.0.1'
    assert data.devs[1]['replication_port'] == 6200 and 'weight' not in data.devs[1]


def test_no_byteorder_means_native(read):
    native = array('H', [0, 1, 0, 1, 1, 0, 1, 0]).tobytes()
    assert read(v1_bytes(small_v1(byteorder=None), native)).rows[0].tolist() == [0, 1, 0, 1]


def test_short_last_row_is_a_fraction(read):
    data = read(v1_bytes(small_v1(), TABLE[:12]))
    assert data.replica_count == 1.5 and len(data.rows[1]) == 2


@pytest.mark.parametrize('content, text', [
    (b'no gzip', 'damaged or no ring'),
    (gzip.compress(b''), 'Bad ring magic: b'),
    (gzip.compress(b'\x80\x02}q\x00.'), 'Bad ring magic: b'),
    (gzip.compress(b'R1NG\0\3abc'), "Unsupported ring version: 3 for '"),
    (v1_bytes(small_v1(), TABLE)[:-9], 'damaged'),
    (v1_bytes(small_v1(), TABLE)[:-8] + b'12345678', 'CRC check failed'),
    (v1_bytes(small_v1(), TABLE[:-1]), 'Odd number of bytes'),
    (v1_bytes(small_v1(), TABLE[:6]), 'Incomplete table'),
    (v1_bytes(small_v1(), TABLE[:8]), 'Incomplete table'),
    (v1_bytes(small_v1(), TABLE + b'\0\0'), 'More entries'),
    (v1_bytes(small_v1(), b'\7\0' + TABLE[2:]), 'The table names device 7'),
    (v1_bytes(small_v1(devs=[dev(0), None]), TABLE), 'The table names device 1'),
    (v1_bytes(small_v1(devs=[dev(1), dev(1)]), TABLE), 'says that its id is 1'),
    (v1_bytes(small_v1(devs=[dev(0), dev(1, port='80')]), TABLE), 'no integer'),
    (v1_bytes(small_v1(part_shift=40), TABLE), 'Impossible part shift'),
    (v1_bytes(small_v1(part_shift=None), TABLE), 'part_shift'),
    (v1_bytes({'devs': [{'id': 0}], 'part_shift': 30, 'replica_count': 2}, TABLE), 'ip'),
    (gzip.compress(b'R1NG\0\1\xff\xff\xff\xff{}'), 'bytes of metadata'),
    (gzip.compress(b'R1NG\0\1\0\0\0\7{}'), 'expected 5 more bytes'),
    (gzip.compress(b'R1NG\0\1\0\0\0\2[]'), 'damaged'),
])
def test_damage_is_refused_with_the_path(read, content, text):
    with pytest.raises(RingLoadError) as refused:
        read(content)
    assert text in str(refused.value)
    assert refused.value.path.endswith('x.ring.gz')


def test_missing_file(tmp_path):
    with pytest.raises(RingLoadError, match='No such file'):
        read_ring(str(tmp_path / 'none.ring.gz'))


def v2(tmp_path, **changes):
    data = read_ring(str(FOLDER / 'four_zones/v1/object.ring.gz'))
    for name, value in changes.items():
        setattr(data, name, value)
    path = tmp_path / 'x.ring.gz'
    write_ring(str(path), data, 2)
    return path


def stored(content):
    """Return the decompressed stream of a ring file."""
    return bytearray(gzip.decompress(content))


def test_v2_compressed_again_is_still_read(tmp_path, read):
    path = v2(tmp_path)
    whole = read_ring(str(path))
    again = gzip.compress(bytes(stored(path.read_bytes())))
    assert read(again).rows == whole.rows
    assert read(again, metadata_only=True).devs == whole.devs


@pytest.mark.parametrize('part, text', [(b'"part_shift": 22', 'Hash mismatch in block'),
                                        (b'"ip": "127.0.0.1"', 'Hash mismatch in block')])
def test_v2_changed_section_is_refused(tmp_path, read, part, text):
    raw = stored(v2(tmp_path).read_bytes())
    raw[raw.index(part) + len(part) - 2] ^= 1
    for metadata_only in (False, True):
        with pytest.raises(RingLoadError, match=text):
            read(gzip.compress(bytes(raw)), metadata_only=metadata_only)


def test_v2_changed_table_is_refused(tmp_path, read):
    path = v2(tmp_path)
    raw = stored(path.read_bytes())
    start = json.loads(raw[raw.rindex(b'{"swift/ring/assignments'):-16])[
        'swift/ring/assignments'][1]
    raw[start + 9] ^= 1
    with pytest.raises(RingLoadError, match='Hash mismatch'):
        read(gzip.compress(bytes(raw)))


def test_v2_changed_length_is_refused(tmp_path, read):
    raw = stored(v2(tmp_path).read_bytes())
    raw[6 + 7] -= 1
    with pytest.raises(RingLoadError, match='Inconsistent section size'):
        read(gzip.compress(bytes(raw)))


def v2_stream(sections):
    """Build a format 2 stream from (name, body, checksum method) by hand."""
    raw, index = b'R1NG\0\2', {}
    for name, body, entry in sections:
        start = len(raw)
        raw += struct.pack('>Q', len(body)) + body
        index[name] = [None, start, None, len(raw), *entry]
    position = len(raw)
    text = json.dumps(index).encode()
    return raw + struct.pack('>Q', len(text)) + text + struct.pack('>QQ', position, 0)


def required(checksum=(None, None)):
    return [('swift/ring/metadata', json.dumps({'part_shift': 31, 'dev_id_bytes': 2}).encode(),
             checksum),
            ('swift/ring/devices', json.dumps([dev(0)]).encode(), (None, None)),
            ('swift/ring/assignments', b'\0\0\0\0', (None, None))]


def test_v2_unknown_sections_and_missing_checksums_do_not_matter(read):
    data = read(gzip.compress(v2_stream([*required(), ('acme/notes', b'hello', (None, None))])))
    assert data.rows[0].tolist() == [0, 0] and data.version is None
    assert data.replica_count == 1.0


def test_v2_unknown_checksum_and_missing_section(read):
    with pytest.raises(RingLoadError, match='Unsupported checksum crc32:1 for section  swift/'):
        read(gzip.compress(v2_stream(required(('crc32', '1')))))
    with pytest.raises(RingLoadError, match='swift/ring/assignments'):
        read(gzip.compress(v2_stream(required()[:2])))


def test_formats_hold_the_same(tmp_path):
    data = read_ring(str(FOLDER / 'fractional/v1/object.ring.gz'))
    path = str(tmp_path / 'object.ring.gz')
    write_ring(path, data, 2)
    second = read_ring(path)
    write_ring(path, second, 1)
    assert (tmp_path / 'object.ring.gz').read_bytes() == (
        FOLDER / 'fractional/v1/object.ring.gz').read_bytes()


def test_the_name_in_the_file_is_the_files(tmp_path):
    data = read_ring(str(FOLDER / 'one_node/v1/object.ring.gz'))
    write_ring(str(tmp_path / 'other.ring.gz'), data, 1)
    assert (tmp_path / 'other.ring.gz').read_bytes()[:21] == (
        b'\x1f\x8b\x08\x08\xf4\x2a\x84\x4d\x02\xffother.ring\0')


def test_wide_ids_need_format_2(tmp_path):
    data = read_ring(str(FOLDER / 'wide_ids/v2/object.ring.gz'))
    with pytest.raises(RingError, match='Ring v1 only supports 2-byte dev IDs'):
        write_ring(str(tmp_path / 'x.ring.gz'), data, 1)
    assert os.listdir(tmp_path) == []
    with pytest.raises(RingError, match='Unsupported ring version: 3'):
        write_ring(str(tmp_path / 'x.ring.gz'), data, 3)


def test_wider_ids_than_needed(tmp_path):
    data = read_ring(str(FOLDER / 'one_node/v1/object.ring.gz'))
    path = str(tmp_path / 'x.ring.gz')
    write_ring(path, data, 2, dev_id_bytes=4)
    wide = read_ring(path)
    assert wide.dev_id_bytes == 4 and wide.rows[0].tolist() == data.rows[0].tolist()


def test_ring_without_assignments(tmp_path):
    for version in (1, 2):
        path = str(tmp_path / 'x.ring.gz')
        write_ring(path, RingData(devs=[dev(0)], part_shift=28), version)
        data = read_ring(path)
        assert data.replica_count == 0 and not data.rows


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'old')

    def chunks():
        yield b'new'
        raise OSError('disk')
    with pytest.raises(OSError):
        replace_file(str(path), chunks())
    assert path.read_bytes() == b'old' and os.listdir(tmp_path) == ['file']
    before = file_identity(path.stat())
    replace_file(str(path), [b'new'])
    assert path.read_bytes() == b'new' and file_identity(path.stat()) != before
