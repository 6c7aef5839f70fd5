"""A small HTTP client for black-box tests: one connection per request, nothing hidden.

Unlike a library it sends header lines and paths exactly as given and follows no redirects.
"""

import http.client
import json
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def json(self):
        return json.loads(self.body)

    @property
    def lines(self) -> list[str]:
        return self.body.decode().splitlines()


@dataclass
class Client:
    """One user of one cluster. Paths are relative to the user's storage URL and are quoted here."""

    auth_url: str
    user: str = 'test:tester'
    key: str = 'testing'
    token: str = field(default='', init=False)
    storage_path: str = field(default='', init=False)

    def __post_init__(self) -> None:
        answer = self.raw(
            'GET',
            urlsplit(self.auth_url).path,
            headers={'X-Auth-User': self.user, 'X-Auth-Key': self.key},
        )
        assert answer.status == 200, (answer.status, answer.body)
        self.token = answer.header('X-Auth-Token') or ''
        self.storage_path = urlsplit(answer.header('X-Storage-Url') or '').path

    @property
    def account(self) -> str:
        return self.storage_path.rsplit('/', 1)[-1]

    def raw(
        self,
        method: str,
        target: str,
        body=None,
        headers: dict | None = None,
        timeout_s: float = 60,
    ) -> Answer:
        """Send one request to any path, exactly as written, without a token."""
        conn = http.client.HTTPConnection(urlsplit(self.auth_url).netloc, timeout=timeout_s)
        try:
            conn.request(method, target, body, headers or {})
            got = conn.getresponse()
            return Answer(got.status, got.reason, got.headers, got.read())
        finally:
            conn.close()

    def request(
        self,
        method: str,
        path: str = '',
        body=None,
        headers: dict | None = None,
        query: str = '',
        **kwargs,
    ) -> Answer:
        """Send an authorised request below the account: path is 'container/object', unquoted."""
        target = self.storage_path + (f'/{quote(path)}' if path else '') + query
        return self.raw(
            method, target, body, {'X-Auth-Token': self.token, **(headers or {})}, **kwargs
        )

    def get(self, path: str = '', **kwargs) -> Answer:
        return self.request('GET', path, **kwargs)

    def head(self, path: str = '', **kwargs) -> Answer:
        return self.request('HEAD', path, **kwargs)

    def put(self, path: str, body=b'', **kwargs) -> Answer:
        return self.request('PUT', path, body, **kwargs)

    def post(self, path: str = '', **kwargs) -> Answer:
        return self.request('POST', path, **kwargs)

    def delete(self, path: str, **kwargs) -> Answer:
        return self.request('DELETE', path, **kwargs)
