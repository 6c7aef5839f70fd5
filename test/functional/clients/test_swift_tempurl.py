"""The published client's `swift tempurl`: what it signs is let in."""

from urllib.parse import urlsplit

import pytest


@pytest.fixture
def link(client, container, run_client):
    """link(*words) -> URL for an object with content, made by the program."""
    client.post(container, headers={'X-Container-Meta-Temp-URL-Key': 'key'})
    client.put(f'{container}/dir/o', b'content')

    def make(*words: str) -> str:
        path = f'{client.storage_path}/{container}/dir/'
        path += '' if '--prefix-based' in words else 'o'
        done = run_client('swift', 'tempurl', *words, 'GET', '3600', path, 'key')
        return done.stdout.strip().replace('/dir/?', '/dir/o?')

    return make


@pytest.mark.parametrize(
    'words',
    [
        ('--digest', 'sha1'),
        ('--digest', 'sha256'),
        ('--digest', 'sha512'),
        ('--iso8601',),
        ('--prefix-based',),
        ('--ip-range', '127.0.0.0/8'),
    ],
    ids=' '.join,
)
def test_swift_tempurl_opens_the_object(client, link, words):
    url = link(*words)
    got = client.raw('GET', url)
    assert (got.status, got.body) == (200, b'content'), url
    parts = urlsplit(url)
    assert client.raw('GET', f'{parts.path}x?{parts.query}').status in (401, 404)
    assert client.raw('PUT', url, b'x').status == 401
