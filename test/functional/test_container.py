"""Containers: making, listing, policies, access lists, metadata."""

import pytest

NAMES = [
    'a',
    'b/1',
    'b/2',
    'b/c/3',
    'd e',
    'ü/ö',
    '☃',
    'z%20z',
    '%',
    '~',
    'q?x',
    'a&b=c',
    'e#f',
    '日本語',
]


@pytest.fixture
def filled(client, container):
    for name in NAMES:
        assert client.put(f'{container}/{name}', name.encode()).status == 201
    return container


def names(client, container, query=''):
    return client.get(container, query=query).lines


def test_create_again_is_202_and_delete_when_full_is_409(client, container):
    assert client.put(container).status == 202
    client.put(f'{container}/o')
    assert client.delete(container).status == 409
    client.delete(f'{container}/o')
    assert client.delete(container).status == 204
    assert client.delete(container).status == 404
    assert client.put(container).status == 201


def test_listing_is_in_byte_order_and_counts(client, filled):
    assert names(client, filled) == sorted(NAMES, key=lambda n: n.encode())
    head = client.head(filled)
    assert head.status == 204
    assert head.header('X-Container-Object-Count') == str(len(NAMES))
    assert head.header('X-Container-Bytes-Used') == str(sum(len(n.encode()) for n in NAMES))


def test_every_name_comes_back(client, filled):
    for name in NAMES:
        assert client.get(f'{filled}/{name}').body == name.encode()
    rows = client.get(filled, query='?format=json').json()
    assert {row['name']: row['bytes'] for row in rows} == {n: len(n.encode()) for n in NAMES}


@pytest.mark.parametrize(
    ('query', 'expected'),
    [
        ('?prefix=b/', ['b/1', 'b/2', 'b/c/3']),
        ('?delimiter=/&prefix=b/', ['b/1', 'b/2', 'b/c/']),
        ('?marker=b/2&end_marker=d', ['b/c/3']),
        ('?limit=2&marker=a', ['a&b=c', 'b/1']),
        ('?reverse=on&prefix=b&limit=2', ['b/c/3', 'b/2']),
        ('?path=b', ['b/1', 'b/2']),
        ('?prefix=%C3%BC', ['ü/ö']),
        ('?limit=0', []),
    ],
)
def test_listing_parameters(client, filled, query, expected):
    assert names(client, filled, query) == expected


def test_pages_by_marker_cover_everything_once(client, filled):
    seen, marker = [], ''
    from urllib.parse import quote

    while page := names(client, filled, f'?limit=3&marker={quote(marker)}'):
        seen += page
        marker = page[-1]
    assert seen == sorted(NAMES, key=lambda n: n.encode())


@pytest.mark.parametrize(('length', 'status'), [(256, 201), (257, 400)])
def test_name_length_at_both_sides_of_the_limit(client, length, status):
    answer = client.put('n' * length)
    assert answer.status == status
    if status == 400:
        assert answer.body == b'Container name length of 257 longer than 256'
    client.delete('n' * length)


@pytest.mark.parametrize(
    ('accept', 'status', 'kind'),
    [
        ('text/xml', 200, 'text/xml'),
        ('application/json', 200, 'application/json'),
        ('image/png', 406, None),
        ('garbage', 400, None),
        ('*/*', 200, 'text/plain'),
    ],
)
def test_accept_chooses_the_format(client, container, accept, status, kind):
    client.put(f'{container}/o', b'x')
    answer = client.get(container, headers={'Accept': accept})
    assert answer.status == status
    if kind:
        assert answer.header('Content-Type') == f'{kind}; charset=utf-8'


def test_empty_listings(client, container):
    assert client.get(container).status == 204
    assert client.get(container, query='?format=json').body == b'[]'
    assert client.get(container, query='?format=xml').body.endswith(
        f'<container name="{container}" />'.encode()
    )


def test_policy_is_chosen_once(client):
    name = 'policy-chosen'
    refused = client.put(name, headers={'X-Storage-Policy': 'nope'})
    assert (refused.status, refused.body) == (400, b"Invalid X-Storage-Policy 'nope'")
    assert client.put(name, headers={'X-Storage-Policy': 'SILVER'}).status == 201
    assert client.head(name).header('X-Storage-Policy') == 'silver'
    assert client.put(name, headers={'X-Storage-Policy': 'gold'}).status == 409
    assert client.put(name).status == 202
    assert client.put(f'{name}/o', b'in silver').status == 201
    assert client.get(f'{name}/o').body == b'in silver'
    client.delete(f'{name}/o')
    assert client.delete(name).status == 204


def test_read_acl_opens_objects_and_rlistings_the_listing(client, container):
    client.put(f'{container}/o', b'open')
    path = f'{client.storage_path}/{container}'
    assert client.raw('GET', path + '/o').status == 401
    assert client.post(container, headers={'X-Container-Read': '.r:*'}).status == 204
    assert client.raw('GET', path + '/o').body == b'open'
    assert client.raw('GET', path).status == 401
    client.post(container, headers={'X-Container-Read': '.r:*,.rlistings'})
    assert client.raw('GET', path).lines == ['o']
    client.post(container, headers={'X-Container-Read': '.r:.example.com,.r:-bad.example.com'})
    for referer, status in (('http://www.example.com/x', 200), ('http://bad.example.com/', 401)):
        assert client.raw('GET', path + '/o', headers={'Referer': referer}).status == status


def test_user_acls_give_read_and_write_apart(client, other, stranger, container):
    path, token = f'{client.storage_path}/{container}/o', {'X-Auth-Token': other.token}
    client.put(f'{container}/o', b'1')
    assert other.raw('GET', path, headers=token).status == 403
    client.post(container, headers={'X-Container-Read': 'test:tester3'})
    assert other.raw('GET', path, headers=token).status == 200
    head = other.raw('HEAD', f'{client.storage_path}/{container}', headers=token)
    assert head.header('X-Container-Read') is None
    assert other.raw('PUT', path, b'2', headers=token).status == 403
    client.post(container, headers={'X-Container-Write': 'test:tester3'})
    assert other.raw('PUT', path, b'2', headers=token).status == 201
    assert stranger.raw('GET', path, headers={'X-Auth-Token': stranger.token}).status == 403
    client.post(container, headers={'X-Container-Read': 'test2'})
    assert stranger.raw('GET', path, headers={'X-Auth-Token': stranger.token}).body == b'2'


def test_bad_acl_is_refused(client, container):
    answer = client.post(container, headers={'X-Container-Read': '.r:'})
    assert answer.status == 400 and b'X-Container-Read' in answer.body or answer.body
    assert client.head(container).header('X-Container-Read') is None


@pytest.mark.parametrize(
    ('key', 'value', 'status'),
    [
        ('X-Container-Meta-' + 'k' * 128, 'v', 204),
        ('X-Container-Meta-' + 'k' * 129, 'v', 400),
        ('X-Container-Meta-K', 'v' * 256, 204),
        ('X-Container-Meta-K', 'v' * 257, 400),
    ],
)
def test_metadata_at_both_sides_of_the_limits(client, container, key, value, status):
    assert client.post(container, headers={key: value}).status == status
    assert client.head(container).header(key) == (value if status == 204 else None)
