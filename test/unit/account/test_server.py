"""The account server's verbs, with the black-box checks of sheet 03 §29 (11-20, 32-33)."""
import json
import os
import sqlite3
from contextlib import closing

import pytest

from swift.common.codecs import pending
from swift.common.errors import StateChanged
from swift.core.row_merge import ContainerRecord
from test.support.brokers import T
from test.support.db_servers import Client

A = '/sda1/1/AUTH_test'
LIVE = {'X-Put-Timestamp': T[3], 'X-Delete-Timestamp': '0', 'X-Object-Count': '5',
        'X-Bytes-Used': '50'}
GONE = {'X-Put-Timestamp': T[3], 'X-Delete-Timestamp': T[4], 'X-Object-Count': '0',
        'X-Bytes-Used': '0'}


@pytest.fixture
def client(tmp_path):
    client = Client('account', tmp_path)
    yield client
    client.close()


def at(timestamp, **headers):
    return {'X-Timestamp': timestamp, **{k.replace('_', '-'): v for k, v in headers.items()}}


def database(tmp_path):
    found = [os.path.join(directory, name) for directory, _, names in os.walk(tmp_path)
             for name in names if name.endswith('.db')]
    assert len(found) == 1
    return found[0]


def test_life_of_an_account(client):
    answer = client('HEAD', A)
    assert (answer.status, answer.body, answer.headers['Content-Length']) == (404, b'', '0')
    assert 'X-Account-Status' not in answer.headers
    assert client('PUT', A, at(T[1], X_Account_Meta_A='1')).status == 201
    assert client('PUT', A, at(T[2])).status == 202
    answer = client('HEAD', A)
    assert answer.status == 204
    assert answer.headers['X-Put-Timestamp'] == T[2]
    assert answer.headers['X-Account-Meta-A'] == '1'
    answer = client('DELETE', A, at(T[3]))
    assert (answer.status, answer.headers['X-Account-Status']) == (204, 'Deleted')
    for method in ('DELETE', 'GET', 'HEAD', 'POST'):
        answer = client(method, A, at(T[4]))
        assert (answer.status, answer.headers['X-Account-Status']) == (404, 'Deleted')
    answer = client('PUT', A, at(T[5]))
    assert (answer.status, answer.body) == (403, b'Recently deleted')
    assert client('PUT', f'{A}/c', LIVE).status == 404
    assert client('PUT', f'{A}/c', {**LIVE, 'X-Account-Override-Deleted': 'YES'}).status == 201


def test_records_and_listing(client):
    client('PUT', A, at(T[1]))
    assert client('PUT', f'{A}/c1', LIVE).status == 201
    assert client('PUT', f'{A}/c3', GONE).status == 204
    assert client('GET', A).body == b'c1\n'
    answer = client('GET', f'{A}?format=json')
    assert answer.body == (
        b'[{"name": "c1", "count": 5, "bytes": 50, "last_modified": "2023-11-14T22:13:23.000000", '
        b'"storage_policy": "gold"}]')
    assert answer.headers['X-Account-Storage-Policy-Gold-Container-Count'] == '1'
    assert answer.headers['X-Account-Object-Count'] == '5'


def test_record_goes_to_the_pending_log_as_the_original_writes_it(client, tmp_path):
    client('PUT', A, at(T[1]))
    client('PUT', f'{A}/c1', LIVE)
    with open(database(tmp_path) + '.pending', 'rb') as stream:
        assert stream.read() == pending.encode(
            ContainerRecord('c1', T[3], '0', '5', '50', 0, '0'))


def test_deleted_container_with_objects_stays_listed(client, tmp_path):
    client('PUT', A, at(T[1]))
    assert client('PUT', f'{A}/c', {**GONE, 'X-Object-Count': '5'}).status == 204
    assert client('GET', A).body == b'c\n'
    client('PUT', f'{A}/c', {**GONE, 'X-Put-Timestamp': T[2]})
    assert client('GET', A).status == 204
    with closing(sqlite3.connect(database(tmp_path))) as db:
        assert db.execute('SELECT put_timestamp, deleted FROM container').fetchall() == [(T[3], 1)]


def test_records_of_own_accounts_create_them(client):
    assert client('PUT', '/sda1/1/.auto/c', LIVE).status == 201
    assert client('GET', '/sda1/1/.auto').body == b'c\n'
    assert client('PUT', '/sda1/1/NOacc/c', LIVE).status == 404


@pytest.mark.parametrize('missing', list(LIVE))
def test_incomplete_record_is_refused(client, missing):
    client('PUT', A, at(T[1]))
    headers = {name: value for name, value in LIVE.items() if name != missing}
    answer = client('PUT', f'{A}/c', headers)
    assert (answer.status, answer.body.decode()) == (400, f'Missing {missing} header')
    if missing in ('X-Object-Count', 'X-Bytes-Used'):
        assert client('PUT', f'{A}/c', {**headers, missing: 'many'}).status == 400


def test_listing_parameters(client):
    client('PUT', A, at(T[1]))
    for name in ('c-1', 'c-2', 'd'):
        client('PUT', f'{A}/{name}', LIVE)
    assert client('GET', f'{A}?delimiter=-').body == b'c-\nd\n'
    assert client('GET', f'{A}?reverse=on&limit=1').body == b'd\n'
    assert client('GET', f'{A}?marker=c-1&end_marker=d').body == b'c-2\n'
    assert client('GET', f'{A}?limit=-1').body == client('GET', A).body
    assert client('GET', f'{A}?limit=0').status == 204
    xml = client('GET', f'{A}?delimiter=-&format=xml').body.decode()
    assert xml.index('<subdir name="c-" />') < xml.index('<container><name>d')


@pytest.mark.parametrize('query, accept, status, body', [
    ('limit=10001', '', 412, 'Maximum limit is 10000'),
    ('prefix=%ff', '', 400, '"prefix" parameter not valid UTF-8'),
    ('', 'image/png', 406, None), ('', 'garbage', 400, 'Invalid Accept header'),
])
def test_bad_listing_requests(client, query, accept, status, body):
    # Found before the device is looked at.
    answer = client('GET', f'/nodevice/1/AUTH_test?{query}', {'Accept': accept} if accept else {})
    assert answer.status == status
    if body:
        assert answer.body.decode() == body


@pytest.mark.parametrize('accept, content_type, body', [
    ('application/json', 'application/json', b'[]'),
    ('text/xml;q=0.9, text/plain;q=0.1', 'text/xml', None),
    ('*/*', 'text/plain', b''),
])
def test_format_follows_accept(client, accept, content_type, body):
    client('PUT', A, at(T[1]))
    answer = client('GET', A, {'Accept': accept})
    assert answer.headers['Content-Type'] == f'{content_type}; charset=utf-8'
    assert body is None or answer.body == body


def test_too_much_metadata(client):
    client('PUT', A, at(T[1]))
    many = {f'X-Account-Meta-{number}': 'v' for number in range(91)}
    answer = client('POST', A, {**many, 'X-Timestamp': T[2]})
    assert (answer.status, answer.body) == (400, b'Too many metadata items; max 90')
    # Compat: the account is there although its PUT was refused (sheet 03 §28.22).
    assert client('PUT', '/sda1/1/other', {**many, 'X-Timestamp': T[2]}).status == 400
    assert client('HEAD', '/sda1/1/other').status == 204


def test_metadata_in_utf8(client):
    client('PUT', A, at(T[1], X_Account_Meta_Name='café'))
    assert client('HEAD', A).headers['X-Account-Meta-Name'] == 'café'


def test_reserved_names_are_listed_when_allowed(client):
    client('PUT', A, at(T[1]))
    client('PUT', f'{A}/%00hidden', LIVE)
    assert client('GET', A).status == 204
    answer = client('GET', A, {'X-Backend-Allow-Reserved-Names': 'true'})
    assert answer.body == b'\x00hidden\n'


@pytest.mark.parametrize('method, path, headers, status, body', [
    ('PUT', A, {}, 400, 'Missing X-Timestamp header'),
    ('PUT', A, {'X-Timestamp': 'x'}, 400, 'Invalid X-Timestamp header'),
    ('GET', '/sda1/1', {}, 400, 'Invalid path: /sda1/1'),
    ('GET', f'{A}/c', {}, 400, f'Invalid path: {A}/c'),
    ('PUT', f'{A}/c/o', LIVE, 400, f'Invalid path: {A}/c/o'),
    ('GET', '/./1/a', {}, 400, 'Invalid device: .'),
    ('GET', '/sda1/../a', {}, 400, 'Invalid partition: ..'),
    ('GET', '/sda1/1/a%ff', {}, 412, 'Invalid UTF8'),
    ('GET', '/sda1/1/a%00x', {}, 400, 'Invalid reserved-namespace account'),
    ('BREW', A, {}, 405, None), ('BREW', '/', {}, 405, None), ('UPDATE', A, {}, 405, None),
])
def test_bad_requests(client, method, path, headers, status, body):
    answer = client(method, path, headers)
    assert answer.status == status
    if body is not None:
        assert answer.body.decode() == body


def test_missing_device(client):
    answer = client('PUT', '/sdb1/1/AUTH_test', at(T[1]))
    assert answer.status == 507 and b'Drive: sdb1' in answer.body
    assert client('GET', '/odd%20name/1/AUTH_test').status == 507


def test_options_and_replicate(client, tmp_path):
    assert client('OPTIONS', '/').headers == client('OPTIONS', A).headers
    answer = client('OPTIONS', A)
    assert answer.status == 200
    assert answer.headers['Allow'] == 'DELETE, GET, HEAD, OPTIONS, POST, PUT, REPLICATE'
    assert answer.headers['Server'].startswith('account-server/')
    assert client('REPLICATE', '/sda1/1/hash', body=b'nonsense').status == 400
    closed = Client('account', tmp_path, replication_server='false')
    assert 'REPLICATE' not in closed('OPTIONS', A).headers['Allow']
    assert closed('REPLICATE', '/sda1/1/hash', body=b'[]').status == 405
    closed.close()


def test_full_device_refuses_what_takes_space(tmp_path):
    client = Client('account', tmp_path)
    client('PUT', A, at(T[1]))
    client.close()
    full = Client('account', tmp_path, fallocate_reserve='100%')
    for method, path, headers in (('PUT', A, at(T[2])), ('POST', A, at(T[2])),
                                  ('PUT', f'{A}/c', LIVE)):
        assert full(method, path, headers).status == 507
    assert full('GET', A).status == 204
    assert full('DELETE', A, at(T[3])).status == 204
    full.close()


def test_damaged_database_is_an_error_once_then_missing(client, tmp_path):
    client('PUT', A, at(T[1]))
    with open(database(tmp_path), 'wb') as stream:
        stream.write(b'rubbish' * 1000)
    answer = client('GET', A)
    assert answer.status == 500 and b'Traceback' not in answer.body
    assert client('GET', A).status == 404


def test_a_database_that_is_replaced_meanwhile_is_worth_another_try(client, monkeypatch):
    def read(*_args):
        raise StateChanged('replaced', 'path')
    monkeypatch.setattr(client.app, '_read', read)
    assert client('GET', A).status == 503


def test_error_of_ours_is_a_plain_500(client, monkeypatch):
    monkeypatch.setattr(client.app, '_read', None)
    answer = client('GET', A)
    assert answer.status == 500 and b'Traceback' not in answer.body
    assert client.logger.lines(40)[0].startswith('ERROR __call__ error with GET ' + A)


def test_requests_are_logged(tmp_path):
    client = Client('account', tmp_path, log_requests='true')
    client('GET', A, {'X-Trans-Id': 'tx1', 'User-Agent': 'proxy 1'})
    line, = client.logger.lines(20)
    assert f'"GET {A}" 404 - "-" "tx1" "proxy 1"' in line
    client.close()


def test_json_listing_is_parsed_back(client):
    client('PUT', A, at(T[1]))
    client('PUT', f'{A}/%F0%9F%98%80', LIVE)
    assert json.loads(client('GET', f'{A}?format=json').body)[0]['name'] == '😀'


@pytest.mark.parametrize('name', ['X-Timestamp', 'X-Put-Timestamp', 'X-Delete-Timestamp'])
def test_record_with_a_time_that_is_none_is_refused(client, name):
    client('PUT', A, at(T[1]))
    answer = client('PUT', f'{A}/c', {**LIVE, name: 'soon'})
    assert (answer.status, answer.body) == (400, b'Invalid %s header' % name.encode())
    assert client('GET', f'{A}?format=json').body == b'[]'
