"""Accounts through the proxy."""

import json

import pytest

from test.support.proxy import Proxy


@pytest.fixture
def proxy():
    return Proxy(allow_account_management='yes')


def test_missing_account_is_shown_empty_with_autocreate(proxy):
    reply = proxy.request('GET', '/v1/a')
    assert (reply.status, reply.body) == (200, b'[]')
    assert reply.headers['X-Account-Container-Count'] == '0'
    assert reply.headers['X-Put-Timestamp'] == reply.headers['X-Timestamp']
    assert 'Accept-Ranges' not in reply.headers
    head = proxy.request('HEAD', '/v1/a')
    assert (head.status, head.headers['Content-Length']) == (200, '0')


def test_missing_account_is_404_without_autocreate():
    proxy = Proxy(account_autocreate='no')
    assert proxy.request('GET', '/v1/a').status == 404
    assert proxy.request('POST', '/v1/a').status == 404


def test_life_of_an_account(proxy):
    assert proxy.request('PUT', '/v1/a', {'X-Account-Meta-Colour': 'red'}).status == 201
    reply = proxy.request('PUT', '/v1/a')
    assert reply.status == 202
    head = proxy.request('HEAD', '/v1/a')
    assert head.status == 204 and head.headers['X-Account-Meta-Colour'] == 'red'
    assert head.headers['Accept-Ranges'] == 'bytes' and 'X-Put-Timestamp' not in head.headers
    assert proxy.request('DELETE', '/v1/a?x=1').status == 400
    gone = proxy.request('DELETE', '/v1/a')
    assert gone.status == 204 and gone.headers['X-Account-Status'] == 'Deleted'
    reply = proxy.request('GET', '/v1/a')
    assert (reply.status, reply.body) == (410, b'')
    reply = proxy.request('PUT', '/v1/a')
    assert (reply.status, reply.body) == (403, b'Recently deleted')
    assert reply.headers['Content-Type'] == 'text/html; charset=UTF-8'
    assert proxy.request('POST', '/v1/a').status == 404
    assert proxy.request('PUT', '/v1/a/c').status == 503
    assert proxy.request('GET', '/v1/a/c').status == 404


def test_management_needs_to_be_allowed():
    proxy = Proxy()
    reply = proxy.request('PUT', '/v1/a')
    assert reply.status == 405 and reply.headers['Allow'] == 'GET, HEAD, OPTIONS, POST'
    assert proxy.request('DELETE', '/v1/a').status == 405
    assert proxy.request('DELETE', '/v1/a?x=1').status == 400


def test_post_creates_a_missing_account_and_stores(proxy):
    assert proxy.request('POST', '/v1/a', {'X-Account-Meta-A': '1'}).status == 204
    assert proxy.request('HEAD', '/v1/a').headers['X-Account-Meta-A'] == '1'
    proxy.request('POST', '/v1/a', {'X-Remove-Account-Meta-A': 'x', 'X-Account-Meta-B': '2'})
    head = proxy.request('HEAD', '/v1/a').headers
    assert 'X-Account-Meta-A' not in head and head['X-Account-Meta-B'] == '2'
    proxy.request('POST', '/v1/a', {'X-Remove-Account-Meta-B': 'x', 'X-Account-Meta-B': '3'})
    assert proxy.request('HEAD', '/v1/a').headers['X-Account-Meta-B'] == '3'


def test_metadata_with_a_foreign_name_can_be_removed(proxy):
    name = 'Caf\xc3\x89'                # UTF-8 as a WSGI string, which lower() would change
    proxy.request('POST', '/v1/a', {'X-Account-Meta-' + name: '1'})
    assert proxy.request('HEAD', '/v1/a').headers['X-Account-Meta-' + name] == '1'
    proxy.request('POST', '/v1/a', {'X-Remove-Account-Meta-' + name: 'x'})
    assert 'X-Account-Meta-' + name not in proxy.request('HEAD', '/v1/a').headers


@pytest.mark.parametrize('headers,body', [
    ({'X-Account-Meta-': 'x'}, b'Metadata name cannot be empty'),
    ({'X-Account-Meta-A': 'v' * 257}, b'Metadata value longer than 256: x-account-meta-A'),
    ({'X-Account-Meta-A': '\xff'}, b'Metadata must be valid UTF-8')])
def test_metadata_rules(proxy, headers, body):
    for method in ('PUT', 'POST'):
        reply = proxy.request(method, '/v1/a', headers)
        assert (reply.status, reply.body) == (400, body)
        assert reply.headers['Content-Type'] == 'text/plain'


def test_long_names_are_refused_but_deletable(proxy):
    path = '/v1/' + 'a' * 257
    for method in ('GET', 'HEAD', 'PUT', 'POST'):
        reply = proxy.request(method, path)
        assert reply.status == 400
    assert proxy.request('GET', path).body == b'Account name length of 257 longer than 256'
    assert proxy.request('DELETE', path).status == 404


def test_listing_is_always_asked_for_in_json(proxy):
    proxy.put_container()
    proxy.request('GET', '/v1/a?format=xml&marker=x&limit=3')
    targets = [target for _, _, target, _, _ in proxy.pool.requests('account', 'GET')]
    assert targets[0].partition('?')[2] == 'marker=x&limit=3&format=json'


def test_acl_metadata_is_shown_to_owners_only(proxy):
    acl = {'admin': ['x'], 'read-only': ['é']}
    proxy.request('POST', '/v1/a', {'X-Account-Sysmeta-Core-Access-Control': json.dumps(acl)})
    reply = proxy.request('HEAD', '/v1/a')
    assert reply.headers['X-Account-Access-Control'] == (
        '{"admin":["x"],"read-only":["\\u00e9"]}')
    assert 'X-Account-Sysmeta-Core-Access-Control' not in reply.headers
    other = proxy.request('HEAD', '/v1/a', owner=False)
    assert 'X-Account-Access-Control' not in other.headers


def test_owner_headers_are_stripped_for_others(proxy):
    proxy.request('POST', '/v1/a', {'X-Account-Meta-Temp-Url-Key': 'k', 'X-Account-Meta-A': '1'})
    assert proxy.request('GET', '/v1/a').headers['X-Account-Meta-Temp-Url-Key'] == 'k'
    headers = proxy.request('GET', '/v1/a', owner=False).headers
    assert 'X-Account-Meta-Temp-Url-Key' not in headers and headers['X-Account-Meta-A'] == '1'


def test_writes_send_metadata_but_no_other_client_headers(proxy):
    proxy.request('PUT', '/v1/a', {'X-Account-Meta-A': '1', 'X-Auth-Token': 'secret',
                                   'Cookie': 'c', 'X-Backend-Foo': 'b', 'X-Container-Meta-B': '2'})
    (_, _, _, headers, _), *rest = proxy.pool.requests('account', 'PUT')
    assert len(rest) == 2
    assert headers['X-Account-Meta-A'] == '1' and headers['X-Backend-Foo'] == 'b'
    assert not {'X-Auth-Token', 'Cookie', 'X-Container-Meta-B'} & set(headers)
    assert headers['X-Trans-Id'] == 'tx-test'
    assert headers['Referer'] == 'PUT http://localhost:80/v1/a'
    assert headers['User-Agent'].startswith('proxy-server ')


def test_cache_is_cleared_before_and_filled_by_reads(proxy):
    proxy.request('PUT', '/v1/a')
    proxy.request('HEAD', '/v1/a')
    assert json.loads(proxy.cache.values['account/a'])['status'] == 204
    assert proxy.cache.times['account/a'] == 60
    proxy.cache.trips.clear()
    proxy.request('POST', '/v1/a', {'X-Account-Meta-A': '1'})
    assert proxy.cache.trips[0] == ('delete', 'account/a')
    assert 'account/a' not in proxy.cache.values


def test_replication_network_on_request(proxy):
    calls = []
    request = proxy.pool.request
    proxy.pool.request = lambda address, *a, **k: calls.append(address) or request(
        (address[0], address[1] - 1000), *a, **k)
    proxy.request('GET', '/v1/a', {'X-Backend-Use-Replication-Network': 'true'})
    assert {port for _ip, port in calls} == {7002}
