"""The command line of rsync and its module names."""
import pytest

from swift.core.rsync_rules import (
    BadModule,
    RsyncLimits,
    push_command,
    rsync_module,
    worth_logging,
)

NODE = {'ip': '10.0.0.1', 'port': 6200, 'replication_ip': '::1', 'replication_port': 6210,
        'region': 1, 'zone': 2, 'device': 'sda', 'meta': 'm'}


@pytest.mark.parametrize('template, module', [
    ('{replication_ip}::object', '[::1]::object'),
    ('{ip}::object_{device}/', '10.0.0.1::object_sda'),
    ('{ip}::object{replication_port}', '10.0.0.1::object6210'),
    ('{ip}:{port}:{region}:{zone}:{meta}', '10.0.0.1:6200:1:2:m')])
def test_modules(template, module):
    assert rsync_module(template, NODE) == module


@pytest.mark.parametrize('template', ['{nonsense}::object', '{}::object', '{ip', '{ip.x}'])
def test_bad_modules(template):
    with pytest.raises(BadModule, match='Cannot interpolate rsync_module, invalid variable'):
        rsync_module(template, NODE)


def test_the_command_line():
    command = push_command(RsyncLimits(30, '5M', True), False, ['/a/12/abc', '/a/12/def'],
                           'h::object/sda/objects/12')
    assert ' '.join(command) == (
        'rsync --recursive --whole-file --human-readable --xattrs --itemize-changes '
        '--ignore-existing --timeout=30 --contimeout=30 --bwlimit=5M '
        '--exclude=.*.[0-9a-zA-Z][0-9a-zA-Z][0-9a-zA-Z][0-9a-zA-Z][0-9a-zA-Z][0-9a-zA-Z] '
        '/a/12/abc /a/12/def h::object/sda/objects/12')
    remote = push_command(RsyncLimits(30, '0', True), True, ['x'], 'y')
    assert remote[-3:] == ['--compress', 'x', 'y']
    assert '--compress' not in push_command(RsyncLimits(), True, ['x'], 'y')


def test_which_lines_are_logged():
    assert not worth_logging('cd+++++++++ abc/', True)
    assert worth_logging('<f+++++++++ abc/1.data', True)
    assert not worth_logging('<f+++++++++ abc/1.data', False)
    assert worth_logging('rsync: failed', False)
