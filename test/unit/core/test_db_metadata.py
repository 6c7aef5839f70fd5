"""The metadata column: laws of merging, limits, deletion (sheet 03 §6)."""
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from swift.core import db_metadata

# One value per key and time, so that equal times mean equal values.
UPDATES = st.dictionaries(st.sampled_from('abc'), st.integers(1, 4).map(
    lambda time: ('' if time == 3 else f'v{time}', f'{time}')), max_size=3)


def fold(updates):
    stored = {}
    for update in updates:
        stored = db_metadata.merge(stored, update) or stored
    return stored


@given(st.lists(UPDATES, max_size=4))
def test_any_order_gives_the_same_metadata(updates):
    assert len({tuple(sorted(fold(order).items())) for order in permutations(updates)}) <= 1


@given(UPDATES, UPDATES)
def test_merging_again_changes_nothing(first, second):
    stored = fold([first, second])
    assert db_metadata.merge(stored, first) is None
    assert db_metadata.merge(stored, stored) is None


def test_ties_keep_what_is_stored():
    assert db_metadata.merge({'A': ('old', '1')}, {'A': ('new', '1')}) is None


def test_column_round_trip():
    text = '{"X-Container-Meta-Color": ["blue", "1700000005.00000"]}'
    assert db_metadata.serialise(db_metadata.parse(text)) == text
    assert db_metadata.parse('') == db_metadata.parse(None) == {}


def test_deleted_removes_all_but_kept_keys():
    stored = {'A': ('1', '1'), 'X-Keep': ('2', '1'), 'New': ('3', '9')}
    assert db_metadata.deleted(stored, '5', ('x-keep',)) == {
        'A': ('', '5'), 'X-Keep': ('2', '1'), 'New': ('3', '9')}


def test_reclaimed_drops_old_removals_only():
    stored = {'A': ('', '1'), 'B': ('', '5'), 'C': ('x', '1')}
    assert db_metadata.reclaimed(stored, '5') == {'B': ('', '5'), 'C': ('x', '1')}


def test_limits_count_client_metadata_only():
    prefix = 'x-account-meta-'
    many = {f'X-Account-Meta-{number}': ('v', '1') for number in range(3)}
    many['X-Account-Sysmeta-Big'] = ('v' * 5000, '1')
    many['X-Account-Meta-Gone'] = ('', '1')
    assert db_metadata.limit_problem(many, prefix, 3, 6) is None
    assert db_metadata.limit_problem(many, prefix, 2, 6) == 'Too many metadata items; max 2'
    assert db_metadata.limit_problem(many, prefix, 3, 5) == 'Total metadata too large; max 5'
    bad = {'X-Account-Meta-A': ('\udcff', '1')}
    assert db_metadata.limit_problem(bad, prefix, 9, 99) == 'Metadata must be valid UTF-8'
