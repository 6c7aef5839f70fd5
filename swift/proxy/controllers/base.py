"""What the account, container and object controllers share: replies, database reads, writes.

Layer 3. A controller lives for one request. Its verbs are methods with the verb's name; PUBLIC
names those that clients may use, DELAYED those that call the authorize hook again once the ACL is
known.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

# Compat: third-party filters import the info helpers from here.
from swift.common.info import (
    clear_info_cache,
    get_account_info,
    get_container_info,
    get_object_info,
)
from swift.common.nodes import NodeIter
from swift.common.swob import HeaderKeyDict, Response
from swift.common.transport import quote_path
from swift.core.get_race import ReadRule
from swift.core.quorum import Answer, best_answer, quorum_size
from swift.proxy.backend_headers import request_headers, returned_headers
from swift.proxy.fanout import Write, send_to_all
from swift.proxy.reading import Read, Source, read_from_nodes

__all__ = ['Controller', 'ForwardedBody', 'answer_reply', 'clear_info_cache', 'get_account_info',
           'get_container_info', 'get_object_info', 'is_true', 'quoted_path', 'read_db',
           'refusal_reply', 'source_reply', 'status_reply', 'uses_replication_network',
           'write_all', 'write_nodes']

HTML = 'text/html; charset=UTF-8'
CHUNK_BYTES = 65536
# Shown from a backend's good answer to a read, besides what returned_headers keeps.
_FRAMING = frozenset(('content-length', 'content-type'))
_FRAMING_SIZES = frozenset(map(len, _FRAMING))


class Controller:
    """One request to one resource. `account`, `container`, `obj` are text (not quoted)."""

    KIND: ClassVar[str] = ''
    PUBLIC: ClassVar[frozenset[str]] = frozenset()
    PRIVATE: ClassVar[frozenset[str]] = frozenset()
    DELAYED: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, app: Any, account: str, container: str | None = None,
                 obj: str | None = None):
        self.app = app
        self.account = account
        self.container = container
        self.obj = obj

    def allowed_methods(self) -> frozenset[str]:
        """Return the methods to show in Allow."""
        return self.PUBLIC

    def allow_header(self) -> str:
        # A fixed order, so that caches see one value.
        return ', '.join(sorted(self.allowed_methods()))

    def OPTIONS(self, req: Any) -> Response:
        return Response(request=req, headers={'Allow': self.allow_header()})


def quoted_path(account: str, container: str | None = None, obj: str | None = None) -> str:
    """Return the path of a backend request below device and partition."""
    if obj is not None:
        return quote_path(f'/{account}/{container}/{obj}')
    return quote_path(f'/{account}/{container}' if container is not None else '/' + account)


def uses_replication_network(env: dict) -> bool:
    flag = env.get('HTTP_X_BACKEND_USE_REPLICATION_NETWORK')
    return flag is not None and is_true(flag)


def is_true(text: str | None) -> bool:
    """Return the truth of a header value: true 1 yes on t y in any case."""
    return text is not None and text.strip().lower() in ('true', '1', 'yes', 'on', 't', 'y')


def status_reply(req: Any, status: int, **more: Any) -> Response:
    """Return a response with the default body of its status."""
    return Response(request=req, status=status, **more)


def answer_reply(req: Any, answer: Answer | None) -> Response:
    """Return the client's response for the best of several answers (None: 503).

    Compat: body and headers are the backend's, the content type is not.
    """
    if answer is None:
        return Response(request=req, status=503)
    headers = returned_headers(answer.headers.items())
    headers['Content-Type'] = HTML
    # A list, even of nothing, keeps swob from putting a default page there.
    headers['Content-Length'] = str(len(answer.body))
    return _response(req, f'{answer.status} {answer.reason}', headers, [answer.body])


def _response(req: Any, status: str, headers: HeaderKeyDict, body: Any) -> Response:
    resp = Response.from_parts(status, (), body, req)
    resp.headers = headers
    return resp


def read_db(app: Any, req: Any, kind: str, ring: Any, part: int, path: str,
            query: str = '') -> Response:
    """GET or HEAD an account or container from whichever node answers well.

    The listing is passed on as it comes; the response closes the backend's answer.
    """
    env = req.environ
    nodes = app.nodes.for_reading(ring, part, app.order, kind)
    newest = is_true(env.get('HTTP_X_NEWEST'))
    rule = ReadRule(is_object=False, newest=newest, primary_count=nodes.primary_count,
                    suppressed_404_count=app.options.rebalance_missing_suppression_count,
                    concurrency=nodes.primary_count if app.options.concurrent_gets else 1)
    read = Read(kind.capitalize(), req.method, part, path, nodes,
                request_headers(env, app.agent(req)), app.options.node_timeout, query,
                uses_replication_network(env))
    status, source, usable = read_from_nodes(app, read, rule, app.options.concurrency_timeout)
    if not usable:
        return refusal_reply(req, status, source)
    return source_reply(req, source, app)


def refusal_reply(req: Any, status: int, source: Source | None) -> Response:
    """Return the response when no backend had the thing; reads and closes the shown answer."""
    if source is None:
        return Response(request=req, status=status)
    resp = source.resp
    try:
        body = resp.read()
    finally:
        source.close()
    return answer_reply(req, Answer(status, resp.reason, resp.headers, body))


def source_reply(req: Any, source: Source, app: Any,
                 make_body: Callable[[], Any] | None = None) -> Response:
    """Return the response that shows an open backend answer; its body closes the source.

    `make_body` makes the body's iterator instead of plain forwarding.
    """
    backend = source.resp
    lines = backend.head.headers
    headers = returned_headers(lines)
    index = headers.get('X-Backend-Storage-Policy-Index')
    if index is not None:
        policy = app.cluster.policies.get_by_index(index)
        if policy is not None:
            headers['X-Storage-Policy'] = policy.name
    headers['Accept-Ranges'] = 'bytes'
    for name, value in lines:
        if len(name) in _FRAMING_SIZES and name.lower() in _FRAMING:
            headers[name] = value
    length = headers.get('Content-Length')
    status = f'{source.status} {backend.reason}'
    if req.method == 'HEAD' or length == '0':
        source.close()
        return _response(req, status, headers, [b''])
    body = make_body() if make_body is not None else ForwardedBody(source)
    return _response(req, status, headers, body)


class ForwardedBody:
    """Iterator over a backend's body that closes the backend's answer."""

    __slots__ = ('_chunks', '_source')

    def __init__(self, source: Source):
        self._source = source
        self._chunks = iter(source.resp.iter_chunks(CHUNK_BYTES))

    def __iter__(self) -> 'ForwardedBody':
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        self._source.close()


def write_all(app: Any, write: Write, overrides: Mapping[int, int] | None = None) -> Answer | None:
    """Send a write to all its nodes and return the best answer, None without a quorum (logged)."""
    answers = send_to_all(app, write)
    best = best_answer(answers, quorum_size(len(answers)), overrides)
    if best is None:
        app.logger.error('%s %s returning 503 for %s', write.kind, write.method,
                         tuple(answer.status for answer in answers))
    return best


def write_nodes(app: Any, ring: Any, part: int, kind: str) -> NodeIter:
    return app.nodes.for_reading(ring, part, app.order, kind)
