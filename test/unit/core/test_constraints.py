import pytest

from swift.core.constraints import (
    DEFAULT,
    Constraints,
    Refusal,
    check_delete_headers,
    check_metadata,
    check_name_length,
    check_object_creation,
    config_true_value,
    message_length,
    normalize_delete_at,
    split_api_path,
    valid_api_version,
)
from swift.core.headers import HeaderMap
from swift.core.timestamp import Timestamp

NOW = Timestamp('1700000000.50000')


def body_of(refusal):
    if refusal is None:
        return None
    assert (refusal.status, refusal.content_type) == (400, 'text/plain')
    return refusal.body


def test_defaults_are_those_of_the_sheet():
    assert DEFAULT.effective() == {
        'max_file_size': 5368709122, 'max_meta_name_length': 128, 'max_meta_value_length': 256,
        'max_meta_count': 90, 'max_meta_overall_size': 4096, 'max_header_size': 8192,
        'max_request_line': 8192, 'extra_header_count': 0, 'max_object_name_length': 1024,
        'container_listing_limit': 10000, 'account_listing_limit': 10000,
        'max_account_name_length': 256, 'max_container_name_length': 256,
        'valid_api_versions': ['v1', 'v1.0'], 'auto_create_account_prefix': '.'}
    assert (DEFAULT.max_header_count, DEFAULT.max_header_lines) == (126, 201)


def test_items_of_the_configuration_replace_defaults():
    limits = Constraints.from_items({
        'max_meta_count': '5', 'extra_header_count': '3', 'valid_api_versions': 'v1, v2,',
        'auto_create_account_prefix': '-', 'unknown': 'x'})
    assert (limits.max_meta_count, limits.max_header_count) == (5, 44)
    assert limits.valid_api_versions == ('v1', 'v2')
    assert limits.auto_create_account_prefix == '-'
    assert Constraints.from_items({'extra_header_count': '-9'}).max_header_count == 126


def test_bad_number_names_the_option():
    with pytest.raises(ValueError, match='max_meta_count'):
        Constraints.from_items({'max_meta_count': 'many'})


@pytest.mark.parametrize('value, expected', [
    (True, True), ('YES', True), ('1', True), ('on', True), ('t', True), ('y', True),
    ('true', True), (False, False), (None, False), (1, False), ('', False), ('no', False)])
def test_true_values(value, expected):
    assert config_true_value(value) is expected


def test_api_versions():
    assert valid_api_version('v1.0') and not valid_api_version('v2')


@pytest.mark.parametrize('kind', ['account', 'container', 'object'])
@pytest.mark.parametrize('name, value, problem', [
    ('{p}a', 'v', None),
    ('{p}', 'v', 'Metadata name cannot be empty'),
    ('{p}a', '', None),
    ('{p}' + 'n' * 128, 'v', None),
    ('{p}' + 'n' * 129, 'v', 'Metadata name too long: {p}N' + 'n' * 128),
    ('{p}a', 'v' * 256, None),
    ('{p}foo-bar', 'v' * 257, 'Metadata value longer than 256: {p}Foo-Bar'),
    ('X-Other', 'v' * 8192, None),
    ('X-Other' + 'r' * 200, 'v' * 8193, 'Header value too long: X-Other' + 'r' * 121),
    ('{p}a', 'v' * 8193, 'Header value too long: {p}a'),
])
def test_metadata_item_limits_at_both_sides(kind, name, value, problem):
    prefix = f'x-{kind}-meta-'
    refusal = check_metadata([(name.format(p=prefix), value)], kind)
    assert body_of(refusal) == (problem and problem.format(p=prefix))


@pytest.mark.parametrize('value, valid', [
    ('caf\xc3\xa9', True), ('\xff\xfe', False), ('a\0', False), ('\xed\xa0\x80', False)])
def test_only_objects_may_have_metadata_that_is_no_utf8(value, valid):
    for kind in ('account', 'container'):
        problem = body_of(check_metadata([(f'x-{kind}-meta-a', value)], kind))
        assert problem == (None if valid else 'Metadata must be valid UTF-8')
        named = body_of(check_metadata([(f'x-{kind}-meta-{value}', 'v')], kind))
        assert named == (None if valid else 'Metadata must be valid UTF-8')
    assert check_metadata([('x-object-meta-a', value)], 'object') is None


def test_number_and_size_of_items():
    items = [(f'x-object-meta-{n}', 'v') for n in range(91)]
    assert check_metadata(items[:90], 'object') is None
    assert body_of(check_metadata(items, 'object')) == 'Too many metadata items; max 90'
    assert check_metadata(items, 'container') is None
    items = [(f'x-object-meta-n{n:02d}', 'v' * 253) for n in range(16)]
    assert check_metadata(items, 'object') is None
    items[0] = ('x-object-meta-n000', items[0][1])
    assert body_of(check_metadata(items, 'object')) == 'Total metadata too large; max 4096'


@pytest.mark.parametrize('kind, limit', [('account', 256), ('container', 256), ('object', 1024)])
def test_name_lengths(kind, limit):
    assert check_name_length(kind, '\xe9' * limit) is None
    refusal = check_name_length(kind, 'n' * (limit + 1))
    assert refusal.body == f'{kind.title()} name length of {limit + 1} longer than {limit}'
    assert refusal.content_type.startswith('text/plain' if kind == 'object' else 'text/html')


def test_names_of_the_cluster_itself_may_be_twice_as_long():
    assert check_name_length('account', '.' + 'n' * 511) is None
    assert check_name_length('container', 'n' * 512, '.shards_a') is None
    assert check_name_length('container', 'n' * 513, '.shards_a').body.endswith('than 512')
    assert check_name_length('container', '.' + 'n' * 256, 'AUTH_a').status == 400
    assert check_name_length('object', '.' + 'n' * 1024, '.x').status == 400


@pytest.mark.parametrize('headers, expected', [
    ({}, None), ({'Content-Length': ''}, None), ({'Content-Length': '12'}, 12),
    ({'Transfer-Encoding': 'chunked'}, None), ({'Transfer-Encoding': 'Chunked'}, None),
    ({'Transfer-Encoding': 'chunked', 'Content-Length': '12'}, None),
    ({'Content-Length': 'x'}, (400, 'Invalid Content-Length header value')),
    ({'Content-Length': '-1'}, (400, 'Invalid Content-Length header value')),
    ({'Content-Length': '\xb2'}, (400, 'Invalid Content-Length header value')),
    ({'Transfer-Encoding': 'gzip'}, (400, 'Invalid Transfer-Encoding header value')),
    ({'Transfer-Encoding': 'gzip, chunked'},
     (501, 'Unsupported Transfer-Coding header value specified in Transfer-Encoding header')),
])
def test_message_length(headers, expected):
    found = message_length(HeaderMap(headers))
    assert found == expected or found[:2] == expected


@pytest.mark.parametrize('headers, problem, delete_at', [
    ({}, None, None),
    ({'X-Delete-At': '1700000001'}, None, '1700000001'),
    ({'X-Delete-At': ' +1700000001 '}, None, '1700000001'),
    ({'X-Delete-At': '1700000000'}, 'X-Delete-At in past', None),
    ({'X-Delete-At': '1'}, 'X-Delete-At in past', None),
    ({'X-Delete-At': '-1'}, 'X-Delete-At in past', None),
    ({'X-Delete-At': '1', 'X-Backend-Replication': 'true'}, None, '0000000001'),
    ({'X-Delete-At': '1.5'}, 'Non-integer X-Delete-At', None),
    ({'X-Delete-At': ''}, 'Non-integer X-Delete-At', None),
    ({'X-Delete-At': '9' * 30}, None, '9999999999'),
    ({'X-Delete-After': '60'}, None, '1700000060'),
    ({'X-Delete-After': '1'}, None, '1700000001'),
    ({'X-Delete-After': '0'}, 'X-Delete-After in past', None),
    ({'X-Delete-After': '-5'}, 'X-Delete-After in past', None),
    ({'X-Delete-After': 'x'}, 'Non-integer X-Delete-After', None),
    ({'X-Delete-After': '60', 'X-Delete-At': 'x'}, None, '1700000060'),
    ({'X-Delete-After': '9' * 5000}, None, '9999999999'),
])
def test_delete_headers(headers, problem, delete_at):
    headers = HeaderMap(headers)
    assert body_of(check_delete_headers(headers, NOW)) == problem
    if not problem:
        assert headers.get('X-Delete-At') == delete_at
        assert 'X-Delete-After' not in headers


def test_normalize_delete_at_clamps():
    assert normalize_delete_at(-1) == '0000000000'
    assert normalize_delete_at('10000000000') == '9999999999'


def test_object_creation_refuses_in_the_order_of_the_sheet():
    """Each rule is broken in turn, all later ones with it: the first must be answered."""
    steps = [
        ('Content-Length', 'x', '1', 'Invalid Content-Length header value'),
        ('Content-Length', '5368709123', '5368709122', 'Your request is too large.'),
        ('Content-Length', None, '0', 'Missing Content-Length header.'),
        (None, 'n' * 1025, 'n' * 1024, 'Object name length of 1025 longer than 1024'),
        ('Content-Type', None, '', 'No content type'),
        ('X-Delete-At', 'x', '1800000000', 'Non-integer X-Delete-At'),
        ('Content-Type', '', 'a/b', 'Invalid Content-Type'),
        ('X-Object-Meta-', 'x', None, 'Metadata name cannot be empty'),
    ]
    headers, name = HeaderMap(), ''
    for field, bad, _good, _text in reversed(steps):
        if field:
            headers[field] = bad
        else:
            name = bad
    for field, bad, good, text in steps:
        if field:
            headers[field] = bad
        assert check_object_creation(headers, name, NOW).body == text
        if field:
            headers[field] = good
        else:
            name = good
    assert check_object_creation(headers, name, NOW) is None


@pytest.mark.parametrize('coding, expected', [
    ('chunked', None),
    ('Chunked', Refusal(411, 'Missing Content-Length header.')),
    ('gzip', Refusal(400, 'Invalid Transfer-Encoding header value'))])
def test_object_creation_in_chunks(coding, expected):
    headers = HeaderMap({'Transfer-Encoding': coding, 'Content-Type': 'a/b'})
    assert check_object_creation(headers, 'o', NOW) == expected


def test_too_large_is_413():
    headers = HeaderMap({'Content-Length': '11', 'Content-Type': 'a/b'})
    assert check_object_creation(headers, 'o', NOW, Constraints(max_file_size=10)).status == 413


@pytest.mark.parametrize('path, names', [
    ('/v1/a', ['v1', 'a', None, None]), ('/v1.0/a/', ['v1.0', 'a', None, None]),
    ('/v1/a/c/', ['v1', 'a', 'c', None]), ('/v1/a/c/o/p/', ['v1', 'a', 'c', 'o/p/']),
    ('/v1', None), ('/', None), ('', None), ('/v1/', None), ('/v1//c', None), ('/v2/a', None),
    ('/info', None), ('/healthcheck', None), ('/auth/v1.0', None)])
def test_paths_of_the_api(path, names):
    assert split_api_path(path) == names
