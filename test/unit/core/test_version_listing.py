"""Listings of versions: what is asked of both containers, and what becomes of their rows."""
import itertools

import pytest

from swift.core.timestamp import Timestamp
from swift.core.version_listing import (
    BadQuery,
    hidden_account_query,
    merge_containers,
    merge_versions,
    parse_query,
    show_version_links,
)
from swift.core.versions import DELETED_TYPE, version_name

EMPTY = 'd41d8cd98f00b204e9800998ecf8427e'


def normal(time):
    return Timestamp(time).normal


def data(name, time, marker=False):
    return {'name': version_name(name, Timestamp(time)), 'bytes': 0 if marker else time,
            'hash': f'h{time}', 'content_type': DELETED_TYPE if marker else 'text/t'}


def link(name, time, **more):
    target = version_name(name, Timestamp(time)).replace('\0', '%00')
    return {'name': name, 'bytes': 0, 'hash': EMPTY, 'content_type': 'text/t',
            'symlink_path': f'/v1/a/%00versions%00c/{target}', 'symlink_etag': f'h{time}',
            'symlink_bytes': time, **more}


def null(name):
    return {'name': name, 'bytes': 7, 'hash': 'n', 'content_type': 'text/n'}


def short(rows):
    return [row.get('subdir') or (row['name'], row['version_id'].partition('.')[0].lstrip('0'),
                                  row['is_latest']) for row in rows]


def merged(hidden, own, marker='', **params):
    query = parse_query({**params, **({'marker': marker} if marker else {})}, 10000)
    return short(merge_versions(query, hidden, own, marker))


# -- parameters -----------------------------------------------------------------------------------

@pytest.mark.parametrize('params, status, text', [
    ({'limit': '11'}, 412, 'Maximum limit is 10'),
    ({'delimiter': '1'}, 400, 'invalid delimiter param'),
    ({'delimiter': '.'}, 400, 'invalid delimiter param'),
    ({'delimiter': 'a\0'}, 400, 'invalid delimiter param'),
    ({'version_marker': '1'}, 400, 'version_marker param requires marker'),
    ({'marker': 'o', 'version_marker': 'x'}, 400, 'invalid version_marker param'),
    ({'marker': 'o', 'version_marker': ''}, 400, 'invalid version_marker param')])
def test_bad_parameters(params, status, text):
    with pytest.raises(BadQuery) as error:
        parse_query(params, 10)
    assert (error.value.status, str(error.value)) == (status, text)


@pytest.mark.parametrize('given, limit', [('x', 10), ('', 10), ('-1', 10), ('0', 0), ('10', 10)])
def test_limits(given, limit):
    query = parse_query({'limit': given}, 10)
    assert query.own()['limit'] == str(limit)
    assert query.hidden()['limit'] == str(min(limit + 1, 10))


@pytest.mark.parametrize('params, marker', [
    ({}, None), ({'marker': 'o'}, '\0o\0:'), ({'marker': 'o', 'version_marker': 'null'}, '\0o\0'),
    ({'marker': 'o', 'version_marker': '1700000000.12345'}, '\0o\x008299999999.87654'),
    ({'marker': 'a\0b', 'version_marker': '1700000000.12345'}, '\0a\0b\x008299999999.87654')])
def test_markers_of_the_hidden_listing(params, marker):
    assert parse_query(params, 10).hidden().get('marker') == marker


@pytest.mark.parametrize('params, marker', [
    ({'marker': 'o'}, 'o'), ({'marker': 'o', 'version_marker': '1'}, 'o'),
    ({'marker': 'o', 'version_marker': '1', 'reverse': 'on'}, 'o\x01'),
    ({'marker': 'o', 'version_marker': 'null', 'reverse': 'on'}, 'o')])
def test_markers_of_the_own_listing(params, marker):
    assert parse_query(params, 10).own()['marker'] == marker


def test_other_parameters_go_where_they_belong():
    query = parse_query({'versions': '', 'prefix': 'p', 'delimiter': '/', 'end_marker': 'z',
                         'reverse': 'yes', 'path': 'x', 'format': 'xml'}, 10)
    assert query.own() == {'prefix': 'p', 'delimiter': '/', 'end_marker': 'z', 'reverse': 'yes',
                           'format': 'json', 'limit': '10'}
    assert query.hidden() == {'prefix': '\0p', 'delimiter': '/', 'reverse': 'true',
                              'format': 'json', 'limit': '10'}


# -- merging --------------------------------------------------------------------------------------

def test_versions_newest_first_and_the_linked_one_is_latest():
    assert merged([data('a', 2), data('a', 1), data('b', 3)], [link('a', 2), link('b', 3)]) == [
        ('a', '2', True), ('a', '1', False), ('b', '3', True)]


def test_an_older_version_may_be_the_latest_beside_a_marker():
    assert merged([data('a', 3, marker=True), data('a', 2), data('a', 1)], [link('a', 1)]) == [
        ('a', '3', True), ('a', '2', False), ('a', '1', True)]


def test_only_the_newest_marker_of_a_name_is_latest():
    assert merged([data('a', 3, True), data('a', 2, True), data('a', 1)], []) == [
        ('a', '3', True), ('a', '2', False), ('a', '1', False)]
    assert merged([data('a', 3), data('a', 2, True)], []) == [
        ('a', '3', False), ('a', '2', False)]


def test_null_versions_come_first_and_are_latest():
    assert merged([data('a', 3, True), data('a', 1)], [null('a'), null('b')]) == [
        ('a', 'null', True), ('a', '3', False), ('a', '1', False), ('b', 'null', True)]


def test_a_link_without_data_is_listed_by_what_it_knows():
    query = parse_query({}, 10)
    rows = merge_versions(query, [data('a', 1)], [link('a', 2, hash=f'{EMPTY}; slo_etag=s')], '')
    assert short(rows) == [('a', '2', True), ('a', '1', False)]
    assert rows[0] == {'name': 'a', 'bytes': 2, 'hash': 'h2; slo_etag=s', 'content_type': 'text/t',
                       'is_latest': True, 'version_id': normal(2)}


def test_reverse_turns_all_of_it_around():
    hidden = [data('a', 2), data('a', 1), data('b', 3, True)]
    own = [link('a', 2), null('c')]
    assert merged(hidden[::-1], own[::-1], reverse='true') == merged(hidden, own)[::-1]


def test_subdirectories_of_both_are_one():
    assert merged([{'subdir': '\0b/'}, data('c', 1)], [{'subdir': 'b/'}, {'subdir': 'd/'}],
                  delimiter='/') == ['b/', ('c', '1', False), 'd/']


def test_foreign_names_in_the_hidden_container_are_left_out():
    assert merged([{'name': name, 'content_type': 't'} for name in ('\0x', 'y')], []) == []


def test_a_page_within_a_name_knows_no_latest():
    assert merged([data('a', 1), data('b', 2)], [link('b', 2)], 'a',
                  version_marker=normal(2)) == [('a', '1', False), ('b', '2', True)]
    assert merged([data('a', 1, True)], [], 'a', version_marker=normal(2)) == [('a', '1', False)]


def test_a_reversed_page_ends_a_name_with_its_null_version():
    assert merged([data('a', 2)], [null('a')], 'a', version_marker=normal(1), reverse='on') == [
        ('a', '2', False), ('a', 'null', True)]
    assert merged([data('a', 2)], [link('a', 2)], 'a', version_marker=normal(1), reverse='on') == [
        ('a', '2', False)]


def simulated(names, limit, reverse):
    """Page through a container of given versions; return all rows met, and the whole listing."""
    hidden, own = [], []
    for name, kinds in names.items():
        times = range(1, len(kinds) + 1)
        rows = [data(name, time, kind == 'm') for time, kind in zip(times, kinds, strict=True)
                if kind != 'n']
        hidden += rows[::-1]
        if kinds[-1] == 'n':
            own.append(null(name))
        elif kinds[-1] == 'd':
            own.append(link(name, len(kinds)))
    hidden.sort(key=lambda row: row['name'], reverse=reverse)
    own.sort(key=lambda row: row['name'], reverse=reverse)

    def after(rows, params):
        marker, most = params.get('marker'), int(params['limit'])
        if marker:
            rows = [row for row in rows
                    if (row['name'] < marker if reverse else row['name'] > marker)]
        return rows[:most]

    def page(params):
        if reverse:
            params['reverse'] = 'true'
        query = parse_query(params, 10000)
        return merge_versions(query, after(hidden, query.hidden()), after(own, query.own()),
                              params.get('marker', ''))

    met, params = [], {'limit': str(limit)}
    while rows := page(dict(params)):
        met += rows
        params.update(marker=rows[-1]['name'], version_marker=rows[-1]['version_id'])
        assert len(met) < 50
    return met, page({'limit': '10000'})


@pytest.mark.parametrize('reverse', [False, True])
@pytest.mark.parametrize('limit', [1, 2, 3])
def test_pages_together_have_every_version_once(limit, reverse):
    # d: data, m: marker, n: a null version (only ever the last); all short histories of a name.
    histories = [''.join(kinds) for size in (1, 2, 3)
                 for kinds in itertools.product('dm', repeat=size)]
    histories += [history[:-1] + 'n' for history in histories]
    for first, second in itertools.product(histories, ('d', 'n', 'dm')):
        met, whole = simulated({'a': first, 'ab': second}, limit, reverse)
        ids = [(row['name'], row['version_id']) for row in met]
        assert ids == [(row['name'], row['version_id']) for row in whole], (first, second)


# -- other listings -------------------------------------------------------------------------------

def test_links_to_versions_are_shown_as_what_they_stand_for():
    entries = [link('o p', 5, hash=f'{EMPTY}; slo_etag=s'), null('x'), {'subdir': 'y/'},
               {**null('z'), 'symlink_path': '/v1/a/d/o'}]
    show_version_links(entries, '/v1/a/c')
    assert entries == [
        {'name': 'o p', 'bytes': 5, 'hash': 'h5; slo_etag=s', 'content_type': 'text/t',
         'symlink_path': f'/v1/a/c/o%20p?version-id={normal(5)}', 'version_symlink': True},
        null('x'), {'subdir': 'y/'}, {**null('z'), 'symlink_path': '/v1/a/d/o'}]


def test_hidden_containers_of_a_page_of_an_account():
    assert hidden_account_query({'limit': '5', 'marker': 'm', 'end_marker': 'x', 'prefix': 'p',
                                 'delimiter': '/', 'reverse': 'on', 'format': 'xml', 'q': '1'}) == {
        'limit': '5', 'marker': '\0versions\0m', 'end_marker': '\0versions\0x',
        'prefix': '\0versions\0p', 'delimiter': '/', 'reverse': 'on', 'format': 'json'}
    assert hidden_account_query({}) == {'prefix': '\0versions\0', 'format': 'json'}


def test_sizes_of_hidden_containers_are_added_and_orphans_listed():
    entries = [{'name': 'a', 'count': 1, 'bytes': 1}, {'name': 'c', 'count': 2, 'bytes': 2}]
    hidden = [{'name': '\0versions\0a', 'count': 9, 'bytes': 10},
              {'name': '\0versions\0b', 'count': 9, 'bytes': 20},
              {'subdir': '\0versions\0d/'}, {'name': '\0other', 'count': 1, 'bytes': 99}]
    merge_containers(entries, hidden, 10, False)
    assert entries == [
        {'name': 'a', 'count': 1, 'bytes': 11}, {'name': 'b', 'count': 0, 'bytes': 20},
        {'name': 'c', 'count': 2, 'bytes': 2}, {'subdir': 'd/'}]
    merge_containers(entries, [], 2, True)
    assert entries == [{'subdir': 'd/'}, {'name': 'c', 'count': 2, 'bytes': 2}]
