"""Replicators and servers together: databases that differ in every way become equal (03 §16-18)."""
import json
import os
import random
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test.support.brokers import T, cont, obj, put, raw
from test.support.db_cluster import DbCluster


@pytest.fixture(params=['container', 'account'])
def cluster(request, tmp_path):
    made = DbCluster(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture
def containers(tmp_path):
    made = DbCluster('container', tmp_path)
    yield made
    made.close()


def create(cluster, number, *names, at=T[1], row_time=T[2], policy=0, container='c', part=None):
    """Make a database with rows on a node; return its broker."""
    broker = cluster.broker(number, container=container, part=part)
    if not broker.exists():
        if cluster.kind == 'container':
            broker.create_container('AUTH_test', container, at, policy)
        else:
            broker.create_account('AUTH_test', at)
    put(broker, *(row(cluster, name, row_time, policy) for name in names))
    return broker


def row(cluster, name, time=T[2], policy=0, **values):
    if cluster.kind == 'container':
        return obj(name, time, storage_policy_index=policy, **values)
    return cont(name, time, **values)


def facts(broker):
    """Return what must be equal on all replicas."""
    info = broker.replication_info()
    names = ('put_timestamp', 'delete_timestamp', 'created_at', 'count', 'bytes_used', 'hash',
             'storage_policy_index')
    metadata = json.loads(info['metadata'] or '{}')
    table = broker.row_table
    columns = ', '.join(broker.row_columns)
    rows = raw(broker, f'SELECT {columns} FROM {table} ORDER BY name, storage_policy_index')
    return {name: info.get(name) for name in names}, metadata, rows


def assert_equal(cluster, numbers=(0, 1, 2), **names):
    first, *others = (facts(cluster.broker(number, **names)) for number in numbers)
    for other in others:
        assert other == first
    return first


# -- methods -----------------------------------------------------------------------------------

def test_a_missing_database_is_sent_whole(cluster):
    create(cluster, 0, 'a', 'b')
    daemon = cluster.replicate(0)
    assert daemon.stats.as_recon()['rsync'] == 2
    assert (daemon.stats['success'], daemon.stats['failure']) == (2, 0)
    (told, _, rows) = assert_equal(cluster)
    assert told['count'] == 2 and len(rows) == 2
    ids = {cluster.broker(number).replication_info()['id'] for number in range(3)}
    assert len(ids) == 3
    for number in range(3):
        assert not os.listdir(cluster.device(number) + '/tmp')


def test_another_replica_may_be_faster(cluster):
    create(cluster, 0, 'a')
    create(cluster, 2, 'b')

    def faster(number, headers, body):
        if b'complete_rsync' in body:
            cluster.on_request = lambda *_: None
            cluster.replicate(2)
    cluster.on_request = faster
    daemon = cluster.replicate(0)
    assert daemon.stats['failure'] == 0
    cluster.settle()
    assert assert_equal(cluster)[0]['count'] == 2


def test_rows_behind_the_point_are_sent_and_only_those(cluster):
    broker = create(cluster, 0, 'a')
    cluster.replicate(0)
    put(broker, row(cluster, 'b'))
    sent = []
    cluster.on_request = lambda number, headers, body: sent.append(json.loads(body)[:2])
    daemon = cluster.replicate(0)
    assert daemon.stats['diff'] == 2
    merges = [words for words in sent if words[0] == 'merge_items']
    assert [[item['name'] for item in words[1]] for words in merges] == [['b'], ['b']]
    assert_equal(cluster)


def test_an_idle_pass_asks_each_server_once(cluster):
    for name in ('a', 'b', 'c'):
        if cluster.kind == 'container':
            create(cluster, 0, 'o', container=name)
        else:
            create(cluster, 0, name)
    cluster.settle()
    cluster.requests.clear()
    daemon = cluster.replicate(0)
    databases = daemon.stats['attempted']
    assert daemon.stats['no_change'] + daemon.stats['hashmatch'] == 2 * databases
    # One pass of one cohort: what servers offer is learnt with the first request of a pass.
    assert all(0 < cluster.requests[number] <= databases for number in (1, 2))


def test_many_idle_databases_share_requests(containers, monkeypatch):
    monkeypatch.setattr('swift.common.db.replication.daemon.COHORT', 4)
    for number in range(12):
        create(containers, 0, container=f'c{number}')
    containers.settle(passes=2)
    containers.requests.clear()
    daemon = containers.replicate(0)
    assert daemon.stats['attempted'] == 12
    # The first cohort finds out who offers what: four requests; then one for each cohort.
    assert containers.requests == {1: 4 + 2, 2: 4 + 2}
    assert daemon.stats['no_change'] == 24
    containers.requests.clear()
    daemon.run_once()
    assert containers.requests == {1: 3, 2: 3}
    assert daemon.stats['no_change'] == 24


def test_a_server_that_no_longer_takes_many_is_asked_for_each(containers):
    for number in range(3):
        create(containers, 0, container=f'c{number}')
    daemon = containers.replicator(0)
    daemon.run_once()
    containers.foreign = {1}
    containers.servers[1].app.replication._sync_many = None          # as the original: a 500
    daemon.run_once()
    assert (daemon.stats['no_change'], daemon.stats['failure']) == (6, 0)


def test_a_peer_far_behind_merges_the_whole_file(cluster):
    create(cluster, 0, *(f'o{number:04}' for number in range(50)))
    create(cluster, 1, 'mine')
    daemon = cluster.replicate(0, per_diff='10')
    assert daemon.stats['remote_merge'] == 1
    cluster.settle()
    told, _, rows = assert_equal(cluster)
    assert told['count'] == 51


def test_rows_beyond_the_cap_wait_for_the_next_pass(cluster):
    create(cluster, 0, *(f'o{number:02}' for number in range(20)))
    create(cluster, 1, *(f'p{number:02}' for number in range(12)))
    create(cluster, 2, *(f'q{number:02}' for number in range(12)))
    daemon = cluster.replicate(0, per_diff='5', max_diffs='2')
    assert daemon.stats['diff_capped'] == 2
    assert daemon.stats['failure'] == 2
    for _ in range(6):
        for number in range(3):
            cluster.replicate(number, per_diff='5', max_diffs='2')
    assert assert_equal(cluster)[0]['count'] == 44


def test_a_peer_of_another_release_is_served_the_old_way(cluster, monkeypatch):
    from swift.common import rsync
    commands = []

    def copy(command):
        commands.append(command)
        source, target = command[-2:]
        module, _, path = target.partition('/')
        assert module == f'127.0.0.1::{cluster.kind}'
        number = path[2]
        shutil.copyfile(source, f'{cluster.devices}/{number}/{path}')
        return rsync.Run(0, ())
    monkeypatch.setattr(rsync, 'run', copy)
    cluster.foreign = {1, 2}
    broker = create(cluster, 0, 'a')
    daemon = cluster.replicate(0)
    assert daemon.stats['rsync'] == len(commands) == 2
    put(broker, row(cluster, 'b'))
    cluster.settle()
    assert_equal(cluster)
    assert commands[0][:-2] == ['rsync', '--quiet', '--no-motd', '--timeout=10', '--contimeout=1',
                                '--whole-file']


# -- nodes that are not there ------------------------------------------------------------------

def test_a_node_that_was_down_gets_everything_later(cluster):
    cluster.down = {2}
    broker = create(cluster, 0, 'a')
    daemon = cluster.replicate(0)
    assert daemon.stats.as_recon()['failure_nodes'] == {'127.0.0.1': {'sd2': 1}}
    put(broker, row(cluster, 'b'))
    cluster.down = set()
    cluster.replicate(1, 0)
    assert_equal(cluster)


def test_a_wiped_device_is_filled_again(cluster):
    create(cluster, 0, 'a', 'b')
    cluster.settle()
    for server in cluster.servers:
        server.app.brokers.close()
    shutil.rmtree(cluster.device(1))
    os.mkdir(cluster.device(1))
    cluster.replicate(2)
    assert_equal(cluster)


def test_an_unmounted_peer_is_replaced_by_a_handoff_until_it_is_back(cluster):
    create(cluster, 0, 'a')
    shutil.rmtree(cluster.device(2))
    daemon = cluster.replicate(0)
    assert cluster.holders() == [0, 1, 3]
    assert daemon.stats['failure'] == 1
    os.mkdir(cluster.device(2))
    cluster.replicate(3)
    assert cluster.holders() == [0, 1, 2]
    assert_equal(cluster)


# -- handoffs and rings ------------------------------------------------------------------------

def test_a_handoff_leaves_when_all_primaries_have_it(cluster):
    create(cluster, 3, 'a')
    cluster.down = {2}
    cluster.replicate(3)
    assert cluster.holders() == [0, 1, 3]
    cluster.down = set()
    daemon = cluster.replicate(3)
    assert daemon.stats['remove'] == 1
    assert cluster.holders() == [0, 1, 2]
    assert not os.listdir(f'{cluster.device(3)}/{cluster.place(3).datadir}')
    assert_equal(cluster)


def test_handoff_delete_lets_it_leave_earlier(cluster):
    create(cluster, 3, 'a')
    cluster.down = {2}
    cluster.replicate(3, handoff_delete='2')
    assert cluster.holders() == [0, 1]
    create(cluster, 3, 'b')
    cluster.replicate(3, handoff_delete='3')
    assert cluster.holders() == [0, 1, 3]


def test_a_handoff_stays_when_something_comes_in_meanwhile(cluster):
    broker = create(cluster, 3, 'a')

    def write(number, headers, body):
        if b'rsync' in body and number == 2:
            put(broker, row(cluster, 'late'))
    cluster.on_request = write
    cluster.replicate(3)
    assert cluster.holders() == [0, 1, 2, 3]
    cluster.on_request = lambda *_: None
    cluster.replicate(3)
    assert cluster.holders() == [0, 1, 2]
    assert assert_equal(cluster)[0]['count'] == 2


def test_handoffs_only(cluster):
    create(cluster, 0, 'a')
    create(cluster, 3, 'b')
    assert cluster.replicate(0, handoffs_only='yes').stats['attempted'] == 0
    assert cluster.replicate(3, handoffs_only='yes').stats['attempted'] == 1
    assert any('Emergency' in line for line in cluster.logger.lines())


def test_a_ring_change_moves_the_database(cluster):
    create(cluster, 0, 'a')
    cluster.settle()
    for part in cluster.ring.primaries:
        cluster.ring.primaries[part] = [1, 2, 3]
    cluster.settle()
    assert cluster.holders() == [1, 2, 3]
    assert_equal(cluster, (1, 2, 3))


def test_a_database_in_a_wrong_partition_goes_where_it_belongs(cluster):
    right = cluster.place(0).directory
    part = cluster.ring.get_part('AUTH_test', 'c' if cluster.kind == 'container' else None)
    broker = create(cluster, 0, 'a', part=(part + 1) % 4)
    wrong = broker.place.directory
    broker.close()
    cluster.replicate(0)
    assert os.path.exists(right) and not os.path.exists(wrong)
    assert_equal(cluster)


def test_chosen_devices_and_partitions(cluster):
    create(cluster, 0, 'a')
    part = cluster.place(0).directory.split('/')[-3]
    daemon = cluster.replicator(0)
    daemon.run_once(devices='sd9')
    assert daemon.stats['attempted'] == 0
    daemon.run_once(partitions='9,10')
    assert daemon.stats['attempted'] == 0
    daemon.run_once(devices='sd0,sd1', partitions=f'{part},10')
    assert daemon.stats['attempted'] == 1


# -- deletion and reclaim ----------------------------------------------------------------------

def test_a_deletion_reaches_all(cluster):
    broker = create(cluster, 0, 'a')
    cluster.settle()
    put(broker, *([obj('a', T[5], deleted=1)] if cluster.kind == 'container'
                  else [cont('a', T[2], T[5], 0, 0)]))
    broker.merge_pending()
    broker.update_metadata({'X-Container-Meta-A': ('b', T[3])})
    broker.delete_db(T[6])
    cluster.settle()
    told, metadata, _ = assert_equal(cluster)
    assert told['delete_timestamp'] == T[6] and told['count'] == 0
    assert metadata == {'X-Container-Meta-A': ['', T[6]]}
    assert all(cluster.broker(number).info().is_deleted for number in range(3))


def test_a_deleted_database_goes_when_it_was_reported_long_enough_ago(cluster):
    broker = create(cluster, 0)
    cluster.settle()
    broker.delete_db(T[6])
    cluster.settle()
    cluster.clock.advance(604800 + 60)
    cluster.replicate(0)
    if cluster.kind == 'container':
        assert cluster.holders() == [0, 1, 2]              # the account was not told
        for number in range(3):
            cluster.broker(number).reported(T[1], T[6], 0, 0)
    daemon = cluster.replicate(0)
    assert daemon.stats['remove'] == (cluster.kind == 'container')
    cluster.replicate(1, 2)
    assert cluster.holders() == []


def test_removed_rows_are_forgotten_after_a_while_and_do_not_come_back(cluster):
    broker = create(cluster, 0, 'a', 'b')
    cluster.settle()
    gone = (obj('a', T[5], deleted=1) if cluster.kind == 'container'
            else cont('a', T[2], T[5], 0, 0))
    put(broker, gone)
    cluster.settle()
    cluster.clock.advance(604800 + 60)
    cluster.replicate(0)
    assert len(facts(broker)[2]) == 1
    assert len(facts(cluster.broker(1))[2]) == 2
    cluster.settle()
    assert len(assert_equal(cluster)[2]) == 1


def test_old_temporary_files_are_removed(cluster):
    broker = create(cluster, 0, 'a')
    os.makedirs(cluster.device(0) + '/tmp')
    paths = [cluster.device(0) + '/tmp/landed', broker.place.directory + '/x.tmp']
    young = cluster.device(0) + '/tmp/young'
    now = cluster.clock.time()
    for path, age in (*((path, 604801) for path in paths), (young, 604700)):
        open(path, 'w').close()
        os.utime(path, (now - age, now - age))
    cluster.replicate(0)
    assert not any(os.path.exists(path) for path in paths)
    assert os.path.exists(young)


def test_what_a_removal_left_is_cleared_away(cluster):
    place = cluster.place(0)
    os.makedirs(place.directory)
    for name in ('.lock', f'{place.hash}.db-journal', f'{place.hash}.db.pending'):
        open(f'{place.directory}/{name}', 'w').close()
    other = os.path.join(os.path.dirname(place.directory), 'f' * 29 + place.hash[-3:])
    os.makedirs(other)
    with open(f'{other}/{os.path.basename(other)}.db.pending', 'w') as log:
        log.write('records without a database')
    cluster.replicate(0)
    assert not os.path.exists(place.directory)
    assert os.path.exists(other)


# -- trouble -----------------------------------------------------------------------------------

def test_a_damaged_database_is_quarantined_and_comes_back(cluster):
    broker = create(cluster, 0, 'a')
    cluster.settle()
    for server in cluster.servers:
        server.app.brokers.close()
    with open(broker.path, 'r+b') as file:
        file.write(b'x' * 4096)
    cluster.replicate(0)
    assert cluster.holders() == [1, 2]
    assert os.listdir(f'{cluster.device(0)}/quarantined/{cluster.place(0).datadir}')
    cluster.replicate(1)
    assert_equal(cluster)


def test_points_that_are_newer_than_the_rows_are_not_passed_on(cluster, monkeypatch):
    """A peer must not be told that it has rows which came in after its own were read."""
    one = create(cluster, 0, 'a')
    create(cluster, 1, 'b')
    cluster.settle()
    put(one, row(cluster, 'd'))
    real = type(one).items_since

    def items_since(broker, point, count):
        found = real(broker, point, count)
        if not found and broker.place.directory == one.place.directory:
            one.merge_records([row(cluster, 'late')], 'third', 77)
        return found
    monkeypatch.setattr(type(one), 'items_since', items_since)
    cluster.replicate(0)
    points = {remote for remote, *_ in cluster.broker(1).syncs()}
    assert points and 'third' not in points


# -- policies ----------------------------------------------------------------------------------

def test_two_policies_become_one_and_misplaced_rows_are_queued(containers):
    cluster = containers
    create(cluster, 0, 'old', at=T[1])
    create(cluster, 1, 'new', at=T[5], policy=1)
    cluster.settle()
    assert {cluster.broker(number).info().storage_policy_index for number in range(3)} == {0}
    assert_equal(cluster)
    queue = {'account': '.misplaced_objects', 'container': '1699999200'}
    assert cluster.holders(**queue) == [0, 1, 2]
    told = assert_equal(cluster, **queue)
    (name, created_at, size, kind, etag, deleted, policy), = told[2]
    assert name == '1:/AUTH_test/c/new'
    assert (created_at, etag, kind, size, deleted, policy) == (T[2], T[2], 'application/x-put',
                                                               0, 0, 0)
    assert all(cluster.broker(number).info().reconciler_sync_point
               == cluster.broker(number).max_row() for number in range(3))


def test_rows_that_were_well_placed_are_queued_when_the_policy_changes(containers):
    """Also those behind the point of the reconciler."""
    cluster = containers
    cluster.down = {0, 2}
    create(cluster, 1, 'lonely', at=T[5], policy=1)
    create(cluster, 1, policy=1)
    broker = cluster.broker(1)
    broker.set_reconciler_point(broker.max_row(), 1)
    cluster.down = set()
    create(cluster, 0, at=T[1])
    cluster.settle()
    queue = cluster.broker(0, account='.misplaced_objects', container='1699999200')
    assert [item['name'] for item in queue.items_since(-1, 10)] == ['1:/AUTH_test/c/lonely']


def test_the_point_of_the_reconciler_waits_for_a_majority(containers):
    create(containers, 0, 'a', policy=1)
    broker = create(containers, 0)
    broker.set_storage_policy_index(0, T[9])
    containers.down = {1, 2}
    containers.replicate(0)
    assert broker.info().reconciler_sync_point == -1
    containers.down = {2}
    containers.replicate(0)
    assert broker.info().reconciler_sync_point == broker.max_row()


# -- one replica --------------------------------------------------------------------------------

@pytest.mark.parametrize('kind', ['container', 'account'])
def test_the_only_replica_talks_to_itself_and_finds_nothing_to_do(kind, tmp_path):
    cluster = DbCluster(kind, tmp_path, count=2, replicas=1)
    create(cluster, 0, 'a')
    for _ in range(2):
        daemon = cluster.replicate(0)
        assert (daemon.stats['success'], daemon.stats['failure'], daemon.stats['rsync']) == (
            1, 0, 0)
    create(cluster, 1, 'b')
    cluster.replicate(1)
    assert cluster.holders() == [0]
    assert cluster.broker(0).replication_info()['count'] == 2
    cluster.close()


# -- metrics, recon ----------------------------------------------------------------------------

def test_metrics(containers):
    class Statsd:
        sent = []

        def increment(self, name):
            self.sent.append(name)

        def timing_since(self, name, _started):
            self.sent.append(name)
    daemon = containers.replicator(3)
    daemon.statsd = Statsd()
    create(containers, 3, 'a')
    create(containers, 1, *'bcd')
    containers.down = {2}
    daemon.run_once()
    containers.down = set()
    daemon.run_once()
    daemon.run_once()
    assert set(Statsd.sent) == {'attempts', 'successes', 'failures', 'diffs', 'rsyncs', 'timing',
                                'no_changes', 'removes.sd3'}


def test_recon(cluster):
    create(cluster, 0, 'a')
    cluster.replicate(0)
    with open(f'{cluster.devices}/0/{cluster.kind}.recon') as file:
        recon = json.load(file)
    assert set(recon) == {'replication_stats', 'replication_time', 'replication_last'}
    assert set(recon['replication_stats']) == {
        'attempted', 'success', 'failure', 'ts_repl', 'no_change', 'hashmatch', 'rsync', 'diff',
        'remove', 'empty', 'remote_merge', 'start', 'diff_capped', 'deferred'}
    cluster.down = {1}
    cluster.replicate(0)
    with open(f'{cluster.devices}/0/{cluster.kind}.recon') as file:
        stats = json.load(file)['replication_stats']
    assert stats['failure_nodes'] == {'127.0.0.1': {'sd1': 1}}


# -- any history, any order --------------------------------------------------------------------

NAMES = st.sampled_from('abcd')
TIMES = st.integers(3, 15)
OPERATIONS = st.lists(st.tuples(
    st.integers(0, 3), st.sampled_from(['row', 'row', 'meta', 'touch', 'drop', 'pass', 'wipe']),
    NAMES, TIMES), max_size=14)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, database=None, derandomize=True,
          suppress_health_check=list(HealthCheck))
@given(operations=OPERATIONS, seed=st.integers(0, 99))
def test_any_history_converges(tmp_path_factory, operations, seed):
    cluster = DbCluster('container', tmp_path_factory.mktemp('history'))
    newest = {}
    try:
        for number in range(3):
            create(cluster, number)
        for number, verb, name, time in operations:
            apply(cluster, newest, number, verb, name, time)
        cluster.settle(random.Random(seed), 4)
        assert cluster.holders() == [0, 1, 2]
        _, _, rows = assert_equal(cluster)
        assert {name: created for name, created, *_ in rows} == newest
        assert all(etag == name + created and deleted == is_removal(created)
                   for name, created, _, _, etag, deleted, _ in rows)
    finally:
        cluster.close()


def is_removal(stamp):
    return int(float(stamp)) % 2


def apply(cluster, newest, number, verb, name, time):
    """Let something happen on a node; note what clients were told is safe."""
    broker = create(cluster, number)
    stamp = T[time]
    if verb == 'row':
        # One time means one content.
        put(broker, obj(name, stamp, etag=name + stamp, deleted=is_removal(stamp)))
        newest[name] = max(newest.get(name, ''), stamp)
    elif verb == 'meta':
        broker.update_metadata({f'X-Container-Meta-{name}': (str(time), stamp)})
    elif verb == 'touch':
        broker.update_put_timestamp(stamp)
    elif verb == 'drop':
        broker.delete_db(stamp)
    elif verb == 'pass':
        cluster.replicate(number)
    elif verb == 'wipe':
        # Before the last copy is lost, it is somewhere else.
        cluster.settle(random.Random(0), 2)
        if number != 3:
            for server in cluster.servers:
                server.app.brokers.close()
            shutil.rmtree(cluster.device(number))
            os.mkdir(cluster.device(number))
    broker.close()
