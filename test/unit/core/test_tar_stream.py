"""Reading archives: what real programs write, cut and damaged in every way, and hostile claims."""
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.tar_stream import (
    BLOCK,
    EXTENDED_HEADERS_MAX,
    FILE,
    METADATA_BYTES_MAX,
    OTHER,
    SPARSE,
    BrokenTar,
    TarReader,
)

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def made(members, format_=tarfile.PAX_FORMAT):
    """Return an archive of (name, bytes or type as text, pax headers)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=format_) as archive:
        for name, data, *more in members:
            info = tarfile.TarInfo(name)
            if isinstance(data, bytes):
                info.size = len(data)
                info.pax_headers = more[0] if more else {}
                archive.addfile(info, io.BytesIO(data))
            else:
                info.type, info.linkname = data.encode(), 'target'
                archive.addfile(info)
    return out.getvalue()


def reader_of(data, pieces=1 << 20):
    stream = io.BytesIO(data)
    return TarReader(lambda size: stream.read(min(size, pieces)))


def read_all(data, pieces=1 << 20):
    reader = reader_of(data, pieces)
    found = []
    while (member := reader.next_member()) is not None:
        found.append((member.name, member.kind, reader.read_whole()))
    return found


def header(name=b'x', size=b'0' * 11 + b'\0', kind=b'0', tail=b''):
    """Return one header block with a right checksum."""
    block = bytearray(BLOCK)
    block[:len(name)] = name
    block[124:136] = size
    block[156:157] = kind
    block[BLOCK - len(tail):] = tail
    block[148:156] = b' ' * 8
    block[148:156] = b'%06o\0 ' % sum(block)
    return bytes(block)


END = bytes(2 * BLOCK)


@pytest.mark.parametrize('format_', FORMATS)
@pytest.mark.parametrize('pieces', [1, 7, 512, 1 << 20])
def test_members_come_as_they_were_written(format_, pieces):
    members = [('c/a', b'aaa'), ('c/empty', b''), ('c/block', b'b' * 512),
               ('c/' + 'd' * 60 + '/' + 'e' * 90, b'long'), ('c/big', bytes(range(256)) * 10)]
    assert read_all(made(members, format_), pieces) == [
        (name.encode(), FILE, data) for name, data in members]


def test_very_long_and_foreign_names():
    name = 'c/' + 'naïve☃/' * 40 + 'x'
    for format_ in FORMATS[1:]:
        assert read_all(made([(name, b'1')], format_)) == [(name.encode(), FILE, b'1')]


def test_what_is_no_file_has_no_data():
    kinds = [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE,
             tarfile.CHRTYPE, tarfile.BLKTYPE]
    archive = made([('m%d' % n, kind.decode()) for n, kind in enumerate(kinds)] + [('f', b'1')])
    found = read_all(archive)
    assert [kind for _name, kind, _data in found] == [OTHER] * 6 + [FILE]
    # A link that claims a size says nothing about what follows.
    assert read_all(header(size=b'00000000777\0', kind=b'2') + header(b'y') + END) == [
        (b'x', OTHER, b''), (b'y', FILE, b'')]


def test_unread_data_is_skipped():
    reader = reader_of(made([('a', b'1' * 5000), ('b', b'2')]))
    reader.next_member()
    assert reader.read(3) == b'111'
    assert reader.next_member().name == b'b' and reader.read_whole() == b'2'
    assert reader.next_member() is None


def test_extended_attributes_are_the_members_own_and_common_ones_everybodys():
    out = io.BytesIO()
    common = {'comment': 'all', 'path': 'trap'}
    with tarfile.open(fileobj=out, mode='w', pax_headers=common) as archive:
        for name, own in (('a', {'SCHILY.xattr.user.x': 'é'}), ('b', {})):
            info = tarfile.TarInfo(name)
            info.pax_headers = own
            archive.addfile(info, io.BytesIO())
    reader = reader_of(out.getvalue())
    first, second = reader.next_member(), reader.next_member()
    assert first.extra['SCHILY.xattr.user.x'] == 'é' and first.extra['comment'] == 'all'
    assert (first.name, second.name) == (b'a', b'b')
    assert 'SCHILY.xattr.user.x' not in second.extra and second.extra['comment'] == 'all'


def test_size_in_an_extended_header_counts():
    lines = b'%d size=4\n' % len(b'10 size=4\n')
    archive = (header(b'p', b'%011o\0' % len(lines), b'x') + lines.ljust(BLOCK, b'\0')
               + header(b'f') + b'data'.ljust(BLOCK, b'\0') + END)
    assert read_all(archive) == [(b'f', FILE, b'data')]


def test_binary_numbers():
    size = b'\x80' + (5).to_bytes(11, 'big')
    assert read_all(header(size=size) + b'12345'.ljust(BLOCK, b'\0') + END) == [
        (b'x', FILE, b'12345')]
    with pytest.raises(BrokenTar, match='invalid header'):
        read_all(header(size=b'\xff' * 12))


def test_sparse_files_are_named_and_passed_over():
    more = bytes(504) + b'\x01' + bytes(7)
    last = bytes(BLOCK)
    archive = (header(b's', b'%011o\0' % 3, b'S', b'\x01' + bytes(29)) + more + last
               + b'abc'.ljust(BLOCK, b'\0') + header(b'f') + END)
    found = read_all(archive)
    assert [(name, kind) for name, kind, _data in found] == [(b's', SPARSE), (b'f', FILE)]
    posix = made([('q', b'0\n', {'GNU.sparse.major': '1'})])
    assert [kind for _name, kind, _data in read_all(posix)] == [SPARSE]


@pytest.mark.parametrize('data, reason', [
    (b'', 'empty file'), (b'not a tar', 'truncated header'), (b'x' * 512, 'invalid header'),
    (header()[:300], 'truncated header'), (header(b'y')[:1] + b'z' + header()[2:], 'bad checksum'),
    (header(size=b'00000001000\0') + b'short', 'unexpected end of data'),
    (header(size=b'notoctal\0\0\0\0'), 'invalid header'),
    (header(kind=b'L', size=b'00000001000\0') + b'n', 'unexpected end of data'),
    (header(kind=b'x', size=b'00000000010\0') + b'garbage!'.ljust(BLOCK, b'\0'), 'invalid header'),
    (header(kind=b'x', size=b'00000000010\0') + b'99 a=b\n!'.ljust(BLOCK, b'\0'), 'invalid header'),
])
def test_damage_is_told(data, reason):
    with pytest.raises(BrokenTar, match=reason):
        read_all(data)


def test_damage_after_good_members_is_told_too():
    archive = made([('a', b'1'), ('b', b'2')])
    # The second header begins after one header and one block of data.
    with pytest.raises(BrokenTar, match='bad checksum'):
        read_all(archive[:2 * BLOCK] + b'X' + archive[2 * BLOCK + 1:])


def test_end_without_mark_is_an_end():
    archive = made([('a', b'1')])
    assert read_all(archive[:2 * BLOCK]) == [(b'a', FILE, b'1')]
    # And what comes after the mark is nobody's business.
    assert read_all(archive[:2 * BLOCK] + END + b'junk') == [(b'a', FILE, b'1')]


def test_hostile_claims_are_refused_before_they_are_read():
    huge = b'%011o\0' % (METADATA_BYTES_MAX + 1)
    for kind in (b'x', b'g', b'L', b'K'):
        with pytest.raises(BrokenTar, match='too large'):
            read_all(header(kind=kind, size=huge) + bytes(BLOCK))
    name = header(kind=b'L', size=b'00000000001\0') + b'n'.ljust(BLOCK, b'\0')
    assert read_all(name * EXTENDED_HEADERS_MAX + header() + END) == [(b'n', FILE, b'')]
    with pytest.raises(BrokenTar, match='too many extended headers'):
        read_all(name * (EXTENDED_HEADERS_MAX + 1) + header())
    endless = header(b's', kind=b'S', tail=b'\x01' + bytes(29)) + (
        bytes(504) + b'\x01' + bytes(7)) * (METADATA_BYTES_MAX // BLOCK + 1)
    with pytest.raises(BrokenTar, match='too large'):
        read_all(endless)


def test_common_attributes_do_not_pile_up():
    def common(n):
        body = b'key%05d=%s\n' % (n, b'v' * 500_000)
        line = b'%d ' % (len(body) + 7) + body
        assert len(line) == int(line.split(b' ')[0])
        return (header(kind=b'g', size=b'%011o\0' % len(line)) + line
                + bytes(-len(line) % BLOCK))
    with pytest.raises(BrokenTar, match='too large'):
        read_all(b''.join(map(common, range(4))) + header() + END)


@given(st.binary(max_size=2000), st.integers(1, 700))
def test_any_bytes_end_in_members_or_one_error(data, pieces):
    try:
        read_all(data, pieces)
    except BrokenTar:
        pass


@given(st.integers(0, 3000), st.integers(1, 255))
def test_any_changed_byte_ends_in_members_or_one_error(position, change):
    archive = bytearray(made([('c/a', b'1' * 700, {'SCHILY.xattr.user.meta.k': 'v'})]))
    archive[position % len(archive)] ^= change
    try:
        read_all(bytes(archive))
    except BrokenTar:
        pass


@given(st.integers(0, 2600))
def test_every_cut_is_told_or_at_a_border(length):
    whole = made([('c/a', b'1' * 700), ('c/b', b'2')])
    try:
        found = read_all(whole[:length])
    except BrokenTar:
        return
    assert all(data in (b'1' * 700, b'2') for _name, _kind, data in found)
    assert length % BLOCK == 0 or found == read_all(whole)
