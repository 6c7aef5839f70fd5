"""The older kind of versioning: what goes to the archive, what comes back, what is refused."""
import json

import pytest

from swift.common.clock import ManualClock
from swift.common.middleware.versioned_writes.legacy import LegacyVersioning
from swift.common.swob import HTTPForbidden, Request
from swift.core.constraints import Constraints
from swift.core.versions import DELETED_TYPE
from test.support.stub_app import StubApp

OBJECT = {'Etag': 'E', 'X-Timestamp': '1600000000.12345', 'Content-Type': 'text/t',
          'X-Object-Meta-A': '1', 'X-Backend-Timestamp': '1600000000.12345', 'Date': 'now',
          'X-Object-Sysmeta-S': '2', 'Accept-Ranges': 'bytes', 'X-Delete-At': '1900000000'}
ARCHIVED = '/v1/a/arc/001o/1600000000.12345'
MARKER = '/v1/a/arc/001o/1700000000.00000'


class World:
    def __init__(self, allowed=True, mode='stack', **info):
        self.stub = StubApp()
        self.app = LegacyVersioning(self.stub, allowed, Constraints(max_file_size=100),
                                    ManualClock())
        sysmeta = {'versions-location': 'arc', 'versions-mode': mode} if mode else {}
        self.cache = {'account/a': {'status': 200}, 'container/a/c': {
            'status': 204, 'sysmeta': sysmeta, 'write_acl': 'them', **info}}
        for method in ('PUT', 'DELETE'):
            self.stub.answer(method, '/v1/a/c/o', '201 Created' if method == 'PUT'
                             else '204 No Content')

    def current(self, status='200 OK', body=b'old', **more):
        for method in ('GET', 'HEAD'):
            self.stub.answer(method, '/v1/a/c/o', status, {**OBJECT, **more}, body)

    def archived(self, name, body=b'older', status='200 OK'):
        self.stub.answer('GET', f'/v1/a/arc/{name}', status, OBJECT, body)
        self.stub.answer('DELETE', f'/v1/a/arc/{name}', '204 No Content', {'X-From': 'archive'})

    def listing(self, *names, status='200 OK'):
        entries = [{'name': name.lstrip('!'), 'content_type':
                    DELETED_TYPE if name[0] == '!' else 'text/t'} for name in names]
        self.stub.answer('GET', '/v1/a/arc', status, {}, json.dumps(entries).encode())

    def send(self, method, path='/v1/a/c/o', headers=None, body=None, **env):
        resp = Request.blank(path, {'swift.infocache': self.cache, **env}, headers or {},
                             body, method=method).get_response(self.app)
        _ = resp.body
        assert not self.stub.unclosed
        return resp


# -- containers -----------------------------------------------------------------------------------

@pytest.mark.parametrize('headers, location, mode', [
    ({'X-Versions-Location': 'arc'}, 'arc', 'stack'),
    ({'X-History-Location': 'a%20b'}, 'a%20b', 'history'),
    ({'X-Versions-Location': ''}, '', ''),
    ({'X-Remove-Versions-Location': 'x'}, '', ''), ({'X-Remove-History-Location': 'x'}, '', ''),
    ({'X-Remove-Versions-Location': 'x', 'X-History-Location': 'h'}, 'h', 'history'),
    ({'X-Versions-Location': '', 'X-History-Location': 'h'}, 'h', 'history'),
    ({'X-Container-Meta-A': '1'}, None, None)])
@pytest.mark.parametrize('method', ['PUT', 'POST'])
def test_headers_of_clients_are_stored(method, headers, location, mode):
    world = World()
    world.stub.answer(method, '/v1/a/c', '204 No Content')
    world.send(method, '/v1/a/c', headers)
    sent = world.stub.calls[0].headers
    assert sent.get('X-Container-Sysmeta-Versions-Location') == location
    assert sent.get('X-Container-Sysmeta-Versions-Mode') == mode
    assert not {'X-History-Location', 'X-Remove-Versions-Location'} & sent.keys()


@pytest.mark.parametrize('allowed, headers, status, text', [
    (True, {'X-Versions-Location': 'x', 'X-History-Location': 'y'}, 400,
     b'Only one of x-versions-location or x-history-location may be specified'),
    (True, {'X-Versions-Location': 'a/b'}, 412, b'Container name cannot contain slashes'),
    (True, {'X-History-Location': 'a%2Fb'}, 412, b'Container name cannot contain slashes'),
    (False, {'X-Versions-Location': 'x'}, 412, b'Versioned Writes is disabled')])
def test_bad_headers_are_refused(allowed, headers, status, text):
    world = World(allowed)
    resp = world.send('PUT', '/v1/a/c', headers)
    assert (resp.status_int, resp.body) == (status, text)
    assert not world.stub.calls


def test_without_the_option_the_headers_are_left_to_the_container_server():
    world = World(None)
    world.send('PUT', '/v1/a/c', {'X-Versions-Location': 'arc'})
    assert world.stub.calls[0].headers['X-Versions-Location'] == 'arc'


@pytest.mark.parametrize('mode, shown', [
    ('stack', 'X-Versions-Location'), ('history', 'X-History-Location'),
    (None, 'X-Versions-Location')])
def test_containers_show_the_header_that_was_given(mode, shown):
    world = World()
    stored = {'X-Container-Sysmeta-Versions-Location': 'arc'}
    if mode:
        stored['X-Container-Sysmeta-Versions-Mode'] = mode
    world.stub.answer('HEAD', '/v1/a/c', '204 No Content', stored)
    assert world.send('HEAD', '/v1/a/c').headers[shown] == 'arc'


# -- PUT ------------------------------------------------------------------------------------------

@pytest.mark.parametrize('mode', ['stack', 'history'])
def test_what_is_overwritten_is_kept(mode):
    world = World(mode=mode)
    world.current()
    world.stub.answer('PUT', ARCHIVED, '201 Created')
    assert world.send('PUT', '/v1/a/c/o?x=1', body=b'new').status_int == 201
    get, put, client = world.stub.calls
    assert (get.method, get.query, get.headers['X-Newest']) == ('GET', 'symlink=get', 'true')
    assert get.env['swift.source'] == 'VW' and get.env['swift.authorize_override']
    assert (put.path, put.body) == (ARCHIVED, b'old')
    assert {name: put.headers[name] for name in (
        'Etag', 'Content-Type', 'X-Object-Meta-A', 'X-Object-Sysmeta-S', 'X-Delete-At')} == {
        'Etag': 'E', 'Content-Type': 'text/t', 'X-Object-Meta-A': '1', 'X-Object-Sysmeta-S': '2',
        'X-Delete-At': '1900000000'}
    assert not {'X-Timestamp', 'X-Backend-Timestamp', 'Date', 'Accept-Ranges'} & put.headers.keys()
    assert put.env['swift.symlink_override'] is True
    assert (client.path, client.body, client.query) == ('/v1/a/c/o', b'new', '')


def test_long_names_and_times_without_header_make_archive_names():
    world = World()
    world.stub.answer('GET', '/v1/a/c/' + 'n' * 300, '200 OK', {
        'Last-Modified': 'Sun, 13 Sep 2020 12:26:40 GMT'}, b'x')
    world.send('PUT', '/v1/a/c/' + 'n' * 300, body=b'')
    assert world.stub.calls[1].path == f'/v1/a/arc/12c{"n" * 300}/1600000000.00000'


def test_the_size_of_a_large_object_stays_with_its_manifest():
    world = World()
    world.current(**{'X-Static-Large-Object': 'True', 'X-Object-Sysmeta-Slo-Size': '99'})
    world.stub.answer('PUT', ARCHIVED, '201 Created')
    world.send('PUT', body=b'new')
    put = world.stub.calls[1]
    assert put.headers['Content-Type'] == 'text/t; swift_bytes=99'
    assert put.env['swift.content_type_overridden'] is True


def test_a_new_object_needs_no_archive():
    world = World()
    assert world.send('PUT', body=b'new').status_int == 201
    assert world.stub.lines == ['GET /v1/a/c/o', 'PUT /v1/a/c/o']


@pytest.mark.parametrize('source, archive, status', [
    ('200 OK', '404 Not Found', 412), ('200 OK', '403 Forbidden', 412),
    ('200 OK', '503 Busy', 503), ('503 Busy', '201 Created', 503), ('401 Who', '201 Created', 412)])
def test_what_cannot_be_kept_is_not_overwritten(source, archive, status):
    world = World()
    world.current(source)
    world.stub.answer('PUT', ARCHIVED, archive)
    assert world.send('PUT', body=b'new').status_int == status
    assert 'PUT /v1/a/c/o' not in world.stub.lines


@pytest.mark.parametrize('body', [b'x' * 101, [b'chunked']])
def test_what_is_too_large_to_copy_is_not_overwritten(body):
    world = World()
    world.current(body=body)
    assert world.send('PUT', body=b'new').status_int == 413
    assert world.stub.lines == ['GET /v1/a/c/o']


@pytest.mark.parametrize('method', ['PUT', 'DELETE'])
@pytest.mark.parametrize('mode', ['stack', 'history'])
def test_nothing_is_done_for_those_who_may_not_write(method, mode):
    world = World(mode=mode)
    world.current()
    asked = []

    def authorize(req):
        asked.append(req.acl)
        return HTTPForbidden(request=req)

    assert world.send(method, **{'swift.authorize': authorize}).status_int == 403
    assert asked == ['them'] and not world.stub.calls


@pytest.mark.parametrize('allowed, mode, info', [
    (True, None, {}), (False, 'stack', {}), (None, 'stack', {}), (True, None, {'versions': 'arc'})])
def test_other_containers_keep_nothing(allowed, mode, info):
    world = World(allowed, mode, **info)
    world.current()
    world.send('PUT', body=b'new')
    assert world.stub.lines == ['PUT /v1/a/c/o']


def test_what_container_servers_keep_counts_where_nothing_is_configured():
    world = World(None, None, versions='arc')
    world.current()
    world.stub.answer('PUT', ARCHIVED, '201 Created')
    world.send('PUT', body=b'new')
    assert f'PUT {ARCHIVED}' in world.stub.lines


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'POST'])
def test_other_methods_pass(method):
    world = World()
    world.stub.answer(method, '/v1/a/c/o', '200 OK')
    world.send(method)
    assert len(world.stub.calls) == 1


# -- DELETE ---------------------------------------------------------------------------------------

@pytest.mark.parametrize('is_there', [True, False])
def test_history_keeps_object_and_marker(is_there):
    world = World(mode='history')
    if is_there:
        world.current()
        world.stub.answer('PUT', ARCHIVED, '201 Created')
    world.stub.answer('PUT', MARKER, '201 Created')
    world.send('DELETE')
    copy = [f'PUT {ARCHIVED}'] if is_there else []
    assert world.stub.lines == ['GET /v1/a/c/o', *copy, f'PUT {MARKER}', 'DELETE /v1/a/c/o']
    marker = world.stub.calls[-2]
    assert marker.headers['Content-Type'] == DELETED_TYPE
    assert marker.headers['Content-Length'] == '0'


def test_history_deletes_nothing_without_its_marker():
    world = World(mode='history')
    world.stub.answer('PUT', MARKER, '404 Not Found')
    assert world.send('DELETE').status_int == 412
    assert 'DELETE /v1/a/c/o' not in world.stub.lines


def test_stack_brings_the_newest_back():
    world = World()
    world.listing('001o/2', '001o/1')
    world.archived('001o/2')
    resp = world.send('DELETE', headers={'X-If-Delete-At': '5'})
    assert resp.headers['X-From'] == 'archive'
    assert world.stub.lines == ['GET /v1/a/arc', 'GET /v1/a/arc/001o/2', 'PUT /v1/a/c/o',
                                'DELETE /v1/a/arc/001o/2']
    assert 'prefix=001o%2F' in world.stub.calls[0].query
    assert 'reverse=on' in world.stub.calls[0].query
    assert world.stub.calls[2].body == b'older'
    assert 'X-If-Delete-At' not in world.stub.calls[3].headers


def test_stack_takes_the_next_when_a_listing_lags():
    world = World()
    world.listing('001o/2', '001o/1')
    world.archived('001o/1')
    world.send('DELETE')
    assert world.stub.lines[-3:] == ['GET /v1/a/arc/001o/1', 'PUT /v1/a/c/o',
                                     'DELETE /v1/a/arc/001o/1']


@pytest.mark.parametrize('listing', ['200 OK', '404 Not Found'])
def test_an_empty_stack_deletes(listing):
    world = World()
    world.listing(status=listing)
    assert world.send('DELETE').status_int == 204
    assert world.stub.lines == ['GET /v1/a/arc', 'DELETE /v1/a/c/o']


def test_nothing_is_deleted_while_the_archive_cannot_be_listed():
    world = World()
    world.listing(status='503 Busy')
    assert world.send('DELETE').status_int == 503
    assert world.stub.lines == ['GET /v1/a/arc']


def test_a_marker_on_top_leaves_the_stack_alone_while_there_is_an_object():
    world = World()
    world.current()
    world.listing('!001o/2', '001o/1')
    world.send('DELETE')
    assert world.stub.lines == ['GET /v1/a/arc', 'HEAD /v1/a/c/o', 'DELETE /v1/a/c/o']


@pytest.mark.parametrize('below, restored', [('001o/1', True), ('!001o/1', False), (None, False)])
def test_a_marker_on_top_is_undone_when_there_is_no_object(below, restored):
    world = World()
    world.listing(*(name for name in ('!001o/2', below) if name))
    world.archived('001o/2')
    world.archived('001o/1')
    assert world.send('DELETE').headers['X-From'] == 'archive'
    assert ('PUT /v1/a/c/o' in world.stub.lines) == restored
    assert world.stub.lines[-1] == 'DELETE /v1/a/arc/001o/2'


def test_long_stacks_are_listed_page_by_page():
    world = World()
    names = [f'001o/{n:03d}' for n in range(100, 0, -1)]
    for page in (names[:50], names[50:], []):
        world.listing(*page)
    world.send('DELETE')
    assert world.stub.lines.count('GET /v1/a/arc') == 3
    assert world.stub.calls[51].query.endswith('&marker=001o%2F051')
    assert world.stub.lines[-1] == 'DELETE /v1/a/c/o'
