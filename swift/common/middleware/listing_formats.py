"""listing_formats: listings of accounts and containers in the format a client asks for.

Layer 2. Everything to its right answers listings as JSON; this filter asks for that and turns the
answer into plain text or XML, or passes JSON on untouched.

    wanted = query `format` (plain, json, xml in any case; anything else is plain)
             else the best match of Accept with text/plain, application/json, application/xml,
             text/xml; then the answer gets `Vary: Accept`

What is no listing (another status or type, no JSON list of objects, something missing in it, too
long to be converted in memory) passes as it is. Names of the reserved namespace are left out
unless the request may see them. The body is parsed once, and not at all when JSON is wanted: a
reserved name cannot hide there, since JSON writes its NUL as an escape. Filters to the right leave
their own changes of a container's listing to this one (swift.common.listing_edits).
Source: sheet 05 section 8, sheet 04 sections 6.1 and 7.1.
"""
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from swift.common.cluster import Cluster
from swift.common.config.options import is_true
from swift.common.listing_edits import (
    EDITED_MAX_BYTES,
    EDITS,
    LISTING_FORMAT,
    ListingEdit,
    carry_out,
    decode,
    edited,
    encode,
    needed,
    read_body,
)
from swift.common.log import get_logger
from swift.common.places import config_root
from swift.common.swob import (
    HTTPBadRequest,
    HTTPException,
    HTTPNotAcceptable,
    Request,
    get_param,
    wsgi_to_str,
)
from swift.core.accept import Accept
from swift.core.listing_render import (
    JSON,
    PLAIN,
    TEXT_XML,
    XML,
    account_xml,
    container_xml,
    to_text,
)
from swift.core.names import RESERVED

OFFERS = (PLAIN, JSON, XML, TEXT_XML)
FORMATS = {'plain': PLAIN, 'json': JSON, 'xml': XML}
RESERVED_IN_JSON = b'\\u0000'
ACCOUNT_KEYS = frozenset(('name', 'count', 'bytes', 'last_modified'))
CONTAINER_KEYS = frozenset(('name', 'hash', 'bytes', 'content_type', 'last_modified'))

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed, and for whom: text names, the media type, and `format` unless Accept decided.
    """

    account: str
    container: str | None
    media_type: str
    wanted: str | None
    may_see_reserved: bool


class ListingFilter:
    """The filter."""

    def __init__(self, app: Callable, versions: Iterable[str] = ('v1', 'v1.0'), logger=None):
        self.app = app
        self.logger = logger or get_logger(None, 'proxy-server', 'listing-filter')
        self._versions = frozenset(versions)

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if env['REQUEST_METHOD'] not in ('GET', 'HEAD'):
            return self.app(env, start_response)
        names = listed_names(env['PATH_INFO'], self._versions)
        if names is None:
            return self.app(env, start_response)
        req = Request(env)
        try:
            listing = _listing(req, *names)
        except HTTPException as refusal:
            return refusal(env, start_response)
        env['QUERY_STRING'] = with_json_format(env.get('QUERY_STRING', ''))
        env[LISTING_FORMAT] = listing.wanted
        env[EDITS] = []
        try:
            status, headers, body = req.call_application(self.app)
        finally:
            edits = env.pop(EDITS, [])
        code = int(status[:3])
        if not env.get('swift.format_listing', True):
            headers, body = edited(edits, status, headers, body)
        elif code in (200, 204):
            if listing.wanted is None:
                headers = with_vary_accept(headers)
            if _value(headers, 'content-type').partition(';')[0].strip() == JSON:
                if env['REQUEST_METHOD'] == 'HEAD':
                    headers = _described(headers, listing.media_type, 0)
                else:
                    status, headers, body = self._converted(listing, edits, status, headers, body)
        start_response(status, headers)
        return body

    def _converted(self, listing: Listing, edits: Sequence[ListingEdit], status: str,
                   headers: Headers, body):
        """Return the answer in the wanted format, or as it is when it is no listing."""
        length = _value(headers, 'content-length')
        if not length.isdigit() or int(length) > EDITED_MAX_BYTES:
            return status, headers, body
        data = read_body(body)
        as_it_is = (status, headers, [data])
        if len(data) != int(length):
            # Cut off on its way. The announced length lets the outer filters notice.
            return as_it_is
        if listing.media_type == JSON and not needed(edits, data) and (
                listing.may_see_reserved or RESERVED_IN_JSON not in data):
            return status, _described(headers, JSON, len(data)), [data]
        entries = decode(data)
        if entries is None:
            return as_it_is
        carry_out(edits, data, entries)
        if not listing.may_see_reserved and RESERVED_IN_JSON in data:
            entries = self._without_reserved(listing, entries)
        rendered = _rendered(listing, entries)
        if rendered is None:
            return as_it_is
        if not rendered and listing.media_type == PLAIN:
            status = '204 No Content'
        return status, _described(headers, listing.media_type, len(rendered)), [rendered]

    def _without_reserved(self, listing: Listing, entries: Sequence[dict]) -> list[dict]:
        kept = []
        for entry in entries:
            name = entry.get('name') or entry.get('subdir')
            if isinstance(name, str) and RESERVED in name:
                where = '/'.join(part for part in (listing.account, listing.container) if part)
                self.logger.warning('Listing of %s had a name in the reserved namespace: %r',
                                    where, name)
            else:
                kept.append(entry)
        return kept


def listed_names(path: str, versions: frozenset[str]) -> tuple[str, str | None] | None:
    """Return (account, container or None) of a path that can be listed; WSGI strings."""
    segments = path.split('/', 4)
    if len(segments) < 3 or segments[0] or segments[1] not in versions or not segments[2]:
        return None
    container = segments[3] if len(segments) > 3 else ''
    if len(segments) == 5 and (segments[4] or not container):
        return None
    return segments[2], container or None


def _listing(req: Request, account: str, container: str | None) -> Listing:
    """Return what the request asks for. Raises the 400 or 406."""
    wanted = get_param(req, 'format') if 'format' in req.environ.get('QUERY_STRING', '') else None
    if wanted is not None:
        media_type = FORMATS.get(wanted.lower(), PLAIN)
    else:
        try:
            media_type = Accept(req.environ.get('HTTP_ACCEPT', '')).best_match(OFFERS)
        except ValueError:
            raise HTTPBadRequest(request=req, body='Invalid Accept header')
        if media_type is None:
            raise HTTPNotAcceptable(request=req)
    return Listing(wsgi_to_str(account), wsgi_to_str(container), media_type, wanted,
                   is_true(req.environ.get('HTTP_X_BACKEND_ALLOW_RESERVED_NAMES')))


def with_json_format(query: str) -> str:
    """Return a query that asks for JSON and keeps all other parameters to the byte."""
    if not query:
        return 'format=json'
    kept = [part for part in query.split('&') if part.partition('=')[0] != 'format']
    return '&'.join([*kept, 'format=json'])


def with_vary_accept(headers: Headers) -> Headers:
    """Return headers whose Vary names Accept."""
    for n, (name, value) in enumerate(headers):
        if name.lower() == 'vary':
            known = [word.strip().lower() for word in value.split(',')]
            if 'accept' in known or '*' in known:
                return headers
            return [*headers[:n], (name, f'{value}, Accept'), *headers[n + 1:]]
    return [*headers, ('Vary', 'Accept')]


def _value(headers: Headers, wanted: str) -> str:
    for name, value in headers:
        if name.lower() == wanted:
            return value
    return ''


def _described(headers: Headers, media_type: str, length: int) -> Headers:
    """Return headers that say what the body is now."""
    kept = [(name, value) for name, value in headers
            if name.lower() not in ('content-type', 'content-length')]
    return [*kept, ('Content-Type', f'{media_type}; charset=utf-8'),
            ('Content-Length', str(length))]


def _rendered(listing: Listing, entries: Sequence[dict]) -> bytes | None:
    """Return the listing's bytes, None when an entry lacks what the format needs."""
    if listing.media_type == JSON:
        return encode(entries)
    if listing.media_type == PLAIN:
        needed = frozenset(('name',))
    else:
        needed = ACCOUNT_KEYS if listing.container is None else CONTAINER_KEYS
    if not all('subdir' in entry or needed <= entry.keys() for entry in entries):
        return None
    if listing.media_type == PLAIN:
        return to_text(entries)
    if listing.container is None:
        return account_xml(listing.account, entries)
    return container_xml(listing.container, entries)


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#listing_formats`."""
    conf = {**global_conf, **local_conf}
    limits = Cluster(config_root(conf.get('swift_dir'))).constraints

    def listing_filter(app: Callable) -> ListingFilter:
        return ListingFilter(app, limits.valid_api_versions,
                             get_logger(conf, 'proxy-server', 'listing-filter'))

    return listing_filter
