"""listing_formats: which format, its exact bytes, and what passes untouched."""
import json

import pytest

from swift.common.middleware.listing_formats import (
    ListingFilter,
    filter_factory,
    listed_names,
    with_json_format,
    with_vary_accept,
)
from swift.common.swob import Request
from test.support.logs import RecordingLogger
from test.support.stub_app import StubApp

ACCOUNT = [
    {'name': 'a&b', 'count': 1, 'bytes': 2, 'last_modified': '2026-11-20T21:05:41.564770',
     'storage_policy': 'gold'},
    {'name': 'é', 'count': 0, 'bytes': 0, 'last_modified': '2026-11-20T21:05:41.564770'},
    {'subdir': 'p"/'}]
CONTAINER = [
    {'bytes': 1, 'hash': 'd41d', 'name': '<o>', 'content_type': 'text/plain;x="y"',
     'last_modified': '2026-11-20T21:05:41.564770', 'slo_etag': '"x"'},
    {'subdir': 'x&/'}]
ACCOUNT_XML = '''<?xml version="1.0" encoding="UTF-8"?>
<account name="a">
<container><name>a&amp;b</name><count>1</count><bytes>2</bytes>\
<last_modified>2026-11-20T21:05:41.564770</last_modified><storage_policy>gold</storage_policy>\
</container>
<container><name>é</name><count>0</count><bytes>0</bytes>\
<last_modified>2026-11-20T21:05:41.564770</last_modified></container>
<subdir name="p&quot;/" />
</account>'''
CONTAINER_XML = '''<?xml version="1.0" encoding="UTF-8"?>
<container name="c"><object><name>&lt;o&gt;</name><hash>d41d</hash><bytes>1</bytes>\
<content_type>text/plain;x="y"</content_type>\
<last_modified>2026-11-20T21:05:41.564770</last_modified></object>\
<subdir name="x&amp;/"><name>x&amp;/</name></subdir></container>'''
JSON_TYPE = {'Content-Type': 'application/json; charset=utf-8'}


class World:
    def __init__(self):
        self.stub = StubApp()
        self.logger = RecordingLogger()
        self.filter = ListingFilter(self.stub, logger=self.logger)

    def lists(self, path, entries, headers=JSON_TYPE, status='200 OK', method='GET'):
        body = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
        self.stub.answer(method, path, status, headers, body)

    def get(self, path, headers=None, method='GET', **env):
        resp = Request.blank(path, method=method, headers=headers or {},
                             environ=env).get_response(self.filter)
        body = resp.body
        assert not self.stub.unclosed
        return resp, body


@pytest.fixture
def world():
    world = World()
    world.lists('/v1/a', ACCOUNT)
    world.lists('/v1/a/c', CONTAINER)
    return world


PLAIN, JSON = 'text/plain', 'application/json'
XML, TEXT_XML = 'application/xml', 'text/xml'


@pytest.mark.parametrize('accept, media_type', [
    (None, PLAIN), ('', PLAIN), ('text/plain', PLAIN), ('application/json', JSON),
    ('application/xml', XML), ('text/xml', TEXT_XML), ('*/*', PLAIN), ('text/*', PLAIN),
    ('application/*', JSON), ('application/json;q=0.5, text/xml', TEXT_XML),
    ('text/plain;q=0, application/json', JSON),
    ('application/xml;q=0.3,text/plain;q=0.2,*/*;q=0.1', XML),
    ('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', XML),
    ('application/json;q=2', JSON), ('text/plain;level=1', PLAIN)])
@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_accept(world, accept, media_type, method):
    world.lists('/v1/a', ACCOUNT, status='204 No Content', method='HEAD')
    resp, _body = world.get('/v1/a', {'Accept': accept} if accept is not None else {}, method)
    assert resp.headers['Content-Type'] == f'{media_type}; charset=utf-8'
    assert resp.headers['Vary'] == 'Accept'
    assert resp.headers['Content-Length'] == ('0' if method == 'HEAD' else str(len(_body)))


@pytest.mark.parametrize('query, media_type', [
    ('format=json', JSON), ('format=JSON', JSON), ('format=xml', XML), ('format=XML', XML),
    ('format=plain', PLAIN), ('format=bogus', PLAIN), ('format=', PLAIN), ('format=text', PLAIN),
    ('format=xml&format=json', JSON), ('limit=3&format=json', JSON)])
@pytest.mark.parametrize('accept', ['text/xml', 'image/png', 'garbage'])
def test_format_wins_over_accept(world, query, media_type, accept):
    resp, _body = world.get(f'/v1/a?{query}', {'Accept': accept})
    assert resp.status_int == 200
    assert resp.headers['Content-Type'] == f'{media_type}; charset=utf-8'
    assert 'Vary' not in resp.headers


@pytest.mark.parametrize('path, headers, status, body, content_type', [
    ('/v1/a', {'Accept': 'garbage'}, 400, b'Invalid Accept header', 'text/html; charset=UTF-8'),
    ('/v1/a?format=%ff', {}, 400, b'"format" parameter not valid UTF-8', 'text/plain'),
    ('/v1/a', {'Accept': 'image/png'}, 406, b'<html><h1>Not Acceptable</h1><p>The resource is not '
     b'available in a format acceptable to your browser.</p></html>', 'text/html; charset=UTF-8'),
])
def test_refusals(world, path, headers, status, body, content_type):
    resp, got = world.get(path, headers)
    assert (resp.status_int, got, resp.headers['Content-Type']) == (status, body, content_type)
    assert not world.stub.calls


@pytest.mark.parametrize('path, format_, body', [
    ('/v1/a', 'plain', 'a&b\né\np"/\n'), ('/v1/a', 'xml', ACCOUNT_XML),
    ('/v1/a', 'json', json.dumps(ACCOUNT)),
    ('/v1/a/c', 'plain', '<o>\nx&/\n'), ('/v1/a/c', 'xml', CONTAINER_XML),
    ('/v1/a/c', 'json', json.dumps(CONTAINER))])
def test_bytes(world, path, format_, body):
    resp, got = world.get(f'{path}?format={format_}')
    assert resp.status == '200 OK'
    assert got.decode() == body
    assert resp.headers['Content-Length'] == str(len(got))


@pytest.mark.parametrize('format_, status, body', [
    ('plain', '204 No Content', ''), ('json', '200 OK', '[]'),
    ('xml', '200 OK', '<?xml version="1.0" encoding="UTF-8"?>\n<container name="c1" />')])
def test_empty(format_, status, body):
    world = World()
    world.lists('/v1/a/c1', [])
    resp, got = world.get(f'/v1/a/c1?format={format_}')
    assert (resp.status, got.decode()) == (status, body)
    assert resp.headers['Content-Length'] == str(len(body))


def test_empty_account_xml():
    world = World()
    world.lists('/v1/t\xc3\xa9"', [])
    _resp, got = world.get('/v1/t%C3%A9%22?format=xml')
    assert got.decode() == ('<?xml version="1.0" encoding="UTF-8"?>\n<account name="té&quot;">\n'
                            '</account>')


def test_headers_of_the_answer_are_kept():
    world = World()
    headers = {**JSON_TYPE, 'X-Account-Meta-A': 'b', 'Vary': 'Origin', 'ETag': 'x'}
    world.lists('/v1/a', [], headers)
    resp, _body = world.get('/v1/a')
    assert resp.headers['X-Account-Meta-A'] == 'b'
    assert resp.headers['Vary'] == 'Origin, Accept'


@pytest.mark.parametrize('before, after', [
    ([], 'Accept'), ([('vary', 'Origin')], 'Origin, Accept'), ([('Vary', 'accept')], 'accept'),
    ([('Vary', '*')], '*')])
def test_vary(before, after):
    assert [value for _name, value in with_vary_accept(before)] == [after]


# -- what is asked further in --------------------------------------------------------------------

@pytest.mark.parametrize('query, asked', [
    ('', 'format=json'), ('format=xml', 'format=json'),
    ('prefix=%ff&format=xml&a=b+c&format=plain', 'prefix=%ff&a=b+c&format=json'),
    ('formats=x', 'formats=x&format=json')])
def test_json_is_asked_for(query, asked):
    assert with_json_format(query) == asked


@pytest.mark.parametrize('path, names', [
    ('/v1/a', ('a', None)), ('/v1/a/', ('a', None)), ('/v1/a/c', ('a', 'c')),
    ('/v1/a/c/', ('a', 'c')), ('/v1.0/a', ('a', None)), ('/v1/a/c/o', None), ('/v1/a/c//', None),
    ('/v1/a//', None), ('/v1', None), ('/v1/', None), ('/v2/a', None), ('', None),
    ('v1/a', None), ('/info', None), ('/v1//c', None)])
def test_listed_names(path, names):
    assert listed_names(path, frozenset(('v1', 'v1.0'))) == names


@pytest.mark.parametrize('method, path', [
    ('GET', '/v1/a/c/o'), ('PUT', '/v1/a/c'), ('GET', '/v2/a'), ('OPTIONS', '/v1/a')])
def test_other_requests_are_not_touched(method, path):
    world = World()
    world.lists(path, ACCOUNT, method=method)
    resp, got = world.get(f'{path}?format=xml', {'Accept': 'garbage'}, method)
    assert got == json.dumps(ACCOUNT).encode()
    assert world.stub.calls[0].query == 'format=xml'


# -- what passes as it is --------------------------------------------------------------------------

@pytest.mark.parametrize('status', ['404 Not Found', '201 Created', '503 Service Unavailable'])
def test_other_statuses(status):
    world = World()
    world.lists('/v1/a', ACCOUNT, status=status)
    resp, got = world.get('/v1/a')
    assert (resp.status, got) == (status, json.dumps(ACCOUNT).encode())
    assert 'Vary' not in resp.headers


def test_other_types_get_vary_only():
    world = World()
    world.lists('/v1/a', b'<html>', {'Content-Type': 'text/html'})
    resp, got = world.get('/v1/a')
    assert (got, resp.headers['Vary'], resp.content_type) == (b'<html>', 'Accept', 'text/html')


@pytest.mark.parametrize('body', [
    b'{}', b'[1]', b'[', b'', b'"x"', b'[{"a": 1}]', b'[{"name": "x", "count": 1}]'])
def test_what_is_no_listing(body):
    world = World()
    world.lists('/v1/a', body)
    resp, got = world.get('/v1/a?format=xml')
    assert (resp.status, got) == ('200 OK', body)
    assert resp.headers['Content-Type'] == JSON_TYPE['Content-Type']


@pytest.mark.parametrize('length', [None, '20480001', 'x'])
def test_unknown_or_large_lengths(length):
    world = World()
    world.stub.answer('GET', '/v1/a', '200 OK',
                      {**JSON_TYPE, **({'Content-Length': length} if length else {})}, [b'[]'])
    _resp, got = world.get('/v1/a?format=xml')
    assert got == b'[]'


def test_a_body_cut_off_keeps_its_announced_length():
    world = World()
    world.stub.answer('GET', '/v1/a', '200 OK', {**JSON_TYPE, 'Content-Length': '10'}, [b'[]'])
    for format_ in ('json', 'xml', 'plain'):
        resp, got = world.get(f'/v1/a?format={format_}')
        assert (resp.headers['Content-Length'], got) == ('10', b'[]')


def test_another_filter_may_forbid_it(world):
    world.stub.on_call = lambda env: env.update({'swift.format_listing': False})
    resp, got = world.get('/v1/a')
    assert got == json.dumps(ACCOUNT).encode()
    assert 'Vary' not in resp.headers


# -- reserved names --------------------------------------------------------------------------------

MIXED = [{'name': '\x00hidden'}, {'name': 'seen'}, {'subdir': '\x00d\x00'}]


@pytest.mark.parametrize('format_, body', [('plain', b'seen\n'), ('json', b'[{"name": "seen"}]')])
def test_reserved_names_are_left_out(format_, body):
    world = World()
    world.lists('/v1/a/c', MIXED)
    resp, got = world.get(f'/v1/a/c?format={format_}')
    assert got == body
    assert resp.headers['Content-Length'] == str(len(body))
    assert len(world.logger.lines()) == 2
    assert 'reserved namespace' in world.logger.lines()[0]


def test_reserved_names_are_shown_to_those_who_may():
    world = World()
    world.lists('/v1/a/c', MIXED)
    _resp, got = world.get('/v1/a/c', {'X-Backend-Allow-Reserved-Names': 'true'})
    assert got == b'\x00hidden\nseen\n\x00d\x00\n'


def test_nothing_but_reserved_names_is_an_empty_listing():
    world = World()
    world.lists('/v1/a/c', MIXED[:1])
    resp, got = world.get('/v1/a/c')
    assert (resp.status, got) == ('204 No Content', b'')


def test_factory(tmp_path):
    (tmp_path / 'swift.conf').write_text('[swift-constraints]\nvalid_api_versions = v7\n')
    stub = StubApp()
    stub.answer('GET', '/v7/a', '200 OK', JSON_TYPE, b'[]')
    made = filter_factory({'swift_dir': str(tmp_path)})(stub)
    assert Request.blank('/v7/a').get_response(made).status_int == 204
