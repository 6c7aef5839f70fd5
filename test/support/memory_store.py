"""A proxy in memory, for filters: objects with conditions and ranges, listings, deletes.

    store = MemoryStore()
    store.put('/c/o', b'body', {'Content-Type': 'text/plain'})
    ...
    store.calls[0].method, .path, .query, .headers
    store.unclosed            # paths of bodies that were opened and not closed

It answers as the proxy does where filters can tell: conditions against the ETag that
X-Backend-Etag-Is-At names, no range of an object with metadata that
X-Backend-Ignore-Range-If-Metadata-Present names, listings as JSON in pages. `fail(path, status)`
makes an object answer otherwise; `cut(path, n)` ends its body after n bytes with an exception.
Bodies are chunks of CHUNK bytes and iterators, as those of large objects are. The contract test in
test/unit/common/test_memory_store.py holds for it and for a real proxy.
"""
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import md5

from swift.common.errors import TransportError
from swift.common.swob import HTTPException, HTTPNotFound, Request, Response
from swift.core.conditions import ignores_range, resolve_etag_is_at

CHUNK = 7
DATE = 'Fri, 20 Nov 2026 21:09:51 GMT'
_STORED = ('x-object-', 'content-type', 'x-static-large-object')


@dataclass
class Call:
    """One request that was made."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    env: dict = field(repr=False)


class _Body:
    """A body that tells its store when it is closed."""

    def __init__(self, store: 'MemoryStore', path: str, data: bytes, cut_at: int | None):
        self._store, self._path, self._data, self._cut_at = store, path, data, cut_at
        self._position = 0
        store.unclosed.append(path)

    def __iter__(self) -> '_Body':
        return self

    def __next__(self) -> bytes:
        if self._cut_at is not None and self._position >= self._cut_at:
            raise TransportError('cut off')
        chunk = self._data[self._position:self._position + CHUNK]
        if not chunk:
            raise StopIteration
        self._position += len(chunk)
        return chunk

    def app_iter_range(self, start: int, stop: int) -> '_Body':
        return self._part(self._data[start:stop])

    def _part(self, data: bytes) -> '_Body':
        self.close()
        return _Body(self._store, self._path, data, self._cut_at)

    def close(self) -> None:
        if self._path in self._store.unclosed:
            self._store.unclosed.remove(self._path)


class MemoryStore:
    """See the module docstring."""

    def __init__(self, root: str = '/v1/a', page: int = 10000):
        self.root = root
        self.page = page
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.calls: list[Call] = []
        self.unclosed: list[str] = []
        self.on_call: Callable[[dict], None] | None = None
        self._failures: dict[str, str] = {}
        self._cuts: dict[str, int] = {}

    def put(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> str:
        """Store an object of the account; return its ETag."""
        etag = md5(body).hexdigest()
        self.objects[path] = body, {'Content-Type': 'text/plain', **(headers or {}), 'Etag': etag}
        return etag

    def fail(self, path: str, status: str) -> None:
        self._failures[path] = status

    def cut(self, path: str, position: int) -> None:
        self._cuts[path] = position

    @property
    def lines(self) -> list[str]:
        """Method and path below the account of every call."""
        return [f'{call.method} {call.path}' for call in self.calls]

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        req = Request(env)
        path = env['PATH_INFO'].removeprefix(self.root)
        self.calls.append(Call(req.method, path, env.get('QUERY_STRING', ''),
                               dict(req.headers), env))
        if self.on_call is not None:
            self.on_call(env)
        authorize = env.get('swift.authorize')
        answer = (authorize(req) if authorize else None) or self._answer(req, path)
        return answer(env, start_response)

    def _answer(self, req: Request, path: str) -> Callable:
        if path in self._failures:
            return HTTPException(request=req, status=self._failures[path])
        if req.method == 'PUT' and path.count('/') > 1:
            headers = {name: value for name, value in req.headers.items()
                       if name.lower().startswith(_STORED)}
            etag = self.put(path, req.body, headers)
            return Response(request=req, status=201, headers={'Etag': etag, 'Last-Modified': DATE})
        if req.method == 'UPDATE':
            self.objects[path] = req.body, {}
            return Response(request=req, status=202)
        if req.method == 'GET' and path.count('/') == 1:
            return self._listing(req, path)
        if path not in self.objects:
            return HTTPNotFound(request=req)
        if req.method == 'DELETE':
            del self.objects[path]
            return Response(request=req, status=204)
        return self._object(req, path)

    def _object(self, req: Request, path: str) -> Callable:
        body, metadata = self.objects[path]
        named = resolve_etag_is_at(req.headers.get('X-Backend-Etag-Is-At'), metadata)
        hidden = ignores_range(
            req.headers.get('X-Backend-Ignore-Range-If-Metadata-Present'), metadata)
        response = Response(request=req, conditional_response=True, conditional_etag=named,
                            app_iter=_Body(self, path, body, self._cuts.get(path)))
        response.headers.update({**metadata, 'Content-Length': str(len(body)),
                                 'Last-Modified': DATE, 'Accept-Ranges': 'bytes',
                                 'X-Timestamp': '1795208990.00000'})
        if not hidden:
            return response
        return lambda env, start_response: response(
            {key: value for key, value in env.items() if key != 'HTTP_RANGE'}, start_response)

    def _listing(self, req: Request, container: str) -> Response:
        prefix = f'{container}/{req.params.get("prefix", "")}'
        marker = f'{container}/{req.params.get("marker", "")}'
        names = sorted(name for name in self.objects
                       if name.startswith(prefix) and name > marker)[:self.page]
        rows = [{'name': name[len(container) + 1:], 'bytes': len(self.objects[name][0]),
                 'hash': self.objects[name][1].get('Etag'), 'content_type': 'text/plain',
                 'last_modified': '2026-11-20T21:09:51.000000'} for name in names]
        return Response(request=req, body=json.dumps(rows), content_type='application/json')
