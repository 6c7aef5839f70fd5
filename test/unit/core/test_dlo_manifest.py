"""Dynamic large objects: what the header may say, and what a page of the listing means."""
import hashlib

import pytest

from swift.core.dlo_manifest import Source, dlo_etag, page_of, parse_source
from swift.core.pacing import AfterBurst
from swift.core.segment_plan import ObjectSegment


@pytest.mark.parametrize('value, expected', [
    ('c/p', Source('c', 'p')), ('c/p/', Source('c', 'p/')), ('c/p/q r', Source('c', 'p/q r')),
    ('c/p%20%C3%A9/', Source('c', 'p é/')), ('c/p é/', Source('c', 'p é/')),
    ('c%2Fd/p', Source('c', 'd/p')), ('c', None), ('c/', None), ('/c/p', None), ('c//p', None),
    ('c/p?x', None), ('c/p&x', None), ('', None), ('/', None), ('c/%ff', None)])
def test_what_the_header_names(value, expected):
    assert parse_source(value) == expected


def entry(name, hash_='h', size=1):
    return {'name': name, 'hash': hash_, 'bytes': size, 'last_modified': '', 'content_type': ''}


def test_a_short_page_is_the_last():
    page = page_of('c', [entry('a', 'h1', 3), entry('b', 'h2; slo_etag=x', 4)], 3)
    assert page.segments == (ObjectSegment('/c/a', 3, 'h1', 0, 3),
                             ObjectSegment('/c/b', 4, 'h2', 0, 4))
    assert page.is_last and page.size == 7


def test_a_full_page_may_go_on_after_its_last_name():
    page = page_of('c', [entry('a'), entry('b')], 2)
    assert not page.is_last and page.marker == 'b'


@pytest.mark.parametrize('bad', [{}, {'name': 'a'}, entry('a', size='x')])
def test_what_is_no_listing(bad):
    with pytest.raises((KeyError, ValueError)):
        page_of('c', [bad], 9)


def test_etag_is_that_of_the_hashes():
    hashes = 'c4ca4238a0b923820dcc509a6f75849b', 'c81e728d9d4c2f636f067f89cc14862c'
    segments = page_of('c', [entry(hash_, hash_) for hash_ in hashes], 9).segments
    assert dlo_etag(segments) == hashlib.md5(''.join(hashes).encode()).hexdigest()
    assert dlo_etag(()) == 'd41d8cd98f00b204e9800998ecf8427e'


def test_steps_after_a_burst_keep_their_distance():
    pace = AfterBurst(2, 4)
    assert [pace.wait_s(0), pace.wait_s(0)] == [0, 0]
    assert [pace.wait_s(0), pace.wait_s(0)] == [0.25, 0.5]
    # Time that passed meanwhile counts, time that was not used is not saved up.
    assert pace.wait_s(0.6) == pytest.approx(0.15)
    assert pace.wait_s(10) == 0 and pace.wait_s(10) == 0.25


def test_no_rate_means_no_limit():
    pace = AfterBurst(0, 0)
    assert [pace.wait_s(0) for _ in range(5)] == [0] * 5
