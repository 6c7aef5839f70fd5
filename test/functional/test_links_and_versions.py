"""Links and versions together: what one of them alone does not show. Also whose rights count."""

import uuid

import pytest

from test.functional.conftest import empty

FORBIDDEN_NAME = 'Invalid UTF8 or contains NULL'


@pytest.fixture
def versioned(client):
    """A container that keeps versions, gone with all of them afterwards."""
    name = f'v-{uuid.uuid4().hex[:12]}'
    assert client.put(name, headers={'X-Versions-Enabled': 'true'}).status == 201
    yield name
    for entry in client.get(name, query='?versions').json():
        client.request(
            'DELETE', f'{name}/{entry["name"]}', query=f'?version-id={entry["version_id"]}'
        )
    empty(client, name)


def put_version(client, path, body=b'', **headers):
    answer = client.put(path, body, headers=headers)
    assert answer.status == 201
    return answer.header('X-Object-Version-Id')


def link(client, path, target, **headers):
    headers = {name.replace('_', '-'): value for name, value in headers.items()}
    return client.put(path, b'', headers={'X-Symlink-Target': target, **headers})


def test_a_version_of_a_link_to_another_link(client, container, versioned):
    client.put(f'{container}/o', b'data')
    link(client, f'{container}/l', f'{container}/o')
    answer = link(client, f'{versioned}/v', f'{container}/l')
    version = answer.header('X-Object-Version-Id')
    put_version(client, f'{versioned}/v', b'plain')
    got = client.get(f'{versioned}/v', query=f'?version-id={version}')
    assert (got.status, got.body) == (200, b'data')
    assert got.header('Content-Location') == f'{client.storage_path}/{container}/o'
    assert client.get(f'{versioned}/v').body == b'plain'


def test_a_static_link_to_a_versioned_object_holds_on_to_its_tag(client, container, versioned):
    put_version(client, f'{versioned}/o', b'one')
    etag = client.head(f'{versioned}/o').header('Etag')
    made = link(client, f'{container}/s', f'{versioned}/o', X_Symlink_Target_Etag=etag)
    assert made.status == 201
    assert client.get(f'{container}/s').body == b'one'
    shown = client.head(f'{container}/s', query='?symlink=get')
    assert shown.header('X-Symlink-Target-Bytes') == '3'
    put_version(client, f'{versioned}/o', b'two')
    assert client.get(f'{container}/s').status == 409


def test_a_static_link_in_a_versioned_container(client, container, versioned):
    client.put(f'{container}/o', b'data')
    etag = client.head(f'{container}/o').header('Etag')
    answer = link(client, f'{versioned}/s', f'{container}/o', X_Symlink_Target_Etag=etag)
    assert answer.status == 201
    version = answer.header('X-Object-Version-Id')
    for query in ('', f'?version-id={version}'):
        assert client.get(f'{versioned}/s', query=query).body == b'data'
    client.put(f'{container}/o', b'changed')
    for query in ('', f'?version-id={version}'):
        assert client.get(f'{versioned}/s', query=query).status == 409


def test_conditions_and_ranges_are_about_the_current_version(client, container, versioned):
    put_version(client, f'{versioned}/o', b'one')
    put_version(client, f'{versioned}/o', b'second')
    link(client, f'{container}/l', f'{versioned}/o')
    for path in (f'{versioned}/o', f'{container}/l'):
        etag = client.head(path).header('Etag')
        assert client.get(path, headers={'If-None-Match': etag}).status == 304
        assert client.get(path, headers={'If-Match': 'other'}).status == 412
        assert client.get(path, headers={'If-Match': etag}).status == 200
        ranged = client.get(path, headers={'Range': 'bytes=-2'})
        assert (ranged.status, ranged.body) == (206, b'nd')
        assert client.get(path, headers={'Range': 'bytes=9-'}).status == 416


def test_an_old_version_is_copied_and_put_back(client, container, versioned):
    first = put_version(client, f'{versioned}/o', b'one')
    put_version(client, f'{versioned}/o', b'two')
    copied = client.request(
        'COPY', f'{versioned}/o', query=f'?version-id={first}',
        headers={'Destination': f'{container}/copy'},
    )
    assert (copied.status, copied.header('X-Copied-From-Version-Id')) == (201, first)
    assert client.get(f'{container}/copy').body == b'one'
    assert client.put(f'{versioned}/o', b'', query=f'?version-id={first}').status == 201
    assert client.get(f'{versioned}/o').body == b'one'


def test_suspended_data_outlives_the_return_of_an_old_version(client, versioned):
    first = put_version(client, f'{versioned}/o', b'one')
    client.request('POST', versioned, headers={'X-Versions-Enabled': 'false'})
    assert put_version(client, f'{versioned}/o', b'null') is None
    assert client.put(f'{versioned}/o', b'', query=f'?version-id={first}').status == 201
    bodies = [
        client.get(f'{versioned}/o', query=f'?version-id={entry["version_id"]}').body
        for entry in client.get(versioned, query='?versions').json()
    ]
    assert sorted(bodies) == [b'null', b'one']


def test_names_that_need_quoting(client, versioned):
    path = f'{versioned}/ü ?%&/☃'
    first = put_version(client, path, b'one')
    put_version(client, path, b'two')
    assert client.get(path).body == b'two'
    assert client.get(path, query=f'?version-id={first}').body == b'one'
    listed = client.get(versioned, query='?versions').json()
    assert [entry['name'] for entry in listed] == ['ü ?%&/☃'] * 2
    assert [entry['is_latest'] for entry in listed] == [True, False]
    row, = client.get(versioned, query='?format=json').json()
    assert row['version_symlink'] is True and row['bytes'] == 3
    deleted = client.delete(path)
    assert deleted.status == 204 and client.get(path).status == 404


def test_a_copied_link_stays_one_with_fresh_metadata(client, container):
    client.put(f'{container}/o', b'data')
    link(client, f'{container}/l', f'{container}/o')
    copied = client.request(
        'COPY', f'{container}/l', query='?symlink=get',
        headers={'Destination': f'{container}/m', 'X-Fresh-Metadata': 'true'},
    )
    assert copied.status == 201
    shown = client.head(f'{container}/m', query='?symlink=get')
    assert shown.header('X-Symlink-Target') == f'{container}/o'
    assert client.get(f'{container}/m').body == b'data'


def test_accounts_show_the_bytes_of_versions_and_no_hidden_name(client, versioned):
    put_version(client, f'{versioned}/o', b'one')
    put_version(client, f'{versioned}/o', b'two')
    names = client.get('', query=f'?prefix={versioned[:8]}').lines
    assert versioned in names and not any('\0' in name for name in names)
    everything = client.get('', query='?format=json').json()
    assert not any('\0' in entry['name'] for entry in everything)
    hidden = f'{client.storage_path}/%00versions%00{versioned}'
    for headers in ({}, {'X-Backend-Allow-Reserved-Names': 'true'}):
        answer = client.raw('GET', hidden, headers={'X-Auth-Token': client.token, **headers})
        assert (answer.status, answer.body.decode()) == (412, FORBIDDEN_NAME)


def test_a_container_with_versions_is_not_deleted(client, versioned):
    version = put_version(client, f'{versioned}/o', b'one')
    client.delete(f'{versioned}/o')
    answer = client.delete(versioned)
    assert (answer.status, answer.body) == (409, b'Delete all versions before deleting container.')
    got = client.get(f'{versioned}/o', query=f'?version-id={version}')
    assert (got.status, got.body) == (200, b'one')


# -- rights ---------------------------------------------------------------------------------------


def test_readers_of_a_version_that_is_a_link_need_the_right_on_its_target(
    client, other, container, versioned
):
    client.put(f'{container}/secret', b'secret')
    link(client, f'{versioned}/l', f'{container}/secret')
    client.request('POST', versioned, headers={'X-Container-Read': 'test:tester3'})
    assert client.get(f'{versioned}/l').body == b'secret'
    assert other.get(f'{versioned}/l').status == 403


def test_writers_learn_nothing_of_targets_they_may_not_read(client, other, container, versioned):
    client.put(f'{container}/secret', b'secret')
    client.request('POST', versioned, headers={'X-Container-Write': 'test:tester3'})
    for etag in ('wrong', client.head(f'{container}/secret').header('Etag')):
        made = link(other, f'{versioned}/l', f'{container}/secret', X_Symlink_Target_Etag=etag)
        assert made.status == 403 and b'Etag' not in made.body


def test_a_copy_of_a_link_of_the_cluster_opens_nothing(client, other, container, versioned):
    put_version(client, f'{versioned}/o', b'one')
    client.put(f'{container}/secret', b'secret')
    client.request(
        'POST', versioned,
        headers={'X-Container-Read': 'test:tester3', 'X-Container-Write': 'test:tester3'},
    )
    copied = other.request(
        'COPY', f'{versioned}/o', query='?symlink=get',
        headers={
            'Destination': f'{versioned}/stolen', 'X-Symlink-Target': f'{container}/secret',
            'X-Symlink-Target-Etag': '',
        },
    )
    assert copied.status == 201
    assert client.get(f'{versioned}/stolen').body == b'secret'
    assert other.get(f'{versioned}/stolen').status == 403
