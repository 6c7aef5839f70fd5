"""The container and the account auditor on real databases, whole, damaged and golden."""
import json
import os

import pytest

from swift.account.auditor import AccountAuditor
from swift.common import log
from swift.common.clock import ManualClock
from swift.common.db import whole_check
from swift.common.metrics import Statsd
from swift.container.auditor import ContainerAuditor
from test.support import golden_databases
from test.support.brokers import account_broker, cont, container_broker, obj, raw
from test.support.logs import RecordingLogger

CLASSES = {'account': AccountAuditor, 'container': ContainerAuditor}
BROKERS = {'account': account_broker, 'container': container_broker}


class Audited:
    """An auditor over the devices below tmp_path/node."""

    def __init__(self, tmp_path, kind='container', **conf):
        self.node = tmp_path / 'node'
        self.node.mkdir(exist_ok=True)
        self.recon_path = tmp_path / (kind + '.recon')
        self.clock = ManualClock(1800000000)
        self.logger = RecordingLogger()
        self.metrics, self.slept = [], []
        self.auditor = CLASSES[kind](
            {'devices': str(self.node), 'mount_check': 'false', 'recon_cache_path': str(tmp_path),
             **conf}, self.logger, clock=self.clock, sleep=self.sleep)
        self.auditor.statsd = Statsd(lambda line: self.metrics.append(line.decode()))

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock.advance(seconds)

    def once(self):
        """Do a pass; return (passed, failed)."""
        self.auditor.run_once()
        recon = self.recon()
        kind = self.auditor.kind
        return recon[kind + '_audits_passed'], recon[kind + '_audits_failed']

    def recon(self):
        return json.loads(self.recon_path.read_text())

    def errors(self):
        return '\n'.join(self.logger.lines(log.ERROR))


def filled(tmp_path, kind, rows=3):
    """Return the path of a closed database with some rows."""
    broker = BROKERS[kind](tmp_path / 'node')
    make = obj if kind == 'container' else cont
    broker.merge_records([make('name-%05d' % number) for number in range(rows)])
    broker.info()
    broker.close()
    return broker


def overwrite(path, offset, data):
    with open(path, 'r+b') as file:
        file.seek(offset)
        file.write(data)


@pytest.mark.parametrize('kind', ['account', 'container'])
def test_good_databases_pass(tmp_path, kind):
    filled(tmp_path, kind)
    audited = Audited(tmp_path, kind)
    assert audited.once() == (1, 0) and audited.errors() == ''
    recon = audited.recon()
    assert recon[kind + '_audits_since'] == 1800000000
    assert recon[kind + '_auditor_pass_completed'] == 0
    assert 'passes:1|c' in audited.metrics
    assert sum(line.startswith('timing:') for line in audited.metrics) == 1


@pytest.mark.parametrize('kind', ['account', 'container'])
@pytest.mark.parametrize('damage, reason', [
    (lambda path: overwrite(path, 0, os.urandom(4096)), 'corrupted database'),
    (lambda path: overwrite(path, 100, b'\xff' * 900), 'malformed'),
    (lambda path: os.truncate(path, 5000), 'malformed')])
def test_damaged_headers_are_quarantined(tmp_path, kind, damage, reason):
    broker = filled(tmp_path, kind)
    damage(broker.path)
    audited = Audited(tmp_path, kind)
    assert audited.once() == (0, 1)
    assert not os.path.exists(broker.place.directory)
    moved = audited.node / 'sda1/quarantined' / broker.place.datadir / broker.place.hash
    assert moved.is_dir()
    assert 'Audit Failed for %s: ' % broker.path in audited.errors()
    assert reason in audited.errors() and 'failures:1|c' in audited.metrics
    assert audited.once() == (0, 0)


@pytest.mark.parametrize('kind', ['account', 'container'])
def test_a_missing_row_of_facts_is_damage(tmp_path, kind):
    broker = filled(tmp_path, kind)
    raw(broker, 'DELETE FROM ' + ('container_info' if kind == 'container' else 'account_stat'))
    audited = Audited(tmp_path, kind)
    assert audited.once() == (0, 1)
    assert 'missing row in %s_stat table' % kind in audited.errors()


def damage_rows(broker):
    """Break the pages that hold rows, far behind those with the facts."""
    size = os.path.getsize(broker.path)
    for page in range(size // 2 // 4096, size // 4096 - 1):
        overwrite(broker.path, page * 4096, b'\xa5' * 4096)


@pytest.mark.parametrize('kind', ['account', 'container'])
@pytest.mark.parametrize('at_once', [whole_check.AT_ONCE_BYTES, 0])
def test_damaged_pages_of_rows_are_found_in_small_and_large_databases(
        tmp_path, kind, at_once, monkeypatch):
    monkeypatch.setattr(whole_check, 'AT_ONCE_BYTES', at_once)
    monkeypatch.setattr(whole_check, 'PIECE_ROWS', 100)
    broker = filled(tmp_path, kind, 3000)
    audited = Audited(tmp_path, kind)
    assert audited.once() == (1, 0)
    damage_rows(broker)
    lazy = Audited(tmp_path, kind, full_check_passes='0')
    assert lazy.once() == (1, 0)                       # as the facts alone are still fine
    assert audited.once() == (0, 1) and not os.path.exists(broker.place.directory)


@pytest.mark.parametrize('kind, statement', [
    ('container', "UPDATE object SET created_at = '1700000009.00000' WHERE name = 'name-00001'"),
    ('account', "UPDATE container SET bytes_used = 11 WHERE name = 'name-00001'")])
def test_rows_that_changed_by_themselves_are_told_and_kept(tmp_path, kind, statement):
    broker = filled(tmp_path, kind)
    for name, in raw(broker, "SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        raw(broker, 'DROP TRIGGER ' + name)
    raw(broker, statement)
    audited = Audited(tmp_path, kind)
    assert audited.once() == (0, 1)
    assert 'The hash of the rows' in audited.errors() and os.path.exists(broker.path)


@pytest.mark.parametrize('key', ['container_count', 'object_count', 'bytes_used'])
def test_totals_of_an_account_must_be_those_of_its_policies(tmp_path, key):
    broker = filled(tmp_path, 'account')
    total = {'container_count': 3, 'object_count': 3, 'bytes_used': 30}[key]
    raw(broker, 'UPDATE account_stat SET %s = %s + 1' % (key, key))
    audited = Audited(tmp_path, 'account')
    assert audited.once() == (0, 1)
    assert ('Audit Failed for %s: The total %s for the account AUTH_test (%d) does not match the '
            'sum of %s across policies (%d)' % (broker.path, key, total + 1, key, total)
            in audited.errors())
    assert os.path.exists(broker.path)


@pytest.mark.parametrize('kind', ['account', 'container'])
def test_deleted_databases_and_empty_directories_count_nothing(tmp_path, kind):
    broker = BROKERS[kind](tmp_path / 'node')
    broker.delete_db('1700000005.00000')
    broker.close()
    directory = tmp_path / 'node/sda1' / broker.place.datadir / '9/abc'
    (directory / ('0' * 32)).mkdir(parents=True)
    (directory / 'odd').mkdir()
    (directory / 'file').write_text('')
    audited = Audited(tmp_path, kind)
    assert audited.once() == (0, 0) and audited.errors() == ''


GOLDEN = [case for case in golden_databases.cases() if 'deleted' not in case.name]


@pytest.mark.parametrize('case', GOLDEN, ids=lambda case: case.name)
def test_golden_databases_pass(tmp_path, case):
    audited = Audited(tmp_path, case['kind'])
    case.install(audited.node)
    assert audited.once() == (1, 0) and audited.errors() == ''


def test_the_rate_is_kept_and_reports_come_every_hour(tmp_path):
    filled(tmp_path, 'container')
    audited = Audited(tmp_path, containers_per_second='0.0004')
    for _ in range(4):
        audited.auditor.run_pass()
    assert audited.slept == []                          # each pass begins afresh
    audited.clock.advance(3600)
    audited.auditor.run_pass()
    recon = audited.recon()
    assert recon['container_audits_passed'] == 5 and recon['container_audits_failed'] == 0
    assert audited.auditor.passed == 0
    assert any('5 passed audit, 0 failed audit' in line for line in audited.logger.lines(log.INFO))


def test_databases_are_spread_over_the_passes_in_which_they_are_read_whole(tmp_path):
    broker = filled(tmp_path, 'container', 3000)
    audited = Audited(tmp_path, full_check_passes='3')
    damage_rows(broker)
    found = []
    for _ in range(3):
        audited.auditor.run_pass()
        found.append(audited.auditor.failed)
    assert found[-1] == 1


def test_unmounted_devices_are_skipped(tmp_path):
    filled(tmp_path, 'container')
    audited = Audited(tmp_path, mount_check='true')
    assert audited.once() == (0, 0)
    assert any('Skipping' in line for line in audited.logger.lines(log.WARNING))
