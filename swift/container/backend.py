"""The container database: object rows, counts per policy, the container's state and metadata.

Layer 3. ContainerInfo is what the database says; its counts are of the container's current policy,
of the retiring file while sharding, and of the shards when sharded (sheet 03 §20.3). Object rows
merge by core.row_merge. Shard ranges are read, listed and merged here; finding and cleaving them
is the sharder's. Source: sheet 03 §4, §9.2, §10, §11, §15, §20.1-20.3; older schemas §25.
"""
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from swift.common import chain
from swift.common.codecs import pending as pending_codec
from swift.common.db import schema
from swift.common.db.broker import COARSEST_TIME_S
from swift.common.db.connection import DatabaseFile
from swift.common.db.files import epoch_of_name
from swift.common.db.replicated import ReplicatedBroker
from swift.common.db.rows import fetcher
from swift.core import db_metadata, shard_range
from swift.core.db_sync import Horizons
from swift.core.listing import ListingQuery, list_page
from swift.core.names import unquote
from swift.core.policy_conflict import claim_of, winner
from swift.core.row_merge import ObjectRecord, is_zero_like, merge_objects
from swift.core.shard_range import RangeQuery, ShardRange

UNSHARDED, SHARDING, SHARDED, COLLAPSED = 'unsharded', 'sharding', 'sharded', 'collapsed'
QUOTED_ROOT_KEY = 'X-Container-Sysmeta-Shard-Quoted-Root'
ROOT_KEY = 'X-Container-Sysmeta-Shard-Root'
SYNC_TARGET_KEY = 'X-Container-Sync-To'

# Names looked up by one query of a merge.
LOOKUP_NAMES = 100
_TOLD_BEFORE_COUNT = (
    'account', 'container', 'created_at', 'put_timestamp', 'delete_timestamp', 'status',
    'status_changed_at', 'bytes_used', 'reported_put_timestamp', 'reported_delete_timestamp',
    'reported_object_count', 'reported_bytes_used', 'hash', 'id', 'x_container_sync_point1',
    'x_container_sync_point2', 'storage_policy_index', 'db_state')
_ROW = 'name, created_at, size, content_type, etag, deleted'
_RANGE_COLUMNS = tuple(column.name for column in fields(ShardRange))
_RANGE_DEFAULTS = {'reported': '0', 'tombstones': '-1'}


@dataclass(frozen=True, slots=True)
class ContainerInfo:
    """The row of facts of a container, its metadata, counts and state. Times: internal texts."""

    account: str
    container: str
    created_at: str
    put_timestamp: str
    delete_timestamp: str
    reported_put_timestamp: str
    reported_delete_timestamp: str
    reported_object_count: int
    reported_bytes_used: int
    hash: str
    id: str
    status: str
    status_changed_at: str
    x_container_sync_point1: int
    x_container_sync_point2: int
    reconciler_sync_point: int
    storage_policy_index: int
    object_count: int
    bytes_used: int
    db_state: str
    metadata: db_metadata.Metadata
    # Response headers made from this, kept by the server as long as the info itself.
    rendered: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def path(self) -> str:
        """`account/container`, the name of the own shard range."""
        return f'{self.account}/{self.container}'

    @property
    def is_deleted(self) -> bool:
        return is_zero_like(self.object_count) and self.delete_timestamp > self.put_timestamp

    @property
    def root_path(self) -> str | None:
        """The recorded path of the root container, or None."""
        quoted = self.metadata.get(QUOTED_ROOT_KEY)
        if quoted and quoted[0]:
            return unquote(quoted[0])
        plain = self.metadata.get(ROOT_KEY)
        return plain[0] if plain and plain[0] else None


class ContainerBroker(ReplicatedBroker):
    """The database of one container."""

    kind = 'container'
    script = schema.CONTAINER
    stat_table = 'container_stat'
    row_table = 'object'
    row_columns = (*_ROW.split(', '), 'storage_policy_index')
    removal_time = 'created_at'
    record_class = ObjectRecord
    meta_prefix = 'x-container-meta-'
    kept_metadata = (QUOTED_ROOT_KEY, ROOT_KEY, 'X-Container-Sysmeta-Sharding')
    make_record = staticmethod(pending_codec.object_record)
    _settled: tuple[ContainerInfo, chain.Program] | None = None

    def create_container(self, account: str, container: str, put_timestamp: str,
                         policy_index: int) -> None:
        """Make the database. Raises DatabaseExists."""
        def fill(db: sqlite3.Connection) -> None:
            db.execute(
                'INSERT INTO container_info (account, container, created_at, id, put_timestamp, '
                'status_changed_at, storage_policy_index) VALUES (?, ?, ?, ?, ?, ?, ?)',
                (account, container, self.env.now().normal, self.new_id(), put_timestamp,
                 put_timestamp, policy_index))
            db.execute('INSERT INTO policy_stat (storage_policy_index) VALUES (?)',
                       (policy_index,))
        self.create(fill)

    # -- facts --------------------------------------------------------------------------------

    def info(self, stale_ok: bool = False, skip_pending: bool = False) -> ContainerInfo:
        """Return what the database says. Raises DatabaseMissing and what reading() raises.

        Cost when nothing changed: two stats, one small read. See settled_info().
        """
        began = self.env.clock.time()
        with self.reading(stale_ok, skip_pending) as file:
            if len(self._files) > 1:
                # Two files change independently, so nothing is remembered while sharding.
                return self._read_info(file)
            info = file.cache.get('info')
            if info is None:
                info = file.cache['info'] = self._read_info(file)
            if self._settled is None or self._settled[0] is not info:
                self._settled = self._settle(file, info, began)
            return info

    def settled_info(self) -> tuple[ContainerInfo, chain.Program] | None:
        """Return what info() said last, and a program that succeeds while it is still true.

        None when that cannot be told from looking at the files. Never waits; any thread.
        """
        return self._settled

    def _settle(self, file: DatabaseFile, info: ContainerInfo,
                began: float) -> tuple[ContainerInfo, chain.Program] | None:
        """Note what the files look like, if their last change was long before `began`.

        Every commit writes to the database file and gives it a new time. But times are as coarse
        as a file system makes them: the last of several recent changes may not show.
        """
        steps = []
        for path in (file.path, self.place.directory):
            try:
                status = os.stat(path)
            except OSError:
                return None
            if began - status.st_mtime < COARSEST_TIME_S:
                return None
            steps.append(chain.unchanged(path, status))
        return info, (*steps, chain.empty(self.place.pending_path))

    def _read_info(self, file: DatabaseFile) -> ContainerInfo:
        with self._snapshot(file):
            return self._info_of(file)

    def _info_of(self, file: DatabaseFile) -> ContainerInfo:
        stat = self._stat(file)
        own_path = f'{stat["account"]}/{stat["container"]}'
        state, ranges = self._read_state(file, own_path)
        metadata = db_metadata.parse(stat.get('metadata'))
        counts = stat['object_count'] or 0, stat['bytes_used'] or 0
        if state == SHARDING:
            retiring = self._stat(self._files[0])
            counts = retiring['object_count'] or 0, retiring['bytes_used'] or 0
        values = {name: stat.get(name) for name in ContainerInfo.__slots__ if name != 'rendered'}
        for name in values:
            if name.endswith('_timestamp') or name == 'status_changed_at':
                values[name] = values[name] or '0'
            elif name.endswith(('_point', '_point1', '_point2')) and values[name] is None:
                values[name] = -1
        values.update(metadata=metadata, db_state=state, status=stat['status'] or '',
                      storage_policy_index=stat.get('storage_policy_index') or 0,
                      object_count=counts[0], bytes_used=counts[1])
        info = ContainerInfo(**values)
        if state == SHARDED and self._is_root(info, ranges):
            count, used = shard_range.totals(item for item in ranges if item.name != own_path)
            info = ContainerInfo(**{**values, 'object_count': count, 'bytes_used': used})
        return info

    def _read_state(self, file: DatabaseFile, own_path: str) -> tuple[str, list[ShardRange]]:
        """Return the state of sharding, and all ranges if they were needed to tell."""
        if len(self._files) > 1:
            return SHARDING, []
        epoch = epoch_of_name(file.path)
        if epoch is None:
            return UNSHARDED, []
        ranges = self._read_ranges(file)
        own = next((item for item in ranges if item.name == own_path), None)
        if own is None or own.epoch != epoch:
            return UNSHARDED, ranges
        others = any(item.name != own_path and not item.deleted for item in ranges)
        return SHARDED if others else COLLAPSED, ranges

    @staticmethod
    def _is_root(info: ContainerInfo, ranges: Iterable[ShardRange]) -> bool:
        if info.root_path is not None:
            return info.root_path == info.path
        own = next((item for item in ranges if item.name == info.path), None)
        return own is None or not own.deleted

    def is_root(self) -> bool:
        """Tell whether clients know this container, as opposed to a shard of one."""
        info = self.info()
        if info.root_path is not None:
            return info.root_path == info.path
        return self._is_root(info, self.shard_ranges())

    def policy_stats(self) -> dict[int, tuple[int, int]]:
        """Return (object count, bytes) of each policy that has or had rows, of all files."""
        with self.reading():
            totals: dict[int, tuple[int, int]] = {}
            for file in self._files:
                for index, count, used in self._policy_rows(file):
                    before = totals.get(index, (0, 0))
                    totals[index] = before[0] + count, before[1] + used
            return totals

    @staticmethod
    def _policy_rows(file: DatabaseFile) -> list[tuple[int, int, int]]:
        if file.columns('policy_stat'):
            return file.db.execute('SELECT storage_policy_index, object_count, bytes_used '
                                   'FROM policy_stat ORDER BY storage_policy_index').fetchall()
        return file.db.execute('SELECT 0, object_count, bytes_used FROM container_stat').fetchall()

    def is_empty(self) -> bool:
        """Tell whether nothing at all is left, in any policy, file or shard (sheet 03 §10.1)."""
        if any(count > 0 for count, _ in self.policy_stats().values()):
            return False
        info = self.info()
        ranges = self.shard_ranges()
        own = next((item for item in ranges if item.name == info.path), None)
        if own is None or own.state not in shard_range.CLEAVING_STATES:
            return True
        others = [item for item in ranges if item.name != info.path]
        return not (others and self._is_root(info, ranges)) or shard_range.totals(others)[0] <= 0

    def set_storage_policy_index(self, policy_index: int, timestamp: str) -> None:
        """Move the container to a policy; its rows of others become misplaced.

        Rows that were well placed so far are not any more, so all are looked at again.
        """
        with self.writing() as file:
            self._move_to_policy(file, policy_index, timestamp)

    @staticmethod
    def _move_to_policy(file: DatabaseFile, policy_index: int, timestamp: str) -> None:
        schema.migrate_container(file.db)
        file.db.execute('INSERT OR IGNORE INTO policy_stat (storage_policy_index) VALUES (?)',
                        (policy_index,))
        file.db.execute(
            'UPDATE container_stat SET storage_policy_index = ?, reconciler_sync_point = -1, '
            'status_changed_at = max(status_changed_at, ?) WHERE storage_policy_index <> ?',
            (policy_index, timestamp, policy_index))

    def set_sync_points(self, point1: int, point2: int, target: str | None = None) -> bool:
        """Store how far container sync has come; True iff that was done.

        `target`: only if the container is still to be synchronised to there.
        """
        with self.writing() as file:
            if target is not None and self._sync_target(file) != target:
                return False
            known = file.columns('container_stat')
            for name in ('x_container_sync_point1', 'x_container_sync_point2'):
                if name not in known:
                    file.db.execute(f'ALTER TABLE container_stat ADD COLUMN {name} '
                                    'INTEGER DEFAULT -1')
            self._set(file, x_container_sync_point1=point1, x_container_sync_point2=point2)
            return True

    def _sync_target(self, file: DatabaseFile) -> str:
        metadata = db_metadata.parse(self._stat(file).get('metadata'))
        return metadata.get(SYNC_TARGET_KEY, ('',))[0]

    def _store_metadata(self, file: DatabaseFile, metadata: db_metadata.Metadata) -> None:
        """As for all databases; and another target of container sync has been sent nothing yet."""
        if metadata.get(SYNC_TARGET_KEY, ('',))[0] != self._sync_target(file):
            if 'x_container_sync_point1' in file.columns('container_stat'):
                self._set(file, x_container_sync_point1=-1, x_container_sync_point2=-1)
        super()._store_metadata(file, metadata)

    def reported(self, put_timestamp: str, delete_timestamp: str, object_count: int,
                 bytes_used: int) -> None:
        """Note what the account has been told."""
        with self.writing() as file:
            self._set(file, reported_put_timestamp=put_timestamp,
                      reported_delete_timestamp=delete_timestamp,
                      reported_object_count=object_count, reported_bytes_used=bytes_used)

    # -- object rows --------------------------------------------------------------------------

    @staticmethod
    def encode(record: ObjectRecord) -> bytes:
        """Return a record for append()."""
        return pending_codec.encode(record)

    def _merge(self, file: DatabaseFile, records: list[ObjectRecord]) -> None:
        if not records:
            return
        schema.migrate_container(file.db)
        stored: dict[tuple[str, int], ObjectRecord] = {}
        row_ids: dict[tuple[str, int], list[int]] = {}
        for row in self._rows_named(file, sorted({record.name for record in records})):
            record = ObjectRecord(*row[1:])
            stored[record.key] = record
            row_ids.setdefault(record.key, []).append(row[0])
        changed = merge_objects(stored, records)
        file.db.executemany('DELETE FROM object WHERE ROWID = ?',
                            [(row_id,) for key in changed for row_id in row_ids.get(key, ())])
        file.db.executemany(f'INSERT INTO object ({_ROW}, storage_policy_index) '
                            'VALUES (?, ?, ?, ?, ?, ?, ?)',
                            [record[:7] for record in changed.values()])

    @staticmethod
    def _rows_named(file: DatabaseFile, names: list[str]) -> Iterable[tuple]:
        """Return the rows, live or not, of the given names; LOOKUP_NAMES of them per query."""
        for start in range(0, len(names), LOOKUP_NAMES):
            wanted = names[start:start + LOOKUP_NAMES]
            if len(wanted) > 1:
                # A fixed number of parameters, so that there are only two statements to compile.
                wanted += wanted[-1:] * (LOOKUP_NAMES - len(wanted))
            marks = ', '.join('?' * len(wanted))
            yield from file.db.execute(
                f'SELECT ROWID, {_ROW}, storage_policy_index FROM object '
                f'WHERE deleted IN (0, 1) AND name IN ({marks})', wanted).fetchall()

    def list_objects(self, query: ListingQuery, policy_index: int | None = None,
                     stale_ok: bool = False) -> list[tuple | str]:
        """Return a page: (name, created_at, size, content_type, etag) rows and subdirs.

        `policy_index` None means the container's own. While sharding, the retiring file has them.
        """
        if policy_index is None:
            policy_index = self.info(stale_ok).storage_policy_index
        with self.reading(stale_ok):
            file = self._files[0]
            where, values = 'deleted = 0', ()
            if 'storage_policy_index' in file.columns('object'):
                where, values = 'deleted = 0 AND storage_policy_index = ?', (policy_index,)
            return list_page(query, fetcher(
                file.db, 'name, created_at, size, content_type, etag', 'object', where, values))

    # -- shard ranges -------------------------------------------------------------------------

    def shard_ranges(self) -> list[ShardRange]:
        """Return all stored ranges, deleted ones and the own one too, in no special order."""
        with self.reading(skip_pending=True) as file:
            ranges = file.cache.get('ranges')
            if ranges is None:
                ranges = file.cache['ranges'] = self._read_ranges(file)
            return ranges

    @staticmethod
    def _read_ranges(file: DatabaseFile) -> list[ShardRange]:
        known = file.columns('shard_range')
        if not known:
            return []
        columns = ', '.join(name if name in known else _RANGE_DEFAULTS.get(name, 'NULL')
                            for name in _RANGE_COLUMNS)
        return [ShardRange(*row)
                for row in file.db.execute(f'SELECT {columns} FROM shard_range')]

    def own_shard_range(self) -> ShardRange:
        """Return the container's own range, or what it is by default."""
        path = self.info(skip_pending=True).path
        for item in self.shard_ranges():
            if item.name == path:
                return item
        return shard_range.default_own_range(path, self.env.now().normal)

    def list_shard_ranges(self, query: RangeQuery) -> list[ShardRange]:
        """Return the ranges that answer a query, in order."""
        return shard_range.select(query, self.shard_ranges(), self.own_shard_range())

    def merge_shard_ranges(self, items: Iterable[ShardRange], of_peer: bool = False) -> None:
        """Merge ranges at once, by the rule of core.shard_range.

        `of_peer`: they come from another replica, whose own range must not lack the epoch that
        this one's has (sheet 03 §16.5).
        """
        with self.writing() as file:
            own_path = self._own_path(file)
            self._merge_ranges(file, items, own_path if of_peer else None)

    def _own_path(self, file: DatabaseFile) -> str:
        stat = self._stat(file)
        return f'{stat["account"]}/{stat["container"]}'

    def _merge_ranges(self, file: DatabaseFile, items: Iterable[ShardRange],
                      guarded: str | None) -> None:
        """Merge ranges inside a transaction; `guarded` is the name of a range that keeps epoch."""
        schema.migrate_shard_ranges(file.db)
        file.written()
        stored = {item.name: item for item in self._read_ranges(file)}
        if guarded is not None:
            items = self._without_lost_epoch(stored, items, guarded)
        changed = shard_range.merge_all(stored, items)
        file.db.executemany('DELETE FROM shard_range WHERE name = ?',
                            [(name,) for name in changed])
        marks = ', '.join('?' * len(_RANGE_COLUMNS))
        file.db.executemany(
            f'INSERT INTO shard_range ({", ".join(_RANGE_COLUMNS)}) VALUES ({marks})',
            [tuple(getattr(item, name) for name in _RANGE_COLUMNS)
             for item in changed.values()])

    def _without_lost_epoch(self, stored: dict[str, ShardRange], items: Iterable[ShardRange],
                            own_path: str) -> Iterator[ShardRange]:
        own = stored.get(own_path)
        for item in items:
            if shard_range.loses_epoch(own, item):
                if shard_range.merge(own, item) is not None:
                    self.env.logger.warning(
                        'Ignoring remote osr w/o epoch, own_sr: %r, remote_sr: %r, source: %s',
                        own, item, self.path)
                continue
            yield item

    # -- replication --------------------------------------------------------------------------

    def _replication_facts(self, file: DatabaseFile) -> dict[str, Any]:
        info = self._info_of(file)
        told = {name: getattr(info, name) for name in _TOLD_BEFORE_COUNT}
        return {**told, 'count': info.object_count,
                'metadata': self._stat(file).get('metadata') or '',
                'max_row': self._max_row(file), 'shard_max_row': self._max_row(file, 'shard_range')}

    def _live_count(self, file: DatabaseFile, stat: dict[str, Any]) -> int:
        return self._info_of(file).object_count

    def _reclaim_more(self, file: DatabaseFile, horizons: Horizons) -> None:
        if not file.columns('shard_range'):
            return
        old = 'FROM shard_range WHERE deleted = 1 AND timestamp < ? AND name <> ?'
        values = horizons.syncs, self._own_path(file)
        if file.db.execute(f'SELECT 1 {old}', values).fetchone():
            with self._transaction(file):
                file.db.execute(f'DELETE {old}', values)

    def _may_vanish(self, file: DatabaseFile, stat: dict[str, Any]) -> bool:
        info = self.info()
        if (info.reported_put_timestamp, info.reported_delete_timestamp,
                info.reported_object_count, info.reported_bytes_used) != (
                info.put_timestamp, info.delete_timestamp, info.object_count, info.bytes_used):
            return False
        if not self.is_empty() or info.db_state == SHARDING:
            return False
        others = any(item.name != info.path and not item.deleted for item in self.shard_ranges())
        return not (others and self.is_root())

    def is_sharding_initiated(self) -> bool:
        """Tell whether the rows are on their way into shards, or there already."""
        path = self.info(skip_pending=True).path
        ranges = self.shard_ranges()
        return any(item.name == path and item.state in shard_range.CLEAVING_STATES
                   for item in ranges) and any(
                       item.name != path and not item.deleted for item in ranges)

    def requires_sharding(self) -> bool:
        """Tell whether there is something here that only the sharder can bring home."""
        info = self.info(skip_pending=True)
        if info.db_state == SHARDING or self.is_sharding_initiated():
            return info.db_state != SHARDED
        return False

    def can_be_replaced(self) -> bool:
        """Not while shards are being made of it: then two files belong together."""
        return super().can_be_replaced() and not self.is_sharding_initiated()

    def become_new(self, file: DatabaseFile, sender: str, point: int) -> None:
        """As for all databases; and what was reported by the sender was not reported by us."""
        super().become_new(file, sender, point)
        self._set(file, reported_put_timestamp='0', reported_delete_timestamp='0',
                  reported_object_count=0, reported_bytes_used=0)

    def merge_side_tables(self, target: DatabaseFile, source: DatabaseFile) -> None:
        """As for all databases; and the shard ranges, and the policy if ours is the right one."""
        ours, theirs = (claim_of(self._replication_facts(file)) for file in (source, target))
        super().merge_side_tables(target, source)
        if winner(ours, theirs).index != theirs.index:
            self._move_to_policy(target, ours.index, self.env.now().internal)
        ranges = self._read_ranges(source)
        if ranges:
            self._merge_ranges(target, ranges, self._own_path(target))

    # -- misplaced rows -------------------------------------------------------------------------

    def rows_between(self, point: int, end: int | None, count: int
                     ) -> list[tuple[int, ObjectRecord]]:
        """Return up to `count` rows behind a point, up to `end` if given, by number."""
        with self.reading() as file:
            policy = ('storage_policy_index' if 'storage_policy_index' in file.columns('object')
                      else '0')
            limit = (1 << 63) - 1 if end is None else end
            rows = file.db.execute(
                f'SELECT ROWID, {_ROW}, {policy} FROM object WHERE ROWID > ? AND ROWID <= ? '
                'ORDER BY ROWID LIMIT ?', (point, limit, count)).fetchall()
            return [(row[0], ObjectRecord(*row[1:])) for row in rows]

    def misplaced_since(self, point: int, count: int) -> list[tuple[int, ObjectRecord]]:
        """Return up to `count` rows behind a point that are of another policy, by number."""
        with self.reading() as file:
            if 'storage_policy_index' not in file.columns('object'):
                return []
            rows = file.db.execute(
                f'SELECT ROWID, {_ROW}, storage_policy_index FROM object WHERE ROWID > ? AND '
                'storage_policy_index <> (SELECT storage_policy_index FROM container_info) '
                'ORDER BY ROWID LIMIT ?', (point, count)).fetchall()
            return [(row[0], ObjectRecord(*row[1:])) for row in rows]

    def set_reconciler_point(self, point: int, policy_index: int) -> None:
        """Note how far rows were looked at for being misplaced, unless the policy changed since."""
        with self.writing() as file:
            if 'reconciler_sync_point' in file.columns('container_stat'):
                file.db.execute('UPDATE container_stat SET reconciler_sync_point = ? '
                                'WHERE storage_policy_index = ?', (point, policy_index))
