"""Auditors' decisions: order, resume position, pace, numbers."""
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core import audit_plan
from swift.core.audit_plan import CATCH_UP_S, Pace, SizeHistogram, Tally, resume, take_turns


@pytest.mark.parametrize('name, part, suffix, hash_', [
    ('0', True, False, False), ('1023', True, False, False), ('', False, False, False),
    ('12a', False, True, False), ('abc', False, True, False), ('ABC', False, False, False),
    ('123', True, True, False), ('٣', False, False, False), ('-1', False, False, False),
    ('auditor_status_ALL.json', False, False, False), ('hashes.pkl', False, False, False),
    ('0123456789abcdef' * 2, False, False, True), ('0123456789ABCDEF' * 2, False, False, False),
    ('0123456789abcdef' * 2 + '.tmp', False, False, False)])
def test_names_that_are_visited(name, part, suffix, hash_):
    assert audit_plan.is_partition_name(name) is part
    assert audit_plan.is_suffix_name(name) is suffix
    assert audit_plan.is_hash_name(name) is hash_


@pytest.mark.parametrize('listed, status, left', [
    (['3', '1', 'tmp', 'auditor_status_ALL.json'], None, ['3', '1']),
    (['3', '1', '2'], ['2', '1'], ['2', '1']),
    (['3', '1', '2'], [], []),                          # this device is done
    (['3'], ['7', '../x', '7', 3], ['7', '3']),         # gone or foreign: harmless
    ([], None, [])])
def test_a_pass_goes_on_where_it_was_cut(listed, status, left):
    assert resume(listed, status) == left


@pytest.mark.parametrize('text, partitions', [
    ('{"partitions": ["1", "22"]}', ['1', '22']), ('{"partitions": []}', []),
    ('{"partitions": [1]}', ['1']), ('', None), ('{', None), ('[]', None), ('{}', None),
    ('{"partitions": null}', None), ('{"partitions": "12"}', None), (b'\xff\x00', None)])
def test_status_files(text, partitions):
    assert audit_plan.parse_status(text) == partitions
    if partitions is not None:
        assert audit_plan.parse_status(audit_plan.render_status(partitions)) == partitions


def test_cutting_a_pass_anywhere_visits_every_partition():
    """What the status file says at any moment covers what was not visited yet."""
    parts = [str(number) for number in range(6)]
    for cut in range(len(parts) + 1):
        visited = parts[:cut]
        status = audit_plan.parse_status(audit_plan.render_status(parts[max(0, cut - 1):]))
        assert set(visited) | set(resume(parts, status)) == set(parts)


def test_sources_take_turns():
    for sizes in itertools.product(range(4), repeat=3):
        sources = [[(number, index) for index in range(size)]
                   for number, size in enumerate(sizes)]
        merged = list(take_turns(sources))
        assert sorted(merged) == sorted(itertools.chain(*sources))
        assert merged == sorted(merged, key=lambda item: (item[1], item[0]))


@given(st.floats(0.1, 1e7), st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1e6)), min_size=1))
def test_pace_keeps_its_limit(rate, steps):
    """Units let through never exceed the rate by more than what may be caught up with."""
    pace, now, used = Pace(rate), 0.0, 0.0
    for pause, units in steps:
        now += pause
        now += pace.take(now, units)
        assert used <= rate * (now + CATCH_UP_S) * (1 + 1e-6) + 1e-6
        used += units


def test_pace_without_limit_never_waits_and_with_one_is_even():
    assert [Pace(0).take(now) for now in (0, 0, 0)] == [0, 0, 0]
    pace = Pace(10)
    assert [round(pace.take(5.0), 3) for _ in range(4)] == [0, 0.1, 0.2, 0.3]
    assert pace.take(100.0) == 0
    waits = [pace.take(100.0) for _ in range(20)]
    assert waits[0] == 0 and waits[-1] == pytest.approx(1.0)    # a burst of a second, no more


def test_every_database_is_read_whole_once_in_so_many_passes():
    hashes = ['%032x' % (number * 2654435761 << 96) for number in range(1, 200)]
    for every in (1, 2, 7, 48):
        for hash_ in (hash_[-32:] for hash_ in hashes):
            due = [audit_plan.is_full_check_due(hash_, number, every) for number in range(every)]
            assert sum(due) == 1
    assert not any(audit_plan.is_full_check_due(hash_[-32:], 1, 0) for hash_ in hashes)


def test_numbers_for_log_and_recon():
    tally = Tally(100.0, passes=3, quarantined=1, errors=0, bytes_processed=40, audit_time=1.0)
    assert audit_plan.recon_update('ALL', tally, []) == {'object_auditor_stats_ALL': {
        'errors': 0, 'passes': 3, 'quarantined': 1, 'bytes_processed': 40, 'start_time': 100.0,
        'audit_time': 1.0}}
    nested = audit_plan.recon_update('ZBF', tally, ['sdb', 'sda'])
    assert list(nested['object_auditor_stats_ZBF']) == ['sdasdb']
    assert tally.line(4.0).startswith('3 passed, 1 quarantined, 0 errors, files/sec: 1.00, '
                                      'bytes/sec: 10.00')
    assert 'Rate' in tally.line(0.0)


def test_sizes_are_counted_by_the_smallest_limit_that_holds_them():
    histogram = SizeHistogram((100, 10))
    for size in (0, 10, 11, 100, 101, 5000):
        histogram.add(size)
    assert histogram.counts == {'10': 2, '100': 2, 'OVER': 2}
    empty = SizeHistogram(())
    empty.add(5)
    assert empty.counts == {}
