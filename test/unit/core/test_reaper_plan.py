"""The reaper's rules by enumeration."""
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.reaper_plan import (
    Round,
    Verdict,
    is_due,
    is_overdue,
    share_of,
    told_by,
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


@pytest.mark.parametrize('requests, nodes, plan', [
    (3, 'abc', ['c', 'b', 'a']), (2, 'abc', ['b', 'ac']), (5, 'ab', ['a', 'b', 'a', 'b', 'a']),
    (1, 'abc', ['abc'])])
def test_all_nodes_are_told(requests, nodes, plan):
    assert told_by(requests, nodes) == [list(names) for names in plan]


@given(st.integers(1, 8), st.integers(1, 8))
def test_nobody_is_forgotten_and_no_request_is_idle(requests, count):
    plan = told_by(requests, range(count))
    assert len(plan) == requests and all(plan)
    assert {node for named in plan for node in named} == set(range(count))


@pytest.mark.parametrize('statuses', list(product([204, 404, 409, 507, None], repeat=3)))
def test_a_majority_decides_about_a_thing(statuses):
    gone = sum(status in (204, 404) for status in statuses)
    answers = Round(statuses)
    assert answers.failures == 3 - gone
    expected = {0: Verdict.REMAINING, 1: Verdict.POSSIBLY_REMAINING}
    assert answers.verdict is expected.get(gone, Verdict.DELETED)
