"""The container updater: what it reports, remembers, quarantines, leaves alone (03 §21, §29.42)."""
import json
import os
import threading
from types import SimpleNamespace

import pytest

from swift.common.errors import ConnectFailed
from swift.container.backend import ContainerBroker
from swift.container.unchanged import Unchanged
from swift.container.updater import ContainerUpdater
from swift.core.ring_lookup import Node
from test.support.brokers import T, container_broker, environment, obj, put
from test.support.logs import RecordingLogger

NODES = [Node(id=number, region=1, zone=number, ip='10.0.0.1', port=6202,
              replication_ip=f'127.0.0.{number}', replication_port=6202 + number,
              device=f'sd{number}', weight=1, meta='') for number in range(3)]


class FakeRing:
    def get_nodes(self, account):
        return 77, NODES


class FakeAccounts:
    """A pool whose answers depend on the node; keeps what was asked."""

    def __init__(self, *statuses):
        self.statuses = statuses
        self.asked = []
        self._lock = threading.Lock()

    def request(self, address, method, target, headers, body, *, conn_timeout, timeout):
        with self._lock:
            self.asked.append((address, method, target, dict(headers)))
        status = self.statuses[address[1] - 6202]
        if isinstance(status, Exception):
            raise status
        return self.Response(status)

    class Response:
        def __init__(self, status):
            self.status = status

        def read(self):
            return b''

        def close(self):
            pass


@pytest.fixture
def broker(tmp_path):
    broker = container_broker(tmp_path / 'node')
    put(broker, obj('o', size=10))
    yield broker
    broker.close()


def updater(tmp_path, accounts, **conf):
    conf = {'devices': str(tmp_path / 'node'), 'mount_check': 'false',
            'recon_cache_path': str(tmp_path), **(conf or {'containers_per_second': '0'})}
    cluster = SimpleNamespace(account_ring=FakeRing())
    return ContainerUpdater(conf, RecordingLogger(), cluster=cluster, pool=accounts,
                            clock=environment().clock)


def test_news_are_reported_to_all_and_remembered(broker, tmp_path):
    accounts = FakeAccounts(201, 201, ConnectFailed('down'))
    daemon = updater(tmp_path, accounts)
    daemon.run_once()
    assert sorted(address for address, *_ in accounts.asked) == [
        ('127.0.0.0', 6202), ('127.0.0.1', 6203), ('127.0.0.2', 6204)]
    _, method, target, headers = accounts.asked[0]
    assert (method, target.split('/', 2)[2]) == ('PUT', '77/AUTH_test/c')
    assert headers.pop('User-Agent') == f'container-updater {os.getpid()}'
    assert headers == {'X-Put-Timestamp': T[0], 'X-Delete-Timestamp': '0', 'X-Object-Count': '1',
                       'X-Bytes-Used': '10', 'X-Backend-Storage-Policy-Index': '0',
                       'X-Account-Override-Deleted': 'yes'}
    info = broker.info()
    assert (info.reported_put_timestamp, info.reported_object_count,
            info.reported_bytes_used) == (T[0], 1, 10)
    assert daemon.counts.successes == 1
    daemon.run_once()
    assert (daemon.counts.no_changes, len(accounts.asked)) == (1, 3)
    recon = json.loads((tmp_path / 'container.recon').read_text())
    assert 'container_updater_sweep' in recon


def age_files(broker, seconds):
    """Let all files of a database have changed so long ago, by the clock of the daemon."""
    then = broker.env.clock.time() - seconds
    for name in os.listdir(broker.place.directory):
        os.utime(os.path.join(broker.place.directory, name), (then, then))


def reads_of(daemon, monkeypatch):
    """Return the list that grows by one with each database that is read."""
    reads, real = [], daemon.process
    monkeypatch.setattr(daemon, 'process', lambda broker: reads.append(1) or real(broker))
    return reads


def test_database_without_news_is_read_again_only_when_its_files_change(
        broker, tmp_path, monkeypatch):
    accounts = FakeAccounts(201, 201, 201)
    daemon = updater(tmp_path, accounts)
    daemon.run_once()
    age_files(broker, 10)
    reads = reads_of(daemon, monkeypatch)
    for _ in range(3):
        daemon.run_once()
        assert daemon.counts.no_changes == 1
    assert len(reads) == 1
    broker.append(ContainerBroker.encode(obj('late')))
    daemon.run_once()
    assert daemon.counts.successes == 1 and len(accounts.asked) == 6


def test_database_that_changed_a_moment_ago_is_read_again(broker, tmp_path, monkeypatch):
    daemon = updater(tmp_path, FakeAccounts(201, 201, 201))
    daemon.run_once()
    age_files(broker, 1)
    reads = reads_of(daemon, monkeypatch)
    daemon.run_once()
    daemon.run_once()
    assert len(reads) == 2


def test_memory_of_unchanged_databases_is_bounded_and_forgets_what_is_gone():
    unchanged = Unchanged(limit=1)
    marks = (('h.db', 1, 5 * 10**9, 4096),)
    unchanged.remember('a', marks, looked_at=100)
    unchanged.remember('b', marks, looked_at=100)
    unchanged.begin_pass()
    assert unchanged.is_known('a', marks) and not unchanged.is_known('b', marks)
    assert not unchanged.is_known('a', (('h.db', 1, 5 * 10**9, 8192),))
    unchanged.begin_pass()
    unchanged.begin_pass()
    assert not unchanged.is_known('a', marks)


@pytest.mark.parametrize('change', [
    lambda broker: broker.update_put_timestamp(T[5]),
    lambda broker: broker.delete_db(T[5]),
    lambda broker: put(broker, obj('p'))])
def test_what_counts_as_news(broker, tmp_path, change):
    accounts = FakeAccounts(201, 201, 201)
    daemon = updater(tmp_path, accounts)
    daemon.run_once()
    change(broker)
    daemon.run_once()
    assert daemon.counts.successes == 1 and len(accounts.asked) == 6


def test_every_container_repeats_its_report_once_in_a_period(broker, tmp_path):
    accounts = FakeAccounts(201, 201, 201)
    daemon = updater(tmp_path, accounts, report_again_interval='1000', containers_per_second='0')
    daemon.run_once()
    age_files(broker, 10)
    for _pass in range(10):
        daemon.clock.advance(100)
        daemon.run_once()
    assert len(accounts.asked) == 6


def test_repeating_a_report_quarantines_nothing(broker, tmp_path):
    accounts = FakeAccounts(201, 201, 201)
    daemon = updater(tmp_path, accounts)
    daemon.run_once()
    accounts.statuses = (404, 404, 404)
    daemon.clock.advance(86400)
    daemon.run_once()
    assert len(accounts.asked) == 6 and broker.exists()


def test_without_a_majority_the_account_is_left_alone_for_a_while(broker, tmp_path):
    accounts = FakeAccounts(201, 500, ConnectFailed('down'))
    daemon = updater(tmp_path, accounts)
    daemon.run_once()
    assert daemon.counts.failures == 1
    assert broker.info().reported_put_timestamp == '0'
    daemon.run_once()
    assert len(accounts.asked) == 3
    daemon.clock.advance(61)
    daemon.run_once()
    assert len(accounts.asked) == 6


def test_container_without_account_is_quarantined(broker, tmp_path):
    daemon = updater(tmp_path, FakeAccounts(404, 404, 404))
    daemon.run_once()
    assert not broker.exists()
    assert (tmp_path / 'node/sda1/quarantined/containers' / broker.place.hash).is_dir()
    assert 'no account replicas exist' in daemon.logger.lines(40)[-1]


def test_one_answer_other_than_404_saves_the_container(broker, tmp_path):
    updater(tmp_path, FakeAccounts(404, 404, ConnectFailed('down'))).run_once()
    assert broker.exists()


def test_shards_report_no_counts(broker, tmp_path):
    broker.update_metadata({'X-Container-Sysmeta-Shard-Quoted-Root': ('a/root', T[1])})
    accounts = FakeAccounts(201, 201, 201)
    updater(tmp_path, accounts).run_once()
    assert accounts.asked[0][3]['X-Object-Count'] == '0'
    assert accounts.asked[0][3]['X-Bytes-Used'] == '0'
    assert broker.info().reported_object_count == 0


def test_container_without_put_time_is_skipped(tmp_path):
    broker = container_broker(tmp_path / 'node')
    broker.close()
    os.unlink(broker.path)
    broker.create_container('AUTH_test', 'c', '0000000000.00000', 0)
    daemon = updater(tmp_path, FakeAccounts())
    daemon.run_once()
    assert daemon.counts == type(daemon.counts)()
    broker.close()


def test_damage_of_one_container_does_not_stop_the_pass(broker, tmp_path):
    damaged = ContainerBroker(broker.place.of(
        'container', str(tmp_path / 'node/sda1'), 2, 'f' * 32), environment())
    damaged.create_container('a', 'c', T[0], 0)
    with open(damaged.path, 'wb') as stream:
        stream.write(b'rubbish' * 1000)
    daemon = updater(tmp_path, FakeAccounts(201, 201, 201))
    daemon.run_once()
    assert (daemon.counts.successes, daemon.counts.failures) == (1, 1)


def test_strays_and_unmounted_devices_are_passed_over(broker, tmp_path):
    (tmp_path / 'node/file').write_text('x')
    (tmp_path / 'node/sda1/containers/stray').write_text('x')
    (tmp_path / 'node/sdb1').mkdir()
    daemon = updater(tmp_path, FakeAccounts(201, 201, 201))
    daemon.run_once()
    assert daemon.counts.successes == 1
    unmounted = updater(tmp_path, FakeAccounts(), mount_check='true')
    unmounted.run_once()
    assert unmounted.counts.successes == 0


@pytest.mark.parametrize('conf, pause', [({'containers_per_second': '10'}, 0.1),
                                         ({'slowdown': '0.04'}, 0.05),
                                         ({'slowdown': '0.04', 'containers_per_second': '10'},
                                          0.1)])
def test_pace(tmp_path, conf, pause):
    for part in (1, 2):
        broker = container_broker(tmp_path / 'node')
        broker.close()
        os.rename(broker.place.directory, broker.place.directory + str(part))
    os.makedirs(tmp_path / 'node/sda1/containers/2/abc')
    pauses = []
    daemon = updater(tmp_path, FakeAccounts(201, 201, 201), **conf)
    daemon._sleep = pauses.append
    other = ContainerBroker(broker.place.of(
        'container', str(tmp_path / 'node/sda1'), 3, 'f' * 32), environment())
    other.create_container('a', 'c', T[0], 0)
    broker.create_container('AUTH_test', 'c', T[0], 0)
    daemon.run_once()
    assert pauses == [pytest.approx(pause)]
