"""Object versioning: which requests are made, in which order, with whose rights."""
import json

import pytest

from swift.common.clock import ManualClock
from swift.common.errors import ConfigError
from swift.common.middleware import versioned_writes
from swift.common.middleware.versioned_writes.object_versioning import ObjectVersioning
from swift.common.mime_types import MimeTypes
from swift.common.registry import InfoRegistry
from swift.common.swob import HTTPForbidden, Request
from swift.core.constraints import Constraints
from swift.core.policy import PolicyCollection, StoragePolicy
from swift.core.timestamp import Timestamp
from swift.core.versions import DELETED_TYPE, hidden_container, version_name
from test.support.stub_app import StubApp

EMPTY = 'd41d8cd98f00b204e9800998ecf8427e'
NOW = '1700000000.00000'
OLD = '1600000000.00000'
HIDDEN = f'/v1/a/{hidden_container("c")}'
TARGET = 'X-Object-Sysmeta-Symlink-Target'


def at(time, obj='o'):
    return f'{HIDDEN}/{version_name(obj, Timestamp(time))}'


def quoted(time):
    return at(time).replace('\0', '%00')


class World:
    def __init__(self, enabled=True, versioned=True, tmp_path=None, **info):
        self.stub = StubApp()
        policies = PolicyCollection([StoragePolicy(0, 'gold', is_default=True),
                                     StoragePolicy(1, 'old', is_deprecated=True)])
        self.app = ObjectVersioning(self.stub, Constraints(), policies, MimeTypes('/nonexistent'),
                                    ManualClock())
        sysmeta = {'versions-enabled': str(enabled),
                   'versions-container': '%00versions%00c'} if versioned else {}
        self.cache = {'account/a': {'status': 200},
                      'container/a/c': {'status': 204, 'sysmeta': sysmeta, 'write_acl': 'them',
                                        'storage_policy': '0', **info}}

    def linked(self, time=OLD, etag='E', **more):
        """The current object is a link to a version."""
        headers = {'Etag': EMPTY, 'X-Object-Sysmeta-Versions-Symlink': 'true',
                   'X-Symlink-Target': quoted(time)[6:], 'X-Symlink-Target-Etag': etag,
                   'X-Backend-Timestamp': f'{time}_0000000000000001', **more}
        for method in ('GET', 'HEAD'):
            self.stub.answer(method, '/v1/a/c/o', '200 OK', headers)

    def plain(self, body=b'old'):
        for method in ('GET', 'HEAD'):
            self.stub.answer(method, '/v1/a/c/o', '200 OK', {
                'Etag': 'P', 'X-Timestamp': OLD, 'Content-Type': 'text/p'}, body)

    def version(self, time=OLD, status='200 OK', content_type='text/v', **more):
        for method in ('GET', 'HEAD'):
            self.stub.answer(method, at(time), status, {
                'Etag': 'V', 'Content-Type': content_type, **more}, b'data')

    def writable(self):
        self.stub.answer('PUT', at(NOW), '201 Created', {'Etag': 'N'})
        self.stub.answer('PUT', '/v1/a/c/o', '201 Created', {'Etag': EMPTY})
        self.stub.answer('DELETE', '/v1/a/c/o', '204 No Content')

    def send(self, method, path='/v1/a/c/o', headers=None, body=None, **env):
        resp = Request.blank(path, {'swift.infocache': self.cache, **env}, headers or {}, body,
                             method=method).get_response(self.app)
        resp.text = resp.body
        assert not self.stub.unclosed
        return resp

    def call(self, line):
        return next(call for call in self.stub.calls if f'{call.method} {call.path}' == line)


def refuse(req):
    return HTTPForbidden(request=req)


# -- writing --------------------------------------------------------------------------------------

def test_put_stores_a_version_and_links_to_it():
    world = World()
    world.writable()
    resp = world.send('PUT', headers={
        'Content-Type': 'text/n', 'X-Object-Meta-A': '1', 'Etag': 'N', 'X-Delete-At': '1800000000',
        'X-Object-Manifest': 'x/y', 'If-None-Match': '*', 'X-Auth-Token': 't'}, body=b'new')
    assert resp.status_int == 201
    assert (resp.headers['Etag'], resp.headers['X-Object-Version-Id']) == ('N', NOW)
    assert world.stub.lines == ['GET /v1/a/c/o', f'PUT {at(NOW)}', 'PUT /v1/a/c/o']
    look, data, link = world.stub.calls
    assert look.query == 'symlink=get' and look.headers['X-Newest'] == 'true'
    assert data.body == b'new' and link.body == b''
    assert data.headers['X-Timestamp'] == NOW
    assert link.headers['X-Timestamp'] == f'{NOW}_0000000000000001'
    assert data.headers['X-Backend-Allow-Reserved-Names'] == 'true'
    assert data.headers['Etag'] == 'N' and data.headers['X-Object-Manifest'] == 'x/y'
    assert 'X-Delete-At' not in data.headers and link.headers['X-Delete-At'] == '1800000000'
    assert {name: link.headers.get(name) for name in (
        'X-Symlink-Target', 'X-Symlink-Target-Etag', 'X-Symlink-Target-Bytes', 'Content-Type',
        'X-Object-Meta-A', 'If-None-Match', 'X-Object-Manifest', 'Etag')} == {
        'X-Symlink-Target': quoted(NOW)[6:], 'X-Symlink-Target-Etag': 'N',
        'X-Symlink-Target-Bytes': '3', 'Content-Type': 'text/n', 'X-Object-Meta-A': '1',
        'If-None-Match': '*', 'X-Object-Manifest': None, 'Etag': None}
    assert link.env['swift.symlink_override'] is True
    assert data.env['swift.source'] == link.env['swift.source'] == 'OV'


def test_the_type_is_guessed_from_the_name_the_user_gave():
    world = World()
    world.stub.answer('PUT', at(NOW, 'a.html'), '201 Created', {'Etag': 'N'})
    world.stub.answer('PUT', '/v1/a/c/a.html', '201 Created')
    world.send('PUT', '/v1/a/c/a.html', body=b'x')
    assert [call.headers.get('Content-Type') for call in world.stub.calls[1:]] == ['text/html'] * 2


def test_a_large_object_keeps_its_size_and_what_listings_show_of_it():
    world = World()
    world.writable()
    world.send('PUT', headers={
        'X-Object-Sysmeta-Slo-Size': '99', 'X-Object-Sysmeta-Slo-Etag': 'S',
        'X-Static-Large-Object': 'True',
        'X-Object-Sysmeta-Container-Update-Override-Etag': 'N; slo_etag=S'}, body=b'[]')
    _look, data, link = world.stub.calls
    assert data.headers['X-Static-Large-Object'] == 'True'
    assert link.headers['X-Symlink-Target-Bytes'] == '99'
    assert link.headers['X-Object-Sysmeta-Container-Update-Override-Etag'] == (
        f'{EMPTY}; slo_etag=S')
    assert not {'X-Static-Large-Object', 'X-Object-Sysmeta-Slo-Size'} & link.headers.keys()


def test_what_is_no_version_becomes_one_before_something_takes_its_place():
    world = World()
    world.writable()
    world.plain()
    world.stub.answer('PUT', at(OLD), '201 Created')
    assert world.send('PUT', body=b'new').status_int == 201
    assert world.stub.lines == ['GET /v1/a/c/o', f'PUT {at(OLD)}', f'PUT {at(NOW)}',
                                'PUT /v1/a/c/o']
    kept = world.stub.calls[1]
    assert (kept.body, kept.headers['X-Timestamp'], kept.headers['Content-Type']) == (
        b'old', OLD, 'text/p')


def test_another_proxy_may_have_kept_it_already():
    world = World()
    world.writable()
    world.plain()
    world.stub.answer('PUT', at(OLD), '409 Conflict')
    assert world.send('PUT', body=b'new').status_int == 201


@pytest.mark.parametrize('status, answered', [
    ('422 No', 422), ('413 Large', 413), ('503 Busy', 503), ('507 Full', 503)])
def test_without_data_there_is_no_link(status, answered):
    world = World()
    world.stub.answer('PUT', at(NOW), status)
    assert world.send('PUT', body=b'new').status_int == answered
    assert world.stub.lines[-1] == f'PUT {at(NOW)}'


@pytest.mark.parametrize('method', ['PUT', 'DELETE'])
@pytest.mark.parametrize('hidden, answered', [('404 Not Found', 500), ('204 No Content', 412)])
def test_a_missing_hidden_container_is_named(method, hidden, answered):
    world = World()
    world.stub.answer('HEAD', HIDDEN, hidden)
    resp = world.send(method, body=b'')
    assert resp.status_int == answered
    assert (b'The versions container does not exist' in resp.text) == (answered == 500)
    assert f'{method} /v1/a/c/o' not in world.stub.lines


def test_a_refused_link_is_the_answer():
    world = World()
    world.stub.answer('PUT', at(NOW), '201 Created', {'Etag': 'N'})
    world.stub.answer('PUT', '/v1/a/c/o', '412 Precondition Failed')
    resp = world.send('PUT', headers={'If-None-Match': '*'}, body=b'')
    assert (resp.status_int, resp.headers['X-Object-Version-Id']) == (412, NOW)


@pytest.mark.parametrize('headers, status', [
    ({'X-Delete-At': '5'}, 400), ({'X-Delete-After': 'x'}, 400), ({'X-Symlink-Target': 'c/o'}, 400),
    ({'X-Symlink-Target': 'bad'}, 412)])
def test_what_the_link_would_be_refused_for_is_refused_first(headers, status):
    world = World()
    assert world.send('PUT', headers=headers, body=b'').status_int == status
    assert not world.stub.calls


def test_the_target_of_a_link_is_looked_at_with_the_clients_rights():
    world = World()
    world.writable()
    world.send('PUT', headers={'X-Symlink-Target': 'd/p', 'X-Symlink-Target-Etag': 'x'}, body=b'',
               REMOTE_USER='me')
    data, link = world.stub.calls[1:]
    assert data.env['swift.symlink.requester']['REMOTE_USER'] == 'me'
    assert data.headers['X-Symlink-Target'] == 'd/p' and 'Content-Type' not in data.headers
    assert link.headers['X-Symlink-Target'] == quoted(NOW)[6:]


@pytest.mark.parametrize('method', ['PUT', 'DELETE'])
def test_nothing_is_done_for_those_who_may_not_write(method):
    world = World()
    asked = []
    resp = world.send(method, body=b'', **{
        'swift.authorize': lambda req: asked.append(req.acl) or refuse(req)})
    assert (resp.status_int, asked, world.stub.calls) == (403, ['them'], [])


@pytest.mark.parametrize('method', ['PUT', 'DELETE'])
@pytest.mark.parametrize('world', [World(enabled=False), World(versioned=False)],
                         ids=['suspended', 'never'])
def test_writes_pass_where_versions_are_not_kept(world, method):
    world.stub.calls.clear()
    world.send(method, headers={'X-Object-Sysmeta-Versions-Symlink': 'true'}, body=b'')
    call, = world.stub.calls
    assert call.path == '/v1/a/c/o'
    # As in a copy of a link of ours, which the copy is not.
    assert 'X-Object-Sysmeta-Versions-Symlink' not in call.headers


@pytest.mark.parametrize('is_there', [True, False])
def test_delete_leaves_a_marker(is_there):
    world = World()
    world.writable()
    if is_there:
        world.linked()
    resp = world.send('DELETE')
    assert (resp.status_int, resp.headers['X-Object-Version-Id']) == (204, NOW)
    assert world.stub.lines == ['GET /v1/a/c/o', f'PUT {at(NOW)}', 'DELETE /v1/a/c/o']
    marker, gone = world.stub.calls[1:]
    assert (marker.headers['Content-Type'], marker.headers['Content-Length']) == (DELETED_TYPE, '0')
    assert gone.headers['X-Timestamp'] == f'{NOW}_0000000000000001'


def test_post_goes_to_link_and_version():
    world = World()
    world.stub.answer('POST', '/v1/a/c/o', '307 Temporary Redirect', {'Location': quoted(OLD)})
    world.stub.answer('POST', at(OLD), '202 Accepted')
    resp = world.send('POST', headers={'X-Object-Meta-A': '1', 'X-Delete-At': '1800000000'})
    assert resp.status_int == 202
    first, second = world.stub.calls
    assert first.headers['X-Delete-At'] == '1800000000'
    assert second.headers['X-Object-Meta-A'] == '1' and 'X-Delete-At' not in second.headers
    assert second.env['swift.authorize_override'] is True


def test_post_of_a_users_link_is_redirected():
    world = World()
    world.stub.answer('POST', '/v1/a/c/o', '307 Temporary Redirect', {'Location': '/v1/a/d/p'})
    assert world.send('POST').status_int == 307
    assert len(world.stub.calls) == 1


# -- reading --------------------------------------------------------------------------------------

@pytest.mark.parametrize('location, shown, version', [
    (quoted(OLD), f'/v1/a/c/o?version-id={OLD}', OLD),
    (quoted(OLD).replace('00o', '00p'), f'/v1/a/c/o?version-id={OLD}', OLD),
    (quoted(OLD).replace('00c/', '00d/'), f'/v1/a/d/o?version-id={OLD}', 'null'),
    ('/v1/a/d/o', '/v1/a/d/o', 'null'), (None, None, 'null')])
@pytest.mark.parametrize('status', ['200 OK', '304 Not Modified', '404 Not Found'])
def test_get_tells_the_version(location, shown, version, status):
    world = World(enabled=False)
    world.stub.answer('GET', '/v1/a/c/o', status,
                      {'Content-Location': location} if location else {})
    resp = world.send('GET')
    assert resp.headers.get('Content-Location') == shown
    assert resp.headers['X-Object-Version-Id'] == version


def test_the_link_itself_shows_no_hidden_name():
    world = World()
    world.linked()
    resp = world.send('HEAD', '/v1/a/c/o?symlink=get')
    assert resp.headers['X-Symlink-Target'] == f'c/o?version-id={OLD}'
    assert resp.headers['X-Object-Version-Id'] == OLD


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_a_version_is_read_with_the_clients_rights(method):
    world = World(enabled=False)
    world.version()
    asked = []
    resp = world.send(method, f'/v1/a/c/o?version-id={OLD}&x=1', {'Range': 'bytes=0-1'}, **{
        'swift.authorize': lambda req: asked.append(req.environ['PATH_INFO'])})
    assert (resp.status_int, resp.headers['X-Object-Version-Id']) == (200, OLD)
    call, = world.stub.calls
    assert asked == [at(OLD)] and call.query == 'x=1' and call.headers['Range'] == 'bytes=0-1'
    assert 'swift.authorize_override' not in call.env


def test_a_marker_is_not_there():
    world = World()
    world.version(content_type=DELETED_TYPE)
    resp = world.send('GET', f'/v1/a/c/o?version-id={OLD}')
    assert (resp.status_int, resp.headers['Content-Type'], resp.headers['X-Object-Version-Id']) == (
        404, DELETED_TYPE, OLD)


@pytest.mark.parametrize('query, method, versioned, text', [
    ('bad', 'GET', True, b'Invalid version parameter'), ('bad', 'PUT', True, b'Invalid version'),
    ('null', 'PUT', True, b'Invalid version'), ('null', 'PUT', False, b'Invalid version'),
    (OLD, 'POST', True, b'POST to a specific version is not allowed'),
    ('null', 'POST', False, b'POST to a specific'), (OLD, 'GET', False, b'version-aware'),
    ('bad', 'DELETE', False, b'version-aware operations')])
def test_bad_ids_are_refused(query, method, versioned, text):
    world = World(versioned=versioned)
    resp = world.send(method, f'/v1/a/c/o?version-id={query}', body=b'')
    assert resp.status_int == 400 and resp.text.startswith(text)
    assert not world.stub.calls


@pytest.mark.parametrize('query', ['version-id=', 'version-id', 'xversion-id=bad'])
def test_an_empty_id_is_none(query):
    world = World()
    world.linked()
    assert world.send('GET', f'/v1/a/c/o?{query}').status_int == 200


def test_null_is_an_object_that_is_no_version():
    world = World()
    world.plain()
    resp = world.send('GET', '/v1/a/c/o?version-id=null')
    assert (resp.status_int, resp.text) == (200, b'old')
    assert resp.headers['X-Object-Version-Id'] == 'null'
    linked = World()
    linked.linked()
    resp = linked.send('GET', '/v1/a/c/o?version-id=null')
    assert resp.status_int == 404 and 'X-Object-Version-Id' not in resp.headers


def test_null_may_be_a_link_of_the_user():
    world = World()
    world.stub.answer('GET', '/v1/a/c/o', '200 OK', {'X-Symlink-Target': 'd/p'})
    world.stub.answer('GET', '/v1/a/c/o', '200 OK', {'Content-Location': '/v1/a/d/p'}, b'target')
    assert world.send('GET', '/v1/a/c/o?version-id=null').text == b'target'
    assert [call.query for call in world.stub.calls] == ['symlink=get', '']


# -- versions by id -------------------------------------------------------------------------------

@pytest.mark.parametrize('current', [OLD, '1650000000.00000', None])
def test_delete_of_a_version(current):
    world = World()
    world.writable()
    if current:
        world.linked(current)
    world.stub.answer('DELETE', at(OLD), '204 No Content', {'X-Backend-Content-Type': 'text/v'})
    resp = world.send('DELETE', f'/v1/a/c/o?version-id={OLD}')
    assert (resp.status_int, resp.headers['X-Object-Version-Id']) == (204, OLD)
    shown = current if current not in (None, OLD) else 'null'
    assert resp.headers['X-Object-Current-Version-Id'] == shown
    assert resp.headers['X-Backend-Content-Type'] == 'text/v'
    link = ['DELETE /v1/a/c/o'] if current == OLD else []
    assert world.stub.lines == ['HEAD /v1/a/c/o', *link, f'DELETE {at(OLD)}']
    if link:
        # Just behind the link that was seen, so that a newer one stays.
        assert world.stub.calls[1].headers['X-Timestamp'] == f'{OLD}_0000000000000002'


def test_who_may_only_write_to_the_container_deletes_no_version():
    world = World()
    world.linked()

    def authorize(req):
        return refuse(req) if 'versions' in req.path else None

    resp = world.send('DELETE', f'/v1/a/c/o?version-id={OLD}', **{'swift.authorize': authorize})
    assert (resp.status_int, resp.headers['X-Object-Current-Version-Id']) == (403, OLD)
    assert world.stub.lines == ['HEAD /v1/a/c/o']


def test_delete_of_null_is_a_plain_one():
    world = World()
    world.writable()
    assert world.send('DELETE', '/v1/a/c/o?version-id=null').status_int == 204
    assert world.stub.lines == ['DELETE /v1/a/c/o']


@pytest.mark.parametrize('enabled', [True, False])
def test_put_of_a_version_makes_it_current(enabled):
    world = World(enabled)
    world.writable()
    world.linked('1650000000.00000')
    world.version(**{'X-Object-Meta-A': '1'})
    resp = world.send('PUT', f'/v1/a/c/o?version-id={OLD}', body=b'')
    assert (resp.status_int, resp.headers['Etag'], resp.headers['X-Object-Version-Id']) == (
        201, 'V', OLD)
    link = world.call('PUT /v1/a/c/o')
    assert link.headers['X-Symlink-Target'] == quoted(OLD)[6:]
    assert link.headers['X-Symlink-Target-Bytes'] == '4'
    assert link.headers['X-Object-Meta-A'] == '1' and link.headers['Content-Type'] == 'text/v'


def test_put_of_a_version_keeps_the_null_version():
    world = World(False)
    world.writable()
    world.plain()
    world.version('1650000000.00000')
    world.stub.answer('PUT', at(OLD), '201 Created')
    world.send('PUT', '/v1/a/c/o?version-id=1650000000.00000', body=b'')
    assert world.call(f'PUT {at(OLD)}').body == b'old'


@pytest.mark.parametrize('body, there, status', [
    (b'x', True, 400), (None, True, 411), (b'', False, 404), (b'', 'marker', 404)])
def test_put_of_a_version_is_refused(body, there, status):
    world = World()
    if there:
        world.version(content_type=DELETED_TYPE if there == 'marker' else 'text/v')
    assert world.send('PUT', f'/v1/a/c/o?version-id={OLD}', body=body).status_int == status
    assert 'PUT /v1/a/c/o' not in world.stub.lines


# -- containers -----------------------------------------------------------------------------------

@pytest.mark.parametrize('method', ['PUT', 'POST'])
@pytest.mark.parametrize('policy', [{}, {'X-Storage-Policy': 'gold'}])
def test_enabling_makes_the_hidden_container_first(method, policy):
    world = World(versioned=False)
    world.stub.answer('PUT', HIDDEN, '201 Created')
    world.stub.answer(method, '/v1/a/c', '204 No Content')
    assert world.send(method, '/v1/a/c', {'X-Versions-Enabled': 'yes', **policy}).status_int == 204
    hidden, own = world.stub.calls
    assert (hidden.path, hidden.headers['X-Storage-Policy']) == (HIDDEN, 'gold')
    assert own.headers['X-Container-Sysmeta-Versions-Enabled'] == 'True'
    assert own.headers['X-Container-Sysmeta-Versions-Container'] == '%00versions%00c'


@pytest.mark.parametrize('hidden, deleted', [('201 Created', True), ('202 Accepted', False)])
def test_the_hidden_container_goes_again_when_enabling_fails(hidden, deleted):
    world = World(versioned=False)
    world.stub.answer('PUT', HIDDEN, hidden)
    world.stub.answer('POST', '/v1/a/c', '404 Not Found')
    assert world.send('POST', '/v1/a/c', {'X-Versions-Enabled': 'true'}).status_int == 404
    assert (f'DELETE {HIDDEN}' in world.stub.lines) == deleted


def test_suspending_says_so():
    world = World()
    world.send('POST', '/v1/a/c', {'X-Versions-Enabled': ''})
    call, = world.stub.calls
    assert call.headers['X-Container-Sysmeta-Versions-Enabled'] == 'False'
    assert 'X-Container-Sysmeta-Versions-Container' not in call.headers


@pytest.mark.parametrize('info, headers, text', [
    ({'sysmeta': {'versions-location': 'x'}}, {}, b'already using the legacy versioned writes'),
    ({'versions': 'x'}, {}, b'already using the legacy'),
    ({'sync_to': 'x'}, {}, b'configured as source of container syncing.'),
    ({}, {'X-Container-Sync-To': 'x'}, b'configured as source of container syncing.'),
    ({'storage_policy': '1'}, {}, b'that uses a deprecated storage policy.')])
def test_containers_that_cannot_be_versioned(info, headers, text):
    world = World(versioned=False, **info)
    resp = world.send('POST', '/v1/a/c', {'X-Versions-Enabled': 'true', **headers})
    assert resp.status_int == 400
    assert resp.text.startswith(b'Cannot enable object versioning on a container ')
    assert text in resp.text and not world.stub.calls


def test_enabling_asks_for_the_right_first():
    world = World(versioned=False, sync_to='x')
    resp = world.send('POST', '/v1/a/c', {'X-Versions-Enabled': 'true'},
                      **{'swift.authorize': refuse})
    assert resp.status_int == 403 and not world.stub.calls


@pytest.mark.parametrize('name', ['old', 'unknown'])
def test_a_new_container_of_a_bad_policy_is_left_to_the_proxy(name):
    world = World(versioned=False, status=404)
    world.send('PUT', '/v1/a/c', {'X-Versions-Enabled': 'true', 'X-Storage-Policy': name})
    assert world.stub.lines == ['PUT /v1/a/c']


def test_enabling_needs_the_hidden_container():
    world = World(versioned=False)
    world.stub.answer('PUT', HIDDEN, '503 Busy')
    resp = world.send('POST', '/v1/a/c', {'X-Versions-Enabled': 'true'})
    assert (resp.status_int, resp.text) == (500, b'Error enabling object versioning')


def test_a_versioned_container_cannot_be_synced():
    resp = World(False).send('POST', '/v1/a/c', {'X-Container-Sync-To': 'x'})
    assert resp.status_int == 400 and resp.text.startswith(b'Cannot configure container sync')
    assert World(versioned=False).send('POST', '/v1/a/c', {
        'X-Container-Sync-To': 'x'}).status_int == 404


@pytest.mark.parametrize('own, hidden, deleted, status, requests', [
    ('0', '0', '204 No Content', 204, ['HEAD', 'HEAD', 'DELETE', 'DELETE']),
    ('1', '1', '204 No Content', 204, ['HEAD', 'DELETE']),
    ('0', '1', '204 No Content', 409, ['HEAD', 'HEAD']),
    ('0', '0', '409 Conflict', 409, ['HEAD', 'HEAD', 'DELETE']),
    ('0', '0', '503 Busy', 500, ['HEAD', 'HEAD', 'DELETE'])])
def test_deleting_a_versioned_container(own, hidden, deleted, status, requests):
    world = World()
    world.stub.answer('HEAD', '/v1/a/c', '204 No Content', {'X-Container-Object-Count': own})
    world.stub.answer('HEAD', HIDDEN, '204 No Content', {'X-Container-Object-Count': hidden})
    world.stub.answer('DELETE', HIDDEN, deleted)
    world.stub.answer('DELETE', '/v1/a/c', '204 No Content')
    resp = world.send('DELETE', '/v1/a/c')
    assert resp.status_int == status
    assert [call.method for call in world.stub.calls] == requests


def test_the_hidden_container_comes_back_when_its_user_stays():
    world = World()
    for path in ('/v1/a/c', HIDDEN):
        world.stub.answer('HEAD', path, '204 No Content', {'X-Container-Object-Count': '0'})
    world.stub.answer('DELETE', HIDDEN, '204 No Content')
    world.stub.answer('DELETE', '/v1/a/c', '409 Conflict')
    assert world.send('DELETE', '/v1/a/c').status_int == 409
    assert world.stub.lines[-1] == f'PUT {HIDDEN}'


STORED = {'X-Container-Sysmeta-Versions-Enabled': 'True', 'Content-Type': 'application/json',
          'X-Container-Sysmeta-Versions-Container': '%00versions%00c',
          'X-Container-Bytes-Used': '3'}


def test_containers_count_their_versions_and_show_links_as_objects():
    world = World()
    row = {'name': 'o', 'bytes': 0, 'hash': EMPTY, 'symlink_path': quoted(OLD),
           'symlink_etag': 'E', 'symlink_bytes': 5, 'was': 'symlink_target=%00versions%00c'}
    world.stub.answer('GET', '/v1/a/c', '200 OK', STORED, json.dumps([row]).encode())
    world.stub.answer('HEAD', HIDDEN, '204 No Content', {'X-Container-Bytes-Used': '40'})
    resp = world.send('GET', '/v1/a/c')
    assert resp.headers['X-Container-Bytes-Used'] == '43'
    assert resp.headers['X-Versions-Enabled'] == 'True'
    shown, = json.loads(resp.text)
    assert (shown['bytes'], shown['hash'], shown['symlink_path'], shown['version_symlink']) == (
        5, 'E', f'/v1/a/c/o?version-id={OLD}', True)


def test_versions_are_listed_from_both_containers():
    world = World()
    world.stub.answer('GET', '/v1/a/c', '200 OK', STORED, b'[]')
    world.stub.answer('GET', HIDDEN, '200 OK', {'X-Container-Bytes-Used': '40'}, json.dumps([
        {'name': version_name('o', Timestamp(OLD)), 'content_type': 'text/t'}]).encode())
    resp = world.send('GET', '/v1/a/c?versions&prefix=o')
    assert json.loads(resp.text) == [
        {'name': 'o', 'content_type': 'text/t', 'is_latest': False, 'version_id': OLD}]
    assert resp.headers['X-Container-Bytes-Used'] == '43'
    assert resp.headers['Content-Type'] == 'application/json; charset=utf-8'
    assert 'prefix=%00o' in world.stub.calls[1].query


@pytest.mark.parametrize('headers, query, env, status', [
    ({}, '', {}, 200), ({'Accept': 'text/plain'}, '', {}, 406), ({'Accept': '*/*'}, '', {}, 200),
    ({'Accept': 'bad'}, '', {}, 406), ({}, '&format=xml', {}, 406), ({}, '&format=JSON', {}, 200),
    ({}, '&format=json', {'swift.listing_format': 'xml'}, 406),
    ({'Accept': 'text/xml'}, '&format=json', {'swift.listing_format': None}, 406),
    ({}, '&limit=10001', {}, 412), ({}, '&delimiter=0', {}, 400)])
def test_listings_of_versions_are_json(headers, query, env, status):
    world = World(versioned=False)
    world.stub.answer('GET', '/v1/a/c', '200 OK', {}, b'[]')
    assert world.send('GET', f'/v1/a/c?versions{query}', headers, **env).status_int == status


def test_listings_of_versions_are_for_those_who_may_list():
    world = World()
    world.stub.answer('GET', '/v1/a/c', '200 OK', STORED, b'[]')
    assert world.send('GET', '/v1/a/c?versions', **{'swift.authorize': refuse}).status_int == 403
    assert world.stub.lines == ['GET /v1/a/c']


def test_accounts_count_the_bytes_of_hidden_containers():
    world = World()
    for rows in ([{'name': hidden_container('c'), 'count': 2, 'bytes': 40}],
                 [{'name': 'c', 'count': 1, 'bytes': 3}]):
        world.stub.answer('GET', '/v1/a', '200 OK', {'Content-Type': 'application/json'},
                          json.dumps(rows).encode())
    assert json.loads(world.send('GET', '/v1/a').text) == [{'name': 'c', 'count': 1, 'bytes': 43}]
    assert world.stub.calls[0].headers['X-Backend-Allow-Reserved-Names'] == 'true'
    assert 'X-Backend-Allow-Reserved-Names' not in world.stub.calls[1].headers


def test_accounts_without_hidden_containers_pass():
    world = World()
    world.stub.answer('GET', '/v1/a', '200 OK', {'Content-Type': 'application/json'}, b'[]')
    world.stub.answer('GET', '/v1/a', '200 OK', {'Content-Type': 'application/json'}, b'[ ]')
    assert world.send('GET', '/v1/a').text == b'[ ]'


@pytest.mark.parametrize('path', [
    '/v1/a/\0versions\0c/\0o\0x', '/healthcheck', '/v2/a/c/o', '/v1/a'])
def test_other_paths_pass(path):
    world = World()
    world.send('PUT', path.replace('\0', '%00'), body=b'')
    assert len(world.stub.calls) == 1


# -- start ----------------------------------------------------------------------------------------

def test_object_versioning_needs_links(tmp_path, monkeypatch):
    (tmp_path / 'swift.conf').write_text('[swift-hash]\nswift_hash_path_suffix = x\n')
    registry = InfoRegistry()
    monkeypatch.setattr(versioned_writes, 'register_swift_info', registry.register)
    monkeypatch.setattr(versioned_writes, 'get_swift_info', registry.document)
    conf = {'swift_dir': str(tmp_path)}
    with pytest.raises(ConfigError, match='object versioning requires symlinks'):
        versioned_writes.filter_factory(conf, allow_object_versioning='true')
    registry.register('symlink')
    versioned_writes.filter_factory(conf, allow_object_versioning='true')(StubApp())
    versioned_writes.filter_factory(conf, allow_versioned_writes='true')(StubApp())
    assert registry.document() == {
        'symlink': {}, 'object_versioning': {}, 'versioned_writes': {
            'allowed_flags': ['x-versions-location', 'x-history-location']}}
