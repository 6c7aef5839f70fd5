"""Numbers, texts, streams and temporary URLs."""

import gzip
import io
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftclient import utils
from swiftclient.utils import LengthWrapper, ReadableToIterable, generate_temp_url


@pytest.mark.parametrize('value,human,text', [
    (0, True, '   0'), (1023, True, '1023'), (1024, True, '1.0K'), (10239, True, '10.0K'),
    (10240, True, ' 10K'), (1047552, True, '1023K'), (1048575, True, '1.0M'),
    (1048576, True, '1.0M'), (10 ** 13, True, '9.1T'), (10 ** 24, True, '847Z'),
    (10 ** 27, True, '827Y'), (10 ** 30, True, '827180Y'), (5, False, '           5')])
def test_prt_bytes(value, human, text):
    assert utils.prt_bytes(value, human) == text


@pytest.mark.parametrize('value,expected', [
    (True, True), ('Yes', True), ('on', True), ('t', True), ('Y', True), ('1', True),
    ('TRUE', True), (1, False), (None, False), ('no', False), ('', False), (False, False)])
def test_config_true_value(value, expected):
    assert utils.config_true_value(value) is expected


@pytest.mark.parametrize('text,seconds', [
    ('1.5', 1.5), ('30s', 30), ('2m', 120), ('2min', 120), ('1.5h', 5400), ('2hr', 7200),
    ('1d', 86400), ('5 s', 5)])
def test_parse_timeout(text, seconds):
    assert utils.parse_timeout(text) == seconds


@pytest.mark.parametrize('text', ['', 'x', '5w', 'd'])
def test_parse_timeout_refuses_other_words(text):
    with pytest.raises(ValueError):
        utils.parse_timeout(text)


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv('TZ', 'Europe/Berlin')
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize('seconds,absolute,expected', [
    ('5', False, (5, False)), (5, True, (5, True)), ('1.0', False, (1, False)),
    ('2h', False, (7200, False)), ('1.2345d', False, (106660, False)),
    ('2015-05-01T01:02:03Z', False, (1430442123, True)),
    ('2015-05-01T01:02:03', False, (1430434923, True)),
    ('2015-05-01', True, (1430431200, True))])
def test_parse_timestamp(berlin, seconds, absolute, expected):
    assert utils.parse_timestamp(seconds, absolute) == expected


@pytest.mark.parametrize('seconds,absolute', [
    ('-1', False), ('1.5', False), (5.5, True), ('2h', True), ('x', False), ('nan', False),
    ('infs', False), ('inf', False), ('2015-13-01', False), ('', True), ('-1s', False)])
def test_parse_timestamp_refuses(seconds, absolute):
    with pytest.raises(ValueError) as caught:
        utils.parse_timestamp(seconds, absolute)
    assert str(caught.value) == utils.TIME_ERRMSG


PATH, PREFIX = '/v1/AUTH_test/c1/o', '/v1/AUTH_test/c1/p'
END = 1700000000


@pytest.mark.parametrize('path,end,options,query', [
    (PATH, END, {'digest': 'sha1'},
     'temp_url_sig=6a9c92c173b6f76bb02a10906e337c70be4ed994&temp_url_expires=1700000000'),
    (PATH, END, {'digest': 'sha512'},
     'temp_url_sig=sha512:9eeHUAG8OYiJNUqYq4hfvfVqjooqeIKsyVFEtBDoDxVFI4GV9rPuX6vLdNYbQIJkQoL6'
     'b0F5LeHPi7tUvQhwuQ&temp_url_expires=1700000000'),
    (PATH, 60, {}, 'temp_url_sig=2f84286460571f541309f5e15b3c7f910635a7e01ba74e84e3ddf357bdc2846b'
                   '&temp_url_expires=60'),
    (PREFIX, END, {'prefix': True, 'ip_range': '1.2.3.4', 'iso8601': True},
     'temp_url_sig=6d367c50fea7aeb35cb88bfe52a378916168b9b832613d57a44c84497b901230'
     '&temp_url_expires=2023-11-14T22:13:20Z&temp_url_ip_range=1.2.3.4&temp_url_prefix=p')])
def test_temporary_urls_as_worked_out_in_the_sheet(path, end, options, query):
    assert generate_temp_url(path, end, 'key', 'get', absolute=True, **options) == \
        f'{path}?{query}'
    assert generate_temp_url(path.encode(), end, b'key', 'GET', absolute=True, **options) == \
        f'{path}?{query}'.encode()


def test_temporary_url_counts_from_now(monkeypatch):
    monkeypatch.setattr('time.time', lambda: 1000.9)
    assert generate_temp_url(PATH, '1m', 'key', 'GET').endswith('&temp_url_expires=1060')


def test_temporary_url_of_the_capabilities():
    url = generate_temp_url('/info', 60, 'key', 'GET', absolute=True, prefix=True, ip_range='1.1')
    plain = generate_temp_url('/info', 60, 'key', 'GET', absolute=True)
    assert url == plain and url.startswith('/info?swiftinfo_sig=')
    assert url.endswith('&swiftinfo_expires=60')


FULL = 'path must be full path to an object e.g. /v1/a/c/o'


@pytest.mark.parametrize('path,options,complaint', [
    ('/v1/a/c', {}, FULL), ('/v1/a/c/', {}, FULL), ('v1/a/c/o', {}, FULL), ('/v1//c/o', {}, FULL),
    ('', {}, FULL), ('/v1/a/c', {'prefix': True}, 'path must at least contain /v1/a/c/'),
    (b'/v1/a/c/\xff', {}, 'path must be representable as UTF-8'),
    (PATH, {'ip_range': b'\xff'}, 'ip_range must be representable as UTF-8'),
    (PATH, {'digest': 'md5'}, 'digest must be one of sha1, sha256, or sha512'),
    (PATH, {'absolute': True, 'seconds': '2h'}, utils.TIME_ERRMSG)])
def test_temporary_url_refuses(path, options, complaint):
    with pytest.raises(ValueError) as caught:
        generate_temp_url(path, options.pop('seconds', 60), 'key', 'GET', **options)
    assert str(caught.value) == complaint


def test_temporary_url_of_an_odd_method_is_made_with_a_warning(caplog):
    assert generate_temp_url(PATH, 60, 'key', 'FOO')
    assert 'Non default HTTP method FOO for tempurl' in caplog.text
    assert generate_temp_url('/v1/a/c/', 60, 'key', 'GET', prefix=True).endswith('prefix=')


@pytest.mark.parametrize('options,prefix,headers', [
    ({'a-b': ' c '}, '', {'A-B': 'c'}), (['a:b:c', 'D:'], 'x-', {'X-A': 'b:c', 'X-D': ''}),
    ([('a', 'b'), ['c', 'd']], '', {'A': 'b', 'C': 'd'}), ([], '', {})])
def test_split_request_headers(options, prefix, headers):
    assert utils.split_request_headers(options, prefix) == headers


@pytest.mark.parametrize('options,words', [
    (['a'], "Metadata parameter a must contain a ':'.\nExample: 'Color:Blue' or 'Size:Large'"),
    ([('a', 'b', 'c')], "Metadata parameter ('a', 'b', 'c') must have exactly two items.\n"
                        "Example: ('Color', 'Blue') or ['Size', 'Large']"),
    ([5], "Metadata parameter 5 must have exactly two items.\n"
          "Example: ('Color', 'Blue') or ['Size', 'Large']")])
def test_split_request_headers_refuses(options, words):
    with pytest.raises(ValueError) as caught:
        utils.split_request_headers(options)
    assert str(caught.value) == words


@pytest.mark.parametrize('headers,body', [
    ({}, '{"a": "é"}'.encode()),
    ({'content-encoding': 'gzip'}, gzip.compress(b'{"a": "\xc3\xa9"}')),
    ({'content-type': 'a/b; charset=latin-1'}, b'{"a": "\xe9"}'),
    ({'content-type': 'application/json; charset=utf-8; x=y'}, b'{"a": "\xc3\xa9"}')])
def test_parse_api_response(headers, body):
    assert utils.parse_api_response(headers, body) == {'a': 'é'}


@given(st.lists(st.integers(), max_size=30), st.integers(1, 12))
def test_slices_hold_everything_in_order(items, n):
    pages, groups = utils.n_at_a_time(items, n), utils.n_groups(items, n)
    assert sum(pages, []) == sum(groups, []) == items
    assert all(len(page) == n for page in pages[:-1]) and len(groups) <= n
    assert len({len(group) for group in groups[:-1]}) <= 1


def test_report_traceback(monkeypatch):
    monkeypatch.setattr('time.time', lambda: 7.5)
    try:
        raise ValueError('here')
    except ValueError:
        text, stamp = utils.report_traceback()
    assert 'ValueError: here' in text and stamp == 7.5


def test_length_wrapper_reads_sums_and_goes_back():
    source = io.BytesIO(b'..01234567')
    source.seek(2)
    wrapper = LengthWrapper(source, 5, md5=True)
    assert len(wrapper) == 5
    assert [wrapper.read(2), wrapper.read(0), wrapper.read(), wrapper.read(1)] == [
        b'01', b'', b'234', b'']
    assert wrapper.get_md5sum() == '4100c4d44da9177247e44a5fc1546778'
    wrapper.reset()
    assert wrapper.read(None) == b'01234'
    assert wrapper.get_md5sum() == '4100c4d44da9177247e44a5fc1546778'


class NoSeek:
    def __init__(self):
        self.read = io.BytesIO(b'0123').read


class Pipe(NoSeek):
    def tell(self):
        raise OSError('Illegal seek')

    seek = tell


@pytest.mark.parametrize('source', [NoSeek, Pipe])
def test_length_wrapper_without_a_way_back(source):
    wrapper = LengthWrapper(source(), 3)
    assert not hasattr(wrapper, 'reset') and wrapper.read() == b'012'
    assert wrapper.get_md5sum() == ''


def test_readable_to_iterable():
    blocks = ReadableToIterable(io.BytesIO(b'01234'), 2, md5=True)
    assert [next(blocks), blocks.next(), *blocks] == [b'01', b'23', b'4']
    assert blocks.get_md5sum() == '4100c4d44da9177247e44a5fc1546778'
    assert list(ReadableToIterable(io.StringIO('é'))) == ['é'.encode()]


def test_iter_wrapper_drops_what_would_end_the_body():
    assert list(utils.iter_wrapper([b'a', b'', 'b', ''])) == [b'a', 'b']


@pytest.mark.parametrize('entries', [[], [1], [1, 2, 3]])
@pytest.mark.parametrize('indent', [None, 2])
def test_jsonable_iterable_streams(entries, indent):
    out = io.StringIO()
    json.dump(utils.JSONableIterable(iter(entries)), out, indent=indent)
    assert out.getvalue() == json.dumps(entries, indent=indent)


def test_small_ones():
    assert [utils.normalize_manifest_path(path) for path in ('/a', '//a', 'a')] == ['a', '/a', 'a']
    nothing = utils.NoopMD5()
    nothing.update(b'x')
    assert nothing.hexdigest() == ''
    assert utils.EMPTY_ETAG == LengthWrapper(io.BytesIO(), 0, md5=True).get_md5sum()
