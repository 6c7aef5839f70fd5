"""copy: objects are copied inside the cluster, without passing through the client.

Layer 2, right of authentication, left of quotas and large objects.

    PUT  /v1/a/c/o    X-Copy-From: [/]c/o  [X-Copy-From-Account: a]
    COPY /v1/a/c/o    Destination: [/]c/o  [Destination-Account: a]      becomes the PUT form
    OPTIONS           COPY is added to the methods of an object

The source is read by a sub-request with all headers of the client, so that its token, range and
conditions are about the source; an answer of 300 or more is the client's answer. Its body becomes
the body of a PUT, its headers those of the PUT unless the request has its own. A source that was
read as a whole sends its ETag along, so that the copy is verified.

Invariants: what is stored is one body with the length announced: a source of unknown length is
413, one in several ranges 416. The source's body is closed on every path.
Source: sheet 05 section 16, sheet 04 section 8.6.
"""
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from swift.common.body_reader import BodyReader
from swift.common.cluster import Cluster
from swift.common.config.options import Options, Seconds, is_true
from swift.common.heartbeat import CHUNK_SIZE, Heartbeat, flushed, report_type
from swift.common.places import config_root
from swift.common.sections import read_section
from swift.common.subrequest import make_subrequest
from swift.common.swob import (
    HTTPBadRequest,
    HTTPException,
    HTTPPreconditionFailed,
    HTTPRequestedRangeNotSatisfiable,
    HTTPRequestEntityTooLarge,
    Request,
    Response,
    wsgi_quote,
    wsgi_to_str,
    wsgi_unquote,
)
from swift.core.constraints import Constraints
from swift.core.headers import is_object_transient_sysmeta, is_sys_meta, is_user_meta
from swift.core.names import account_name_problem, split_path
from swift.core.operation_report import render_report

SOURCE = 'SSC'
COPIED_BY = 'copy'
REPORT_TYPES = ('text/plain', 'application/json')
# Headers of the source's answer that say nothing about the copy. The first line is the rule of the
# sheet; the others describe that answer, not the object.
NOT_COPIED = frozenset((
    'x-static-large-object', 'x-object-manifest', 'etag', 'content-type', 'x-timestamp',
    'content-length', 'content-range', 'accept-ranges', 'last-modified', 'date', 'vary',
    'transfer-encoding', 'connection', 'x-trans-id', 'x-openstack-request-id'))
# Headers of the client that were about reading the source, or about copying.
ABOUT_SOURCE = ('HTTP_RANGE', 'HTTP_IF_MATCH', 'HTTP_IF_NONE_MATCH', 'HTTP_IF_MODIFIED_SINCE',
                'HTTP_IF_UNMODIFIED_SINCE', 'HTTP_IF_RANGE')
ABOUT_COPYING = ('HTTP_X_COPY_FROM', 'HTTP_X_COPY_FROM_ACCOUNT', 'HTTP_DESTINATION',
                 'HTTP_DESTINATION_ACCOUNT', 'HTTP_X_FRESH_METADATA')
ABOUT_BODY = ('HTTP_TRANSFER_ENCODING', 'HTTP_EXPECT')
# Compat: a list that is extended is also re-spelt, others keep the spelling of the app.
METHOD_LISTS = {'allow': 'Allow', 'access-control-allow-methods': 'Access-Control-Allow-Methods'}
OVERRIDE_PREFIX = 'x-object-sysmeta-container-update-override-'


class CopyOptions(Options, section='filter:copy'):
    """Copies inside the cluster."""

    yield_frequency = Seconds(10, 'With heartbeat=on, how often a blank is sent while a copy is '
                                  'under way.')


@dataclass(frozen=True, slots=True)
class Place:
    """An object by name; WSGI strings."""

    version: str
    account: str
    container: str
    obj: str

    @property
    def path(self) -> str:
        return f'/{self.version}/{self.account}/{self.container}/{self.obj}'

    @property
    def quoted_name(self) -> str:
        return f'{wsgi_quote(self.container)}/{wsgi_quote(self.obj)}'


class CopyFilter:
    """The filter."""

    def __init__(self, app: Callable, options: CopyOptions, limits: Constraints):
        self.app = app
        self.options = options
        self.limits = limits

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        method = env['REQUEST_METHOD']
        if method == 'PUT':
            if not env.get('HTTP_X_COPY_FROM'):
                return self.app(env, start_response)
        elif method not in ('COPY', 'OPTIONS'):
            return self.app(env, start_response)
        req = Request(env)
        try:
            target = Place(*req.split_path(4, 4, True))
        except ValueError:
            return self.app(env, start_response)
        if target.version not in self.limits.valid_api_versions:
            return self.app(env, start_response)
        if method == 'OPTIONS':
            return self._options(req, start_response)
        try:
            if method == 'COPY':
                env['swift.orig_req_method'] = 'COPY'
                source, target = target, destination(req, target)
            else:
                source = copy_source(req, target)
                if req.content_length:
                    raise HTTPBadRequest(request=req, content_type='text/plain',
                                         body='Copy requests require a zero byte body')
            response = self._copy(req, source, target)
        except HTTPException as refusal:
            response = refusal
        return response(env, start_response)

    def _options(self, req: Request, start_response: Callable) -> Iterable[bytes]:
        status, headers, body = req.call_application(self.app)
        if status.startswith('2'):
            headers = [with_copy(name, value) for name, value in headers]
        start_response(status, headers)
        return body

    def _copy(self, req: Request, source: Place, target: Place) -> Response:
        """Return the answer to a copy. Raises HTTPException for one that cannot be."""
        # Both requests share what is known of accounts and containers.
        req.environ.setdefault('swift.infocache', {})
        source_response = self._read_source(req, source)
        if source_response.status_int >= 300:
            return source_response
        try:
            put = self._put_request(req, source, source_response, target)
        except BaseException:
            source_response.close()
            raise
        facts = copied_facts(put.headers, source, source_response.headers)
        if is_true(req.params.get('heartbeat')):
            return self._with_heartbeat(req, put, source, source_response, facts)
        try:
            response = put.get_response(self.app)
        finally:
            source_response.close()
        if CHUNK_SIZE in put.environ:
            # How the answer is to be sent was said to the PUT, which has an environ of its own.
            req.environ[CHUNK_SIZE] = put.environ[CHUNK_SIZE]
        if response.is_success:
            response.headers.update(facts)
        return response

    def _read_source(self, req: Request, source: Place) -> Response:
        headers = {name: value for name, value in req.headers.items()
                   if name not in ('Content-Length', 'Transfer-Encoding', 'Expect')}
        for name in ('X-Copy-From', 'X-Copy-From-Account', 'Destination', 'Destination-Account'):
            headers.pop(name, None)
        headers['X-Newest'] = 'true'
        get = make_subrequest(req.environ, 'GET', wsgi_quote(source.path), headers=headers,
                              swift_source=SOURCE)
        if req.params.get('multipart-manifest') == 'get':
            get.params = {**get.params, 'format': 'raw'}
        return get.get_response(self.app)

    def _put_request(self, req: Request, source: Place, found: Response,
                     target: Place) -> Request:
        """Return the PUT that stores what was found. Raises the 413 or 416."""
        length = found.content_length
        if length is None or length > self.limits.max_file_size:
            raise HTTPRequestEntityTooLarge(request=req)
        if found.status_int == 206 and found.headers.get(
                'Content-Type', '').startswith('multipart/byteranges'):
            raise HTTPRequestedRangeNotSatisfiable(request=req)
        env = dict(req.environ)
        for key in (*ABOUT_SOURCE, *ABOUT_COPYING, *ABOUT_BODY):
            env.pop(key, None)
        env.update({'REQUEST_METHOD': 'PUT', 'PATH_INFO': target.path, 'SCRIPT_NAME': '',
                    'CONTENT_LENGTH': str(length), 'wsgi.input': BodyReader(found.app_iter)})
        put = Request(env)
        own = {name.lower() for name in put.headers}
        if not env.get('CONTENT_TYPE'):
            own.discard('content-type')
        fresh = is_true(req.headers.get('X-Fresh-Metadata'))
        for name, value in found.headers.items():
            if name.lower() not in own and _is_copied(name.lower(), fresh):
                put.headers[name] = value
        if 'content-type' not in own and 'Content-Type' in found.headers:
            put.headers['Content-Type'] = found.headers['Content-Type']
        _set_manifest_and_etag(put, found)
        return put

    # -- heartbeat -----------------------------------------------------------------------------

    def _with_heartbeat(self, req: Request, put: Request, source: Place, source_response: Response,
                        facts: Mapping[str, str]) -> Response:
        media_type = report_type(req.environ, REPORT_TYPES) or REPORT_TYPES[0]
        flushed(req.environ)
        flushed(put.environ)

        def work() -> bytes:
            answer = put.get_response(self.app)
            # Read here: the report needs it, and the blanks go on meanwhile.
            _ = answer.body
            return _report(answer, source, facts, media_type)

        body = Heartbeat(work, self.options.yield_frequency, at_once=True,
                         on_close=source_response.close)
        response = Response(request=req, status=202, app_iter=body)
        response.headers['Content-Type'] = media_type
        return response


def _report(response: Response, source: Place, facts: Mapping[str, str],
            media_type: str) -> bytes:
    document = {'Response Status': response.status,
                'Response Body': response.body.decode('utf-8', 'replace')}
    for name, value in {**facts, **response.headers}.items():
        lower = name.lower()
        if not (is_sys_meta('object', lower) or is_object_transient_sysmeta(lower)
                or lower.startswith('x-backend')):
            document[name] = wsgi_to_str(value)
    errors = [] if response.is_success else [(source.quoted_name, response.status)]
    return render_report(media_type, document, errors, COPIED_BY)


def destination(req: Request, source: Place) -> Place:
    """Return where a COPY goes. Raises the 412."""
    if not req.headers.get('Destination'):
        raise HTTPPreconditionFailed(request=req, body='Destination header required')
    account = source.account
    if 'Destination-Account' in req.headers:
        account = _account(req, req.headers['Destination-Account'])
    return Place(source.version, account, *_container_and_object(req, 'Destination'))


def copy_source(req: Request, target: Place) -> Place:
    """Return what a PUT copies. Raises the 412."""
    account = target.account
    if 'X-Copy-From-Account' in req.headers:
        account = _account(req, req.headers['X-Copy-From-Account'])
    return Place(target.version, account, *_container_and_object(req, 'X-Copy-From'))


def _account(req: Request, quoted: str) -> str:
    account = wsgi_unquote(quoted)
    problem = account_name_problem(account)
    if problem:
        raise HTTPPreconditionFailed(request=req, body=problem)
    return account


def _container_and_object(req: Request, header: str) -> list[str]:
    path = wsgi_unquote(req.headers[header])
    try:
        return split_path(path if path.startswith('/') else f'/{path}', 2, 2, True)
    except ValueError:
        raise HTTPPreconditionFailed(request=req, body=(
            f'{header} header must be of the form <container name>/<object name>'))


def with_copy(name: str, value: str) -> tuple[str, str]:
    """Return a header with COPY among its methods, if it lists methods and lacks it."""
    spelling = METHOD_LISTS.get(name.lower())
    if spelling is None or 'COPY' in [method.strip() for method in value.split(',')]:
        return name, value
    return spelling, f'{value}, COPY' if value else 'COPY'


def _is_copied(name: str, fresh: bool) -> bool:
    """Whether a header of the source goes into the copy; `name` is lower-case."""
    if fresh:
        # Where a link points to is what it consists of, as bytes are of other objects.
        return is_sys_meta('object', name) or name.startswith('x-symlink-target')
    return name not in NOT_COPIED and not name.startswith(('x-backend', 'access-control-'))


def _set_manifest_and_etag(put: Request, found: Response) -> None:
    """Say what the body is: a manifest, an object to be verified, or a part of something."""
    params = put.params
    is_slo = is_true(found.headers.get('X-Static-Large-Object'))
    manifest = found.headers.get('X-Object-Manifest')
    params.pop('version-id', None)
    is_whole = not is_slo and not manifest
    if params.get('multipart-manifest') == 'get':
        if is_slo:
            params['multipart-manifest'] = 'put'
        else:
            params.pop('multipart-manifest')
            is_whole = True
            if manifest:
                put.headers['X-Object-Manifest'] = manifest
    if params != put.params:
        put.params = params
    if found.status_int == 200 and is_whole and found.headers.get('Etag'):
        put.headers['Etag'] = found.headers['Etag']
    else:
        for name in [name for name in put.headers if name.lower().startswith(OVERRIDE_PREFIX)]:
            del put.headers[name]


def copied_facts(put_headers: Mapping[str, str], source: Place,
                 source_headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by which a client learns what was copied."""
    facts = {'X-Copied-From-Account': wsgi_quote(source.account),
             'X-Copied-From': source.quoted_name}
    if 'Last-Modified' in source_headers:
        facts['X-Copied-From-Last-Modified'] = source_headers['Last-Modified']
    if 'X-Object-Version-Id' in source_headers:
        facts['X-Copied-From-Version-Id'] = source_headers['X-Object-Version-Id']
    for name, value in put_headers.items():
        if is_user_meta('object', name.lower()) or name.lower() == 'x-delete-at':
            facts[name] = value
    return facts


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#copy`."""
    section = read_section(CopyOptions, global_conf, local_conf, 'proxy-server', 'copy')
    limits = Cluster(config_root(section.conf.get('swift_dir'))).constraints
    return lambda app: CopyFilter(app, section.options, limits)
