"""Bytes of listings (sheet 03 §13). Golden listings are in unit/container and unit/account."""
import json

from hypothesis import given
from hypothesis import strategies as st

from swift.core.listing_render import (
    account_xml,
    container_entries,
    container_xml,
    containers_json,
    object_entries,
    objects_json,
    to_text,
)

TEXT = st.text(st.characters(exclude_categories=('Cs',)), min_size=1, max_size=6)
OBJECT_ROWS = st.tuples(TEXT, st.sampled_from(
    ('1700000001.12345', '1700000001.12345+2dd07+186a0', '1700000009.12345_1+0+186a0')),
    st.integers(0, 1 << 50), st.sampled_from(('a/b', 'a/b; c="d;e"', 'a/b;swift_bytes=9')), TEXT)
CONTAINER_ROWS = st.tuples(TEXT, st.integers(0, 99), st.integers(0, 1 << 50),
                           st.sampled_from(('0', '1700000001.12345')), st.integers(0, 2))


@given(st.lists(OBJECT_ROWS | TEXT, max_size=5))
def test_object_json_is_what_a_serialiser_writes(entries):
    assert objects_json(entries) == json.dumps(object_entries(entries)).encode('ascii')


@given(st.lists(CONTAINER_ROWS | TEXT, max_size=5))
def test_container_json_is_what_a_serialiser_writes(entries):
    names = {0: 'gold', 1: 'silver'}
    expected = json.dumps(container_entries(entries, names)).encode('ascii')
    assert containers_json(entries, names) == expected


def test_last_modified_is_the_metadata_time():
    row = ('o', '1700000001.12345+2dd07+186a0', 1, 'a/b', 'e')
    assert object_entries([row])[0]['last_modified'] == '2023-11-14T22:13:24.000000'


def test_last_modified_of_many_minutes():
    rows = [('o', f'17000{second:05d}.00000', 1, 'a/b', 'e') for second in (0, 39, 40, 99999)]
    times = [entry['last_modified'][:19] for entry in object_entries(rows)]
    assert times == ['2023-11-14T22:13:20', '2023-11-14T22:13:59', '2023-11-14T22:14:00',
                     '2023-11-16T01:59:59']


def test_swift_bytes_replaces_the_size():
    rows = [('o', '1700000001.12345', 5, 'x/y; foo="a b";swift_bytes=99', 'e')]
    assert object_entries(rows)[0] == {
        'bytes': 99, 'hash': 'e', 'name': 'o', 'content_type': 'x/y;foo="a b"',
        'last_modified': '2023-11-14T22:13:21.123450'}


def test_unknown_policy_is_left_out():
    assert 'storage_policy' not in container_entries([('c', 1, 2, '0', 7)], {0: 'gold'})[0]


def test_text_has_one_name_per_line():
    assert to_text([('a', 'rest'), 'b/', {'name': 'c'}, {'subdir': 'd/'}]) == b'a\nb/\nc\nd/\n'
    assert to_text([]) == b''


def test_account_xml():
    entries = [{'subdir': 'c-'}, {'name': 'a<&', 'count': 5, 'bytes': 50,
                                  'last_modified': 'T', 'storage_policy': 'gold'}]
    assert account_xml('AUTH_"t"', entries).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<account name="AUTH_&quot;t&quot;">\n'
        '<subdir name="c-" />\n<container><name>a&lt;&amp;</name><count>5</count><bytes>50</bytes>'
        '<last_modified>T</last_modified><storage_policy>gold</storage_policy></container>\n'
        '</account>')
    assert account_xml('a', []).endswith(b'<account name="a">\n</account>')


def test_container_xml():
    entries = [{'name': 'é', 'hash': 'e', 'bytes': 1, 'content_type': 'x/y', 'last_modified': 'T'},
               {'subdir': 'a"/'}]
    assert container_xml('c', entries).decode().split('\n', 1)[1] == (
        '<container name="c"><object><name>é</name><hash>e</hash><bytes>1</bytes>'
        '<content_type>x/y</content_type><last_modified>T</last_modified></object>'
        '<subdir name="a&quot;/"><name>a"/</name></subdir></container>')
    assert container_xml('c', []).endswith(b'\n<container name="c" />')
