"""Placement of keys on memcached servers, against the original's; error windows."""
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.memcache_ring import POINTS_PER_SERVER, ErrorWindow, ServerCircle, hash_key
from test.support.golden import golden_json

RINGS = golden_json('hashing/expected.json')['memcache_rings']
servers = st.lists(st.from_regex(r'\A[a-z]{1,8}:11211\Z'), min_size=1, max_size=6, unique=True)
keys = st.text(max_size=20)


@pytest.mark.parametrize('ring', RINGS, ids=lambda ring: ','.join(ring['servers']))
def test_circle_is_that_of_the_original(ring):
    circle = ServerCircle(ring['servers'], tries=len(ring['servers']))
    points = circle.points
    assert len(points) == ring['points']
    assert points[:8] == [tuple(point) for point in ring['first_points']]
    assert points[-1] == tuple(ring['last_point'])
    for placed in ring['placement']:
        assert hash_key(placed['key']) == placed['key_hash']
        assert circle.candidates(placed['key_hash']) == placed['servers_in_order']
        assert circle.first(placed['key_hash']) == placed['servers_in_order'][0]


def test_keys_are_those_of_the_original():
    golden = golden_json('hashing/expected.json')
    for entry in golden['cache_keys']:
        assert hash_key(entry['key']) == entry['memcached_key']
    for entry in golden['memcache_entries']:
        assert hash_key(entry['key_before_hashing']) == entry['memcached_key']


@given(st.text(max_size=300))
def test_keys_of_any_length_are_their_md5(key):
    assert hash_key(key) == md5(key.encode()).hexdigest()


def test_two_servers_of_the_sheet():
    circle = ServerCircle(['127.0.0.1:11211', '127.0.0.1:11212'])
    assert circle.first(hash_key('container/AUTH_test/c1')) == '127.0.0.1:11211'
    assert circle.first(hash_key('account/AUTH_test')) == '127.0.0.1:11212'


@given(servers, keys, st.integers(1, 8))
def test_candidates_are_distinct_and_as_many_as_tries(names, key, tries):
    candidates = ServerCircle(names, tries).candidates(hash_key(key))
    assert len(candidates) == len(set(candidates)) == min(tries, len(names))
    assert set(candidates) <= set(names)


@given(servers, keys)
def test_order_of_servers_in_the_configuration_does_not_matter(names, key):
    key_hash = hash_key(key)
    one = ServerCircle(names, 9).candidates(key_hash)
    assert one == ServerCircle(names[::-1], 9).candidates(key_hash)


def test_a_server_given_twice_counts_once():
    assert len(ServerCircle(['a:1', 'a:1']).points) == POINTS_PER_SERVER


def test_no_server_is_refused():
    with pytest.raises(ValueError):
        ServerCircle([])


def test_window_limits_after_more_than_the_limit_within_the_interval():
    window = ErrorWindow(limit=2, interval_s=60)
    assert [window.note(now) for now in (0, 10)] == [False, False]
    assert not window.is_limited(10)
    assert window.note(20)
    assert window.is_limited(79.9)
    assert not window.is_limited(80)


def test_window_forgets_old_errors():
    window = ErrorWindow(limit=2, interval_s=60)
    assert not any(window.note(now) for now in (0, 30, 60, 90, 120))


def test_window_starts_afresh_after_a_limit():
    window = ErrorWindow(limit=1, interval_s=10)
    assert [window.note(now) for now in (0, 1, 2, 3)] == [False, True, False, True]


def test_window_without_interval_never_limits():
    window = ErrorWindow(limit=0, interval_s=0)
    assert not any(window.note(0) for _ in range(50))
    assert not window.is_limited(0)


@given(st.lists(st.floats(0, 100), max_size=30), st.integers(0, 4))
def test_window_agrees_with_counting(times, limit):
    window = ErrorWindow(limit, 10)
    recent = []
    for now in sorted(times):
        recent = [then for then in recent if then > now - 10] + [now]
        expected = len(recent) > limit
        assert window.note(now) is expected
        if expected:
            recent = []
