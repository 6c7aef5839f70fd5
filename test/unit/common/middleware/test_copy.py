"""copy: what is read, what is stored, what is answered, and what is refused."""
import json

import pytest

from swift.common import green
from swift.common.middleware.copy import (
    BodyReader,
    CopyFilter,
    CopyOptions,
    filter_factory,
    with_copy,
)
from swift.common.swob import HTTPForbidden, Request
from swift.core.constraints import Constraints
from test.support.stub_app import StubApp

ETAG = '5eb63bbbe01eeed093cb22bb8f5acdc3'
SOURCE = {
    'Content-Type': 'text/plain', 'Etag': ETAG, 'X-Timestamp': '1.1', 'Accept-Ranges': 'bytes',
    'Last-Modified': 'Fri, 20 Nov 2026 21:05:42 GMT', 'X-Object-Meta-Colour': 'red',
    'X-Object-Meta-Size': 'big', 'Content-Disposition': 'inline', 'Cache-Control': 'no-cache',
    'X-Object-Sysmeta-Secret': 's', 'X-Object-Transient-Sysmeta-T': 't',
    'X-Object-Sysmeta-Container-Update-Override-Size': '1',
    'X-Backend-Storage-Policy-Index': '1'}
FACTS = {
    'X-Copied-From-Account': 'a', 'X-Copied-From': 'c/o',
    'X-Copied-From-Last-Modified': 'Fri, 20 Nov 2026 21:05:42 GMT',
    'X-Object-Meta-Colour': 'red', 'X-Object-Meta-Size': 'big'}


class World:
    def __init__(self, source=SOURCE, body=b'hello world', status='200 OK', **options):
        self.stub = StubApp()
        self.copy = CopyFilter(self.stub, CopyOptions.parse(options),
                               Constraints(max_file_size=100))
        self.stub.answer('GET', '/v1/a/c/o', status, source, body)
        self.stub.answer('PUT', '/v1/a/d/p', '201 Created',
                         {'Etag': ETAG, 'Content-Type': 'text/html; charset=UTF-8'})

    def send(self, method, path, headers=None, body=None, **env):
        resp = Request.blank(path, environ=env, headers=headers or {}, body=body,
                             method=method).get_response(self.copy)
        _ = resp.body
        assert not self.stub.unclosed
        return resp

    def copy_to(self, destination='d/p', headers=None, query='', **env):
        return self.send('COPY', f'/v1/a/c/o{query}', {
            'Destination': destination, **(headers or {})}, **env)

    @property
    def get(self):
        return self.stub.calls[0]

    @property
    def put(self):
        return self.stub.calls[1]


def copied(resp):
    return {name: value for name, value in resp.headers.items() if name in FACTS
            or name.startswith(('X-Copied', 'X-Object', 'X-Delete'))}


FORMS = [
    ('COPY', '/v1/a/c/o', {'Destination': 'd/p'}), ('COPY', '/v1/a/c/o', {'Destination': '/d/p'}),
    ('PUT', '/v1/a/d/p', {'X-Copy-From': 'c/o'}), ('PUT', '/v1/a/d/p', {'X-Copy-From': '/c/o'})]


@pytest.mark.parametrize('method, path, headers', FORMS)
def test_copy(method, path, headers):
    world = World()
    resp = world.send(method, path, {**headers, 'X-Auth-Token': 'tk'})
    assert resp.status == '201 Created'
    assert copied(resp) == FACTS
    assert world.stub.lines == ['GET /v1/a/c/o', 'PUT /v1/a/d/p']
    assert world.get.headers['X-Newest'] == 'true'
    assert world.get.headers['X-Auth-Token'] == 'tk'
    assert world.get.env['swift.source'] == 'SSC'
    put = world.put
    assert put.body == b'hello world'
    sent = {name: value for name, value in put.headers.items() if name not in ('Host',)}
    assert sent == {
        'Content-Length': '11', 'Content-Type': 'text/plain', 'Etag': ETAG, 'X-Auth-Token': 'tk',
        'X-Object-Meta-Colour': 'red', 'X-Object-Meta-Size': 'big',
        'Content-Disposition': 'inline', 'Cache-Control': 'no-cache',
        'X-Object-Sysmeta-Secret': 's', 'X-Object-Transient-Sysmeta-T': 't',
        'X-Object-Sysmeta-Container-Update-Override-Size': '1'}
    assert 'swift.source' not in put.env
    assert put.env['swift.infocache'] is world.get.env['swift.infocache']


def test_copy_is_logged_as_copy_of_what_the_client_named():
    world = World()
    env = {}
    req = Request.blank('/v1/a/c/o', environ=env, headers={'Destination': 'd/p'}, method='COPY')
    req.get_response(world.copy)
    assert req.environ['swift.orig_req_method'] == 'COPY'
    assert req.environ['PATH_INFO'] == '/v1/a/c/o'
    assert world.put.env['swift.orig_req_method'] == 'COPY'


def test_headers_of_the_request_win():
    world = World()
    resp = world.copy_to(headers={
        'X-Object-Meta-Colour': 'blue', 'X-Object-Meta-Size': '', 'X-Object-Meta-Add': '1',
        'Content-Type': 'image/png', 'Etag': 'bad', 'X-Delete-At': '99'})
    assert world.put.headers['Content-Type'] == 'image/png'
    assert world.put.headers['Etag'] == ETAG
    assert copied(resp) == {**FACTS, 'X-Object-Meta-Colour': 'blue', 'X-Object-Meta-Size': '',
                            'X-Object-Meta-Add': '1', 'X-Delete-At': '99'}


def test_delete_at_of_the_source_is_kept():
    world = World({**SOURCE, 'X-Delete-At': '1800000000', 'X-Object-Version-Id': '7'})
    resp = world.copy_to()
    assert world.put.headers['X-Delete-At'] == '1800000000'
    assert resp.headers['X-Delete-At'] == '1800000000'
    assert resp.headers['X-Copied-From-Version-Id'] == '7'


@pytest.mark.parametrize('fresh', ['true', 'yes', 'on', '1'])
def test_fresh_metadata(fresh):
    world = World()
    resp = world.copy_to(headers={'X-Fresh-Metadata': fresh, 'X-Object-Meta-New': '1'})
    assert 'X-Object-Meta-Colour' not in world.put.headers
    assert 'Cache-Control' not in world.put.headers
    assert 'X-Object-Transient-Sysmeta-T' not in world.put.headers
    assert world.put.headers['X-Object-Sysmeta-Secret'] == 's'
    assert world.put.headers['Content-Type'] == 'text/plain'
    assert copied(resp) == {name: value for name, value in FACTS.items()
                            if name.startswith('X-Copied')} | {'X-Object-Meta-New': '1'}


def test_names_that_need_quotes():
    world = World()
    world.stub.answer('GET', '/v1/\xc3\xa9/c d/o?%', '200 OK', SOURCE, b'x')
    resp = world.send('PUT', '/v1/a/d/p', {
        'X-Copy-From': 'c%20d/o%3F%25', 'X-Copy-From-Account': '%C3%A9'})
    assert resp.headers['X-Copied-From-Account'] == '%C3%A9'
    assert resp.headers['X-Copied-From'] == 'c%20d/o%3F%25'


def test_slashes_in_names():
    world = World()
    world.stub.answer('PUT', '/v1/b/d/a/b c', '201 Created')
    resp = world.copy_to('/d/a/b c', {'Destination-Account': 'b'})
    assert resp.status_int == 201
    assert world.stub.lines[-1] == 'PUT /v1/b/d/a/b c'
    assert resp.headers['X-Copied-From-Account'] == 'a'


# -- refusals ------------------------------------------------------------------------------------

DESTINATION = b'Destination header must be of the form <container name>/<object name>'
COPY_FROM = b'X-Copy-From header must be of the form <container name>/<object name>'


@pytest.mark.parametrize('headers, body', [
    ({}, b'Destination header required'), ({'Destination': ''}, b'Destination header required'),
    *[({'Destination': text}, DESTINATION) for text in ('x', '/x', 'c/', '//x', '/', 'c%2F')],
    ({'Destination': 'd/p', 'Destination-Account': ''}, b'Account name cannot be empty'),
    ({'Destination': 'd/p', 'Destination-Account': 'a/b'}, b'Account name cannot contain slashes'),
    ({'Destination': 'd/p', 'Destination-Account': 'a%2Fb'},
     b'Account name cannot contain slashes')])
def test_bad_destinations(headers, body):
    world = World()
    resp = world.send('COPY', '/v1/a/c/o', headers)
    assert (resp.status, resp.body) == ('412 Precondition Failed', body)
    assert resp.headers['Content-Type'] == 'text/html; charset=UTF-8'
    assert not world.stub.calls


@pytest.mark.parametrize('headers, body', [
    *[({'X-Copy-From': text}, COPY_FROM) for text in ('c', 'c/', '/')],
    ({'X-Copy-From': 'c/o', 'X-Copy-From-Account': 'a/b'},
     b'Account name cannot contain slashes')])
def test_bad_sources(headers, body):
    world = World()
    resp = world.send('PUT', '/v1/a/d/p', headers)
    assert (resp.status_int, resp.body) == (412, body)


def test_put_with_a_body_is_refused_but_copy_ignores_it():
    world = World()
    resp = world.send('PUT', '/v1/a/d/p', {'X-Copy-From': 'c/o'}, body=b'x')
    assert (resp.status_int, resp.body, resp.headers['Content-Type']) == (
        400, b'Copy requests require a zero byte body', 'text/plain')
    resp = world.send('COPY', '/v1/a/c/o', {'Destination': 'd/p'}, body=b'x')
    assert resp.status_int == 201 and world.put.body == b'hello world'


def test_chunked_put_without_a_body():
    world = World()
    resp = world.send('PUT', '/v1/a/d/p', {
        'X-Copy-From': 'c/o', 'Transfer-Encoding': 'chunked', 'Expect': '100-continue'})
    assert resp.status_int == 201
    for name in ('Transfer-Encoding', 'Expect'):
        assert name not in world.put.headers


@pytest.mark.parametrize('method, path, headers', [
    ('PUT', '/v1/a/d/p', {}), ('PUT', '/v1/a/d/p', {'X-Copy-From': ''}),
    ('PUT', '/v1/a/d', {'X-Copy-From': 'c/o'}), ('POST', '/v1/a/d/p', {'X-Copy-From': 'c/o'}),
    ('GET', '/v1/a/c/o', {'Destination': 'd/p'}), ('COPY', '/v1/a/c', {'Destination': 'd/p'}),
    ('PUT', '/v2/a/d/p', {'X-Copy-From': 'c/o'}), ('COPY', '/info', {'Destination': 'd/p'})])
def test_what_is_no_copy_passes(method, path, headers):
    world = World()
    world.send(method, path, headers, body=b'mine')
    assert world.stub.lines == [f'{method} {path}']
    assert world.stub.calls[0].body == b'mine'
    assert world.stub.calls[0].headers.items() >= headers.items()


# -- the source ----------------------------------------------------------------------------------

@pytest.mark.parametrize('status', ['304 Not Modified', '401 Unauthorized', '403 Forbidden',
                                    '404 Not Found', '412 Precondition Failed',
                                    '416 Requested Range Not Satisfiable'])
def test_the_answer_of_the_source_is_the_clients(status):
    world = World(status=status, body=b'why')
    resp = world.copy_to()
    assert (resp.status, resp.body, resp.headers['X-Object-Meta-Colour']) == (
        status, b'why', 'red')
    assert world.stub.lines == ['GET /v1/a/c/o']


def test_ranges_and_conditions_are_about_the_source():
    world = World(status='206 Partial Content', body=b'hello')
    conditions = {'Range': 'bytes=0-4', 'If-Match': ETAG, 'If-None-Match': 'x',
                  'If-Modified-Since': 'Thu, 01 Jan 2009 00:00:00 GMT',
                  'If-Unmodified-Since': 'Thu, 01 Jan 2099 00:00:00 GMT'}
    resp = world.copy_to(headers=conditions)
    assert resp.status_int == 201
    assert world.get.headers.items() >= conditions.items()
    assert not set(conditions) & set(world.put.headers)
    assert world.put.body == b'hello'
    # The ETag of the source is not that of a part of it, nor is what a container would be told.
    assert 'Etag' not in world.put.headers
    assert not [name for name in world.put.headers if 'Override' in name]


def test_several_ranges_are_refused():
    world = World({**SOURCE, 'Content-Type': 'multipart/byteranges; boundary=x'},
                  status='206 Partial Content')
    assert world.copy_to(headers={'Range': 'bytes=0-1,3-4'}).status_int == 416
    assert len(world.stub.calls) == 1


@pytest.mark.parametrize('body', [b'x' * 101, [b'unknown length']])
def test_too_large_or_of_unknown_length(body):
    world = World(body=body)
    resp = world.copy_to()
    assert resp.status_int == 413
    assert b'too large' in resp.body
    assert len(world.stub.calls) == 1


def test_the_largest_allowed():
    assert World(body=b'x' * 100).copy_to().status_int == 201


def test_a_denied_destination():
    def deny(req):
        return HTTPForbidden(request=req) if req.method == 'PUT' else None
    world = World()
    resp = world.copy_to(**{'swift.authorize': deny})
    assert resp.status_int == 403
    assert 'X-Copied-From' not in resp.headers


def test_a_source_that_breaks_is_closed():
    world = World(body=b'')
    world.stub.answer('GET', '/v1/a/c/o', '200 OK', {**SOURCE, 'Content-Length': '9'},
                      [b'abc', OSError('gone')])
    world.copy_to()
    with pytest.raises(OSError):
        world.copy_to()
    assert not world.stub.unclosed


# -- manifests -----------------------------------------------------------------------------------

def test_manifest_of_an_slo_is_put_as_one():
    world = World({**SOURCE, 'X-Static-Large-Object': 'True'}, b'[]')
    world.copy_to(query='?multipart-manifest=get&version-id=7')
    assert world.get.query == 'multipart-manifest=get&version-id=7&format=raw'
    assert world.put.query == 'multipart-manifest=put'
    assert 'X-Static-Large-Object' not in world.put.headers
    assert 'Etag' not in world.put.headers


def test_manifest_of_a_dlo_is_copied():
    world = World({**SOURCE, 'X-Object-Manifest': 'c/p'})
    world.copy_to(query='?multipart-manifest=get')
    assert world.put.query == ''
    assert world.put.headers['X-Object-Manifest'] == 'c/p'
    assert world.put.headers['Etag'] == ETAG


def test_a_large_object_is_copied_as_a_plain_one():
    for name in ('X-Static-Large-Object', 'X-Object-Manifest'):
        world = World({**SOURCE, name: 'true'})
        world.copy_to(query='?symlink=get')
        assert world.put.query == 'symlink=get'
        assert name not in world.put.headers
        assert 'Etag' not in world.put.headers


# -- OPTIONS -------------------------------------------------------------------------------------

@pytest.mark.parametrize('before, after', [
    (('Allow', 'GET, PUT'), ('Allow', 'GET, PUT, COPY')),
    (('allow', 'COPY, GET'), ('allow', 'COPY, GET')), (('allow', ''), ('Allow', 'COPY')),
    (('access-control-allow-methods', 'GET'), ('Access-Control-Allow-Methods', 'GET, COPY')),
    (('Content-Type', 'x'), ('Content-Type', 'x'))])
def test_with_copy(before, after):
    assert with_copy(*before) == after


@pytest.mark.parametrize('path, status, allow', [
    ('/v1/a/c/o', '200 OK', 'GET, COPY'), ('/v1/a/c', '200 OK', 'GET'),
    ('/v1/a/c/o', '401 Unauthorized', 'GET')])
def test_options(path, status, allow):
    world = World()
    world.stub.answer('OPTIONS', path, status, {'Allow': 'GET'})
    resp = world.send('OPTIONS', path)
    assert (resp.status, resp.headers['Allow']) == (status, allow)


# -- heartbeat -----------------------------------------------------------------------------------

def test_heartbeat_in_text():
    resp = World().copy_to(query='?heartbeat=on')
    assert (resp.status, resp.headers['Content-Type']) == ('202 Accepted', 'text/plain')
    assert 'Content-Length' not in resp.headers
    assert resp.body.decode() == (
        f' Content-Length: 0\nContent-Type: text/html; charset=UTF-8\nEtag: {ETAG}\n'
        'Response Body: \nResponse Status: 201 Created\nX-Copied-From: c/o\n'
        'X-Copied-From-Account: a\nX-Copied-From-Last-Modified: Fri, 20 Nov 2026 21:05:42 GMT\n'
        'X-Object-Meta-Colour: red\nX-Object-Meta-Size: big\nErrors:\n')


def test_heartbeat_in_json_of_a_failure():
    world = World()
    world.stub.answer('PUT', '/v1/a/q/p', '413 Request Entity Too Large',
                      {'X-Backend-A': 'b', 'X-Object-Sysmeta-A': 'c'}, b'Upload exceeds quota.')
    resp = world.copy_to('q/p', {'Accept': 'application/json'}, '?heartbeat=on')
    assert resp.headers['Content-Type'] == 'application/json'
    assert resp.body.startswith(b' {')
    document = json.loads(resp.body)
    assert document.pop('Errors') == [['c/o', '413 Request Entity Too Large']]
    assert document == {**FACTS, 'Content-Length': '21', 'Response Body': 'Upload exceeds quota.',
                        'Response Status': '413 Request Entity Too Large'}


@pytest.mark.parametrize('accept', ['text/xml', 'garbage'])
def test_heartbeat_in_no_other_form(accept):
    resp = World().copy_to(headers={'Accept': accept}, query='?heartbeat=on')
    assert resp.headers['Content-Type'] == 'text/plain'


def test_heartbeat_does_not_hide_a_bad_source():
    assert World(status='404 Not Found').copy_to(query='?heartbeat=on').status_int == 404


def heartbeat_of(world):
    req = Request.blank('/v1/a/c/o?heartbeat=on', headers={'Destination': 'd/p'}, method='COPY')
    return req.get_response(world.copy), req.environ


def test_heartbeat_beats():
    world = World(yield_frequency='0.001')
    gate = green.Event()
    world.stub.on_call = lambda env: env['REQUEST_METHOD'] == 'PUT' and gate.wait()
    resp, env = heartbeat_of(world)
    body = iter(resp.app_iter)
    assert [next(body) for _ in range(4)] == [b' '] * 4
    assert env['eventlet.minimum_write_chunk_size'] == 0
    gate.send(None)
    rest = [chunk for chunk in body if chunk != b' ']
    assert len(rest) == 1 and b'201 Created' in rest[0]
    resp.close()
    assert not world.stub.unclosed


def test_a_client_that_leaves_ends_the_put():
    world = World(yield_frequency='0.001')
    ended = []

    def hang(env):
        if env['REQUEST_METHOD'] == 'PUT':
            try:
                green.Event().wait()
            finally:
                ended.append(True)

    world.stub.on_call = hang
    resp, _env = heartbeat_of(world)
    body = iter(resp.app_iter)
    next(body), next(body)
    resp.close()
    assert ended and not world.stub.unclosed


def test_a_heartbeat_that_nobody_reads():
    world = World()
    resp, _env = heartbeat_of(world)
    resp.close()
    assert not world.stub.unclosed
    assert world.stub.lines == ['GET /v1/a/c/o']


def test_a_put_that_fails_breaks_the_heartbeat():
    world = World()
    world.stub.answer('PUT', '/v1/a/e/e', body=ValueError('bug'))
    req = Request.blank('/v1/a/c/o?heartbeat=on', headers={'Destination': 'e/e'}, method='COPY')
    resp = req.get_response(world.copy)
    with pytest.raises(ValueError):
        list(resp.app_iter)
    resp.close()


# -- the rest ------------------------------------------------------------------------------------

def test_body_reader():
    reader = BodyReader([b'abc', b'', b'defgh', b'i'])
    assert [reader.read(2), reader.read(2), reader.read(4), reader.read_some(9),
            reader.read(), reader.read(1)] == [b'ab', b'c', b'defg', b'h', b'i', b'']
    assert BodyReader([b'ab', b'c']).read() == b'abc'
    assert BodyReader([]).read(5) == b''


def test_factory(tmp_path):
    (tmp_path / 'swift.conf').write_text('[swift-constraints]\nmax_file_size = 5\n')
    made = filter_factory({'swift_dir': str(tmp_path)}, yield_frequency='3')(StubApp())
    assert (made.limits.max_file_size, made.options.yield_frequency) == (5, 3)
