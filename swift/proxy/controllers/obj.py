"""One request to an object: checks that all verbs share, then the verb's own module.

Layer 3. Reading is in obj_read, PUT in obj_write, POST and DELETE in obj_change. Order of checks:
sheet 04 sections 4.2 and 8.
"""

from typing import Any, ClassVar

from swift.common.request_helpers import refuse
from swift.common.swob import Response
from swift.core.conditions import Match
from swift.core.constraints import check_object_creation
from swift.core.content_type import SWIFT_PARAMETER, has_swift_parameter
from swift.proxy.controllers.base import Controller, is_true, status_reply
from swift.proxy.controllers.obj_change import delete_object, post_object
from swift.proxy.controllers.obj_read import read_object
from swift.proxy.controllers.obj_write import put_object


class ObjectController(Controller):
    """One request to an object, with its container's info and storage policy."""

    KIND: ClassVar[str] = 'object'
    PUBLIC: ClassVar[frozenset[str]] = frozenset(
        ('GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS'))
    DELAYED: ClassVar[frozenset[str]] = frozenset(('GET', 'HEAD', 'PUT', 'POST', 'DELETE'))

    def __init__(self, app: Any, account: str, container: str, obj: str, policy: Any,
                 container_info: dict):
        super().__init__(app, account, container, obj)
        self.policy = policy
        self.container_info = container_info
        self.order = app.policy_settings(policy).order

    def GET(self, req: Any) -> Response:
        return (self._denial(req, 'read_acl') or self._fragments_refusal(req)
                or read_object(self, req))

    HEAD = GET

    def PUT(self, req: Any) -> Response:
        only_if = req.environ.get('HTTP_IF_NONE_MATCH')
        if only_if is not None and '*' not in Match(only_if).tags:
            return status_reply(req, 400, content_type='text/plain',
                                body='If-None-Match only supports *')
        denial = self._write_denial(req) or self._fragments_refusal(req)
        if denial:
            return denial
        self._guess_content_type(req)
        refusal = check_object_creation(req.headers, self.obj, req.timestamp,
                                        self.app.cluster.constraints)
        if refusal:
            return refuse(req, refusal)
        if (not req.environ.get('swift.content_type_overridden')
                and has_swift_parameter(req.environ.get('CONTENT_TYPE', ''))):
            return status_reply(req, 400, body=SWIFT_PARAMETER)
        self.log_expiry(req)
        return put_object(self, req)

    def POST(self, req: Any) -> Response:
        return self._write_denial(req) or post_object(self, req)

    def DELETE(self, req: Any) -> Response:
        return self._write_denial(req) or delete_object(self, req)

    def _denial(self, req: Any, acl: str) -> Response | None:
        """Ask the authorize hook again, now with the container's ACL; None when allowed."""
        authorize = req.environ.get('swift.authorize')
        if authorize is None:
            return None
        req.acl = self.container_info.get(acl)
        return authorize(req)

    def _write_denial(self, req: Any) -> Response | None:
        req.environ['swift_sync_key'] = self.container_info.get('sync_key')
        denial = self._denial(req, 'write_acl')
        if denial is not None:
            return denial
        if not 200 <= self.container_info['status'] < 300:
            return status_reply(req, 404)
        return None

    def _fragments_refusal(self, req: Any) -> Response | None:
        """Bodies of erasure-coded policies are fragments: whole bytes must never get among them."""
        if not self.policy.is_ec:
            return None
        return status_reply(req, 501, content_type='text/plain', body=(
            f'Storage policy {self.policy.name} is erasure coded, which this proxy does not serve'))

    def _guess_content_type(self, req: Any) -> None:
        env = req.environ
        detect = env.pop('HTTP_X_DETECT_CONTENT_TYPE', None)
        if env.get('CONTENT_TYPE') and not (detect is not None and is_true(detect)):
            return
        env['CONTENT_TYPE'] = self.app.mime_types.guess(self.obj)

    def log_expiry(self, req: Any) -> None:
        """Mention the expiry time in the access log."""
        delete_at = req.environ.get('HTTP_X_DELETE_AT')
        if delete_at:
            req.environ.setdefault('swift.log_info', []).append(f'x-delete-at:{delete_at}')
