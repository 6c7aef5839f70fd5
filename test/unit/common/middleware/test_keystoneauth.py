"""keystoneauth: from the headers of authtoken to what is allowed."""
import pytest

from swift.common.info import headers_to_account_info
from swift.common.middleware.keystoneauth import KeystoneAuth, filter_factory
from swift.common.swob import Request
from test.support.logs import RecordingLogger
from test.support.stub_app import StubApp

V3 = {'token': {}}
V2 = {'access': {}}


def identity(roles='', **more):
    """Return the headers of authtoken for a user in a project."""
    headers = {'X-Identity-Status': 'Confirmed', 'X-User-Id': 'uid', 'X-User-Name': 'uname',
               'X-Project-Id': 'pid', 'X-Project-Name': 'pname', 'X-Roles': roles,
               'X-User-Domain-Id': 'default', 'X-Project-Domain-Id': 'default',
               'X-User-Domain-Name': 'Default', 'X-Project-Domain-Name': 'Default'}
    headers.update((name.replace('_', '-'), value) for name, value in more.items())
    return {name: value for name, value in headers.items() if value is not None}


class World:
    def __init__(self, account=None, exists=True, **conf):
        self.stub = StubApp()
        self.logger = RecordingLogger()
        self.auth = KeystoneAuth(self.stub, conf, self.logger)
        info = headers_to_account_info(account or {}, 204 if exists else 404)
        self.known = {f'account/{name}': info for name in ('AUTH_pid', 'AUTH_other', 'S_pid')}
        self.env = None

    def send(self, method='GET', path='/v1/AUTH_pid', headers=None, token_info=V3, **env):
        self.stub.answer(method, path, '200 OK')
        req = Request.blank(path, {'keystone.token_info': token_info,
                                   'swift.infocache': dict(self.known), **env},
                            identity() if headers is None else headers, method=method)
        self.env = req.environ
        return req.get_response(self.auth).status_int


def test_an_operator_owns_the_account_of_his_project():
    world = World()
    assert world.send(headers=identity('swiftOperator')) == 200
    assert world.env['swift_owner'] is True and 'reseller_request' not in world.env
    assert world.env['REMOTE_USER'] == ('pid', 'pname')
    assert world.env['swift.access_logging'] == {'user_id': 'uid'}
    assert world.env['swift.clean_acl']('X-Container-Read', 'a , b') == 'a,b'


def test_others_are_denied():
    world = World()
    assert world.send() == 403 and world.env['swift_owner'] is False
    assert world.send(headers={}) == 401
    assert world.send(headers=identity('admin'), path='/v1/AUTH_other') == 403


@pytest.mark.parametrize('status', [{'X_Identity_Status': 'Invalid'}, {'X_Identity_Status': None},
                                    {'X_Service_Identity_Status': 'Invalid'}])
def test_who_is_not_confirmed_is_nobody(status):
    assert World().send(headers=identity('admin', **status)) == 401


def test_reseller_admins():
    world = World(reseller_admin_role='Boss')
    assert world.send(path='/v1/AUTH_other', headers=identity('boSS')) == 200
    assert world.env['reseller_request'] is True


def test_options_of_prefixes():
    world = World(reseller_prefix='AUTH, S', operator_roles='one', S_operator_roles='two',
                  S_service_roles='helper', AUTH_project_reader_roles='eye')
    assert world.send(headers=identity('one')) == 200
    assert world.send(headers=identity('two')) == 403
    assert world.send(headers=identity('eye')) == 200
    service = identity('two', X_Service_Roles='HELPER', X_Service_Identity_Status='Confirmed')
    assert world.send(path='/v1/S_pid', headers=service) == 200
    assert world.send(path='/v1/S_pid', headers=identity('two')) == 403
    assert world.send(path='/v1/S_pid', headers=identity('eye')) == 403
    assert world.logger.lines() == []


def test_empty_prefix():
    world = World(**{'reseller_prefix': "''", "''operator_roles": 'one'})
    world.known['account/pid'] = world.known['account/AUTH_pid']
    assert world.send(path='/v1/pid', headers=identity('one')) == 200


@pytest.mark.parametrize('token_info, user, project, version', [
    (V3, ('default', 'Default'), ('default', 'Default'), 3), (V2, (None, None), (None, None), 2),
    (None, (None, None), (None, None), 0)])
def test_identity_document(token_info, user, project, version):
    world = World()
    world.send(headers=identity('Admin,reader', X_Service_Roles='s1, s2'), token_info=token_info)
    assert world.env['keystone.identity'] == {
        'user': ('uid', 'uname'), 'tenant': ('pid', 'pname'), 'roles': ['Admin', 'reader'],
        'service_roles': ['s1', 's2'], 'user_domain': user, 'project_domain': project,
        'auth_version': version}


def test_tenant_headers_are_projects():
    headers = identity('admin', X_Project_Id=None, X_Project_Name=None, X_Tenant_Id='pid',
                       X_Tenant_Name='pname')
    assert World().send(headers=headers) == 200


@pytest.mark.parametrize('acl, headers, account, status', [
    ('pid:uid', identity(), {}, 200), ('pname:uname', identity(), {}, 200),
    ('pname:uname', identity(X_User_Domain_Id='d'), {}, 403),
    ('pid:uid', identity(X_User_Domain_Id='d'), {}, 200),
    ('pname:uname', identity(), {'X-Account-Sysmeta-Project-Domain-Id': 'd'}, 403),
    ('pname:uname', identity(), {'X-Account-Sysmeta-Project-Domain-Id': 'default'}, 200),
    ('.r:*', {}, {}, 200), ('x:y', {}, {}, 401)])
def test_container_acls(acl, headers, account, status):
    world = World(account)
    assert world.send(path='/v1/AUTH_other/c/o', headers=headers,
                      **{'swob.ACL': acl}) == status


def test_names_can_be_turned_off():
    world = World(allow_names_in_acls='no')
    env = {'path': '/v1/AUTH_other/c', 'swob.ACL': 'pname:uname'}
    assert world.send(**env) == 403


@pytest.mark.parametrize('method, path, sets', [
    ('PUT', '/v1/AUTH_pid', True), ('POST', '/v1/AUTH_pid', True), ('PUT', '/v1/AUTH_pid/c', True),
    ('POST', '/v1/AUTH_pid/c', False), ('PUT', '/v1/AUTH_pid/c/o', False),
    ('GET', '/v1/AUTH_pid', False)])
def test_domain_is_recorded_with_what_makes_accounts(method, path, sets):
    world = World()
    assert world.send(method, path, identity('admin')) == 200
    found = world.stub.calls[-1].env.get('HTTP_X_ACCOUNT_SYSMETA_PROJECT_DOMAIN_ID')
    assert found == ('default' if sets else None)


def test_domain_of_a_new_account_of_somebody_else_is_unknown():
    world = World(exists=False)
    assert world.send('PUT', '/v1/AUTH_other', identity('ResellerAdmin')) == 200
    assert world.env['HTTP_X_ACCOUNT_SYSMETA_PROJECT_DOMAIN_ID'] == '_unknown'


def test_a_domain_that_differs_is_only_logged():
    world = World({'X-Account-Sysmeta-Project-Domain-Id': 'd'})
    assert world.send('POST', headers=identity('admin')) == 200
    assert 'HTTP_X_ACCOUNT_SYSMETA_PROJECT_DOMAIN_ID' not in world.env
    assert 'Inconsistent project domain id: default in token' in world.logger.lines()[0]


def test_domain_is_shown():
    world = World()
    world.stub.answer('GET', '/v1/AUTH_pid', '200 OK',
                      {'X-Account-Sysmeta-Project-Domain-Id': 'd'})
    req = Request.blank('/v1/AUTH_pid', headers=identity('admin'))
    assert req.get_response(world.auth).headers['X-Account-Project-Domain-Id'] == 'd'


@pytest.mark.parametrize('headers', [identity(), {}])
def test_options_are_allowed_and_bad_paths_not_found(headers):
    assert World().send('OPTIONS', headers=headers) == 200
    assert World().send(path='/v1', headers=headers) == 404
    assert World().send(path='/v1//c', headers=headers) == 404


@pytest.mark.parametrize('allowed, status', [('yes', 200), ('no', 403)])
def test_overrides(allowed, status):
    world = World(allow_overrides=allowed)
    assert world.send(**{'swift.authorize_override': True}) == status


@pytest.mark.parametrize('headers', [identity(), {}])
@pytest.mark.parametrize('key, status', [('k', 200), ('wrong', None)])
def test_container_sync_keys(headers, key, status):
    world = World()
    found = world.send('PUT', '/v1/AUTH_other/c/o', {
        **headers, 'X-Container-Sync-Key': key, 'X-Timestamp': '1'}, swift_sync_key='k')
    assert found == (status or (403 if headers else 401))


def test_another_auth_filter_keeps_its_accounts():
    def mine(req):
        return None

    world = World()
    assert world.send(path='/v1/OTHER_x', headers={}, **{'swift.authorize': mine}) == 200
    assert world.send(path='/v1/AUTH_x', headers={}, **{'swift.authorize': mine}) == 401


def test_is_admin_was_removed():
    world = World(is_admin='true')
    assert "'is_admin' option was removed" in world.logger.lines()[0]


def test_factory_warns_of_unknown_options(tmp_path):
    log_file = tmp_path / 'log'
    filter_factory({}, log_file=str(log_file), operator_role='admin')(StubApp())
    assert 'did you mean operator_roles' in log_file.read_text()
