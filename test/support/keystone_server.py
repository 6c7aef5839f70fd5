"""A small identity service on loopback: the two POSTs of versions 2 and 3 that a client needs.

It knows one user in one project and one application credential, checks every word of the request,
and answers with a catalog of two regions. Built on the scripted server.
"""

import contextlib
import json
from collections.abc import Iterator

from test.support.scripted_http import ScriptedHTTP, Seen, answer

USER, PASSWORD, PROJECT = 'alice', 'sesame', 'demo'
USER_ID, PROJECT_ID, DOMAIN_ID, DOMAIN = 'u1', 'p1', 'd1', 'People'
CREDENTIAL = {'id': 'cred', 'secret': 'hush'}
TOKEN, OLD_TOKEN = 'token-of-alice', 'token-before'
REGIONS = ('one', 'two')


def storage_url(region: str, interface: str = 'public') -> str:
    return f'http://{interface}.{region}.example/v1/AUTH_{PROJECT_ID}'


class Keystone(ScriptedHTTP):
    """`seen` holds the requests; `root` is the URL without a version."""

    def __init__(self):
        super().__init__([])
        self.answers = _Always(self._answer)

    def questions(self) -> list[dict]:
        return [json.loads(seen.body) for seen in self.seen]

    def _answer(self, seen: Seen) -> bytes:
        question = json.loads(seen.body)['auth']
        if seen.method == 'POST' and seen.target.endswith('/v2.0/tokens'):
            return self._version_2(question)
        if seen.method == 'POST' and seen.target.endswith('/v3/auth/tokens'):
            return self._version_3(question)
        return answer(404, b'{"error": {"message": "no such resource"}}')

    def _version_2(self, question: dict) -> bytes:
        known = (question.get('passwordCredentials') == {'username': USER, 'password': PASSWORD}
                 or question.get('token') == {'id': OLD_TOKEN})
        if not known or not (question.get('tenantName') == PROJECT
                             or question.get('tenantId') == PROJECT_ID):
            return answer(401, b'{"error": {"message": "who?", "code": 401}}')
        endpoints = [{'region': region, **{f'{kind}URL': storage_url(region, kind)
                                           for kind in ('public', 'internal', 'admin')}}
                     for region in REGIONS]
        catalog = [{'type': 'identity', 'name': 'keystone', 'endpoints': [{'publicURL': 'x'}]},
                   {'type': 'object-store', 'name': 'swift', 'endpoints': endpoints}]
        return answer(200, json.dumps(
            {'access': {'token': {'id': TOKEN}, 'serviceCatalog': catalog}}).encode())

    def _version_3(self, question: dict) -> bytes:
        identity = question['identity']
        if identity['methods'] == ['application_credential']:
            known = identity['application_credential'] == CREDENTIAL and 'scope' not in question
        else:
            known = _is_known_v3(identity) and _is_project_v3(question['scope']['project'])
        if not known:
            return answer(401, b'{"error": {"message": "who?", "code": 401}}')
        endpoints = [{'region': region, 'region_id': region, 'interface': kind,
                      'url': storage_url(region, kind)}
                     for region in REGIONS for kind in ('admin', 'internal', 'public')]
        catalog = [{'type': 'object-store', 'name': 'swift', 'endpoints': endpoints}]
        return answer(201, json.dumps({'token': {'catalog': catalog}}).encode(),
                      x_subject_token=TOKEN)


def _is_known_v3(identity: dict) -> bool:
    if identity['methods'] == ['token']:
        return identity['token'] == {'id': OLD_TOKEN}
    user = identity['password']['user']
    named = user.get('name') == USER and user.get('domain') in (
        {'id': DOMAIN_ID}, {'name': DOMAIN}, {'id': 'default'})
    return identity['methods'] == ['password'] and user['password'] == PASSWORD and (
        named or user.get('id') == USER_ID)


def _is_project_v3(project: dict) -> bool:
    return project == {'id': PROJECT_ID} or project.get('name') == PROJECT \
        and project.get('domain') in ({'id': DOMAIN_ID}, {'name': DOMAIN}, {'id': 'default'})


class _Always(list):
    """A script that never ends."""

    def __init__(self, reply):
        super().__init__([reply])

    def pop(self, index=0):
        return self[0]


@contextlib.contextmanager
def keystone() -> Iterator[Keystone]:
    server = Keystone()
    try:
        yield server
    finally:
        server.close()
