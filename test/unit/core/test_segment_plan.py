"""The plan of a large object against a naive model that holds all of its bytes."""
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.ranges import MAX_RANGES, is_abusive
from swift.core.segment_plan import (
    DEPTH_MAX,
    DataSegment,
    Fetch,
    ObjectSegment,
    Piece,
    UnusableSegment,
    cut,
    expand,
    grouped,
    one_by_one,
    total_length,
)

OBJECTS = {'/c/a': b'abcd', '/c/b': b'EFGHIJ', '/c/z': b'', '/c/d': b'0123456789'}


def whole(path, start=0, stop=None):
    size = len(OBJECTS[path])
    return ObjectSegment(path, size, 'etag' + path, start, size if stop is None else stop)


MANIFESTS = {
    '/c/inner': [whole('/c/a', 1), DataSegment(b'--'), whole('/c/b')],
    '/c/outer': [whole('/c/d', 2, 5),
                 ObjectSegment('/c/inner', 11, 'i', 2, 9, True), whole('/c/a')]}


def bytes_of(segments):
    """Return the whole, the plain way."""
    out = b''
    for segment in segments:
        if isinstance(segment, DataSegment):
            out += segment.data
        elif segment.is_manifest:
            out += bytes_of(MANIFESTS[segment.path])[segment.start:segment.stop]
        else:
            out += OBJECTS[segment.path][segment.start:segment.stop]
    return out


def load(segment):
    return MANIFESTS[segment.path]


def fetched(item):
    if isinstance(item, bytes):
        return item
    if isinstance(item, Piece):
        return OBJECTS[item.segment.path][item.start:item.stop]
    data = OBJECTS[item.segment.path]
    return b''.join(data[start:stop] for start, stop in item.ranges) if item.ranges else data


LEAVES = st.one_of(
    st.sampled_from([whole(path) for path in OBJECTS]),
    st.sampled_from([whole('/c/a', 1, 3), whole('/c/b', 2), whole('/c/d', 0, 4),
                     whole('/c/d', 4, 7), whole('/c/d', 9)]),
    st.sampled_from([DataSegment(b'x'), DataSegment(b'data')]),
    st.sampled_from([ObjectSegment('/c/inner', 11, 'i', 0, 11, True),
                     ObjectSegment('/c/inner', 11, 'i', 3, 5, True),
                     ObjectSegment('/c/outer', 14, 'o', 1, 13, True)]))


@given(st.lists(LEAVES, max_size=8), st.integers(0, 70), st.integers(0, 70))
def test_every_part_is_that_part_of_the_whole(segments, start, stop):
    expected = bytes_of(segments)
    assert total_length(segments) == len(expected)
    pieces = list(expand(segments, start, stop, load))
    assert b''.join(map(fetched, pieces)) == expected[start:stop]
    assert all(fetched(piece) for piece in pieces)
    requests = list(grouped(pieces))
    assert b''.join(map(fetched, requests)) == expected[start:stop]
    assert len(requests) <= len(pieces)
    assert b''.join(map(fetched, one_by_one(pieces))) == expected[start:stop]
    assert not any(isinstance(item, Fetch) and is_abusive(item.ranges) for item in requests)


def test_every_range_of_a_nested_object():
    segments = [*MANIFESTS['/c/outer'], DataSegment(b'!'), whole('/c/z')]
    expected = bytes_of(segments)
    for start, stop in itertools.combinations(range(len(expected) + 1), 2):
        found = b''.join(map(fetched, grouped(expand(segments, start, stop, load))))
        assert found == expected[start:stop]


def test_only_manifests_that_are_touched_are_loaded():
    loaded = []

    def counting(segment):
        loaded.append(segment.path)
        return load(segment)
    segments = [whole('/c/d'), ObjectSegment('/c/inner', 11, 'i', 0, 11, True), whole('/c/a')]
    list(expand(segments, 0, 10, counting))
    list(expand(segments, 21, 25, counting))
    assert loaded == []
    plan = expand(segments, 9, 11, counting)
    next(plan)
    assert loaded == []
    list(plan)
    assert loaded == ['/c/inner']


@pytest.mark.parametrize('levels, fine', [(DEPTH_MAX - 1, True), (DEPTH_MAX, False)])
def test_depth(levels, fine):
    def nested(segment):
        level = int(segment.path[3:])
        return [whole('/c/a') if level == 1 else
                ObjectSegment(f'/c/{level - 1}', 4, 'x', 0, 4, True)]
    plan = expand([ObjectSegment(f'/c/{levels}', 4, 'x', 0, 4, True)], 0, 4, nested)
    if fine:
        assert [fetched(piece) for piece in plan] == [b'abcd']
    else:
        with pytest.raises(UnusableSegment, match='more than 10 levels'):
            list(plan)


def requests_of(*segments):
    return [item if isinstance(item, bytes) else (item.segment.path, item.header)
            for item in grouped(expand(segments, 0, total_length(segments), load))]


def test_requests_for_one_object_are_joined():
    assert requests_of(whole('/c/d')) == [('/c/d', None)]
    assert requests_of(whole('/c/d', 3)) == [('/c/d', 'bytes=3-')]
    assert requests_of(whole('/c/d', 3, 5)) == [('/c/d', 'bytes=3-4')]
    # What touches becomes one range, all of it none at all.
    assert requests_of(whole('/c/d', 0, 5), whole('/c/d', 5)) == [('/c/d', None)]
    assert requests_of(whole('/c/d', 0, 2), whole('/c/d', 5), whole('/c/a')) == [
        ('/c/d', 'bytes=0-1,5-9'), ('/c/a', None)]
    # Others in between, and other versions of the same name, part them.
    assert requests_of(whole('/c/d', 0, 2), DataSegment(b'-'), whole('/c/d', 5)) == [
        ('/c/d', 'bytes=0-1'), b'-', ('/c/d', 'bytes=5-')]
    other = ObjectSegment('/c/d', 10, 'other', 5, 10)
    assert requests_of(whole('/c/d', 0, 5), other) == [
        ('/c/d', 'bytes=0-4'), ('/c/d', 'bytes=5-')]


def test_no_request_asks_for_more_ranges_than_servers_give():
    many = [ObjectSegment('/c/d', 1000, 'e', 2 * n, 2 * n + 1) for n in range(MAX_RANGES + 1)]
    first, second = grouped(expand(many, 0, MAX_RANGES + 1, load))
    assert len(first.ranges) == MAX_RANGES and second.ranges == ((100, 101),)
    same = [whole('/c/a')] * 5
    assert [item.ranges for item in grouped(expand(same, 0, 20, load))] == [
        ((0, 4),) * 2, ((0, 4),) * 2, ()]


def test_what_comes_before_a_broken_manifest_is_still_fetched():
    def missing(segment):
        raise UnusableSegment('gone')
    plan = grouped(expand([whole('/c/a'), ObjectSegment('/c/inner', 11, 'i', 0, 11, True)], 0, 15,
                          missing))
    assert fetched(next(plan)) == b'abcd'
    with pytest.raises(UnusableSegment, match='gone'):
        next(plan)


def test_length_of_requests():
    assert Fetch(whole('/c/d')).length == 10
    assert Fetch(whole('/c/d'), ((0, 2), (5, 9))).length == 6


def test_cut_leaves_out_what_is_empty():
    assert list(cut([whole('/c/z'), whole('/c/a'), whole('/c/z')], 0, 4)) == [(whole('/c/a'), 0, 4)]
    assert list(cut([whole('/c/a')], 4, 9)) == [] == list(cut([], 0, 9))
