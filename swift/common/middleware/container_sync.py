"""container_sync: the receiving end of containers that are synchronised between clusters.

Layer 2, right of the cache, left of authentication. The daemon of the other cluster signs its
requests (`swift.core.sync_signature`); who signs with the keys of a realm and of the container
needs no token, and may say the time of a write, so that both clusters agree on what is newer.

    X-Container-Sync-Auth: <realm> <nonce> <signature>      right: passes authorisation, large
                                                            objects and links are taken as they are
                                                            wrong: 401
    X-Container-Sync-Key: <key of the container>            the old way; the authorisation filter
                                                            decides, the time is taken here
    X-Container-Sync-To: <target>                           400 for targets that are not allowed

Realms come from container-sync-realms.conf and are shown in /info. Source: sheet 05 §24.

Cost: three look-ups for requests that are none of these.
"""
import hmac
from collections.abc import Callable, Iterable

from swift.common.config.common import SwiftDir
from swift.common.config.options import Bool, Options, Text
from swift.common.errors import ConfigError
from swift.common.info import get_container_info
from swift.common.places import DEFAULT_SWIFT_DIR
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.swob import (
    HTTPBadRequest,
    HTTPUnauthorized,
    Request,
    Response,
    environ_key,
    wsgi_quote,
    wsgi_to_str,
)
from swift.common.sync_realms import SyncRealms
from swift.core.constraints import split_api_path
from swift.core.headers import X_BACKEND_INBOUND_TIMESTAMP
from swift.core.sync_signature import SyncVerdict, judge
from swift.core.versions import CANNOT_SYNC

SOURCE = 'CS'
INBOUND_TIMESTAMP = environ_key(X_BACKEND_INBOUND_TIMESTAMP)
AUTH, KEY, TARGET = ('HTTP_X_CONTAINER_SYNC_AUTH', 'HTTP_X_CONTAINER_SYNC_KEY',
                     'HTTP_X_CONTAINER_SYNC_TO')
NOT_VALID = 'X-Container-Sync-Auth header not valid; contact cluster operator for support.'
FULL_URL = ('Full URLs are not allowed for X-Container-Sync-To values. Only realm values of the '
            'format //realm/cluster/account/container are allowed.\n')


class ContainerSyncOptions(Options, section='filter:container_sync'):
    """The receiving end of container sync."""

    swift_dir = SwiftDir(DEFAULT_SWIFT_DIR, 'Directory of container-sync-realms.conf.')
    allow_full_urls = Bool(True, 'Let X-Container-Sync-To be a URL; false: only '
                                 '//realm/cluster/account/container.')
    current = Text('', '//REALM/CLUSTER that this cluster is, to be marked in /info.')


class ContainerSync:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: ContainerSyncOptions, realms: SyncRealms):
        """Raises ConfigError."""
        self.app = app
        self._allows_urls = options.allow_full_urls
        self._realms = realms
        self._current = parse_current(options.current)
        self._register()

    def _register(self) -> None:
        register_swift_info('container_sync', realms={
            name: {'clusters': {cluster: {'current': True} if (name, cluster) == self._current
                                else {} for cluster in realm.clusters}}
            for name, realm in self._realms.current().items()})

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        refusal = None
        if AUTH in env:
            refusal = self._check_signature(Request(env))
        elif TARGET in env and env['REQUEST_METHOD'] in ('PUT', 'POST'):
            refusal = self._check_target(Request(env))
        elif KEY in env and INBOUND_TIMESTAMP in env:
            self._take_time(env)
        elif env['PATH_INFO'] == '/info':
            self._register()
        return (refusal or self.app)(env, start_response)

    def _sync_key(self, env: dict) -> str | None:
        """Return the key of the container in a request's path, None if there is none."""
        names = split_api_path(env['PATH_INFO'])
        if names is None or not names[2]:
            return None
        return get_container_info(env, self.app, swift_source=SOURCE)['sync_key']

    def _check_signature(self, req: Request) -> Response | None:
        env = req.environ
        if INBOUND_TIMESTAMP in env:
            env['HTTP_X_TIMESTAMP'] = env.pop(INBOUND_TIMESTAMP)
        realms = self._realms.current()
        key = self._sync_key(env) if realms else None
        verdict = judge(wsgi_to_str(env[AUTH]), env['REQUEST_METHOD'], req.path,
                        env.get('HTTP_X_TIMESTAMP', '0'), realms, key)
        env.setdefault('swift.log_info', []).append(verdict.value)
        if verdict is not SyncVerdict.VALID:
            names = split_api_path(env['PATH_INFO'])
            realm = wsgi_quote(names[1]) if names else 'unknown'
            return HTTPUnauthorized(
                request=req, body=NOT_VALID, content_type='text/plain',
                headers={'Www-Authenticate': f'SwiftContainerSync realm="{realm}"'})
        env['swift.authorize_override'] = True
        # What is sent is what the other cluster has stored: manifests and links themselves.
        env['swift.slo_override'] = True
        env['swift.symlink_override'] = True
        return None

    def _check_target(self, req: Request) -> Response | None:
        env = req.environ
        names = split_api_path(env['PATH_INFO'])
        if names is None or not names[2] or names[3]:
            return None
        target = wsgi_to_str(env[TARGET])
        if not target:
            return None
        info = get_container_info(env, self.app, swift_source=SOURCE)
        if info['sysmeta'].get('versions-container'):
            return HTTPBadRequest(request=req, body=CANNOT_SYNC)
        if not self._allows_urls and not target.startswith('//'):
            return HTTPBadRequest(request=req, body=FULL_URL)
        return None

    def _take_time(self, env: dict) -> None:
        """Let who has the container's key say the time.

        Otherwise what comes would be newer here than where it comes from, and two containers that
        are synchronised with each other would send it to and fro for ever.
        """
        key = self._sync_key(env)
        given = wsgi_to_str(env[KEY])
        if key and hmac.compare_digest(given.encode('utf-8', 'surrogateescape'),
                                       key.encode('utf-8', 'surrogateescape')):
            env['HTTP_X_TIMESTAMP'] = env.pop(INBOUND_TIMESTAMP)


def parse_current(text: str) -> tuple[str, str] | None:
    """Return (realm, cluster) of `//REALM/CLUSTER` in upper case. Raises ConfigError."""
    if not text:
        return None
    words = text.upper().strip('/').split('/')
    if not text.startswith('//') or len(words) != 2 or not all(words):
        raise ConfigError(f'[filter:container_sync]: Invalid current //REALM/CLUSTER ({text})')
    return words[0], words[1]


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#container_sync`."""
    section = read_section(ContainerSyncOptions, global_conf, local_conf, 'container_sync')
    realms = SyncRealms(section.options.swift_dir, section.logger)
    return lambda app: ContainerSync(app, section.options, realms)
