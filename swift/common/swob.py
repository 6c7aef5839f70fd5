"""Request, Response and the HTTP errors: the surface that filters import.

Layer 1. The parts live in request.py and response.py and, where they are rules, in swift.core; this
module gathers them under the names that third-party filters know, and adds `wsgify`.
"""
from functools import wraps

from swift.common.request import EnvironHeaders, Request, environ_key
from swift.common.response import (
    RESPONSE_REASONS,
    HeaderKeyDict,
    HTTPAccepted,
    HTTPBadGateway,
    HTTPBadRequest,
    HTTPClientDisconnect,
    HTTPConflict,
    HTTPCreated,
    HTTPException,
    HTTPForbidden,
    HTTPFound,
    HTTPGatewayTimeout,
    HTTPInsufficientStorage,
    HTTPInternalServerError,
    HTTPLengthRequired,
    HTTPMethodNotAllowed,
    HTTPMovedPermanently,
    HTTPNoContent,
    HTTPNotAcceptable,
    HTTPNotFound,
    HTTPNotImplemented,
    HTTPNotModified,
    HTTPOk,
    HTTPPartialContent,
    HTTPPreconditionFailed,
    HTTPRateLimited,
    HTTPRequestedRangeNotSatisfiable,
    HTTPRequestEntityTooLarge,
    HTTPRequestTimeout,
    HTTPSeeOther,
    HTTPServerError,
    HTTPServiceUnavailable,
    HTTPTemporaryRedirect,
    HTTPTooManyBackendRequests,
    HTTPTooManyRequests,
    HTTPUnauthorized,
    HTTPUnprocessableEntity,
    Response,
    close_if_possible,
    host_url,
    multi_range_iterator,
    sender_of,
    status_map,
)
from swift.core.accept import Accept
from swift.core.conditions import Match
from swift.core.names import is_valid_utf8
from swift.core.ranges import Range
from swift.core.wsgi_text import (
    bytes_to_wsgi,
    str_to_wsgi,
    wsgi_quote,
    wsgi_quote_plus,
    wsgi_to_bytes,
    wsgi_to_str,
    wsgi_unquote,
    wsgi_unquote_plus,
)

__all__ = [
    'RESPONSE_REASONS', 'Accept', 'EnvironHeaders', 'HTTPAccepted', 'HTTPBadGateway',
    'HTTPBadRequest', 'HTTPClientDisconnect', 'HTTPConflict', 'HTTPCreated', 'HTTPException',
    'HTTPForbidden', 'HTTPFound', 'HTTPGatewayTimeout', 'HTTPInsufficientStorage',
    'HTTPInternalServerError', 'HTTPLengthRequired', 'HTTPMethodNotAllowed',
    'HTTPMovedPermanently', 'HTTPNoContent', 'HTTPNotAcceptable', 'HTTPNotFound',
    'HTTPNotImplemented', 'HTTPNotModified', 'HTTPOk', 'HTTPPartialContent',
    'HTTPPreconditionFailed', 'HTTPRateLimited', 'HTTPRequestEntityTooLarge',
    'HTTPRequestTimeout', 'HTTPRequestedRangeNotSatisfiable', 'HTTPSeeOther', 'HTTPServerError',
    'HTTPServiceUnavailable', 'HTTPTemporaryRedirect', 'HTTPTooManyBackendRequests',
    'HTTPTooManyRequests', 'HTTPUnauthorized', 'HTTPUnprocessableEntity', 'HeaderKeyDict',
    'Match', 'Range', 'Request', 'Response', 'bytes_to_wsgi', 'close_if_possible', 'environ_key',
    'get_param', 'host_url', 'multi_range_iterator', 'sender_of', 'status_map', 'str_to_wsgi',
    'wsgi_quote', 'wsgi_quote_plus', 'wsgi_to_bytes', 'wsgi_to_str', 'wsgi_unquote',
    'wsgi_unquote_plus', 'wsgify',
]


def wsgify(function):
    """Turn a function (or method) from Request to WSGI application into a WSGI application.

    HTTP errors raised in it become the answer.
    """

    @wraps(function)
    def application(*args):
        environ, start_response = args[-2:]
        try:
            answer = function(*args[:-2], Request(environ))
        except HTTPException as error:
            answer = error
        return answer(environ, start_response)

    return application


def get_param(req: Request, name: str, default: str | None = None) -> str | None:
    """Return a parameter of the query as text; a 400 is raised when it is not valid UTF-8."""
    value = req.params.get(name)
    if value is None:
        return default
    value = wsgi_to_str(value)
    if value and not is_valid_utf8(value):
        raise HTTPBadRequest(request=req, content_type='text/plain',
                             body=f'"{name}" parameter not valid UTF-8')
    return value
