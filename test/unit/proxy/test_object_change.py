"""Object POST and DELETE through the proxy."""

import pytest

from swift.common.swob import HTTPForbidden
from test.support.proxy import Proxy


@pytest.fixture
def proxy():
    proxy = Proxy()
    proxy.put_container()
    proxy.request('PUT', '/v1/a/c/o', {'X-Object-Meta-Old': '1'}, body=b'x')
    proxy.forget()
    return proxy


def test_post_replaces_metadata(proxy):
    reply = proxy.request('POST', '/v1/a/c/o', {'X-Object-Meta-New': '2'})
    assert reply.status == 202 and reply.body == b'' or len(reply.body) == 76
    headers = proxy.request('HEAD', '/v1/a/c/o').headers
    assert headers['X-Object-Meta-New'] == '2' and 'X-Object-Meta-Old' not in headers
    sent = proxy.pool.requests('object', 'POST')[0][3]
    assert 'Content-Type' not in sent and 'X-Container-Host' in sent


@pytest.mark.parametrize('headers,body', [
    ({'X-Object-Meta-': 'x'}, b'Metadata name cannot be empty'),
    ({'X-Delete-At': 'x'}, b'Non-integer X-Delete-At'),
    ({'X-Delete-After': '-1'}, b'X-Delete-After in past')])
def test_post_checks(proxy, headers, body):
    reply = proxy.request('POST', '/v1/a/c/o', headers)
    assert (reply.status, reply.body) == (400, body)


def test_post_to_missing_things_is_404(proxy):
    assert proxy.request('POST', '/v1/a/c/none').status == 404
    assert proxy.request('POST', '/v1/a/none/o').status == 404


def test_post_finds_the_object_on_handoffs(proxy):
    first, second, third = proxy.primaries()
    others = [node for node in proxy.nodes if node not in (first, second, third)]
    stored = second.objects.pop(('a', 'c', 'o'))
    third.objects.pop(('a', 'c', 'o'))
    reply = proxy.request('POST', '/v1/a/c/o')
    assert reply.status == 503
    others[0].objects['a', 'c', 'o'] = dict(stored)
    others[1].objects['a', 'c', 'o'] = dict(stored)
    assert proxy.request('POST', '/v1/a/c/o').status == 202


def test_delete_and_delete_again(proxy):
    assert proxy.request('DELETE', '/v1/a/c/o').status == 204
    reply = proxy.request('DELETE', '/v1/a/c/o')
    assert reply.status == 404
    assert proxy.request('DELETE', '/v1/a/none/o').status == 404


@pytest.mark.parametrize('value', ['soon', '1.5', '', '-1', '9999999999'])
def test_delete_knows_no_expiry(proxy, value):
    assert proxy.request('DELETE', '/v1/a/c/o', {'X-Delete-At': value}).status == 204
    sent = proxy.pool.requests('object', 'DELETE')[0][3]
    assert not any(name.lower().startswith('x-delete-at') for name in sent)


def test_delete_counts_missing_replicas_as_agreement(proxy):
    first, second, third = proxy.primaries()
    first.objects.clear()
    second.is_down = True
    for node in proxy.nodes:
        if node not in (first, second, third):
            node.is_down = True
    assert proxy.request('DELETE', '/v1/a/c/o').status == 204


def test_delete_of_something_newer_is_409(proxy):
    assert proxy.request('DELETE', '/v1/a/c/o', {'X-Timestamp': '1'}).status == 409


def test_delete_with_write_affinity_asks_local_handoffs():
    proxy = Proxy(6, write_affinity='r2')
    proxy.put_container()
    proxy.request('DELETE', '/v1/a/c/o')
    _, primaries = proxy.cluster.object_ring(0).get_nodes('a', 'c', 'o')
    remote = sum(node.region != 2 for node in primaries)
    assert len(proxy.pool.requests('object', 'DELETE')) == 3 + remote


def test_all_nodes_dead_is_503(proxy):
    proxy.request('HEAD', '/v1/a/c')
    for node in proxy.nodes:
        node.is_down = True
    for method in ('GET', 'HEAD', 'PUT', 'POST', 'DELETE'):
        reply = proxy.request(method, '/v1/a/c/o', body=b'x' if method == 'PUT' else None)
        assert reply.status == 503


def test_sync_key_is_left_for_the_authorize_hook(proxy):
    proxy.put_container(X_Container_Sync_Key='secret')
    seen = []

    def authorize(req):
        seen.append(req.environ.get('swift_sync_key'))
        return HTTPForbidden(request=req)

    assert proxy.request('DELETE', '/v1/a/c/o', **{'swift.authorize': authorize}).status == 403
    assert seen == [None, 'secret']
