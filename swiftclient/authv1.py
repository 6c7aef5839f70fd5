"""Version 1 authentication for sessions of keystoneauth1: the plug-in `v1password`.

Source: the client sheet, section 6. With it `openstack` and the SDK use a cluster whose users are
its own (tempauth), without an identity service. keystoneauth1 is needed for this module alone.

    OS_AUTH_TYPE=v1password OS_AUTH_URL=http://host/auth/v1.0
    OS_USERNAME=account:user OS_PASSWORD=key openstack object store account show
"""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

from keystoneauth1 import exceptions, loading
from keystoneauth1.access.service_catalog import ServiceCatalogV3
from keystoneauth1.identity.base import BaseIdentityPlugin

OBJECT_STORE = 'object-store'
INTERFACES = ('public', 'internal', 'admin')
STATE = ('account', 'auth_token', 'auth_url', 'expires', 'issued', 'storage_url', 'username')


def _now() -> datetime:
    return datetime.now(UTC)


class AccessInfoV1:
    """What was granted: a token, until when, and the catalog that version 1 does not know.

    `expires` and `issued` are aware times; `expires` is None for a token without an end.
    """

    project_id = project_name = None
    domain_id = domain_name = user_domain_id = project_domain_id = 'default'
    service_providers = None

    def __init__(self, auth_url, storage_url, account, username, auth_token, expires=None,
                 issued=None):
        self.auth_url, self.storage_url, self.account = auth_url, storage_url, account
        self.username = self.user_id = username
        self.auth_token = auth_token
        self.expires, self.issued = expires, issued or _now()
        self.service_catalog = ServiceCatalogV3(self._catalog())

    def will_expire_soon(self, stale_duration=30) -> bool:
        """Tell whether the token ends within so many seconds."""
        return self.expires is not None \
            and self.expires - _now() < timedelta(seconds=stale_duration)

    @property
    def object_url(self) -> str:
        """The account's URL: another account's, if one was named."""
        if not self.account:
            return self.storage_url
        return urljoin(self.storage_url.rstrip('/'), self.account)

    def _catalog(self) -> list[dict]:
        regions = [('default', self.storage_url)]
        if self.account:
            regions.insert(0, ('override', self.object_url))
        return [
            {'name': 'swift', 'type': OBJECT_STORE, 'endpoints': [
                _endpoint(interface, region, url)
                for region, url in regions for interface in INTERFACES]},
            {'name': 'auth', 'type': 'identity', 'endpoints': [
                _endpoint(interface, 'default', self.auth_url) for interface in INTERFACES]},
        ]

    def state(self) -> dict:
        """Return what JSON can keep, for `restored`."""
        kept = {name: getattr(self, name) for name in STATE}
        for name in ('expires', 'issued'):
            kept[name] = kept[name] and kept[name].isoformat()
        return kept

    @classmethod
    def restored(cls, kept: dict) -> 'AccessInfoV1':
        times = {name: kept.get(name) and datetime.fromisoformat(kept[name])
                 for name in ('expires', 'issued')}
        return cls(**{**{name: kept.get(name) for name in STATE}, **times})


def _endpoint(interface: str, region: str, url: str) -> dict:
    return {'interface': interface, 'region': region, 'region_id': region, 'url': url}


class PasswordPlugin(BaseIdentityPlugin):
    """Authenticates with user and password at `auth_url`, by one GET."""

    def __init__(self, auth_url, username, password, project_name=None, reauthenticate=True):
        super().__init__(auth_url=auth_url, reauthenticate=reauthenticate)
        self.user, self.key = username, password
        self.account = project_name

    def get_auth_ref(self, session, **kwargs) -> AccessInfoV1:
        """Ask for a token. Raises InvalidResponse if the answer grants none."""
        headers = {'X-Auth-User': self.user, 'X-Auth-Key': self.key}
        resp = session.get(self.auth_url, headers=headers, authenticated=False, log=False,
                           raise_exc=False)
        token = resp.headers.get('X-Storage-Token') or resp.headers.get('X-Auth-Token')
        storage_url = resp.headers.get('X-Storage-Url')
        if not 200 <= resp.status_code < 300 or not storage_url or not token:
            raise exceptions.InvalidResponse(response=resp)
        issued = _now()
        return AccessInfoV1(self.auth_url, storage_url, self.account, self.user, token,
                            _end(issued, resp.headers.get('X-Auth-Token-Expires')), issued)

    def get_cache_id_elements(self) -> dict:
        return {'auth_url': self.auth_url, 'user': self.user, 'key': self.key,
                'account': self.account}

    def get_endpoint(self, session, service_type=None, interface=None, region_name=None,
                     **kwargs) -> str:
        """Return the URL of the object store, the only service that there is."""
        if service_type != OBJECT_STORE:
            raise exceptions.EndpointNotFound(f'{service_type}: version 1 knows no such service')
        if region_name is None:
            return self.get_access(session).object_url
        return self.get_access(session).service_catalog.url_for(
            service_type=service_type, interface=interface or 'public', region_name=region_name)

    def get_auth_state(self) -> str | None:
        return json.dumps(self.auth_ref.state()) if self.auth_ref else None

    def set_auth_state(self, data: str | None) -> None:
        self.auth_ref = AccessInfoV1.restored(json.loads(data)) if data else None


def _end(issued: datetime, lifetime_s: str | None) -> datetime | None:
    try:
        return issued + timedelta(seconds=float(lifetime_s))
    except (TypeError, ValueError, OverflowError):  # none told, or no number: no end
        return None


class PasswordLoader(loading.BaseLoader):
    """What configuration files and command lines say to `PasswordPlugin`."""

    @property
    def plugin_class(self) -> type[PasswordPlugin]:
        return PasswordPlugin

    def get_options(self) -> list:
        return [*super().get_options(), *(
            loading.Opt('auth-url', required=True, help='Authentication URL'),
            loading.Opt('project-name', help='Account to use instead of the user\'s own'),
            loading.Opt('username', required=True, help='Username to login with',
                        deprecated=[loading.Opt('user-name')]),
            loading.Opt('password', required=True, secret=True, help='Password to use'))]
