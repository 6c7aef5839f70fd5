"""The rules of database replication: every small case, and the laws over random ones."""
from dataclasses import dataclass, replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.db_sync import (
    Horizons,
    Log,
    Method,
    Times,
    choose,
    effective_handoff_delete,
    is_reclaimable,
    may_leave_handoff,
    peer_order,
    point_after_sync,
)
from swift.core.policy_conflict import PolicyClaim, winner
from swift.core.timestamp import Timestamp

T = ['0', *('17000000%02d.00000' % second for second in range(5))]
times = st.builds(Times, st.sampled_from(T[1:]), st.sampled_from(T), st.sampled_from(T))


@pytest.mark.parametrize('own, remote, point, method', [
    ((5, 'a'), None, -1, Method.WHOLE),
    ((5, 'a'), (5, 'b'), 5, Method.NO_CHANGE),
    ((5, 'a'), (5, 'a'), 4, Method.HASHMATCH),
    ((5, 'a'), (0, 'b'), 4, Method.DIFF),
    ((-1, 'a'), (7, 'b'), -1, Method.NO_CHANGE),
    ((2001, 'a'), (1000, 'b'), -1, Method.REMOTE_MERGE),
    ((2001, 'a'), (1001, 'b'), -1, Method.DIFF),
    ((2000, 'a'), (1000, 'b'), -1, Method.DIFF),
    ((1500, 'a'), (499, 'b'), -1, Method.REMOTE_MERGE),
    ((5000, 'a'), (4000, 'b'), 7, Method.DIFF)])
def test_method(own, remote, point, method):
    assert choose(Log(*own), remote and Log(*remote), point, 1000) is method


@given(st.integers(-1, 9), st.integers(-1, 9), st.integers(-1, 9), st.booleans(), st.integers(0, 5))
def test_nothing_is_left_out(own, remote, point, equal, per_diff):
    method = choose(Log(own, 'a'), Log(remote, 'a' if equal else 'b'), point, per_diff)
    # Rows behind the point are sent, unless they are there already.
    assert (method in (Method.DIFF, Method.REMOTE_MERGE)) == (own > point and not equal)


@given(st.integers(-1, 9), st.integers(-1, 9), st.booleans())
def test_points_grow_only_over_rows_that_are_there(point, max_row, equal):
    after = point_after_sync(point, 'a', Log(max_row, 'a' if equal else 'b'))
    assert after >= point
    assert after == point or (equal and after == max_row)


@given(times, times, times)
def test_merging_times(one, two, three):
    assert one.merged(one) == one
    assert one.merged(two) == two.merged(one)
    assert one.merged(two).merged(three) == one.merged(two.merged(three))


# -- policies ----------------------------------------------------------------------------------

@dataclass(frozen=True)
class Replica:
    """What a container replica has that decides on its policy."""

    index: int
    times: Times
    count: int
    changed: str

    @property
    def claim(self):
        return PolicyClaim(self.index, Timestamp(self.times.put_timestamp),
                           Timestamp(self.times.delete_timestamp), self.count,
                           Timestamp(self.changed))

    def after(self, other, now):
        """Return the replica after it heard of another one's claim."""
        index = winner(self.claim, other.claim).index
        return self if index == self.index else replace(
            self, index=index, changed=max(now, self.changed))


def met(sender, receiver, now):
    """Return both replicas after a `sync`, as rpc.py and sync.py go about it."""
    told = receiver.after(sender, now)
    return (replace(sender.after(told, now), times=sender.times.merged(told.times)),
            replace(told, times=told.times.merged(sender.times)))


claims = st.builds(Replica, st.integers(0, 2), times, st.integers(0, 1), st.sampled_from(T[1:]))


@given(st.lists(claims, min_size=3, max_size=3),
       st.lists(st.sampled_from(list(permutations(range(3), 2))), max_size=6))
def test_all_replicas_end_in_one_policy(replicas, meetings):
    # Equal times keep the local policy, as the original does; there is no telling who was first.
    replicas = [replace(replica, changed=f'{replica.changed[:-1]}{number}')
                for number, replica in enumerate(replicas)]
    everybody = list(permutations(range(3), 2))
    for number, (one, two) in enumerate(meetings + everybody * 3):
        now = '17000001%02d.00000' % number
        replicas[one], replicas[two] = met(replicas[one], replicas[two], now)
    assert len({replica.index for replica in replicas}) == 1
    assert len({replica.times for replica in replicas}) == 1


# -- peers and leaving -------------------------------------------------------------------------

def test_each_pair_of_primaries_meets_in_both_directions():
    for count in range(2, 6):
        pairs = {(own, peer) for own in range(count) for peer in peer_order(count, own)}
        assert pairs == set(permutations(range(count), 2))
    assert peer_order(3, 1) == [2, 0]
    assert peer_order(3, None) == [0, 1, 2]
    assert peer_order(1, 0) == [0]


@pytest.mark.parametrize('results, number, unchanged, leaves', [
    ((True, True, True), 0, True, True), ((True, True, False), 0, True, False),
    ((True, True, False), 2, True, True), ((True, False, False), 2, True, False),
    ((True, True, True), 0, False, False), ((True, True, True), 2, False, False),
    ((), 0, True, False)])
def test_leaving_a_handoff(results, number, unchanged, leaves):
    assert may_leave_handoff(results, number, unchanged) is leaves


def test_more_handoffs_than_replicas_mean_all():
    assert [effective_handoff_delete(number, 3) for number in range(5)] == [0, 1, 2, 0, 0]


def test_reclaiming():
    horizons = Horizons.of(1700000010, 5)
    assert (horizons.age, horizons.syncs) == ('1700000005.00000', '1700000000.00000')
    deleted = Times(T[1], T[2], T[3])
    assert is_reclaimable(deleted, True, horizons)
    assert not is_reclaimable(deleted, False, horizons)
    assert not is_reclaimable(Times(T[1], T[3], T[3]), True, horizons)
    assert not is_reclaimable(Times(T[1], T[2], '1700000005.00000'), True, horizons)
    assert not is_reclaimable(Times(T[1], T[2], '0'), True, horizons)
