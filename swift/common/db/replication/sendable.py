"""A database as one complete file that does not change while it is sent.

Layer 1, disk threads. The file is copied by the kernel into <device>/tmp while nobody can write
(`BEGIN IMMEDIATE`: no commit is under way, so the journal beside the file says nothing), and sent
from there at the network's pace. On file systems that share blocks the copy costs nothing. A full
device has no room for a copy, but its databases must leave it all the more: then writers wait until
the original is sent. (The other way, sending first and once more under the lock if the file
changed, reads a large file twice and compares times that may be too coarse.)
"""
import os
import sqlite3
import uuid

from swift.common import fs
from swift.common.db.connection import connect, translate
from swift.common.db.replicated import ReplicatedBroker
from swift.common.errors import DatabaseMissing, DiskFull, StateChanged

COPY_BYTES = 64 << 20
# Copies carry it in their names, so that nobody takes one for a file that landed.
SUFFIX = '.sending'


class Sendable:
    """The file at `path`, until close()."""

    def __init__(self, path: str, copied: bool, db: sqlite3.Connection | None) -> None:
        self.path = path
        self._copied = copied
        self._db = db

    def close(self) -> None:
        """Let writers go on, remove the copy."""
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._copied:
            fs.unlink_if_there(self.path)


def make(broker: ReplicatedBroker) -> Sendable:
    """Return the newest file of a database, its pending log merged. Raises SwiftErrors."""
    broker.merge_pending()
    source = broker.path
    directory = f'{broker.place.device_path}/tmp'
    fs.make_dirs(directory, broker.place.device_path)
    db = _hold(source, broker.env.busy_timeout_s)
    copy = f'{directory}/{uuid.uuid4().hex}{SUFFIX}'
    try:
        _copy(source, copy)
    except DiskFull:
        fs.unlink_if_there(copy)
        # Reading the file gave up its lock: closing one descriptor of a file drops all record
        # locks of the process.
        db.close()
        return Sendable(source, False, _hold(source, broker.env.busy_timeout_s))
    except BaseException:
        db.close()
        fs.unlink_if_there(copy)
        raise
    db.close()
    return Sendable(copy, True, None)


def _hold(path: str, timeout_s: float) -> sqlite3.Connection:
    """Return a connection that keeps the file as it is until it is closed."""
    try:
        status = os.stat(path)
        db = connect(path, timeout_s)
    except FileNotFoundError:
        raise DatabaseMissing(f'no database at {path}', path) from None
    except sqlite3.Error as err:
        raise translate(err, path, timeout_s) from err
    try:
        db.execute('BEGIN IMMEDIATE')
        if os.stat(path).st_ino != status.st_ino:
            raise StateChanged(f'{path} was replaced', path)
    except sqlite3.Error as err:
        db.close()
        raise translate(err, path, timeout_s) from err
    except OSError as err:
        db.close()
        raise fs.disk_error(err, path) from err
    except BaseException:
        db.close()
        raise
    return db


def _copy(source: str, target: str) -> None:
    with fs.translate(target):
        with fs.opened(source, os.O_RDONLY) as reading, \
                fs.opened(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600) as writing:
            while _copy_some(reading, writing):
                pass


def _copy_some(reading: int, writing: int) -> int:
    return os.copy_file_range(reading, writing, COPY_BYTES)
