"""Compressed streams: several in one, cut, damaged, and bombs."""
import bz2
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.decompress import BZIP2, FREE_BYTES, GZIP, Decompressor
from swift.core.tar_stream import BrokenTar

PACK = {GZIP: gzip.compress, BZIP2: bz2.compress}
KINDS = [GZIP, BZIP2]


def unpack(data, kind, size=65536, pieces=1 << 20, ratio_max=0):
    stream = io.BytesIO(data)
    read = Decompressor(lambda n: stream.read(min(n, pieces)), kind, ratio_max).read
    out = []
    while chunk := read(size):
        assert len(chunk) <= size
        out.append(chunk)
    return b''.join(out)


@pytest.mark.parametrize('kind', KINDS)
@given(data=st.binary(max_size=3000), size=st.integers(1, 4000), pieces=st.integers(1, 4000))
def test_bytes_come_back_however_they_are_cut(kind, data, size, pieces):
    assert unpack(PACK[kind](data), kind, size, pieces) == data


@pytest.mark.parametrize('kind', KINDS)
def test_several_streams_are_one_and_junk_behind_is_ignored(kind):
    two = PACK[kind](b'one') + PACK[kind](b'') + PACK[kind](b'two' * 50000)
    assert unpack(two, kind) == b'one' + b'two' * 50000
    assert unpack(two + b'\0\0\0junk', kind) == b'one' + b'two' * 50000


@pytest.mark.parametrize('kind, name', [(GZIP, 'gzip'), (BZIP2, 'bzip2')])
@pytest.mark.parametrize('data', [b'', b'x', b'c/a' + bytes(600)])
def test_other_files_are_told_by_name(kind, name, data):
    with pytest.raises(BrokenTar, match=f'not a {name} file'):
        unpack(data, kind)


@pytest.mark.parametrize('kind', KINDS)
def test_cut_and_damaged_streams(kind):
    packed = PACK[kind](bytes(range(256)) * 40)
    for length in range(3, len(packed)):
        with pytest.raises(BrokenTar, match='unexpected end of data'):
            unpack(packed[:length], kind)
    damaged = packed[:20] + bytes([packed[20] ^ 255]) + packed[21:]
    with pytest.raises(BrokenTar):
        unpack(damaged, kind)


@pytest.mark.parametrize('kind', KINDS)
def test_bombs_are_refused_before_they_unfold(kind):
    bomb = PACK[kind](bytes(20 << 20))
    stream = io.BytesIO(bomb)
    read = Decompressor(stream.read, kind, 100).read
    produced = 0
    with pytest.raises(BrokenTar, match='expands to more than 100 times its size'):
        while chunk := read(65536):
            produced += len(chunk)
    assert produced <= FREE_BYTES + 100 * len(bomb)
    assert len(unpack(bomb, kind, ratio_max=0)) == 20 << 20
    assert unpack(PACK[kind](bytes(FREE_BYTES)), kind, ratio_max=1) == bytes(FREE_BYTES)
