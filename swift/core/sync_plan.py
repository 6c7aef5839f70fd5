"""What container sync does with the rows of a container, and which of them are this node's.

Pure (layer 0). Each replica of a container remembers two points in its own row numbers:

    row numbers  0 ......... point2 ......... point1 ......... newest
                 done by all  to be caught up   not looked at yet
                              here, every row   here, this replica's share

New rows are shared among the replicas, and failures are left for later: so what is new arrives
quickly. On the next pass each replica catches up on all rows, whoever had them, and goes no further
than the first that failed: so what arrives is everything. A row is sent only if the other side does
not have it yet. Sending twice, or in another order, changes nothing: every write carries its time.
Source: sheet 03 §19.4.
"""
from collections.abc import Iterable, Mapping
from enum import Enum

from swift.core.content_type import without_swift_bytes
from swift.core.headers import is_internal
from swift.core.timestamp import Timestamp, decode_timestamps

# Facts about the answer or the connection, not about the object.
NOT_SENT = frozenset((
    'date', 'last-modified', 'connection', 'transfer-encoding', 'accept-ranges', 'vary',
    'x-trans-id', 'x-openstack-request-id', 'content-range', 'etag', 'content-type'))
VERSIONS_SYMLINK = 'x-object-sysmeta-versions-symlink'


class Sent(Enum):
    """How the sending of a row ended."""

    PUT = 'puts'
    DELETED = 'deletes'
    NOTHING_TO_DO = 'nothing to do'
    FAILED = 'failures'


def is_mine(path_hash: bytes, ordinal: int, replicas: int) -> bool:
    """Tell whether a row is of this replica's share; `path_hash` is that of the object."""
    return int.from_bytes(path_hash[:4], 'big') % replicas == ordinal


def row_times(created_at: str) -> tuple[Timestamp, Timestamp]:
    """Return the time of a row's data, or removal, and that of its metadata. Raises ValueError."""
    data, _content_type, meta = decode_timestamps(created_at)
    return data, meta


def has_already(remote_timestamp: str | None, wanted: Timestamp) -> bool:
    """Tell whether the other side has an object in this state, or a newer one."""
    if not remote_timestamp:
        return False
    try:
        return Timestamp(remote_timestamp) >= wanted
    except ValueError:
        return False


def is_gone(status: int) -> bool:
    """Tell whether an object is deleted on the other side, or newer than its removal here."""
    return status // 100 == 2 or status in (404, 409)


def headers_to_send(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers of the PUT of what was found here."""
    lines = [(name, value) for name, value in found]
    headers = {name: value for name, value in lines
               if name.lower() not in NOT_SENT and not is_internal(name)}
    for name, value in lines:
        if name.lower() == 'etag':
            headers['Etag'] = value.strip('"')
        elif name.lower() == 'content-type':
            headers['Content-Type'] = without_swift_bytes(value)
    return headers


def is_version_link(headers: Mapping[str, str]) -> bool:
    """Tell whether an object only leads to one of its versions; such are not synchronised."""
    return any(name.lower() == VERSIONS_SYMLINK for name in headers)


class Failures:
    """The first row that failed while catching up: there the next pass begins again."""

    def __init__(self, start: int):
        self._before_first: int | None = None
        self._reached = start

    def done(self, numbers: Iterable[int], failed: Iterable[int]) -> None:
        """Note that rows were worked on, in the order of their numbers."""
        for number in failed:
            if self._before_first is None or number <= self._before_first:
                self._before_first = number - 1
        self._reached = max((self._reached, *numbers))

    @property
    def point(self) -> int:
        """Up to where everything has arrived."""
        if self._before_first is None:
            return self._reached
        return min(self._before_first, self._reached)
