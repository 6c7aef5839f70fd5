"""What third-party filters import from swift.common.request_helpers; the rules are in swift.core.

Layer 1. Functions over a Request of rules that core states over values, plus the re-exported rules
themselves.
"""
from collections.abc import Callable, MutableMapping

from swift.common.swob import (
    HTTPBadRequest,
    HTTPPreconditionFailed,
    Request,
    Response,
    get_param,
    wsgi_to_bytes,
    wsgi_to_str,
    wsgi_unquote,
)
from swift.core.conditions import ignores_range, resolve_etag_is_at
from swift.core.constraints import Refusal
from swift.core.headers import (
    X_BACKEND_ETAG_IS_AT,
    X_BACKEND_IGNORE_RANGE,
    get_container_update_override_key,
    get_object_transient_sysmeta,
    get_sys_meta_prefix,
    get_user_meta_prefix,
    is_object_transient_sysmeta,
    is_sys_meta,
    is_sys_or_user_meta,
    is_user_meta,
    strip_object_transient_sysmeta_prefix,
    strip_sys_meta_prefix,
    strip_user_meta_prefix,
)
from swift.core.names import (
    get_reserved_name,
    is_reserved_name,
    split_backend_path,
    split_path,
    split_reserved_name,
)

__all__ = [
    'check_path_header', 'copy_header_subset', 'get_container_update_override_key',
    'get_object_transient_sysmeta', 'get_param', 'get_reserved_name', 'get_sys_meta_prefix',
    'get_user_meta_prefix', 'is_object_transient_sysmeta', 'is_reserved_name', 'is_sys_meta',
    'is_sys_or_user_meta', 'is_user_meta', 'refuse', 'remove_items', 'resolve_etag_is_at_header',
    'resolve_ignore_range_header', 'split_and_validate_path', 'split_reserved_name',
    'strip_object_transient_sysmeta_prefix', 'strip_sys_meta_prefix', 'strip_user_meta_prefix',
    'update_etag_is_at_header', 'update_ignore_range_header']


def refuse(req: Request, refusal: Refusal) -> Response:
    """Return the response for a Refusal of swift.core.constraints."""
    # The text quotes headers: as bytes, so that the client gets its own back.
    return Response(request=req, status=refusal.status, body=wsgi_to_bytes(refusal.body),
                    content_type=refusal.content_type)


def split_and_validate_path(request: Request, minsegs: int = 1, maxsegs: int | None = None,
                            rest_with_last: bool = False) -> list[str | None]:
    """Return the segments of a backend path as text; a 400 is raised for a bad one."""
    try:
        if rest_with_last:
            found = split_backend_path(request.environ['PATH_INFO'], minsegs, maxsegs or minsegs)
            return [wsgi_to_str(segment) for segment in found]
        return request.split_names(minsegs, maxsegs, False)
    except ValueError as problem:
        raise HTTPBadRequest(body=str(problem), request=request, content_type='text/plain')


def check_path_header(req: Request, name: str, length: int, error_msg: str) -> list[str]:
    """Return the segments of a header that is a quoted path; a 412 is raised for a bad one."""
    path = wsgi_unquote(req.headers[name])
    try:
        return split_path(path if path.startswith('/') else '/' + path, length, length, True)
    except ValueError:
        raise HTTPPreconditionFailed(request=req, body=error_msg)


def remove_items(headers: MutableMapping, condition: Callable[[str], bool]) -> dict:
    """Take the headers whose names meet a condition out of a mapping, and return them."""
    removed = {name: headers[name] for name in list(headers) if condition(name)}
    for name in removed:
        del headers[name]
    return removed


def copy_header_subset(from_r, to_r, condition: Callable[[str], bool]) -> None:
    """Copy the headers whose names meet a condition from one request or response to another."""
    for name, value in from_r.headers.items():
        if condition(name.lower()):
            to_r.headers[name] = value


def _append(req: Request, header: str, name: str) -> None:
    if ',' in name:
        raise ValueError('Header name must not contain commas')
    before = req.headers.get(header)
    req.headers[header] = f'{before},{name}' if before else name


def update_etag_is_at_header(req: Request, name: str) -> None:
    """Name one more place where the tag to compare may stand; those before it go first."""
    _append(req, X_BACKEND_ETAG_IS_AT, name)


def resolve_etag_is_at_header(req: Request, metadata) -> str | None:
    """Return the alternate tag that X-Backend-Etag-Is-At points to, or None."""
    return resolve_etag_is_at(req.headers.get(X_BACKEND_ETAG_IS_AT), metadata)


def update_ignore_range_header(req: Request, name: str) -> None:
    """Have the Range ignored when an object has metadata of this name."""
    _append(req, X_BACKEND_IGNORE_RANGE, name)


def resolve_ignore_range_header(req: Request, metadata) -> None:
    """Drop the Range of a request when the object has metadata that it names for that."""
    if ignores_range(req.headers.get(X_BACKEND_IGNORE_RANGE), metadata):
        req.headers.pop('Range', None)
