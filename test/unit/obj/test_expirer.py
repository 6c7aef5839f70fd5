"""The expirer over real servers without sockets: killed anywhere, delayed, shared, configured."""
import json

import pytest

from swift.common import log
from swift.common.errors import ConfigError
from swift.common.internal_client import UnexpectedResponse
from swift.core.expirer_queue import parse_task
from swift.core.expiring import queue_object
from swift.core.hashing import expirer_container
from swift.obj.expirer import ObjectExpirer, own_file
from test.support.logs import RecordingLogger
from test.support.real_nodes import START, RealCluster

QUEUE = '.expiring_objects'
PAST = int(START) - 5000


@pytest.fixture
def cluster(tmp_path):
    cluster = RealCluster(tmp_path / 'srv')
    cluster.front.create_container('a', 'c')
    yield cluster
    cluster.close()


@pytest.fixture
def expirer(cluster, tmp_path):
    """Make an expirer that lives for `budget` requests."""
    def make(budget=None, **conf):
        pool = cluster.pool(budget)
        daemon = ObjectExpirer(
            {'dequeue_from_legacy': 'true', 'recon_cache_path': str(tmp_path),
             'tasks_per_second': '0', **conf}, RecordingLogger(), cluster=cluster.cluster,
            pool=pool, client=cluster.client(pool), clock=cluster.clock, sleep=lambda s: None)
        daemon.metrics = []
        daemon.statsd.increment = daemon.metrics.append
        daemon.pool = pool
        return daemon
    return make


def expiring(cluster, name='o', account='a', container='c', delete_at=PAST):
    """Store an object that expired; return where its row is."""
    names = (account, container, name)
    cluster.put(names, X_Timestamp=delete_at - 100, X_Delete_At=delete_at)
    where = expirer_container(cluster.cluster.hash_path(*names), delete_at)
    cluster.report(QUEUE, where)
    return where, queue_object(delete_at, *names)


def is_queued(cluster, where, row):
    return any(row in (names or []) for names in cluster.listed(QUEUE, where))


def run(daemon):
    """A pass of a daemon that may be cut off in the middle."""
    try:
        daemon.run_pass()
    except Exception as err:
        assert daemon.pool.budget is not None, err


def test_killed_after_any_request_it_ends_the_same(cluster, expirer):
    cluster.put(('a', 'c', 'stays'), X_Timestamp=PAST - 100)
    budget, needed = 0, None
    while needed is None or budget <= needed:
        where, row = expiring(cluster, f'o{budget}')
        run(expirer(budget))
        left = set(cluster.statuses(('a', 'c', f'o{budget}')))
        if left != {404}:
            assert is_queued(cluster, where, row), 'nobody would ever delete it'
        last = expirer()
        run(last)
        needed = needed or len(last.pool.asked)
        cluster.replicate(QUEUE, where)
        run(expirer())
        cluster.replicate(QUEUE, where)
        assert cluster.statuses(('a', 'c', f'o{budget}')) == [404, 404, 404]
        assert not is_queued(cluster, where, row)
        budget += 1
    assert budget > 6
    assert cluster.statuses(('a', 'c', 'stays')) == [200, 200, 200]
    assert set(map(tuple, cluster.listed('a', 'c'))) == {('stays',)}


def test_the_row_goes_last(cluster, expirer):
    expiring(cluster)
    daemon = expirer()
    run(daemon)
    deletions = [kind for kind, method, _target in daemon.pool.asked if method == 'DELETE']
    assert deletions == ['object'] * 3 + ['container'] * 3
    assert 'objects' in daemon.metrics and 'tasks.assigned' in daemon.metrics


def test_an_object_written_again_keeps_living(cluster, expirer):
    where, row = expiring(cluster)
    cluster.put(('a', 'c', 'o'), b'new', X_Timestamp=PAST + 1)
    run(expirer())
    assert cluster.statuses(('a', 'c', 'o')) == [200, 200, 200]
    assert not is_queued(cluster, where, row)


def test_an_object_with_another_time_waits_for_it(cluster, expirer):
    where, row = expiring(cluster)
    cluster.front.set_object_metadata('a', 'c', 'o', {
        'X-Timestamp': str(PAST - 50), 'X-Delete-At': str(int(START) + 1000)})
    run(expirer())
    assert cluster.statuses(('a', 'c', 'o')) == [200, 200, 200]
    assert is_queued(cluster, where, row)
    run(expirer(reclaim_age='4999'))
    assert cluster.statuses(('a', 'c', 'o')) == [200, 200, 200]
    assert not is_queued(cluster, where, row)


def test_a_server_that_missed_a_younger_version_does_not_delete_it(cluster, expirer):
    where, row = expiring(cluster)
    _part, nodes = cluster.cluster.object_ring(0).get_nodes('a', 'c', 'o')
    behind = cluster.nodes[nodes[1].id]
    behind.is_down = True
    cluster.put(('a', 'c', 'o'), b'younger', X_Timestamp=PAST - 50)
    behind.is_down = False
    daemon = expirer()
    run(daemon)
    assert ('object', 'DELETE') not in [asked[:2] for asked in daemon.pool.asked]
    assert cluster.statuses(('a', 'c', 'o')) == [200, 200, 200], 'no tombstone anywhere'
    assert is_queued(cluster, where, row)
    run(expirer(reclaim_age='4999'))
    assert not is_queued(cluster, where, row)


def test_servers_with_errors_keep_the_row(cluster, expirer):
    where, row = expiring(cluster)
    part, nodes = cluster.cluster.object_ring(0).get_nodes('a', 'c', 'o')
    for node in nodes[:2]:
        cluster.nodes[node.id].is_down = True
    daemon = expirer()
    with pytest.raises(UnexpectedResponse, match='503'):
        daemon.carry_out(parse_task(where, row, 'text/plain'))
    for node in cluster.nodes:
        node.is_down = False
    assert is_queued(cluster, where, row)
    run(expirer())
    assert cluster.statuses(('a', 'c', 'o')) == [404, 404, 404]


def test_future_rows_are_not_touched(cluster, expirer):
    delete_at = int(START) + 1
    where, row = expiring(cluster, delete_at=delete_at)
    daemon = expirer()
    run(daemon)
    assert is_queued(cluster, where, row) and not daemon.metrics
    cluster.clock.advance(1)
    run(expirer())
    assert not is_queued(cluster, where, row)


def test_delayed_rows_wait(cluster, expirer):
    where, row = expiring(cluster)
    daemon = expirer(**{'delay_reaping_a': '10', 'delay_reaping_a/c': '6000'})
    run(daemon)
    assert is_queued(cluster, where, row) and daemon.metrics == ['tasks.delayed']
    run(expirer(**{'delay_reaping_a': '6000', 'delay_reaping_a/c': '10'}))
    assert not is_queued(cluster, where, row)


def test_processes_share_the_rows(cluster, expirer):
    rows = [expiring(cluster, f'o{number}') for number in range(12)]
    seen = []
    for process in range(3):
        daemon = expirer(processes='3', process=str(process))
        run(daemon)
        seen.append(daemon.metrics.count('tasks.assigned'))
        assert daemon.metrics.count('tasks.skipped') == 12 - sum(seen)
    assert sum(seen) == 12 and all(seen)
    assert not any(is_queued(cluster, *row) for row in rows)


def test_words_of_the_command_line_beat_the_configuration(cluster, expirer):
    for number in range(6):
        expiring(cluster, f'o{number}')
    expirer(processes='2', process='1').run_pass(processes=0, process=0)
    assert not any(cluster.listed('a', 'c'))
    with pytest.raises(ConfigError, match='process must be'):
        expirer().run_pass(processes=2, process=2)
    with pytest.raises(ConfigError, match='process must be'):
        expirer().run_forever(processes=None, process=-1)


def test_rows_that_are_no_tasks_stay_and_are_reported(cluster, expirer):
    where, _row = expiring(cluster)
    part, nodes = cluster.cluster.container_ring.get_nodes(QUEUE, where)
    for node in nodes:
        cluster.nodes[node.id].handle(
            'container', 'PUT', f'/{node.device}/{part}/{QUEUE}/{where}/nonsense',
            {'X-Size': '0', 'X-Etag': 'x', 'X-Content-Type': 'text/plain',
             'X-Timestamp': f'{START:.5f}'}, b'')
    cluster.report(QUEUE, 'nonsense')
    daemon = expirer()
    run(daemon)
    assert 'tasks.parse_errors' in daemon.metrics
    assert is_queued(cluster, where, 'nonsense')
    assert len([line for line in daemon.logger.lines(log.ERROR) if 'nonsense' in line]) == 2


def test_what_a_pass_leaves_in_the_recon_file(cluster, expirer, tmp_path):
    expiring(cluster)
    run(expirer())
    assert json.loads((tmp_path / 'object.recon').read_text()) == {
        'expired_last_pass': 1, 'object_expiration_pass': 0.0}


def test_without_permission_it_does_nothing_and_says_so(cluster, expirer):
    where, row = expiring(cluster)
    daemon = expirer(dequeue_from_legacy='false')
    run(daemon)
    assert is_queued(cluster, where, row) and not daemon.pool.asked
    assert 'dequeue_from_legacy' in daemon.logger.lines(log.INFO)[-1]


def test_a_file_of_its_own_is_recognised(tmp_path):
    own = tmp_path / 'object-expirer.conf'
    own.write_text('[object-expirer]\n[pipeline:main]\npipeline = proxy-server\n')
    folder = tmp_path / 'expirer'
    folder.mkdir()
    shared = folder / 'object-server.conf'
    shared.write_text('[app:object-server]\nuse = egg:swift#object\n[object-expirer]\n')
    assert own_file({'__file__': str(own)}) == str(own)
    assert own_file({'__file__': str(shared)}) == ''
    assert own_file({'__file__': '/etc/swift/object-server.conf'}) == own_file({}) == ''


@pytest.mark.parametrize('conf', [
    {'concurrency': '0'}, {'processes': '2', 'process': '2'}, {'process': '-1'},
    {'delay_reaping_a': 'x'}, {'delay_reaping_a/': '1'}])
def test_bad_configurations_are_refused(expirer, conf):
    with pytest.raises(ConfigError):
        expirer(**conf)


def test_it_rests_a_random_part_of_what_is_left(cluster, expirer):
    daemon = expirer(interval='100')
    daemon._rng = lambda: 0.5
    assert [daemon.rest_after(took) for took in (0, 60, 200)] == [50, 20, 0]
