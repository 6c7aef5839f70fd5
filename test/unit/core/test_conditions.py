import itertools

import pytest

from swift.core.conditions import (
    Match,
    ignores_range,
    resolve_etag_is_at,
    strip_quotes,
    verdict,
)
from swift.core.http_dates import format_http_date

ETAG = '5eb63bbbe01eeed093cb22bb8f5acdc3'
CHANGED = 1700000000


def test_match_reads_lists():
    match = Match(' bad, "good" ,, W/"weak"')
    assert 'bad' in match and '"good"' in match and 'good' in match
    assert 'weak' not in match and None not in match
    assert 'anything' in Match('*') and None in Match('*')
    assert 'x' not in Match('')
    assert repr(Match('b,"a"')) == "Match(['a', 'b'])"


@pytest.mark.parametrize('tag, bare', [
    ('"x"', 'x'), ('x', 'x'), ('"', '"'), ('""', ''), ('"x', '"x'), ('""x""', '"x"')])
def test_one_pair_of_quotes_is_stripped(tag, bare):
    assert strip_quotes(tag) == bare


@pytest.mark.parametrize('name, value, expected', [
    ('If-Match', ETAG, None), ('If-Match', f'"{ETAG}"', None), ('If-Match', '*', None),
    ('If-Match', 'bad', 412), ('If-Match', f'bad, "{ETAG}"', None), ('If-Match', '', 412),
    ('If-Match', f'W/"{ETAG}"', 412),
    ('If-None-Match', ETAG, 304), ('If-None-Match', f'"{ETAG}"', 304), ('If-None-Match', '*', 304),
    ('If-None-Match', 'bad', None), ('If-None-Match', f'W/"{ETAG}"', None),
    ('If-None-Match', '', None),
    ('If-Modified-Since', 'Thu, 01 Jan 2015 00:00:00 GMT', None),
    ('If-Modified-Since', 'Thu, 01 Jan 2099 00:00:00 GMT', 304),
    ('If-Modified-Since', format_http_date(CHANGED), 304),
    ('If-Modified-Since', format_http_date(CHANGED - 1), None),
    ('If-Modified-Since', 'nonsense', None),
    ('If-Unmodified-Since', 'Thu, 01 Jan 2015 00:00:00 GMT', 412),
    ('If-Unmodified-Since', 'Thu, 01 Jan 2099 00:00:00 GMT', None),
    ('If-Unmodified-Since', format_http_date(CHANGED), None),
    ('If-Unmodified-Since', format_http_date(CHANGED - 1), 412),
    ('If-Unmodified-Since', 'nonsense', None),
])
def test_single_conditions(name, value, expected):
    assert verdict(200, ETAG, CHANGED, {name: value}) == expected


@pytest.mark.parametrize('headers, expected', [
    ({'If-Match': '*'}, 412), ({'If-Match': 'bad'}, None), ({'If-None-Match': '*'}, None),
    ({'If-None-Match': 'bad'}, None), ({'If-Match': 'bad, *'}, 412),
    ({'If-Modified-Since': format_http_date(CHANGED)}, None),
    ({'If-Unmodified-Since': format_http_date(CHANGED)}, None)])
def test_nothing_there(headers, expected):
    assert verdict(404, None, None, headers) == expected


def test_order_of_the_conditions():
    """Every combination of outcomes: the first in the order of the sheet decides."""
    outcomes = {
        'If-None-Match': {304: ETAG, None: 'other'},
        'If-Match': {412: 'other', None: ETAG},
        'If-Modified-Since': {304: format_http_date(CHANGED), None: format_http_date(0)},
        'If-Unmodified-Since': {412: format_http_date(0), None: format_http_date(CHANGED)},
    }
    for choice in itertools.product(*outcomes.values()):
        headers = {name: values[key]
                   for (name, values), key in zip(outcomes.items(), choice, strict=True)}
        first = next((key for key in choice if key), None)
        assert verdict(200, ETAG, CHANGED, headers) == first


def test_alternate_tag_is_the_first_that_is_there():
    metadata = {'X-Object-Sysmeta-B': 'b', 'X-Object-Sysmeta-C': 'c'}
    header = 'X-Object-Sysmeta-A, X-Object-Sysmeta-B,X-Object-Sysmeta-C'
    assert resolve_etag_is_at(header, metadata) == 'b'
    assert resolve_etag_is_at('X-Object-Sysmeta-A', metadata) is None
    assert resolve_etag_is_at(None, metadata) is None and resolve_etag_is_at(',', {}) is None


def test_ignoring_the_range():
    metadata = {'X-Static-Large-Object': 'True'}
    assert ignores_range('X-Other, X-Static-Large-Object', metadata)
    assert not ignores_range('X-Other', metadata) and not ignores_range(None, metadata)
    assert not ignores_range(', ', {'': 'x'})
