"""File locks: exclusive, shared, timeouts, and lock files that were deleted."""
import fcntl
import os
import threading

import pytest

from swift.common.errors import LockTimeout
from swift.common.locks import acquire, file_lock


def test_an_exclusive_lock_excludes_everybody(tmp_path):
    path = str(tmp_path / '.lock')
    with file_lock(path, 1):
        for shared in (True, False):
            with pytest.raises(LockTimeout) as caught:
                acquire(path, 0, shared)
            assert str(caught.value) == '0 seconds: %s' % path
    with file_lock(path, 0):
        pass


def test_shared_locks_exclude_exclusive_ones_only(tmp_path):
    path = str(tmp_path / '.lock')
    with file_lock(path, 1, shared=True), file_lock(path, 1, shared=True):
        with pytest.raises(LockTimeout):
            acquire(path, 0)


def test_the_directory_must_exist(tmp_path):
    with pytest.raises(FileNotFoundError):
        acquire(str(tmp_path / 'none/.lock'), 1)


def test_a_waiter_gets_the_lock_when_it_is_free(tmp_path):
    path = str(tmp_path / '.lock')
    held = acquire(path, 1)
    got = []
    waiter = threading.Thread(target=lambda: got.append(acquire(path, 10)))
    waiter.start()
    os.close(held)
    waiter.join(10)
    assert len(got) == 1
    os.close(got[0])


def test_a_lock_on_a_deleted_file_is_not_taken(tmp_path, monkeypatch):
    path = str(tmp_path / '.lock')
    real, opened = fcntl.flock, []

    def delete_first(fd, kind):
        real(fd, kind)
        opened.append(fd)
        if len(opened) == 1:
            os.unlink(path)
    monkeypatch.setattr(fcntl, 'flock', delete_first)
    with file_lock(path, 5) as fd:
        assert os.fstat(fd).st_ino == os.stat(path).st_ino
    assert len(opened) == 2
