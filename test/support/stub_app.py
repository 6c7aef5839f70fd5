"""A WSGI application of prepared answers, for filters: it records what it is asked.

    stub = StubApp()
    stub.answer('GET', '/v1/a/c/o', '200 OK', {'Etag': 'x'}, b'body')
    ...
    stub.calls[0].path, stub.calls[0].headers, stub.calls[0].body
    stub.unclosed            # paths of answers whose body nobody closed

Answers of one request line are given in order, the last one again and again; what is not
prepared is 404. It asks `swift.authorize` as the proxy does, and reads the request body. The
contract test in test/unit/common/test_stub_app.py runs against real WSGI rules (wsgiref.validate).
"""
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from swift.common.swob import HTTPNotFound, Request


@dataclass
class Call:
    """One request that was made."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    env: dict = field(repr=False)


@dataclass
class Prepared:
    """One answer."""

    status: str
    headers: Mapping[str, str]
    body: bytes | list[bytes] | Exception


class WatchedBody:
    """A body that tells its app when it is closed."""

    def __init__(self, app: 'StubApp', key: str, chunks: Iterable):
        self._app = app
        self._key = key
        self._chunks = iter(chunks)
        app.unclosed.append(key)

    def __iter__(self) -> 'WatchedBody':
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self) -> None:
        if self._key in self._app.unclosed:
            self._app.unclosed.remove(self._key)


class StubApp:
    """See the module docstring."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.unclosed: list[str] = []
        self.on_call: Callable[[dict], None] | None = None
        self._answers: dict[tuple[str, str], list[Prepared]] = {}

    def answer(self, method: str, path: str, status: str = '200 OK',
               headers: Mapping[str, str] | None = None,
               body: bytes | list[bytes] | Exception = b'') -> None:
        """Prepare an answer; `path` is unquoted text without query, bytes get a length."""
        self._answers.setdefault((method, path), []).append(
            Prepared(status, dict(headers or {}), body))

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        req = Request(env)
        call = Call(req.method, env['PATH_INFO'], env.get('QUERY_STRING', ''),
                    dict(req.headers), b'', env)
        self.calls.append(call)
        if self.on_call is not None:
            self.on_call(env)
        authorize = env.get('swift.authorize')
        denied = authorize(req) if authorize else None
        if denied is not None:
            return denied(env, start_response)
        call.body = env['wsgi.input'].read(-1)
        prepared = self._answers.get((req.method, call.path))
        if not prepared:
            return HTTPNotFound(request=req)(env, start_response)
        answer = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        if isinstance(answer.body, Exception):
            raise answer.body
        headers = dict(answer.headers)
        chunks = answer.body
        if isinstance(chunks, bytes):
            headers.setdefault('Content-Length', str(len(chunks)))
            chunks = [chunks]
        start_response(answer.status, list(headers.items()))
        if req.method == 'HEAD':
            chunks = []
        return WatchedBody(self, f'{req.method} {call.path}', chunks)

    @property
    def lines(self) -> list[str]:
        """Method and path of every call."""
        return [f'{call.method} {call.path}' for call in self.calls]
