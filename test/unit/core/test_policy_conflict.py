"""Which policy a container has: the rule of two replicas, and its extension to all."""
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.policy_conflict import PolicyClaim, claim_of_headers, decide, winner
from swift.core.timestamp import Timestamp

T = [Timestamp(1700000000 + second) for second in range(10)]
ZERO = Timestamp(0)


def claim(index, put, delete=None, changed=None, count=0):
    return PolicyClaim(index, T[put], ZERO if delete is None else T[delete], count,
                       T[put if changed is None else changed])


@pytest.mark.parametrize('local, remote, index', [
    # neither was ever deleted: the first creation
    (claim(0, 1), claim(1, 2), 0), (claim(0, 2), claim(1, 1), 1),
    # a living one beats a deleted one, whatever the times
    (claim(0, 1, 5, 5), claim(1, 2), 1), (claim(0, 2), claim(1, 1, 5, 5), 0),
    # deleted but not empty is living
    (claim(0, 1, 5, 5, count=1), claim(1, 6, 7, 7), 0),
    # both deleted: the later change
    (claim(0, 1, 5, 5), claim(1, 2, 6, 6), 1), (claim(0, 1, 6, 6), claim(1, 2, 5, 5), 0),
    # one was created again
    (claim(0, 1), claim(1, 6, 5, 6), 1), (claim(0, 6, 5, 6), claim(1, 1), 0),
    # both were: before the newest delete does not count, else the first
    (claim(0, 3, 2, 3), claim(1, 6, 5, 6), 1), (claim(0, 7, 5, 7), claim(1, 6, 5, 6), 1),
    (claim(0, 6, 5, 6), claim(1, 7, 2, 7), 0),
    # ties keep the local one
    (claim(0, 1), claim(1, 1), 0), (claim(1, 1), claim(0, 1), 1),
    (claim(0, 1, 5, 5), claim(1, 2, 5, 5), 0),
])
def test_two_replicas(local, remote, index):
    assert winner(local, remote).index == index


def reference(local, remote):
    """Sheet 03 §18.1, word by word."""
    def deleted(x):
        return x.delete > x.put and x.object_count == 0

    def recreated(x):
        return x.put > x.delete > ZERO
    if deleted(local) != deleted(remote):
        return remote if deleted(local) else local
    if deleted(local):
        return remote if remote.status_changed_at > local.status_changed_at else local
    if recreated(local) != recreated(remote):
        return local if recreated(local) else remote
    if recreated(local):
        newest = max(local.delete, remote.delete)
        if local.put < newest:
            return remote
        if remote.put < newest:
            return local
    return remote if remote.status_changed_at < local.status_changed_at else local


times = st.sampled_from([ZERO, *T[:6]])
claims = st.builds(PolicyClaim, st.integers(0, 9), times, times, st.integers(0, 1), times)


@given(claims, claims)
def test_for_two_it_is_the_rule_of_the_sheet(local, remote):
    assert winner(local, remote) is reference(local, remote)


@given(st.lists(claims, min_size=1, max_size=4, unique_by=lambda one: one.status_changed_at))
def test_the_order_of_hearing_does_not_matter(heard):
    assert len({decide(order) for order in permutations(heard)}) == 1


def test_of_no_claims_there_is_no_winner():
    assert decide([]) is None


def test_headers_of_servers():
    headers = {'X-Backend-Storage-Policy-Index': '1', 'X-Backend-Put-Timestamp': T[1].internal,
               'X-Backend-Delete-Timestamp': T[2].internal, 'X-Container-Object-Count': '3',
               'X-Backend-Status-Changed-At': T[2].internal}
    assert claim_of_headers(headers) == claim(1, 1, 2, 2, count=3)


@pytest.mark.parametrize('put, changed', product(['0000000000.00000', 'x'], repeat=2))
def test_who_never_had_the_container_claims_nothing(put, changed):
    headers = {'X-Backend-Storage-Policy-Index': '0', 'X-Backend-Put-Timestamp': put,
               'X-Backend-Delete-Timestamp': '0', 'X-Backend-Status-Changed-At': changed}
    assert claim_of_headers(headers) is None
    assert claim_of_headers({}) is None
