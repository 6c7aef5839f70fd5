"""The password protocols of the OpenStack identity service, versions 2 and 3.

Source: the client sheet, section 1.5 (wire format). One POST; the answer holds a token and a
catalog, in which the endpoint of the object store is looked up. No library is needed for that, so
none has to be installed and loaded.
"""

import json

import swiftclient.client
from swiftclient.exceptions import ClientException

SERVICE_TYPE = 'object-store'
INTERFACE = 'public'
DEFAULT_DOMAIN = {'id': 'default'}
APPLICATION_CREDENTIAL = 'v3applicationcredential'
AUTH_TYPES = (None, '', 'password', 'v2password', 'v3password', APPLICATION_CREDENTIAL)
HTTP_UNAUTHORIZED = 401


def v2_request(user, key, options: dict) -> dict:
    """Return the JSON that asks version 2 for a token."""
    if options.get('auth_token') and not key:
        auth = {'token': {'id': options['auth_token']}}
    else:
        auth = {'passwordCredentials': {'username': user, 'password': key}}
    tenant_id = options.get('tenant_id') or options.get('project_id')
    tenant_name = options.get('tenant_name') or options.get('project_name')
    if tenant_id:
        auth['tenantId'] = tenant_id
    elif tenant_name:
        auth['tenantName'] = tenant_name
    return {'auth': auth}


def v3_request(user, key, options: dict) -> dict:
    """Return the JSON that asks version 3 for a token."""
    if options.get('auth_type') == APPLICATION_CREDENTIAL:
        credential = {'id': options.get('application_credential_id'),
                      'secret': options.get('application_credential_secret')}
        return {'auth': {'identity': {'methods': ['application_credential'],
                                      'application_credential': credential}}}
    if options.get('auth_token') and not key:
        identity = {'methods': ['token'], 'token': {'id': options['auth_token']}}
    else:
        identity = {'methods': ['password'],
                    'password': {'user': {**_v3_user(user, options), 'password': key}}}
    return {'auth': {'identity': identity, 'scope': {'project': _v3_project(options)}}}


def _v3_user(user, options: dict) -> dict:
    if options.get('user_id'):
        return {'id': options['user_id']}
    return {'name': user, 'domain': _domain(options, 'user')}


def _v3_project(options: dict) -> dict:
    project_id = options.get('project_id') or options.get('tenant_id')
    if project_id:
        return {'id': project_id}
    return {'name': options.get('project_name') or options.get('tenant_name'),
            'domain': _domain(options, 'project')}


def _domain(options: dict, whose: str) -> dict:
    if options.get(f'{whose}_domain_id'):
        return {'id': options[f'{whose}_domain_id']}
    if options.get(f'{whose}_domain_name'):
        return {'name': options[f'{whose}_domain_name']}
    return DEFAULT_DOMAIN


def v2_endpoint(catalog: list[dict], options: dict) -> str | None:
    """Return the URL of the service in a catalog of version 2; None if there is none."""
    service_type, interface, region = _wanted(options)
    for service in catalog:
        for endpoint in service.get('endpoints', ()) if service['type'] == service_type else ():
            if region in (None, endpoint.get('region')) and endpoint.get(f'{interface}URL'):
                return endpoint[f'{interface}URL']
    return None


def v3_endpoint(catalog: list[dict], options: dict) -> str | None:
    """The same for a catalog of version 3."""
    service_type, interface, region = _wanted(options)
    for service in catalog:
        for endpoint in service.get('endpoints', ()) if service['type'] == service_type else ():
            if endpoint.get('interface') == interface and region in (
                    None, endpoint.get('region'), endpoint.get('region_id')):
                return endpoint['url']
    return None


def _wanted(options: dict) -> tuple[str, str, str | None]:
    """Return service type, interface (publicURL counts as public) and region, or None for any."""
    interface = options.get('endpoint_type') or INTERFACE
    return (options.get('service_type') or SERVICE_TYPE, interface.removesuffix('URL'),
            options.get('region_name') or None)


class Question:
    """Credentials on their way to an identity service; `auth_url` ends in its version."""

    def __init__(self, auth_url: str, user, key, options: dict, connection: dict):
        self.auth_url, self.user, self.key = auth_url, user, key
        self.options, self.connection = options, connection
        if self.options.get('auth_type') not in AUTH_TYPES:
            raise ClientException('Swiftclient currently only supports v3applicationcredential '
                                  'for auth_type')

    def version_2(self) -> tuple[str, str]:
        """Return (storage URL, token)."""
        _, answer = self._post('/tokens', v2_request(self.user, self.key, self.options),
                               'Check username, password and tenant name/id.')
        access = answer['access']
        return (self._found(v2_endpoint(access.get('serviceCatalog', []), self.options)),
                access['token']['id'])

    def version_3(self) -> tuple[str, str]:
        """Return (storage URL, token)."""
        hint = 'Check application credential id and secret.' \
            if self.options.get('auth_type') == APPLICATION_CREDENTIAL else \
            'Check username/id, password, tenant name/id and user/tenant domain name/id.'
        resp, answer = self._post('/auth/tokens',
                                  v3_request(self.user, self.key, self.options), hint)
        return (self._found(v3_endpoint(answer['token'].get('catalog', []), self.options)),
                resp.getheader('x-subject-token'))

    def _found(self, endpoint: str | None) -> str:
        if endpoint is None:
            raise ClientException(
                f'Endpoint for {_wanted(self.options)[0]} not found - '
                'have you specified a region?')
        return endpoint

    def _post(self, path: str, question: dict, hint: str) -> tuple:
        """Return (response, JSON). Neither question nor answer is logged: both hold secrets."""
        parsed, conn = swiftclient.client.http_connection(self.auth_url, **self.connection)
        headers = {'Content-Type': 'application/json', 'Accept': 'application/json'}
        target = parsed.path.rstrip('/') + path
        try:
            conn.request('POST', target, json.dumps(question), headers)
            resp = conn.getresponse()
            body = resp.read()
        except OSError as err:
            raise ClientException(f'Authorization Failure. {err}') from err
        finally:
            conn.close()
        swiftclient.client.http_log((f'{parsed.scheme}://{parsed.netloc}{target}', 'POST'),
                                    {'headers': headers}, resp, None)
        if resp.status == HTTP_UNAUTHORIZED:
            raise ClientException(f'Unauthorized. {hint}')
        if not 200 <= resp.status < 300:
            raise ClientException(f'Authorization Failure. {_complaint(resp, body)}')
        try:
            return resp, json.loads(body)
        except ValueError as err:
            raise ClientException(f'Authorization Failure. No JSON from {self.auth_url}: {err}')


def _complaint(resp, body: bytes) -> str:
    """Return the identity service's own words, or the status if it found none."""
    try:
        return f'{json.loads(body)["error"]["message"]} (HTTP {resp.status})'
    except (ValueError, KeyError, TypeError):
        return f'{resp.status} {resp.reason}'
