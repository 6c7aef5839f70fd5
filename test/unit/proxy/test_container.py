"""Containers through the proxy."""

import json

import pytest

from swift.common.swob import HTTPForbidden
from swift.core.constraints import Constraints
from test.support.proxy import Proxy


@pytest.fixture
def proxy():
    return Proxy()


def test_life_of_a_container(proxy):
    assert proxy.request('PUT', '/v1/a/c', {'X-Container-Meta-A': '1'}).status == 201
    reply = proxy.request('PUT', '/v1/a/c')
    assert reply.status == 202
    head = proxy.request('HEAD', '/v1/a/c')
    assert head.status == 204
    assert head.headers['X-Storage-Policy'] == 'gold'
    assert head.headers['X-Container-Meta-A'] == '1'
    assert 'X-Put-Timestamp' not in head.headers
    assert proxy.request('POST', '/v1/a/c', {'X-Remove-Container-Meta-A': 'x'}).status == 204
    assert 'X-Container-Meta-A' not in proxy.request('HEAD', '/v1/a/c').headers
    assert proxy.request('DELETE', '/v1/a/c').status == 204
    assert proxy.request('DELETE', '/v1/a/c').status == 404
    assert proxy.request('GET', '/v1/a/c').status == 404


def test_first_container_creates_its_account(proxy):
    proxy.request('PUT', '/v1/a/c')
    created = proxy.pool.requests('account', 'PUT')
    assert len(created) == 3
    assert proxy.request('HEAD', '/v1/a').status == 204


def test_an_account_with_a_foreign_name_is_created_too():
    proxy = Proxy()
    path = '/v1/%E1%88%B4/%E1%88%B4'
    assert proxy.request('PUT', path).status == 201
    assert proxy.request('GET', '/v1/%E1%88%B4').status == 200
    sent = proxy.pool.requests('account', 'PUT')[0][3]
    assert sent['Referer'].endswith('/v1/%E1%88%B4')


def test_missing_account_is_404_without_autocreate():
    proxy = Proxy(account_autocreate='no')
    for method in ('PUT', 'GET', 'HEAD', 'POST', 'DELETE'):
        assert proxy.request(method, '/v1/a/c').status == 404
    assert proxy.request('PUT', '/v1/.a/c').status == 201


def test_listing_bytes_pass_untouched(proxy):
    proxy.put_container()
    for node in proxy.nodes:
        for name in ('x', 'y'):
            node.objects['a', 'c', name] = {}
    reply = proxy.request('GET', '/v1/a/c?prefix=x')
    assert reply.body == b'[{"name": "x"}, {"name": "y"}]'
    assert reply.headers['Content-Length'] == str(len(reply.body))
    assert reply.headers['Content-Type'] == 'application/json; charset=utf-8'
    assert proxy.request('DELETE', '/v1/a/c').status == 409


@pytest.mark.parametrize('query,status,body,content_type', [
    ('limit=10001', 412, b'Maximum limit is 10000', 'text/html; charset=UTF-8'),
    ('limit=99999999999999999999999', 412, b'Maximum limit is 10000', 'text/html; charset=UTF-8'),
    ('limit=1&limit=10001', 412, b'Maximum limit is 10000', 'text/html; charset=UTF-8'),
    ('prefix=%ff', 400, b'"prefix" parameter not valid UTF-8', 'text/plain'),
    ('path=%ff', 400, b'"path" parameter not valid UTF-8', 'text/plain')])
def test_bad_listing_parameters(proxy, query, status, body, content_type):
    reply = proxy.request('GET', '/v1/a/c?' + query)
    assert (reply.status, reply.body, reply.headers['Content-Type']) == (
        status, body, content_type)


@pytest.mark.parametrize('query', ['limit=abc', 'limit=-1', 'limit=', 'limit=10000', 'limit=0'])
def test_other_limits_are_left_to_the_backend(proxy, query):
    proxy.put_container()
    assert proxy.request('GET', '/v1/a/c?' + query).status == 200


def test_policy_by_name_or_alias_without_regard_to_case(proxy):
    assert proxy.request('PUT', '/v1/a/c', {'X-Storage-Policy': 'SILVER'}).status == 201
    assert proxy.request('HEAD', '/v1/a/c').headers['X-Storage-Policy'] == 'silver'
    assert proxy.request('PUT', '/v1/a/c', {'X-Storage-Policy': 'yellow'}).status == 409
    assert proxy.request('PUT', '/v1/a/c').status == 202


def test_unknown_and_deprecated_policies(proxy):
    reply = proxy.request('PUT', '/v1/a/c', {'X-Storage-Policy': 'nope'})
    assert (reply.status, reply.body) == (400, b"Invalid X-Storage-Policy 'nope'")
    assert reply.headers['Content-Type'] == 'text/plain'
    reply = proxy.request('PUT', '/v1/a/c', {'X-Storage-Policy': 'old'})
    assert (reply.status, reply.body) == (400, b"Storage Policy 'old' is deprecated")
    assert reply.headers['Content-Type'] == 'text/html; charset=UTF-8'


def test_name_length_of_a_put(proxy):
    reply = proxy.request('PUT', '/v1/a/' + 'c' * 257)
    assert (reply.status, reply.body) == (400, b'Container name length of 257 longer than 256')
    assert proxy.request('PUT', '/v1/.a/' + 'c' * 257).status == 201
    assert proxy.request('POST', '/v1/a/' + 'c' * 257).status == 404


def test_acls_are_cleaned(proxy):
    def clean(name, value):
        if value == 'bad':
            raise ValueError(f'{name} is bad')
        return value.strip()

    env = {'swift.clean_acl': clean}
    reply = proxy.request('PUT', '/v1/a/c', {'X-Container-Read': 'bad'}, **env)
    assert (reply.status, reply.body) == (400, b'x-container-read is bad')
    proxy.request('PUT', '/v1/a/c', {'X-Container-Write': ' w '}, **env)
    assert proxy.request('HEAD', '/v1/a/c').headers['X-Container-Write'] == 'w'
    proxy.request('POST', '/v1/a/c', {'X-Remove-Container-Write': 'x'}, **env)
    assert 'X-Container-Write' not in proxy.request('HEAD', '/v1/a/c').headers


def test_authorize_gets_the_read_acl_as_text(proxy):
    seen = []

    def authorize(req):
        seen.append(req.acl)
        return HTTPForbidden(request=req)

    proxy.put_container(X_Container_Read='caf\xc3\xa9')
    for path in ('/v1/a/c', '/v1/a/c/o'):
        env = {'swift.authorize': authorize}
        assert proxy.request('GET', path, **env).status == 403
    assert seen == [None, 'caf\xe9', None, 'caf\xe9']


def test_texts_give_back_what_the_client_sent(proxy):
    def clean(name, value):
        raise ValueError(f'bad: {value}')

    for value in ('\xc3\xa9', '\xff'):
        sent = value.encode('latin-1')
        reply = proxy.request('POST', '/v1/a/c', {'X-Container-Read': value},
                              **{'swift.clean_acl': clean})
        assert (reply.status, reply.body) == (400, b'bad: ' + sent)
        reply = proxy.request('PUT', '/v1/a/c', {'X-Storage-Policy': value})
        assert (reply.status, reply.body) == (400, b"Invalid X-Storage-Policy '%s'" % sent)
    reply = proxy.request('PUT', '/v1/a/c', {'X-Container-Meta-' + '\xc3\xa9' * 70: '1'})
    assert (reply.status, reply.body) == (
        400, b'Metadata name too long: x-container-meta-' + b'\xc3\xa9' * 70)


def test_privileged_headers_are_for_owners(proxy):
    proxy.put_container(X_Container_Read='r', X_Container_Sync_Key='k')
    other = proxy.request('GET', '/v1/a/c', owner=False).headers
    assert not {'X-Container-Read', 'X-Container-Sync-Key'} & set(other)
    assert proxy.request('GET', '/v1/a/c').headers['X-Container-Sync-Key'] == 'k'
    proxy.request('POST', '/v1/a/c', {'X-Container-Read': 'x', 'X-Container-Meta-A': '1'},
                  owner=False)
    headers = proxy.request('HEAD', '/v1/a/c').headers
    assert headers['X-Container-Read'] == 'r' and headers['X-Container-Meta-A'] == '1'


def test_sharding_flag_is_for_resellers(proxy):
    proxy.request('PUT', '/v1/a/c', {'X-Container-Sharding': 'on'}, reseller_request=True)
    assert 'X-Container-Sharding' not in proxy.request('HEAD', '/v1/a/c').headers
    reply = proxy.request('HEAD', '/v1/a/c', reseller_request=True)
    assert reply.headers['X-Container-Sharding'] == 'True'


def test_each_account_replica_is_told_once(proxy):
    proxy.put_container()
    proxy.request('PUT', '/v1/a/c')
    puts = proxy.pool.requests('container', 'PUT')
    hosts = [headers['X-Account-Host'] for _, _, _, headers, _ in puts]
    _, nodes = proxy.cluster.account_ring.get_nodes('a')
    assert sorted(hosts) == sorted(f'{node.ip}:{node.port}' for node in nodes)
    assert all(headers['X-Account-Device'] and headers['X-Account-Partition']
               for _, _, _, headers, _ in puts)
    assert all(headers['X-Backend-Storage-Policy-Default'] == '0' for _, _, _, headers, _ in puts)


def test_container_limit_of_an_account():
    proxy = Proxy(3, max_containers_per_account='1', max_containers_whitelist='free')
    # The count comes from the cache: the limit is soft.
    proxy.put_container('c1')
    proxy.cache.values.clear()
    reply = proxy.request('PUT', '/v1/a/c2')
    assert (reply.status, reply.body) == (403, b'Reached container limit of 1')
    assert proxy.request('PUT', '/v1/a/c1').status == 202
    proxy.put_container('c1', account='free')
    assert proxy.request('PUT', '/v1/free/c2').status == 201


def test_delete_that_only_agrees_on_202_is_404(proxy):
    proxy.put_container()
    for node in proxy.nodes:
        node.failing = {'container': 202}
    assert proxy.request('DELETE', '/v1/a/c').status == 404


def test_one_dead_node_hurts_nobody(proxy):
    proxy.nodes[0].is_down = True
    for i in range(4):
        assert proxy.request('PUT', f'/v1/a/c{i}').status == 201
        assert proxy.request('GET', f'/v1/a/c{i}').status == 200
        assert proxy.request('DELETE', f'/v1/a/c{i}').status == 204


def test_all_nodes_dead_is_503(proxy):
    proxy.put_container()
    proxy.request('HEAD', '/v1/a')
    for node in proxy.nodes:
        node.is_down = True
    for method in ('PUT', 'POST', 'DELETE', 'GET'):
        reply = proxy.request(method, '/v1/a/c')
        assert reply.status == 503 and len(reply.body) == 118


def test_cache_after_put_and_around_post(proxy):
    proxy.put_container()
    proxy.request('HEAD', '/v1/a/c')
    assert json.loads(proxy.cache.values['container/a/c'])['status'] == 204
    proxy.cache.trips.clear()
    proxy.request('POST', '/v1/a/c', {'X-Container-Read': '.r:*'})
    deletes = [trip for trip in proxy.cache.trips if trip[0] == 'delete']
    assert deletes == [('delete', 'container/a/c')] * 2
    reply = proxy.request('HEAD', '/v1/a/c')
    assert reply.headers['X-Container-Read'] == '.r:*'
    proxy.request('DELETE', '/v1/a/c')
    assert 'container/a/c' not in proxy.cache.values


def test_missing_container_is_cached_for_a_tenth(proxy):
    proxy.put_container('other')
    proxy.request('HEAD', '/v1/a/c')
    assert json.loads(proxy.cache.values['container/a/c'])['status'] == 404
    assert proxy.cache.times['container/a/c'] == 6.0
    proxy.put_container('c')
    assert 'container/a/c' not in proxy.cache.values


def test_newest_asks_all_nodes(proxy):
    proxy.put_container()
    proxy.request('GET', '/v1/a/c', {'X-Newest': 'true'})
    assert len(proxy.pool.requests('container', 'GET')) == 5


def test_listing_limit_follows_the_constraints():
    proxy = Proxy(constraints=Constraints(container_listing_limit=5))
    assert proxy.request('GET', '/v1/a/c?limit=6').status == 412
