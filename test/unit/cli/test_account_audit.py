"""swift-account-audit against a cluster of one stub server."""
import io
import json

import pytest

from swift.cli import account_audit
from test.support.stub_cluster import ACCOUNT, DEVICES, StubCluster

GOOD = ('Auditing account "AUTH_test"\nAuditing container "c"\n'
        '  Accounts checked: 1\nContainers checked: 1\n   Objects checked: 5\n')


class NoInput(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def cluster(tmp_path):
    stub = StubCluster(tmp_path)
    (tmp_path / 'swift.conf').write_text((tmp_path / 'swift.conf').read_text() + (
        '[swift-constraints]\ncontainer_listing_limit = 3\naccount_listing_limit = 3\n'))
    for number in range(5):
        stub.put_object('c', f'o{number}', b'body %d' % number)
    yield stub
    stub.close()


def audit(cluster, *words, stdin=None):
    return account_audit.main(['-r', str(cluster.folder), *words], stdin=stdin or NoInput())


def primaries(cluster, path):
    """Return [(device, path)] of the nodes that are asked for a path."""
    found = {asked.split('/')[1] for method, asked, _headers in cluster.requests
             if asked.count('/') > 2 and asked.split('/', 3)[3] == path}
    assert len(found) == 3 and found < set(DEVICES)
    return sorted((device, path) for device in found)


def broken(cluster, capsys, *words):
    """Return what is printed about a cluster that somebody has broken."""
    capsys.readouterr()
    assert audit(cluster, *words) == 1
    return capsys.readouterr().out


@pytest.fixture
def audited(cluster, capsys):
    assert audit(cluster, '-d', ACCOUNT) == 0
    assert capsys.readouterr() == (GOOD, '')
    return cluster


def test_every_replica_of_everything_is_asked(audited):
    for path in (ACCOUNT, f'{ACCOUNT}/c', *(f'{ACCOUNT}/c/o{number}' for number in range(5))):
        primaries(audited, path)


def test_single_object(cluster, capsys):
    assert audit(cluster, f'{ACCOUNT}/c/o1') == 0
    assert capsys.readouterr().out == (
        '  Accounts checked: 0\nContainers checked: 0\n   Objects checked: 1\n')


def test_paths_on_standard_input(cluster, capsys):
    assert audit(cluster, stdin=io.StringIO(f'/{ACCOUNT}/c/o1\n\n{ACCOUNT}/c\n')) == 0
    out = capsys.readouterr().out
    assert out.startswith('Auditing container "c"\n') and '   Objects checked: 6\n' in out


def test_missing_replica(audited, capsys, tmp_path):
    place = primaries(audited, f'{ACCOUNT}/c/o2')[0]
    audited.lost = {place}
    errors = tmp_path / 'errors'
    out = broken(audited, capsys, ACCOUNT, '-e', str(errors))
    assert f'  {ACCOUNT}/c/o2 is missing on 127.0.0.1:{audited.port}/{place[0]}: 404\n' in out
    assert out.endswith('  Missing Replicas: 1\n')
    assert errors.read_text() == f'{ACCOUNT}/c/o2\n'


def listing(cluster, names=None, headers=(), **changes):
    """Return the first page of a copy of container c that differs."""
    names = [f'o{number}' for number in range(3)] if names is None else names
    rows = [{**cluster._row('c', name), **changes} for name in names]
    return 200, {'X-Backend-Storage-Policy-Index': '0', **dict(headers)}, json.dumps(rows).encode()


def test_object_that_one_copy_of_the_container_does_not_list(audited, capsys):
    audited.copies = {primaries(audited, f'{ACCOUNT}/c')[1]: listing(audited, [])}
    out = broken(audited, capsys, f'{ACCOUNT}/c')
    assert out.count(' is not listed by every copy of its container\n') == 3
    assert out.endswith('   Object mismatch: 3\n')


@pytest.mark.parametrize('changes', [{'hash': '0' * 32}, {'last_modified': '2020'}])
def test_rows_that_differ(audited, capsys, changes):
    place = primaries(audited, f'{ACCOUNT}/c')[0]
    audited.copies = {place: listing(audited, **changes)}
    out = broken(audited, capsys, f'{ACCOUNT}/c/o0')
    assert f' is listed with different {next(iter(changes))}: ' in out
    assert '   Object mismatch: 1\n' in out


def test_counts_that_differ(audited, capsys):
    headers = {'X-Container-Object-Count': '7'}
    audited.copies = {primaries(audited, f'{ACCOUNT}/c')[0]: listing(audited, headers=headers)}
    out = broken(audited, capsys, f'{ACCOUNT}/c')
    assert f'  {ACCOUNT}/c has different X-Container-Object-Count: ' in out
    assert out.endswith('    Count mismatch: 1\n')


def test_etag_that_is_not_the_listed_one(audited, capsys):
    place = primaries(audited, f'{ACCOUNT}/c/o0')[0]
    audited.copies = {place: (200, {'Etag': 'abc', 'X-Timestamp': '1700000000.00000'}, b'')}
    out = broken(audited, capsys, f'{ACCOUNT}/c/o0')
    assert f'has ETag abc on 127.0.0.1:{audited.port}/{place[0]} and ' in out
    assert out.endswith('      MD5 Mismatch: 1\n')


def test_bytes_are_read_when_asked(audited, capsys):
    place = primaries(audited, f'{ACCOUNT}/c/o0')[0]
    etag = audited._row('c', 'o0')['hash']
    audited.copies = {place: (200, {'Etag': etag, 'X-Timestamp': '1700000000.00000',
                                    'Content-Length': '6'}, b'rotten')}
    assert audit(audited, f'{ACCOUNT}/c/o0') == 0
    out = broken(audited, capsys, f'{ACCOUNT}/c/o0', '-d')
    assert f'  {ACCOUNT}/c/o0 has bytes of MD5 ' in out
    assert out.endswith('      MD5 Mismatch: 1\n')


def test_container_that_the_account_does_not_list(audited, capsys):
    audited.copies = {place: (200, {}, b'[]') for place in primaries(audited, ACCOUNT)[:1]}
    for path in (ACCOUNT, f'{ACCOUNT}/c'):
        out = broken(audited, capsys, path)
        assert f'  {ACCOUNT}/c is ' in out and out.endswith('Container mismatch: 1\n')


def test_node_that_talks_nonsense_is_an_exception(audited, capsys):
    place = primaries(audited, f'{ACCOUNT}/c/o0')[0]
    audited.copies = {place: (200, {'Content-Length': 'many'}, b'')}
    out = broken(audited, capsys, f'{ACCOUNT}/c/o0')
    assert 'cannot be asked for on' in out and out.endswith('        Exceptions: 1\n')


def test_listing_without_end_is_an_exception(audited, capsys):
    audited.deaf_to_markers = True
    out = broken(audited, capsys, f'{ACCOUNT}/c')
    assert out.count(' again and again from o0 on\n') == 3 and '   Objects checked: 3\n' in out


def test_policy_that_is_not_configured(audited, capsys):
    headers = {'X-Backend-Storage-Policy-Index': '9'}
    audited.copies = {place: listing(audited, headers=headers)
                      for place in primaries(audited, f'{ACCOUNT}/c')}
    out = broken(audited, capsys, f'{ACCOUNT}/c/o0')
    assert 'is in policy 9, which swift.conf does not have' in out


def test_policy_of_the_container_is_told_to_the_object_servers(audited, capsys):
    headers = {'X-Backend-Storage-Policy-Index': '1', 'X-Backend-Status-Changed-At': '2.0'}
    audited.copies = {place: listing(audited, headers=headers)
                      for place in primaries(audited, f'{ACCOUNT}/c')[:1]}
    audit(audited, f'{ACCOUNT}/c/o0')
    assert audited.requests[-1][0] == 'HEAD'
    assert audited.requests[-1][2]['X-Backend-Storage-Policy-Index'] == '1'


def test_sharded_container_is_left_alone(audited, capsys):
    headers = {'X-Backend-Sharding-State': 'sharded'}
    audited.copies = {place: listing(audited, [], headers)
                      for place in primaries(audited, f'{ACCOUNT}/c')}
    capsys.readouterr()
    assert audit(audited, f'{ACCOUNT}/c', f'{ACCOUNT}/c/o1') == 0
    assert 'is sharded: its objects are not compared' in capsys.readouterr().out


@pytest.mark.parametrize('words, code', [
    ([], 2), (['-x'], 2), (['-c', '0', 'a'], 2), (['a//o'], 1), (['/'], 1),
    (['-e', '/nowhere/e', 'a'], 1), (['-r', '/nowhere', 'a'], 1)])
def test_bad_input_is_refused_in_one_line(cluster, capsys, words, code):
    try:
        got = audit(cluster, *words)
    except SystemExit as stop:
        got = stop.code
    out, err = capsys.readouterr()
    assert got == code and out == '' and err.count('\n') == 1
