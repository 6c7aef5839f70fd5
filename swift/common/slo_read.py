"""GET and HEAD of static large objects.

Layer 1, the reading half of the slo filter. The backend compares conditions with the large object's
ETag (it is told where to find it) and never cuts a manifest; what comes back is one of

    no manifest            passed on as it is
    304, 412               passed on with the headers of the large object
    200, HEAD              size and ETag are in system metadata
    200, GET               manifest -> segments -> bytes (swift.common.segments)

Manifests without that metadata (written before 2.12), and servers that cut them nevertheless, cost
a second request for the whole manifest. Source: sheet 05 section 14.2.
"""
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from swift.common.listing_edits import read_body
from swift.common.log import Logger
from swift.common.request_helpers import update_etag_is_at_header, update_ignore_range_header
from swift.common.response import DEFAULT_CONTENT_TYPE
from swift.common.segments import Reader, ReadLimits, SegmentFailed, WholeBody, answered
from swift.common.subrequest import make_subrequest
from swift.common.swob import (
    HTTPBadRequest,
    HTTPException,
    HTTPServerError,
    HTTPServiceUnavailable,
    Request,
    Response,
    wsgi_to_str,
)
from swift.core.conditions import strip_quotes
from swift.core.constraints import config_true_value
from swift.core.hashing import md5
from swift.core.ranges import content_range, parse_content_range
from swift.core.segment_plan import ObjectSegment, Segment, expand, grouped
from swift.core.slo_manifest import (
    ETAG_SYSMETA,
    FLAG,
    JSON_TYPE,
    SIZE_SYSMETA,
    BrokenManifest,
    Manifest,
    load_manifest,
    raw_manifest,
)
from swift.core.timestamp import Timestamp

KIND = 'SLO'
# A manifest of the largest sort has some ten MiB; what claims to be larger is none of ours.
MANIFEST_BYTES_MAX = 64 << 20
NESTED_MANIFESTS_KEPT = 20
NOT_LOADED = 'Unable to load SLO manifest'
BAD_PART = 'Part number must be an integer greater than 0'
PART_AND_RANGE = 'Range requests are not supported with part number queries'
NO_PART = 'The requested part number is not satisfiable'
_ABOUT_BYTES = ('Range', 'If-Range', 'If-Match', 'If-None-Match', 'If-Modified-Since',
                'If-Unmodified-Since')
_NOT_REPEATED = frozenset(name.lower() for name in (
    *_ABOUT_BYTES, 'Content-Length', 'Content-Type', 'Transfer-Encoding', 'Expect'))


def is_slo(headers: Iterable[tuple[str, str]]) -> bool:
    """Tell whether an answered object is a static large object's manifest."""
    for name, value in headers:
        if len(name) == len(FLAG) and name.lower() == 'x-static-large-object':
            return config_true_value(value)
    return False


def read_manifest_body(response: Response) -> bytes:
    """Return the body of an answered manifest. Raises BrokenManifest; the response is closed."""
    length = response.content_length
    if length is not None and length > MANIFEST_BYTES_MAX:
        response.close()
        raise BrokenManifest(f'{length} bytes are too many')
    return read_body(response.app_iter or [])


@dataclass(slots=True)
class _NestedManifests:
    """Manifests inside of the one being read; those used last are kept."""

    reader: Reader
    _kept: dict[str, Sequence[Segment]] = field(default_factory=dict)

    def load(self, segment: ObjectSegment) -> Sequence[Segment]:
        """Return the segments of a manifest. Raises SegmentFailed."""
        found = self._kept.pop(segment.path, None)
        if found is None:
            found = self._fetch(segment)
        self._kept[segment.path] = found
        if len(self._kept) > NESTED_MANIFESTS_KEPT:
            del self._kept[next(iter(self._kept))]
        return found

    def _fetch(self, segment: ObjectSegment) -> Sequence[Segment]:
        response = self.reader.request(segment).get_response(self.reader.app)
        if not response.is_success or not is_slo(response.headers.items()):
            response.close()
            raise SegmentFailed(f'{KIND}: {response.status} for manifest {segment.path}, or no '
                                'manifest any more', response.status_int >= 500)
        try:
            return load_manifest(read_manifest_body(response)).segments
        except BrokenManifest as problem:
            raise SegmentFailed(f'{KIND}: manifest {segment.path}: {problem}') from None


@dataclass(frozen=True, slots=True)
class SloReads:
    """What all reads of the filter have in common."""

    app: Callable
    limits: ReadLimits
    logger: Logger

    def read(self, req: Request, start_response: Callable) -> Iterable[bytes]:
        """Answer a GET or HEAD of an object, which may be a large one."""
        update_etag_is_at_header(req, ETAG_SYSMETA)
        update_ignore_range_header(req, FLAG)
        status, headers, body = req.call_application(self.app)
        if not is_slo(headers):
            start_response(status, headers)
            return body
        found = Response.from_parts(status, headers, body, req)
        try:
            return _SloRead(self, req).answer(found, start_response)
        except HTTPException as refusal:
            return refusal(req.environ, start_response)

    def read_manifest(self, req: Request, start_response: Callable) -> Iterable[bytes]:
        """Answer a GET or HEAD of the manifest itself."""
        is_raw = req.params.get('format') == 'raw'
        if is_raw:
            update_ignore_range_header(req, FLAG)
        status, headers, body = req.call_application(self.app)
        if not is_slo(headers):
            start_response(status, headers)
            return body
        found = Response.from_parts(status, headers, body, req)
        if not is_raw or found.status_int != 200:
            if found.status_int in (200, 206, 304):
                found.content_type = JSON_TYPE
            return found(req.environ, start_response)
        try:
            if req.method == 'HEAD':
                found = self.whole_manifest(req, found)
            return _raw(req, found)(req.environ, start_response)
        except HTTPException as refusal:
            return refusal(req.environ, start_response)

    def whole_manifest(self, req: Request, found: Response) -> Response:
        """Return a 200 to a GET of what was `found`. Raises what else comes of it."""
        found.close()
        headers = {name: value for name, value in req.headers.items()
                   if name.lower() not in _NOT_REPEATED}
        again = make_subrequest(req.environ, 'GET', req.path, headers=headers,
                                agent=f'%(orig)s  {KIND} MultipartGET',
                                swift_source=KIND).get_response(self.app)
        if again.status_int == 200 and is_slo(again.headers.items()):
            return again
        body = again.body
        if again.is_success and _timestamp(again) < _timestamp(found):
            raise HTTPServiceUnavailable(request=req)
        raise _as_exception(req, again, body)


class _SloRead:
    """One GET or HEAD of a large object."""

    def __init__(self, reads: SloReads, req: Request):
        self._reads = reads
        self._req = req
        version, account, _container, _obj = req.split_path(4, 4, True)
        self._reader = Reader(reads.app, req.environ, f'/{version}/{account}', KIND, reads.limits,
                              reads.logger)

    def answer(self, found: Response, start_response: Callable) -> Iterable[bytes]:
        """Return the body of the answer. Raises HTTPException; `found` is closed."""
        env = self._req.environ
        has_facts = ETAG_SYSMETA in found.headers and SIZE_SYSMETA in found.headers
        if found.status_int in (304, 412) and has_facts:
            self._describe(found, found.headers[ETAG_SYSMETA])
            return found(env, start_response)
        try:
            part_number = self._part_number()
        except HTTPException:
            found.close()
            raise
        is_head = self._req.method == 'HEAD'
        if is_head and has_facts and part_number is None and found.status_int == 200:
            size = found.headers[SIZE_SYSMETA]
            self._describe(found, found.headers[ETAG_SYSMETA])
            found.headers['Content-Length'] = size
            return found(env, start_response)
        if is_head or not _is_whole(found):
            found = self._reads.whole_manifest(self._req, found)
        try:
            manifest = load_manifest(read_manifest_body(found))
        except BrokenManifest as problem:
            self._reads.logger.error('%s: %s: %s', NOT_LOADED, self._req.path, problem)
            raise HTTPServerError(request=self._req, body=NOT_LOADED) from None
        return self._assembled(found, manifest, part_number, start_response)

    def _assembled(self, found: Response, manifest: Manifest, part_number: int | None,
                   start_response: Callable) -> Iterable[bytes]:
        """Answer with what the manifest stands for, or a part of it."""
        response = Response(request=self._req, conditional_response=True,
                            refused_type=DEFAULT_CONTENT_TYPE)
        response.headers.clear()
        response.headers.update(found.headers)
        response.headers.pop('Content-Range', None)
        self._describe(response, found.headers.get(ETAG_SYSMETA) or manifest.etag)
        nested = _NestedManifests(self._reader)

        def plan(start: int, stop: int) -> Iterable:
            return grouped(expand(manifest.segments, start, stop, nested.load))

        size = manifest.size
        if part_number is None:
            response.app_iter = WholeBody(self._reader, plan, size)
            response.content_length = size
            return answered(self._req.environ, start_response, response)
        response.headers['X-Parts-Count'] = str(len(manifest.segments))
        if part_number > len(manifest.segments):
            response.status = 416
            response.content_range = f'bytes */{size}'
            response.body = '' if self._req.method == 'HEAD' else NO_PART
            return response(self._req.environ, start_response)
        start, stop = manifest.part(part_number)
        response.status = 206
        response.app_iter = WholeBody(self._reader, lambda _start, _stop: plan(start, stop),
                                      stop - start)
        response.content_length = stop - start
        response.content_range = content_range(start, stop, size)
        return answered(self._req.environ, start_response, response)

    def _describe(self, response: Response, etag: str) -> None:
        """Give an answer about a manifest the ETag of what it stands for."""
        own = response.headers.get('Etag')
        if own is not None:
            response.headers['X-Manifest-Etag'] = strip_quotes(own)
        response.headers['Etag'] = f'"{etag}"'

    def _part_number(self) -> int | None:
        text = self._req.params.get('part-number')
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text)):
            raise HTTPBadRequest(request=self._req, body=BAD_PART)
        if 'HTTP_RANGE' in self._req.environ:
            raise HTTPBadRequest(request=self._req, body=PART_AND_RANGE)
        return int(text)


def _is_whole(found: Response) -> bool:
    """Tell whether an answer has all of a manifest."""
    if found.status_int == 200:
        return True
    if found.status_int != 206:
        return False
    try:
        start, stop, length = parse_content_range(found.content_range or '')
    except ValueError:
        return False
    return (start, stop) == (0, length)


def _timestamp(response: Response) -> Timestamp:
    for name in ('X-Backend-Timestamp', 'X-Timestamp'):
        try:
            return Timestamp(response.headers[name])
        except (KeyError, ValueError):
            continue
    return Timestamp(0)


def _as_exception(req: Request, response: Response, body: bytes) -> HTTPException:
    """Return an answer that is to go to the client instead of the expected one."""
    error = HTTPException(request=req, status=response.status, body=body,
                          conditional_response=response.is_success,
                          refused_type=DEFAULT_CONTENT_TYPE)
    error.headers.clear()
    error.headers.update(response.headers)
    error.headers['Content-Length'] = str(len(body))
    return error


def _raw(req: Request, found: Response) -> Response:
    """Return a manifest in the form in which clients send it."""
    try:
        body = raw_manifest(read_manifest_body(found))
    except BrokenManifest:
        raise HTTPServerError(request=req, body=NOT_LOADED) from None
    response = Response(request=req, body=body, conditional_response=True,
                        refused_type=DEFAULT_CONTENT_TYPE)
    kept = found.headers.copy()
    kept.update({'Content-Length': str(len(body)), 'Etag': md5(body).hexdigest()})
    kept.setdefault('Content-Type', DEFAULT_CONTENT_TYPE)
    response.headers.clear()
    response.headers.update(kept)
    return response


def object_name(req: Request) -> str:
    """Return `/container/object` of a request, text."""
    _version, _account, container, obj = req.split_path(4, 4, True)
    return wsgi_to_str(f'/{container}/{obj}')
