"""The databases of this machine's devices, and what is left lying around them.

Layer 1. Devices take turns, the partitions of each come in random order. Directories that hold
nothing are removed on the way; so is what a removal leaves when it is cut short (a lock, an empty
log, a journal, without a database). Cost: one hop into a thread for each partition.
"""
import os
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from swift.common import fs
from swift.common.db.files import DATADIRS, LOCK_NAME, PENDING_SUFFIX, Place, database_names
from swift.common.db.replicated import JOURNAL_SUFFIX
from swift.common.disk_threads import run_in_thread
from swift.common.errors import LockTimeout, SwiftError
from swift.common.locks import file_lock

_LOCK_TIMEOUT_S = 1


@dataclass(frozen=True, slots=True)
class LocalDevice:
    """A device of the ring that is on this machine."""

    id: int
    name: str
    path: str
    region: int
    weight: float


def databases(kind: str, devices: Collection[LocalDevice], logger: Any,
              wanted: Collection[str] = ()) -> Iterator[tuple[LocalDevice, Place]]:
    """Yield every database; `wanted`: only those of these partitions."""
    walks = [_walk(kind, device, logger, wanted) for device in devices]
    while walks:
        for walk in tuple(walks):
            found = next(walk, None)
            if found is None:
                walks.remove(walk)
            else:
                yield found


def _walk(kind: str, device: LocalDevice, logger: Any,
          wanted: Collection[str]) -> Iterator[tuple[LocalDevice, Place]]:
    root = f'{device.path}/{DATADIRS[kind]}'
    try:
        parts = [name for name in run_in_thread(fs.list_dir, root)
                 if name.isdecimal() and (not wanted or name in wanted)]
    except OSError as err:
        logger.error('ERROR cannot list %s: %s', root, err)
        return
    random.shuffle(parts)
    for part in parts:
        try:
            places = run_in_thread(_places, kind, device.path, part)
        except (OSError, SwiftError) as err:
            logger.error('ERROR cannot list %s/%s: %s', root, part, err)
            continue
        for place in places:
            yield device, place


def _places(kind: str, device_path: str, part: str) -> list[Place]:
    """Return the databases of a partition; remove directories that hold none."""
    found = []
    directory = f'{device_path}/{DATADIRS[kind]}/{part}'
    for suffix in _directories(directory):
        below = f'{directory}/{suffix}'
        for hex_hash in _directories(below):
            place = Place.of(kind, device_path, part, hex_hash)
            if hex_hash[-3:] != suffix:
                continue                     # nothing of ours
            if database_names(place.directory, hex_hash):
                found.append(place)
            else:
                _clear_away(place)
        fs.remove_dir_if_empty(below)
    fs.remove_dir_if_empty(directory)
    return found


def _directories(path: str) -> list[str]:
    try:
        return [name for name in fs.list_dir(path) if os.path.isdir(f'{path}/{name}')]
    except NotADirectoryError:
        return []


def _clear_away(place: Place) -> None:
    """Remove a hash directory without database, unless there is something of value in it."""
    if fs.remove_dir_if_empty(place.directory):
        return
    try:
        with file_lock(f'{place.directory}/{LOCK_NAME}', _LOCK_TIMEOUT_S):
            if not _is_rubbish(place):
                return
            names = fs.list_dir(place.directory)
            for name in sorted(names, key=lambda name: name == LOCK_NAME):
                fs.unlink_if_there(f'{place.directory}/{name}')
    except (FileNotFoundError, LockTimeout):
        return
    fs.remove_dir_if_empty(place.directory)


def _is_rubbish(place: Place) -> bool:
    for name in fs.list_dir(place.directory):
        if name == LOCK_NAME or name.endswith('.db' + JOURNAL_SUFFIX):
            continue
        if name != f'{place.hash}.db{PENDING_SUFFIX}' or os.path.getsize(place.pending_path):
            return False
    return True
