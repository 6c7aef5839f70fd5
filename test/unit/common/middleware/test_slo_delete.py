"""slo: manifests deleted with their segments, at once and by the expirer."""
import json

import pytest

from swift.common import green
from swift.common.slo_delete import SloDelete
from swift.common.swob import HTTPForbidden, HTTPUnauthorized, Request
from swift.core.expirer_queue import parse_task
from test.unit.common.middleware.test_slo import World as SloWorld

PATH = '/v1/a/c/m'


class World(SloWorld):
    def delete(self, path=PATH, query='multipart-manifest=delete', headers=None, **env):
        resp, body = self.send('DELETE', f'{path}?{query}', headers={
            'Accept': 'application/json', 'User-Agent': 'me', **(headers or {})}, **env)
        is_json = resp.headers['Content-Type'] == 'application/json'
        return resp, json.loads(body) if is_json else body

    @property
    def deleted(self):
        return [call.path for call in self.store.calls if call.method == 'DELETE']


def report(deleted, not_found=0, errors=(), status=None):
    return {'Number Deleted': deleted, 'Number Not Found': not_found, 'Response Body': '',
            'Response Status': status or ('400 Bad Request' if errors else '200 OK'),
            'Errors': [list(error) for error in errors]}


def test_segments_go_before_their_manifest():
    world = World.with_manifest()
    resp, found = world.delete(headers={'X-Auth-Token': 'tk', 'Content-Type': 'foo/bar'})
    assert resp.status_int == 200 and found == report(3)
    assert world.deleted[-1] == '/c/m' and sorted(world.deleted) == ['/c/m', '/s/a', '/s/b']
    for call in world.store.calls:
        assert call.env['swift.source'] == 'SLO' and call.headers['X-Auth-Token'] == 'tk'
        assert call.headers['User-Agent'] == 'me MultipartDELETE'
    assert world.store.objects == {}


def test_a_manifest_waits_for_the_answers_about_its_segments():
    world, answered = World.with_manifest(delete_concurrency='2'), []

    def on_call(env):
        if env['REQUEST_METHOD'] == 'DELETE' and '/s/' in env['PATH_INFO']:
            for _ in range(3):
                green.sleep(0)
            answered.append(env['PATH_INFO'])
        elif env['REQUEST_METHOD'] == 'DELETE':
            assert len(answered) == 2
    world.store.on_call = on_call
    assert world.delete()[1] == report(3)


def test_plain_delete_leaves_the_segments():
    world = World.with_manifest()
    assert world.send('DELETE')[0].status_int == 204
    assert world.store.lines == ['DELETE /c/m']


def nested():
    world = World()
    world.put([{'path': '/s/a'}, {'path': '/s/b'}], '/v1/a/c/in')
    world.put([{'path': '/s/b'}, {'path': '/c/in'}, {'data': 'eHg='}, {'path': '/s/a'}])
    world.store.calls.clear()
    return world


def test_manifests_inside_go_with_theirs_and_what_comes_twice_is_missing_once():
    world = nested()
    assert world.delete()[1] == report(4, 2)
    assert world.deleted.index('/c/in') < world.deleted.index('/c/m')
    assert sorted(world.deleted) == ['/c/in', '/c/m', '/s/a', '/s/b']


def test_what_is_not_there_counts_as_missing():
    world = World.with_manifest()
    del world.store.objects['/s/a']
    assert world.delete()[1] == report(2, 1)
    assert world.delete()[1] == report(0, 1)


def test_what_is_no_manifest_stays():
    world = World()
    assert world.delete('/v1/a/s/a')[1] == report(0, errors=[('/s/a', 'Not an SLO manifest')])
    assert '/s/a' in world.store.objects


@pytest.mark.parametrize('kind, problem', [
    (HTTPUnauthorized, '401 Unauthorized'),
    (HTTPForbidden, 'Unable to load SLO manifest or segment.')])
def test_a_manifest_that_may_not_be_read(kind, problem):
    world = World.with_manifest()
    assert world.delete(**{'swift.authorize': lambda req: kind(request=req)})[1] == report(
        0, errors=[('/c/m', problem)])


def test_segments_that_may_not_be_deleted_are_errors():
    world = World.with_manifest()
    _resp, found = world.delete(**{'swift.authorize': lambda req: (
        HTTPForbidden(request=req) if req.method == 'DELETE' else None)})
    assert found == report(0, errors=[(name, '403 Forbidden')
                                      for name in ('/s/a', '/s/b', '/c/m')])


def test_a_manifest_stays_when_one_inside_cannot_be_read():
    world = nested()
    world.store.fail('/c/in', '503 Service Unavailable')
    assert world.delete()[1] == report(
        2, errors=[('/c/in', 'Unable to load SLO manifest or segment.')])
    assert '/c/m' in world.store.objects


def test_circles_end():
    world = World.with_manifest()
    for name, other in (('x', 'y'), ('y', 'x')):
        world.store.put(f'/c/{name}', json.dumps([{
            'name': f'/c/{other}', 'bytes': 1, 'hash': 'h', 'sub_slo': True,
            'content_type': '', 'last_modified': ''}]).encode(), {'X-Static-Large-Object': 'True'})
    # Both go; that x is a segment of y too makes it missing at its second turn.
    assert world.delete('/v1/a/c/x')[1] == report(2, 1)


def test_too_many_entries_at_once():
    world = World(max_manifest_segments='1')
    entries = [{'name': f'/s/{n}', 'bytes': 1, 'hash': 'h'} for n in range(10)]
    inner = {'name': '/c/in', 'bytes': 1, 'hash': 'h', 'sub_slo': True}
    flag = {'X-Static-Large-Object': 'True'}
    world.store.put('/c/in', json.dumps(entries).encode(), flag)
    world.store.put('/c/m', json.dumps([inner]).encode(), flag)
    assert world.delete()[1] == report(
        0, errors=[('/c/in', 'Too many buffered slo segments to delete.')])


def test_a_version_is_that_of_the_manifest():
    world = World.with_manifest()
    assert world.delete(query='multipart-manifest=delete&version-id=1%2B2')[1] == report(3)
    assert [(call.method, call.path, call.query) for call in world.store.calls] == [
        ('GET', '/c/m', 'multipart-manifest=get&version-id=1%2B2'), ('DELETE', '/s/a', ''),
        ('DELETE', '/s/b', ''), ('DELETE', '/c/m', 'version-id=1%2B2')]


def test_unknown_types_and_bad_names_delete_nothing():
    world = World.with_manifest()
    resp, body = world.delete(headers={'Accept': 'image/png'})
    assert resp.status_int == 200 and b'Response Status: 406 Not Acceptable' in body
    for bad in ('%ff', '%00'):
        assert world.delete(f'/v1/a/c/{bad}')[0].status_int == 412
    assert world.store.calls == []


# -- by the expirer --------------------------------------------------------------------------------

ASYNC = 'multipart-manifest=delete&async=on'


def test_segments_become_rows_of_the_queue():
    world = World.with_manifest([{'path': '/s/a'}, {'path': '/s/b'}, {'path': '/s/a',
                                                                      'range': '0-0'}])
    resp, body = world.delete(query=ASYNC, headers={'X-Timestamp': '1700000000.12345'})
    assert (resp.status_int, body) == (204, b'')
    read, update, delete = world.store.calls
    assert (read.method, delete.method, delete.path) == ('GET', 'DELETE', '/c/m')
    assert update.method == 'UPDATE' and update.env['swift.authorize_override']
    assert update.headers['X-Backend-Storage-Policy-Index'] == '0'
    assert update.headers['X-Backend-Allow-Private-Methods'] == 'True'
    _version, account, container = update.path[1:].split('/')
    assert (account, container) == ('.expiring_objects', str(1699920000 - 7))
    rows = json.loads(world.store.objects[update.path][0])
    assert rows == [{
        'name': f'1700000000.12345-a{path}', 'deleted': 0, 'created_at': '1700000000.12345',
        'etag': 'd41d8cd98f00b204e9800998ecf8427e', 'size': 0, 'storage_policy_index': 0,
        'content_type': 'application/async-deleted'} for path in ('/s/a', '/s/b')]
    task = parse_task(container, rows[0]['name'], rows[0]['content_type'])
    assert (task.path, task.is_async_delete) == ('a/s/a', True)


@pytest.mark.parametrize('entries, text', [
    ([{'path': '/s/a'}, {'path': '/t/x'}],
     b'All segments must be in one container. Found segments in "s", "t"'),
    ([{'path': '/c/in'}], b'No segments may be large objects.')])
def test_what_the_expirer_is_not_asked_for(entries, text):
    world = World()
    world.store.put('/t/x', b'x')
    world.put([{'path': '/s/a'}], '/v1/a/c/in')
    world.put(entries)
    resp, body = world.delete(query=ASYNC)
    assert (resp.status_int, body) == (400, text) and '/c/m' in world.store.objects


def test_only_data_is_a_plain_delete():
    world = World.with_manifest([{'path': '/s/a'}, {'data': 'eHg='}])
    world.store.put('/c/m', b'[{"data": "eHg="}]', world.store.objects['/c/m'][1])
    assert world.delete(query=ASYNC)[0].status_int == 204
    assert world.store.lines == ['GET /c/m', 'DELETE /c/m']


def test_manifests_that_are_not_there_or_none():
    world = World()
    assert world.delete(query=ASYNC)[1] == b'SLO manifest not found'
    resp, body = world.delete('/v1/a/s/a', ASYNC)
    assert (resp.status_int, body) == (400, b'Not an SLO manifest')
    world.store.fail('/s/a', '403 Forbidden')
    assert world.delete('/v1/a/s/a', ASYNC)[0].status_int == 403
    world.store.fail('/s/a', '503 x')
    assert world.delete('/v1/a/s/a', ASYNC)[0].status_int == 500


def test_a_queue_that_cannot_be_had_keeps_the_manifest(monkeypatch):
    world = World.with_manifest()
    answer = world.store._answer
    world.store._answer = lambda req, path: (
        HTTPForbidden(request=req) if req.method == 'UPDATE' else answer(req, path))
    assert world.delete(query=ASYNC)[0].status_int == 503
    assert '/c/m' in world.store.objects


@pytest.mark.parametrize('denied', ['c', 's', None])
def test_both_containers_must_be_writable(denied, monkeypatch):
    monkeypatch.setattr('swift.common.slo_delete.container_info',
                        lambda env, app, account, name, swift_source: {'write_acl': name})
    world = World.with_manifest()

    def authorize(req):
        return HTTPForbidden(request=req) if denied and req.acl == denied else None
    resp, _body = world.delete(query=ASYNC, **{'swift.authorize': authorize})
    assert resp.status_int == (403 if denied else 204)
    assert ('/c/m' in world.store.objects) == bool(denied)


def test_async_may_be_switched_off():
    world = World.with_manifest(allow_async_delete='no')
    assert world.delete(query=ASYNC)[1] == report(3)


def test_a_delete_is_one_of_a_usable_name():
    with pytest.raises(Exception, match='412'):
        SloDelete(None, Request.blank('/v1/a/c/%ff'), None)
