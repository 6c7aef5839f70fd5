"""Names and rules of versions: archives of the older kind, hidden containers of the newer one.

Layer 0. Names are WSGI strings here, one character per byte, as in paths.

    older    <archive>/<length of the name, 3 hex digits><name>/<time>      sheet 05 section 23.1
    newer    NUL versions NUL <container> / NUL <name> NUL <time, mirrored>  sheet 05 section 23.2

A version's id is the time at which it was written, in its normal form. In the hidden container the
times are mirrored (9999999999.99999 - time), so that of one name the newest comes first.
A delete marker is an empty version with a content type of its own.
"""

from swift.core.timestamp import Timestamp

DELETED_TYPE = 'application/x-deleted;swift_versions_deleted=1'
NULL = 'null'
STACK, HISTORY = 'stack', 'history'
_HIDDEN = 'versions'


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
