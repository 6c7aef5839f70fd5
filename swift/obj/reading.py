"""Open an object: list, judge, read metadata, verify; then read its body.

Layer 3; everything blocks, for disk threads. ``look_up`` answers what is stored under a name:

    ABSENT    nothing, or something damaged that has just been quarantined
    DELETED   a tombstone, with its time
    EXPIRED   an object whose X-Delete-At has passed, with its state
    PRESENT   an object, with its state and, if asked for, its open body

Whatever contradicts itself is quarantined on the way (sheet 02 §6) and not served. A body that is
read as a whole is checked against its ETag: larger ones at their end, when only the next reader
can be spared, small ones before the first byte leaves. A reader that has other replicas to turn to
asks not to be given a small body that fails the check.
"""
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from swift.common import fs
from swift.common.codecs.metadata import decode_metadata
from swift.common.codecs.unpickle import BadPickle
from swift.common.errors import Damaged, DiskError, NameCollision, StateChanged
from swift.common.xattr import read_blob
from swift.core import fileset
from swift.core.fileset import FileSet
from swift.core.hashing import md5
from swift.core.object_meta import Metadata, ObjectState, merge
from swift.core.timestamp import ZERO, Timestamp
from swift.obj.guard import Guard
from swift.obj.placement import Placement
from swift.obj.quarantine import quarantine_damaged_dir, quarantine_object
from swift.obj.verified import Verified

# A body up to this size is read, and verified, in the same step that opens it.
SMALL_BODY_BYTES = 65536
# How much is read ahead in one step of a larger body: some chunks, so that a step is worth its
# two thread switches.
STEP_CHUNKS = 4
# And how much is sent in one step past the process: until the socket is full, mostly.
SEND_STEP_BYTES = 4 << 20
_DROP_CACHE_EVERY_BYTES = 1 << 20


class Kind(Enum):
    ABSENT = 'absent'
    DELETED = 'deleted'
    EXPIRED = 'expired'
    PRESENT = 'present'


class Body:
    """The open body of an object. Closes itself when dropped; ``close`` may be called twice.

    ``small`` holds the whole verified body if it was read while opening.
    """

    __slots__ = ('_also', '_digest', '_drop_from', '_fd', '_guard', '_position', '_status',
                 '_verified', 'etag', 'keep_cache', 'path', 'place', 'problem', 'size', 'small')

    def __init__(self, place: Placement, path: str, fd: int, status: os.stat_result, etag: str):
        self.place = place
        self.path = path
        self.size = status.st_size
        self._status = status
        self._verified: Verified | None = None
        self.etag = etag
        self.small: bytes | None = None
        self.keep_cache = True
        self.problem: str | None = None     # why the object was quarantined while being read
        self._fd = fd
        self._also: Callable[[], None] | None = None
        self._position = 0
        self._drop_from = 0
        self._digest = None
        self._guard = Guard(self._close_fd)

    def read_small(self, verified: Verified | None, refuse_damaged: bool) -> None:
        """Read the whole body into ``small``, checked if ``verified`` is given.

        Quarantines one that does not match its ETag, and raises Damaged if that is to be refused.
        """
        with fs.translate():
            data = os.read(self._fd, self.size) if self.size else b''
            while len(data) < self.size:
                more = os.read(self._fd, self.size - len(data))
                if not more:
                    raise Damaged('body is short', reason='Bytes read: %d, does not match '
                                  'metadata: %d' % (len(data), self.size))
                data += more
        unknown = verified is not None and not verified.is_fresh(self._status)
        digest = md5(data).hexdigest() if unknown else self.etag
        if digest != self.etag:
            reason = 'ETag %s and file\'s md5 %s do not match' % (self.etag, digest)
            if refuse_damaged:
                raise Damaged('bad etag', reason=reason)
            # Compat: the reader that finds the damage gets the bytes all the same, as peers that
            # count on finding it out themselves expect.
            self._quarantine(reason)
        elif unknown:
            verified.note(self._status)
        self.small = data
        self.close()

    @property
    def position(self) -> int:
        """How far the body has been read."""
        return self._position

    def start(self, position: int, verified: Verified | None) -> None:
        """Go to a position. With ``verified`` a read from 0 to the end is checked by the ETag."""
        self._position = self._drop_from = position
        self._verified = verified
        checks = verified is not None and position == 0 and not verified.is_fresh(self._status)
        self._digest = md5() if checks else None
        with fs.translate():
            os.lseek(self._fd, position, os.SEEK_SET)

    def read_step(self, wanted: int) -> bytes:
        """Return up to ``wanted`` bytes, b'' at the end. Raises DiskError if the medium fails."""
        with self._guard:
            return self._read_step(wanted)

    def _read_step(self, wanted: int) -> bytes:
        try:
            data = os.read(self._fd, wanted)
        except OSError as error:
            raise self._failure(error) from error
        self._position += len(data)
        if self._digest is not None:
            self._digest.update(data)
            if not data or self._position >= self.size:
                self._verify()
        self._drop_read_pages(not data)
        return data

    def send_step(self, sock_fd: int) -> int:
        """Send bytes from the current position, past this process, into a non-blocking socket.

        Returns how many it took, 0 when it is full. Nothing is checked but that they are there.
        Raises DiskError, and ConnectionError when the connection is gone.
        """
        with self._guard:
            start, end = self._position, min(self.size, self._position + SEND_STEP_BYTES)
            try:
                while self._position < end:
                    sent = os.sendfile(sock_fd, self._fd, self._position, end - self._position)
                    if not sent:
                        raise DiskError('%s ends early' % self.place, self.place.hash_path)
                    self._position += sent
            except BlockingIOError:
                pass
            except ConnectionError:
                raise
            except OSError as error:
                raise self._failure(error) from error
            self._drop_read_pages(self._position >= self.size)
            return self._position - start

    def _failure(self, error: OSError) -> DiskError:
        """Return what to raise when the file cannot be read; quarantine what the medium lost."""
        if fs.is_read_failure(error):
            self._quarantine('Input/output error')
        return fs.disk_error(error, self.place.hash_path)

    def _drop_read_pages(self, at_end: bool) -> None:
        if not self.keep_cache and (at_end or self._position - self._drop_from
                                    >= _DROP_CACHE_EVERY_BYTES):
            fs.drop_cache(self._fd, self._drop_from, self._position - self._drop_from)
            self._drop_from = self._position

    def is_fresh(self, verified: Verified | None) -> bool:
        """Tell whether the bytes need no check: they had one just now, or are not to have one."""
        return verified is None or verified.is_fresh(self._status)

    def _verify(self) -> None:
        digest, self._digest = self._digest.hexdigest(), None
        if self._position != self.size:
            self._quarantine('Bytes read: %d, does not match metadata: %d'
                             % (self._position, self.size))
        elif digest != self.etag:
            self._quarantine('ETag %s and file\'s md5 %s do not match' % (self.etag, digest))
        else:
            self._verified.note(self._status)

    def _quarantine(self, reason: str) -> None:
        if self.is_current():
            self.problem = reason
            quarantine_object(self.place)

    def is_current(self) -> bool:
        """Tell whether the open file is still that of the object.

        A slow reader may find damage in what has been replaced meanwhile, or quarantined by a
        faster one; what is there now must not pay for it.
        """
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        self._guard.close()

    def at_close(self, also: Callable[[], None]) -> None:
        """Call ``also`` when the body is closed and no step is running."""
        self._also = also

    def _close_fd(self) -> None:
        os.close(self._fd)
        self._fd = -1
        if self._also is not None:
            self._also()

    def __del__(self) -> None:
        self.close()


@dataclass(slots=True)
class Lookup:
    """What is stored under a name. ``problem`` says why something was quarantined just now."""
    kind: Kind
    time: Timestamp | None = None
    state: ObjectState | None = None
    files: FileSet = fileset.EMPTY
    body: Body | None = None
    problem: str | None = None

    @property
    def exists(self) -> bool:
        return self.kind is Kind.PRESENT


def look_up(place: Placement, now: Timestamp, open_expired: bool = False,
            with_body: bool = False) -> Lookup:
    """Say what is stored under a name at ``now``; PRESENT comes with an open Body if asked for.

    Raises StateChanged, NameCollision, NotSupported, DeviceUnavailable. Cost without an object:
    one system call; with one: about seven.
    """
    try:
        names = os.listdir(place.hash_path)
    except FileNotFoundError:
        return Lookup(Kind.ABSENT)
    except NotADirectoryError:
        quarantine_object(place)
        return Lookup(Kind.ABSENT, problem='Expected directory, found file at %s'
                      % place.hash_path)
    except OSError as error:
        if not fs.is_structure_damage(error):
            raise fs.disk_error(error, place.hash_path) from error
        quarantine_damaged_dir(place)
        return Lookup(Kind.ABSENT, problem='Failed to list directory: %s' % error.strerror)
    files = fileset.judge(names)
    try:
        if files.data:
            return open_data(place, files, now, open_expired, with_body)
        if files.tombstone:
            return _open_tombstone(place, files)
    except Damaged as error:
        return on_damage(place, names, error)
    return Lookup(Kind.ABSENT, files=files)


def on_damage(place: Placement, names: list[str], error: Damaged) -> Lookup:
    """Quarantine what was found damaged when its directory held `names`. Raises StateChanged."""
    # What arrived since must not pay for what it replaced.
    if set(fs.list_dir(place.hash_path)) != set(names):
        raise StateChanged('%s was changed' % place.hash_path, place.hash_path) from None
    quarantine_object(place)
    return Lookup(Kind.ABSENT, problem=error.reason)


def _open_tombstone(place: Placement, files: FileSet) -> Lookup:
    path = '%s/%s' % (place.hash_path, files.tombstone.name)
    metadata = _read_metadata(path, path)
    return Lookup(Kind.DELETED, _time_of(metadata), files=files)


def open_data(place: Placement, files: FileSet, now: Timestamp, open_expired: bool,
              with_body: bool) -> Lookup:
    """Open the .data that was chosen. Raises Damaged, StateChanged and DiskErrors."""
    path = '%s/%s' % (place.hash_path, files.data.name)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise StateChanged('%s vanished' % path, path) from None
    except OSError as error:
        raise fs.disk_error(error, path) from error
    try:
        state = _read_state(place, files, fd, path)
        delete_at = _delete_at(state)
        if delete_at is not None and delete_at <= float(now) and not open_expired:
            return Lookup(Kind.EXPIRED, state.time, state, files)
        status = _checked_status(state, fd)
        body = None
        if with_body:
            body, fd = Body(place, path, fd, status, state.etag), -1
        return Lookup(Kind.PRESENT, state.time, state, files, body)
    finally:
        if fd >= 0:
            os.close(fd)


def _read_state(place: Placement, files: FileSet, fd: int, path: str) -> ObjectState:
    data = _read_metadata(fd, path)
    meta = ctype = None
    if files.meta:
        meta_path = '%s/%s' % (place.hash_path, files.meta.name)
        meta = _read_metadata(meta_path, meta_path)
        if files.ctype and files.ctype is not files.meta:
            ctype_path = '%s/%s' % (place.hash_path, files.ctype.name)
            ctype = _read_metadata(ctype_path, ctype_path)
    if data['name'] != place.name:
        place.on_other_name(data['name'], path)
    try:
        return merge(data, meta, ctype)
    except (KeyError, ValueError) as error:
        raise Damaged(path, reason='bad time in metadata: %s' % error) from None


def _read_metadata(source: int | str, path: str) -> Metadata:
    try:
        metadata = decode_metadata(read_blob(source))
    except BadPickle as error:
        raise Damaged(path, reason='Metadata is corrupt: %s' % error) from None
    except FileNotFoundError:
        raise StateChanged('%s vanished' % path, path) from None
    if 'name' not in metadata:
        raise Damaged(path, reason='missing name metadata')
    return metadata


def _time_of(metadata: Metadata) -> Timestamp:
    try:
        return Timestamp(metadata['X-Timestamp'])
    except (KeyError, ValueError):
        raise Damaged('tombstone', reason='no usable X-Timestamp') from None


def _delete_at(state: ObjectState) -> int | None:
    try:
        return state.delete_at
    except ValueError:
        raise Damaged('X-Delete-At', reason='bad metadata x-delete-at value %r'
                      % state.metadata.get('X-Delete-At')) from None


def _checked_status(state: ObjectState, fd: int) -> os.stat_result:
    with fs.translate():
        status = os.fstat(fd)
    found = status.st_size
    try:
        size, etag = state.size, state.etag
    except KeyError as error:
        raise Damaged('metadata', reason='missing %s in metadata' % error) from None
    except ValueError:
        raise Damaged('metadata', reason='bad metadata content-length value %r'
                      % state.data.get('Content-Length')) from None
    if size != found or not etag:
        raise Damaged('body', reason='metadata content-length %s does not match actual object '
                      'size %s' % (size, found))
    return status


def open_by_hash(nameless: Placement, hash_path: Callable[..., str], with_body: bool = False
                 ) -> tuple[Placement, Lookup]:
    """Open what is stored under the hash of ``nameless``, whose names are not known.

    Returns it with its full placement; objects whose time is over count as present. Raises like
    look_up; NameCollision also for a name of another hash.
    """
    place = nameless
    files = fileset.judge(fs.list_dir(nameless.hash_path))
    chosen = files.data or files.tombstone
    if chosen is not None:
        path = '%s/%s' % (nameless.hash_path, chosen.name)
        try:
            place = _named(nameless, _read_metadata(path, path)['name'], hash_path)
        except Damaged as error:
            quarantine_object(nameless)
            return nameless, Lookup(Kind.ABSENT, problem=error.reason)
    return place, look_up(place, ZERO, open_expired=True, with_body=with_body)


def _named(nameless: Placement, name: str, hash_path: Callable[..., str]) -> Placement:
    parts = name.split('/', 3)
    if len(parts) != 4 or parts[0] or not all(parts[1:]):
        raise Damaged('name', reason='bad name in metadata: %r' % name)
    account, container, obj = parts[1:]
    if hash_path(account, container, obj) != nameless.hash:
        # Not quarantined: with a wrong salt in swift.conf that would befall every object.
        raise NameCollision('%s does not belong at its place' % name, nameless.hash_path)
    return Placement(nameless.device, nameless.device_path, nameless.part, nameless.policy,
                     account, container, obj, nameless.hash)


@dataclass(frozen=True, slots=True)
class Wish:
    """How a body will be read: from its start to its end? Not at all if found damaged?"""
    whole: bool = True
    refuse_damaged: bool = False


ALL_OF_IT = Wish()


def fetch(place: Placement, now: Timestamp, open_expired: bool,
          verified: Verified | None, wish: Wish) -> Lookup:
    """Like look_up with a body, and with the body's bytes at hand if it is small.

    With ``verified`` they are checked against the ETag.
    """
    return _prefetched(place, look_up(place, now, open_expired, with_body=True), verified,
                       wish)


def fetch_by_hash(nameless: Placement, hash_path: Callable[..., str], verified: Verified
                  ) -> tuple[Placement, Lookup]:
    """Like open_by_hash with a body; a small one is read, and refused if it is damaged."""
    place, found = open_by_hash(nameless, hash_path, with_body=True)
    return place, _prefetched(place, found, verified, Wish(refuse_damaged=True))


def _prefetched(place: Placement, found: Lookup, verified: Verified | None,
                wish: Wish) -> Lookup:
    if found.body is None or found.body.size > SMALL_BODY_BYTES or not wish.whole:
        return found
    try:
        found.body.read_small(verified, wish.refuse_damaged)
        found.problem = found.body.problem
    except DiskError as error:
        current = found.body.is_current()
        found.body.close()
        if not isinstance(error, Damaged) and not (
                isinstance(error.__cause__, OSError) and fs.is_read_failure(error.__cause__)):
            raise
        if not current:
            raise StateChanged('%s was replaced' % found.body.path, found.body.path) from None
        quarantine_object(place)
        return Lookup(Kind.ABSENT, problem=getattr(error, 'reason', str(error)))
    return found
