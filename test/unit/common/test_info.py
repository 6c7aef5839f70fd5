"""Info caches: what is stored, where it is looked up, when it is forgotten."""

import json

import pytest

from swift.common import info
from swift.common.swob import Request
from test.support.fake_backend import DictCache
from test.support.proxy import Proxy


def env_of(path, proxy=None, **more):
    env = Request.blank(path).environ
    if proxy is not None:
        env['swift.cache'] = proxy.cache
    return {**env, 'swift.trans_id': 'tx', **more}


@pytest.fixture
def proxy():
    proxy = Proxy()
    proxy.put_container(X_Container_Read='.r:*', X_Container_Meta_Foo='bar')
    proxy.request('PUT', '/v1/a/c/o', {'X-Object-Meta-A': '1', 'Content-Type': 'x/y'}, body=b'xyz')
    proxy.forget()
    proxy.cache.values.clear()
    proxy.metrics.counts.clear()
    return proxy


def test_keys():
    assert info.cache_key('a') == 'account/a'
    assert info.cache_key('a', 'c') == 'container/a/c'
    assert info.cache_key('a', 'c', 'o') == 'object/a/c/o'
    assert info.cache_key('a', 'c', shard='listing') == 'shard-listing-v2/a/c'


def test_account_headers_become_info():
    found = info.headers_to_account_info({
        'X-Account-Container-Count': '3', 'X-Account-Object-Count': '1',
        'X-Account-Bytes-Used': '8', 'X-Account-Storage-Policy-Gold-Container-Count': '3',
        'X-Account-Storage-Policy-Gold-Object-Count': '1',
        'X-Account-Storage-Policy-Gold-Bytes-Used': '8', 'X-Account-Meta-K': 'caf\xc3\xa9',
        'X-Account-Sysmeta-S': 's'}, 204, {'gold': 0})
    assert found == {
        'status': 204, 'container_count': '3', 'total_object_count': '1', 'bytes': '8',
        'storage_policies': {'0': {'container_count': 3, 'object_count': 1, 'bytes': 8}},
        'meta': {'k': 'café'}, 'sysmeta': {'s': 's'}, 'account_really_exists': True}
    fake = info.headers_to_account_info({'X-Backend-Fake-Account-Listing': 'yes'}, 200)
    assert fake['account_really_exists'] is False
    assert 'account_really_exists' not in info.headers_to_account_info({}, 404)


def test_container_headers_become_info():
    found = info.headers_to_container_info({
        'X-Container-Read': 'r', 'X-Container-Write': 'w', 'X-Container-Object-Count': '5',
        'X-Container-Bytes-Used': '6', 'X-Backend-Storage-Policy-Index': '1',
        'X-Container-Meta-Access-Control-Allow-Origin': '*', 'X-Versions-Location': 'v',
        'X-Backend-Sharding-State': 'sharded', 'X-Backend-Timestamp': '1'}, 200)
    assert found['read_acl'] == 'r' and found['write_acl'] == 'w' and found['versions'] == 'v'
    assert found['object_count'] == '5' and found['bytes'] == '6'
    assert found['storage_policy'] == '1' and found['sharding_state'] == 'sharded'
    assert found['cors'] == {'allow_origin': '*', 'expose_headers': None, 'max_age': None}
    assert found['created_at'] == '1' and found['put_timestamp'] is None
    assert info.headers_to_container_info({}, 404)['storage_policy'] == '0'


def test_lookup_asks_the_backend_once_then_memcached(proxy):
    env = env_of('/v1/a/c', proxy)
    found = info.get_container_info(env, proxy.app)
    assert found['status'] == 204 and found['read_acl'] == '.r:*'
    assert found['meta'] == {'foo': 'bar'} and found['storage_policy'] == 0
    assert isinstance(found['object_count'], int)
    assert len(proxy.pool.requests('container', 'HEAD')) == 1
    info.get_container_info(env, proxy.app)
    info.get_container_info(env_of('/v1/a/c', proxy), proxy.app)
    assert len(proxy.pool.requests('container')) == 1
    counts = proxy.metrics.counts
    assert counts['container.info.cache.miss.204'] == 1
    assert (counts['container.info.infocache.hit'], counts['container.info.cache.hit']) == (1, 1)


@pytest.mark.parametrize('prefetched', [True, False])
def test_the_first_use_of_a_cached_entry_is_the_hit(proxy, prefetched):
    info.get_account_info(env_of('/v1/a', proxy), proxy.app)
    env = env_of('/v1/a', proxy)
    if prefetched:
        info.prefetch(env, proxy.cache, 'a', None)
    for _ in range(3):
        info.get_account_info(env, proxy.app)
    counts = proxy.metrics.counts
    assert (counts['account.info.cache.hit'], counts['account.info.infocache.hit']) == (1, 2)


def test_callers_get_private_copies(proxy):
    env = env_of('/v1/a/c', proxy)
    info.get_container_info(env, proxy.app)['meta']['foo'] = 'changed'
    info.get_container_info(env, proxy.app)['cors']['max_age'] = 'changed'
    again = info.get_container_info(env, proxy.app)
    assert again['meta'] == {'foo': 'bar'} and again['cors']['max_age'] is None


def test_lookup_hides_the_client_from_the_backend(proxy):
    env = env_of('/v1/a/c?prefix=x', proxy, HTTP_ORIGIN='http://x', HTTP_X_AUTH_TOKEN='secret')
    info.get_container_info(env, proxy.app, swift_source='XX')
    (_, _, target, headers, _), = proxy.pool.requests('container')
    assert target.endswith('?format=json') and 'X-Auth-Token' not in headers


def test_missing_account_answers_with_status_zero():
    proxy = Proxy(account_autocreate='no')
    assert info.get_container_info(env_of('/v1/a/c', proxy), proxy.app)['status'] == 0
    assert info.get_container_info(env_of('/v1/.a/c', proxy), proxy.app)['status'] == 404


def test_failing_backend_is_503_and_not_remembered(proxy):
    for node in proxy.nodes:
        node.failing = {'container': 500}
    assert info.get_container_info(env_of('/v1/a/c', proxy), proxy.app)['status'] == 503
    assert 'container/a/c' not in proxy.cache.values


def test_account_info_counts_are_numbers(proxy):
    found = info.get_account_info(env_of('/v1/a', proxy), proxy.app)
    assert found['status'] == 204 and found['container_count'] >= 0
    assert found['storage_policies'] == {} and found['account_really_exists'] is True


def test_object_info_is_kept_for_the_request_only(proxy):
    env = env_of('/v1/a/c/o', proxy)
    found = info.get_object_info(env, proxy.app)
    assert (found['status'], found['length'], found['type']) == (200, '3', 'x/y')
    assert found['meta'] == {'a': '1'}
    info.get_object_info(env, proxy.app, '/v1/a/c/o')
    assert len(proxy.pool.requests('object', 'HEAD')) == 1
    assert not [key for key in proxy.cache.values if key.startswith('object/')]


def test_names_are_raw_text_in_keys():
    proxy = Proxy()
    proxy.put_container('caf%C3%A9')
    info.get_container_info(env_of('/v1/a/caf%C3%A9', proxy), proxy.app)
    assert 'container/a/café' in proxy.cache.values


def test_prefetch_is_one_trip_and_remembers_misses(proxy):
    proxy.request('HEAD', '/v1/a/c')
    proxy.cache.values['token'] = json.dumps('t')
    proxy.cache.trips.clear()
    env = env_of('/v1/a/c', proxy)
    assert info.prefetch(env, proxy.cache, 'a', 'c', ('token', 'other')) == {'token': 't'}
    assert proxy.cache.trips == [('get_many', ('account/a', 'container/a/c', 'token', 'other'))]
    info.get_container_info(env, proxy.app)
    assert len(proxy.cache.trips) == 1
    empty = env_of('/v1/b/c', proxy)
    info.prefetch(empty, proxy.cache, 'b', 'c')
    info.get_account_info(empty, proxy.app)
    assert ('get', 'account/b') not in proxy.cache.trips


def test_clear_forgets_both_levels_and_waits():
    cache = DictCache()
    env = {'swift.cache': cache}
    info.set_info_cache(env, 'container/a/c', {'status': 204}, 60)
    assert cache.times == {'container/a/c': 60}
    info.clear_info_cache(env, 'a', 'c')
    assert cache.values == {} and env['swift.infocache'] == {}
    info.prefetch(env, cache, 'a', 'c')
    info.clear_info_cache(env, 'a', 'c')
    cache.set('container/a/c', {'status': 404})
    assert info.cached_info(env, 'container/a/c') == {'status': 404}


@pytest.mark.parametrize('entry', ['text', [], {}, {'status': '204'}, {'status': None}])
def test_what_is_no_entry_in_memcached_is_a_miss(entry):
    proxy = Proxy()
    proxy.put_container()
    for key in ('account/a', 'container/a/c'):
        proxy.cache.set(key, entry)
    assert proxy.request('GET', '/v1/a/c').status == 200
    proxy.cache.set('container/a/c', entry)
    assert proxy.request('GET', '/v1/a/c/o').status == 404
    env = env_of('/v1/a/c', proxy)
    proxy.cache.set('container/a/c', entry)
    info.prefetch(env, proxy.cache, 'a', 'c')
    assert info.get_container_info(env, proxy.app)['status'] == 204


def test_entries_may_lack_what_a_peer_does_not_know():
    proxy = Proxy()
    for key in ('account/a', 'container/a/c'):
        proxy.cache.set(key, {'status': 204})
    assert proxy.request('GET', '/v1/a/c/o').status == 404
    env = env_of('/v1/a/c', proxy)
    assert info.get_account_info(env, proxy.app)['sysmeta'] == {}
    assert info.get_container_info(env, proxy.app)['meta'] == {}


@pytest.mark.parametrize('status,ttl', [(200, 60), (204, 60), (404, 6), (410, 6), (503, None),
                                        (401, None), (0, None)])
def test_only_certain_statuses_are_remembered(status, ttl):
    cache = DictCache()
    info.set_info_cache({'swift.cache': cache}, 'account/a', {'status': status}, 60)
    assert cache.times.get('account/a') == ttl


def test_entry_just_read_is_not_written_again():
    proxy = Proxy()
    proxy.put_container()
    proxy.request('HEAD', '/v1/a/c')
    env = {}
    info.prefetch(env, proxy.cache, 'a', 'c')
    proxy.cache.trips.clear()
    proxy.request('HEAD', '/v1/a/c', **env)
    assert not [trip for trip in proxy.cache.trips if trip == ('set', 'container/a/c')]


def test_skip_share_goes_to_the_backend():
    proxy = Proxy(container_existence_skip_cache_pct='100')
    proxy.put_container()
    for _ in range(2):
        info.get_container_info(env_of('/v1/a/c', proxy), proxy.app)
    assert len(proxy.pool.requests('container', 'HEAD')) == 2
    env = env_of('/v1/a/c', proxy)
    info.prefetch(env, proxy.cache, 'a', 'c')
    info.get_container_info(env, proxy.app)
    assert len(proxy.pool.requests('container', 'HEAD')) == 3
    assert proxy.metrics.counts['container.info.cache.skip.204'] == 3


def test_versions_container_adds_its_bytes(proxy):
    for node in proxy.nodes:
        for key in list(node.containers):
            node.containers[key]['X-Container-Sysmeta-Versions-Container'] = 'c'
    assert info.get_container_info(env_of('/v1/a/c', proxy), proxy.app)['bytes'] == 0


def test_cache_only_never_asks(proxy):
    found = info.get_container_info(env_of('/v1/a/c', proxy), proxy.app, cache_only=True)
    assert found['status'] == 0 and proxy.pool.requests() == []
