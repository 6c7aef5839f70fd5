"""Which devices daemons work on."""
import pytest

from swift.common.devices import usable_devices
from test.support.logs import RecordingLogger


def test_directories_are_devices_and_files_are_none(tmp_path):
    for name in ('sdb', 'sda'):
        (tmp_path / name).mkdir()
    (tmp_path / 'README').touch()
    logger = RecordingLogger()
    assert usable_devices(str(tmp_path), False, logger.warning) == [
        ('sda', f'{tmp_path}/sda'), ('sdb', f'{tmp_path}/sdb')]
    assert usable_devices(str(tmp_path), False, logger.warning, ('sdb', 'sdc')) == [
        ('sdb', f'{tmp_path}/sdb')]
    assert logger.lines() == []


def test_what_is_not_mounted_is_told_and_skipped(tmp_path):
    (tmp_path / 'sda').mkdir()
    (tmp_path / 'README').touch()
    logger = RecordingLogger()
    assert usable_devices(str(tmp_path), True, logger.warning) == []
    assert logger.lines() == ['Skipping sda as it is not mounted']


def test_nothing_to_list_is_an_error(tmp_path):
    with pytest.raises(OSError):
        (tmp_path / 'file').touch()
        usable_devices(str(tmp_path / 'file'), False, None)
