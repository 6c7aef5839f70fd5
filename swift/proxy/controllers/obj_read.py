"""GET and HEAD of objects: the best replica's answer, continued from another one when it breaks.

Layer 3. (sheet 04, sections 8.2 and 11.1) The backend evaluates conditions and ranges; the proxy
picks the answer and passes the body on. When a replica fails in the middle of a body, the Range
is narrowed to what is missing and the remaining nodes are asked; only one with the same etag may
continue. When none is left the client's connection is cut: that is the only way to tell it.

Cost of a GET whose first node answers well: one pooled request, no green thread, no copy of the
body; of the chunks one length each. A body that came with its head is not streamed at all.
"""

from collections.abc import Callable
from typing import Any

from swift.common.errors import TransportError
from swift.common.http.passage import Passage, Remainder
from swift.common.swob import Response
from swift.core.byteranges import (
    BrokenDocument,
    MultipartProgress,
    PlainProgress,
    Resumed,
    boundary_of,
    parse_content_range,
)
from swift.core.content_type import without_swift_bytes
from swift.core.get_race import ReadRule, source_timestamp
from swift.proxy.backend_headers import request_headers
from swift.proxy.controllers.base import (
    is_true,
    quoted_path,
    refusal_reply,
    source_reply,
    uses_replication_network,
)
from swift.proxy.reading import Read, Source, ask, read_from_nodes


def read_object(controller: Any, req: Any) -> Response:
    """Answer a GET or HEAD of the controller's object."""
    app, env, policy = controller.app, req.environ, controller.policy
    settings = app.policy_settings(policy)
    ring = app.cluster.object_ring(policy.index)
    part = ring.get_part(controller.account, controller.container, controller.obj)
    nodes = app.nodes.for_reading(ring, part, settings.order, 'object')
    headers = request_headers(env, app.agent(req))
    headers['X-Backend-Storage-Policy-Index'] = str(policy.index)
    if app.options.allow_open_expired and is_true(env.get('HTTP_X_OPEN_EXPIRED')):
        headers['X-Backend-Open-Expired'] = 'true'
    # Our object servers then answer 404 instead of bytes that fail their check: there are others.
    headers['X-Backend-Refuse-Damaged'] = 'true'
    newest = is_true(env.get('HTTP_X_NEWEST'))
    rule = ReadRule(True, newest, nodes.primary_count,
                    settings.options.rebalance_missing_suppression_count,
                    nodes.primary_count if settings.options.concurrent_gets else 1)
    timeout_s = app.options.node_timeout if newest else app.options.recoverable_node_timeout
    read = Read('Object', req.method, part,
                quoted_path(controller.account, controller.container, controller.obj), nodes,
                headers, timeout_s, env.get('QUERY_STRING', ''), uses_replication_network(env))
    status, source, usable = read_from_nodes(app, read, rule, settings.options.concurrency_timeout)
    if not usable:
        return refusal_reply(req, status, source)
    make_body = None
    if status in (200, 206):
        def make_body() -> 'list[bytes] | ObjectBody':
            whole = source.resp.take_whole()
            if whole is not None:
                # Nothing can break any more; a list passes all filters as it is.
                return [whole]
            return ObjectBody(app, read, source, resumable=not newest, env=env)
    resp = source_reply(req, source, app, make_body)
    timestamp = resp.headers.get('X-Timestamp')
    if timestamp:
        env['swift_x_timestamp'] = timestamp
    content_type = resp.headers.get('Content-Type')
    if content_type is not None and 'swift_bytes' in content_type:
        resp.headers['Content-Type'] = without_swift_bytes(content_type)
    return resp


# Smaller bodies are not worth the pipe: measured, 1 MiB gains nothing, 64 MiB a third.
PASS_BYTES_MIN = 4 << 20


class _PassedOn:
    """Stands for a progress when nothing can break any more."""

    def feed(self, data: bytes) -> bytes:
        return data


_NO_PROGRESS = _PassedOn()


class ObjectBody:
    """The body of one object GET, across replicas. close() gives up the current source."""

    __slots__ = ('_app', '_read', '_source', '_resumable', '_env', '_passage', '_progress',
                 '_chunks', '_etag', '_rest', '_timestamp', '_left')

    def __init__(self, app: Any, read: Read, source: Source, *, resumable: bool, env: dict):
        self._app = app
        self._read = read
        self._source: Source | None = source
        self._resumable = resumable
        self._env = env
        self._left = source.resp.content_length or 0
        self._passage: Passage | None = None
        self._rest = Remainder()         # of a chunk that the client's socket had no room for
        self._progress: Any = None
        if source.status == 206:
            headers = source.resp.headers
            boundary = boundary_of(headers.get('Content-Type') or '')
            if boundary:
                ranges = env.get('HTTP_RANGE', '').replace(' ', '').partition('=')[2]
                self._progress = MultipartProgress(boundary, ranges.split(','))
        self._etag: str | None = None
        self._timestamp = ''
        self._chunks = iter(source.resp.iter_chunks(app.options.object_chunk_size))

    def __iter__(self) -> 'ObjectBody':
        return self

    def __next__(self) -> bytes:
        while True:
            try:
                chunk = next(self._chunks, b'')
            except TransportError as error:
                if self._left > 0:
                    self._resume(error)
                    continue
                chunk = b''
            if self._progress is not None and chunk:
                chunk = self._progress.feed(chunk)
                if not chunk:
                    continue
            if chunk:
                self._left -= len(chunk)
                return chunk
            if self._left > 0 and self._source is not None:
                self._resume(None)
                continue
            self.close()
            raise StopIteration

    def sender(self, sock_fd: int) -> Callable[[], int] | None:
        """Return a function that sends the next bytes into a socket (see http/answer.py).

        None if they have to come through here. They go past the process until a replica fails.
        """
        if (self._progress is not None or self._source is None or self._left < PASS_BYTES_MIN
                or not self._source.resp.passes):
            return None
        self._passage = Passage(self._source.resp, sock_fd)
        return lambda: self._send_step(sock_fd)

    def _send_step(self, sock_fd: int) -> int:
        if self._passage is not None:
            try:
                sent = self._passage.step()
            except TransportError as error:
                self._end_passage()
                self._resume(error)
            else:
                self._left -= sent
                if not self._left:
                    self.close()
                return sent
        return self._rest.step(sock_fd, self.__next__)

    def _end_passage(self) -> None:
        passage, self._passage = self._passage, None
        if passage is not None:
            passage.close()

    def close(self) -> None:
        self._end_passage()
        source, self._source = self._source, None
        if source is not None:
            source.close()
            if self._left > 0:
                # Nobody wants the rest: the reason is the client's, not a node's.
                stalled = self._env.get('swift.http.client_stalled')
                self._app.metrics.increment('object.client_timeouts' if stalled
                                            else 'object.client_disconnects')

    def _resume(self, error: TransportError | None) -> None:
        """Continue from another node, or raise: the engine then cuts the client's connection."""
        failed, self._source = self._source, None
        assert failed is not None
        failed.close()
        reason = error or 'body ended early'
        self._app.nodes.note_error(failed.node, f'Object server: {reason} while reading '
                                                f'{self._read.path}')
        headers = failed.resp.headers
        if not self._timestamp:
            # Only now worth knowing: what makes an answer another replica of the same thing.
            self._etag = headers.get('Etag')
            self._timestamp = source_timestamp(headers.get)
        if self._progress is None:
            self._progress = self._plain_progress(failed)
        if isinstance(self._progress, MultipartProgress) and self._progress.lacks_only_framing:
            self._chunks = iter((self._progress.closing(),))
            self._progress = _NO_PROGRESS
            return
        while self._resumable:
            node = self._read.nodes.take()
            if node is None:
                break
            source = self._ask_for_rest(node)
            if source is not None:
                self._source = source
                self._chunks = iter(source.resp.iter_chunks(self._app.options.object_chunk_size))
                return
        self._env['swift.non_client_disconnect'] = True
        if error is not None:
            raise error
        raise TransportError('object body ended early on all replicas')

    def _plain_progress(self, failed: Source) -> PlainProgress:
        """Return where a run of bytes broke off (nothing is counted before the first failure)."""
        headers = failed.resp.headers
        length = failed.resp.content_length or 0
        first = 0
        if failed.status == 206:
            first, _last = parse_content_range(headers.get('Content-Range') or '')
        progress = PlainProgress(first, first + length - 1)
        progress.advance(length - self._left)
        return progress

    def _ask_for_rest(self, node: Any) -> Source | None:
        """Ask one node for what is missing; None when it cannot continue."""
        read = self._read
        headers = {**read.headers, 'Range': self._progress.missing()}
        for name in ('If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since'):
            headers.pop(name, None)
        source = ask(self._app, Read(read.kind, 'GET', read.part, read.path, read.nodes, headers,
                                     read.timeout_s, read.query, read.replication), node)
        if source is None:
            return None
        got = source.resp.headers
        try:
            if got.get('Etag') != self._etag or source_timestamp(got.get) != self._timestamp:
                raise BrokenDocument('another version of the object')
            content_type = got.get('Content-Type') or ''
            self._progress.resume(Resumed(source.status, got.get('Content-Range') or '',
                                          boundary_of(content_type), content_type))
        except BrokenDocument as problem:
            self._app.logger.warning('Cannot continue %s from %s: %s', read.path, node.ip, problem)
            source.close()
            return None
        return source
