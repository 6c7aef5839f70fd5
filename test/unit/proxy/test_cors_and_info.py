"""Cross-origin answers and the capability document."""

import json

import pytest

from swift.common.registry import SWIFT_INFO
from swift.common.swob import HTTPUnauthorized
from swift.proxy.controllers.info import admin_signature
from test.support.proxy import START, Proxy

ORIGIN = {'Origin': 'http://a.example'}
ALLOW = 'DELETE, GET, HEAD, OPTIONS, POST, PUT'


@pytest.fixture
def proxy():
    proxy = Proxy()
    proxy.put_container(
        X_Container_Meta_Access_Control_Allow_Origin='http://a.example http://b.example',
        X_Container_Meta_Access_Control_Max_Age='60',
        X_Container_Meta_Access_Control_Expose_Headers='X-One')
    return proxy


@pytest.mark.parametrize('path', ['/v1/a/c', '/v1/a/c/o'])
def test_preflight_of_an_allowed_origin(proxy, path):
    reply = proxy.request('OPTIONS', path, {
        **ORIGIN, 'Access-Control-Request-Method': 'PUT',
        'Access-Control-Request-Headers': 'x-auth-token, X-Foo'})
    assert reply.status == 200 and reply.body == b''
    assert reply.raw_headers == [
        ('Allow', ALLOW), ('access-control-allow-origin', 'http://a.example'),
        ('access-control-max-age', '60'), ('access-control-allow-methods', ALLOW),
        ('access-control-allow-headers', 'x-auth-token, X-Foo'),
        ('vary', 'Origin, Access-Control-Request-Headers'), ('Content-Length', '0')]


@pytest.mark.parametrize('headers', [
    {'Origin': 'http://c.example', 'Access-Control-Request-Method': 'GET'},
    {'Origin': 'HTTP://A.EXAMPLE', 'Access-Control-Request-Method': 'GET'},
    {'Origin': 'http://a.example'},
    {'Origin': 'http://a.example', 'Access-Control-Request-Method': 'COPY'}])
def test_preflight_refusals(proxy, headers):
    reply = proxy.request('OPTIONS', '/v1/a/c/o', headers)
    assert reply.status == 401 and len(reply.body) == 131
    assert reply.headers['Allow'] == ALLOW
    assert 'Www-Authenticate' not in reply.headers


def test_any_origin_is_answered_with_a_star():
    proxy = Proxy()
    proxy.put_container(X_Container_Meta_Access_Control_Allow_Origin='*')
    reply = proxy.request('OPTIONS', '/v1/a/c', {
        **ORIGIN, 'Access-Control-Request-Method': 'GET'})
    assert reply.headers['Access-Control-Allow-Origin'] == '*' and 'Vary' not in reply.headers
    reply = proxy.request('GET', '/v1/a/c', ORIGIN)
    assert reply.headers['Access-Control-Allow-Origin'] == '*' and 'Vary' not in reply.headers


def test_actual_request_of_an_allowed_origin(proxy):
    proxy.request('PUT', '/v1/a/c/o', {'X-Object-Meta-A': '1'}, body=b'x')
    reply = proxy.request('GET', '/v1/a/c/o', ORIGIN)
    assert reply.headers['Access-Control-Allow-Origin'] == 'http://a.example'
    assert reply.headers['Vary'] == 'Origin'
    assert set(reply.headers['Access-Control-Expose-Headers'].split(', ')) == {
        'cache-control', 'content-language', 'content-type', 'expires', 'last-modified', 'pragma',
        'etag', 'x-timestamp', 'x-trans-id', 'x-openstack-request-id', 'x-one', 'x-object-meta-a'}


def test_names_outside_of_ascii():
    wsgi = '\xc3\x89\xe1\x88\xb4'             # UTF-8 as a WSGI string
    proxy = Proxy()
    proxy.put_container(
        X_Container_Meta_Access_Control_Allow_Origin=f'http://{wsgi}',
        X_Container_Meta_Access_Control_Max_Age=wsgi,
        X_Container_Meta_Access_Control_Expose_Headers=f'{wsgi} X-One')
    origin = {'Origin': f'http://{wsgi}', 'Access-Control-Request-Method': 'GET'}
    reply = proxy.request('OPTIONS', '/v1/a/c/o', origin)
    assert (reply.status, reply.headers['access-control-max-age']) == (200, wsgi)
    proxy.request('PUT', '/v1/a/c/o', {'X-Object-Meta-' + wsgi: '1'}, body=b'')
    reply = proxy.request('GET', '/v1/a/c/o', origin)
    assert reply.headers['Access-Control-Allow-Origin'] == f'http://{wsgi}'
    assert reply.headers['Access-Control-Expose-Headers'].endswith(
        f', x-object-meta-{wsgi}, {wsgi}, x-one')


def test_other_origins_see_nothing_in_strict_mode(proxy):
    reply = proxy.request('GET', '/v1/a/c', {'Origin': 'http://c.example'})
    assert reply.status == 200
    assert not [name for name in reply.headers if name.startswith('Access-Control')]
    lax = Proxy(strict_cors_mode='no')
    lax.put_container()
    reply = lax.request('GET', '/v1/a/c', {'Origin': 'http://c.example'})
    assert reply.headers['Access-Control-Allow-Origin'] == 'http://c.example'


def test_cluster_wide_lists():
    proxy = Proxy(cors_allow_origin='http://everywhere, http://x', cors_expose_headers='x-extra')
    proxy.put_container()
    reply = proxy.request('GET', '/v1/a/c', {'Origin': 'http://everywhere'})
    assert reply.headers['Access-Control-Allow-Origin'] == 'http://everywhere'
    assert 'x-extra' in reply.headers['Access-Control-Expose-Headers']


def test_delayed_denials_carry_cors_headers(proxy):
    def deny(req):
        return HTTPUnauthorized(request=req)

    reply = proxy.request('GET', '/v1/a/c', ORIGIN, **{'swift.authorize': deny})
    assert reply.status == 401
    assert reply.headers['Access-Control-Allow-Origin'] == 'http://a.example'
    reply = proxy.request('PUT', '/v1/a/c', ORIGIN, **{'swift.authorize': deny})
    assert 'Access-Control-Allow-Origin' not in reply.headers


def test_accounts_know_no_cors(proxy):
    reply = proxy.request('OPTIONS', '/v1/a', ORIGIN)
    assert reply.status == 200 and 'Access-Control-Allow-Origin' not in reply.headers


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(SWIFT_INFO, '_public', {})
    monkeypatch.setattr(SWIFT_INFO, '_admin', {})


def test_info_document(registry):
    proxy = Proxy()
    proxy.app.register_info()
    reply = proxy.request('GET', '/info', ORIGIN)
    assert reply.status == 200
    assert reply.headers['Content-Type'] == 'application/json; charset=UTF-8'
    assert reply.headers['Access-Control-Allow-Origin'] == 'http://a.example'
    assert reply.headers['Access-Control-Expose-Headers'] == 'x-trans-id'
    swift = json.loads(reply.body)['swift']
    assert swift['max_file_size'] == 5368709122 and swift['account_autocreate'] is True
    assert swift['policies'] == [{'name': 'gold', 'aliases': 'gold, yellow', 'default': True},
                                 {'name': 'silver', 'aliases': 'silver'}]
    assert 'valid_api_versions' not in swift and 'auto_create_account_prefix' not in swift


def test_info_methods():
    proxy = Proxy()
    assert proxy.request('HEAD', '/info').status == 200
    reply = proxy.request('POST', '/info')
    assert reply.status == 405 and reply.headers['Allow'] == 'HEAD, GET, OPTIONS'
    assert proxy.request('OPTIONS', '/info').headers['Allow'] == 'HEAD, GET, OPTIONS'
    assert proxy.request('GET', '/info/x').status == 400
    assert Proxy(expose_info='no').request('GET', '/info').status == 403


def test_signature_of_the_specification():
    assert admin_signature('secret', 'GET', 1700000000) == (
        'b490f76cabaf9c009f24d9187a59db001dc237a7')


def test_admin_part_needs_a_valid_signature(registry):
    proxy = Proxy(admin_key='secret', disallowed_sections='swift.version')
    proxy.app.register_info()
    soon = int(START) + 1000

    def status(method, signed_for, expires=soon, key='secret'):
        signature = admin_signature(key, signed_for, expires)
        return proxy.request(
            method, f'/info?swiftinfo_sig={signature}&swiftinfo_expires={expires}').status

    assert status('GET', 'GET') == status('HEAD', 'HEAD') == status('HEAD', 'GET') == 200
    assert status('GET', 'HEAD') == status('GET', 'GET', key='wrong') == 401
    assert status('GET', 'GET', expires=int(START) - 1) == 401
    assert proxy.request('GET', '/info?swiftinfo_sig=x&swiftinfo_expires=x').status == 401
    assert Proxy().request('GET', '/info?swiftinfo_sig=x').status == 403
    signature = admin_signature('secret', 'GET', soon)
    document = json.loads(proxy.request(
        'GET', f'/info?swiftinfo_sig={signature}&swiftinfo_expires={soon}').body)
    assert document['admin'] == {'disallowed_sections': ['swift.version']}
    assert 'version' not in document['swift']
