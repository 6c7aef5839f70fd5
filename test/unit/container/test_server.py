"""The container server's verbs, with the black-box checks of sheet 03 §29 (21-33)."""
import json
import os
import sqlite3
from contextlib import closing

import pytest

from swift.common.db.service import page
from swift.common.errors import ConnectTimeout
from swift.container import sync_store
from test.support.brokers import T
from test.support.db_servers import Client, FakePool

A = '/sda1/1/AUTH_test'
C = f'{A}/c'
INDEX = 'X-Backend-Storage-Policy-Index'


@pytest.fixture
def client(tmp_path):
    client = Client('container', tmp_path)
    client.devices = tmp_path
    yield client
    client.close()


def at(timestamp, **headers):
    return {'X-Timestamp': timestamp, **{k.replace('_', '-'): v for k, v in headers.items()}}


def record(timestamp=T[1], size=5, content_type='a/b', **headers):
    return {'X-Timestamp': timestamp, 'X-Size': size, 'X-Content-Type': content_type,
            'X-Etag': 'e', **{k.replace('_', '-'): v for k, v in headers.items()}}


def listed(client, query='', **headers):
    return client('GET', f'{C}?{query}', headers).body.decode().split()


# -- readings answered from memory ---------------------------------------------------------------

@pytest.fixture
def settled(client, monkeypatch):
    """A container whose files changed long ago; returns what answers from memory only."""
    client('PUT', C, at(T[1]))
    client('PUT', f'{C}/o', record(size=5))
    client('GET', C)
    age(client)
    assert (client('HEAD', C).status, client('GET', C).status) == (204, 200)

    def from_memory(method, *args):
        with monkeypatch.context() as patch:
            patch.setattr(client.app, 'on_disk', lambda *_args, **_more: page(500))
            return client(method, C, *args)
    return from_memory


def database(client):
    found, = client.devices.glob('sda1/containers/*/*/*/*.db')
    return found


def age(client, seconds=1_600_000_000):
    """Give the files of the container times long before the test's clock."""
    for path in (database(client), database(client).parent):
        os.utime(path, (seconds, seconds))


def test_what_has_not_changed_is_answered_from_memory(client, settled):
    for method in ('HEAD', 'GET'):
        answer = settled(method)
        assert answer.status in (200, 204) and answer == client(method, C)
        assert answer.headers['X-Container-Object-Count'] == '1'


def test_changes_of_any_kind_are_seen(client, settled):
    client('PUT', f'{C}/p', record())
    assert settled('HEAD').status == 500                         # in the pending log
    assert client('HEAD', C).headers['X-Container-Object-Count'] == '2'
    age(client, 1_600_000_001)
    assert client('HEAD', C).headers['X-Container-Object-Count'] == '2'
    assert settled('HEAD').status == 204
    with closing(sqlite3.connect(database(client))) as other, other:   # another process
        other.execute('UPDATE policy_stat SET object_count = 7')
    assert settled('HEAD').status == 500
    assert client('HEAD', C).headers['X-Container-Object-Count'] == '7'
    assert settled('HEAD').status == 500                         # too recent to rely on
    age(client, 1_600_000_002)
    client('HEAD', C)
    database(client).with_name('x_1700000000.00000.db').touch()     # a new entry
    assert settled('HEAD').status == 500


def test_devices_are_looked_at_first(client, settled):
    os.rename(client.devices / 'sda1', client.devices / 'sdb1')
    assert settled('HEAD').status == 500
    assert client('HEAD', C).status == 507


def test_deleted_containers_are_not_answered_from_memory(client, settled):
    client('DELETE', f'{C}/o', at(T[2]))
    assert client('DELETE', C, at(T[3])).status == 204
    age(client, 1_600_000_001)
    assert [client('HEAD', C).status for _ in range(2)] == [404, 404]


# -- containers -------------------------------------------------------------------------------

def test_life_of_a_container(client):
    answer = client('HEAD', C)
    assert answer.status == 404 and answer.headers['X-Backend-Timestamp'] == '0000000000.00000'
    answer = client('PUT', C, at(T[1], X_Container_Meta_A='1'))
    assert (answer.status, answer.headers[INDEX]) == (201, '0')
    answer = client('PUT', C, at(T[2]))
    assert (answer.status, answer.headers[INDEX]) == (202, '0')
    client('PUT', f'{C}/o', record())
    assert client('DELETE', C, at(T[3])).status == 409
    client('DELETE', f'{C}/o', at(T[3]))
    assert client('DELETE', C, at(T[4])).status == 204
    assert client('DELETE', C, at(T[5])).status == 404
    answer = client('GET', C)
    assert answer.status == 404
    # The second DELETE counts, although it was answered 404 (sheet 03 §28.19).
    assert answer.headers['X-Backend-Delete-Timestamp'] == T[5]
    assert client('POST', C, at(T[6])).status == 404
    assert client('PUT', C, at(T[3])).status == 409
    assert client('PUT', C, at(T[7])).status == 201
    assert 'X-Container-Meta-A' not in client('HEAD', C).headers


def test_answers_to_records_are_the_same_each_time(client):
    client('PUT', C, at(T[1]))
    stored = [client('PUT', f'{C}/{name}', record()) for name in ('o', 'o/p/', 'q')]
    assert stored[0] == stored[1] == stored[2]
    assert stored[0].headers['Content-Length'] == str(len(stored[0].body))
    assert listed(client) == ['o', 'o/p/', 'q']
    deleted = [client('DELETE', f'{C}/o', at(time)) for time in (T[2], T[3])]
    assert deleted[0] == deleted[1] and deleted[0].status == 204


def test_delete_older_than_the_put_is_a_conflict(client):
    client('PUT', C, at(T[5]))
    assert client('DELETE', C, at(T[4])).status == 409
    assert client('DELETE', C, at(T[5])).status == 409
    assert client('HEAD', C).status == 204


def test_facts_of_a_container(client):
    client('PUT', C, at('1700000001.00001'))
    headers = client('HEAD', C).headers
    assert headers['Last-Modified'] == 'Tue, 14 Nov 2023 22:13:22 GMT'
    assert headers['X-Backend-Status-Changed-At'] == '1700000001.00001'
    assert headers['X-Backend-Sharding-State'] == 'unsharded'
    assert headers['X-Timestamp'] == '1700000000.00000'         # the clock of the test


def test_policies_of_a_container(client):
    assert client('PUT', C, at(T[1], **{INDEX: '7'})).body == f'Invalid {INDEX} 7'.encode()
    assert client('PUT', C, at(T[1], **{INDEX: 'x'})).body == f"Invalid {INDEX} 'x'".encode()
    assert client('PUT', C, at(T[1], X_Backend_Storage_Policy_Default='1')).headers[INDEX] == '1'
    answer = client('PUT', C, at(T[2], **{INDEX: '0'}))
    assert (answer.status, answer.headers[INDEX]) == (409, '1')
    assert client('PUT', C, at(T[2])).status == 202
    client('DELETE', C, at(T[3]))
    answer = client('PUT', C, at(T[4], **{INDEX: '2'}))
    assert (answer.status, answer.headers[INDEX]) == (201, '2')
    assert client('HEAD', C).headers['X-Backend-Status-Changed-At'] == T[4]


def test_listing_of_one_policy(client):
    client('PUT', C, at(T[1]))
    client('PUT', f'{C}/o', record(size=1))
    client('PUT', f'{C}/o', record(size=2, **{INDEX: '1'}))
    client('PUT', f'{C}/p', record(size=4, **{INDEX: '1'}))
    assert listed(client) == ['o']
    assert listed(client, **{INDEX: '1'}) == ['o', 'p']
    assert client('HEAD', C).headers['X-Container-Bytes-Used'] == '1'
    assert client('DELETE', C, at(T[9])).status == 409


def test_metadata_removal_hides_and_keeps_a_tombstone(client):
    client('PUT', C, at(T[1], X_Container_Meta_Color='blue', X_Container_Read='.r:*',
                        X_Other='x', X_Container_Meta_='bare'))
    headers = client('HEAD', C).headers
    assert headers['X-Container-Read'] == '.r:*' and 'X-Other' not in headers
    assert client('POST', C, at(T[2], X_Container_Meta_Color='')).status == 204
    assert 'X-Container-Meta-Color' not in client('HEAD', C).headers
    client('POST', C, at(T[1], X_Container_Meta_Color='late'))
    assert 'X-Container-Meta-Color' not in client('HEAD', C).headers


def test_post_may_leave_the_put_time_alone(client):
    client('PUT', C, at(T[1]))
    client('POST', C, at(T[2], X_Backend_No_Timestamp_Update='true'))
    assert client('HEAD', C).headers['X-Put-Timestamp'] == T[1]
    client('POST', C, at(T[3]))
    assert client('HEAD', C).headers['X-Put-Timestamp'] == T[3]


def test_versions_location_only_when_allowed(client, tmp_path):
    client('PUT', C, at(T[1], X_Versions_Location='v'))
    assert 'X-Versions-Location' not in client('HEAD', C).headers
    allowing = Client('container', tmp_path, allow_versions='true')
    allowing('POST', C, at(T[2], X_Versions_Location='v'))
    assert client('HEAD', C).headers['X-Versions-Location'] == 'v'
    allowing.close()


# -- container sync ---------------------------------------------------------------------------

def test_sync_target_is_checked(client):
    answer = client('PUT', C, at(T[1], X_Container_Sync_To='ftp://x'))
    assert answer.status == 400 and b"Invalid scheme 'ftp'" in answer.body
    assert client('PUT', C, at(T[1], X_Container_Sync_To='//r/c/a/c')).body == \
        b"No realm key for 'r'"


def test_sync_target_of_a_realm(client, tmp_path):
    (tmp_path / 'container-sync-realms.conf').write_text(
        '[realm1]\nkey = secret\ncluster_dfw = http://host/v1/\n')
    swift = Client('container', tmp_path, swift_dir=str(tmp_path))
    assert swift('PUT', C, at(T[1], X_Container_Sync_To='//realm1/dfw/a/c')).status == 201
    swift.close()


def test_sync_store_link_follows_the_metadata(client, tmp_path):
    links = tmp_path / 'sda1' / sync_store.DIRECTORY
    url = 'http://127.0.0.1/v1/a/c'
    client('PUT', C, at(T[1], X_Container_Sync_To=url))
    assert not links.exists()
    client('POST', C, at(T[2], X_Container_Sync_Key='k'))
    link, = [path for path in links.rglob('*') if path.is_symlink()]
    assert os.path.samefile(link, next((tmp_path / 'sda1/containers').rglob('*.db')))
    client('DELETE', C, at(T[3]))
    assert list(links.iterdir()) == []


# -- object records ---------------------------------------------------------------------------

def test_record_into_a_missing_container(client):
    assert client('PUT', f'{C}/o', record()).status == 404
    assert client('DELETE', f'{C}/o', at(T[1])).status == 404
    with_offset = record('1700000001.00000_0000000000000002')
    assert client('PUT', '/sda1/1/.x/c/o', with_offset).status == 201
    assert client('HEAD', '/sda1/1/.x/c').headers['X-Put-Timestamp'] == T[1]
    assert client('PUT', '/sda1/1/.shards_x/c/o', record()).status == 404
    told_to = record(X_Backend_Auto_Create='true')
    assert client('PUT', '/sda1/1/.shards_x/c/o', told_to).status == 201
    assert client('PUT', '/sda1/1/.y/c/o', record(X_Backend_Auto_Create='no')).status == 404


def test_record_into_a_deleted_container_revives_it(client):
    client('PUT', C, at(T[1]))
    client('DELETE', C, at(T[2]))
    assert client('PUT', f'{C}/o', record(T[1])).status == 201
    assert client('HEAD', C).status == 204
    client('DELETE', f'{C}/o', at(T[3]))
    assert client('HEAD', C).status == 404


def test_record_shows_swift_bytes_and_counts_its_size(client):
    client('PUT', C, at(T[1]))
    client('PUT', f'{C}/o', record(content_type='x/y; foo="a b";swift_bytes=99'))
    answer = client('GET', f'{C}?format=json')
    entry, = json.loads(answer.body)
    assert (entry['bytes'], entry['content_type']) == (99, 'x/y;foo="a b"')
    assert answer.headers['X-Container-Bytes-Used'] == '5'


@pytest.mark.parametrize('missing', ['X-Size', 'X-Content-Type', 'X-Etag', 'X-Timestamp'])
def test_incomplete_record_is_refused(client, missing):
    client('PUT', C, at(T[1]))
    headers = {name: value for name, value in record().items() if name != missing}
    answer = client('PUT', f'{C}/o', headers)
    assert (answer.status, answer.body.decode()) == (400, f'Missing {missing} header')


def test_listing_parameters(client):
    client('PUT', C, at(T[1]))
    for name in ('/', '/lead', 'a', 'a/', 'a/x/y', 'a/x1', 'z'):
        client('PUT', f'{C}/{name}', record())
    assert listed(client, 'delimiter=/') == ['/', 'a', 'a/', 'z']
    assert listed(client, 'delimiter=/&reverse=1') == ['z', 'a/', 'a', '/']
    assert listed(client, 'path=') == ['/', 'a', 'a/', 'z']
    assert listed(client, 'path=a') == ['a/x1']
    assert listed(client, 'limit=0') == []
    assert len(listed(client, 'limit=abc')) == 7
    assert client('GET', f'{C}?limit=10001').status == 412


def test_reserved_names_have_to_match(client):
    client('PUT', C, at(T[1]))
    answer = client('PUT', f'{C}/%00x', record())
    assert (answer.status, answer.body) == (
        400, b'Invalid reserved-namespace object in user-namespace container')
    client('PUT', f'{A}/%00c', at(T[1]))
    assert client('PUT', f'{A}/%00c/%00o', record()).status == 201
    assert client('GET', f'{A}/%00c').body == b''
    answer = client('GET', f'{A}/%00c', {'X-Backend-Allow-Reserved-Names': 'yes'})
    assert answer.body == b'\x00o\n'


def test_update_takes_many_records_at_once(client):
    client('PUT', C, at(T[1]))
    items = [{'name': f'u{number}', 'created_at': T[2], 'size': 1, 'content_type': 'a/b',
              'etag': 'e', 'deleted': 0} for number in range(3)]
    assert client('UPDATE', C, at(T[2]), body=json.dumps(items).encode()).status == 202
    assert listed(client) == ['u0', 'u1', 'u2']
    for bad in (b'x', b'5', b'[{}]', b'[{"name": 1}]',
                json.dumps([{**items[0], 'created_at': 'x'}]).encode()):
        answer = client('UPDATE', C, at(T[2]), body=bad)
        assert (answer.status, answer.headers['Content-Type']) == (400, 'text/plain')
    assert client('UPDATE', f'{A}/none', at(T[2]), body=b'[]').status == 404
    assert client('UPDATE', '/sda1/1/.x/c', at(T[2]), body=b'[]').body == \
        f'{INDEX} header is required'.encode()
    assert client('UPDATE', '/sda1/1/.x/c', at(T[2], **{INDEX: '0'}), body=b'[]').status == 202


def test_record_that_a_database_cannot_hold_does_no_harm(client):
    """It would sit in the pending log, and every reading that merges the log would fail."""
    client('PUT', C, at(T[1]))
    bytes_, text = b'a/\xff'.decode('utf-8', 'surrogateescape'), 'a/\N{REPLACEMENT CHARACTER}'
    assert client('PUT', f'{C}/o', record(content_type=bytes_, X_Etag=bytes_)).status == 201
    answer = client('PUT', f'{C}/big', record(size=1 << 63))
    assert (answer.status, answer.body) == (400, b'Invalid X-Size header')
    row, = json.loads(client('GET', f'{C}?format=json').body)
    assert (row['name'], row['content_type'], row['hash']) == ('o', text, text)
    item = {'name': 'u', 'created_at': T[2], 'size': 1, 'content_type': 'a/\ud800', 'etag': 'e',
            'deleted': 0}
    assert client('UPDATE', C, at(T[2]), body=json.dumps([item]).encode()).status == 202
    for bad in ({'name': '\ud800'}, {'size': 1 << 63}):
        assert client('UPDATE', C, at(T[2]), body=json.dumps([{**item, **bad}]).encode()
                      ).status == 400
    assert listed(client) == ['o', 'u']


# -- shard ranges -----------------------------------------------------------------------------

def ranges(*bounds, state='cleaved'):
    return json.dumps([
        {'name': f'.shards_a/c-{number}', 'timestamp': T[1], 'lower': lower, 'upper': upper,
         'object_count': 0, 'bytes_used': 0, 'meta_timestamp': T[1], 'deleted': 0, 'state': state,
         'state_timestamp': T[1], 'epoch': None}
        for number, (lower, upper) in enumerate(bounds)]).encode()


def test_shard_ranges_are_stored_listed_and_redirect(client):
    client('PUT', C, at(T[1]))
    shard = {'X-Backend-Record-Type': 'shard'}
    answer = client('PUT', C, {**at(T[2]), **shard}, body=ranges(('', 'm'), ('m', '')))
    assert (answer.status, answer.headers[INDEX]) == (202, '0')
    names = [entry['name'] for entry in json.loads(
        client('GET', f'{C}?format=json&states=listing', shard).body)]
    assert names == ['.shards_a/c-0', '.shards_a/c-1']
    accepting = {'X-Backend-Accept-Redirect': 'true'}
    answer = client('PUT', f'{C}/z', {**record(), **accepting})
    assert answer.status == 301
    assert answer.headers['Location'] == '/.shards_a/c-1/z'
    # A location that needs quoting is only for peers that understand it.
    assert client('PUT', f'{C}/z%20z', {**record(), **accepting}).status == 201
    answer = client('DELETE', f'{C}/z%20z', {
        **at(T[3]), **accepting, 'X-Backend-Accept-Quoted-Location': 'true'})
    assert answer.headers['Location'] == '/.shards_a/c-1/z%20z'
    assert client('PUT', f'{C}/a', record()).status == 201


def test_shard_container_is_made_for_its_ranges(client):
    path = '/sda1/1/.shards_a/c-0'
    headers = {**at(T[2], X_Backend_Auto_Create='true',
                    X_Container_Sysmeta_Shard_Quoted_Root='a/c'),
               'X-Backend-Record-Type': 'shard'}
    answer = client('PUT', path, headers, body=ranges(('', 'm')))
    assert answer.body == f'{INDEX} header is required'.encode()
    assert client('PUT', path, {**headers, INDEX: '1'}, body=ranges(('', 'm'))).status == 201
    assert client('HEAD', path).headers['X-Container-Sysmeta-Shard-Quoted-Root'] == 'a/c'


def test_namespace_listing_refuses_what_it_cannot_show(client):
    client('PUT', C, at(T[1]))
    headers = {'X-Backend-Record-Type': 'shard', 'X-Backend-Record-Shard-Format': 'namespace'}
    answer = client('GET', f'{C}?states=auditing', headers)
    assert answer.body == b'No auditing state for namespace GET'
    answer = client('GET', C, {**headers, 'X-Backend-Include-Deleted': 'yes'})
    assert answer.body == b'No include_deleted for namespace GET'


def test_ranges_of_a_deleted_container_on_demand(client):
    client('PUT', C, at(T[1]))
    client('DELETE', C, at(T[2]))
    shard = {'X-Backend-Record-Type': 'shard'}
    assert client('GET', f'{C}?format=json', shard).status == 404
    answer = client('GET', f'{C}?format=json', {**shard, 'X-Backend-Override-Deleted': 'true'})
    assert (answer.status, answer.body) == (200, b'[]')


# -- telling accounts -------------------------------------------------------------------------

TELL = {'X-Account-Partition': '7', 'X-Account-Host': '127.0.0.1:6202', 'X-Account-Device': 'sdb1'}


def test_account_is_told_of_put_and_delete(tmp_path):
    pool = FakePool(201, 204)
    client = Client('container', tmp_path, pool)
    headers = {**at(T[1]), **TELL, 'X-Trans-Id': 'tx1', 'X-Account-Override-Deleted': 'yes'}
    assert client('PUT', f'{A}/c%20d', headers).status == 201
    (address, method, target, sent), = pool.asked
    assert (address, method, target) == (('127.0.0.1', 6202), 'PUT', '/sdb1/7/AUTH_test/c%20d')
    assert sent.pop('User-Agent').startswith('container-server ')
    assert sent.pop('Referer') == 'PUT http://localhost/sda1/1/AUTH_test/c%20d'
    assert sent == {'X-Put-Timestamp': T[1], 'X-Delete-Timestamp': '0', 'X-Object-Count': '0',
                    'X-Bytes-Used': '0', INDEX: '0', 'X-Trans-Id': 'tx1',
                    'X-Account-Override-Deleted': 'yes'}
    assert client('DELETE', f'{A}/c%20d', {**at(T[2]), **TELL}).status == 204
    assert pool.asked[1][3]['X-Delete-Timestamp'] == T[2]
    client.close()


@pytest.mark.parametrize('answers, status', [
    ((404,), 404), ((500,), 201), ((ConnectTimeout('slow'),), 201), ((404, 404), 404),
    ((404, 201), 201), ((404, ConnectTimeout('slow')), 201)])
def test_only_404_of_all_accounts_fails_the_request(tmp_path, answers, status):
    client = Client('container', tmp_path, FakePool(*answers))
    count = len(answers)
    headers = {**at(T[1]), **TELL, 'X-Account-Host': ','.join(['127.0.0.1:6202'] * count),
               'X-Account-Device': ','.join(['sdb1'] * count)}
    assert client('PUT', C, headers).status == status
    # The change was made whatever the accounts said (sheet 03 §28.22).
    assert client('HEAD', C).status == 204
    client.close()


def test_unmatched_account_headers_are_refused_after_the_change(client):
    headers = {**at(T[1]), **TELL, 'X-Account-Device': 'sdb1,sdc1'}
    assert client('PUT', C, headers).status == 400
    assert client('HEAD', C).status == 204


# -- bad requests -----------------------------------------------------------------------------

@pytest.mark.parametrize('method, path, headers, status, body', [
    ('PUT', C, {}, 400, 'Missing X-Timestamp header'),
    ('DELETE', C, {'X-Timestamp': '1e9'}, 400, 'Invalid X-Timestamp header'),
    ('GET', '/sda1/1/a', {}, 400, 'Invalid path: /sda1/1/a'),
    ('GET', f'{A}/c%ff', {}, 412, 'Invalid UTF8 or contains NULL'),
    ('GET', f'{A}/c%00x', {}, 400, 'Invalid reserved-namespace container'),
    ('COPY', C, {}, 405, None), ('COPY', '/', {}, 405, None), ('OPTIONS', '/', {}, 200, None),
])
def test_bad_requests(client, method, path, headers, status, body):
    answer = client(method, path, headers)
    assert answer.status == status
    if body is not None:
        assert answer.body.decode() == body


def test_options(client):
    assert client('OPTIONS', C).headers['Allow'] == \
        'DELETE, GET, HEAD, OPTIONS, POST, PUT, REPLICATE, UPDATE'


def test_missing_device(client):
    answer = client('GET', '/sdb1/1/AUTH_test/c')
    assert answer.status == 507 and b'Drive: sdb1' in answer.body
