"""dlo: dynamic large objects, all objects of a container whose names begin alike, read as one.

Layer 2, right of slo. An object with `X-Object-Manifest: container/prefix` stands for the objects
listed there, in the order of their names:

    PUT   /v1/a/c/o  X-Object-Manifest: segments/film/      the object itself may be empty
    GET   /v1/a/c/o                                         what is listed at that moment, joined
    GET   /v1/a/c/o?multipart-manifest=get                  the object itself

Readers need the right to list the container and to read the segments. One range is honoured,
several are not. When the listing fills its page (container_listing_limit) neither size nor ETag are
known before the end: then there is no Content-Length, and further pages are fetched on the way.
Source: sheet 05 section 14.1.

Cost for other objects: a header on the way in, a look at the headers of the answer on the way out.
"""
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from math import inf

from swift.common.answer_headers import Headers, edited
from swift.common.cluster import Cluster
from swift.common.config.options import Bool, Float, Integer, Options, Seconds
from swift.common.config.parser import readconf
from swift.common.listing_edits import read_body
from swift.common.log import Logger
from swift.common.places import config_root
from swift.common.request_helpers import update_ignore_range_header
from swift.common.response import DEFAULT_CONTENT_TYPE
from swift.common.sections import read_section
from swift.common.segments import (
    Reader,
    ReadLimits,
    SegmentBody,
    SegmentFailed,
    WholeBody,
    answered,
)
from swift.common.subrequest import make_subrequest
from swift.common.swob import (
    HTTPBadRequest,
    Request,
    Response,
    close_if_possible,
    str_to_wsgi,
    wsgi_quote,
    wsgi_to_str,
)
from swift.core.constraints import Constraints, config_true_value
from swift.core.dlo_manifest import FORM, HEADER, Page, Source, dlo_etag, page_of, parse_source
from swift.core.names import is_object_path, quote
from swift.core.ranges import Range, content_range
from swift.core.segment_plan import Fetch, ObjectSegment, expand, one_by_one
from swift.core.slo_manifest import FLAG, asks_for_manifest

KIND = 'DLO'
SHOWN_OF_416 = ('Content-Length', 'Content-Range', 'Accept-Ranges')
HISTORICAL = ('rate_limit_after_segment', 'rate_limit_segments_per_sec', 'max_get_time')


class DloOptions(Options, section='filter:dlo'):
    """Dynamic large objects."""

    rate_limit_after_segment = Integer(
        10, 'Segments of one object that are sent as fast as it goes; then the rate counts.',
        at_least=0)
    rate_limit_segments_per_sec = Float(
        1, 'Segments per second after that; 0 = no limit.', at_least=0)
    max_get_time = Seconds(86400, 'Longest time that one answer may take.')
    verify_segments = Bool(
        False, 'Compute the MD5 of whole segments in the proxy too. Object servers do already.')


class DloFilter:
    """The filter."""

    def __init__(self, app: Callable, options: DloOptions, limits: Constraints, logger: Logger):
        self.app = app
        self.limits = limits
        self.logger = logger
        self._read_limits = ReadLimits(
            options.max_get_time, options.rate_limit_after_segment,
            options.rate_limit_segments_per_sec, verify=options.verify_segments)

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        method = env['REQUEST_METHOD']
        if method == 'PUT':
            if 'HTTP_X_OBJECT_MANIFEST' in env and is_object_path(env['PATH_INFO']) and (
                    parse_source(wsgi_to_str(env['HTTP_X_OBJECT_MANIFEST'])) is None):
                return HTTPBadRequest(request=Request(env), body=FORM)(env, start_response)
            return self.app(env, start_response)
        if method not in ('GET', 'HEAD') or not is_object_path(env['PATH_INFO']) or (
                asks_for_manifest(env.get('QUERY_STRING'))):
            return self.app(env, start_response)
        return self._read(Request(env), start_response)

    def _read(self, req: Request, start_response: Callable) -> Iterable[bytes]:
        update_ignore_range_header(req, HEADER)
        status, headers, body = req.call_application(self.app)
        source = _source(headers)
        if source is None:
            start_response(status, headers)
            return body
        close_if_possible(body)
        return _DloRead(self, req, source)(headers, start_response)

    def reader(self, req: Request, root: str) -> Reader:
        """Return what reads the segments of a request."""
        return Reader(self.app, req.environ, root, KIND, self._read_limits, self.logger,
                      pins_size=False)


class _DloRead:
    """One GET or HEAD of a dynamic large object."""

    def __init__(self, dlo: DloFilter, req: Request, source: Source):
        self._dlo = dlo
        self._req = req
        self._source = source
        version, account, _container, _obj = req.split_path(4, 4, True)
        self._root = f'/{version}/{account}'

    def __call__(self, headers: list[tuple[str, str]], start_response: Callable) -> Iterable[bytes]:
        env = self._req.environ
        page = self._page('')
        if isinstance(page, Response):
            if self._req.method == 'HEAD':
                page.close()
                page.body = b''
            return page(env, start_response)
        # Compat: headers of a manifest that was answered 304 or 412 are taken as they come.
        response = Response(request=self._req, status=200, conditional_response=True,
                            refused_type=DEFAULT_CONTENT_TYPE)
        response.headers.clear()
        response.headers.update(headers)
        if page.is_last:
            response.headers['Etag'] = f'"{dlo_etag(page.segments)}"'
            return self._whole(page, response, start_response)
        return self._open_ended(page, response, start_response)

    def _whole(self, page: Page, response: Response, start_response: Callable) -> Iterable[bytes]:
        reader = self._dlo.reader(self._req, self._root)
        response.app_iter = WholeBody(
            reader, lambda start, stop: _plan(page.segments, start, stop), page.size)
        response.content_length = page.size
        return answered(_with_one_range(self._req.environ), edited(start_response, _bare_416),
                        response)

    def _open_ended(self, page: Page, response: Response,
                    start_response: Callable) -> Iterable[bytes]:
        """Answer while the end of the listing is not known."""
        env = _with_one_range(self._req.environ)
        reader = self._dlo.reader(self._req, self._root)
        found = _range_in(env.pop('HTTP_RANGE', None), page.size)
        if found is None:
            segments = chain(page.segments, self._later(page))
            response.app_iter = SegmentBody(reader, _plan(segments, 0, inf), None)
            return answered(env, start_response, response)
        start, stop = found
        response.status = 206
        response.content_range = content_range(start, stop, '*')
        response.app_iter = SegmentBody(reader, _plan(page.segments, start, stop), stop - start)
        response.content_length = stop - start
        return answered(env, start_response, response)

    def _later(self, page: Page) -> Iterator[ObjectSegment]:
        while not page.is_last:
            following = self._page(page.marker)
            if isinstance(following, Response):
                following.close()
                raise SegmentFailed(f'{following.status} for a page of the listing of '
                                    f'{self._source.container}')
            yield from following.segments
            page = following

    def _page(self, marker: str) -> Page | Response:
        """Return a page of the listing, or the answer that there is none."""
        query = f'format=json&prefix={quote(self._source.prefix, "")}'
        if marker:
            query += f'&marker={quote(marker, "")}'
        path = wsgi_quote(f'{self._root}/{str_to_wsgi(self._source.container)}')
        req = make_subrequest(self._req.environ, 'GET', f'{path}?{query}',
                              agent=f'%(orig)s  {KIND} MultipartGET', swift_source=KIND)
        if 'HTTP_X_AUTH_TOKEN' in self._req.environ:
            req.headers['X-Auth-Token'] = self._req.environ['HTTP_X_AUTH_TOKEN']
        response = req.get_response(self._dlo.app)
        if not response.is_success:
            return response
        try:
            entries = json.loads(read_body(response.app_iter or []) or b'[]')
            return page_of(self._source.container, entries,
                           self._dlo.limits.container_listing_limit)
        except (ValueError, KeyError, TypeError) as problem:
            raise AssertionError(f'a listing that is none: {problem!r}') from problem


def _plan(segments: Iterable[ObjectSegment], start: int, stop: float) -> Iterator[Fetch | bytes]:
    return one_by_one(expand(segments, start, stop, _no_load))


def _no_load(segment: ObjectSegment) -> None:
    raise AssertionError('listings do not tell of manifests inside')


def _bare_416(status: str, headers: Headers) -> Headers:
    """Return headers that show nothing of the object whose range cannot be had."""
    if not status.startswith('416'):
        return headers
    return [*(line for line in headers if line[0] in SHOWN_OF_416),
            ('Content-Type', DEFAULT_CONTENT_TYPE)]


def _with_one_range(env: dict) -> dict:
    """Return an environ whose Range is one range or nothing."""
    env = dict(env)
    wanted = Range.parse(env.get('HTTP_RANGE'))
    if wanted is None or len(wanted.ranges) != 1:
        env.pop('HTTP_RANGE', None)
    return env


def _range_in(header: str | None, known: int) -> tuple[int, int] | None:
    """Return the one range of a header if it ends within the bytes known, else None."""
    if header is None:
        return None
    first, last = Range(header).ranges[0]
    if first is None or last is None or last >= known:
        return None
    return first, last + 1


def _source(headers: Iterable[tuple[str, str]]) -> Source | None:
    """Return where the segments of an answered object are; None if it is no manifest of ours."""
    value = None
    for name, text in headers:
        if len(name) == len(HEADER) and name.lower() == 'x-object-manifest':
            value = text
        elif len(name) == len(FLAG) and name.lower() == 'x-static-large-object' and (
                config_true_value(text)):
            # Both at once: what is stored is a static manifest, and slo is to read it.
            return None
    return None if value is None else parse_source(wsgi_to_str(value))


def with_historical_options(conf: Mapping[str, str]) -> dict[str, str]:
    """Return the section's options, with those that older files keep in [app:proxy-server].

    They count only where the section names none of them.
    """
    path = conf.get('__file__')
    if not path or not os.path.exists(path) or any(name in conf for name in HISTORICAL):
        return dict(conf)
    found = readconf(path, raw=True).get('app:proxy-server', {})
    return {**conf, **{name: found[name] for name in HISTORICAL if name in found}}


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#dlo`."""
    section = read_section(DloOptions, global_conf, with_historical_options(
        {**global_conf, **local_conf}), 'proxy-server', 'dlo')
    limits = Cluster(config_root(section.conf.get('swift_dir'))).constraints
    return lambda app: DloFilter(app, section.options, limits, section.logger)
