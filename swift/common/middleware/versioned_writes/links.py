"""The links by which object versioning names the current version, and the PUT of what they name.

Layer 2, a part of object_versioning: which headers of a client's PUT go where.

    version    all but the expiry
    link       metadata and expiry; size, tag and type of the version; nothing about bodies

Only the link expires: the version stays, as after a DELETE.
Source: sheet 05 section 23.2.
"""
from collections.abc import Mapping
from dataclasses import dataclass

from swift.common.config.options import is_true
from swift.common.mime_types import MimeTypes
from swift.common.request_helpers import refuse
from swift.common.swob import (
    HTTPBadRequest,
    Request,
    Response,
    wsgi_quote,
    wsgi_to_str,
)
from swift.core import symlinks
from swift.core.constraints import check_delete_headers
from swift.core.content_type import split_parameters
from swift.core.headers import (
    OBJECT_SYSMETA_CONTAINER_UPDATE_OVERRIDE_PREFIX,
    X_BACKEND_POLICY_INDEX,
    is_user_meta,
)
from swift.core.timestamp import Timestamp
from swift.core.versions import NULL, version_at

VERSIONS_SYMLINK = 'X-Object-Sysmeta-Versions-Symlink'
EXPIRY = ('X-Delete-At', 'X-Delete-After')
# What another filter wants with the body goes with the body.
_CARRIED = ('swift.callback.update_footers', 'swift.content_type_overridden',
            'swift.symlink_override', 'swift.slo_override')
_NOT_OF_LINK = frozenset((
    'content-length', 'content-type', 'transfer-encoding', 'expect', 'etag', 'x-timestamp',
    'x-detect-content-type', 'x-object-manifest', 'x-static-large-object',
    X_BACKEND_POLICY_INDEX.lower(), *(name.lower() for name in symlinks.CLIENT_HEADERS)))
_NOT_OF_LINK_PREFIXES = (OBJECT_SYSMETA_CONTAINER_UPDATE_OVERRIDE_PREFIX, 'x-object-sysmeta-slo-')


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says about the version that it names."""

    version: Timestamp
    etag: str
    size: str
    content_type: str

    def headers(self, target: str) -> dict[str, str]:
        """Return the headers that make the link; `target` is container/object, not quoted."""
        return {symlinks.TARGET: wsgi_quote(target), symlinks.ETAG: self.etag,
                symlinks.BYTES: self.size, VERSIONS_SYMLINK: 'true',
                symlinks.LOOP_EXTEND: 'true', symlinks.ALLOW_RESERVED: 'true',
                'Content-Type': self.content_type, 'Content-Length': '0'}


def is_ours(headers: Mapping[str, str]) -> bool:
    """Tell whether an answer is about a link that object versioning made."""
    return is_true(headers.get(VERSIONS_SYMLINK))


def version_shown(current: Response | None) -> str:
    """Return the id of the version that a link (asked for as such) names; `null` for others."""
    if current is None or not is_ours(current.headers):
        return NULL
    version = version_at(current.headers.get(symlinks.TARGET, ''))
    return NULL if version is None else version.version_id


def put_problem(req: Request, path: str, time: Timestamp) -> Response | None:
    """Return the refusal of a PUT whose version would be stored and whose link would not."""
    refusal = check_delete_headers(dict(req.headers), time)
    if refusal:
        return refuse(req, refusal)
    if symlinks.TARGET not in req.headers:
        return None
    try:
        target = symlinks.wanted_target(req.headers)
    except symlinks.Refused as refused:
        return refuse(req, refused.refusal)
    _, version, account, _ = path.split('/', 3)
    if target.path(version, account) == path:
        return HTTPBadRequest(request=req, content_type='text/plain',
                              body='Symlink cannot target itself')
    return None


class CountingInput:
    """A body that comes in chunks, counted."""

    def __init__(self, source):
        self._source = source
        self.total = 0

    def read(self, *args) -> bytes:
        data = self._source.read(*args)
        self.total += len(data)
        return data


def data_request(req: Request, put: Request, obj: str,
                 mime_types: MimeTypes) -> tuple[Request, CountingInput]:
    """Make `put` the PUT of the version's data; return it, and what counts its body."""
    for name, value in req.headers.items():
        if name not in EXPIRY and name != X_BACKEND_POLICY_INDEX:
            put.headers[name] = value
    for key in _CARRIED:
        if key in req.environ:
            put.environ[key] = req.environ[key]
    # Targets of links are looked at with the rights of who asks.
    put.environ[symlinks.REQUESTER] = req.environ
    detect = put.environ.pop('HTTP_X_DETECT_CONTENT_TYPE', None)
    if symlinks.TARGET not in put.headers and (
            not put.environ.get('CONTENT_TYPE') or is_true(detect)):
        # The name in the hidden container tells nothing.
        put.environ['CONTENT_TYPE'] = mime_types.guess(wsgi_to_str(obj))
    count = CountingInput(req.environ['wsgi.input'])
    put.environ['wsgi.input'] = count
    return put, count


def size_of_data(req: Request, count: CountingInput) -> str:
    """Return the size that readers of the version get."""
    return req.headers.get(symlinks.SLO_SIZE) or str(count.total)


def headers_of_put(req: Request) -> dict[str, str]:
    """Return the headers of a client's PUT that belong to the link."""
    headers = {name: value for name, value in req.headers.items()
               if name.lower() not in _NOT_OF_LINK
               and not name.lower().startswith(_NOT_OF_LINK_PREFIXES)}
    override = req.headers.get(symlinks.OVERRIDE_ETAG)
    if override:
        headers.update(_listed_as(override))
    return headers


def headers_of_version(found: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a stored version that belong to a link to it."""
    headers = {name: value for name, value in found.items() if is_user_meta('object', name)}
    override = found.get(symlinks.OVERRIDE_ETAG)
    return {**headers, **_listed_as(override)} if override else headers


def _listed_as(override: str) -> dict[str, str]:
    """Return how the link's row keeps what filters want to read in the row of the data."""
    _, parameters = split_parameters(symlinks.without_link(override))
    if not parameters:
        return {}
    return {symlinks.OVERRIDE_ETAG: '; '.join([symlinks.EMPTY_ETAG, *parameters])}
