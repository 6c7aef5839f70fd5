"""GET of a container with ?versions: all versions of its objects, as JSON.

Layer 2. Two listings, merged by the rules of swift.core.version_listing: the container's own, which
is the client's request and subject to its rights, and that of the hidden container.

The answer is JSON whatever the client would like best, so that it has to allow for JSON.
Source: sheet 05 section 23.2.
"""
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from swift.common.listing_edits import EDITS, LISTING_FORMAT, decode, encode
from swift.common.middleware.versioned_writes.copying import OwnRequests, check
from swift.common.middleware.versioned_writes.names import Names
from swift.common.swob import (
    HTTPNotAcceptable,
    HTTPServiceUnavailable,
    Request,
    Response,
    wsgi_to_str,
)
from swift.core.accept import Accept
from swift.core.listing_render import JSON
from swift.core.version_listing import BadQuery, VersionsQuery, merge_versions, parse_query


class VersionListing:
    """Answers listings of versions."""

    def __init__(self, app: Callable, own: OwnRequests, limit_max: int):
        self.app = app
        self._own = own
        self._limit_max = limit_max

    def __call__(self, req: Request, names: Names, params: Mapping[str, str]) -> Response:
        """Return the listing of a container. Raises HTTPException."""
        if not allows_json(req.environ, params):
            raise HTTPNotAcceptable(request=req)
        try:
            query = parse_query(params, self._limit_max)
        except BadQuery as bad:
            return Response(request=req, status=bad.status, body=str(bad))
        # The edits of filters to the left are for the merged listing.
        req.environ.setdefault('swift.infocache', {})
        env = {key: value for key, value in req.environ.items() if key != EDITS}
        env['QUERY_STRING'] = urlencode(query.own(), encoding='latin-1')
        resp = Request(env).get_response(self.app)
        if not resp.is_success:
            return resp
        own = decode(resp.body) if resp.status_int == 200 else []
        if own is None:
            raise HTTPServiceUnavailable(request=req)
        hidden = []
        enabled = resp.headers.get('X-Container-Sysmeta-Versions-Enabled')
        if resp.headers.get('X-Container-Sysmeta-Versions-Container'):
            hidden, used = self._hidden(req, names, query)
            resp.headers['X-Container-Bytes-Used'] = str(
                int(resp.headers.get('X-Container-Bytes-Used', 0)) + used)
        if enabled:
            resp.headers['X-Versions-Enabled'] = enabled
        req.environ['swift.format_listing'] = False
        rows = merge_versions(query, hidden, own, wsgi_to_str(query.marker))
        resp.status = 200
        resp.headers['Content-Type'] = f'{JSON}; charset=utf-8'
        resp.body = encode(rows)
        return resp

    def _hidden(self, req: Request, names: Names, query: VersionsQuery) -> tuple[list[dict], int]:
        """Return the rows of the hidden container and the bytes in it."""
        resp = self._own.send(req, 'GET', names.hidden,
                              urlencode(query.hidden(), encoding='latin-1'))
        check(req, resp, (404,))
        rows = decode(resp.body) if resp.status_int == 200 else []
        if rows is None:
            raise HTTPServiceUnavailable(request=req)
        return rows, int(resp.headers.get('X-Container-Bytes-Used', 0))


def allows_json(env: Mapping[str, Any], params: Mapping[str, str]) -> bool:
    """Tell whether the client takes JSON; what listing_formats found in the query comes first."""
    wanted = env[LISTING_FORMAT] if LISTING_FORMAT in env else params.get('format')
    if wanted is not None:
        return wanted.lower() == 'json'
    try:
        return Accept(env.get('HTTP_ACCEPT', '')).best_match((JSON,)) is not None
    except ValueError:
        return False
