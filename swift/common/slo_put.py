"""PUT of static large objects: check a client's manifest against its segments, then store it.

Layer 1, the writing half of the slo filter.

    body -> parse -> HEAD of each distinct segment, some side by side -> compare -> PUT below

HEADs pass through the whole filter, so that a manifest among the segments shows what it stands for.
With heartbeat=on the answer (202) begins before the HEADs, and how it went is the document at its
end. Rules are in core.slo_request and core.slo_manifest. Source: sheet 05 section 14.2.
"""
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO

from swift.common import green
from swift.common.config.options import is_true
from swift.common.heartbeat import REPORT_TYPES, SEPARATOR, Heartbeat, flushed, report_type
from swift.common.mime_types import MimeTypes
from swift.common.response import RESPONSE_REASONS
from swift.common.slo_read import KIND, object_name
from swift.common.subrequest import make_subrequest
from swift.common.swob import (
    HTTPBadRequest,
    HTTPException,
    HTTPLengthRequired,
    HTTPMethodNotAllowed,
    HTTPRequestEntityTooLarge,
    HTTPUnprocessableEntity,
    Request,
    Response,
    str_to_wsgi,
    wsgi_quote,
    wsgi_to_str,
)
from swift.core.conditions import strip_quotes
from swift.core.constraints import Refusal, config_true_value
from swift.core.content_type import SWIFT_PARAMETER, has_swift_parameter
from swift.core.names import quote
from swift.core.operation_report import render_report
from swift.core.segment_plan import DataSegment
from swift.core.slo_manifest import FLAG, LISTING_ETAG, manifest_headers, slo_etag
from swift.core.slo_request import Checked, Found, Wanted, checked, parse_manifest

ROOT_TAG = 'upload'
READ_BYTES = 65536
HOOK = 'swift.callback.slo_manifest_hook'


@dataclass(frozen=True, slots=True)
class PutLimits:
    """What a manifest may bring, and how it is checked."""

    segments_max: int
    bytes_max: int
    concurrency: int
    yield_s: float


@dataclass(slots=True)
class _Outcome:
    """How a PUT ended: the answer from below, or a refusal with its problems."""

    response: Response | None = None
    refused: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)


class SloPut:
    """One PUT of a manifest."""

    def __init__(self, app: Callable, whole_filter: Callable, limits: PutLimits,
                 mime_types: MimeTypes):
        """`app` is the right neighbour, `whole_filter` the slo filter itself."""
        self._app = app
        self._whole_filter = whole_filter
        self._limits = limits
        self._mime_types = mime_types

    def answer(self, req: Request) -> Response:
        """Return the response to a PUT with multipart-manifest=put. Raises HTTPException."""
        if 'HTTP_X_COPY_FROM' in req.environ:
            raise HTTPMethodNotAllowed(
                request=req, body='Multipart Manifest PUTs cannot be COPY requests')
        body = self._read(req)
        segments = parse_manifest(body, object_name(req), self._limits.segments_max)
        if isinstance(segments, Refusal):
            raise _refusal(req, segments)
        content_type = self._content_type(req)
        if is_true(req.params.get('heartbeat')):
            return self._with_heartbeat(req, segments, content_type)
        outcome = self._carry_out(req, segments, content_type)
        if outcome.response is not None:
            return outcome.response
        if outcome.refused == 422:
            raise HTTPUnprocessableEntity(request=req)
        media_type = report_type(req.environ) or REPORT_TYPES[0]
        # Compat: this report has no Content-Length, as those whose end is not known.
        flushed(req.environ)
        response = Response(request=req, status=400, app_iter=iter((
            render_report(media_type, {}, outcome.problems, ROOT_TAG),)))
        response.headers['Content-Type'] = media_type
        return response

    def _read(self, req: Request) -> bytes:
        limit = self._limits.bytes_max
        length = req.content_length
        if length is None and not req.is_chunked:
            raise HTTPLengthRequired(request=req)
        too_large = HTTPRequestEntityTooLarge(request=req, body=f'Manifest File > {limit} bytes')
        if length is not None and length > limit:
            raise too_large
        pieces, size = [], 0
        while data := req.environ['wsgi.input'].read(READ_BYTES):
            size += len(data)
            if size > limit:
                raise too_large
            pieces.append(data)
        return b''.join(pieces)

    def _content_type(self, req: Request) -> str:
        env = req.environ
        detect = env.pop('HTTP_X_DETECT_CONTENT_TYPE', None)
        own = env.get('CONTENT_TYPE')
        if own and not config_true_value(detect):
            if has_swift_parameter(own):
                raise HTTPBadRequest(request=req, body=SWIFT_PARAMETER)
            return own
        return self._mime_types.guess(object_name(req))

    # -- the work --------------------------------------------------------------------------------

    def _carry_out(self, req: Request, segments: Sequence[Wanted | DataSegment],
                   content_type: str) -> _Outcome:
        found = self._heads(req, segments)
        result, problems = checked(segments, found)
        listed = [(quote(path), problem) for path, problem in problems]
        stored = [one.stored() for one in result]
        hook = req.environ.get(HOOK)
        if hook is not None and not listed:
            listed += [tuple(problem) for problem in hook(stored) or ()]
        if listed:
            return _Outcome(refused=400, problems=listed)
        etag = slo_etag([one.segment for one in result])
        expected = req.environ.get('HTTP_ETAG')
        if expected and strip_quotes(expected) != etag:
            return _Outcome(refused=422)
        put = self._put_request(req, json.dumps(stored).encode('ascii'), result, content_type)
        response = put.get_response(self._app)
        if response.is_success:
            response.headers['Etag'] = f'"{etag}"'
        return _Outcome(response)

    def _heads(self, req: Request, segments: Sequence[Wanted | DataSegment]) -> dict[str, Found]:
        """Ask for each distinct segment once, `concurrency` at a time."""
        paths = dict.fromkeys(one.path for one in segments if isinstance(one, Wanted))
        version, account, _container, _obj = req.split_path(4, 4, True)
        # What one HEAD learns of a container the others need not ask for.
        req.environ.setdefault('swift.infocache', {})
        with green.Pile(max(1, self._limits.concurrency)) as pile:
            for path in paths:
                pile.spawn(self._head, req, f'/{version}/{account}', path)
            return dict(pile)

    def _head(self, req: Request, root: str, path: str) -> tuple[str, Found]:
        head = make_subrequest(req.environ, 'HEAD', wsgi_quote(root + str_to_wsgi(path)) + '?',
                               agent=f'%(orig)s {KIND} MultipartPUT', swift_source=KIND)
        response = head.get_response(self._whole_filter)
        response.close()
        headers = response.headers
        return path, Found(
            response.status, response.content_length or 0, strip_quotes(headers.get('Etag') or ''),
            wsgi_to_str(headers.get('Content-Type') or ''), headers.get('Last-Modified') or '',
            config_true_value(headers.get(FLAG)))

    def _put_request(self, req: Request, body: bytes, result: Sequence[Checked],
                     content_type: str) -> Request:
        env = dict(req.environ)
        for key in ('HTTP_TRANSFER_ENCODING', 'HTTP_EXPECT'):
            env.pop(key, None)
        env.update({'wsgi.input': BytesIO(body), 'CONTENT_LENGTH': str(len(body)),
                    'swift.content_type_overridden': True})
        put = Request(env)
        put.headers.update(manifest_headers(
            body, [one.segment for one in result], content_type, put.headers.get(LISTING_ETAG)))
        return put

    # -- heartbeat -------------------------------------------------------------------------------

    def _with_heartbeat(self, req: Request, segments: Sequence[Wanted | DataSegment],
                        content_type: str) -> Response:
        flushed(req.environ)
        media_type = report_type(req.environ) or REPORT_TYPES[0]

        def work() -> bytes:
            return _report(media_type, self._carry_out(req, segments, content_type))

        response = Response(request=req, status=202, app_iter=Heartbeat(
            work, self._limits.yield_s, at_once=True, separator=SEPARATOR))
        response.headers['Content-Type'] = media_type
        return response


def _report(media_type: str, outcome: _Outcome) -> bytes:
    response = outcome.response
    if response is None:
        title, explanation = RESPONSE_REASONS[outcome.refused]
        facts = {'Response Status': f'{outcome.refused} {title}',
                 'Response Body': f'{title}\n{explanation}'}
    else:
        facts = {'Response Status': response.status,
                 'Response Body': response.body.decode('utf-8', 'replace')}
        if response.is_success:
            facts['Etag'] = response.headers['Etag']
            facts['Last Modified'] = response.headers.get('Last-Modified', '')
    return render_report(media_type, facts, outcome.problems, ROOT_TAG)


def _refusal(req: Request, refusal: Refusal) -> HTTPException:
    return HTTPException(request=req, status=refusal.status, body=refusal.body,
                         content_type=refusal.content_type)
