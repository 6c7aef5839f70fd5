"""The object-updater: sweeps over devices with container servers that answer from memory."""
import json
import os
from types import SimpleNamespace

import pytest

from swift.common import log
from swift.common.clock import ManualClock
from swift.common.codecs.async_update import PendingUpdate, decode_update, encode_update
from swift.obj.updater import ObjectUpdater
from test.support.logs import RecordingLogger
from test.support.object_node import ScriptedPool, ScriptedResponse, cluster

NODES = [SimpleNamespace(id=number, device='sd%d' % number, replication_ip='127.0.0.%d' % number,
                         replication_port=6211) for number in range(3)]
ADDRESSES = [(node.replication_ip, node.replication_port) for node in NODES]
HASH = '0123456789abcdef0123456789abcdef'


class Ring:
    """Three replicas of everything."""

    def get_nodes(self, account, container=None, obj=None):
        return 7, NODES


class Sweeper:
    """An updater over one device below tmp_path."""

    def __init__(self, tmp_path, statuses=(201, 201, 201), **conf):
        self.device = tmp_path / 'devices/sda'
        self.device.mkdir(parents=True, exist_ok=True)
        self.recon = tmp_path / 'recon'
        self.recon.mkdir(exist_ok=True)
        self.pool = ScriptedPool(dict(zip(ADDRESSES, statuses, strict=True)))
        self.clock = ManualClock(1800000000)
        self.logger = RecordingLogger()
        self.slept = []
        where = cluster()
        where._rings['container'] = Ring()
        self.updater = ObjectUpdater(
            {'devices': str(tmp_path / 'devices'), 'mount_check': 'false',
             'recon_cache_path': str(self.recon), **conf},
            self.logger, pool=self.pool, cluster=where, clock=self.clock, sleep=self.sleep)

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock.advance(seconds)

    def add(self, time='1799999999.00000', hash_=HASH, policy='', **more):
        update = PendingUpdate(**{'op': 'PUT', 'account': 'a', 'container': 'c', 'obj': 'o é',
                                  'headers': {'X-Timestamp': time, 'X-Size': '5'}, **more})
        directory = self.device / ('async_pending' + policy) / hash_[-3:]
        directory.mkdir(parents=True, exist_ok=True)
        (directory / ('%s-%s' % (hash_, time))).write_bytes(encode_update(update))

    def leave(self, name, age):
        path = self.device / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (self.clock.time() - age,) * 2)

    def files(self):
        return sorted(os.path.relpath(os.path.join(folder, name), self.device)
                      for folder, _dirs, names in os.walk(self.device) for name in names)

    def update(self):
        name, = self.files()
        return decode_update((self.device / name).read_bytes())

    def stats(self):
        return json.loads((self.recon / 'object.recon').read_text())


def test_an_update_goes_to_all_replicas_and_its_file_away(tmp_path):
    sweeper = Sweeper(tmp_path)
    sweeper.add()
    sweeper.updater.run_once()
    assert sorted(address for address, *_rest in sweeper.pool.requests) == ADDRESSES
    _address, method, target, headers = sweeper.pool.requests[0]
    assert (method, target) == ('PUT', '/sd0/7/a/c/o%20%C3%A9')
    assert headers['X-Backend-Accept-Redirect'] == 'true'
    assert headers['X-Backend-Storage-Policy-Index'] == '0'
    assert sweeper.files() == [] and not list((sweeper.device / 'async_pending').iterdir())
    assert sweeper.stats()['object_updater_stats']['failures_account_container_count'] == 0


def test_who_has_the_update_is_written_down_and_not_asked_again(tmp_path):
    sweeper = Sweeper(tmp_path, (201, 503, 201))
    sweeper.add()
    sweeper.updater.run_once()
    assert sorted(sweeper.update().successes) == [0, 2]
    sweeper.pool.requests.clear()
    sweeper.updater.run_once()
    assert [address for address, *_rest in sweeper.pool.requests] == [ADDRESSES[1]]
    sweeper.pool.answers[ADDRESSES[1]] = 201
    sweeper.updater.run_once()
    assert sweeper.files() == []


def test_without_any_success_the_file_is_left_alone(tmp_path):
    sweeper = Sweeper(tmp_path, (None, 404, 507))
    sweeper.add()
    before = os.stat(sweeper.device / sweeper.files()[0]).st_ino
    sweeper.updater.run_once()
    assert os.stat(sweeper.device / sweeper.files()[0]).st_ino == before
    errors = ' '.join(sweeper.logger.lines(log.ERROR))
    assert '127.0.0.0' in errors and 'code 507' in errors and 'code 404' not in errors
    stats = sweeper.stats()
    entry, = stats['object_updater_stats']['failures_oldest_timestamp_account_containers'][
        'oldest_entries']
    assert (entry['account'], entry['container']) == ('a', 'c')
    assert stats['object_updater_stats']['failures_oldest_timestamp_age'] == 1
    assert stats['object_updater_per_device']['sda']['failures_account_container_count'] == 1


def test_only_the_newest_of_one_object_is_sent(tmp_path):
    sweeper = Sweeper(tmp_path)
    sweeper.add('1799999998.00000', op='PUT')
    sweeper.add('1799999999.00000', op='DELETE')
    sweeper.updater.run_once()
    assert {method for _address, method, *_rest in sweeper.pool.requests} == {'DELETE'}
    assert sweeper.files() == []


@pytest.mark.parametrize('op', ['PUT', 'DELETE'])
def test_a_post_does_not_hide_a_change_of_the_data_that_arrived_after_it(tmp_path, op):
    """Both rows are sent: that of the POST rests on data that the other has replaced."""
    first, later, last = ('179999999%d.00000' % number for number in (7, 8, 9))
    sweeper = Sweeper(tmp_path)
    sweeper.add(first, headers={'X-Timestamp': first, 'X-Size': '1'})
    sweeper.add(later, op=op, headers={'X-Timestamp': later})
    sweeper.add(last, headers={'X-Timestamp': first, 'X-Content-Type-Timestamp': first,
                               'X-Meta-Timestamp': last})
    sweeper.updater.run_once()
    sent = {(method, headers['X-Timestamp'], headers.get('X-Meta-Timestamp'))
            for _address, method, _target, headers in sweeper.pool.requests}
    assert sent == {('PUT', first, last), (op, later, None)}
    assert sweeper.files() == []


def test_a_damaged_newest_file_hides_nothing(tmp_path):
    sweeper = Sweeper(tmp_path)
    sweeper.add('1799999997.00000')
    sweeper.add('1799999998.00000')
    (sweeper.device / 'async_pending' / HASH[-3:] / f'{HASH}-1799999998.00000').write_bytes(b'no')
    sweeper.updater.run_once()
    assert {headers['X-Timestamp'] for *_rest, headers in sweeper.pool.requests} == {
        '1799999997.00000'}
    assert [name for name in sweeper.files() if 'async' in name] == []


def test_a_redirect_is_followed_once_at_once(tmp_path):
    moved = ScriptedResponse(301, {'Location': '/.shards_a/c%20x/o',
                                   'X-Backend-Location-Is-Quoted': 'true',
                                   'X-Backend-Redirect-Timestamp': '1799999999.00000'})
    sweeper = Sweeper(tmp_path, (moved, 201, 201))
    sweeper.add()
    seen = []

    def then_agree():
        seen.append(1)
        if len(seen) == 3:
            sweeper.pool.answers[ADDRESSES[0]] = 201
    sweeper.pool.before_answer = then_agree
    sweeper.updater.run_once()
    targets = [target for _address, _method, target, _headers in sweeper.pool.requests]
    assert targets[3:] == ['/sd%d/7/.shards_a/c%%20x/o%%20%%C3%%A9' % number
                           for number in range(3)]
    assert sweeper.files() == []


def test_a_second_redirect_waits_for_the_next_sweep(tmp_path):
    moved = ScriptedResponse(301, {'Location': '/.shards_a/c1/o',
                                   'X-Backend-Redirect-Timestamp': '1799999999.00000'})
    sweeper = Sweeper(tmp_path, (moved, 201, 201))
    sweeper.add()
    sweeper.updater.run_once()
    assert len(sweeper.pool.requests) == 6
    # The shard sent it on to itself: back to the root.
    assert sweeper.update().container_path is None


def test_unreadable_files_are_quarantined(tmp_path):
    sweeper = Sweeper(tmp_path)
    sweeper.add(policy='-1')
    name, = sweeper.files()
    (sweeper.device / name).write_bytes(b'garbage')
    sweeper.updater.run_once()
    assert sweeper.files() == ['quarantined/objects/' + os.path.basename(name)]


def test_strange_names_and_policies_are_left_alone(tmp_path):
    sweeper = Sweeper(tmp_path)
    sweeper.add(policy='-9')
    sweeper.add(policy='-01')
    (sweeper.device / 'async_pending/abc').mkdir(parents=True)
    (sweeper.device / 'async_pending/abc/odd').touch()
    before = sweeper.files()
    sweeper.updater.run_once()
    assert sweeper.files() == before and sweeper.pool.requests == []
    assert len(sweeper.logger.lines(30)) == 2


def test_the_policy_of_the_directory_is_the_default(tmp_path):
    sweeper = Sweeper(tmp_path)
    sweeper.add(policy='-1')
    sweeper.updater.run_once()
    assert sweeper.pool.requests[0][3]['X-Backend-Storage-Policy-Index'] == '1'


def test_the_rate_is_kept(tmp_path):
    sweeper = Sweeper(tmp_path, objects_per_second='10')
    for number in range(5):
        sweeper.add(hash_='%032x' % number)
    sweeper.updater.run_once()
    assert sum(sweeper.slept) == pytest.approx(0.4)


def test_a_busy_container_waits_and_is_drained_later(tmp_path):
    sweeper = Sweeper(tmp_path, max_objects_per_container_per_second='1', objects_per_second='0')
    for number in range(4):
        sweeper.add(hash_='%032x' % number)
    sweeper.add(hash_='%032x' % 9, container='other')
    sweeper.updater.run_once()
    assert sweeper.files() == []
    assert sum(sweeper.slept) == pytest.approx(3)
    assert any('3 deferrals, 3 drains' in line for line in sweeper.logger.lines())


def test_what_does_not_fit_into_the_interval_is_skipped(tmp_path):
    sweeper = Sweeper(tmp_path, max_objects_per_container_per_second='1', interval='2.5',
                      max_deferred_updates='5', objects_per_second='0')
    for number in range(10):
        sweeper.add(hash_='%032x' % number)
    sweeper.updater.run_once()
    assert len(sweeper.files()) == 7
    assert any('7 skips' in line for line in sweeper.logger.lines())


def test_a_file_that_is_gone_meanwhile_is_no_error(tmp_path, monkeypatch):
    sweeper = Sweeper(tmp_path)
    sweeper.add()
    path = sweeper.device / sweeper.files()[0]
    sweeper.pool.before_answer = lambda: path.unlink(missing_ok=True)
    sweeper.updater.run_once()
    assert sweeper.files() == [] and not sweeper.logger.lines(40)


def test_devices_that_went_away_leave_the_numbers(tmp_path):
    sweeper = Sweeper(tmp_path)
    sweeper.updater.run_once()
    (tmp_path / 'devices/sda').rename(tmp_path / 'devices/sdb')
    sweeper.updater.run_once()
    assert list(sweeper.stats()['object_updater_per_device']) == ['sdb']


def test_unmounted_devices_are_skipped(tmp_path):
    sweeper = Sweeper(tmp_path, mount_check='true')
    sweeper.add()
    sweeper.updater.run_once()
    assert len(sweeper.files()) == 1 and 'Skipping sda as it is not mounted' in (
        sweeper.logger.lines(30))


def test_what_interrupted_writes_left_is_removed_after_a_day(tmp_path):
    made = Sweeper(tmp_path)
    made.leave('tmp/old.tmp', 86401)
    made.leave('tmp-1/old.tmp', 86401)
    made.leave('tmp/new.tmp', 86399)
    made.updater.run_once()
    assert made.files() == ['tmp/new.tmp']
