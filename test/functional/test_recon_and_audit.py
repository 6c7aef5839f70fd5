"""Damage on the disks of a real cluster: auditors find it, swift-recon shows what they found."""
import glob
import json
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

# Those that find damage, and those that would repair it before a test has looked.
DAEMONS = ('object-auditor', 'container-auditor', 'account-auditor',
           'object-replicator', 'container-replicator', 'account-replicator')


@pytest.fixture(scope='module')
def quiet(saio):
    """The cluster without auditors and replicators that run by themselves."""
    assert saio.swift_init(*DAEMONS, 'stop').returncode == 0
    # A pass that was interrupted goes on with what was left then; the next one sees everything.
    audit_objects(saio)
    yield saio
    assert saio.swift_init(*DAEMONS, 'start').returncode == 0


def audit_objects(saio):
    """One pass on every node, as fast as it goes: at the usual rate it would take minutes."""
    for number in saio.layout.node_numbers:
        usual = Path(saio.layout.etc, 'object-server', f'{number}.conf')
        hasty = usual.with_name(f'hasty-{number}.conf')
        hasty.write_text(usual.read_text().replace('[object-auditor]\n', (
            '[object-auditor]\nfiles_per_second = 100000\n'
            'zero_byte_files_per_second = 100000\n')))
        done = saio.program('swift-object-auditor', str(hasty), 'once')
        hasty.unlink()
        assert done.returncode == 0, done.stderr


def recon(saio, *words):
    done = saio.program('swift-recon', *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def stored(saio, pattern):
    return sorted(glob.glob(os.path.join(saio.layout.root, 'srv', '**', pattern),
                            recursive=True))


def test_every_check_is_answered_by_every_server(saio):
    for server_type in ('object', 'container', 'account'):
        report = recon(saio, server_type, '--all')
        count = len(saio.layout.node_numbers)
        assert '--> Starting reconnaissance on %d hosts (%s)' % (count, server_type) in report
        assert '%d/%d hosts ok, 0 error[s] while checking hosts.' % (count, count) in report
        assert report.count('%d/%d hosts matched, 0 error[s]' % (count, count)) >= 2
        assert '-> http' not in report.replace('Error. No drive info available.', '').replace(
            '/recon/diskusage', '').split('Checking disk usage')[0]


def test_paths_that_do_not_exist(saio):
    for kind, number in (('object', 1), ('container', 2), ('account', 3)):
        url = 'http://%s:%d/recon/nope' % (saio.layout.ip(number),
                                          saio.layout.port_of(kind, number))
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url, timeout=10)
        assert refused.value.code == 404
        assert refused.value.read() == b'Invalid path: /recon/nope'


def test_rotten_object_is_quarantined_and_shown(quiet, client, container):
    before = set(stored(quiet, 'objects*/*/*/*/*.data'))
    assert client.put(container + '/rot', b'sound').status == 201
    rotten = sorted(set(stored(quiet, 'objects*/*/*/*/*.data')) - before)[0]
    with open(rotten, 'r+b') as file:
        file.write(b'm')
    audit_objects(quiet)
    assert not os.path.exists(rotten)
    hash_ = os.path.basename(os.path.dirname(rotten))
    assert len(stored(quiet, 'quarantined/objects*/' + hash_)) == 1
    assert client.get(container + '/rot').body == b'sound'
    files = glob.glob(os.path.join(quiet.layout.root, 'cache', '*', 'object.recon'))
    stats = [json.loads(Path(path).read_text())['object_auditor_stats_ALL'] for path in files]
    assert sum(entry['quarantined'] for entry in stats) == 1


def test_damaged_database_is_quarantined(quiet, client, container):
    assert client.put(container + '/o', b'x').status == 201
    assert client.get(container).status == 200
    databases = stored(quiet, 'containers/*/*/*/*.db')
    newest = max(databases, key=os.path.getctime)
    with open(newest, 'r+b') as file:
        file.write(os.urandom(4096))
    quiet.swift_init('container-auditor', 'once')
    hash_ = os.path.basename(os.path.dirname(newest))
    assert not os.path.exists(newest)
    assert len(stored(quiet, 'quarantined/containers/%s*' % hash_)) == 1
    assert client.get(container).status == 200
