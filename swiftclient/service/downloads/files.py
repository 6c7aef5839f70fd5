"""Files that appear under their name only when they are complete.

Data goes to a temporary name in the same directory and is renamed at success, so an interrupted
or failed download leaves what was there before. `discard_unfinished` removes the temporary files
of this process; the command calls it when it is interrupted.
Source: sheet 08, section 9.9.
"""
import contextlib
import itertools
import os
import stat
import threading
from collections.abc import Iterator
from typing import BinaryIO

_numbers = itertools.count()
_lock = threading.Lock()
_unfinished: set[str] = set()
_LOCK_WAIT_S = 0.2


@contextlib.contextmanager
def arriving_file(path: str, mtime: float | None = None,
                  follow_link: bool = False) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of `path` if the block succeeds.

    A device or a pipe is written in place. A symbolic link is replaced, unless the user named it
    himself (`follow_link`): then its target is. An existing file's permissions are kept. `mtime`
    (seconds) becomes the time of modification.
    """
    target = os.path.realpath(path) if follow_link else path
    mode = _mode_of(target)
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, 'wb', buffering=0) as place:
            yield place
        return
    temporary = os.path.join(os.path.dirname(target),
                             f'.swift-{os.getpid()}-{next(_numbers)}.part')
    with _lock:
        _unfinished.add(temporary)
        arriving = open(temporary, 'xb', buffering=0)  # noqa: SIM115  (closed below)
    try:
        with arriving:
            yield arriving
            if mode is not None:
                os.fchmod(arriving.fileno(), stat.S_IMODE(mode))
            if mtime is not None:
                nanoseconds = round(mtime * 1e6) * 1000  # what %f wrote at the upload
                os.utime(arriving.fileno(), ns=(nanoseconds, nanoseconds))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    finally:
        _unfinished.discard(temporary)


def _mode_of(path: str) -> int | None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return None
    return None if stat.S_ISLNK(mode) else mode


def discard_unfinished() -> None:
    """Remove the temporary files of this process, which is about to end without clean-up.

    Safe in a signal handler: it waits only briefly for a thread that is just opening one. The
    lock is kept, so no further file can appear.
    """
    _lock.acquire(timeout=_LOCK_WAIT_S)
    for temporary in list(_unfinished):
        with contextlib.suppress(OSError):
            os.unlink(temporary)
