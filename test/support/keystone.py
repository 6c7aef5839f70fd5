"""A Keystone that knows a few tokens: what authtoken asks it, and nothing else.

    with running_keystone({'tk': token(user=..., project=..., roles=[...])}) as url: ...

Answers of the Identity API version 3: discovery, the service user's own sign-in, and the check of
a token. A real HTTP server in a native thread.
"""
import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FOREVER = '2099-01-01T00:00:00.000000Z'
SERVICE_TOKEN = 'token-of-authtoken'


def token(user: tuple[str, str] = ('uid', 'uname'), project: tuple[str, str] = ('pid', 'pname'),
          roles: tuple[str, ...] = (), domain: tuple[str, str] = ('default', 'Default')
          ) -> dict[str, Any]:
    """Return the document of a token for a user in a project, both of one domain."""
    def named(pair: tuple[str, str]) -> dict[str, str]:
        return {'id': pair[0], 'name': pair[1]}

    return {'methods': ['password'], 'issued_at': '2020-01-01T00:00:00.000000Z',
            'expires_at': FOREVER, 'audit_ids': ['x'], 'is_domain': False,
            'user': {**named(user), 'domain': named(domain), 'password_expires_at': None},
            'project': {**named(project), 'domain': named(domain)},
            'roles': [named((role + '-id', role)) for role in roles], 'catalog': []}


@contextlib.contextmanager
def running_keystone(tokens: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the URL of a Keystone that knows these tokens."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def do_GET(self) -> None:
            if self.path.rstrip('/') in ('', '/v3'):
                self.discovery()
            elif self.path.startswith('/v3/auth/tokens'):
                self.check(self.headers.get('X-Subject-Token', ''))
            else:
                self.answer(404, {'error': {'code': 404, 'message': self.path}})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get('Content-Length', 0)))
            document = token(('swift-id', 'swift'), ('service-id', 'service'), ('service',))
            document['catalog'] = [{
                'type': 'identity', 'name': 'keystone', 'id': 'k', 'endpoints': [
                    {'interface': interface, 'url': url, 'region': 'r', 'region_id': 'r',
                     'id': interface} for interface in ('public', 'internal', 'admin')]}]
            self.answer(201, {'token': document}, {'X-Subject-Token': SERVICE_TOKEN})

        def discovery(self) -> None:
            version = {'id': 'v3.14', 'status': 'stable', 'updated': '2020-04-07T00:00:00Z',
                       'links': [{'rel': 'self', 'href': f'{url}/v3/'}],
                       'media-types': [{'base': 'application/json', 'type':
                                        'application/vnd.openstack.identity-v3+json'}]}
            if self.path.startswith('/v3'):
                self.answer(200, {'version': version})
            else:
                self.answer(300, {'versions': {'values': [version]}})

        def check(self, subject: str) -> None:
            if self.headers.get('X-Auth-Token') != SERVICE_TOKEN:
                self.answer(401, {'error': {'code': 401, 'message': 'who asks?'}})
            elif subject in tokens:
                self.answer(200, {'token': tokens[subject]}, {'X-Subject-Token': subject})
            else:
                self.answer(404, {'error': {'code': 404, 'message': 'no such token'}})

        def answer(self, status: int, document: Any, headers: Mapping[str, str] | None = None
                   ) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {'Content-Type': 'application/json',
                                'Content-Length': str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    url = f'http://127.0.0.1:{server.server_address[1]}'
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
