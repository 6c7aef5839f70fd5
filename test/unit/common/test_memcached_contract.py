"""The cache's contract, kept alike by the client with a real memcached and by the tests' fake.

The real one is also read by an independent client, which must find what we wrote, and the other
way round.
"""
import json

import memcache
import pytest

from swift.common.memcached import MemcacheRing
from swift.core.memcache_ring import hash_key
from test.support.fake_cache import FakeCache
from test.support.memcached_server import real_memcached

INFO = {'status': 204, 'bytes': '8', 'meta': {'colour': 'café'}, 'sysmeta': {}, 'sync_to': None}


@pytest.fixture(scope='module')
def address():
    with real_memcached() as address:
        yield address


@pytest.fixture
def ring(address, request):
    ring = MemcacheRing([address])
    memcache.Client([address]).flush_all()
    yield ring
    ring.close()


@pytest.fixture(params=['real', 'fake'])
def cache(request):
    if request.param == 'fake':
        return FakeCache()
    return request.getfixturevalue('ring')


def test_get_of_nothing_is_none(cache):
    assert cache.get('account/a') is None


def test_set_get_delete(cache):
    cache.set('account/a', INFO, time=60)
    assert cache.get('account/a') == INFO
    cache.delete('account/a')
    assert cache.get('account/a') is None
    cache.delete('account/a')


def test_a_tuple_comes_back_as_a_list(cache):
    cache.set('t', (1.5, 'a,b'))
    assert cache.get('t') == [1.5, 'a,b']


def test_bytes_come_back_as_text(cache):
    cache.set('b', 'café'.encode())
    assert cache.get('b') == 'café'


def test_set_replaces(cache):
    cache.set('k', 1)
    cache.set('k', 'two')
    assert cache.get('k') == 'two'


def test_counters(cache):
    assert cache.incr('n') == 1
    assert cache.incr('n', 5, time=60) == 6
    assert cache.decr('n', 2) == 4
    assert cache.decr('n', 100) == 0
    assert cache.decr('m', 3) == 0
    assert cache.incr('m', delta=-1) == 0


def test_multi(cache):
    cache.set_multi({'a': 1, 'b': [2]}, 'server', time=60)
    assert cache.get_multi(['b', 'x', 'a'], 'server') == [[2], None, 1]
    cache.set_multi({}, 'server')


def test_get_many_returns_what_is_there(cache):
    cache.set('account/a', INFO)
    cache.set('container/a/c', {'status': 200})
    assert cache.get_many(['account/a', 'container/a/c', 'token']) == {
        'account/a': INFO, 'container/a/c': {'status': 200}}
    assert cache.get_many([]) == {}


def test_names_that_are_no_ascii(cache):
    cache.set('container/AUTH_tëst/café ☃', 'v')
    assert cache.get_many(['container/AUTH_tëst/café ☃']) == {'container/AUTH_tëst/café ☃': 'v'}


# -- with an independent client --------------------------------------------------------------

class RawClient(memcache.Client):
    """python-memcached, but showing (flags, bytes) instead of guessing what they mean."""

    def _recv_value(self, server, flags, rlen):
        data = server.recv(rlen + 2)
        return flags, data[:rlen]


@pytest.fixture
def other(address):
    client = RawClient([address])
    yield client
    client.disconnect_all()


def test_another_client_reads_what_we_wrote(ring, other):
    ring.set('account/a', INFO)
    flags, data = other.get(hash_key('account/a'))
    assert flags == 2
    assert data == json.dumps(INFO).encode()
    ring.incr('n', 7)
    assert other.get(hash_key('n')) == (0, b'7')
    ring.set('raw', b'\xff\x00', serialize=False)
    assert other.get(hash_key('raw')) == (0, b'\xff\x00')


def test_we_read_what_another_client_wrote(ring, other):
    other.set(hash_key('text'), 'plain')
    assert ring.get('text') in (b'plain', None)
    other.set(hash_key('pickled'), {'a': 1})
    assert ring.get('pickled') is None
    assert ring.get_many(['pickled']) == {}


def test_expired_and_deleted_by_others(ring, other):
    ring.set('gone', 1, time=-1)
    assert ring.get('gone') is None
    ring.set('there', 1, time=40 * 24 * 3600)
    assert ring.get('there') == 1
    other.delete(hash_key('there'))
    assert ring.get('there') is None


def test_large_values_come_in_many_pieces(ring):
    value = 'x' * 900_000
    ring.set('big', value)
    assert ring.get('big') == value
    assert ring.get_many(['big', 'none']) == {'big': value}


def test_too_large_values_are_refused_without_harm(ring):
    ring.set('big', 'x' * 2_000_000)
    assert ring.get('big') is None
    ring.set('small', 1)
    assert ring.get('small') == 1
