"""Who asks, and where the account is: a storage URL and a token for a user and a password.

Source: the client sheet, section 1.5. Version 1 is one GET; versions 2 and 3 speak to a Keystone
(`keystone`); a session of keystoneauth1 brings everything along.
"""

from urllib.parse import urlparse, urlunparse

import swiftclient.client
from swiftclient import keystone
from swiftclient.exceptions import ClientException

AUTH_VERSIONS_V1 = ('1.0', '1', 1)
AUTH_VERSIONS_V2 = ('2.0', '2', 2)
AUTH_VERSIONS_V3 = ('3.0', '3', 3)
PROJECT_OPTIONS = ('tenant_name', 'tenant_id', 'project_name', 'project_id')


def get_auth(auth_url, user, key, **kwargs):
    """Return (storage URL, token).

    Keywords: auth_version, os_options, session, tenant_name; cacert, insecure, cert, cert_key,
    timeout for the connection. Raises ClientException; without http_status if trying again with
    the same words is in vain.
    """
    options = dict(kwargs.pop('os_options', None) or {})
    session = kwargs.pop('session', None)
    version = kwargs.pop('auth_version', '1')
    tenant_name = kwargs.pop('tenant_name', None)
    if session is not None:
        storage_url, token = _of_session(session, options)
    elif version in AUTH_VERSIONS_V1:
        storage_url, token = swiftclient.client.get_auth_1_0(auth_url, user, key, **kwargs)
    elif version in AUTH_VERSIONS_V2 + AUTH_VERSIONS_V3:
        user = _with_project(user, tenant_name, options, version)
        storage_url, token = swiftclient.client.get_auth_keystone(
            auth_url, user, key, options, auth_version=version, **kwargs)
    else:
        raise ClientException(f'Unknown auth_version {version} specified and no session found.')
    return options.get('object_storage_url') or storage_url, token


def _of_session(session, options) -> tuple:
    endpoint = session.get_endpoint(
        service_type=options.get('service_type') or keystone.SERVICE_TYPE,
        interface=options.get('endpoint_type') or keystone.INTERFACE,
        region_name=options.get('region_name'))
    return endpoint, session.get_token()


def _with_project(user, tenant_name, options: dict, version):
    """Put the project into the options, from tenant:user if need be. Return the user."""
    if tenant_name:
        options['tenant_name'] = tenant_name
    elif user and ':' in user:
        options['tenant_name'], user = user.split(':', 1)
    if options.get('auth_type') != keystone.APPLICATION_CREDENTIAL \
            and not any(options.get(name) for name in PROJECT_OPTIONS):
        raise ClientException('No tenant specified' if version in AUTH_VERSIONS_V2 else
                              'No project name or project id specified.')
    return user


def get_auth_1_0(url, user, key, **kwargs):
    """Return (storage URL, token) from version 1: one GET with user and key in headers."""
    parsed, conn = swiftclient.client.http_connection(url, **connection_options(kwargs))
    headers = {'X-Auth-User': user, 'X-Auth-Key': key}
    try:
        conn.request('GET', parsed.path, '', headers)
        resp = conn.getresponse()
        body = resp.read()
    finally:
        conn.close()
    swiftclient.client.http_log((url, 'GET'), {'headers': headers}, resp, body)
    storage_url = resp.getheader('x-storage-url')
    if not 200 <= resp.status < 300 or body and not storage_url:
        raise ClientException.from_response(resp, 'Auth GET failed', body)
    token = resp.getheader('x-storage-token', resp.getheader('x-auth-token'))
    return storage_url, token


def connection_options(kwargs) -> dict:
    """Return those keywords that are for the connection."""
    names = ('cacert', 'insecure', 'cert', 'cert_key', 'timeout')
    return {name: kwargs[name] for name in names if kwargs.get(name) is not None}


def get_keystoneclient_2_0(auth_url, user, key, os_options, **kwargs):
    """Return (storage URL, token) from version 2 of the identity service."""
    return swiftclient.client.get_auth_keystone(
        auth_url, user, key, os_options, **{**kwargs, 'auth_version': '2.0'})


def get_auth_keystone(auth_url, user, key, os_options, **kwargs):
    """Return (storage URL, token) from version 2 or 3 of the identity service.

    A URL that does not end in its version gets the one asked for; version 2 if none was.
    """
    version = kwargs.get('auth_version') or '2'
    parsed = urlparse(auth_url)
    if not swiftclient.client.VERSIONFUL_AUTH_PATH.match(parsed.path.rstrip('/').split('/')[-1]):
        # Compat: where the version has to be guessed it is 3, unless 2 was asked for.
        suffix = 'v2.0' if version in AUTH_VERSIONS_V2 and kwargs.get('auth_version') else 'v3'
        version = '2' if suffix == 'v2.0' else '3'
        parsed = parsed._replace(path=f'{parsed.path.rstrip("/")}/{suffix}')
    ask = keystone.Question(urlunparse(parsed), user, key, dict(os_options or {}),
                            connection_options(kwargs))
    return ask.version_3() if version in AUTH_VERSIONS_V3 else ask.version_2()
