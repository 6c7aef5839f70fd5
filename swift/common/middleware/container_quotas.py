"""container_quotas: limits that the owners of containers set for them.

Layer 2, right of authentication and copy, so that copies are uploads like any other.

    X-Container-Meta-Quota-Bytes: 1000      most bytes in the container
    X-Container-Meta-Quota-Count: 10        most objects
    413 `Upload exceeds quota.`             to those who may write; others get their refusal

What is used is known as of the cached container information, so a quota is no exact line. Bodies
in chunks are counted as they come. Source: sheet 05 §17.1.

Cost: nothing but for writes; for an upload one look-up of the container's information, which the
proxy needs anyway.
"""
from collections.abc import Callable, Iterable

from swift.common.info import get_container_info
from swift.common.limited_input import limit_body
from swift.common.registry import register_swift_info
from swift.common.swob import HTTPBadRequest, HTTPRequestEntityTooLarge, Request, Response
from swift.core.constraints import split_api_path
from swift.core.quotas import container_quota, is_limit

SOURCE = 'CQ'
TOO_MUCH = 'Upload exceeds quota.'
HEADERS = (('HTTP_X_CONTAINER_META_QUOTA_BYTES', 'Invalid bytes quota.'),
           ('HTTP_X_CONTAINER_META_QUOTA_COUNT', 'Invalid count quota.'))


class ContainerQuotas:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable):
        self.app = app

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        method = env['REQUEST_METHOD']
        if method != 'PUT' and method != 'POST':
            return self.app(env, start_response)
        names = split_api_path(env['PATH_INFO'])
        if names is None or not names[2]:
            return self.app(env, start_response)
        refusal = None
        if not names[3]:
            refusal = self._bad_setting(Request(env))
        elif method == 'PUT':
            refusal = self._refusal(Request(env))
        return (refusal or self.app)(env, start_response)

    @staticmethod
    def _bad_setting(req: Request) -> Response | None:
        for key, message in HEADERS:
            value = req.environ.get(key)
            if value and not is_limit(value):
                return HTTPBadRequest(request=req, body=message)
        return None

    def _refusal(self, req: Request) -> Response | None:
        """Return the answer to an upload that does not fit, None for one that does."""
        env = req.environ
        info = get_container_info(env, self.app, swift_source=SOURCE)
        if info['status'] // 100 != 2:
            return None
        quota = container_quota(info)
        if not quota.is_exceeded_by(req.content_length or 0):
            limit_body(req, quota.remaining, TOO_MUCH)
            return None
        authorize = env.get('swift.authorize')
        if authorize is not None:
            req.acl = info['write_acl']
            denial = authorize(req)
            if denial is not None:
                return denial
        return HTTPRequestEntityTooLarge(request=req, body=TOO_MUCH)


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#container_quotas`."""
    register_swift_info('container_quotas')
    return ContainerQuotas
