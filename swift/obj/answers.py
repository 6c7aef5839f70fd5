"""Turn what the store says into HTTP answers.

Layer 3, no I/O but the body's. Header sets of sheet 02 §11 to §13.
"""
import os
from collections.abc import Callable, Iterator
from typing import Any

from swift.common.errors import DiskError
from swift.common.swob import (
    HeaderKeyDict,
    HTTPNotFound,
    Request,
    Response,
)
from swift.core.conditions import ignores_range, resolve_etag_is_at
from swift.core.constraints import config_true_value
from swift.core.object_meta import ObjectState, is_put_meta
from swift.obj.reading import Body, Kind, Lookup, Wish
from swift.obj.store import Store
from swift.obj.verified import Verified

DEFAULT_CONTENT_TYPE = 'application/octet-stream'


class ObjectBody:
    """The body of an answer: an iterable of bytes, whole or in ranges. Owns the open body.

    With ``splice`` it also offers ``sender`` (see http/answer.py): the file goes to the socket
    past this process, unless its bytes have to be hashed.
    """

    __slots__ = ('_body', '_sock_fd', '_splice', '_store', '_verified')

    def __init__(self, store: Store, body: Body, verified: Verified | None, splice: bool = False):
        self._store = store
        self._body = body
        self._verified = verified
        self._splice = splice
        self._sock_fd = -1

    def __iter__(self) -> Iterator[bytes]:
        small = self._body.small
        if small is not None:
            return iter((small,) if small else ())
        return self._stream(0, self._body.size, self._verified)

    def sender(self, sock_fd: int) -> Callable[[], int] | None:
        """Return a function that sends the next bytes of the whole body into a socket.

        None if the bytes have to pass through here. The socket is used by a disk thread, which may
        still be at it when the connection has been closed: hence a descriptor of its own.
        """
        body = self._body
        if not self._splice or body.small is not None or not body.is_fresh(self._verified):
            return None
        self._sock_fd = os.dup(sock_fd)
        body.at_close(self._close_socket)
        return lambda: self._store.send_step(body, self._sock_fd)

    def _close_socket(self) -> None:
        os.close(self._sock_fd)

    def app_iter_range(self, start: int, stop: int) -> Iterator[bytes]:
        """Iterate over the bytes from ``start`` up to but not including ``stop``."""
        small = self._body.small
        if small is not None:
            return iter((small[start:stop],))
        # Only a read of everything can be checked against the ETag.
        whole = start == 0 and stop == self._body.size
        return self._stream(start, stop, self._verified if whole else None)

    def _stream(self, start: int, stop: int, verified: Verified | None) -> Iterator[bytes]:
        body, store = self._body, self._store
        body.start(start, verified)
        left = stop - start
        took = store.turns()
        while left > 0:
            data = store.read_step(body, min(left, store.step_bytes))
            if not data:
                # The length is announced: breaking off tells the reader that bytes are missing.
                raise DiskError('%s ends early' % body.place, body.place.hash_path)
            left -= len(data)
            yield data
            took(len(data))

    def close(self) -> None:
        self._body.close()


def absent(req: Request, found: Lookup) -> Response:
    """Return the 404 of a GET or HEAD, with the time of what was deleted or expired."""
    headers = {}
    if found.kind is not Kind.ABSENT and found.time is not None:
        headers['X-Backend-Timestamp'] = found.time.internal
    answer = HTTPNotFound(request=req, headers=headers, conditional_response=True)
    if req.method == 'HEAD':
        answer.content_length = None
    return answer


def present(req: Request, found: Lookup, allowed: frozenset[str], body: Any) -> Response:
    """Return the 200 of a GET or HEAD; conditions and ranges apply when it is sent."""
    state = found.state
    metadata = state.metadata
    time, data_time = state.time, state.data_time.internal
    answer = Response(request=req, conditional_response=True, app_iter=body)
    headers = answer.headers
    headers['Content-Type'] = metadata.get('Content-Type') or DEFAULT_CONTENT_TYPE
    for name, value in metadata.items():
        if is_put_meta(name) or name.lower() in allowed:
            headers[name] = value
    answer.etag = state.etag
    answer.last_modified = time
    # These are as they should be: past the checks and conversions of a header map.
    dict.update(headers, {
        'X-Timestamp': time.normal, 'X-Backend-Timestamp': time.internal,
        'X-Backend-Data-Timestamp': data_time, 'X-Backend-Durable-Timestamp': data_time,
        'Content-Length': str(state.size)})
    etag_is_at = req.headers.get('X-Backend-Etag-Is-At')
    if etag_is_at:
        answer.conditional_etag = resolve_etag_is_at(etag_is_at, HeaderKeyDict(metadata))
    return answer


def wish_of(req: Request) -> Wish:
    """Return how a GET wants the body read, as far as one can tell yet."""
    refuse = req.environ.get('HTTP_X_BACKEND_REFUSE_DAMAGED')
    return Wish('HTTP_RANGE' not in req.environ, bool(refuse) and config_true_value(refuse))


def drop_ignored_range(req: Request, state: ObjectState) -> None:
    """Take the Range header away when the object's metadata says that it does not apply."""
    header = req.headers.get('X-Backend-Ignore-Range-If-Metadata-Present')
    if header and ignores_range(header, HeaderKeyDict(state.metadata)):
        req.environ.pop('HTTP_RANGE', None)
