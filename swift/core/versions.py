"""Names and rules of versions: archives of the older kind, hidden containers of the newer one.

Layer 0. Names are WSGI strings here, one character per byte, as in paths.

    older    <archive>/<length of the name, 3 hex digits><name>/<time>      sheet 05 section 23.1
    newer    NUL versions NUL <container> / NUL <name> NUL <time, mirrored>  sheet 05 section 23.2

A version's id is the time at which it was written, in its normal form. In the hidden container the
times are mirrored (9999999999.99999 - time), so that of one name the newest comes first.
A delete marker is an empty version with a content type of its own.
"""

from typing import NamedTuple

from swift.core.names import get_reserved_name, split_reserved_name
from swift.core.timestamp import Timestamp
from swift.core.wsgi_text import wsgi_unquote

DELETED_TYPE = 'application/x-deleted;swift_versions_deleted=1'
NULL = 'null'
CANNOT_SYNC = 'Cannot configure container sync on a container with object versioning configured.'
STACK, HISTORY = 'stack', 'history'
_HIDDEN = 'versions'
_QUOTED_HIDDEN = f'%00{_HIDDEN}%00'


# -- the older kind -------------------------------------------------------------------------------

def archive_prefix(obj: str) -> str:
    """Return how the names of all archived versions of an object begin."""
    return f'{len(obj):03x}{obj}/'


def archive_name(obj: str, time: Timestamp) -> str:
    """Return the name under which an object of a certain time is kept in its archive."""
    return archive_prefix(obj) + time.normal


def is_marker(content_type: str) -> bool:
    """Tell whether a content type is that of a delete marker."""
    return content_type == DELETED_TYPE


# -- the newer kind -------------------------------------------------------------------------------

def hidden_container(container: str) -> str:
    """Return the container that holds the versions of another's objects."""
    return get_reserved_name(_HIDDEN, container)


def user_container(hidden: str) -> str | None:
    """Return the container whose versions a hidden one holds; None if it is none of these."""
    try:
        kind, container = split_reserved_name(hidden)
    except ValueError:
        return None
    return container if kind == _HIDDEN else None


def version_name(obj: str, version: Timestamp) -> str:
    """Return the name of a version in the hidden container."""
    return get_reserved_name(obj, (~version).normal)


def split_version_name(name: str) -> tuple[str, str] | None:
    """Return object and version id of a name in a hidden container, None if it is no such name."""
    try:
        obj, mirrored = split_reserved_name(name)
        return obj, (~Timestamp(mirrored)).normal
    except ValueError:
        return None


def parse_version_id(text: str) -> Timestamp | None:
    """Return the time that an id stands for, None for `null`. ValueError for what is no id."""
    if text == NULL:
        return None
    time = Timestamp(text)
    if time.offset:
        raise ValueError('an id has no offset')
    return time


class Version(NamedTuple):
    """A version by the names that its user knows; WSGI strings."""

    container: str
    obj: str
    version_id: str


def version_at(target: str) -> Version | None:
    """Return the version that a quoted `container/object` names, None when it is an object's."""
    if not target.startswith(_QUOTED_HIDDEN):
        return None
    container, _, obj = wsgi_unquote(target).partition('/')
    user = user_container(container)
    parts = split_version_name(obj)
    if user is None or parts is None:
        return None
    return Version(user, *parts)


def version_at_path(path: str) -> Version | None:
    """The same for a quoted /version/account/container/object."""
    parts = path.split('/', 3)
    return version_at(parts[3]) if len(parts) == 4 else None
