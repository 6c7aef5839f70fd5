"""A client's manifest: every complaint, and the comparison with what HEAD told."""
import json

import pytest

from swift.core.constraints import Refusal
from swift.core.segment_plan import DataSegment, ObjectSegment
from swift.core.slo_manifest import Checked
from swift.core.slo_request import Found, Wanted, checked, parse_manifest

OBJECT = 'path does not refer to an object. Path must be of the form /container/object.'
SMALL = 'too small; each segment must be at least 1 byte.'


def parse(entries, segments_max=10):
    body = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return parse_manifest(body, '/c/me', segments_max)


@pytest.mark.parametrize('body, text', [
    (b'', 'Manifest must be valid JSON.\n'), (b'not json', 'Manifest must be valid JSON.\n'),
    (b'[' * 100_000, 'Manifest must be valid JSON.\n'), (b'{}', 'Manifest must be a list.\n'),
    (b'"x"', 'Manifest must be a list.\n'), (b'null', 'Manifest must be a list.\n'),
    (b'\xff\xfe', 'Manifest must be valid JSON.\n')])
def test_bodies_that_are_no_list(body, text):
    assert parse(body) == Refusal(400, text, 'text/html; charset=UTF-8')


@pytest.mark.parametrize('entry, problem', [
    ([], 'not a JSON object'), ('x', 'not a JSON object'), (3, 'not a JSON object'),
    (None, 'not a JSON object'), ({}, "expected keys to include one of 'data' or 'path'"),
    ({'x': 1}, "expected keys to include one of 'data' or 'path'"),
    ({'path': '/c/o', 'foo': 1, 'b"r': 2}, 'extraneous keys "b\\"r", "foo"'),
    ({'data': 'eHg=', 'path': '/c/o'}, 'extraneous keys "path"'),
    ({'data': 'eHg=', 'etag': 'x'}, 'extraneous keys "etag"'),
    ({'path': 7}, '"path" must be a string'), ({'path': None}, '"path" must be a string'),
    ({'path': '/c/o', 'etag': 5}, '"etag" must be a string or null (if provided)'),
    ({'path': 'noslash'}, OBJECT), ({'path': '/c'}, OBJECT), ({'path': '/c/'}, OBJECT),
    ({'path': ''}, OBJECT), ({'path': '/'}, OBJECT), ({'path': '/c/\ud800'}, OBJECT),
    ({'path': '/c/o', 'size_bytes': 'x'}, 'invalid size_bytes'),
    ({'path': '/c/o', 'size_bytes': True}, 'invalid size_bytes'),
    ({'path': '/c/o', 'size_bytes': 1.5}, 'invalid size_bytes'),
    ({'path': '/c/o', 'size_bytes': '9' * 5000}, 'invalid size_bytes'),
    ({'path': '/c/o', 'size_bytes': 0}, SMALL), ({'path': '/c/o', 'size_bytes': -1}, SMALL),
    ({'path': '/c/me'}, 'manifest must not include itself as a segment'),
    ({'path': 'c/me'}, 'manifest must not include itself as a segment'),
    ({'path': '/c/o', 'range': '2-1'}, 'invalid range'),
    ({'path': '/c/o', 'range': '-'}, 'invalid range'),
    ({'path': '/c/o', 'range': 3}, 'invalid range'),
    ({'path': '/c/o', 'range': 'bytes=0-1'}, 'invalid range'),
    ({'path': '/c/o', 'range': '0-1,3-3'}, 'multiple ranges (only one allowed)'),
    ({'path': '/c/o', 'range': '5-6', 'size_bytes': 4}, 'unsatisfiable range'),
    ({'data': '!!'}, 'data must be valid base64'), ({'data': 'eHg'}, 'data must be valid base64'),
    ({'data': 3}, 'data must be valid base64'), ({'data': ''}, SMALL)])
def test_complaints_about_an_entry(entry, problem):
    assert parse([entry, {'path': '/c/last'}]) == Refusal(400, f'Index 0: {problem}\n')


def test_all_complaints_come_at_once():
    assert parse([3, {'path': '/c/o'}, {'path': 1}]).body == (
        'Index 0: not a JSON object\nIndex 2: "path" must be a string\n')


def test_data_alone_is_not_enough():
    alone = 'Inline data segments require at least one object-backed segment.\n'
    assert parse([{'data': 'eHg='}]) == Refusal(400, alone)
    assert parse([{'data': ''}]).body == f'Index 0: {SMALL}\n{alone}'
    assert parse([]) == []


def test_good_entries():
    assert parse([{'path': 'c/o', 'size_bytes': '4', 'etag': None}, {'data': 'aW5saW5l'},
                  {'path': '//c/o', 'size_bytes': None, 'range': ''},
                  {'path': '/c/é', 'etag': 'x', 'size_bytes': 0}]) == [
        Wanted('/c/o', 4), DataSegment(b'inline'), Wanted('/c/o'), Wanted('/c/é', 0, 'x')]
    assert str(parse([{'path': '/c/o', 'range': '-3'}])[0].range) == 'bytes=-3'


def test_only_objects_count_for_the_limit():
    entries = [{'path': '/c/o'}] * 2 + [{'data': 'eHg='}] * 5
    assert len(parse(entries, 2)) == 7
    assert parse(entries, 1) == Refusal(
        413, 'Number of object-backed segments must be <= 1', 'text/html; charset=UTF-8')


THERE = Found('200 OK', 4, 'tag', 'text/a', 'Fri, 20 Nov 2026 21:09:51 GMT')


def outcome(found=THERE, *others, **wanted):
    if 'range' in wanted:
        wanted['range'] = parse([{'path': '/c/o', 'range': wanted['range']}])[0].range
    segments = [Wanted('/c/o', **wanted), *others]
    result, problems = checked(segments, {'/c/o': found, '/c/p': THERE})
    assert all(path == '/c/o' for path, _problem in problems)
    return [problem for _path, problem in problems] or [
        (one.segment.start, one.segment.stop) for one in result[:1]]


LATER = Wanted('/c/p')


@pytest.mark.parametrize('wanted, expected', [
    ({}, [(0, 4)]), ({'size': 4, 'etag': 'tag'}, [(0, 4)]), ({'size': 5}, ['Size Mismatch']),
    ({'etag': 'x'}, ['Etag Mismatch']),
    ({'size': 5, 'etag': 'x'}, ['Size Mismatch', 'Etag Mismatch']),
    ({'range': '1-2'}, [(1, 3)]), ({'range': '-3'}, [(1, 4)]), ({'range': '2-'}, [(2, 4)]),
    ({'range': '0-100'}, [(0, 4)]), ({'range': '4-5'}, ['Unsatisfiable Range']),
    ({'range': '-0'}, ['Unsatisfiable Range'])])
def test_comparison(wanted, expected):
    assert outcome(THERE, LATER, **wanted) == expected


def test_what_is_not_there_has_its_status_as_problem():
    assert outcome(Found('404 Not Found'), size=3) == ['404 Not Found']


def test_empty_segments_may_only_be_last():
    empty = Found('200 OK', 0, 'tag')
    assert outcome(empty) == [(0, 0)]
    assert outcome(empty, LATER) == ['Too small; each segment must be at least 1 byte.']
    assert outcome(empty, range='0-') == ['Unsatisfiable Range']
    assert outcome(empty, range='-2') == [(0, 0)]


def test_what_is_stored_of_a_segment():
    result, problems = checked([Wanted('/c/o'), DataSegment(b'x')], {'/c/o': THERE})
    assert problems == [] and result == [
        Checked(ObjectSegment('/c/o', 4, 'tag', 0, 4), 'text/a', '2026-11-20T21:09:51.000000'),
        Checked(DataSegment(b'x'))]
