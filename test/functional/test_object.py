"""Objects: bytes in and out, ranges, conditions, metadata, expiry, copies."""

import hashlib
import time

import pytest

BODY = b'hello world'
ETAG = '5eb63bbbe01eeed093cb22bb8f5acdc3'


@pytest.fixture
def path(client, container):
    name = f'{container}/dir/the object ☃'
    answer = client.put(name, BODY, headers={'Content-Type': 'application/octet-stream'})
    assert (answer.status, answer.header('Etag')) == (201, ETAG)
    return name


@pytest.mark.parametrize('size', [0, 1, 65535, 65536, 65537, 1 << 20, (5 << 20) + 1])
def test_bodies_of_every_size_come_back(client, container, size):
    body = hashlib.sha256(b'%d' % size).digest() * (size // 32 + 1)
    body = body[:size]
    answer = client.put(f'{container}/o', body)
    assert (answer.status, answer.header('Etag')) == (201, hashlib.md5(body).hexdigest())
    got = client.get(f'{container}/o')
    assert got.body == body and got.header('Content-Length') == str(size)


def test_chunked_upload(client, container):
    pieces = [b'a', b'bc' * 50000, b'd']
    assert client.put(f'{container}/o', iter(pieces)).status == 201
    got = client.get(f'{container}/o')
    assert got.body == b''.join(pieces) and got.header('Content-Length') == '100002'


@pytest.mark.parametrize(
    ('value', 'status', 'expected'),
    [
        ('bytes=0-4', 206, b'hello'),
        ('bytes=6-', 206, b'world'),
        ('bytes=-3', 206, b'rld'),
        ('bytes=0-0', 206, b'h'),
        ('bytes=10-99', 206, b'd'),
        ('bytes=5-3', 200, BODY),
        ('bytes=nonsense', 200, BODY),
        ('bytes=100-', 416, None),
        ('bytes=-0', 416, None),
    ],
)
def test_ranges(client, path, value, status, expected):
    answer = client.get(path, headers={'Range': value})
    assert answer.status == status
    if status == 416:
        assert answer.header('Content-Range') == 'bytes */11'
    else:
        assert answer.body == expected


def test_multiple_ranges_are_multipart(client, path):
    answer = client.get(path, headers={'Range': 'bytes=0-1,3-4'})
    assert answer.status == 206 and len(answer.body) == 258
    assert answer.header('Content-Type').startswith('multipart/byteranges;boundary=')
    assert b'Content-Range: bytes 3-4/11' in answer.body


@pytest.mark.parametrize(('count', 'status'), [(50, 206), (51, 416)])
def test_more_ranges_than_anyone_needs_are_refused(client, container, count, status):
    client.put(f'{container}/long', b'x' * 1000)
    ranges = ','.join(f'{n}-{n}' for n in range(0, 2 * count, 2))
    answer = client.get(f'{container}/long', headers={'Range': f'bytes={ranges}'})
    assert answer.status == status


@pytest.mark.parametrize(
    ('headers', 'status'),
    [
        ({'If-None-Match': ETAG}, 304),
        ({'If-None-Match': f'"{ETAG}"'}, 304),
        ({'If-None-Match': '"x"'}, 200),
        ({'If-Match': ETAG}, 200),
        ({'If-Match': '"bad"'}, 412),
        ({'If-Match': '*'}, 200),
        ({'If-None-Match': '*'}, 304),
        ({'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT'}, 304),
        ({'If-Modified-Since': 'Sat, 01 Jan 2000 00:00:00 GMT'}, 200),
        ({'If-Unmodified-Since': 'Sat, 01 Jan 2000 00:00:00 GMT'}, 412),
    ],
)
@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_conditions(client, path, method, headers, status):
    assert client.request(method, path, headers=headers).status == status


def test_conditions_on_a_missing_object(client, container):
    assert client.get(f'{container}/no', headers={'If-Match': '*'}).status == 412
    assert client.get(f'{container}/no', headers={'If-None-Match': '*'}).status == 404


def test_put_only_if_new(client, path):
    assert client.put(path, b'x', headers={'If-None-Match': '*'}).status == 412
    refused = client.put(path, b'x', headers={'If-None-Match': '"abc"'})
    assert (refused.status, refused.body) == (400, b'If-None-Match only supports *')
    assert client.get(path).body == BODY


def test_wrong_etag_is_refused_and_the_old_object_stays(client, path):
    assert client.put(path, b'other', headers={'ETag': '0' * 32}).status == 422
    assert client.get(path).body == BODY


def test_post_replaces_metadata_and_keeps_the_rest(client, path):
    client.post(path, headers={'X-Object-Meta-Old': '1', 'Content-Disposition': 'attachment'})
    assert (
        client.post(path, headers={'X-Object-Meta-New': 'ü'.encode().decode('latin-1')}).status
        == 202
    )
    head = client.head(path)
    assert head.header('X-Object-Meta-New').encode('latin-1').decode() == 'ü'
    assert head.header('X-Object-Meta-Old') is head.header('Content-Disposition') is None
    assert head.header('Etag') == ETAG and head.header('Content-Type') == 'application/octet-stream'


@pytest.mark.parametrize(
    ('headers', 'status', 'text'),
    [
        (
            {'X-Object-Meta-' + 'k' * 129: 'v'},
            400,
            b'Metadata name too long: x-object-meta-K' + b'k' * 128,
        ),
        ({'X-Object-Meta-A': 'v' * 257}, 400, b'Metadata value longer than 256: x-object-meta-A'),
        ({'X-Object-Meta-': '1'}, 400, b'Metadata name cannot be empty'),
        ({f'X-Object-Meta-{n}': 'v' for n in range(91)}, 400, b'Too many metadata items; max 90'),
        ({'X-Delete-At': '1'}, 400, b'X-Delete-At in past'),
        ({'X-Delete-At': 'x'}, 400, b'Non-integer X-Delete-At'),
        (
            {'Content-Type': 'a/b; swift_bytes=1'},
            400,
            b'Invalid Content-Type, swift_* is not a valid parameter name.',
        ),
    ],
)
def test_refused_headers_say_why(client, container, headers, status, text):
    answer = client.put(f'{container}/o', b'x', headers=headers)
    assert (answer.status, answer.body) == (status, text)
    assert client.get(f'{container}/o').status == 404


@pytest.mark.parametrize(('length', 'status'), [(1024, 201), (1025, 400)])
def test_name_length_at_both_sides_of_the_limit(client, container, length, status):
    assert client.put(f'{container}/{"o" * length}', b'x').status == status


def test_expiry_is_announced_and_kept(client, container):
    client.put(f'{container}/o', b'x', headers={'X-Delete-After': '100'})
    at = int(client.head(f'{container}/o').header('X-Delete-At'))
    assert abs(at - time.time() - 100) < 30
    assert client.post(f'{container}/o', headers={'X-Remove-Delete-At': 'x'}).status == 202
    assert client.head(f'{container}/o').header('X-Delete-At') is None


def test_client_cannot_reach_the_inside(client, container):
    forged = {
        'X-Backend-Storage-Policy-Index': '1',
        'X-Object-Sysmeta-Foo': '1',
        'X-Timestamp': '1',
        'X-Container-Host': '127.0.0.1:1',
        'X-Container-Partition': '1',
        'X-Container-Device': 'd',
    }
    assert client.put(f'{container}/o', b'x', headers=forged).status == 201
    answer = client.get(f'{container}/o')
    assert answer.status == 200 and answer.header('X-Object-Sysmeta-Foo') is None
    assert not [name for name in answer.headers if name.lower().startswith('x-backend')]
    assert float(answer.header('X-Timestamp')) > 1e9
    assert client.get(container).lines == ['o']


def test_guessed_content_types(client, container):
    client.put(f'{container}/pic.png', b'x')
    assert client.head(f'{container}/pic.png').header('Content-Type') == 'image/png'
    client.put(
        f'{container}/x.html',
        b'x',
        headers={'Content-Type': 'a/b', 'X-Detect-Content-Type': 'true'},
    )
    assert client.head(f'{container}/x.html').header('Content-Type') == 'text/html'


def test_delete(client, path):
    assert client.delete(path).status == 204
    assert client.delete(path).status == 404
    assert client.get(path).status == 404 and client.get(path.split('/')[0]).lines == []


def test_copy_between_containers_and_policies(client, path):
    assert client.put('copies', headers={'X-Storage-Policy': 'silver'}).status in (201, 202)
    client.post(path, headers={'X-Object-Meta-A': '1', 'Content-Type': 'text/x-a'})
    answer = client.request(
        'COPY', path, headers={'Destination': 'copies/o2', 'X-Object-Meta-B': '2'}
    )
    assert answer.status == 201 and answer.header('X-Copied-From-Account') == client.account
    got = client.get('copies/o2')
    assert (got.body, got.header('X-Object-Meta-A'), got.header('X-Object-Meta-B')) == (
        BODY,
        '1',
        '2',
    )
    assert got.header('Content-Type') == 'text/x-a'
    assert client.request('COPY', path).status == 412
    refused = client.put('copies/o3', b'body', headers={'X-Copy-From': '/copies/o2'})
    assert refused.status == 400
    client.delete('copies/o2')
    client.delete('copies')


@pytest.mark.parametrize('size', [0, 1, 65000, 65535, 65536, 65537, 200000])
def test_copies_of_every_size(client, container, size):
    body = b'x' * size
    assert client.put(f'{container}/from', body).status == 201
    answer = client.request('COPY', f'{container}/from',
                            headers={'Destination': f'{container}/to'})
    assert (answer.status, answer.header('Etag')) == (201, hashlib.md5(body).hexdigest())
    assert client.get(f'{container}/to').body == body


def test_missing_length_and_too_large(client, container):
    answer = client.raw(
        'PUT',
        f'{client.storage_path}/{container}/o',
        None,
        {'X-Auth-Token': client.token, 'Content-Length': '5368709123'},
    )
    assert (answer.status, answer.body) == (413, b'Your request is too large.')


def test_a_name_that_fills_the_request_line_is_listed_at_once(client, container):
    """Backend requests and their header fields are longer than the client's request line."""
    room = 8192 - len(f'DELETE {client.storage_path}/{container}/ HTTP/1.1\r\n') - 1
    name = '🙂' * (room // 12) + 'x' * (room % 12)
    answer = client.put(f'{container}/{name}', BODY, headers={'X-Delete-After': '1000'})
    assert answer.status == 201
    assert client.get(container).lines == [name]
    assert client.get(f'{container}/{name}').body == BODY
    assert client.delete(f'{container}/{name}').status == 204
    assert client.get(container).lines == []
    assert client.put(f'{container}/{name}xxxx').status == 414


def test_a_content_type_of_strange_bytes_does_not_spoil_the_listing(client, container):
    client.put(f'{container}/o', b'x')
    assert client.post(f'{container}/o', headers={'Content-Type': b'a/\xff'}).status == 202
    row, = client.get(container, query='?format=json').json()
    assert row['name'] == 'o'
    assert client.head(container).header('X-Container-Object-Count') == '1'
