"""The published `swift` command and python-swiftclient library, as a user runs them."""

import json
import uuid

import pytest


@pytest.fixture
def name(run_client):
    container = f'swift-{uuid.uuid4().hex[:8]}'
    yield container
    run_client('swift', 'delete', container, check=False)


def test_swift_upload_list_stat_download_delete(run_client, name, tmp_path):
    tree = tmp_path / 'tree'
    (tree / 'deep' / 'er').mkdir(parents=True)
    contents = {'a.txt': b'a', 'deep/b b.bin': bytes(range(256)) * 300, 'deep/er/ü.txt': b''}
    for path, data in contents.items():
        (tree / path).write_bytes(data)
    run_client('swift', 'upload', name, '.', cwd=tree)
    listed = run_client('swift', 'list', name).stdout.split('\n')[:-1]
    assert set(contents) <= set(listed)
    stat = run_client('swift', 'stat', name, 'deep/b b.bin').stdout
    assert 'Content Length: 76800' in stat
    back = tmp_path / 'back'
    back.mkdir()
    run_client('swift', 'download', name, '--output-dir', str(back))
    for path, data in contents.items():
        assert (back / path).read_bytes() == data
    run_client('swift', 'delete', name)
    assert name not in run_client('swift', 'list').stdout


def test_swift_post_sets_metadata_and_acl(run_client, name, tmp_path):
    (tmp_path / 'x').write_bytes(b'x')
    run_client('swift', 'upload', name, 'x', cwd=tmp_path)
    run_client('swift', 'post', name, '--read-acl', '.r:*,.rlistings', '-m', 'Colour:blue')
    stat = run_client('swift', 'stat', name).stdout
    assert 'Read ACL: .r:*,.rlistings' in stat and 'Meta Colour: blue' in stat
    run_client('swift', 'post', name, 'x', '-m', 'Quota:1', '-H', 'Content-Type: text/x-thing')
    stat = run_client('swift', 'stat', name, 'x').stdout
    assert 'Meta Quota: 1' in stat and 'Content Type: text/x-thing' in stat


def test_swift_copy_and_capabilities(run_client, name, tmp_path):
    (tmp_path / 'x').write_bytes(b'copied')
    run_client('swift', 'upload', name, 'x', cwd=tmp_path)
    run_client('swift', 'copy', name, 'x', '-d', f'/{name}/y')
    assert run_client('swift', 'download', name, 'y', '-o', '-').stdout == 'copied'
    capabilities = json.loads(run_client('swift', 'capabilities', '--json').stdout)
    assert capabilities['swift']['container_listing_limit'] == 10000


LIBRARY = """
import os, sys
from swiftclient.client import Connection
from swiftclient.exceptions import ClientException
conn = Connection(os.environ['ST_AUTH'], os.environ['ST_USER'], os.environ['ST_KEY'], retries=1)
c = sys.argv[1]
conn.put_container(c, {'X-Container-Meta-Kind': 'test'})
etag = conn.put_object(c, 'o', b'12345', content_type='text/plain')
headers, body = conn.get_object(c, 'o', headers={'Range': 'bytes=1-3'})
assert body == b'234', body
assert conn.head_object(c, 'o')['etag'] == etag
conn.put_object(c, 'chunked', iter([b'ab', b'', b'cd']), chunk_size=2)
assert conn.get_object(c, 'chunked')[1] == b'abcd'
headers, rows = conn.get_container(c, full_listing=True)
assert [r['name'] for r in rows] == ['chunked', 'o'], rows
conn.post_object(c, 'o', {'X-Object-Meta-A': 'ünï'})
assert conn.head_object(c, 'o')['x-object-meta-a'] == 'ünï'
try:
    conn.delete_container(c)
except ClientException as err:
    assert err.http_status == 409, err
for r in rows:
    conn.delete_object(c, r['name'])
conn.delete_container(c)
print('done')
"""


def test_swiftclient_library(run_client, name):
    assert run_client('python', '-c', LIBRARY, name).stdout == 'done\n'
