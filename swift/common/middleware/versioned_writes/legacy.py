"""The older kind of versioning: what is overwritten goes to another container of the user's.

Layer 2, left of object versioning.

    container   X-Versions-Location: archive     stack     DELETE brings the last one back
                X-History-Location: archive      history   DELETE leaves a marker in the archive
    PUT object      the current object is copied to `archive/<len><name>/<time>` first
    DELETE object   stack: the newest archived version becomes the current one and leaves the
                    archive; history: current object and marker go to the archive first

The headers work when `allow_versioned_writes` is set; where the operator has said nothing, what
the container server keeps on its own (its option allow_versions) still makes a stack.

The archive is the user's own container: it is neither made nor looked at here, and rights on it are
not asked for; those on the container written to are.
Source: sheet 05 section 23.1. Cost of a request that is not concerned: one split of the path.
"""
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from swift.common.clock import SYSTEM, Clock
from swift.common.middleware.versioned_writes.copying import (
    OwnRequests,
    check,
    denial,
    time_of,
)
from swift.common.swob import (
    HTTPBadRequest,
    HTTPException,
    HTTPPreconditionFailed,
    Request,
    str_to_wsgi,
    wsgi_quote,
    wsgi_unquote,
)
from swift.core import versions
from swift.core.constraints import Constraints, split_api_path
from swift.core.timestamp import Timestamp

SOURCE = 'VW'
MODES = {'X-Versions-Location': versions.STACK, 'X-History-Location': versions.HISTORY}
CLIENT_HEADERS = {mode: name for name, mode in MODES.items()}
STORED_LOCATION = 'X-Container-Sysmeta-Versions-Location'
STORED_MODE = 'X-Container-Sysmeta-Versions-Mode'
_LOCATION_LINE, _MODE_LINE = STORED_LOCATION.lower(), STORED_MODE.lower()
# Usually the first entry will do: the others are for listings that lag behind.
PAGE_LENGTH = 50


@dataclass(frozen=True, slots=True)
class Place:
    """A versioned object and its archive; WSGI strings."""

    base: str            # /version/account
    container: str
    obj: str
    archive: str
    mode: str

    @property
    def path(self) -> str:
        return f'{self.base}/{self.container}/{self.obj}'

    def archived(self, name: str) -> str:
        return f'{self.base}/{self.archive}/{name}'


class LegacyVersioning:
    """The filter. `allowed`: what allow_versioned_writes says, None when it says nothing."""

    def __init__(self, app: Callable, allowed: bool | None, limits: Constraints,
                 clock: Clock = SYSTEM):
        self.app = app
        self.allowed = allowed
        self.limits = limits
        self.clock = clock
        self._own = OwnRequests(app, SOURCE, limits.max_file_size)

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        names = split_api_path(env['PATH_INFO'], self.limits)
        if names is None or not names[2]:
            return self.app(env, start_response)
        method = env['REQUEST_METHOD']
        try:
            if names[3]:
                if method in ('PUT', 'DELETE'):
                    return self._object(Request(env), names)(env, start_response)
            elif self.allowed is not None:
                if method in ('PUT', 'POST'):
                    self._translate(Request(env))
                elif method in ('GET', 'HEAD'):
                    return self._show(env, start_response)
        except HTTPException as refusal:
            return refusal(env, start_response)
        return self.app(env, start_response)

    # -- containers ---------------------------------------------------------------------------

    def _translate(self, req: Request) -> None:
        """Turn the client's headers into what is stored. Raises HTTPException."""
        headers = req.headers
        given = {mode: headers[name] for name, mode in MODES.items() if headers.get(name)}
        if len(given) > 1:
            raise HTTPBadRequest(request=req, content_type='text/plain', body=(
                'Only one of x-versions-location or x-history-location may be specified'))
        touched = given or any(
            name in headers or f'X-Remove-{name[2:]}' in headers for name in MODES)
        if not touched:
            return
        for mode, location in given.items():
            if not self.allowed:
                raise HTTPPreconditionFailed(request=req, body='Versioned Writes is disabled')
            if '/' in wsgi_unquote(location):
                raise HTTPPreconditionFailed(request=req,
                                             body='Container name cannot contain slashes')
            headers[STORED_LOCATION], headers[STORED_MODE] = location, mode
        if not given:
            headers[STORED_LOCATION] = headers[STORED_MODE] = ''
        for name in MODES:
            headers.pop(name, None)
            headers.pop(f'X-Remove-{name[2:]}', None)
        # What a container server kept by itself, long ago, must not come back.
        headers['X-Versions-Location'] = ''

    def _show(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        status, headers, body = Request(env).call_application(self.app)
        found = {name.lower(): value for name, value in headers
                 if name.lower() in (_LOCATION_LINE, _MODE_LINE)}
        location = found.get(_LOCATION_LINE)
        if location:
            shown = CLIENT_HEADERS.get(found.get(_MODE_LINE), 'X-Versions-Location')
            headers = [line for line in headers if line[0].lower() != 'x-versions-location']
            headers.append((shown, location))
        start_response(status, headers)
        return body

    # -- objects ------------------------------------------------------------------------------

    def _object(self, req: Request, names: list[str]) -> Callable:
        """Return what answers a PUT or DELETE. Raises HTTPException."""
        version, account, container, obj = names
        info = self._own.info_of(req.environ, account, container)
        location, mode = self._archive_of(info)
        if not location:
            return self.app
        place = Place(f'/{version}/{account}', container, obj, wsgi_unquote(location), mode)
        refusal = denial(req, info.get('write_acl'))
        if refusal is not None:
            return refusal
        req.environ.setdefault('swift.infocache', {})
        if req.method == 'PUT':
            self._archive(req, place)
        elif mode == versions.HISTORY:
            self._archive(req, place)
            self._leave_marker(req, place)
        else:
            return self._pop(req, place)
        req.query_string = ''
        return self.app

    def _archive_of(self, info: dict) -> tuple[str | None, str]:
        """Return archive (as given by the client, a WSGI string) and mode of a container."""
        if self.allowed is None:
            return str_to_wsgi(info.get('versions')), versions.STACK
        sysmeta = info.get('sysmeta') or {}
        location = sysmeta.get('versions-location') if self.allowed else None
        mode = sysmeta.get('versions-mode')
        return str_to_wsgi(location), mode if mode in CLIENT_HEADERS else versions.STACK

    def _archive(self, req: Request, place: Place) -> None:
        """Copy the current object, if there is one, to the archive."""
        found = self._own.read_stored(req, place.path)
        if found is not None:
            name = versions.archive_name(place.obj, time_of(found))
            self._own.store_copy(req, found, place.archived(name))

    def _leave_marker(self, req: Request, place: Place) -> None:
        name = versions.archive_name(place.obj, Timestamp(self.clock.time()))
        put = self._own.make(req, 'PUT', place.archived(name), headers={
            'Content-Type': versions.DELETED_TYPE, 'Content-Length': '0'})
        resp = self._own.put(put)
        check(req, resp)
        resp.close()

    # -- DELETE in a stack --------------------------------------------------------------------

    def _pop(self, req: Request, place: Place) -> Callable:
        """Return what answers the DELETE, once the object before is back."""
        entries = self._archived_names(req, place)
        for name, is_marker in entries:
            if is_marker:
                if self._own.read_stored(req, place.path, 'HEAD') is not None:
                    break
                before = next(entries, None)
                if before is not None and not before[1]:
                    self._restore(req, place, before[0])
            elif not self._restore(req, place, name):
                # The listing lags behind: this one has left the archive.
                continue
            return self._own.send(req, 'DELETE', place.archived(name))
        req.query_string = ''
        return self.app

    def _restore(self, req: Request, place: Place, name: str) -> bool:
        """Copy an archived version over the current object; False if it is not there."""
        found = self._own.read_stored(req, place.archived(name))
        if found is None:
            return False
        self._own.store_copy(req, found, place.path)
        return True

    def _archived_names(self, req: Request, place: Place) -> Iterator[tuple[str, bool]]:
        """Yield name (a WSGI string) and whether it is a marker, newest first; page by page."""
        prefix = versions.archive_prefix(place.obj)
        query = (f'format=json&reverse=on&limit={PAGE_LENGTH}'
                 f'&prefix={wsgi_quote(prefix, safe="")}')
        marker = ''
        while True:
            resp = self._own.send(req, 'GET', f'{place.base}/{place.archive}', query + marker)
            check(req, resp, (404,))
            if resp.status_int != 200:
                resp.close()
                return
            entries = json.loads(resp.body)
            for entry in entries:
                yield str_to_wsgi(entry['name']), versions.is_marker(entry['content_type'])
            if len(entries) < PAGE_LENGTH:
                return
            marker = f'&marker={wsgi_quote(str_to_wsgi(entries[-1]["name"]), safe="")}'

