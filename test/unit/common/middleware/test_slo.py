"""slo: manifests stored, read in whole and in part, and what is broken about them."""
import hashlib
import itertools
import json
import logging
import os
import socket
from types import SimpleNamespace

import pytest

from swift.common import green, slo_read
from swift.common.clock import ManualClock
from swift.common.errors import SwiftError, TransportError
from swift.common.middleware.slo import SloFilter, SloOptions, filter_factory
from swift.common.mime_types import MimeTypes
from swift.common.registry import get_swift_info
from swift.common.segments import Reader
from swift.common.swob import HTTPForbidden, Request
from test.support import memory_store
from test.support.memory_store import MemoryStore

A, B = '74b87337454200d4d33f80c4663dc5e5', '65ba841e01d6db7733e90a5b7f9e6f80'
ETAG = '8c39aab0ee132c93b93f9cf0ed132353'
PATH = '/v1/a/c/m'
# All that the filter asks of a cluster.
CLUSTER = SimpleNamespace(hash_path=lambda *names: '0' * 31 + '7')


class World:
    """A filter over a store with segments a and b."""

    def __init__(self, **options):
        self.store = MemoryStore()
        self.store.put('/s/a', b'aaaa', {'Content-Type': 'text/a'})
        self.store.put('/s/b', b'bbbb')
        self.slo = SloFilter(self.store, SloOptions.parse(options), CLUSTER,
                             logging.getLogger('test'), MimeTypes('/nonexistent'))

    def send(self, method, path=PATH, body=None, headers=None, **env):
        req = Request.blank(path, environ=env, headers=headers or {}, method=method, body=body)
        resp = req.get_response(self.slo)
        try:
            data = resp.body
        finally:
            assert self.store.unclosed == []
        return resp, data

    def put(self, entries, path=PATH, query='multipart-manifest=put', headers=None, **env):
        body = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
        return self.send('PUT', f'{path}?{query}', body, headers, **env)

    def get(self, range_=None, path=PATH, headers=None):
        return self.send('GET', path, headers={
            **(headers or {}), **({'Range': range_} if range_ else {})})

    @classmethod
    def with_manifest(cls, entries=None, **options):
        world = cls(**options)
        resp, body = world.put(entries or [{'path': '/s/a'}, {'path': '/s/b'}],
                               headers={'Content-Type': 'video/x', 'X-Object-Meta-Colour': 'blue'})
        assert resp.status_int == 201, body
        world.store.calls.clear()
        return world


# -- PUT ------------------------------------------------------------------------------------------

def test_put_checks_each_segment_once_and_stores_the_manifest():
    world = World()
    resp, body = world.put([{'path': '/s/a', 'etag': A, 'size_bytes': 4}, {'path': '/s/b'},
                            {'path': '/s/a', 'range': '1-2'}],
                           headers={'X-Auth-Token': 'tk', 'User-Agent': 'me',
                                    'X-Object-Meta-X': 'y'})
    assert (resp.status_int, body) == (201, b'')
    etag = hashlib.md5(f'{A}{B}{A}:1-2;'.encode()).hexdigest()
    assert resp.headers['Etag'] == f'"{etag}"'
    *heads, put = world.store.calls
    assert sorted(call.path for call in heads) == ['/s/a', '/s/b']
    for call in heads:
        assert (call.method, call.query) == ('HEAD', '')
        assert call.env['swift.source'] == 'SLO'
        assert call.headers['User-Agent'] == 'me SLO MultipartPUT'
        assert 'X-Object-Meta-X' not in call.headers
    assert put.env['swift.content_type_overridden'] and put.headers['X-Object-Meta-X'] == 'y'
    stored, metadata = world.store.objects['/c/m']
    assert [entry['name'] for entry in json.loads(stored)] == ['/s/a', '/s/b', '/s/a']
    assert metadata['Content-Type'] == 'application/octet-stream;swift_bytes=10'
    assert metadata['X-Object-Sysmeta-Slo-Etag'] == etag
    assert metadata['X-Object-Sysmeta-Slo-Size'] == '10'
    assert metadata['X-Static-Large-Object'] == 'True'
    own = hashlib.md5(stored).hexdigest()
    assert put.headers['Etag'] == own
    assert metadata['X-Object-Sysmeta-Container-Update-Override-Etag'] == f'{own}; slo_etag={etag}'


@pytest.mark.parametrize('path, headers, expected', [
    ('/v1/a/c/m.html', {}, 'text/html'), ('/v1/a/c/m', {'Content-Type': 'x/y'}, 'x/y'),
    ('/v1/a/c/m.html', {'Content-Type': 'x/y', 'X-Detect-Content-Type': 'true'}, 'text/html')])
def test_content_type_of_the_whole(path, headers, expected):
    world = World()
    world.put([{'path': '/s/a'}], path, headers=headers)
    assert world.store.objects[path[5:]][1]['Content-Type'] == f'{expected};swift_bytes=4'


def test_clients_may_not_set_the_size_that_listings_show():
    resp, body = World().put([{'path': '/s/a'}], headers={'Content-Type': 'x/y;swift_bytes=99'})
    assert resp.status_int == 400
    assert body == b'Invalid Content-Type, swift_* is not a valid parameter name.'


def test_at_most_so_many_segments_are_checked_side_by_side():
    world, most, now = World(concurrency='3'), [], []

    def on_call(env):
        now.append(1)
        most.append(len(now))
        green.sleep(0)
        now.pop()
    for n in range(12):
        world.store.put(f'/s/{n}', b'x')
    world.store.on_call = on_call
    assert world.put([{'path': f'/s/{n}'} for n in range(12)])[0].status_int == 201
    assert max(most) == 3


@pytest.mark.parametrize('body, headers, status, text', [
    (b'x', {}, 400, b'Manifest must be valid JSON.\n'),
    (b'[{"x": 1}]', {}, 400, b"Index 0: expected keys to include one of 'data' or 'path'\n"),
    (b'[{"path": "/c/m"}]', {}, 400, b'Index 0: manifest must not include itself as a segment\n'),
    (b'[{"path": "/s/a"}, {"path": "/s/a"}, {"path": "/s/a"}]', {}, 413,
     b'Number of object-backed segments must be <= 2'),
    (b' ' * 101, {}, 413, b'Manifest File > 100 bytes'),
    (b'[]', {'X-Copy-From': '/s/a'}, 405, b'Multipart Manifest PUTs cannot be COPY requests')])
def test_put_of_what_is_refused_asks_for_nothing(body, headers, status, text):
    world = World(max_manifest_segments='2', max_manifest_size='100')
    resp, answer = world.put(body, headers=headers)
    assert (resp.status_int, answer) == (status, text)
    assert world.store.calls == []


def test_put_of_too_much_without_a_length_and_of_nothing():
    world = World(max_manifest_size='100')
    req = Request.blank(f'{PATH}?multipart-manifest=put', method='PUT', body=b' ' * 200000,
                        headers={'Transfer-Encoding': 'chunked'})
    del req.environ['CONTENT_LENGTH']
    assert req.get_response(world.slo).status_int == 413
    req = Request.blank(f'{PATH}?multipart-manifest=put', method='PUT')
    assert req.get_response(world.slo).status_int == 411


def test_problems_of_segments_are_reported_in_their_order():
    world = World()
    resp, body = world.put([{'path': '/s/a', 'size_bytes': 5, 'etag': 'x'}, {'path': '/s/no é'},
                            {'path': '/s/b', 'range': '9-'}],
                           headers={'Accept': 'application/json'})
    assert resp.status_int == 400 and resp.content_length is None
    assert json.loads(body) == {'Errors': [
        ['/s/a', 'Size Mismatch'], ['/s/a', 'Etag Mismatch'], ['/s/no%20%C3%A9', '404 Not Found'],
        ['/s/b', 'Unsatisfiable Range']]}
    assert '/c/m' not in world.store.objects
    _resp, body = world.put([{'path': '/s/a', 'size_bytes': 5}], headers={'Accept': 'nonsense'})
    assert body == b'Errors:\n/s/a, Size Mismatch\n'


def test_a_filter_further_left_may_object():
    seen = []

    def hook(stored):
        seen.append([entry['name'] for entry in stored])
        return [['/s/a', 'Too small for me']]
    world = World()
    resp, body = world.put([{'path': '/s/a'}], **{'swift.callback.slo_manifest_hook': hook})
    assert resp.status_int == 400 and body == b'Errors:\n/s/a, Too small for me\n'
    assert seen == [['/s/a']]
    assert world.put([{'path': '/s/a'}], **{
        'swift.callback.slo_manifest_hook': lambda stored: None})[0].status_int == 201


@pytest.mark.parametrize('etag, status', [(ETAG, 201), (f'"{ETAG}"', 201), ('x', 422)])
def test_etag_of_the_client(etag, status):
    world = World()
    resp, _body = world.put([{'path': '/s/a'}, {'path': '/s/b'}], headers={'Etag': etag})
    assert resp.status_int == status and ('/c/m' in world.store.objects) == (status == 201)


def test_heartbeat_tells_the_result_in_the_body():
    world = World()
    query = 'multipart-manifest=put&heartbeat=on'
    resp, body = world.put([{'path': '/s/a'}, {'path': '/s/b'}], query=query)
    assert resp.status_int == 202 and body == (
        b' \r\n\r\nEtag: "%s"\nLast Modified: Fri, 20 Nov 2026 21:09:51 GMT\nResponse Body: \n'
        b'Response Status: 201 Created\nErrors:\n' % ETAG.encode())
    assert resp.environ['eventlet.minimum_write_chunk_size'] == 0
    json_type = {'Accept': 'application/json'}
    report = json.loads(world.put([{'path': '/s/x'}], query=query, headers=json_type)[1])
    assert report['Response Status'] == '400 Bad Request'
    assert report['Response Body'].startswith('Bad Request\nThe server could not comply')
    assert report['Errors'] == [['/s/x', '404 Not Found']]
    report = json.loads(world.put([{'path': '/s/a'}], query=query, headers={
        **json_type, 'Etag': 'x'})[1])
    assert report['Response Status'] == '422 Unprocessable Entity' and report['Errors'] == []
    world.store.fail('/c/m', '403 Forbidden')
    report = json.loads(world.put([{'path': '/s/a'}], query=query, headers=json_type)[1])
    assert report['Response Status'] == '403 Forbidden' and 'Etag' not in report


def test_the_flag_is_reserved():
    for method in ('PUT', 'POST', 'DELETE'):
        world = World()
        resp, body = world.send(method, headers={'X-Static-Large-Object': 'false'})
        assert resp.status_int == 400 and body.startswith(b'X-Static-Large-Object is a reserved')
        assert world.store.calls == []
    world.send('PUT', '/v1/a/c', headers={'X-Static-Large-Object': 'x'})
    assert world.store.lines == ['PUT /c']


def test_container_sync_passes_through():
    world = World()
    resp, _body = world.put([], **{'swift.slo_override': True})
    assert resp.status_int == 201 and world.store.lines == ['PUT /c/m']


# -- GET and HEAD ---------------------------------------------------------------------------------

def test_get_joins_the_segments():
    world = World.with_manifest()
    resp, body = world.get(headers={'X-Auth-Token': 'tk', 'User-Agent': 'me'})
    assert (resp.status, body) == ('200 OK', b'aaaabbbb')
    own = hashlib.md5(world.store.objects['/c/m'][0]).hexdigest()
    assert {name: resp.headers.get(name) for name in (
        'Etag', 'X-Manifest-Etag', 'Content-Length', 'X-Static-Large-Object',
        'X-Object-Meta-Colour', 'Last-Modified')} == {
        'Etag': f'"{ETAG}"', 'X-Manifest-Etag': own, 'Content-Length': '8',
        'X-Static-Large-Object': 'True', 'X-Object-Meta-Colour': 'blue',
        'Last-Modified': 'Fri, 20 Nov 2026 21:09:51 GMT'}
    manifest, *segments = world.store.calls
    assert manifest.headers['X-Backend-Etag-Is-At'] == 'X-Object-Sysmeta-Slo-Etag'
    assert manifest.headers['X-Backend-Ignore-Range-If-Metadata-Present'] == 'X-Static-Large-Object'
    for call in segments:
        assert call.query == 'multipart-manifest=get' and call.env['swift.source'] == 'SLO'
        assert call.headers['User-Agent'] == 'me  SLO MultipartGET'
        assert call.headers['X-Auth-Token'] == 'tk' and 'Range' not in call.headers


def test_head_needs_neither_manifest_nor_segments():
    world = World.with_manifest()
    resp, body = world.send('HEAD', headers={'Range': 'bytes=1-2'})
    assert (resp.status_int, resp.content_length, body) == (200, 8, b'')
    assert resp.headers['Etag'] == f'"{ETAG}"' and 'X-Manifest-Etag' in resp.headers
    assert world.store.lines == ['HEAD /c/m']


def test_every_range_of_a_nested_object():
    world = World()
    world.put([{'path': '/s/a', 'range': '1-'}, {'path': '/s/b'}], '/v1/a/c/in')
    world.put([{'data': 'aW5saW5l'}, {'path': '/c/in', 'range': '1-5'}, {'path': '/s/b'},
               {'path': '/s/b', 'range': '0-0'}, {'path': '/s/b', 'range': '2-3'}])
    whole = world.get()[1]
    assert whole == b'inline' + b'aabbb' + b'bbbb' + b'b' + b'bb'
    for first, last in itertools.combinations_with_replacement(range(len(whole)), 2):
        resp, body = world.get(f'bytes={first}-{last}')
        assert (resp.status_int, body) == (206, whole[first:last + 1])
        assert resp.content_range == f'bytes {first}-{last}/{len(whole)}'
        assert resp.content_length == len(body)


def test_several_ranges():
    world = World.with_manifest()
    resp, body = world.get('bytes=0-1,3-4,-1')
    boundary = resp.content_type.partition('boundary=')[2]
    assert resp.status_int == 206 and resp.content_length == len(body)
    parts = [b'--%s\r\nContent-Type: video/x;swift_bytes=8\r\n'
             b'Content-Range: bytes %s/8\r\n\r\n%s\r\n'
             % (boundary.encode(), *part) for part in (
                 (b'0-1', b'aa'), (b'3-4', b'ab'), (b'7-7', b'b'))]
    assert body == b''.join(parts) + b'--%s--' % boundary.encode()


@pytest.mark.parametrize('range_, status', [
    ('bytes=8-', 416), ('bytes=-0', 416), ('bytes=0-1,0-2,0-3,0-4', 416), ('bytes=5-2', 200)])
def test_ranges_that_cannot_be_had_or_read(range_, status):
    world = World.with_manifest()
    resp, _body = world.get(range_)
    assert resp.status_int == status
    if status == 416:
        assert resp.content_range == 'bytes */8' and resp.headers['Etag'] == f'"{ETAG}"'
        assert world.store.lines == ['GET /c/m']


def test_conditions_are_about_the_whole():
    world = World.with_manifest()
    for method in ('GET', 'HEAD'):
        for headers, status in (({'If-None-Match': ETAG}, 304), ({'If-Match': 'x'}, 412),
                                ({'If-Match': ETAG}, 200), ({'If-None-Match': 'x'}, 200)):
            resp, _body = world.send(method, headers=headers)
            assert resp.status_int == status and resp.headers['Etag'] == f'"{ETAG}"'
            assert 'X-Manifest-Etag' in resp.headers


def test_plain_objects_pass_untouched():
    world = World()
    resp, body = world.get('bytes=1-2', '/v1/a/s/a')
    assert (resp.status_int, body, resp.headers['Etag']) == (206, b'aa', A)
    assert world.get(path='/v1/a/s/none')[0].status_int == 404


def test_part_numbers():
    world = World.with_manifest([{'path': '/s/a'}, {'data': 'eHg='}, {'path': '/s/b'}])
    for number, body, range_ in ((1, b'aaaa', '0-3'), (2, b'xx', '4-5'), (3, b'bbbb', '6-9')):
        for method in ('GET', 'HEAD'):
            resp, found = world.send(method, f'{PATH}?part-number={number}')
            assert resp.status_int == 206 and found == (body if method == 'GET' else b'')
            assert resp.content_range == f'bytes {range_}/10'
            assert resp.content_length == len(body) and resp.headers['X-Parts-Count'] == '3'
    resp, body = world.get(path=f'{PATH}?part-number=4')
    assert (resp.status_int, body) == (416, b'The requested part number is not satisfiable')
    assert resp.content_range == 'bytes */10'
    resp, body = world.send('HEAD', f'{PATH}?part-number=4')
    assert (resp.status_int, resp.content_length) == (416, 0)
    for bad in ('0', '-1', 'x', '', '1.5', '\xb2', '9' * 30):
        resp, body = world.get(path=f'{PATH}?part-number={bad}')
        assert (resp.status_int, body) == (400, b'Part number must be an integer greater than 0')
        assert world.get(path=f'/v1/a/s/a?part-number={bad}')[1] == b'aaaa'
    resp, body = world.get('bytes=0-1', f'{PATH}?part-number=1')
    assert (resp.status_int, body) == (
        400, b'Range requests are not supported with part number queries')


def test_the_manifest_itself():
    world = World.with_manifest()
    stored = world.store.objects['/c/m'][0]
    resp, body = world.get(path=f'{PATH}?multipart-manifest=get')
    assert body == stored and resp.headers['Etag'] == hashlib.md5(stored).hexdigest()
    assert resp.content_type == 'application/json; charset=utf-8'
    assert world.get('bytes=0-0', f'{PATH}?multipart-manifest=get')[1] == b'['
    raw = b'[{"etag": "%s", "path": "/s/a", "size_bytes": 4}, ' \
          b'{"etag": "%s", "path": "/s/b", "size_bytes": 4}]' % (A.encode(), B.encode())
    for method, range_, expected in (('GET', None, raw), ('GET', 'bytes=1-5', raw[1:6]),
                                     ('HEAD', None, b'')):
        resp, body = world.send(method, f'{PATH}?multipart-manifest=get&format=raw',
                                headers={'Range': range_} if range_ else {})
        assert body == expected and resp.headers['Etag'] == hashlib.md5(raw).hexdigest()
        assert resp.content_length == (len(body) or len(raw))
    assert world.get(path='/v1/a/s/a?multipart-manifest=get')[1] == b'aaaa'


def test_a_manifest_that_is_none_is_500():
    world = World.with_manifest()
    headers = world.store.objects['/c/m'][1]
    world.store.put('/c/m', b'{}', headers)
    for path in (PATH, f'{PATH}?multipart-manifest=get&format=raw'):
        resp, body = world.get(path=path)
        assert (resp.status_int, body) == (500, b'Unable to load SLO manifest')


def without_facts(world):
    """Make the manifest one of before 2.12."""
    body, headers = world.store.objects['/c/m']
    world.store.put('/c/m', body, {name: value for name, value in headers.items()
                                   if not name.startswith('X-Object-Sysmeta')})


def test_manifests_of_older_releases_cost_a_second_request():
    world = World.with_manifest()
    without_facts(world)
    assert world.get('bytes=3-4')[1] == b'ab'
    for headers, status in (({'If-None-Match': ETAG}, 304), ({'If-Match': ETAG}, 200),
                            ({'If-Match': 'x'}, 412)):
        world.store.calls.clear()
        resp, body = world.send('HEAD', headers=headers)
        assert (resp.status_int, resp.headers['Etag']) == (status, f'"{ETAG}"')
        assert world.store.lines == ['HEAD /c/m', 'GET /c/m']
        assert 'If-Match' not in world.store.calls[1].headers


def test_servers_that_cut_manifests_are_asked_again():
    world = World.with_manifest()
    answered = world.store._object

    def older_server(req, path):
        req.environ.pop('HTTP_X_BACKEND_IGNORE_RANGE_IF_METADATA_PRESENT', None)
        return answered(req, path)
    world.store._object = older_server
    assert world.get('bytes=3-4')[1] == b'ab'
    # Beyond the manifest's own length, and all of it.
    assert world.get('bytes=7-9999')[1] == b'b'
    assert world.get('bytes=0-9999')[1] == b'aaaabbbb'
    assert world.get('bytes=5000-')[0].status_int == 416


def test_what_takes_the_place_of_a_manifest_meanwhile_is_the_answer():
    world = World.with_manifest()
    without_facts(world)
    for timestamp, status in (('1795208991.00000', 200), ('1.00000', 503)):
        calls = []

        def on_call(env, calls=calls, timestamp=timestamp):
            calls.append(env)
            if len(calls) == 2:
                world.store.objects['/c/m'] = b'plain', {
                    'Etag': 'e', 'X-Backend-Timestamp': timestamp}
        manifest = world.store.objects['/c/m']
        world.store.on_call = on_call
        resp, body = world.send('HEAD')
        assert resp.status_int == status
        world.store.objects['/c/m'] = manifest
        world.store.on_call = None


# -- what breaks ----------------------------------------------------------------------------------

@pytest.mark.parametrize('status, expected', [
    ('404 Not Found', 409), ('403 Forbidden', 409), ('500 Internal Error', 503)])
def test_a_first_segment_that_cannot_be_had(status, expected):
    world = World.with_manifest()
    world.store.fail('/s/a', status)
    assert world.get()[0].status_int == expected
    assert world.get('bytes=0-1')[0].status_int == expected
    assert world.get('bytes=0-0,2-2')[0].status_int == expected
    assert world.get('bytes=4-')[1] == b'bbbb'


def test_segments_that_were_changed():
    for change in (b'AAAA', b'aaaaa'):
        world = World.with_manifest()
        world.store.put('/s/a', change)
        assert world.get()[0].status_int == 409
    # The same tag and another length cannot be by chance: somebody lies.
    world.store.objects['/s/a'] = b'aaaaa', {'Etag': A}
    assert world.get()[0].status_int == 409


def test_later_trouble_breaks_the_body_off():
    world = World.with_manifest()
    world.store.fail('/s/b', '404 Not Found')
    with pytest.raises(SwiftError, match='404 Not Found for segment /s/b'):
        world.get()
    world = World.with_manifest()
    world.store.cut('/s/b', 0)
    with pytest.raises(TransportError, match='cut off'):
        world.get()


def test_a_segment_shorter_than_it_says_does_not_shift_the_next():
    world = World.with_manifest([{'path': '/s/a'}, {'path': '/s/b'}])
    answered = world.store._object

    def short(req, path):
        response = answered(req, path)
        if path == '/s/a':
            response.app_iter._data = b'aaa'
        return response
    world.store._object = short
    with pytest.raises(SwiftError, match='/s/a: 1 bytes less than announced'):
        world.get()


def test_nested_manifests_that_are_gone_or_too_deep():
    world = World()
    world.put([{'path': '/s/a'}], '/v1/a/c/0')
    for level in range(1, 11):
        world.put([{'path': f'/c/{level - 1}'}], f'/v1/a/c/{level}')
    assert world.get(path='/v1/a/c/9')[1] == b'aaaa'
    assert world.get(path='/v1/a/c/10')[0].status_int == 409
    world.store.put('/c/0', b'plain')
    assert world.get(path='/v1/a/c/1')[0].status_int == 409
    world.store.fail('/c/0', '503 Service Unavailable')
    assert world.get(path='/v1/a/c/1')[0].status_int == 503


def test_the_next_segment_is_asked_for_while_one_streams():
    world = World.with_manifest([{'path': '/s/a'}, {'path': '/s/b'}, {'path': '/s/a'}])
    req = Request.blank(PATH)
    body = req.get_response(world.slo).app_iter
    assert world.store.lines == ['GET /c/m', 'GET /s/a']
    assert next(body) == b'aaaa'
    green.sleep(0)
    # One ahead, and no more.
    assert world.store.lines == ['GET /c/m', 'GET /s/a', 'GET /s/b']
    assert len(world.store.unclosed) == 2
    body.close()
    assert world.store.unclosed == []


def test_a_reader_that_leaves_ends_what_is_asked_for():
    world = World.with_manifest()
    ended = []

    def on_call(env):
        if env['PATH_INFO'].endswith('/s/b'):
            try:
                green.Queue().get()
            finally:
                ended.append(env['PATH_INFO'])
    world.store.on_call = on_call
    body = Request.blank(PATH).get_response(world.slo).app_iter
    assert next(body) == b'aaaa'
    green.sleep(0)
    body.close()
    assert ended == ['/v1/a/s/b'] and world.store.unclosed == []


@pytest.mark.parametrize('under, expected', [('5', [0.5]), ('4', [])])
def test_only_small_segments_are_held_back(under, expected, monkeypatch):
    pauses, clock = [], ManualClock()
    monkeypatch.setattr(slo_read, 'Reader', lambda *words, **named: Reader(
        *words, **named, clock=clock, sleep=pauses.append))
    world = World.with_manifest(
        [{'path': '/s/a'}, {'path': '/s/b'}], rate_limit_under_size=under,
        rate_limit_after_segment='1', rate_limit_segments_per_sec='2')
    assert world.get()[1] == b'aaaabbbb' and pauses == expected


# -- listings and /info ---------------------------------------------------------------------------

def test_listings_show_the_etag_of_the_whole():
    world = World.with_manifest()
    world.store.objects['/c/m'][1]['Etag'] = f'own; slo_etag={ETAG}'
    rows = json.loads(world.send('GET', '/v1/a/c')[1])
    assert rows[0]['slo_etag'] == f'"{ETAG}"' and rows[0]['hash'] == 'own'


def test_info():
    filter_factory({'swift_dir': '/nonexistent'}, max_manifest_segments='7')
    assert get_swift_info()['slo'] == {
        'max_manifest_segments': 7, 'max_manifest_size': 8388608, 'yield_frequency': 10,
        'min_segment_size': 1, 'allow_async_delete': True}


def test_a_denied_segment_is_a_problem_of_the_put():
    world = World()
    _resp, body = world.put([{'path': '/s/a'}], **{'swift.authorize': lambda req: (
        HTTPForbidden(request=req) if req.path == '/v1/a/s/a' else None)})
    assert body == b'Errors:\n/s/a, 403 Forbidden\n'


# -- past the process ------------------------------------------------------------------------------

def passing(body, sock_fd):
    """A body of the store that sends itself, two bytes at a time, with full sockets in between."""
    turns = itertools.count()

    def send():
        if next(turns) % 3 == 2:
            return 0
        data = body._data[body._position:body._position + 2]
        if body._cut_at is not None and body._position >= body._cut_at:
            raise TransportError('cut off')
        body._position += len(data)
        return os.write(sock_fd, data)
    return send


def sent_past(world, headers=None):
    """Return what a socket gets of the object."""
    resp = Request.blank(PATH, headers=headers or {}).get_response(world.slo)
    body, left = resp.app_iter, resp.content_length
    ours, theirs = socket.socketpair()
    try:
        ours.setblocking(False)
        send = body.sender(ours.fileno())
        for _turn in range(10 * left):
            left -= send()
            if not left:
                break
        ours.shutdown(socket.SHUT_WR)
        return theirs.recv(10_000)
    finally:
        body.close()
        ours.close()
        theirs.close()
        assert world.store.unclosed == []


@pytest.mark.parametrize('can_pass', [True, False])
def test_every_range_past_the_process(can_pass, monkeypatch):
    if can_pass:
        monkeypatch.setattr(memory_store._Body, 'sender', passing, raising=False)
    world = World()
    world.put([{'path': '/s/a', 'range': '1-'}, {'path': '/s/b'}], '/v1/a/c/in')
    world.put([{'data': 'aW5saW5l'}, {'path': '/c/in', 'range': '1-5'}, {'path': '/s/b'},
               {'path': '/s/b', 'range': '0-0'}, {'path': '/s/b', 'range': '2-3'}])
    whole = world.get()[1]
    assert sent_past(world) == whole
    for first, last in itertools.combinations_with_replacement(range(len(whole)), 2):
        assert sent_past(world, {'Range': f'bytes={first}-{last}'}) == whole[first:last + 1]


def test_trouble_past_the_process(monkeypatch):
    monkeypatch.setattr(memory_store._Body, 'sender', passing, raising=False)
    world = World.with_manifest()
    world.store.fail('/s/b', '404 Not Found')
    with pytest.raises(SwiftError, match='404 Not Found for segment /s/b'):
        sent_past(world)
    world = World.with_manifest()
    world.store.cut('/s/b', 2)
    with pytest.raises(TransportError, match='cut off'):
        sent_past(world)
