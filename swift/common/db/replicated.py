"""What replication asks of a database: its facts, its rows by number, merging, forgetting, leaving.

Layer 1. ReplicatedBroker is a Broker that has peers. Decisions are core.db_sync's; who asks whom is
common/db/replication's. Everything blocks and belongs into disk threads.

    replication_info   facts, counts and end of the log, as one state of the file
    items_since        rows behind a point, as dictionaries
    merge_items        rows of a peer; the point of that peer moves in the same transaction
    replace_with       another file takes the place of the newest one (whole-file replication)
    state              the same with the points of peers and a Mark: what a pass starts from
    remove             the database goes, if nobody wrote since the Mark

Replacing and removing hold all that others may hold: the lock of the directory (pending log, new
files) and the write lock of the file (direct merges). Whoever waited for one of them looks again
before it writes (Broker._check_in_place), so that no acknowledged row goes to a file that is gone.
Source: sheet 03 §10, §16.
"""
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from swift.common import fs, locks
from swift.common.db import pending, schema
from swift.common.db.broker import Broker, raise_sync_point
from swift.common.db.connection import DatabaseFile
from swift.common.db.files import LOCK_NAME, directory_lock
from swift.common.errors import DatabaseMissing
from swift.common.leftovers import remove_if_older
from swift.core import db_metadata
from swift.core.db_sync import Horizons, Times, is_reclaimable

# Removals that are forgotten in one transaction.
RECLAIM_BATCH = 10000
# Rows that are merged from file to file in one transaction.
MERGE_BATCH = 1000
JOURNAL_SUFFIX = '-journal'


@dataclass(frozen=True, slots=True)
class Mark:
    """A state of a database as one connection saw it; equal marks mean that nobody else wrote."""

    connection: Any
    version: int
    max_row: int


@dataclass(frozen=True, slots=True)
class State:
    """What replication starts from: facts, and how far the logs of peers are merged here."""

    mark: Mark
    info: dict[str, Any]
    incoming: list[tuple[str, int]]


class ReplicatedBroker(Broker):
    """A database with replicas. Subclasses give columns and facts."""

    row_columns: ClassVar[tuple[str, ...]]     # of row_table, after ROWID; the policy is last
    record_class: ClassVar[type]               # with fields in this order
    removal_time: ClassVar[str]                # column that says when a row was removed

    # -- facts --------------------------------------------------------------------------------

    def replication_info(self) -> dict[str, Any]:
        """Return what a peer is told, the end of the log included. Raises what reading() does."""
        with self.reading() as file, self._snapshot(file):
            return self._replication_facts(file)

    def _replication_facts(self, file: DatabaseFile) -> dict[str, Any]:
        raise NotImplementedError

    def state(self) -> 'State':
        """Return facts and points of peers, as one state of the file, with its mark."""
        with self.reading() as file, self._snapshot(file):
            return State(self._mark(file), self._replication_facts(file), file.db.execute(
                'SELECT remote_id, sync_point FROM incoming_sync').fetchall())

    def _mark(self, file: DatabaseFile) -> Mark:
        # data_version moves with the commits of other connections only, so what this broker
        # itself stores (answers of peers) leaves the mark as it is; but not records of others that
        # it merged from the log.
        version, = file.db.execute('PRAGMA data_version').fetchone()
        return Mark(file.db, version, self._max_row(file))

    def items_since(self, point: int, count: int) -> list[dict[str, Any]]:
        """Return up to `count` rows behind a point, in the order of their numbers."""
        with self.reading(skip_pending=True) as file:
            return [dict(zip(('ROWID', *self.row_columns), row, strict=True))
                    for row in self._rows_since(file, point, count)]

    def _rows_since(self, file: DatabaseFile, point: int, count: int) -> list[tuple]:
        known = file.columns(self.row_table)
        columns = ', '.join(name if name in known else f'0 AS {name}' for name in self.row_columns)
        return file.db.execute(f'SELECT ROWID, {columns} FROM {self.row_table} WHERE ROWID > ? '
                               'ORDER BY ROWID LIMIT ?', (point, count)).fetchall()

    @classmethod
    def record_of(cls, item: Any) -> Any:
        """Return the record that a peer's row says. Raises ValueError for what is none."""
        if not isinstance(item, dict):
            raise ValueError('a row is an object')
        try:
            fields = tuple(item[name] for name in cls.row_columns[:-1])
            row_id = item['ROWID']
        except KeyError as missing:
            raise ValueError(f'row without {missing}') from None
        if type(row_id) is not int:
            raise ValueError('a row has a number')
        return cls.make_record((*fields, item.get(cls.row_columns[-1]) or 0))

    def merge_items(self, items: Sequence[dict[str, Any]], source: str | None = None) -> None:
        """Merge rows of a peer; with `source` the point of that peer moves to the last of them.

        Raises ValueError if one is no row; nothing is merged then.
        """
        records = [self.record_of(item) for item in items]
        point = max((item['ROWID'] for item in items), default=None)
        self.merge_records(records, source, point)

    # -- times, metadata ----------------------------------------------------------------------

    def merge_times(self, other: Times) -> None:
        """Take over an earlier creation, a later PUT or DELETE of a peer."""
        with self.reading() as file, self._transaction(file):
            self._merge_times(file, other)

    def _merge_times(self, file: DatabaseFile, other: Times) -> None:
        stat = self._stat(file)
        own = self._times(stat)
        merged = own.merged(other)
        if merged == own:
            return
        values = {'created_at': merged.created_at, 'put_timestamp': merged.put_timestamp,
                  'delete_timestamp': merged.delete_timestamp}
        count = self._live_count(file, stat)
        if own.is_deleted(count) != merged.is_deleted(count):
            values['status_changed_at'] = max(stat['status_changed_at'] or '0',
                                              self.env.now().internal)
        self._set(file, **values)

    @staticmethod
    def _times(stat: dict[str, Any]) -> Times:
        return Times(stat['created_at'], stat['put_timestamp'] or '0',
                     stat['delete_timestamp'] or '0')

    def _live_count(self, file: DatabaseFile, stat: dict[str, Any]) -> int:
        """Return the number of entries that keeps a database alive; subclasses."""
        raise NotImplementedError

    # -- forgetting ---------------------------------------------------------------------------

    def reclaim(self, horizons: Horizons) -> None:
        """Forget removals and sync points that are old enough. Raises what writing() raises.

        Cost when there is nothing to forget: one look at each removed row, no write.
        """
        self._remove_old_temporaries(float(horizons.age))
        with self.reading() as file:
            self._reclaim_rows(file, horizons.age)
            self._reclaim_points(file, horizons.syncs)
            self._reclaim_metadata(file, horizons.age)
            self._reclaim_more(file, horizons)

    def _remove_old_temporaries(self, before: float) -> None:
        for name in fs.list_dir(self.place.directory):
            if name.endswith('.tmp'):
                remove_if_older(f'{self.place.directory}/{name}', before)

    def _reclaim_rows(self, file: DatabaseFile, age: str) -> None:
        old = (f'SELECT ROWID FROM {self.row_table} WHERE deleted = 1 AND {self.removal_time} < ? '
               'ORDER BY name LIMIT ?')
        while True:
            ids = file.db.execute(old, (age, RECLAIM_BATCH)).fetchall()
            if not ids:
                return
            with self._transaction(file):
                # Asked again: a row number that was read before belongs to the same row, always.
                file.db.executemany(f'DELETE FROM {self.row_table} WHERE ROWID = ?', ids)
            if len(ids) < RECLAIM_BATCH:
                return

    def _reclaim_points(self, file: DatabaseFile, before: str) -> None:
        for table in ('incoming_sync', 'outgoing_sync'):
            if 'updated_at' not in file.columns(table):
                continue
            old = f'FROM {table} WHERE updated_at < ?'
            if file.db.execute(f'SELECT 1 {old}', (before,)).fetchone():
                with self._transaction(file):
                    file.db.execute(f'DELETE {old}', (before,))

    def _reclaim_metadata(self, file: DatabaseFile, age: str) -> None:
        stored = db_metadata.parse(self._stat(file).get('metadata'))
        if len(db_metadata.reclaimed(stored, age)) == len(stored):
            return
        with self._transaction(file):
            stored = db_metadata.parse(self._stat(file).get('metadata'))
            self._store_metadata(file, db_metadata.reclaimed(stored, age))

    def _reclaim_more(self, file: DatabaseFile, horizons: Horizons) -> None:
        """Forget what only some databases have; subclasses."""

    # -- leaving ------------------------------------------------------------------------------

    def is_reclaimable(self, horizons: Horizons) -> bool:
        """Tell whether the database was deleted long ago and everybody was told."""
        with self.reading() as file:
            stat = self._stat(file)
            return (is_reclaimable(self._times(stat), True, horizons)
                    and self._may_vanish(file, stat))

    def _may_vanish(self, file: DatabaseFile, stat: dict[str, Any]) -> bool:
        """Tell whether a deleted database is empty and reported; subclasses."""
        raise NotImplementedError

    def remove(self, mark: Mark) -> bool:
        """Remove the database with its directory, unless somebody wrote since `mark`.

        Returns whether it is gone. Raises LockTimeout, DiskError.
        """
        try:
            with self._alone() as file:
                if pending.size(self.place) or self._mark(file) != mark:
                    return False
                self._remove_files()
        except DatabaseMissing:
            return True
        finally:
            self.close()
        self._remove_directories()
        return True

    @contextmanager
    def _alone(self) -> Iterator[DatabaseFile]:
        """Keep everybody else from changing anything in the directory or in the newest file."""
        limit = self.env.lock_timeout_s
        with self._using() as file, self._log_turn(limit), directory_lock(self.place, limit):
            db = file.db
            db.execute('BEGIN IMMEDIATE')
            try:
                self._check_in_place(file)
                yield file
            finally:
                if file.db is not None and db.in_transaction:
                    db.execute('ROLLBACK')

    def _remove_files(self) -> None:
        """Unlink everything in the hash directory, under all locks.

        Databases first: without one the rest means nothing, and the next pass clears it away.
        The lock goes last, so that whoever waits for it finds nothing more to do.
        """
        directory = self.place.directory
        names = sorted(fs.list_dir(directory),
                       key=lambda name: (name == '.lock', not name.endswith('.db'), name))
        for name in names:
            fs.step('unlink')
            fs.unlink_if_there(f'{directory}/{name}')

    def _remove_directories(self) -> None:
        directory = self.place.directory
        for _level in ('hash', 'suffix', 'partition'):
            fs.step('rmdir')
            if not fs.remove_dir_if_empty(directory):
                return
            directory = os.path.dirname(directory)

    # -- whole files ----------------------------------------------------------------------------

    def replace_with(self, temporary: str, catch_up: Callable[[DatabaseFile], None]) -> None:
        """Put a complete database file in the place of the newest one, durably.

        `catch_up(file)` brings what came into the old file since the new one was made; it is called
        when nothing more can come. Records in the pending log stay and belong to the new file.
        """
        with self._alone() as file:
            catch_up(file)
            _sync(temporary)
            fs.step('rename')
            with fs.translate(temporary):
                # Nobody is writing, so what is left of the old file's journal is no use to anybody.
                os.rename(temporary, file.path)
        self.close()
        fs.sync_dir(self.place.directory)

    def install(self, temporary: str, name: str) -> bool:
        """Make a complete file the database, unless there is one; durable at return."""
        directory = self.place.directory
        target = f'{directory}/{name}'
        made, lock = self.with_directory(
            lambda: locks.acquire(f'{directory}/{LOCK_NAME}', self.env.lock_timeout_s))
        try:
            if os.path.exists(target) and os.path.getsize(target):
                return False
            # A journal without its database would be played back into the new one.
            fs.unlink_if_there(target + JOURNAL_SUFFIX)
            _sync(temporary)
            fs.step('rename')
            with fs.translate(temporary):
                os.rename(temporary, target)
        finally:
            os.close(lock)
        fs.sync_dirs(directory, made)
        return True

    @contextmanager
    def held_still(self) -> Iterator[str]:
        """Yield the path of the newest file, complete and unchanging while the block lasts."""
        with self.reading() as file, self._transaction(file):
            yield file.path

    def can_be_replaced(self) -> bool:
        """Tell whether one file is all there is, and may be replaced by a fuller one."""
        with self.reading(skip_pending=True):
            return len(self._files) == 1

    def identity(self) -> tuple[int, int]:
        """Return what tells the newest file from another one in its place."""
        with self.reading(skip_pending=True) as file:
            return file.inode

    def pour(self, target: DatabaseFile, point: int) -> int:
        """Merge the rows behind a point into another file; return the number of the last one.

        Others may use the database between batches.
        """
        while True:
            with self.reading() as file:
                rows = self._rows_since(file, point, MERGE_BATCH)
            if not rows:
                return point
            self._merge_rows(target, rows)
            point = rows[-1][0]

    def pour_rest(self, target: DatabaseFile, file: DatabaseFile, point: int) -> None:
        """Merge what came after pour() and all that is no row; for replace_with()."""
        while rows := self._rows_since(file, point, MERGE_BATCH):
            self._merge_rows(target, rows)
            point = rows[-1][0]
        with written_at_once(target):
            self.merge_side_tables(target, file)

    def _merge_rows(self, target: DatabaseFile, rows: list[tuple]) -> None:
        with written_at_once(target):
            self._merge(target, [self.record_class(*row[1:]) for row in rows])

    def become_new(self, file: DatabaseFile, sender: str, point: int) -> None:
        """Give a sender's file an identity of its own, inside a transaction."""
        file.db.execute(f'UPDATE {self.stat_table} SET id = ?', (self.new_id(),))
        file.db.execute('DELETE FROM incoming_sync WHERE remote_id = ?', (sender,))
        raise_sync_point(file.db, 'incoming', sender, point)

    def end_of_log(self, file: DatabaseFile) -> int:
        """Return the highest row number of an open file that ever was, or -1."""
        return self._max_row(file)

    def names_in(self, file: DatabaseFile) -> tuple[str, str | None]:
        """Return account and container (None: an account) that an open file is the database of."""
        stat = self._stat(file)
        return stat['account'], stat.get('container')

    def merge_side_tables(self, target: DatabaseFile, source: DatabaseFile) -> None:
        """Merge what else a database has to say into another file, inside a transaction.

        Its times, too: a PUT or DELETE that came after the peers compared theirs is in no file of
        the sender. (The original leaves them out, and forgets it.)
        """
        for remote_id, point in source.db.execute('SELECT remote_id, sync_point '
                                                  'FROM incoming_sync').fetchall():
            raise_sync_point(target.db, 'incoming', remote_id, point)
        own = db_metadata.parse(self._stat(source).get('metadata'))
        schema.add_metadata_column(target.db, self.stat_table)
        stored = db_metadata.parse(self._stat(target).get('metadata'))
        merged = db_metadata.merge(stored, own)
        if merged is not None:
            self._store_metadata(target, merged)
        self._merge_times(target, self._times(self._stat(source)))


@contextmanager
def written_at_once(file: DatabaseFile) -> Iterator[None]:
    """Run a block as one transaction on a file that nobody else knows."""
    file.db.execute('BEGIN IMMEDIATE')
    try:
        yield
        file.db.execute('COMMIT')
    finally:
        file.written()
        if file.db.in_transaction:
            file.db.execute('ROLLBACK')


def _sync(path: str) -> None:
    with fs.opened(path, os.O_RDWR) as fd:
        fs.sync_file(fd)
