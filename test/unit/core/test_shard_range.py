"""Shard ranges: reading, merging, choosing (sheet 03 §9.3, §15.6, §20.1)."""
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core import shard_range
from swift.core.shard_range import RangeQuery, ShardRange

T = ['%010d.00000' % second for second in range(1, 5)]
OWN = ShardRange('a/c', T[0], meta_timestamp=T[0], state=shard_range.SHARDING,
                 state_timestamp=T[0])


def child(name, lower, upper, state=shard_range.CLEAVED, **fields):
    return ShardRange(f'.shards_a/{name}', T[0], lower, upper, meta_timestamp=T[0], state=state,
                      state_timestamp=T[0], **fields)


CHILDREN = (child('0', '', 'd'), child('1', 'd', 'k'), child('2', 'k', 't', shard_range.CREATED),
            child('3', 't', '', shard_range.FOUND))


@st.composite
def versions(draw):
    """A replica of one range: each part's content depends on its time alone."""
    base, meta, state = (draw(st.integers(0, 3)) for _ in range(3))
    return ShardRange('a/c', T[base], f'l{base}', f'u{base}', meta, meta, T[meta], base % 2,
                      10 * (state + 1), T[state], f'{state}', draw(st.integers(0, 1)), meta)


def essence(item):
    return replace(item, reported=0)


@given(st.lists(versions(), min_size=1, max_size=4))
def test_any_order_gives_the_same_range(items):
    endings = set()
    for order in permutations(items):
        endings.add(essence(shard_range.merge_all({}, order)['a/c']))
    newest = max(item.timestamp for item in items)
    # Whole replacement forgets the parts of older versions, so compare those of one timestamp.
    if all(item.timestamp == newest for item in items):
        assert len(endings) == 1
    assert {ending.timestamp for ending in endings} == {newest}


@given(versions(), versions())
def test_merging_again_changes_nothing(first, second):
    stored = shard_range.merge_all({}, [first, second])
    assert shard_range.merge_all(stored, stored.values()) == {}
    if second.timestamp == first.timestamp:
        assert shard_range.merge(stored['a/c'], replace(second, reported=0)) is None


def test_newer_range_replaces_and_is_not_reported():
    merged = shard_range.merge(OWN, replace(OWN, timestamp=T[1], reported=1))
    assert merged.reported == 0 and merged.timestamp == T[1]


def test_equal_state_times_the_larger_state_wins():
    active = replace(OWN, state=shard_range.ACTIVE)
    assert shard_range.merge(active, OWN).state == shard_range.SHARDING
    assert shard_range.merge(OWN, active) is None


def test_reported_holds_while_the_counts_do():
    reported = replace(OWN, reported=1)
    assert shard_range.merge(reported, OWN) is None
    changed = replace(OWN, object_count=5, meta_timestamp=T[1])
    assert shard_range.merge(reported, changed).reported == 0
    assert shard_range.merge(OWN, reported).reported == 1


@pytest.mark.parametrize('change, error', [
    ({'state': 1}, "ValueError('Invalid state 1')"),
    ({'timestamp': None}, 'ValueError'),
    ({'name': 'nameless'}, 'ValueError'),
    ({'lower': 'z', 'upper': 'a'}, 'ValueError'),
    ({'object_count': -1}, 'ValueError'),
    ({'lower': 5}, 'TypeError'),
])
def test_bad_ranges_are_refused(change, error):
    with pytest.raises((ValueError, TypeError)) as caught:
        ShardRange.from_dict({**OWN.as_dict(), **change})
    assert repr(caught.value).startswith(error)


def test_missing_fields_are_named_in_order():
    with pytest.raises(KeyError, match='timestamp'):
        ShardRange.from_dict({'name': 'a/c'})


def test_from_dict_accepts_old_peers_and_state_names():
    fields = OWN.as_dict()
    del fields['reported'], fields['tombstones']
    assert ShardRange.from_dict({**fields, 'state': 'Sharding'}) == OWN
    assert ShardRange.from_dict({**fields, 'state': '60'}) == OWN


def test_states_by_name_number_and_alias():
    assert shard_range.parse_states('created,40') == {20, 40}
    assert shard_range.parse_states('listing') == shard_range.LISTING_STATES
    with pytest.raises(ValueError):
        shard_range.parse_states('bogus')


def names(**query):
    if isinstance(query.get('states'), str):
        query['states'] = shard_range.parse_states(query['states'])
    found = shard_range.select(RangeQuery(**query), (*CHILDREN, OWN), OWN)
    return [f'{item.name.rpartition("/")[2]}({item.lower},{item.upper}]' for item in found]


@pytest.mark.parametrize('query, expected', [
    ({}, '0(,d] 1(d,k] 2(k,t] 3(t,]'),
    ({'reverse': True}, '3(t,] 2(k,t] 1(d,k] 0(,d]'),
    ({'include_own': True}, '0(,d] 1(d,k] 2(k,t] 3(t,] c(,]'),
    ({'states': 'listing'}, '0(,d] 1(d,k]'),
    ({'states': 'listing', 'fill': True}, '0(,d] 1(d,k] c(k,]'),
    ({'states': 'listing', 'fill': True, 'reverse': True}, 'c(k,] 1(d,k] 0(,d]'),
    ({'states': 'found', 'fill': True, 'marker': 'b', 'end_marker': 'f'}, 'c(b,f]'),
    ({'states': 'listing', 'fill': True, 'end_marker': 'j'}, '0(,d] 1(d,k]'),
    ({'marker': 'd', 'end_marker': 'l'}, '1(d,k] 2(k,t]'),
    ({'marker': 'l', 'end_marker': 'd', 'reverse': True}, '2(k,t] 1(d,k]'),
    ({'marker': 'l', 'end_marker': 'd'}, ''),
    ({'includes': 'd'}, '0(,d]'),
    ({'includes': 'd1'}, '1(d,k]'),
    ({'includes': 'z', 'states': 'updating'}, ''),
])
def test_select(query, expected):
    assert names(**query) == expected.split()


def test_select_hides_deleted_ranges():
    gone = replace(CHILDREN[0], deleted=1)
    assert shard_range.select(RangeQuery(), (gone,), OWN) == []
    assert shard_range.select(RangeQuery(include_deleted=True), (gone,), OWN) == [gone]


def test_equal_bounds_put_the_new_sub_shard_before_its_parent():
    new, parent = child('new', 'a', 'd', shard_range.CREATED), child('0', '', 'd')
    found = shard_range.select(RangeQuery(includes='b'), (parent, new), OWN)
    assert found == [new]


def test_totals_count_live_ranges_that_hold_rows():
    ranges = (child('0', '', 'd', shard_range.ACTIVE, object_count=2, bytes_used=5),
              child('1', 'd', 'k', shard_range.CREATED, object_count=9),
              child('2', 'k', '', shard_range.ACTIVE, object_count=9, deleted=1))
    assert shard_range.totals(ranges) == (2, 5)
