"""What account and container databases have in common: one Broker per database directory.

Layer 1. A Broker owns the connections to one database and answers questions about it. All methods
block and belong into disk threads; they may be called from several threads (a native lock
serialises SQLite, appends to the pending log need none).

    reading()   merges the pending log, then yields the open file
    writing()   the same plus one immediate transaction, committed at the end of the block
    append()    puts records into the pending log, durably; a log over its cap is merged first

Every use looks at the directory again (at its time of change, if that is enough), so files that
another process replaced, renamed or removed are noticed. What is read is cached until a commit,
ours or another's (sheet 03 §28.1: the original opens and parses the file for each request).

A file that turns out damaged moves the whole directory to quarantine (sheet 03 §1.4) and raises
DamagedDatabase. Subclasses say what a row is, in account/backend.py and container/backend.py.
"""
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from swift.common import chain, fs
from swift.common.clock import SYSTEM, Clock
from swift.common.codecs import pending as pending_codec
from swift.common.db import pending, schema
from swift.common.db.connection import DatabaseFile, new_database, translate
from swift.common.db.files import Place, database_names, directory_lock
from swift.common.errors import (
    DamagedDatabase,
    DatabaseMissing,
    DeviceUnavailable,
    DiskFull,
    LockTimeout,
    StateChanged,
)
from swift.common.green import NativeLock, NativeRLock
from swift.core import db_metadata
from swift.core.timestamp import Timestamp

# Time limits in seconds (sheet 03 §1.2, §1.3).
BUSY_TIMEOUT_S = 25.0
LOCK_TIMEOUT_S = 10.0
STALE_READ_TIMEOUT_S = 0.1
# Coarser than the modification times of any file system that can be used here.
COARSEST_TIME_S = 2.0
PREALLOCATION_STEPS_MIB = (1, 2, 5, 10, 25, 50)
MIB = 1 << 20
# Nobody takes a directory away as often as this.
MAKE_ATTEMPTS = 5


class DatabaseExists(Exception):
    """Outcome of create(): somebody else was faster. Not an error."""


@dataclass(frozen=True)
class Environment:
    """What brokers of one process share."""

    logger: Any
    clock: Clock = SYSTEM
    preallocate: bool = False
    log_queries: bool = False
    busy_timeout_s: float = BUSY_TIMEOUT_S
    lock_timeout_s: float = LOCK_TIMEOUT_S
    # Never merge the pending log (tools that only look).
    skip_commits: bool = False
    # Move damaged databases away; tools that are pointed at any file must not.
    quarantines: bool = True

    def now(self) -> Timestamp:
        return Timestamp(self.clock.time())


class Broker:
    """One database. `kind`, `table` etc. are the subclass's."""

    kind: ClassVar[str]
    script: ClassVar[str]            # schema of a new database
    stat_table: ClassVar[str]        # table or view with the one row of facts
    row_table: ClassVar[str]         # table of records
    meta_prefix: ClassVar[str]       # of the metadata that clients set
    kept_metadata: ClassVar[tuple[str, ...]] = ()
    make_record: ClassVar[Callable[[tuple], Any]]

    def __init__(self, place: Place, env: Environment) -> None:
        self.place = place
        self.env = env
        self._lock = NativeRLock()
        # Taken before the lock file, so that threads of this process wake each other at once
        # instead of polling; the lock file is for other processes.
        self._log_lock = NativeLock()
        self._log = pending.LogProgram(place)
        self._files: list[DatabaseFile] = []
        self._looked_at: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self.place.directory}>'

    # -- files --------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The newest database file, or the one that a new database will get."""
        names = self._names()
        return f'{self.place.directory}/{names[-1]}' if names else self.place.default_path

    def exists(self) -> bool:
        """Tell whether there is a database. Cost: one stat unless it was ever sharded."""
        return os.path.exists(self.place.default_path) or bool(self._names())

    def _names(self) -> list[str]:
        return database_names(self.place.directory, self.place.hash)

    def _look_again(self) -> list[DatabaseFile]:
        """Open what is in the directory now, close what is not; returns files, newest last.

        Cost: one stat while nothing in the directory changes, else a listing and a stat per file.
        """
        changed_at = _settled_time(self.place.directory, self.env.clock.time())
        if changed_at is not None and changed_at == self._looked_at and self._files:
            return self._files
        # Taken before the listing: a change during it counts as one after it.
        self._looked_at = changed_at
        paths = [f'{self.place.directory}/{name}' for name in self._names()[-2:]]
        known = {file.path: file for file in self._files}
        files = []
        for path in paths:
            try:
                status = os.stat(path)
            except FileNotFoundError:
                continue
            if status.st_size == 0:
                continue             # made by a tool that opened a missing file; holds nothing
            file = known.pop(path, None) or DatabaseFile(path, self.env.busy_timeout_s)
            files.append(file)
            file.open(status)
        for file in known.values():
            file.close()
        self._files = files
        if not files:
            raise DatabaseMissing(f'no database in {self.place.directory}', self.place.directory)
        if self.env.log_queries:
            files[-1].db.set_trace_callback(self.env.logger.debug)
        return files

    def close(self) -> None:
        """Close all connections. May be called twice, and the broker used again."""
        with self._lock:
            for file in self._files:
                file.close()
            self._files = []

    def close_if_idle(self) -> bool:
        """Close all connections unless somebody is using them; tell whether they are closed."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self.close()
            return True
        finally:
            self._lock.release()

    @contextmanager
    def _using(self) -> Iterator[DatabaseFile]:
        """Yield the newest file, ready for use; translates errors, quarantines what is damaged."""
        with self._lock:
            path = self.place.directory
            try:
                file = self._look_again()[-1]
                path = file.path
                file.validate_cache()
                yield file
            except sqlite3.Error as err:
                error = translate(err, path, self.env.busy_timeout_s)
                self.close()
                if isinstance(error, DamagedDatabase) and self.env.quarantines:
                    self.quarantine(error.reason)
                raise error from err
            except DamagedDatabase as err:
                if self.env.quarantines:
                    self.quarantine(err.reason)
                raise

    @contextmanager
    def reading(self, stale_ok: bool = False, skip_pending: bool = False) -> Iterator[DatabaseFile]:
        """Yield the newest file for reading, the pending log merged.

        `stale_ok`: give up on the log, and on the merge, after a tenth of a second. Raises
        DatabaseMissing, DamagedDatabase, LockTimeout, DiskError.
        """
        with self._using() as file:
            if not skip_pending and not self.env.skip_commits and pending.size(self.place):
                self._merge_pending(file, stale_ok)
                file.validate_cache()
            yield file

    @contextmanager
    def writing(self) -> Iterator[DatabaseFile]:
        """Yield the newest file inside an immediate transaction that commits at the end.

        Does not merge the pending log. Nested use is a bug.
        """
        with self._using() as file, self._transaction(file):
            yield file

    @contextmanager
    def _transaction(self, file: DatabaseFile) -> Iterator[None]:
        db = file.db
        assert not db.in_transaction, 'transactions do not nest'
        db.execute('BEGIN IMMEDIATE')
        try:
            self._check_in_place(file)
            yield
            db.execute('COMMIT')
        finally:
            file.written()
            if file.db is not None and db.in_transaction:
                db.execute('ROLLBACK')

    def _check_in_place(self, file: DatabaseFile) -> None:
        """Make sure that what would be written now is not written to a file that is gone.

        Whoever replaces or removes a database does so with its lock in hand (replicated.py), and
        those who waited for the lock meanwhile come here. Raises StateChanged, DatabaseMissing.
        """
        if file.is_in_place():
            return
        self.close()
        if not self.exists():
            raise DatabaseMissing(f'no database in {self.place.directory}', self.place.directory)
        raise StateChanged(f'{file.path} was replaced', file.path)

    @staticmethod
    @contextmanager
    def _snapshot(file: DatabaseFile) -> Iterator[None]:
        """Let several reads see one state of the file; a transaction under way does already."""
        if file.db.in_transaction:
            yield
            return
        file.db.execute('BEGIN')
        try:
            yield
        finally:
            if file.db is not None and file.db.in_transaction:
                file.db.execute('ROLLBACK')

    # -- the pending log ----------------------------------------------------------------------

    def append(self, data: bytes, timeout_s: float | None = None) -> None:
        """Add encoded records to the pending log, durably. Raises DatabaseMissing, LockTimeout.

        Cost: one append and one fdatasync; every 128 KiB of records one merge.
        """
        assert not self.env.skip_commits, 'commits not accepted'
        limit = timeout_s or self.env.lock_timeout_s
        with self._log_turn(limit):
            if self._log.append(data, chain.run):
                return
        if pending.size(self.place) > pending.PENDING_CAP:
            self.merge_pending()
        with self._log_turn(limit):
            fd, created = pending.append(self.place, data, limit, self.exists)
        pending.make_durable(self.place, fd, created)

    def append_at_once(self, data: bytes, run: Callable[[chain.Program], Any],
                       checks: chain.Program = ()) -> bool:
        """As append(), from the event loop: `run` is DiskThreads.run_program.

        False, and nothing added, when it would have to wait, or one of the `checks` failed.
        """
        assert not self.env.skip_commits, 'commits not accepted'
        if not self._log_lock.acquire(blocking=False):
            return False
        try:
            return self._log.append(data, run, checks)
        finally:
            self._log_lock.release()

    @contextmanager
    def _log_turn(self, timeout_s: float) -> Iterator[None]:
        """Hold the log within this process. Raises LockTimeout."""
        if not self._log_lock.acquire(timeout=timeout_s):
            raise LockTimeout(path=self.place.pending_path, seconds=timeout_s)
        try:
            yield
        finally:
            self._log_lock.release()

    def merge_pending(self) -> None:
        """Merge the pending log into the database. Raises what writing() raises."""
        with self.reading():
            pass

    def _merge_pending(self, file: DatabaseFile, stale_ok: bool) -> None:
        if not stale_ok:
            self._drain(file, self.env.lock_timeout_s)
            return
        try:
            file.wait_at_most(STALE_READ_TIMEOUT_S)
            self._drain(file, STALE_READ_TIMEOUT_S)
        except (LockTimeout, DiskFull, DeviceUnavailable):
            pass                     # on a full or read-only device, what is merged can be read
        finally:
            if file.db is not None:
                file.wait_at_most(self.env.busy_timeout_s)

    def _drain(self, file: DatabaseFile, timeout_s: float) -> None:
        """Merge the log and empty it. Raises SwiftErrors."""
        with self._log_turn(timeout_s):
            try:
                pending.drain(self.place, lambda data: self._merge_log(file, data), timeout_s)
            except sqlite3.OperationalError as err:
                raise translate(err, file.path, timeout_s) from err

    def _merge_log(self, file: DatabaseFile, data: bytes) -> None:
        records = pending_codec.decode(data, type(self).make_record, self._report_damage)
        if self.env.preallocate:
            self._preallocate(file)
        with self._transaction(file):
            self._merge(file, records)

    def _report_damage(self, entry: bytes) -> None:
        self.env.logger.error('Invalid pending entry %s: %r', self.place.pending_path,
                              entry[:1024])

    def _preallocate(self, file: DatabaseFile) -> None:
        """Give the file room for the next step, so that growth does not fragment it.

        Called outside of transactions: closing a descriptor of the file drops all record locks
        that this process holds on it.
        """
        size = os.stat(file.path).st_size
        wanted = preallocation_size(size)
        with fs.opened(file.path, os.O_RDWR) as fd:
            if os.fstat(fd).st_blocks * 512 < wanted:
                fs.preallocate(fd, wanted)

    def _merge(self, file: DatabaseFile, records: list) -> None:
        """Merge records inside a transaction; subclasses."""
        raise NotImplementedError

    def merge_records(self, records: Iterable[Any], source: str | None = None,
                      point: int | None = None) -> None:
        """Merge records at once, not through the log; note the peer's sync point if given."""
        with self.writing() as file:
            self._merge(file, list(records))
            if source is not None and point is not None:
                raise_sync_point(file.db, 'incoming', source, point)

    # -- creation and removal -----------------------------------------------------------------

    def create(self, fill: Callable[[sqlite3.Connection], None], name: str | None = None) -> None:
        """Make the database file with its schema and what `fill` inserts; durable at return.

        Raises DatabaseExists if there is one, DiskError.
        """
        directory = self.place.directory
        target = f'{directory}/{name}' if name else self.place.default_path
        temporary = f'{directory}/{uuid.uuid4().hex}.tmp'
        db = new_database(self.script)
        try:
            fill(db)
            image = db.serialize()
        finally:
            db.close()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with fs.translate(temporary):
            made, fd = self.with_directory(lambda: os.open(temporary, flags, 0o600))
            try:
                try:
                    fs.write_all(fd, image)
                    fs.sync_file(fd)
                finally:
                    os.close(fd)
                with directory_lock(self.place, self.env.lock_timeout_s):
                    if os.path.exists(target) and os.path.getsize(target):
                        raise DatabaseExists
                    os.rename(temporary, target)
                    if name is None:
                        _remove_leftovers(directory)
            except BaseException:
                fs.unlink_if_there(temporary)
                raise
        fs.sync_dirs(directory, made)

    def with_directory(self, use: Callable[[], Any]) -> tuple[int, Any]:
        """Make the hash directory and put something into it; return how many were made, and that.

        Replicators remove empty directories, also one that was made a moment ago: then once more.
        """
        made = 0
        for left in reversed(range(MAKE_ATTEMPTS)):
            made = max(made, fs.make_dirs(self.place.directory, self.place.device_path))
            try:
                return made, use()
            except FileNotFoundError:
                if not left:
                    raise
        raise AssertionError('the last attempt returns or raises')

    def new_id(self) -> str:
        """Return an id for a new database: unique, and readable by operators."""
        return f'{uuid.uuid4()}-{self.place.device}'

    def quarantine(self, reason: str) -> str:
        """Move the hash directory out of the way and return where it is now."""
        self.close()
        place = self.place
        target = f'{place.device_path}/quarantined/{place.datadir}/{place.hash}'
        fs.make_dirs(os.path.dirname(target), os.path.dirname(place.device_path))
        if os.path.exists(target):
            target += f'-{uuid.uuid4().hex}'
        try:
            os.rename(place.directory, target)
        except FileNotFoundError:
            return target                        # somebody else moved it
        fs.sync_dir(os.path.dirname(target))
        self.env.logger.error('Quarantined %s to %s due to %s', place.directory, target, reason)
        return target

    # -- the stat row -------------------------------------------------------------------------

    def _stat(self, file: DatabaseFile) -> dict[str, Any]:
        """Return the row of facts as it is stored; a missing row means damage."""
        cursor = file.db.execute(f'SELECT * FROM {self.stat_table}')
        row = cursor.fetchone()
        if row is None:
            raise DamagedDatabase('no row of facts', file.path,
                                  reason=f'missing row in {self.kind}_stat table')
        return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}

    def _max_row(self, file: DatabaseFile, table: str | None = None) -> int:
        """Return the highest ROWID that ever was; -1 if there never was one."""
        row = file.db.execute('SELECT seq FROM sqlite_sequence WHERE name = ?',
                              (table or self.row_table,)).fetchone()
        return row[0] if row else -1

    def max_row(self) -> int:
        """Return the highest ROWID of the newest file that ever was, or -1."""
        with self.reading() as file:
            return self._max_row(file)

    def update_metadata(self, updates: db_metadata.Metadata,
                        limits: tuple[int, int] | None = None) -> str | None:
        """Merge metadata; with `limits` (count, size) return the refusal of what breaks them."""
        with self._using() as file:
            stored = db_metadata.parse(self._stat(file).get('metadata'))
            if db_metadata.merge(stored, updates) is None:
                return None
            with self._transaction(file):
                schema.add_metadata_column(file.db, self.stat_table)
                stored = db_metadata.parse(self._stat(file).get('metadata'))
                merged = db_metadata.merge(stored, updates)
                if merged is None:
                    return None
                if limits is not None:
                    problem = db_metadata.limit_problem(merged, self.meta_prefix, *limits)
                    if problem:
                        return problem
                self._store_metadata(file, merged)
        return None

    def _store_metadata(self, file: DatabaseFile, metadata: db_metadata.Metadata) -> None:
        self._set(file, metadata=db_metadata.serialise(metadata))

    def _set(self, file: DatabaseFile, **values: Any) -> None:
        """Store values in the row of facts, inside a transaction."""
        assignments = ', '.join(f'{name} = ?' for name in values)
        file.db.execute(f'UPDATE {self.stat_table} SET {assignments}', tuple(values.values()))

    def update_put_timestamp(self, timestamp: str) -> None:
        """Raise the time of the latest PUT; never lowers it."""
        with self._using() as file:
            if (self._stat(file)['put_timestamp'] or '0') < timestamp:
                with self._transaction(file):
                    file.db.execute(f'UPDATE {self.stat_table} SET put_timestamp = ? '
                                    'WHERE put_timestamp < ?', (timestamp, timestamp))

    def update_status_changed_at(self, timestamp: str) -> None:
        """Raise the time of the latest change of status; never lowers it."""
        with self.writing() as file:
            file.db.execute(f'UPDATE {self.stat_table} SET status_changed_at = ? '
                            'WHERE status_changed_at < ?', (timestamp, timestamp))

    def delete_db(self, timestamp: str) -> None:
        """Mark the database deleted as of `timestamp`, unless it was deleted later than that."""
        with self.reading() as file, self._transaction(file):
            stat = self._stat(file)
            stored = db_metadata.parse(stat.get('metadata'))
            if stored:
                self._store_metadata(file, db_metadata.deleted(stored, timestamp,
                                                               self.kept_metadata))
            if (stat['delete_timestamp'] or '0') < timestamp:
                self._set(file, delete_timestamp=timestamp, status='DELETED',
                          status_changed_at=timestamp)

    # -- sync points of peers -----------------------------------------------------------------

    def syncs(self, direction: str = 'incoming') -> list[tuple[str, int, str | None]]:
        """Return (remote id, sync point, time of change as text or None) of each peer."""
        assert direction in ('incoming', 'outgoing')
        with self.reading(skip_pending=True) as file:
            stamped = 'updated_at' in file.columns(f'{direction}_sync')
            return file.db.execute(
                f'SELECT remote_id, sync_point, {"updated_at" if stamped else "NULL"} '
                f'FROM {direction}_sync').fetchall()

    def merge_syncs(self, points: Iterable[tuple[str, int]], direction: str = 'incoming') -> None:
        """Raise the sync points of peers; never lowers one."""
        with self.writing() as file:
            for remote_id, point in points:
                raise_sync_point(file.db, direction, remote_id, point)


def _settled_time(directory: str, now: float) -> tuple[int, int] | None:
    """Return a token that changes whenever an entry of a directory does; None: cannot tell yet.

    Entries of a directory come, go and are replaced only with a new modification time. But times
    are as coarse as a file system makes them, so a recent one may not be the last of its kind.
    """
    try:
        status = os.stat(directory)
    except OSError:
        return None
    if now - status.st_mtime < COARSEST_TIME_S:
        return None
    return status.st_ino, status.st_mtime_ns


def _remove_leftovers(directory: str) -> None:
    """Remove what creations left that died half-way; callers hold the lock and have the file.

    Another creation under way may lose its file here, but it would be refused all the same.
    """
    for name in fs.list_dir(directory):
        if name.endswith('.tmp'):
            fs.unlink_if_there(f'{directory}/{name}')


def raise_sync_point(db: sqlite3.Connection, direction: str, remote_id: str, point: int) -> None:
    db.execute(f'INSERT OR IGNORE INTO {direction}_sync (remote_id, sync_point) VALUES (?, ?)',
               (remote_id, point))
    db.execute(f'UPDATE {direction}_sync SET sync_point = max(sync_point, ?) WHERE remote_id = ?',
               (point, remote_id))


def preallocation_size(size: int) -> int:
    """Return the allocation that a file of this size should have (sheet 03 §1.3)."""
    for step in PREALLOCATION_STEPS_MIB:
        if size <= step * MIB - MIB // 2:
            return step * MIB
    last = PREALLOCATION_STEPS_MIB[-1] * MIB
    steps = -(-(size + MIB // 2) // last)
    return steps * last
