"""Containers beyond the golden files: old schemas, policies, shards, emptiness (sheet 03)."""
import os
import sqlite3
from dataclasses import replace

import pytest

from swift.container.backend import ContainerBroker
from swift.core import shard_range
from swift.core.listing import ListingQuery
from swift.core.shard_range import RangeQuery, ShardRange
from test.support.brokers import T, container_broker, environment, obj, place, put, raw
from test.unit.common.db.test_schema import OLD_CONTAINER

OWN = ShardRange('AUTH_test/c', T[1], meta_timestamp=T[1], state=shard_range.ACTIVE,
                 state_timestamp=T[1])
SHARD = ShardRange('.shards_AUTH_test/c-0', T[1], '', '', 3, 30, T[1], 0, shard_range.ACTIVE, T[1])


@pytest.fixture
def broker(tmp_path):
    broker = container_broker(tmp_path)
    yield broker
    broker.close()


def old_broker(devices):
    """Return the broker of a container of before storage policies."""
    broker = container_broker(devices)
    broker.close()
    os.unlink(broker.path)
    db = sqlite3.connect(broker.place.default_path)
    db.executescript(OLD_CONTAINER)
    db.close()
    return broker


def names(broker, policy_index=None):
    return [row[0] for row in broker.list_objects(ListingQuery(100), policy_index)]


def test_old_schema_is_read_and_migrated_by_the_first_row(tmp_path):
    broker = old_broker(tmp_path)
    info = broker.info()
    assert (info.object_count, info.bytes_used, info.storage_policy_index) == (1, 5, 0)
    assert (info.x_container_sync_point1, info.reconciler_sync_point) == (-1, -1)
    assert broker.policy_stats() == {0: (1, 5)} and broker.shard_ranges() == []
    assert names(broker) == ['o']
    put(broker, obj('p', storage_policy_index=1))
    assert broker.policy_stats() == {0: (1, 5), 1: (1, 1)}
    assert names(broker) == ['o'] and names(broker, 1) == ['p']
    broker.close()


def test_old_schema_takes_metadata_sync_points_and_ranges(tmp_path):
    broker = old_broker(tmp_path)
    broker.update_metadata({'X-Container-Meta-A': ('1', T[1])})
    broker.set_sync_points(4, 3)
    broker.merge_shard_ranges([SHARD])
    info = broker.info()
    assert info.metadata == {'X-Container-Meta-A': ('1', T[1])}
    assert (info.x_container_sync_point1, info.x_container_sync_point2) == (4, 3)
    assert broker.shard_ranges() == [SHARD]
    broker.close()


def test_policies_have_counts_of_their_own(broker):
    put(broker, obj('a'), obj('a', storage_policy_index=1, size=7))
    assert (broker.info().object_count, broker.info().bytes_used) == (1, 1)
    broker.set_storage_policy_index(1, T[5])
    info = broker.info()
    assert (info.storage_policy_index, info.bytes_used, info.status_changed_at) == (1, 7, T[5])
    broker.set_storage_policy_index(1, T[6])
    assert broker.info().status_changed_at == T[5]


def test_empty_means_in_every_policy(broker):
    assert broker.is_empty()
    put(broker, obj('a', storage_policy_index=1))
    assert broker.info().object_count == 0 and not broker.is_empty()
    put(broker, obj('a', T[2], storage_policy_index=1, deleted=1, size=0))
    assert broker.is_empty()


def test_unchanged_row_keeps_its_rowid(broker):
    put(broker, obj('a'), obj('b'))
    put(broker, obj('a'))
    broker.merge_pending()
    assert raw(broker, 'SELECT ROWID FROM object ORDER BY ROWID') == [(1,), (2,)]
    put(broker, obj('a', T[2]))
    broker.merge_pending()
    assert raw(broker, 'SELECT ROWID, name FROM object ORDER BY ROWID') == [(2, 'b'), (3, 'a')]
    assert broker.max_row() == 3


def test_many_rows_in_one_merge(broker):
    put(broker, *(obj(f'o{number:03}') for number in range(250)))
    put(broker, *(obj(f'o{number:03}', T[2], size=2) for number in range(250)))
    info = broker.info()
    assert (info.object_count, info.bytes_used) == (250, 500)
    assert len(names(broker)) == 100


def test_names_of_any_text_are_listed(broker):
    odd = ['\x00reserved', '\x01', 'a\nb', 'quote"\\', '\x7f', 'é', '😀', '\ud7ff']
    put(broker, *(obj(name) for name in odd))
    query = ListingQuery(100, allow_reserved=True)
    assert [row[0] for row in broker.list_objects(query)] == sorted(odd)
    rolled = ListingQuery(100, allow_reserved=True, delimiter='/')
    assert [row[0] for row in broker.list_objects(rolled)] == sorted(odd)


def fresh_file(broker, epoch):
    """Give the container a second, empty file, as the sharder does."""
    info = broker.info()
    broker.create(lambda db: db.execute(
        'INSERT INTO container_info (account, container, created_at, put_timestamp, id) '
        'VALUES (?, ?, ?, ?, ?)', (info.account, info.container, info.created_at,
                                   info.put_timestamp, 'fresh')),
        name=f'{broker.place.hash}_{epoch}.db')


def test_stages_of_sharding(broker):
    put(broker, obj('a'), obj('b'))
    assert broker.info().db_state == 'unsharded'
    retiring = broker.path
    fresh_file(broker, T[2])
    assert broker.info().db_state == 'sharding'
    own = replace(OWN, state=shard_range.SHARDING, epoch=T[2])
    broker.merge_shard_ranges([own, SHARD])
    # New rows go to the fresh file; counts and listings are still the retiring one's.
    put(broker, obj('new'))
    info = broker.info()
    assert (info.object_count, info.id) == (2, 'fresh')
    assert names(broker) == ['a', 'b']
    assert not broker.is_empty()
    os.unlink(retiring)
    info = broker.info()
    assert (info.db_state, info.object_count, info.bytes_used) == ('sharded', 3, 30)
    broker.merge_shard_ranges([replace(SHARD, timestamp=T[3], deleted=1)])
    assert broker.info().db_state == 'collapsed'
    broker.merge_shard_ranges([replace(own, timestamp=T[4], epoch=T[4])])
    assert broker.info().db_state == 'unsharded'


def test_root_and_shard(broker, tmp_path):
    assert broker.is_root()
    broker.merge_shard_ranges([replace(OWN, deleted=1)])
    assert not broker.is_root()
    broker.update_metadata({'X-Container-Sysmeta-Shard-Quoted-Root': ('AUTH_test/c', T[1])})
    assert broker.is_root()
    broker.update_metadata({'X-Container-Sysmeta-Shard-Quoted-Root': ('AUTH_test/r%C3%A9', T[2])})
    assert broker.info().root_path == 'AUTH_test/ré' and not broker.is_root()
    other = container_broker(tmp_path / 'legacy')
    other.update_metadata({'X-Container-Sysmeta-Shard-Root': ('AUTH_test/r%25', T[1])})
    assert other.info().root_path == 'AUTH_test/r%25'
    other.close()


def test_sharding_root_is_empty_when_its_shards_are(broker):
    own = replace(OWN, state=shard_range.SHARDED)
    broker.merge_shard_ranges([own, SHARD])
    assert not broker.is_empty()
    broker.merge_shard_ranges([replace(SHARD, object_count=0, meta_timestamp=T[2])])
    assert broker.is_empty()


def test_own_range_by_default(broker):
    own = broker.own_shard_range()
    assert (own.name, own.state, own.upper) == ('AUTH_test/c', shard_range.ACTIVE, '')
    assert broker.list_shard_ranges(RangeQuery(fill=True)) == [own]


def test_reported_totals_are_remembered(broker):
    broker.reported(T[1], T[2], 3, 4)
    info = broker.info()
    assert (info.reported_put_timestamp, info.reported_delete_timestamp,
            info.reported_object_count, info.reported_bytes_used) == (T[1], T[2], 3, 4)


def test_brokers_of_missing_databases_know_their_name(tmp_path):
    broker = ContainerBroker(place('container', tmp_path), environment())
    assert broker.path == broker.place.default_path and not broker.exists()
