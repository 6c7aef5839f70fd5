"""Fate of pending updates, their files, rates and the oldest failures."""
from itertools import permutations, product

import pytest

from swift.core.pending_update import (
    Answer,
    Fate,
    OldestFailures,
    Rate,
    judge,
    overtakes,
    sort_files,
)
from swift.core.timestamp import Timestamp


def redirect(device, path, second):
    return Answer(device, 301, path, Timestamp(second))


def test_only_the_newest_file_of_a_hash_is_sent():
    files = sort_files(['aa-1700000001.00000', 'aa-1700000002.00000', 'bb-1700000001.00000',
                        'aa-1700000001.00000_0000000000000001', 'odd', 'a-b-c', '-x'])
    assert files.current == ('bb-1700000001.00000', 'aa-1700000002.00000')
    assert files.outdated == ('aa-1700000001.00000_0000000000000001', 'aa-1700000001.00000')
    assert set(files.strange) == {'odd', 'a-b-c', '-x'}


def row(data, ctype=None, meta=None):
    times = {'X-Timestamp': data, 'X-Content-Type-Timestamp': ctype, 'X-Meta-Timestamp': meta}
    return {name: '170000000%d.00000' % time for name, time in times.items() if time is not None}


@pytest.mark.parametrize('newer, op, older, expected', [
    (row(2), 'PUT', row(1), True), (row(2), 'DELETE', row(1), True),
    (row(2), 'PUT', row(1, 1, 1), True), (row(1, 1, 3), 'PUT', row(1), True),
    (row(1, 2, 3), 'PUT', row(1, 2, 2), True),
    (row(1, 1, 3), 'PUT', row(2), False), (row(1, 1, 3), 'DELETE', row(2), False),
    (row(1, 1, 3), 'PUT', row(1, 2, 2), False),
    # A row of the expirer's queue has the older time of the data as that of its type.
    (row(3, 1), 'DELETE', row(2), True)])
def test_what_a_newer_row_says_of_an_older_one(newer, op, older, expected):
    assert overtakes(newer, op, older) is expected
    assert overtakes(newer, 'PUT', newer) is True


def test_fate_of_every_combination_of_three_answers():
    for statuses in product((0, 201, 204, 404, 507), repeat=3):
        answers = [Answer(number, status) for number, status in enumerate(statuses)]
        outcome = judge(None, (), (), answers)
        good = tuple(number for number, status in enumerate(statuses) if status in (201, 204))
        assert outcome.fate is (Fate.DONE if len(good) == 3 else Fate.KEPT)
        assert outcome.successes == good and outcome.changed == bool(good)


def test_earlier_successes_are_kept_and_count():
    outcome = judge('a/c', (7,), ('a/b',), [Answer(1, 201), Answer(2, 503)])
    assert (outcome.fate, outcome.successes, outcome.history) == (Fate.KEPT, (7, 1), ('a/b',))
    assert judge(None, (1, 2), (), [Answer(3, 201)]).fate is Fate.DONE
    assert judge(None, (1, 2, 3), (), []).fate is Fate.DONE


def test_the_newest_redirect_wins_whatever_the_order():
    answers = [redirect(0, 'a/old', 1), redirect(1, 'a/new', 2), Answer(2, 201)]
    for order in permutations(answers):
        outcome = judge(None, (9,), (), order)
        assert (outcome.fate, outcome.container_path) == (Fate.REDIRECTED, 'a/new')
        assert (outcome.successes, outcome.history) == ((), ('a/new',))


def test_a_place_tried_before_means_back_to_the_root():
    outcome = judge('a/x', (), ('a/x', 'a/y'), [redirect(0, 'a/y', 1)])
    assert (outcome.container_path, outcome.history, outcome.changed) == (None, (), True)


def test_a_redirect_without_target_is_a_failure():
    assert judge(None, (), (), [Answer(0, 301)]).fate is Fate.KEPT


def test_rate_spaces_events_evenly():
    rate = Rate(10)
    assert [rate.take(100.0) for _ in range(3)] == pytest.approx([0, 0.1, 0.2])
    assert not rate.is_free(100.25) and rate.is_free(100.31)
    assert rate.take(200.0) == 0
    assert [Rate(0).take(1.0) for _ in range(3)] == [0, 0, 0]


def test_the_oldest_failures_are_kept():
    failures = OldestFailures(2)
    for container, second in (('c1', 30), ('c2', 20), ('c1', 10), ('c3', 25)):
        failures.add('a', container, Timestamp(second))
    assert [(int(time), container) for time, _account, container in failures.oldest(5)] == [
        (10, 'c1'), (20, 'c2')]
    assert len(failures.oldest(1)) == 1 and len(failures) == 2
