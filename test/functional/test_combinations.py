"""Filters meeting each other: versions of links to large objects, by temporary URL, in ranges.

Each filter has tests of its own; here are the places where one sees what another made.
"""

import hashlib
import hmac
import io
import json
import tarfile
import time
from urllib.parse import quote

import pytest

from test.functional.conftest import empty

SEGMENTS = (b'a' * 70_000, b'b' * 10, b'c' * 1_000)
LARGE = b''.join(SEGMENTS)
DELETED = 'application/x-deleted;swift_versions_deleted=1'


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


@pytest.fixture
def segments(client, container):
    """Three segments in a container; yields the manifest that joins them."""
    name = f'{container}-segments'
    assert client.put(name).status == 201
    for number, data in enumerate(SEGMENTS):
        assert client.put(f'{name}/{number}', data).status == 201
    yield json.dumps([{'path': f'/{name}/{n}', 'etag': md5(data), 'size_bytes': len(data)}
                      for n, data in enumerate(SEGMENTS)]).encode()
    empty(client, name)


@pytest.fixture
def versioned(client, container):
    """A container that keeps versions; afterwards none is left."""
    assert client.post(container, headers={'X-Versions-Enabled': 'true'}).status == 204
    yield container
    for row in client.get(container, query='?versions&format=json').json():
        query = f'?version-id={row["version_id"]}'
        client.delete(f'{container}/{row["name"]}', query=query)


def put_large(client, path: str, manifest: bytes):
    return client.put(path, manifest, query='?multipart-manifest=put')


def signed(client, path: str) -> str:
    expires = int(time.time()) + 600
    full = f'{client.storage_path}/{path}'
    sig = hmac.new(b'mykey', f'GET\n{expires}\n{full}'.encode(), 'sha256').hexdigest()
    return f'{quote(full)}?temp_url_sig={sig}&temp_url_expires={expires}'


def test_version_of_a_link_to_a_large_object_in_a_range(client, versioned, segments, container):
    large = f'{container}-segments/large'
    assert put_large(client, large, segments).status == 201
    link = client.put(f'{versioned}/link', headers={'X-Symlink-Target': large})
    assert link.status == 201
    middle = {'Range': 'bytes=69995-70014'}
    wanted = b'a' * 5 + b'b' * 10 + b'c' * 5
    # What the newest version is, a signed URL opens; the key has to be that of the account, since
    # the link leads to another container.
    client.post(headers={'X-Account-Meta-Temp-URL-Key': 'mykey'})
    answer = client.raw('GET', signed(client, f'{versioned}/link'), headers=middle)
    assert (answer.status, answer.body) == (206, wanted)
    assert client.put(f'{versioned}/link', b'something newer').status == 201
    query = f'?version-id={link.header("X-Object-Version-Id")}'
    answer = client.get(f'{versioned}/link', query=query, headers=middle)
    assert (answer.status, answer.body) == (206, wanted)
    newest = client.raw('GET', signed(client, f'{versioned}/link'))
    assert newest.body == b'something newer'
    client.post(headers={'X-Remove-Account-Meta-Temp-URL-Key': 'x'})


def test_key_of_a_container_does_not_open_what_its_links_lead_to(client, container):
    client.put(f'{container}-other')
    client.put(f'{container}-other/o', b'secret')
    client.put(f'{container}/link', headers={'X-Symlink-Target': f'{container}-other/o'})
    client.post(container, headers={'X-Container-Meta-Temp-URL-Key': 'mykey'})
    answer = client.raw('GET', signed(client, f'{container}/link'))
    assert answer.status == 401 and b'secret' not in answer.body
    empty(client, f'{container}-other')


def test_static_link_to_a_large_object_is_listed_with_its_size(client, container, segments):
    made = put_large(client, f'{container}/large', segments)
    assert made.status == 201
    head = client.head(f'{container}/large')
    link = client.put(f'{container}/link', headers={
        'X-Symlink-Target': f'{container}/large',
        'X-Symlink-Target-Etag': head.header('X-Manifest-Etag')})
    assert link.status == 201, link.body
    assert client.get(f'{container}/link').body == LARGE
    rows = {row['name']: row for row in client.get(container, query='?format=json').json()}
    assert rows['link']['symlink_bytes'] == len(LARGE)
    assert rows['link']['symlink_path'].endswith(f'/{container}/large')
    assert rows['large']['bytes'] == len(LARGE)
    assert rows['large']['slo_etag'] == made.header('Etag')


def test_large_object_of_links_and_of_large_objects(client, container, segments):
    inner = put_large(client, f'{container}/inner', segments)
    client.put(f'{container}/link', headers={'X-Symlink-Target': f'{container}-segments/1'})
    outer = json.dumps([
        {'path': f'/{container}/inner', 'range': '69999-70010'},
        {'path': f'/{container}/link'}, {'data': 'ZGF0YQ=='}]).encode()
    assert inner.status == 201
    made = put_large(client, f'{container}/outer', outer)
    assert made.status == 201, made.body
    whole = LARGE[69999:70011] + SEGMENTS[1] + b'data'
    answer = client.get(f'{container}/outer')
    assert answer.body == whole
    assert answer.header('Content-Length') == str(len(whole))
    part = client.get(f'{container}/outer', headers={'Range': 'bytes=10-13,-4'})
    assert part.status == 206 and whole[10:14] in part.body and b'data' in part.body


def test_large_object_as_a_version(client, versioned, segments):
    first = put_large(client, f'{versioned}/o', segments)
    assert first.status == 201
    assert client.put(f'{versioned}/o', b'small').status == 201
    query = f'?version-id={first.header("X-Object-Version-Id")}'
    old = client.get(f'{versioned}/o', query=query, headers={'Range': 'bytes=-3'})
    assert (old.status, old.body) == (206, b'ccc')
    rows = client.get(versioned, query='?versions&format=json').json()
    assert [row['bytes'] for row in rows] == [5, len(LARGE)]
    assert rows[1]['slo_etag'] == first.header('Etag')
    # Made current again, it is read as a whole.
    assert client.put(f'{versioned}/o', query=query).status == 201
    assert client.get(f'{versioned}/o').body == LARGE
    copied = client.request('COPY', f'{versioned}/o', query=query,
                            headers={'Destination': f'{versioned}/copy'})
    assert copied.status == 201
    copy = client.get(f'{versioned}/copy')
    assert copy.body == LARGE and copy.header('X-Static-Large-Object') is None


def test_archive_of_old_versions_keeps_large_objects(client, container, segments):
    archive = f'{container}-archive'
    client.put(archive)
    client.post(container, headers={'X-Versions-Location': archive})
    assert put_large(client, f'{container}/o', segments).status == 201
    assert client.put(f'{container}/o', b'newer').status == 201
    assert client.delete(f'{container}/o').status == 204
    assert client.get(f'{container}/o').body == LARGE
    client.post(container, headers={'X-Remove-Versions-Location': 'x'})
    empty(client, archive)


def test_extracted_archive_becomes_versions(client, versioned):
    assert client.put(f'{versioned}/dir/o', b'first').status == 201
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode='w:gz') as archive:
        for name, data in (('dir/o', b'second'), ('dir/p', b'new')):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    answer = client.put(versioned, packed.getvalue(), query='?extract-archive=tar.gz',
                        headers={'Accept': 'application/json'})
    assert answer.json()['Number Files Created'] == 2, answer.body
    rows = client.get(versioned, query='?versions&format=json').json()
    assert [(row['name'], row['is_latest'], row['bytes']) for row in rows] == [
        ('dir/o', True, 6), ('dir/o', False, 5), ('dir/p', True, 3)]
    body = f'{versioned}/dir/o\n{versioned}/dir/p\n'.encode()
    answer = client.post(query='?bulk-delete', body=body,
                         headers={'Content-Type': 'text/plain', 'Accept': 'application/json'})
    assert answer.json()['Number Deleted'] == 2, answer.body
    assert client.get(versioned).status == 204
    rows = client.get(versioned, query='?versions&format=json').json()
    assert [row['content_type'] for row in rows if row['is_latest']] == [DELETED, DELETED]


def test_deleting_a_manifest_and_its_segments_keeps_versions(client, versioned, segments):
    """In a versioned container DELETE of the manifest leaves a marker; the segments are gone."""
    assert put_large(client, f'{versioned}/o', segments).status == 201
    answer = client.delete(f'{versioned}/o', query='?multipart-manifest=delete',
                           headers={'Accept': 'application/json'})
    assert answer.status == 200 and answer.json()['Number Deleted'] == len(SEGMENTS) + 1
    assert client.get(f'{versioned}/o').status == 404


def test_site_of_links_and_large_objects(client, container, segments):
    put_large(client, f'{container}/large.html', segments)
    client.put(f'{container}/index.html', headers={
        'X-Symlink-Target': f'{container}/large.html', 'Content-Type': 'text/html'})
    client.post(container, headers={'X-Container-Read': '.r:*,.rlistings',
                                    'X-Container-Meta-Web-Index': 'index.html'})
    client.post(f'{container}-segments', headers={'X-Container-Read': '.r:*'})
    answer = client.raw('GET', f'{client.storage_path}/{container}/')
    assert answer.status == 200 and answer.body == LARGE


def test_quota_counts_what_extraction_and_copies_bring(client, container):
    assert client.put(f'{container}/o', b'12345').status == 201
    client.post(container, headers={'X-Container-Meta-Quota-Count': '1'})
    copied = client.request('COPY', f'{container}/o', headers={'Destination': f'{container}/p'})
    assert copied.status == 413
    assert b'quota' in copied.body
    client.post(container, headers={'X-Remove-Container-Meta-Quota-Count': 'x'})
