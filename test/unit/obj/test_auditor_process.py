"""The program swift-object-auditor: options, and death at every durable step."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from swift.common.fs import CRASH_POINT_VARIABLE
from test.support.object_node import Node

ROOT = Path(__file__).resolve().parents[3]


class Host:
    """A configuration, and devices with three objects of which one is cut."""

    def __init__(self, tmp_path):
        self.tmp = tmp_path
        for name in ('devices/sda', 'devices/sdb', 'recon'):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / 'swift.conf').write_text('[swift-hash]\nswift_hash_path_prefix = changeme\n'
                                             'swift_hash_path_suffix = changeme\n')
        self.conf = tmp_path / 'object-server.conf'
        self.conf.write_text(
            f'[DEFAULT]\ndevices = {tmp_path}/devices\nmount_check = false\n'
            f'swift_dir = {tmp_path}\nuser = root\nlog_file = {tmp_path}/log\n'
            f'recon_cache_path = {tmp_path}/recon\n[object-auditor]\n'
            'files_per_second = 0\nzero_byte_files_per_second = 1000\n')
        node = Node(tmp_path / 'devices')
        for number in range(3):
            node.request('PUT', '/sda/%d/a/c/o%d' % (number, number), {
                'X-Timestamp': '1700000000.00000', 'Content-Type': 'text/plain'}, b'hello')
        node.close()
        path, = tmp_path.glob('devices/sda/objects/1/*/*/*.data')
        os.truncate(path, 0)

    def run(self, *words, crash_at=''):
        env = {**os.environ, 'PYTHONPATH': str(ROOT), CRASH_POINT_VARIABLE: crash_at}
        done = subprocess.run([sys.executable, str(ROOT / 'bin/swift-object-auditor'),
                               str(self.conf), *words], capture_output=True, text=True,
                              check=False, env=env, start_new_session=True)
        return done.returncode

    def log(self):
        return (self.tmp / 'log').read_text()

    def quarantined(self):
        return list(self.tmp.glob('devices/sda/quarantined/objects/*'))

    def status_files(self):
        return list(self.tmp.glob('devices/*/objects/auditor_status*'))


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_once_audits_quarantines_and_leaves_no_status(host):
    assert host.run('once') == 0
    assert len(host.quarantined()) == 1 and host.status_files() == []
    log = host.log()
    assert log.count('failed audit and was quarantined') == 1
    assert 'Object audit (ALL) completed: ' in log and 'Object audit (ZBF) completed: ' in log


def test_options_choose_scan_and_devices(host):
    assert host.run('once', '-d', 'sdb') == 0
    assert host.quarantined() == []
    assert host.run('once', '-z', '1000', '-d', 'sda') == 0
    assert len(host.quarantined()) == 1 and 'Begin object audit "ZBF" mode on sda' in host.log()
    assert 'Begin object audit "ALL" mode on sda' not in host.log()


@pytest.mark.parametrize('step', ['1', '3', '6', 'mark dirty'])
def test_killed_at_any_durable_step_the_next_run_completes_the_pass(host, step):
    assert host.run('once', '-z', '1000', crash_at=step) == -9
    assert host.run('once', '-z', '1000') == 0
    assert len(host.quarantined()) == 1 and host.status_files() == []
    assert not list(host.tmp.glob('devices/sda/objects/*.tmp'))
