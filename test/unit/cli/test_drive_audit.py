"""swift-drive-audit on a machine made of files, with an umount of our own."""
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from swift.cli import drive_audit
from swift.cli.drive_audit import Machine, backwards, main

NOW = datetime(2024, 1, 2, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]


class Host:
    """A machine with two drives, sdb and sdc, mounted below node/."""

    def __init__(self, tmp_path, monkeypatch):
        self.tmp = tmp_path
        for name in ('node/b', 'node/c', 'proc', 'recon', 'bin', 'log'):
            (tmp_path / name).mkdir(parents=True)
        self.node = tmp_path / 'node'
        (tmp_path / 'proc/mounts').write_text(
            '/dev/sda1 / ext4 rw 0 0\n/dev/sdb %s/b xfs rw 0 0\n/dev/sdc %s/c xfs rw 0 0\n'
            % (self.node, self.node))
        (tmp_path / 'proc/partitions').write_text('major minor #blocks name\n')
        self.fstab = tmp_path / 'fstab'
        self.fstab.write_text('/dev/sdb %s/b xfs\n/dev/sdc %s/c xfs\n' % (self.node, self.node))
        self.calls = tmp_path / 'calls'
        for name in ('umount', 'systemctl'):
            program = tmp_path / 'bin' / name
            program.write_text('#!/bin/sh\necho %s "$@" >> %s\n' % (name, self.calls))
            program.chmod(0o755)
        monkeypatch.setenv('PATH', '%s:%s' % (tmp_path / 'bin', os.environ['PATH']))
        self.machine = Machine(str(tmp_path / 'proc'), str(tmp_path / 'block'), str(self.fstab),
                               str(tmp_path / 'systemd'))
        # Temporary directories are all on one file system: their names must tell them apart.
        monkeypatch.setattr(drive_audit.Audit, '_kernel_name', lambda *_args: None)

    def log(self, text, name='kern.log', mtime=None):
        path = self.tmp / 'log' / name
        path.write_text(text)
        if mtime is not None:
            os.utime(path, (mtime, mtime))

    def run(self, **options):
        conf = self.tmp / 'drive-audit.conf'
        conf.write_text('[drive-audit]\n' + ''.join('%s = %s\n' % item for item in {
            'device_dir': self.node, 'recon_cache_path': self.tmp / 'recon', 'user': 'root',
            'log_file_pattern': self.tmp / 'log' / 'kern.*', 'log_file': self.tmp / 'audit.log',
            **options}.items()))
        return main([str(conf)], self.machine, NOW)

    def commands(self):
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def lines(self):
        return [line.partition('drive-audit: ')[2]
                for line in (self.tmp / 'audit.log').read_text().splitlines()]

    def recon(self):
        return json.loads((self.tmp / 'recon/drive.recon').read_text())


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch)


def errors(device, count=1, time='Jan  2 11:50:00'):
    return '%s h kernel: I/O error, dev %s, sector 1\n' % (time, device) * count


def test_failing_drives_are_unmounted_and_leave_fstab(host):
    host.log(errors('sdb', 3) + errors('sdx'))
    assert host.run() == 0
    assert host.commands() == ['umount -fl %s/b' % host.node]
    assert host.fstab.read_text() == ('#/dev/sdb %s/b xfs\n/dev/sdc %s/c xfs\n'
                                      % (host.node, host.node))
    assert host.recon() == {'drive_audit_errors': 3, '%s/b' % host.node: 3, '%s/c' % host.node: 0}
    assert 'Unmounting %s/b with 3 errors' % host.node in host.lines()
    assert not (host.tmp / 'fstab.new').exists()


def test_systemd_is_told_of_the_new_fstab(host):
    (host.tmp / 'systemd').mkdir()
    host.log(errors('sdc'))
    assert host.run() == 0
    assert host.commands() == ['umount -fl %s/c' % host.node, 'systemctl daemon-reload']


def test_only_counting(host):
    host.log(errors('sdb', 2))
    assert host.run(unmount_failed_device='false') == 0
    assert host.commands() == [] and '#' not in host.fstab.read_text()
    assert host.recon()['drive_audit_errors'] == 2
    assert host.lines()[-2:] == ['Detected %s/b with 2 errors (Device not unmounted)' % host.node,
                                 'No drives were unmounted']


@pytest.mark.parametrize('text, options', [
    (errors('sdb', 2), {'error_limit': 3}), (errors('sdb', time='Jan  2 10:59:00'), {}),
    (errors('sdb') + 'Jan  2 11:55:00 h kernel: [    0.000000] Linux\n', {}),
    (errors('sdb'), {'minutes': 5}), (errors('sdx'), {}), ('', {}), (errors('sda1'), {})])
def test_what_is_few_old_or_elsewhere_does_nothing(host, text, options):
    host.log(text)
    assert host.run(**options) == 0
    assert host.commands() == [] and host.recon()['drive_audit_errors'] == 0
    assert host.lines() == ['No drives were unmounted']


def test_older_logs_are_read_until_old_lines_come(host):
    host.log(errors('sdb'), 'kern.log', 3000)
    host.log(errors('sdb', time='Jan  1 11:50:00') + errors('sdb'), 'kern.log.1', 2000)
    host.log(errors('sdb', 5), 'kern.log.2', 1000)
    host.run()
    assert host.recon()['drive_audit_errors'] == 2


def test_own_patterns_replace_the_built_in_ones(host):
    host.log(errors('sdb') + 'Jan  2 11:55:00 h kernel: bad thing in sdc!\n')
    assert host.run(regex_pattern_1=r'bad thing in (\w+)!') == 0
    assert host.commands() == ['umount -fl %s/c' % host.node]


def test_a_failing_umount_is_told(host):
    (host.tmp / 'bin/umount').write_text('#!/bin/sh\necho busy >&2\nexit 32\n')
    host.log(errors('sdb'))
    assert host.run() == 0
    assert any('ended with 32: busy' in line for line in host.lines())


@pytest.mark.parametrize('options', [
    {'regex_pattern_1': '('}, {'regex_pattern_1': 'x'}, {'error_limit': 'many'},
    {'log_file_encoding': 'klingon'}])
def test_what_cannot_be_used_is_refused(host, options, capsys):
    host.log(errors('sdb'))
    assert host.run(**options) == 1 and capsys.readouterr().err
    assert host.commands() == []


def test_unreadable_log_and_configuration(host, capsys):
    (host.tmp / 'log/kern.dir').mkdir()
    assert host.run() == 1
    assert main([str(host.tmp / 'missing.conf')]) == 1
    assert main([]) == 1
    assert 'Unable to open' in capsys.readouterr().err


@pytest.mark.parametrize('block', [3, 7, 65536])
def test_files_are_read_backwards(tmp_path, monkeypatch, block):
    monkeypatch.setattr(drive_audit, 'BLOCK_BYTES', block)
    path = tmp_path / 'log'
    for text in (b'', b'one', b'one\n', b'one\ntwo\n\nthree', b'\n\nlonger line here\n'):
        path.write_bytes(text)
        assert list(backwards(str(path))) == [line for line in reversed(text.split(b'\n')) if line]


def test_kernel_names_come_from_the_device_number(tmp_path):
    number = os.stat(tmp_path).st_dev
    key = os.major(number), os.minor(number)
    audit = drive_audit.Audit(None, None, Machine(block=str(tmp_path)), NOW)
    assert audit._kernel_name(str(tmp_path), {key: 'sdz'}) == 'sdz'
    (tmp_path / ('%d:%d' % key)).symlink_to('../sdy1')
    assert audit._kernel_name(str(tmp_path), {key: 'sdz'}) == 'sdy1'
    assert audit._kernel_name(str(tmp_path / 'missing'), {}) is None


def test_the_program_starts(tmp_path):
    done = subprocess.run([sys.executable, str(ROOT / 'bin/swift-drive-audit')],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and 'Usage: swift-drive-audit CONF' in done.stderr
