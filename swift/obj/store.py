"""All objects on the devices of one server: every operation is one trip into a disk thread.

Layer 3. The event loop calls ``Store``; each method hands one function to the bounded threads of
its device, so that a slow disk delays its own requests only. A small PUT is one such step (device
check, listing, conflict rules, write, fsync, clean-up), a small GET too; larger bodies take one
step per quarter of a MiB.

Rules that need what is on disk (who is newer, does the precondition hold) are applied inside the
step, next to the listing they are based on. Results are values; DiskError and LockTimeout pass.
"""
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from swift.common import chain, fs
from swift.common.clock import SYSTEM, Clock
from swift.common.cluster import Cluster
from swift.common.codecs.async_update import PendingUpdate, encode_update
from swift.common.disk_threads import DiskThreads
from swift.common.errors import DeviceUnavailable, StateChanged
from swift.core.conditions import Match
from swift.core.fileset import (
    data_name,
    is_rsync_temporary,
    meta_name,
    obsolete_after,
    tombstone_name,
)
from swift.core.hashing import md5
from swift.core.names import drive_name_is_valid
from swift.core.object_meta import Metadata, ObjectState, PostPlan, PostRequest, plan_post
from swift.core.policy import StoragePolicy
from swift.core.timestamp import ZERO, Timestamp
from swift.obj.at_once import AtOnce, Outcome
from swift.obj.cooperation import turns
from swift.obj.diskfile_module import check_diskfile_modules
from swift.obj.known import Memory
from swift.obj.look_at_once import Look, look_at_once, recall
from swift.obj.placement import Placement
from swift.obj.reading import ALL_OF_IT, STEP_CHUNKS, Body, Kind, Lookup, Wish, fetch, look_up
from swift.obj.verified import Verified
from swift.obj.writing import (
    NewFile,
    ObjectWriter,
    WriteRules,
    clean_up_after_write,
    complete_metadata,
    write_small,
)

_MIB = 1 << 20
# A larger new object is hashed and written in a disk thread: hashing would hold up the loop.
NEW_BYTES_MAX = 16384


class Verdict(Enum):
    """What became of a write."""
    DONE = 'done'
    CONFLICT = 'conflict'            # something at least as new is there
    PRECONDITION = 'precondition'    # If-None-Match, X-If-Delete-At
    BAD_ETAG = 'bad etag'
    NOT_FOUND = 'not found'


@dataclass(slots=True)
class Put:
    """What a PUT wants stored. ``metadata`` lacks length and ETag; ``etag`` is what is expected."""
    time: Timestamp
    metadata: Metadata
    etag: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """What a DELETE asks for; ``if_delete_at`` is the expirer's condition."""
    time: Timestamp
    if_delete_at: int | None = None


@dataclass(slots=True)
class Result:
    """Outcome of a write: the verdict, what was there before, what is there now."""
    verdict: Verdict
    before: Lookup
    time: Timestamp = ZERO              # of what was there before
    etag: str = ''
    size: int = 0
    written: bool = False
    plan: PostPlan | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def old_state(self) -> ObjectState | None:
        return self.before.state

    # The same request may come twice: a proxy repeats what got no answer over a connection that
    # it kept. If the process died after the write, the first one told no container; the second
    # one, refused because it is not newer, does. Rows are idempotent.

    def repeats(self, time: Timestamp) -> bool:
        """Tell whether a refused PUT or POST of this time finds its own work."""
        return self.before.exists and self.time == time

    def repeats_delete(self, time: Timestamp) -> bool:
        """Tell whether a DELETE of this time finds its own tombstone."""
        return self.before.kind is Kind.DELETED and self.time == time


class Store:
    """The devices below one directory."""

    def __init__(self, options: Any, cluster: Cluster, logger: Any, statsd: Any,
                 clock: Clock = SYSTEM):
        check_diskfile_modules(cluster.policies)
        self.options = options
        self.cluster = cluster
        self.logger = logger
        self.statsd = statsd
        self.clock = clock
        self.rules = WriteRules(
            options.fallocate_reserve, not options.disable_fallocate,
            options.mb_per_sync * _MIB or 1 << 62, options.reclaim_age, options.keep_cache_size)
        self._threads: dict[str, DiskThreads] = {}
        self._temporary: dict[str, fs.TemporaryFiles] = {}
        self._at_once: dict[str, AtOnce] = {}
        self.step_bytes = STEP_CHUNKS * options.disk_chunk_size
        self.verified = Verified(clock)
        self._memory = Memory(clock)
        self._verify_credit = 0.0

    # -- places and threads --------------------------------------------------------------------

    def place(self, device: str, part: str, policy: StoragePolicy, account: str, container: str,
              obj: str, next_part_power: int | None = None) -> Placement:
        """Return where an object lives. Raises DeviceUnavailable for a name no drive can have."""
        return Placement(device, self.device_path(device), part, policy, account, container, obj,
                         self.cluster.hash_path(account, container, obj), next_part_power)

    def device_path(self, device: str) -> str:
        """Return the path of a device, there or not. Raises DeviceUnavailable for a bad name."""
        if not drive_name_is_valid(device):
            raise DeviceUnavailable('%r is not a valid drive name' % device, device=device)
        return '%s/%s' % (self.options.devices, device)

    def run(self, place: Placement, fn: Callable, *args: Any) -> Any:
        """Call ``fn`` in a disk thread of the place's device after checking the device."""
        return self._threads_of(place).run(self._checked, place, fn, args)

    def _threads_of(self, place: Placement) -> DiskThreads:
        threads = self._threads.get(place.device)
        if threads is None:
            # Checked first, so that made-up device names do not collect thread pools.
            fs.check_device(place.device_path, self.options.mount_check)
            threads = self._threads[place.device] = DiskThreads(
                'disk-' + place.device, self.options.eventlet_tpool_num_threads)
        return threads

    def _checked(self, place: Placement, fn: Callable, args: tuple) -> Any:
        self._check_device(place)
        return fn(place, *args)

    def _check_device(self, place: Placement) -> None:
        fs.check_device(place.device_path, self.options.mount_check)

    def _found(self, place: Placement, fn: Callable, *args: Any) -> Lookup:
        """Call ``fn``, which reads. What it finds shows by itself that the device is there."""
        found = fn(place, *args)
        if found.kind is Kind.ABSENT:
            fs.check_device(place.device_path, False)
        return found

    def _look(self, place: Placement, fn: Callable, *args: Any) -> Lookup:
        """Call a reading function in a disk thread and report what it quarantined."""
        threads = self._threads.get(place.device)
        if threads is None or self.options.mount_check:
            # An unmounted device may have something in the directory that it is mounted on.
            found = self.run(place, fn, *args)
        else:
            found = threads.run(self._found, place, fn, *args)
        return self._noted(place, found)

    def close(self) -> None:
        """End the disk threads."""
        for threads in self._threads.values():
            threads.close()
        self._threads.clear()

    def statistics(self) -> dict[str, dict]:
        """Return the counters of each device's threads."""
        return {device: threads.statistics() for device, threads in self._threads.items()}

    def writer(self, place: Placement) -> ObjectWriter:
        """Return a writer for one file of an object; use it inside disk threads."""
        temporary = self._temporary.setdefault(place.device, fs.TemporaryFiles())
        return ObjectWriter(place, temporary, self.rules)

    # -- reading -------------------------------------------------------------------------------

    def look_up(self, place: Placement, now: Timestamp, open_expired: bool = False) -> Lookup:
        """Say what is stored, without its body."""
        found = self._look_at_once(place, Look(now, open_expired))
        return found or self._look(place, look_up, now, open_expired)

    def fetch(self, place: Placement, now: Timestamp, open_expired: bool = False,
              wish: Wish = ALL_OF_IT) -> Lookup:
        """Say what is stored, with its open body; a small one wanted whole is prefetched."""
        verified = self.verification()
        found = None
        if wish.whole:
            found = self._look_at_once(
                place, Look(now, open_expired, True, verified))
        return found or self._look(place, fetch, now, open_expired, verified, wish)

    def _look_at_once(self, place: Placement, look: Look) -> Lookup | None:
        """Say what is stored if that is the usual, past the disk threads of Python."""
        threads = self._threads.get(place.device)
        if threads is None or not chain.is_native():
            return None
        found = recall(self._memory, place, look) or look_at_once(
            threads.read_program, self._memory, place, look, self.options.mount_check)
        return None if found is None else self._noted(place, found)

    def read_step(self, body: Body, wanted: int) -> bytes:
        """Return the next bytes of a body, b'' at its end."""
        return self._step(body, body.read_step, wanted)

    def turns(self) -> Callable[[int], None]:
        """Return what a GET tells of the bytes it sends; it lets others run, if that is wished."""
        return turns(self.options.cooperative_period, self.options.disk_chunk_size)

    def send_step(self, body: Body, sock_fd: int) -> int:
        """Send the next bytes of a body into a socket; return how many, 0 when it is full."""
        return self._step(body, body.send_step, sock_fd)

    def _step(self, body: Body, step: Callable, argument: int) -> Any:
        """Take a step in a disk thread; report what it quarantined, also when it failed."""
        try:
            return self._threads[body.place.device].run(step, argument)
        finally:
            if body.problem is not None:
                self.note_quarantine(body.place, body.problem)
                body.problem = None

    def verification(self) -> Verified | None:
        """Return what this whole read is verified with; None if it is among those that are not."""
        share = self.options.etag_validate_pct
        if share >= 1:
            return self.verified
        self._verify_credit += share
        if self._verify_credit < 1:
            return None
        self._verify_credit -= 1
        return self.verified

    def _noted(self, place: Placement, found: Lookup) -> Lookup:
        if found.problem is not None:
            self.note_quarantine(place, found.problem)
        for name in found.files.unexpected:
            if not is_rsync_temporary(name):
                self.logger.warning('Unexpected file %s/%s', place.hash_path, name)
        return found

    def note_quarantine(self, place: Placement, problem: str) -> None:
        """Count and log that an object was moved out of the way."""
        self.statsd.increment('quarantines')
        self.logger.error('Quarantined object %s: %s', place.hash_path, problem)

    # -- writing -------------------------------------------------------------------------------

    def put_small(self, place: Placement, put: Put, body: bytes) -> Result:
        """Store a whole object in one step."""
        result = self._put_new(place, put, body)
        if result is None:
            result = self._threads_of(place).run(self._checked, place, self._put_small,
                                                 (put, body))
        return self._reported(place, result)

    def _put_new(self, place: Placement, put: Put, body: bytes) -> Result | None:
        """Store an object that is not there yet, as most are not, past the disk threads of Python.

        That its directory could be made shows that it is new. None: take the other way.
        """
        writer = self._writer_at_once(place)
        if not writer.is_ready() or len(body) > NEW_BYTES_MAX:
            return None
        etag = md5(body).hexdigest()
        if put.etag is not None and put.etag != etag:
            return None
        outcome = writer.write(self._threads_of(place).run_program, place,
                               _data_file(place, put, body, etag), must_be_new=True)
        if outcome is not Outcome.WRITTEN:
            return None
        return Result(Verdict.DONE, Lookup(Kind.ABSENT), ZERO, etag, len(body), True)

    def _put_small(self, place: Placement, put: Put, body: bytes) -> Result:
        result = self._check_put(place, put)
        if result.verdict is not Verdict.DONE:
            return result
        # Checked before anything is created: the ETag is known as soon as the body is.
        etag = md5(body).hexdigest()
        if put.etag is not None and put.etag != etag:
            result.verdict = Verdict.BAD_ETAG
            return result
        self._write_small(result, place, _data_file(place, put, body, etag))
        result.etag, result.size = etag, len(body)
        return result

    def _writer_at_once(self, place: Placement) -> AtOnce:
        found = self._at_once.get(place.device)
        if found is None:
            found = self._at_once.setdefault(
                place.device, AtOnce(self.rules, self.options.mount_check, self.clock))
        return found

    def _write_from_loop(self, result: Result, place: Placement, file: NewFile) -> None:
        """As _write_small, past the disk threads of Python unless there is more to it."""
        writer = self._writer_at_once(place)
        if not writer.is_ready():
            self.run(place, lambda _place: self._write_small(result, place, file))
            return
        now = self.clock.time()
        obsolete = obsolete_after(result.before.files, file.name, now, self.rules.reclaim_age_s)
        outcome = writer.write(self._threads_of(place).run_program, place, file,
                               obsolete=obsolete)
        if outcome is Outcome.WRITTEN and file.name not in obsolete:
            result.written = True
        else:
            self.run(place, lambda _place: self._settle(result, place, file, outcome, obsolete))

    def _write_small(self, result: Result, place: Placement, file: NewFile) -> None:
        """Write a small file next to what ``result`` found: at once, or else step by step."""
        now = self.clock.time()
        writer = self._writer_at_once(place)
        with fs.translate(place.device_path):
            writer.get_ready(place.device_path)
        obsolete = obsolete_after(result.before.files, file.name, now, self.rules.reclaim_age_s)
        self._settle(result, place, file, writer.write(chain.run, place, file, obsolete=obsolete),
                     obsolete)

    def _settle(self, result: Result, place: Placement, file: NewFile, outcome: Outcome,
                obsolete: list[str]) -> None:
        """Do what is left to do after a write at once."""
        now = self.clock.time()
        if outcome is Outcome.UNTIDY or (outcome is Outcome.WRITTEN and file.name in obsolete):
            problem = clean_up_after_write(place, now, self.rules.reclaim_age_s)
            if problem:
                result.problems.append(problem)
        elif outcome is not Outcome.WRITTEN:
            careful = self.writer(place)
            write_small(careful, file, now)
            result.problems += careful.problems
        result.written = True

    def check_put(self, place: Placement, put: Put) -> Result:
        """Say whether a PUT may go on: DONE means yes, nothing is written."""
        return self._reported(place, self.run(place, self._check_put, put))

    def _check_put(self, place: Placement, put: Put) -> Result:
        try:
            found = look_up(place, put.time)
        except StateChanged:
            found = Lookup(Kind.ABSENT)
        time = _known_time(found)
        if put.if_none_match and found.exists and found.state.etag in Match(put.if_none_match):
            return Result(Verdict.PRECONDITION, found, time)
        if time >= put.time:
            return Result(Verdict.CONFLICT, found, time)
        return Result(Verdict.DONE, found, time)

    def start_upload(self, place: Placement, expected_size: int | None) -> ObjectWriter:
        """Return a writer with an open temporary file. The caller closes it."""
        writer = self.writer(place)
        self.run(place, lambda _place: writer.open(expected_size))
        return writer

    def upload_step(self, writer: ObjectWriter, chunks: list[bytes]) -> None:
        """Append chunks to an upload."""
        self._threads[writer.place.device].run(writer.write, chunks)

    def finish_upload(self, writer: ObjectWriter, put: Put, result: Result) -> Result:
        """Check the ETag and make the object visible; ``result`` is that of check_put."""
        if put.etag is not None and put.etag != writer.etag:
            result.verdict = Verdict.BAD_ETAG
            return result

        def publish(place: Placement) -> None:
            writer.publish(data_name(put.time), complete_metadata(
                put.metadata, writer.size, writer.etag, place.name), self.clock.time())
        self.run(writer.place, publish)
        return self._reported(writer.place, self._stored(result, writer))

    def close_upload(self, writer: ObjectWriter) -> None:
        """Throw an upload away unless it was finished."""
        if not writer.is_closed:
            self._threads[writer.place.device].run(writer.close)

    @staticmethod
    def _stored(result: Result, writer: ObjectWriter) -> Result:
        result.etag, result.size, result.written = writer.etag, writer.size, True
        result.problems = writer.problems
        return result

    def post(self, place: Placement, post: PostRequest, open_expired: bool = False) -> Result:
        """Write the metadata of a POST."""
        found = self._look_at_once(place, Look(post.time, open_expired))
        if found is None:
            result = self.run(place, self._post, post, open_expired)
        else:
            result = self._post_to(place, post, found, self._write_from_loop)
        return self._reported(place, result)

    def _post(self, place: Placement, post: PostRequest, open_expired: bool) -> Result:
        return self._post_to(place, post, look_up(place, post.time, open_expired),
                             self._write_small)

    @staticmethod
    def _post_to(place: Placement, post: PostRequest, found: Lookup, write: Callable) -> Result:
        if not found.exists:
            return Result(Verdict.NOT_FOUND, found)
        plan = plan_post(found.state, post)
        if plan is None:
            return Result(Verdict.CONFLICT, found, found.state.time)
        result = Result(Verdict.DONE, found, found.state.time, plan=plan)
        write(result, place, NewFile(meta_name(plan.time, plan.ctype_time), plan.metadata))
        return result

    def delete(self, place: Placement, delete: Delete) -> Result:
        """Write the tombstone of a DELETE; even where there is nothing, so that it lasts."""
        found = self._look_at_once(place, Look(delete.time))
        if found is None:
            result = self.run(place, self._delete, delete)
        else:
            result = self._delete_what(place, delete, found, self._write_from_loop)
        return self._reported(place, result)

    def _delete(self, place: Placement, delete: Delete) -> Result:
        return self._delete_what(place, delete, look_up(place, delete.time), self._write_small)

    @staticmethod
    def _delete_what(place: Placement, delete: Delete, found: Lookup, write: Callable) -> Result:
        time = _known_time(found)
        verdict = _verdict_of_delete(found, time, delete)
        result = Result(verdict, found, time)
        # A refused condition leaves everything as it is; otherwise the tombstone is written even
        # when there was nothing to delete, because the object may be on its way.
        refused = delete.if_delete_at is not None and verdict is not Verdict.DONE
        if not refused and time < delete.time:
            # Never refused for lack of reserved space: it is the way to make some.
            write(result, place, NewFile(
                tombstone_name(delete.time),
                {'X-Timestamp': delete.time.internal, 'name': place.name}, check_space=False))
        return result

    def _reported(self, place: Placement, result: Result) -> Result:
        self._noted(place, result.before)
        for problem in result.problems:
            self.logger.error('%s', problem)
        return result

    # -- deferred container updates ------------------------------------------------------------

    def defer(self, place: Placement, update: PendingUpdate, time: Timestamp) -> None:
        """Write a container update to disk for the updater; durable when this returns."""
        self.run(place, self._defer, update, time)
        self.statsd.increment('async_pendings')

    def _defer(self, place: Placement, update: PendingUpdate, time: Timestamp) -> None:
        digest = self.cluster.hash_path(update.account, update.container, update.obj)
        path = '%s/%s/%s/%s-%s' % (place.device_path, place.policy.async_dir, digest[-3:], digest,
                                   time.internal)
        fs.replace_file(path, encode_update(update), place.tmp_path, place.device_path)


def _data_file(place: Placement, put: Put, body: bytes, etag: str) -> NewFile:
    """Return the file that a PUT of a small body writes."""
    metadata = complete_metadata(put.metadata, len(body), etag, place.name)
    return NewFile(data_name(put.time), metadata, body)


def _known_time(found: Lookup) -> Timestamp:
    """Return the time that a new PUT or DELETE must exceed."""
    if found.exists:
        return found.state.data_time
    return found.time or ZERO


def _verdict_of_delete(found: Lookup, time: Timestamp, delete: Delete) -> Verdict:
    if delete.if_delete_at is None:
        if not found.exists:
            return Verdict.NOT_FOUND
        return Verdict.DONE if time < delete.time else Verdict.CONFLICT
    if found.kind is Kind.ABSENT:
        return Verdict.NOT_FOUND
    if time >= delete.time:
        return Verdict.CONFLICT
    stored = (found.state.delete_at or 0) if found.state else 0
    return Verdict.DONE if stored == delete.if_delete_at else Verdict.PRECONDITION
