"""staticweb: who is served, with what, and what it asks for on the way."""
import json

import pytest

from swift.common import log
from swift.common.middleware.staticweb import (
    StaticWeb,
    StaticWebOptions,
    filter_factory,
    has_parent,
)
from swift.common.registry import get_swift_info
from swift.common.swob import HTTPForbidden, HTTPUnauthorized, Request
from test.support.logs import RecordingLogger
from test.support.stub_app import StubApp

ROOT = '/v1/a/c'
HTML = {'Content-Type': 'text/html'}
MARK = 'X-Backend-Content-Generator'


def entry(name, size=1):
    return {'name': name, 'bytes': size, 'content_type': 'text/plain',
            'last_modified': '2026-11-29T10:20:30.000000'}


class World:
    """A container with metadata Web-..., over prepared answers; anyone may read it."""

    def __init__(self, page_size=10000, url_base='', **meta):
        self.stub = StubApp()
        self.logger = RecordingLogger()
        self.filter = StaticWeb(self.stub, StaticWebOptions.parse({'url_base': url_base}),
                                page_size, self.logger)
        self.info = {'status': 200, 'read_acl': '.r:*', 'meta': {
            f'web-{name.replace("_", "-")}': value for name, value in meta.items()}}
        self.asked = []

    def has(self, path, body=b'x', status='200 OK', **headers):
        for method in ('GET', 'HEAD'):
            self.stub.answer(method, f'{ROOT}{path}', status, {**HTML, **headers}, body)
        return self

    def lists(self, *entries, status='200 OK'):
        self.stub.answer('GET', ROOT, status, {'Content-Type': 'application/json; charset=utf-8'},
                         json.dumps(entries).encode())
        return self

    def authorize(self, req):
        self.asked.append((req.environ['PATH_INFO'], req.acl))

    def get(self, path='/', method='GET', headers=None, **env):
        env = {'swift.authorize': self.authorize, 'swift.infocache': {
            'account/a': {'status': 200}, 'container/a/c': self.info}, **env}
        req = Request.blank(ROOT + path, environ=env, method=method, headers=headers or {})
        self.env = req.environ
        resp = req.get_response(self.filter)
        _ = resp.body
        assert not self.stub.unclosed
        return resp


# -- who is served -----------------------------------------------------------------------------

@pytest.mark.parametrize('method', ['PUT', 'POST', 'DELETE', 'OPTIONS', 'COPY'])
def test_writes_pass(method):
    world = World(listings='true')
    world.get('/o', method)
    assert world.stub.lines == [f'{method} {ROOT}/o']


@pytest.mark.parametrize('path', ['/v1/a', '/v1/a/', '/v2/a/c/', '/info', '/v1//c/', '/v1/a//o'])
def test_paths_of_no_container_pass(path):
    world = World(listings='true')
    Request.blank(path, environ={'swift.authorize': world.authorize}).get_response(world.filter)
    assert [call.path for call in world.stub.calls] == [path]


@pytest.mark.parametrize('user, headers, served', [
    (None, {}, True), ('', {}, True), ('test,test:tester', {}, False),
    ('.wsgi.tempurl', {}, True), ('.wsgi.pre_authed', {}, False),
    ('test', {'X-Web-Mode': 'true'}, True), ('test', {'X-Web-Mode': 'no'}, False)])
def test_anonymous_signed_and_willing_clients_are_served(user, headers, served):
    world = World(listings='true').lists(entry('o')).has('/')
    resp = world.get('/', headers=headers, **({} if user is None else {'REMOTE_USER': user}))
    assert (MARK in resp.headers) == served


def test_without_authentication_nothing_is_done_but_said():
    world = World(listings='true').has('/')
    resp = world.get('/', **{'swift.authorize': None})
    assert resp.body == b'x'
    assert 'No authentication filter' in str(world.logger.lines(log.WARNING))


@pytest.mark.parametrize('path', ['', '/', '/o'])
def test_container_that_is_no_site_passes(path):
    world = World(error='e').has(path)
    assert world.get(path).body == b'x' and len(world.stub.calls) == 1


def test_container_that_is_no_site_is_missing_in_web_mode():
    world = World().has('/')
    assert world.get('/', headers={'X-Web-Mode': 'true'}, REMOTE_USER='me').status_int == 404


# -- containers --------------------------------------------------------------------------------

def test_container_is_authorised_with_its_read_acl():
    world = World(listings='true').lists(entry('o'))
    world.get('/')
    assert world.asked[0] == (f'{ROOT}/', '.r:*')


@pytest.mark.parametrize('denial, status', [(HTTPUnauthorized, 401), (HTTPForbidden, 403)])
def test_denied_container_has_its_error_page_if_that_may_be_read(denial, status):
    def authorize(req):
        return None if req.environ['PATH_INFO'].endswith('.html') else denial(request=req)

    world = World(error='.html')
    assert world.get('/', **{'swift.authorize': authorize}).body != b'no'
    world.has(f'/{status}.html', b'no')
    resp = world.get('/', **{'swift.authorize': authorize})
    assert (resp.status_int, resp.body, resp.content_type) == (status, b'no', 'text/html')


@pytest.mark.parametrize('url_base, host, location', [
    ('', 'h', 'http://h/v1/a/c/'), ('', 'h:8080', 'http://h:8080/v1/a/c/'),
    ('https:', 'h:8080', 'https://h:8080/v1/a/c/'), ('https://', 'h', 'https://h/v1/a/c/'),
    ('//x:1', 'h', 'http://x:1/v1/a/c/'), ('https://x/ignored?q', 'h', 'https://x/v1/a/c/')])
def test_missing_slash_is_a_redirect(url_base, host, location):
    resp = World(url_base=url_base, index='i').get('?x=y', headers={'Host': host})
    assert (resp.status_int, resp.headers['Location']) == (301, location)
    assert resp.headers[MARK] == 'staticweb'


def test_location_is_quoted_again():
    resp = World(index='i').has('/\xc3\xa9 x/i').get('/%C3%A9%20x')
    assert resp.headers['Location'] == 'http://localhost/v1/a/c/%C3%A9%20x/'


def test_index_is_asked_for_with_ranges_and_conditions_but_no_query():
    world = World(index='i.html').has('/i.html', b'top')
    resp = world.get('/?format=json', headers={'Range': 'bytes=1-', 'If-None-Match': 'e',
                                               'User-Agent': 'ua'})
    call = world.stub.calls[0]
    assert resp.body == b'top' and resp.headers[MARK] == 'staticweb'
    assert (call.path, call.query, call.env['swift.source']) == (f'{ROOT}/i.html', '', 'SW')
    assert call.headers['Range'] == 'bytes=1-' and call.headers['If-None-Match'] == 'e'
    assert call.headers['User-Agent'] == 'ua StaticWeb'


@pytest.mark.parametrize('status, expected', [
    ('304 Not Modified', 304), ('206 Partial Content', 206), ('503 Busy', 503),
    ('401 Unauthorized', 401)])
def test_what_the_index_says_is_the_answer(status, expected):
    world = World(index='i', listings='true').has('/i', status=status)
    assert world.get('/').status_int == expected


def test_without_its_index_a_container_is_listed():
    world = World(index='i', listings='true').lists(entry('a'), {'subdir': 'd/'})
    resp = world.get('/')
    assert resp.status_int == 200 and resp.headers[MARK] == 'staticweb'
    assert resp.headers['Content-Type'] == 'text/html; charset=UTF-8'
    assert b'<h1 id="title">Listing of /v1/a/c/</h1>' in resp.body and b'./d/' in resp.body
    assert world.stub.calls[-1].query == 'delimiter=/&format=json&prefix='


def test_head_of_a_listing_tells_the_length_of_the_page():
    world = World(listings='true').lists(entry('a'))
    head = world.get('/', 'HEAD')
    assert head.body == b'' and head.headers['Content-Length'] == str(len(world.get('/').body))


@pytest.mark.parametrize('meta, status', [
    ({'listings': 'false'}, 404), ({'index': 'i'}, 404), ({'listings': 'on'}, 200),
    ({'listings': 'yes', 'index': 'i'}, 200)])
def test_listings_must_be_wanted(meta, status):
    resp = World(**meta).lists().get('/')
    assert resp.status_int == status and (b'Listing Disabled' in resp.body) == (status == 404)
    assert (b'Web-Index: i' in resp.body) == (status == 404 and 'index' in meta)


def test_page_of_a_listing_that_is_off_may_be_the_owners():
    world = World(index='i', error='e').has('/404e', b'own')
    resp = world.get('/')
    assert (resp.status_int, resp.body) == (404, b'own')


def test_listing_that_is_denied_is_an_error():
    assert World(listings='true').lists(status='401 Unauthorized').get('/').status_int == 401


@pytest.mark.parametrize('body, headers', [
    (b'[{"na', {}), (b'{}', {}), (b'[]', {'Content-Type': 'text/plain'}),
    (b'[]', {'Content-Length': '99999999999'})])
def test_listing_that_is_none_is_unavailable(body, headers):
    world = World(listings='true')
    world.stub.answer('GET', ROOT, '200 OK', {'Content-Type': 'application/json', **headers}, body)
    assert world.get('/').status_int == 503


def test_label_and_style_sheet():
    world = World(listings='true', listings_label='My Files', listings_css='s.css').lists(
        entry('d/x'))
    assert b'<title>Listing of My Files/</title>' in world.get('/').body
    page = world.get('/d/').body
    assert b'Listing of My Files/d/' in page and b'href="../s.css"' in page


def test_browsers_get_another_style_and_caches_are_told():
    world = World(listings='true').lists(entry('a'))
    plain = world.get('/', headers={'Accept': '*/*'})
    shown = world.get('/', headers={'Accept': 'text/html,application/xml;q=0.9,*/*;q=0.8'})
    assert b'viewport' in shown.body and shown.headers['Vary'] == 'Accept'
    assert b'viewport' not in plain.body and 'Vary' not in plain.headers


def test_full_listing_links_to_its_next_page():
    world = World(page_size=2, listings='true').lists(entry('a'), {'subdir': '\xe9/'})
    assert b'href="./?marker=%C3%A9%2F"' in world.get('/').body
    world.get('/?marker=%C3%A9%2F')
    assert world.stub.calls[-1].query == 'delimiter=/&format=json&prefix=&marker=%C3%A9%2F'
    assert b'id="more"' not in World(page_size=2, listings='true').lists(entry('a')).get('/').body


def test_last_page_may_be_empty():
    assert World(listings='true').lists().get('/d/?marker=d/x').status_int == 200


def test_marker_is_judged_by_the_container():
    world = World(listings='true').lists(status='400 Bad Request')
    assert world.get('/?marker=%ff').status_int == 400
    assert world.stub.calls[-1].query.endswith('&marker=%FF')


def test_edits_of_listings_are_carried_out():
    world = World(listings='true').lists(entry('a'))

    def offer(env):
        if env['PATH_INFO'] == ROOT:
            from swift.common.listing_edits import ListingEdit
            env['swift.listing_edits'].append(ListingEdit(
                b'name', lambda entries: entries[0].update(name='edited')))
    world.stub.on_call = offer
    assert b'>edited<' in world.get('/').body


# -- objects -----------------------------------------------------------------------------------

def test_object_that_is_there_is_itself():
    world = World(index='i', listings='true').has('/o', b'data')
    resp = world.get('/o?x=y')
    assert resp.body == b'data' and MARK not in resp.headers
    assert len(world.stub.calls) == 1 and world.stub.calls[0].query == 'x=y'


@pytest.mark.parametrize('status', ['401 Unauthorized', '403 Forbidden', '416 Range', '503 Busy'])
def test_errors_of_objects_are_themselves_but_for_404(status):
    world = World(index='i', listings='true', error='e').has('/o', status=status).has('/401e')
    resp = world.get('/o')
    assert (resp.status, resp.body) == (status, b'x')


@pytest.mark.parametrize('path, status', [('/d', 301), ('/d/', 200)])
def test_index_makes_a_directory(path, status):
    world = World(index='i').has('/d/i', b'index')
    resp = world.get(path)
    assert resp.status_int == status and resp.headers[MARK] == 'staticweb'
    assert resp.headers.get('Location') == (None if status == 200 else 'http://localhost/v1/a/c/d/')


@pytest.mark.parametrize('status', ['401 Unauthorized', '503 Busy'])
def test_index_that_cannot_be_read_is_the_answer(status):
    world = World(index='i', listings='true').lists(entry('d/x')).has('/d/i', status=status)
    assert world.get('/d/').status == status


@pytest.mark.parametrize('path, below, status', [
    ('/d', True, 301), ('/d', False, 404), ('/d/', True, 200), ('/d/', False, 404)])
def test_what_lies_below_makes_a_directory(path, below, status):
    world = World(listings='true').lists(*([entry('d/x')] if below else []))
    resp = world.get(path)
    assert resp.status_int == status
    expected = 'delimiter=/&format=json&prefix=d/'
    assert world.stub.calls[-1].query == (expected if path == '/d/' else f'limit=1&{expected}')
    assert (b'<a href="../">' in resp.body) == (status == 200)


def test_without_the_right_to_list_nothing_lies_below():
    world = World(index='i').lists(status='401 Unauthorized')
    assert world.get('/d').status_int == 404


@pytest.mark.parametrize('content_type, size, meta, is_directory', [
    ('application/directory', 0, {}, True), ('application/directory', 1, {}, True),
    ('application/directory; a=b', 0, {}, True), ('application/directory', 2, {}, False),
    ('text/directory', 0, {}, False),
    ('text/directory', 0, {'directory_type': 'text/directory'}, True),
    ('application/directory', 0, {'directory_type': 'text/directory'}, False)])
def test_small_objects_of_a_type_stand_for_directories(content_type, size, meta, is_directory):
    world = World(listings='true', **meta).lists(entry('d/x')).has(
        '/d', b'x' * size, **{'Content-Type': content_type})
    assert world.get('/d').status_int == (301 if is_directory else 200)


@pytest.mark.parametrize('path', ['/no', '/no/'])
@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_missing_objects_have_the_owners_page(path, method):
    world = World(listings='true', error='err.html').lists().has('/404err.html', b'gone',
                                                                 **{'X-Object-Meta-A': '1'})
    resp = world.get(path, method, headers={'Range': 'bytes=0-1'})
    assert (resp.status_int, resp.headers['Content-Length']) == (404, '4')
    assert resp.body == (b'gone' if method == 'GET' else b'') and 'X-Object-Meta-A' in resp.headers
    assert 'Range' not in world.stub.calls[-1].headers


# -- temporary URLs ----------------------------------------------------------------------------

QUERY = '?temp_url_sig=0f&temp_url_expires=5&temp_url_prefix={}&temp_url_ip_range=::1&inline'


@pytest.mark.parametrize('prefix, path, parent', [
    ('', '/', False), ('', '/d/', True), ('d/', '/d/', False), ('d/', '/d/e/', True),
    ('d', '/d/', False)])
def test_links_of_a_signed_listing_are_signed_too(prefix, path, parent):
    world = World(listings='true').lists(entry(path[1:] + 'x'))
    page = world.get(path + QUERY.format(prefix), REMOTE_USER='.wsgi.tempurl').body.decode()
    tail = (f'?temp_url_prefix={prefix}&amp;temp_url_expires=5&amp;temp_url_sig=0f'
            '&amp;temp_url_ip_range=%3A%3A1&amp;inline')
    assert f'href="./x{tail}"' in page
    assert (f'href="../{tail}"' in page) == parent == ('id="parent"' in page)


def test_signature_of_one_object_is_not_carried_on():
    world = World(listings='true').lists(entry('d/x'))
    page = world.get('/d/?temp_url_sig=0f&temp_url_expires=5', REMOTE_USER='.wsgi.tempurl').body
    assert b'href="./x"' in page


def test_query_of_others_is_not_carried_on():
    world = World(listings='true').lists(entry('x'))
    assert b'temp_url' not in world.get('/' + QUERY.format('')).body


@pytest.mark.parametrize('prefix, opened, expected', [
    ('', None, False), ('a/', None, True), ('a/', '', True), ('a/b/', 'a/', True),
    ('a/b/', 'a/b', False), ('a//', 'a/', True), ('a/', 'a/', False)])
def test_the_way_up_ends_where_the_signature_does(prefix, opened, expected):
    assert has_parent(prefix, opened) is expected


def test_factory_registers_an_empty_section():
    assert isinstance(filter_factory({})(StubApp()), StaticWeb)
    assert get_swift_info()['staticweb'] == {}
