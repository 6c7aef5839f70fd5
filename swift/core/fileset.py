"""Which files of a hash directory make up the object, and which may go (replicated policies).

Layer 0: takes names, returns a FileSet. Callers list the directory, read and unlink. Names:

    <T>.data            body and metadata           <T>.ts      tombstone
    <T>[±hex].meta      metadata of a later POST; the signed hex number is how much later (10 µs
                        units, earlier if negative) its content type was set; without it the file
                        holds no content type

Rule (sheet 02 §3): a tombstone hides everything not newer than itself; then the newest .data wins
and hides everything not newer than itself; then the newest .meta above it, and beside it one older
.meta if that holds a newer content type.

Law: unlinking obsolete files at any moment never changes a later verdict, whatever arrives in
between (enumerated in the tests).
"""
from collections.abc import Iterable
from dataclasses import dataclass

from swift.core.timestamp import Timestamp, decode_timestamps, encode_timestamps

DATA = '.data'
META = '.meta'
TOMBSTONE = '.ts'
DURABLE = '.durable'
_RSYNC_TAIL = 6


@dataclass(frozen=True, slots=True)
class File:
    """One parsed name. `ctype_time` is set only for a .meta that holds a content type."""
    name: str
    ext: str
    time: Timestamp
    ctype_time: Timestamp | None = None


@dataclass(frozen=True, slots=True)
class FileSet:
    """Verdict over one hash directory.

    data       the body, or None: the object does not exist
    meta       the .meta applied to it, ctype the .meta whose content type replaces the body's
               (often the same file); both None without data
    tombstone  set when the object is known to be deleted
    obsolete   names that no later verdict will ever need
    reclaimable  strays that may still find their object; obsolete once older than reclaim_age
    unexpected names that are not ours to judge
    """
    data: File | None = None
    meta: File | None = None
    ctype: File | None = None
    tombstone: File | None = None
    obsolete: tuple[str, ...] = ()
    reclaimable: tuple[File, ...] = ()
    unexpected: tuple[str, ...] = ()

    @property
    def time(self) -> Timestamp | None:
        """When the state last changed by a PUT, POST or DELETE; None if nothing is known."""
        newest = self.meta or self.data or self.tombstone
        return newest.time if newest else None


EMPTY = FileSet()


def parse_name(name: str) -> File:
    """Return what a file name says. ValueError if its stem is not a time."""
    stem, dot, ext = name.rpartition('.')
    if dot and ext == 'meta':
        time, ctype_time, _ = decode_timestamps(stem, explicit=True)
        return File(name, META, time, ctype_time)
    return File(name, dot + ext, Timestamp(stem))


def is_rsync_temporary(name: str) -> bool:
    """Tell whether rsync is writing this file: `.<name>.XXXXXX`."""
    tail = name.rpartition('.')[2]
    return name.startswith('.') and len(tail) == _RSYNC_TAIL and tail.isalnum()


def data_name(time: Timestamp) -> str:
    return time.internal + DATA


def tombstone_name(time: Timestamp) -> str:
    return time.internal + TOMBSTONE


def meta_name(time: Timestamp, ctype_time: Timestamp | None = None) -> str:
    """Return the name of a .meta written by a POST at `time`.

    Compat: only the form with a content type time uses the short form of `time`.
    """
    if ctype_time is None:
        return time.internal + META
    return encode_timestamps(time, ctype_time, explicit=True) + META


def judge(names: Iterable[str]) -> FileSet:
    """Say which of the files in a hash directory count. Order of names does not matter."""
    files, unexpected = [], []
    for name in names:
        try:
            files.append(parse_name(name))
        except ValueError:
            unexpected.append(name)
    if len(files) == 1 and files[0].ext == DATA:
        return FileSet(data=files[0], unexpected=tuple(unexpected))
    return _judge_files(files, tuple(unexpected))


def _judge_files(files: list[File], unexpected: tuple[str, ...]) -> FileSet:
    obsolete: list[str] = []
    tombstone = _newest(files, TOMBSTONE)
    if tombstone:
        files = _hide(files, tombstone, obsolete)
    metas = _winning_metas(files, obsolete)
    data = _newest(files, DATA)
    if data is None:
        return FileSet(tombstone=tombstone, obsolete=tuple(obsolete), reclaimable=tuple(metas),
                       unexpected=unexpected)
    _hide([file for file in files if file.ext != META] + metas, data, obsolete)
    metas = [file for file in metas if file.time > data.time]
    ctype = metas[-1] if metas else None
    if ctype and not (ctype.ctype_time and ctype.ctype_time > data.time):
        ctype = None
    # A tombstone that survived the first step is not newer than the data, else it had hidden it.
    return FileSet(data, metas[0] if metas else None, ctype, None, tuple(obsolete), (), unexpected)


def _newest(files: list[File], ext: str) -> File | None:
    return max((file for file in files if file.ext == ext), key=lambda file: file.time,
               default=None)


def _hide(files: list[File], winner: File, obsolete: list[str]) -> list[File]:
    """Drop what is not newer than the winner, and all others of its kind; note their names."""
    kept = []
    for file in files:
        if file is winner or (file.ext != winner.ext and file.time > winner.time):
            kept.append(file)
        else:
            obsolete.append(file.name)
    return kept


def _winning_metas(files: list[File], obsolete: list[str]) -> list[File]:
    """Return the .meta for metadata, then possibly another that has a newer content type."""
    # Of two with the same time the one with the newer content type comes first, so that the choice
    # does not depend on the order of names.
    metas = sorted((file for file in files if file.ext == META),
                   key=lambda file: (file.time, _ctype_order(file)), reverse=True)
    if len(metas) < 2:
        return metas
    newest, others = metas[0], metas[1:]
    other = max(others, key=_ctype_order)
    if _ctype_order(other) <= _ctype_order(newest):
        kept = [newest]
    elif other.time == newest.time:
        kept = [other]
    else:
        kept = [newest, other]
    obsolete.extend(file.name for file in metas if file not in kept)
    return kept


def _ctype_order(file: File) -> tuple[int, int]:
    return (file.ctype_time.raw, file.ctype_time.offset) if file.ctype_time else (-1, 0)


def disposable(fileset: FileSet, now: float, reclaim_age: float) -> list[str]:
    """Return the names to unlink: obsolete ones, and tombstone or strays past `reclaim_age`.

    `now` and `reclaim_age` are seconds; ages go by the time in the name.
    """
    names = list(fileset.obsolete)
    aging = list(fileset.reclaimable)
    if fileset.tombstone:
        aging.append(fileset.tombstone)
    names.extend(file.name for file in aging if now - float(file.time) > reclaim_age)
    return names


def obsolete_after(before: FileSet, added: str, now: float, reclaim_age: float) -> list[str]:
    """Return what can be unlinked once ``added`` is there beside the files of a verdict."""
    known = [file.name for file in (before.data, before.meta, before.ctype, before.tombstone,
                                    *before.reclaimable) if file]
    return disposable(judge({*known, *before.obsolete, added}), now, reclaim_age)


def hash_inputs(fileset: FileSet) -> list[str]:
    """Return the strings that stand for this object in the hash of its suffix (sheet 02 §7.1).

    The .meta counts by its own time only; its content type time is a string of its own.
    """
    inputs = []
    if fileset.meta:
        inputs.append(fileset.meta.time.internal + META)
    if fileset.tombstone:
        inputs.append(fileset.tombstone.time.internal + TOMBSTONE)
    if fileset.data:
        inputs.append(fileset.data.time.internal + DATA)
    if fileset.ctype:
        inputs.append(fileset.ctype.ctype_time.internal + '_ctype')
    return inputs
