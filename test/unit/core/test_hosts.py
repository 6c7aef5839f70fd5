"""Host names: what they name, and the way back."""
import pytest

from swift.core.hosts import (
    AccountNames,
    BadHost,
    is_address,
    labels_below,
    parse_domains,
    rehosted,
    relocated,
    remapped_path,
    split_port,
)

DOMAINS = parse_domains(['store.example', '.other.example'])


@pytest.mark.parametrize('host, parts', [
    ('a.b', ('a.b', '')), ('a.b:80', ('a.b', ':80')), ('a.b:', ('a.b:', '')),
    ('[::1]:80', ('[::1]', ':80')), ('[::1]', ('[::1]', '')), ('::1', ('::1', '')),
    ('fe80::12:80', ('fe80::12:80', ''))])
def test_ports(host, parts):
    assert split_port(host) == parts


@pytest.mark.parametrize('name, found', [
    ('10.0.0.1', True), ('::1', True), ('[::1]', False), ('a.b', False), ('', False),
    ('1.2.3', False)])
def test_addresses(name, found):
    assert is_address(name) == found


@pytest.mark.parametrize('name, labels', [
    ('c.a.store.example', 'c.a'), ('C.a.STORE.Example', 'C.a'), ('store.example', ''),
    ('a.other.example', 'a'), ('mystore.example', None), ('example', None), ('', None),
    ('store.example.org', None)])
def test_labels_below_the_storage_domain(name, labels):
    assert labels_below(name, DOMAINS) == labels


@pytest.mark.parametrize('label, account', [
    ('auth_x', 'AUTH_x'), ('AUTH-x', 'AUTH_x'), ('auth-x-y', 'AUTH_x-y'), ('auth_x-y', 'AUTH_x-y'),
    ('New-x', 'new_x'), ('x', None), ('other_x', None), ('other-x', None), ('auth', 'AUTH_')])
def test_accounts(label, account):
    assert AccountNames(('AUTH', 'new')).read(label) == account


@pytest.mark.parametrize('label, account', [
    ('auth-x', 'AUTH_x'), ('x', 'AUTH_x'), ('other_x', 'AUTH_other_x')])
def test_accounts_with_a_default(label, account):
    assert AccountNames(('AUTH',), 'AUTH').read(label) == account


def test_accounts_without_prefixes():
    assert AccountNames().read('Any-thing') == 'Any-thing'


@pytest.mark.parametrize('labels, path, found', [
    ('c.auth-a', '/o', '/v1/AUTH_a/c/o'), ('c.auth-a', '/', '/v1/AUTH_a/c/'),
    ('auth-a', '/c/o', '/v1/AUTH_a/c/o'), ('auth-a', '/', '/v1/AUTH_a/'),
    ('c.auth-a', '//o', '/v1/AUTH_a/c//o'), ('c.auth-a', 'o', '/v1/AUTH_a/c/o'),
    ('c.x', '/o', None)])
def test_paths(labels, path, found):
    assert remapped_path(labels, path, 'v1', AccountNames(('AUTH',))) == found


@pytest.mark.parametrize('labels', ['a.b.c', '.a', 'a.', '.', '...'])
def test_hosts_that_name_no_container(labels):
    with pytest.raises(BadHost, match='Bad domain in host header'):
        remapped_path(labels, '/', 'v1', AccountNames())


@pytest.mark.parametrize('url, found', [
    ('http://h/v1/A/c/d/', 'http://h/d/'), ('https://h:8/v1/A/c/d?x=1', 'https://h:8/d?x=1'),
    ('/v1/A/c/d/', '/d/'), ('/v1/A/c/e', '/v1/A/c/e'), ('http://h/v1/B', 'http://h/v1/B'),
    ('http://h', 'http://h'), ('ftp://h/v1/A/c/d', 'ftp://h/v1/A/c/d'), ('', '')])
def test_locations_of_mapped_paths(url, found):
    assert relocated(url, '/v1/A/c/d', '/d') == found


@pytest.mark.parametrize('url, found', [
    ('http://f:8/x', 'http://g:8/x'), ('https://f:8', 'https://g:8'),
    ('http://f:80/x', 'http://f:80/x'), ('http://f:8x/', 'http://f:8x/'), ('/x', '/x')])
def test_locations_on_mapped_hosts(url, found):
    assert rehosted(url, 'f:8', 'g:8') == found
