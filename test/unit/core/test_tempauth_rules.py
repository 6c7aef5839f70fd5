"""Users and the order of rules: who may do what, enumerated."""
import base64
from itertools import product

import pytest

from swift.core.tempauth_rules import (
    Asked,
    User,
    Verdict,
    groups_of,
    judge,
    parse_user,
    split_user64_option,
    split_user_option,
)

ALLOWED, OWNER, DENIED = Verdict.ALLOWED, Verdict.OWNER, Verdict.DENIED
METHODS = ('GET', 'HEAD', 'PUT', 'POST', 'DELETE')
PLACES = ((None, None), ('c', None), ('c', 'o'))
URL = '$HOST/v1/AUTH_test'


@pytest.mark.parametrize('line, key, groups, url', [
    ('testing', 'testing', (), URL),
    ('testing .admin a b', 'testing', ('.admin', 'a', 'b'), URL),
    ('key .admin https://x.example/v1/AUTH_other', 'key', ('.admin',),
     'https://x.example/v1/AUTH_other'),
    ('key $HOST/v1/AUTH_b', 'key', (), '$HOST/v1/AUTH_b'),
    ('http://key', 'http://key', (), URL),
])
def test_parse_user(line, key, groups, url):
    user = parse_user('test', 'tester', line, URL)
    assert (user.key, user.groups, user.url) == (key, groups, url)
    assert user.full_name == 'test:tester'
    assert user.account_id == url.rsplit('/', 1)[-1]


def test_parse_user_needs_a_key():
    with pytest.raises(ValueError, match='test:tester has no key'):
        parse_user('test', 'tester', '  ', URL)


def test_user_options():
    assert split_user_option('a_b') == ('a', 'b')
    for rest in ('a', 'a_b_c', ''):
        with pytest.raises(ValueError):
            split_user_option(rest)


@pytest.mark.parametrize('account', ['a_b', 'abc', 'abcd', 'é☃', 'a'])
def test_user64_options(account):
    packed = base64.b64encode(account.encode()).decode().rstrip('=')
    assert split_user64_option(f'{packed}_{packed}') == (account, account)


def test_user64_option_that_is_no_base64():
    for rest in ('a_b', 'YQ_/w'):
        with pytest.raises(ValueError):
            split_user64_option(rest)


@pytest.mark.parametrize('line, prefixes, groups', [
    ('k', ('AUTH_',), ['test', 'test:tester']),
    ('k .admin x', ('AUTH_',), ['test', 'test:tester', 'x', 'AUTH_test']),
    ('k .admin', ('AUTH_', 'SERVICE_', ''), ['test', 'test:tester', 'AUTH_test', 'SERVICE_test']),
    ('k .admin $HOST/v1/AUTH_z', ('AUTH_',), ['test', 'test:tester', 'AUTH_test', 'AUTH_z']),
    ('k .reseller_admin', ('AUTH_',), ['test', 'test:tester', '.reseller_admin']),
])
def test_groups_of(line, prefixes, groups):
    assert groups_of(parse_user('test', 'tester', line, URL), prefixes) == groups


def test_user_is_a_value():
    assert User('a', 'b', 'k', URL) == User('a', 'b', 'k', URL)


def asked(method='GET', place=('c', 'o'), groups=(), account='AUTH_test', **more):
    return Asked(method, account, *place, groups=list(groups), prefix='AUTH_', **more)


def verdict(request, acl=None):
    return judge(request, ('AUTH_',), lambda: acl)


def everything():
    return product(METHODS, PLACES)


@pytest.mark.parametrize('method, place', everything())
def test_reseller_admin_owns_everything_but_the_clusters_accounts(method, place):
    groups = ['admin', 'admin:admin', '.reseller_admin']
    assert verdict(asked(method, place, groups)) is OWNER
    for account in ('AUTH_', 'AUTH_.hidden'):
        assert verdict(asked(method, place, groups, account)) is DENIED


@pytest.mark.parametrize('method, place', everything())
def test_reseller_reader_reads_everything(method, place):
    expected = ALLOWED if method in ('GET', 'HEAD') else DENIED
    assert verdict(asked(method, place, ['a', '.reseller_reader'])) is expected


@pytest.mark.parametrize('method, place', everything())
def test_owner_may_all_but_make_and_remove_the_account(method, place):
    manages = place == (None, None) and method in ('PUT', 'DELETE')
    assert verdict(asked(method, place, ['test', 'AUTH_test'])) is (DENIED if manages else OWNER)


@pytest.mark.parametrize('method, place', everything())
def test_strangers_may_nothing(method, place):
    for groups in ([], ['other', 'other:user', 'AUTH_other'], ['test', 'test:tester3']):
        assert verdict(asked(method, place, groups)) is DENIED


def test_required_group():
    owner = ['test', 'AUTH_test']
    assert verdict(asked(groups=owner, required_group='service')) is DENIED
    assert verdict(asked(groups=[*owner, 'service'], required_group='service')) is OWNER
    assert verdict(asked(groups=['service'], required_group='service')) is DENIED


def test_sync_and_options():
    assert verdict(asked('PUT', sync_allowed=True)) is ALLOWED
    assert verdict(asked('OPTIONS')) is ALLOWED


@pytest.mark.parametrize('acl, place, allowed', [
    ('.r:*', ('c', 'o'), True), ('.r:*', ('c', None), False), ('.rlistings', ('c', None), False),
    ('.r:*,.rlistings', ('c', None), True), ('.r:-*', ('c', 'o'), False),
    ('.r:good.example', ('c', 'o'), True), ('.r:*,.r:-good.example', ('c', 'o'), False),
    ('', ('c', 'o'), False), (None, ('c', 'o'), False)])
def test_referrers(acl, place, allowed):
    request = asked('GET', place, acl=acl, referrer='http://good.example/')
    assert verdict(request) is (ALLOWED if allowed else DENIED)


@pytest.mark.parametrize('acl, allowed', [
    ('b', True), ('b:u', True), ('x,b:u', True), ('b:v', False), ('b%3Au', True), ('*', False)])
def test_groups_of_the_container_acl(acl, allowed):
    request = asked('PUT', acl=acl, groups=['b', 'b:u'])
    assert verdict(request) is (ALLOWED if allowed else DENIED)


def account_acl(**lists):
    acl = {'admin': [], 'read-write': [], 'read-only': []}
    acl.update((name.replace('_', '-'), value) for name, value in lists.items())
    return acl


@pytest.mark.parametrize('method, place', everything())
def test_account_acls(method, place):
    reads = method in ('GET', 'HEAD')
    request = asked(method, place, ['b', 'b:u'])
    assert verdict(request, account_acl(admin=['b:u'])) is OWNER
    writes = reads or place != (None, None)
    assert verdict(request, account_acl(read_write=['b'])) is (ALLOWED if writes else DENIED)
    assert verdict(request, account_acl(read_only=['b:u'])) is (ALLOWED if reads else DENIED)
    assert verdict(request, account_acl(admin=['x'], read_only=['y'])) is DENIED


def test_account_acl_is_not_looked_up_for_nothing():
    def fail():
        raise AssertionError('looked up')
    judge(asked(groups=['AUTH_test']), ('AUTH_',), fail)
    judge(asked(groups=[]), ('AUTH_',), fail)
    judge(asked(groups=['b'], acl='b'), ('AUTH_',), fail)
