"""What was found in hash directories a moment ago, and is answered again without a disk thread.

Layer 3, in the event loop of one process. Handing work to a thread and being woken by it costs
more than all the system calls of a small read. So what a look at a sound object showed is
remembered with the status of its directory and files; and as long as these are what they were,
all that is left to do is to compare them and to copy the body, from memory (``chain.peek``, which
gives up rather than wait for a disk).

Any change of a directory's entries changes its status, any write to a file or its attributes that
of the file: device, inode, size, times of modification and change. Two changes within one tick of
a file system's clock could hide behind one time, thus only what was quiet for a while is
remembered. And, as with bodies (verified.py), nothing is believed for longer than FRESH_S: a disk
that returns other bytes than before is noticed then.
"""
from dataclasses import dataclass, replace

from swift.common import chain
from swift.common.clock import SYSTEM, Clock
from swift.core.fileset import FileSet
from swift.core.object_meta import ObjectState
from swift.core.suffix_diff import is_settled
from swift.core.timestamp import Timestamp
from swift.obj.verified import FRESH_S

QUIET_S = 2.0
# Some 3 KiB each.
_OBJECTS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Known:
    """A sound object: its verdict and state, and the packed statuses that they hold for."""
    files: FileSet
    state: ObjectState
    time: Timestamp
    delete_at: int | None
    size: int
    statuses: tuple[bytes, bytes, bytes | None]
    until: float = 0.0

    @property
    def data_status(self) -> chain.Status:
        """The status of the file with the body."""
        return chain.status_in(self.statuses[1])


class Memory:
    """The memo of one process. Used by its event loop only. ``wall``: the clock of the files."""

    def __init__(self, clock: Clock = SYSTEM, wall: Clock = SYSTEM):
        self._clock = clock
        self._wall = wall
        self._known: dict[str, Known] = {}

    def recall(self, hash_path: str, with_body: bool, size_max: int
               ) -> tuple[Known, bytes | None] | None:
        """Return what is known of a directory if nothing changed there, and the body if wanted.

        None as well for a body above ``size_max``, or one that memory does not hold.
        """
        known = self._known.get(hash_path)
        if known is None or (with_body and known.size > size_max):
            return None
        if self._clock.monotonic() < known.until:
            meta = known.files.meta
            seen = chain.peek(hash_path, known.files.data.name, meta and meta.name,
                              known.size if with_body else -1)
            if seen is None:
                # Not in memory, not to be read now: it may be all the same what it was.
                return None
            if seen[:3] == known.statuses:
                return known, seen[3]
        del self._known[hash_path]
        return None

    def note(self, hash_path: str, known: Known) -> None:
        """Remember an object, unless something changed there just now."""
        changed_ns = max(chain.status_in(packed).st_ctime_ns for packed in known.statuses if packed)
        if not is_settled(changed_ns / 1e9, self._wall.time(), QUIET_S):
            return
        if len(self._known) >= _OBJECTS_MAX:
            self._known.clear()
        self._known[hash_path] = replace(known, until=self._clock.monotonic() + FRESH_S)
