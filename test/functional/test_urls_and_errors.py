"""What every request meets first: URL shapes, transaction ids, methods, `/info`."""

import re
from urllib.parse import urlsplit

import pytest


@pytest.mark.parametrize(
    ('target', 'status', 'text'),
    [
        ('/v1', 412, b'Bad URL'),
        ('/v1/', 412, b'Bad URL'),
        ('/', 404, b'<html>'),
        ('/v1/AUTH_test/c%00x', 412, b'Invalid UTF8 or contains NULL'),
        ('/v1/AUTH_test/c%ff', 412, b'Invalid UTF8 or contains NULL'),
    ],
)
def test_odd_urls(client, target, status, text):
    answer = client.raw('GET', target, headers={'X-Auth-Token': client.token})
    assert (answer.status, text in answer.body) == (status, True), answer.body


def test_unknown_method_is_405_and_names_the_others(client, container):
    answer = client.request('FOO', container)
    assert answer.status == 405
    assert set(answer.header('Allow').split(', ')) == {
        'GET',
        'HEAD',
        'PUT',
        'POST',
        'DELETE',
        'OPTIONS',
    }


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS'])
def test_every_answer_has_a_transaction_id(client, container, method):
    answer = client.request(method, container, headers={'X-Trans-Id-Extra': 'hello world'})
    assert re.fullmatch(r'tx[0-9a-f]{21}-[0-9a-f]{10}-hello%20world', answer.header('X-Trans-Id'))
    assert answer.header('X-Openstack-Request-Id') == answer.header('X-Trans-Id')


def test_no_token_is_401_with_a_challenge(client):
    answer = client.raw('GET', client.storage_path)
    assert answer.status == 401 and len(answer.body) == 131
    assert answer.header('Www-Authenticate') == f'Swift realm="{client.account}"'


def test_info_tells_limits_and_policies(client):
    info = client.raw('GET', '/info').json()
    assert info['swift']['max_file_size'] == 5368709122
    assert info['swift']['policies'] == [
        {'name': 'gold', 'aliases': 'gold', 'default': True},
        {'name': 'silver', 'aliases': 'silver'},
    ]
    assert 'valid_api_versions' not in info['swift'] and info['tempauth'] == {'account_acls': True}


def test_info_signature_without_admin_key_is_403(client):
    answer = client.raw('GET', '/info?swiftinfo_sig=0&swiftinfo_expires=9999999999')
    assert answer.status == 403


@pytest.mark.parametrize(
    ('line', 'status'),
    [
        (b'Content-Length: 1\r\nContent-Length: 2', b'400'),
        (b'Content-Length: 1\r\nTransfer-Encoding: chunked', None),
        (b'Content-Length: -5', b'400'),
        (b'Content-Length: abc', b'400'),
        (b'X-A : 1', b'400'),
        (b'X-A: 1\r\n folded', b'400'),
    ],
)
def test_smuggling_attempts_are_refused_and_cut_off(client, line, status):
    import socket

    place = urlsplit(client.auth_url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as sock:
        sock.sendall(
            b'PUT %s/x HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n' % (client.storage_path.encode(), line)
        )
        if status is None:
            sock.shutdown(socket.SHUT_WR)
        answer = b''
        while data := sock.recv(65536):  # ends only because the server closes
            answer += data
    assert answer.split(b' ')[1] == (status or b'400'), answer
