"""The smaller parts of replication: numbers, listing and dropping, workers."""
from types import SimpleNamespace

import pytest

from swift.common import recon_cache
from swift.common.errors import ConfigError
from swift.core.suffix_diff import InSync
from swift.obj import replication_stats as numbers
from swift.obj.partition_files import drop, list_objects, remove_empty
from swift.obj.partition_hashes import Rules
from swift.obj.replicator import KNOWN_MAX, ObjectReplicatorOptions
from test.support.object_cluster import ObjectCluster

RULES = Rules(1700000100.0, 1000)


def node(ip, device):
    return SimpleNamespace(replication_ip=ip, device=device)


# -- numbers --------------------------------------------------------------------------------------

def test_numbers_as_recon_has_them():
    stats = numbers.ReplicationStats(attempted=3, success=2)
    stats.fail([node('10.0.0.1', 'sda'), node('10.0.0.1', 'sda'), node('10.0.0.2', 'sdb')])
    values = numbers.recon_values(stats.as_recon(), 90, 1000.5)
    assert values == {
        'replication_time': 1.5, 'object_replication_time': 1.5, 'replication_last': 1000.5,
        'object_replication_last': 1000.5, 'replication_stats': {
            'attempted': 3, 'failure': 3, 'hashmatch': 0, 'remove': 0, 'rsync': 0, 'success': 2,
            'suffix_count': 0, 'suffix_hash': 0, 'suffix_sync': 0,
            'failure_nodes': {'10.0.0.1': {'sda': 2}, '10.0.0.2': {'sdb': 1}}}}


def test_disks_are_summed_and_times_are_those_of_the_slowest():
    one, other = numbers.ReplicationStats(attempted=1), numbers.ReplicationStats(attempted=2)
    one.fail([node('ip', 'sda')])
    other.fail([node('ip', 'sda'), node('ip', 'sdb')])
    total = numbers.aggregate({'sda': numbers.recon_values(one.as_recon(), 60, 500.0),
                               'sdb': numbers.recon_values(other.as_recon(), 120, 400.0)})
    assert total['replication_stats']['attempted'] == 3
    assert total['replication_stats']['failure_nodes'] == {'ip': {'sda': 2, 'sdb': 1}}
    assert (total['replication_last'], total['replication_time']) == (400.0, 1.0)
    assert numbers.total_of([one, other]).failure == 3


def test_progress():
    stats = numbers.ReplicationStats(success=7, failure=1, suffix_count=10, suffix_hash=5,
                                     suffix_sync=1, unchanged=3)
    assert numbers.progress_lines(5, 20, 10, stats) == [
        '5/20 (25.00%) partitions replicated in 10.00s (0.50/sec, 30s remaining)',
        '7 successes, 1 failures',
        '10 suffixes checked - 50.00% hashed, 10.00% synced',
        '3 partitions unchanged since they were last compared']
    assert numbers.progress_lines(0, 20, 10, stats) == ['Nothing replicated for 10 seconds.']
    assert '2h remaining' in numbers.progress_lines(
        1, 7201, 1, numbers.ReplicationStats())[0]


# -- listing and dropping -------------------------------------------------------------------------

def make(part, hash_, *names):
    folder = part / hash_[-3:] / hash_
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.fixture
def part(tmp_path):
    made = tmp_path / 'sda/objects/7'
    made.mkdir(parents=True)
    return made


def listed(part, limit=100):
    suffixes = sorted(path.name for path in part.iterdir() if len(path.name) == 3)
    return list_objects(str(part), suffixes, str(part.parent.parent), RULES, limit)


def test_a_listing_cleans_up_and_stops_at_its_limit(part):
    make(part, 'a' * 32, '1700000000.00000.data', '1700000001.00000.data',
         '1700000002.00000.meta')
    make(part, 'b' * 32, '1700000000.00000.ts')
    make(part, 'c' * 32, '1700000000.00000.meta')
    (part / 'ddd').mkdir()
    make(part, 'e' * 32, '1600000000.00000.ts')
    found, used = listed(part)
    assert used == 5
    assert {hash_[0]: one.names for hash_, one in found.items()} == {
        'a': ('1700000002.00000.meta', '1700000001.00000.data'),
        'b': ('1700000000.00000.ts',), 'c': ('1700000000.00000.meta',)}
    assert [one.times is None for one in found.values()] == [False, False, True]
    assert (part / 'hashes.invalid').read_text() == 'ddd\neee\n'
    assert [listed(part, limit)[1] for limit in (1, 2, 3)] == [1, 2, 3]


def test_only_what_was_listed_is_dropped(part):
    folder = make(part, 'a' * 32, '1700000000.00000.data')
    found, _used = listed(part)
    late = make(part, 'a' * 32, '1700000005.00000.data')
    drop(str(part), found, list(found), str(part.parent.parent))
    assert [path.name for path in late.iterdir()] == ['1700000005.00000.data']
    assert not remove_empty(str(part))
    found, _used = listed(part)
    drop(str(part), found, list(found), str(part.parent.parent))
    assert not folder.exists() and remove_empty(str(part)) and not part.exists()
    # What is gone already is no trouble.
    drop(str(part), found, list(found), str(part.parent.parent))
    drop(str(part), {}, [], str(part.parent.parent))


def test_a_partition_with_anything_else_in_it_stays(part):
    (part / 'hashes.pkl').touch()
    (part / 'notes').write_text('of an operator')
    assert not remove_empty(str(part)) and (part / 'hashes.pkl').exists()
    (part / 'notes').unlink()
    (part / 'abc').mkdir()
    assert remove_empty(str(part))


# -- the daemon -----------------------------------------------------------------------------------

def test_options():
    options = ObjectReplicatorOptions.parse({'handoff_delete': 'auto', 'sync_method': 'SSYNC',
                                             'run_pause': '7'})
    assert (options.handoff_delete, options.sync_method, options.interval) == (0, 'ssync', 7)
    with pytest.raises(ConfigError):
        ObjectReplicatorOptions.parse({'sync_method': 'carrier pigeon'})


def test_worker_processes_share_the_devices_and_their_parent_sums_up(tmp_path):
    with ObjectCluster(tmp_path) as made:
        first = made.servers[0]
        replicator = made.replicator_of(first, replicator_workers='3')
        replicator.run_once()
        recon = first.stats()
        assert recon['object_replication_per_disk']['sd0']['replication_stats']['attempted'] == 0
        assert recon['replication_stats']['attempted'] == 0
        recon_cache.dump({'object_replication_per_disk': {'sdx': {'gone': 1}}},
                         str(first.recon / 'object.recon'), first.logger)
        replicator._aggregate()
        assert list(first.stats()['object_replication_per_disk']) == ['sd0']


def test_memory_of_partitions_is_bounded(tmp_path):
    with ObjectCluster(tmp_path, count=1, replicas=1) as made:
        replicator = made.servers[0].replicator
        state = InSync('a', {}, 0.0)
        for number in range(KNOWN_MAX + 5):
            replicator.remember((0, 'sda', number), state)
        assert len(replicator.known) == KNOWN_MAX
