"""symlink: links are made, followed, shown and refused."""
import json

import pytest

from swift.common.middleware.symlink import SymlinkFilter, filter_factory
from swift.common.registry import get_swift_info
from swift.common.swob import HTTPForbidden, Request
from test.support.stub_app import StubApp

EMPTY = 'd41d8cd98f00b204e9800998ecf8427e'
TARGET = 'X-Object-Sysmeta-Symlink-Target'
CLUSTERS = {'X-Object-Sysmeta-Symloop-Extend': 'true',
            'X-Object-Sysmeta-Allow-Reserved-Names': 'true'}
TOO_MANY = b'Too many levels of symbolic links, maximum allowed is 2'


class World:
    def __init__(self, loop_max=2):
        self.stub = StubApp()
        self.app = SymlinkFilter(self.stub, loop_max)

    def obj(self, path, body=b'data', etag='E', status='200 OK', **headers):
        headers = {name.replace('_', '-'): value for name, value in headers.items()}
        for method in ('GET', 'HEAD'):
            self.stub.answer(method, path, status,
                             {'Etag': etag, 'Content-Type': 'text/t', **headers}, body)

    def link(self, path, target, etag=None, account=None, **more):
        headers = {TARGET: target, 'Etag': EMPTY, 'Content-Type': 'application/symlink', **more}
        if etag:
            headers[TARGET + '-Etag'] = etag
        if account:
            headers[TARGET + '-Account'] = account
        for method in ('GET', 'HEAD'):
            self.stub.answer(method, path, '200 OK', headers)
        self.stub.answer('POST', path, '202 Accepted', headers, b'<html>')

    def send(self, method, path, headers=None, body=None, **env):
        resp = Request.blank(path, environ=env, headers=headers or {}, body=body,
                             method=method).get_response(self.app)
        resp.text = resp.body
        assert not self.stub.unclosed
        return resp


# -- reading --------------------------------------------------------------------------------------

def test_an_object_is_read_with_one_request():
    world = World()
    world.obj('/v1/a/c/o')
    resp = world.send('GET', '/v1/a/c/o')
    assert (resp.status, resp.text) == ('200 OK', b'data')
    assert 'Content-Location' not in resp.headers
    assert world.stub.lines == ['GET /v1/a/c/o']


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_a_link_is_followed_as_the_client(method):
    world = World()
    world.link('/v1/a/c/l', 'd/o%20p')
    world.obj('/v1/a/d/o p')
    resp = world.send(method, '/v1/a/c/l?x=1', {
        'Range': 'bytes=0-1', 'If-None-Match': 'q', 'X-Auth-Token': 't',
        'X-Backend-Storage-Policy-Index': '3', 'Content-Length': '0'})
    assert resp.headers['Content-Location'] == '/v1/a/d/o%20p'
    assert world.stub.lines == [f'{method} /v1/a/c/l', f'{method} /v1/a/d/o p']
    first, second = world.stub.calls
    assert first.headers['X-Backend-Ignore-Range-If-Metadata-Present'] == TARGET
    assert second.query == 'x=1'
    assert second.env['swift.source'] == 'SYM'
    assert {'Range', 'If-None-Match', 'X-Auth-Token'} <= second.headers.keys()
    assert 'X-Backend-Storage-Policy-Index' not in second.headers
    assert 'Content-Length' not in second.headers


def test_ignored_ranges_of_filters_to_the_left_are_kept():
    world = World()
    world.obj('/v1/a/c/o')
    world.send('GET', '/v1/a/c/o', {'X-Backend-Ignore-Range-If-Metadata-Present': 'X-Slo'})
    assert world.stub.calls[0].headers['X-Backend-Ignore-Range-If-Metadata-Present'] == (
        f'X-Slo,{TARGET}')


def test_the_target_may_be_in_another_account_and_its_links_stay_there():
    world = World()
    world.link('/v1/a/c/l', 'd/m', account='b')
    world.link('/v1/b/d/m', 'd/o')
    world.obj('/v1/b/d/o')
    assert world.send('GET', '/v1/a/c/l').headers['Content-Location'] == '/v1/b/d/o'


@pytest.mark.parametrize('loop_max', [1, 2, 3])
def test_as_many_links_as_the_limit_says_are_followed(loop_max):
    world = World(loop_max)
    world.obj('/v1/a/c/0')
    for n in range(1, loop_max + 2):
        world.link(f'/v1/a/c/{n}', f'c/{n - 1}')
    assert world.send('GET', f'/v1/a/c/{loop_max}').text == b'data'
    resp = world.send('GET', f'/v1/a/c/{loop_max + 1}')
    assert resp.status == '409 Conflict'
    assert resp.text == TOO_MANY.replace(b'2', b'%d' % loop_max)
    assert 'Content-Location' not in resp.headers


def test_loops_end():
    world = World()
    world.link('/v1/a/c/x', 'c/y')
    world.link('/v1/a/c/y', 'c/x')
    assert world.send('HEAD', '/v1/a/c/x').status_int == 409


def test_endless_links_of_the_cluster_end_too():
    world = World()
    world.link('/v1/a/c/x', '%00c/%00x', **CLUSTERS)
    world.link('/v1/a/\0c/\0x', '%00c/%00x', **CLUSTERS)
    assert world.send('GET', '/v1/a/c/x').text == TOO_MANY
    assert len(world.stub.calls) == 6


def test_links_of_the_cluster_do_not_count_and_open_the_reserved_namespace():
    world = World(1)
    world.link('/v1/a/c/l', 'c/v')
    world.link('/v1/a/c/v', '%00c/%00v', **CLUSTERS)
    world.obj('/v1/a/\0c/\0v')
    denied = []

    def authorize(req):
        denied.append(req.path)

    assert world.send('GET', '/v1/a/c/l', **{'swift.authorize': authorize}).text == b'data'
    reserved = world.stub.calls[-1]
    assert reserved.headers['X-Backend-Allow-Reserved-Names'] == 'true'
    assert reserved.env['swift.authorize_override'] is True
    assert denied == ['/v1/a/c/l', '/v1/a/c/v']


def test_a_hop_after_one_of_the_cluster_is_the_clients_own():
    world = World()
    world.link('/v1/a/c/v', '%00c/%00v', **CLUSTERS)
    world.link('/v1/a/\0c/\0v', 'secret/o')
    world.obj('/v1/a/secret/o')

    def authorize(req):
        return HTTPForbidden(request=req) if 'secret' in req.path else None

    resp = world.send('GET', '/v1/a/c/v', **{'swift.authorize': authorize})
    assert resp.status_int == 403
    assert 'X-Backend-Allow-Reserved-Names' not in world.stub.calls[-1].headers


@pytest.mark.parametrize('status', ['404 Not Found', '403 Forbidden', '503 Busy'])
def test_what_the_target_answers_is_passed_on_with_its_place(status):
    world = World()
    world.link('/v1/a/c/l', 'd/o')
    world.obj('/v1/a/d/o', status=status)
    resp = world.send('GET', '/v1/a/c/l')
    assert resp.status == status
    assert resp.headers['Content-Location'] == '/v1/a/d/o'


@pytest.mark.parametrize('status, answered', [
    ('200 OK', 409), ('206 Partial Content', 409), ('304 Not Modified', 409),
    ('412 Precondition Failed', 409), ('416 Range', 409), ('404 Not Found', 404)])
def test_a_static_link_shows_nothing_but_its_tag(status, answered):
    world = World()
    world.link('/v1/a/c/l', 'd/o', etag='F')
    world.obj('/v1/a/d/o', status=status)
    resp = world.send('GET', '/v1/a/c/l')
    assert resp.status_int == answered
    assert resp.headers['Content-Location'] == '/v1/a/d/o'
    if answered == 409:
        assert resp.text == (
            b"Object Etag 'E' does not match X-Symlink-Target-Etag header 'F'")
        assert resp.headers['Content-Type'] == 'text/plain'


def test_conditions_that_the_link_itself_fails_are_left_to_the_target():
    world = World()
    world.stub.answer('GET', '/v1/a/c/l', '412 Precondition Failed', {TARGET: 'd/o'})
    world.obj('/v1/a/d/o')
    assert world.send('GET', '/v1/a/c/l', {'If-Match': 'E'}).text == b'data'


@pytest.mark.parametrize('query, followed', [
    ('symlink=get', False), ('a=1&symlink=get', False), ('symlink=other', True),
    ('x=symlink%3Dget', True), ('xsymlink=get', True), ('symlink=get&symlink=', True)])
def test_the_link_itself(query, followed):
    world = World()
    world.link('/v1/a/c/l', 'd/o', etag='E', account='b')
    world.obj('/v1/b/d/o')
    resp = world.send('GET', f'/v1/a/c/l?{query}')
    assert (len(world.stub.calls) == 2) == followed
    if not followed:
        assert resp.headers['X-Symlink-Target'] == 'd/o'
        assert resp.headers['X-Symlink-Target-Account'] == 'b'
        assert resp.headers['X-Symlink-Target-Etag'] == 'E'
        assert TARGET not in resp.headers
        assert 'X-Backend-Ignore-Range-If-Metadata-Present' not in world.stub.calls[0].headers


@pytest.mark.parametrize('path', ['/v1/a', '/v1/a/', '/v2/a/c/l', '/healthcheck', '/v1/a/c/'])
def test_other_paths_pass(path):
    world = World()
    world.link(path, 'd/o')
    world.send('GET', path)
    assert len(world.stub.calls) == 1


def test_listed_links_are_shown():
    world = World()
    rows = [{'name': 'l', 'hash': f'{EMPTY}; symlink_target=d/o'}, {'name': 'o', 'hash': 'E'}]
    world.stub.answer('GET', '/v1/a/c', '200 OK', {'Content-Type': 'application/json'},
                      json.dumps(rows).encode())
    assert json.loads(world.send('GET', '/v1/a/c').text) == [
        {'name': 'l', 'hash': EMPTY, 'symlink_path': '/v1/a/d/o'}, {'name': 'o', 'hash': 'E'}]


# -- writing --------------------------------------------------------------------------------------

def put(world, target='d/o', path='/v1/a/c/l', headers=None, body=b'', **env):
    world.stub.answer('PUT', path, '201 Created')
    return world.send('PUT', path, {'X-Symlink-Target': target, **(headers or {})}, body, **env)


def test_a_dynamic_link_is_stored_without_a_look_at_the_target():
    world = World()
    assert put(world).status_int == 201
    call, = world.stub.calls
    assert call.headers[TARGET] == 'd/o'
    assert call.headers['Content-Type'] == 'application/symlink'
    assert 'X-Symlink-Target' not in call.headers


@pytest.mark.parametrize('target, headers, body, status, text', [
    ('/d/o', {}, b'', 412, b'X-Symlink-Target header must be of the form <container name>/<object '
                           b'name>'),
    ('c/l', {}, b'', 400, b'Symlink cannot target itself'),
    ('c/l', {'X-Symlink-Target-Account': 'a'}, b'', 400, b'Symlink cannot target itself'),
    ('d/o', {}, b'x', 400, b'Symlink requests require a zero byte body'),
    ('d/o', {'X-Symlink-Target-Etag': 'a;b'}, b'', 400, b'Bad X-Symlink-Target-Etag format')])
def test_bad_links_are_refused(target, headers, body, status, text):
    world = World()
    resp = put(world, target, headers=headers, body=body)
    assert (resp.status_int, resp.text) == (status, text)
    assert not world.stub.calls


def test_the_same_name_in_another_account_is_another_object():
    assert put(World(), 'c/l', headers={'X-Symlink-Target-Account': 'b'}).status_int == 201


@pytest.mark.parametrize('body, status', [(b'', 201), (b'x', 400)])
def test_bodies_in_chunks_must_be_empty_too(body, status):
    from io import BytesIO
    world = World()
    resp = put(world, headers={'Transfer-Encoding': 'chunked'}, body=None,
               **{'wsgi.input': BytesIO(body)})
    assert resp.status_int == status
    if status == 201:
        assert world.stub.calls[0].headers['Content-Length'] == '0'
        assert 'Transfer-Encoding' not in world.stub.calls[0].headers


def test_a_put_without_any_length_is_left_to_the_proxy():
    world = World()
    put(world, body=None)
    assert 'Content-Length' not in world.stub.calls[0].headers


def test_a_static_link_keeps_what_it_found():
    world = World()
    world.obj('/v1/a/d/o', b'12345')
    assert put(world, headers={'X-Symlink-Target-Etag': '"E"', 'If-None-Match': '*'},
               body=b'').status_int == 201
    head, call = world.stub.calls
    assert head.method == 'HEAD' and 'If-None-Match' not in head.headers and not head.query
    assert call.headers['Content-Type'] == 'text/t'
    assert call.headers[TARGET + '-Etag'] == 'E'
    assert call.headers[TARGET + '-Bytes'] == '5'


def test_a_static_link_to_a_manifest_knows_the_size_of_the_whole():
    world = World()
    world.obj('/v1/a/d/o', X_Object_Sysmeta_Slo_Etag='S', X_Object_Sysmeta_Slo_Size='99')
    put(world, headers={'X-Symlink-Target-Etag': 'E', 'Content-Type': 'text/own'})
    call = world.stub.calls[1]
    assert call.headers[TARGET + '-Bytes'] == '99'
    assert call.headers['Content-Type'] == 'text/own'
    assert call.headers['X-Object-Sysmeta-Container-Update-Override-Etag'] == (
        f'{EMPTY}; slo_etag=S; symlink_target=d/o; symlink_target_etag=E; '
        'symlink_target_bytes=99')


@pytest.mark.parametrize('etag, status, text', [
    ('E', 201, b''), ('F', 409, b'X-Symlink-Target-Etag headers do not match')])
def test_a_static_link_may_lead_to_another(etag, status, text):
    world = World()
    world.link('/v1/a/d/s', 'd/o', etag='E')
    world.obj('/v1/a/d/o')
    resp = put(world, 'd/s', headers={'X-Symlink-Target-Etag': etag})
    assert (resp.status_int, resp.text) == (status, text)
    if status == 409:
        assert resp.headers['Content-Location'] == '/v1/a/d/s'


def test_a_static_link_to_a_dynamic_one_is_bound_to_that_link():
    world = World()
    world.link('/v1/a/d/s', 'd/o')
    assert put(world, 'd/s', headers={'X-Symlink-Target-Etag': EMPTY}).status_int == 201
    assert world.stub.lines == ['HEAD /v1/a/d/s', 'PUT /v1/a/c/l']


@pytest.mark.parametrize('status, answered, text', [
    ('404 Not Found', 409, b'X-Symlink-Target does not exist'),
    ('403 Forbidden', 403, b'<html><h1>Forbidden</h1><p>Access was denied to this resource.'
                           b'</p></html>'),
    ('503 Busy', 503, b'<html><h1>Service Unavailable</h1><p>The server is currently unavailable. '
                      b'Please try again at a later time.</p></html>')])
def test_a_static_link_needs_a_target_that_the_client_may_see(status, answered, text):
    world = World()
    world.obj('/v1/a/d/o', status=status)
    resp = put(world, headers={'X-Symlink-Target-Etag': 'E'})
    assert (resp.status_int, resp.text) == (answered, text)
    assert resp.headers.get('Content-Location') == ('/v1/a/d/o' if answered == 409 else None)
    assert [call.method for call in world.stub.calls] == ['HEAD']


def test_container_sync_may_bring_a_link_before_its_target():
    world = World()
    put(world, headers={'X-Symlink-Target-Etag': 'E', 'X-Symlink-Target-Bytes': '7'},
        **{'swift.symlink_override': True})
    call, = world.stub.calls
    assert call.headers[TARGET + '-Bytes'] == '7'


def test_an_object_without_target_is_none_of_our_business():
    world = World()
    world.stub.answer('PUT', '/v1/a/c/o', '201 Created')
    world.send('PUT', '/v1/a/c/o', {'X-Symlink-Target-Account': 'b'}, b'x')
    assert world.stub.calls[0].body == b'x'
    assert not any('Sysmeta' in name for name in world.stub.calls[0].headers)


# -- POST and others ------------------------------------------------------------------------------

def test_a_post_changes_the_link_and_points_to_the_target():
    world = World()
    world.link('/v1/a/c/l', 'd/o', etag='E')
    resp = world.send('POST', '/v1/a/c/l', {'X-Object-Meta-A': '1'})
    assert resp.status_int == 307
    assert resp.headers['Location'] == '/v1/a/d/o'
    assert resp.headers['X-Symlink-Target-Etag'] == 'E'
    assert resp.text == (b'The requested POST was applied to a symlink. POST directly to the '
                         b'target to apply requested metadata.')
    assert world.stub.lines == ['POST /v1/a/c/l']


def test_a_post_of_an_object_is_passed_on():
    world = World()
    world.stub.answer('POST', '/v1/a/c/o', '202 Accepted', {}, b'<html>')
    resp = world.send('POST', '/v1/a/c/o')
    assert (resp.status_int, resp.text) == (202, b'<html>')


def test_a_post_cannot_set_a_target():
    world = World()
    resp = world.send('POST', '/v1/a/c/o', {'X-Symlink-Target': 'd/o'})
    assert (resp.status_int, resp.text) == (
        400, b'A PUT request is required to set a symlink target')


@pytest.mark.parametrize('method', ['DELETE', 'OPTIONS'])
def test_other_methods_are_about_the_link(method):
    world = World()
    world.stub.answer(method, '/v1/a/c/l', '204 No Content', {TARGET: 'd/o'})
    assert world.send(method, '/v1/a/c/l').status_int == 204
    assert world.stub.lines == [f'{method} /v1/a/c/l']


@pytest.mark.parametrize('value, limit', [('0', 2), ('-1', 2), ('1', 1), ('5', 5)])
def test_the_factory_tells_the_limit(tmp_path, value, limit):
    (tmp_path / 'swift.conf').write_text('[swift-hash]\nswift_hash_path_suffix = x\n')
    app = filter_factory({'swift_dir': str(tmp_path)}, symloop_max=value)(StubApp())
    assert app.loop_max == limit
    assert get_swift_info()['symlink'] == {'symloop_max': limit, 'static_links': True}
