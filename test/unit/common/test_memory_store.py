"""The contract of the store in memory: it answers filters as a proxy over real nodes does."""
import json

import pytest

from swift.common.swob import Request
from test.support.memory_store import MemoryStore
from test.support.real_nodes import RealCluster

ROOT = '/v1/AUTH_a'
BODY = b'0123456789' * 3


@pytest.fixture(scope='module')
def apps(tmp_path_factory):
    """The store and the proxy, with the same objects."""
    real = RealCluster(tmp_path_factory.mktemp('nodes'))
    store = MemoryStore(ROOT)
    front = real.front.app
    for app in (front, store):
        if app is front:
            assert send(app, 'PUT', '/c')[0] == 201
        for name in ('o', 'p/1', 'p/2'):
            status, _headers, _body = send(app, 'PUT', f'/c/{name}', {
                'Content-Type': 'x/y', 'X-Object-Sysmeta-Slo-Etag': 'whole',
                'X-Static-Large-Object': 'True'}, BODY)
            assert status == 201
    yield store, front
    real.close()


def send(app, method, path, headers=None, body=None):
    req = Request.blank(ROOT + path, method=method, headers=headers or {}, body=body)
    resp = req.get_response(app)
    return resp.status_int, resp.headers, resp.body


def both(apps, method, path, headers=None):
    found = [send(app, method, path, headers) for app in apps]
    return [(status, body, {name: got.get(name) for name in (
        'Etag', 'Content-Range', 'Content-Length', 'X-Static-Large-Object',
        'X-Object-Sysmeta-Slo-Etag')}) for status, got, body in found]


AT = {'X-Backend-Etag-Is-At': 'X-Object-Sysmeta-Slo-Etag'}
IGNORE = {'X-Backend-Ignore-Range-If-Metadata-Present': 'X-Static-Large-Object'}


@pytest.mark.parametrize('headers', [
    {}, {'Range': 'bytes=3-5'}, {'Range': 'bytes=-4'}, {'Range': 'bytes=90-'},
    {'Range': 'bytes=3-5', **IGNORE}, {'If-None-Match': 'whole', **AT}, {'If-Match': 'whole', **AT},
    {'If-Match': 'x', **AT}, {'If-Match': 'whole'}, {'If-None-Match': 'whole'}])
def test_objects_are_answered_alike(apps, headers):
    for method in ('GET', 'HEAD'):
        store, proxy = both(apps, method, '/c/o', headers)
        assert store == proxy


def test_what_is_not_there(apps):
    for method in ('GET', 'HEAD', 'DELETE'):
        assert [status for status, *_rest in both(apps, method, '/c/none')] == [404, 404]


def test_listings_tell_names_sizes_and_hashes(apps):
    for query in ('format=json', 'format=json&prefix=p/', 'format=json&prefix=p/&marker=p/1'):
        store, proxy = (json.loads(send(app, 'GET', f'/c?{query}')[2]) for app in apps)
        assert [(row['name'], row['bytes'], row['hash']) for row in store] == [
            (row['name'], row['bytes'], row['hash']) for row in proxy]
