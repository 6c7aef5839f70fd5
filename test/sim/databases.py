"""An account or container database as a value: rows by number, times, sync points of peers.

Follows swift/common/db/replicated.py and the brokers; merging, checksums, choices and horizons are
swift/core's. Each method is one transaction.
"""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from swift.core import account_report, db_sync, hashing, row_merge
from swift.core.account_report import Told
from swift.core.db_sync import Horizons, Log, Times
from swift.core.row_merge import ContainerRecord, ObjectRecord
from test.sim.world import Path

EMPTY_HASH = '0' * 32


@dataclass(frozen=True, slots=True)
class Facts:
    """What a peer is told, as one state of the file."""
    id: str
    log: Log
    times: Times
    incoming: tuple[tuple[str, int], ...]
    version: int


@dataclass
class Database:
    """One replica. `rows` maps a row's key to (number, record)."""
    path: Path
    id: str
    times: Times
    rows: dict[Any, tuple[int, Any]] = field(default_factory=dict)
    max_row: int = -1
    hash: str = EMPTY_HASH
    incoming: dict[str, int] = field(default_factory=dict)
    outgoing: dict[str, int] = field(default_factory=dict)
    # What the account was told last: put and delete time, count, bytes. Containers only.
    reported: tuple[str, str, int, int] = ('0', '0', 0, 0)
    # Commits of others than the replicator that reads it: PRAGMA data_version.
    version: int = 0

    @property
    def is_account(self) -> bool:
        return self.path.container is None

    def facts(self) -> Facts:
        return Facts(self.id, Log(self.max_row, self.hash), self.times,
                     tuple(self.incoming.items()), self.version)

    # -- rows ----------------------------------------------------------------------------------

    def merge(self, records: Iterable[Any], source: str | None = None,
              point: int | None = None) -> None:
        """Merge records; the point of a peer they came from moves in the same transaction."""
        self.version += 1
        for key, record in self._merged(list(records)).items():
            old = self.rows.pop(key, None)
            if old is not None:
                self._count(old[1])
            self.max_row = max(self.max_row, 0) + 1
            self.rows[key] = (self.max_row, record)
            self._count(record)
        if source is not None and point is not None:
            self.raise_point(self.incoming, source, point)

    def _merged(self, records: list[Any]) -> Mapping[Any, Any]:
        if not self.is_account:
            stored = {record.key: self.rows[record.key][1] for record in records
                      if record.key in self.rows}
            return row_merge.merge_objects(stored, records)
        changed: dict[str, ContainerRecord] = {}
        for record in records:
            old = changed.get(record.name) or (
                self.rows[record.name][1] if record.name in self.rows else None)
            changed[record.name] = row_merge.merge_container(old, record)
        return changed

    def _count(self, record: Any) -> None:
        if self.is_account:
            times = '%s-%s-%s-%s' % (record.put_timestamp, record.delete_timestamp,
                                     record.object_count, record.bytes_used)
            self.hash = hashing.chexor(self.hash, record.name, times)
        else:
            self.hash = hashing.chexor(self.hash, record.name, record.created_at)

    def rows_since(self, point: int, count: int) -> list[tuple[int, Any]]:
        return sorted(row for row in self.rows.values() if row[0] > point)[:count]

    def live(self) -> list[Any]:
        """Return the records that a listing shows, by name."""
        return [record for _number, record in sorted(
            self.rows.values(), key=lambda row: row[1].name) if not record.deleted]

    def totals(self) -> tuple[int, int]:
        """Return the number of live entries and their bytes."""
        live = [record for _number, record in self.rows.values() if not record.deleted]
        if self.is_account:
            return len(live), sum(int(record.bytes_used or 0) for record in live)
        return len(live), sum(record.size for record in live)

    # -- times ---------------------------------------------------------------------------------

    @property
    def is_deleted(self) -> bool:
        return self.times.is_deleted(self.totals()[0])

    def merge_times(self, other: Times) -> None:
        merged = self.times.merged(other)
        if merged != self.times:
            self.times = merged
            self.version += 1

    def put(self, timestamp: str) -> None:
        times = self.times
        self.merge_times(Times(times.created_at, timestamp, times.delete_timestamp))

    def delete(self, timestamp: str) -> None:
        times = self.times
        self.merge_times(Times(times.created_at, times.put_timestamp, timestamp))

    # -- points --------------------------------------------------------------------------------

    @staticmethod
    def raise_point(points: dict[str, int], peer: str, point: int) -> None:
        points[peer] = max(point, points.get(peer, db_sync.NOWHERE))

    def merge_syncs(self, points: Iterable[tuple[str, int]]) -> None:
        self.version += 1
        for peer, point in points:
            self.raise_point(self.incoming, peer, point)

    # -- reports to accounts -------------------------------------------------------------------

    def report(self) -> tuple[str, str, int, int]:
        return (self.times.put_timestamp, self.times.delete_timestamp, *self.totals())

    @property
    def is_news(self) -> bool:
        """Tell whether the account knows less than this: swift/container/updater.py."""
        return account_report.is_news(Told(*self.report()), Told(*self.reported))

    # -- forgetting ------------------------------------------------------------------------------

    def reclaim(self, horizons: Horizons) -> None:
        for key, (_number, record) in list(self.rows.items()):
            removed_at = record.delete_timestamp if self.is_account else record.created_at
            if record.deleted and removed_at < horizons.age:
                del self.rows[key]
                self._count(record)

    def is_reclaimable(self, horizons: Horizons) -> bool:
        if not db_sync.is_reclaimable(self.times, True, horizons):
            return False
        if self.is_account:
            return not self.totals()[0]
        return self.reported == self.report() and not self.totals()[0]

    # -- whole files -----------------------------------------------------------------------------

    def copied(self) -> 'Database':
        """Return the file as it is sent to a peer."""
        return Database(self.path, self.id, self.times, dict(self.rows), self.max_row, self.hash,
                        dict(self.incoming), dict(self.outgoing), self.reported)

    def become_new(self, new_id: str, sender: str) -> None:
        """Give a sender's file an identity of its own."""
        self.id = new_id
        self.incoming[sender] = self.max_row


def object_record(row: Any) -> ObjectRecord:
    """Return the record that a container server makes of a row."""
    headers, name = row.headers, row.path.obj
    time = headers['X-Timestamp']
    if row.op == 'DELETE':
        return ObjectRecord(name, time, 0, row_merge.DELETED_TYPE, row_merge.DELETED_ETAG, 1)
    return ObjectRecord(name, time, int(headers['X-Size']), headers['X-Content-Type'],
                        headers['X-Etag'], 0, 0, headers.get('X-Content-Type-Timestamp'),
                        headers.get('X-Meta-Timestamp'))
