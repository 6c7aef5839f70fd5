"""Kill the process between any two file operations of a write: what is left must read correctly.

A child process writes with the environment variable that makes it kill itself before its n-th
durable operation; n runs until the write gets through. After each crash the object must be either
the old or the new one, complete, and the same request sent again must be accepted.
"""
import os
import signal
import subprocess
import sys

import pytest

from swift.common.fs import CRASH_POINT_VARIABLE
from test.support.object_node import Node

PATH = '/sda/12/AUTH_test/c/o'
OLD, NEW, LATER = ('17999999%02d.00000' % second for second in (10, 20, 30))

CHILD = '''
import sys
from pathlib import Path
from test.unit.obj.test_crash import write
from test.support.object_node import Node
print(write(Node(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])))
'''


def write(node, method, size):
    """Send the request that is going to be interrupted; return its status."""
    headers = {'X-Timestamp': NEW, 'Content-Type': 'text/plain', 'X-Object-Meta-New': '1',
               'X-Container-Host': '127.0.0.1:1', 'X-Container-Partition': '1',
               'X-Container-Device': 'sdb'}
    return node.request(method, PATH, headers, b'n' * size).status


def crash_at(devices, point, method, size):
    """Run one write in a child that dies at a step; return its status line, '' if it died."""
    child = subprocess.run(
        [sys.executable, '-c', CHILD, str(devices), method, str(size)],
        env={**os.environ, CRASH_POINT_VARIABLE: str(point)}, capture_output=True, text=True)
    if child.returncode == -signal.SIGKILL:
        return ''
    assert child.returncode == 0, child.stderr
    return child.stdout.strip()


def states(method, size):
    """Return what a reader may see after a crash: (status, body, has the new metadata)."""
    old = (200, b'old', False)
    new = {'PUT': (200, b'n' * size, True), 'POST': (200, b'old', True),
           'DELETE': (404, None, False)}[method]
    return old, new


@pytest.mark.slow
@pytest.mark.parametrize('method,size', [('PUT', 5), ('PUT', 70000), ('POST', 0), ('DELETE', 0)])
def test_every_crash_point_leaves_the_old_or_the_new_state(tmp_path, method, size):
    seen = set()
    for point in range(1, 40):
        devices = tmp_path / str(point)
        (devices / 'sda').mkdir(parents=True)
        node = Node(devices)
        node.request('PUT', PATH, {'X-Timestamp': OLD, 'Content-Type': 'text/plain'}, b'old')
        node.close()
        done = crash_at(devices, point, method, size)
        node = Node(devices)
        if done:
            # Acknowledged: the container's row must be on disk.
            assert [name for name in node.files() if '/async_pending/' in name]
        got = node.request('GET', PATH)
        state = (got.status, got.body if got.status == 200 else None,
                 'X-Object-Meta-New' in got.headers)
        assert state in states(method, size), point
        assert not node.logger.lines(40), 'nothing may look damaged'
        seen.add(state)
        # A proxy may send the request once more and count the conflict with itself as success:
        # then the row, too, must be on disk.
        status = write(node, method, size)
        assert status in ((404,) if method == 'DELETE' else (409,)) or state == states(
            method, size)[0]
        assert [name for name in node.files() if '/async_pending/' in name], point
        again = node.request('PUT', PATH, {'X-Timestamp': LATER, 'Content-Type': 'text/plain'},
                             b'later')
        assert again.status == 201
        assert node.request('GET', PATH).body == b'later'
        node.close()
        if done:
            assert state == states(method, size)[1]
            break
    assert done and seen == set(states(method, size)) and point > 8


@pytest.mark.slow
def test_every_crash_point_of_a_new_object_leaves_nothing_or_all_of_it(tmp_path):
    seen = set()
    for point in range(1, 40):
        devices = tmp_path / str(point)
        (devices / 'sda').mkdir(parents=True)
        node = Node(devices)
        # Its partition is there, so that it is written in one go.
        node.request('PUT', '/sda/12/AUTH_test/c/other',
                     {'X-Timestamp': OLD, 'Content-Type': 'text/plain'}, b'other')
        done = crash_at(devices, point, 'PUT', 5)
        got = node.request('GET', PATH)
        assert (got.status, got.body) == (200, b'nnnnn') or got.status == 404, point
        seen.add(got.status)
        assert not node.logger.lines(40), 'nothing may look damaged'
        node.close()
        if done:
            assert got.status == 200
            break
    assert done and seen == {200, 404} and point > 8


def test_a_crash_between_link_and_directory_sync_keeps_the_suffix_dirty(tmp_path):
    (tmp_path / 'sda').mkdir()
    assert crash_at(tmp_path, 'fsync dir', 'PUT', 5) == ''
    assert (tmp_path / 'sda/objects/12/hashes.invalid').read_text()
    assert [name for name in Node(tmp_path).files() if name.endswith('.data')]


def test_a_crash_before_the_link_leaves_no_object_but_a_dirty_suffix(tmp_path):
    (tmp_path / 'sda').mkdir()
    assert crash_at(tmp_path, 'link', 'PUT', 5) == ''
    assert (tmp_path / 'sda/objects/12/hashes.invalid').read_text()
    assert Node(tmp_path).files() == []
