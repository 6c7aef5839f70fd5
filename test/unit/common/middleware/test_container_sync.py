"""container_sync: signatures, times and targets."""
import pytest

from swift.common.errors import ConfigError
from swift.common.info import headers_to_account_info, headers_to_container_info
from swift.common.middleware.container_sync import (
    ContainerSync,
    ContainerSyncOptions,
    filter_factory,
)
from swift.common.registry import get_swift_info
from swift.common.swob import Request
from swift.common.sync_realms import CONF_NAME, SyncRealms
from swift.core.sync_signature import Signed
from test.support.logs import RecordingLogger
from test.support.stub_app import StubApp

REALMS = '[us]\nkey = one\nkey2 = two\ncluster_DFW1 = http://h/v1/\ncluster_ord = http://i/v1/\n'
OVERRIDES = ('swift.authorize_override', 'swift.slo_override', 'swift.symlink_override')


class World:
    def __init__(self, tmp_path, headers=None, realms=REALMS, **options):
        (tmp_path / CONF_NAME).write_text(realms)
        self.stub = StubApp()
        self.filtered = ContainerSync(
            self.stub, ContainerSyncOptions.parse(options),
            SyncRealms(str(tmp_path), RecordingLogger()))
        self.known = {'account/a': headers_to_account_info({}, 204),
                      'container/a/c': headers_to_container_info(
                          headers or {'X-Container-Sync-Key': 'secret'}, 204)}
        self.env = None

    def send(self, method, path, headers):
        req = Request.blank(path, {'swift.infocache': dict(self.known)}, headers, method=method)
        self.stub.answer(method, req.environ['PATH_INFO'], '201 Created')
        self.env = req.environ
        return req.get_response(self.filtered)

    def signed(self, realm='us', key='one', path='/v1/a/c/o%20x', user_key='secret',
               timestamp='1700000000.00000'):
        signature = Signed('PUT', path, timestamp or '0', 'nonce').signature(key, user_key)
        headers = {'X-Container-Sync-Auth': f'{realm} nonce {signature}'}
        if timestamp:
            headers['X-Backend-Inbound-X-Timestamp'] = timestamp
        return self.send('PUT', path, headers)


@pytest.mark.parametrize('key', ['one', 'two'])
@pytest.mark.parametrize('realm', ['us', 'US'])
@pytest.mark.parametrize('timestamp', ['1700000000.00000', ''])
def test_a_right_signature_passes(tmp_path, key, realm, timestamp):
    world = World(tmp_path)
    assert world.signed(realm, key, timestamp=timestamp).status_int == 201
    assert all(world.env[name] is True for name in OVERRIDES)
    assert world.env['swift.log_info'] == ['cs:valid']
    assert world.env.get('HTTP_X_TIMESTAMP', '') == timestamp


@pytest.mark.parametrize('words, info', [
    ({'key': 'three'}, 'cs:invalid-sig'), ({'user_key': 'x'}, 'cs:invalid-sig'),
    ({'realm': 'eu'}, 'cs:no-local-realm-key'), ({'realm': 'us x'}, 'cs:not-3-args'),
    ({'path': '/v1/a'}, 'cs:no-local-user-key'), ({'path': '/info'}, 'cs:no-local-user-key')])
def test_a_wrong_signature_is_refused(tmp_path, words, info):
    world = World(tmp_path)
    resp = world.signed(**words)
    realm = 'unknown' if words.get('path') == '/info' else 'a'
    assert resp.status_int == 401 and resp.content_type == 'text/plain'
    assert resp.body == (b'X-Container-Sync-Auth header not valid; contact cluster operator for '
                         b'support.')
    assert resp.headers['Www-Authenticate'] == f'SwiftContainerSync realm="{realm}"'
    assert world.env['swift.log_info'] == [info]
    assert not world.stub.calls and not any(name in world.env for name in OVERRIDES)


def test_a_container_without_key_takes_nothing(tmp_path):
    world = World(tmp_path, {'X-Container-Sync-To': 'x'})
    assert world.signed(user_key='').status_int == 401
    assert world.env['swift.log_info'] == ['cs:no-local-user-key']


def test_without_realms_nothing_is_looked_up(tmp_path):
    world = World(tmp_path, realms='')
    world.known.clear()
    assert world.signed().status_int == 401 and not world.stub.calls


@pytest.mark.parametrize('key, time', [('secret', '5.0'), ('wrong', None), ('', None)])
def test_the_old_way_says_the_time_with_the_right_key_alone(tmp_path, key, time):
    world = World(tmp_path)
    assert world.send('PUT', '/v1/a/c/o', {
        'X-Container-Sync-Key': key, 'X-Backend-Inbound-X-Timestamp': '5.0'}).status_int == 201
    assert world.env.get('HTTP_X_TIMESTAMP') == time
    assert not any(name in world.env for name in OVERRIDES)


FULL = 'http://127.0.0.1/v1/b/c'


@pytest.mark.parametrize('method', ['PUT', 'POST'])
@pytest.mark.parametrize('target, headers, options, body', [
    (FULL, {}, {}, None), ('//us/ord/b/c', {}, {'allow_full_urls': 'no'}, None),
    (FULL, {}, {'allow_full_urls': 'no'}, 'Full URLs are not allowed for X-Container-Sync-To '
     'values. Only realm values of the format //realm/cluster/account/container are allowed.\n'),
    ('', {}, {'allow_full_urls': 'no'}, None),
    (FULL, {'X-Container-Sysmeta-Versions-Container': 'v'}, {},
     'Cannot configure container sync on a container with object versioning configured.'),
    ('', {'X-Container-Sysmeta-Versions-Container': 'v'}, {}, None)])
def test_targets(tmp_path, method, target, headers, options, body):
    resp = World(tmp_path, headers, **options).send(
        method, '/v1/a/c', {'X-Container-Sync-To': target})
    assert (resp.status_int, resp.body.decode()) == ((400, body) if body else (201, ''))


@pytest.mark.parametrize('method, path', [('PUT', '/v1/a/c/o'), ('PUT', '/v1/a'),
                                          ('GET', '/v1/a/c'), ('POST', '/x')])
def test_targets_are_those_of_containers(tmp_path, method, path):
    world = World(tmp_path, allow_full_urls='no')
    assert world.send(method, path, {'X-Container-Sync-To': FULL}).status_int == 201


def test_info_shows_realms_as_they_are_now(tmp_path):
    world = World(tmp_path, current='//us/dfw1', realms='[DEFAULT]\nmtime_check_interval = 0\n'
                                                        + REALMS)
    clusters = {'US': {'clusters': {'DFW1': {'current': True}, 'ORD': {}}}}
    assert get_swift_info()['container_sync'] == {'realms': clusters}
    (tmp_path / CONF_NAME).write_text('[eu]\nkey = k\n')
    world.send('GET', '/info', {})
    assert get_swift_info()['container_sync'] == {'realms': {'EU': {'clusters': {}}}}


@pytest.mark.parametrize('current', ['us/dfw1', '//us', '//us/', '//us/a/b', 'x'])
def test_bad_current(tmp_path, current):
    with pytest.raises(ConfigError, match='Invalid current'):
        filter_factory({'swift_dir': str(tmp_path)}, current=current)(StubApp())
