"""The facade for plug-ins."""
import pytest

from swift.core.timestamp import Timestamp
from swift.obj.diskfile import DiskFileDeleted, DiskFileManager, DiskFileNotExist
from swift.obj.store import Put
from test.support.logs import RecordingLogger
from test.support.object_node import cluster

T1, T2 = Timestamp('1800000001.00000'), Timestamp('1800000002.00000')


@pytest.fixture
def disk_file(tmp_path):
    (tmp_path / 'sda').mkdir()
    manager = DiskFileManager({'devices': str(tmp_path), 'mount_check': 'false'},
                              RecordingLogger(), cluster())
    yield manager.get_diskfile('sda', 12, 'a', 'c', 'o', 1)
    manager.close()


def test_the_life_of_an_object(disk_file):
    with pytest.raises(DiskFileNotExist):
        disk_file.open()
    disk_file.put(Put(T1, {'X-Timestamp': T1.internal, 'Content-Type': 'text/plain'}), b'hello')
    with disk_file.open() as opened:
        assert b''.join(opened.reader()) == b'hello'
        assert (opened.timestamp, opened.data_timestamp, opened.content_length) == (T1, T1, 5)
    assert disk_file.read_metadata()['Content-Type'] == 'text/plain'
    assert '/objects-1/12/' in disk_file.place.hash_path
    disk_file.delete(T2)
    with pytest.raises(DiskFileDeleted) as caught:
        disk_file.open()
    assert caught.value.timestamp == T2
