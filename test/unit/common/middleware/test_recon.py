"""The recon filter: every path, and what happens when there is nothing to tell."""
import hashlib
import importlib.metadata
import json
import os
import time

import pytest

from swift.common import log, recon_cache, recon_sources
from swift.common.clock import ManualClock
from swift.common.middleware import recon
from swift.common.middleware.recon import ReconMiddleware, ReconOptions
from swift.common.swob import Request
from test.support.logs import RecordingLogger
from test.support.object_node import cluster
from test.support.stub_app import StubApp


class Filter:
    def __init__(self, tmp_path):
        self.devices = tmp_path / 'node'
        self.devices.mkdir()
        self.cache = tmp_path / 'cache'
        self.cache.mkdir()
        self.etc = tmp_path / 'etc'
        self.etc.mkdir()
        self.logger = RecordingLogger()
        self.app = StubApp()
        where = cluster()
        where.swift_dir = str(self.etc)
        options = ReconOptions.parse({'devices': str(self.devices), 'swift_dir': str(self.etc),
                                      'recon_cache_path': str(self.cache)})
        self.filter = ReconMiddleware(self.app, options, self.logger, cluster=where,
                                      clock=ManualClock(1800000000.5))

    def ask(self, path, method='GET'):
        answer = Request.blank('/recon/' + path, method=method).get_response(self.filter)
        return answer.status_int, answer.content_type, answer.body

    def json(self, path):
        status, kind, body = self.ask(path)
        assert (status, kind) == (200, 'application/json'), body
        return json.loads(body)


@pytest.fixture
def node(tmp_path):
    return Filter(tmp_path)


ALL_CACHED = {
    'async': ('object', ['async_pending', 'async_pending_last']),
    'replication/account': ('account', ['replication_time', 'replication_stats',
                                        'replication_last']),
    'replication/container': ('container', ['replication_time', 'replication_stats',
                                            'replication_last']),
    'replication/object': ('object', ['replication_time', 'replication_stats', 'replication_last',
                                      'object_replication_time', 'object_replication_last']),
    'replication': ('object', ['replication_time', 'replication_stats', 'replication_last',
                               'object_replication_time', 'object_replication_last']),
    'reconstruction/object': ('object', ['object_reconstruction_last',
                                         'object_reconstruction_time']),
    'updater/container': ('container', ['container_updater_sweep']),
    'updater/object': ('object', ['object_updater_sweep', 'object_updater_stats',
                                  'object_updater_last']),
    'auditor/account': ('account', ['account_audits_passed', 'account_auditor_pass_completed',
                                    'account_audits_since', 'account_audits_failed']),
    'auditor/container': ('container', ['container_audits_passed',
                                        'container_auditor_pass_completed',
                                        'container_audits_since', 'container_audits_failed']),
    'auditor/object': ('object', ['object_auditor_stats_ALL', 'object_auditor_stats_ZBF']),
    'expirer/object': ('object', ['object_expiration_pass', 'expired_last_pass']),
    'sharding': ('container', ['sharding_stats', 'sharding_time', 'sharding_last']),
    'driveaudit': ('drive', ['drive_audit_errors']),
    'relinker': ('relinker', ['devices', 'workers']),
}


def test_every_cached_path_is_tested():
    assert set(ALL_CACHED) == set(recon.CACHED)


@pytest.mark.parametrize('path', sorted(ALL_CACHED))
def test_what_daemons_wrote(node, path):
    file, keys = ALL_CACHED[path]
    assert node.json(path) == dict.fromkeys(keys)
    assert bool(node.logger.lines(log.WARNING)) == (path != 'relinker')
    values = {key: {'n': number} for number, key in enumerate(keys)}
    target = str(node.cache / (file + '.recon'))
    assert recon_cache.dump({**values, 'other': 1}, target, node.logger)
    assert node.json(path) == values
    (node.cache / (file + '.recon')).write_text('{broken')
    assert node.json(path) == dict.fromkeys(keys)


@pytest.mark.parametrize('path', [
    '', 'nope', 'updater/account', 'auditor', 'auditor/proxy', 'expirer/container', 'replication/x',
    'reconstruction', 'reconstruction/container', 'updater'])
def test_unknown_paths(node, path):
    status, kind, body = node.ask(path)
    assert (status, kind, body) == (404, 'text/plain', b'Invalid path: /recon/' + path.encode())
    assert node.app.calls == []


def test_other_paths_pass_through_and_methods_do_not_matter(node):
    node.app.answer('GET', '/recon', '200 OK', {}, b'app')
    assert Request.blank('/recon').get_response(node.filter).body == b'app'
    for method in ('GET', 'PUT', 'DELETE', 'OPTIONS'):
        assert node.ask('time', method)[0] == 200
    assert json.loads(node.ask('async/whatever')[2]) == {'async_pending': None,
                                                        'async_pending_last': None}


def test_this_machine(node):
    assert node.json('version') == {'version': importlib.metadata.version('swift')}
    assert node.json('time') == 1800000000.5
    assert set(node.json('load')) == {'1m', '5m', '15m', 'tasks', 'processes'}
    assert node.json('mem')['MemTotal'].endswith(' kB')
    assert {'tcp_in_use', 'orphan', 'time_wait', 'tcp_mem_allocated_bytes'} <= set(
        node.json('sockstat'))
    assert any(mount['path'] == '/proc' for mount in node.json('mounted'))


def test_devices_mounted_and_not(node):
    for name in ('sda', 'sdb'):
        (node.devices / name).mkdir()
    (node.devices / 'sda/.ismount').write_text('')
    (node.devices / 'notes').write_text('')
    (node.devices / 'dead').symlink_to(node.devices / 'dead')
    assert {name: sorted(names) for name, names in node.json('devices').items()} == {
        str(node.devices): ['dead', 'notes', 'sda', 'sdb']}
    dead, sdb = node.json('unmounted')
    assert sdb == {'device': 'sdb', 'mounted': False}
    assert dead['device'] == 'dead' and 'symbolic links' in dead['mounted']
    usage = {entry['device']: entry for entry in node.json('diskusage')}
    assert set(usage) == {'dead', 'sda', 'sdb'}
    assert usage['sdb'] == {'device': 'sdb', 'mounted': False, 'size': '', 'used': '', 'avail': ''}
    assert usage['sda']['size'] - usage['sda']['avail'] == usage['sda']['used'] > 0


def test_no_devices_directory(node):
    os.rmdir(node.devices)
    assert node.json('devices') == {str(node.devices): None}
    for path in ('unmounted', 'diskusage', 'quarantined'):
        assert node.ask(path) == (500, 'text/plain', b'Internal server error.')
    assert node.logger.lines(log.ERROR)


def test_checksums_follow_the_files(node):
    ring = node.etc / 'object-1.ring.gz'
    ring.write_bytes(b'one')
    (node.etc / 'other.ring.gz').write_bytes(b'?')
    assert node.json('ringmd5') == {str(ring): hashlib.md5(b'one').hexdigest()}
    ring.write_bytes(b'three')
    assert node.json('ringmd5') == {str(ring): hashlib.md5(b'three').hexdigest()}
    conf = node.etc / 'swift.conf'
    assert node.json('swiftconfmd5') == {str(conf): None}
    conf.write_bytes(b'[swift-hash]')
    assert node.json('swiftconfmd5') == {str(conf): hashlib.md5(b'[swift-hash]').hexdigest()}


def test_files_are_not_read_again_without_need(node):
    path = node.etc / 'account.ring.gz'
    path.write_bytes(b'one')
    checksums = recon_sources.Checksums()
    first = checksums.of_file(str(path))
    checksums._known[str(path)] = (checksums._known[str(path)][0], 'remembered')
    assert checksums.of_file(str(path)) == 'remembered' != first


def test_quarantined_counts(node):
    for path in ('sda/quarantined/objects/a', 'sda/quarantined/objects/b',
                 'sdb/quarantined/objects-1/c', 'sda/quarantined/containers/d',
                 'sda/quarantined/accounts/e', 'sdb/quarantined/odd/x', 'sdc'):
        (node.devices / path).mkdir(parents=True)
    (node.devices / 'sda/quarantined/objects/pending-file').write_text('')
    assert node.json('quarantined') == {
        'objects': 3, 'containers': 1, 'accounts': 1,
        'policies': {'0': {'objects': 2}, '1': {'objects': 1}, '2': {'objects': 0}}}


def test_factory_takes_what_default_says(tmp_path):
    made = recon.filter_factory({'devices': '/d', 'swift_dir': str(tmp_path)},
                                recon_cache_path='/c')(None)
    assert (made.options.devices, made.options.recon_cache_path) == ('/d', '/c')
    assert abs(made._clock.time() - time.time()) < 3600
