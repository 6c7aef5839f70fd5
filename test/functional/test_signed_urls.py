"""Temporary URLs and signed forms over HTTP, alone and together with web sites."""

import re
import time
from urllib.parse import urlsplit

import pytest

from swift.core.tempurl_sig import form_message, sign, url_message
from test.functional.conftest import empty
from test.support.client import Client

KEY = 'a key'
EXPIRES = int(time.time()) + 3600
DIGESTS = ('sha1', 'sha256', 'sha512')


@pytest.fixture
def signed(client, container):
    """signed(method, target, ...) -> answer to an anonymous request with a signature."""
    client.post(container, headers={'X-Container-Meta-Temp-URL-Key': KEY})

    def ask(method: str, name: str, *, signed_name: str | None = None, digest: str = 'sha256',
            ip_range: str | None = None, query: str = '', **kwargs):
        path = f'{client.storage_path}/{container}/{name if signed_name is None else signed_name}'
        if '&temp_url_prefix=' in query:
            path = f'prefix:{path}'
        message = url_message(kwargs.pop('signed_method', method), EXPIRES, path.encode(),
                              ip_range and ip_range.encode())
        query += f'&temp_url_ip_range={ip_range}' if ip_range else ''
        return client.raw(method, f'{client.storage_path}/{container}/{name}?temp_url_sig='
                          f'{sign(KEY, message, digest)}&temp_url_expires={EXPIRES}{query}',
                          **kwargs)

    return ask


@pytest.mark.parametrize('digest', DIGESTS)
def test_signature_puts_gets_and_deletes(client, container, signed, digest):
    assert signed('PUT', 'o', digest=digest, body=b'data',
                  headers={'X-Object-Meta-Hidden': 'h', 'X-Object-Meta-Public-Seen': 's'}
                  ).status == 201
    got = signed('GET', 'o', digest=digest)
    assert (got.status, got.body) == (200, b'data')
    assert got.header('X-Object-Meta-Public-Seen') == 's'
    assert got.header('X-Object-Meta-Hidden') is None and got.header('Expires')
    assert signed('HEAD', 'o', digest=digest, signed_method='PUT').status == 200
    assert signed('DELETE', 'o', digest=digest, signed_method='GET').status == 401
    assert signed('DELETE', 'o', digest=digest).status == 204
    assert client.head(f'{container}/o').status == 404


def test_what_was_not_signed_is_refused(client, container, signed):
    client.put(f'{container}/o', b'data')
    for answer in (signed('GET', 'o', signed_name='p'), signed('GET', 'o', signed_method='PUT'),
                   signed('GET', 'o', ip_range='10.0.0.0/8'),
                   signed('GET', 'o', query='&temp_url_prefix=p', signed_name='p')):
        assert (answer.status, answer.body) == (401, b'401 Unauthorized: Temp URL invalid\n')
    assert signed('GET', 'o', ip_range='127.0.0.0/8').status == 200


def test_links_of_a_signed_listing_open_what_they_list(client, container, signed):
    client.post(container, headers={'X-Container-Meta-Web-Listings': 'true'})
    for name in ('d/a.txt', 'd/e/f', 'other'):
        client.put(f'{container}/{name}', name.encode())
    page = signed('GET', 'd/', signed_name='d/', query='&temp_url_prefix=d/',
                  ip_range='127.0.0.0/8')
    assert page.status == 200 and page.header('Content-Disposition') == 'inline'
    links = [link.replace('&amp;', '&') for link in re.findall(r'href="([^"]+)"',
                                                               page.body.decode())]
    assert [link.partition('?')[0] for link in links] == ['./e/', './a%2Etxt']
    listed, shown = (client.raw('GET', f'{client.storage_path}/{container}/d/{link[2:]}')
                     for link in links)
    assert listed.status == 200 and b'>../</a>' in listed.body
    assert (shown.status, shown.body) == (200, b'd/a.txt')
    assert client.raw('GET', f'{client.storage_path}/{container}/d/').status == 401


def test_container_needs_pages_to_be_open(client, container, signed):
    client.put(f'{container}/o', b'data')
    root = {'signed_name': '', 'query': '&temp_url_prefix='}
    assert signed('GET', '', **root).status == 401
    client.post(container, headers={'X-Container-Meta-Web-Index': 'o'})
    got = signed('GET', '', **root)
    assert (got.status, got.body, got.header('Content-Disposition')) == (200, b'data', 'inline')


@pytest.fixture
def forms(form_client):
    """A container that forms may upload to."""
    form_client.put('forms', headers={'X-Container-Meta-Temp-URL-Key': KEY})
    yield 'forms'
    empty(form_client, 'forms')


def send_form(client: Client, *files: bytes, max_size: int = 10**9, redirect: str = ''):
    """Send a signed form with files named 0, 1, ... and return the answer."""
    path = f'{client.storage_path}/forms/in_'
    fields = {'redirect': redirect, 'max_file_size': str(max_size), 'max_file_count': '2',
              'expires': str(EXPIRES)}
    encoded = {name: value.encode() for name, value in fields.items()}
    fields['signature'] = sign(KEY, form_message(path.encode(), encoded), 'sha256')
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in fields.items()]
    for number, data in enumerate(files):
        parts += [f'--b\r\nContent-Disposition: form-data; name="f"; filename="{number}"\r\n\r\n'
                  .encode(), data, b'\r\n']
    return client.raw('POST', path, b''.join([*parts, b'--b--\r\n']),
                      {'Content-Type': 'multipart/form-data; boundary=b'})


def test_form_stores_what_it_may(form_client, forms):
    large = bytes(range(256)) * 40_000 + b'\r\n--'
    assert send_form(form_client, large, b'').status == 201
    assert form_client.get(f'{forms}/in_0').body == large
    assert form_client.get(f'{forms}/in_1').body == b''
    answer = send_form(form_client, b'a', b'b', b'c', redirect='http://site.example/?x')
    assert answer.header('Location') == (
        'http://site.example/?x&status=400&message=max%20file%20count%20exceeded')


@pytest.mark.parametrize('size', [100, 300_000])
def test_form_keeps_nothing_of_a_file_that_is_too_large(form_client, forms, size):
    answer = send_form(form_client, b'x' * size, max_size=size - 1)
    assert (answer.status, answer.body) == (400, b'FormPost: max_file_size exceeded')
    assert form_client.head(f'{forms}/in_0').status == 404
    assert urlsplit(answer.header('Location') or '').netloc == ''
