"""staticweb: containers as web sites, with index files, listings and error pages.

Layer 2, directly right of authentication. For GET and HEAD of containers and objects by nobody in
particular, by a temporary URL, or with `X-Web-Mode: true`. The container's metadata says what is on
(X-Container-Meta-...):

    Web-Index              name of the file that stands for a directory
    Web-Listings           true: directories without one are listed
    Web-Error              end of the names of error pages: `error.html` makes 404error.html
    Web-Listings-CSS  Web-Listings-Label  Web-Directory-Type

    container      denied -> error page; no final slash -> 301; index, else listing
    object         there -> as it is, unless it stands for a directory
                   not there -> <object>/index, else: things below it -> 301 to the directory,
                   or with a final slash its listing; else error page

Everything is asked for with the rights of the client, and what this filter makes itself is marked
for tempurl (X-Backend-Content-Generator). Redirects keep neither query nor signature. Pages of
listings are core/listing_page.py; clients that accept text/html by name get the one for browsers.
Source: sheet 05 §21.

Cost for an anonymous GET in a container that is no web site: one look-up in the caches.
"""
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from swift.common.cluster import Cluster
from swift.common.config.options import Options, Text, is_true
from swift.common.info import container_info, prefetch
from swift.common.listing_edits import EDITS, carry_out, decode, is_editable, read_body
from swift.common.places import config_root
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.subrequest import make_env
from swift.common.swob import (
    HTTPMovedPermanently,
    HTTPNotFound,
    HTTPServiceUnavailable,
    Request,
    Response,
    str_to_wsgi,
    wsgi_quote,
    wsgi_to_str,
)
from swift.core.constraints import split_api_path
from swift.core.headers import GENERATED_BY_STATICWEB, X_BACKEND_CONTENT_GENERATOR
from swift.core.listing_page import Look, Page, disabled_page
from swift.core.tempurl_claim import USER as TEMPURL_USER
from swift.core.tempurl_claim import link_query

SOURCE = 'SW'
AGENT = '%(orig)s StaticWeb'
READS = ('GET', 'HEAD')
DIRECTORY_TYPE = 'application/directory'
# An object of the directory type with more content is shown: somebody has put it there.
DIRECTORY_BYTES_MAX = 1
HTML = 'text/html; charset=UTF-8'
ALL = 'delimiter=/&format=json'


class StaticWebOptions(Options, section='filter:staticweb'):
    url_base = Text('', 'Scheme and host of redirects, each optional, where clients come through '
                    'a balancer: `https:`, `//host:port` or `https://host`. Empty: those of the '
                    'request.')


@dataclass(frozen=True, slots=True)
class Site:
    """What a container's metadata says about it as a web site; texts."""

    read_acl: str | None
    index: str
    listings: str
    error: str
    css: str
    label: str
    directory_type: str

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> 'Site':
        """Read the information about a container."""
        meta = info.get('meta') or {}

        def item(name: str) -> str:
            return (meta.get(f'web-{name}') or '').strip()

        return cls(info.get('read_acl'), item('index'), item('listings'), item('error'),
                   item('listings-css'), item('listings-label'),
                   item('directory-type') or DIRECTORY_TYPE)

    @property
    def is_on(self) -> bool:
        return bool(self.index or self.listings)

    def is_directory(self, response: Response) -> bool:
        """Tell whether an object stands for a directory."""
        media_type = (response.content_type or '').partition(';')[0].strip()
        length = response.content_length
        return (media_type == self.directory_type and length is not None
                and length <= DIRECTORY_BYTES_MAX)


class StaticWeb:
    """The filter; see the module docstring."""

    def __init__(self, app: Callable, options: StaticWebOptions, page_size: int, logger: Any):
        self.app = app
        self.logger = logger
        self.page_size = page_size
        base = urlsplit(options.url_base)
        self.scheme = base.scheme
        self.host = base.netloc

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if env['REQUEST_METHOD'] not in READS:
            return self.app(env, start_response)
        user = env.get('REMOTE_USER')
        if user and user != TEMPURL_USER and not is_true(env.get('HTTP_X_WEB_MODE')):
            return self.app(env, start_response)
        names = split_api_path(env['PATH_INFO'])
        if names is None or not names[2]:
            return self.app(env, start_response)
        if not env.get('swift.authorize'):
            self.logger.warning('No authentication filter to the left: staticweb does nothing')
            return self.app(env, start_response)
        answer = self._visit(env, names)
        return (answer or self.app)(env, start_response)

    def _visit(self, env: dict, names: list[str | None]) -> Response | None:
        """Return the answer, None when this filter has nothing to do."""
        account, container = wsgi_to_str(names[1]), wsgi_to_str(names[2])
        cache = env.get('swift.cache')
        if cache is not None:
            # Both will be needed, here or by the proxy: one trip for both.
            prefetch(env, cache, account, container)
        site = Site.of(container_info(env, self.app, account, container, SOURCE))
        visit = Visit(self, env, site, '/' + '/'.join(names[:3]))
        return visit.object(names[3]) if names[3] else visit.container()


class Visit:
    """One request for a page of a site. `root` is the path of the container, a WSGI string."""

    def __init__(self, owner: StaticWeb, env: dict, site: Site, root: str):
        self.owner = owner
        self.req = Request(env)
        self.site = site
        self.root = root
        # The proxy takes the authorisation off the environ of a request that it has let pass.
        self.base = dict(env)
        self.path = env['PATH_INFO']
        self.is_directory = self.path.endswith('/')

    def container(self) -> Response | None:
        """Return the answer to a request for the container, None for what the proxy says."""
        self.req.acl = self.site.read_acl
        denied = self.base['swift.authorize'](self.req)
        if denied is not None:
            return self._error(denied)
        if not self.site.is_on:
            if is_true(self.base.get('HTTP_X_WEB_MODE')):
                return HTTPNotFound(request=self.req)
            return None
        if not self.is_directory:
            return self._redirect()
        if self.site.index:
            found = self._index('/')
            if found.status_int // 100 in (2, 3):
                return found
            if found.status_int != 404:
                return self._error(found)
            found.close()
        return self._listing('')

    def object(self, obj: str) -> Response | None:
        """Return the answer to a request for an object, None for what the proxy says."""
        if not self.site.is_on:
            return None
        response = self.req.get_response(self.owner.app)
        if response.status_int // 100 in (2, 3):
            if not self.site.is_directory(response):
                return response
        elif response.status_int != 404:
            return response
        response.close()
        if self.site.index:
            found = self._index(f'/{obj}' if self.is_directory else f'/{obj}/')
            if found.status_int // 100 in (2, 3):
                if self.is_directory:
                    return found
                found.close()
                return self._redirect()
            if found.status_int != 404:
                return found
            found.close()
        if self.is_directory:
            return self._listing(obj)
        if self._has_something_below(obj):
            return self._redirect()
        return self._error(HTTPNotFound(request=self.req))

    # -- answers -----------------------------------------------------------------------------------

    def _marked(self, response: Response) -> Response:
        response.headers[X_BACKEND_CONTENT_GENERATOR] = GENERATED_BY_STATICWEB
        return response

    def _redirect(self) -> Response:
        own = urlsplit(self.req.host_url)
        base = f'{self.owner.scheme or own.scheme}://{self.owner.host or own.netloc}'
        return self._marked(HTTPMovedPermanently(
            request=self.req, location=f'{base}{self.req.path}/'))

    def _index(self, directory: str) -> Response:
        """Ask for the index of a directory of the container, as the client asked for that."""
        sub = self._sub_env(None, f'{self.root}{directory}{str_to_wsgi(self.site.index)}')
        for key, value in self.base.items():
            # Ranges and conditions are about the file.
            if key.startswith('HTTP_'):
                sub.setdefault(key, value)
        return self._marked(Request(sub).get_response(self.owner.app))

    def _error(self, response: Response) -> Response:
        """Return an error with the site's own page for it, or as it is."""
        if not self.site.error:
            return response
        name = str_to_wsgi(f'{response.status_int}{self.site.error}')
        page = Request(self._sub_env(None, f'{self.root}/{name}')).get_response(self.owner.app)
        if not page.is_success:
            page.close()
            return response
        response.close()
        page.status = response.status
        return page

    def _listing(self, prefix: str) -> Response:
        """Return the page that lists a directory, or what stands in its place."""
        label = (f'{self.site.label}/{wsgi_to_str(prefix)}' if self.site.label
                 else wsgi_to_str(self.path))
        look = Look(self.site.css, 'text/html' in self.base.get('HTTP_ACCEPT', ''))
        if not is_true(self.site.listings):
            page = disabled_page(label, wsgi_to_str(prefix), look, self.site.index)
            return self._error(self._marked(self._page(page, look, 404)))
        is_signed = self.base.get('REMOTE_USER') == TEMPURL_USER
        marker = '' if is_signed else self.req.params.get('marker', '')
        query = f'{ALL}&prefix={wsgi_quote(prefix)}'
        if marker:
            query += f'&marker={wsgi_quote(marker, "")}'
        response, entries = self._entries(query)
        if entries is None:
            return self._error(response)
        if not entries and prefix and not marker:
            return self._error(HTTPNotFound(request=self.req))
        tail, opened = link_query(self.base.get('QUERY_STRING', '') if is_signed else '')
        more = ''
        if len(entries) >= self.owner.page_size and not is_signed:
            last = entries[-1].get('subdir') or entries[-1]['name']
            more = f'marker={wsgi_quote(str_to_wsgi(last), "")}'
        page = Page(label, wsgi_to_str(prefix), look, tail, has_parent(prefix, opened), more)
        return self._marked(self._page(page.render(entries), look, 200))

    def _page(self, html: bytes, look: Look, status: int) -> Response:
        page = Response(request=self.req, status=status, body=html, content_type=HTML)
        if look.is_ours:
            # Caches that hold the other variant may give it to browsers: it only looks plainer.
            page.headers['Vary'] = 'Accept'
        return page

    # -- questions ---------------------------------------------------------------------------------

    def _sub_env(self, method: str | None, path: str, query: str = '') -> dict:
        return make_env(self.base, method, path, AGENT, query, SOURCE)

    def _entries(self, query: str) -> tuple[Response, list[dict] | None]:
        """Return the answer to a request for a listing, and its entries if it is one."""
        sub = self._sub_env('GET', self.root, query)
        edits = sub[EDITS] = []
        response = Request(sub).get_response(self.owner.app)
        if not response.is_success:
            return response, None
        if not is_editable(response.headers.items()):
            response.close()
            return HTTPServiceUnavailable(request=self.req), None
        data = read_body(response.app_iter)
        entries = decode(data)
        if entries is None:
            return HTTPServiceUnavailable(request=self.req), None
        carry_out(edits, data, entries)
        return response, entries

    def _has_something_below(self, obj: str) -> bool:
        response, entries = self._entries(f'limit=1&{ALL}&prefix={wsgi_quote(obj)}/')
        response.close()
        return bool(entries)


def has_parent(prefix: str, opened: str | None) -> bool:
    """Tell whether a directory's page links to the one above; WSGI strings.

    `opened` is the beginning of the names that a temporary URL has opened, None without one.
    """
    above, slash, _name = prefix[:-1].rpartition('/')
    return bool(prefix) and (opened is None or (above + slash).startswith(opened))


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#staticweb`."""
    section = read_section(StaticWebOptions, global_conf, local_conf, 'proxy-server', 'staticweb')
    register_swift_info('staticweb')
    limits = Cluster(config_root(section.conf.get('swift_dir'))).constraints
    return lambda app: StaticWeb(app, section.options, limits.container_listing_limit,
                                 section.logger)
