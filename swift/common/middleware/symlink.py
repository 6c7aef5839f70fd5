"""symlink: objects that stand for other objects.

Layer 2, right of copy, slo, dlo and versioned_writes, left of encryption.

    PUT  X-Symlink-Target: container/object  [X-Symlink-Target-Account: a]      a link
         X-Symlink-Target-Etag: tag          only while the target has this tag (static)
    GET, HEAD                                the target, with Content-Location
    GET, HEAD ?symlink=get                   the link itself
    POST                                     of the link itself, then a redirect to the target
    DELETE, OPTIONS                          of the link itself
    GET of a container                       symlink_path, symlink_etag, symlink_bytes of its links

A reader needs the right to read the target: each hop is a request of the client's own, with its
headers. Hops of links that the cluster made (object versioning) are the exception. The target of a
static link is looked at when the link is made, except for container sync, which may bring the link
before its target (`swift.symlink_override`).

Invariants: at most `symloop_max` links are followed that clients made, and a bounded number of
others; the bodies of links are closed before the next hop.
Source: sheet 05 section 22. What is stored how, and when following ends: swift.core.symlinks.

Cost: for reads of objects one look at the headers of the answer; for listings a search for
the word that links leave in them; otherwise a look-up in the environ.
"""
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from swift.common.cluster import Cluster
from swift.common.config.options import Integer, Options
from swift.common.listing_edits import ListingEdit, edit_listing
from swift.common.places import config_root
from swift.common.registry import register_swift_info
from swift.common.request_helpers import refuse
from swift.common.sections import read_section
from swift.common.subrequest import make_pre_authed_request, make_subrequest
from swift.common.swob import (
    HeaderKeyDict,
    HTTPBadRequest,
    HTTPConflict,
    HTTPTemporaryRedirect,
    Request,
    Response,
    close_if_possible,
    wsgi_quote,
)
from swift.core import symlinks
from swift.core.constraints import DEFAULT, Constraints, split_api_path
from swift.core.headers import X_BACKEND_ALLOW_RESERVED, X_BACKEND_POLICY_INDEX, is_sys_meta
from swift.core.symlinks import Hop, Refused, Target

SOURCE = 'SYM'
METHODS = frozenset(('GET', 'HEAD', 'PUT', 'POST'))
DEFAULT_LOOP_MAX = 2
# Not of the client's wish to read, or found anew for the next hop.
NOT_CARRIED = frozenset(('Content-Length', 'Transfer-Encoding', 'Expect', X_BACKEND_POLICY_INDEX))
IGNORE_RANGE_KEY = 'HTTP_X_BACKEND_IGNORE_RANGE_IF_METADATA_PRESENT'
# Statuses of answers that are about an object which is there.
OF_AN_OBJECT = frozenset((200, 206, 304, 412, 416))
REDIRECT_TEXT = ('The requested POST was applied to a symlink. POST directly to the target to '
                 'apply requested metadata.')
_STORED_TARGET = symlinks.STORED_TARGET.lower()

Answer = tuple[str, HeaderKeyDict, Iterable[bytes]]


class SymlinkOptions(Options, section='filter:symlink'):
    """Links to objects."""

    symloop_max = Integer(DEFAULT_LOOP_MAX, 'How many links in a row are followed. Less than 1 '
                                        'stands for the default.')


class SymlinkFilter:
    """The filter."""

    def __init__(self, app: Callable, loop_max: int = DEFAULT_LOOP_MAX,
                 limits: Constraints = DEFAULT):
        self.app = app
        self.loop_max = loop_max
        # A link that clients make can lead to one of the cluster's and the other way round.
        self.hops_max = 2 * loop_max + 1
        self._limits = limits

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        method = env['REQUEST_METHOD']
        if method not in METHODS or (method == 'PUT' and 'HTTP_X_SYMLINK_TARGET' not in env):
            return self.app(env, start_response)
        names = split_api_path(env['PATH_INFO'], self._limits)
        if names is None or not names[2]:
            return self.app(env, start_response)
        version, account, container, obj = names
        if not obj:
            if method == 'GET':
                return self._list(env, start_response, version, account)
            return self.app(env, start_response)
        if method in ('GET', 'HEAD'):
            return self._read(env, start_response, version, account)
        req = Request(env)
        if method == 'POST':
            return self._post(req, version, account)(env, start_response)
        try:
            target = symlinks.wanted_target(req.headers, req.allow_reserved_names)
            if target.path(version, account) == f'/{version}/{account}/{container}/{obj}':
                raise Refused(400, 'Symlink cannot target itself')
            _check_body(req)
            self._prepare_link(req, target, version, account)
        except Refused as refused:
            return refuse(req, refused.refusal)(env, start_response)
        except _DeadEnd as end:
            return end.answer(req)(env, start_response)
        return self.app(env, start_response)

    # -- reading ------------------------------------------------------------------------------

    def _read(self, env: dict, start_response: Callable, version: str,
              account: str) -> Iterable[bytes]:
        req = Request(env)
        of_link = ('symlink=get' in env.get('QUERY_STRING', '')
                   and req.params.get('symlink') == 'get')
        if not of_link:
            before = env.get(IGNORE_RANGE_KEY)
            env[IGNORE_RANGE_KEY] = (f'{before},{symlinks.STORED_TARGET}' if before
                                     else symlinks.STORED_TARGET)
        status, headers, body = req.call_application(self.app)
        if not any(name.lower() == _STORED_TARGET for name, _value in headers):
            start_response(status, headers)
            return body
        found = HeaderKeyDict(headers)
        if of_link:
            symlinks.show_link(found)
        else:
            hop = symlinks.next_hop(found, version, wsgi_quote(account))
            close_if_possible(body)
            try:
                status, found, body = self._follow(req, hop, version)
            except _DeadEnd as end:
                return end.answer(req)(env, start_response)
        start_response(status, list(found.items()))
        return body

    def _follow(self, req: Request, hop: Hop, version: str) -> Answer:
        """Return the answer at the end of the links. Raises _DeadEnd."""
        counted = 0
        for _ in range(self.hops_max):
            counted += hop.counts
            if counted > self.loop_max:
                break
            status, headers, body = self._take(req, hop)
            further = symlinks.next_hop(headers, version, hop.account)
            if further is None:
                headers['Content-Location'] = hop.path
                return status, headers, body
            close_if_possible(body)
            hop = further
        raise _DeadEnd(self._too_many())

    def _take(self, req: Request, hop: Hop) -> Answer:
        """Return what the client gets at the end of one hop. Raises _DeadEnd."""
        headers = {name: value for name, value in req.headers.items() if name not in NOT_CARRIED}
        return self._checked(_hop_request(req, hop, headers=headers), hop)

    def _checked(self, sub: Request, hop: Hop) -> Answer:
        status, lines, body = sub.call_application(self.app)
        found = HeaderKeyDict(lines)
        if int(status[:3]) in OF_AN_OBJECT:
            problem = symlinks.tag_problem(hop, found)
            if problem:
                close_if_possible(body)
                raise _DeadEnd(problem, hop.path)
        return status, found, body

    def _list(self, env: dict, start_response: Callable, version: str,
              account: str) -> Iterable[bytes]:
        show = partial(symlinks.show_in_listing, prefix='/' + version,
                       own_account=wsgi_quote(account))
        return edit_listing(self.app, env, start_response,
                            ListingEdit(symlinks.LISTED_MARKER, show))

    # -- writing ------------------------------------------------------------------------------

    def _post(self, req: Request, version: str, account: str) -> Callable:
        if symlinks.TARGET in req.headers:
            return HTTPBadRequest(request=req, content_type='text/plain',
                                  body='A PUT request is required to set a symlink target')
        resp = req.get_response(self.app)
        hop = (symlinks.next_hop(resp.headers, version, wsgi_quote(account))
               if resp.is_success else None)
        if hop is None:
            return resp
        resp.close()
        redirect = HTTPTemporaryRedirect(request=req, body=REDIRECT_TEXT)
        # Filters of the cluster look at these to know what kind of link it was.
        redirect.headers.update((name, value) for name, value in resp.headers.items()
                                if is_sys_meta('object', name))
        redirect.headers['Location'] = hop.path
        if hop.etag:
            redirect.headers[symlinks.ETAG] = hop.etag
        req.environ['swift.leave_relative_location'] = True
        return redirect

    def _prepare_link(self, req: Request, target: Target, version: str, account: str) -> None:
        """Make the request store the link. Raises Refused or _DeadEnd for a static one."""
        env, headers = req.environ, req.headers
        content_type = symlinks.CONTENT_TYPE
        if target.etag is None:
            symlinks.store_link(headers, target)
        elif env.get('swift.symlink_override'):
            symlinks.store_link(headers, target, headers.get(symlinks.BYTES))
        else:
            found = self._verify(req, target, version, account)
            symlinks.store_link(headers, target, symlinks.size_behind(found),
                                found.get(symlinks.SLO_ETAG))
            content_type = found.get('Content-Type', content_type)
        if not env.get('CONTENT_TYPE'):
            env['CONTENT_TYPE'] = content_type

    def _verify(self, req: Request, target: Target, version: str,
                account: str) -> HeaderKeyDict:
        """Return the headers of what a static link would show. Raises Refused or _DeadEnd."""
        # A filter may store it in the cluster's name, and look only with the client's eyes.
        asker = Request(req.environ.get(symlinks.REQUESTER, req.environ))
        first = hop = Hop(wsgi_quote(target.path(version, account)),
                          wsgi_quote(target.account or account), target.etag, True, False)
        try:
            for _ in range(self.hops_max):
                status, found, body = self._checked(_hop_request(asker, hop, 'HEAD', query=''), hop)
                close_if_possible(body)
                code = int(status[:3])
                if code == 404:
                    raise _DeadEnd(f'{symlinks.TARGET} does not exist', hop.path)
                if code // 100 != 2:
                    raise Refused(code, '', symlinks.HTML)
                further = symlinks.next_hop(found, version, hop.account)
                # What a link without a tag shows may change at any time: the link is the target.
                if further is None or not further.etag:
                    return found
                hop = further
        except _DeadEnd as end:
            if end.path == first.path:
                # Compat: the client sees what it gave, as it gave it.
                end.path = '/'.join(('', version, req.headers.get(symlinks.ACCOUNT, first.account),
                                     req.headers[symlinks.TARGET]))
            raise
        raise _DeadEnd(self._too_many())

    def _too_many(self) -> str:
        return f'Too many levels of symbolic links, maximum allowed is {self.loop_max}'


class _DeadEnd(Exception):
    """A chain of links that ends in a conflict; `path` is that of the target in question."""

    def __init__(self, text: str, path: str | None = None):
        super().__init__(text)
        self.path = path

    def answer(self, req: Request) -> Response:
        conflict = HTTPConflict(request=req, body=str(self), content_type='text/plain')
        if self.path is not None:
            conflict.headers['Content-Location'] = self.path
        return conflict


def _hop_request(req: Request, hop: Hop, method: str | None = None,
                 headers: Mapping[str, str] | None = None, query: str | None = None) -> Request:
    """Return a request of the client's own for a link's target."""
    headers = dict(headers or {})
    make = make_subrequest
    if hop.internal:
        make = make_pre_authed_request
        headers[X_BACKEND_ALLOW_RESERVED] = 'true'
    elif req.allow_reserved_names:
        headers[X_BACKEND_ALLOW_RESERVED] = 'true'
    sub = make(req.environ, method, hop.path, headers=headers, swift_source=SOURCE)
    if query is not None:
        sub.query_string = query
    return sub


def _check_body(req: Request) -> None:
    """Raise Refused for a body that is not empty; a request without any length passes."""
    length = req.content_length
    if length is None and req.is_chunked:
        length = len(req.body_file.read(1))
        if not length:
            req.headers['Transfer-Encoding'] = None
            req.body = b''
    if length:
        raise Refused(400, 'Symlink requests require a zero byte body')


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#symlink`."""
    section = read_section(SymlinkOptions, global_conf, local_conf, 'proxy-server', 'symlink')
    loop_max = section.options.symloop_max
    if loop_max < 1:
        loop_max = DEFAULT_LOOP_MAX
    register_swift_info('symlink', symloop_max=loop_max, static_links=True)
    limits = Cluster(config_root(section.conf.get('swift_dir'))).constraints
    return lambda app: SymlinkFilter(app, loop_max, limits)
