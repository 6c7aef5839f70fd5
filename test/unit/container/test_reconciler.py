"""The reconciler over real servers without sockets: newest wins, killed anywhere, kept when in
doubt."""
from types import SimpleNamespace

import pytest

from swift.common import log
from swift.common.direct_client import DirectClient
from swift.common.errors import ConfigError
from swift.container.reconciler import ContainerReconciler
from swift.container.reconciling import ContainerPolicies, enqueue
from swift.core.reconciler_plan import QUEUE_ACCOUNT, Step, parse_entry, queue_name
from swift.core.timestamp import Timestamp
from test.support.fake_backend import FakeResponse
from test.support.logs import RecordingLogger
from test.support.real_nodes import START, RealCluster

PAST = int(START) - 5000
NAMES = ('a', 'c', 'o/ö')


@pytest.fixture
def cluster(tmp_path):
    cluster = RealCluster(tmp_path / 'srv')
    cluster.front.create_container('a', 'c')
    yield cluster
    cluster.close()


@pytest.fixture
def reconciler(cluster):
    """Make a reconciler that lives for `budget` requests."""
    def make(budget=None, **conf):
        pool = cluster.pool(budget)
        daemon = ContainerReconciler(
            conf, RecordingLogger(), cluster=cluster.cluster, pool=pool,
            client=cluster.client(pool), clock=cluster.clock, sleep=lambda seconds: None)
        daemon.pool = pool
        return daemon
    return make


def misplace(cluster, names=NAMES, at=PAST, body=b'misplaced', **headers):
    """Write an object into policy 1 and queue it; return the queue container."""
    cluster.put(names, body, X_Timestamp=at, X_Backend_Storage_Policy_Index=1, **headers)
    return queue(cluster, names, at)


def queue(cluster, names=NAMES, at=PAST, op='PUT'):
    where = enqueue(cluster.cluster, DirectClient(cluster.pool(), cluster.clock), (1, *names),
                    Timestamp(at), op)
    cluster.report(QUEUE_ACCOUNT, where)
    return where


def is_queued(cluster, where, names=NAMES):
    return any(queue_name(1, *names) in (rows or [])
               for rows in cluster.listed(QUEUE_ACCOUNT, where))


def body_of(cluster, names=NAMES):
    _status, _headers, chunks = cluster.front.get_object(*names)
    return b''.join(chunks)


def run(daemon):
    """A pass of a daemon that may be cut off in the middle."""
    try:
        daemon.run_pass()
    except Exception as err:
        assert daemon.pool.budget is not None, err


def test_an_object_is_moved(cluster, reconciler):
    where = misplace(cluster, X_Object_Meta_Color='blue')
    daemon = reconciler()
    run(daemon)
    assert daemon.counts == {'misplaced_object': 1, 'copied': 1, 'success': 1, 'pop_queue': 1}
    assert body_of(cluster) == b'misplaced'
    for status, time, headers in cluster.heads(NAMES):
        assert (status, time) == (200, Timestamp(PAST, offset=3).internal)
        assert headers['X-Object-Meta-Color'] == 'blue'
    assert [one[:2] for one in cluster.heads(NAMES, 1)] == [
        (404, Timestamp(PAST, offset=1).internal)] * 3
    assert not is_queued(cluster, where)
    assert cluster.listed('a', 'c') == [['o/ö']] * 3


def test_killed_after_any_request_nothing_is_lost(cluster, reconciler):
    budget, needed = 0, None
    while needed is None or budget <= needed:
        names = ('a', 'c', f'o{budget}')
        where = misplace(cluster, names)
        run(reconciler(budget))
        copies = (*cluster.statuses(names), *cluster.statuses(names, 1))
        assert 200 in copies, 'lost'
        if cluster.statuses(names).count(200) < 2:
            assert cluster.statuses(names, 1) == [200, 200, 200]
        last = reconciler()
        run(last)
        needed = needed or len(last.pool.asked)
        cluster.replicate(QUEUE_ACCOUNT, where)
        run(reconciler())
        cluster.replicate(QUEUE_ACCOUNT, where)
        assert body_of(cluster, names) == b'misplaced'
        assert set(cluster.statuses(names, 1)) == {404}
        assert not is_queued(cluster, where, names)
        budget += 1
    assert budget > 10


def test_a_row_without_need_is_only_removed(cluster, reconciler):
    cluster.front.create_container('a', 'c1', {'X-Storage-Policy': 'silver'})
    names = ('a', 'c1', 'o')
    cluster.put(names, X_Timestamp=PAST)
    where = queue(cluster, names)
    daemon = reconciler()
    run(daemon)
    assert daemon.counts == {'noop_object': 1, 'success': 1, 'pop_queue': 1}
    assert cluster.statuses(names, 1) == [200, 200, 200]
    assert not is_queued(cluster, where, names)


def test_without_a_majority_about_the_policy_nothing_is_done(cluster, reconciler):
    where = misplace(cluster)
    daemon = reconciler()
    _part, nodes = cluster.cluster.container_ring.get_nodes('a', 'c')
    for node in nodes[:2]:
        cluster.nodes[node.id].is_down = True
    assert daemon.policies.of('a', 'c') is None
    for node in nodes:
        cluster.nodes[node.id].is_down = False
    daemon.policies = SimpleNamespace(of=lambda account, container: None)
    run(daemon)
    assert daemon.counts == {'retry': 1}
    assert cluster.statuses(NAMES, 1) == [200, 200, 200] and is_queued(cluster, where)


def test_a_ring_that_changes_its_power_is_waited_for(cluster, reconciler):
    where = misplace(cluster)
    ring = cluster.cluster.object_ring(1)
    ring.next_part_power = 5
    daemon = reconciler()
    run(daemon)
    assert daemon.counts == {'retry': 1} and is_queued(cluster, where)
    ring.next_part_power = None
    run(reconciler())
    assert not is_queued(cluster, where)


def test_an_unknown_policy_is_waited_for(cluster, reconciler):
    names = ('a', 'c', 'o')
    where = enqueue(cluster.cluster, DirectClient(cluster.pool(), cluster.clock), (9, *names),
                    Timestamp(PAST), 'PUT')
    cluster.report(QUEUE_ACCOUNT, where)
    daemon = reconciler()
    run(daemon)
    assert daemon.counts == {'retry': 1}
    assert daemon.logger.lines(log.ERROR) == ['No policy with index 9']


def test_a_newer_source_waits_for_its_own_row(cluster, reconciler):
    cluster.put(NAMES, b'destination', X_Timestamp=PAST + 10)
    where = misplace(cluster)
    cluster.put(NAMES, b'newest', X_Timestamp=PAST + 20, X_Backend_Storage_Policy_Index=1)
    daemon = reconciler()
    run(daemon)
    assert daemon.counts['cleanup_failed'] == daemon.counts['retry'] == 1
    assert is_queued(cluster, where) and body_of(cluster) == b'destination'
    queue(cluster, NAMES, PAST + 20)
    run(reconciler())
    assert body_of(cluster) == b'newest' and not is_queued(cluster, where)


def test_a_source_newer_than_its_row_is_moved_as_it_is(cluster, reconciler):
    where = misplace(cluster)
    cluster.put(NAMES, b'newest', X_Timestamp=PAST + 20, X_Backend_Storage_Policy_Index=1)
    run(reconciler())
    assert body_of(cluster) == b'newest' and not is_queued(cluster, where)
    assert set(cluster.statuses(NAMES, 1)) == {404}


def test_a_deletion_is_carried_over(cluster, reconciler):
    cluster.put(NAMES, b'old', X_Timestamp=PAST - 10)
    where = queue(cluster, op='DELETE')
    run(reconciler())
    assert [one[:2] for one in cluster.heads(NAMES)] == [
        (404, Timestamp(PAST, offset=3).internal)] * 3
    assert not is_queued(cluster, where)


def test_a_lost_source_is_given_up_only_when_it_is_too_old(cluster, reconciler):
    where = queue(cluster)
    daemon = reconciler(reclaim_age='5001')
    run(daemon)
    assert daemon.counts['retry'] == 1 and is_queued(cluster, where)
    daemon = reconciler(reclaim_age='4999')
    run(daemon)
    assert daemon.counts['lost_source'] == 1 and not is_queued(cluster, where)
    assert 'lost_source' in daemon.logger.lines(log.CRITICAL)[0]


def test_broken_sources_are_not_given_up(cluster, reconciler):
    where = misplace(cluster)
    for node in cluster.nodes[:2]:
        node.handle, node.whole = (
            lambda kind, method, *more, node=node: _failing(node, kind, method, *more)), node.handle
    daemon = reconciler(reclaim_age='10')
    run(daemon)
    assert 'lost_source' not in daemon.counts and is_queued(cluster, where)


def _failing(node, kind, method, *more):
    return FakeResponse(500) if kind == 'object' else node.whole(kind, method, *more)


def test_bad_rows_stay(cluster, reconciler):
    where = misplace(cluster)
    part, nodes = cluster.cluster.container_ring.get_nodes(QUEUE_ACCOUNT, where)
    for node in nodes:
        cluster.nodes[node.id].handle(
            'container', 'PUT', f'/{node.device}/{part}/{QUEUE_ACCOUNT}/{where}/nonsense',
            {'X-Size': '0', 'X-Etag': 'x', 'X-Content-Type': 'text/plain',
             'X-Timestamp': f'{START:.5f}'}, b'')
    daemon = reconciler()
    run(daemon)
    assert daemon.counts['invalid_record'] == 1 and daemon.counts['success'] == 1
    assert cluster.listed(QUEUE_ACCOUNT, where) == [['nonsense']] * 3


def test_old_empty_queue_containers_go(cluster, reconciler):
    where = misplace(cluster)
    run(reconciler())
    run(reconciler())
    assert cluster.listed(QUEUE_ACCOUNT, where) == [[]] * 3
    run(reconciler(reclaim_age='3600'))
    assert cluster.listed(QUEUE_ACCOUNT, where) == [None] * 3


def test_processes_share_the_rows(cluster, reconciler):
    for number in range(8):
        misplace(cluster, ('a', 'c', f'o{number}'))
    done = []
    for process in range(2):
        daemon = reconciler(processes='2', process=str(process), concurrency='3')
        run(daemon)
        done.append(daemon.counts['success'])
    assert sum(done) == 8 and all(done)


@pytest.mark.parametrize('conf', [
    {'processes': '2', 'process': '2'}, {'concurrency': '0'}, {'request_tries': '0'}])
def test_bad_configurations_are_refused(reconciler, conf):
    with pytest.raises(ConfigError):
        reconciler(**conf)


def test_policies_are_remembered_for_a_while(cluster):
    pool = cluster.pool()
    policies = ContainerPolicies(cluster.cluster, DirectClient(pool, cluster.clock), cluster.clock)
    assert policies.of('a', 'c') == policies.of('a', 'c') == 0
    assert len(pool.asked) == 3
    cluster.clock.advance(31)
    assert policies.of('a', 'c') == 0 and len(pool.asked) == 6
    assert policies.of('a', 'none') is None


def test_a_step_returns_how_it_ended(cluster, reconciler):
    where = misplace(cluster)
    row, = reconciler().client.iter_objects(QUEUE_ACCOUNT, where)
    assert reconciler().process(parse_entry(where, row)) is Step.DONE
