"""The dispersion tools against a cluster of one stub server."""
import json

import pytest

from swift.cli.dispersion import populate, report
from swift.common.clock import ManualClock
from swift.core.ring_lookup import Node
from test.support.stub_cluster import ACCOUNT, StubCluster


@pytest.fixture
def cluster(tmp_path):
    stub = StubCluster(tmp_path)
    yield stub
    stub.close()


def no_pause(seconds):
    """Sleep for nothing."""


def run_populate(cluster, *words):
    return populate.main([*words, str(cluster.conf)], clock=ManualClock(), sleep=no_pause)


def run_report(cluster, *words):
    return report.main([*words, str(cluster.conf)], clock=ManualClock(), sleep=no_pause)


def populated(cluster, capsys, *words):
    assert run_populate(cluster, *words) == 0
    return capsys.readouterr().out


def places(cluster, kind):
    """Return [(device, path)] of the requests to nodes for containers or objects."""
    slashes = {'container': 4, 'object': 5}[kind]
    return [(path.split('/')[1], path.split('/', 3)[3]) for method, path, _headers
            in cluster.requests if method == 'HEAD' and path.count('/') == slashes]


# -- populate -------------------------------------------------------------------------------------

def test_populate_covers_half_of_the_partitions(cluster, capsys):
    assert populated(cluster, capsys) == (
        'Using storage policy: gold \n'
        'Created 8 containers for dispersion reporting, 0s, 0 retries\n'
        'Total container coverage is now 50.00%.\n'
        'Created 8 objects for dispersion reporting, 0s, 0 retries\n'
        'Total object coverage is now 50.00%.\n')
    objects = {name: put for name, put in cluster.puts.items() if '/' in name}
    assert len(objects) == 8 and len(cluster.puts) == 8 + 1 + 8
    headers, body = objects['dispersion_objects_0/dispersion_0']
    assert headers['x-object-meta-dispersion'] == 'dispersion_0' and body == b'dispersion_0'
    assert cluster.puts['dispersion_0_0'][0]['X-Storage-Policy'] == 'gold'


def test_populate_of_a_policy(cluster, capsys):
    assert populated(cluster, capsys, '-P', 'silver').startswith('Using storage policy: silver \n')
    assert {name for name in cluster.containers if name.startswith('dispersion_objects')} == {
        'dispersion_objects_1'}
    assert cluster.puts['dispersion_objects_1'][0]['X-Storage-Policy'] == 'silver'


def test_populate_without_overlap_adds_coverage(cluster, capsys):
    populated(cluster, capsys)
    first = set(cluster.containers)
    out = populated(cluster, capsys, '--no-overlap', '--container-only')
    assert out.endswith('Total container coverage is now 100.00%.\n') and 'objects' not in out
    assert len(set(cluster.containers) - first) == 8
    assert 'Created 0 containers' in populated(cluster, capsys, '--no-overlap', '--container-only')


def test_populate_from_a_number_on(cluster, capsys):
    populated(cluster, capsys, '--container-suffix-start', '4', '--object-suffix-start', '3')
    assert not {f'dispersion_0_{number}' for number in range(4)} & set(cluster.containers)
    names = {name for _container, name in cluster.objects}
    assert names and not names & {'dispersion_0', 'dispersion_1', 'dispersion_2'}


def test_populate_tries_again_and_counts(cluster, capsys):
    cluster.failing = [503, 503]
    cluster.write_conf(concurrency=1, retries=2)
    assert 'dispersion reporting, 0s, 2 retries' in populated(cluster, capsys, '--container-only')


def test_populate_renews_its_token(cluster, capsys):
    cluster.token_is_stale = True
    assert 'Created 8 objects' in populated(cluster, capsys, '--object-only')


def test_populate_gives_up_in_two_lines(cluster, capsys):
    cluster.refused = {'dispersion_0_0'}
    assert run_populate(cluster) == 1
    assert capsys.readouterr().err == (
        f'ERROR: PUT {cluster.url}/v1/{ACCOUNT}/dispersion_0_0 gave 403 Forbidden\n'
        'Gave up due to error(s).\n')


def test_populate_gives_up_when_there_is_no_server(cluster, capsys):
    cluster.write_conf(auth_url='http://127.0.0.1:1/auth/v1.0')
    assert run_populate(cluster) == 1
    err = capsys.readouterr().err
    assert 'http://127.0.0.1:1/auth/v1.0' in err and err.endswith('Gave up due to error(s).\n')


def test_populate_with_a_wrong_password(cluster, capsys):
    cluster.write_conf(auth_key='wrong')
    assert run_populate(cluster) == 1
    assert 'answered 401 Unauthorized to user test:tester' in capsys.readouterr().err


def test_interruption_ends_without_a_word(cluster, capsys):
    def interrupt(seconds):
        raise KeyboardInterrupt
    cluster.failing = [503]
    assert report.main([str(cluster.conf)], clock=ManualClock(), sleep=interrupt) == 130
    assert capsys.readouterr() == ('', '')


# -- report ---------------------------------------------------------------------------------------

COMPLETE = ('Queried 8 containers for dispersion reporting, 0s, 0 retries\n'
            '100.00% of container copies found (24 of 24)\n'
            'Sample represents 50.00% of the container partition space\n'
            'Queried 8 objects for dispersion reporting, 0s, 0 retries\n'
            '100.00% of object copies found (24 of 24)\n'
            'Sample represents 50.00% of the object partition space\n')


def test_report_of_a_sound_cluster(cluster, capsys):
    populated(cluster, capsys)
    assert run_report(cluster) == 0
    assert capsys.readouterr() == (COMPLETE, '')
    sent = [headers for method, path, headers in cluster.requests
            if method == 'HEAD' and path.count('/') == 5]
    assert {headers['X-Backend-Storage-Policy-Index'] for headers in sent} == {'0'}
    assert len(set(places(cluster, 'object'))) == 24


def test_report_as_json(cluster, capsys):
    populated(cluster, capsys)
    assert run_report(cluster, '--dump-json') == 0
    out, err = capsys.readouterr()
    part = {'retries': 0, 'overlapping': 0, 'pct_found': 100.0, 'copies_found': 24,
            'copies_expected': 24}
    assert json.loads(out) == {'container': part, 'object': {**part, 'missing_0': 8}}
    assert err == ''


def test_json_and_partitions_may_stand_in_the_file(cluster, capsys):
    cluster.write_conf(dump_json='yes', partitions='yes', container_report='no')
    populated(cluster, capsys, '--object-only')
    run_report(cluster)
    cluster.lost = {places(cluster, 'object')[0]}
    capsys.readouterr()
    run_report(cluster)
    out, err = capsys.readouterr()
    assert set(json.loads(out)) == {'object'} and json.loads(out)['object']['missing_1'] == 1
    assert err.startswith('# Object partition ') and err.endswith(' missing 1 copy\n')


def test_report_of_missing_copies(cluster, capsys):
    populated(cluster, capsys)
    run_report(cluster)
    by_path = {}
    for device, path in places(cluster, 'container'):
        by_path.setdefault(path, []).append((device, path))
    one, two, three = list(by_path.values())[:3]
    cluster.lost = {*one[:1], *two[:2], *three}
    capsys.readouterr()
    assert run_report(cluster, '--container-only', '-p') == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1:5] == [
        'There was 1 partition missing 1 copy.', '! There was 1 partition missing 2 copies.',
        '!!! There was 1 partition missing all copies.',
        '75.00% of container copies found (18 of 24)']
    assert sorted(line.partition(' missing ')[2] for line in err.splitlines()) == [
        '1 copy', '2 copies', '3 copies']


def test_unmounted_device_is_named_once(cluster, capsys):
    populated(cluster, capsys)
    cluster.unmounted = {'d2'}
    assert run_report(cluster, '--object-only') == 0
    out, err = capsys.readouterr()
    assert err == (
        f'ERROR: 127.0.0.1:{cluster.port}/d2 is unmounted -- This will cause replicas designated '
        'for that device to be considered missing until resolved or the ring is updated.\n')
    assert '100.00%' not in out


def test_debug_says_who_answered_what(cluster, capsys):
    populated(cluster, capsys)
    run_report(cluster, '--object-only')
    device, _path = place = places(cluster, 'object')[0]
    cluster.lost = {place}
    capsys.readouterr()
    run_report(cluster, '--object-only', '-d')
    assert capsys.readouterr().err == (
        f'ERROR: 127.0.0.1:{cluster.port}/{device} returned a 404\n')


def test_server_errors_are_tried_again(cluster, capsys):
    populated(cluster, capsys)
    run_report(cluster, '--object-only')
    device, _path = place = places(cluster, 'object')[0]
    cluster.copies = {place: (503, {}, b'')}
    capsys.readouterr()
    run_report(cluster, '--object-only')
    out, err = capsys.readouterr()
    assert out.startswith('Queried 8 objects for dispersion reporting, 0s, 1 retries\n')
    assert err == f'ERROR: 127.0.0.1:{cluster.port}/{device} returned a 503\n'


def test_node_that_does_not_answer_is_named(cluster, capsys, monkeypatch):
    populated(cluster, capsys)
    true_address = Node.__getattribute__
    monkeypatch.setattr(Node, '__getattribute__', lambda node, name: (
        1 if name == 'port' and true_address(node, 'device') == 'd1'
        else true_address(node, name)))
    assert run_report(cluster, '--object-only', '-j') == 0
    out, err = capsys.readouterr()
    assert json.loads(out)['object']['copies_found'] < 24
    assert 'ERROR: 127.0.0.1:1/d1: Connection refused' in err


def test_overlapping_items_are_asked_for_once(cluster, capsys):
    for number in range(40):
        cluster.containers[f'dispersion_0_{number}'] = {}
    assert run_report(cluster, '--container-only') == 0
    lines = capsys.readouterr().out.splitlines()
    queried = int(lines[0].split()[1])
    assert queried <= 16 and lines[1] == f'There were {40 - queried} overlapping partitions'
    assert len(places(cluster, 'container')) == 3 * queried


def test_listing_without_end_is_given_up(cluster, capsys):
    cluster.containers = {f'dispersion_0_{number}': {} for number in range(5)}
    cluster.deaf_to_markers = True
    assert run_report(cluster) == 1
    assert capsys.readouterr().err == 'ERROR: the listing of / begins again at its start\n'


def test_nothing_to_query(cluster, capsys):
    assert run_report(cluster) == 0
    assert capsys.readouterr() == ('', (
        'No containers to query. Has swift-dispersion-populate been run?\n'
        'No objects to query. Has swift-dispersion-populate been run?\n'))


# -- bad input ------------------------------------------------------------------------------------

@pytest.mark.parametrize('run', [run_populate, run_report])
@pytest.mark.parametrize('options, reason', [
    ({'auth_key': ''}, None), ({'concurrency': '0'}, 'concurrency'),
    ({'auth_version': '7'}, 'auth_version'), ({'dispersion_coverage': '101'}, 'coverage'),
    ({'swift_dir': '/nowhere'}, 'swift_hash_path_suffix')])
def test_bad_configuration_is_refused_in_one_line(cluster, capsys, run, options, reason):
    cluster.write_conf(**options)
    if reason is None:
        cluster.conf.write_text('[dispersion]\nauth_url = http://x\nauth_user = a:b\n')
        reason = 'auth_key is required'
    assert run(cluster) == 1
    out, err = capsys.readouterr()
    assert out == '' and err.count('\n') == 1 and reason in err


@pytest.mark.parametrize('run', [run_populate, run_report])
def test_bad_arguments_are_refused_in_one_line(cluster, capsys, run):
    assert run(cluster, '-P', 'nix') == 1
    assert capsys.readouterr().err == "No policy named 'nix'\n"
    cluster.write_conf(container_populate='no', container_report='no')
    assert run(cluster, '--container-only') == 1
    assert capsys.readouterr().err.startswith('Neither container or object ')
    for words in (['--nonsense'], ['--object-only', '--container-only']):
        with pytest.raises(SystemExit) as stop:
            run(cluster, *words)
        assert stop.value.code == 2 and capsys.readouterr().err.count('\n') == 1
    cluster.conf.unlink()
    assert run(cluster) == 1
    assert capsys.readouterr().err.count('\n') == 1


def test_unknown_option_is_a_warning(cluster, capsys):
    cluster.write_conf(concurency=7)
    assert run_report(cluster) == 0
    assert 'did you mean concurrency?' in capsys.readouterr().err
