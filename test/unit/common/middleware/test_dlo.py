"""dlo: what is joined, what is refused, pages, limits, and that every body is closed."""
import hashlib
import logging

import pytest

from swift.common.clock import ManualClock
from swift.common.errors import SwiftError
from swift.common.middleware import dlo as dlo_module
from swift.common.middleware.dlo import DloFilter, DloOptions, filter_factory
from swift.common.segments import Reader
from swift.common.swob import HTTPForbidden, Request
from swift.core.constraints import Constraints
from test.support.memory_store import MemoryStore

PARTS = {'/s/p/1': b'1111', '/s/p/2': b'22', '/s/p/3': b'333333'}
WHOLE = b'111122333333'
ETAG = hashlib.md5(b''.join(hashlib.md5(part).hexdigest().encode()
                            for part in PARTS.values())).hexdigest()


class World:
    def __init__(self, page=10000, **options):
        self.store = MemoryStore(page=page)
        for path, data in PARTS.items():
            self.store.put(path, data)
        self.own_etag = self.store.put('/c/m', b'ignored', {
            'X-Object-Manifest': 's/p/', 'Content-Type': 'video/x'})
        self.dlo = DloFilter(self.store, DloOptions.parse(options),
                             Constraints(container_listing_limit=page), logging.getLogger('test'))

    def send(self, method, path='/v1/a/c/m', headers=None, **env):
        req = Request.blank(path, environ=env, headers=headers or {}, method=method)
        resp = req.get_response(self.dlo)
        try:
            body = resp.body
        finally:
            assert self.store.unclosed == []
        return resp, body

    def get(self, range_=None, **headers):
        return self.send('GET', headers={**headers, **({'Range': range_} if range_ else {})})


def test_segments_are_joined_in_the_order_of_their_names():
    world = World()
    resp, body = world.send('GET', headers={'X-Auth-Token': 'tk', 'User-Agent': 'me'})
    assert (resp.status, body) == ('200 OK', WHOLE)
    assert resp.headers['Etag'] == f'"{ETAG}"' and resp.headers['Content-Type'] == 'video/x'
    assert resp.content_length == 12 and resp.headers['X-Object-Manifest'] == 's/p/'
    manifest, listing, *segments = world.store.calls
    assert manifest.headers['X-Backend-Ignore-Range-If-Metadata-Present'] == 'X-Object-Manifest'
    assert (listing.path, listing.query) == ('/s', 'format=json&prefix=p%2F')
    assert [call.path for call in segments] == list(PARTS)
    for call in segments:
        assert call.query == 'multipart-manifest=get' and call.env['swift.source'] == 'DLO'
        assert call.headers['User-Agent'] == 'me  DLO MultipartGET'
        assert call.headers['X-Auth-Token'] == 'tk'


def test_head_needs_no_segment():
    world = World()
    resp, body = world.send('HEAD')
    assert (resp.status_int, resp.content_length, body) == (200, 12, b'')
    assert world.store.lines == ['HEAD /c/m', 'GET /s']


@pytest.mark.parametrize('range_, status, expected', [
    ('bytes=0-0', 206, b'1'), ('bytes=3-4', 206, b'12'), ('bytes=2-10', 206, WHOLE[2:11]),
    ('bytes=-3', 206, b'333'), ('bytes=6-', 206, b'333333'), ('bytes=11-99', 206, b'3'),
    ('bytes=0-0,5-5', 200, WHOLE), ('bytes=abc', 200, WHOLE), ('bytes=5-2', 200, WHOLE)])
def test_one_range_is_honoured(range_, status, expected):
    resp, body = World().get(range_)
    assert (resp.status_int, body) == (status, expected)
    assert resp.content_length == len(expected)


@pytest.mark.parametrize('range_', ['bytes=12-', 'bytes=100-200', 'bytes=-0'])
def test_a_range_that_cannot_be_had(range_):
    resp, body = World().get(range_)
    assert resp.status_int == 416 and b'The Range requested is not available' in body
    assert {name: resp.headers.get(name) for name in (
        'Content-Range', 'Accept-Ranges', 'Etag', 'Content-Type')} == {
        'Content-Range': 'bytes */12', 'Accept-Ranges': 'bytes', 'Etag': None,
        'Content-Type': 'text/html; charset=UTF-8'}


def test_only_touched_segments_are_fetched_and_as_little_as_possible():
    world = World()
    world.get('bytes=3-4')
    assert [(call.path, call.headers.get('Range')) for call in world.store.calls[2:]] == [
        ('/s/p/1', 'bytes=3-'), ('/s/p/2', 'bytes=0-0')]


def test_conditions_are_about_the_whole():
    world = World()
    assert world.get(**{'If-None-Match': ETAG})[0].status_int == 304
    assert world.get(**{'If-Match': f'"{ETAG}"'})[1] == WHOLE
    for own in (world.own_etag, 'x'):
        resp, body = world.get(**{'If-Match': own})
        assert (resp.status_int, body, resp.headers['Etag']) == (412, b'', f'"{ETAG}"')
        assert resp.headers['Content-Type'] == 'text/html; charset=UTF-8'
    assert world.get(**{'If-None-Match': world.own_etag})[1] == WHOLE


def test_the_manifest_itself_and_other_objects_pass():
    world = World()
    assert world.send('GET', '/v1/a/c/m?multipart-manifest=get')[1] == b'ignored'
    assert world.send('GET', '/v1/a/s/p/1', {'Range': 'bytes=1-2'})[1] == b'11'
    assert world.send('GET', '/v1/a/s')[0].status_int == 200
    assert world.send('GET', '/v1/a/c/none')[0].status_int == 404
    assert world.store.lines == ['GET /c/m', 'GET /s/p/1', 'GET /s', 'GET /c/none']


def test_static_manifests_are_left_to_slo():
    world = World()
    world.store.put('/c/m', b'[]', {'X-Object-Manifest': 's/p/', 'X-Static-Large-Object': 'True'})
    assert world.get()[1] == b'[]'


@pytest.mark.parametrize('value', ['c', 'c/', '/c/p', 'c//p', 'c/p?x', 'c/p&x', '', '/'])
def test_put_of_a_bad_value_is_refused(value):
    world = World()
    resp, body = world.send('PUT', headers={'X-Object-Manifest': value})
    assert resp.status_int == 400
    assert body == b'X-Object-Manifest must be in the format container/prefix'
    assert world.store.calls == []


def test_put_of_a_good_value_and_of_other_things_pass():
    world = World()
    assert world.send('PUT', headers={'X-Object-Manifest': 'c/p'})[0].status_int == 201
    assert world.send('POST', headers={'X-Object-Manifest': 'bad'})[0].status_int == 200
    world.send('PUT', '/v1/a/c', {'X-Object-Manifest': 'bad'})
    assert len(world.store.calls) == 3


def test_stored_values_that_name_nothing_are_plain_objects():
    world = World()
    world.store.put('/c/m', b'plain', {'X-Object-Manifest': 'bad'})
    assert world.get()[1] == b'plain'


def test_nothing_listed_is_an_empty_object():
    world = World()
    world.store.put('/c/m', b'', {'X-Object-Manifest': 's/none'})
    resp, body = world.get()
    assert (resp.status_int, resp.content_length, body) == (200, 0, b'')
    assert world.get('bytes=0-0')[0].headers['Content-Range'] == 'bytes */0'


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_a_listing_that_is_denied_is_the_answer(method):
    world = World()
    resp, body = world.send(method, **{'swift.authorize': lambda req: (
        HTTPForbidden(request=req) if req.path == '/v1/a/s' else None)})
    assert resp.status_int == 403 and (not body) == (method == 'HEAD')
    if method == 'HEAD':
        assert resp.content_length == 0


@pytest.mark.parametrize('status, expected', [
    ('404 Not Found', 409), ('401 Unauthorized', 409), ('503 Service Unavailable', 503)])
def test_a_first_segment_that_cannot_be_had(status, expected):
    world = World()
    world.store.fail('/s/p/1', status)
    assert world.get()[0].status_int == expected
    assert world.get('bytes=5-')[1] == WHOLE[5:]


def test_a_segment_that_was_changed_since_it_was_listed():
    world = World()
    world.store.objects['/s/p/2'] = b'22', {'Etag': 'other'}
    listing = world.store._listing

    def stale(req, container):
        world.store.objects['/s/p/2'] = b'22', {'Etag': 'older'}
        found = listing(req, container)
        world.store.objects['/s/p/2'] = b'22', {'Etag': 'other'}
        return found
    world.store._listing = stale
    with pytest.raises(SwiftError, match='ETag other, the manifest says older'):
        world.get()


def test_a_body_that_breaks_off_breaks_off_ours():
    world = World()
    world.store.cut('/s/p/3', 0)
    with pytest.raises(SwiftError, match='cut off'):
        world.get()


# -- listings of several pages ---------------------------------------------------------------------

def test_without_the_end_of_the_listing_there_is_no_length():
    world = World(page=2)
    resp, body = world.get()
    assert (resp.status_int, resp.content_length, body) == (200, None, WHOLE)
    assert resp.headers['Etag'] == world.own_etag
    assert [call.query for call in world.store.calls if call.path == '/s'] == [
        'format=json&prefix=p%2F', 'format=json&prefix=p%2F&marker=p%2F2']


def test_pages_are_fetched_when_they_are_needed():
    world = World(page=1)
    assert world.get()[1] == WHOLE
    assert world.store.lines.index('GET /s/p/1') == 2


@pytest.mark.parametrize('range_, status, expected', [
    ('bytes=0-1', 206, b'11'), ('bytes=3-5', 206, b'122'), ('bytes=3-6', 200, WHOLE),
    ('bytes=-2', 200, WHOLE), ('bytes=3-', 200, WHOLE), ('bytes=0-0,2-2', 200, WHOLE)])
def test_ranges_within_the_first_page(range_, status, expected):
    resp, body = World(page=2).get(range_)
    assert (resp.status_int, body) == (status, expected)
    if status == 206:
        assert resp.content_range == f'bytes {range_[6:]}/*'
        assert resp.content_length == len(expected)


def test_a_page_that_cannot_be_had_breaks_the_body_off():
    world = World(page=2)
    listing = world.store._listing
    world.store._listing = lambda req, container: (
        HTTPForbidden(request=req) if 'marker' in req.params else listing(req, container))
    with pytest.raises(SwiftError, match='403 Forbidden for a page of the listing'):
        world.get()


# -- limits ----------------------------------------------------------------------------------------

def test_segments_beyond_the_burst_are_held_back(monkeypatch):
    clock, pauses = ManualClock(), []

    def reader(*words, **named):
        return Reader(*words, **named, clock=clock, sleep=pauses.append)
    monkeypatch.setattr(dlo_module, 'Reader', reader)
    world = World(rate_limit_after_segment='1', rate_limit_segments_per_sec='4')
    assert world.get()[1] == WHOLE
    assert pauses == [0.25, 0.5]


def test_time_is_limited(monkeypatch):
    clock = ManualClock()
    monkeypatch.setattr(dlo_module, 'Reader', lambda *words, **named: Reader(
        *words, **named, clock=clock))
    world = World(max_get_time='30', rate_limit_segments_per_sec='0')
    world.store.on_call = lambda env: clock.advance(12)
    with pytest.raises(SwiftError, match='max LO GET time of 30s exceeded'):
        world.get()


def test_bytes_are_hashed_here_when_asked_for():
    for verify, fine in (('no', True), ('yes', False)):
        world = World(verify_segments=verify)
        world.store.objects['/s/p/2'] = b'XX', world.store.objects['/s/p/2'][1]
        if fine:
            assert world.get()[1] == b'1111XX333333'
        else:
            with pytest.raises(SwiftError, match='bytes with MD5'):
                world.get()


def test_options_of_older_files_stand_in_the_section_of_the_app(tmp_path):
    path = tmp_path / 'proxy.conf'
    path.write_text('[app:proxy-server]\nmax_get_time = 77\n[filter:dlo]\nuse = x\n')
    conf = {'__file__': str(path), 'swift_dir': str(tmp_path)}
    assert filter_factory(conf)(None)._read_limits.max_get_time_s == 77
    own = filter_factory(conf, rate_limit_after_segment='3')(None)._read_limits
    assert (own.max_get_time_s, own.rate_limit_after) == (86400, 3)
