"""The container database: object rows, counts per policy, the container's state and metadata.

Layer 3. ContainerInfo is what the database says; its counts are of the container's current policy,
of the retiring file while sharding, and of the shards when sharded (sheet 03 §20.3). Object rows
merge by core.row_merge. Shard ranges are read, listed and merged here; finding and cleaving them
is the sharder's. Source: sheet 03 §4, §9.2, §10, §11, §15, §20.1-20.3; older schemas §25.
"""
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from swift.common import chain
from swift.common.codecs import pending as pending_codec
from swift.common.db import schema
from swift.common.db.broker import COARSEST_TIME_S, Broker
from swift.common.db.connection import DatabaseFile
from swift.common.db.files import epoch_of_name
from swift.common.db.rows import fetcher
from swift.core import db_metadata, shard_range
from swift.core.listing import ListingQuery, list_page
from swift.core.names import unquote
from swift.core.row_merge import ObjectRecord, is_zero_like, merge_objects
from swift.core.shard_range import RangeQuery, ShardRange

UNSHARDED, SHARDING, SHARDED, COLLAPSED = 'unsharded', 'sharding', 'sharded', 'collapsed'
QUOTED_ROOT_KEY = 'X-Container-Sysmeta-Shard-Quoted-Root'
ROOT_KEY = 'X-Container-Sysmeta-Shard-Root'

# Names looked up by one query of a merge.
LOOKUP_NAMES = 100
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


class ContainerBroker(Broker):
    """The database of one container."""

    kind = 'container'
    script = schema.CONTAINER
    stat_table = 'container_stat'
    row_table = 'object'
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
        """Move the container to a policy; its rows of others become misplaced."""
        with self.writing() as file:
            schema.migrate_container(file.db)
            file.db.execute('INSERT OR IGNORE INTO policy_stat (storage_policy_index) VALUES (?)',
                            (policy_index,))
            file.db.execute(
                'UPDATE container_stat SET storage_policy_index = ?, status_changed_at = ? '
                'WHERE storage_policy_index <> ?', (policy_index, timestamp, policy_index))

    def set_sync_points(self, point1: int, point2: int) -> None:
        """Store how far container sync has come."""
        with self.writing() as file:
            known = file.columns('container_stat')
            for name in ('x_container_sync_point1', 'x_container_sync_point2'):
                if name not in known:
                    file.db.execute(f'ALTER TABLE container_stat ADD COLUMN {name} '
                                    'INTEGER DEFAULT -1')
            self._set(file, x_container_sync_point1=point1, x_container_sync_point2=point2)

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

    def merge_shard_ranges(self, items: Iterable[ShardRange]) -> None:
        """Merge ranges at once, by the rule of core.shard_range."""
        with self.writing() as file:
            schema.migrate_shard_ranges(file.db)
            file.written()
            stored = {item.name: item for item in self._read_ranges(file)}
            changed = shard_range.merge_all(stored, items)
            file.db.executemany('DELETE FROM shard_range WHERE name = ?',
                                [(name,) for name in changed])
            marks = ', '.join('?' * len(_RANGE_COLUMNS))
            file.db.executemany(
                f'INSERT INTO shard_range ({", ".join(_RANGE_COLUMNS)}) VALUES ({marks})',
                [tuple(getattr(item, name) for name in _RANGE_COLUMNS)
                 for item in changed.values()])
