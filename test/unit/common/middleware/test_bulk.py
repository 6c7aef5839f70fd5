"""bulk: which requests are its own, what it asks in the client's name, and what it survives."""
import bz2
import gzip
import io
import json
import tarfile

import pytest

from swift.common import green
from swift.common.bulk_extract import SMALL_BYTES
from swift.common.errors import ClientDisconnect
from swift.common.middleware.bulk import BulkFilter, BulkOptions, filter_factory
from swift.common.registry import get_swift_info
from swift.common.swob import HTTPUnauthorized, Request
from swift.core.constraints import Constraints
from test.support.stub_app import StubApp


def tar(*members):
    """Return an archive of (name, data, pax headers)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT) as archive:
        for name, data, *more in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.pax_headers = more[0] if more else {}
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


class World:
    def __init__(self, sleep=green.sleep, **options):
        self.stub = StubApp()
        self.filter = BulkFilter(self.stub, BulkOptions.parse(options),
                                 Constraints(max_file_size=200_000), sleep)
        self.stub.answer('HEAD', '/v1/a/c', '204 No Content')

    def send(self, method, path, body=b'', headers=None, **env):
        req = Request.blank(path, environ=env, method=method, body=body, headers={
            'Accept': 'application/json', 'User-Agent': 'me', **(headers or {})})
        resp = req.get_response(self.filter)
        body = resp.body
        assert not self.stub.unclosed
        is_json = resp.headers['Content-Type'] == 'application/json'
        return resp, json.loads(body) if is_json else body

    def extract(self, body, query='tar', path='/v1/a', headers=None):
        return self.send('PUT', f'{path}?extract-archive={query}', body, headers)[1]

    def delete(self, body, headers=None, path='/v1/a'):
        return self.send('POST', f'{path}?bulk-delete', body, headers)[1]

    def can_put(self, *paths, status='201 Created'):
        for path in paths:
            self.stub.answer('PUT', path, status)

    def can_delete(self, *paths, status='204 No Content'):
        for path in paths:
            self.stub.answer('DELETE', path, status)


@pytest.mark.parametrize('method, path', [
    ('GET', '/v1/a?bulk-delete'), ('PUT', '/v1/a?bulk-delete'),
    ('POST', '/v1/a?extract-archive=tar'), ('POST', '/v1/a?x=bulk-delete'),
    ('POST', '/v2/a?bulk-delete'), ('POST', '/v1?bulk-delete'),
    ('PUT', '/v1?extract-archive=tar'), ('PUT', '/v1/a/c/o'),
    ('PUT', '/v1/a/c/o?x=extract-archive')])
def test_other_requests_pass(method, path):
    world = World()
    world.send(method, path)
    assert world.stub.lines == [f'{method} {path.partition("?")[0]}']


def test_info_names_the_public_limits():
    filter_factory({}, max_failed_deletes='7')
    info = get_swift_info()
    assert info['bulk_upload'] == {
        'max_containers_per_extraction': 10000, 'max_failed_extractions': 1000}
    assert info['bulk_delete'] == {'max_deletes_per_request': 10000, 'max_failed_deletes': 7}


# -- deletes --------------------------------------------------------------------------------------

def test_deletes_are_the_clients_own_requests_objects_first():
    world = World(delete_concurrency='1')
    world.can_delete('/v1/a/c', '/v1/a/c/o', '/v1/a/d/Ã©')
    report = world.delete(b'c\n/c/o\nd/%C3%A9\n/c/nope\n', {
        'X-Auth-Token': 'tk', 'X-Object-Meta-X': '1'})
    assert report == {'Number Deleted': 3, 'Number Not Found': 1, 'Response Status': '200 OK',
                      'Response Body': '', 'Errors': []}
    assert world.stub.lines == ['DELETE /v1/a/c/o', 'DELETE /v1/a/d/Ã©', 'DELETE /v1/a/c/nope',
                                'DELETE /v1/a/c']
    call = world.stub.calls[0]
    assert call.query == '' and call.headers['X-Auth-Token'] == 'tk'
    assert call.headers['User-Agent'] == 'me BulkDelete' and call.env['swift.source'] == 'BD'
    assert 'X-Object-Meta-X' not in call.headers


def test_a_name_that_comes_twice_is_deleted_once():
    world = World()
    world.can_delete('/v1/a/c/o')
    world.can_delete('/v1/a/c/p', status='403 Forbidden')
    report = world.delete(b'c/o\nc/p\nc/o\nc/p\nc/o\nc/q\nc/q')
    assert (report['Number Deleted'], report['Number Not Found']) == (1, 4)
    assert report['Errors'] == [['c/p', '403 Forbidden']] * 2
    assert sorted(world.stub.lines) == ['DELETE /v1/a/c/o', 'DELETE /v1/a/c/p', 'DELETE /v1/a/c/q']


def test_at_most_so_many_deletes_are_under_way():
    world, most, now = World(delete_concurrency='3'), [], []

    def on_call(env):
        now.append(1)
        most.append(len(now))
        green.sleep(0)
        now.pop()
    world.stub.on_call = on_call
    report = world.delete(b'\n'.join(b'c/%d' % n for n in range(20)))
    assert report['Number Not Found'] == 20 and max(most) == 3


def test_containers_that_are_not_empty_yet_are_tried_again():
    pauses = []
    world = World(pauses.append, delete_container_retry_count='2')
    world.stub.answer('DELETE', '/v1/a/c', '409 Conflict')
    world.stub.answer('DELETE', '/v1/a/c', '409 Conflict')
    world.can_delete('/v1/a/c')
    world.stub.answer('DELETE', '/v1/a/d/o', '409 Conflict')
    report = world.delete(b'c\nd/o')
    assert report['Number Deleted'] == 1 and report['Errors'] == [['d/o', '409 Conflict']]
    assert pauses == [1.5, 2.25]
    assert world.stub.lines.count('DELETE /v1/a/d/o') == 1


def test_too_many_failures_leave_the_rest_alone():
    world = World(delete_concurrency='1', max_failed_deletes='2')
    for n in range(5):
        world.can_delete(f'/v1/a/c/{n}', status='409 Conflict')
    report = world.delete(b'\n'.join(b'c/%d' % n for n in range(5)))
    assert report['Response Body'] == 'Max delete failures exceeded'
    assert len(world.stub.calls) == 2 == len(report['Errors'])


@pytest.mark.parametrize('body, headers, status, text', [
    (b'c/o', {'Content-Type': 'application/json'}, '406 Not Acceptable', ''),
    (b'c/o\n' * 3, {}, '413 Request Entity Too Large', 'Maximum Bulk Deletes: 2 per request'),
    (b'o' * 9000, {}, '400 Bad Request', 'Invalid File Name'),
    (b'', {}, '400 Bad Request', 'Invalid bulk delete.'),
    (b'c/%00\n', {}, '400 Bad Request', '')])
def test_refused_deletes_ask_for_nothing(body, headers, status, text):
    world = World(max_deletes_per_request='2')
    report = world.delete(body, headers)
    assert (report['Response Status'], report['Response Body']) == (status, text)
    assert world.stub.calls == []


def test_a_body_without_length_and_an_unknown_type():
    world = World()
    req = Request.blank('/v1/a?bulk-delete', method='POST', headers={'Accept': 'application/xml'})
    assert b'411 Length Required' in req.get_response(world.filter).body
    resp, body = world.send('POST', '/v1/a?bulk-delete', b'c/o', {'Accept': 'image/png'})
    assert resp.headers['Content-Type'] == 'text/html; charset=UTF-8'
    assert b'Response Status: 406 Not Acceptable' in body and world.stub.calls == []


# -- archives -------------------------------------------------------------------------------------

def test_archives_become_objects_of_the_client():
    world = World(extract_concurrency='1')
    world.stub.answer('PUT', '/v1/a/d', '201 Created')
    world.can_put('/v1/a/c/o', '/v1/a/d/p')
    report = world.extract(tar(('c/o', b'one', {'SCHILY.xattr.user.mime_type': 'x/y',
                                                'SCHILY.xattr.user.meta.k': 'naïve'}),
                               ('./d/p', b''), ('bare', b'x')),
                           headers={'X-Auth-Token': 'tk', 'X-Object-Meta-Colour': 'blue',
                                    'X-Delete-After': '9', 'Content-Type': 'application/x-tar'})
    assert report == {'Number Files Created': 2, 'Response Status': '201 Created',
                      'Response Body': '', 'Errors': []}
    assert world.stub.lines == ['HEAD /v1/a/c', 'PUT /v1/a/c/o', 'HEAD /v1/a/d', 'PUT /v1/a/d',
                                'PUT /v1/a/d/p']
    put = world.stub.calls[1]
    assert put.body == b'one' and put.env['swift.source'] == 'EA'
    assert {**put.headers, 'Host': ''} == {
        'Content-Length': '3', 'Content-Type': 'x/y', 'Host': '', 'User-Agent': 'me BulkExpand',
        'X-Auth-Token': 'tk', 'X-Delete-After': '9', 'X-Object-Meta-Colour': 'blue',
        'X-Object-Meta-K': 'naÃ¯ve'}
    assert world.stub.calls[0].headers['User-Agent'] == 'Swift'
    assert 'Content-Type' not in world.stub.calls[4].headers


@pytest.mark.parametrize('query, pack', [
    ('tar', bytes), ('tar.gz', gzip.compress), ('.TAR.BZ2.', bz2.compress)])
def test_every_format_and_prefix(query, pack):
    world = World()
    world.can_put('/v1/a/c/p/o')
    body = pack(tar(('o', b'1' * 1000)))
    assert world.extract(body, query, '/v1/a/c/p')['Number Files Created'] == 1
    assert world.stub.calls[-1].body == b'1' * 1000


def test_large_members_stream_and_small_ones_overlap():
    world, most, now = World(extract_concurrency='3'), [], []
    names = [f'/v1/a/c/{n}' for n in range(8)]
    world.can_put(*names, '/v1/a/c/large')

    def on_call(env):
        now.append(1)
        most.append(len(now))
        green.sleep(0)
        now.pop()
    world.stub.on_call = on_call
    large = bytes(range(256)) * (SMALL_BYTES // 256 + 1)
    report = world.extract(tar(*[(f'c/{n}', b'%d' % n) for n in range(4)], ('c/large', large),
                               *[(f'c/{n}', b'%d' % n) for n in range(4, 8)]))
    assert report['Number Files Created'] == 9 and max(most) == 3
    bodies = {call.path: call.body for call in world.stub.calls if call.method == 'PUT'}
    assert bodies == {**{name: name[-1:].encode() for name in names}, '/v1/a/c/large': large}


def test_the_last_of_several_members_of_one_name_wins():
    world, bodies = World(extract_concurrency='4'), []
    world.can_put('/v1/a/c/o')

    def on_call(env):
        if env['REQUEST_METHOD'] == 'PUT':
            # The first of two would be the last to end, were they under way together.
            for _ in range(4 - 2 * len(bodies)):
                green.sleep(0)
            bodies.append(env['wsgi.input'].getvalue())
    world.stub.on_call = on_call
    world.extract(tar(('c/o', b'old'), ('c/o', b'new')))
    assert bodies == [b'old', b'new']


def test_names_that_climb_are_refused_and_the_rest_is_stored():
    world = World()
    world.can_put('/v1/a/c/fine')
    report = world.extract(tar(('c/../../AUTH_other/c/o', b'x'), ('../c/o', b'x'),
                               ('c/fine', b'x')))
    assert report['Errors'] == [['c/../../AUTH_other/c/o', '412 Precondition Failed'],
                                ['../c/o', '412 Precondition Failed']]
    assert report['Number Files Created'] == 1
    assert world.stub.lines == ['HEAD /v1/a/c', 'PUT /v1/a/c/fine']


def test_attributes_that_would_break_out_of_their_header_are_refused():
    world = World()
    report = world.extract(tar(
        ('c/a', b'', {'SCHILY.xattr.user.meta.x': '1\r\nX-Auth-Token: y'}),
        ('c/b', b'', {'SCHILY.xattr.user.meta.x y': '1'}),
        ('c/d', b'', {'SCHILY.xattr.user.mime_type': 'a\0b'})))
    assert [status for _name, status in report['Errors']] == ['400 Bad Request'] * 3
    assert world.stub.lines == ['HEAD /v1/a/c']


def test_too_large_members_are_skipped():
    world = World()
    world.can_put('/v1/a/c/fine')
    report = world.extract(tar(('c/big', bytes(200_001)), ('c/fine', b'x')))
    assert report['Errors'] == [['c/big', '413 Request Entity Too Large']]
    assert report['Number Files Created'] == 1


def test_failing_containers_are_told_only_if_their_object_fails():
    world = World()
    world.stub.answer('HEAD', '/v1/a/d', '403 Forbidden')
    world.can_put('/v1/a/d/yes')
    world.can_put('/v1/a/d/no', '/v1/a/d/no2', status='403 Forbidden')
    assert world.extract(tar(('d/yes', b'')))['Errors'] == []
    assert world.extract(tar(('d/no', b''), ('d/no2', b'')))['Errors'] == [
        ['/v1/a/d', '403 Forbidden'], ['d/no', '403 Forbidden'], ['d/no2', '403 Forbidden']]


def test_new_containers_are_counted():
    world = World(max_containers_per_extraction='1')
    world.can_put('/v1/a/c/o', '/v1/a/d', '/v1/a/d/o', '/v1/a/e', '/v1/a/e/o')
    report = world.extract(tar(('c/o', b''), ('d/o', b''), ('e/o', b'')))
    assert report['Response Body'] == 'More than 1 containers to create from tar.'
    assert report['Number Files Created'] == 2 and 'PUT /v1/a/e' not in world.stub.lines


@pytest.mark.parametrize('denied', ['HEAD', 'PUT'])
def test_a_denial_ends_an_extraction(denied):
    world = World(extract_concurrency='1')

    def authorize(req):
        return HTTPUnauthorized(request=req) if req.method == denied else None
    world.can_put('/v1/a/c/o', '/v1/a/c/p')
    _resp, report = world.send('PUT', '/v1/a?extract-archive=tar',
                               tar(('c/o', b''), ('c/p', b'')), **{'swift.authorize': authorize})
    assert report['Response Status'] == '401 Unauthorized'
    assert len(world.stub.calls) == (1 if denied == 'HEAD' else 2)


def test_broken_archives_keep_what_came_before():
    world = World()
    world.can_put('/v1/a/c/o', '/v1/a/c/big')
    whole = tar(('c/o', b'1'), ('c/big', bytes(100_000)))
    report = world.extract(whole[:50_000])
    assert report['Response Body'] == 'Invalid Tar File: unexpected end of data'
    assert report['Number Files Created'] == 1
    assert world.extract(b'junk', 'tar.gz')['Response Body'] == 'Invalid Tar File: not a gzip file'


def test_bombs_are_refused():
    world = World(max_archive_expansion='50')
    report = world.extract(gzip.compress(tar(*[
        (f'c/{n}', bytes(250_000)) for n in range(40)])), 'tar.gz')
    assert report['Response Body'] == 'Invalid Tar File: expands to more than 50 times its size'


def test_endless_members_without_use_are_refused(monkeypatch):
    monkeypatch.setattr('swift.common.bulk_extract.USELESS_MEMBERS_MAX', 100)
    world = World()
    report = world.extract(tar(*[(f'bare{n}', b'') for n in range(101)]))
    assert report['Response Body'] == 'Invalid Tar File: too many members that are no files'


def test_a_client_that_goes_away_is_no_broken_archive():
    class Gone:
        def read(self, size):
            raise ClientDisconnect('gone')
    world = World()
    req = Request.blank('/v1/a?extract-archive=tar', method='PUT', environ={
        'wsgi.input': Gone(), 'CONTENT_LENGTH': '9'})
    with pytest.raises(ClientDisconnect):
        _ = req.get_response(world.filter).body


def test_an_unknown_format_is_a_plain_400():
    resp, body = World().send('PUT', '/v1/a?extract-archive=zip', b'x')
    assert resp.status == '400 Bad Request' and body == b'Unsupported archive format'
