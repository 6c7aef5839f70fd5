"""/info: what this cluster can do, and for administrators what it hides.

Layer 3. (sheet 04, section 3) The document is what filters and the server registered with
swift.common.registry at start. An administrator signs METHOD, expiry time and path with the admin
key; the signature proves the key without sending it.
"""

import hashlib
import hmac
import json
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from swift.common.registry import get_swift_info
from swift.common.swob import Response
from swift.proxy.controllers.base import Controller, status_reply


def admin_signature(key: str, method: str, expires: int, path: str = '/info') -> str:
    """Return the hexadecimal HMAC-SHA1 an administrator sends as swiftinfo_sig."""
    message = f'{method}\n{expires}\n{path}'.encode()
    return hmac.new(key.encode(), message, hashlib.sha1).hexdigest()


class InfoController(Controller):
    """One request to /info."""

    PUBLIC: ClassVar[frozenset[str]] = frozenset(('GET', 'HEAD', 'OPTIONS'))
    DELAYED: ClassVar[frozenset[str]] = frozenset(('GET', 'HEAD', 'OPTIONS'))

    def allow_header(self) -> str:
        return 'HEAD, GET, OPTIONS'

    def GET(self, req: Any) -> Response:
        options = self.app.options
        if not options.expose_info:
            return status_reply(req, 403)
        query = dict(reversed(parse_qsl(req.environ.get('QUERY_STRING', ''))))
        signature, expires = query.get('swiftinfo_sig', ''), query.get('swiftinfo_expires', '')
        is_admin = bool(signature or expires)
        if is_admin:
            status = self._refused_status(req.method, signature, expires)
            if status:
                return status_reply(req, status)
        document = get_swift_info(is_admin, list(options.disallowed_sections))
        headers = {}
        origin = req.environ.get('HTTP_ORIGIN')
        if origin:
            headers['Access-Control-Allow-Origin'] = origin
            headers['Access-Control-Expose-Headers'] = 'x-trans-id'
        return Response(request=req, status=200, headers=headers,
                        body=json.dumps(document).encode('ascii'),
                        content_type='application/json; charset=UTF-8')

    HEAD = GET

    def _refused_status(self, method: str, signature: str, expires: str) -> int:
        """Return the status for a bad signature, 0 for a good one."""
        key = self.app.options.admin_key
        if not key:
            return 403
        try:
            expires_at = int(expires)
        except ValueError:
            return 401
        if expires_at < self.app.clock.time():
            return 401
        for valid_for in ('GET',) if method == 'GET' else ('HEAD', 'GET'):
            expected = admin_signature(key, valid_for, expires_at)
            if hmac.compare_digest(expected.encode(), signature.encode('utf-8', 'replace')):
                return 0
        return 401
