"""Replacing and removing databases that others use; forgetting what is old."""
import os
import shutil
import threading

import pytest

from swift.common.db.replication import sendable
from swift.common.errors import DatabaseMissing, StateChanged
from swift.core.db_sync import Horizons, Times
from swift.core.shard_range import ACTIVE, ShardRange
from test.support.brokers import T, container_broker, environment, obj, put, raw

HOUR = 3600


@pytest.fixture
def broker(tmp_path):
    broker = container_broker(tmp_path)
    yield broker
    broker.close()


def another(broker):
    """Return a broker of the same database, as another process has it."""
    return type(broker)(broker.place, environment())


class Writer:
    """Merges a row in a thread of its own; `waits` is set when it waits for the file's lock."""

    def __init__(self, broker):
        self.broker, self.error = another(broker), None
        self.waits = threading.Event()
        with self.broker.reading() as file:
            file.db.set_trace_callback(self._trace)
        self._thread = threading.Thread(target=self._run)

    def _trace(self, statement):
        if statement.startswith('BEGIN IMMEDIATE'):
            self.waits.set()

    def _run(self):
        try:
            self.broker.merge_records([obj('late')])
        except (StateChanged, DatabaseMissing) as err:
            self.error = err

    def start_and_wait(self, *_args):
        self._thread.start()
        assert self.waits.wait(20)

    def end(self):
        self._thread.join(20)
        self.broker.close()


def copy_of(broker):
    path = f'{broker.place.device_path}/copy'
    shutil.copyfile(broker.path, path)
    return path


def test_a_write_that_waited_while_the_file_was_replaced_is_not_acknowledged(broker):
    writer = Writer(broker)
    broker.replace_with(copy_of(broker), writer.start_and_wait)
    writer.end()
    assert isinstance(writer.error, StateChanged)
    broker.merge_records([obj('later')])
    assert raw(broker, 'SELECT name FROM object') == [('later',)]


def test_a_write_that_waited_while_the_database_was_removed_is_not_acknowledged(broker,
                                                                                monkeypatch):
    writer = Writer(broker)
    real = broker._remove_files
    monkeypatch.setattr(broker, '_remove_files', lambda: [writer.start_and_wait(), real()])
    assert broker.remove(broker.state().mark)
    writer.end()
    assert isinstance(writer.error, DatabaseMissing)
    assert not os.path.exists(broker.place.directory)


@pytest.mark.parametrize('change', [
    lambda other: other.merge_records([obj('o')]),
    lambda other: other.update_metadata({'X-Container-Meta-A': ('b', T[2])}),
    lambda other: other.update_put_timestamp(T[3]),
    lambda other: other.merge_syncs([('remote', 1)]),
    lambda other: put(other, obj('o'))])
def test_a_database_that_somebody_wrote_to_is_not_removed(broker, change):
    mark = broker.state().mark
    other = another(broker)
    change(other)
    other.close()
    assert not broker.remove(mark)
    assert broker.remove(broker.state().mark)


def test_what_the_remover_itself_noted_does_not_count(broker):
    mark = broker.state().mark
    broker.merge_syncs([('remote', 1)], 'outgoing')
    broker.merge_times(Times(T[0], T[3], T[2]))
    assert broker.remove(mark)


def test_a_directory_that_is_removed_right_after_it_was_made_is_made_again(broker,
                                                                           monkeypatch):
    from swift.common import fs
    copy, place = copy_of(broker), broker.place
    assert broker.remove(broker.state().mark)
    real, removed = fs.make_dirs, []

    def make_dirs(path, below):
        made = real(path, below)
        if path == place.directory and os.path.exists(path) and len(removed) < 2:
            removed.append(os.removedirs(path))
        return made
    monkeypatch.setattr(fs, 'make_dirs', make_dirs)
    assert broker.install(copy, f'{place.hash}.db')
    assert len(removed) == 2 and broker.info().container == 'c'


# -- forgetting ------------------------------------------------------------------------------------

def horizons(broker, age):
    return Horizons.of(broker.env.clock.time(), age)


def test_old_removals_are_forgotten_and_young_ones_stay(broker, monkeypatch):
    monkeypatch.setattr('swift.common.db.replicated.RECLAIM_BATCH', 3)
    put(broker, *(obj(f'old{number}', T[1], deleted=1) for number in range(10)),
        obj('young', T[9], deleted=1), obj('live', T[1]))
    broker.update_metadata({'A': ('', T[1]), 'B': ('', T[9]), 'C': ('c', T[1])})
    broker.env.clock.advance(10)
    broker.reclaim(horizons(broker, 5))
    assert raw(broker, 'SELECT name FROM object ORDER BY name') == [('live',), ('young',)]
    assert set(broker.info().metadata) == {'B', 'C'}
    before = broker.state().mark
    broker.reclaim(horizons(broker, 5))
    assert broker.state().mark == before


def test_points_and_ranges_are_kept_twice_as_long(broker):
    broker.merge_syncs([('in', 1)])
    broker.merge_syncs([('out', 1)], 'outgoing')
    for table in ('incoming_sync', 'outgoing_sync'):
        raw(broker, f'DROP TRIGGER {table}_update')
        raw(broker, f'UPDATE {table} SET updated_at = ?', T[0].split('.')[0])
    own = ShardRange('AUTH_test/c', T[0], deleted=1, state=ACTIVE, meta_timestamp=T[0],
                     state_timestamp=T[0])
    other = ShardRange('.shards_AUTH_test/c-0', T[0], deleted=1, state=ACTIVE,
                       meta_timestamp=T[0], state_timestamp=T[0])
    broker.merge_shard_ranges([own, other])
    broker.env.clock.advance(HOUR - 1)
    broker.reclaim(horizons(broker, HOUR / 2))
    assert (len(broker.syncs()), len(broker.syncs('outgoing')), len(broker.shard_ranges())) == (
        1, 1, 2)
    broker.env.clock.advance(2)
    broker.reclaim(horizons(broker, HOUR / 2))
    assert broker.syncs() == broker.syncs('outgoing') == []
    assert [item.name for item in broker.shard_ranges()] == ['AUTH_test/c']


@pytest.mark.parametrize('spoil', [
    lambda broker: put(broker, obj('o')),
    lambda broker: put(broker, obj('o', storage_policy_index=1)),
    lambda broker: broker.reported(T[0], T[3], 1, 1),
    lambda broker: broker.update_put_timestamp(T[5]),
    lambda broker: broker.merge_shard_ranges([ShardRange(
        '.shards_AUTH_test/c-0', T[1], state=ACTIVE, meta_timestamp=T[1], state_timestamp=T[1],
        object_count=1)])])
def test_a_container_is_reclaimable_when_all_is_told_and_nothing_is_left(broker, spoil):
    broker.delete_db(T[3])
    broker.env.clock.advance(HOUR)
    assert not broker.is_reclaimable(horizons(broker, 60))
    broker.reported(T[0], T[3], 0, 0)
    assert broker.is_reclaimable(horizons(broker, 60))
    assert not broker.is_reclaimable(horizons(broker, 2 * HOUR))
    spoil(broker)
    assert not broker.is_reclaimable(horizons(broker, 60))


def test_an_own_range_that_lost_its_epoch_is_not_taken_from_a_peer(broker):
    own = ShardRange('AUTH_test/c', T[1], state=ACTIVE, epoch=T[1], meta_timestamp=T[1],
                     state_timestamp=T[1])
    broker.merge_shard_ranges([own])
    lost = ShardRange('AUTH_test/c', T[9], state=ACTIVE, meta_timestamp=T[9], state_timestamp=T[9])
    broker.merge_shard_ranges([lost], of_peer=True)
    assert broker.shard_ranges() == [own]
    assert any('w/o epoch' in line for line in broker.env.logger.lines())
    broker.merge_shard_ranges([lost])
    assert broker.shard_ranges() == [lost]


# -- sending --------------------------------------------------------------------------------------

def test_a_full_device_sends_the_original_and_lets_nobody_write_meanwhile(broker, monkeypatch):
    from swift.common.errors import DiskFull, LockTimeout

    def full(source, target):
        with open(source, 'rb'):
            raise DiskFull('full', target)
    monkeypatch.setattr(sendable, '_copy', full)
    put(broker, obj('o'))
    file = sendable.make(broker)
    assert file.path == broker.path
    other = type(broker)(broker.place, environment(busy_timeout_s=0.01))
    with pytest.raises(LockTimeout):
        other.merge_records([obj('late')])
    file.close()
    other.merge_records([obj('late')])
    other.close()
    assert os.path.exists(broker.path)
