"""bulk: many objects made from one archive, or deleted by one request.

Layer 2, left of rate limiting and authentication: what it does for a client, it asks in the
client's name, and each object is checked and logged like one that the client asked for.

    PUT          /v1/a[/c[/prefix]]?extract-archive=tar|tar.gz|tar.bz2     body: the archive
    POST, DELETE /v1/a?bulk-delete                                         body: a name a line

The answer is 200 at once; how it went is in the document at its end (core.operation_report), with
white space before it if it took long. Source: sheet 05 section 15.

Cost of all other requests: two look-ups, and a search in the query if there is one.
"""
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

from swift.common import green
from swift.common.bulk_delete import Asker, Barrier, BulkDeleter
from swift.common.bulk_extract import Extraction, ExtractLimits
from swift.common.cluster import Cluster
from swift.common.config.options import Float, Integer, Options, Seconds
from swift.common.heartbeat import REPORT_TYPES, bulk_response, report_type
from swift.common.places import config_root
from swift.common.registry import register_swift_info
from swift.common.sections import read_section
from swift.common.swob import HTTPBadRequest, Request
from swift.core.bulk_tally import DeleteTally, ExtractTally
from swift.core.bulk_targets import DeleteLines
from swift.core.constraints import Constraints, Refusal
from swift.core.decompress import BZIP2, GZIP, Decompressor
from swift.core.tar_stream import BrokenTar, TarReader

ARCHIVES = {'tar': '', 'tar.gz': GZIP, 'tar.bz2': BZIP2}
READ_BYTES = 65536


class BulkOptions(Options, section='filter:bulk'):
    """Archives in, lists of names out."""

    max_containers_per_extraction = Integer(
        10000, 'Containers that one archive may create.', at_least=0)
    max_failed_extractions = Integer(
        1000, 'Files of an archive that may fail before the rest is left alone.', at_least=1)
    max_deletes_per_request = Integer(10000, 'Names that one bulk delete may list.', at_least=1)
    max_failed_deletes = Integer(
        1000, 'Deletions that may fail before the rest is left alone.', at_least=1)
    yield_frequency = Seconds(10, 'How often white space is sent while an operation is under way.')
    delete_container_retry_count = Integer(
        0, 'How often a container that is not empty yet is tried again.', at_least=0, at_most=20)
    delete_concurrency = Integer(
        2, 'Deletions side by side, for each request.', at_least=1, at_most=1000)
    extract_concurrency = Integer(
        4, 'Small files of one archive stored side by side; each may hold 64 KiB of memory.',
        at_least=1, at_most=1000)
    max_archive_expansion = Float(
        1000, 'A compressed archive that becomes more than so many times its size is refused as a '
              'bomb; 0 = no limit.', at_least=0)


@dataclass(frozen=True, slots=True)
class Operation:
    """A request of ours: the path after the version, and the type of the report."""

    root: str
    prefix: str
    media_type: str | None


class BulkFilter:
    """The filter."""

    def __init__(self, app: Callable, options: BulkOptions, limits: Constraints,
                 sleep: Callable[[float], None] = green.sleep):
        self.app = app
        self._sleep = sleep
        self.options = options
        self.limits = limits

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        query = env.get('QUERY_STRING')
        if not query or ('extract-archive' not in query and 'bulk-delete' not in query):
            return self.app(env, start_response)
        req = Request(env)
        params = req.params
        if req.method == 'PUT' and 'extract-archive' in params:
            begin, archive = self._extract, params['extract-archive'].lower().strip('.')
            if archive not in ARCHIVES:
                return HTTPBadRequest(request=req, body='Unsupported archive format')(
                    env, start_response)
        elif req.method in ('POST', 'DELETE') and 'bulk-delete' in params:
            begin, archive = self._delete, ''
        else:
            return self.app(env, start_response)
        operation = self._operation(req)
        if operation is None:
            return self.app(env, start_response)
        work = begin(req, operation, archive)
        return bulk_response(req, operation.media_type, work, self.options.yield_frequency)(
            env, start_response)

    def _operation(self, req: Request) -> Operation | None:
        try:
            version, account, prefix = req.split_path(2, 3, True)
        except ValueError:
            return None
        if version not in self.limits.valid_api_versions:
            return None
        return Operation(f'/{version}/{account}', prefix or '', report_type(req.environ))

    # -- deletes -------------------------------------------------------------------------------

    def _delete(self, req: Request, operation: Operation, _archive: str) -> Callable[[], bytes]:
        tally = DeleteTally(self.options.max_failed_deletes)

        def work() -> bytes:
            targets = self._delete_targets(req, operation, tally)
            if targets is not None:
                BulkDeleter(self.app, self.options.delete_concurrency,
                            self.options.delete_container_retry_count, self._sleep).delete(
                    Asker(req.environ, operation.root, 'BulkDelete', 'BD'), targets, tally)
            return tally.render(operation.media_type or REPORT_TYPES[0])

        return work

    def _delete_targets(self, req: Request, operation: Operation,
                        tally: DeleteTally) -> Iterable | None:
        """Return what to delete, objects before containers; None if the request is refused."""
        refusal = _refusal(req, operation)
        content_type = req.environ.get('CONTENT_TYPE')
        if not refusal and content_type and not content_type.startswith('text/plain'):
            refusal = Refusal(406, '')
        lines = DeleteLines(self.limits, self.options.max_deletes_per_request)
        data = None
        while not refusal and data != b'':
            data = req.environ['wsgi.input'].read(READ_BYTES)
            refusal = lines.feed(data)
        if refusal:
            tally.refuse(refusal)
            return None
        return chain((target for target in lines.targets if not target.is_container), (Barrier(),),
                     (target for target in lines.targets if target.is_container))

    # -- archives ------------------------------------------------------------------------------

    def _extract(self, req: Request, operation: Operation, archive: str) -> Callable[[], bytes]:
        tally = ExtractTally(self.options.max_failed_extractions)
        read = req.environ['wsgi.input'].read
        if ARCHIVES[archive]:
            read = Decompressor(read, ARCHIVES[archive], self.options.max_archive_expansion).read

        def work() -> bytes:
            refusal = _refusal(req, operation)
            if refusal:
                tally.stop(refusal.status, refusal.body)
            else:
                extraction = Extraction(
                    self.app, req.environ, operation.root, operation.prefix, ExtractLimits(
                        self.options.max_containers_per_extraction,
                        self.options.extract_concurrency, self.limits))
                try:
                    extraction.run(TarReader(read), tally)
                except BrokenTar as problem:
                    tally.stop(400, f'Invalid Tar File: {problem}')
            return tally.render(operation.media_type or REPORT_TYPES[0])

        return work


def _refusal(req: Request, operation: Operation) -> Refusal | None:
    if operation.media_type is None:
        return Refusal(406, '')
    if req.content_length is None and not req.is_chunked:
        return Refusal(411, '')
    return None


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#bulk`."""
    section = read_section(BulkOptions, global_conf, local_conf, 'bulk')
    options = section.options
    register_swift_info('bulk_upload',
                        max_containers_per_extraction=options.max_containers_per_extraction,
                        max_failed_extractions=options.max_failed_extractions)
    register_swift_info('bulk_delete', max_deletes_per_request=options.max_deletes_per_request,
                        max_failed_deletes=options.max_failed_deletes)
    limits = Cluster(config_root(section.conf.get('swift_dir'))).constraints
    return lambda app: BulkFilter(app, options, limits)
