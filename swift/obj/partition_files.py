"""What is in a partition, and how a handoff's share of it goes away.

Layer 3; blocks, for disk threads. A handoff partition is never removed as a tree: between the
copying and the removal a new write may have come in, acknowledged because of this very copy. What
goes are the files that were listed *before* they were copied, by name; then directories, each
only if it is empty. A name tells its content, so a file that came meanwhile has another one.

    Snapshot: hash -> Listed(times, names)      taken by list_objects, used up by drop
"""
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from swift.common import fs
from swift.common.codecs.hashes import is_suffix
from swift.core.fileset import FileSet
from swift.core.suffix_diff import Token
from swift.core.sync_offers import Times
from swift.obj.partition_hashes import Rules, is_bookkeeping, state_token
from swift.obj.suffix_hashes import HASH_FILE, INVALID_FILE, clean_up, mark_suffixes_dirty

_is_hash = re.compile('[0-9a-f]{32}').fullmatch


@dataclass(frozen=True, slots=True)
class Listed:
    """One hash directory: the times of its object (None: only strays), the names of its files."""
    times: Times | None
    names: tuple[str, ...]


Snapshot = dict[str, Listed]
# Objects listed, offered and removed in one go: bounds the memory of a partition's job, how long
# it holds locks at a peer, and what one failure throws back.
OBJECTS_PER_BATCH = 10_000


def list_suffixes(part_path: str) -> list[str]:
    """Return the suffix directories of a partition, sorted."""
    return sorted(filter(is_suffix, fs.list_dir(part_path)))


def list_objects(part_path: str, suffixes: Sequence[str], device_path: str, rules: Rules,
                 limit: int = OBJECTS_PER_BATCH) -> tuple[Snapshot, int]:
    """Return what is in the first of some suffixes, cleaned up, and how many suffixes these are.

    Stops after the suffix with which ``limit`` objects are reached. Suffixes that turn out empty
    are marked dirty. Raises DiskError. Cost: two system calls per object.
    """
    found: Snapshot = {}
    for used, suffix in enumerate(suffixes):
        if len(found) >= limit:
            return found, used
        suffix_path = os.path.join(part_path, suffix)
        count = len(found)
        for hash_, files in _judged(suffix_path, rules):
            names = _names(files)
            if names:
                found[hash_] = Listed(Times.of(files), names)
        if len(found) == count and os.path.isdir(part_path):
            mark_suffixes_dirty(part_path, (suffix,), device_path)
    return found, len(suffixes)


def _judged(suffix_path: str, rules: Rules) -> Iterator[tuple[str, FileSet]]:
    with fs.translate(suffix_path):
        names = sorted(filter(_is_hash, fs.list_dir(suffix_path)))
    for name in names:
        path = os.path.join(suffix_path, name)
        try:
            yield name, clean_up(path, rules.now, rules.reclaim_age)
        except NotADirectoryError:
            continue                     # for hashing to quarantine
        except OSError as error:
            raise fs.disk_error(error, path) from error


def _names(files: FileSet) -> tuple[str, ...]:
    """Return the names of the files that count, in the order in which they may go.

    Metadata before the data: alone it would be a stray that nobody is ever offered.
    """
    chosen = (*files.reclaimable, files.ctype, files.meta, files.data, files.tombstone)
    return tuple(dict.fromkeys(file.name for file in chosen if file))


def drop(part_path: str, snapshot: Mapping[str, Listed], hashes: Collection[str],
         device_path: str) -> None:
    """Remove the listed files of some objects. Raises DiskError."""
    if not hashes:
        return
    mark_suffixes_dirty(part_path, sorted({hash_[-3:] for hash_ in hashes}), device_path)
    for hash_ in hashes:
        path = os.path.join(part_path, hash_[-3:], hash_)
        for name in snapshot[hash_].names:
            fs.step('drop')
            fs.unlink_if_there(os.path.join(path, name))
        fs.remove_dir_if_empty(path)


def remove_empty(part_path: str) -> bool:
    """Remove a partition if no object is left in it; tell whether it is gone.

    Empty hash and suffix directories go too. Who writes into it at the same moment finds its
    directory missing and makes it anew.
    """
    left = False
    for name in fs.list_dir(part_path):
        if is_bookkeeping(name):
            continue
        path = os.path.join(part_path, name)
        try:
            for inner in fs.list_dir(path):
                fs.remove_dir_if_empty(os.path.join(path, inner))
        except NotADirectoryError:
            left = True
            continue
        left |= not (fs.remove_dir_if_empty(path) or not os.path.isdir(path))
    return not left and _remove_bookkeeping(part_path)


def _remove_bookkeeping(part_path: str) -> bool:
    """Remove the last files. Without hashes.pkl whatever else is there will be listed anew, so
    that goes first: a crash in between hides nothing."""
    names = fs.list_dir(part_path)
    if not all(map(is_bookkeeping, names)):
        return False
    for name in sorted(names, key=lambda name: (name != HASH_FILE, name != INVALID_FILE, name)):
        fs.unlink_if_there(os.path.join(part_path, name))
    return fs.remove_dir_if_empty(part_path)


def read_tokens(datadir_path: str, parts: Iterable[int], now: float) -> dict[int, Token | None]:
    """Return the tokens of partitions. Cost: one system call each."""
    return {part: state_token('%s/%d' % (datadir_path, part), now) for part in parts}
