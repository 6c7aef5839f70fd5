"""Bulk operations: which names they are about, and every verdict of their reports."""
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.bulk_tally import DeleteTally, ExtractTally
from swift.core.bulk_targets import DeleteLines, Target, extracted
from swift.core.constraints import Constraints, Refusal

LIMITS = Constraints(max_object_name_length=10, max_container_name_length=5)
LINE_MAX = 2 * 17


def lines_of(body, pieces=1000, count_max=10):
    lines = DeleteLines(LIMITS, count_max)
    for start in range(0, len(body), pieces):
        refusal = lines.feed(body[start:start + pieces])
        if refusal:
            return refusal
    return lines.feed(b'') or [(target.name, target.path) for target in lines.targets]


@pytest.mark.parametrize('body, expected', [
    (b'', []), (b'\n \r\n\n', []), (b'/c/o', [('/c/o', '/c/o')]), (b'c/o\n', [('c/o', '/c/o')]),
    (b'c/b%20c\r\nc', [('c/b c', '/c/b c'), ('c', '/c')]), (b'//c//x', [('//c//x', '/c//x')]),
    (b'c/%ff', [('c/\udcff', '/c/\udcff')]),
    (b'c/o?version-id=1', [('c/o?version-id=1', '/c/o?version-id=1')]),
    ('c/é'.encode(), [('c/é', '/c/é')])])
def test_lines_of_a_bulk_delete(body, expected):
    assert lines_of(body) == expected


def test_limits_of_a_bulk_delete():
    assert lines_of(b'x' * LINE_MAX) == [('x' * LINE_MAX, '/' + 'x' * LINE_MAX)]
    assert lines_of(b'x' * (LINE_MAX + 1)) == Refusal(400, 'Invalid File Name')
    # A line without end is refused before it has come as a whole.
    lines = DeleteLines(LIMITS, 10)
    assert lines.feed(b'x' * 40) == Refusal(400, 'Invalid File Name')
    assert len(lines_of(b'a/b\n' * 10)) == 10
    assert lines_of(b'a/b\n' * 11) == Refusal(413, 'Maximum Bulk Deletes: 10 per request')


@given(st.lists(st.sampled_from([b'/c/o', b'', b'c', b' c/p ']), max_size=8), st.integers(1, 9))
def test_lines_do_not_depend_on_the_pieces(lines, pieces):
    assert lines_of(b'\n'.join(lines), pieces) == lines_of(b'\n'.join(lines))


@pytest.mark.parametrize('path, is_container', [
    ('/c', True), ('/c/', True), ('/c/o', False), ('/c/o/', False)])
def test_what_is_a_container(path, is_container):
    assert Target(path, path).is_container is is_container


@pytest.mark.parametrize('prefix, name, path', [
    ('', b'c/o', 'c/o'), ('', b'./c/o', 'c/o'), ('', b'/c/o', 'c/o'), ('', b'.//c/o', 'c/o'),
    ('', b'nocontainer', None), ('', b'c/', None), ('', b'', None), ('c', b'o', 'c/o'),
    ('c/', b'o', 'c/o'), ('c/pre/fix', b'./a/b', 'c/pre/fix/a/b'), ('c', b'', None)])
def test_where_members_go(prefix, name, path):
    target = extracted(prefix, name)
    assert (target and target.path) == path


@pytest.mark.parametrize('name, refused', [
    (b'c/o', False), (b'c/..o', False), (b'c/...', False), (b'c/../o', True), (b'../c/o', True),
    (b'c/..', True), (b'c/o\xff', True), (b'c/o\0x', True), (b'./../c/o', True)])
def test_members_that_climb_or_cannot_be_named(name, refused):
    assert extracted('', name).is_refused is refused


def test_names_in_reports_are_quoted_and_cut():
    assert extracted('', b'c/\xff').shown(LIMITS) == 'c/%FF'
    assert extracted('', b'c/' + b'o' * 100).shown(LIMITS) == 'c/' + 'o' * 15


def delete_verdict(*statuses, limit=100):
    tally = DeleteTally(limit)
    for number, status in enumerate(statuses):
        tally.note(number, '/c/o', status)
    return tally.verdict()


OUTCOMES = ('204 No Content', '404 Not Found', '403 Forbidden', '503 Service Unavailable')


def test_verdict_of_deletes_in_every_mixture():
    for count in range(4):
        for mixture in itertools.product(OUTCOMES, repeat=count):
            status, body = delete_verdict(*mixture)
            if OUTCOMES[3] in mixture:
                assert (status, body) == ('502 Bad Gateway', '')
            elif OUTCOMES[2] in mixture:
                assert (status, body) == ('400 Bad Request', '')
            elif mixture:
                assert (status, body) == ('200 OK', '')
            else:
                assert (status, body) == ('400 Bad Request', 'Invalid bulk delete.')


def test_too_many_failed_deletes_end_it():
    assert delete_verdict(OUTCOMES[3], limit=1) == (
        '400 Bad Request', 'Max delete failures exceeded')
    tally = DeleteTally(2)
    tally.fail(0, 'x', 'why')
    assert not tally.is_over
    tally.note(1, 'y', '409 Conflict')
    assert tally.is_over


def test_errors_are_listed_in_the_order_of_the_work():
    tally = DeleteTally(100)
    tally.note(2, '/c/b b', '409 Conflict')
    tally.note(0, '/c/\udcff', '403 Forbidden')
    tally.note(1, '/c/x', '204 No Content')
    assert json.loads(tally.render('application/json')) == {
        'Number Deleted': 1, 'Number Not Found': 0, 'Response Status': '400 Bad Request',
        'Response Body': '', 'Errors': [['/c/%FF', '403 Forbidden'], ['/c/b%20b', '409 Conflict']]}


def test_a_refused_request_says_why():
    tally = DeleteTally(100)
    tally.refuse(Refusal(413, 'too much'))
    assert tally.render('text/plain') == (
        b'Number Deleted: 0\nNumber Not Found: 0\nResponse Body: too much\n'
        b'Response Status: 413 Request Entity Too Large\nErrors:\n')


def extract_verdict(*statuses, limit=100):
    tally = ExtractTally(limit)
    for number, status in enumerate(statuses):
        tally.note(number, 'c/o', status)
    return tally.verdict()


@pytest.mark.parametrize('statuses, expected', [
    ([], ('400 Bad Request', 'Invalid Tar File: No Valid Files')),
    (['201 Created'], ('201 Created', '')),
    (['201 Created', '413 x'], ('400 Bad Request', '')),
    (['413 x', '503 x', '403 x'], ('502 Bad Gateway', '')),
    (['503 x', '401 Unauthorized'], ('401 Unauthorized', ''))])
def test_verdict_of_extractions(statuses, expected):
    assert extract_verdict(*statuses) == expected


def test_extractions_end_at_401_at_too_many_failures_and_when_told():
    for statuses, limit in ((['401 Unauthorized'], 9), (['403 x'] * 2, 2)):
        tally = ExtractTally(limit)
        for number, status in enumerate(statuses):
            assert not tally.is_over
            tally.note(number, 'c/o', status)
        assert tally.is_over
    tally = ExtractTally(9)
    tally.note(0, 'c/o', '201 Created')
    tally.stop(400, 'first reason')
    tally.stop(401)
    assert tally.is_over and tally.verdict() == ('400 Bad Request', 'first reason')
    assert tally.render('application/xml').startswith(
        b'<extract>\n<number_files_created>1</number_files_created>\n')
