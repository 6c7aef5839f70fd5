"""Look at an object in one go: one chain of operations, one disk hop; or none, if it is known.

Layer 3. As at_once.py for writes: the operations are a program that threads without an
interpreter carry out,

    status, list -> open the newest .data and .meta -> status, attributes -> the body if small

and what comes back is judged by the same rules as in reading.py. What was found a moment ago and
did not change since is answered from memory (known.py). Whatever is out of the ordinary (nothing
there, a tombstone, attributes of an unusual size, anything that contradicts itself, a body that
has to be hashed for longer than the event loop may be held up) is answered with None: the caller
then takes the way step by step (reading.look_up, reading.fetch), which knows what to do about it.
"""
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from swift.common import chain
from swift.common.codecs.metadata import Metadata, decode_metadata
from swift.common.codecs.unpickle import BadPickle
from swift.common.xattr import CHECKSUM_KEY, KEY, PIECE_SIZE
from swift.core import fileset
from swift.core.fileset import FileSet
from swift.core.hashing import md5
from swift.core.object_meta import merge
from swift.core.timestamp import Timestamp
from swift.obj.known import Known, Memory
from swift.obj.placement import Placement
from swift.obj.reading import Kind, Lookup
from swift.obj.verified import Verified

# A larger body is read in a thread of Python: hashing it here would hold up the loop.
BODY_BYTES_MAX = 16384
_DATA, _META = 0, 1
_DATA_ENDING, _META_ENDING = fileset.DATA.encode(), fileset.META.encode()
_ABOUT_DATA = (chain.get_status(_DATA), chain.get_attribute(_DATA, KEY),
               chain.get_attribute(_DATA, CHECKSUM_KEY))
_ABOUT_META = (chain.get_status(_META), chain.get_attribute(_META, KEY),
               chain.get_attribute(_META, CHECKSUM_KEY))
_BODY = chain.get_content(_DATA, BODY_BYTES_MAX)

Read = Callable[[chain.Program], list[bytes | None]]


class _Unusual(Exception):
    """Take the way step by step."""


@dataclass(slots=True)
class WholeBody:
    """A small body that was read while opening; offers what readers of such a one look at."""
    small: bytes
    keep_cache: bool = True

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Look:
    """What to look for: expiry is judged at ``now``; a body is checked if ``verified`` is given."""
    now: Timestamp
    open_expired: bool = False
    with_body: bool = False
    verified: Verified | None = None


class _Seen(NamedTuple):
    """What the program reads."""
    dir_status: bytes
    listed: bytes
    status: bytes | None
    blob: bytes | None
    checksum: bytes | None
    meta_status: bytes | None
    meta_blob: bytes | None
    meta_checksum: bytes | None
    body: bytes | None = None


def recall(memory: Memory, place: Placement, look: Look) -> Lookup | None:
    """Say what is stored under a name if that is known; None if not, or not without waiting."""
    found = memory.recall(place.hash_path, look.with_body, BODY_BYTES_MAX)
    if found is None or found[0].state.data['name'] != place.name:
        return None
    try:
        return _present(look, *found)
    except _Unusual:
        return None


def look_at_once(read: Read, memory: Memory, place: Placement, look: Look,
                 checks_mount: bool = False) -> Lookup | None:
    """Say what is stored under a name if that is the usual: an object, sound, its time not over.

    ``read`` is chain.read or the like. With a body it comes whole; None for one that is large.
    """
    path = place.hash_path
    program = (chain.get_status_of(path), chain.list_dir(path),
               chain.open_last(_DATA, path, _DATA_ENDING), *_ABOUT_DATA,
               chain.open_last(_META, path, _META_ENDING), *_ABOUT_META)
    if look.with_body:
        program = (*program, _BODY)
    if checks_mount:
        program = (chain.mounted(place.device_path), *program)
    try:
        seen = _Seen(*read(program))
        known = _judge(place, seen)
        found = _present(look, known, seen.body)
    except (_Unusual, chain.Stopped, BadPickle, KeyError, ValueError):
        return None
    memory.note(path, known)
    return found


def _judge(place: Placement, seen: _Seen) -> Known:
    """Return what the files say, if they are sound."""
    names = chain.names_in(seen.listed)
    files = fileset.judge(names)
    _check_choice(files, names)
    state = merge(_metadata(seen.blob, seen.checksum),
                  _metadata(seen.meta_blob, seen.meta_checksum) if files.meta else None)
    size = chain.status_in(seen.status).st_size
    if state.data['name'] != place.name or state.size != size or not state.etag:
        raise _Unusual
    return Known(files, state, state.time, state.delete_at, size,
                 (seen.dir_status, seen.status, seen.meta_status if files.meta else None))


def _present(look: Look, known: Known, body: bytes | None) -> Lookup:
    delete_at = known.delete_at
    if delete_at is not None and delete_at <= float(look.now) and not look.open_expired:
        raise _Unusual
    whole = None
    if look.with_body:
        _check_body(body, known, look.verified)
        whole = WholeBody(body)
    return Lookup(Kind.PRESENT, known.time, known.state, known.files, whole)


def _check_choice(files: FileSet, names: list[str]) -> None:
    """The program chose files by their names' order; the verdict goes by their times."""
    def last(ending: str) -> str | None:
        return max((name for name in names if name.endswith(ending)), default=None)
    if files.data is None:
        raise _Unusual
    if len(names) > 1 and (
            files.data.name != last(fileset.DATA) or files.ctype not in (None, files.meta)
            or (files.meta is not None and files.meta.name != last(fileset.META))):
        raise _Unusual


def _metadata(blob: bytes | None, checksum: bytes | None) -> Metadata:
    """As reading._read_metadata, of what fits one attribute."""
    if blob is None or len(blob) >= PIECE_SIZE or (
            checksum is not None and md5(blob).hexdigest().encode('ascii') != checksum):
        raise _Unusual
    return decode_metadata(blob)


def _check_body(body: bytes | None, known: Known, verified: Verified | None) -> None:
    """As reading.Body.read_small."""
    if body is None or len(body) != known.size:
        raise _Unusual
    if verified is not None and not verified.is_fresh(known.data_status):
        if md5(body).hexdigest() != known.state.etag:
            raise _Unusual
        verified.note(known.data_status)
