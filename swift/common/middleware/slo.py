"""slo: static large objects, many objects read as one by a manifest that pins each of them.

Layer 2, right of copy, left of dlo.

    PUT    /v1/a/c/o?multipart-manifest=put      body: [{"path": "/c/part1", "etag": "...",
                                                         "size_bytes": 123, "range": "0-99"},
                                                        {"data": "<base64>"}, ...]
                     &heartbeat=on               202 at once, the result in the body
    GET    /v1/a/c/o                             the joined bytes; Range, conditions
                    ?part-number=N               one part
                    ?multipart-manifest=get      the manifest, with &format=raw as it was sent
    DELETE /v1/a/c/o                             the manifest alone
                    ?multipart-manifest=delete   and its segments; with &async=on by the expirer

Segments are checked when the manifest is stored and again when they are read: what was changed
since is 409, or a broken connection once bytes have been sent. Segments may be manifests.
Listings show the size of the whole, and its ETag as `slo_etag`. Source: sheet 05 section 14.2.

Cost for other objects: two headers on the way in, a look at the headers of the answer.
"""
from collections.abc import Callable, Iterable

from swift.common.cluster import Cluster
from swift.common.config.options import Bool, Bytes, Float, Integer, Options, Seconds, Text, is_true
from swift.common.listing_edits import ListingEdit, edit_listing
from swift.common.log import Logger
from swift.common.mime_types import MimeTypes
from swift.common.places import config_root
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.segments import ReadLimits
from swift.common.slo_delete import DeleteLimits, ExpirerQueue, SloDelete
from swift.common.slo_put import PutLimits, SloPut
from swift.common.slo_read import SloReads
from swift.common.swob import HTTPBadRequest, HTTPException, Request
from swift.core.names import is_container_path, is_object_path
from swift.core.slo_manifest import asks_for_manifest, split_slo_etag

RESERVED_HEADER = ('X-Static-Large-Object is a reserved header. To create a static large object '
                   'add query param multipart-manifest=put.')
OVERRIDE = 'swift.slo_override'
FAILED_DELETES_MAX = 1000
SHOW_ETAG = ListingEdit(b'slo_etag=', split_slo_etag)


class SloOptions(Options, section='filter:slo'):
    """Static large objects."""

    max_manifest_segments = Integer(
        1000, 'Segments that are objects, for each manifest.', at_least=1)
    max_manifest_size = Bytes(8388608, 'Size of a manifest as it is sent.', at_least=1)
    rate_limit_under_size = Bytes(
        1048576, 'Only segments smaller than this count for the limit of segments per second.')
    rate_limit_after_segment = Integer(
        10, 'Small segments of one object that are sent as fast as it goes; then the rate counts.',
        at_least=0)
    rate_limit_segments_per_sec = Float(
        1, 'Small segments per second after that; 0 = no limit.', at_least=0)
    max_get_time = Seconds(86400, 'Longest time that one answer may take.')
    concurrency = Integer(2, 'Segments of a new manifest that are checked side by side.',
                          at_least=0, at_most=1000)
    delete_concurrency = Integer(same_as='concurrency', at_least=0, at_most=1000,
                                 doc='Segments that are deleted side by side.')
    yield_frequency = Seconds(10, 'How often white space is sent while an operation is under way.')
    allow_async_delete = Bool(True, 'Let clients leave the deletion of segments to the expirer.')
    verify_segments = Bool(
        False, 'Compute the MD5 of whole segments in the proxy too. Object servers do already.')
    expiring_objects_account_name = Text(
        'expiring_objects', 'Deprecated. As in [app:proxy-server].')
    expiring_objects_container_divisor = Integer(
        86400, 'Deprecated. As in [app:proxy-server].', at_least=101)


class SloFilter:
    """The filter."""

    def __init__(self, app: Callable, options: SloOptions, cluster: Cluster, logger: Logger,
                 mime_types: MimeTypes):
        self.app = app
        self._reads = SloReads(app, ReadLimits(
            options.max_get_time, options.rate_limit_after_segment,
            options.rate_limit_segments_per_sec, options.rate_limit_under_size,
            options.verify_segments), logger)
        self._put = SloPut(app, self, PutLimits(
            options.max_manifest_segments, options.max_manifest_size, options.concurrency,
            options.yield_frequency), mime_types)
        self._delete_limits = DeleteLimits(
            options.max_manifest_segments, options.delete_concurrency, FAILED_DELETES_MAX,
            options.yield_frequency)
        self._queue = ExpirerQueue(
            cluster, '.' + options.expiring_objects_account_name.lstrip('.'),
            options.expiring_objects_container_divisor) if options.allow_async_delete else None

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        if env.get(OVERRIDE):
            return self.app(env, start_response)
        method, path, query = env['REQUEST_METHOD'], env['PATH_INFO'], env.get('QUERY_STRING')
        if not is_object_path(path):
            if method == 'GET' and is_container_path(path):
                return edit_listing(self.app, env, start_response, SHOW_ETAG)
            return self.app(env, start_response)
        if method in ('GET', 'HEAD'):
            if asks_for_manifest(query):
                return self._reads.read_manifest(Request(env), start_response)
            return self._reads.read(Request(env), start_response)
        if query and 'multipart-manifest' in query and method in ('PUT', 'DELETE'):
            req = Request(env)
            wanted = req.params.get('multipart-manifest')
            try:
                if method == 'PUT' and wanted == 'put':
                    return self._put.answer(req)(env, start_response)
                if method == 'DELETE' and wanted == 'delete':
                    return self._delete(req)(env, start_response)
            except HTTPException as refusal:
                return refusal(env, start_response)
        if 'HTTP_X_STATIC_LARGE_OBJECT' in env:
            return HTTPBadRequest(request=Request(env), body=RESERVED_HEADER)(env, start_response)
        return self.app(env, start_response)

    def _delete(self, req: Request) -> Callable:
        delete = SloDelete(self.app, req, self._delete_limits)
        if self._queue is not None and is_true(req.params.get('async')):
            return delete.hand_over(req, self._queue) or self.app
        return delete.answer(req)


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#slo`."""
    section = read_section(SloOptions, global_conf, local_conf, 'slo')
    options = section.options
    register_swift_info('slo', max_manifest_segments=options.max_manifest_segments,
                        max_manifest_size=options.max_manifest_size,
                        yield_frequency=options.yield_frequency, min_segment_size=1,
                        allow_async_delete=options.allow_async_delete)
    swift_dir = config_root(section.conf.get('swift_dir'))
    mime_types = MimeTypes(swift_dir)
    cluster = Cluster(swift_dir)
    return lambda app: SloFilter(app, options, cluster, section.logger, mime_types)
