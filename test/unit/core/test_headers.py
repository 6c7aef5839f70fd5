import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.headers import (
    REFERER_LENGTH_MAX,
    HeaderMap,
    bounded_referer,
    get_container_update_override_key,
    get_object_transient_sysmeta,
    get_sys_meta_prefix,
    get_user_meta_prefix,
    is_internal,
    is_object_transient_sysmeta,
    is_sys_meta,
    is_sys_or_user_meta,
    is_user_meta,
    strip_object_transient_sysmeta_prefix,
    strip_sys_meta_prefix,
    strip_user_meta_prefix,
    title_case,
)


@pytest.mark.parametrize('name, expected', [
    ('etag', 'Etag'), ('X-OBJECT-META-foo-BAR', 'X-Object-Meta-Foo-Bar'), ('a1b', 'A1B'),
    ("x-it's", "X-It'S"), ('x-caf\xe9', 'X-Caf\xe9'), ('x-\xdf', 'X-\xdf'), ('', '')])
def test_title_case(name, expected):
    assert title_case(name) == expected


@given(st.text(st.characters(min_codepoint=33, max_codepoint=255)))
def test_title_case_is_stable_and_case_free(name):
    assert title_case(title_case(name)) == title_case(name)
    ascii_upper = ''.join(c.upper() if c.isascii() else c for c in name)
    assert title_case(ascii_upper) == title_case(name)


def test_header_map_compares_names_without_case():
    headers = HeaderMap({'etag': 'x'}, content_type='y')
    assert headers['ETAG'] == headers.get('eTag') == 'x'
    assert 'etag' in headers and 'e-tag' not in headers
    assert headers.get('none') is None and headers.get('none', 1) == 1
    assert list(headers) == ['Etag', 'Content_Type']
    with pytest.raises(KeyError):
        headers['none']


def test_header_map_keeps_several_lines_of_a_name():
    headers = HeaderMap([('Set-Cookie', 'a')])
    headers.add('set-cookie', b'b')
    headers.add('X', 3)
    assert headers['set-cookie'] == headers.get('Set-Cookie') == 'a,b'
    assert headers.get_all('set-cookie') == ['a', 'b'] and headers.get_all('none') == []
    assert headers.lines() == [('Set-Cookie', 'a'), ('Set-Cookie', 'b'), ('X', '3')]
    assert len(headers) == 2
    headers['Set-Cookie'] = 'c'
    assert headers.get_all('set-cookie') == ['c']


def test_header_map_deletes():
    headers = HeaderMap(a='1', b='2')
    headers['A'] = None
    del headers['B']
    assert not headers
    with pytest.raises(KeyError):
        del headers['b']
    headers['none'] = None


def test_header_map_copies_are_independent():
    headers = HeaderMap(a='1')
    other = headers.copy()
    other.add('a', '2')
    assert headers.lines() == [('A', '1')]
    assert repr(other) == "HeaderMap([('A', '1'), ('A', '2')])"


@pytest.mark.parametrize('kind', ['account', 'container', 'object'])
def test_families_of_metadata(kind):
    title = kind.title()
    user, system = f'X-{title}-Meta-Foo', f'x-{kind}-sysmeta-foo'
    assert is_user_meta(kind, user) and not is_user_meta(kind, system)
    assert is_sys_meta(kind, system) and not is_sys_meta(kind, user)
    assert is_sys_or_user_meta(kind, user) and is_sys_or_user_meta(kind, system)
    assert strip_user_meta_prefix(kind, user) == 'Foo'
    assert strip_sys_meta_prefix(kind, system) == 'foo'
    assert user.lower().startswith(get_user_meta_prefix(title))
    assert system.startswith(get_sys_meta_prefix(title))


@pytest.mark.parametrize('name', ['X-Object-Meta-', 'X-Object-Sysmeta-', 'X-Object-Meta',
                                  'X-Object-Transient-Sysmeta-', 'X-Container-Meta-A', ''])
def test_a_bare_prefix_or_another_kind_is_no_metadata(name):
    assert not is_sys_or_user_meta('object', name)
    assert not is_object_transient_sysmeta(name)


def test_transient_and_override_names():
    name = get_object_transient_sysmeta('crypto')
    assert is_object_transient_sysmeta(name.upper())
    assert strip_object_transient_sysmeta_prefix(name) == 'crypto'
    assert get_container_update_override_key('etag') == (
        'x-object-sysmeta-container-update-override-etag')


@pytest.mark.parametrize('name, internal', [
    ('X-Account-Sysmeta-X', True), ('x-container-sysmeta-', True), ('X-Object-Sysmeta-A', True),
    ('x-object-transient-sysmeta-a', True), ('X-Backend', True), ('X-Backendish', True),
    ('X-Account-Host', True), ('X-Account-Hostile', False), ('X-Container-Root-Db-State', True),
    ('X-Container-Meta-Host', False), ('X-Delete-At-Container', True), ('X-Delete-At', False),
    ('X-Object-Host', False), ('X-Timestamp', False)])
def test_internal_names(name, internal):
    assert is_internal(name) is internal


def test_a_referer_fits_into_a_header_line():
    fits = 'P' * REFERER_LENGTH_MAX
    assert bounded_referer(fits) == fits
    cut = bounded_referer(fits + 'x')
    assert len(cut) == REFERER_LENGTH_MAX and cut.endswith('P...')
