"""What every request passes before a controller sees it."""

import pytest

from swift.common.swob import HTTPForbidden, HTTPUnauthorized
from test.support.proxy import Proxy

NOT_FOUND = b'<html><h1>Not Found</h1><p>The resource could not be found.</p></html>'


@pytest.fixture
def proxy():
    return Proxy()


@pytest.mark.parametrize('path,status,body', [
    ('/', 404, NOT_FOUND), ('/v1', 412, b'Bad URL'), ('/v1/', 412, b'Bad URL'),
    ('/foo', 412, b'Bad URL'), ('/v1//c', 404, NOT_FOUND), ('/v1/a//o', 404, NOT_FOUND),
    ('/v1/a/c%00', 412, b'Invalid UTF8 or contains NULL'),
    ('/v1/a/c%ff', 412, b'Invalid UTF8 or contains NULL'),
    ('/v1/a/%ed%a0%80', 412, b'Invalid UTF8 or contains NULL')])
def test_shapes_of_paths(proxy, path, status, body):
    reply = proxy.request('GET', path)
    assert (reply.status, reply.body) == (status, body)
    assert proxy.metrics.counts['errors'] == 1


def test_bad_version_needs_an_account(proxy):
    assert proxy.request('GET', '/v2/a').status == 400
    assert len(proxy.request('GET', '/v2/a').body) == 137
    assert proxy.request('GET', '/v1.0/a').status == 200


@pytest.mark.parametrize('path,body', [
    ('/v1/a/x%00c', b'Invalid reserved-namespace container'),
    ('/v1/a/%00c/o', b'Invalid user-namespace object in reserved-namespace container'),
    ('/v1/a/c/%00o', b'Invalid reserved-namespace object in user-namespace container')])
def test_reserved_names_follow_their_rules(proxy, path, body):
    reply = proxy.request('GET', path, {'X-Backend-Allow-Reserved-Names': 'true'})
    assert (reply.status, reply.body) == (400, body)


def test_timestamp_is_kept_or_made_and_always_internal(proxy):
    reply = proxy.request('GET', '/v1/a', {'X-Timestamp': 'nonsense'})
    assert (reply.status, reply.body) == (
        400, b"X-Timestamp should be a UNIX timestamp float value; was 'nonsense'")
    assert reply.headers['Content-Type'] == 'text/plain'
    proxy.put_container()
    proxy.request('DELETE', '/v1/a/c/o', {'X-Timestamp': '1234'})
    (_, _, _, headers, _), *_ = proxy.pool.requests('object', 'DELETE')
    assert headers['X-Timestamp'] == '0000001234.00000'


def test_negative_length_is_refused(proxy):
    reply = proxy.request('PUT', '/v1/a/c/o', CONTENT_LENGTH='-1')
    assert (reply.status, reply.body) == (400, b'Invalid Content-Length')


def test_method_not_allowed_lists_the_methods_in_fixed_order(proxy):
    for path in ('/v1/a/c', '/v1/a/c/o'):
        reply = proxy.request('FOO', path)
        assert reply.status == 405 and len(reply.body) == 91
        assert reply.headers['Allow'] == 'DELETE, GET, HEAD, OPTIONS, POST, PUT'
    assert proxy.request('FOO', '/v1/a').headers['Allow'] == 'GET, HEAD, OPTIONS, POST'
    assert proxy.request('__call__', '/v1/a').status == 405


def test_private_methods_need_the_internal_header(proxy):
    proxy.put_container()
    assert proxy.request('UPDATE', '/v1/a/c').status == 405
    reply = proxy.request('UPDATE', '/v1/a/c', {'X-Backend-Allow-Private-Methods': 'true'},
                          body=b'[]')
    assert reply.status == 202


def test_denied_hosts(proxy):
    denying = Proxy(deny_host_headers='bad.example, worse.example')
    reply = denying.request('GET', '/v1/a', {'Host': 'bad.example:8080'})
    assert (reply.status, reply.body) == (403, b'Invalid host header')
    assert denying.request('GET', '/v1/a', {'Host': 'good.example'}).status == 200


def test_unknown_policy_of_a_container_is_503(proxy):
    proxy.put_container()
    for node in proxy.nodes:
        for container in node.containers.values():
            container['policy'] = '9'
    assert proxy.request('GET', '/v1/a/c/o').status == 503


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT'])
def test_bodies_of_erasure_coded_policies_are_refused_in_words(proxy, method, monkeypatch):
    proxy.put_container()
    policy = proxy.cluster.policies.default
    monkeypatch.setattr(type(policy), 'is_ec', True)
    reply = proxy.request(method, '/v1/a/c/o', body=b'x' if method == 'PUT' else None)
    assert reply.status == 501
    assert method == 'HEAD' or b'is erasure coded' in reply.body
    assert not proxy.pool.requests('object', method)


def test_container_lookup_failure_is_503(proxy):
    proxy.put_container()
    for node in proxy.nodes:
        node.failing = {'container': 500}
    assert proxy.request('GET', '/v1/a/c/o').status == 503


def test_unhandled_exception_is_a_plain_500(proxy):
    def authorize(_req):
        raise RuntimeError('bug')
    reply = proxy.request('GET', '/v1/a', **{'swift.authorize': authorize})
    assert reply.status == 500 and b'bug' not in reply.body
    assert any('Unhandled exception' in line for line in proxy.logger.lines())


class Guard:
    """An authorize hook that records the ACLs it was asked with."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, req):
        self.asked.append(req.environ.get('swob.ACL'))
        answer = self.answers.pop(0)
        return answer(request=req) if answer else None


def test_authorize_denial_stops_verbs_that_do_not_delay(proxy):
    for method, path in (('PUT', '/v1/a/c'), ('POST', '/v1/a/c'), ('GET', '/v1/a'),
                         ('DELETE', '/v1/a/c'), ('OPTIONS', '/v1/a/c/o')):
        guard = Guard(HTTPUnauthorized)
        reply = proxy.request(method, path, **{'swift.authorize': guard})
        assert reply.status == 401 and guard.asked == [None]
        assert reply.headers['Www-Authenticate'] == 'Swift realm="a"'


def test_authorize_allowed_once_is_not_asked_again(proxy):
    proxy.put_container(X_Container_Read='r')
    guard = Guard(None)
    assert proxy.request('GET', '/v1/a/c', **{'swift.authorize': guard}).status == 200
    assert guard.asked == [None]


@pytest.mark.parametrize('method,path,acl', [
    ('GET', '/v1/a/c', 'r'), ('HEAD', '/v1/a/c', 'r'), ('GET', '/v1/a/c/o', 'r'),
    ('HEAD', '/v1/a/c/o', 'r'), ('PUT', '/v1/a/c/o', 'w'), ('POST', '/v1/a/c/o', 'w'),
    ('DELETE', '/v1/a/c/o', 'w')])
def test_delayed_denial_asks_again_with_the_acl(proxy, method, path, acl):
    proxy.put_container(X_Container_Read='r', X_Container_Write='w')
    guard = Guard(HTTPUnauthorized, HTTPForbidden)
    assert proxy.request(method, path, **{'swift.authorize': guard}).status == 403
    assert guard.asked == [None, acl]
    guard = Guard(HTTPUnauthorized, None)
    body = b'x' if method == 'PUT' else None
    assert proxy.request(method, path, body=body,
                         **{'swift.authorize': guard}).status not in (401, 403)


def test_options_without_origin_needs_no_backend(proxy):
    reply = proxy.request('OPTIONS', '/v1/a/c')
    assert reply.status == 200 and reply.body == b''
    assert proxy.request('OPTIONS', '/v1/a').headers['Allow'] == 'GET, HEAD, OPTIONS, POST'
    assert proxy.pool.requests() == []
