"""Containers: metadata, object listings, creation with a policy, deletion.

Layer 3. Which answers clients get: sheet 04 section 7; order of checks of a PUT: 7.2; which caches
are cleared when: 14.5 (and once more after POST and DELETE, because a reader may have put the old
state back while the backends were working).

Listings of unsharded containers pass through untouched, byte for byte.
"""

from typing import Any, ClassVar
from urllib.parse import parse_qsl

from swift.common import info
from swift.common.request_helpers import refuse
from swift.common.swob import Response, wsgi_to_bytes, wsgi_to_str
from swift.core.constraints import check_metadata, check_name_length
from swift.core.names import AUTO_CREATE_PREFIX
from swift.core.quorum import Answer
from swift.proxy.backend_headers import account_update_headers, metadata_headers
from swift.proxy.controllers.account import autocreate, listing_query
from swift.proxy.controllers.base import (
    Controller,
    answer_reply,
    is_true,
    quoted_path,
    read_db,
    status_reply,
    uses_replication_network,
    write_all,
    write_nodes,
)
from swift.proxy.fanout import Write

_LISTING_PARAMETERS = ('limit', 'marker', 'end_marker', 'prefix', 'delimiter', 'path', 'format',
                       'reverse', 'states', 'includes')
_SHARDING_SYSMETA = 'X-Container-Sysmeta-Sharding'
_SHARDING_HEADER = 'X-Container-Sharding'


class ContainerController(Controller):
    """One request to a container."""

    KIND: ClassVar[str] = 'container'
    PUBLIC: ClassVar[frozenset[str]] = frozenset(
        ('GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS'))
    PRIVATE: ClassVar[frozenset[str]] = frozenset(('UPDATE',))
    DELAYED: ClassVar[frozenset[str]] = frozenset(('GET', 'HEAD'))

    # -- reading -----------------------------------------------------------------------------------

    def GET(self, req: Any) -> Response:
        problem = parameter_problem(req, self.app.cluster.constraints.container_listing_limit)
        return problem or self._read(req)

    def HEAD(self, req: Any) -> Response:
        return self._read(req)

    def _read(self, req: Any) -> Response:
        app, env = self.app, req.environ
        if not self._account_exists(req):
            return _denial(req) or status_reply(req, 404)
        part = app.container_ring.get_part(self.account, self.container)
        resp = read_db(app, req, 'container', app.container_ring, part,
                       quoted_path(self.account, self.container),
                       listing_query(env.get('QUERY_STRING', '')))
        self._remember(req, resp)
        if 'swift.authorize' in env:
            req.acl = wsgi_to_str(resp.headers.get('X-Container-Read'))
            denial = env['swift.authorize'](req)
            if denial is not None:
                _close(resp)
                return denial
        if not env.get('swift_owner'):
            app.strip_owner_headers(resp)
        if env.get('reseller_request') and resp.is_success:
            sharding = resp.headers.get(_SHARDING_SYSMETA)
            resp.headers[_SHARDING_HEADER] = str(is_true(sharding))
        return resp

    def _account_exists(self, req: Any) -> bool:
        if self.account.startswith(AUTO_CREATE_PREFIX):
            return True
        found = info.account_info(req.environ, self.app, self.account)
        return 200 <= found['status'] < 300

    def _remember(self, req: Any, resp: Response) -> None:
        ttl_s = self.app.options.recheck_container_existence
        resp.headers['X-Backend-Recheck-Container-Existence'] = str(int(ttl_s))
        if req.environ.get('HTTP_X_BACKEND_RECORD_TYPE') == 'shard':
            return
        info.set_info_cache(req.environ, info.cache_key(self.account, self.container),
                            info.headers_to_container_info(resp.headers, resp.status_int), ttl_s)

    # -- writing -----------------------------------------------------------------------------------

    def PUT(self, req: Any) -> Response:
        app = self.app
        problem = self._clean_acls(req)
        if problem:
            return problem
        refusal = check_metadata(req.headers.items(), 'container', app.cluster.constraints)
        if refusal:
            return refuse(req, refusal)
        policy, problem = self._requested_policy(req)
        if problem:
            return problem
        self._drop_owner_headers(req)
        refusal = check_name_length('container', self.container, self.account,
                                    app.cluster.constraints)
        if refusal:
            return refuse(req, refusal)
        problem = self._prepare_account(req) or self._too_many(req)
        if problem:
            return problem
        headers = metadata_headers(req.environ, 'container', app.agent(req))
        if policy is None:
            headers['X-Backend-Storage-Policy-Default'] = str(app.cluster.policies.default.index)
        else:
            headers['X-Backend-Storage-Policy-Index'] = str(policy.index)
        best = self._write(req, 'PUT', headers, tell_account=True)
        info.clear_info_cache(req.environ, self.account, self.container)
        info.clear_info_cache(req.environ, self.account, self.container, shard='listing')
        return answer_reply(req, best)

    def POST(self, req: Any) -> Response:
        problem = self._clean_acls(req)
        if problem:
            return problem
        refusal = check_metadata(req.headers.items(), 'container', self.app.cluster.constraints)
        if refusal:
            return refuse(req, refusal)
        self._drop_owner_headers(req)
        if not self._account_exists(req):
            return status_reply(req, 404)
        headers = metadata_headers(req.environ, 'container', self.app.agent(req))
        info.clear_info_cache(req.environ, self.account, self.container)
        best = self._write(req, 'POST', headers)
        info.clear_info_cache(req.environ, self.account, self.container)
        return answer_reply(req, best)

    def DELETE(self, req: Any) -> Response:
        if not self._account_exists(req):
            return status_reply(req, 404)
        headers = metadata_headers(req.environ, 'container', self.app.agent(req))
        info.clear_info_cache(req.environ, self.account, self.container)
        info.clear_info_cache(req.environ, self.account, self.container, shard='listing')
        best = self._write(req, 'DELETE', headers, tell_account=True)
        info.clear_info_cache(req.environ, self.account, self.container)
        # Compat: 202 means that most replicas knew nothing of the container.
        if best is not None and best.status == 202:
            return status_reply(req, 404)
        return answer_reply(req, best)

    def UPDATE(self, req: Any) -> Response:
        """Merge rows into the container's databases: for internal callers."""
        headers = metadata_headers(req.environ, 'container', self.app.agent(req))
        if 'CONTENT_TYPE' in req.environ:
            headers['Content-Type'] = req.environ['CONTENT_TYPE']
        return answer_reply(req, self._write(req, 'UPDATE', headers, body=req.body))

    def _write(self, req: Any, method: str, headers: dict[str, str], *,
               tell_account: bool = False, body: bytes = b'') -> Answer | None:
        app = self.app
        part = app.container_ring.get_part(self.account, self.container)
        nodes = write_nodes(app, app.container_ring, part, 'container')
        count = nodes.primary_count
        if tell_account:
            account_part, account_nodes = app.account_ring.get_nodes(self.account)
            header_sets = account_update_headers(headers, count, account_part, account_nodes)
        else:
            header_sets = [headers] * count
        write = Write('Container', method, part, quoted_path(self.account, self.container), nodes,
                      header_sets, body=body,
                      replication=uses_replication_network(req.environ))
        return write_all(app, write)

    # -- checks of PUT and POST --------------------------------------------------------------------

    def _clean_acls(self, req: Any) -> Response | None:
        clean = req.environ.get('swift.clean_acl')
        if clean is None:
            return None
        for key, name in (('HTTP_X_CONTAINER_READ', 'x-container-read'),
                          ('HTTP_X_CONTAINER_WRITE', 'x-container-write')):
            value = req.environ.get(key)
            if not value:
                continue
            try:
                req.environ[key] = clean(name, value)
            except ValueError as error:
                return status_reply(req, 400, body=wsgi_to_bytes(str(error)))
        return None

    def _requested_policy(self, req: Any) -> tuple[Any, Response | None]:
        name = req.environ.get('HTTP_X_STORAGE_POLICY')
        if not name:
            return None, None
        policy = self.app.cluster.policies.get_by_name(name)
        if policy is None:
            return None, status_reply(req, 400, content_type='text/plain',
                                      body=wsgi_to_bytes(
                                          f"Invalid X-Storage-Policy '{name}'"))
        if policy.is_deprecated:
            return None, status_reply(req, 400,
                                      body=f"Storage Policy '{policy.name}' is deprecated")
        return policy, None

    def _drop_owner_headers(self, req: Any) -> None:
        env = req.environ
        if not env.get('swift_owner'):
            for key in self.app.owner_header_keys:
                env.pop(key, None)
        if env.get('reseller_request') and 'HTTP_X_CONTAINER_SHARDING' in env:
            env['HTTP_X_CONTAINER_SYSMETA_SHARDING'] = str(
                is_true(env['HTTP_X_CONTAINER_SHARDING']))

    def _prepare_account(self, req: Any) -> Response | None:
        """Make sure that the account exists; None when it does."""
        if self.account.startswith(AUTO_CREATE_PREFIX):
            return None
        app = self.app
        found = info.account_info(req.environ, app, self.account)
        if 200 <= found['status'] < 300 and found.get('account_really_exists', True):
            return None
        if not app.options.account_autocreate:
            return status_reply(req, 404)
        if not autocreate(app, req, self.account):
            return status_reply(req, 503)
        return None

    def _too_many(self, req: Any) -> Response | None:
        options = self.app.options
        limit = options.max_containers_per_account
        if limit <= 0 or self.account in options.max_containers_whitelist:
            return None
        account = info.account_info(req.environ, self.app, self.account)
        if int(account.get('container_count') or 0) < limit:
            return None
        found = info.container_info(req.environ, self.app, self.account, self.container)
        if 200 <= found['status'] < 300:
            return None
        return status_reply(req, 403, body=f'Reached container limit of {limit}')


def _denial(req: Any) -> Response | None:
    authorize = req.environ.get('swift.authorize')
    return authorize(req) if authorize is not None else None


def _close(resp: Response) -> None:
    close = getattr(resp.app_iter, 'close', None)
    if close is not None:
        close()


def parameter_problem(req: Any, limit_max: int) -> Response | None:
    """Return the refusal of a bad listing parameter, None when all are fine."""
    query = req.environ.get('QUERY_STRING')
    if not query:
        return None
    # Of repeated parameters the last counts, here as in the backends.
    found = dict(parse_qsl(query, keep_blank_values=True, encoding='latin-1'))
    for name in _LISTING_PARAMETERS:
        value = found.get(name)
        if value and not value.isascii():
            try:
                value.encode('latin-1').decode('utf-8')
            except UnicodeError:
                return status_reply(req, 400, content_type='text/plain',
                                    body=f'"{name}" parameter not valid UTF-8')
    limit = found.get('limit', '')
    if limit.isascii() and limit.isdigit() and int(limit[:20]) > limit_max:
        return status_reply(req, 412, body=f'Maximum limit is {limit_max}')
    return None
