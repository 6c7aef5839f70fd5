import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.ranges import (
    MAX_OVERLAPPING_PAIRS,
    MAX_RANGES,
    MultipartPlan,
    Range,
    content_range,
    is_abusive,
    parse_content_range,
)


def resolve(header, length=11):
    wanted = Range.parse(header)
    return wanted.resolve(length) if wanted else 'void'


@pytest.mark.parametrize('header, expected', [
    ('bytes=0-4', [(0, 5)]), ('bytes=6-', [(6, 11)]), ('bytes=-5', [(6, 11)]),
    ('bytes=0-0', [(0, 1)]), ('bytes=10-10', [(10, 11)]), ('bytes=0-1000', [(0, 11)]),
    ('bytes=-1000', [(0, 11)]), ('bytes= 0 - 4', [(0, 5)]), ('BYTES=0-4', [(0, 5)]),
    ('bytes=+1-4', [(1, 5)]), ('bytes=11-', []), ('bytes=100-200', []), ('bytes=-0', []),
    ('bytes=3-4,0-1', [(3, 5), (0, 2)]), ('bytes=0-1, 3-4, -2', [(0, 2), (3, 5), (9, 11)]),
    ('bytes=0-1,100-200', [(0, 2)]), ('bytes=100-,200-', []), ('bytes=-0,0-1', [(0, 2)]),
    ('bytes=0-10,0-10', [(0, 11), (0, 11)]), ('bytes=0-5,2-7,4-9', []),
    ('bytes=9-9,8-8,7-7,6-6,5-5,4-4,3-3,2-2,1-1', []),
    ('bytes=8-8,7-7,6-6,5-5,4-4,3-3,2-2', [(n, n + 1) for n in range(8, 1, -1)]),
    ('bytes=' + ','.join(['0-0'] * 51), []),
])
def test_ranges_of_eleven_bytes(header, expected):
    assert resolve(header) == expected


@pytest.mark.parametrize('header', [
    None, '', 'bytes=', 'bytes=-', 'bytes=5-3', 'bytes=a-b', 'items=0-4', 'bytes 0-4',
    'bytes=0-4;', 'bytes=1.0-4', 'bytes=0-4,', 'bytes=,0-4', 'bytes=--1', 'bytes=0--1',
    'bytes=0-1,5-3', 'bytes=-+1', 'bytes=\xb2-', 'bytes=' + '1' * 100 + '-', '0-4'])
def test_one_bad_item_makes_the_header_void(header):
    assert Range.parse(header) is None


@pytest.mark.parametrize('header, expected', [
    ('bytes=-5', None), ('bytes=0-1,-5', None), ('bytes=-0', []), ('bytes=0-', []),
    ('bytes=0-5', [])])
def test_ranges_of_nothing(header, expected):
    assert resolve(header, 0) == expected


def test_limits_at_both_sides():
    def apart(n):
        return [(2 * k, 2 * k + 1) for k in range(n)]
    assert not is_abusive(apart(MAX_RANGES)) and is_abusive(apart(MAX_RANGES + 1))
    assert not is_abusive(apart(7)[::-1]) and is_abusive(apart(8)[::-1])
    # Ranges of the same start are in order.
    assert is_abusive([(0, 1)] * 8) and not is_abusive([(0, 2), (1, 3), (2, 4)])


parts = st.tuples(st.integers(0, 20), st.integers(1, 6)).map(lambda p: (p[0], p[0] + p[1]))


@given(st.lists(parts, max_size=10))
def test_overlaps_are_counted_pair_by_pair(ranges):
    pairs = sum(max(a[0], b[0]) < min(a[1], b[1])
                for index, a in enumerate(ranges) for b in ranges[index + 1:])
    descends = len(ranges) >= 8 and any(
        b[0] < a[0] for a, b in zip(ranges, ranges[1:], strict=False))
    assert is_abusive(ranges) == (pairs > MAX_OVERLAPPING_PAIRS or descends)


specs = st.one_of(
    st.integers(0, 30).map(lambda a: f'{a}-'), st.integers(0, 30).map(lambda n: f'-{n}'),
    st.tuples(st.integers(0, 30), st.integers(0, 9)).map(lambda p: f'{p[0]}-{p[0] + p[1]}'))


@given(st.lists(specs, min_size=1, max_size=6), st.integers(1, 30))
def test_ranges_pick_the_bytes_that_a_naive_model_picks(items, length):
    expected = []
    for item in items:
        first, last = item.split('-')
        if first:
            positions = range(int(first), int(last) + 1 if last else length)
        else:
            positions = range(length - int(last), length)
        inside = [n for n in positions if 0 <= n < length]
        if inside:
            expected.append((inside[0], inside[-1] + 1))
    wanted = Range('bytes=' + ','.join(items))
    assert wanted.resolve(length) == ([] if is_abusive(expected) else expected)
    assert Range(str(wanted)).ranges == wanted.ranges


def test_the_names_that_filters_know():
    wanted = Range('bytes=0-1,-5')
    assert wanted.ranges == [(0, 1), (None, 5)]
    assert wanted.ranges_for_length(11) == [(0, 2), (6, 11)]
    assert wanted.ranges_for_length(None) is None
    assert repr(wanted) == "Range('bytes=0-1,-5')"
    with pytest.raises(ValueError, match='Invalid Range header'):
        Range('nonsense')


@given(st.integers(0, 99), st.integers(1, 99), st.integers(0, 9))
def test_content_range_reads_back(start, size, more):
    total = start + size + more
    assert parse_content_range(content_range(start, start + size, total)) == (
        start, start + size, total)
    assert parse_content_range(content_range(start, start + size, '*'))[2] is None


@pytest.mark.parametrize('value', [
    '', 'bytes */11', 'bytes 5-3/11', 'bytes 0-11/11', 'items 0-1/2'])
def test_bad_content_range(value):
    with pytest.raises(ValueError, match='malformed Content-Range'):
        parse_content_range(value)


def test_multipart_frame_is_that_of_the_original():
    plan = MultipartPlan('b' * 32, 'text/plain', 11, ((0, 2), (3, 5)))
    body = b''.join(plan.head(*part) + b'hello world'[slice(*part)] + plan.PART_END
                    for part in plan.ranges) + plan.closing
    assert body == (
        b'--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/11\r\n\r\nhe\r\n'
        b'--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 3-4/11\r\n\r\nlo\r\n'
        b'--B--').replace(b'B', b'b' * 32)
    assert plan.content_length == len(body) == 230
    assert plan.header_value == 'multipart/byteranges;boundary=' + 'b' * 32
