"""The numbers of swift-recon."""
import itertools

import pytest

from swift.core import recon_stats
from swift.core.recon_stats import Disk


def test_statistics_of_all_small_sets():
    for values in itertools.chain.from_iterable(
            itertools.product((None, 0, 1, 5), repeat=size) for size in range(5)):
        found = recon_stats.statistics(values)
        known = [value for value in values if value is not None]
        assert found.reported == len(known) and found.no_result == values.count(None)
        assert found.total == sum(known)
        if known:
            assert found.low <= found.average <= found.high
            assert {found.low, found.high} <= set(known)
        if values:
            assert found.failed_percent == pytest.approx(100 * values.count(None) / len(values))


@pytest.mark.parametrize('values, expected', [
    ([1, 3], '[x] low: 1, high: 3, avg: 2.0, total: 4, Failed: 0.0%, no_result: 0, reported: 2'),
    ([1.9, None, 2.25], '[x] low: 1, high: 2, avg: 2.1, total: 4, Failed: 33.3%, no_result: 1, '
                        'reported: 2'),
    ([0], '[x] low: 0, high: 0, avg: 0.0, total: 0, Failed: 0.0%, no_result: 0, reported: 1'),
    ([], '[short] - No hosts returned valid data.'),
    ([None, None], '[short] - No hosts returned valid data.')])
def test_lines(values, expected):
    assert recon_stats.line('x', values, 'short') == expected


@pytest.mark.parametrize('entry, expected', [
    ({'errors': 2}, 2), ({'sda': {'errors': 1}, 'sdb': {'errors': 4}}, 5), ({'errors': None}, None),
    ({}, None), (None, None), ({'sda': {}}, None), ({'sda': {'other': 1}}, None)])
def test_nested_values_are_summed(entry, expected):
    assert recon_stats.nested_sum(entry, 'errors') == expected


@pytest.mark.parametrize('seconds, expected', [
    (0, (0, 'seconds')), (59.9, (59, 'seconds')), (60, (1, 'minutes')), (3599, (59, 'minutes')),
    (3600, (1, 'hours')), (86399, (23, 'hours')), (86400, (1, 'days')), (10 ** 8, (1157, 'days'))])
def test_time_units(seconds, expected):
    assert recon_stats.time_unit(seconds) == expected


@pytest.mark.parametrize('size, expected', [
    (0, '0 bytes'), (999, '999 bytes'), (1000, '1 kB'), (1999, '1 kB'), (83745300480, '83 GB'),
    (10 ** 24, '1 YB'), (10 ** 28, '10000 YB')])
def test_sizes(size, expected):
    assert recon_stats.size_text(size, True) == expected
    assert recon_stats.size_text(size, False) == str(size)


def test_graph_is_scaled_to_the_most_common_percentage():
    assert recon_stats.graph([12.5, 12.9, 7.0, 100]) == [
        '  7%    1 ' + '*' * 34, ' 12%    2 ' + '*' * 69, '100%    1 ' + '*' * 34]
    assert recon_stats.graph([]) == []


def test_usage():
    disks = [Disk('10.0.0.1', 'sda', 25, 75), Disk('10.0.0.2', 'sdb', 50, 50),
             Disk('10.0.0.2', 'sdc', 0, 0)]
    assert recon_stats.usage_lines(disks, False)[-3:] == [
        'Disk usage: space used: 75 of 200', 'Disk usage: space free: 125 of 200',
        'Disk usage: lowest: 0.0%, highest: 50.0%, avg: 37.5%']
    assert recon_stats.usage_lines([], False) == ['No hosts returned valid data.']
    assert [str(disk) for disk in recon_stats.fullest(disks, 2)] == [
        '50.00%  10.0.0.2        sdb', '25.00%  10.0.0.1        sda']
    assert [disk.device for disk in recon_stats.emptiest(disks, 9)] == ['sdc', 'sda', 'sdb']


@pytest.mark.parametrize('remote, jitter, expected', [
    (10, 0, True), (11, 0, True), (9.9, 0, False), (11.1, 0, False), (9.9, 0.1, True),
    (11.2, 0.1, False)])
def test_time_window(remote, jitter, expected):
    assert recon_stats.is_in_sync(remote, 10, 11, jitter) is expected


def test_extremes():
    assert recon_stats.extremes({}) is None
    assert recon_stats.extremes({'a': 5, 'b': 0, 'c': 9}) == ('b', 'c')
