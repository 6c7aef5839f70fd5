"""Realms: read when the file changes, at most once in an interval."""
import os

import pytest

from swift.common.clock import ManualClock
from swift.common.sync_realms import CONF_NAME, SyncRealms
from swift.core.sync_target import Realm
from test.support.logs import RecordingLogger

FILE = '[realm1]\nkey = k\nkey2 = l\ncluster_Name1 = http://h/v1/\n'
REALM1 = {'REALM1': Realm('k', 'l', {'NAME1': 'http://h/v1/'})}


@pytest.fixture
def path(tmp_path):
    return tmp_path / CONF_NAME


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def realms(tmp_path, clock):
    return SyncRealms(str(tmp_path), RecordingLogger(), clock)


def rewrite(path, text, mtime):
    path.write_text(text)
    os.utime(path, (mtime, mtime))


def test_no_file_no_realms(realms):
    assert realms.current() == {}


def test_a_file_is_read_again_when_it_has_changed(realms, path, clock):
    rewrite(path, FILE, 1)
    assert realms.current() == REALM1
    rewrite(path, FILE.replace('realm1', 'r2'), 2)
    assert realms.current() == REALM1
    clock.advance(300)
    assert list(realms.current()) == ['R2']
    path.unlink()
    clock.advance(300)
    assert realms.current() == {}


def test_the_interval_is_that_of_the_file(realms, path, clock):
    rewrite(path, '[DEFAULT]\nmtime_check_interval = 5\n' + FILE, 1)
    assert list(realms.current()) == ['REALM1']
    rewrite(path, '', 2)
    clock.advance(5)
    assert realms.current() == {}


@pytest.mark.parametrize('text', ['nonsense', '[a]\nkey = %x\n',
                                  '[DEFAULT]\nmtime_check_interval = soon\n[a]\nkey = k\n'])
def test_a_bad_file_changes_nothing_but_the_log(realms, path, clock, text):
    rewrite(path, FILE, 1)
    realms.current()
    rewrite(path, text, 2)
    clock.advance(300)
    assert realms.current() == REALM1
    assert str(path) in realms._logger.lines()[0]
