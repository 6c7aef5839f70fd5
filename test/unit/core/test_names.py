import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.names import (
    account_name_problem,
    check_utf8,
    device_part_problem,
    drive_name_is_valid,
    get_reserved_name,
    is_reserved_name,
    is_valid_utf8,
    join_path,
    policy_name,
    quote,
    reserved_name_problem,
    split_backend_path,
    split_path,
    split_policy_name,
    split_reserved_name,
    storage_directory,
    unquote,
)
from test.support.golden import golden_json

VALUES = golden_json('hashing/expected.json')
# Names as they come out of a request: any bytes, those that are no UTF-8 as surrogate escapes.
names = st.binary(min_size=1).map(lambda raw: raw.decode('utf-8', 'surrogateescape'))
segments = names.filter(lambda name: '/' not in name)


@pytest.mark.parametrize('case', VALUES['quote'])
def test_quote_is_that_of_the_original(case):
    assert quote(case['text']) == case['quoted']
    assert quote(case['text'], '') == case['quoted_safe_none']


@given(names)
def test_quoted_names_are_ascii_and_read_back(name):
    assert quote(name).isascii()
    assert unquote(quote(name)) == name
    assert quote(name.encode('utf-8', 'surrogateescape')) == quote(name)


@pytest.mark.parametrize('arguments, expected', [
    (('/a',), ['a']),
    (('/a/',), ['a']),
    (('/a', 1, 2), ['a', None]),
    (('/a/', 1, 2), ['a', None]),
    (('/a/c', 2), ['a', 'c']),
    (('/a/c/', 2), ['a', 'c']),
    (('/a/c', 2, 3), ['a', 'c', None]),
    (('/a/c/o/r', 3, 3, True), ['a', 'c', 'o/r']),
    (('/a/c', 2, 3, True), ['a', 'c', None]),
    (('/v1/a/c//x/', 1, 4, True), ['v1', 'a', 'c', '/x/']),
    (('/v1/a/c/', 1, 4, True), ['v1', 'a', 'c', None]),
    (('/v1/a/', 1, 4, True), ['v1', 'a', None, None]),
    (('/v1/', 1, 4, True), ['v1', None, None, None]),
    (('/v1', 1, 4, True), ['v1', None, None, None]),
    (('/v1/a/c/o/', 1, 4, True), ['v1', 'a', 'c', 'o/']),
    (('/a/c//', 3, 3, True), ['a', 'c', '/']),
])
def test_split_path_cuts(arguments, expected):
    assert split_path(*arguments) == expected


@pytest.mark.parametrize('arguments', [
    ('',), ('/',), ('//',), ('a',), ('a/b', 2), ('/a', 2), ('//a',), ('/a//',), ('/a/c',),
    ('//a', 1, 4, True), ('/v1//c', 1, 4, True), ('/v1/a//o', 1, 4, True),
    ('/v1/a/c/o', 2, 3), ('/a', 5, 4)])
def test_split_path_refuses(arguments):
    with pytest.raises(ValueError):
        split_path(*arguments)


def test_split_path_names_the_quoted_path():
    with pytest.raises(ValueError, match='^Invalid path: //a%20b$'):
        split_path('//a b')


@given(st.lists(segments, min_size=3, max_size=3), names)
def test_split_path_undoes_join(parts, obj):
    account, container = parts[:2]
    path = '/v1' + join_path(account, container, obj)
    assert split_path(path, 1, 4, True) == ['v1', account, container, obj]


def test_join_path():
    assert join_path('a') == '/a'
    assert join_path('a', 'c') == '/a/c'
    with pytest.raises(AssertionError):
        join_path('a', None, 'o')


@pytest.mark.parametrize('path, text', [
    ('/', 'Invalid path: /'), ('/sda', 'Invalid path: /sda'),
    ('/sda/77/a/c', 'Invalid path: /sda/77/a/c'), ('/./77/a/c/o', 'Invalid device: .'),
    ('/../77/a/c/o', 'Invalid device: ..'), ('/sda/../a/c/o', 'Invalid partition: ..'),
    ('/sda//a/c/o', 'Invalid partition: ')])
def test_backend_path_refusals_have_the_texts_of_the_original(path, text):
    with pytest.raises(ValueError) as caught:
        split_backend_path(path, 5, 5)
    assert str(caught.value) == text


def test_backend_path_keeps_the_rest_with_the_last():
    assert split_backend_path('/sda/77/a/c/o/p', 5, 5) == ['sda', '77', 'a', 'c', 'o/p']
    assert split_backend_path('/sda/77/a/c', 4, 5) == ['sda', '77', 'a', 'c', None]


@pytest.mark.parametrize('device, part, problem', [
    ('sda', '0', None), ('', '0', 'Invalid device: '), ('a/b', '0', 'Invalid device: a%2Fb'),
    ('sda', '.', 'Invalid partition: .'), ('sda', None, 'Invalid partition: ')])
def test_device_and_partition(device, part, problem):
    assert device_part_problem(device, part) == problem


@pytest.mark.parametrize('name, valid', [
    ('sda', True), ('sda-1_x.y', True), ('', False), ('a b', False), ('a/b', False),
    ('a%b', False), ('caf\xe9', False)])
def test_drive_names(name, valid):
    assert drive_name_is_valid(name) is valid


@pytest.mark.parametrize('text, valid, for_clients', [
    ('', False, False), ('a', True, True), ('\xe9', True, True), ('\0', True, False),
    ('\ud800', False, False), ('\udcff', False, False), (b'', False, False), (b'a', True, True),
    (b'\xc3\xa9', True, True), (b'\xff', False, False), (b'a\0', True, False)])
def test_utf8(text, valid, for_clients):
    assert is_valid_utf8(text) is valid
    assert check_utf8(text) is for_clients
    assert check_utf8(text, internal=True) is valid


def test_no_text_is_not_valid():
    assert not check_utf8(None)


@pytest.mark.parametrize('case', VALUES['reserved_names'])
def test_reserved_names_are_those_of_the_original(case):
    assert get_reserved_name(*case['parts']) == case['name']
    assert split_reserved_name(case['name']) == case['parts']
    assert is_reserved_name(case['name'])


def test_reserved_names_refuse_what_would_not_read_back():
    with pytest.raises(ValueError):
        get_reserved_name('a\0b')
    with pytest.raises(ValueError):
        split_reserved_name('a')
    assert not is_reserved_name(None) and not is_reserved_name('a\0')


R = '\0'


@pytest.mark.parametrize('path, problem', [
    (('a', 'c', 'o'), None),
    ((R + 'a',), None),
    (('a' + R,), 'Invalid reserved-namespace account'),
    (('a', 'c' + R), 'Invalid reserved-namespace container'),
    (('a', R + 'c'), None),
    (('a', 'c', 'o' + R), 'Invalid reserved-namespace object'),
    (('a', R + 'c', R + 'o'), None),
    (('a', R + 'c', 'o'),
     'Invalid user-namespace object in reserved-namespace container'),
    (('a', 'c', R + 'o'),
     'Invalid reserved-namespace object in user-namespace container'),
    (('.shards_a', R + 'c', 'o'), None),
    (('.misplaced_objects', 'c', R + 'o'), None),
    (('.x', 'c', 'o' + R), 'Invalid reserved-namespace object'),
])
def test_use_of_the_reserved_namespace(path, problem):
    assert reserved_name_problem(*path) == problem


@given(st.sampled_from(['objects', 'async_pending', 'tmp']), st.integers(0, 10**6))
def test_policy_names_read_back(base, index):
    assert split_policy_name(policy_name(base, index)) == (base, index)


@given(st.text('objects-019', max_size=12))
def test_only_policy_names_that_would_be_written_are_read(name):
    try:
        parsed = split_policy_name(name)
    except ValueError:
        return
    assert policy_name(*parsed) == name


def test_policy_zero_has_the_bare_name():
    assert policy_name('objects', 0) == 'objects'
    assert policy_name('async_pending', 2) == 'async_pending-2'


@pytest.mark.parametrize('name', [
    'objects-0', 'objects-01', '-1', 'objects-x', 'objects-', 'objects-\xb2'])
def test_other_spellings_of_policies_are_refused(name):
    with pytest.raises(ValueError, match='Unknown policy, for index'):
        split_policy_name(name)


def test_storage_directory():
    assert storage_directory('objects-1', 7, 'a' * 29 + 'xyz') == f'objects-1/7/xyz/{"a" * 29}xyz'


def test_destination_accounts():
    assert account_name_problem('a') is None
    assert account_name_problem('') == 'Account name cannot be empty'
    assert account_name_problem('a/b') == 'Account name cannot contain slashes'
