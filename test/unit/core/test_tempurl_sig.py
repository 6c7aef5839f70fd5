"""Signatures of URLs and forms, against those that the original verified."""
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.tempurl_sig import (
    DIGESTS,
    Signature,
    form_message,
    is_address_in,
    keys_in,
    matches,
    parse_expires,
    parse_signature,
    sign,
    signable_methods,
    url_message,
)
from test.support.golden import golden_json

VALUES = golden_json('hashing/expected.json')
SHEET = 'sha256:cy_Kw2irsQx4pMvpXD-rfzEVhFMr93mr1QdOE8vouIs='
SHEET_HEX = '732fcac368abb10c78a4cbe95c3fab7f311584532bf779abd5074e13cbe8b88b'


@pytest.mark.parametrize('case', VALUES['tempurl'], ids=lambda case: case['signature_hex'][:8])
def test_urls_are_signed_like_the_original(case):
    ip_range = case['ip_range'] and case['ip_range'].encode()
    message = url_message(case['method'], case['expires'], case['path'].encode(), ip_range)
    assert sign(case['key'], message, case['digest']) == case['signature_hex']
    both = [parse_signature(case[form])
            for form in ('signature_hex', 'signature_base64_form')]
    assert both == [Signature(case['digest'], case['signature_hex'])] * 2


@pytest.mark.parametrize('case', VALUES['formpost'], ids=lambda case: case['digest'])
def test_forms_are_signed_like_the_original(case):
    fields = {name: str(case[name]).encode()
              for name in ('redirect', 'max_file_size', 'max_file_count', 'expires')}
    message = form_message(case['path'].encode(), fields)
    assert message == case['signed_text'].encode()
    assert sign(case['key'], message, case['digest']) == case['signature_hex']


def test_fields_that_a_form_lacks_are_signed_as_empty_or_zero():
    assert form_message(b'/v1/a/c', {}) == b'/v1/a/c\n\n0\n0\n0'


@pytest.mark.parametrize('text', [
    SHEET, SHEET.rstrip('='), SHEET.replace('_', '/').replace('-', '+'),
    SHEET.replace('_', '/'), SHEET_HEX])
def test_every_form_of_a_signature_means_the_same(text):
    assert parse_signature(text) == Signature('sha256', SHEET_HEX)


@pytest.mark.parametrize('text', [
    '', ':', 'sha256:', 'x', SHEET_HEX[1:], SHEET_HEX + '0', SHEET_HEX.upper(), 'z' * 40,
    '\xe9' * 40, SHEET_HEX + '\n', f'sha256:{SHEET_HEX}', SHEET + '==', SHEET[:-2], SHEET + '\n',
    SHEET.replace('sha256', 'md5'), SHEET.replace('sha256', 'sha512'),
    SHEET.replace('sha256', 'SHA256'), SHEET.replace('y', ' ', 1), 'sha256:====',
    'sha1:' + 'A' * 25])
def test_what_is_no_signature_is_none(text):
    assert parse_signature(text) is None


def test_digests_that_are_not_allowed_are_no_signature():
    for allowed in itertools.chain.from_iterable(
            itertools.combinations(DIGESTS, n) for n in range(4)):
        for algorithm in DIGESTS:
            found = parse_signature(sign('k', b'm', algorithm), allowed)
            assert (found is not None) == (algorithm in allowed)


@given(st.text())
def test_reading_a_signature_never_fails(text):
    found = parse_signature(text)
    assert found is None or parse_signature(found.hex) == found


def test_any_key_may_have_signed_any_of_the_messages():
    for algorithm in DIGESTS:
        signature = Signature(algorithm, sign('k2', b'two', algorithm))
        assert matches(signature, ['k1', 'k2'], [b'one', b'two'])
        assert not matches(signature, ['k1'], [b'one', b'two'])
        assert not matches(signature, ['k1', 'k2'], [b'one'])
        assert not matches(signature, [], [b'two'])


def test_head_is_served_by_what_gives_away_more():
    assert signable_methods('HEAD') == ('HEAD', 'GET', 'POST', 'PUT')
    assert {method: signable_methods(method) for method in ('GET', 'PUT', 'POST', 'DELETE')} == {
        method: (method,) for method in ('GET', 'PUT', 'POST', 'DELETE')}


@pytest.mark.parametrize('text, seconds', [
    ('1512508563', 1512508563), ('0', 0), ('-1', -1), ('+5', 5), ('007', 7), ('9' * 18, 10**18 - 1),
    ('1970-01-01T00:00:00Z', 0), ('2096-10-02T07:06:40Z', 4000000000),
    ('9999-12-31T23:59:59Z', 253402300799), ('0001-01-01T00:00:00Z', -62135596800)])
def test_expiry_is_a_number_or_an_iso_time(text, seconds):
    assert parse_expires(text) == seconds


@pytest.mark.parametrize('text', [
    '', 'x', '1.5', ' 1', '1 ', '1_0', '\u0661', '1' * 19, '2096-10-02T07:06:40', '2096-10-02',
    '2096-13-02T07:06:40Z', '2096-10-02T24:06:40Z', '0000-10-02T07:06:40Z', '2096-1-2T7:6:4Z',
    '2096-10-02T07:06:40Z\n', '2096-10-02t07:06:40z', '2096-10-02T07:06:40+00:00'])
def test_what_is_no_expiry_is_none(text):
    assert parse_expires(text) is None


@pytest.mark.parametrize('address, ip_range, expected', [
    ('127.0.0.1', '127.0.0.1', True), ('127.0.0.1', '127.0.0.0/8', True),
    ('127.0.0.1', '127.0.0.1/8', False), ('127.0.0.1', '10.0.0.0/8', False),
    ('127.0.0.1', '::1', False), ('::1', '::1', True), ('2001:db8::7', '2001:db8::/32', True),
    ('127.0.0.1', 'nonsense', False), ('127.0.0.1', '', False), ('', '0.0.0.0/0', False),
    ('unix', '0.0.0.0/0', False), ('1.2.3.4', '0.0.0.0/0', True)])
def test_addresses_lie_in_ranges(address, ip_range, expected):
    assert is_address_in(address, ip_range) is expected


def test_keys_are_two_items_of_metadata():
    assert keys_in({'temp-url-key': 'a', 'temp-url-key-2': 'b', 'x': 'c'}) == ('a', 'b')
    assert keys_in({'temp-url-key': '', 'temp-url-key-2': 'b'}) == ('b',)
    assert keys_in({}) == ()
