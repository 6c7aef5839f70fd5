"""Downloads stay inside their directory, and files appear complete or not at all."""
import os
import stat

import pytest

from swiftclient.service import SwiftError
from swiftclient.service.downloads import files
from swiftclient.service.downloads.files import arriving_file
from swiftclient.service.downloads.paths import Folders, local_path

PLAIN = {'yes_all': False, 'prefix': None, 'remove_prefix': False, 'out_directory': None}


@pytest.mark.parametrize(('name', 'options', 'expected'), [
    ('a/b', {}, 'a/b'),
    ('/a', {}, 'a'),
    ('///a', {}, 'a'),
    ('a/', {}, 'a/'),
    ('a/b', {'yes_all': True}, 'c/a/b'),
    ('/a', {'yes_all': True}, 'c/a'),
    ('p/a', {'prefix': 'p', 'remove_prefix': True}, 'a'),
    ('p/a', {'prefix': 'p'}, 'p/a'),
    ('a', {'out_directory': 'out'}, 'out/a'),
    ('/etc/passwd', {'out_directory': '/out'}, '/out/etc/passwd'),
    ('..a/b..', {}, '..a/b..')])
def test_local_path(name, options, expected):
    assert local_path('c', name, {**PLAIN, **options}) == expected


@pytest.mark.parametrize('name', ['..', '../x', 'a/../../x', '/../x', 'a/..', '//../../x'])
@pytest.mark.parametrize('options', [{}, {'out_directory': 'out'}, {'yes_all': True}])
def test_name_that_leads_out_is_refused(name, options):
    with pytest.raises(SwiftError, match='leads out of the output directory'):
        local_path('c', name, {**PLAIN, **options})


def test_prefix_cannot_hide_a_way_out():
    with pytest.raises(SwiftError):
        local_path('c', 'p../../x', {**PLAIN, 'prefix': 'p', 'remove_prefix': True})


def test_container_named_like_the_parent_is_refused():
    with pytest.raises(SwiftError):
        local_path('..', 'x', {**PLAIN, 'yes_all': True})


def test_folders_are_made_inside_only(tmp_path):
    outside = tmp_path / 'outside'
    outside.mkdir()
    base = tmp_path / 'base'
    base.mkdir()
    (base / 'link').symlink_to(outside)
    (base / 'inner').mkdir()
    (base / 'ok').symlink_to(base / 'inner')
    folders = Folders(str(base))
    folders.make(str(base / 'a/b'))
    folders.make(str(base / 'ok/deep'))
    assert (base / 'inner/deep').is_dir()
    for path in (base / 'link', base / 'link/new'):
        with pytest.raises(SwiftError, match='symbolic link leads out'):
            folders.make(str(path))
    assert list(outside.iterdir()) == []


def test_neighbour_with_the_same_beginning_is_outside(tmp_path):
    (tmp_path / 'base').mkdir()
    (tmp_path / 'base2').mkdir()
    (tmp_path / 'base/link').symlink_to(tmp_path / 'base2')
    with pytest.raises(SwiftError):
        Folders(str(tmp_path / 'base')).make(str(tmp_path / 'base/link/x'))


def test_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / 'file'
    with arriving_file(str(path), mtime=1700000000.25) as file:
        file.write(b'data')
        assert not path.exists()
    assert path.read_bytes() == b'data'
    assert path.stat().st_mtime == 1700000000.25
    assert os.listdir(tmp_path) == ['file']


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    with pytest.raises(KeyError), arriving_file(str(path)) as file:
        file.write(b'new')
        raise KeyError
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['file']


def test_permissions_of_an_existing_file_are_kept(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    path.chmod(0o640)
    with arriving_file(str(path)) as file:
        file.write(b'new')
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path):
    victim, path = tmp_path / 'victim', tmp_path / 'file'
    victim.write_bytes(b'precious')
    path.symlink_to(victim)
    with arriving_file(str(path)) as file:
        file.write(b'new')
    assert victim.read_bytes() == b'precious'
    assert not path.is_symlink()


def test_link_that_the_user_named_is_followed(tmp_path):
    target, path = tmp_path / 'target', tmp_path / 'link'
    path.symlink_to(target)
    with arriving_file(str(path), follow_link=True) as file:
        file.write(b'new')
    assert path.is_symlink()
    assert target.read_bytes() == b'new'


def test_device_is_written_in_place():
    with arriving_file(os.devnull, follow_link=True) as file:
        file.write(b'gone')
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_unfinished_files_can_be_discarded(tmp_path, monkeypatch):
    import threading
    monkeypatch.setattr(files, '_lock', threading.Lock())  # it stays locked: the process ends
    with pytest.raises(FileNotFoundError), arriving_file(str(tmp_path / 'file')) as file:
        file.write(b'half')
        files.discard_unfinished()
        assert os.listdir(tmp_path) == []
    assert os.listdir(tmp_path) == []
