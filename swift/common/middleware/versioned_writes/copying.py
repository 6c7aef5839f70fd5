"""What both kinds of versioning do with objects: read the current one, store it elsewhere.

Layer 2. Requests are the cluster's own, whoever asked for them: the caller has checked the rights.
Objects are copied as they are stored: links as links, manifests as manifests. What cannot be copied
is answered 412, or 503 when servers failed, so that nothing is overwritten that was not kept.

Invariant: the body of what was read is closed on every path.
"""
from collections.abc import Callable, Mapping

from swift.common.body_reader import BodyReader
from swift.common.config.options import is_true
from swift.common.info import container_info
from swift.common.subrequest import make_pre_authed_request
from swift.common.swob import (
    HTTPPreconditionFailed,
    HTTPRequestEntityTooLarge,
    HTTPServiceUnavailable,
    Request,
    Response,
    wsgi_quote,
    wsgi_to_str,
)
from swift.core.content_type import SWIFT_BYTES
from swift.core.headers import X_BACKEND_ALLOW_RESERVED
from swift.core.symlinks import SLO_SIZE
from swift.core.timestamp import Timestamp

# What an answer says of itself, not of the object.
NOT_COPIED = frozenset((
    'x-timestamp', 'content-length', 'content-range', 'accept-ranges', 'last-modified', 'date',
    'vary', 'transfer-encoding', 'connection', 'x-trans-id', 'x-openstack-request-id',
    'x-storage-policy'))


class OwnRequests:
    """Requests of the cluster itself to the right neighbour; `source` names the feature in logs.

    Paths are WSGI strings and not quoted; one in the reserved namespace opens it.
    """

    def __init__(self, app: Callable, source: str, size_max: int):
        self.app = app
        self._source = source
        self._size_max = size_max

    def make(self, req: Request, method: str, path: str, query: str = '',
             headers: Mapping[str, str] | None = None) -> Request:
        """Return a request that nobody refuses, on behalf of another."""
        if '\0' in path:
            headers = {X_BACKEND_ALLOW_RESERVED: 'true', **(headers or {})}
        sub = make_pre_authed_request(req.environ, method, wsgi_quote(path), headers=headers,
                                      swift_source=self._source)
        sub.query_string = query
        return sub

    def send(self, req: Request, method: str, path: str, query: str = '',
             headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer to such a request; the caller closes it."""
        return self.make(req, method, path, query, headers).get_response(self.app)

    def info_of(self, env: dict, account: str, container: str) -> dict:
        """Return what is known of a container; shared, not to be changed."""
        return container_info(env, self.app, wsgi_to_str(account), wsgi_to_str(container),
                              self._source)

    def read_stored(self, req: Request, path: str, method: str = 'GET') -> Response | None:
        """Return an object as it is stored, None when it is not there. Raises HTTPException.

        The caller closes it, unless only a HEAD was asked for.
        """
        resp = self.send(req, method, path, 'symlink=get', {'X-Newest': 'true'})
        check(req, resp, (404,))
        if resp.status_int == 404 or method == 'HEAD':
            resp.close()
        return None if resp.status_int == 404 else resp

    def store_copy(self, req: Request, found: Response, path: str,
                   headers: Mapping[str, str] | None = None,
                   acceptable: tuple[int, ...] = ()) -> int:
        """Store what was read under another name; closes it. Raises HTTPException.

        Returns the status: of success, or one that is acceptable.
        """
        try:
            length = found.content_length
            if length is None or length > self._size_max:
                raise HTTPRequestEntityTooLarge(request=req)
            put = self.make(req, 'PUT', path, headers={
                **_copied_headers(found), **(headers or {}), 'Content-Length': str(length)})
            put.environ['wsgi.input'] = BodyReader(found.app_iter or ())
            resp = self.put(put)
        finally:
            found.close()
        check(req, resp, acceptable)
        resp.close()
        return resp.status_int

    def put(self, put: Request) -> Response:
        """Make a PUT of something that the cluster trusts: content types, targets of links."""
        put.environ['swift.content_type_overridden'] = True
        put.environ['swift.symlink_override'] = True
        return put.get_response(self.app)


def _copied_headers(found: Response) -> dict[str, str]:
    copied = {name: value for name, value in found.headers.items()
              if name.lower() not in NOT_COPIED and not name.lower().startswith('x-backend')}
    if is_true(found.headers.get('X-Static-Large-Object')) and SLO_SIZE in found.headers:
        # Compat: proxies take the parameter out of what they answer.
        copied['Content-Type'] += f'; {SWIFT_BYTES}={found.headers[SLO_SIZE]}'
    return copied


def denial(req: Request, acl: str | None) -> Callable | None:
    """Return the refusal if the requester lacks the right that `acl` gives, or the owner has."""
    authorize = req.environ.get('swift.authorize')
    if authorize is None:
        return None
    req.acl = acl
    return authorize(req)


def check(req: Request, resp: Response, acceptable: tuple[int, ...] = ()) -> None:
    """Raise the client's answer when a request of ours went wrong; closes that answer then."""
    status = resp.status_int
    if status // 100 == 2 or status in acceptable:
        return
    resp.close()
    if status // 100 == 4:
        raise HTTPPreconditionFailed(request=req)
    raise HTTPServiceUnavailable(request=req)


def time_of(found: Response) -> Timestamp:
    """Return when an object that was read has been written."""
    text = found.headers.get('X-Timestamp')
    if text:
        return Timestamp(text)
    return Timestamp(found.last_modified.timestamp())
