from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.http_dates import format_http_date, parse_http_date

EXAMPLE = 784111777


@pytest.mark.parametrize('text', [
    'Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994',
    '06 Nov 1994 08:49:37 GMT', 'Sun, 6 Nov 1994 08:49:37', 'sun, 06 nov 1994 08:49:37 gmt',
    ' Sun, 06 Nov 1994 08:49:37 UTC ', 'Sun, 06 Nov 1994 10:49:37 +0200',
    'Sun, 06 Nov 1994 06:19:37 -0230', 'Sun, 06 November 1994 08:49:37 GMT'])
def test_forms_that_are_read(text):
    assert parse_http_date(text) == EXAMPLE


@pytest.mark.parametrize('text', [
    None, '', 'nonsense', '2015-01-01T00:00:00', '784111777', 'Sun, 06 Nov 1994',
    'Sun, 31 Feb 1994 08:49:37 GMT', 'Sun, 06 Xxx 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT' + ' ' * 100,
    'a' * 100000, 'Sun, 06 Nov 199 08:49:37 GMT'])
def test_what_is_no_date(text):
    assert parse_http_date(text) is None


def test_two_digit_years_and_leap_seconds():
    assert parse_http_date('Thursday, 01-Jan-15 00:00:00 GMT') == 1420070400
    assert parse_http_date('Thursday, 01-Jan-70 00:00:00 GMT') == 0
    assert parse_http_date('Sat, 31 Dec 2016 23:59:60 GMT') == 1483228800


@given(st.integers(-10 ** 9, 10 ** 10))
def test_written_dates_are_those_of_the_standard_library_and_read_back(seconds):
    text = format_http_date(seconds)
    assert text == formatdate(seconds, usegmt=True)
    assert parse_http_date(text) == seconds
