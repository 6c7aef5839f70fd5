"""Listing pages that are kept: valid exactly as long as nothing changed, bounded in bytes."""
import glob
import json
import sqlite3

import pytest

from swift.container.pages import OVERHEAD_BYTES, PAGE_BYTES_MAX, Pages
from test.support.brokers import T
from test.support.db_servers import Client

C = '/sda1/1/AUTH_test/c'


def test_page_is_for_the_info_it_was_made_under():
    pages, info = Pages(), object()
    pages.put(('dir', 1), info, ([], b'body'))
    assert pages.get(('dir', 1), info) == ([], b'body')
    assert pages.get(('dir', 2), info) is None
    assert pages.get(('dir', 1), object()) is None
    assert pages.get(('dir', 1), info) is None       # forgotten: its info will not come again
    assert pages.statistics() == {'pages': 0, 'bytes': 0}


def test_least_recently_used_pages_go_first():
    pages, info = Pages(3 * (100 + OVERHEAD_BYTES)), object()
    for name in 'abc':
        pages.put((name,), info, ([], bytes(100)))
    assert pages.get(('a',), info)
    pages.put(('d',), info, ([], bytes(100)))
    assert [name for name in 'abcd' if pages.get((name,), info)] == ['a', 'c', 'd']
    pages.put(('d',), info, ([], bytes(50)))
    assert pages.statistics() == {'pages': 3, 'bytes': 250 + 3 * OVERHEAD_BYTES}


def test_large_page_is_not_kept():
    pages, info = Pages(), object()
    pages.put(('a',), info, ([], bytes(PAGE_BYTES_MAX + 1)))
    assert pages.get(('a',), info) is None


@pytest.fixture
def client(tmp_path):
    client = Client('container', tmp_path)
    yield client
    client.close()


def names(client, query='format=json'):
    return [entry['name'] for entry in json.loads(client('GET', f'{C}?{query}').body)]


def put(client, name, timestamp=T[1]):
    client('PUT', f'{C}/{name}', {
        'X-Timestamp': timestamp, 'X-Size': '1', 'X-Content-Type': 'a/b', 'X-Etag': 'e'})


def test_every_change_of_the_container_makes_a_new_page(client):
    client('PUT', C, {'X-Timestamp': T[1]})
    put(client, 'a')
    put(client, 'b')
    assert names(client) == names(client) == ['a', 'b']
    assert names(client, 'format=json&marker=a') == ['b']
    put(client, 'c')
    assert names(client) == ['a', 'b', 'c']
    client('DELETE', f'{C}/a', {'X-Timestamp': T[2]})
    assert names(client) == ['b', 'c']
    assert client('GET', C).body == b'b\nc\n'


def test_change_by_another_process_makes_a_new_page(client, tmp_path):
    client('PUT', C, {'X-Timestamp': T[1]})
    put(client, 'a')
    assert names(client) == names(client) == ['a']
    path, = glob.glob(f'{tmp_path}/**/*.db', recursive=True)
    with sqlite3.connect(path) as other:
        other.create_function('chexor', 3, lambda *args: '0' * 32)
        other.execute("INSERT INTO object (name, created_at, size, content_type, etag, deleted) "
                      "VALUES ('x', ?, 1, 'a/b', 'e', 0)", (T[1],))
    other.close()
    assert names(client) == ['a', 'x']
