"""Authentication: version 1, the decision between versions, and the words of a session."""

import pytest

from swiftclient import client
from swiftclient.client import ClientException, get_auth, get_auth_1_0
from test.support.keystone_server import (
    CREDENTIAL,
    DOMAIN,
    DOMAIN_ID,
    OLD_TOKEN,
    PASSWORD,
    PROJECT,
    PROJECT_ID,
    TOKEN,
    USER,
    USER_ID,
    keystone,
    storage_url,
)
from test.support.scripted_http import answer, scripted


def test_version_1_asks_with_user_and_key():
    with scripted(answer(200, x_storage_url='http://s/v1/A', x_auth_token='tk')) as server:
        assert get_auth(server.auth_url + '?lost=1', 'ü', 'k') == ('http://s/v1/A', 'tk')
    seen = server.seen[0]
    assert (seen.method, seen.target) == ('GET', '/auth/v1.0')
    assert (seen.header('x-auth-user'), seen.header('x-auth-key')) == ('ü', 'k')


def test_version_1_prefers_the_storage_token():
    with scripted(answer(204, x_storage_url='u', x_auth_token='a', x_storage_token='s')) as server:
        assert get_auth_1_0(server.auth_url, 'u', 'k') == ('u', 's')


@pytest.mark.parametrize('reply', [
    answer(401), answer(503, b'later'), answer(200, b'a page of something else')])
def test_version_1_refused(reply):
    with scripted(reply) as server:
        with pytest.raises(ClientException, match='Auth GET failed') as caught:
            get_auth_1_0(server.auth_url, 'u', 'k')
    assert caught.value.http_status in (401, 503, 200)


@pytest.mark.parametrize('version', ['1', '1.0', 1])
def test_version_1_by_its_names(version):
    with scripted(answer(200, x_storage_url='u', x_auth_token='a')) as server:
        assert get_auth(server.auth_url, 'u', 'k', auth_version=version)[1] == 'a'


def test_storage_url_of_the_options_wins():
    with scripted(answer(200, x_storage_url='u', x_auth_token='a')) as server:
        options = {'object_storage_url': 'mine'}
        assert get_auth(server.auth_url, 'u', 'k', os_options=options) == ('mine', 'a')


def test_unknown_version():
    with pytest.raises(ClientException) as caught:
        get_auth('http://h', 'u', 'k', auth_version='foo')
    assert str(caught.value) == 'Unknown auth_version foo and no session found.'.replace(
        'foo and', 'foo specified and')


@pytest.mark.parametrize('version,path', [('2.0', '/v2.0/tokens'), ('2', '/v2.0/tokens'),
                                          (2, '/v2.0/tokens'), ('3', '/v3/auth/tokens'),
                                          ('3.0', '/v3/auth/tokens'), (3, '/v3/auth/tokens')])
@pytest.mark.parametrize('user,options', [
    (f'{PROJECT}:{USER}', {}), (USER, {'tenant_name': PROJECT}), (USER, {'tenant_id': PROJECT_ID}),
    (USER, {'project_name': PROJECT}), (USER, {'project_id': PROJECT_ID})])
def test_keystone_with_the_project_in_any_of_its_places(version, path, user, options):
    kept = dict(options)
    with keystone() as server:
        assert get_auth(server.root, user, PASSWORD, auth_version=version,
                        os_options=options) == (storage_url('one'), TOKEN)
        assert server.seen[0].target == path
    assert options == kept


def test_tenant_name_wins_over_the_options():
    with keystone() as server:
        assert get_auth(server.root, USER, PASSWORD, auth_version='2', tenant_name=PROJECT,
                        os_options={'tenant_name': 'other'})[1] == TOKEN


def test_user_name_with_colons_is_split_at_the_first():
    with keystone() as server:
        with pytest.raises(ClientException, match='Unauthorized'):
            get_auth(server.root, f'{PROJECT}:a:b', PASSWORD, auth_version='2')
        assert server.questions()[0]['auth'] == {
            'passwordCredentials': {'username': 'a:b', 'password': PASSWORD},
            'tenantName': PROJECT}


@pytest.mark.parametrize('version,text', [
    ('2', 'No tenant specified'), ('3', 'No project name or project id specified.')])
def test_keystone_needs_a_project(version, text):
    with pytest.raises(ClientException) as caught:
        get_auth('http://h', 'u', 'k', auth_version=version)
    assert str(caught.value) == text


@pytest.mark.parametrize('options', [
    {'user_domain_name': DOMAIN, 'project_domain_id': DOMAIN_ID},
    {'user_domain_id': DOMAIN_ID, 'project_domain_name': DOMAIN},
    {'user_id': USER_ID}, {}])
def test_version_3_domains(options):
    with keystone() as server:
        got = get_auth(f'{server.root}/identity/v3', USER, PASSWORD, auth_version='3',
                       os_options={'project_name': PROJECT, **options})
        assert got[1] == TOKEN and server.seen[0].target == '/identity/v3/auth/tokens'


@pytest.mark.parametrize('auth_type,secret,error', [
    ('v3applicationcredential', CREDENTIAL['secret'], None),
    ('v3applicationcredential', 'wrong',
     'Unauthorized. Check application credential id and secret.'),
    ('v3totp', 'any', 'Swiftclient currently only supports v3applicationcredential for auth_type')])
def test_application_credential(auth_type, secret, error):
    options = {'auth_type': auth_type, 'application_credential_id': CREDENTIAL['id'],
               'application_credential_secret': secret, 'project_name': PROJECT}
    with keystone() as server:
        if error is None:
            assert get_auth(server.root, None, None, auth_version='3',
                            os_options=options)[1] == TOKEN
            return
        with pytest.raises(ClientException) as caught:
            get_auth(server.root, None, None, auth_version='3', os_options=options)
    assert (str(caught.value), caught.value.http_status) == (error, None)


@pytest.mark.parametrize('version', ['2', '3'])
@pytest.mark.parametrize('options,expected', [
    ({'region_name': 'two'}, storage_url('two')),
    ({'endpoint_type': 'internal'}, storage_url('one', 'internal')),
    ({'endpoint_type': 'adminURL', 'region_name': 'two'}, storage_url('two', 'admin'))])
def test_endpoint_of_the_catalog(version, options, expected):
    with keystone() as server:
        got = get_auth(server.root, USER, PASSWORD, auth_version=version,
                       os_options={'tenant_name': PROJECT, **options})
    assert got == (expected, TOKEN)


@pytest.mark.parametrize('version', ['2', '3'])
@pytest.mark.parametrize('options,service', [
    ({'region_name': 'three'}, 'object-store'), ({'service_type': 'other'}, 'other'),
    ({'endpoint_type': 'secret'}, 'object-store')])
def test_endpoint_that_is_not_in_the_catalog(version, options, service):
    with keystone() as server:
        with pytest.raises(ClientException) as caught:
            get_auth(server.root, USER, PASSWORD, auth_version=version,
                     os_options={'tenant_name': PROJECT, **options})
    assert str(caught.value) == \
        f'Endpoint for {service} not found - have you specified a region?'


@pytest.mark.parametrize('version,hint', [
    ('2', 'Check username, password and tenant name/id.'),
    ('3', 'Check username/id, password, tenant name/id and user/tenant domain name/id.')])
def test_keystone_refuses(version, hint):
    with keystone() as server:
        with pytest.raises(ClientException) as caught:
            get_auth(server.root, USER, 'wrong', auth_version=version, tenant_name=PROJECT)
    assert str(caught.value) == f'Unauthorized. {hint}' and caught.value.http_status is None


@pytest.mark.parametrize('version', ['2', '3'])
def test_keystone_with_an_earlier_token(version):
    with keystone() as server:
        got = get_auth(server.root, None, None, auth_version=version,
                       os_options={'auth_token': OLD_TOKEN, 'tenant_id': PROJECT_ID})
    assert got == (storage_url('one'), TOKEN)


@pytest.mark.parametrize('reply,text', [
    (answer(500, b'oops'), 'Authorization Failure. 500 Scripted'),
    (answer(403, b'{"error": {"message": "locked"}}'), 'Authorization Failure. locked (HTTP 403)'),
    (answer(200, b'no json'), 'Authorization Failure. No JSON from')])
def test_keystone_in_trouble(reply, text):
    with scripted(reply) as server:
        with pytest.raises(ClientException) as caught:
            get_auth(server.root + '/v3', 'u', 'k', auth_version='3', tenant_name='t')
    assert str(caught.value).startswith(text) and caught.value.http_status is None


def test_no_keystone_there():
    with pytest.raises(ClientException, match=r'Authorization Failure\..*Failed to establish'):
        get_auth('http://127.0.0.1:1/v3', 'u', 'k', auth_version='3', tenant_name='t')


@pytest.mark.parametrize('url,version,asked', [
    ('', None, '/v3/auth/tokens'), ('/v2.0', None, '/v2.0/tokens'), ('/v3', '3', '/v3/auth/tokens'),
    ('/', '2', '/v2.0/tokens'), ('/v3/', '3', '/v3/auth/tokens'),
    ('/identity', '3', '/identity/v3/auth/tokens')])
def test_version_is_appended_where_the_url_has_none(url, version, asked):
    with keystone() as server:
        client.get_auth_keystone(server.root + url, USER, PASSWORD, {'tenant_name': PROJECT},
                                 **({'auth_version': version} if version else {}))
        assert server.seen[0].target == asked


def test_get_keystoneclient_2_0_is_version_2():
    with keystone() as server:
        assert client.get_keystoneclient_2_0(
            server.root, USER, PASSWORD, {'tenant_name': PROJECT})[1] == TOKEN
        assert server.seen[0].target == '/v2.0/tokens'


def test_passwords_are_not_logged(caplog):
    caplog.set_level('DEBUG', logger='swiftclient')
    with keystone() as server:
        get_auth(server.root, USER, PASSWORD, auth_version='3', tenant_name=PROJECT)
    assert 'REQ: curl' in caplog.text and '/v3/auth/tokens' in caplog.text
    assert PASSWORD not in caplog.text and TOKEN not in caplog.text
