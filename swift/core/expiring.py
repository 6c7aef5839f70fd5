"""Where the cluster notes that an object expires: coordinates in the hidden expirer account.

Layer 0. An object with X-Delete-At D has one row (sheet 02 §15.3):

    account    .expiring_objects
    container  %010d of D rounded down to the divisor, less 0..99 taken from the object's hash, so
               that the rows of one day spread over a hundred containers
    object     <%010d of D>-<account>/<container>/<object>
"""
from dataclasses import dataclass

DEFAULT_ACCOUNT = '.expiring_objects'
DEFAULT_DIVISOR = 86400
_SPREAD = 100
_MAX = 9999999999


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One row of the expirer queue; names are text."""
    account: str
    container: str
    obj: str


def clamp_delete_at(delete_at: int) -> int:
    """Bring a time in seconds into the range that ten digits can say."""
    return min(max(0, delete_at), _MAX)


def queue_container(delete_at: int, object_hash: str, divisor: int = DEFAULT_DIVISOR) -> str:
    """Return the queue container of an object; `object_hash` is its path hash, 32 hex digits."""
    start = clamp_delete_at(delete_at) // divisor * divisor
    return '%010d' % clamp_delete_at(start - int(object_hash, 16) % _SPREAD)


def queue_object(delete_at: int, account: str, container: str, obj: str) -> str:
    """Return the name of the queue entry of an object."""
    return '%010d-%s/%s/%s' % (clamp_delete_at(delete_at), account, container, obj)
