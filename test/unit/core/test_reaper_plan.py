"""The reaper's rules by enumeration."""
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.reaper_plan import (
    Round,
    Verdict,
    assigned,
    is_due,
    is_overdue,
    share_of,
    workers,
)


@pytest.mark.parametrize('marked, count, age, delay, due', [
    (True, 1, 1, 0, True), (True, 1, 0, 0, False), (True, 1, 10, 10, False),
    (True, 1, 11, 10, True), (False, 1, 11, 10, False), (True, 0, 11, 10, False)])
def test_which_accounts_are_due(marked, count, age, delay, due):
    assert is_due(marked, count, 1000.0, 1000.0 + age, delay) is due


def test_overdue_is_counted_from_the_end_of_the_delay():
    assert [is_overdue(1000, 1000 + age, 10, 5) for age in (14, 15, 16)] == [False, False, True]


@given(st.text(max_size=20), st.integers(1, 9))
def test_every_container_has_one_primary_to_delete_it(name, shares):
    assert 0 <= share_of(name, shares) < shares


def test_shares_are_the_md5_of_the_name():
    # md5 of c1: a9f7e97965d6cf799a529102a973b8b9
    assert share_of('c1', 1 << 8) == 0xb9
    assert [share_of(name, 3) for name in ('c1', 'c2', 'photos')] == [1, 2, 0]


@pytest.mark.parametrize('concurrency, each', [(1, 1), (3, 1), (4, 2), (25, 5), (30, 5)])
def test_workers(concurrency, each):
    assert workers(concurrency) == each


def test_updates_go_to_all_nodes_from_the_last():
    assert assigned('abc', 3) == ['c', 'b', 'a']
    assert assigned('abc', 2) == ['c', 'b']
    assert assigned('ab', 5) == ['b', 'a', 'b', 'a', 'b']


@pytest.mark.parametrize('statuses', list(product([204, 404, 409, 507, None], repeat=3)))
def test_a_majority_decides_about_a_thing(statuses):
    gone = sum(status in (204, 404) for status in statuses)
    answers = Round(statuses)
    assert answers.failures == 3 - gone
    expected = {0: Verdict.REMAINING, 1: Verdict.POSSIBLY_REMAINING}
    assert answers.verdict is expected.get(gone, Verdict.DELETED)
