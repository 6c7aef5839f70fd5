"""Which open files were found to match their ETag a moment ago, and need not be hashed again.

Layer 3. The first whole read of an object hashes all its bytes; so does the next one after
FRESH_S seconds. In between, a file is known by device, inode, size and time of change: whoever
writes to it, puts other bytes in its place or touches its attributes changes one of these. What
this spares is hashing the same pages of memory again and again, at half the cost of a read.

Not noticed for FRESH_S seconds: a disk that returns other bytes than before, for pages that memory
has lost meanwhile. Readers notice then, the auditor on its round.
"""
import os

from swift.common.clock import SYSTEM, Clock

FRESH_S = 60.0
_FILES_MAX = 8192


class Verified:
    """A memo for the disk threads of one process; its steps are single operations of a dict."""

    def __init__(self, clock: Clock = SYSTEM):
        self._clock = clock
        self._until: dict[tuple, float] = {}

    def is_fresh(self, status: os.stat_result) -> bool:
        """Tell whether the file with this status was found right a moment ago."""
        until = self._until.get(_identity(status))
        return until is not None and self._clock.monotonic() < until

    def note(self, status: os.stat_result) -> None:
        """The file with this status, taken before it was read, is right."""
        if len(self._until) >= _FILES_MAX:
            self._until.clear()
        self._until[_identity(status)] = self._clock.monotonic() + FRESH_S


class NeverVerified(Verified):
    """No memo: every whole read is checked. For auditors."""

    def is_fresh(self, status: os.stat_result) -> bool:
        return False

    def note(self, status: os.stat_result) -> None:
        pass


def _identity(status: os.stat_result) -> tuple:
    return status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns
