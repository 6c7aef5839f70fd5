"""Cross-origin rules: what browsers' scripts may see and do with containers and objects.

Layer 3. Two halves (sheet 04, section 4.5): the answer to a pre-flight OPTIONS, and the headers
added to any answer of a request that has an Origin. Both look at the container's own metadata
(from the info cache) and at the cluster's lists.
"""

from typing import Any

from swift.common import info
from swift.common.swob import Response, str_to_wsgi

_EXPOSED = ('cache-control', 'content-language', 'content-type', 'expires', 'last-modified',
            'pragma', 'etag', 'x-timestamp', 'x-trans-id', 'x-openstack-request-id')
_META_PREFIXES = ('x-container-meta', 'x-object-meta')


def container_cors(app: Any, req: Any, account: str, container: str) -> dict[str, str]:
    """Return allow_origin, expose_headers and max_age of the container as WSGI strings."""
    cors = info.container_info(req.environ, app, account, container).get('cors') or {}
    return {name: str_to_wsgi(value) for name, value in cors.items() if value}


def is_origin_allowed(cors: dict, origin: str, cluster_origins: tuple[str, ...]) -> bool:
    allowed = {*(cors.get('allow_origin') or '').split(), *cluster_origins}
    return origin in allowed or '*' in allowed


def preflight(controller: Any, req: Any) -> Response:
    """Answer OPTIONS on a container or object."""
    app, env = controller.app, req.environ
    allow = controller.allow_header()
    origin = env.get('HTTP_ORIGIN')
    if not origin:
        return Response(request=req, headers={'Allow': allow})
    cors = container_cors(app, req, controller.account, controller.container)
    method = env.get('HTTP_ACCESS_CONTROL_REQUEST_METHOD')
    if (not is_origin_allowed(cors, origin, app.options.cors_allow_origin)
            or method not in controller.allowed_methods()):
        resp = Response(request=req, headers={'Allow': allow})
        # Compat: set later, so that this one 401 names no realm.
        resp.status = 401
        return resp
    headers = {'Allow': allow}
    vary = []
    if cors.get('allow_origin') == '*':
        headers['access-control-allow-origin'] = '*'
    else:
        headers['access-control-allow-origin'] = origin
        vary.append('Origin')
    if cors.get('max_age'):
        headers['access-control-max-age'] = cors['max_age']
    headers['access-control-allow-methods'] = allow
    wanted = [name.strip() for name in
              env.get('HTTP_ACCESS_CONTROL_REQUEST_HEADERS', '').split(',') if name.strip()]
    if wanted:
        headers['access-control-allow-headers'] = ', '.join(dict.fromkeys(wanted))
        vary.append('Access-Control-Request-Headers')
    if vary:
        headers['vary'] = ', '.join(vary)
    return RawHeadersResponse(headers)


class RawHeadersResponse:
    """An empty 200 with exactly these headers, spelt as given."""

    status_int = 200
    status = '200 OK'

    def __init__(self, headers: dict[str, str]):
        self.headers = headers

    def __call__(self, env: dict, start_response: Any) -> list[bytes]:
        start_response('200 OK', [*self.headers.items(), ('Content-Length', '0')])
        return []


def add_cors_headers(controller: Any, req: Any, resp: Response) -> Response:
    """Add to an answer what lets the browser hand it to the script, if the origin may have it."""
    app = controller.app
    origin = req.environ['HTTP_ORIGIN']
    cors = container_cors(app, req, controller.account, controller.container)
    if app.options.strict_cors_mode and not is_origin_allowed(
            cors, origin, app.options.cors_allow_origin):
        return resp
    headers = resp.headers
    if 'Access-Control-Expose-Headers' not in headers:
        exposed = dict.fromkeys(_EXPOSED)
        exposed.update(dict.fromkeys(app.options.cors_expose_headers))
        exposed.update(dict.fromkeys(_lower(name) for name in headers
                                     if name.lower().startswith(_META_PREFIXES)))
        exposed.update(dict.fromkeys(_lower(cors.get('expose_headers', '')).split()))
        headers['Access-Control-Expose-Headers'] = ', '.join(exposed)
    if 'Access-Control-Allow-Origin' not in headers:
        if cors.get('allow_origin') == '*':
            headers['Access-Control-Allow-Origin'] = '*'
        else:
            headers['Access-Control-Allow-Origin'] = origin
            vary = headers.get('Vary')
            headers['Vary'] = f'{vary}, Origin' if vary else 'Origin'
    return resp


def _lower(text: str) -> str:
    """Return a WSGI string in lower case; bytes outside ASCII stay as they are."""
    return text.encode('latin-1').lower().decode('latin-1')
