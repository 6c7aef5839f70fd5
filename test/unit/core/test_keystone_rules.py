"""Keystone's roles: who may do what, and when names stand for ids."""
import itertools

import pytest

from swift.core.keystone_rules import (
    UNKNOWN_DOMAIN,
    Asked,
    Identity,
    KeystoneRules,
    PrefixRules,
    domain_to_record,
    judge,
    judge_anonymous,
    lower_roles,
    names_count,
    own_prefix,
)
from swift.core.tempauth_rules import Verdict

DENIED, ALLOWED, OWNER = Verdict.DENIED, Verdict.ALLOWED, Verdict.OWNER
RULES = KeystoneRules(
    {'AUTH_': PrefixRules(lower_roles(['Admin', 'operator']), frozenset(), lower_roles(['Reader'])),
     'SERVICE_': PrefixRules(lower_roles(['operator']), lower_roles(['service']))},
    'reselleradmin', lower_roles(['system_reader']), 'default', True)
METHODS = ('GET', 'HEAD', 'PUT', 'POST', 'DELETE')


def identity(*roles, service=(), **more):
    facts = {'user_id': 'uid', 'user_name': 'uname', 'project_id': 'pid', 'project_name': 'pname',
             **more}
    return Identity(**facts, roles=lower_roles(roles), service_roles=lower_roles(service))


def asked(method='GET', account='AUTH_pid', path='', **more):
    container, _slash, obj = path.partition('/')
    return Asked(method, account, container or None, obj or None, **more)


def verdict(who, names=True, **what):
    return judge(asked(**what), who, RULES, names)


@pytest.mark.parametrize('path', ['', 'c', 'c/o'])
@pytest.mark.parametrize('method', METHODS)
def test_roles_in_the_account_of_the_project(method, path):
    may_not = method == 'DELETE' and not path
    reads = method in ('GET', 'HEAD')
    what = {'method': method, 'path': path}
    assert verdict(identity('OPERATOR'), **what) is (DENIED if may_not else OWNER)
    assert verdict(identity('reader'), **what) is (ALLOWED if reads else DENIED)
    assert verdict(identity('other'), **what) is DENIED
    assert verdict(identity('ResellerAdmin'), **what) is OWNER
    assert verdict(identity('System_Reader'), **what) is (ALLOWED if reads else DENIED)


@pytest.mark.parametrize('account', ['AUTH_other', 'AUTH_', 'NEW_pid', 'AUTH_pid2', 'pid'])
def test_roles_in_other_accounts(account):
    for role in ('operator', 'reader', 'other'):
        assert verdict(identity(role), account=account, path='c') is DENIED
    assert verdict(identity('reselleradmin'), account=account, path='c') is OWNER
    assert verdict(identity('system_reader'), account=account, path='c') is ALLOWED


@pytest.mark.parametrize('roles, service, expected', [
    (['operator'], [], DENIED), (['operator'], ['service'], OWNER),
    (['other'], ['service'], DENIED), (['operator'], ['other'], DENIED),
    (['service'], ['operator'], DENIED), (['operator', 'service'], [], DENIED)])
def test_accounts_of_services_need_two_tokens(roles, service, expected):
    assert verdict(identity(*roles, service=service), account='SERVICE_pid') is expected


@pytest.mark.parametrize('acl, names, expected', [
    ('pid:uid', False, ALLOWED), ('*:uid', False, ALLOWED), ('pid:*', False, ALLOWED),
    ('*:*', False, ALLOWED), ('pname:uname', True, ALLOWED), ('pname:uname', False, DENIED),
    ('pid:uname', True, ALLOWED), ('pid:uname', False, DENIED), ('pname:uid', True, ALLOWED),
    ('*:uname', True, ALLOWED), ('*:uname', False, DENIED), ('pname:*', False, DENIED),
    ('pid', False, DENIED), ('uid', False, DENIED), ('pid:other', True, DENIED),
    ('other:uid', True, DENIED), ('x, y ,pid:uid', False, ALLOWED), ('', True, DENIED),
    ('pid%3Auid', False, ALLOWED)])
def test_acls_of_other_projects(acl, names, expected):
    assert verdict(identity(), names, account='AUTH_other', path='c/o',
                   acl=acl.replace(' ', '')) is expected


def test_nobody_is_granted_something_by_names_he_lacks():
    nobody = identity(user_id=None, user_name=None, project_id=None, project_name=None)
    for acl in ('None:None', ':', '', 'None:uid'):
        assert verdict(nobody, account='AUTH_other', path='c', acl=acl) is DENIED


@pytest.mark.parametrize('account, expected', [('AUTH_pid', ALLOWED), ('AUTH_other', DENIED)])
def test_roles_in_acls_hold_in_the_own_project(account, expected):
    assert verdict(identity('Colour'), account=account, path='c', acl='red,coloUR') is expected
    assert verdict(identity('grey'), account=account, path='c', acl='red,colour') is DENIED


@pytest.mark.parametrize('path, acl, expected', [
    ('c/o', '.r:*', ALLOWED), ('c', '.r:*', DENIED), ('c', '.r:*,.rlistings', ALLOWED),
    ('c/o', '.r:.example.com', ALLOWED), ('c/o', '.r:.other.com', DENIED),
    ('c', '.rlistings', DENIED)])
def test_referrers(path, acl, expected):
    what = asked(path=path, account='AUTH_other', acl=acl, referrer='http://www.example.com/')
    assert judge(what, identity(), RULES, True) is expected
    assert judge_anonymous(what, RULES) is expected


def test_a_referrer_without_listings_beats_a_role_in_the_acl():
    assert verdict(identity('red'), path='c', acl='.r:*,red') is DENIED
    assert verdict(identity('red'), path='c', acl='red') is ALLOWED
    assert verdict(identity('operator'), path='c', acl='.r:*,red') is OWNER


def test_anonymous_requests():
    for method in METHODS:
        assert judge_anonymous(asked(method, path='c/o'), RULES) is DENIED
    assert judge_anonymous(asked('OPTIONS', path='c/o'), RULES) is ALLOWED
    assert judge_anonymous(asked('PUT', path='c/o', sync_allowed=True), RULES) is ALLOWED
    assert judge_anonymous(asked(account='x', path='c/o', acl='.r:*'), RULES) is DENIED


def test_the_container_sync_key_allows():
    assert verdict(identity(), account='AUTH_other', path='c/o', method='PUT',
                   sync_allowed=True) is ALLOWED


def test_own_prefix():
    assert own_prefix('AUTH_pid', 'pid', RULES) == 'AUTH_'
    assert own_prefix('SERVICE_pid', 'pid', RULES) == 'SERVICE_'
    assert own_prefix('AUTH_', '', RULES) is own_prefix('AUTH_None', None, RULES) is None


def test_names_count_within_the_default_domain_alone():
    domains = (None, 'default', 'other')
    for user, project, own, exists, stored in itertools.product(
            domains, domains, (True, False), (True, False), (None, '', 'default', 'other',
                                                             UNKNOWN_DOMAIN)):
        who = identity(user_domain=user, project_domain=project)
        expected = 'other' not in (user, project) and (
            own or (exists and stored in (None, '', 'default')))
        assert names_count(who, RULES, own, exists, stored) == expected
    strict = KeystoneRules({}, '', frozenset(), 'default', False)
    assert not names_count(identity(), strict, True, True, None)


@pytest.mark.parametrize('domain, own, exists, stored, found', [
    ('d', True, False, None, 'd'), (None, True, False, None, ''),
    ('d', False, False, None, UNKNOWN_DOMAIN), ('default', True, True, None, 'default'),
    ('d', True, True, None, None), ('default', False, True, None, None),
    ('d', True, True, UNKNOWN_DOMAIN, 'd'), (None, True, True, UNKNOWN_DOMAIN, ''),
    ('d', False, True, UNKNOWN_DOMAIN, None), ('d', True, True, 'e', None),
    ('default', True, True, 'e', None)])
def test_domain_that_is_recorded(domain, own, exists, stored, found):
    assert domain_to_record(identity(project_domain=domain), RULES, own, exists, stored) == found
