"""Where a database lives, which files are it, and the lock of its directory.

Layer 1.  <device>/<accounts|containers>/<partition>/<suffix>/<hash>/
              <hash>.db               the database
              <hash>_<epoch>.db       a container that is or was sharded; the newest counts
              <hash>.db.pending       records not merged yet, of the newest database
              .lock                   flock: pending appends and merges, new files, removal

Two files mean that a container is being sharded: the last is the fresh one, the last but one the
retiring one. Names sort so that the newest comes last. Source: sheet 03 §1.
"""
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass

from swift.common.locks import file_lock
from swift.core.names import storage_directory

SUFFIX = '.db'
PENDING_SUFFIX = '.pending'
LOCK_NAME = '.lock'
DATADIRS = {'account': 'accounts', 'container': 'containers'}


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of one database. `device_path` is <devices>/<device>."""

    device_path: str
    datadir: str
    directory: str
    hash: str

    @classmethod
    def of(cls, kind: str, device_path: str, part: str | int, hex_hash: str) -> 'Place':
        """Return the place of the account or container with this hash on a device."""
        datadir = DATADIRS[kind]
        where = storage_directory(datadir, part, hex_hash)
        return cls(device_path, datadir, f'{device_path}/{where}', hex_hash)

    @classmethod
    def of_file(cls, path: str) -> 'Place':
        """Return the place that the path of a database file says."""
        directory = os.path.dirname(os.path.abspath(path))
        datadir_path = os.path.dirname(os.path.dirname(os.path.dirname(directory)))
        return cls(os.path.dirname(datadir_path), os.path.basename(datadir_path), directory,
                   hash_of_name(path))

    @property
    def device(self) -> str:
        return os.path.basename(self.device_path)

    @property
    def default_path(self) -> str:
        """The name that a new database gets."""
        return f'{self.directory}/{self.hash}{SUFFIX}'

    @property
    def pending_path(self) -> str:
        return f'{self.directory}/{self.hash}{SUFFIX}{PENDING_SUFFIX}'


def hash_of_name(path: str) -> str:
    """Return the hash that a database file is named after."""
    return os.path.splitext(os.path.basename(path))[0].split('_')[0]


def epoch_of_name(path: str) -> str | None:
    """Return the epoch in the name of a database file, or None."""
    parts = os.path.splitext(os.path.basename(path))[0].split('_')
    return parts[1] if len(parts) > 1 else None


def database_names(directory: str, hex_hash: str) -> list[str]:
    """Return the names of database files in a hash directory, the newest last."""
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    # A name begins with the hash, and an epoch may follow after `_`. (Asked for every request.)
    found = [name for name in names if name.endswith(SUFFIX) and name.startswith(hex_hash)
             and name[len(hex_hash)] in '._']
    if len(found) > 1:
        found.sort()
    return found


def directory_lock(place: Place, timeout_s: float) -> AbstractContextManager[int]:
    """Hold the lock of a hash directory, which must exist. Raises LockTimeout."""
    return file_lock(f'{place.directory}/{LOCK_NAME}', timeout_s)
