"""The object server: requests to the store and back.

Layer 3. ``ObjectController`` is the WSGI application behind ``egg:swift#object``:

    /<device>/<partition>/<account>/<container>/<object>     GET HEAD PUT POST DELETE
    REPLICATE SSYNC                                           see replication_verbs
    OPTIONS                                                   any path

A request is checked (request_parts), carried out in disk threads (store), told to containers
(updates) and answered (answers). Errors of disks and clients become statuses in one table here.
Source: sheet 02 §8 to §15; log line sheet 07 §17.3; metrics sheet 07 §18.3.
"""
import importlib.metadata
from collections.abc import Callable, Iterable
from typing import Any

from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.error_status import status_of
from swift.common.errors import DeviceUnavailable, SwiftError
from swift.common.green import Timeout, sleep
from swift.common.http.pool import ConnectionPool
from swift.common.log import set_transaction
from swift.common.metrics import LabeledStatsd, Statsd
from swift.common.sections import read_section
from swift.common.storage_log import RequestLog
from swift.common.swob import (
    HTTPAccepted,
    HTTPConflict,
    HTTPCreated,
    HTTPException,
    HTTPInternalServerError,
    HTTPMethodNotAllowed,
    HTTPNoContent,
    HTTPNotFound,
    HTTPOk,
    HTTPPreconditionFailed,
    HTTPRequestTimeout,
    HTTPUnprocessableEntity,
    Request,
    Response,
    status_map,
)
from swift.core.constraints import config_true_value
from swift.core.container_update import overrides
from swift.core.object_meta import SYSMETA, ObjectState, PostPlan, ctype_for_listing
from swift.core.timestamp import Timestamp
from swift.obj.answers import ObjectBody, absent, drop_ignored_range, present, wish_of
from swift.obj.options import ObjectServerOptions
from swift.obj.placement import Placement
from swift.obj.replication_verbs import ReplicationVerbs
from swift.obj.request_parts import (
    Headers,
    bad_request,
    check_path_encoding,
    find_place,
    find_policy,
    opens_expired,
    override_headers,
    reading_time,
    request_time,
)
from swift.obj.store import Delete, Result, Store, Verdict
from swift.obj.updates import Job, Updates
from swift.obj.uploads import Received, Uploads

SERVER_NAME = 'object-server'
_ALL_VERBS = ('DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'REPLICATE', 'SSYNC')
_CLIENT_VERBS = tuple(verb for verb in _ALL_VERBS if verb not in ('REPLICATE', 'SSYNC'))
_SAMPLE_RATES = {'HEAD': 0.8, 'REPLICATE': 0.1, 'SSYNC': 0.1}


class ObjectController:
    """The WSGI application. Owns the store and its threads; the pool is shared."""

    def __init__(self, options: ObjectServerOptions, cluster: Cluster, logger: Any, *,
                 pool: Any, statsd: Any, labeled: Any = None, clock: Clock = SYSTEM):
        self.options = options
        self.cluster = cluster
        self.logger = logger
        self.statsd = statsd
        self.labeled = labeled
        self.clock = clock
        self.store = Store(options, cluster, logger, statsd, clock)
        self.updates = Updates(self.store, pool, options, logger)
        self._uploads = Uploads(self.store, options.network_chunk_size,
                                options.cooperative_period)
        self._headers = Headers(options.allowed_headers, cluster.constraints)
        self._log = RequestLog(options, logger, clock)
        self.verbs = _ALL_VERBS if options.replication_server else _CLIENT_VERBS
        self._server = '%s/%s' % (SERVER_NAME, importlib.metadata.version('swift'))
        self._handlers: dict[str, Callable[[Request, Any], Response]] = {
            'GET': self._get, 'HEAD': self._head, 'PUT': self._put, 'POST': self._post,
            'DELETE': self._delete}
        replication = ReplicationVerbs(self.store, self)
        self._other_handlers: dict[str, Callable[[Request], Response]] = {
            'OPTIONS': self._options, 'REPLICATE': replication.replicate,
            'SSYNC': replication.ssync}

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        started = self.clock.time()
        req = Request(environ)
        set_transaction(environ.get('HTTP_X_TRANS_ID'))
        method = environ['REQUEST_METHOD']
        answer = self._answer(req, method)
        # Conditions and ranges decide the status only while the answer is being started.
        body = answer(environ, start_response)
        self._account_for(environ, method, answer, self.clock.time() - started)
        return body

    def handle(self, environ: dict) -> Response:
        """Carry out a request that came inside another one; the answer is only to be looked at."""
        started = self.clock.time()
        answer = self._answer(Request(environ), environ['REQUEST_METHOD'])
        self._account_for(environ, environ['REQUEST_METHOD'], answer,
                          self.clock.time() - started)
        return answer

    def _answer(self, req: Request, method: str) -> Response:
        try:
            handler = self._handlers.get(method)
            if handler is None:
                other = self._other_handlers.get(method) if method in self.verbs else None
                return other(req) if other else HTTPMethodNotAllowed(request=req)
            check_path_encoding(req)
            policy = find_policy(req, self.cluster.policies)
            return handler(req, find_place(req, self.store, policy))
        except HTTPException as answer:
            return answer
        except SwiftError as error:
            return self._answer_error(req, error)
        except Exception:
            # The request boundary: whatever a bug did, this request ends here.
            self.logger.exception('ERROR __call__ error with %s %s ', method, req.path)
            return HTTPInternalServerError(request=req)

    def _answer_error(self, req: Request, error: SwiftError) -> Response:
        status = status_of(error)
        if status == 500:
            self.logger.error('ERROR %s %s: %s', req.method, req.path, error)
        elif status == 403 or (status == 507 and not isinstance(error, DeviceUnavailable)):
            self.logger.error('%s %s: %s', req.method, req.path, error)
        if status == 408:
            self.statsd.increment('PUT.timeouts')
        drive = req.environ['PATH_INFO'].split('/', 2)[1]
        more = {'drive': drive} if status == 507 else {}
        return status_map[status](request=req, **more)

    def _account_for(self, environ: dict, method: str, answer: Response, seconds: float) -> None:
        """Log the request and count it."""
        status = answer.status_int
        policy = environ.get('HTTP_X_BACKEND_STORAGE_POLICY_INDEX')
        self._log.write(environ, status, answer.headers.get('Content-Length'), seconds,
                        policy or '-')
        if self.statsd.enabled and method in self.verbs:
            name = '%s.errors.timing' if status >= 500 else '%s.timing'
            self.statsd.timing(name % method, seconds * 1000, _SAMPLE_RATES.get(method))
        if self.labeled is not None and self.labeled.enabled:
            names = (environ['PATH_INFO'].split('/', 5) + [None] * 6)[3:5]
            labels = {'method': method, 'status': status, 'policy': policy or '0'}
            if method == 'REPLICATE':
                labels['skip_rehash'] = names[0] is not None
            else:
                labels.update(account=names[0], container=names[1])
            self.labeled.timing('swift_object_server_request_timing', seconds * 1000, labels)

    def close(self) -> None:
        """End the disk threads."""
        self.store.close()

    # -- reading -------------------------------------------------------------------------------

    def _options(self, req: Request) -> Response:
        return HTTPOk(request=req, headers={'Allow': ', '.join(self.verbs),
                                            'Server': self._server})

    def _head(self, req: Request, place: Placement) -> Response:
        found = self.store.look_up(place, reading_time(req, self.clock.time()),
                                   opens_expired(req))
        if not found.exists:
            return absent(req, found)
        return present(req, found, self._headers.allowed, None)

    def _get(self, req: Request, place: Placement) -> Response:
        now = reading_time(req, self.clock.time())
        found = self.store.fetch(place, now, opens_expired(req), wish_of(req))
        if not found.exists:
            return absent(req, found)
        drop_ignored_range(req, found.state)
        found.body.keep_cache = self._keeps_cache(req, found.state)
        small = found.body.small
        # A list goes out in one piece with the head, past the machinery of streams.
        body = ([small] if small is not None
                else ObjectBody(self.store, found.body, self.store.verification(),
                                self.options.splice))
        return present(req, found, self._headers.allowed, body)

    def _keeps_cache(self, req: Request, state: ObjectState) -> bool:
        """Tell whether the pages of this read should stay in memory (sheet 02 §6)."""
        options = self.options
        if state.size >= options.keep_cache_size:
            return False
        if options.keep_cache_private:
            return True
        headers = req.headers
        if 'X-Auth-Token' not in headers and 'X-Storage-Token' not in headers:
            return True
        return options.keep_cache_slo_manifest and config_true_value(
            state.metadata.get('X-Static-Large-Object'))

    # -- writing -------------------------------------------------------------------------------

    def _put(self, req: Request, place: Placement) -> Response:
        started = self.clock.monotonic()
        time = request_time(req)
        parts = self._headers.read_put(req, time, place.obj)
        received = self._uploads.receive_arrived(req, place, parts)
        if received is None:
            # A broken client header must not hide behind the time limit, hence one outside.
            with Timeout(self.options.max_upload_time, _UploadTooSlow()):
                try:
                    received = self._uploads.receive(req, place, parts)
                except _UploadTooSlow:
                    self.statsd.increment('PUT.timeouts')
                    return HTTPRequestTimeout(request=req)
        result = received.result
        if result.verdict is Verdict.CONFLICT:
            if result.repeats(time):
                self._tell_put_again(req, place, parts, result.old_state)
            return _conflict(req, result.time)
        if result.verdict is Verdict.PRECONDITION:
            return HTTPPreconditionFailed(request=req)
        if result.verdict is Verdict.BAD_ETAG:
            return HTTPUnprocessableEntity(request=req)
        self.statsd.transfer_rate('PUT.%s.timing' % place.device,
                                  (self.clock.monotonic() - started) * 1000, result.size)
        self._tell_put(req, place, parts, received)
        self._dawdle(started)
        return HTTPCreated(request=req, headers={'Etag': '"%s"' % result.etag})

    def _tell_put(self, req: Request, place: Placement, parts: Any, received: Received) -> None:
        result, time = received.result, parts.put.time
        state = result.before.state if result.before.exists else None
        old = state.delete_at if state else None
        jobs = self.updates.queue_rows(req, place, time, old, parts.delete_at, result.size)
        fields = {'X-Size': str(result.size), 'X-Content-Type': parts.put.metadata['Content-Type'],
                  'X-Timestamp': time.internal, 'X-Etag': result.etag}
        fields.update(overrides((override_headers(req), received.footers)))
        jobs += self.updates.container_rows(req, place, 'PUT', fields)
        if jobs:
            self.updates.carry_out(place, jobs)

    def _tell_put_again(self, req: Request, place: Placement, parts: Any,
                        state: ObjectState) -> None:
        """Tell containers of what a PUT with this time stored, from what is on disk."""
        jobs = self.updates.queue_rows(req, place, state.data_time, None, parts.delete_at,
                                       state.size)
        fields = {'X-Size': str(state.size), 'X-Content-Type': state.data.get('Content-Type', ''),
                  'X-Timestamp': state.data_time.internal, 'X-Etag': state.etag}
        fields.update(overrides((override_headers(req), state.data)))
        jobs += self.updates.container_rows(req, place, 'PUT', fields)
        if jobs:
            self.updates.carry_out(place, jobs)

    def _post(self, req: Request, place: Placement) -> Response:
        time = request_time(req)
        post = self._headers.read_post(req, time)
        result = self.store.post(place, post, opens_expired(req))
        if result.verdict is Verdict.NOT_FOUND:
            return HTTPNotFound(request=req)
        state, plan = result.old_state, result.plan
        if result.verdict is Verdict.CONFLICT:
            if result.repeats(time):
                ctype = ctype_for_listing(state, state.metadata.get('Content-Type', ''))
                jobs = self._queue_post(req, place, state, time, None)
                self._tell_post(req, place, state, PostPlan({}, time, state.ctype_time), ctype,
                                jobs)
            return _conflict(req, result.time)
        ctype = plan.metadata.get('Content-Type') or state.data.get('Content-Type', '')
        ctype = ctype_for_listing(state, ctype)
        jobs = (self._queue_post(req, place, state, plan.time, state.delete_at)
                if plan.time > state.time else [])
        self._tell_post(req, place, state, plan, ctype, jobs)
        headers = {name: value for name, value in state.metadata.items()
                   if name.startswith(SYSMETA)}
        headers['X-Backend-Content-Type'] = ctype
        return HTTPAccepted(request=req, headers=headers)

    def _queue_post(self, req: Request, place: Placement, state: ObjectState, time: Timestamp,
                    old: int | None) -> list[Job]:
        new = req.headers.get('X-Delete-At')
        return self.updates.queue_rows(req, place, time, old, int(new) if new else None,
                                       state.size, state.data_time)

    def _tell_post(self, req: Request, place: Placement, state: ObjectState, plan: PostPlan,
                   ctype: str, jobs: list[Job]) -> None:
        ctype_time = plan.ctype_time or state.data_time
        fields = {'X-Size': str(state.size), 'X-Content-Type': ctype,
                  'X-Timestamp': state.data_time.internal,
                  'X-Content-Type-Timestamp': ctype_time.internal,
                  'X-Meta-Timestamp': plan.time.internal, 'X-Etag': state.etag}
        fields.update(overrides((state.metadata,)))
        jobs += self.updates.container_rows(req, place, 'PUT', fields)
        if jobs:
            self.updates.carry_out(place, jobs)

    def _delete(self, req: Request, place: Placement) -> Response:
        started = self.clock.monotonic()
        time = request_time(req)
        result = self.store.delete(place, Delete(time, self._if_delete_at(req)))
        if result.verdict is Verdict.PRECONDITION:
            return HTTPPreconditionFailed(
                request=req, body='X-If-Delete-At and X-Delete-At do not match')
        conditional = 'X-If-Delete-At' in req.headers
        if conditional and result.verdict is Verdict.NOT_FOUND:
            return HTTPNotFound(request=req)
        if conditional and result.verdict is Verdict.CONFLICT:
            if result.repeats_delete(time):
                self._tell_delete(req, place, result, time)
            return _conflict(req, result.time)
        self._tell_delete(req, place, result, time)
        kind = {Verdict.DONE: HTTPNoContent, Verdict.CONFLICT: HTTPConflict}.get(
            result.verdict, HTTPNotFound)
        state = result.old_state
        self._note_slow_delete(req, started)
        self._dawdle(started)
        answer = kind(request=req, headers={
            'X-Backend-Timestamp': max(result.time, time).internal,
            'X-Backend-Content-Type': state.metadata.get('Content-Type', '') if state else ''})
        if kind is HTTPNoContent:
            answer.content_length = None
        return answer

    @staticmethod
    def _if_delete_at(req: Request) -> int | None:
        value = req.headers.get('X-If-Delete-At')
        if value is None:
            return None
        try:
            return int(Timestamp(value))
        except ValueError:
            raise bad_request(req, 'Bad X-If-Delete-At header value', plain=False) from None

    def _tell_delete(self, req: Request, place: Placement, result: Result,
                     time: Timestamp) -> None:
        state = result.old_state
        jobs = self.updates.queue_rows(req, place, time, state.delete_at if state else None, None)
        if result.written or result.repeats_delete(time):
            jobs += self.updates.container_rows(req, place, 'DELETE',
                                                {'X-Timestamp': time.internal})
        if jobs:
            self.updates.carry_out(place, jobs)

    def _note_slow_delete(self, req: Request, started: float) -> None:
        seconds, limit = self.clock.monotonic() - started, \
            self.options.slow_delete_log_threshold_seconds
        if limit >= 0 and seconds > limit:
            self.logger.warning('Slow DELETE %s: %.4f s', req.path, seconds)

    def _dawdle(self, started: float) -> None:
        """Make a write as slow as the test option `slow` wants it."""
        rest = self.options.slow - (self.clock.monotonic() - started)
        if self.options.slow and rest > 0:
            sleep(rest)


class _UploadTooSlow(Exception):
    """The time for a whole PUT is over."""


def _conflict(req: Request, time: Timestamp) -> Response:
    return HTTPConflict(request=req, headers={'X-Backend-Timestamp': time.internal})


def app_factory(global_conf: dict, **local_conf: str) -> ObjectController:
    """Paste: build the application from a configuration section."""
    section = read_section(ObjectServerOptions, global_conf, local_conf, SERVER_NAME, SERVER_NAME)
    conf, options, logger = section.conf, section.options, section.logger
    return ObjectController(
        options, Cluster.load(options.swift_dir, logger=logger), logger, pool=ConnectionPool(),
        statsd=Statsd.from_options(conf, tail=options.log_name or SERVER_NAME, logger=logger),
        labeled=LabeledStatsd.from_options(conf, logger=logger))
