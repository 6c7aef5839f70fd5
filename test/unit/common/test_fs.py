"""Durable file operations: errors translated, files appearing at once, directories made."""
import errno
import os

import pytest

from swift.common import fs
from swift.common.errors import (
    Damaged,
    DeviceUnavailable,
    DiskError,
    DiskFull,
    NotSupported,
)


@pytest.fixture
def device(tmp_path):
    path = tmp_path / 'sda'
    path.mkdir()
    return str(path)


@pytest.mark.parametrize('number,kind', [
    (errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EROFS, DeviceUnavailable),
    (errno.EIO, DeviceUnavailable), (errno.EUCLEAN, Damaged), (errno.ENODATA, Damaged),
    (errno.EOPNOTSUPP, NotSupported), (errno.ENOENT, DiskError)])
def test_translate_gives_the_disk_error_of_an_errno(number, kind):
    with pytest.raises(DiskError) as caught, fs.translate('/x'):
        raise OSError(number, os.strerror(number))
    assert type(caught.value) is kind and caught.value.path == '/x'
    assert isinstance(caught.value.__cause__, OSError)


def test_translate_leaves_other_errors_alone():
    with pytest.raises(KeyError), fs.translate():
        raise KeyError('x')


def test_make_dirs_counts_what_it_made(device):
    assert fs.make_dirs(device + '/a/b/c', device) == 3
    assert fs.make_dirs(device + '/a/b/d', device) == 1
    assert fs.make_dirs(device + '/a/b/d', device) == 0


def test_make_dirs_never_makes_the_device(tmp_path):
    with pytest.raises(DeviceUnavailable):
        fs.make_dirs(str(tmp_path / 'sdb/objects/1'), str(tmp_path / 'sdb'))
    assert not (tmp_path / 'sdb').exists()


def test_a_temporary_file_is_invisible_until_published(device):
    file = fs.TemporaryFiles().open(device, device + '/tmp')
    fs.write_all(file.fd, b'hello')
    assert [name for name in os.listdir(device) if name != 'tmp'] == []
    file.publish(device + '/name')
    file.close()
    with open(device + '/name', 'rb') as published:
        assert published.read() == b'hello'


def named_files(monkeypatch):
    """Temporary files on a file system without O_TMPFILE."""
    files, real = fs.TemporaryFiles(), os.open

    def refuse(path, flags, *args, **more):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, 'no unnamed files')
        return real(path, flags, *args, **more)
    monkeypatch.setattr(os, 'open', refuse)
    return files


def test_without_unnamed_files_a_name_in_tmp_is_used(device, monkeypatch):
    file = named_files(monkeypatch).open(device, device + '/tmp')
    assert not file.is_unnamed and len(os.listdir(device + '/tmp')) == 1
    file.publish(device + '/name')
    file.close()
    assert os.listdir(device + '/tmp') == [] and os.path.exists(device + '/name')


def test_a_named_temporary_file_is_removed_when_thrown_away(device, monkeypatch):
    file = named_files(monkeypatch).open(device, device + '/tmp')
    file.close()
    file.close()
    assert os.listdir(device + '/tmp') == []


def test_publishing_over_a_file_replaces_it_at_once(device):
    files = fs.TemporaryFiles()
    for content in (b'old', b'new'):
        file = files.open(device, device + '/tmp')
        fs.write_all(file.fd, content)
        file.publish(device + '/name')
        file.close()
    with open(device + '/name', 'rb') as published:
        assert published.read() == b'new'
    assert os.listdir(device + '/tmp') == []


def test_publishing_into_a_directory_that_is_gone_says_so(device):
    os.mkdir(device + '/dir')
    file = fs.TemporaryFiles().open(device + '/dir', device + '/tmp')
    os.rmdir(device + '/dir')
    with pytest.raises(FileNotFoundError):
        file.publish(device + '/dir/name')
    file.close()


@pytest.mark.parametrize('table,count', [
    ('30 1 0:1 / / rw - ext4 /dev/x rw\n31 30 {0} / /a rw shared:1 - ext4 /dev/vda rw\n', 1),
    ('31 30 {0} / /a rw - xfs /dev/vda rw\n', 1),
    ('31 30 {0} / /a rw - btrfs /dev/vda rw\n', 4),
    ('30 1 0:1 / / rw - ext4 /dev/x rw\n', 4)])
def test_parents_of_new_directories_are_synced_unless_one_journal_orders_all(
        device, tmp_path, monkeypatch, table, count):
    number = os.stat(device).st_dev
    mounts = tmp_path / 'mountinfo'
    mounts.write_text(table.format('%d:%d' % (os.major(number), os.minor(number))))
    monkeypatch.setattr(fs, 'MOUNT_TABLE', str(mounts))
    fs._is_ordered.cache_clear()
    synced = []
    fs.set_step_hook(synced.append)
    try:
        fs.sync_dirs(device + '/a/b/c', fs.make_dirs(device + '/a/b/c', device))
    finally:
        fs.set_step_hook(None)
        fs._is_ordered.cache_clear()
    assert synced == ['fsync dir'] * count


def test_replace_file_makes_directories_and_leaves_no_temporary(device):
    fs.replace_file(device + '/a/b/name', b'1', device + '/tmp', device)
    fs.replace_file(device + '/a/b/name', b'2', device + '/tmp', device)
    with open(device + '/a/b/name', 'rb') as file:
        assert file.read() == b'2'
    assert os.listdir(device + '/tmp') == []


def test_replace_file_without_space_leaves_no_temporary(device, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, 'full')
    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(DiskFull):
        fs.replace_file(device + '/a/name', b'1', device + '/tmp', device)
    assert os.listdir(device + '/tmp') == [] and not os.path.exists(device + '/a/name')


def test_device_checks(tmp_path):
    device = tmp_path / 'sda'
    with pytest.raises(DeviceUnavailable):
        fs.check_device(str(device), mount_check=False)
    device.mkdir()
    fs.check_device(str(device), mount_check=False)
    with pytest.raises(DeviceUnavailable):
        fs.check_device(str(device), mount_check=True)
    (device / '.ismount').touch()
    fs.check_device(str(device), mount_check=True)


def test_mounts_and_links(tmp_path):
    assert fs.is_mount('/') and fs.is_mount('/proc')
    link = tmp_path / 'link'
    link.symlink_to('/proc')
    # A link to a mount point may dangle when that is not mounted: it counts with a stub only.
    assert not fs.is_mount(str(link)) and not fs.is_mount(str(tmp_path / 'none'))


def test_remove_dir_if_empty(device):
    os.makedirs(device + '/a/b')
    assert not fs.remove_dir_if_empty(device + '/a')
    assert fs.remove_dir_if_empty(device + '/a/b')
    assert not fs.remove_dir_if_empty(device + '/a/b')


def test_steps_reach_the_hook(device):
    seen = []
    fs.set_step_hook(seen.append)
    try:
        fs.replace_file(device + '/name', b'1', device + '/tmp', device)
    finally:
        fs.set_step_hook(None)
    assert seen == ['open', 'write', 'fsync', 'rename', 'fsync dir']


def test_write_all_goes_on_after_a_short_write(device, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, 'write', lambda fd, data: real(fd, bytes(data)[:3]))
    with open(device + '/file', 'wb') as file:
        fs.write_all(file.fileno(), b'0123456789')
    monkeypatch.undo()
    with open(device + '/file', 'rb') as file:
        assert file.read() == b'0123456789'
