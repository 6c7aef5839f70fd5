"""container_quotas and account_quotas: who sets them, and who is held to them."""
import pytest

from swift.common.info import headers_to_account_info, headers_to_container_info
from swift.common.middleware.account_quotas import AccountQuotas
from swift.common.middleware.container_quotas import ContainerQuotas
from swift.common.registry import get_swift_info
from swift.common.swob import HTTPForbidden, HTTPUnauthorized, Request
from swift.core.policy import parse_policies
from test.support.stub_app import StubApp

POLICIES = parse_policies({'storage-policy:0': {'name': 'gold', 'default': 'yes'},
                           'storage-policy:1': {'name': 'tin'}}, None)


class World:
    """A filter over a stub, and what is known of /v1/a and /v1/a/c."""

    def __init__(self, make, account=None, container=None, container_status=204):
        self.stub = StubApp()
        self.filtered = make(self.stub)
        self.known = {
            'account/a': headers_to_account_info(
                {'X-Account-Bytes-Used': '6', 'X-Account-Object-Count': '3',
                 'X-Account-Storage-Policy-Tin-Bytes-Used': '5',
                 'X-Account-Storage-Policy-Tin-Object-Count': '2', **(account or {})},
                204, {'gold': 0, 'tin': 1}),
            'container/a/c': headers_to_container_info(
                {'X-Container-Bytes-Used': '5', 'X-Container-Object-Count': '2',
                 'X-Backend-Storage-Policy-Index': '1', **(container or {})}, container_status)}
        self.stub.answer('PUT', '/v1/a/c/o', '201 Created')

    def send(self, method, path, headers=None, body=None, **env):
        env.setdefault('swift.infocache', self.known)
        req = Request.blank(path, env, headers, body, method=method)
        resp = req.get_response(self.filtered)
        return resp.status_int, resp.body.decode()

    def upload(self, size, **env):
        return self.send('PUT', '/v1/a/c/o', body=b'x' * size, **env)

    def upload_chunks(self, size, **env):
        return self.send('PUT', '/v1/a/c/o', {'Transfer-Encoding': 'chunked',
                                              'Content-Length': None}, b'x' * size, **env)


PASSED = (201, '')
TOO_MUCH = (413, 'Upload exceeds quota.')
TOO_MUCH_IN_POLICY = (413, 'Upload exceeds policy quota.')


# -- containers ------------------------------------------------------------------------------------

def container(**meta):
    return World(ContainerQuotas, container={
        f'X-Container-Meta-Quota-{name}': value for name, value in meta.items()})


@pytest.mark.parametrize('meta, size, answer', [
    ({}, 99, PASSED), ({'Bytes': '10'}, 5, PASSED), ({'Bytes': '10'}, 6, TOO_MUCH),
    ({'Count': '3'}, 5, PASSED), ({'Count': '2'}, 0, TOO_MUCH), ({'Bytes': '5'}, 0, PASSED),
    ({'Bytes': 'x', 'Count': ''}, 99, PASSED), ({'Bytes': '99', 'Count': '2'}, 1, TOO_MUCH)])
def test_container_upload(meta, size, answer):
    assert container(**meta).upload(size) == answer


def test_container_upload_in_chunks_is_stopped_when_it_is_too_much():
    world = container(Bytes='10')
    assert world.upload_chunks(5) == PASSED
    with pytest.raises(Exception) as caught:
        world.upload_chunks(6)
    assert (caught.value.status_int, caught.value.body) == (413, b'Upload exceeds quota.')


def test_container_refusal_comes_after_that_of_authorization():
    world = container(Count='0')
    asked = []

    def authorize(req):
        asked.append(req.acl)
        return HTTPForbidden(request=req)

    assert world.upload(1, **{'swift.authorize': authorize})[0] == 403
    assert world.upload(1, **{'swift.authorize': lambda req: None}) == TOO_MUCH
    assert asked == [None] and not world.stub.calls


def test_container_that_is_not_known_has_no_quota():
    world = World(ContainerQuotas, container={'X-Container-Meta-Quota-Count': '0'},
                  container_status=404)
    assert world.upload(1) == PASSED


@pytest.mark.parametrize('method', ['PUT', 'POST'])
@pytest.mark.parametrize('name', ['Bytes', 'Count'])
@pytest.mark.parametrize('value, is_good', [('1', True), ('', True), ('x', False), ('-1', False)])
def test_container_setting(method, name, value, is_good):
    world = World(ContainerQuotas)
    world.stub.answer(method, '/v1/a/c', '204 No Content')
    found = world.send(method, '/v1/a/c', {f'X-Container-Meta-Quota-{name}': value})
    assert found == ((204, '') if is_good else (400, f'Invalid {name.lower()} quota.'))


@pytest.mark.parametrize('method, path', [
    ('DELETE', '/v1/a/c/o'), ('POST', '/v1/a/c/o'), ('GET', '/v1/a/c/o'), ('PUT', '/v1/a'),
    ('PUT', '/other/a/c/o'), ('POST', '/v1/a')])
def test_container_quota_concerns_uploads_alone(method, path):
    world = container(Count='0')
    world.stub.answer(method, path, '204 No Content')
    headers = {'X-Container-Meta-Quota-Bytes': 'x'}
    assert world.send(method, path, headers)[0] == 204


# -- accounts --------------------------------------------------------------------------------------

def account(**sysmeta):
    return World(lambda app: AccountQuotas(app, POLICIES), account={
        'X-Account-Sysmeta-Quota-' + name.replace('_', '-'): value
        for name, value in sysmeta.items()})


@pytest.mark.parametrize('sysmeta, size, answer', [
    ({}, 99, PASSED), ({'Bytes': '10'}, 4, PASSED), ({'Bytes': '10'}, 5, TOO_MUCH),
    ({'Count': '4'}, 9, PASSED), ({'Count': '3'}, 0, TOO_MUCH), ({'Bytes': '0'}, 0, TOO_MUCH),
    ({'Bytes': 'x'}, 99, PASSED), ({'Bytes_Policy_1': '9'}, 4, PASSED),
    ({'Bytes_Policy_1': '9'}, 5, TOO_MUCH_IN_POLICY), ({'Bytes_Policy_0': '0'}, 5, PASSED),
    ({'Count_Policy_1': '2'}, 0, TOO_MUCH_IN_POLICY), ({'Count_Policy_1': '3'}, 0, PASSED),
    ({'Count': '3', 'Count_Policy_1': '2'}, 0, TOO_MUCH)])
def test_account_upload(sysmeta, size, answer):
    assert account(**sysmeta).upload(size) == answer


def test_account_quota_of_old_name():
    world = World(lambda app: AccountQuotas(app, POLICIES),
                  account={'X-Account-Meta-Quota-Bytes': '7'})
    assert (world.upload(1), world.upload(2)) == (PASSED, TOO_MUCH)


def test_account_upload_in_chunks_is_stopped_when_it_is_too_much():
    world = account(Bytes='10', Bytes_Policy_1='7')
    assert world.upload_chunks(2) == PASSED
    with pytest.raises(Exception) as caught:
        world.upload_chunks(3)
    assert caught.value.body == b'Upload exceeds policy quota.'


def test_resellers_are_not_held_to_account_quotas():
    assert account(Count='0').upload(1, reseller_request=True) == PASSED


def test_account_refusal_comes_through_authorization():
    world = account(Count='0')
    denied = {'swift.authorize': lambda req: HTTPUnauthorized(request=req)}
    allowed = {'swift.authorize': lambda req: None}
    assert world.upload(1, **denied)[0] == 401
    assert world.upload(1, **allowed) == TOO_MUCH


HEADERS = ['X-Account-Quota-Bytes', 'X-Account-Quota-Count', 'X-Account-Meta-Quota-Bytes',
           'X-Account-Quota-Bytes-Policy-tin', 'X-Account-Quota-Count-Policy-gold']


@pytest.mark.parametrize('name', HEADERS)
@pytest.mark.parametrize('method', ['PUT', 'POST'])
def test_only_resellers_set_account_quotas(method, name):
    world = account()
    world.stub.answer(method, '/v1/a', '204 No Content')
    remove = 'X-Remove-' + name.removeprefix('X-')
    assert world.send(method, '/v1/a', {name: '1'})[0] == 403
    assert world.send(method, '/v1/a', {remove: 'x'})[0] == 403
    assert world.send(method, '/v1/a', {name: 'y'}, reseller_request=True)[0] == 400
    assert world.send(method, '/v1/a', {name: '1'}, reseller_request=True)[0] == 204
    stored = {key: value for key, value in world.stub.calls[-1].headers.items()
              if 'Sysmeta' in key}
    what = 'Bytes' if 'Bytes' in name else 'Count'
    policy = {'tin': '-Policy-1', 'gold': '-Policy-0'}.get(name.rsplit('-', 1)[1], '')
    assert stored == {f'X-Account-Sysmeta-Quota-{what}{policy}': '1'}


@pytest.mark.parametrize('headers', [
    {'X-Account-Quota-Bytes': ''}, {'X-Remove-Account-Quota-Bytes': 'x'},
    {'X-Remove-Account-Meta-Quota-Bytes': 'x'},
    {'X-Remove-Account-Quota-Bytes': 'x', 'X-Account-Quota-Bytes': '5'}])
def test_account_quota_ends(headers):
    world = account()
    world.stub.answer('POST', '/v1/a', '204 No Content')
    assert world.send('POST', '/v1/a', headers, reseller_request=True)[0] == 204
    assert world.stub.calls[-1].headers['X-Account-Sysmeta-Quota-Bytes'] == ''


def test_quotas_of_policies_that_are_not_there_mean_nothing():
    world = account()
    world.stub.answer('POST', '/v1/a', '204 No Content')
    assert world.send('POST', '/v1/a', {'X-Account-Quota-Bytes-Policy-iron': 'x'})[0] == 204


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
@pytest.mark.parametrize('path', ['/v1/a', '/v1/a/'])
def test_account_quotas_are_shown(method, path):
    world = account()
    world.stub.answer(method, path, '200 OK', {
        'X-Account-Sysmeta-Quota-Bytes': '9', 'X-Account-Sysmeta-Quota-Count-Policy-1': '0'})
    resp = Request.blank(path, method=method).get_response(world.filtered)
    assert resp.headers['X-Account-Quota-Bytes'] == '9'
    assert resp.headers['X-Account-Quota-Count-Policy-tin'] == '0'


def test_factories_read_policies_and_register(tmp_path):
    from swift.common.middleware import account_quotas, container_quotas
    (tmp_path / 'swift.conf').write_text('[storage-policy:0]\nname = iron\ndefault = yes\n')
    stub = StubApp()
    stub.answer('POST', '/v1/a', '204 No Content')
    filtered = account_quotas.filter_factory({'swift_dir': str(tmp_path)})(stub)
    req = Request.blank('/v1/a', {'reseller_request': True},
                        {'X-Account-Quota-Bytes-Policy-Iron': '5'}, method='POST')
    assert req.get_response(filtered).status_int == 204
    assert req.headers['X-Account-Sysmeta-Quota-Bytes-Policy-0'] == '5'
    assert container_quotas.filter_factory({})(stub).app is stub
    assert get_swift_info()['account_quotas'] == get_swift_info()['container_quotas'] == {}
