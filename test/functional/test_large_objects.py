"""Large objects over HTTP: what a client sees when segments change, break or go away later."""

import hashlib
import http.client
import io
import json
import os
import tarfile
import uuid
from urllib.parse import urlsplit

import pytest

MIB = 1 << 20


def put_slo(client, path, entries, query='', **headers):
    answer = client.put(path, json.dumps(entries), headers=headers,
                        query=f'?multipart-manifest=put{query}')
    assert answer.status in (201, 202), answer.body
    return answer


@pytest.fixture
def parts(client, container):
    """Three segments of different sizes, and their joined bytes."""
    data = [os.urandom(size) for size in (3 * MIB, 1, 2 * MIB + 77)]
    for number, part in enumerate(data):
        assert client.put(f'{container}/seg/{number}', part).status == 201
    return data


def test_slo_of_real_sizes_in_whole_and_in_part(client, container, parts):
    whole = b''.join(parts)
    put_slo(client, f'{container}/slo', [
        {'path': f'{container}/seg/{n}', 'etag': hashlib.md5(part).hexdigest(),
         'size_bytes': len(part)} for n, part in enumerate(parts)])
    assert client.get(f'{container}/slo').body == whole
    border = len(parts[0])
    for first, last in ((0, 0), (border - 2, border + 2), (border, border),
                        (10, len(whole) - 10), (len(whole) - 1, len(whole) - 1)):
        got = client.get(f'{container}/slo', headers={'Range': f'bytes={first}-{last}'})
        assert got.status == 206 and got.body == whole[first:last + 1]


def test_dlo_of_real_sizes_in_whole_and_in_part(client, container, parts):
    whole = b''.join(parts)
    client.put(f'{container}/dlo', b'', headers={'X-Object-Manifest': f'{container}/seg/'})
    assert client.get(f'{container}/dlo').body == whole
    got = client.get(f'{container}/dlo', headers={'Range': f'bytes={3 * MIB - 1}-{3 * MIB + 1}'})
    assert got.status == 206 and got.body == whole[3 * MIB - 1:3 * MIB + 2]


def test_many_ranges_of_one_segment_are_one_request(client, container, parts):
    slices = [(n * 100, n * 100 + 49) for n in range(40)]
    put_slo(client, f'{container}/slo', [
        {'path': f'{container}/seg/0', 'range': f'{first}-{last}'} for first, last in slices])
    expected = b''.join(parts[0][first:last + 1] for first, last in slices)
    assert client.get(f'{container}/slo').body == expected
    got = client.get(f'{container}/slo', headers={'Range': 'bytes=25-1975'})
    assert got.body == expected[25:1976]


def test_later_segment_that_was_changed_cuts_the_answer(client, container, parts):
    put_slo(client, f'{container}/slo', [{'path': f'{container}/seg/{n}'} for n in range(3)])
    client.put(f'{container}/seg/2', b'changed')
    conn = http.client.HTTPConnection(urlsplit(client.auth_url).netloc, timeout=60)
    conn.request('GET', f'{client.storage_path}/{container}/slo',
                 headers={'X-Auth-Token': client.token})
    got = conn.getresponse()
    assert got.status == 200
    with pytest.raises((http.client.IncompleteRead, ConnectionError)) as caught:
        got.read()
    conn.close()
    if isinstance(caught.value, http.client.IncompleteRead):
        assert (parts[0] + parts[1]).startswith(caught.value.partial)


def test_first_segment_that_is_gone_is_a_conflict(client, container, parts):
    put_slo(client, f'{container}/slo', [{'path': f'{container}/seg/{n}'} for n in range(3)])
    client.delete(f'{container}/seg/0')
    assert client.get(f'{container}/slo').status == 409
    assert client.get(f'{container}/slo', headers={'Range': f'bytes={3 * MIB}-'}).body == (
        parts[1] + parts[2])


def test_copies_of_large_objects(client, container, parts):
    whole = b''.join(parts)
    put_slo(client, f'{container}/slo', [{'path': f'{container}/seg/{n}'} for n in range(3)])
    client.put(f'{container}/dlo', b'', headers={'X-Object-Manifest': f'{container}/seg/'})
    for kind in ('slo', 'dlo'):
        for query, name in (('', 'flat'), ('?multipart-manifest=get', 'manifest')):
            target = f'{container}/{kind}-{name}'
            assert client.request('COPY', f'{container}/{kind}', None, {'Destination': target},
                                  query=query).status == 201
            assert client.get(target).body == whole
    flat, manifest = (client.request('HEAD', f'{container}/slo-{name}')
                      for name in ('flat', 'manifest'))
    assert flat.header('X-Static-Large-Object') is None
    assert manifest.header('X-Static-Large-Object') == 'True'
    # Still of the same segments.
    client.put(f'{container}/seg/0', parts[0][::-1])
    assert client.get(f'{container}/slo-manifest').status == 409
    assert client.get(f'{container}/slo-flat').body == whole


def test_archive_of_many_files_and_their_bulk_delete(client, container):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w:gz') as archive:
        for number in range(300):
            info = tarfile.TarInfo(f'dir/{number:04}')
            data = b'%d' % number * 100
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo('large')
        info.size = 3 * MIB
        archive.addfile(info, io.BytesIO(bytes(3 * MIB)))
    json_type = {'Accept': 'application/json'}
    answer = client.put(container, out.getvalue(), headers=json_type,
                        query='?extract-archive=tar.gz')
    assert answer.json()['Number Files Created'] == 301, answer.body
    assert client.get(f'{container}/dir/0123').body == b'123' * 100
    assert client.get(f'{container}/large').body == bytes(3 * MIB)
    names = [f'{container}/dir/{number:04}' for number in range(300)] + [f'{container}/large']
    answer = client.request('POST', '', '\n'.join(names), {
        **json_type, 'Content-Type': 'text/plain'}, query='?bulk-delete')
    assert answer.json() == {
        'Number Deleted': 301, 'Number Not Found': 0, 'Response Status': '200 OK',
        'Response Body': '', 'Errors': []}


def test_hostile_archives_leave_nothing_where_it_does_not_belong(client, container):
    out = io.BytesIO()
    name = f'x-{uuid.uuid4().hex}'
    with tarfile.open(fileobj=out, mode='w') as archive:
        for path in (f'../{name}/o', f'a/../../{name}/o', 'fine'):
            archive.addfile(tarfile.TarInfo(path), io.BytesIO())
    answer = client.put(container, out.getvalue(), headers={'Accept': 'application/json'},
                        query='?extract-archive=tar')
    assert [status for _name, status in answer.json()['Errors']] == [
        '412 Precondition Failed'] * 2
    assert client.get(name).status == 404
    assert client.get(container).lines == ['fine']
