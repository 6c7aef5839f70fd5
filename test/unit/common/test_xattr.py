"""Blobs in extended attributes: pieces, checksum, what is missing, what does not fit."""
import errno
import os

import pytest

from swift.common import xattr
from swift.common.errors import Damaged, DiskFull, NotSupported


@pytest.fixture
def attributes(monkeypatch):
    """Extended attributes in memory, without the limits of the file system here."""
    stored: dict[str, bytes] = {}

    def get(fd, key):
        if key not in stored:
            raise OSError(errno.ENODATA, 'no such attribute')
        return stored[key]
    monkeypatch.setattr(os, 'getxattr', get)
    monkeypatch.setattr(os, 'setxattr', lambda fd, key, value: stored.__setitem__(key, value))
    monkeypatch.setattr(os, 'listxattr', lambda fd: list(stored))
    monkeypatch.setattr(os, 'removexattr', lambda fd, key: stored.pop(key))
    return stored


def test_a_real_file_keeps_a_blob(tmp_path):
    with open(tmp_path / 'file', 'wb') as file:
        xattr.write_blob(file.fileno(), b'blob' * 50)
        assert xattr.read_blob(file.fileno()) == b'blob' * 50
    assert xattr.read_blob(str(tmp_path / 'file')) == b'blob' * 50
    assert set(os.listxattr(tmp_path / 'file')) == {xattr.KEY, xattr.CHECKSUM_KEY}


@pytest.mark.parametrize('size', [0, 1, 65535, 65536, 65537, 200000])
def test_blobs_are_cut_into_pieces(attributes, size):
    blob = os.urandom(size)
    xattr.write_blob(0, blob)
    assert xattr.read_blob(0) == blob
    assert max(map(len, attributes.values())) <= xattr.PIECE_SIZE
    assert (xattr.KEY + '1' in attributes) == (size > 65536)


def test_a_changed_blob_is_damage(attributes):
    xattr.write_blob(0, b'blob')
    attributes[xattr.KEY] = b'blub'
    with pytest.raises(Damaged):
        xattr.read_blob(0)


def test_a_missing_checksum_is_accepted(attributes):
    xattr.write_blob(0, b'blob')
    del attributes[xattr.CHECKSUM_KEY]
    assert xattr.read_blob(0) == b'blob'


def test_no_metadata_is_damage_but_no_support_is_not(attributes, monkeypatch):
    with pytest.raises(Damaged):
        xattr.read_blob(0)

    def unsupported(fd, key):
        raise OSError(errno.EOPNOTSUPP, 'no')
    monkeypatch.setattr(os, 'getxattr', unsupported)
    with pytest.raises(NotSupported):
        xattr.read_blob(0)


def with_room_for(attributes, monkeypatch, size):
    def put(fd, key, value):
        if len(value) > size:
            raise OSError(errno.ENOSPC, 'no room')
        attributes[key] = value
    monkeypatch.setattr(os, 'setxattr', put)


def test_a_blob_that_does_not_fit_is_kept_deflated(attributes, monkeypatch):
    with_room_for(attributes, monkeypatch, 1000)
    xattr.write_blob(0, b'blob' * 1000)
    assert set(attributes) == {xattr.DEFLATED_KEY, xattr.CHECKSUM_KEY}
    assert xattr.read_blob(0) == b'blob' * 1000


def test_what_does_not_even_fit_deflated_is_a_full_disk(attributes, monkeypatch):
    with_room_for(attributes, monkeypatch, 1000)
    with pytest.raises(DiskFull):
        xattr.write_blob(0, os.urandom(4000))


@pytest.mark.parametrize('content', [b'garbage', b'x\x9c'])
def test_a_damaged_deflated_blob_is_damage(attributes, content):
    attributes[xattr.DEFLATED_KEY] = content
    with pytest.raises(Damaged):
        xattr.read_blob(0)
