"""Requests that a filter makes on behalf of a request: environs built from scratch.

Layer 1. Nothing of the client's request gets into a sub-request but a short list of keys (sheet 04
§16.5): who asks, from where, the caches and the authorisation; no token, no metadata, no body.
Sub-requests enter the pipeline at the filter's right neighbour: `request.get_response(self.app)`.

A pre-authorised one is made by the cluster in its own name and passes every authorisation filter.

WSGIContext is the base class with which many filters of third parties call their right neighbour;
our own use Request.call_application.
"""
from collections.abc import Callable, Iterable
from io import BytesIO

from swift.common.swob import Request, wsgi_unquote

PRE_AUTHED_USER = '.wsgi.pre_authed'

_KEPT_KEYS = (
    'HTTP_USER_AGENT', 'HTTP_HOST', 'PATH_INFO', 'REMOTE_USER', 'REQUEST_METHOD', 'SCRIPT_NAME',
    'SERVER_NAME', 'SERVER_PORT', 'HTTP_ORIGIN',
    'HTTP_ACCESS_CONTROL_REQUEST_METHOD', 'SERVER_PROTOCOL', 'HTTP_X_USER_ID',
    'HTTP_X_PROJECT_ID', 'HTTP_REFERER', 'QUERY_STRING', 'swift.cache', 'swift.source',
    'swift.trans_id', 'swift.authorize', 'swift.authorize_override', 'swift.infocache',
    'swift.base_labels', 'swift.shard_listing_history', 'wsgi.url_scheme', 'wsgi.version',
    'wsgi.errors', 'wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once')


def make_env(env: dict, method: str | None = None, path: str | None = None,
             agent: str | None = 'Swift', query_string: str | None = None,
             swift_source: str | None = None) -> dict:
    """Return an environ for a sub-request.

    `path` is an unquoted WSGI string; method, path and query default to those of `env`. In `agent`,
    `%(orig)s` stands for the client's user agent; None keeps that one, an empty text drops it.
    """
    new = {key: env[key] for key in _KEPT_KEYS if key in env}
    if method:
        new['REQUEST_METHOD'] = method
    if path:
        new['PATH_INFO'] = path
        new['SCRIPT_NAME'] = ''
    if query_string is not None:
        new['QUERY_STRING'] = query_string
    if agent:
        new['HTTP_USER_AGENT'] = (
            agent % {'orig': env.get('HTTP_USER_AGENT', '')}).strip() if '%' in agent else agent
    elif agent == '':
        new.pop('HTTP_USER_AGENT', None)
    if swift_source:
        new['swift.source'] = swift_source
    new.setdefault('SCRIPT_NAME', '')
    new.setdefault('QUERY_STRING', '')
    new['wsgi.input'] = BytesIO()
    return new


def make_pre_authed_env(env: dict, method: str | None = None, path: str | None = None,
                        agent: str | None = 'Swift', query_string: str | None = None,
                        swift_source: str | None = None) -> dict:
    """Like make_env, and no authorisation filter refuses it."""
    new = make_env(env, method, path, agent, query_string, swift_source)
    new['swift.authorize'] = lambda req: None
    new['swift.authorize_override'] = True
    new['REMOTE_USER'] = PRE_AUTHED_USER
    return new


def _request(build, env, method, path, body, headers, agent, swift_source) -> Request:
    query_string = None
    path = path or ''
    if '?' in path:
        path, query_string = path.split('?', 1)
    new = build(env, method, path=wsgi_unquote(path), agent=agent, query_string=query_string,
                swift_source=swift_source)
    req = Request(new)
    if body is not None:
        req.body = body
    for name, value in dict(headers or {}).items():
        req.headers[name] = value
    return req


def make_subrequest(env: dict, method: str | None = None, path: str | None = None, body=None,
                    headers=None, agent: str | None = 'Swift',
                    swift_source: str | None = None) -> Request:
    """Return a Request on behalf of `env`; `path` is quoted and may have a query.

    Without a query in `path`, the query of `env` is kept.
    """
    return _request(make_env, env, method, path, body, headers, agent, swift_source)


def make_pre_authed_request(env: dict, method: str | None = None, path: str | None = None,
                            body=None, headers=None, agent: str | None = 'Swift',
                            swift_source: str | None = None) -> Request:
    """Like make_subrequest, and no authorisation filter refuses it."""
    return _request(make_pre_authed_env, env, method, path, body, headers, agent, swift_source)


class WSGIContext:
    """One call of an application by a filter, and what it answered.

    After `_app_call` the answer stands in `_response_status` and `_response_headers`; the filter
    changes them and starts its own answer. The caller closes the body returned.
    """

    def __init__(self, wsgi_app: Callable):
        self.app = wsgi_app
        self._response_status: str | None = None
        self._response_headers: list[tuple[str, str]] | None = None
        self._response_exc_info = None

    def _app_call(self, env: dict) -> Iterable[bytes]:
        """Run the application; return its body, its answer has started."""
        status, headers, body = Request(env).call_application(self.app)
        self._response_status, self._response_headers = status, list(headers)
        return body

    def _get_status_int(self) -> int:
        return int(self._response_status.split(' ', 1)[0])

    def _response_header_value(self, key: str) -> str | None:
        """Return the value of the first header line of this name, or None."""
        wanted = key.lower()
        return next((value for name, value in self._response_headers
                     if name.lower() == wanted), None)

    def update_content_length(self, new_total_len: int) -> None:
        """Replace the announced length of the body."""
        self._response_headers = [
            line for line in self._response_headers if line[0].lower() != 'content-length']
        self._response_headers.append(('Content-Length', str(new_total_len)))
