"""Re-serialising content types, and the size hidden in them (sheet 03 §13)."""
import pytest

from swift.core.content_type import extract_swift_bytes, listed, without_swift_bytes


@pytest.mark.parametrize('stored, shown, swift_bytes', [
    ('text/plain', 'text/plain', None),
    ('text/plain; charset=utf8', 'text/plain;charset=utf8', None),
    ('text/plain; charset="utf-8"; x=y', 'text/plain;charset="utf-8";x=y', None),
    ('x/y; foo="a b";swift_bytes=99', 'x/y;foo="a b"', '99'),
    ('x/y; foo="a;swift_bytes=1\\";b" ; swift_bytes = 2', 'x/y;foo="a;swift_bytes=1\\";b"', '2'),
    ('x/y;swift_bytes=abc', 'x/y', 'abc'),
    ('x/y;', 'x/y', None),
    ('x/y;flag', 'x/y;flag', None),
    ('', '', None),
])
def test_extract_swift_bytes(stored, shown, swift_bytes):
    assert extract_swift_bytes(stored) == (shown, swift_bytes)


def test_listed_ignores_a_damaged_size():
    assert listed('x/y;swift_bytes=abc', 5) == ('x/y', 5)
    assert listed('x/y;swift_bytes=12', 5) == ('x/y', 12)


@pytest.mark.parametrize('given, found', [
    ('a/b', 'a/b'), ('a/b; swift_bytes=5', 'a/b'), ('a/b;c=d; Swift_Bytes=5 ;e=f', 'a/b;c=d;e=f'),
    ('a/b; c=d', 'a/b; c=d'), ('a/b; swift_bytes', 'a/b; swift_bytes')])
def test_without_swift_bytes(given, found):
    assert without_swift_bytes(given) == found
