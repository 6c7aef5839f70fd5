"""Container sync: whose rows, what is sent, and where the next pass begins."""
import itertools

import pytest

from swift.core.sync_plan import (
    Failures,
    has_already,
    headers_to_send,
    is_gone,
    is_mine,
    is_version_link,
    row_times,
)
from swift.core.timestamp import Timestamp, encode_timestamps


def test_every_row_is_of_one_replica():
    for number in range(256):
        path_hash = bytes([0, 0, number, number % 7]) + b'rest'
        assert [is_mine(path_hash, ordinal, 3) for ordinal in range(3)].count(True) == 1


def test_shares_follow_the_first_four_bytes():
    assert is_mine(bytes.fromhex('00000004ffff'), 1, 3) and is_mine(b'\x00\x00\x01\x00x', 1, 3)


def test_times_of_a_row():
    times = [Timestamp(text) for text in ('1.1', '2.2', '3.3')]
    assert row_times(encode_timestamps(*times)) == (times[0], times[2])
    assert row_times('0000000005.00000') == (Timestamp(5), Timestamp(5))


@pytest.mark.parametrize('remote, known', [
    ('5.00000', True), ('4.99999', False), ('6', True), (None, False), ('', False), ('x', False)])
def test_what_the_other_side_has(remote, known):
    assert has_already(remote, Timestamp(5)) == known


@pytest.mark.parametrize('status, gone', [(204, True), (404, True), (409, True), (401, False),
                                          (503, False)])
def test_removals(status, gone):
    assert is_gone(status) == gone


def test_headers_of_what_is_sent():
    found = [('Date', 'd'), ('Last-Modified', 'l'), ('Etag', '"abc"'), ('Content-Length', '3'),
             ('Content-Type', 'text/plain; charset=utf-8; swift_bytes=9'), ('X-Timestamp', '1.1'),
             ('X-Object-Meta-Colour', 'red'), ('X-Static-Large-Object', 'True'),
             ('X-Backend-Durable-Timestamp', '1'), ('X-Object-Sysmeta-Foo', 's'),
             ('X-Trans-Id', 't'), ('Accept-Ranges', 'bytes'), ('X-Symlink-Target', 'c/o')]
    assert headers_to_send(found) == {
        'Content-Length': '3', 'X-Timestamp': '1.1', 'X-Object-Meta-Colour': 'red',
        'X-Static-Large-Object': 'True', 'X-Symlink-Target': 'c/o', 'Etag': 'abc',
        'Content-Type': 'text/plain; charset=utf-8'}


def test_links_to_versions():
    assert is_version_link({'X-Object-Sysmeta-Versions-Symlink': 'true'})
    assert not is_version_link({'X-Object-Meta-Versions-Symlink': 'true'})


def test_the_next_pass_begins_before_the_first_failure():
    """All patterns of failure over six rows, in batches of all sizes."""
    for failing in itertools.product((False, True), repeat=6):
        for size in range(1, 7):
            failures = Failures(10)
            rows = list(range(11, 17))
            for start in range(0, 6, size):
                batch = rows[start:start + size]
                # Results come in any order.
                failures.done(batch, [row for row in reversed(batch) if failing[row - 11]])
            first = next((row for row in rows if failing[row - 11]), None)
            assert failures.point == (first - 1 if first else 16)


def test_nothing_done_is_no_progress():
    assert Failures(7).point == 7
