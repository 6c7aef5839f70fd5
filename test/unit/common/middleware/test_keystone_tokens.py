"""keystoneauth behind the published keystonemiddleware, which asks a Keystone about tokens.

What is shown: that the headers and environ keys of the real authtoken are those that the filter
reads, and that the memcached client serves as its cache.
"""
import pytest

from swift.common.info import headers_to_account_info, headers_to_container_info
from swift.common.middleware.keystoneauth import KeystoneAuth
from swift.common.swob import Request
from test.support.fake_cache import FakeCache
from test.support.keystone import running_keystone, token
from test.support.stub_app import StubApp

auth_token = pytest.importorskip('keystonemiddleware.auth_token',
                                 reason='keystonemiddleware is not installed')

TOKENS = {
    'operator': token(roles=('swiftoperator',)),
    'plain': token(user=('uid2', 'uname2'), roles=('member',)),
    'far': token(project=('pid3', 'pname'), user=('uid3', 'uname'), domain=('d3', 'Far')),
    'service': token(user=('sid', 'glance'), project=('spid', 'services'), roles=('service',)),
    'boss': token(user=('bid', 'boss'), project=('bpid', 'bosses'), roles=('ResellerAdmin',))}


@pytest.fixture(scope='module')
def keystone():
    with running_keystone(TOKENS) as url:
        yield url


class World:
    def __init__(self, url, acl=None):
        self.stub = StubApp()
        auth = KeystoneAuth(self.stub, {'reseller_prefix': 'AUTH, SERVICE',
                                        'SERVICE_service_roles': 'service'})
        self.pipeline = auth_token.filter_factory(
            {}, auth_url=url, auth_type='password', username='swift', password='secret',
            user_domain_id='default', project_domain_id='default', project_name='service',
            delay_auth_decision='True', cache='swift.cache', include_service_catalog='False',
            www_authenticate_uri=url)(auth)
        self.acl = acl
        self.cache = FakeCache()
        self.env = None

    def send(self, token_id, path='/v1/AUTH_pid', method='GET', **headers):
        self.stub.answer(method, path, '200 OK')
        known = {f'account/{name}': headers_to_account_info({}, 204)
                 for name in ('AUTH_pid', 'AUTH_other', 'SERVICE_pid')}
        known['container/AUTH_other/c'] = headers_to_container_info({}, 204)
        if token_id:
            headers['X-Auth-Token'] = token_id
        headers = {name.replace('_', '-'): value for name, value in headers.items()}
        req = Request.blank(path, {'swift.cache': self.cache, 'swift.infocache': known,
                                   'swob.ACL': self.acl}, headers, method=method)
        self.env = req.environ
        return req.get_response(self.pipeline).status_int


def test_roles(keystone):
    world = World(keystone)
    assert [world.send(name) for name in ('operator', 'plain', 'far', 'boss', 'unknown', None)] \
        == [200, 403, 403, 200, 401, 401]
    world.send('operator')
    identity = world.env['keystone.identity']
    assert identity['user'] == ('uid', 'uname') and identity['tenant'] == ('pid', 'pname')
    assert (identity['auth_version'], identity['project_domain']) == (3, ('default', 'Default'))


def test_service_tokens(keystone):
    world = World(keystone)
    path = '/v1/SERVICE_pid'
    assert world.send('operator', path) == 403
    assert world.send('operator', path, X_Service_Token='service') == 200
    # authtoken itself takes a token without the role `service` for none of a service.
    assert world.send('operator', path, X_Service_Token='plain') == 401
    assert world.send('operator', path, X_Service_Token='unknown') == 401
    assert world.send('plain', path, X_Service_Token='service') == 403


@pytest.mark.parametrize('acl, answers', [
    ('pid:uid2', [403, 200, 403, 401]), ('pname:*', [200, 200, 403, 401]),
    ('*:uid3', [403, 403, 200, 401]), ('.r:*', [200, 200, 200, 200])])
def test_acls(keystone, acl, answers):
    world = World(keystone, acl)
    assert [world.send(name, '/v1/AUTH_other/c/o')
            for name in ('operator', 'plain', 'far', None)] == answers


def test_headers_of_clients_make_nobody(keystone):
    world = World(keystone)
    forged = {'X-Identity-Status': 'Confirmed', 'X-Roles': 'ResellerAdmin', 'X-User-Id': 'uid',
              'X-Project-Id': 'pid'}
    assert world.send(None, **forged) == 401
    assert world.send('plain', **forged) == 403


def test_tokens_are_kept_in_our_cache(keystone):
    world = World(keystone)
    assert world.send('operator') == 200
    kept = [key for key in world.cache._items if 'tokens/' in key]
    assert kept
    assert world.send('operator') == 200
