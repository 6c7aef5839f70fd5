"""account_quotas: limits that resellers set for accounts, in all and per storage policy.

Layer 2, right of authentication and copy. Who does not have `reseller_request` is refused the
headers (403), and held to the limits.

    X-Account-Quota-Bytes, X-Account-Quota-Count                     the whole account
    X-Account-Quota-Bytes-Policy-<name>, ...-Count-Policy-<name>     what is in one policy
    X-Remove-..., or an empty value                                  no limit any more
    413 `Upload exceeds quota.`, `Upload exceeds policy quota.`

The 413 is given through `swift.authorize`: whoever may not write learns nothing of quotas. What is
used is known as of the cached account information. Bodies in chunks are counted as they come.
Source: sheet 05 §17.2.

Cost: nothing for what is neither an account nor an upload; for an upload one look-up of the
account's information.
"""
from collections.abc import Callable, Iterable

from swift.common.answer_headers import shown
from swift.common.cluster import Cluster
from swift.common.info import get_account_info, get_container_info
from swift.common.limited_input import limit_body
from swift.common.places import config_root
from swift.common.registry import register_swift_info
from swift.common.swob import (
    HTTPBadRequest,
    HTTPForbidden,
    HTTPRequestEntityTooLarge,
    Request,
    Response,
)
from swift.core.constraints import split_api_path
from swift.core.policy import PolicyCollection
from swift.core.quotas import (
    LEGACY_HEADER,
    Quota,
    Setting,
    account_quota,
    account_settings,
    is_limit,
    policy_quota,
)

SOURCE = 'AQ'
TOO_MUCH = 'Upload exceeds quota.'
TOO_MUCH_IN_POLICY = 'Upload exceeds policy quota.'
ACCOUNT_SLASHES = 3             # most slashes in the path of an account


class AccountQuotas:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, policies: PolicyCollection):
        self.app = app
        self._settings = account_settings((policy.index, policy.name) for policy in policies)
        self._shown = {setting.stored_name.lower(): setting.client_name
                       for setting in self._settings}

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        path = env['PATH_INFO']
        if path.count('/') <= ACCOUNT_SLASHES:
            names = split_api_path(path)
            if names is not None and not names[2]:
                return self._account(env, start_response)
        if env['REQUEST_METHOD'] == 'PUT' and not env.get('reseller_request'):
            names = split_api_path(path)
            if names is not None and names[3]:
                return self._upload(Request(env))(env, start_response)
        return self.app(env, start_response)

    # -- setting and showing -------------------------------------------------------------------

    def _account(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if env['REQUEST_METHOD'] in ('PUT', 'POST'):
            refusal = self._store(Request(env))
            if refusal is not None:
                return refusal(env, start_response)
        return self.app(env, shown(start_response, self._shown))

    def _store(self, req: Request) -> Response | None:
        """Turn the client's headers into those that are stored; return a refusal, or None."""
        found = {setting: value for setting in self._settings
                 if (value := self._given(req, setting)) is not None}
        if not found:
            return None
        if not req.environ.get('reseller_request'):
            return HTTPForbidden(request=req)
        if not all(is_limit(value) for value in found.values() if value):
            return HTTPBadRequest(request=req)
        for setting, value in found.items():
            req.headers[setting.stored_name] = value
        return None

    def _given(self, req: Request, setting: Setting) -> str | None:
        """Return the value that a request has for a quota, '' for its end, None for none."""
        headers = req.headers
        removals, names = [setting.remove_name], [setting.client_name]
        if setting is self._settings[0]:
            removals.append('X-Remove-' + LEGACY_HEADER.removeprefix('X-'))
            names.append(LEGACY_HEADER)
        if any(name in headers for name in removals):
            return ''
        return next((headers[name] for name in names if name in headers), None)

    # -- holding to them -----------------------------------------------------------------------

    def _upload(self, req: Request) -> Callable:
        """Return what answers an upload, which is the next filter unless it never fits."""
        env = req.environ
        info = get_account_info(env, self.app, swift_source=SOURCE)
        if info['status'] // 100 != 2:
            return self.app
        size = req.content_length or 0
        for quota, message in self._quotas(env, info):
            if quota.is_exceeded_by(size):
                return self._refuse(req, message)
            limit_body(req, quota.remaining, message)
        return self.app

    def _quotas(self, env: dict, info: dict) -> list[tuple[Quota, str]]:
        quotas = [(account_quota(info), TOO_MUCH)]
        if any('-policy-' in name and name.startswith('quota-') for name in info['sysmeta']):
            container = get_container_info(env, self.app, swift_source=SOURCE)
            if container['status'] // 100 == 2:
                quotas.append((policy_quota(info, container['storage_policy']),
                               TOO_MUCH_IN_POLICY))
        return quotas

    def _refuse(self, req: Request, message: str) -> Callable:
        env = req.environ
        authorize = env.get('swift.authorize')
        if authorize is None:
            return HTTPRequestEntityTooLarge(request=req, body=message)

        def authorize_or_refuse(asking: Request) -> Response:
            return authorize(asking) or HTTPRequestEntityTooLarge(request=asking, body=message)

        env['swift.authorize'] = authorize_or_refuse
        return self.app


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#account_quotas`."""
    conf = {**global_conf, **local_conf}
    register_swift_info('account_quotas')
    policies = Cluster(config_root(conf.get('swift_dir'))).policies
    return lambda app: AccountQuotas(app, policies)
