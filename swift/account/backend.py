"""The account database: containers with their counts, totals per policy, the account's metadata.

Layer 3. AccountInfo is what the database says about the account; whether that means "deleted" is
decided on it (sheet 03 §10.1). Rows merge by core.row_merge: times grow, counts are the last
reported ones. Source: sheet 03 §3, §9.1, §11, §14; older schemas §25.
"""
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from swift.common.codecs import pending as pending_codec
from swift.common.db import schema
from swift.common.db.connection import DatabaseFile
from swift.common.db.replicated import ReplicatedBroker
from swift.common.db.rows import fetcher
from swift.core import db_metadata
from swift.core.listing import ListingQuery, list_page
from swift.core.row_merge import (
    ContainerRecord,
    is_container_deleted,
    is_zero_like,
    merge_container,
)

_ROW = 'name, put_timestamp, delete_timestamp, object_count, bytes_used, deleted'


@dataclass(frozen=True, slots=True)
class PolicyTotals:
    """Totals of one policy. `container_count` is None in databases of before it was kept."""

    container_count: int | None
    object_count: int
    bytes_used: int


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """The row of facts of an account, its metadata and totals. Times are internal texts."""

    account: str
    created_at: str
    put_timestamp: str
    delete_timestamp: str
    status_changed_at: str
    container_count: int
    object_count: int
    bytes_used: int
    hash: str
    id: str
    status: str
    metadata: db_metadata.Metadata
    policies: dict[int, PolicyTotals]
    # Response headers made from this, kept by the server as long as the info itself.
    rendered: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_status_deleted(self) -> bool:
        """Deleted by a request, whatever it still contains."""
        return self.status == 'DELETED' or self.delete_timestamp > self.put_timestamp

    @property
    def is_deleted(self) -> bool:
        """Not to be shown any more."""
        return self.status == 'DELETED' or (
            is_zero_like(self.container_count) and self.delete_timestamp > self.put_timestamp)


class AccountBroker(ReplicatedBroker):
    """The database of one account."""

    kind = 'account'
    script = schema.ACCOUNT
    stat_table = 'account_stat'
    row_table = 'container'
    row_columns = (*_ROW.split(', '), 'storage_policy_index')
    removal_time = 'delete_timestamp'
    record_class = ContainerRecord
    meta_prefix = 'x-account-meta-'
    make_record = staticmethod(pending_codec.container_record)

    def create_account(self, account: str, put_timestamp: str) -> None:
        """Make the database. Raises DatabaseExists."""
        def fill(db: sqlite3.Connection) -> None:
            db.execute(
                'INSERT INTO account_stat (account, created_at, id, put_timestamp, '
                'status_changed_at, container_count) VALUES (?, ?, ?, ?, ?, 0)',
                (account, self.env.now().normal, self.new_id(), put_timestamp, put_timestamp))
        self.create(fill)

    def info(self, stale_ok: bool = False, skip_pending: bool = False) -> AccountInfo:
        """Return what the database says. Raises DatabaseMissing and what reading() raises.

        Cost when nothing changed: a directory listing, two stats, one small read.
        """
        with self.reading(stale_ok, skip_pending) as file:
            info = file.cache.get('info')
            if info is None:
                info = file.cache['info'] = self._read_info(file)
            return info

    def _read_info(self, file: DatabaseFile) -> AccountInfo:
        with self._snapshot(file):
            stat = self._stat(file)
            policies = self._read_policies(file)
        return AccountInfo(
            account=stat['account'], created_at=stat['created_at'],
            put_timestamp=stat['put_timestamp'] or '0',
            delete_timestamp=stat['delete_timestamp'] or '0',
            status_changed_at=stat['status_changed_at'] or '0',
            container_count=stat['container_count'] or 0, object_count=stat['object_count'] or 0,
            bytes_used=stat['bytes_used'] or 0, hash=stat['hash'], id=stat['id'],
            status=stat['status'] or '', metadata=db_metadata.parse(stat.get('metadata')),
            policies=policies)

    @staticmethod
    def _read_policies(file: DatabaseFile) -> dict[int, PolicyTotals]:
        columns = file.columns('policy_stat')
        if not columns:
            return {}
        count = 'container_count' if 'container_count' in columns else 'NULL'
        rows = file.db.execute(f'SELECT storage_policy_index, {count}, object_count, bytes_used '
                               'FROM policy_stat ORDER BY storage_policy_index')
        return {index: PolicyTotals(*totals) for index, *totals in rows}

    def migrate(self) -> bool:
        """Give a database of before there were policies its counts per policy; True iff it was."""
        with self.reading() as file:
            if 'storage_policy_index' in file.columns('container'):
                return False
            with self._transaction(file):
                schema.migrate_account(file.db)
            return True

    def takes_records(self, override_deleted: bool) -> bool:
        """Tell whether container records are accepted: there is a database and it is not deleted.

        The pending log is only merged when its records could matter.
        """
        if override_deleted:
            return self.exists()
        info = self.info(skip_pending=True)
        if info.status != 'DELETED' and info.delete_timestamp > info.put_timestamp:
            info = self.info()
        return not info.is_deleted

    @staticmethod
    def encode(record: ContainerRecord) -> bytes:
        """Return a direct record for append(), marked deleted if that is what it says."""
        deleted = is_container_deleted(record.put_timestamp, record.delete_timestamp,
                                       record.object_count)
        return pending_codec.encode(record._replace(deleted=int(deleted)))

    def _merge(self, file: DatabaseFile, records: list[ContainerRecord]) -> None:
        if not records:
            return
        schema.migrate_account(file.db)
        for record in records:
            row = file.db.execute(
                f'SELECT ROWID, {_ROW}, storage_policy_index FROM container '
                'WHERE deleted IN (0, 1) AND name = ?', (record.name,)).fetchone()
            merged = merge_container(row and ContainerRecord(*row[1:]), record)
            if row:
                file.db.execute('DELETE FROM container WHERE ROWID = ?', (row[0],))
            file.db.execute(f'INSERT INTO container ({_ROW}, storage_policy_index) '
                            'VALUES (?, ?, ?, ?, ?, ?, ?)', merged)

    def list_containers(self, query: ListingQuery, stale_ok: bool = False) -> list[tuple | str]:
        """Return a page: (name, count, bytes, put_timestamp, policy index) rows and subdirs."""
        with self.reading(stale_ok) as file:
            known = 'storage_policy_index' in file.columns('container')
            policy = 'storage_policy_index' if known else '0 AS storage_policy_index'
            return list_page(query, fetcher(
                file.db, f'name, object_count, bytes_used, put_timestamp, {policy}',
                'container', 'deleted = 0', ()))

    # -- replication --------------------------------------------------------------------------

    def _replication_facts(self, file: DatabaseFile) -> dict[str, Any]:
        stat = self._stat(file)
        return {
            'account': stat['account'], 'created_at': stat['created_at'],
            'put_timestamp': stat['put_timestamp'] or '0',
            'delete_timestamp': stat['delete_timestamp'] or '0',
            'status_changed_at': stat['status_changed_at'] or '0',
            'object_count': stat['object_count'] or 0, 'bytes_used': stat['bytes_used'] or 0,
            'hash': stat['hash'], 'id': stat['id'], 'count': stat['container_count'] or 0,
            'metadata': stat.get('metadata') or '', 'max_row': self._max_row(file)}

    def _live_count(self, file: DatabaseFile, stat: dict[str, Any]) -> int:
        return stat['container_count'] or 0

    def _may_vanish(self, file: DatabaseFile, stat: dict[str, Any]) -> bool:
        return is_zero_like(stat['container_count'])
