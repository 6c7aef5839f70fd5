"""The reaper over real servers without sockets: what it takes, what it leaves, killed anywhere."""
import pytest

from swift.account.backend import AccountBroker
from swift.account.reaper import AccountReaper
from swift.common import log
from swift.common.db.broker import Environment
from swift.common.db.files import Place
from swift.core.timestamp import Timestamp
from test.support.logs import RecordingLogger
from test.support.real_nodes import START, RealCluster

CONTAINERS = ('a', 'b', 'c ö', 'd', 'silver')
OBJECTS = ('1', 'x/y', 'ü')


@pytest.fixture
def cluster(tmp_path):
    cluster = RealCluster(tmp_path / 'srv')
    yield cluster
    cluster.close()


@pytest.fixture
def reaper(cluster):
    """Make the reaper of a node that lives for `budget` requests."""
    def make(number, budget=None, **conf):
        pool = cluster.pool(budget)
        daemon = AccountReaper(
            {'devices': cluster.nodes[number].devices, 'mount_check': 'false',
             'bind_ip': f'10.0.0.{number + 1}', 'bind_port': '6002', 'concurrency': '1', **conf},
            RecordingLogger(), cluster=cluster.cluster, pool=pool, clock=cluster.clock)
        daemon.pool = pool
        daemon.metrics = {}
        daemon.statsd.update_stats = lambda name, count: daemon.metrics.update(
            {name: daemon.metrics.get(name, 0) + count})
        daemon.statsd.increment = lambda name: daemon.statsd.update_stats(name, 1)
        return daemon
    return make


def fill(cluster, account):
    for container in CONTAINERS:
        policy = 'silver' if container == 'silver' else 'gold'
        cluster.front.create_container(account, container, {'X-Storage-Policy': policy})
        for obj in OBJECTS:
            cluster.put((account, container, obj), X_Timestamp=START - 10)
        cluster.report(account, container, len(OBJECTS))


def delete(cluster, account):
    cluster.clock.advance(1)
    cluster.front.delete_account(account)
    cluster.clock.advance(1)


def left(cluster, account):
    """Return what any server still has of an account."""
    objects = [(container, obj) for container in CONTAINERS for obj in OBJECTS
               if 200 in cluster.statuses((account, container, obj),
                                          int(container == 'silver'))]
    containers = [container for container in CONTAINERS
                  if any(rows is not None for rows in cluster.listed(account, container))]
    return objects, containers


def account_counts(cluster, account):
    part, nodes = cluster.cluster.account_ring.get_nodes(account)
    digest = cluster.cluster.hash_path(account)
    counts = []
    for node in nodes:
        broker = AccountBroker(
            Place.of('account', f'{cluster.nodes[node.id].devices}/{node.device}', part, digest),
            Environment(RecordingLogger(), cluster.clock))
        info = broker.info()
        counts.append((info.container_count, info.is_deleted))
        broker.close()
    return counts


def test_a_deleted_account_is_emptied_and_nothing_else(cluster, reaper):
    for account in ('gone', 'kept'):
        fill(cluster, account)
    delete(cluster, 'gone')
    daemons = [reaper(number) for number in range(3)]
    for daemon in daemons:
        daemon.run_pass()
    assert left(cluster, 'gone') == ([], [])
    assert account_counts(cluster, 'gone') == [(0, True)] * 3
    assert left(cluster, 'kept') == (
        [(container, obj) for container in CONTAINERS for obj in OBJECTS], list(CONTAINERS))
    total = {}
    for daemon in daemons:
        for name, count in daemon.metrics.items():
            total[name] = total.get(name, 0) + count
    assert total == {'objects_deleted': 15, 'containers_deleted': 5, 'return_codes.2': 60}
    said = [line for daemon in daemons for line in daemon.logger.lines(log.INFO)]
    assert any('objects deleted' in line and 'gone' in line for line in said)


def test_everything_goes_over_the_replication_network(cluster, reaper):
    fill(cluster, 'gone')
    delete(cluster, 'gone')
    addresses = []
    daemon = reaper(0)
    spend = daemon.pool.spend
    daemon.pool.spend = lambda address, *more: (addresses.append(address[1]),
                                                spend(address, *more))
    daemon.run_pass()
    assert addresses and set(addresses) == {7000, 7001}


def test_killed_after_any_request_the_next_pass_goes_on(cluster, reaper):
    budget, needed = 0, None
    while needed is None or budget <= needed:
        account = f'gone{budget}'
        fill(cluster, account)
        delete(cluster, account)
        whole = [reaper(number, budget) for number in range(3)]
        for daemon in whole:
            daemon.run_pass()
        for number in range(3):
            reaper(number).run_pass()
        for container in CONTAINERS:
            cluster.replicate(account, container)
        assert left(cluster, account)[0] == []
        if needed is None:
            done = [reaper(number) for number in range(3)]
            fill(cluster, 'measure')
            delete(cluster, 'measure')
            for daemon in done:
                daemon.run_pass()
            needed = max(len(daemon.pool.asked) for daemon in done)
        budget += 7


def test_a_delay_keeps_the_content(cluster, reaper):
    fill(cluster, 'gone')
    delete(cluster, 'gone')
    everything = left(cluster, 'gone')
    for number in range(3):
        reaper(number, delay_reaping='3600').run_pass()
    assert left(cluster, 'gone') == everything and everything[0]
    cluster.clock.advance(3601)
    for number in range(3):
        reaper(number, delay_reaping='3600').run_pass()
    assert left(cluster, 'gone') == ([], [])


def test_only_primaries_work(cluster, reaper):
    fill(cluster, 'gone')
    delete(cluster, 'gone')
    for conf in ({'bind_port': '6003'}, {'bind_ip': '10.0.0.9'}):
        daemon = reaper(0, **conf)
        daemon.run_pass()
        assert not daemon.pool.asked


def test_a_dead_server_leaves_its_part_to_the_next_pass(cluster, reaper):
    fill(cluster, 'gone')
    delete(cluster, 'gone')
    cluster.nodes[1].is_down = True
    daemon = reaper(0)
    daemon.run_pass()
    assert daemon.metrics['objects_failures'] == daemon.metrics['objects_deleted']
    assert 'objects_remaining' not in daemon.metrics and daemon.metrics['errors']


def test_objects_in_no_known_policy_are_errors(cluster, reaper):
    fill(cluster, 'gone')
    delete(cluster, 'gone')
    cluster.cluster.policies = type(cluster.cluster.policies)(
        [policy for policy in cluster.cluster.policies if policy.index == 0])
    cluster.cluster._object_rings.clear()
    daemons = [reaper(number) for number in range(3)]
    for daemon in daemons:
        daemon.run_pass()
    assert sum(daemon.metrics.get('errors', 0) for daemon in daemons) == len(OBJECTS)
    lines = [line for daemon in daemons for line in daemon.logger.lines(log.ERROR)]
    assert lines == ['ERROR: invalid storage policy index: 1'] * len(OBJECTS)


def test_operators_hear_of_accounts_that_do_not_get_empty(cluster, reaper):
    fill(cluster, 'gone')
    delete(cluster, 'gone')
    deleted_at = Timestamp(cluster.clock.time() - 1)
    cluster.clock.advance(1000)
    for node in cluster.nodes:
        node.is_down = True
    daemon = reaper(0, delay_reaping='500', reap_warn_after='400')
    daemon.run_pass()
    assert daemon.logger.lines(log.WARNING) == [
        f'Account gone has not been reaped since {deleted_at.isoformat}']
    daemon = reaper(0, delay_reaping='500', reap_warn_after='600')
    daemon.run_pass()
    assert not daemon.logger.lines(log.WARNING)


def test_damaged_and_foreign_directories_do_not_stop_it(cluster, reaper, tmp_path):
    fill(cluster, 'gone')
    delete(cluster, 'gone')
    device = tmp_path / 'srv' / '0' / 'sd0'
    (device / 'accounts' / 'x').mkdir()
    (device / 'accounts' / '99').mkdir()
    (device / 'accounts' / 'file').write_text('')
    part = cluster.cluster.account_ring.get_part('gone')
    (device / 'accounts' / str(part) / 'abc' / ('0' * 32)).mkdir(parents=True)
    (tmp_path / 'srv' / '0' / 'file').write_text('')
    daemon = reaper(0)
    daemon.run_pass()
    assert daemon.metrics.get('errors') is None and daemon.pool.asked
