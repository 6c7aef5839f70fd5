"""How two replicas of an account or container database become equal, and when one may go.

Layer 0: values in, verdicts out; common/db/replication does what they say, and so does any
simulation of it. Rows are never changed in place, only deleted and inserted again, so the row
numbers (ROWIDs) of a database are the log of its changes, and a *point* is how far in the log of
one database another one has come: "all rows of X up to 17 are merged here".

    sender                                     receiver
    sync: max row, hash, id, times  ------->   merges times and metadata, answers with its own
    choose() by the answer          <-------   and with its point of the sender

        point at the sender's end      NO_CHANGE     nothing to send
        equal hashes                   HASHMATCH     nothing to send, the points move to the end
        no database there              WHOLE         send the file
        far behind                     REMOTE_MERGE  send the file, the receiver merges its rows
        otherwise                      DIFF          send the rows behind the point, in batches

Laws: a point only grows, and only over rows that were merged; merging times, metadata and rows is
idempotent and does not depend on order (policies: policy_conflict.py); so passes in any order,
repeated or cut short, end in the same databases. Source: sheet 03 §10, §16, §17.
"""
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from swift.core.row_merge import is_zero_like
from swift.core.timestamp import Timestamp

# No row was ever there, or none is known to be merged.
NOWHERE = -1
# A receiver that has less than this share of the sender's row numbers is far behind.
FAR_BEHIND_SHARE = 0.5


class Method(Enum):
    """What to do about one peer; the value is the name of the counter."""

    NO_CHANGE = 'no_change'
    HASHMATCH = 'hashmatch'
    WHOLE = 'rsync'
    REMOTE_MERGE = 'remote_merge'
    DIFF = 'diff'


@dataclass(frozen=True, slots=True)
class Log:
    """The change log of a database: highest row number that ever was, and checksum of all rows."""

    max_row: int
    hash: str


def choose(own: Log, remote: Log | None, point: int, per_diff: int) -> Method:
    """Return how to bring a peer up to date; `remote` None: it has no database.

    `point` is the greater one of what the peer says of us and what we remember of it.
    """
    if remote is None:
        return Method.WHOLE
    if point >= own.max_row:
        return Method.NO_CHANGE
    if own.hash == remote.hash:
        return Method.HASHMATCH
    if (own.max_row - remote.max_row > per_diff
            and remote.max_row < FAR_BEHIND_SHARE * own.max_row):
        return Method.REMOTE_MERGE
    return Method.DIFF


def point_after_sync(point: int, own_hash: str, sender: Log) -> int:
    """Return the receiver's point of the sender after a `sync`: equal rows are merged rows."""
    return max(point, sender.max_row) if own_hash == sender.hash else point


# -- times and state --------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Times:
    """When a database was created, last put and last deleted; internal texts, `0` for never."""

    created_at: str
    put_timestamp: str
    delete_timestamp: str

    def merged(self, other: 'Times') -> 'Times':
        """Return the first creation, the last PUT and the last DELETE of both.

        Compared as text, as databases store them.
        """
        return Times(min(self.created_at, other.created_at),
                     max(self.put_timestamp, other.put_timestamp),
                     max(self.delete_timestamp, other.delete_timestamp))

    def is_deleted(self, count: int | None) -> bool:
        """Tell whether a database with these times and so many entries is deleted."""
        return is_zero_like(count) and self.delete_timestamp > self.put_timestamp


# -- which peers, and what follows ---------------------------------------------------------------

def peer_order(primary_count: int, own_index: int | None) -> list[int]:
    """Return the indexes of the primaries in the order in which a replica pushes to them.

    `own_index` None: the replica is on a handoff. A ring of one replica makes the only primary
    talk to itself, which finds nothing to do.
    """
    if own_index is None or primary_count == 1:
        return list(range(primary_count))
    return [*range(own_index + 1, primary_count), *range(own_index)]


def may_leave_handoff(results: Sequence[bool], handoff_delete: int, is_unchanged: bool) -> bool:
    """Tell whether a database on a handoff has done its duty.

    `results`: of each peer in this pass. `handoff_delete` 0: all must have succeeded, else at
    least so many. `is_unchanged`: nothing came in since what was replicated was read.
    """
    if not is_unchanged or not results:
        return False
    return sum(results) >= handoff_delete if handoff_delete else all(results)


def effective_handoff_delete(configured: int, replica_count: float) -> int:
    """Return the number that counts: what all replicas cannot reach means all of them (0)."""
    return 0 if configured >= replica_count else configured


@dataclass(frozen=True, slots=True)
class Horizons:
    """What may be forgotten now: removals older than `age`, sync points older than `syncs`."""

    age: str
    syncs: str

    @classmethod
    def of(cls, now: float, reclaim_age_s: float) -> 'Horizons':
        return cls(Timestamp(max(0, now - reclaim_age_s)).internal,
                   Timestamp(max(0, now - 2 * reclaim_age_s)).internal)


def is_reclaimable(times: Times, is_empty: bool, horizons: Horizons) -> bool:
    """Tell whether a database has been deleted long enough to be removed for good."""
    return is_empty and horizons.age > times.delete_timestamp > times.put_timestamp
