"""One scan of an object auditor over some devices: walk, open, read, judge, count, report.

Layer 3. Two kinds of scan:

    ALL   opens every object and reads its whole body: metadata, size, MD5
    ZBF   only opens it, which finds what is empty or cut, and is fast

Of an erasure coded policy every fragment archive is read so, by itself; the headers of fragments
inside are not looked at: the MD5 covers them from the moment that they were written.

What contradicts itself is quarantined by the code that serves reads too (obj/reading.py); expired,
deleted and missing objects are nobody's trouble. On the way an ALL scan marks the suffixes of old
tombstones for reclaim, and both remove what rsync left behind and add missing checksums.

All file work is one trip into a disk thread per listing, per object and per STEP_BYTES of a larger
body; memory does not depend on sizes. Pages that were read are dropped from the cache. A scan may
be killed at any moment: the status files say where the next one goes on. Source: sheet 02 §19.
"""
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from swift.common import recon_cache
from swift.common.disk_threads import run_in_thread
from swift.common.errors import DiskError, StateChanged, SwiftError
from swift.common.xattr import add_missing_checksum
from swift.core import audit_plan
from swift.core.audit_plan import ALL, Pace, SizeHistogram, Tally
from swift.core.fileset import is_rsync_temporary
from swift.core.timestamp import Timestamp
from swift.obj import audit_walk
from swift.obj.archives import list_archives, look_up_archive
from swift.obj.audit_walk import DataDir
from swift.obj.placement import FoundPlacement
from swift.obj.quarantine import quarantine_object
from swift.obj.reading import Kind, Lookup, look_up
from swift.obj.suffix_hashes import mark_suffix_dirty
from swift.obj.verified import NeverVerified

# Read and hashed in one trip to the disk.
STEP_BYTES = 1 << 20
STATUS_INTERVAL_S = 60
ALWAYS_CHECKED = NeverVerified()
Look = Callable[..., Lookup]                            # look_up(), or one archive of an EC policy


@dataclass(slots=True)
class Step:
    """What one trip to the disk found: ``read`` bytes, and whether the object is through."""
    found: Lookup
    read: int = 0
    done: bool = True


class Scan:
    """A scan. ``devices`` are (name, path); the recon entry is nested under ``named`` ones."""

    def __init__(self, auditor: Any, kind: str, devices: list[tuple[str, str]],
                 named: tuple[str, ...] = (), files_per_second: float = 0):
        options = auditor.options
        self.kind = kind
        self.tally = Tally(auditor.clock.time())
        self.sizes = SizeHistogram(options.object_size_stats)
        self._auditor = auditor
        self._options = options
        self._clock = auditor.clock
        self._logger = auditor.logger
        self._devices = devices
        self._named = named
        self._files = Pace(files_per_second)
        self._bytes = Pace(options.bytes_per_second if kind == ALL else 0)
        self._watchers = auditor.watchers()
        self._data_dirs: list[DataDir] = []
        self._marked: tuple[str, str] | None = None
        self._began = self._reported = self._clock.monotonic()

    def run(self) -> Tally:
        """Audit everything that is left of the current pass."""
        self._logger.info('Begin object audit "%s" mode on %s', self.kind,
                          ', '.join(name for name, _path in self._devices) or 'no devices')
        for watcher in self._watchers:
            watcher.start(self.kind)
        self._data_dirs = self._find_data_dirs()
        for where, part in audit_plan.take_turns(self._partitions(policy)
                                                 for policy in self._auditor.cluster.policies):
            self._audit_partition(where, part)
        for watcher in self._watchers:
            watcher.end()
        for where in self._data_dirs:
            self._on_status(audit_walk.remove_status, where, self.kind)
        self._report(final=True)
        return self.tally

    # -- the walk ------------------------------------------------------------------------------

    def _find_data_dirs(self) -> list[DataDir]:
        devices = list(self._devices)
        random.Random(self._auditor.rng()).shuffle(devices)
        found = []
        for name, path in devices:
            dirs, problems = self._listed(audit_walk.data_dirs, name, path, self._auditor.cluster,
                                          nothing=([], []))
            found += dirs
            for problem in problems:
                self._logger.warning('%s', problem)
        return found

    def _partitions(self, policy: Any) -> Iterator[tuple[DataDir, str]]:
        """Yield what is left of a policy, keeping the status files up to date."""
        for where in self._data_dirs:
            if where.policy is not policy:
                continue
            left = self._listed(audit_walk.partitions_left, where, self.kind)
            written = float('-inf')
            for position, part in enumerate(left):
                now = self._clock.monotonic()
                if now - written >= STATUS_INTERVAL_S:
                    self._on_status(audit_walk.write_status, where, self.kind, left[position:])
                    written = now
                yield where, part
            self._on_status(audit_walk.write_status, where, self.kind, [])

    def _on_status(self, function: Callable, where: DataDir, *args: Any) -> None:
        try:
            run_in_thread(function, where, *args)
        except (DiskError, OSError) as error:
            self._logger.warning('Cannot update the auditor status of %s: %s', where.path, error)

    def _listed(self, function: Callable, *args: Any, nothing: Any = ()) -> Any:
        try:
            return run_in_thread(function, *args)
        except OSError as error:
            self._count_error('ERROR cannot list: %s', error)
            return nothing

    def _audit_partition(self, where: DataDir, part: str) -> None:
        for suffix in self._listed(audit_walk.list_suffixes, where, part):
            for place in self._listed(audit_walk.list_places, where, part, suffix,
                                      self._auditor.cluster):
                self._wait(self._files.take(self._clock.monotonic()))
                self._audit_guarded(place)
                if self._clock.monotonic() - self._reported >= self._options.log_time:
                    self._report(final=False)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._auditor.sleep(seconds)

    # -- one hash directory --------------------------------------------------------------------

    def _audit_guarded(self, place: FoundPlacement) -> None:
        started, began = self._clock.time(), self._clock.monotonic()
        waited = 0.0
        try:
            waited = self._audit(place)
        except StateChanged:
            pass                            # changed under our hands: the next pass looks again
        except SwiftError as error:
            self._count_error('ERROR auditing %s: %s', place.hash_path, error)
        except Exception:  # the item boundary: one strange object must not end the scan
            self.tally.errors += 1
            self._auditor.statsd.increment('errors')
            self._logger.exception('ERROR Trying to audit %s', place.hash_path)
        self.tally.audit_time += max(0.0, self._clock.monotonic() - began - waited)
        self._auditor.statsd.timing_since('timing', started)

    def _audit(self, place: FoundPlacement) -> float:
        """Audit a directory; return the seconds spent waiting for the byte limit."""
        archives = run_in_thread(list_archives, place) if place.policy.is_ec else ()
        if not archives:
            return self._audit_one(place, look_up)
        return sum(self._audit_one(place, partial(look_up_archive, archive=archive))
                   for archive in archives)

    def _audit_one(self, place: FoundPlacement, look: Look) -> float:
        step = run_in_thread(self._open, place, look)
        body, waited = step.found.body, 0.0
        try:
            while True:
                self.tally.bytes_processed += step.read
                wait = self._bytes.take(self._clock.monotonic(), step.read) if step.read else 0
                self._wait(wait)
                waited += wait
                if step.done:
                    break
                step = run_in_thread(self._read_on, step.found)
        finally:
            if body is not None:
                body.close()
        problem = step.found.problem or (body.problem if body is not None else None)
        if problem:
            self._count_quarantined(place, problem)
        elif step.found.kind is Kind.PRESENT:
            self._passed(place, step.found)
        return waited

    def _passed(self, place: FoundPlacement, found: Lookup) -> None:
        path = '%s/%s' % (place.hash_path, found.files.data.name)
        for watcher in self._watchers:
            if watcher.see_object(found.state.metadata, path):
                run_in_thread(quarantine_object, place)
                self._count_quarantined(place, 'Requested by %s' % watcher.name)
                return
        self.tally.passes += 1
        self.sizes.add(found.state.size)

    def _count_quarantined(self, place: FoundPlacement, reason: str) -> None:
        self.tally.quarantined += 1
        self._auditor.statsd.increment('quarantines')
        self._logger.warning('Quarantined object %s: %s', place.hash_path, reason)
        self._logger.error('ERROR Object %s failed audit and was quarantined: %s',
                           place.hash_path, reason)

    def _count_error(self, text: str, *args: Any) -> None:
        self.tally.errors += 1
        self._auditor.statsd.increment('errors')
        self._logger.error(text, *args)

    # -- in disk threads -----------------------------------------------------------------------

    def _open(self, place: FoundPlacement, look: Look) -> Step:
        """Open an object and read its first bytes; look after what lies around."""
        now = self._clock.time()
        found = look(place, Timestamp(now), with_body=self.kind == ALL)
        if found.files.unexpected:
            self._remove_rsync_leftovers(place, found, now)
        if found.files.tombstone and found.kind is Kind.DELETED:
            self._mark_for_reclaim(place, found, now)
        for file in (found.files.data, found.files.meta, found.files.ctype,
                     found.files.tombstone):
            if file is not None:
                add_missing_checksum('%s/%s' % (place.hash_path, file.name))
        if found.body is None:
            return Step(found)
        found.body.start(0, ALWAYS_CHECKED)
        found.body.keep_cache = False
        return self._read_on(found)

    def _read_on(self, found: Lookup) -> Step:
        """Read and hash some more of a body; the body verifies itself at its end."""
        body, read, done = found.body, 0, False
        try:
            while not done and read < STEP_BYTES:
                data = body.read_step(self._options.disk_chunk_size)
                read += len(data)
                done = not data or body.position >= body.size
            if done:
                body.read_step(1)                       # at its end: drops the pages just read
        except DiskError:
            if not body.problem:
                raise
            done = True                                 # unreadable, and quarantined for that
        return Step(found, read, done)

    def _remove_rsync_leftovers(self, place: FoundPlacement, found: Lookup, now: float) -> None:
        oldest = now - self._auditor.rsync_tempfile_timeout_s
        for name in filter(is_rsync_temporary, found.files.unexpected):
            path = os.path.join(place.hash_path, name)
            try:
                if os.stat(path).st_mtime < oldest:
                    os.unlink(path)
            except FileNotFoundError:
                pass                                    # rsync is done with it
            except OSError as error:
                self._logger.warning('Cannot remove %s: %s', path, error)

    def _mark_for_reclaim(self, place: FoundPlacement, found: Lookup, now: float) -> None:
        """Have the next computation of the suffix's hash clean an old tombstone up."""
        age = now - float(found.files.tombstone.time)
        suffix = (place.part_path, place.suffix)
        if self.kind == ALL and age > self._options.reclaim_age and suffix != self._marked:
            mark_suffix_dirty(place.part_path, place.suffix, place.device_path)
            self._marked = suffix

    # -- numbers -------------------------------------------------------------------------------

    def _report(self, final: bool) -> None:
        now = self._clock.monotonic()
        self._reported = now
        self._logger.info(
            'Object audit (%s) %s: %s', self.kind, 'completed' if final else 'progress',
            self.tally.line(now - self._began))
        if final and self.sizes.counts:
            self._logger.info('Object audit stats: %s', json.dumps(self.sizes.counts))
        recon_cache.dump(audit_plan.recon_update(self.kind, self.tally, self._named),
                         self._auditor.recon_path, self._logger)
