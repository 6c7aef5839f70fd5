"""Write a small file into a hash directory in one go: one chain of operations, one disk hop.

Layer 3. Whoever writes says who runs the chain: the extension's threads, waited for by a green
thread (DiskThreads.run_program), or chain.run in a disk thread. The order of a durable write (see
writing.py) as a program:

    directories -> unnamed file -> data -> attributes -> fsync -> suffix marked dirty -> link
    -> fsync of the hash directory -> clean-up

This is the way of nearly every small PUT, POST and DELETE. Whatever is out of the ordinary before
the link (no unnamed files, a lock that is held, too little room, a name that is taken) leaves
nothing to see and is answered with UNUSUAL: the caller then takes the way step by step
(writing.ObjectWriter), which knows what to do or what to say.
"""
import math
import os
from collections.abc import Callable, Iterable
from enum import Enum

from swift.common import chain, fs
from swift.common.clock import SYSTEM, Clock
from swift.common.codecs.hashes import encode_invalid
from swift.common.codecs.metadata import encode_metadata
from swift.common.xattr import CHECKSUM_KEY, KEY, PIECE_SIZE
from swift.core.hashing import md5
from swift.obj.placement import Placement
from swift.obj.suffix_hashes import APPEND, INVALID_FILE, LOCK_FILE
from swift.obj.writing import NewFile, WriteRules

_FACTS_AGE_S = 60.0
_BODY, _LOCK, _DIRTY, _DIRECTORY = range(chain.SLOTS)
_UNNAMED = os.O_TMPFILE | os.O_WRONLY
_LOCK_FLAGS = os.O_WRONLY | os.O_CREAT
_DIRECTORY_FLAGS = os.O_DIRECTORY | os.O_RDONLY


class Outcome(Enum):
    """What became of a write at once."""
    WRITTEN = 'written'              # durable and visible
    UNTIDY = 'untidy'                # the same, but something obsolete could not be removed
    THERE = 'there'                  # the hash directory should be new and could not be made
    UNUSUAL = 'unusual'              # nothing to see; take the way step by step


class AtOnce:
    """Writes small files on one device, several at once."""

    def __init__(self, rules: WriteRules, checks_mount: bool = False, clock: Clock = SYSTEM):
        self._rules = rules
        self._checks_mount = checks_mount
        self._clock = clock
        self._facts_until = -1.0
        self._is_ordered = False
        self._reserve = 0.0

    def is_ready(self) -> bool:
        """Tell whether write() does nothing but run its program, so that the loop may call it."""
        return self._is_ordered and self._clock.monotonic() < self._facts_until

    def get_ready(self, device_path: str) -> None:
        """Look at the file system now and then: its kind and size change with the disk only.

        Blocks; raises OSError.
        """
        now = self._clock.monotonic()
        if now < self._facts_until:
            return
        self._is_ordered = fs.orders_entries(device_path)
        info = os.statvfs(device_path)
        self._reserve = self._rules.reserve.bytes_of(info.f_blocks * info.f_frsize)
        self._facts_until = now + _FACTS_AGE_S

    def write(self, run: Callable[[chain.Program], int], place: Placement, file: NewFile, *,
              must_be_new: bool = False, obsolete: Iterable[str] = ()) -> Outcome:
        """Write a file; durable when this returns WRITTEN or UNTIDY.

        ``run`` is chain.run or the like. ``must_be_new``: only if the object has no directory
        yet. ``obsolete``: names to remove afterwards. Raises DiskError when the name is given but
        its durability could not be had.
        """
        blob = encode_metadata(file.metadata)
        if place.next_part_power is not None or len(blob) >= PIECE_SIZE:
            return Outcome.UNUSUAL
        directories = self._directories(place, must_be_new)
        hidden = (*directories, *self._file(place, blob, file), *_mark_dirty(place),
                  chain.link(_BODY, '%s/%s' % (place.hash_path, file.name)))
        # The lock is let go only now: see suffix_hashes.marked_dirty.
        durable = (chain.close(_LOCK),
                   chain.open_file(_DIRECTORY, place.hash_path, _DIRECTORY_FLAGS),
                   chain.fsync(_DIRECTORY))
        removals = [chain.unlink('%s/%s' % (place.hash_path, gone)) for gone in obsolete]
        try:
            made = run((*hidden, *durable, *removals))
        except chain.Stopped as stopped:
            if stopped.done < len(hidden):
                is_there = must_be_new and stopped.done == len(directories) - 1
                return Outcome.THERE if is_there else Outcome.UNUSUAL
            if stopped.done < len(hidden) + len(durable):
                raise fs.disk_error(stopped.error, place.hash_path) from stopped.error
            made = None
        if not self._is_ordered:
            self._sync_parents(place, made)
        return Outcome.UNTIDY if made is None else Outcome.WRITTEN

    @staticmethod
    def _sync_parents(place: Placement, made: int | None) -> None:
        """Make the ways to new directories durable; ``made`` None: nobody knows how many."""
        if made is None:
            made = 2
        if made:
            fs.sync_dirs(os.path.dirname(place.hash_path), made - 1)

    def _directories(self, place: Placement, must_be_new: bool) -> list:
        # A partition that is not there yet is made by the other way, once.
        make_last = chain.make_new_dir if must_be_new else chain.make_dir
        steps = [chain.mounted(place.device_path)] if self._checks_mount else []
        return [*steps, chain.make_dir(place.suffix_path), make_last(place.hash_path)]

    def _file(self, place: Placement, blob: bytes, file: NewFile) -> list:
        body = file.body
        steps = [chain.open_file(_BODY, place.hash_path, _UNNAMED)]
        if file.check_space and self._reserve and (self._rules.use_fallocate or not body):
            # An empty file may take the last byte above the reserve, a body must leave one more.
            limit = (int(self._reserve) + len(body) if body
                     else math.ceil(self._reserve) - 1)
            steps.append(chain.room(_BODY, limit))
        if body:
            steps.append(chain.write(_BODY, body))
        steps += (chain.set_attribute(_BODY, KEY, blob),
                  chain.set_attribute(_BODY, CHECKSUM_KEY, md5(blob).hexdigest().encode('ascii')),
                  chain.fsync(_BODY))
        return steps


def _mark_dirty(place: Placement) -> tuple:
    """What suffix_hashes.marked_dirty does, unless it would have to wait."""
    return (chain.open_file(_LOCK, '%s/%s' % (place.part_path, LOCK_FILE), _LOCK_FLAGS, True),
            chain.lock(_LOCK, chain.LOCK_SHARED), chain.still_in_place(_LOCK),
            chain.open_file(_DIRTY, '%s/%s' % (place.part_path, INVALID_FILE), APPEND, True),
            chain.write(_DIRTY, encode_invalid(place.suffix)),
            chain.close(_DIRTY))
