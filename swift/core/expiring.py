"""Where the cluster notes that an object expires: rows of the hidden expirer account.

Layer 0. An object with X-Delete-At D has one row (sheet 02 §15.3):

    account    .expiring_objects
    container  hashing.expirer_container: D rounded down to a day, less 0..99 seconds
    object     <%010d of D>-<account>/<container>/<object>
"""

DEFAULT_DIVISOR = 86400
_MAX = 9999999999


def clamp_delete_at(delete_at: int) -> int:
    """Bring a time in seconds into the range that ten digits can say."""
    return min(max(0, delete_at), _MAX)


def queue_object(delete_at: int, account: str, container: str, obj: str) -> str:
    """Return the name of the queue entry of an object."""
    return '%010d-%s/%s/%s' % (clamp_delete_at(delete_at), account, container, obj)
