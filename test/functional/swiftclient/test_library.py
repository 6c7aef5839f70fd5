"""The low-level interface: every request of it against a real cluster."""

import hashlib
import io
import os
import threading

import pytest

import swiftclient
from swiftclient import client
from swiftclient.utils import LengthWrapper

NAME = 'a b/ü?%41&=#/../x'


def test_object_round_trip_beyond_ascii(connection, own_container):
    told = {}
    etag = connection.put_object(own_container, NAME, 'contents', content_type='text/x; y=z',
                                 headers={'X-Object-Meta-Naïve': 'ï %41'}, response_dict=told)
    headers, body = connection.get_object(own_container, NAME)
    assert (body, headers['etag']) == (b'contents', etag)
    assert headers['content-type'] == 'text/x; y=z' and told['status'] == 201
    # Compat: percent sequences in what the server says are undone.
    assert headers['x-object-meta-naïve'] == 'ï A'
    assert [entry['name'] for entry in connection.get_container(own_container)[1]] == [NAME]


def test_metadata_of_account_container_and_object(connection, own_container):
    connection.post_account({'X-Account-Meta-Lib': 'ä'})
    connection.post_container(own_container, {'X-Container-Meta-Lib': 'ö'})
    connection.put_object(own_container, 'o', b'')
    connection.post_object(own_container, 'o', {'X-Object-Meta-Lib': 'ü'})
    assert connection.head_account()['x-account-meta-lib'] == 'ä'
    assert connection.head_container(own_container)['x-container-meta-lib'] == 'ö'
    assert connection.head_object(own_container, 'o')['x-object-meta-lib'] == 'ü'
    connection.post_account({'X-Remove-Account-Meta-Lib': 'x'})
    assert 'x-account-meta-lib' not in connection.head_account()


def test_listings_page_by_page(connection, own_container):
    names = [f'd{n}/o{n}' for n in range(7)]
    for name in names:
        connection.put_object(own_container, name, b'x')
    page = connection.get_container(own_container, limit=3)[1]
    assert [entry['name'] for entry in page] == names[:3]
    page = connection.get_container(own_container, marker='d3/o3', end_marker='d6')[1]
    assert [entry['name'] for entry in page] == names[4:6]
    assert len(connection.get_container(own_container, full_listing=True)[1]) == 7
    subdirs = connection.get_container(own_container, delimiter='/', full_listing=True)[1]
    assert [entry['subdir'] for entry in subdirs] == [f'd{n}/' for n in range(7)]
    listed = connection.get_account(prefix=own_container, full_listing=True)[1]
    assert [entry['name'] for entry in listed] == [own_container]


@pytest.mark.parametrize('size', [0, 1, 65535, 65536, 65537, 3_000_001])
@pytest.mark.parametrize('way', ['bytes', 'file', 'chunked', 'wrapper'])
def test_bodies_of_all_sizes_come_back(connection, own_container, size, way):
    data = os.urandom(size)
    contents = {'bytes': data, 'file': io.BytesIO(data), 'chunked': iter([data[:7], b'', data[7:]]),
                'wrapper': LengthWrapper(io.BytesIO(data), size, md5=True)}[way]
    options = {'content_length': size} if way == 'file' else {}
    etag = connection.put_object(own_container, way, contents, **options)
    assert etag == hashlib.md5(data).hexdigest()
    assert connection.get_object(own_container, way)[1] == data
    blocks = list(connection.get_object(own_container, way, resp_chunk_size=50_000)[1])
    assert b''.join(blocks) == data and all(len(block) == 50_000 for block in blocks[:-1])
    part = connection.get_object(own_container, way, headers={'Range': 'bytes=0-2'})[1] \
        if size else b''
    assert part == data[:3]


def test_upload_whose_sum_is_wrong_is_refused(connection, own_container):
    with pytest.raises(swiftclient.ClientException) as caught:
        connection.put_object(own_container, 'o', b'x', etag='0' * 32)
    assert caught.value.http_status == 422
    assert connection.get_container(own_container)[1] == []


def test_refused_upload_is_heard_before_its_end(connection, own_container):
    sent = []

    def a_gigabyte():
        for _ in range(16384):
            sent.append(65536)
            yield bytes(65536)

    with pytest.raises(swiftclient.ClientException) as caught:
        connection.put_object(f'{own_container}-not-there', 'o', a_gigabyte())
    assert caught.value.http_status == 404 and len(sent) < 16384
    assert connection.head_container(own_container)['x-container-object-count'] == '0'


def test_copy_and_delete(connection, own_container):
    connection.put_object(own_container, 'o', b'x', headers={'X-Object-Meta-A': 'b'})
    connection.copy_object(own_container, 'o', f'/{own_container}/{NAME}', fresh_metadata=True,
                           headers={'X-Object-Meta-C': 'd'})
    headers = connection.head_object(own_container, NAME)
    assert headers['x-object-meta-c'] == 'd' and 'x-object-meta-a' not in headers
    connection.copy_object(own_container, 'o', headers={'X-Object-Meta-E': 'f'})
    assert connection.head_object(own_container, 'o')['x-object-meta-a'] == 'b'
    connection.delete_object(own_container, 'o')
    with pytest.raises(swiftclient.ClientException) as caught:
        connection.get_object(own_container, 'o')
    err = caught.value
    assert (err.http_status, err.http_reason) == (404, 'Not Found') and err.transaction_id
    assert f'(txn: {err.transaction_id})' in str(err)


def test_ended_token_is_renewed(connection, own_container):
    connection.token = 'AUTH_tk_of_another_time'
    assert connection.head_container(own_container)
    assert connection.attempts == 2 and connection.token != 'AUTH_tk_of_another_time'


def test_capabilities(connection):
    assert 'swift' in connection.get_capabilities()
    connection.head_account()
    assert connection.get_capabilities() == connection.get_capabilities(connection.url)


def test_wrong_password(auth_url):
    with pytest.raises(swiftclient.ClientException, match='Auth GET failed') as caught:
        client.get_auth(auth_url, 'test:tester', 'wrong')
    assert caught.value.http_status == 401


def test_many_metadata_items(connection, own_container):
    limit = connection.get_capabilities()['swift']['max_meta_count']
    mine = {f'X-Object-Meta-N{n}': str(n) for n in range(limit)}
    connection.put_object(own_container, 'o', b'', headers=mine)
    headers = connection.head_object(own_container, 'o')
    assert {name: headers[name] for name in mine} == mine


def test_connections_in_threads(auth_url, own_container):
    url, token = client.get_auth(auth_url, 'test:tester', 'testing')
    failed = []

    def work(number):
        conn = swiftclient.Connection(preauthurl=url, preauthtoken=token)
        body = b'%d' % number * 5000
        for turn in range(5):
            conn.put_object(own_container, f'{number}/{turn}', body)
            if conn.get_object(own_container, f'{number}/{turn}')[1] != body:
                failed.append((number, turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_session_of_keystoneauth1(auth_url, own_container):
    pytest.importorskip('keystoneauth1', reason='keystoneauth1 is not installed')
    from keystoneauth1 import loading, session

    plugin = loading.get_plugin_loader('v1password').load_from_options(
        auth_url=auth_url, username='test:tester', password='testing')
    ks = session.Session(plugin)
    assert ks.get('/?format=json', endpoint_filter={'service_type': 'object-store'}).ok
    assert swiftclient.Connection(session=ks).head_container(own_container)
