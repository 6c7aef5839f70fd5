"""Comparing what several nodes list and say."""
from hypothesis import given
from hypothesis import strategies as st

from swift.core.copies import Compared, bare_etag, differing, goes_on, listed_etag, merge_pages

NAMES = st.sets(st.sampled_from(['a', 'b', 'c', 'd', 'é', '\uffff', '\U00010000']))


def page(names, marker, limit):
    listed = sorted((name for name in names if name.encode() > marker.encode()),
                    key=str.encode)
    return [{'name': name} for name in listed[:limit]]


@given(st.lists(NAMES, min_size=1, max_size=4), st.integers(1, 8))
def test_pages_of_any_size_give_the_same_rows(copies, limit):
    got, marker = [], ''
    while marker is not None:
        found, marker = merge_pages([page(names, marker, limit) for names in copies], limit)
        got += [(one.name, tuple(row is not None for row in one.rows)) for one in found]
    assert got == [(name, tuple(name in names for names in copies))
                   for name in sorted(set().union(*copies), key=str.encode)]


def test_no_page_at_all():
    assert merge_pages([], 5) == ([], None)


def test_compared_rows():
    found = Compared('o', ({'hash': 'a'}, None, {'hash': 'b'}, {'hash': 'a'}))
    assert not found.is_everywhere and found.values('hash') == ['a', 'b']


def test_listed_etag_is_what_the_container_was_told():
    assert listed_etag({'Etag': '"abc"'}) == 'abc'
    assert listed_etag({'Etag': 'frag', 'X-Object-Sysmeta-Ec-Etag': 'whole'}) == 'whole'
    assert listed_etag({'Etag': 'e', 'X-Object-Sysmeta-Container-Update-Override-Etag':
                        'manifest; slo_etag=x'}) == 'manifest'
    assert listed_etag({}) == ''


def test_bare_etag():
    assert bare_etag(' "abc"; swift_meta=x ') == 'abc' == bare_etag('abc')


def test_differing_headers():
    answers = [{'A': '1', 'B': '2'}, {'A': '1', 'B': '3'}, {'A': '1'}]
    assert list(differing(answers, ('A', 'B', 'C'))) == ['B']
    assert list(differing([], ('A',))) == []


def test_page_that_does_not_go_on():
    assert goes_on([], 'a') and goes_on([{'name': 'b'}], 'a') and goes_on([{'name': 'a'}], '')
    assert not goes_on([{'name': 'a'}], 'a') and not goes_on([{'name': 'a'}, {'name': 'c'}], 'b')
