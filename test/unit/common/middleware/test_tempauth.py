"""tempauth: tokens, who a request acts for, and what the original answered (golden auth.json)."""
import json

import pytest

from swift.common.clock import ManualClock
from swift.common.errors import ConfigError
from swift.common.middleware.tempauth import TempAuth, filter_factory
from swift.common.registry import get_swift_info
from swift.common.swob import Request
from test.support.fake_cache import FakeCache
from test.support.logs import RecordingLogger
from test.support.stub_app import StubApp

USERS = {
    'user_test_tester': 'testing .admin',
    'user_test_tester3': 'testing3',
    'user_test2_tester2': 'testing2 .admin',
    'user_test5_tester5': 'testing5 service',
    'user_admin_admin': 'admin .admin .reseller_admin',
    'user_admin_auditor': 'admin_ro .reseller_reader',
}
UNAUTHORIZED = (b'<html><h1>Unauthorized</h1><p>This server could not verify that you are '
                b'authorized to access the document you requested.</p></html>')


class World:
    """A filter over a stub, a cache and a clock."""

    def __init__(self, conf=None, cache=True):
        self.clock = ManualClock()
        self.cache = FakeCache(self.clock) if cache else None
        self.stub = StubApp()
        self.logger = RecordingLogger()
        self.auth = TempAuth(self.stub, {**USERS, **(conf or {})}, logger=self.logger,
                             clock=self.clock)

    def send(self, method, path, headers=None, **env):
        if self.cache is not None:
            env.setdefault('swift.cache', self.cache)
        req = Request.blank(path, environ=env, headers=headers or {}, method=method)
        return req.get_response(self.auth)

    def token(self, user='test:tester', key=None, path='/auth/v1.0', **headers):
        key = key or USERS['user_' + user.replace(':', '_')].split()[0]
        return self.send('GET', path, {'X-Auth-User': user, 'X-Auth-Key': key, **headers})

    def as_user(self, user, method, path, headers=None, **env):
        token = self.token(user).headers['X-Auth-Token']
        return self.send(method, path, {'X-Auth-Token': token, **(headers or {})}, **env)

    def account_info(self, account, **sysmeta):
        self.cache.set(f'account/{account}', {
            'status': 204, 'sysmeta': {name.replace('_', '-'): value
                                       for name, value in sysmeta.items()}, 'meta': {}})


@pytest.fixture
def world():
    return World()


# -- token requests ----------------------------------------------------------------------------

@pytest.mark.parametrize('path, headers', [
    ('/auth/v1.0', {'X-Auth-User': 'test:tester', 'X-Auth-Key': 'testing'}),
    ('/auth/v1.0/', {'X-Auth-User': 'test:tester', 'X-Auth-Key': 'testing'}),
    ('/auth/auth', {'X-Auth-User': 'test:tester', 'X-Auth-Key': 'testing'}),
    ('/auth/v1.0', {'X-Storage-User': 'test:tester', 'X-Storage-Pass': 'testing'}),
    ('/auth/v1.0', {'X-Auth-User': 'test%3Atester', 'X-Auth-Key': 'test%69ng'}),
    ('/auth/v1/test/auth', {'X-Auth-User': 'test:tester', 'X-Auth-Key': 'testing'}),
    ('/auth/v1/test/auth', {'X-Storage-User': 'tester', 'X-Storage-Pass': 'testing'}),
    ('/auth/v1/test/auth', {'X-Storage-User': 'tester', 'X-Auth-Key': 'testing'}),
])
def test_token(world, path, headers):
    resp = world.send('GET', path, headers)
    assert resp.status == '200 OK'
    assert resp.body == b''
    token = resp.headers['X-Auth-Token']
    assert token.startswith('AUTH_tk') and len(token) == 39
    assert dict(resp.headers) == {
        'Content-Type': 'text/html; charset=UTF-8', 'Content-Length': '0',
        'X-Auth-Token': token, 'X-Storage-Token': token, 'X-Auth-Token-Expires': '86400',
        'X-Storage-Url': 'http://localhost/v1/AUTH_test'}


@pytest.mark.parametrize('path, headers, realm', [
    ('/auth/v1.0', {'X-Auth-User': 'test:tester', 'X-Auth-Key': 'wrong'}, 'test'),
    ('/auth/v1.0', {'X-Auth-User': 'test:nobody', 'X-Auth-Key': 'testing'}, 'test'),
    ('/auth/v1.0', {}, 'unknown'),
    ('/auth/v1.0', {'X-Auth-User': 'test:tester'}, 'test'),
    ('/auth/v1.0', {'X-Auth-Key': 'testing'}, 'unknown'),
    ('/auth/v1.0', {'X-Auth-User': 'tester', 'X-Auth-Key': 'testing'}, 'unknown'),
    ('/auth/v1.0/extra', {}, 'unknown'),
    ('/auth/v1/test/auth', {'X-Auth-User': 'tester', 'X-Auth-Key': 'testing'}, 'test'),
    ('/auth/v1/test/auth', {'X-Auth-User': 'test2:tester2', 'X-Auth-Key': 'testing2'}, 'test'),
    ('/auth/v1.0', {'X-Auth-User': 't%C3%A9st:x', 'X-Auth-Key': 'y'}, 't%C3%A9st'),
])
def test_refused_token(world, path, headers, realm):
    resp = world.send('GET', path, headers)
    assert resp.status == '401 Unauthorized'
    assert resp.body == UNAUTHORIZED
    assert resp.headers['Www-Authenticate'] == f'Swift realm="{realm}"'
    assert 'X-Auth-Token' not in resp.headers


@pytest.mark.parametrize('method, path, status', [
    ('GET', '/auth/', 404), ('GET', '/auth/v2.0', 400), ('GET', '/auth/v1', 400),
    ('GET', '/auth/v1/test', 400), ('GET', '/auth/v1/test/other', 400),
    ('GET', '/auth//v1.0', 404), ('POST', '/auth/v1.0', 405), ('PUT', '/auth/v1.0', 405),
    ('HEAD', '/auth/v1.0', 405)])
def test_other_auth_paths(world, method, path, status):
    resp = world.send(method, path, {'X-Auth-User': 'test:tester', 'X-Auth-Key': 'testing'})
    assert resp.status_int == status
    assert 'Allow' not in resp.headers and 'Www-Authenticate' not in resp.headers
    assert not world.stub.calls


def test_auth_without_slash_is_no_auth_path(world):
    assert world.send('GET', '/auth').status_int == 401
    assert world.stub.lines == ['GET /auth']


def test_token_in_the_cache_is_what_the_original_stores(world):
    token = world.token().headers['X-Auth-Token']
    assert world.cache.get(f'AUTH_/token/{token}') == [
        1700000000.0 + 86400, 'test,test:tester,AUTH_test']
    assert world.cache.get('AUTH_/user/test:tester') == token


def test_token_is_kept_until_it_expires(world):
    first = world.token().headers['X-Auth-Token']
    world.clock.advance(1000)
    again = world.token()
    assert again.headers['X-Auth-Token'] == first
    assert again.headers['X-Auth-Token-Expires'] == '85400'
    world.clock.advance(85400)
    assert world.token().headers['X-Auth-Token'] != first


def test_token_is_not_kept_when_the_groups_changed(world):
    first = world.token().headers['X-Auth-Token']
    world.cache.set(f'AUTH_/token/{first}', [1800000000, 'test,test:tester,old'])
    assert world.token().headers['X-Auth-Token'] != first


@pytest.mark.parametrize('entry', [None, 'x', [1], [1800000000, None], {'a': 1}])
def test_nonsense_in_the_cache_is_no_token(world, entry):
    first = world.token().headers['X-Auth-Token']
    world.cache.set(f'AUTH_/token/{first}', entry)
    assert world.token().headers['X-Auth-Token'] != first
    assert world.send('GET', '/v1/AUTH_test', {'X-Auth-Token': first}).status_int == 401


def test_broken_cache_gives_503(world):
    world.cache.broken = True
    assert world.token().status_int == 503


def test_no_cache_gives_500():
    resp = World(cache=False).token()
    assert (resp.status_int, resp.body) == (500, b'Internal server error.\n')
    assert resp.content_type == 'text/plain'


@pytest.mark.parametrize('conf, env, headers, url', [
    ({}, {}, {'Host': 'swift.example:8080'}, 'http://swift.example:8080/v1/AUTH_test'),
    ({'storage_url_scheme': 'https'}, {}, {'Host': 'h'}, 'https://h/v1/AUTH_test'),
    ({}, {'wsgi.url_scheme': 'https'}, {'Host': 'h:443'}, 'https://h/v1/AUTH_test'),
    ({'user_test_tester': 'testing https://o.example/v1/X_y'}, {}, {}, 'https://o.example/v1/X_y'),
    ({'user_test_tester': 'testing $HOST/v2/z'}, {}, {'Host': 'h'}, 'http://h/v2/z'),
    ({'reseller_prefix': "''"}, {}, {'Host': 'h'}, 'http://h/v1/test'),
])
def test_storage_url(conf, env, headers, url):
    resp = World(conf).send('GET', '/auth/v1.0', {
        'X-Auth-User': 'test:tester', 'X-Auth-Key': 'testing', **headers}, **env)
    assert resp.headers['X-Storage-Url'] == url


def test_user64_and_odd_names():
    # "tést_1" and "us er"
    world = World({'user64_dMOpc3RfMQ_dXMgZXI': 'k .admin'})
    resp = world.token('t%C3%A9st_1:us er', 'k')
    assert resp.headers['X-Storage-Url'].endswith('/v1/AUTH_t%C3%A9st_1')
    token = resp.headers['X-Auth-Token']
    world.stub.answer('GET', '/v1/AUTH_t\xc3\xa9st_1')
    assert world.send('GET', '/v1/AUTH_t%C3%A9st_1', {'X-Auth-Token': token}).status_int == 200


@pytest.mark.parametrize('conf', [
    {'user_a_b_c': 'k'}, {'user_a': 'k'}, {'user_a_b': ''}, {'active_fernet_key_id': 'x'}])
def test_bad_users_and_keys_refuse_the_start(conf):
    with pytest.raises(ValueError) as caught:
        World(conf)
    assert isinstance(caught.value, ConfigError)


@pytest.mark.parametrize('text, prefix', [
    ('/auth/', '/auth/'), ('auth', '/auth/'), ('/x/y', '/x/y/'), ('', '/auth/'), ('/', '/auth/')])
def test_auth_prefix(text, prefix):
    world = World({'auth_prefix': text})
    assert world.auth.auth_prefix == prefix
    warned = any('Rewriting invalid auth prefix' in line for line in world.logger.lines())
    assert warned is (not text.strip('/'))
    assert world.token(path=f'{prefix}v1.0').status_int == 200


# -- whom a request acts for ---------------------------------------------------------------------

def test_request_with_a_token(world):
    world.stub.answer('GET', '/v1/AUTH_test')
    assert world.as_user('test:tester', 'GET', '/v1/AUTH_test').status_int == 200
    env = world.stub.calls[0].env
    assert env['REMOTE_USER'] == 'test,test:tester,AUTH_test'
    assert env['swift.access_logging'] == {'user_id': 'test:tester'}
    assert env['swift_owner'] is True
    assert 'reseller_request' not in env
    assert env['swift.clean_acl']('X-Container-Read', ' a , b') == 'a,b'


def test_x_storage_token_is_a_token_too(world):
    token = world.token().headers['X-Auth-Token']
    world.stub.answer('GET', '/v1/AUTH_test')
    for headers in ({'X-Storage-Token': token}, {'X-Auth-Token': '', 'X-Storage-Token': token}):
        assert world.send('GET', '/v1/AUTH_test', headers).status_int == 200


def test_one_trip_brings_token_account_and_container(world):
    token = world.token().headers['X-Auth-Token']
    world.cache.set('account/AUTH_test', {'status': 204})
    world.cache.set('container/AUTH_test/é', {'status': 200})
    world.stub.answer('GET', '/v1/AUTH_test/\xc3\xa9/o')
    trips = world.cache.trips
    resp = world.send('GET', '/v1/AUTH_test/%C3%A9/o', {'X-Auth-Token': token})
    assert resp.status_int == 200
    assert world.cache.trips == trips + 1
    assert world.stub.calls[0].env['swift.infocache'] == {
        'account/AUTH_test': {'status': 204}, 'container/AUTH_test/é': {'status': 200}}


@pytest.mark.parametrize('token', ['AUTH_tk' + '0' * 32, 'AUTH_', 'AUTH_tk\xc3\xa9'])
def test_unknown_token_is_refused_at_once(world, token):
    resp = world.send('GET', '/v1/AUTH_%C3%A9/c', {'X-Auth-Token': token})
    assert (resp.status_int, resp.body) == (401, UNAUTHORIZED)
    assert resp.headers['Www-Authenticate'] == 'Swift realm="AUTH_%C3%A9"'
    assert not world.stub.calls


def test_expired_token(world):
    token = world.token().headers['X-Auth-Token']
    world.cache.set(f'AUTH_/token/{token}', [world.clock.time() - 1, 'test'])
    assert world.send('GET', '/v1/AUTH_test', {'X-Auth-Token': token}).status_int == 401


@pytest.mark.parametrize('entry', ['text', [], {}, ['soon', 'test'], [None, 'test'],
                                   [1e12, None], [1e12]])
def test_what_is_no_token_in_the_cache_is_an_unknown_one(world, entry):
    world.cache.set('AUTH_/token/AUTH_tkodd', entry)
    resp = world.send('GET', '/v1/AUTH_test', {'X-Auth-Token': 'AUTH_tkodd'})
    assert resp.status_int == 401


def test_unknown_token_outside_of_accounts_has_realm_unknown(world):
    resp = world.send('GET', '/info', {'X-Auth-Token': 'AUTH_tkbad'})
    assert resp.headers['Www-Authenticate'] == 'Swift realm="unknown"'


@pytest.mark.parametrize('path', ['/v1/AUTH_test', '/v1/OTHER_x', '/v1', '/info'])
@pytest.mark.parametrize('headers', [{}, {'X-Auth-Token': 'nonsense'}, {'X-Auth-Token': ''}])
def test_anonymous_requests_reach_the_app_with_a_hook(world, path, headers):
    resp = world.send('GET', path, headers)
    assert resp.status_int == 401
    assert len(world.stub.calls) == 1
    assert 'REMOTE_USER' not in world.stub.calls[0].env


def test_another_auth_filter_keeps_its_accounts(world):
    hook = []

    def other(req):
        hook.append(req.path)

    world.stub.answer('GET', '/v1/OTHER_x')
    resp = world.send('GET', '/v1/OTHER_x', **{'swift.authorize': other})
    assert resp.status_int == 200 and hook == ['/v1/OTHER_x']


def test_override(world):
    world.stub.answer('GET', '/v1/AUTH_test')
    env = {'swift.authorize_override': True}
    assert world.send('GET', '/v1/AUTH_test', **env).status_int == 200
    strict = World({'allow_overrides': 'false'})
    strict.stub.answer('GET', '/v1/AUTH_test')
    assert strict.send('GET', '/v1/AUTH_test', **env).status_int == 401


def test_service_token():
    world = World({'reseller_prefix': 'AUTH, SERVICE', 'SERVICE_require_group': 'service'})
    world.stub.answer('GET', '/v1/SERVICE_test')
    world.stub.answer('GET', '/v1/AUTH_test')
    service = world.token('test5:tester5').headers['X-Auth-Token']
    assert world.as_user('test:tester', 'GET', '/v1/SERVICE_test').status_int == 403
    both = {'X-Service-Token': service}
    assert world.as_user('test:tester', 'GET', '/v1/SERVICE_test', both).status_int == 200
    groups = world.stub.calls[-1].env['REMOTE_USER']
    assert groups == 'test,test:tester,AUTH_test,SERVICE_test,test5,test5:tester5,service'
    bad = {'X-Service-Token': 'AUTH_tkbad'}
    assert world.as_user('test:tester', 'GET', '/v1/SERVICE_test', bad).status_int == 403
    assert world.as_user('test:tester', 'GET', '/v1/AUTH_test', bad).status_int == 200


def test_reseller_request_is_a_group_not_a_part_of_a_name():
    world = World({'user_x_y': 'k pre.reseller_admin'})
    token = world.token('x:y', 'k').headers['X-Auth-Token']
    world.send('GET', '/v1/AUTH_x', {'X-Auth-Token': token})
    assert 'reseller_request' not in world.stub.calls[0].env
    world.as_user('admin:admin', 'GET', '/v1/AUTH_x')
    assert world.stub.calls[-1].env['reseller_request'] is True


def test_empty_prefix():
    world = World({'reseller_prefix': "''"})
    world.stub.answer('GET', '/v1/test')
    token = world.token().headers['X-Auth-Token']
    assert token.startswith('tk')
    assert world.send('GET', '/v1/test', {'X-Auth-Token': token}).status_int == 200
    assert world.send('GET', '/v1/other', {'X-Auth-Token': token}).status_int == 403
    resp = world.send('GET', '/v1/test', {'X-Auth-Token': 'bad'})
    assert resp.status_int == 401 and world.stub.lines[-1] == 'GET /v1/test'


def test_s3_signature(world):
    def details(key, name='test:tester'):
        return {'s3api.auth_details': {'access_key': name,
                                       'check_signature': lambda secret: secret == key}}
    world.stub.answer('GET', '/v1/AUTH_test/b')
    resp = world.send('GET', '/v1/test:tester/b', **details('testing'))
    assert resp.status_int == 200
    assert world.stub.calls[0].path == '/v1/AUTH_test/b'
    for env in (details('wrong'), details('testing', 'test:none')):
        assert world.send('GET', '/v1/test:tester/b', **env).status_int == 401
    assert len(world.stub.calls) == 3


# -- authorization -------------------------------------------------------------------------------

def test_not_a_path_is_404(world):
    assert world.as_user('test:tester', 'GET', '//').status_int == 404


@pytest.mark.parametrize('user, path, status', [
    ('test2:tester2', '/v1/AUTH_test', 403), ('test:tester3', '/v1/AUTH_test/c', 403),
    ('test:tester', '/v1/OTHER_x', 403), ('admin:auditor', '/v1/AUTH_test', 200),
    ('admin:admin', '/v1/AUTH_test', 200)])
def test_others(world, user, path, status):
    world.stub.answer('GET', path)
    assert world.as_user(user, 'GET', path).status_int == status


def test_container_acl(world):
    world.stub.answer('GET', '/v1/AUTH_test/c/o')

    def allow(env, acl='.r:*'):
        env['swob.ACL'] = acl

    assert world.send('GET', '/v1/AUTH_test/c/o').status_int == 401
    world.stub.on_call = allow
    assert world.send('GET', '/v1/AUTH_test/c/o').status_int == 200


def test_container_acl_with_a_foreign_referrer(world):
    def allow(env):
        env['swob.ACL'] = '.r:caf\xe9.example'

    world.stub.answer('GET', '/v1/AUTH_test/c/o')
    world.stub.on_call = allow
    referer = {'Referer': 'http://caf\xc3\xa9.example/x'}
    assert world.send('GET', '/v1/AUTH_test/c/o', referer).status_int == 200
    assert world.send('GET', '/v1/AUTH_test/c/o').status_int == 401


@pytest.mark.parametrize('method, path, owner', [
    ('GET', '/v1/AUTH_test', False), ('PUT', '/v1/AUTH_test/c', None)])
def test_account_acl(world, method, path, owner):
    world.account_info('AUTH_test', core_access_control='{"read-only":["test2"]}')
    world.stub.answer(method, path)
    resp = world.as_user('test2:tester2', method, path)
    assert resp.status_int == (403 if owner is None else 200)
    assert 'swift_owner' not in world.stub.calls[0].env


def test_account_acl_of_an_admin(world):
    world.account_info('AUTH_test', core_access_control='{"admin":["test:tester3"]}')
    world.stub.answer('DELETE', '/v1/AUTH_test')
    assert world.as_user('test:tester3', 'DELETE', '/v1/AUTH_test').status_int == 200
    assert world.stub.calls[0].env['swift_owner'] is True


@pytest.mark.parametrize('value, stored', [
    ('{"read-only":["a"]}', '{"read-only":["a"]}'), ('', ''), ('{}', ''),
    ('{"read-write": ["b"], "admin": []}', '{"admin":[],"read-write":["b"]}'),
    ('{"admin": ["\xc3\xa9"]}', '{"admin":["\\u00e9"]}')])
def test_account_acl_header_is_stored_as_sysmeta(world, value, stored):
    world.stub.answer('POST', '/v1/AUTH_test')
    resp = world.as_user('test:tester', 'POST', '/v1/AUTH_test', {
        'X-Account-Access-Control': value})
    assert resp.status_int == 200
    env = world.stub.calls[0].env
    assert env['HTTP_X_ACCOUNT_SYSMETA_CORE_ACCESS_CONTROL'] == stored
    assert 'HTTP_X_ACCOUNT_ACCESS_CONTROL' not in env


def test_bad_account_acl_header(world):
    for user in ('test:tester', 'test2:tester2'):
        resp = world.as_user(user, 'POST', '/v1/AUTH_test', {
            'X-Account-Access-Control': '{"x":["\xc3\xa9"]}'})
        assert resp.status_int == 400
        assert resp.headers['Content-Type'] == 'text/plain; charset=UTF-8'
        assert resp.body == ('X-Account-Access-Control invalid: Key "x" not recognized\n\n'
                             'Input: {"x":["é"]}\n').encode()


def test_container_sync_key(world):
    def keyed(env):
        env['swift_sync_key'] = 'secr\xe9t'
    world.stub.on_call = keyed
    world.stub.answer('PUT', '/v1/AUTH_test/c/o')
    headers = {'X-Container-Sync-Key': 'secr\xc3\xa9t', 'X-Timestamp': '1'}
    assert world.send('PUT', '/v1/AUTH_test/c/o', headers).status_int == 200
    for missing in headers:
        some = {name: value for name, value in headers.items() if name != missing}
        assert world.send('PUT', '/v1/AUTH_test/c/o', some).status_int == 401


# -- the factory ---------------------------------------------------------------------------------

def test_factory_registers_itself_and_takes_both_sections():
    make = filter_factory({'log_name': 'proxy-server', 'token_life': '5'}, user_a_b='k')
    auth = make(StubApp())
    assert auth.options.token_life == 5
    assert list(auth.users) == ['a:b']
    assert get_swift_info()['tempauth'] == {'account_acls': True}


def test_prefixed_options_are_known_and_others_warned_about():
    assert not World({'AUTH_require_group': 'x'}).logger.lines()
    assert 'token_life' in World({'token_live': '5'}).logger.lines()[0]


def test_metrics_names():
    assert World().auth.metrics._base == 'tempauth.AUTH.'
    assert World({'reseller_prefix': "''"}).auth.metrics._base == 'tempauth.NONE.'


# -- fernet --------------------------------------------------------------------------------------

@pytest.fixture
def fernet_conf():
    fernet = pytest.importorskip('cryptography.fernet', reason='needs the package cryptography')
    return {'fernet_key_one': fernet.Fernet.generate_key().decode(),
            'fernet_key_two': fernet.Fernet.generate_key().decode(),
            'active_fernet_key_id': 'one'}


def test_fernet_token_needs_no_cache(fernet_conf):
    world = World(fernet_conf, cache=False)
    world.stub.answer('GET', '/v1/AUTH_test')
    resp = world.token()
    token = resp.headers['X-Auth-Token']
    assert token.startswith('AUTH_ftk')
    assert resp.headers['X-Auth-Token-Expires'] == '86400'
    assert world.send('GET', '/v1/AUTH_test', {'X-Auth-Token': token}).status_int == 200
    world.clock.advance(86401)
    assert world.send('GET', '/v1/AUTH_test', {'X-Auth-Token': token}).status_int == 401


def test_fernet_token_of_another_key_and_forged_ones(fernet_conf):
    token = World(fernet_conf, cache=False).token().headers['X-Auth-Token']
    turned = World({**fernet_conf, 'active_fernet_key_id': 'two'}, cache=False)
    turned.stub.answer('GET', '/v1/AUTH_test')
    assert turned.send('GET', '/v1/AUTH_test', {'X-Auth-Token': token}).status_int == 200
    for bad in (token[:-4], token[:30] + token[31:], 'AUTH_ftk', 'AUTH_zftk' + token[8:],
                'AUTH_ftk\xff'):
        assert turned.send('GET', '/v1/AUTH_test', {'X-Auth-Token': bad}).status_int == 401


def test_long_groups_are_deflated(fernet_conf):
    world = World({**fernet_conf, 'user_test_tester': 'testing ' + 'group ' * 50}, cache=False)
    token = world.token().headers['X-Auth-Token']
    assert token.startswith('AUTH_zftk')
    world.send('GET', '/v1/AUTH_test', {'X-Auth-Token': token})
    assert world.stub.calls[0].env['REMOTE_USER'].endswith('group,group')


def test_fernet_key_that_is_none(fernet_conf):
    with pytest.raises(ConfigError):
        World({**fernet_conf, 'fernet_key_one': json.dumps('short')})
