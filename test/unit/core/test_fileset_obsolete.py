"""What a write makes obsolete is the same, told beforehand or found by listing afterwards."""
from itertools import combinations

import pytest

from swift.core.fileset import disposable, judge, obsolete_after

TIMES = ['17000000%02d.00000' % second for second in (10, 20, 30)]
NAMES = [time + ext for time in TIMES for ext in ('.data', '.meta', '.ts')]
NOW, AGE = 1700000040.0, 604800.0


@pytest.mark.parametrize('count', range(4))
def test_it_is_what_a_listing_would_say(count):
    for before in combinations(NAMES, count):
        for added in NAMES:
            verdict = judge(before)
            expected = set(disposable(judge({*before, added}), NOW, AGE))
            assert set(obsolete_after(verdict, added, NOW, AGE)) == expected, (before, added)


def test_old_tombstones_and_strays_go_too():
    verdict = judge([TIMES[0] + '.ts', TIMES[2] + '.meta'])
    later = NOW + AGE
    assert set(obsolete_after(verdict, TIMES[1] + '.ts', later, 1.0)) == {
        TIMES[0] + '.ts', TIMES[1] + '.ts', TIMES[2] + '.meta'}
