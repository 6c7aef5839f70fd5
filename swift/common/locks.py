"""Locks between processes: flock on small files, with a timeout.

Layer 1. For disk threads and plain programs, never for the event loop: waiting blocks the thread.
A lock file is created on demand and left behind; locks die with the process that holds them.

    with file_lock('/srv/node/sda/objects/12/.lock', timeout_s=10):
        ...

A lock file can be deleted (with its whole partition) while somebody waits for it. Therefore the
descriptor is compared with the path once the lock is held, and the wait starts again when they
differ: a lock on a deleted file protects nothing. Source: sheet 02 §7.4, sheet 03 §1.2.
"""
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from swift.common import fs
from swift.common.clock import SYSTEM, Clock
from swift.common.errors import LockTimeout
from swift.common.green import NativeLock

_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.05


@contextmanager
def file_lock(path: str, timeout_s: float, shared: bool = False,
              clock: Clock = SYSTEM) -> Iterator[int]:
    """Hold the lock on ``path`` for the length of the block; yields its descriptor.

    ``shared`` locks exclude exclusive ones only. The directory must exist, else FileNotFoundError.
    Raises LockTimeout after ``timeout_s`` seconds; 0 tries once.
    """
    fd = acquire(path, timeout_s, shared, clock)
    try:
        yield fd
    finally:
        os.close(fd)


def acquire(path: str, timeout_s: float, shared: bool = False, clock: Clock = SYSTEM) -> int:
    """Return a descriptor that holds the lock until it is closed."""
    deadline = clock.monotonic() + timeout_s
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    pause = _FIRST_PAUSE_S
    while True:
        fd = _try_lock(path, kind)
        if fd is not None:
            return fd
        left = deadline - clock.monotonic()
        if left <= 0:
            raise LockTimeout(path=path, seconds=timeout_s)
        _sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE_S)


def _try_lock(path: str, kind: int) -> int | None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise fs.disk_error(error, path) from error
    locked = False
    try:
        fcntl.flock(fd, kind)
        locked = os.fstat(fd).st_nlink > 0
    except BlockingIOError:
        pass
    finally:
        if not locked:
            os.close(fd)
    return fd if locked else None


def _sleep(seconds: float) -> None:
    """Sleep natively: in a disk thread the patched sleep would start an event loop."""
    never = NativeLock()
    never.acquire()
    never.acquire(True, seconds)
