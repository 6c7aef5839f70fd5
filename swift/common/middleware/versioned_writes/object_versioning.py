"""Object versioning: all versions of a container's objects, each with an id.

Layer 2, left of symlink, right of the older kind of versioning.

    container c            system metadata Versions-Enabled, Versions-Container
    hidden container       NUL versions NUL c, seen by nobody but the cluster
    object o of c          a link to the current version, or data of its own: the version `null`

This file decides what a request is about, and has all that is done to accounts and containers but
listings of versions; objects are in versioned_objects, listings in version_listing.

A container is versioned from its first X-Versions-Enabled: true on; while it says false, writes
make null versions, and everything else works on.

Order of writes: the hidden container is there before the container says so, and goes before it.
What a request did before its own part failed is taken back where it was new.
Source: sheet 05 section 23.2. Cost of a request to a container without versions: a look-up in
what is known of the container. Listings of an account cost a second one, of its hidden containers.
"""
from collections.abc import Callable, Iterable
from functools import partial
from urllib.parse import urlencode

from swift.common.answer_headers import Headers, edited
from swift.common.clock import SYSTEM, Clock
from swift.common.listing_edits import ListingEdit, decode, edit_listing
from swift.common.middleware.versioned_writes.copying import OwnRequests, denial
from swift.common.middleware.versioned_writes.names import Names
from swift.common.middleware.versioned_writes.version_listing import VersionListing
from swift.common.middleware.versioned_writes.versioned_objects import VersionedObjects
from swift.common.mime_types import MimeTypes
from swift.common.swob import (
    HTTPBadRequest,
    HTTPConflict,
    HTTPException,
    HTTPInternalServerError,
    Request,
    wsgi_quote,
)
from swift.core import version_listing
from swift.core.constraints import Constraints, config_true_value, split_api_path
from swift.core.policy import PolicyCollection
from swift.core.versions import CANNOT_SYNC, hidden_container

SOURCE = 'OV'
ENABLED = 'X-Versions-Enabled'
STORED_ENABLED = 'X-Container-Sysmeta-Versions-Enabled'
STORED_CONTAINER = 'X-Container-Sysmeta-Versions-Container'
_ENABLED_LINE = STORED_ENABLED.lower()
_USED_LINE = 'x-container-bytes-used'
CANNOT_ENABLE = 'Cannot enable object versioning on a container '
VERSIONS_LEFT = 'Delete all versions before deleting container.'


class ObjectVersioning:
    """The filter."""

    def __init__(self, app: Callable, limits: Constraints, policies: PolicyCollection,
                 mime_types: MimeTypes, clock: Clock = SYSTEM):
        self.app = app
        self.limits = limits
        self.policies = policies
        self._own = OwnRequests(app, SOURCE, limits.max_file_size)
        self._objects = VersionedObjects(app, self._own, mime_types, clock)
        self._listing = VersionListing(app, self._own, limits.container_listing_limit)

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        path = env['PATH_INFO']
        found = split_api_path(path, self.limits)
        if found is None or '\0' in path:
            return self.app(env, start_response)
        version, account, container, obj = found
        try:
            if not container:
                if env['REQUEST_METHOD'] == 'GET' and not obj:
                    return self._account(env, start_response, version, account)
                return self.app(env, start_response)
            names = Names(version, account, container)
            if obj:
                return self._objects(env, start_response, names, obj)
            return self._container(env, start_response, names)
        except HTTPException as refusal:
            return refusal(env, start_response)

    def _container(self, env: dict, start_response: Callable, names: Names) -> Iterable[bytes]:
        method = env['REQUEST_METHOD']
        if method in ('PUT', 'POST'):
            return self._write(Request(env), names)(env, start_response)
        if method == 'DELETE':
            return self._delete(Request(env), names)(env, start_response)
        if method not in ('GET', 'HEAD'):
            return self.app(env, start_response)
        if method == 'GET' and 'versions' in env.get('QUERY_STRING', ''):
            req = Request(env)
            params = req.params
            if 'versions' in params:
                return self._listing(req, names, params)(env, start_response)
        return self._read(env, start_response, names)

    # -- reading ------------------------------------------------------------------------------

    def _read(self, env: dict, start_response: Callable, names: Names) -> Iterable[bytes]:
        def show_enabled(_status: str, headers: Headers) -> Headers:
            enabled = next((value for name, value in headers
                            if name.lower() == _ENABLED_LINE), None)
            return self._versioned_headers(env, names, headers, enabled) if enabled else headers

        start = edited(start_response, show_enabled)
        if env['REQUEST_METHOD'] == 'HEAD':
            return self.app(env, start)
        show = partial(version_listing.show_version_links, path=wsgi_quote(names.path))
        return edit_listing(self.app, env, start, ListingEdit(version_listing.LINK_MARKER, show))

    def _versioned_headers(self, env: dict, names: Names, headers: Headers,
                           enabled: str) -> Headers:
        # Asked anew each time: what is cached may be a minute old.
        resp = self._own.send(Request(env), 'HEAD', names.hidden)
        resp.close()
        used = int(resp.headers.get('X-Container-Bytes-Used', 0)) if resp.is_success else 0
        return [*((name, str(int(value) + used)) if name.lower() == _USED_LINE else (name, value)
                  for name, value in headers), (ENABLED, enabled)]

    def _account(self, env: dict, start_response: Callable, version: str,
                 account: str) -> Iterable[bytes]:
        req = Request(env)
        params = req.params
        if any('\0' in value for value in params.values()):
            return self.app(env, start_response)
        query = urlencode(version_listing.hidden_account_query(params), encoding='latin-1')
        # A name of the account itself does not matter: the path is in the reserved namespace.
        listing = self._own.make(req, 'GET', f'/{version}/{account}', query,
                                 {'X-Backend-Allow-Reserved-Names': 'true'})
        resp = listing.get_response(self.app)
        hidden = decode(resp.body) if resp.status_int == 200 else None
        resp.close()
        if not hidden:
            return self.app(env, start_response)
        limit = params.get('limit', '')
        most = self.limits.account_listing_limit
        merge = partial(
            version_listing.merge_containers, hidden=hidden,
            limit=min(int(limit), most) if limit.isascii() and limit.isdigit() else most,
            reverse=config_true_value(params.get('reverse')))
        return edit_listing(self.app, env, start_response, ListingEdit(b'', merge))

    # -- enabling and suspending --------------------------------------------------------------

    def _write(self, req: Request, names: Names) -> Callable:
        """Return what answers a PUT or POST of a container. Raises HTTPException."""
        env, headers = req.environ, req.headers
        if ENABLED not in headers:
            if headers.get('X-Container-Sync-To'):
                info = self._own.info_of(env, names.account, names.container)
                if (info.get('sysmeta') or {}).get('versions-container'):
                    raise HTTPBadRequest(request=req, body=CANNOT_SYNC)
            return self.app
        is_enabled = config_true_value(headers[ENABLED])
        headers[STORED_ENABLED] = str(is_enabled)
        if not is_enabled:
            return self.app
        refusal = denial(req, None)
        if refusal is not None:
            return refusal
        info = self._own.info_of(env, names.account, names.container)
        policy_name, known = self._policy_of(req, info)
        if not known:
            # The proxy tells what is wrong with it.
            return self.app
        self._check_can_enable(req, info)
        made = self._own.send(req, 'PUT', names.hidden, headers={
            'X-Storage-Policy': policy_name, 'Content-Length': '0'})
        made.close()
        if not made.is_success and made.status_int != 409:
            raise HTTPInternalServerError(request=req, body='Error enabling object versioning')
        headers[STORED_CONTAINER] = wsgi_quote(hidden_container(names.container))
        resp = req.get_response(self.app)
        if not resp.is_success and made.status_int == 201:
            self._own.send(req, 'DELETE', names.hidden).close()
        return resp

    def _policy_of(self, req: Request, info: dict) -> tuple[str, bool]:
        """Return the policy that the container has or will have, and whether there is such."""
        if info['status'] // 100 == 2:
            policy = self.policies.get_by_index(info.get('storage_policy') or 0)
            if policy is not None and policy.is_deprecated:
                raise HTTPBadRequest(request=req, body=(
                    f'{CANNOT_ENABLE}that uses a deprecated storage policy.'))
        else:
            name = req.headers.get('X-Storage-Policy')
            policy = self.policies.get_by_name(name) if name else self.policies.default
            if policy is not None and policy.is_deprecated:
                policy = None
        return (policy.name, True) if policy is not None else ('', False)

    @staticmethod
    def _check_can_enable(req: Request, info: dict) -> None:
        sysmeta = info.get('sysmeta') or {}
        if sysmeta.get('versions-location') or info.get('versions'):
            raise HTTPBadRequest(request=req, body=(
                f'{CANNOT_ENABLE}that is already using the legacy versioned writes feature.'))
        if info.get('sync_to') or req.headers.get('X-Container-Sync-To'):
            raise HTTPBadRequest(request=req, body=(
                f'{CANNOT_ENABLE}configured as source of container syncing.'))

    # -- deleting -----------------------------------------------------------------------------

    def _delete(self, req: Request, names: Names) -> Callable:
        """Return what answers the DELETE of a container. Raises HTTPException."""
        info = self._own.info_of(req.environ, names.account, names.container)
        if not (info.get('sysmeta') or {}).get('versions-container'):
            return self.app
        refusal = denial(req, None)
        if refusal is not None:
            return refusal
        # One with objects stays, and must keep what its flag speaks of.
        if self._object_count(req, names.path):
            return self.app
        if self._object_count(req, names.hidden):
            raise HTTPConflict(request=req, body=VERSIONS_LEFT)
        gone = self._own.send(req, 'DELETE', names.hidden)
        gone.close()
        if gone.status_int == 409:
            raise HTTPConflict(request=req, body=VERSIONS_LEFT)
        if not gone.is_success and gone.status_int != 404:
            raise HTTPInternalServerError(request=req,
                                          body='Error deleting versioned container')
        resp = req.get_response(self.app)
        if resp.status_int == 409 and gone.is_success:
            # Somebody has written meanwhile.
            policy = self.policies.get_by_index(info.get('storage_policy') or 0)
            self._own.send(req, 'PUT', names.hidden, headers={
                'X-Storage-Policy': policy.name, 'Content-Length': '0'}).close()
        return resp

    def _object_count(self, req: Request, path: str) -> int:
        resp = self._own.send(req, 'HEAD', path)
        resp.close()
        if resp.status_int == 404:
            return 0
        if not resp.is_success:
            raise HTTPInternalServerError(request=req,
                                          body='Error deleting versioned container')
        return int(resp.headers.get('X-Container-Object-Count', 0))
