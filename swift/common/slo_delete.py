"""DELETE of static large objects together with their segments: at once, or by the expirer later.

Layer 1, the deleting part of the slo filter.

    multipart-manifest=delete              200 and a report, as a bulk delete (common.bulk_delete)
    multipart-manifest=delete&async=on     204; the segments are rows in the expirer's queue

Order: the segments first, a manifest only after every answer about its own segments, so that a
deletion that was cut short can be repeated. A manifest that holds another one which cannot be read
stays, for the same reason. Source: sheet 05 section 14.2.
"""
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from swift.common.bulk_delete import Asker, Barrier, BulkDeleter, Failed
from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.heartbeat import REPORT_TYPES, bulk_response, report_type
from swift.common.info import container_info
from swift.common.slo_read import KIND, is_slo, object_name, read_manifest_body
from swift.common.subrequest import make_pre_authed_request
from swift.common.swob import (
    HTTPBadRequest,
    HTTPException,
    HTTPNotFound,
    HTTPPreconditionFailed,
    HTTPServerError,
    HTTPServiceUnavailable,
    Request,
    Response,
    str_to_wsgi,
    wsgi_quote,
    wsgi_to_str,
)
from swift.core.bulk_tally import UNAUTHORIZED, DeleteTally
from swift.core.bulk_targets import Target
from swift.core.constraints import Refusal
from swift.core.expirer_queue import ASYNC_DELETE_TYPE
from swift.core.hashing import expirer_container, md5
from swift.core.names import check_utf8
from swift.core.segment_plan import DataSegment, ObjectSegment, Segment
from swift.core.slo_manifest import BrokenManifest, load_manifest
from swift.core.timestamp import Timestamp

AGENT = 'MultipartDELETE'
NOT_A_MANIFEST = 'Not an SLO manifest'
NOT_LOADED = 'Unable to load SLO manifest or segment.'
TOO_MANY = 'Too many buffered slo segments to delete.'
UNUSABLE_PATH = 'Invalid UTF8 or contains NULL'
# Of entries in the manifests that are open at once, times the segments that one may have.
BUFFERED_PER_SEGMENT = 10


@dataclass(frozen=True, slots=True)
class DeleteLimits:
    """How segments are deleted."""

    segments_max: int
    concurrency: int
    failures_max: int
    yield_s: float


@dataclass(frozen=True, slots=True)
class ExpirerQueue:
    """Where rows for the expirer go."""

    cluster: Cluster
    account: str
    divisor: int

    def path(self, account: str, container: str, obj: str, now: Timestamp) -> str:
        """Return the path of the container for what an object has due now."""
        hash_ = self.cluster.hash_path(account, container, obj)
        return f'/v1/{self.account}/{expirer_container(hash_, int(now), self.divisor)}'


class _Unreadable(Exception):
    """A manifest that cannot be read; `status` is what was answered."""

    def __init__(self, problem: str, status: int):
        super().__init__(problem)
        self.status = status


@dataclass(slots=True)
class _Open:
    """A manifest whose segments are being deleted."""

    target: Target
    segments: Sequence[Segment]
    next_index: int = 0
    is_complete: bool = True


class SloDelete:
    """One DELETE of a manifest and its segments."""

    def __init__(self, app: Callable, req: Request, limits: DeleteLimits):
        if not check_utf8(wsgi_to_str(req.path_info)):
            raise HTTPPreconditionFailed(request=req, body=UNUSABLE_PATH)
        self._app = app
        self._req = req
        self._limits = limits
        version, self._account, _container, _obj = req.split_path(4, 4, True)
        self._asker = Asker(req.environ, f'/{version}/{self._account}', AGENT, KIND)
        name = object_name(req)
        self._top = Target(name, name, req.params.get('version-id'))

    def answer(self, req: Request) -> Response:
        """Return the response: a report."""
        media_type = report_type(req.environ)
        tally = DeleteTally(self._limits.failures_max)

        def work() -> bytes:
            if media_type is None:
                tally.refuse(Refusal(406, ''))
            else:
                BulkDeleter(self._app, self._limits.concurrency).delete(
                    self._asker, self._targets(), tally)
            return tally.render(media_type or REPORT_TYPES[0])

        return bulk_response(req, media_type, work, self._limits.yield_s)

    # -- what to delete --------------------------------------------------------------------------

    def _load(self, target: Target) -> Sequence[Segment]:
        """Return the segments of a manifest. Raises _Unreadable."""
        query = 'multipart-manifest=get'
        if target.version_id is not None:
            query += f'&version-id={wsgi_quote(target.version_id, "")}'
        response = self._asker.request('GET', target.path, query).get_response(self._app)
        try:
            if response.status_int == 401:
                raise _Unreadable(UNAUTHORIZED, 401)
            if not response.is_success:
                raise _Unreadable(NOT_LOADED, response.status_int)
            if not is_slo(response.headers.items()):
                raise _Unreadable(NOT_A_MANIFEST, 400)
            return load_manifest(read_manifest_body(response)).segments
        except BrokenManifest:
            raise _Unreadable(NOT_LOADED, 500) from None
        finally:
            response.close()

    def _targets(self) -> Iterator[Target | Failed | Barrier]:
        """Yield segments before their manifests, manifests inside before those around them."""
        buffered_max = BUFFERED_PER_SEGMENT * self._limits.segments_max
        seen = {self._top.path}
        stack: list[_Open] = []
        yield from self._enter(self._top, stack)
        while stack:
            one = stack[-1]
            if one.next_index == len(one.segments):
                stack.pop()
                if one.is_complete:
                    yield Barrier()
                    yield one.target
                elif stack:
                    stack[-1].is_complete = False
                continue
            segment = one.segments[one.next_index]
            one.next_index += 1
            if isinstance(segment, DataSegment):
                continue
            target = Target(segment.path, segment.path)
            if not segment.is_manifest or segment.path in seen:
                yield target
                continue
            seen.add(segment.path)
            yield from self._enter(target, stack)
            if sum(len(open_.segments) for open_ in stack) > buffered_max:
                yield Failed(segment.path, TOO_MANY)
                return

    def _enter(self, target: Target, stack: list[_Open]) -> Iterator[Target | Failed]:
        """Open a manifest, or yield what stands for one that is not there or cannot be read."""
        try:
            stack.append(_Open(target, self._load(target)))
        except _Unreadable as problem:
            if problem.status == 404:
                # Its DELETE counts it as missing.
                yield target
                return
            yield Failed(target.name, str(problem))
            if stack:
                stack[-1].is_complete = False

    # -- by the expirer ----------------------------------------------------------------------------

    def hand_over(self, req: Request, queue: ExpirerQueue,
                  clock: Clock = SYSTEM) -> Response | None:
        """Hand the segments to the expirer; None if the manifest may now be deleted.

        Raises HTTPException when that cannot be done.
        """
        segments = self._segments_of_one_container(req)
        if not segments:
            return None
        account = wsgi_to_str(self._account)
        container, obj = self._top.path[1:].split('/', 1)
        source = segments[0].path[1:].split('/', 1)[0]
        denial = self._write_denial(req, account, dict.fromkeys((container, source)))
        if denial is not None:
            return denial
        env = req.environ
        env.setdefault('HTTP_X_TIMESTAMP', Timestamp(clock.time()).internal)
        now = req.timestamp
        rows = [_row(now, f'{account}{path}')
                for path in dict.fromkeys(segment.path for segment in segments)]
        update = make_pre_authed_request(
            env, 'UPDATE', wsgi_quote(str_to_wsgi(queue.path(account, container, obj, now))) + '?',
            body=json.dumps(rows).encode('ascii'), swift_source=KIND, headers={
                'Content-Type': 'application/json', 'X-Timestamp': now.internal,
                'X-Backend-Storage-Policy-Index': '0',
                'X-Backend-Allow-Private-Methods': 'True'})
        response = update.get_response(self._app)
        _ = response.body
        if not response.is_success:
            raise HTTPServiceUnavailable(request=req)
        return None

    def _segments_of_one_container(self, req: Request) -> list[ObjectSegment]:
        try:
            found = self._load(self._top)
        except _Unreadable as problem:
            raise _async_refusal(req, problem) from None
        segments = [segment for segment in found if isinstance(segment, ObjectSegment)]
        containers = sorted({segment.path.split('/', 2)[1] for segment in segments})
        if len(containers) > 1:
            raise HTTPBadRequest(request=req, body=(
                'All segments must be in one container. Found segments in '
                + ', '.join(map(json.dumps, containers))))
        if any(segment.is_manifest for segment in segments):
            raise HTTPBadRequest(request=req, body='No segments may be large objects.')
        return segments

    def _write_denial(self, req: Request, account: str,
                      containers: dict[str, None]) -> Response | None:
        """Return the denial if the client may not write to one of the containers."""
        authorize = req.environ.get('swift.authorize')
        if authorize is None:
            return None
        for name in containers:
            req.acl = container_info(req.environ, self._app, account, name,
                                     swift_source=KIND).get('write_acl')
            denial = authorize(req)
            if denial is not None:
                return denial
        req.acl = None
        return None


def _row(now: Timestamp, path: str) -> dict:
    return {'name': f'{now.internal}-{path}', 'deleted': 0, 'created_at': now.internal,
            'etag': md5().hexdigest(), 'size': 0, 'storage_policy_index': 0,
            'content_type': ASYNC_DELETE_TYPE}


def _async_refusal(req: Request, problem: _Unreadable) -> HTTPException:
    if problem.status == 404:
        return HTTPNotFound(request=req, body='SLO manifest not found')
    if problem.status == 400:
        return HTTPBadRequest(request=req, body=str(problem))
    if problem.status in (401, 403):
        return HTTPException(request=req, status=problem.status)
    return HTTPServerError(request=req, body=str(problem))
