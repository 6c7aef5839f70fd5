"""Offers and wants of SSYNC: the codec, and what the decisions lead to on all small cases."""
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core import sync_offers
from swift.core.sync_offers import (
    EVERYTHING,
    NOTHING,
    Offer,
    Times,
    Want,
    decide,
    decode_offer,
    decode_want,
    encode_want,
    requests_for,
    safe_to_drop,
)
from swift.core.timestamp import Timestamp

HASH = '9d41d8cd98f00b204e9800998ecf0abc'
OTHER = '0' * 31 + '1'


def times(data, meta=None, ctype=None):
    data = Timestamp(data)
    meta = Timestamp(meta) if meta is not None else data
    return Times(data, meta, Timestamp(ctype) if ctype is not None else data)


@pytest.mark.parametrize('offer, line', [
    (Offer(HASH, times('1700000000.12345')), HASH + ' 1700000000.12345'),
    (Offer(HASH, times('1700000000.12345', '1700000200.00000', '1700000050.00000')),
     HASH + ' 1700000000.12345 m:130fcc7,t:4c1b07'),
    (Offer(HASH, times('1700000000.12345_0000000000000001'), durable=False),
     HASH + ' 1700000000.12345_0000000000000001 durable:False'),
    (Offer(HASH, times('1700000000.00000', '1700000001.00000_2')),
     HASH + ' 1700000000.00000 m:186a0__2'),
    # Without newer metadata a content type has no time of its own.
    (Offer(HASH, Times(Timestamp(1), Timestamp(1), Timestamp(1))), HASH + ' 0000000001.00000'),
])
def test_offers_as_the_protocol_writes_them(offer, line):
    assert offer.encode() == line
    assert decode_offer(line) == offer


def test_unknown_items_are_ignored_and_metadata_does_not_inherit_the_offset():
    offer = decode_offer(HASH + ' 0000000005.00000_1 x:1,m:0,y')
    assert offer.times == Times(Timestamp('5_1'), Timestamp('5'), Timestamp('5_1'))
    assert offer.durable


@pytest.mark.parametrize('line', ['', HASH, HASH + ' x', HASH + ' 1 m:zz', HASH + ' 1 t:',
                                  HASH + ' 0000000005.00000 m:-fffffffffff'])
def test_what_is_no_offer(line):
    with pytest.raises(ValueError):
        decode_offer(line)


def test_wants():
    assert encode_want(HASH, EVERYTHING) == HASH + ' dm'
    assert decode_want(HASH + ' dm') == (HASH, EVERYTHING)
    assert decode_want(HASH + ' m') == (HASH, Want(meta=True))
    assert decode_want(HASH) == (HASH, Want(data=True))
    with pytest.raises(ValueError):
        decode_want('  ')


@given(st.integers(0, 10 ** 14), st.integers(0, 10 ** 9), st.integers(0, 10 ** 9),
       st.integers(0, 5), st.integers(0, 5), st.booleans())
def test_every_offer_survives_the_wire(raw, to_meta, to_ctype, offset, meta_offset, durable):
    data = Timestamp.from_raw(raw, offset)
    meta = Timestamp.from_raw(raw + to_meta, meta_offset)
    ctype = Timestamp.from_raw(raw + min(to_ctype, to_meta)) if meta != data else data
    offer = Offer(HASH, Times(data, meta, ctype), durable)
    assert decode_offer(offer.encode()) == offer


# States of one object on one node: nothing, ('ts', T), or ('data', T, meta, ctype) with
# T <= meta, T <= ctype <= meta: what a hash directory can hold after clean-up.
TICKS = range(1, 4)
STATES = [None, *(('ts', t) for t in TICKS),
          *(('data', t, m, c) for t in TICKS for m in TICKS for c in TICKS
            if t <= c <= m)]


def times_of(state):
    if state is None:
        return None
    return times(*state[1:]) if state[0] == 'data' else times(state[1])


def apply(local, remote, want):
    """Store what the sub-requests for a want bring."""
    is_deleted = remote[0] == 'ts'
    has_meta = not is_deleted and remote[2] != remote[1]
    for request in requests_for(want, is_deleted, has_meta):
        if request == 'DELETE':
            if local is None or local[1] < remote[1]:
                meta = local[2:] if local and local[0] == 'data' and local[2] > remote[1] else ()
                local = ('ts', remote[1], *meta)
        elif request == 'PUT':
            if local is None or local[1] < remote[1]:
                stray = local[2:] if local and len(local) > 2 else ()
                meta = max(remote[1], *stray[:1], 0) if stray else remote[1]
                ctype = max(remote[1], *stray[1:], 0) if stray else remote[1]
                local = ('data', remote[1], meta, min(ctype, meta))
        elif local and local[0] == 'data':
            local = ('data', local[1], max(local[2], remote[2]), max(local[3], remote[3]))
    return local


def test_after_a_session_nothing_more_of_the_same_offer_is_wanted():
    for local, remote in itertools.product(STATES, STATES):
        if remote is None:
            continue
        offer = Offer(HASH, times_of(remote))
        want = decide(offer, times_of(local), bool(local) and local[0] == 'ts')
        after = apply(local, remote, want)
        again = decide(offer, times(*after[1:2]) if after[0] == 'ts' else times_of(after),
                       after[0] == 'ts')
        if remote[0] == 'ts' and after[0] == 'data':
            assert after[1] >= remote[1], (local, remote)
        else:
            assert again == NOTHING, (local, remote, want, after)
        assert after[1] == max(remote[1], local[1] if local else 0)


def test_nothing_older_is_ever_wanted():
    for local, remote in itertools.product(STATES, STATES):
        if local is None or remote is None:
            continue
        want = decide(Offer(HASH, times_of(remote)), times_of(local), local[0] == 'ts')
        assert not want.data or remote[1] > local[1]
        if local[0] == 'data' and remote[0] == 'data' and remote[1:] == local[1:]:
            assert want == NOTHING


def test_recorded_wants():
    newer_tombstone = Offer(HASH, times(9))
    assert decide(newer_tombstone, times(1)) == EVERYTHING
    assert decide(newer_tombstone, times(1), is_deleted=True) == Want(data=True)
    assert decide(Offer(HASH, times(1, 7)), times(1)) == Want(meta=True)
    assert decide(Offer(HASH, times(1)), times(2)) == NOTHING


def test_metadata_is_wanted_beside_the_data_over_a_tombstone():
    assert decide(Offer(HASH, times(2, 3)), times(1), is_deleted=True) == EVERYTHING


def test_what_may_be_dropped():
    offers = [Offer(HASH, times(1)), Offer(OTHER, times(1, 2))]
    everything = {HASH: times(1), OTHER: times(1, 2)}
    assert safe_to_drop(offers, {}, (), False) == everything
    assert safe_to_drop(offers, {HASH: EVERYTHING}, (), False) == everything
    assert safe_to_drop(offers, {HASH: EVERYTHING}, (HASH,), False) == {OTHER: times(1, 2)}
    assert safe_to_drop(offers, {HASH: EVERYTHING}, (), True) == {OTHER: times(1, 2)}
    # Data was wanted without the metadata that we have: the receiver may lack it.
    assert safe_to_drop(offers, {OTHER: Want(data=True)}, (), False) == {HASH: times(1)}


@pytest.mark.parametrize('failures, successes, hopeless', [
    (9, 0, False), (10, 0, True), (10, 10, False), (11, 10, True), (99, 0, True)])
def test_when_a_session_is_hopeless(failures, successes, hopeless):
    assert sync_offers.is_hopeless(failures, successes, 10, 1.0) is hopeless
