"""Object directories and dialogues recorded from other nodes: ours must behave the same.

For every case, the requests that made it are sent to an empty device: answers, file names and
metadata must come out equal. The files of the other node are then read by ours.
"""
import base64

import pytest

from swift.common.codecs.metadata import decode_metadata
from swift.common.xattr import read_blob
from test.support import golden_objects
from test.support.object_node import Node

CASES = golden_objects.cases()
WRITTEN = sorted(name for name, case in CASES.items()
                 if case['policy_index'] < 2 and 'hash_after' not in case
                 and 'node_index' not in case and name not in ('py2_meta', 'huge_meta'))
DAMAGED = sorted(name for name, case in CASES.items() if 'hash_after' in case)
READABLE = sorted(name for name, case in CASES.items()
                  if case['policy_index'] < 2 and case.get('winners', {}).get('data_file')
                  and not name.startswith('corrupt') and name != 'no_xattr')


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path)
    yield node
    node.close()


def wsgi(value):
    """Return a recorded header value, text or {'base64'|'latin1'...}, as a WSGI string."""
    if isinstance(value, dict):
        return base64.b64decode(value['base64']).decode('latin-1')
    return value.encode('utf-8', 'surrogateescape').decode('latin-1')


def send(node, request):
    body = request.get('body')
    if body is not None:
        body = body.encode('utf-8')
    elif 'body_base64' in request:
        body = base64.b64decode(request['body_base64'])
    elif request['method'] == 'PUT':
        body = b''
    headers = [(wsgi(name), wsgi(value).strip()) for name, value in request['headers']]
    return node.request(request['method'], request['path'], headers, body)


def check_answer(answer, expected, note):
    assert (answer.status, answer.reason) == (expected['status'], expected['reason']), note
    wanted = {name: wsgi(value) for name, value in expected['headers']
              if name not in ('Date', 'Connection')}
    body = expected.get('body', '')
    if 'body_base64' in expected:
        body = base64.b64decode(expected['body_base64'])
    elif isinstance(body, str):
        body = body.encode('utf-8', 'surrogateescape')
    got = dict(answer.headers.lines())
    if 'boundary=' in got.get('Content-Type', ''):
        # Chosen at random by whoever answers.
        ours, theirs = (headers['Content-Type'].split('boundary=')[1] for headers in (got, wanted))
        wanted['Content-Type'] = wanted['Content-Type'].replace(theirs, ours)
        body = body.replace(theirs.encode(), ours.encode())
    assert got == wanted, note
    if isinstance(body, dict):
        assert len(answer.body) == body['length'], note
    else:
        assert answer.body == body, note


@pytest.mark.parametrize('name', WRITTEN)
def test_requests_of_a_case_give_the_same_answers_and_files(node, tmp_path, name):
    case = CASES[name]
    if any(not {'request', 'response'} <= step.keys() for step in case['exchanges']):
        pytest.skip('made by hand')
    (tmp_path / case['device']).mkdir()
    for step in case['exchanges']:
        check_answer(send(node, step['request']), step['response'], step.get('note'))
    hash_dir = tmp_path / case['hash_dir']
    assert sorted(path.name for path in hash_dir.iterdir()) == sorted(case['files'])
    for file_name, expected in case['files'].items():
        written = decode_metadata(read_blob(str(hash_dir / file_name)))
        assert written == expected['decoded']


def test_a_plain_put_writes_the_same_metadata_bytes(node, tmp_path):
    case = CASES['plain']
    (tmp_path / case['device']).mkdir()
    send(node, case['exchanges'][0]['request'])
    path = case['hash_dir'] + '/1700000000.12345.data'
    assert read_blob(str(tmp_path / path)) == golden_objects.blob('objects', path)


@pytest.mark.parametrize('name', READABLE)
def test_files_of_another_node_are_read(node, tmp_path, name):
    case = CASES[name]
    golden_objects.restore('objects', case['hash_dir'].split('/')[0], tmp_path)
    device = case['exchanges'][-1]['request']['path'].split('/')[1]
    (tmp_path / case['hash_dir'].split('/')[0]).rename(tmp_path / device)
    reads = [step for step in case['exchanges'] if step.get('request', {}).get('method') in
             ('GET', 'HEAD')]
    last = {step['request']['method']: step for step in reads[-3:]}
    for step in last.values():
        check_answer(send(node, step['request']), step['response'], step.get('note'))


@pytest.mark.parametrize('name', DAMAGED)
def test_damaged_files_are_quarantined(node, tmp_path, name):
    case = CASES[name]
    golden_objects.restore('objects', case['hash_dir'].split('/')[0], tmp_path)
    after = [step for step in case['exchanges'] if 'request' in step][-2:]
    path = after[-1]['request']['path']
    check_answer(node.request('GET', path), after[-1]['response'], name)
    kept = (tmp_path / case['hash_dir']).exists()
    assert kept == ('quarantined/' not in str(case['tree_after_reads'])), name
    if not kept:
        assert [line for line in node.logger.lines() if line.startswith('Quarantined object')]
        assert 'quarantines:1|c' in node.metrics
        assert (tmp_path / case['device'] / 'quarantined/objects' / case['hash']).is_dir()
        invalid = tmp_path / case['device'] / 'objects' / str(case['partition'])
        assert case['suffix'] in (invalid / 'hashes.invalid').read_text().split()
        assert node.request('GET', path).status == 404


@pytest.mark.parametrize('refuse,status', [({}, 200), ({'X-Backend-Refuse-Damaged': 'true'}, 404)])
def test_readers_with_other_replicas_are_spared_damaged_bodies(node, tmp_path, refuse, status):
    case = CASES['corrupt_etag']
    golden_objects.restore('objects', case['device'], tmp_path)
    path = '/'.join(('', case['device'], str(case['partition']), case['account'],
                     case['container'], case['object']))
    assert node.request('GET', path, refuse).status == status
    assert node.request('GET', path).status == 404
    assert (tmp_path / case['device'] / 'quarantined/objects' / case['hash']).is_dir()
