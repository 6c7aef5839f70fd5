"""Which suffixes differ, whom to ask, what may be left out: all small cases."""
import itertools
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core import suffix_diff
from swift.core.suffix_diff import InSync, Outcome, PeerRound

HASHES = st.dictionaries(st.sampled_from(['abc', 'def', '012', 'fff']),
                         st.sampled_from(['x', 'y', None]))


def node(number, region=1):
    return SimpleNamespace(id=number, region=region)


@given(HASHES, HASHES)
def test_only_what_we_have_and_they_have_not_is_sent(local, remote):
    found = suffix_diff.differing(local, remote)
    assert found == sorted(found)
    assert set(found) == {suffix for suffix in local
                          if suffix not in remote or local[suffix] != remote[suffix]}


@given(st.lists(HASHES, min_size=2, max_size=4))
def test_pushing_in_any_order_brings_all_suffixes_everywhere(nodes):
    # Each hash stands for a set of versions; a push unites the sets of the suffixes that differ.
    held = [{suffix: frozenset((digest,)) for suffix, digest in one.items()} for one in nodes]
    for source, target in itertools.permutations(range(len(held)), 2):
        for suffix in suffix_diff.differing(held[source], held[target]):
            held[target][suffix] = held[target].get(suffix, frozenset()) | held[source][suffix]
    for source, target in itertools.permutations(range(len(held)), 2):
        for suffix in suffix_diff.differing(held[source], held[target]):
            held[target][suffix] |= held[source][suffix]
    assert all(one == held[0] for one in held)


def test_each_partition_is_listed_once_in_ten_passes():
    for part in range(30):
        assert sum(suffix_diff.is_listing_due(part, count) for count in range(10)) == 1


def run(peers, outcomes, handoffs=(), home=1, enough=0):
    """Return the ids asked, given the outcome of each node, and the round."""
    peer_round = PeerRound(peers, iter(handoffs), home, enough)
    asked = []
    for one in peer_round:
        asked.append(one.id)
        peer_round.note(one, outcomes.get(one.id, Outcome.IN_SYNC))
    return asked, peer_round


def test_all_primaries_are_asked_and_no_handoff():
    asked, peer_round = run([node(1), node(2)], {}, [node(9)])
    assert asked == [1, 2] and peer_round.all_primaries_in_sync


def test_a_handoff_takes_the_place_of_an_absent_device():
    asked, peer_round = run([node(1), node(2)], {1: Outcome.UNMOUNTED, 9: Outcome.UNMOUNTED},
                            [node(9), node(8), node(7)])
    assert asked == [1, 2, 9, 8] and not peer_round.all_primaries_in_sync


def test_with_enough_copies_left_no_handoff_is_asked():
    assert run([node(1), node(2)], {1: Outcome.UNMOUNTED}, [node(9)], enough=1)[0] == [1, 2]
    assert run([node(1), node(2)], {1: Outcome.UNMOUNTED}, [node(9)], enough=2)[0] == [1, 2, 9]


def test_one_node_of_a_far_region_is_sent_to():
    peers = [node(1, 2), node(2, 2), node(3, 1), node(4, 1)]
    sent = dict.fromkeys(range(1, 5), Outcome.SENT)
    assert run(peers, sent)[0] == [1, 3, 4]
    # A failure does not serve the region, and neither does being in sync.
    assert run(peers, {1: Outcome.FAILED})[0] == [1, 2, 3, 4]


@pytest.mark.parametrize('results, enough, may', [
    ((), 0, False), ((True, True), 0, True), ((True, False), 0, False), ((True, False), 1, True),
    ((True, False, True), 2, True), ((True, False, False), 2, False), ((False,), 1, False)])
def test_when_a_handoff_may_go(results, enough, may):
    assert suffix_diff.handoff_may_go(results, enough) is may


def test_handoff_delete_beyond_all_replicas_is_ignored():
    assert suffix_diff.effective_handoff_delete(2, (3.0, 2.0)) == 2
    assert suffix_diff.effective_handoff_delete(3, (3.0, 2.0)) == 0
    assert suffix_diff.effective_handoff_delete(1, ()) == 0


def test_when_tokens_can_replace_hashes():
    known = InSync('a', {1: 'b', 2: 'c'}, 1000.0)
    may = suffix_diff.may_skip
    assert may(known, 'a', (2, 1), 1010.0, 60)
    assert not may(None, 'a', (1, 2), 1010.0, 60)
    assert not may(known, 'x', (1, 2), 1010.0, 60)
    assert not may(known, None, (1, 2), 1010.0, 60)
    assert not may(known, 'a', (1, 3), 1010.0, 60)
    assert not may(known, 'a', (1, 2), 1060.0, 60)
    assert not may(known, 'a', (1, 2), 999.0, 60)
    assert not may(known, 'a', (1, 2), 1000.0, 0)


def test_one_changed_or_silent_peer_means_a_comparison():
    known = InSync('a', {1: 'b', 2: 'c'}, 0.0)
    for first, second in itertools.product(('b', 'x', None), ('c', 'x', None)):
        answers = {1: first, 2: second}
        assert suffix_diff.still_in_sync(known, answers.get) is (answers == {1: 'b', 2: 'c'})


def test_only_quiet_lists_count():
    assert suffix_diff.is_settled(10.0, 13.0, 2.0)
    assert not suffix_diff.is_settled(12.0, 13.0, 2.0)
    assert not suffix_diff.is_settled(14.0, 13.0, 2.0)
