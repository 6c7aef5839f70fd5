"""The functions of the low-level interface, one request each, against a scripted server."""

import gzip
import io
import json

import pytest

from swiftclient import client
from swiftclient.client import ClientException, LengthWrapper, ReadableToIterable, http_connection
from test.support.scripted_http import answer, scripted


def asked(call, *answers):
    """Make a call; return its result and what the server saw."""
    with scripted(*(answers or [answer(200)])) as server:
        return call(server.url), server.seen


CALLS = {  # name of the function: (call, method, target, words of its failure)
    'get_account': (lambda f, u: f(u, 't'), 'GET', '?format=json', 'Account GET'),
    'head_account': (lambda f, u: f(u, 't'), 'HEAD', '', 'Account HEAD'),
    'post_account': (lambda f, u: f(u, 't', {}, query_string='bulk-delete', data=b'/c/o'),
                     'POST', '?bulk-delete', 'Account POST'),
    'get_container': (lambda f, u: f(u, 't', 'c é'), 'GET', '/c%20%C3%A9?format=json',
                      'Container GET'),
    'head_container': (lambda f, u: f(u, 't', 'c'), 'HEAD', '/c', 'Container HEAD'),
    'put_container': (lambda f, u: f(u, 't', 'c', query_string='a=b'), 'PUT', '/c?a=b',
                      'Container PUT'),
    'post_container': (lambda f, u: f(u, 't', 'c', {}), 'POST', '/c', 'Container POST'),
    'delete_container': (lambda f, u: f(u, 't', 'c', query_string='a=b'), 'DELETE', '/c?a=b',
                         'Container DELETE'),
    'get_object': (lambda f, u: f(u, 't', 'c', 'a/b?', query_string='x=1'), 'GET',
                   '/c/a/b%3F?x=1', 'Object GET'),
    'head_object': (lambda f, u: f(u, 't', 'c', 'o', query_string='x=1'), 'HEAD', '/c/o?x=1',
                    'Object HEAD'),
    'put_object': (lambda f, u: f(u, 't', 'c', 'o', 'data', query_string='x=1'), 'PUT',
                   '/c/o?x=1', 'Object PUT'),
    'post_object': (lambda f, u: f(u, 't', 'c', 'o', {}), 'POST', '/c/o', 'Object POST'),
    'copy_object': (lambda f, u: f(u, 't', 'c', 'o'), 'COPY', '/c/o', 'Object COPY'),
    'delete_object': (lambda f, u: f(u, 't', 'c', 'o', query_string='x=1'), 'DELETE',
                      '/c/o?x=1', 'Object DELETE'),
}


@pytest.mark.parametrize('name', CALLS)
def test_one_request_with_the_token(name):
    call, method, target, _ = CALLS[name]
    _, seen = asked(lambda url: call(getattr(client, name), url), answer(200, b'[]'))
    assert [(one.method, one.target) for one in seen] == [(method, '/v1/AUTH_a' + target)]
    assert seen[0].header('x-auth-token') == 't'


@pytest.mark.parametrize('name', CALLS)
def test_failure_tells_what_failed_where_and_why(name):
    call, method, target, words = CALLS[name]
    body = b'' if method == 'HEAD' else b'<html>no</html>'
    with scripted(answer(403, body, x_trans_id='tx1')) as server:
        with pytest.raises(ClientException) as caught:
            call(getattr(client, name), server.url)
    err = caught.value
    shown = f"   {body!r}" if body else ''
    assert str(err) == (f'{words} failed: http://127.0.0.1:{server.port}/v1/AUTH_a{target} '
                        f'403 Scripted{shown} (txn: tx1)')
    assert (err.http_status, err.http_reason, err.http_port) == (403, 'Scripted', server.port)
    assert err.http_response_content == body
    assert err.http_response_headers['x-trans-id'] == 'tx1'


@pytest.mark.parametrize('name', CALLS)
def test_given_connection_is_used_and_left_open(name):
    call, *_ = CALLS[name]
    with scripted(answer(200, b'[]'), answer(200, b'[]')) as server:
        pair = http_connection(server.url)
        for _ in range(2):
            call(lambda *args, **kwargs: getattr(client, name)(*args, http_conn=pair, **kwargs),
                 'http://not.used.invalid/v1/AUTH_a')
        assert server.connections == 1


TOKEN_WINS = {'get_object', 'head_object', 'put_object', 'delete_object', 'copy_object',
              'delete_container'}


@pytest.mark.parametrize('name', CALLS)
def test_headers_of_the_caller_and_tokens(name):
    call, *_ = CALLS[name]

    def with_headers(*args, **kwargs):
        if name in ('post_account', 'post_container', 'post_object'):
            args = [*args]
            args[{'post_account': 2, 'post_container': 3, 'post_object': 4}[name]] = mine
        else:
            kwargs['headers'] = mine
        return getattr(client, name)(*args, service_token='service', **kwargs)

    mine = {'x-auth-token': 'mine', 'X-Foo': 'bar'}
    _, seen = asked(lambda url: call(with_headers, url), answer(200, b'[]'))
    assert seen[0].header('x-auth-token') == ('t' if name in TOKEN_WINS else 'mine')
    assert seen[0].header('x-service-token') == 'service'
    assert seen[0].header('x-foo') == 'bar'
    assert mine == {'x-auth-token': 'mine', 'X-Foo': 'bar'}


WITH_RESPONSE_DICT = [name for name in CALLS
                      if name.startswith(('put', 'post', 'delete', 'copy')) or name == 'get_object']


@pytest.mark.parametrize('status', [201, 404])
@pytest.mark.parametrize('name', WITH_RESPONSE_DICT)
def test_response_dict_is_told_also_of_failures(name, status):
    call, *_ = CALLS[name]
    told = {}
    with scripted(answer(status, x_a='b%20c')) as server:
        try:
            call(lambda *args, **kwargs: getattr(client, name)(
                *args, response_dict=told, **kwargs), server.url)
        except ClientException as err:
            assert status == err.http_status == 404
    assert (told['status'], told['reason'], told['headers']['X-A']) == (status, 'Scripted', 'b c')


def test_heads_return_headers_by_lower_case_name_decoded():
    headers, _ = asked(lambda url: client.head_object(url, 't', 'c', 'o'),
                       answer(200, x_object_meta_n='naïve', x_object_manifest='c/a%20b%E9'))
    assert headers['x-object-meta-n'] == 'naïve' == headers['X-Object-Meta-N']
    assert headers['x-object-manifest'] == 'c/a%20b%E9'
    assert list(headers) == ['content-length', 'x-object-meta-n', 'x-object-manifest']


def test_listing_parameters_and_packed_answer():
    packed = gzip.compress(json.dumps([{'name': 'ü'}]).encode())
    (headers, entries), seen = asked(
        lambda url: client.get_container(
            url, 't', 'c', 'm&', 7, 'p', '/', 'e', 'v', 'a/b', query_string='?states=x'),
        answer(200, packed, content_encoding='gzip', x_a='b'))
    assert seen[0].target == ('/v1/AUTH_a/c?format=json&limit=7&marker=m%26&prefix=p&delimiter=/'
                              '&end_marker=e&version_marker=v&path=a/b&states=x')
    assert seen[0].header('accept-encoding') == 'gzip'
    assert (entries, headers['x-a']) == ([{'name': 'ü'}], 'b')


@pytest.mark.parametrize('get', [
    lambda url: client.get_account(url, 't', limit=0, marker=''),
    lambda url: client.get_container(url, 't', 'c', limit=None, prefix='')])
def test_listing_of_nothing(get):
    (headers, entries), seen = asked(get, answer(204, x_a='b'))
    assert entries == [] and headers['x-a'] == 'b' and seen[0].target.endswith('?format=json')


def test_limit_has_to_be_a_number():
    with pytest.raises(TypeError):
        client.get_account('http://127.0.0.1:9/v1', 't', limit='5')


def page(*entries) -> bytes:
    return answer(200, json.dumps(entries).encode(), x_page=str(len(entries)))


def test_full_listing_of_an_account():
    (headers, entries), seen = asked(
        lambda url: client.get_account(url, 't', prefix='p', full_listing=True,
                                       headers={'X-Foo': 'bar'}),
        page({'name': 'a'}, {'name': 'b'}), page({'name': 'c'}), answer(204))
    assert [entry['name'] for entry in entries] == ['a', 'b', 'c'] and headers['x-page'] == '2'
    assert [one.target.partition('json')[2] for one in seen] == [
        '&prefix=p', '&marker=b&prefix=p', '&marker=c&prefix=p']
    assert {one.header('x-foo') for one in seen} == {'bar'}


def test_full_listing_of_a_container_with_delimiter_and_versions():
    (_, entries), seen = asked(
        lambda url: client.get_container(url, 't', 'c', delimiter='/', full_listing=True,
                                         query_string='lost=1', service_token='s'),
        page({'name': 'a', 'version_id': '7'}), page({'subdir': 'b/'}), page())
    assert len(entries) == 2
    assert [one.target.partition('json')[2] for one in seen] == [
        '&delimiter=/', '&marker=a&delimiter=/&version_marker=7', '&marker=b/&delimiter=/']
    assert {one.header('x-service-token') for one in seen} == {'s'}


@pytest.mark.parametrize('list_all', [
    lambda url: client.get_account(url, 't', full_listing=True),
    lambda url: client.get_container(url, 't', 'c', full_listing=True)])
def test_listing_that_does_not_go_on_ends(list_all):
    with scripted(*[page({'name': 'a'})] * 5) as server:
        with pytest.raises(ClientException, match="does not go on after 'a'"):
            list_all(server.url)
    assert len(server.seen) == 2


def test_post_account_returns_headers_and_body():
    (headers, body), seen = asked(lambda url: client.post_account(url, 't', {'A': 'b'}, data='ü'),
                                  answer(200, b'body', x_a='b'))
    assert (type(headers), headers['x-a'], body) == (dict, 'b', b'body')
    assert seen[0].body == 'ü'.encode() and seen[0].header('a') == 'b'


@pytest.mark.parametrize('contents,options,body,length', [
    ('hé', {}, 'hé'.encode(), '3'), (b'h', {}, b'h', '1'), (None, {}, b'', '0'),
    (b'', {}, b'', '0'), (io.BytesIO(b'0123'), {}, b'0123', None),
    (io.BytesIO(b'0123'), {'content_length': 2}, b'01', '2'),
    (io.BytesIO(b'0123'), {'headers': {'content-length': '3'}}, b'012', '3'),
    (io.BytesIO(b'0123'), {'content_length': 0}, b'', '0'),
    (iter([b'a', b'', 'ü']), {}, 'aü'.encode(), None),
    (LengthWrapper(io.BytesIO(b'0123'), 3), {}, b'012', '3'),
    (ReadableToIterable(io.BytesIO(b'0123'), 3), {}, b'0123', None)])
def test_put_object_bodies(contents, options, body, length):
    _, seen = asked(lambda url: client.put_object(url, 't', 'c', 'o', contents, **options))
    assert (seen[0].body, seen[0].header('content-length')) == (body, length)
    assert seen[0].header('content-type') is None


def test_put_object_blocks_have_the_size_asked_for():
    sizes = []

    class Source(io.BytesIO):
        def read(self, size=-1):
            sizes.append(size)
            return super().read(size)

    asked(lambda url: client.put_object(url, 't', 'c', 'o', Source(b'0123456'), chunk_size=3))
    assert set(sizes) == {3}
    with pytest.warns(UserWarning, match='has no "read" method, ignoring chunk_size'):
        asked(lambda url: client.put_object(url, 't', 'c', 'o', 'text', chunk_size=3))


def test_put_object_headers_and_etag():
    etag, seen = asked(lambda url: client.put_object(
        url, 't', 'c', 'o', b'x', etag='"sum"', content_type='text/x',
        headers={'Content-Type': 'lost/lost', 'X-A': 'b'}), answer(201, etag='"abc"'))
    assert etag == 'abc'
    assert [seen[0].header(name) for name in ('etag', 'content-type', 'x-a')] == [
        'sum', 'text/x', 'b']
    assert asked(lambda url: client.put_object(url, 't', 'c', 'o', b'x'))[0] == ''


def test_object_url_without_container_and_name():
    _, seen = asked(lambda url: client.put_object(f'{url}/c/o%20o', contents=b'x'))
    assert seen[0].target == '/v1/AUTH_a/c/o%20o' and seen[0].header('x-auth-token') is None
    _, seen = asked(lambda url: client.delete_object(f'{url}/c/o%20o', token='t'))
    assert seen[0].target == '/v1/AUTH_a/c/o%20o'


def test_wrapper_of_the_caller_tells_the_sum_afterwards():
    contents = LengthWrapper(io.BytesIO(b'0123'), 3, md5=True)
    asked(lambda url: client.put_object(url, 't', 'c', 'o', contents))
    assert contents.get_md5sum() == 'd2490f048dc3b77a457e3e450ab4eb38'


@pytest.mark.parametrize('options,destination,fresh', [
    ({}, '/c/%C3%BC', None), ({'destination': '/d/é x'}, '/d/%C3%A9%20x', None),
    ({'fresh_metadata': True, 'headers': {'x-fresh-metadata': 'z'}}, '/c/%C3%BC', 'true'),
    ({'fresh_metadata': False}, '/c/%C3%BC', 'false')])
def test_copy_object(options, destination, fresh):
    _, seen = asked(lambda url: client.copy_object(url, 't', 'c', 'ü', **options))
    assert seen[0].header('destination') == destination
    assert seen[0].header('x-fresh-metadata') == fresh


def test_get_object_whole_and_in_blocks():
    (headers, body), _ = asked(lambda url: client.get_object(url, 't', 'c', 'o'),
                               answer(200, b'0123456789', x_a='b'))
    assert (headers['x-a'], body) == ('b', b'0123456789')
    with scripted(answer(200, b'0123456789')) as server:
        _, body = client.get_object(server.url, 't', 'c', 'o', resp_chunk_size=4)
        assert body.read(2) == b'01'
        assert list(body) == [b'2345', b'6789'] and body.read() == b''


@pytest.mark.parametrize('options', [{}, {'resp_chunk_size': 4}])
def test_contents_of_objects_are_not_logged(caplog, options):
    caplog.set_level('DEBUG', logger='swiftclient')
    asked(lambda url: client.get_object(url, 't', 'c', 'o', **options), answer(200, b'private'))
    assert 'RESP STATUS: 200' in caplog.text and 'private' not in caplog.text


@pytest.mark.parametrize('chunk_size', [None, 4])
def test_connection_made_for_a_failure_is_closed(monkeypatch, chunk_size):
    closed = []
    monkeypatch.setattr('swiftclient.client.HTTPConnection.close', lambda self: closed.append(self))
    with scripted(answer(404)) as server:
        with pytest.raises(ClientException):
            client.get_object(server.url, 't', 'c', 'o', resp_chunk_size=chunk_size)
    assert len(closed) == 1


def test_body_in_blocks_can_be_closed_before_its_end():
    with scripted(answer(200, b'x' * 100000), answer(200, b'ok')) as server:
        pair = http_connection(server.url)
        _, body = client.get_object(server.url, 't', 'c', 'o', pair, resp_chunk_size=4)
        assert next(body) == b'xxxx'
        body.close()
        assert client.get_object(server.url, 't', 'c', 'o', pair)[1] == b'ok'


def test_get_capabilities():
    got, seen = asked(lambda url: client.get_capabilities(http_connection(url + '/info')),
                      answer(200, b'{"swift": {}}'))
    assert got == {'swift': {}} and seen[0].header('x-auth-token') is None


def test_proxy_of_put_and_delete():
    with scripted(answer(201), answer(204)) as proxy:
        client.put_object('http://far.example/v1/a/c/o', 't', contents='x', proxy=proxy.root)
        client.delete_object('http://far.example/v1/a/c/o', 't', proxy=proxy.root)
    assert [seen.target for seen in proxy.seen] == ['http://far.example/v1/a/c/o'] * 2
