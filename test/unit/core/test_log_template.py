"""Templates of log lines."""
import hashlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.log_template import Anonymizer, Template, quote_field, shown, time_format

AT = 1795208735.820329189


@dataclass
class Record:
    name: object = 'x y'
    size: object = 0
    time: float = AT


FIELDS = {'name': lambda record: record.name, 'size': lambda record: record.size}
TIMES = {'time': lambda record: record.time}


def render(text, salt='', **values):
    template = Template(text, FIELDS, TIMES, frozenset(('name',)), Anonymizer('MD5', salt))
    return template(Record(**values))


@pytest.mark.parametrize('value, text', [
    ('', '-'), (None, '-'), (0, '-'), (7, '7'), ('a b', 'a%20b'), ('a:b/{c}-_.~', 'a:b/{c}-_.~'),
    ('?x=y&z', '%3Fx%3Dy%26z'), ('\xc3\xa9', '%C3%A9'), ('☃', '%E2%98%83'), ('%20', '%2520'),
    ('a\nb', 'a%0Ab'), ('\udc80', '%80')])
def test_shown(value, text):
    assert shown(value) == text


@given(st.text(max_size=20))
def test_quoted_fields_have_no_blanks_and_are_one_line(text):
    quoted = quote_field(text)
    assert quoted.isascii() and not set(quoted) & set(' \n\r\t"')


def test_template():
    assert render('{name} - {size} 100% {{x}}', size=5) == 'x%20y - 5 100% {x}'
    assert render('{size:05d}{name:>5}', size=7, name='abc') == '00007%20%20abc'
    assert render('nothing') == 'nothing'


@pytest.mark.parametrize('attribute, text', [
    ('', '1795208735.820329189'), ('.datetime', '20/Nov/2026/21/05/35'),
    ('.iso8601', '2026-11-20T21:05:35'), ('.asctime', 'Fri%20Nov%2020%2021:05:35%202026'),
    ('.s', '1795208735'), ('.ms', '820'), ('.us', '820329'), ('.ns', '820329189'), ('.Y', '2026'),
    ('.j', '324'), ('.b', 'Nov'), ('.H', '21'), ('.p', 'PM'), ('.Z', 'UTC')])
def test_times(attribute, text):
    shown_time = render('{time%s}' % attribute)
    if attribute in ('', '.ns'):
        # A float holds no nine decimals of today's seconds.
        assert shown_time[:-3] == text[:-3]
    else:
        assert shown_time == text


def test_seconds_are_formatted_anew():
    datetime = time_format('datetime')
    assert [datetime(AT), datetime(AT + 0.1), datetime(AT + 1)] == [
        '20/Nov/2026/21/05/35', '20/Nov/2026/21/05/35', '20/Nov/2026/21/05/36']


def test_anonymized():
    assert render('{name.anonymized}', name='1.2.3.4') == '{MD5}6465ec74397c9126916786bbcd6d7601'
    salted = hashlib.md5(b'salt1.2.3.4').hexdigest()
    assert render('{name.anonymized}', 'salt', name='1.2.3.4') == '{SMD5}' + salted
    assert render('{name.anonymized}', name='') == '-'
    assert Anonymizer('sha256')('x') == '{SHA256}' + hashlib.sha256(b'x').hexdigest()
    assert Anonymizer()('☃') == '{MD5}' + hashlib.md5('☃'.encode()).hexdigest()


@pytest.mark.parametrize('text', [
    '{nope}', '{name.nope}', '{size.anonymized}', '{time.nope}', '{time.q}', '{name!r}', '{name',
    '{}', '}'])
def test_templates_that_mean_nothing(text):
    with pytest.raises(ValueError):
        render(text)


@pytest.mark.parametrize('method', ['nope', '', 'shake_128'])
def test_hashes_that_are_none(method):
    with pytest.raises(ValueError, match='Unsupported'):
        Anonymizer(method)
