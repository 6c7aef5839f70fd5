"""Getting a token and the address of the account: auth 1.0 and Keystone 2.0 and 3 (layer 4).

Each dialogue is a request and what its answer means, as two pure functions; who sends it is in
swift.cli.storage_account.

    Request(method, url, headers, body) -> Answer -> Session(token, url of the account)
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from swift.common.errors import SwiftError

JSON = {'Content-Type': 'application/json'}


class SignInError(SwiftError):
    """The answer of the authentication service is of no use; the text says why."""


class Request(NamedTuple):
    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b''


class Answer(NamedTuple):
    """Header names are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


class Session(NamedTuple):
    token: str
    url: str


class Credentials(Protocol):
    """What the tools' option tables offer."""

    auth_url: str
    auth_user: str
    auth_key: str
    auth_version: str
    endpoint_type: str
    region_name: str
    user_domain_name: str
    project_domain_name: str
    project_name: str


def request_for(who: Credentials) -> Request:
    """Return the request that asks for a token. Raises SignInError."""
    return _dialogue(who)[0](who)


def session_from(who: Credentials, answer: Answer) -> Session:
    """Return what was granted. Raises SignInError."""
    if not answer.is_good:
        raise SignInError(f'{who.auth_url} answered {answer.status} {answer.reason} '
                          f'to user {who.auth_user}')
    try:
        return _dialogue(who)[1](who, answer)
    except (KeyError, TypeError, ValueError):
        raise SignInError(f'{who.auth_url} gave no token and address for user '
                          f'{who.auth_user}') from None


def _dialogue(who: Credentials) -> tuple[Callable[..., Request], Callable[..., Session]]:
    return {'1': (_request_1, _session_1), '2': (_request_2, _session_2),
            '3': (_request_3, _session_3)}[who.auth_version[0]]


def _request_1(who: Credentials) -> Request:
    return Request('GET', who.auth_url,
                   {'X-Auth-User': who.auth_user, 'X-Auth-Key': who.auth_key})


def _session_1(_who: Credentials, answer: Answer) -> Session:
    return Session(answer.headers['x-auth-token'], answer.headers['x-storage-url'])


def _request_2(who: Credentials) -> Request:
    tenant, _colon, user = who.auth_user.rpartition(':')
    auth = {'passwordCredentials': {'username': user, 'password': who.auth_key},
            'tenantName': who.project_name or tenant}
    return _keystone(who, '/tokens', auth)


def _session_2(who: Credentials, answer: Answer) -> Session:
    access = json.loads(answer.body)['access']
    endpoints = _endpoints(access['serviceCatalog'])
    return Session(access['token']['id'], _choose(who, (
        (endpoint.get('region'), endpoint.get(who.endpoint_type)) for endpoint in endpoints)))


def _request_3(who: Credentials) -> Request:
    project, _colon, user = who.auth_user.rpartition(':')
    password = {'user': {'name': user, 'password': who.auth_key,
                         'domain': {'name': who.user_domain_name}}}
    scope = {'project': {'name': who.project_name or project,
                         'domain': {'name': who.project_domain_name}}}
    return _keystone(who, '/auth/tokens', {
        'identity': {'methods': ['password'], 'password': password}, 'scope': scope})


def _session_3(who: Credentials, answer: Answer) -> Session:
    interface = who.endpoint_type.removesuffix('URL')
    endpoints = _endpoints(json.loads(answer.body)['token']['catalog'])
    return Session(answer.headers['x-subject-token'], _choose(who, (
        (endpoint.get('region'), endpoint['url']) for endpoint in endpoints
        if endpoint.get('interface') == interface)))


def _keystone(who: Credentials, path: str, auth: Any) -> Request:
    return Request('POST', who.auth_url.rstrip('/') + path, JSON,
                   json.dumps({'auth': auth}).encode())


def _endpoints(catalog: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [endpoint for service in catalog if service['type'] == 'object-store'
            for endpoint in service['endpoints']]


def _choose(who: Credentials, found: Iterable[tuple[str | None, str | None]]) -> str:
    for region, url in found:
        if url and who.region_name in ('', region):
            return url
    where = f' in region {who.region_name}' if who.region_name else ''
    raise SignInError(f'{who.auth_url} knows no {who.endpoint_type} of an object-store{where}')
