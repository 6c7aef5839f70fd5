"""Keep track of which suffix directories of a partition changed, for replication.

Layer 3; blocks, for disk threads. Every change of an object first appends its suffix to
``hashes.invalid`` of the partition (sheet 02 §7.2); consolidation turns those lines into unknown
hashes in ``hashes.pkl`` and empties the list, and ``suffix_hash`` computes the hash of one suffix.

Locking: whoever empties the list holds ``.lock`` exclusively. Appending takes the lock shared: one
append is atomic, so writers need not wait for each other, only for a consolidation. Nodes of the
original, which lock exclusively for both, are compatible with that.
"""
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from swift.common import chain, fs
from swift.common.codecs.hashes import (
    UPDATED,
    VALID,
    Hashes,
    decode_hashes,
    decode_invalid,
    encode_hashes,
    encode_invalid,
)
from swift.common.locks import acquire, file_lock
from swift.core import fileset
from swift.core.hashing import md5
from swift.obj.placement import Placement

HASH_FILE = 'hashes.pkl'
INVALID_FILE = 'hashes.invalid'
LOCK_FILE = '.lock'
LOCK_TIMEOUT_S = 10
_LOOK_BYTES_MAX = 1 << 20
_NO_HASHES: Hashes = {VALID: False, UPDATED: -1}
APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


@contextmanager
def marked_dirty(place: Placement) -> Iterator[None]:
    """Note that the object's suffix changes, before the block in which it does.

    The note is not taken off the list until the block ends: a hash made of the suffix in between
    would stand for what was there before, and nobody would know. Raises LockTimeout. Cost: seven
    system calls; waits only while hashes.pkl is being rewritten.
    """
    lock = _mark(place.part_path, (place.suffix,), place.device_path)
    try:
        yield
    finally:
        os.close(lock)


def mark_suffix_dirty(part_path: str, suffix: str, device_path: str) -> None:
    """Append a suffix to the partition's list, making the partition's directory if needed."""
    mark_suffixes_dirty(part_path, (suffix,), device_path)


def mark_suffixes_dirty(part_path: str, suffixes: Iterable[str], device_path: str) -> None:
    """Append suffixes to the partition's list, in one go. For changes that have been made."""
    os.close(_mark(part_path, suffixes, device_path))


def _mark(part_path: str, suffixes: Iterable[str], device_path: str) -> int:
    """Append suffixes to the list; return the descriptor whose lock keeps them there."""
    fs.step('mark dirty')
    lines = b''.join(map(encode_invalid, suffixes))
    try:
        return _append(part_path, lines)
    except FileNotFoundError:
        # The partition is new, or was removed when its last object moved away.
        fs.make_dirs(part_path, device_path)
        with fs.translate(part_path):
            return _append(part_path, lines)


def _append(part_path: str, lines: bytes) -> int:
    # Without context managers: part of every write, and they cost as much as the system calls.
    lock = acquire('%s/%s' % (part_path, LOCK_FILE), LOCK_TIMEOUT_S, shared=True)
    try:
        fd = os.open('%s/%s' % (part_path, INVALID_FILE), APPEND, 0o644)
        try:
            fs.write_all(fd, lines)
        finally:
            os.close(fd)
        return lock
    except BaseException:
        os.close(lock)
        raise


def read_hashes(part_path: str) -> Hashes:
    """Return the content of hashes.pkl; {'valid': False} if it is missing or damaged."""
    try:
        with open(os.path.join(part_path, HASH_FILE), 'rb') as file:
            return decode_hashes(file.read())
    except FileNotFoundError:
        return dict(_NO_HASHES)
    except OSError as error:
        if fs.is_read_failure(error):
            return {VALID: False}
        raise fs.disk_error(error, part_path) from error


def write_hashes(part_path: str, hashes: Hashes, now: float) -> None:
    """Replace hashes.pkl durably. The caller holds the partition's lock."""
    content = {VALID: True, **hashes, UPDATED: now}
    path = os.path.join(part_path, HASH_FILE)
    fs.replace_file(path, encode_hashes(content), part_path, os.path.dirname(part_path))


def look(part_path: str) -> tuple[Hashes, bytes] | None:
    """Return hashes.pkl and the list of dirty suffixes; None if they cannot be had at once.

    Cost: one step (see chain.py).
    """
    program = (chain.open_file(0, '%s/%s' % (part_path, LOCK_FILE), os.O_WRONLY | os.O_CREAT, True),
               chain.lock(0, chain.LOCK_EXCLUSIVE), chain.still_in_place(0),
               chain.open_if_there(1, '%s/%s' % (part_path, HASH_FILE)),
               chain.get_content(1, _LOOK_BYTES_MAX),
               chain.open_if_there(2, '%s/%s' % (part_path, INVALID_FILE)),
               chain.get_status(2), chain.get_content(2, _LOOK_BYTES_MAX))
    try:
        hashes, list_status, dirty = chain.read(program)
    except chain.Stopped:
        return None
    if list_status and dirty is None:
        return None                              # too long
    return decode_hashes(hashes) if hashes is not None else dict(_NO_HASHES), dirty or b''


def settle(part_path: str, seen: tuple[Hashes, bytes], hashes: Hashes, now: float) -> bool:
    """Replace hashes.pkl and empty the list, if both still are what look() has ``seen``.

    Tells whether that was so. Whoever marks a suffix holds the lock until the change is made, so
    hashes that were computed after look() stand for all that the list names; and any mark since
    makes the list longer. The order of consolidate() keeps a crash in between harmless.
    """
    known, dirty = seen
    with file_lock(os.path.join(part_path, LOCK_FILE), LOCK_TIMEOUT_S):
        path = os.path.join(part_path, INVALID_FILE)
        if read_hashes(part_path) != known or _read_list(path) != dirty:
            return False
        write_hashes(part_path, hashes, _later_than(known.get(UPDATED, -1), now))
        with fs.translate(path):
            os.truncate(path, 0)
        return True


def _read_list(path: str) -> bytes:
    try:
        with open(path, 'rb') as file:
            return file.read()
    except FileNotFoundError:
        return b''


def consolidate(part_path: str, now: float) -> Hashes | None:
    """Move the dirty suffixes into hashes.pkl as unknown; return its content.

    None if the partition has no directory. The list is emptied only after the new hashes.pkl is
    durable: a crash in between marks suffixes dirty once more, which costs a computation.
    """
    try:
        with file_lock(os.path.join(part_path, LOCK_FILE), LOCK_TIMEOUT_S):
            hashes = read_hashes(part_path)
            path = os.path.join(part_path, INVALID_FILE)
            dirty = decode_invalid(_read_list(path))
            if dirty:
                hashes.update(dict.fromkeys(dirty))
                # Written even if all of them were unknown already: somebody who is computing one
                # of them right now must see that the file is another one, and compute it again.
                hashes[UPDATED] = _later_than(hashes.get(UPDATED, -1), now)
                write_hashes(part_path, hashes, hashes[UPDATED])
                with fs.translate(path):
                    os.truncate(path, 0)
            return hashes
    except FileNotFoundError:
        return None


def _later_than(updated: object, now: float) -> float:
    """Return the time of an update: now, or just after the last one if the clock stood still."""
    if not isinstance(updated, int | float) or not math.isfinite(updated) or now > updated:
        return now
    return math.nextafter(updated, math.inf)


def suffix_hash(suffix_path: str, now: float, reclaim_age: float,
                quarantine: Callable[[str, OSError], None] | None = None) -> str | None:
    """Return the hash of a suffix directory of a replicated policy; None if nothing is in it.

    Cleans each hash directory up on the way and removes what is empty. ``quarantine`` gets what
    should be a hash directory and is none, or is broken; without it, and for all other OSErrors
    and DiskErrors, the error passes: the suffix stays unknown.
    """
    digest = md5()
    for name in sorted(fs.list_dir(suffix_path)):
        hash_path = os.path.join(suffix_path, name)
        try:
            files = clean_up(hash_path, now, reclaim_age)
        except OSError as error:
            if quarantine is None or not fs.is_structure_damage(error) and not isinstance(
                    error, NotADirectoryError):
                raise
            quarantine(hash_path, error)
            continue
        for text in fileset.hash_inputs(files):
            digest.update(text.encode('ascii'))
    if fs.remove_dir_if_empty(suffix_path) or not os.path.isdir(suffix_path):
        return None
    return digest.hexdigest()


def clean_up(hash_path: str, now: float, reclaim_age: float) -> fileset.FileSet:
    """Unlink what no verdict will need again; remove the directory if that was all.

    Returns the verdict over what is left. Safe at any moment, see the law of fileset.
    """
    names = fs.list_dir(hash_path)
    verdict = fileset.judge(names)
    gone = fileset.disposable(verdict, now, reclaim_age)
    for name in gone:
        fs.step('unlink')
        fs.unlink_if_there(os.path.join(hash_path, name))
    if len(gone) == len(names):
        fs.remove_dir_if_empty(hash_path)
    if verdict.reclaimable or verdict.tombstone:
        verdict = fileset.judge(set(names).difference(gone))
    return verdict
