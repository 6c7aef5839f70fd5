"""Files and directories with durability, limits and errors of our own: the only reader of errno.

Layer 1. Everything here blocks and belongs into a disk thread. Three jobs:

* ``translate(path)`` turns OSError into the DiskError tree, once, so that nobody above asks what
  number an error has;
* the operations behind a durable write: unnamed temporary files, linking them to a name, fsync of
  files and of directories up to the first one that existed before, preallocation and the space
  that must stay free;
* ``step(name)`` stands before each operation that changes what survives a crash. Tests install a
  hook there, or set SWIFT_TEST_CRASH_POINT to a number or a name, which makes the process kill
  itself at that step; without a hook it costs one comparison.

Source: sheet 02 §1 (device checks), §5 (order of a write), §6 (what counts as damage).
"""
import ctypes
import errno
import functools
import os
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from swift.common.errors import Damaged, DeviceUnavailable, DiskError, DiskFull, NotSupported

CRASH_POINT_VARIABLE = 'SWIFT_TEST_CRASH_POINT'
MOUNT_STUB = '.ismount'
MOUNT_TABLE = '/proc/self/mountinfo'

_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNAVAILABLE = (errno.EROFS, errno.EIO, errno.ENODEV, errno.ENXIO, errno.EACCES, errno.EPERM)
# What file systems answer when their own structures are broken.
_DAMAGED = (errno.ENODATA, errno.EUCLEAN)
_UNSUPPORTED = (errno.ENOTSUP, errno.EOPNOTSUPP)
_NO_UNNAMED_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)
_NO_PREALLOCATION = (errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_KEEP_SIZE = 1
_TEMPORARY_SUFFIX = '.tmp'


# -- crash points ----------------------------------------------------------------------------

StepHook = Callable[[str], None]
_step_hook: StepHook | None = None


def step(name: str) -> None:
    """Announce the durable operation that comes next."""
    if _step_hook is not None:
        _step_hook(name)


def steps_are_watched() -> bool:
    """True iff somebody wants to hear of every step."""
    return _step_hook is not None


def set_step_hook(hook: StepHook | None) -> None:
    """Install what ``step`` calls; for tests. The hook runs in disk threads."""
    global _step_hook
    _step_hook = hook


def _crash_hook(point: str) -> StepHook:
    """Kill the process at the step with this number (from 1) or this name."""
    count = 0

    def hook(name: str) -> None:
        nonlocal count
        count += 1
        if point in (name, str(count)):
            os.kill(os.getpid(), signal.SIGKILL)
    return hook


if os.environ.get(CRASH_POINT_VARIABLE):
    set_step_hook(_crash_hook(os.environ[CRASH_POINT_VARIABLE]))


# -- errors ----------------------------------------------------------------------------------

def disk_error(error: OSError, path: str = '') -> DiskError:
    """Return the DiskError that says the same as an OSError."""
    path = path or str(error.filename or '')
    text = '%s: %s' % (error.strerror or error, path)
    number = error.errno
    if number in _FULL:
        return DiskFull(text, path)
    if number in _DAMAGED:
        return Damaged(text, path, reason=error.strerror or str(error))
    if number in _UNSUPPORTED:
        return NotSupported(text, path)
    if number in _UNAVAILABLE:
        return DeviceUnavailable(text, path)
    return DiskError(text, path)


class translate:
    """Context manager: an OSError inside leaves as its DiskError."""

    __slots__ = ('_path',)

    def __init__(self, path: str = ''):
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, traceback) -> bool:
        if isinstance(error, OSError):
            raise disk_error(error, self._path) from error
        return False


def is_read_failure(error: OSError) -> bool:
    """True iff the medium did not give the bytes back."""
    return error.errno == errno.EIO


def is_structure_damage(error: OSError) -> bool:
    """True iff the file system says that its own structures are broken."""
    return error.errno in _DAMAGED


def lacks_attribute(error: OSError) -> bool:
    """True iff an extended attribute is simply not there."""
    return error.errno == errno.ENODATA


def is_not_empty(error: OSError) -> bool:
    """True iff a directory could not be removed or replaced because something is in it."""
    return error.errno in (errno.ENOTEMPTY, errno.EEXIST)


# -- devices ---------------------------------------------------------------------------------

def is_mount(path: str) -> bool:
    """True iff something is mounted at ``path`` (or a stub file there says so).

    A symbolic link counts only with the stub file, since lstat sees just the link.
    """
    try:
        own = os.lstat(path)
    except FileNotFoundError:
        return False
    with translate(path):
        if not stat.S_ISLNK(own.st_mode):
            above = os.lstat(os.path.join(path, os.pardir))
            if own.st_dev != above.st_dev or own.st_ino == above.st_ino:
                return True
        return os.path.isfile(os.path.join(path, MOUNT_STUB))


def check_device(path: str, mount_check: bool) -> None:
    """Raise DeviceUnavailable unless ``path`` is usable as a device."""
    usable = is_mount(path) if mount_check else os.path.isdir(path)
    if not usable:
        raise DeviceUnavailable('%s is not %s' % (path, 'mounted' if mount_check else 'there'),
                                path, os.path.basename(path))


def free_and_total(fd: int) -> tuple[int, int]:
    """Return the bytes an ordinary user may still write to the file system, and its size."""
    with translate():
        info = os.fstatvfs(fd)
    return info.f_bavail * info.f_frsize, info.f_blocks * info.f_frsize


def _load_fallocate() -> Callable[..., int] | None:
    library = ctypes.CDLL(None, use_errno=True)
    function = getattr(library, 'fallocate64', None) or getattr(library, 'fallocate', None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function


_fallocate = _load_fallocate()


def preallocate(fd: int, size: int) -> None:
    """Reserve blocks for ``size`` bytes without changing the length of the file.

    Raises DiskFull. A file system that cannot do it is fine: the writes will tell.
    """
    if _fallocate is None or size <= 0:
        return
    if _fallocate(fd, _KEEP_SIZE, 0, size) != 0:
        number = ctypes.get_errno()
        if number not in _NO_PREALLOCATION:
            raise disk_error(OSError(number, os.strerror(number)))


# -- directories -----------------------------------------------------------------------------

def make_dirs(path: str, below: str) -> int:
    """Create ``path`` and what is missing above it, but never ``below``; return how many.

    ``below`` is the device: where it is missing it is not mounted, and creating it would fill the
    disk underneath.
    """
    if path == below:
        return 0
    assert path.startswith(below + '/'), (path, below)
    try:
        os.mkdir(path)
        return 1
    except FileExistsError:
        return 0
    except FileNotFoundError:
        above = os.path.dirname(path)
        if above == below:
            raise DeviceUnavailable('%s is gone' % below, below,
                                    os.path.basename(below)) from None
        made = make_dirs(above, below)
    except OSError as error:
        raise disk_error(error, path) from error
    return made + make_dirs(path, below)


def list_dir(path: str) -> list[str]:
    """Return the names in a directory; none if it is missing. OSError for everything else."""
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def sync_dir(path: str) -> None:
    """Make what happened to the entries of a directory durable."""
    with translate(path):
        fd = os.open(path, os.O_DIRECTORY | os.O_RDONLY | os.O_CLOEXEC)
        try:
            step('fsync dir')
            os.fsync(fd)
        finally:
            os.close(fd)


def sync_dirs(path: str, made: int) -> None:
    """Make durable what happened in a directory, and its path, of which ``made`` parts are new.

    Where one journal orders everything (``_ORDERED_JOURNAL``) the fsync of the lowest directory
    does that; elsewhere the parent of each new directory needs its own. A directory that somebody
    removed meanwhile has nothing left to lose.
    """
    if made and orders_entries(path):
        made = 0
    while True:
        try:
            sync_dir(path)
        except DiskError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
        if not made:
            return
        made -= 1
        path = os.path.dirname(path)


# A directory is made, and entered into the one above it, in one transaction of the only journal.
# Transactions become durable in their order, so that of a later entry in the new directory takes
# the earlier ones along. (ext4 without a journal walks up by itself in fsync.) An fsync of each
# parent would only flush the disk's cache once more each: half of all flushes of a small PUT.
_ORDERED_JOURNAL = frozenset(('ext4', 'xfs'))


def orders_entries(path: str) -> bool:
    """True iff fsync of a new directory also makes durable that the ones above lead to it."""
    try:
        return _is_ordered(os.stat(path).st_dev)
    except OSError:
        return False


@functools.lru_cache(maxsize=256)
def _is_ordered(device: int) -> bool:
    """True iff the file system with this number (``st_dev``) is one of _ORDERED_JOURNAL."""
    number = '%d:%d' % (os.major(device), os.minor(device))
    with suppress(OSError), open(MOUNT_TABLE, encoding='utf-8', errors='replace') as table:
        for line in table:
            # 36 35 98:0 /root /point options [more] - type source options
            left, _dash, right = line.partition(' - ')
            if left.split(' ', 3)[2] == number:
                return right.split(' ', 1)[0] in _ORDERED_JOURNAL
    return False


def remove_dir_if_empty(path: str) -> bool:
    """Remove an empty directory; False if it is not empty or somebody else was faster."""
    try:
        os.rmdir(path)
        return True
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return False
    except OSError as error:
        if is_not_empty(error):
            return False
        raise disk_error(error, path) from error


def unlink_if_there(path: str) -> bool:
    """Remove a file; False if it was gone already."""
    with translate(path):
        try:
            os.unlink(path)
            return True
        except FileNotFoundError:
            return False


# -- files that appear at once -----------------------------------------------------------------

class TemporaryFile:
    """A file being written that nobody can see until ``publish`` gives it its name.

    Unnamed (O_TMPFILE) where the file system can do that, so that a crash leaves nothing behind;
    otherwise a file in ``tmp_dir``. Owns ``fd``; ``close`` throws away what was not published.
    """

    __slots__ = ('_tmp_dir', '_tmp_path', 'fd')

    def __init__(self, fd: int, tmp_dir: str, tmp_path: str | None):
        self.fd = fd
        self._tmp_dir = tmp_dir
        self._tmp_path = tmp_path

    @property
    def is_unnamed(self) -> bool:
        return self._tmp_path is None

    def publish(self, target: str) -> None:
        """Give the file its name, replacing an earlier file of that name at once.

        Raises FileNotFoundError (untranslated) when the directory is gone: the caller makes it
        again and retries.
        """
        if self._tmp_path is not None:
            self._rename(self._tmp_path, target)
            self._tmp_path = None
            return
        step('link')
        try:
            self._link(target)
        except FileExistsError:
            # Unlinking the target first would lose it in a crash between the two.
            named = os.path.join(self._tmp_dir, '%s-%d-%d%s' % (
                os.path.basename(target), os.getpid(), self.fd, _TEMPORARY_SUFFIX))
            make_dirs(self._tmp_dir, os.path.dirname(self._tmp_dir))
            self._link(named)
            self._rename(named, target)

    def _link(self, target: str) -> None:
        try:
            # With a directory descriptor given this is linkat, which follows the symbolic link
            # in /proc; plain link would not. The absolute source leaves the descriptor unused.
            os.link('/proc/self/fd/%d' % self.fd, target, src_dir_fd=self.fd,
                    follow_symlinks=True)
        except (FileNotFoundError, FileExistsError):
            raise
        except OSError as error:
            raise disk_error(error, target) from error

    @staticmethod
    def _rename(source: str, target: str) -> None:
        step('rename')
        try:
            os.rename(source, target)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise disk_error(error, target) from error

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self._tmp_path is not None:
            with suppress(OSError):
                os.unlink(self._tmp_path)
            self._tmp_path = None


class TemporaryFiles:
    """Opens temporary files on one device and remembers whether unnamed ones work there."""

    def __init__(self) -> None:
        self._unnamed_works = True

    def open(self, target_dir: str, tmp_dir: str) -> TemporaryFile:
        """Open a file that is to appear in ``target_dir``, which must exist.

        Raises FileNotFoundError (untranslated) when it does not.
        """
        step('open')
        if self._unnamed_works:
            try:
                fd = os.open(target_dir, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
                return TemporaryFile(fd, tmp_dir, None)
            except FileNotFoundError:
                raise
            except OSError as error:
                if error.errno not in _NO_UNNAMED_FILES:
                    raise disk_error(error, target_dir) from error
                self._unnamed_works = False
        make_dirs(tmp_dir, os.path.dirname(tmp_dir))
        with translate(tmp_dir):
            fd, path = tempfile.mkstemp(dir=tmp_dir, suffix=_TEMPORARY_SUFFIX)
        return TemporaryFile(fd, tmp_dir, path)


def write_all(fd: int, data: bytes) -> None:
    """Write all of ``data`` at the current position."""
    with translate():
        written = os.write(fd, data)
        if written < len(data):
            view = memoryview(data)[written:]
            while view:
                view = view[os.write(fd, view):]


def sync_file(fd: int) -> None:
    """Make data and metadata of a file durable."""
    step('fsync')
    with translate():
        os.fsync(fd)


def sync_data(fd: int) -> None:
    """Make the data of a file durable."""
    with translate():
        os.fdatasync(fd)


def drop_cache(fd: int, offset: int = 0, length: int = 0) -> None:
    """Tell the kernel that these pages (all with length 0) will not be read again soon."""
    with suppress(OSError):
        os.posix_fadvise(fd, offset, length, os.POSIX_FADV_DONTNEED)


def replace_file(path: str, data: bytes, tmp_dir: str, below: str) -> None:
    """Put ``data`` at ``path``, durably and at once, making directories up to ``below``."""
    make_dirs(tmp_dir, os.path.dirname(tmp_dir))
    with translate(path):
        step('open')
        fd, temporary = tempfile.mkstemp(dir=tmp_dir, suffix=_TEMPORARY_SUFFIX)
        try:
            try:
                step('write')
                write_all(fd, data)
                sync_file(fd)
            finally:
                os.close(fd)
            made = make_dirs(os.path.dirname(path), below)
            step('rename')
            try:
                os.rename(temporary, path)
            except FileNotFoundError:
                made = make_dirs(os.path.dirname(path), below)
                os.rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    sync_dirs(os.path.dirname(path), made)


@contextmanager
def opened(path: str, flags: int, mode: int = 0o666) -> Iterator[int]:
    """Open a descriptor for the length of a block."""
    fd = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        yield fd
    finally:
        os.close(fd)
