"""One open SQLite file: how it is opened, what its errors mean, when it changed.

Layer 1. Connections follow the rules that let several processes, ours and the original's, share a
file (sheet 03 §1.3): rollback journal, synchronous NORMAL, waiting for locks up to a time limit,
the `chexor` function for the triggers. A connection is used by one thread at a time (the broker
holds a lock), not always the same one.

A commit ends with zeros over the head of the journal file, synced. The original's way, removing the
file, is as compatible (the mode is each connection's own, not the file's) but not durable: SQLite
does not sync the directory after it, so that after a power cut the journal may be back and undo
what was acknowledged. It is slower, too: 3 ms per commit against 1.5 (ext4), because each commit
then changes the directory twice.

`changed()` is the cheap question behind cached reads: SQLite's data_version counts commits of
other connections, ours are noted by the broker. Cost: one shared lock and one small read.
"""
import os
import sqlite3
from urllib.parse import quote

from swift.common.db import schema
from swift.common.errors import (
    DamagedDatabase,
    DatabaseFault,
    DatabaseMissing,
    DeviceUnavailable,
    DiskFull,
    LockTimeout,
    SwiftError,
)
from swift.core.hashing import chexor

# Bounds the memory of many open databases: a listing reads each page once, hot pages are few.
CACHE_KIB = 512
STATEMENT_CACHE = 64
# What is left of the journal file between transactions.
JOURNAL_BYTES_MAX = 65536

# What SQLite says, and what it means for the file (sheet 03 §1.4).
_DAMAGE = (('database disk image is malformed', 'malformed database'),
           ('malformed database schema', 'malformed database'),
           (' is not a database', 'corrupted database'),
           ('disk I/O error', 'disk error while accessing database'))


def translate(err: sqlite3.Error, path: str, timeout_s: float = 0) -> SwiftError:
    """Return the operating error that an SQLite error stands for."""
    text = str(err)
    for symptom, reason in _DAMAGE:
        if symptom in text:
            return DamagedDatabase(text, path, reason=reason)
    if 'locked' in text or 'busy' in text:
        return LockTimeout(f'{text}: {path}', path, timeout_s)
    if 'disk is full' in text:
        return DiskFull(text, path)
    if 'unable to open' in text and not os.path.exists(path):
        return DatabaseMissing(f'no database at {path}', path)
    return DeviceUnavailable(f'{text}: {path}', path) if (
        'readonly' in text or 'unable to open' in text) else DatabaseFault(f'{text}: {path}', path)


class DatabaseFile:
    """An open database file. Owned by one broker, closed by it; close() may be called twice."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self.path = path
        self.timeout_s = timeout_s
        self.db: sqlite3.Connection | None = None
        self.inode: tuple[int, int] | None = None
        self.cache: dict = {}
        self._version = -1
        self._columns: dict[str, frozenset[str]] = {}

    def open(self, status: os.stat_result) -> None:
        """Connect, unless connected to the file that `status` describes already."""
        inode = status.st_dev, status.st_ino
        if self.db is not None:
            if inode == self.inode:
                return
            self.close()
        self.db = connect(self.path, self.timeout_s)
        self.inode = inode

    def close(self) -> None:
        if self.db is not None:
            self.db.close()
            self.db = None
        self.cache.clear()
        self._columns.clear()
        self._version = -1

    def is_in_place(self) -> bool:
        """Tell whether the path still leads to the file that is open. Cost: one stat."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == self.inode

    def wait_at_most(self, timeout_s: float) -> None:
        """Wait this long for locks from now on."""
        self.db.execute(f'PRAGMA busy_timeout = {int(timeout_s * 1000)}')

    def validate_cache(self) -> None:
        """Forget cached reads if another connection has committed since."""
        version = self.db.execute('PRAGMA data_version').fetchone()[0]
        if version != self._version:
            self.cache.clear()
            self._columns.clear()
            self._version = version

    def written(self) -> None:
        """Forget cached reads after a commit of our own."""
        self.cache.clear()
        self._columns.clear()

    def columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table (empty: no such table), as of the last change."""
        known = self._columns.get(table)
        if known is None:
            known = self._columns[table] = schema.columns(self.db, table)
        return known


def connect(path: str, timeout_s: float) -> sqlite3.Connection:
    """Open an existing database for reading and writing. Raises sqlite3.Error."""
    db = sqlite3.connect(f'file:{quote(path)}?mode=rw', uri=True, isolation_level=None,
                         timeout=timeout_s, check_same_thread=False,
                         cached_statements=STATEMENT_CACHE)
    try:
        db.execute('PRAGMA synchronous = NORMAL')
        db.execute(f'PRAGMA cache_size = -{CACHE_KIB}')
        db.execute('PRAGMA temp_store = MEMORY')
        db.execute('PRAGMA journal_mode = PERSIST').fetchone()
        db.execute(f'PRAGMA journal_size_limit = {JOURNAL_BYTES_MAX}').fetchone()
        db.create_function('chexor', 3, chexor, deterministic=True)
    except BaseException:
        db.close()
        raise
    return db


_templates: dict[str, bytes] = {}


def new_database(script: str) -> sqlite3.Connection:
    """Return a database in memory with this schema, to be filled and written out.

    Building the schema takes milliseconds, so its image is kept; there are two schemas.
    """
    db = sqlite3.connect(':memory:', isolation_level=None)
    image = _templates.get(script)
    if image is None:
        for statement in schema.statements(script):
            db.execute(statement)
        _templates[script] = db.serialize()
    else:
        db.deserialize(image)
    return db
