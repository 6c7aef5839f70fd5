"""What kernel logs say about drives."""
from datetime import UTC, datetime, timedelta, timezone

import pytest

from swift.core import drive_log
from swift.core.drive_log import DEFAULT_PATTERNS, ErrorCount, compile_patterns, line_time

EAST = timezone(timedelta(hours=2))
NOW = datetime(2024, 1, 1, 0, 30, tzinfo=EAST)


@pytest.mark.parametrize('line, expected', [
    ('Jan  1 00:10:00 host kernel: x', datetime(2024, 1, 1, 0, 10, tzinfo=EAST)),
    ('Dec 31 23:59:59 host kernel: x', datetime(2023, 12, 31, 23, 59, 59, tzinfo=EAST)),
    ('Jan  1 12:00:00 clocks differ', datetime(2024, 1, 1, 12, tzinfo=EAST)),
    ('Jan  3 12:00:00 last year', datetime(2023, 1, 3, 12, tzinfo=EAST)),
    ('2023-12-31T22:20:00.123456+00:00 host', datetime(2023, 12, 31, 22, 20, 0, 123456, UTC)),
    ('2024-01-01T00:20:00Z host', datetime(2024, 1, 1, 0, 20, tzinfo=UTC)),
    ('2024-01-01 00:20:00,5 host', datetime(2024, 1, 1, 0, 20, 0, 500000, EAST)),
    ('Jum  1 00:10:00 x', None), ('Feb 30 00:10:00 x', None), ('2024-13-01T00:00:00 x', None),
    ('kernel: no time', None), ('', None)])
def test_times(line, expected):
    assert line_time(line, NOW) == expected


def test_times_of_february_29_are_of_a_leap_year():
    now = datetime(2025, 3, 1, tzinfo=UTC)
    assert line_time('Feb 29 10:00:00 x', now) == datetime(2024, 2, 29, 10, tzinfo=UTC)


def test_dates_around_a_new_year_are_seen_by_both_sides():
    now = datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert line_time('Jan  1 00:00:01 x', now) == datetime(2024, 1, 1, 0, 0, 1, tzinfo=UTC)


def counted(*lines, patterns=DEFAULT_PATTERNS, minutes=60):
    count = ErrorCount(compile_patterns(patterns), NOW, timedelta(minutes=minutes))
    count.read(lines)
    return count


@pytest.mark.parametrize('text, errors', [
    ('blk_update_request: I/O error, dev sda, sector 5', {'sda': 1}),
    ('sdb1: rw=1, error', {'sdb1': 1}),
    ('error sdaa2 error', {'sdaa2': 1}),                 # a line counts once per drive
    ('error on sda and sdb', {'sdb': 1}),
    ('terror of sda', {}), ('error on nvme0n1', {}), ('error on sdabc', {}), ('all is well', {})])
def test_built_in_patterns(text, errors):
    assert counted('Jan  1 00:10:00 host kernel: ' + text).errors == errors


def test_reading_ends_at_old_lines_and_at_a_boot():
    line = 'Jan  1 00:10:00 h kernel: error sda'
    assert counted(line, line, 'Dec 31 23:30:00 h kernel: x', line).errors == {'sda': 2}
    assert counted(line, 'odd line error sda', line).errors == {'sda': 2}
    for banner in drive_log.BOOT_BANNERS:
        count = counted(line, 'Jan  1 00:09:00 h kernel: %s' % banner, line)
        assert count.errors == {'sda': 1} and count.is_over


def test_own_patterns():
    count = counted('Jan  1 00:10:00 x FAIL(nvme0n1)', patterns=[r'FAIL\((\w+)\)'])
    assert count.errors == {'nvme0n1': 1}
    for wrong in ('(', 'no group'):
        with pytest.raises(ValueError):
            compile_patterns([wrong])


def test_fstab_lines_are_commented_out():
    text = ('# /srv/node/sdb is commented\nLABEL=a / ext4 defaults 0 1\n'
            '/dev/sdb1 /srv/node/sdb xfs noatime 0 0\n/dev/sdc1\t/srv/node/sdb1 xfs\n'
            '/dev/sdd1 /srv/node/a\\040b xfs\n\n')
    changed = drive_log.comment_fstab(text, '/srv/node/sdb')
    assert changed == text.replace('/dev/sdb1', '#/dev/sdb1')
    assert '#/dev/sdd1' in drive_log.comment_fstab(text, '/srv/node/a b')
    assert drive_log.comment_fstab(changed, '/srv/node/sdb') == changed
    assert drive_log.comment_fstab(text, '/nowhere') == text


def test_partitions():
    text = 'major minor  #blocks  name\n\n   8        0  976762584 sda\n   8        1 512 sda1\n'
    assert drive_log.partition_names(text) == {(8, 0): 'sda', (8, 1): 'sda1'}
