"""The plug-in of keystoneauth1, in a session of keystoneauth1."""

import importlib.metadata
import json
from datetime import timedelta

import pytest

from test.support.scripted_http import answer, scripted

pytest.importorskip('keystoneauth1', reason='keystoneauth1 is not installed')
from keystoneauth1 import exceptions, loading, session  # noqa: E402

import swiftclient  # noqa: E402
from swiftclient.authv1 import PasswordLoader, PasswordPlugin, _now  # noqa: E402

STORAGE = 'http://s.example/v1/AUTH_mine'


def granted(**headers) -> bytes:
    return answer(200, **{'x_storage_url': STORAGE, 'x_auth_token': 'tk', **headers})


def plugin(server, **options) -> PasswordPlugin:
    return PasswordPlugin(server.auth_url, 'test:tester', 'testing', **options)


def test_token_and_endpoint_come_from_one_request():
    with scripted(granted(x_storage_token='better', x_auth_token_expires='3600')) as server:
        mine = plugin(server)
        ks = session.Session(mine)
        assert ks.get_token() == 'better'
        assert ks.get_endpoint(service_type='object-store') == STORAGE
        assert (ks.get_user_id(), ks.get_project_id()) == ('test:tester', None)
        access = mine.get_access(ks)
    assert len(server.seen) == 1 and server.seen[0].header('x-auth-key') == 'testing'
    assert access.expires - access.issued == timedelta(hours=1)
    assert access.will_expire_soon(3601) and not access.will_expire_soon(3000)
    assert (access.username, access.user_id, access.domain_id) == (
        'test:tester', 'test:tester', 'default')


@pytest.mark.parametrize('lifetime', [None, 'soon', '1e400'])
def test_token_without_an_end(lifetime):
    headers = {} if lifetime is None else {'x_auth_token_expires': lifetime}
    with scripted(granted(**headers)) as server:
        access = plugin(server).get_access(session.Session())
    assert access.expires is None and not access.will_expire_soon(10 ** 9)


def test_token_that_ends_soon_is_renewed():
    with scripted(granted(x_auth_token_expires='1'), granted(x_auth_token='next')) as server:
        ks = session.Session(plugin(server))
        assert [ks.get_token(), ks.get_token(), ks.get_token()] == ['tk', 'next', 'next']


@pytest.mark.parametrize('reply', [
    answer(401), answer(200, x_auth_token='t'), answer(200, x_storage_url=STORAGE)])
def test_answer_that_grants_nothing(reply):
    with scripted(reply) as server:
        with pytest.raises(exceptions.InvalidResponse):
            session.Session(plugin(server)).get_token()


def test_another_account():
    with scripted(granted()) as server:
        ks = session.Session(plugin(server, project_name='AUTH_other'))
        other = 'http://s.example/v1/AUTH_other'
        assert ks.get_endpoint(service_type='object-store') == other
        catalog = ks.auth.get_access(ks).service_catalog
        assert catalog.url_for(service_type='object-store', region_name='override') == other
        assert ks.get_endpoint(service_type='object-store', region_name='default') == STORAGE
        assert catalog.url_for(service_type='identity') == server.auth_url


def test_other_services_are_not_there():
    with scripted(granted()) as server:
        with pytest.raises(exceptions.EndpointNotFound):
            session.Session(plugin(server)).get_endpoint(service_type='compute')


def test_state_is_kept_and_restored():
    with scripted(granted(x_auth_token_expires='3600')) as server:
        first, second = plugin(server), plugin(server)
        first.get_access(session.Session())
        state = first.get_auth_state()
        second.set_auth_state(state)
        assert session.Session(second).get_token() == 'tk' and second.get_auth_state() == state
        second.set_auth_state(None)
        assert second.get_auth_state() is None
    assert sorted(json.loads(state)) == ['account', 'auth_token', 'auth_url', 'expires', 'issued',
                                         'storage_url', 'username']
    assert len(server.seen) == 1 and second.auth_ref is None and _now().tzinfo


def test_cache_id_tells_users_apart():
    with scripted() as server:
        ids = {plugin(server).get_cache_id(), plugin(server, project_name='x').get_cache_id()}
    assert len(ids) == 2


def test_loader_is_found_by_name_and_takes_options():
    found = importlib.metadata.entry_points(group='keystoneauth1.plugin', name='v1password')
    assert [one.value for one in found] == ['swiftclient.authv1:PasswordLoader']
    loader = PasswordLoader()
    options = {one.dest: one for one in loader.get_options()}
    assert {name for name, one in options.items() if one.required} == {
        'auth_url', 'username', 'password'}
    assert options['password'].secret and options['username'].deprecated[0].name == 'user-name'
    made = loading.get_plugin_loader('v1password').load_from_options(
        auth_url='u', username='n', password='p', project_name='a')
    assert (made.auth_url, made.user, made.key, made.account) == ('u', 'n', 'p', 'a')


def test_connection_with_a_session_renews_its_token(monkeypatch):
    monkeypatch.setattr('swiftclient.client.sleep', lambda seconds: None)
    with scripted() as server:
        server.answers += [
            granted(x_storage_url=server.url), answer(401),
            granted(x_storage_url=server.url, x_auth_token='next'), answer(204)]
        conn = swiftclient.Connection(session=session.Session(plugin(server)))
        conn.head_account()
    assert [seen.header('x-auth-token') for seen in server.seen] == [None, 'tk', None, 'next']
