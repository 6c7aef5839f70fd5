"""Tokens of auth 1.0 and of Keystone."""
import json
from types import SimpleNamespace

import pytest

from swift.cli.sign_in import Answer, Session, SignInError, request_for, session_from


def who(**changes):
    return SimpleNamespace(**{
        'auth_url': 'http://auth/', 'auth_user': 'test:tester', 'auth_key': 'k',
        'auth_version': '1.0', 'endpoint_type': 'publicURL', 'region_name': '',
        'user_domain_name': 'Default', 'project_domain_name': 'Proj', 'project_name': '',
        **changes})


def answer(body=None, status=200, **headers):
    return Answer(status, 'Reason', {name.replace('_', '-'): value
                                     for name, value in headers.items()},
                  json.dumps(body).encode())


def endpoints(kind):
    """Return the endpoints of two regions, as either Keystone lists them."""
    if kind == '2':
        return [{'region': region, 'publicURL': f'http://{region}/v1/AUTH_x',
                 'internalURL': f'http://{region}-in/v1/AUTH_x'} for region in ('one', 'two')]
    return [{'region': region, 'interface': interface, 'url': f'http://{region}{tail}/v1/AUTH_x'}
            for region in ('one', 'two') for interface, tail in (('internal', '-in'),
                                                                 ('public', ''))]


def granted(kind):
    catalog = [{'type': 'identity', 'endpoints': []},
               {'type': 'object-store', 'endpoints': endpoints(kind)}]
    if kind == '2':
        return answer({'access': {'token': {'id': 'tk'}, 'serviceCatalog': catalog}})
    return answer({'token': {'catalog': catalog}}, x_subject_token='tk')


def test_auth_1():
    request = request_for(who())
    assert request == ('GET', 'http://auth/', {'X-Auth-User': 'test:tester', 'X-Auth-Key': 'k'},
                       b'')
    assert session_from(who(), answer(x_auth_token='tk', x_storage_url='http://s/v1/A')) == (
        Session('tk', 'http://s/v1/A'))


def test_keystone_2():
    request = request_for(who(auth_version='2.0'))
    assert request[:2] == ('POST', 'http://auth/tokens')
    assert json.loads(request.body) == {'auth': {
        'passwordCredentials': {'username': 'tester', 'password': 'k'}, 'tenantName': 'test'}}


def test_keystone_3():
    request = request_for(who(auth_version='3', auth_user='tester', project_name='test'))
    assert request[:2] == ('POST', 'http://auth/auth/tokens')
    assert json.loads(request.body) == {'auth': {
        'identity': {'methods': ['password'], 'password': {'user': {
            'name': 'tester', 'password': 'k', 'domain': {'name': 'Default'}}}},
        'scope': {'project': {'name': 'test', 'domain': {'name': 'Proj'}}}}}


@pytest.mark.parametrize('version', ['2', '3'])
@pytest.mark.parametrize('wishes, url', [
    ({}, 'http://one/v1/AUTH_x'), ({'region_name': 'two'}, 'http://two/v1/AUTH_x'),
    ({'endpoint_type': 'internalURL', 'region_name': 'two'}, 'http://two-in/v1/AUTH_x')])
def test_address_is_chosen_from_the_catalog(version, wishes, url):
    assert session_from(who(auth_version=version, **wishes), granted(version)) == ('tk', url)


@pytest.mark.parametrize('version', ['2', '3'])
def test_no_address_in_the_region(version):
    with pytest.raises(SignInError, match='knows no publicURL of an object-store in region three'):
        session_from(who(auth_version=version, region_name='three'), granted(version))


@pytest.mark.parametrize('version', ['1.0', '2.0', '3'])
@pytest.mark.parametrize('body', [None, [], {}, {'token': 1}, {'access': []}])
def test_nonsense_is_a_typed_error(version, body):
    with pytest.raises(SignInError, match='gave no token and address for user test:tester'):
        session_from(who(auth_version=version), answer(body, x_subject_token='x'))


def test_refusal_is_named():
    with pytest.raises(SignInError, match='http://auth/ answered 401 Reason to user test:tester'):
        session_from(who(), answer(status=401))
