"""Accounts: metadata, container listings, creation on first use, deletion mark.

Layer 3. Which answers clients get: sheet 04 section 6; which caches are cleared when: 14.5.

A missing account is shown as an empty one when `account_autocreate` is set, a deleted one that is
not reaped yet as 410.
"""

import json
from typing import Any, ClassVar

from swift.common import info
from swift.common.request_helpers import refuse
from swift.common.subrequest import make_env
from swift.common.swob import Request, Response, str_to_wsgi
from swift.core.constraints import check_metadata, check_name_length
from swift.core.quorum import Answer
from swift.core.timestamp import Timestamp
from swift.proxy.backend_headers import metadata_headers
from swift.proxy.controllers.base import (
    Controller,
    answer_reply,
    quoted_path,
    read_db,
    status_reply,
    uses_replication_network,
    write_all,
    write_nodes,
)
from swift.proxy.fanout import Write

ACL_SYSMETA = 'X-Account-Sysmeta-Core-Access-Control'
ACL_HEADER = 'X-Account-Access-Control'
_ALL = frozenset(('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'))
_WITHOUT_MANAGEMENT = _ALL - {'PUT', 'DELETE'}


class AccountController(Controller):
    """One request to an account."""

    KIND: ClassVar[str] = 'account'
    PUBLIC: ClassVar[frozenset[str]] = _ALL

    def allowed_methods(self) -> frozenset[str]:
        return _ALL if self.app.options.allow_account_management else _WITHOUT_MANAGEMENT

    def GET(self, req: Any) -> Response:
        refusal = self._name_refusal()
        if refusal:
            return refuse(req, refusal)
        app = self.app
        part = app.account_ring.get_part(self.account)
        query = listing_query(req.environ.get('QUERY_STRING', ''))
        resp = read_db(app, req, 'account', app.account_ring, part, quoted_path(self.account),
                       query)
        if resp.status_int == 404:
            if resp.headers.get('X-Account-Status', '').lower() == 'deleted':
                resp.status = 410
            elif app.options.account_autocreate:
                resp = empty_listing(req, app.clock.time())
        self._remember(req, resp)
        if req.environ.get('swift_owner'):
            show_acl(resp)
        else:
            app.strip_owner_headers(resp)
        return resp

    HEAD = GET

    def PUT(self, req: Any) -> Response:
        if not self.app.options.allow_account_management:
            return self._not_allowed(req)
        return self._change(req)

    def POST(self, req: Any) -> Response:
        return self._change(req)

    def DELETE(self, req: Any) -> Response:
        # Safety: a query shows that the caller meant something inside the account.
        if req.environ.get('QUERY_STRING'):
            return status_reply(req, 400)
        if not self.app.options.allow_account_management:
            return self._not_allowed(req)
        info.clear_info_cache(req.environ, self.account)
        best = self._write(req, 'DELETE')
        info.clear_info_cache(req.environ, self.account)
        return answer_reply(req, best)

    def _change(self, req: Any) -> Response:
        refusal = (self._name_refusal()
                   or check_metadata(req.headers.items(), 'account', self.app.cluster.constraints))
        if refusal:
            return refuse(req, refusal)
        info.clear_info_cache(req.environ, self.account)
        best = self._write(req, req.method)
        if (req.method == 'POST' and best is not None and best.status == 404
                and self.app.options.account_autocreate
                and best.headers.get('X-Account-Status', '').lower() != 'deleted'
                and autocreate(self.app, req, self.account)):
            best = self._write(req, 'POST')
        # Once more: a reader may have put the old state back meanwhile.
        info.clear_info_cache(req.environ, self.account)
        resp = answer_reply(req, best)
        show_acl(resp)
        return resp

    def _write(self, req: Any, method: str) -> Answer | None:
        return write_account(self.app, req, self.account, method,
                             metadata_headers(req.environ, 'account', self.app.agent(req)))

    def _name_refusal(self) -> Any:
        return check_name_length('account', self.account, limits=self.app.cluster.constraints)

    def _not_allowed(self, req: Any) -> Response:
        return status_reply(req, 405, headers={'Allow': self.allow_header()})

    def _remember(self, req: Any, resp: Response) -> None:
        app = self.app
        resp.headers['X-Backend-Recheck-Account-Existence'] = str(
            int(app.options.recheck_account_existence))
        info.set_info_cache(
            req.environ, info.cache_key(self.account),
            info.headers_to_account_info(resp.headers, resp.status_int, app.policy_indexes),
            app.options.recheck_account_existence)


def listing_query(query: str) -> str:
    """Return the query for a backend listing: the client's, but JSON in any case."""
    if not query:
        return 'format=json'
    kept = [pair for pair in query.split('&')
            if pair and pair.partition('=')[0].lower() != 'format']
    return '&'.join([*kept, 'format=json'])


def empty_listing(req: Any, now: float) -> Response:
    """Return the listing of an account that exists as soon as something is put into it."""
    timestamp = Timestamp(now).normal
    return Response(
        request=req, status=200, body=b'[]' if req.method == 'GET' else b'',
        headers={
            'Content-Type': 'application/json; charset=utf-8',
            'X-Account-Container-Count': '0',
            'X-Account-Object-Count': '0',
            'X-Account-Bytes-Used': '0',
            'X-Timestamp': timestamp,
            # Compat: the only place where a client sees this header.
            'X-Put-Timestamp': timestamp,
            'X-Backend-Fake-Account-Listing': 'yes',
        })


def show_acl(resp: Response) -> None:
    """Replace the ACL's system metadata by the header that clients know."""
    text = resp.headers.pop(ACL_SYSMETA, None)
    if not text:
        return
    try:
        acl = json.loads(text)
    except ValueError:
        return
    if isinstance(acl, dict) and acl:
        resp.headers[ACL_HEADER] = json.dumps(acl, separators=(',', ':'), sort_keys=True)


def write_account(app: Any, req: Any, account: str, method: str,
                  headers: dict[str, str]) -> Answer | None:
    """Send one account write to all replicas; return the best answer."""
    part = app.account_ring.get_part(account)
    nodes = write_nodes(app, app.account_ring, part, 'account')
    write = Write('Account', method, part, quoted_path(account), nodes,
                  [headers] * nodes.primary_count,
                  replication=uses_replication_network(req.environ))
    return write_all(app, write)


def autocreate(app: Any, req: Any, account: str) -> bool:
    """Create a missing account on all replicas; return whether a quorum did."""
    env = make_env(req.environ, method='PUT', path=str_to_wsgi('/v1/' + account))
    env['HTTP_X_TIMESTAMP'] = Timestamp(app.clock.time()).internal
    headers = metadata_headers(env, 'account', app.agent(req))
    # What filters attached for the account to be born with (for instance a default ACL).
    headers.update((name, value) for name, value in req.headers.items()
                   if name.lower().startswith('x-account-sysmeta-'))
    best = write_account(app, Request(env), account, 'PUT', headers)
    if best is None or best.status // 100 != 2:
        app.logger.warning('Could not autocreate account %r', account)
        return False
    app.logger.info('autocreate account %r', account)
    info.clear_info_cache(req.environ, account)
    return True
