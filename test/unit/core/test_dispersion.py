"""The dispersion sample and what it tells."""
from hypothesis import given
from hypothesis import strategies as st

from swift.core.dispersion import Tally, partitions_wanted, sample, time_text


def part_of(name):
    return hash_of(name) % 16


def hash_of(name):
    return sum(ord(letter) * 31 ** place for place, letter in enumerate(name))


@given(st.integers(1, 16), st.sets(st.integers(0, 15), max_size=15))
def test_sample_covers_as_many_partitions_as_wanted_and_none_that_is_taken(share, taken):
    wanted = min(share, 16 - len(taken))
    parts = [part for _name, part in sample('dispersion_0_', part_of, wanted, 0, taken)]
    assert len(parts) == len(set(parts)) == wanted and not taken & set(parts)


@given(st.integers(0, 30))
def test_smaller_numbers_than_the_start_count_as_created(start):
    everything = list(sample('x', part_of, 10))
    assert list(sample('x', part_of, 10, start)) == [
        (name, part) for name, part in everything if int(name[1:]) >= start]


def test_partitions_wanted():
    assert partitions_wanted(262144, 1.0) == 2621
    assert partitions_wanted(16, 1.0) == 1
    assert partitions_wanted(16, 50, taken=12) == 4
    assert partitions_wanted(16, 100, taken=16) == 0


def test_report_of_a_complete_sample():
    tally = Tally(64)
    for _part in range(8):
        tally.add(3, 3)
    assert tally.lines('object') == ['100.00% of object copies found (24 of 24)',
                                     'Sample represents 12.50% of the object partition space']
    assert tally.missing() == {0: 8}


def test_report_of_missing_copies_is_louder_the_fewer_are_left():
    tally = Tally(64, overlapping=2)
    for found in (3, 2, 1, 1, 0):
        tally.add(3, found)
    tally.add(4, 2)
    assert tally.lines('container') == [
        'There were 2 overlapping partitions',
        'There was 1 partition missing 1 copy.',
        '! There were 2 partitions missing 2 copies.',
        'There was 1 partition missing 2 copies.',
        '!!! There was 1 partition missing all copies.',
        '47.37% of container copies found (9 of 19)',
        'Sample represents 9.38% of the container partition space']
    assert tally.missing() == {0: 1, 1: 1, 2: 3, 3: 1}


def test_report_of_nothing():
    assert Tally(64).lines('object') == ['0.00% of object copies found (0 of 0)',
                                         'Sample represents 0.00% of the object partition space']


def test_time_text():
    assert [time_text(seconds) for seconds in (0, 60, 240, 7200)] == ['0s', '60s', '4m', '2h']
