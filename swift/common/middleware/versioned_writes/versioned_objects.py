"""Objects of a versioned container: what each verb does, with and without ?version-id.

Layer 2, a part of object_versioning.

    PUT       data becomes a new version, then the link names it
    DELETE    a marker becomes a new version, then the link goes
    POST      to the link, then to the version
    GET       through the link, as any link
    ?version-id=ID    GET and DELETE of that version, PUT makes it the current one
    ?version-id=null  GET and DELETE of an object that is no version

An object that is no version, written before versioning or while it was suspended, is copied to the
hidden container before something takes its place. Rights are asked for first: those of the
container to write or read the current version, those of the account for versions by id.

Order: data before link, so that a link never names what has not been written; the link goes before
its data for the same reason. Times: the link is one offset behind its data.
Source: sheet 05 section 23.2, errata on it.
"""
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from swift.common.answer_headers import Headers, edited
from swift.common.clock import Clock
from swift.common.middleware.versioned_writes import links
from swift.common.middleware.versioned_writes.copying import (
    OwnRequests,
    check,
    denial,
    time_of,
)
from swift.common.middleware.versioned_writes.names import Names
from swift.common.mime_types import MimeTypes
from swift.common.subrequest import make_subrequest
from swift.common.swob import (
    HTTPBadRequest,
    HTTPInternalServerError,
    HTTPLengthRequired,
    HTTPNotFound,
    HTTPPreconditionFailed,
    Request,
    Response,
    wsgi_quote,
    wsgi_unquote,
)
from swift.core import symlinks
from swift.core.constraints import config_true_value
from swift.core.headers import X_BACKEND_ALLOW_RESERVED, X_BACKEND_POLICY_INDEX
from swift.core.timestamp import Timestamp
from swift.core.versions import (
    DELETED_TYPE,
    NULL,
    Version,
    is_marker,
    parse_version_id,
    version_at,
    version_at_path,
    version_name,
)

SOURCE = 'OV'
VERSION_ID, CURRENT_ID = 'X-Object-Version-Id', 'X-Object-Current-Version-Id'
NOT_VERSIONED = 'version-aware operations require that the container is versioned'
HIDDEN_MISSING = ('The versions container does not exist. You may want to re-enable object '
                  'versioning.')
# Answers that say nothing of the object.
_REFUSALS = ('401', '403')
_VERSIONS_LINK_KEY = 'HTTP_X_OBJECT_SYSMETA_VERSIONS_SYMLINK'


@dataclass(frozen=True, slots=True)
class Place:
    """An object of a versioned container; WSGI strings. `write_acl` is the container's."""

    names: Names
    obj: str
    write_acl: str | None

    @property
    def path(self) -> str:
        return f'{self.names.path}/{self.obj}'

    @property
    def quoted_name(self) -> str:
        return f'{wsgi_quote(self.names.container)}/{wsgi_quote(self.obj)}'

    def at(self, version: Timestamp) -> str:
        """Return the path of the data of a version."""
        return f'{self.names.hidden}/{version_name(self.obj, version)}'


class VersionedObjects:
    """Answers requests to objects, of all containers."""

    def __init__(self, app: Callable, own: OwnRequests, mime_types: MimeTypes, clock: Clock):
        self.app = app
        self._own = own
        self._mime_types = mime_types
        self._clock = clock

    def __call__(self, env: dict, start_response: Callable, names: Names,
                 obj: str) -> Iterable[bytes]:
        method = env['REQUEST_METHOD']
        # It comes along when a link of ours is copied, and means a link that we make.
        env.pop(_VERSIONS_LINK_KEY, None)
        info = self._own.info_of(env, names.account, names.container)
        sysmeta = info.get('sysmeta') or {}
        is_versioned = bool(sysmeta.get('versions-container'))
        req = Request(env)
        version = None
        if 'version-id' in env.get('QUERY_STRING', ''):
            version = req.params.get('version-id') or None
        if method == 'OPTIONS' or (version is None and not is_versioned):
            return self.app(env, start_response)
        place = Place(names, obj, info.get('write_acl'))
        if version is not None:
            return self._with_version(req, place, version, is_versioned)(env, start_response)
        if method in ('GET', 'HEAD'):
            return self._read(env, start_response, place)
        if method == 'POST':
            return self._post(req)(env, start_response)
        if method in ('PUT', 'DELETE') and config_true_value(sysmeta.get('versions-enabled')):
            do = self._put if method == 'PUT' else self._delete
            return do(req, place)(env, start_response)
        return self.app(env, start_response)

    def _with_version(self, req: Request, place: Place, version: str,
                      is_versioned: bool) -> Callable:
        """Return what answers a request with a version id. Raises HTTPException."""
        if not is_versioned and version != NULL:
            raise HTTPBadRequest(request=req, body=NOT_VERSIONED)
        if req.method == 'POST':
            raise HTTPBadRequest(request=req, body='POST to a specific version is not allowed')
        try:
            time = parse_version_id(version)
        except ValueError:
            time = False
        if time is False or (time is None and req.method == 'PUT'):
            raise HTTPBadRequest(request=req, body='Invalid version parameter')
        params = req.params
        del params['version-id']
        if time is not None:
            do = {'PUT': self._relink, 'DELETE': self._delete_version}.get(
                req.method, self._read_version)
            req.params = params
            return do(req, place, time)
        req.params = params
        return self.app if req.method == 'DELETE' else self._read_null(req)

    # -- reading ------------------------------------------------------------------------------

    def _read(self, env: dict, start_response: Callable, place: Place) -> Iterable[bytes]:
        def show(status: str, headers: Headers) -> Headers:
            return headers if status.startswith(_REFUSALS) else show_version(headers, place)

        return self.app(env, edited(start_response, show))

    def _read_version(self, req: Request, place: Place, version: Timestamp) -> Response:
        resp = self._of_client(req, place.at(version)).get_response(self.app)
        if not resp.is_success:
            return resp
        if is_marker(resp.headers.get('Content-Type', '')):
            resp.close()
            resp = HTTPNotFound(request=req)
            resp.headers['Content-Type'] = DELETED_TYPE
        resp.headers[VERSION_ID] = version.normal
        return resp

    def _of_client(self, req: Request, path: str) -> Request:
        """Return the client's own request for a path that only the cluster can name."""
        headers = {name: value for name, value in req.headers.items()
                   if name != X_BACKEND_POLICY_INDEX}
        return make_subrequest(req.environ, path=wsgi_quote(path), swift_source=SOURCE,
                               headers={**headers, X_BACKEND_ALLOW_RESERVED: 'true'})

    def _read_null(self, req: Request) -> Response:
        """Answer with the current object unless it is a link of ours."""
        params = req.params
        look = Request(dict(req.environ))
        look.params = {**params, 'symlink': 'get'}
        resp = look.get_response(self.app)
        if links.is_ours(resp.headers):
            resp.close()
            return HTTPNotFound(request=req)
        if symlinks.TARGET in resp.headers and params.get('symlink') != 'get':
            resp.close()
            resp = req.get_response(self.app)
        if resp.is_success:
            resp.headers[VERSION_ID] = NULL
        return resp

    # -- writing ------------------------------------------------------------------------------

    def _put(self, req: Request, place: Place) -> Callable:
        time = self._time(req)
        refusal = denial(req, place.write_acl) or links.put_problem(req, place.path, time)
        if refusal is not None:
            return refusal
        self._keep_null(req, place)
        version = Timestamp.from_raw(time.raw)
        put, count = links.data_request(
            req, self._own.make(req, 'PUT', place.at(version)), place.obj, self._mime_types)
        put.headers['X-Timestamp'] = time.internal
        resp = put.get_response(self.app)
        resp.close()
        if not resp.is_success:
            if resp.status_int == 404:
                self._hidden_is_missing(req, place)
            if resp.status_int >= 500:
                check(req, resp)
            return resp
        link = links.Link(version, resp.headers.get('Etag', '').strip('"'),
                          links.size_of_data(req, count), put.environ.get('CONTENT_TYPE', ''))
        return self._put_link(req, place, link, Timestamp(time, offset=1),
                              links.headers_of_put(req))

    def _put_link(self, req: Request, place: Place, link: links.Link, time: Timestamp,
                  headers: Mapping[str, str]) -> Response:
        put = self._own.make(req, 'PUT', place.path, headers={
            **headers, **link.headers(place.at(link.version).split('/', 3)[3]),
            'X-Timestamp': time.internal, X_BACKEND_ALLOW_RESERVED: 'true'})
        resp = self._own.put(put)
        if resp.status_int >= 500:
            check(req, resp)
        resp.headers['Etag'] = link.etag
        resp.headers[VERSION_ID] = link.version.normal
        return resp

    def _delete(self, req: Request, place: Place) -> Callable:
        time = self._time(req)
        refusal = denial(req, place.write_acl)
        if refusal is not None:
            return refusal
        self._keep_null(req, place)
        version = Timestamp.from_raw(time.raw)
        put = self._own.make(req, 'PUT', place.at(version), headers={
            'Content-Type': DELETED_TYPE, 'Content-Length': '0', 'X-Timestamp': time.internal})
        marker = self._own.put(put)
        if marker.status_int == 404:
            marker.close()
            self._hidden_is_missing(req, place)
        check(req, marker)
        marker.close()
        req.headers['X-Timestamp'] = Timestamp(time, offset=1).internal
        resp = req.get_response(self.app)
        resp.headers[VERSION_ID] = version.normal
        return resp

    def _post(self, req: Request) -> Response:
        """Change the link, and the version that it names."""
        resp = req.get_response(self.app)
        location = resp.headers.get('Location', '')
        if resp.status_int != 307 or version_at_path(location) is None:
            return resp
        resp.close()
        headers = {name: value for name, value in req.headers.items()
                   if name not in links.EXPIRY and name != X_BACKEND_POLICY_INDEX}
        return self._own.send(req, 'POST', wsgi_unquote(location), headers=headers)

    def _keep_null(self, req: Request, place: Place) -> None:
        """Copy the current object to the hidden container unless it is a link of ours."""
        found = self._own.read_stored(req, place.path)
        if found is None:
            return
        if links.is_ours(found.headers):
            found.close()
            return
        time = Timestamp.from_raw(time_of(found).raw)
        status = self._own.store_copy(req, found, place.at(time),
                                      {'X-Timestamp': time.internal}, (404, 409))
        # 409: it is there already.
        if status == 404:
            self._hidden_is_missing(req, place)

    def _hidden_is_missing(self, req: Request, place: Place) -> None:
        """Raise the answer to a 404 of the hidden container."""
        resp = self._own.send(req, 'HEAD', place.names.hidden)
        resp.close()
        if resp.status_int == 404:
            raise HTTPInternalServerError(request=req, body=HIDDEN_MISSING)
        raise HTTPPreconditionFailed(request=req)

    def _time(self, req: Request) -> Timestamp:
        """Return the time of a request. Raises the 400."""
        given = req.headers.get('X-Timestamp')
        try:
            return Timestamp(given if given is not None else self._clock.time())
        except ValueError:
            raise HTTPBadRequest(request=req, content_type='text/plain', body=(
                f"X-Timestamp should be a UNIX timestamp float value; was '{given}'"))

    # -- versions by id -----------------------------------------------------------------------

    def _delete_version(self, req: Request, place: Place, version: Timestamp) -> Response:
        current = self._own.read_stored(req, place.path, 'HEAD')
        current_id = links.version_shown(current)
        hidden = place.at(version)
        resp = denial(self._of_client(req, hidden), None)
        if resp is None:
            if current_id == version.normal:
                # Not what somebody else has put there since.
                time = Timestamp(current.headers['X-Backend-Timestamp'], offset=1)
                gone = self._own.send(req, 'DELETE', place.path,
                                      headers={'X-Timestamp': time.internal})
                gone.close()
                check(req, gone, (404, 409))
                current_id = NULL
            resp = self._own.send(req, 'DELETE', hidden)
        resp.headers[VERSION_ID] = version.normal
        resp.headers[CURRENT_ID] = current_id
        return resp

    def _relink(self, req: Request, place: Place, version: Timestamp) -> Callable:
        """Make a version the current one."""
        length = req.content_length
        if length is None and not req.is_chunked:
            raise HTTPLengthRequired(request=req)
        if length or (length is None and req.body_file.read(1)):
            raise HTTPBadRequest(request=req, content_type='text/plain',
                                 body='PUT version-id requests require a zero byte body')
        time = self._time(req)
        refusal = denial(req, place.write_acl)
        if refusal is not None:
            return refusal
        found = self._own.read_stored(req, place.at(version), 'HEAD')
        # A link to a marker would be an object that is there.
        if found is None or is_marker(found.headers.get('Content-Type', '')):
            raise HTTPNotFound(request=req, content_type='text/plain',
                               body='The specified version does not exist')
        self._keep_null(req, place)
        link = links.Link(version, found.headers.get('Etag', '').strip('"'),
                          symlinks.size_behind(found.headers),
                          found.headers.get('Content-Type', ''))
        return self._put_link(req, place, link, Timestamp(time, offset=1),
                              links.headers_of_version(found.headers))


def show_version(headers: Headers, place: Place) -> Headers:
    """Return the headers of an answer with the version's id, and without hidden names."""
    shown, version_id = [], NULL
    for name, value in headers:
        lower = name.lower()
        version: Version | None = None
        if lower == 'content-location':
            version = version_at_path(value)
            if version is not None:
                path, is_own = visible_path(value, version, place)
        elif lower == 'x-symlink-target':
            version = version_at(value)
            if version is not None:
                path, is_own = place.quoted_name, True
        if version is not None:
            value = f'{path}?version-id={version.version_id}'
            if is_own:
                version_id = version.version_id
        shown.append((name, value))
    return [*shown, (VERSION_ID, version_id)]


def visible_path(location: str, version: Version, place: Place) -> tuple[str, bool]:
    """Return the quoted path by which a client reaches a version, and if it is of this container.

    Compat: one of the same container goes by the name that was asked for, even when there was one
    more link in between.
    """
    base = '/'.join(location.split('/', 3)[:3])
    if version.container == place.names.container and base == wsgi_quote(place.names.base):
        return wsgi_quote(place.path), True
    return f'{base}/{wsgi_quote(version.container)}/{wsgi_quote(version.obj)}', False
