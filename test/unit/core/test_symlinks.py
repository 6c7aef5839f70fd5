"""Links: what may be asked for, what is stored, where hops lead, what listings show."""
import pytest

from swift.core import symlinks
from swift.core.symlinks import EMPTY_ETAG, Hop, Refused, Target, next_hop, wanted_target

FORM = 'X-Symlink-Target header must be of the form <container name>/<object name>'
HTML = 'text/html; charset=UTF-8'


def wanted(target, account=None, etag=None, internal=False):
    headers = {'X-Symlink-Target': target}
    if account is not None:
        headers['X-Symlink-Target-Account'] = account
    if etag is not None:
        headers['X-Symlink-Target-Etag'] = etag
    return wanted_target(headers, internal)


@pytest.mark.parametrize('header, names', [
    ('c/o', ('c', 'o')), ('c/o/p', ('c', 'o/p')), ('c//x', ('c', '/x')), ('c%2Fo', ('c', 'o')),
    ('c/a%20b%2520c', ('c', 'a b%20c')), ('c/%C3%A9', ('c', '\xc3\xa9')), ('c/o/', ('c', 'o/'))])
def test_targets_are_split_after_unquoting(header, names):
    assert wanted(header) == Target(*names)


@pytest.mark.parametrize('header, content_type', [
    ('', HTML), ('c', HTML), ('c/', HTML), ('/', 'text/plain'), ('/c/o', 'text/plain'),
    ('%2Fc/o', 'text/plain'), ('c/%ff', 'text/plain'), ('c/a%00b', 'text/plain'),
    ('%00c/%00o', 'text/plain')])
def test_malformed_targets_are_refused(header, content_type):
    with pytest.raises(Refused) as error:
        wanted(header)
    assert error.value.refusal == (412, FORM, content_type)


def test_reserved_targets_are_for_the_cluster():
    assert wanted('%00c/%00o', internal=True) == Target('\0c', '\0o')


@pytest.mark.parametrize('account, problem', [
    ('', 'Account name cannot be empty'), ('a/b', 'Account name cannot contain slashes'),
    ('a%2Fb', 'Account name cannot contain slashes')])
def test_bad_accounts_are_refused(account, problem):
    with pytest.raises(Refused) as error:
        wanted('c/o', account)
    assert error.value.refusal == (412, problem, HTML)


@pytest.mark.parametrize('etag, kept', [
    ('x', 'x'), ('"x"', 'x'), ('', None), ('""', None), (None, None), (' x ', 'x')])
def test_quotes_of_tags_do_not_count(etag, kept):
    assert wanted('c/o', etag=etag).etag == kept


@pytest.mark.parametrize('etag', ['a;b', 'a"b', 'a\\b', '"a', '""a""'])
def test_tags_that_would_break_a_row_are_refused(etag):
    with pytest.raises(Refused) as error:
        wanted('c/o', etag=etag)
    assert error.value.refusal == (400, 'Bad X-Symlink-Target-Etag format', 'text/plain')


def stored(target, headers=None, **found):
    headers = dict(headers or {})
    symlinks.store_link(headers, target, **found)
    return headers


def test_dynamic_link_is_stored():
    assert stored(Target('c', 'o p'), {'X-Symlink-Target': 'c/o p', 'X-Object-Meta-A': '1'}) == {
        'X-Object-Meta-A': '1', 'X-Object-Sysmeta-Symlink-Target': 'c/o%20p',
        'X-Object-Sysmeta-Container-Update-Override-Etag':
            f'{EMPTY_ETAG}; symlink_target=c/o%20p'}


def test_static_link_is_stored_with_all_it_knows():
    assert stored(Target('c', 'o', 'a b', 'tag'), size='5') == {
        'X-Object-Sysmeta-Symlink-Target': 'c/o',
        'X-Object-Sysmeta-Symlink-Target-Account': 'a%20b',
        'X-Object-Sysmeta-Symlink-Target-Etag': 'tag',
        'X-Object-Sysmeta-Symlink-Target-Bytes': '5',
        'X-Object-Sysmeta-Container-Update-Override-Etag':
            f'{EMPTY_ETAG}; symlink_target=c/o; symlink_target_account=a%20b; '
            'symlink_target_etag=tag; symlink_target_bytes=5'}


@pytest.mark.parametrize('before, slo_etag, base', [
    ('b', None, 'b'), ('b; x=1', None, 'b; x=1'), ('b; symlink_target=c/q; x=1', None, 'b; x=1'),
    ('b', 's', f'{EMPTY_ETAG}; slo_etag=s'), (None, 's', f'{EMPTY_ETAG}; slo_etag=s')])
def test_the_row_keeps_what_is_not_about_links(before, slo_etag, base):
    headers = stored(Target('c', 'o'), {symlinks.OVERRIDE_ETAG: before} if before else {},
                     slo_etag=slo_etag)
    assert headers[symlinks.OVERRIDE_ETAG] == f'{base}; symlink_target=c/o'


@pytest.mark.parametrize('container, kept', [('c', 0), ('\0c', 2)])
def test_privileges_of_the_clusters_links_are_not_for_clients(container, kept):
    headers = stored(Target(container, 'o'), {symlinks.LOOP_EXTEND: 'true',
                                              symlinks.ALLOW_RESERVED: 'true'})
    assert len({symlinks.LOOP_EXTEND, symlinks.ALLOW_RESERVED} & headers.keys()) == kept


@pytest.mark.parametrize('more, hop', [
    ({}, Hop('/v1/a/c/o', 'a', None, True, False)),
    ({symlinks.STORED_ACCOUNT: 'b'}, Hop('/v1/b/c/o', 'b', None, True, False)),
    ({symlinks.STORED_ETAG: 'e'}, Hop('/v1/a/c/o', 'a', 'e', True, False)),
    ({symlinks.LOOP_EXTEND: 'true', symlinks.ALLOW_RESERVED: 'true'},
     Hop('/v1/a/c/o', 'a', None, True, False)),
    ({symlinks.LOOP_EXTEND: 'true', symlinks.ALLOW_RESERVED: 'true',
      symlinks.STORED_TARGET: '%00c/%00o'}, Hop('/v1/a/%00c/%00o', 'a', None, False, True)),
    ({symlinks.STORED_TARGET: '%00c/%00o'}, Hop('/v1/a/%00c/%00o', 'a', None, True, False)),
    ({symlinks.STORED_TARGET: ''}, None)])
def test_hops(more, hop):
    assert next_hop({symlinks.STORED_TARGET: 'c/o', **more}, 'v1', 'a') == hop


@pytest.mark.parametrize('wanted, found, problem', [
    (None, {'Etag': 'x'}, None), ('x', {'Etag': 'x'}, None), ('x', {'Etag': '"x"'}, None),
    ('x', {}, None),
    ('x', {'Etag': 'y'}, "Object Etag 'y' does not match X-Symlink-Target-Etag header 'x'"),
    ('x', {'Etag': EMPTY_ETAG, symlinks.STORED_ETAG: 'x'}, None),
    ('x', {'Etag': 'x', symlinks.STORED_ETAG: 'y'}, 'X-Symlink-Target-Etag headers do not match')])
def test_tags_of_targets(wanted, found, problem):
    assert symlinks.tag_problem(Hop('/v1/a/c/o', 'a', wanted, True, False), found) == problem


@pytest.mark.parametrize('etag, fits', [('x', True), ('y', False)])
def test_a_link_of_the_cluster_stands_for_the_link_that_it_names(etag, fits):
    hop = Hop('/v1/a/%00c/%00o', 'a', 'x', False, True)
    problem = symlinks.tag_problem(hop, {'Etag': etag, symlinks.STORED_ETAG: 'z'})
    assert (problem is None) == fits


def test_a_link_shows_its_target_to_who_asks_for_the_link():
    headers = {symlinks.STORED_TARGET: 'c/o', symlinks.STORED_ETAG: 'e', 'Etag': 'x'}
    symlinks.show_link(headers)
    assert headers == {'X-Symlink-Target': 'c/o', 'X-Symlink-Target-Etag': 'e', 'Etag': 'x'}


@pytest.mark.parametrize('text, shown', [
    ('h', {'hash': 'h'}), ('h; slo_etag=s', {'hash': 'h; slo_etag=s'}),
    ('h; symlink_target=c/o', {'hash': 'h', 'symlink_path': '/v1/a/c/o'}),
    ('h; symlink_target=c/o; slo_etag=s; symlink_target_account=b',
     {'hash': 'h; slo_etag=s', 'symlink_path': '/v1/b/c/o'}),
    ('h; symlink_target=c/o; symlink_target_etag=e; symlink_target_bytes=5',
     {'hash': 'h', 'symlink_path': '/v1/a/c/o', 'symlink_etag': 'e', 'symlink_bytes': 5}),
    ('h; symlink_target=c/o; symlink_target_bytes=x', {'hash': 'h', 'symlink_path': '/v1/a/c/o'}),
    ('h; symlink_target_bytes=5', {'hash': 'h; symlink_target_bytes=5'})])
def test_listed_links(text, shown):
    entry = {'hash': text}
    symlinks.show_in_listing([entry, {'subdir': 'x/'}], '/v1', 'a')
    assert entry == shown
