"""An open ring: look-ups over a ring file that is replaced under us.

Layer 1. The ring looks at its file at most every ``reload_time`` seconds, on a look-up. When the
file is another one than the one loaded, it is loaded in the background and swapped in by one
assignment; the request that noticed is answered from the old table at once.

    GOOD --file differs--> LOADING --ok--> GOOD (new)
                              └--missing, damaged or unfit--> GOOD (old), logged once per cause,
                                 tried again at every later check

Invariants: after the constructor returned there is always a sound ring; one get_nodes() call
uses one table; a swap never changes node lists that were handed out. ``load_error`` tells
monitoring why the newest file is not in use.

The salted hash is not the ring's business: ``hash_path`` comes from the Cluster.
Source: sheet 01 sections 5 and 6, weak points 1 to 3.
"""
from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator

from swift.common.clock import SYSTEM, Clock
from swift.common.disk_threads import run_in_background
from swift.common.errors import RingError
from swift.common.ring.files import RingData, file_identity, read_ring
from swift.core.ring_lookup import Node, Placement

RELOAD_TIME_S = 15.0


class Ring:
    """A ring for look-ups. The constructor blocks on disk and raises RingError."""

    def __init__(self, serialized_path: str, ring_name: str | None = None,
                 reload_time: float | None = None,
                 hash_path: Callable[..., bytes] | None = None, *,
                 validation_hook: Callable[[Ring], None] | None = None,
                 clock: Clock = SYSTEM, logger: logging.Logger | None = None,
                 background: Callable[[Callable[[], None]], None] | None = None) -> None:
        """Open ``serialized_path``, a file, or a directory if ``ring_name`` is given.

        ``hash_path(account, container, obj, raw_digest=True)`` returns 16 bytes. The hook gets a
        Ring view of what was loaded and raises RingError if it must not be used. ``background``
        runs a blocking function some time later (default: in a native thread).
        """
        self.serialized_path = serialized_path if ring_name is None else os.path.join(
            serialized_path, ring_name + '.ring.gz')
        self.name = os.path.basename(self.serialized_path).removesuffix('.ring.gz')
        self.reload_time = RELOAD_TIME_S if reload_time is None else float(reload_time)
        self.load_error: str | None = None
        self._hash_path = hash_path
        self._hook = validation_hook
        self._clock = clock
        self._logger = logger or logging.getLogger('swift.ring')
        self._background = background or run_in_background
        self._loading = False
        self._use(self._load())

    # -- look-ups ------------------------------------------------------------------------------

    def get_part(self, account: str, container: str | None = None,
                 obj: str | None = None) -> int:
        """Return the partition of a path."""
        assert self._hash_path, 'the ring was opened without a hash_path'
        digest = self._hash_path(account, container, obj, raw_digest=True)
        return int.from_bytes(digest[:4], 'big') >> self._current().part_shift

    def get_nodes(self, account: str, container: str | None = None,
                  obj: str | None = None) -> tuple[int, list[Node]]:
        """Return the partition of a path and its primary nodes."""
        assert self._hash_path, 'the ring was opened without a hash_path'
        placement = self._current()
        digest = self._hash_path(account, container, obj, raw_digest=True)
        part = int.from_bytes(digest[:4], 'big') >> placement.part_shift
        return part, placement.primaries(part)

    def get_part_nodes(self, part: int) -> list[Node]:
        """Return the primary nodes of a partition, in fragment order; a new list each time."""
        return self._current().primaries(part)

    def get_more_nodes(self, part: int) -> Iterator[Node]:
        """Yield the handoff nodes of a partition. Stays with the table it began with."""
        return self._current().handoffs(part)

    # -- what the ring is ----------------------------------------------------------------------

    @property
    def devs(self) -> list[dict[str, object] | None]:
        """The devices by id, None where one was removed. Not to be changed by callers."""
        return self._current().devs

    @property
    def next_part_power(self) -> int | None:
        self._current()
        return self._data.next_part_power

    @property
    def part_shift(self) -> int:
        return self._data.part_shift

    @property
    def part_power(self) -> int:
        return self._data.part_power

    @property
    def partition_count(self) -> int:
        return self._placement.partition_count

    @property
    def replica_count(self) -> float:
        """Replicas per partition, fractional if only some partitions have the last one."""
        return self._placement.replica_count

    @property
    def version(self) -> int | None:
        return self._data.version

    @property
    def device_count(self) -> int:
        return sum(dev is not None for dev in self._placement.devs)

    @property
    def weighted_device_count(self) -> int:
        return sum(dev is not None and dev.get('weight', 0) > 0 for dev in self._placement.devs)

    @property
    def assigned_device_count(self) -> int:
        return self._placement.assigned_count

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._data.file_bytes

    @property
    def raw_size(self) -> int:
        """Bytes of the file when inflated."""
        return self._data.raw_bytes

    # -- reloading -----------------------------------------------------------------------------

    def has_changed(self) -> bool:
        """Tell whether the file is another one than the one in use. A missing file is not."""
        try:
            return file_identity(os.stat(self.serialized_path)) != self._data.identity
        except OSError:
            return False

    def reload_if_changed(self) -> bool:
        """Load a changed file now, blocking; return whether the table in use was replaced.

        A file that cannot be used leaves the old table, see ``load_error``.
        """
        try:
            found = file_identity(os.stat(self.serialized_path))
            if found == self._data.identity:
                self.load_error = None
                return False
            data = self._load()
        except OSError as problem:
            self._keep_old(f'{self.serialized_path}: {problem.strerror}')
            return False
        except RingError as problem:
            self._keep_old(str(problem))
            return False
        finally:
            self._loading = False
        self._use(data)
        self.load_error = None
        self._logger.info('Ring %s reloaded, version %s', self.serialized_path, data[0].version)
        return True

    def _current(self) -> Placement:
        """Return the table to use for one call, starting a reload if one is due.

        Cost when none is due: one clock reading.
        """
        if self._clock.monotonic() >= self._next_check:
            self._next_check = self._clock.monotonic() + self.reload_time
            if not self._loading:
                self._look_at_file()
        return self._placement

    def _look_at_file(self) -> None:
        try:
            if file_identity(os.stat(self.serialized_path)) == self._data.identity:
                self.load_error = None
                return
        except OSError as problem:
            self._keep_old(f'{self.serialized_path}: {problem.strerror}')
            return
        self._loading = True
        self._background(self.reload_if_changed)

    def _load(self) -> tuple[RingData, Placement]:
        data = read_ring(self.serialized_path)
        placement = Placement(data.devs, data.rows, data.part_shift)
        if self._hook:
            self._hook(_view(self, data, placement))
        return data, placement

    def _use(self, loaded: tuple[RingData, Placement]) -> None:
        # Look-ups read one of the two attributes once each; both orders are harmless.
        self._data, self._placement = loaded
        self._next_check = self._clock.monotonic() + self.reload_time

    def _keep_old(self, cause: str) -> None:
        if cause != self.load_error:
            self._logger.error('Ring not reloaded, the last good one stays in use: %s', cause)
        self.load_error = cause


def _view(ring: Ring, data: RingData, placement: Placement) -> Ring:
    """Return what a validation hook may look at: a ring that never reloads."""
    view = object.__new__(Ring)
    view.__dict__.update(ring.__dict__)
    view._data, view._placement, view._next_check = data, placement, float('inf')
    return view
