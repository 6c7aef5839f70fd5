"""The in-process client over a proxy with storage nodes in memory."""

import gzip
from io import BytesIO

import pytest

from swift.common.errors import ConfigError
from swift.common.internal_client import (
    InternalClient,
    UnexpectedResponse,
    conf_for,
    global_conf_of,
    make_path,
)
from swift.common.log import clear_transaction, get_transaction, set_transaction
from test.support.proxy import Proxy


@pytest.fixture
def proxy():
    return Proxy(3, cached=False, allow_account_management='yes')


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def client(proxy, pauses):
    return InternalClient(None, 'daemon 1', 3, app=proxy.app, sleep=pauses.append)


def test_paths_are_quoted():
    assert make_path('a') == '/v1/a'
    assert make_path('a', 'c c', 'x/\x00y') == '/v1/a/c%20c/x/%00y'


def test_life_of_everything(client):
    client.create_account('a')
    client.create_container('a', 'c')
    assert client.container_exists('a', 'c') and not client.container_exists('a', 'other')
    client.upload_object(BytesIO(b'one\ntwo\nthree'), 'a', 'c', 'o')
    status, headers, body = client.get_object('a', 'c', 'o')
    assert status == 200 and b''.join(body) == b'one\ntwo\nthree' and headers['Etag']
    assert list(client.iter_object_lines('a', 'c', 'o')) == [b'one', b'two', b'three']
    client.delete_object('a', 'c', 'o')
    client.delete_object('a', 'c', 'o')
    client.delete_container('a', 'c')
    client.delete_account('a')


def test_known_length_is_sent_as_such(client, proxy):
    client.create_container('a', 'c')
    client.upload_object(BytesIO(b'xyz'), 'a', 'c', 'o', {'Content-Length': '3'})
    assert proxy.pool.requests('object', 'PUT')[0][3]['Content-Length'] == '3'


def test_packed_lines_are_unpacked(client):
    client.create_container('a', 'c')
    client.upload_object(BytesIO(gzip.compress(b'a\nb\n')), 'a', 'c', 'log.gz')
    assert list(client.iter_object_lines('a', 'c', 'log.gz')) == [b'a', b'b']


def test_metadata(client):
    client.create_container('a', 'c')
    client.set_container_metadata('a', 'c', {'Colour': 'red'}, 'X-Container-Meta-')
    assert client.get_container_metadata('a', 'c', 'x-container-meta-') == {'colour': 'red'}
    client.set_account_metadata('a', {'K': 'v'}, 'X-Account-Meta-')
    assert client.get_account_metadata('a', 'X-Account-Meta-') == {'k': 'v'}
    client.upload_object(BytesIO(b''), 'a', 'c', 'o')
    client.set_object_metadata('a', 'c', 'o', {'A': '1'}, 'X-Object-Meta-')
    assert client.get_object_metadata('a', 'c', 'o', 'X-Object-Meta-') == {'a': '1'}
    assert client.get_object_metadata('a', 'c', 'none', acceptable=(404,)) == {}


def test_account_counts_and_missing_account(client):
    client.create_container('a', 'c')
    assert client.get_account_info('a') == (1, 0)
    assert client.get_account_info('other') == (0, 0)


def test_listings_are_paged(client, proxy):
    for i in range(3):
        client.create_container('a', f'c{i}')
    pages = [b'[{"name": "c0"}, {"name": "c1"}]', b'[{"subdir": "d/"}]', b'[]']
    seen = []

    def paged(env, start_response):
        seen.append(env['QUERY_STRING'])
        start_response('200 OK', [])
        return [pages.pop(0)]

    client.app = paged
    items = list(client.iter_objects('a', 'c', prefix='x', end_marker='z'))
    assert [item.get('name') for item in items] == ['c0', 'c1', None]
    assert seen == ['format=json&marker=&end_marker=z&prefix=x',
                    'format=json&marker=c1&end_marker=z&prefix=x',
                    'format=json&marker=d%2F&end_marker=z&prefix=x']
    client.app = proxy.app
    assert list(client.iter_objects('a', 'none')) == []
    assert list(client.iter_containers('nobody')) == []


def test_daemons_name_reaches_the_backends(client, proxy):
    client.create_container('a', '\x00reserved')
    headers = proxy.pool.requests('container', 'PUT')[0][3]
    assert headers['User-Agent'] == 'daemon 1'
    assert headers['X-Backend-Allow-Reserved-Names'] == 'true'


def test_server_errors_are_tried_again_with_longer_pauses(client, proxy, pauses):
    for node in proxy.nodes:
        node.failing = {'container': 500}
    with pytest.raises(UnexpectedResponse, match='Unexpected response: 503 Service') as error:
        client.create_container('a', 'c')
    assert pauses == [2, 4] and error.value.resp.status_int == 503


def test_other_answers_are_not_tried_again(client, pauses):
    with pytest.raises(UnexpectedResponse, match='Unexpected response: 404 Not Found'):
        client.get_object('a', 'c', 'o')
    assert pauses == []


def test_body_is_rewound_for_the_next_try(client, proxy, pauses):
    client.create_container('a', 'c')
    real = client.app
    calls = []

    def flaky(env, start_response):
        calls.append(env)
        if len(calls) == 1:
            env['wsgi.input'].read()
            start_response('503 Service Unavailable', [])
            return [b'']
        return real(env, start_response)

    client.app = flaky
    client.upload_object(BytesIO(b'body'), 'a', 'c', 'o')
    assert client.get_object('a', 'c', 'o')[0] == 200 and pauses == [2]


def test_replication_network_on_request(proxy):
    client = InternalClient(None, 'd', 1, app=proxy.app, use_replication_network=True)
    assert client._headers['X-Backend-Use-Replication-Network'] == 'true'


def test_gatekeeper_is_refused():
    def app(env, start_response):
        return []

    app._pipeline_names = ('catch_errors', 'gatekeeper', 'proxy')
    with pytest.raises(ConfigError, match='gatekeeper'):
        InternalClient(None, 'd', 1, app=app)
    with pytest.raises(ValueError):
        InternalClient(None, 'd', 0, app=app)


def test_lines_of_the_daemon_are_not_marked_with_its_requests(client):
    client.create_account('a')
    assert get_transaction().trans_id == ''
    set_transaction('own')
    try:
        client.create_container('a', 'c')
        assert get_transaction().trans_id == 'own'
    finally:
        clear_transaction()


def test_the_pipeline_finds_keys_in_its_environ(client):
    client.create_container('a', 'c')
    headers = {'Content-Type': 'text/x;swift_bytes=5'}
    with pytest.raises(UnexpectedResponse):
        client.upload_object(BytesIO(b'x'), 'a', 'c', 'o', headers)
    client.upload_object(BytesIO(b'x'), 'a', 'c', 'o', headers,
                         environ={'swift.content_type_overridden': True})


def test_which_configuration_is_loaded(tmp_path):
    swift_dir = str(tmp_path)
    assert conf_for('', swift_dir) is None
    assert conf_for('/given.conf', swift_dir) == '/given.conf'
    path = tmp_path / 'internal-client.conf'
    path.write_text('')
    assert conf_for('', swift_dir) == str(path)
    section = {'log_file': 'x', 'log_name': 'daemon', 'interval': '3'}
    assert global_conf_of(section, '/d', None) == {'log_file': 'x', 'swift_dir': '/d'}
    assert global_conf_of(section, '/d', str(path)) == {'swift_dir': '/d'}
