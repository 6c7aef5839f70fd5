"""rsync modules of nodes (07 §19), the commands for one file (03 §16.4) and for directories."""
import pytest

from swift.core.ring_lookup import Node
from swift.core.rsync_module import (
    BadModule,
    RsyncLimits,
    directories_command,
    file_command,
    module_of,
    worth_logging,
)

NODE = Node(id=1, region=2, zone=3, ip='10.0.0.1', port=6201, replication_ip='fe80::1',
            replication_port=6301, device='sdb1', weight=1, meta='m')


@pytest.mark.parametrize('template, module', [
    ('{replication_ip}::container', '[fe80::1]::container'),
    ('{ip}::c_{device}/', '10.0.0.1::c_sdb1'),
    ('{ip}:{port}:{replication_port}:{region}:{zone}:{meta}', '10.0.0.1:6201:6301:2:3:m'),
    ('rsync://{ip}:8873/c', 'rsync://10.0.0.1:8873/c')])
def test_modules(template, module):
    assert module_of(template, NODE) == module


@pytest.mark.parametrize('template', ['{nobody}', '{}', '{ip', '{ip.x}', '{weight}'])
def test_templates_that_are_none(template):
    with pytest.raises(BadModule, match='Cannot interpolate rsync_module, invalid variable'):
        module_of(template, NODE)


def test_command_for_a_file():
    assert file_command('/a', 'm/b', 9.5, 0.5, True) == [
        'rsync', '--quiet', '--no-motd', '--timeout=10', '--contimeout=1', '--whole-file',
        '--compress', '/a', 'm/b']


def test_command_for_directories():
    command = directories_command(RsyncLimits(30, '5M', True), False,
                                  ['/a/12/abc', '/a/12/def'], 'h::object/sda/objects/12')
    assert ' '.join(command) == (
        'rsync --recursive --whole-file --human-readable --xattrs --itemize-changes '
        '--ignore-existing --timeout=30 --contimeout=30 --bwlimit=5M '
        '--exclude=.*.[0-9a-zA-Z][0-9a-zA-Z][0-9a-zA-Z][0-9a-zA-Z][0-9a-zA-Z][0-9a-zA-Z] '
        '/a/12/abc /a/12/def h::object/sda/objects/12')
    remote = directories_command(RsyncLimits(30, '0', True), True, ['x'], 'y')
    assert remote[-3:] == ['--compress', 'x', 'y']
    assert '--compress' not in directories_command(RsyncLimits(), True, ['x'], 'y')


def test_which_lines_are_logged():
    assert not worth_logging('cd+++++++++ abc/', True)
    assert worth_logging('<f+++++++++ abc/1.data', True)
    assert not worth_logging('<f+++++++++ abc/1.data', False)
    assert worth_logging('rsync: failed', False)
