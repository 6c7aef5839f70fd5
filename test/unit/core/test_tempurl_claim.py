"""What temporary URLs claim, and what they are answered with."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.disposition import disposition, last_component, one_line
from swift.core.tempurl_claim import first_params, is_claim, read_claim
from swift.core.tempurl_sig import DIGESTS

SIG = '0' * 64
NAMES = st.text(alphabet=st.characters(max_codepoint=255), max_size=8)


def claim(path='/v1/a/c/o', allowed=DIGESTS, **params):
    wanted = {'temp_url_sig': SIG, 'temp_url_expires': '100', **params}
    return read_claim(path, {name: value for name, value in wanted.items() if value is not None},
                      allowed)


def test_first_parameter_of_a_name_counts():
    assert first_params('a=1&b&a=2&c=%C3%A9+x') == {'a': '1', 'b': '', 'c': '\xc3\xa9 x'}


@pytest.mark.parametrize('query, expected', [
    ('temp_url_sig', True), ('temp_url_expires=1', True), ('temp_url_prefix=x&inline', False),
    ('', False), ('temp%5furl_sig=', True)])
def test_signature_or_expiry_make_a_claim(query, expected):
    assert is_claim(first_params(query)) is expected


@pytest.mark.parametrize('path', [
    '', '/', '/v1', '/v1/a', '/v1/a/c', '/v1/a/c/', '/v1/a/c//', '/v1/a/c///', '/v1//c/o',
    '/v1/a//o', '/v1.0/a/c/o', '/v2/a/c/o', 'v1/a/c/o', '//v1/a/c/o', '/info'])
def test_only_objects_can_be_claimed(path):
    assert claim(path) is None


@pytest.mark.parametrize('wrong', [
    {'temp_url_sig': None}, {'temp_url_sig': ''}, {'temp_url_expires': None},
    {'temp_url_expires': 'x'}, {'temp_url_prefix': 'p'}, {'allowed': ('sha1',)}])
def test_incomplete_claims_are_none(wrong):
    assert claim(**wrong) is None


@pytest.mark.parametrize('path, prefix, signed', [
    ('/v1/a/c/o', None, '/v1/a/c/o'), ('/v1/a/c/o/', None, '/v1/a/c/o/'),
    ('/v1/a/c//o', None, '/v1/a/c//o'), ('/v1/a/c/o', 'o', 'prefix:/v1/a/c/o'),
    ('/v1/a/c/o', '', 'prefix:/v1/a/c/'), ('/v1/a/c/', '', 'prefix:/v1/a/c/'),
    ('/v1/a/c', '', 'prefix:/v1/a/c/')])
def test_signed_path_has_the_name_or_its_beginning(path, prefix, signed):
    assert claim(path, temp_url_prefix=prefix).signed_path == signed


@pytest.mark.parametrize('path, prefix', [
    ('/v1/a/c', 'p'), ('/v1/a/c/', 'p'), ('/v1/a/c//', ''), ('/v1/a/c/q', 'p'),
    ('/v1/a/c/p', 'pp')])
def test_names_outside_of_the_prefix_are_not_claimed(path, prefix):
    assert claim(path, temp_url_prefix=prefix) is None


def test_messages_are_bytes_of_range_method_expiry_and_path():
    found = claim('/v1/a/c/\xc3\xa9', temp_url_ip_range='1.2.3.0/24')
    assert found.messages('GET') == [b'ip=1.2.3.0/24\nGET\n100\n/v1/a/c/\xc3\xa9']
    assert claim().messages('HEAD') == [
        b'%s\n100\n/v1/a/c/o' % method for method in (b'HEAD', b'GET', b'POST', b'PUT')]
    assert claim(temp_url_ip_range='').messages('PUT') == [b'PUT\n100\n/v1/a/c/o']
    assert claim(temp_url_expires='1970-01-01T00:01:40Z').messages('PUT') == [
        b'PUT\n100\n/v1/a/c/o']


@given(NAMES, NAMES, st.booleans(), st.booleans())
def test_query_says_the_claim_again_and_nothing_else(rest, filename, inline, ranged):
    path = '/v1/a/c/p' + rest
    params = {'temp_url_prefix': 'p', 'filename': filename, 'format': 'json', 'version-id': '1',
              **({'inline': 'no'} if inline else {}),
              **({'temp_url_ip_range': '::1'} if ranged else {})}
    first = claim(path, **params)
    second = read_claim(path, first_params(first.query()), DIGESTS)
    assert second == first
    assert not set(first_params(first.query())) & {'format', 'version-id'}


# -- Content-Disposition -----------------------------------------------------------------------

@pytest.mark.parametrize('kind, name, value', [
    ('inline', '', 'inline'), ('attachment', '', 'attachment'),
    ('inline', 'x', 'inline; filename="x"; filename*=UTF-8\'\'x'),
    ('attachment', 'a b/\xc3\xa9.txt',
     'attachment; filename="a b/%C3%A9.txt"; filename*=UTF-8\'\'a%20b/%C3%A9.txt'),
    ('attachment', 'a"b\r\nX: 1',
     'attachment; filename="a%22b%0D%0AX%3A 1"; filename*=UTF-8\'\'a%22b%0D%0AX%3A%201')])
def test_disposition_names_the_file_twice(kind, name, value):
    assert disposition(kind, name) == value


@given(NAMES)
def test_no_name_ends_the_quotes_or_the_line(name):
    value = disposition('attachment', name)
    assert not set('\r\n') & set(value)
    assert value.count('"') in (0, 2)


@pytest.mark.parametrize('name, last', [
    ('o', 'o'), ('a/b', 'b'), ('a/b/', 'b'), ('a//', 'a'), ('/', ''), ('', '')])
def test_last_component_is_the_last_that_is_not_empty(name, last):
    assert last_component(name) == last


def test_value_of_a_header_stays_on_its_line():
    assert one_line('a\r\nb\n') == 'a%0D%0Ab%0A'
