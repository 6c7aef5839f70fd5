"""Container updates of object requests: sent, deferred, redirected; rows of the expirer's queue."""
import base64
from itertools import groupby

import pytest

from swift.common import green
from swift.common.codecs.async_update import decode_update
from test.support import golden_objects
from test.support.object_node import Node, ScriptedPool, ScriptedResponse

PATH = '/sda/12/AUTH_test/c/o'
T = ['17999999%02d.00000' % second for second in range(100)]
HERE = ('127.0.0.1', 6011)
TARGET = {'X-Container-Host': '127.0.0.1:6011', 'X-Container-Partition': '7',
          'X-Container-Device': 'sdb'}
QUEUE = {'X-Delete-At-Host': '127.0.0.1:6021', 'X-Delete-At-Partition': '9',
         'X-Delete-At-Device': 'sdc', 'X-Delete-At-Container': '1799913600'}
RECORDED = [(key, list(entries)) for key, entries in groupby(
    golden_objects.load('async_pending')['entries'], key=lambda entry: entry['case'])]


@pytest.fixture
def node(tmp_path):
    (tmp_path / 'sda').mkdir()
    node = Node(tmp_path, container_update_timeout='0.2')
    yield node
    node.close()


def put(node, second=0, **headers):
    return node.request('PUT', PATH, {'X-Timestamp': T[second], 'Content-Type': 'text/plain',
                                      **headers}, b'hello')


def pendings(node):
    """Return the pending updates on disk by path."""
    found = {}
    for name in node.files():
        if '/async_pending' in name:
            with open(node.devices / name, 'rb') as file:
                found[name] = decode_update(file.read())
    return found


@pytest.mark.parametrize('case,entries', RECORDED, ids=lambda value: value
                         if isinstance(value, str) else '')
def test_recorded_requests_leave_the_same_pending_files(tmp_path, case, entries):
    if case == 'updater_partial':
        pytest.skip('rewritten by an updater')
    redirect = ScriptedResponse(301, {
        'Location': '/.shards_AUTH_test/c%20x-4a8a-1795208841.27558-0/o',
        'X-Backend-Location-Is-Quoted': 'true', 'X-Backend-Redirect-Timestamp': '1795208841.27558'})
    node = Node(tmp_path, pool=ScriptedPool({('127.0.1.1', 7998): redirect}))
    made = {str(entry['made_by']['request']): entry['made_by'] for entry in entries}
    for step in made.values():
        request = step['request']
        (tmp_path / request['path'].split('/')[1]).mkdir(exist_ok=True)
        headers = [(name, value.encode().decode('latin-1'))
                   for name, value in request['headers']]
        answer = node.request(request['method'], request['path'], headers,
                              request.get('body', '').encode() or None,
                              HTTP_HOST='127.0.1.1:7010')
        assert answer.status == step['response']['status']
    got = {name.split('/', 1)[1]: update for name, update in pendings(node).items()}
    assert set(got) == {entry['file'].split('/', 1)[1] for entry in entries}
    for entry in entries:
        update = got[entry['file'].split('/', 1)[1]]
        expected = decode_update(base64.b64decode(entry['base64']))
        update.headers['User-Agent'] = expected.headers['User-Agent']
        assert update == expected
        if case != 'expirer':
            assert list(update.headers) == list(expected.headers)
    node.close()


def test_an_acknowledged_update_leaves_nothing_on_disk(node):
    node.pool.answers[HERE] = 201
    assert put(node, **TARGET, **{'X-Trans-Id': 'tx1'}).status == 201
    (address, method, target, headers), = node.pool.requests
    assert (address, method, target) == (HERE, 'PUT', '/sdb/7/AUTH_test/c/o')
    assert headers['X-Size'] == '5' and headers['X-Trans-Id'] == 'tx1'
    assert headers['Referer'] == 'PUT http://127.0.0.1:6010/sda/12/AUTH_test/c/o'
    assert pendings(node) == {}


@pytest.mark.parametrize('status', [404, 500, 503, 507])
def test_a_refused_update_is_deferred(node, status):
    node.pool.answers[HERE] = status
    assert put(node, **TARGET).status == 201
    update, = pendings(node).values()
    assert (update.op, update.obj, update.container_path) == ('PUT', 'o', None)
    assert 'async_pendings:1|c' in node.metrics


@pytest.mark.parametrize('hosts', ['127.0.0.1:6011', '127.0.0.1:6011, 127.0.0.1:6012'])
def test_a_silent_container_server_delays_the_answer_only_so_long(node, hosts):
    node.pool.answers[HERE] = node.pool.answers[('127.0.0.1', 6012)] = 201
    node.pool.before_answer = lambda: green.sleep(60)
    with green.Timeout(20):
        assert put(node, **{**TARGET, 'X-Container-Host': hosts, 'X-Container-Device': ', '.join(
            'sdb' for _host in hosts.split(','))}).status == 201
    assert len(pendings(node)) == 1


def test_one_failure_of_two_defers_the_update(node):
    node.pool.answers[HERE] = 201
    put(node, **{**TARGET, 'X-Container-Host': '127.0.0.1:6011,127.0.0.1:6012',
                 'X-Container-Device': 'sdb,sdc'})
    assert len(node.pool.requests) == 2 and len(pendings(node)) == 1


@pytest.mark.parametrize('headers', [
    {}, {'X-Container-Host': '127.0.0.1:6011', 'X-Container-Device': 'sdb'},
    {'X-Container-Partition': '7'},
    {**TARGET, 'X-Container-Device': 'sdb,sdc'}])
def test_without_proper_targets_there_is_no_update(node, headers):
    assert put(node, **headers).status == 201
    assert node.pool.requests == [] and pendings(node) == {}


def test_a_delete_tells_the_container(node):
    node.pool.answers[HERE] = 204
    put(node)
    node.request('DELETE', PATH, {'X-Timestamp': T[1], **TARGET})
    (_address, method, _target, headers), = node.pool.requests
    assert method == 'DELETE' and headers['X-Timestamp'] == T[1]


def test_a_refused_delete_tells_nobody(node):
    put(node, 5)
    assert node.request('DELETE', PATH, {'X-Timestamp': T[1], **TARGET}).status == 409
    assert node.pool.requests == []


def test_the_shard_that_the_proxy_names_is_told(node):
    node.pool.answers[HERE] = 201
    put(node, **TARGET, **{'X-Backend-Quoted-Container-Path': '.shards_a/c%20x'})
    assert node.pool.requests[0][2] == '/sdb/7/.shards_a/c%20x/o'
    put(node, 1, **TARGET, **{'X-Backend-Quoted-Container-Path': 'nonsense'})
    assert node.pool.requests[1][2] == '/sdb/7/AUTH_test/c/o'


def test_overrides_of_the_row(node):
    node.pool.answers[HERE] = 201
    put(node, **TARGET, **{'X-Backend-Container-Update-Override-Size': '9',
                           'X-Backend-Container-Update-Override-Etag': 'a',
                           'X-Object-Sysmeta-Container-Update-Override-Etag': 'b'})
    headers = node.pool.requests[0][3]
    assert (headers['X-Size'], headers['X-Etag']) == ('9', 'b')
    node.request('POST', PATH, {'X-Timestamp': T[1], **TARGET})
    headers = node.pool.requests[1][3]
    assert (headers['X-Etag'], headers['X-Meta-Timestamp']) == ('b', T[1])


# -- the expirer's queue --------------------------------------------------------------------------

def test_a_new_delete_at_is_queued(node):
    node.pool.answers[('127.0.0.1', 6021)] = 201
    put(node, **{'X-Delete-At': '1799999990', **QUEUE})
    (address, method, target, headers), = node.pool.requests
    assert (address, method) == (('127.0.0.1', 6021), 'PUT')
    assert target == '/sdc/9/.expiring_objects/1799913600/1799999990-AUTH_test/c/o'
    assert headers['X-Content-Type'] == 'text/plain;swift_expirer_bytes=5'
    assert pendings(node) == {}


def test_an_incomplete_queue_target_goes_straight_to_disk(node):
    put(node, **{'X-Delete-At': '1799999990', **QUEUE, 'X-Delete-At-Device': ''})
    update, = pendings(node).values()
    assert (node.pool.requests, update.account) == ([], '.expiring_objects')


def test_without_a_queue_target_nothing_is_queued(node):
    put(node, **{'X-Delete-At': '1799999990'})
    assert pendings(node) == {}


def test_a_missing_queue_container_is_computed(node):
    node.pool.answers[('127.0.0.1', 6021)] = 201
    put(node, **{'X-Delete-At': '1799999990', **QUEUE, 'X-Delete-At-Container': ''})
    assert '/.expiring_objects/17999' in node.pool.requests[0][2]
    assert any('X-Delete-At-Container' in line for line in node.logger.lines(30))


@pytest.mark.parametrize('clean,count', [(None, 1), ('t', 1), ('f', 0)])
@pytest.mark.parametrize('method', ['DELETE', 'POST', 'PUT'])
def test_an_old_delete_at_is_unqueued(node, method, clean, count):
    put(node, **{'X-Delete-At': '1799999990'})
    headers = {'X-Timestamp': T[1], 'Content-Type': 'text/plain'}
    if clean:
        headers['X-Backend-Clean-Expiring-Object-Queue'] = clean
    node.request(method, PATH, headers, b'' if method == 'PUT' else None)
    found = list(pendings(node).values())
    assert [update.op for update in found] == ['DELETE'] * count


def test_an_unchanged_delete_at_touches_nothing(node):
    put(node, **{'X-Delete-At': '1799999990'})
    put(node, 1, **{'X-Delete-At': '1799999990', **QUEUE})
    assert (node.pool.requests, pendings(node)) == ([], {})


def test_replication_never_touches_the_queue(node):
    put(node, **{'X-Delete-At': '1799999990', **QUEUE, 'X-Backend-Replication': 'true'})
    node.request('DELETE', PATH, {'X-Timestamp': T[1], 'X-Backend-Replication': 'true'})
    assert (node.pool.requests, pendings(node)) == ([], {})


def delete(node, second, **headers):
    return node.request('DELETE', PATH, {'X-Timestamp': T[second], **headers})


def post(node, second, **headers):
    return node.request('POST', PATH, {'X-Timestamp': T[second], **headers})


def test_a_repeated_put_tells_the_row_once_more(node):
    """The process that stored it may have died before it told anybody."""
    late = str(int(float(T[50])))
    headers = {'X-Delete-At': late, 'X-Object-Sysmeta-Container-Update-Override-Etag': 'other'}
    assert put(node, 1, **headers).status == 201
    assert pendings(node) == {}
    assert put(node, 1, **headers, **TARGET, **QUEUE).status == 409
    queued, row = sorted(pendings(node).values(), key=lambda update: update.account)
    assert (row.op, row.headers['X-Timestamp'], row.headers['X-Size'], row.headers['X-Etag'],
            row.headers['X-Content-Type']) == ('PUT', T[1], '5', 'other', 'text/plain')
    assert (queued.account, queued.op) == ('.expiring_objects', 'PUT')


def test_an_older_put_tells_nothing(node):
    put(node, 2)
    assert put(node, 1, **TARGET).status == 409
    delete(node, 3)
    assert put(node, 3, **TARGET).status == 409
    assert pendings(node) == {}


def test_a_repeated_post_tells_the_row_once_more(node):
    put(node, 1)
    assert post(node, 2, **{'Content-Type': 'image/png'}).status == 202
    assert post(node, 2, **{'Content-Type': 'image/png'}, **TARGET).status == 409
    (row,) = pendings(node).values()
    assert [row.headers[name] for name in (
        'X-Timestamp', 'X-Meta-Timestamp', 'X-Content-Type-Timestamp', 'X-Content-Type')] == [
            T[1], T[2], T[2], 'image/png']


@pytest.mark.parametrize('condition,status', [({}, 404), ({'X-If-Delete-At': T[50]}, 409)])
def test_a_repeated_delete_tells_the_row_once_more(node, condition, status):
    put(node, 1, **{'X-Delete-At': str(int(float(T[50])))})
    headers = {'X-Backend-Clean-Expiring-Object-Queue': 'f', **condition}
    assert delete(node, 2, **headers).status == 204
    assert delete(node, 2, **headers, **TARGET).status == status
    (row,) = pendings(node).values()
    assert (row.op, row.headers['X-Timestamp']) == ('DELETE', T[2])


def test_a_host_that_is_no_address_leaves_the_row_to_the_updater(node):
    assert put(node, 1, **{**TARGET, 'X-Container-Host': 'nowhere'}).status == 201
    assert [row.op for row in pendings(node).values()] == ['PUT']
    assert node.pool.requests == []
