"""Letting other requests run in the middle of a body."""
import pytest

from swift.obj.cooperation import turns


@pytest.mark.parametrize('period, pauses', [(0, []), (1, [1, 2, 3, 4]), (2, [2, 4]), (5, [])])
def test_others_run_after_every_so_many_chunks(period, pauses):
    moved, seen = [], []
    took = turns(period, 100, lambda: seen.append(len(moved)))
    for _chunk in range(4):
        moved.append(100)
        took(100)
    assert seen == pauses


def test_larger_steps_count_for_what_they_are():
    seen = []
    took = turns(4, 100, lambda: seen.append(True))
    for size in (300, 200, 399):
        took(size)
    assert len(seen) == 1
