"""Writes in one go: what they leave, and when the way step by step has to be taken instead."""
import fcntl
import os
import threading

import pytest

from swift.common import chain, fs
from swift.common.clock import ManualClock
from swift.common.errors import DiskError
from swift.obj.at_once import AtOnce, Outcome
from swift.obj.suffix_hashes import consolidate
from swift.obj.writing import NewFile
from test.support.object_node import Node

PATH = '/sda/12/AUTH_test/c/o'
FIRST, SECOND = ('17999999%02d.00000' % second for second in (10, 20))
NAME = '1799999910.00000.data'
METADATA = {'X-Timestamp': FIRST, 'Content-Type': 'text/plain', 'Content-Length': '5',
            'ETag': '5d41402abc4b2a76b9719d911017c592', 'name': '/AUTH_test/c/o'}


@pytest.fixture
def node(tmp_path):
    (tmp_path / 'sda').mkdir()
    node = Node(tmp_path)
    yield node
    node.close()


@pytest.fixture
def place(node):
    # The first object of a policy makes the directories above the partition.
    node.request('PUT', '/sda/12/AUTH_test/c/other', {'X-Timestamp': FIRST,
                                                      'Content-Type': 'text/plain'}, b'')
    return node.app.store.place('sda', '12', node.app.cluster.policies[0], 'AUTH_test', 'c', 'o')


@pytest.fixture
def writer(node):
    writer = AtOnce(node.app.store.rules, clock=ManualClock(0))
    writer.get_ready(str(node.devices / 'sda'))
    return writer


def put(node, second, body=b'hello', **headers):
    return node.request('PUT', PATH, {'X-Timestamp': second, 'Content-Type': 'text/plain',
                                      **headers}, body).status


def test_a_new_object_is_there_with_its_suffix_marked(node, place, writer):
    assert writer.write(chain.run, place, NewFile(NAME, METADATA, b'hello'),
                        must_be_new=True) is Outcome.WRITTEN
    assert node.request('GET', PATH).body == b'hello'
    with open(place.part_path + '/hashes.invalid', encoding='ascii') as file:
        assert place.suffix in file.read().split()


def test_something_there_is_found_out_before_anything_is_written(node, place, writer):
    os.makedirs(place.hash_path)
    assert writer.write(chain.run, place, NewFile(NAME, METADATA, b'hello'),
                        must_be_new=True) is Outcome.THERE
    assert os.listdir(place.hash_path) == []
    assert writer.write(chain.run, place, NewFile(NAME, METADATA, b'hello')) is Outcome.WRITTEN


def test_a_held_lock_is_left_to_the_way_that_waits(node, place, writer):
    with open(place.part_path + '/.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert writer.write(chain.run, place, NewFile(NAME, METADATA, b'hello')) is Outcome.UNUSUAL
        assert os.listdir(place.hash_path) == []
        threading.Timer(0.05, fcntl.flock, (lock, fcntl.LOCK_UN)).start()
        assert put(node, FIRST) == 201


def test_a_name_that_is_taken_is_replaced_by_the_careful_way(node, place, writer):
    writer.write(chain.run, place, NewFile(NAME, METADATA, b'hello'))
    assert writer.write(chain.run, place, NewFile(NAME, METADATA, b'other')) is Outcome.UNUSUAL
    assert node.request('GET', PATH).body == b'hello'


def test_metadata_without_room_in_one_attribute_takes_the_other_way(place, writer):
    big = {**METADATA, 'X-Object-Meta-Big': 'x' * 70000}
    assert writer.write(chain.run, place, NewFile(NAME, big, b'hello')) is Outcome.UNUSUAL


def test_without_the_extension_and_unnamed_files_objects_are_stored_all_the_same(
        node, place, monkeypatch):
    real = os.open

    def refuse(path, flags, *args, **kwargs):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, 'Operation not supported')
        return real(path, flags, *args, **kwargs)
    monkeypatch.setattr(chain, '_chain', None)
    monkeypatch.setattr(os, 'open', refuse)
    assert put(node, FIRST) == 201
    assert put(node, SECOND, b'more') == 201
    assert node.request('GET', PATH).body == b'more'
    assert len([name for name in node.files() if name.endswith('.data')]) == 2


def test_a_full_device_is_refused_by_either_way(node):
    full = Node(node.devices, fallocate_reserve='100%', disable_fallocate='false')
    for body in (b'hello', b''):
        assert put(full, FIRST, body) == 507
    # What gives room back needs none.
    assert full.request('DELETE', PATH, {'X-Timestamp': SECOND}).status == 404
    assert [name for name in full.files() if name.endswith('.ts')]
    full.close()


def test_a_missing_device_is_507(node):
    assert node.request('PUT', PATH.replace('sda', 'sdb'),
                        {'X-Timestamp': FIRST, 'Content-Type': 'a/b'}, b'x').status == 507
    assert put(node, FIRST) == 201
    os.rename(node.devices / 'sda', node.devices / 'gone')
    assert put(node, SECOND) == 507
    assert not os.path.exists(node.devices / 'sda')


def test_a_directory_that_cannot_be_synced_fails_the_write(place, writer):
    def run(program):
        raise chain.Stopped(len(program) - 1, OSError(5, 'Input/output error'))
    with pytest.raises(DiskError):
        writer.write(run, place, NewFile(NAME, METADATA, b'hello'))


def test_where_no_journal_orders_entries_new_parents_are_synced(place, writer, monkeypatch):
    synced = []
    monkeypatch.setattr(fs, 'orders_entries', lambda path: False)
    monkeypatch.setattr(fs, 'sync_dir', synced.append)
    writer = AtOnce(writer._rules, clock=ManualClock(0))
    writer.get_ready(place.device_path)
    assert not writer.is_ready()
    assert writer.write(chain.run, place, NewFile(NAME, METADATA, b'hello')) is Outcome.WRITTEN
    assert synced == [place.suffix_path, place.part_path]


@pytest.mark.parametrize('size', [5, 70000])
@pytest.mark.parametrize('method', ['PUT', 'POST', 'DELETE'])
def test_a_suffix_is_not_taken_for_clean_before_its_change_is_visible(node, method, size):
    """Between the mark and the link nobody may empty the list: the hash would be an old one."""
    put(node, FIRST, b'x' * size)
    attempts = []

    def try_to_consolidate(step):
        if step == 'link':
            with open(node.devices / 'sda/objects/12/.lock', 'w') as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    attempts.append('possible')
                except BlockingIOError:
                    attempts.append('kept off')
    fs.set_step_hook(try_to_consolidate)
    try:
        body = b'y' * size if method == 'PUT' else None
        node.request(method, PATH, {'X-Timestamp': SECOND, 'Content-Type': 'a/b'}, body)
    finally:
        fs.set_step_hook(None)
    assert attempts == ['kept off']
    assert consolidate(str(node.devices / 'sda/objects/12'), 0.0)
