"""Objects read again within a minute are hashed again only if their file was touched."""
import os

import pytest

from swift.obj import look_at_once, reading
from swift.obj.verified import FRESH_S
from test.support.object_node import Node

PATH = '/sda/12/AUTH_test/c/o'
T = '1799999910.00000'


@pytest.fixture
def node(tmp_path):
    (tmp_path / 'sda').mkdir()
    node = Node(tmp_path)
    yield node
    node.close()


@pytest.fixture
def hashed(monkeypatch):
    """The number of digests begun for bodies; those of metadata, which are pickles, apart."""
    count = []
    real = reading.md5

    def counting(*args):
        if not args or args[0][:1] != b'\x80':
            count.append(args)
        return real(*args)
    for module in (reading, look_at_once):
        monkeypatch.setattr(module, 'md5', counting)
    return count


def data_file(node):
    name, = [name for name in node.files() if name.endswith('.data')]
    return os.path.join(node.devices, name)


@pytest.mark.parametrize('size', [5, 300000])
def test_a_second_read_is_not_hashed_until_a_minute_has_passed(node, hashed, size):
    node.request('PUT', PATH, {'X-Timestamp': T, 'Content-Type': 'a/b'}, b'x' * size)
    for _turn in range(3):
        assert node.request('GET', PATH).body == b'x' * size
    assert len(hashed) == 1
    node.clock.advance(FRESH_S)
    assert node.request('GET', PATH).status == 200
    assert len(hashed) == 2


@pytest.mark.parametrize('size', [5, 300000])
def test_a_file_that_was_written_to_is_found_out_at_once(node, size):
    node.request('PUT', PATH, {'X-Timestamp': T, 'Content-Type': 'a/b'}, b'x' * size)
    node.request('GET', PATH)
    path = data_file(node)
    before = os.stat(path)
    with open(path, 'r+b') as file:
        file.write(b'y')
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    node.request('GET', PATH)
    assert node.request('GET', PATH).status == 404
    assert [name for name in node.files() if '/quarantined/' in name]


def test_a_range_says_nothing_about_the_whole(node, hashed):
    node.request('PUT', PATH, {'X-Timestamp': T, 'Content-Type': 'a/b'}, b'x' * 300000)
    assert node.request('GET', PATH, {'Range': 'bytes=0-9'}).status == 206
    assert node.request('GET', PATH).status == 200
    assert len(hashed) == 1
