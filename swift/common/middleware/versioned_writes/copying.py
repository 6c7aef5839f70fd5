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

SOURCE = 'VW'
# What an answer says of itself, not of the object.
NOT_COPIED = frozenset((
    'x-timestamp', 'content-length', 'content-range', 'accept-ranges', 'last-modified', 'date',
    'vary', 'transfer-encoding', 'connection', 'x-trans-id', 'x-openstack-request-id',
    'x-storage-policy'))


def make_request(req: Request, method: str, path: str, query: str = '',
                 headers: Mapping[str, str] | None = None, *, source: str = SOURCE) -> Request:
    """Return a request in the cluster's name; `path` is a WSGI string, not quoted."""
    headers = {X_BACKEND_ALLOW_RESERVED: 'true', **(headers or {})} if '\0' in path else headers
    sub = make_pre_authed_request(req.environ, method, wsgi_quote(path), headers=headers,
                                  swift_source=source)
    sub.query_string = query
    return sub


def info_of(req: Request, app: Callable, account: str, container: str) -> dict:
    """Return what is known of a container (WSGI strings); shared, not to be changed."""
    return container_info(req.environ, app, wsgi_to_str(account), wsgi_to_str(container), SOURCE)


def write_denial(req: Request, info: Mapping) -> Response | None:
    """Return the refusal if the requester may not write to the container."""
    authorize = req.environ.get('swift.authorize')
    if authorize is None:
        return None
    req.acl = info.get('write_acl')
    return authorize(req)


def check(req: Request, resp: Response, not_found_is_fine: bool = False) -> None:
    """Raise the client's answer when a request of ours went wrong; closes that answer then."""
    status = resp.status_int
    if status // 100 == 2 or (status == 404 and not_found_is_fine):
        return
    resp.close()
    if status // 100 == 4:
        raise HTTPPreconditionFailed(request=req)
    raise HTTPServiceUnavailable(request=req)


def read_stored(app: Callable, req: Request, path: str,
                method: str = 'GET') -> Response | None:
    """Return an object as it is stored, None when it is not there. Raises HTTPException."""
    resp = make_request(req, method, path, 'symlink=get', {'X-Newest': 'true'}).get_response(app)
    check(req, resp, not_found_is_fine=True)
    if resp.status_int == 404:
        resp.close()
        return None
    return resp


def time_of(found: Response) -> Timestamp:
    """Return when an object that was read has been written."""
    text = found.headers.get('X-Timestamp')
    if text:
        return Timestamp(text)
    return Timestamp(found.last_modified.timestamp())


def store_copy(app: Callable, req: Request, found: Response, path: str, size_max: int,
               headers: Mapping[str, str] | None = None) -> None:
    """Store what was read under another name; closes it. Raises HTTPException."""
    try:
        length = found.content_length
        if length is None or length > size_max:
            raise HTTPRequestEntityTooLarge(request=req)
        copied = {name: value for name, value in found.headers.items()
                  if name.lower() not in NOT_COPIED and not name.lower().startswith('x-backend')}
        if is_true(found.headers.get('X-Static-Large-Object')) and SLO_SIZE in found.headers:
            # Compat: proxies take the parameter out of what they answer.
            copied['Content-Type'] += f'; {SWIFT_BYTES}={found.headers[SLO_SIZE]}'
        put = make_request(req, 'PUT', path, headers={
            **copied, **(headers or {}), 'Content-Length': str(length)})
        put.environ['wsgi.input'] = BodyReader(found.app_iter or ())
        resp = put_internally(app, put)
    finally:
        found.close()
    check(req, resp)
    resp.close()


def put_internally(app: Callable, put: Request) -> Response:
    """Make a PUT of something that the cluster trusts: content types, targets of links."""
    put.environ['swift.content_type_overridden'] = True
    put.environ['swift.symlink_override'] = True
    return put.get_response(app)
