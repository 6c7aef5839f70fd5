import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.accept import Accept

OFFERS = ['text/plain', 'application/json', 'application/xml', 'text/xml']


@pytest.mark.parametrize('header, expected', [
    ('', 'text/plain'), (' ', 'text/plain'), ('application/json', 'application/json'),
    ('*/*', 'text/plain'), ('text/*', 'text/plain'), ('application/*', 'application/json'),
    ('application/json;q=0.5, text/xml', 'text/xml'),
    ('text/plain;q=0, application/json', 'application/json'),
    ('application/xml;q=0.3,text/plain;q=0.2,*/*;q=0.1', 'application/xml'),
    ('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'application/xml'),
    ('application/json;q=2', 'application/json'), ('text/plain;level=1', 'text/plain'),
    ('*/*, text/xml', 'text/xml'), ('text/xml, application/json', 'text/xml'),
    ('TEXT/XML ; Q=0.5 , */json', 'application/json'), ('text/xml;a="x,y;\\"z";q=1', 'text/xml'),
    ('image/png', None), ('image/*;q=0.1', None)])
def test_best_match(header, expected):
    assert Accept(header).best_match(OFFERS) == expected


@pytest.mark.parametrize('header', [
    'garbage', 'x', 'a/b,', ',a/b', 'a/b;', 'a/b;q=', 'a/b;q=x', 'a/b;q=nan', 'a/b;q=-1',
    'a/b;q="1"', 'a/b;x="open', 'a/b c/d', '/', 'a/', '/b', 'a/b;q=1_0'])
def test_malformed(header):
    with pytest.raises(ValueError, match='Invalid Accept header'):
        Accept(header)


def test_nothing_on_offer():
    assert Accept('').best_match([]) is None
    assert repr(Accept('a/b;q=0.1,c/*')) == "Accept(['c/*', 'a/b'])"


@given(st.text('a/*;,=q01." \\', max_size=60))
def test_any_header_is_read_or_refused(header):
    try:
        accept = Accept(header)
    except ValueError:
        return
    assert accept.best_match(OFFERS) in [*OFFERS, None]


@pytest.mark.parametrize('header', [
    'a/b' + ';' * 5000, 'a' * 8000, 'a/b;x="' + '\\"' * 4000, ' ' * 8000 + 'x', 'a/b' + ' ' * 8000])
def test_hostile_headers_cost_little(header):
    """The parser is linear; a quadratic one would take minutes for a thousand of these."""
    for _ in range(20):
        try:
            Accept(header)
        except ValueError:
            pass
