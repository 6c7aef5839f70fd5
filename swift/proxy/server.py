"""The proxy application: from a client's request to the controller that answers it.

Layer 3. `Application` is the WSGI app at the end of the pipeline. It checks what every request must
satisfy (sheet 04, section 1.2, in that order), finds the resource, asks the authorize hook (4.2)
and calls the verb.

    environ -> timestamp, lengths, UTF-8, path -> controller -> host, method -> authorize -> verb

Everything long-lived (rings, policies, node health, connection pool, options) is made once in
app_factory and passed down. Filters find here what the info helpers need: the existence-cache skip
shares and `metrics`.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from os import getpid, register_at_fork
from typing import Any

from swift.common import info, log
from swift.common.clock import SYSTEM
from swift.common.cluster import Cluster
from swift.common.config.parser import readconf
from swift.common.errors import ConfigError
from swift.common.http.message import HeaderLines
from swift.common.http.pool import ConnectionPool
from swift.common.metrics import Statsd
from swift.common.mime_types import MimeTypes
from swift.common.nodes import NodeOrder, NodePicker
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.swob import HTTPException, Request, Response
from swift.common.transport import NodeTransport
from swift.core.names import is_valid_utf8, reserved_name_problem, split_path
from swift.core.timestamp import Timestamp
from swift.core.trans_id import generate_trans_id
from swift.proxy.controllers.account import AccountController
from swift.proxy.controllers.base import Controller, is_true, status_reply
from swift.proxy.controllers.container import ContainerController
from swift.proxy.controllers.cors import add_cors_headers, preflight
from swift.proxy.controllers.info import InfoController
from swift.proxy.controllers.obj import ObjectController
from swift.proxy.options import PolicyOptions, ProxyOptions, policy_options

VERSION = '2.38.0'


@lru_cache(maxsize=1)
def own_agent() -> str:
    """Return the User-Agent of our backend requests. Remembered: it takes a system call."""
    return f'proxy-server {getpid()}'


register_at_fork(after_in_child=own_agent.cache_clear)


class PolicySettings:
    """The options of one policy and the node order made from them."""

    __slots__ = ('options', 'order')

    def __init__(self, options: PolicyOptions, order: NodeOrder):
        self.options = options
        self.order = order


class Application:
    """The proxy. Attributes are set once; everything a request changes is in its environ."""

    def __init__(self, options: ProxyOptions, cluster: Cluster, transport: NodeTransport,
                 logger: Any, *, metrics: Any = None, clock: Any = SYSTEM,
                 policy_overrides: dict[int, PolicyOptions] | None = None):
        self.options = options
        self.cluster = cluster
        self.transport = transport
        self.logger = logger
        self.metrics = metrics or Statsd.from_options({})
        self.clock = clock
        self.nodes = NodePicker(options, logger, self.metrics, clock)
        self.order = NodeOrder(options, self.nodes.speeds, clock)
        self._policies = {
            index: PolicySettings(one, NodeOrder(one, self.nodes.speeds, clock))
            for index, one in (policy_overrides or {}).items()}
        self._default_settings = PolicySettings(options, self.order)
        self.measures_nodes = self.order.measures or any(
            one.order.measures for one in self._policies.values())
        self.account_ring = cluster.account_ring
        self.container_ring = cluster.container_ring
        self.policy_indexes = {policy.name.lower(): policy.index for policy in cluster.policies}
        self.owner_header_keys = tuple('HTTP_' + name.upper().replace('-', '_')
                                       for name in options.swift_owner_headers)
        self.account_existence_skip_cache = options.account_existence_skip_cache_pct
        self.container_existence_skip_cache = options.container_existence_skip_cache_pct
        # Whom object servers tell of writes, encoded: see controllers/obj_targets.py.
        self.update_targets: dict[tuple[int, int], tuple[list, list[HeaderLines]]] = {}
        # In-process clients (daemons) set this: their name is to appear in the backends' logs.
        self.passes_agent = False

    @cached_property
    def mime_types(self) -> MimeTypes:
        """Content types by file name. Reads files."""
        return MimeTypes(self.options.swift_dir)

    # -- what controllers ask ----------------------------------------------------------------------

    def policy_settings(self, policy: Any) -> PolicySettings:
        return self._policies.get(policy.index, self._default_settings)

    def agent(self, req: Any) -> str:
        """Return the User-Agent for backend requests: ours, or that of an in-process client."""
        if self.passes_agent:
            return req.user_agent or 'swift'
        return own_agent()

    def strip_owner_headers(self, resp: Response) -> None:
        """Take from a response what only owners of the account may see."""
        for name in self.options.swift_owner_headers:
            resp.headers.pop(name, None)

    # -- WSGI --------------------------------------------------------------------------------------

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        req = Request(env)
        try:
            response = self.handle(req)
        except HTTPException as error:
            response = error
        except Exception:
            # The request boundary: the client gets a plain 500, the log the whole story.
            self.logger.exception('ERROR Unhandled exception in request %s %s',
                                  env.get('REQUEST_METHOD'), req.path)
            response = status_reply(req, 500)
        return response(env, start_response)

    def handle(self, req: Request) -> Any:
        """Return the response for a request."""
        problem = self._check(req)
        if problem is None:
            found = self._find_controller(req)
            if isinstance(found, Controller):
                return self._dispatch(req, found)
            problem = found
        if problem.status_int != 503:
            self.metrics.increment('errors')
        return problem

    def _check(self, req: Request) -> Response | None:
        """Checks 1 to 4 of sheet 04, section 1.2; None when all pass."""
        env = req.environ
        given = env.get('HTTP_X_TIMESTAMP')
        if given is None:
            env['HTTP_X_TIMESTAMP'] = f'{self.clock.time():016.5f}'
        else:
            try:
                env['HTTP_X_TIMESTAMP'] = Timestamp(given).internal
            except ValueError:
                return status_reply(
                    req, 400, content_type='text/plain',
                    body=f"X-Timestamp should be a UNIX timestamp float value; was '{given}'")
        if 'HTTP_X_STORAGE_TOKEN' in env:
            env.setdefault('HTTP_X_AUTH_TOKEN', env['HTTP_X_STORAGE_TOKEN'])
        length = env.get('CONTENT_LENGTH')
        if length:
            coding = env.get('HTTP_TRANSFER_ENCODING')
            # The coding wins: two readers of one request must never see two bodies.
            if coding and coding.rpartition(',')[2].strip().lower() == 'chunked':
                del env['CONTENT_LENGTH']
            elif length.lstrip().startswith('-'):
                return status_reply(req, 400, body='Invalid Content-Length')
        return None

    def _find_controller(self, req: Request) -> Controller | Response:
        """Checks 5 to 7: the path, and for objects the container's policy."""
        env = req.environ
        path = env['PATH_INFO']
        if not path.isascii():
            try:
                path = path.encode('latin-1').decode('utf-8')
            except UnicodeError:
                return status_reply(req, 412, body='Invalid UTF8 or contains NULL')
            if not is_valid_utf8(path):
                return status_reply(req, 412, body='Invalid UTF8 or contains NULL')
        reserved = False
        if '\x00' in path:
            reserved = is_true(env.get('HTTP_X_BACKEND_ALLOW_RESERVED_NAMES'))
            if not reserved:
                return status_reply(req, 412, body='Invalid UTF8 or contains NULL')
        if path == '/info':
            return InfoController(self, '')
        try:
            version, account, container, obj = split_path(path, 1, 4, True)
        except ValueError:
            return status_reply(req, 404)
        if account is None:
            return status_reply(req, 412, body='Bad URL')
        if version not in self.cluster.constraints.valid_api_versions:
            return status_reply(req, 400)
        problem = reserved_name_problem(account, container, obj) if reserved else None
        if problem:
            return status_reply(req, 400, body=problem)
        if obj is not None:
            return self._object_controller(req, account, container, obj)
        if container is not None:
            return ContainerController(self, account, container)
        return AccountController(self, account)

    def _object_controller(self, req: Request, account: str, container: str,
                           obj: str) -> Controller | Response:
        env = req.environ
        container_info = info.container_info(env, self, account, container)
        if container_info['status'] >= 500:
            return status_reply(req, 503)
        index = env.get('HTTP_X_BACKEND_STORAGE_POLICY_INDEX')
        if index is None:
            index = container_info.get('storage_policy') or 0
        policy = self.cluster.policies.get_by_index(index)
        if policy is None:
            self.logger.error('No policy with index %s for /%s/%s', index, account, container)
            return status_reply(req, 503)
        # The access log and the metrics per policy look for it there.
        env['HTTP_X_BACKEND_STORAGE_POLICY_INDEX'] = str(policy.index)
        return ObjectController(self, account, container, obj, policy, container_info)

    def _dispatch(self, req: Request, controller: Controller) -> Any:
        """Checks 8 to 12: host, method, authorization; then the verb."""
        env = req.environ
        if self.options.deny_host_headers:
            host = (env.get('HTTP_HOST') or '').partition(':')[0]
            if host in self.options.deny_host_headers:
                return status_reply(req, 403, body='Invalid host header')
        if not env.get('swift.trans_id'):
            env['swift.trans_id'] = generate_trans_id(self.options.trans_id_suffix,
                                                      self.clock.time())
            log.set_transaction(env['swift.trans_id'], env.get('REMOTE_ADDR'))
        method = req.method
        if method not in controller.PUBLIC and not (
                method in controller.PRIVATE
                and is_true(env.get('HTTP_X_BACKEND_ALLOW_PRIVATE_METHODS'))):
            return status_reply(req, 405, headers={'Allow': controller.allow_header()})
        env.setdefault('swift.orig_req_method', method)
        authorize = env.get('swift.authorize')
        if authorize is None:
            return self._call_verb(req, controller, method)
        denial = authorize(req)
        if denial is not None:
            if method not in controller.DELAYED:
                return denial
            return self._call_verb(req, controller, method)
        # Allowed once and for all: what the verb asks on the way is not to be asked again.
        del env['swift.authorize']
        try:
            return self._call_verb(req, controller, method)
        finally:
            env.setdefault('swift.authorize', authorize)

    @staticmethod
    def _call_verb(req: Request, controller: Controller, method: str) -> Any:
        if controller.container is None:
            return getattr(controller, method)(req)
        if method == 'OPTIONS':
            return preflight(controller, req)
        resp = getattr(controller, method)(req)
        if req.environ.get('HTTP_ORIGIN'):
            return add_cors_headers(controller, req, resp)
        return resp

    # -- start -------------------------------------------------------------------------------------

    def register_info(self) -> None:
        """Put the cluster's facts into /info."""
        register_swift_info(
            version=VERSION, strict_cors_mode=self.options.strict_cors_mode,
            policies=self.cluster.policies.info(),
            allow_account_management=self.options.allow_account_management,
            account_autocreate=self.options.account_autocreate,
            allow_open_expired=self.options.allow_open_expired,
            **self.cluster.constraints.effective())


def _policy_overrides(options: ProxyOptions, cluster: Cluster,
                      conf: Mapping[str, Any]) -> dict[int, PolicyOptions]:
    """Return the options of policies that have a section of their own.

    PasteDeploy hands over one section only, so the file is read again for [<app>:policy:<index>].
    """
    path = conf.get('__file__')
    if not path:
        return {}
    prefix = f'{conf.get("__name__") or "proxy-server"}:policy:'
    overrides = {}
    for name, section in readconf(path, raw=True).items():
        if not (isinstance(section, dict) and name.startswith(prefix)):
            continue
        index = name[len(prefix):]
        if not index.isdecimal():
            raise ConfigError(f'Override config must refer to policy index: {index!r}')
        policy = cluster.policies.get_by_index(index)
        if policy is None:
            raise ConfigError(f'No policy found for override config, index: {index}')
        overrides[policy.index] = policy_options(options, section, path)
    return overrides


def app_factory(global_conf: dict[str, str], **local_conf: Any) -> Application:
    """PasteDeploy entry point egg:swift#proxy."""
    section = read_section(ProxyOptions, global_conf, local_conf, 'proxy-server')
    conf, options, logger = section.conf, section.options, section.logger
    cluster = Cluster.load(options.swift_dir, logger=logger)
    pool = ConnectionPool()
    app = Application(options, cluster, NodeTransport(pool, options.conn_timeout), logger,
                      metrics=Statsd.from_options(conf, tail='proxy-server', logger=logger),
                      policy_overrides=_policy_overrides(options, cluster, conf))
    cluster.load_rings()
    # Read now, not within the first request that needs it.
    assert app.mime_types
    app.register_info()
    return app
