"""The hashes of a partition, and the token by which an unchanged one is recognised.

Layer 3; blocks, for disk threads. ``get_hashes`` is sheet 02 §7.3:

    consolidate -> add what a listing shows -> forget what is to be recomputed -> hash what is
    unknown -> write, unless the cache changed meanwhile: then once more

At the first try, if only a few suffixes are dirty, they are not written down as unknown before
they are hashed: the list of them is emptied when their hashes are written, if it is what it was.
That is one durable write instead of two.

``state_token`` names the state of ``hashes.invalid`` (see core/suffix_diff.InSync).
"""
import os
from collections.abc import Iterable
from dataclasses import dataclass

from swift.common import fs
from swift.common.codecs.hashes import UPDATED, VALID, Hashes, decode_invalid, is_suffix
from swift.common.errors import DiskError
from swift.common.locks import file_lock
from swift.core.suffix_diff import Token, is_settled
from swift.obj.quarantine import quarantine_path
from swift.obj.suffix_hashes import (
    HASH_FILE,
    INVALID_FILE,
    LOCK_FILE,
    LOCK_TIMEOUT_S,
    consolidate,
    look,
    mark_suffix_dirty,
    read_hashes,
    settle,
    suffix_hash,
    write_hashes,
)

# More dirty suffixes than this are written down before they are hashed, lest it was in vain.
_FEW = 64
# A partition under constant writes must not be hashed for ever: what is unknown then stays so.
_TRIES_MAX = 8
# Changes closer than this to a look at the file system may hide behind the same time of change.
QUIET_S = 2.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What hashing needs to know: the time, and from which age on tombstones go (seconds)."""
    now: float
    reclaim_age: float


@dataclass(frozen=True, slots=True)
class Hashed:
    """The hashes of a partition without bookkeeping keys, and how many were computed."""
    hashes: Hashes
    computed: int = 0


def get_hashes(part_path: str, device_path: str, rules: Rules, recalculate: Iterable[str] = (),
               do_listing: bool = False) -> Hashed:
    """Return the hash of every suffix in a partition; none if it has no directory.

    Raises DiskError and LockTimeout. Cost when nothing changed: one lock and two small reads.
    """
    computed = 0
    for attempt in range(1, _TRIES_MAX + 1):
        seen = _look(part_path) if attempt == 1 else None
        hashes = _unknown_added(*seen) if seen else consolidate(part_path, rules.now)
        if hashes is None:
            return Hashed({}, computed)
        if seen is None or not seen[1]:
            seen = dict(hashes), None            # the list is no concern of ours
        changed = _find_unknown(part_path, hashes, recalculate, do_listing)
        unknown = [suffix for suffix, digest in hashes.items()
                   if is_suffix(suffix) and not digest]
        for suffix in unknown:
            changed |= _compute(part_path, device_path, hashes, suffix, rules)
        computed += len(unknown)
        if not changed and not seen[1]:
            break
        if attempt == _TRIES_MAX or _write_if(part_path, seen, hashes, rules.now):
            break
    return Hashed({key: value for key, value in hashes.items()
                   if key not in (VALID, UPDATED)}, computed)


def _look(part_path: str) -> tuple[Hashes, bytes] | None:
    """Return the cache and the list of dirty suffixes, if that is short; else None."""
    seen = look(part_path)
    return seen if seen and len(decode_invalid(seen[1])) <= _FEW else None


def _unknown_added(hashes: Hashes, dirty: bytes) -> Hashes:
    return {**hashes, **dict.fromkeys(decode_invalid(dirty))}


def _find_unknown(part_path: str, hashes: Hashes, recalculate: Iterable[str],
                  do_listing: bool) -> bool:
    """Mark in ``hashes`` what has to be computed; tell whether the cache has to be written."""
    changed = False
    if not hashes.get(VALID):
        updated = hashes.get(UPDATED, -1)
        hashes.clear()
        hashes.update({VALID: True, UPDATED: updated})
        do_listing = changed = True
    if do_listing:
        for name in fs.list_dir(part_path):
            if is_suffix(name):
                hashes.setdefault(name, None)
    for suffix in recalculate:
        if is_suffix(suffix):
            hashes[suffix] = None
    return changed


def _compute(part_path: str, device_path: str, hashes: Hashes, suffix: str,
             rules: Rules) -> bool:
    """Compute one hash; tell whether ``hashes`` changed."""
    def quarantine(path: str, error: OSError) -> None:
        mark_suffix_dirty(part_path, suffix, device_path)
        datadir = os.path.basename(os.path.dirname(part_path))
        quarantine_path(path, device_path, datadir)

    try:
        digest = suffix_hash(os.path.join(part_path, suffix), rules.now, rules.reclaim_age,
                             quarantine)
    except NotADirectoryError:
        digest = None
    except (OSError, DiskError):
        # It stays unknown: the next caller tries again, and peers see a difference meanwhile.
        hashes[suffix] = None
        return False
    if digest is None:
        del hashes[suffix]
    else:
        hashes[suffix] = digest
    return True


def _write_if(part_path: str, seen: tuple[Hashes, bytes | None], hashes: Hashes, now: float
              ) -> bool:
    """Write the cache if it still is what ``seen`` says; tell whether that was so.

    With a list of dirty suffixes in ``seen`` the same goes for that, and it is emptied.
    """
    try:
        if seen[1]:
            return settle(part_path, seen, hashes, now)
        with file_lock(os.path.join(part_path, LOCK_FILE), LOCK_TIMEOUT_S):
            if read_hashes(part_path) != seen[0]:
                return False
            write_hashes(part_path, hashes, now)
            return True
    except FileNotFoundError:
        # Removed with all that was in it.
        hashes.clear()
        return True


def state_token(part_path: str, now: float) -> Token | None:
    """Return the token of a partition; None if it has none to rely on, or changed just now.

    Cost: one system call.
    """
    try:
        info = os.stat('%s/%s' % (part_path, INVALID_FILE))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise fs.disk_error(error, part_path) from error
    if not is_settled(info.st_mtime, now, QUIET_S):
        return None
    return '%x.%x.%x' % (info.st_ino, info.st_size, info.st_mtime_ns)


def suffix_paths(part_path: str, suffixes: Iterable[str]) -> list[str]:
    """Return the paths of those suffix directories that exist."""
    paths = (os.path.join(part_path, suffix) for suffix in suffixes)
    return [path for path in paths if os.path.isdir(path)]


def is_bookkeeping(name: str) -> bool:
    """Tell whether a file of a partition's directory is ours and holds no object."""
    return name in (HASH_FILE, INVALID_FILE, LOCK_FILE) or name.startswith('.lock-') or (
        name.endswith('.tmp'))
