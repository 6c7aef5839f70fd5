"""Cross-origin requests: what a browser asks, and what it is told."""

import pytest

ORIGIN = 'http://a.example.com'


@pytest.fixture
def open_container(client, container):
    client.post(
        container,
        headers={
            'X-Container-Meta-Access-Control-Allow-Origin': ORIGIN,
            'X-Container-Read': '.r:*',
        },
    )
    client.put(f'{container}/o', b'x')
    return container


def test_get_with_allowed_origin_is_exposed(client, open_container):
    answer = client.get(f'{open_container}/o', headers={'Origin': ORIGIN})
    assert answer.header('Access-Control-Allow-Origin') == ORIGIN
    assert 'Origin' in answer.header('Vary')
    assert 'x-openstack-request-id' in answer.header('Access-Control-Expose-Headers')


def test_get_with_other_origin_has_no_cors_headers(client, open_container):
    answer = client.get(f'{open_container}/o', headers={'Origin': 'http://b.example.com'})
    assert answer.status == 200
    assert not [name for name in answer.headers if name.lower().startswith('access-control')]


@pytest.mark.parametrize(('origin', 'status'), [(ORIGIN, 200), ('http://b.example.com', 401)])
def test_preflight(client, open_container, origin, status):
    answer = client.raw(
        'OPTIONS',
        f'{client.storage_path}/{open_container}/o',
        headers={
            'Origin': origin,
            'Access-Control-Request-Method': 'GET',
            'Access-Control-Request-Headers': 'x-auth-token',
        },
    )
    assert answer.status == status
    if status == 200:
        assert answer.header('Access-Control-Allow-Origin') == ORIGIN
        assert 'GET' in answer.header('Access-Control-Allow-Methods')
        assert answer.header('Access-Control-Allow-Headers') == 'x-auth-token'
