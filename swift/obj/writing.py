"""Write an object, its later metadata or its tombstone, so that it survives any crash.

Layer 3; everything blocks, for disk threads. Order of every write (sheet 02 §5):

    temporary file -> data -> extended attributes -> fsync -> suffix marked dirty -> name
    -> fsync of the hash directory, and of every directory above it that is new where the file
       system does not order that by itself -> clean-up

A crash before the name leaves nothing to see, a crash after it a complete file beside files that
it makes obsolete; every reader copes with both. ``fs.step`` announces each operation, and a test
kills the process at each of them.
"""
from dataclasses import dataclass

from swift.common import fs
from swift.common.codecs.metadata import encode_metadata
from swift.common.config.options import Reserve
from swift.common.errors import DiskError, DiskFull
from swift.common.xattr import write_blob
from swift.core import fileset
from swift.core.hashing import md5
from swift.core.object_meta import Metadata
from swift.obj.guard import Guard
from swift.obj.part_power import mirror
from swift.obj.placement import Placement
from swift.obj.suffix_hashes import clean_up, marked_dirty

# Below this size preallocation saves nothing.
_PREALLOCATE_FROM_BYTES = 65536
_PUBLISH_TRIES = 3
_SYNC_UNIT = 1 << 20


@dataclass(frozen=True, slots=True)
class WriteRules:
    """How a device is written to; sizes in bytes."""
    reserve: Reserve
    use_fallocate: bool = True
    sync_every: int = 512 * _SYNC_UNIT
    reclaim_age_s: float = 604800
    keep_cache_size: int = 5242880


@dataclass(slots=True)
class NewFile:
    """What is to be written. ``check_space`` False: even into the reserve of the device."""
    name: str
    metadata: Metadata
    body: bytes = b''
    check_space: bool = True


class ObjectWriter:
    """One file on its way into a hash directory: create, write, publish or close.

    Its methods run in disk threads, one at a time. Owns its temporary file until ``close``.
    """

    def __init__(self, place: Placement, temporary_files: fs.TemporaryFiles, rules: WriteRules):
        self.place = place
        self.size = 0
        self.problems: list[str] = []
        self._files = temporary_files
        self._rules = rules
        self._made = 0
        self._is_first = False
        self._synced = 0
        self._digest = md5()
        self._file: fs.TemporaryFile | None = None
        self._guard = Guard(self._close_file)

    @property
    def etag(self) -> str:
        return self._digest.hexdigest()

    @property
    def is_closed(self) -> bool:
        return self._guard.is_closed

    def open(self, expected_size: int | None, check_space: bool = True) -> None:
        """Create the temporary file; DiskFull when the body will not fit."""
        with self._guard:
            self._open()
            if check_space:
                self._check_space(expected_size or 0)

    def _open(self) -> None:
        for _try in range(_PUBLISH_TRIES):
            made = fs.make_dirs(self.place.hash_path, self.place.device_path)
            self._made += made
            self._is_first = made > 0
            try:
                self._file = self._files.open(self.place.hash_path, self.place.tmp_path)
                return
            except FileNotFoundError:
                # A clean-up found the new directory empty and removed it.
                continue
        raise DiskError('%s keeps vanishing' % self.place.hash_path, self.place.hash_path)

    def _check_space(self, size: int) -> None:
        rules = self._rules
        if size > 0 and not rules.use_fallocate:
            return
        free, total = fs.free_and_total(self._file.fd)
        reserve = rules.reserve.bytes_of(total)
        if (free - size <= reserve) if size > 0 else (free < reserve):
            raise DiskFull('FALLOCATE_RESERVE fail: %d free, %d to write, %d reserved'
                           % (free, size, reserve), self.place.hash_path, self.place.device)
        if size > _PREALLOCATE_FROM_BYTES:
            fs.preallocate(self._file.fd, size)

    def write(self, chunks: list[bytes]) -> None:
        """Append to the body."""
        with self._guard:
            fs.step('write')
            for chunk in chunks:
                fs.write_all(self._file.fd, chunk)
                self._digest.update(chunk)
                self.size += len(chunk)
            if self.size - self._synced >= self._rules.sync_every:
                fs.sync_data(self._file.fd)
                fs.drop_cache(self._file.fd, self._synced, self.size - self._synced)
                self._synced = self.size

    def publish(self, name: str, metadata: Metadata, now: float) -> None:
        """Make the file durable and visible under ``name``, then remove what it made obsolete.

        When this returns the write may be acknowledged. What goes wrong in the clean-up is in
        ``problems``.
        """
        with self._guard:
            self._publish(name, metadata)
        self.close()
        if self.place.next_part_power is not None:
            problem = mirror(self.place, self.place.next_part_power, name, now,
                             self._rules.reclaim_age_s)
            if problem:
                self.problems.append(problem)
        if self._is_first and name.endswith(fileset.DATA):
            # The directory was made for this file: whoever added another one cleans up.
            return
        problem = clean_up_after_write(self.place, now, self._rules.reclaim_age_s)
        if problem:
            self.problems.append(problem)

    def _publish(self, name: str, metadata: Metadata) -> None:
        write_blob(self._file.fd, encode_metadata(metadata))
        fs.sync_file(self._file.fd)
        if self.size > self._rules.keep_cache_size:
            fs.drop_cache(self._file.fd)
        with marked_dirty(self.place):
            self._give_name('%s/%s' % (self.place.hash_path, name))
        fs.sync_dirs(self.place.hash_path, self._made)

    def _give_name(self, target: str) -> None:
        for _try in range(_PUBLISH_TRIES):
            try:
                self._file.publish(target)
                return
            except FileNotFoundError:
                self._made += fs.make_dirs(self.place.hash_path, self.place.device_path)
        raise DiskError('%s keeps vanishing' % self.place.hash_path, target)

    def close(self) -> None:
        """Throw away what was not published; at the end of the running step if there is one."""
        self._guard.close()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        self.close()


def write_small(writer: ObjectWriter, file: NewFile, now: float) -> None:
    """Write a file whose body is in memory, step by step."""
    body = file.body
    try:
        writer.open(len(body) if body else None, file.check_space)
        if body:
            writer.write([body])
        writer.publish(file.name, file.metadata, now)
    finally:
        writer.close()


def complete_metadata(metadata: Metadata, size: int, etag: str, name: str) -> Metadata:
    """Add length and ETag of what was written, in the usual order of keys."""
    complete = {'X-Timestamp': metadata['X-Timestamp'], 'Content-Type': metadata['Content-Type'],
                'Content-Length': str(size), 'ETag': etag}
    complete.update(metadata)
    complete['name'] = name
    return complete


def clean_up_after_write(place: Placement, now: float, reclaim_age_s: float) -> str:
    """Remove what a new file made obsolete; return what went wrong, '' if nothing did."""
    try:
        clean_up(place.hash_path, now, reclaim_age_s)
    except (OSError, DiskError) as error:
        return 'cannot clean up %s: %s' % (place.hash_path, error)
    return ''
