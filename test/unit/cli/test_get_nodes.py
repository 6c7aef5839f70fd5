"""swift-get-nodes: what it prints and when it refuses."""
import io
import shutil

import pytest

from swift.cli.get_nodes import main
from test.support.golden_rings import FOLDER, cases

CONF = """[swift-hash]
swift_hash_path_prefix = changeme
swift_hash_path_suffix = changeme
[storage-policy:0]
name = gold
default = yes
[storage-policy:1]
name = silver
aliases = grey
"""
OBJECT = """
Account  \tAUTH_test
Container\tc1
Object   \to%201


Partition\t{part}
Hash     \t94a55635b3df108cc7fe71b5a58a40cc

"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'swift.conf').write_text(CONF)
    for name in ('account', 'container', 'object', 'object-1'):
        shutil.copyfile(FOLDER / 'four_zones/v1/object.ring.gz', tmp_path / f'{name}.ring.gz')

    def run_program(*arguments):
        out, err = io.StringIO(), io.StringIO()
        code = main(['-d', str(tmp_path), *map(str, arguments)], out=out, err=err)
        return code, out.getvalue(), err.getvalue()
    return run_program


def ok(result):
    code, out, err = result
    assert (code, err) == (0, '')
    return out


def test_object_in_the_first_policy(run):
    out = ok(run('object.ring.gz', 'AUTH_test', 'c1', 'o 1'))
    part = 0x94a55635 >> 22
    assert out.startswith(OBJECT.format(part=part))
    lines = out.splitlines()
    servers = [line for line in lines if line.startswith('Server:Port Device\t')]
    assert len(servers) == 4 and [line.endswith('\t [Handoff]') for line in servers] == [
        False, False, False, True]
    requests = [line for line in lines if line.startswith('curl ')]
    ip = servers[0].split('\t')[1].split(':')[0]
    assert requests[0] == (f'curl -g -I -XHEAD "http://{ip}:6200/sda/{part}/AUTH_test/c1/o%201" '
                           '--path-as-is')
    assert requests[3].endswith(' --path-as-is # [Handoff]')
    shells = [line for line in lines if line.startswith('ssh ')]
    assert shells[0] == (f'ssh {ip} "ls -lah ${{DEVICE:-/srv/node*}}/sda/objects/{part}/0cc/'
                         '94a55635b3df108cc7fe71b5a58a40cc"')
    assert shells[3].endswith('" # [Handoff]')
    assert '\n\n\nUse your own device location of servers:\n' in out
    assert lines[-1] == ('note: `/srv/node*` is used as default value of `devices`, the real value '
                         'is set in the config file on each storage node.') and lines[-2] == ''


@pytest.mark.parametrize('arguments', [
    ('object-1.ring.gz', 'AUTH_test', 'c1', 'o 1'), ('-P', 'silver', 'AUTH_test', 'c1', 'o 1'),
    ('-P', 'GREY', 'AUTH_test/c1/o 1'), ('-Q', '-P', 'silver', '/AUTH_test/c1/o%201')])
def test_object_in_another_policy(run, arguments):
    out = ok(run(*arguments))
    assert out.startswith(OBJECT.format(part=594))
    assert out.count('-H "X-Backend-Storage-Policy-Index: 1" --path-as-is') == 4
    assert out.count('/objects-1/594/0cc/') == 4


def test_account_and_container(run):
    out = ok(run('account.ring.gz', 'AUTH_test'))
    assert 'Container\tNone\nObject   \tNone\n' in out and '/accounts/802/178/c8bc' in out
    assert '/802/AUTH_test" --path-as-is' in out and 'WARNING' not in out
    out = ok(run('container.ring.gz', 'AUTH_test', 'c'))
    assert '/containers/61/cae/0f65' in out and 'WARNING' not in out


def test_partition(run):
    out = ok(run('object.ring.gz', '-p', 3))
    assert out.startswith('Partition\t3\nHash     \tNone\n\nServer:Port Device\t')
    assert '/3/None" --path-as-is\n' in out and '/sda/objects/3"\n' in out
    assert '-H "X-Backend-Storage-Policy-Index: 1"' in ok(run('-P', 'silver', '-p', 3))


def test_all_handoffs(run, tmp_path):
    shutil.copyfile(FOLDER / 'overload_none/v1/object.ring.gz', tmp_path / 'object.ring.gz')
    few, all_ = (ok(run(*more, 'object.ring.gz', '-p', 3)) for more in ((), ('-a',)))
    assert few.count('Server:Port') == 6
    expected = cases()['overload_none']['rings']['v1']
    assert all_.count('Server:Port') == expected['assigned_device_count']


def test_ipv6_is_bracketed_in_urls_only(run, tmp_path):
    shutil.copyfile(FOLDER / 'two_regions/v1/object.ring.gz', tmp_path / 'object.ring.gz')
    out = ok(run('-a', 'object.ring.gz', '-p', 0))
    assert 'http://[fe80::2]:6200/' in out and 'ssh fe80::2 ' in out
    assert 'Device\tfe80::2:6200' in out


def test_warnings(run):
    assert ok(run('object.ring.gz', 'a')).startswith(
        'WARNING: account specified but ring not named "account"\n\nAccount')
    assert ok(run('object.ring.gz', 'a', 'c')).startswith(
        'WARNING: account/container specified but ring not named "container"\n')
    assert ok(run('-P', 'silver', 'object.ring.gz', 'a', 'c', 'o')).startswith(
        'WARNING: mismatch between ring and policy name!\n')


@pytest.mark.parametrize('arguments, reason', [
    ((), 'Need to specify policy_name or <ring.gz>'), (('a', 'c'), 'Need to specify policy_name'),
    (('-P', 'nope', 'a'), "No policy named 'nope'"),
    (('x.ring.gz', 'a'), 'Ring file does not exist'),
    (('object.ring.gz',), 'No target specified'), (('object.ring.gz', '/'), 'No target specified'),
    (('object.ring.gz', 'a', 'b', 'c', 'd'), 'Invalid arguments'),
    (('object.ring.gz', '-p', 'x'), 'Invalid arguments'), (('--bogus',), 'unrecognized arguments')])
def test_refused(run, arguments, reason):
    code, out, err = run(*arguments)
    assert code == 1 and out == ''
    assert err.startswith('usage: swift-get-nodes [-a] <ring.gz>') and f'ERROR: {reason}' in err


def test_no_salt_or_a_damaged_ring(run, tmp_path):
    (tmp_path / 'object.ring.gz').write_bytes(b'x')
    code, _out, err = run('object.ring.gz', 'a')
    assert code == 1 and 'damaged or no ring' in err
    (tmp_path / 'swift.conf').write_text('')
    code, _out, err = run('account.ring.gz', 'a')
    assert code == 1 and 'both swift_hash_path_suffix and swift_hash_path_prefix are' in err
