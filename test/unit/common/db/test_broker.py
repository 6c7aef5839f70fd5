"""Databases shared with other processes: files, pending log, locks, damage (sheet 03 §1, §8)."""
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from swift.common.codecs import pending as codec
from swift.common.db import connection, pending
from swift.common.db.broker import DatabaseExists, preallocation_size
from swift.common.db.files import directory_lock
from swift.common.errors import (
    DamagedDatabase,
    DatabaseMissing,
    DeviceUnavailable,
    DiskFull,
    LockTimeout,
)
from swift.container.backend import ContainerBroker
from swift.core.row_merge import ObjectRecord
from test.support.brokers import T, container_broker, environment, obj, place, put, raw

PHOTO = ObjectRecord('photo.jpg', '1700000001.12345', 100, 'image/jpeg',
                     'd41d8cd98f00b204e9800998ecf8427e', 0)


@pytest.fixture
def broker(tmp_path):
    broker = container_broker(tmp_path)
    yield broker
    broker.close()


def pending_size(broker):
    return os.path.getsize(broker.place.pending_path)


# -- files ------------------------------------------------------------------------------------

def test_new_database_is_where_and_what_the_original_makes(broker, tmp_path):
    hex_hash = broker.place.hash
    expected = tmp_path / 'sda1/containers/1' / hex_hash[-3:] / hex_hash / f'{hex_hash}.db'
    assert broker.path == str(expected)
    assert os.stat(expected).st_mode & 0o777 == 0o600
    assert raw(broker, 'PRAGMA journal_mode') == [('delete',)]
    assert raw(broker, 'SELECT id FROM container_info')[0][0].endswith('-sda1')
    assert sorted(os.listdir(expected.parent)) == ['.lock', f'{hex_hash}.db']


def test_a_commit_is_durable_without_the_directory(broker):
    """The journal stays, with a head of zeros: nothing that a power cut could bring back."""
    broker.update_metadata({'X-Container-Meta-A': ('1', T[1])})
    with open(broker.path + '-journal', 'rb') as file:
        assert file.read(28) == bytes(28)
    with broker.reading() as file:
        assert file.db.execute('PRAGMA synchronous').fetchone() == (1,)
        assert file.db.execute('PRAGMA journal_mode').fetchone() == ('persist',)


def test_connections_of_the_original_take_turns_with_ours(broker):
    for number in range(1, 4):
        broker.update_put_timestamp(T[number])
        with closing(sqlite3.connect(broker.path)) as other:
            assert other.execute('PRAGMA journal_mode = DELETE').fetchone() == ('delete',)
            other.execute('INSERT INTO incoming_sync (remote_id, sync_point) VALUES (?, 1)',
                          (str(number),))
            other.commit()
        assert not os.path.exists(broker.path + '-journal')
        assert len(broker.syncs()) == number and broker.info().put_timestamp == T[number]


def test_the_journal_of_a_large_merge_is_cut(broker):
    for time in (1, 2):
        broker.merge_records([PHOTO._replace(name=f'o{number}', created_at=T[time])
                              for number in range(2000)])
    assert os.path.getsize(broker.path + '-journal') <= connection.JOURNAL_BYTES_MAX


def test_create_again_is_refused_and_leaves_no_file(broker):
    put(broker, PHOTO)
    with pytest.raises(DatabaseExists):
        broker.create_container('AUTH_test', 'c', T[5], 0)
    assert not [name for name in os.listdir(broker.place.directory) if name.endswith('.tmp')]
    assert broker.info().put_timestamp == T[0]


def test_creation_removes_what_a_killed_one_left(tmp_path):
    broker = ContainerBroker(place('container', tmp_path), environment())
    os.makedirs(broker.place.directory)
    left = os.path.join(broker.place.directory, 'a' * 32 + '.tmp')
    with open(left, 'wb') as file:
        file.write(b'SQLite format 3')
    broker.create_container('AUTH_test', 'c', T[0], 0)
    assert not os.path.exists(left)
    broker.close()


def test_missing_database(tmp_path):
    broker = ContainerBroker(place('container', tmp_path), environment())
    assert not broker.exists()
    for use in (broker.info, broker.merge_pending, lambda: put(broker, PHOTO)):
        with pytest.raises(DatabaseMissing):
            use()
    assert not os.path.exists(broker.place.directory)


def test_empty_file_counts_as_missing_and_is_replaced(tmp_path):
    broker = ContainerBroker(place('container', tmp_path), environment())
    os.makedirs(broker.place.directory)
    open(broker.place.default_path, 'w').close()
    with pytest.raises(DatabaseMissing):
        broker.info()
    broker.create_container('AUTH_test', 'c', T[0], 0)
    assert broker.info().container == 'c'


@pytest.fixture(params=['fresh', 'settled'])
def looked_at(broker, request):
    """A broker that knows its directory, which has changed just now or long ago."""
    if request.param == 'settled':
        os.utime(broker.place.directory, (1600000000, 1600000000))
    broker.info()
    return broker


def test_settled_directory_is_not_listed_again(broker, monkeypatch):
    os.utime(broker.place.directory, (1600000000, 1600000000))
    first = broker.info()
    monkeypatch.setattr('swift.common.db.broker.database_names', None)
    assert broker.info() is first


def test_replaced_file_is_noticed(looked_at, tmp_path):
    broker = looked_at
    other = container_broker(tmp_path / 'other')
    other.update_put_timestamp(T[9])
    assert broker.info().put_timestamp == T[0]
    os.rename(other.path, broker.path)
    assert broker.info().put_timestamp == T[9]


def test_removed_file_is_noticed(looked_at):
    broker = looked_at
    shutil.rmtree(broker.place.directory)
    with pytest.raises(DatabaseMissing):
        broker.info()


def test_commit_of_another_process_is_noticed(broker):
    first = broker.info()
    assert broker.info() is first
    raw(broker, "UPDATE container_info SET put_timestamp = ?", T[7])
    assert broker.info().put_timestamp == T[7]


def test_closed_broker_can_be_used_again(broker):
    broker.info()
    assert broker.close_if_idle()
    broker.close()
    assert broker.info().container == 'c'


# -- the pending log --------------------------------------------------------------------------

def test_record_goes_to_the_log_and_is_merged_by_a_reader(broker):
    put(broker, PHOTO)
    with open(broker.place.pending_path, 'rb') as stream:
        assert stream.read() == codec.encode(PHOTO)
    assert raw(broker, 'SELECT * FROM object') == []
    assert broker.info().object_count == 1
    assert pending_size(broker) == 0
    assert raw(broker, 'SELECT ROWID, name, deleted FROM object') == [(1, 'photo.jpg', 0)]
    assert broker.info().hash == '6292f176224258d1dc6ffcf2877af7e3'


def test_deleting_replaces_the_row(broker):
    put(broker, PHOTO, ObjectRecord('photo.jpg', '1700000002.00000', 0, 'application/deleted',
                                    'noetag', 1))
    info = broker.info()
    assert (info.object_count, info.bytes_used) == (0, 0)
    assert info.hash == 'cacf3561f85c5250e187703d7c93622f'
    broker.merge_records([PHOTO])
    assert raw(broker, 'SELECT name, content_type, etag, deleted FROM object') == [
        ('photo.jpg', 'application/deleted', 'noetag', 1)]


def test_log_of_another_process_is_merged_and_garbage_logged(broker):
    with open(broker.place.pending_path, 'wb') as stream:
        stream.write(codec.encode(PHOTO) + b':!!!' + codec.encode(obj('b')))
    assert broker.info().object_count == 2
    assert broker.env.logger.lines(40)[0].startswith('Invalid pending entry')


def test_log_over_the_cap_is_merged_by_a_writer(broker):
    put(broker, obj('first'))
    with open(broker.place.pending_path, 'ab') as stream:
        stream.write(b':' * pending.PENDING_CAP)
    put(broker, obj('second'))
    assert raw(broker, 'SELECT name FROM object') == [('first',)]
    assert 0 < pending_size(broker) < 1000


def test_merge_that_was_cut_off_before_emptying_the_log_is_repeated(broker):
    put(broker, PHOTO, obj('b'))
    with open(broker.place.pending_path, 'rb') as stream:
        log = stream.read()
    before = broker.info()
    with open(broker.place.pending_path, 'wb') as stream:
        stream.write(log)
    assert broker.info() == before
    assert broker.max_row() == 2


def test_failed_write_leaves_no_half_record(broker, monkeypatch):
    put(broker, PHOTO)
    size = pending_size(broker)

    def write_half(fd, data):
        os.write(fd, data[:10])
        raise DiskFull('no space')
    monkeypatch.setattr(pending.fs, 'write_all', write_half)
    monkeypatch.setattr(pending.LogProgram, 'append', lambda *_args: False)
    with pytest.raises(DiskFull):
        put(broker, obj('b'))
    assert pending_size(broker) == size


def test_records_for_a_database_removed_meanwhile_are_refused(broker):
    with pytest.raises(DatabaseMissing):
        pending.append(broker.place, b':', 1, lambda: False)
    assert pending.size(broker.place) == 0


def test_bad_record_from_a_peer_stops_nothing(broker):
    # A time that is no time cannot be merged; it must not block the records around it.
    put(broker, PHOTO, obj('bad', 'yesterday'), obj('b'))
    assert broker.info().object_count == 2


# -- locks ------------------------------------------------------------------------------------

def test_reader_is_content_with_old_rows_when_the_lock_is_taken(broker):
    put(broker, PHOTO)
    with directory_lock(broker.place, 1):
        assert broker.info(stale_ok=True).object_count == 0
    assert broker.info().object_count == 1


def test_reader_is_content_with_old_rows_when_another_writes(broker):
    put(broker, PHOTO)
    broker.max_row()
    put(broker, obj('b'))
    with closing(sqlite3.connect(broker.path, isolation_level=None)) as other:
        other.execute('BEGIN IMMEDIATE')
        assert broker.info(stale_ok=True).object_count == 1
    assert broker.info().object_count == 2


@pytest.mark.parametrize('error', [DiskFull('full'), DeviceUnavailable('read-only'),
                                   sqlite3.OperationalError('database or disk is full')])
def test_reader_of_a_full_or_read_only_device_gets_what_is_merged(broker, monkeypatch, error):
    put(broker, PHOTO)
    broker.merge_pending()
    put(broker, obj('b'))

    def fail(*args):
        raise error
    with monkeypatch.context() as patch:
        patch.setattr(broker, '_merge_log', fail)
        assert broker.info(stale_ok=True).object_count == 1
        with pytest.raises((DiskFull, DeviceUnavailable)):
            broker.info()
    assert broker.info().object_count == 2


def test_writer_gives_up_after_its_time(tmp_path):
    env = environment(lock_timeout_s=0.05, busy_timeout_s=0.05)
    broker = container_broker(tmp_path, env)
    with directory_lock(broker.place, 1), pytest.raises(LockTimeout):
        put(broker, PHOTO)
    with closing(sqlite3.connect(broker.path, isolation_level=None)) as other:
        other.execute('BEGIN EXCLUSIVE')
        with pytest.raises(LockTimeout):
            broker.update_put_timestamp(T[5])
    broker.update_put_timestamp(T[5])
    assert broker.info().put_timestamp == T[5]
    broker.close()


def test_failed_transaction_changes_nothing(broker):
    with pytest.raises(ZeroDivisionError), broker.writing() as file:
        file.db.execute("UPDATE container_info SET put_timestamp = '9'")
        raise ZeroDivisionError
    assert broker.info().put_timestamp == T[0]


# -- damage -----------------------------------------------------------------------------------

@pytest.mark.parametrize('content', [b'rubbish' * 1000, None])
def test_damaged_file_is_quarantined(broker, tmp_path, content):
    broker.info()
    path = broker.path
    if content is None:
        with open(path, 'r+b') as stream:
            stream.seek(100)
            stream.write(b'\xff' * 30000)
        broker.close()                       # pages that were read are not read again
    else:
        with open(path, 'wb') as stream:
            stream.write(content)
    with pytest.raises(DamagedDatabase):
        broker.info()
    home = tmp_path / 'sda1/quarantined/containers' / broker.place.hash
    assert home.is_dir() and not os.path.exists(broker.place.directory)
    assert broker.env.logger.lines(40)[0].startswith(f'Quarantined {broker.place.directory} to')
    with pytest.raises(DatabaseMissing):
        broker.info()


def test_missing_stat_row_is_damage_and_a_second_quarantine_gets_another_name(tmp_path):
    for _ in range(2):
        broker = container_broker(tmp_path)
        raw(broker, 'DELETE FROM container_info')
        with pytest.raises(DamagedDatabase) as caught:
            broker.info()
        assert caught.value.reason == 'missing row in container_stat table'
    homes = os.listdir(tmp_path / 'sda1/quarantined/containers')
    assert len(homes) == 2 and all(name.startswith(broker.place.hash) for name in homes)


def test_tools_leave_damaged_files_where_they_are(tmp_path):
    broker = container_broker(tmp_path, environment(quarantines=False))
    with open(broker.path, 'wb') as stream:
        stream.write(b'rubbish' * 1000)
    with pytest.raises(DamagedDatabase):
        broker.info()
    assert os.path.exists(broker.place.default_path)


# -- facts ------------------------------------------------------------------------------------

def test_put_timestamp_only_grows(broker):
    broker.update_put_timestamp(T[5])
    broker.update_put_timestamp(T[3])
    assert broker.info().put_timestamp == T[5]


def test_delete_tombstones_metadata_but_for_sharding(broker):
    broker.update_metadata({'X-Container-Meta-A': ('1', T[1]),
                            'X-Container-Sysmeta-Sharding': ('True', T[1])})
    broker.delete_db(T[4])
    info = broker.info()
    assert info.is_deleted and info.status == 'DELETED' and info.status_changed_at == T[4]
    assert info.metadata == {'X-Container-Meta-A': ('', T[4]),
                             'X-Container-Sysmeta-Sharding': ('True', T[1])}
    broker.delete_db(T[2])
    assert broker.info().delete_timestamp == T[4]


def test_metadata_over_the_limits_is_refused_whole(broker):
    many = {f'X-Container-Meta-{number}': ('v', T[1]) for number in range(3)}
    assert broker.update_metadata(many, (2, 100)) == 'Too many metadata items; max 2'
    assert broker.info().metadata == {}
    assert broker.update_metadata(many, (3, 100)) is None
    assert len(broker.info().metadata) == 3


def test_sync_points_only_grow(broker):
    broker.merge_syncs([('a', 5), ('b', 1)])
    broker.merge_syncs([('a', 3), ('b', 2)])
    assert sorted((remote_id, point) for remote_id, point, _ in broker.syncs()) == [
        ('a', 5), ('b', 2)]
    assert broker.syncs('outgoing') == []


def test_merging_for_a_peer_notes_its_sync_point(broker):
    broker.merge_records([obj('a')], source='peer', point=7)
    assert broker.syncs()[0][:2] == ('peer', 7)


@pytest.mark.parametrize('size, allocated_mib', [
    (0, 1), (1 << 19, 1), ((1 << 19) + 1, 2), (9 << 20, 10), (49 << 20, 50), (50 << 20, 100)])
def test_preallocation_steps(size, allocated_mib):
    assert preallocation_size(size) == allocated_mib << 20


def test_preallocated_database_works(tmp_path):
    broker = container_broker(tmp_path, environment(preallocate=True))
    put(broker, PHOTO)
    assert broker.info().object_count == 1
