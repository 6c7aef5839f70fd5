"""File operations in a row as one step: the interpreter lock is given up once for all of them.

Layer 1; blocks, for disk threads. A durable write is some twenty system calls. Each call from
Python gives the lock away and has to get it back from a busy event loop, which costs more than
the call itself (measured: fifteen context switches per small PUT). Here the calls are written
down first and then carried out together by ``_chain.c``:

    program = (make_dir(path), open_file(0, path, O_TMPFILE | O_WRONLY), write(0, body), fsync(0),
               link(0, target))
    made = run(program)

A program may read as well: ``read(program)`` returns what its reading steps found, bytes or None
where nothing was. A step that reads from an empty slot finds nothing.

DiskThreads.run_program() and read_program() have the same done by threads that never ask for the
interpreter lock.

The first operation that fails ends the program: ``Stopped`` says which, and nothing of it is
undone, except that descriptors are closed. What else to do about it is the caller's business.

Where the extension was not built, or a test watches the steps (``fs.step``), ``run_in_python``
does the same; a test holds the two together. A build of another version, or for another
interpreter, counts as not there: it would do something else than what is written down.
"""
import fcntl
import importlib
import os
import struct
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from swift.common import fs

Step = tuple[int, int, str | None, bytes | bool | None, int]
Program = tuple[Step, ...]

# Of _chain.c.
VERSION = 2
SLOTS = 4
LOCK_SHARED = fcntl.LOCK_SH | fcntl.LOCK_NB
LOCK_EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB

# The numbers of _chain.c.
(_OPEN, _CLOSE, _MKDIR, _MKDIR_NEW, _WRITE, _APPEND, _SETXATTR, _FSYNC, _FDATASYNC, _FLOCK,
 _IN_PLACE, _EXISTS, _LINK, _ROOM, _MOUNTED, _SAME, _EMPTY, _UNLINK, _LIST, _OPEN_LAST, _OPEN_IF,
 _STAT, _STATUS, _GETXATTR, _READ) = range(25)
_NAMES = {_MKDIR: 'mkdir', _MKDIR_NEW: 'mkdir', _WRITE: 'write', _APPEND: 'append',
          _SETXATTR: 'setxattr', _FSYNC: 'fsync', _FDATASYNC: 'fdatasync', _LINK: 'link',
          _UNLINK: 'unlink'}
_STUB = fs.MOUNT_STUB.encode()


class Stopped(Exception):
    """An operation failed. ``done``: how many went through before it; ``error``: an OSError."""

    def __init__(self, done: int, error: OSError):
        super().__init__(done, error)
        self.done = done
        self.error = error


def load_extension(name: str) -> Any:
    """Return the extension, None if it was not built; tell on stderr when it is of no use."""
    try:
        found = importlib.import_module(name)
    except ModuleNotFoundError:
        return None
    except ImportError as error:
        trouble = str(error)
    else:
        version = getattr(found, 'VERSION', None)
        if version == VERSION:
            return found
        trouble = f'{found.__file__} has version {version}, wanted is {VERSION}'
    # Modules are imported before there is a log.
    print(f'WARNING: file operations are slower without {name}, which must be built again: '
          f'{trouble}', file=sys.stderr)
    return None


_chain = load_extension('swift.common._chain')


def is_native() -> bool:
    """True iff programs run without the interpreter lock."""
    return _chain is not None and not fs.steps_are_watched()


def run(program: Program, fd: int = -1) -> int:
    """Carry out a program; return how many directories it made. Raises Stopped.

    ``fd`` is in slot 0 at first and stays open; what the program opens is closed at its end.
    """
    if _chain is None or fs.steps_are_watched():
        return run_in_python(program, fd)
    return outcome(program, *_chain.run(program, fd))[0]


def read(program: Program) -> list[bytes | None]:
    """Carry out a program that reads; return what its reading steps found. Raises Stopped."""
    if _chain is None or fs.steps_are_watched():
        return read_in_python(program)
    return outcome(program, *_chain.run(program, -1))[1]


def outcome(program: Program, done: int, number: int, made: int, found: list[bytes | None]
            ) -> tuple[int, list[bytes | None]]:
    """Return what run() and read() do, or raise, given what the extension reports."""
    if number:
        raise Stopped(done, OSError(number, os.strerror(number), program[done][2]))
    return made, found


def new_crew(threads: int, wake_fd: int) -> Any:
    """Return threads of the extension (see _chain.c), for DiskThreads. Only if is_native()."""
    return _chain.Crew(threads, wake_fd)


def peek(directory: str, data: str, meta: str | None, size: int
         ) -> tuple[bytes, bytes, bytes | None, bytes | None] | None:
    """Return what memory holds of a directory and one or two files in it; None if too little.

    That is their packed statuses, and the content of ``data`` if it has ``size`` bytes (with a
    negative size it is not read). Waits for nothing, thus may be called in the event loop. Only if
    is_native().
    """
    return _chain.peek(directory, data, meta, size)


# -- operations --------------------------------------------------------------------------------

def open_file(slot: int, path: str, flags: int, readable_by_all: bool = False) -> Step:
    """Open a file into a free slot; a new one gets mode 0600, or 0644."""
    return _OPEN, slot, path, readable_by_all or None, flags


def close(slot: int) -> Step:
    """Close what is in a slot."""
    return _CLOSE, slot, None, None, 0


def make_dir(path: str) -> Step:
    """Make a directory unless it is there. The one above must exist."""
    return _MKDIR, 0, path, None, 0


def make_new_dir(path: str) -> Step:
    """Make a directory, which must not be there yet."""
    return _MKDIR_NEW, 0, path, None, 0


def write(slot: int, data: bytes) -> Step:
    """Write all of ``data`` at the current position."""
    return _WRITE, slot, None, data, 0


def append(slot: int, data: bytes, size_max: int) -> Step:
    """Add a record to a file opened for appending: all of it, or nothing when it does not fit.

    Fails as well when the file is longer than ``size_max`` before.
    """
    return _APPEND, slot, None, data, size_max


def set_attribute(slot: int, name: str, value: bytes) -> Step:
    """Set an extended attribute."""
    return _SETXATTR, slot, name, value, 0


def fsync(slot: int) -> Step:
    """Make a file, or the entries of a directory, durable."""
    return _FSYNC, slot, None, None, 0


def fdatasync(slot: int) -> Step:
    """Make the data of a file durable."""
    return _FDATASYNC, slot, None, None, 0


def lock(slot: int, kind: int) -> Step:
    """Lock a file as LOCK_SHARED or LOCK_EXCLUSIVE; fails when that would mean to wait."""
    return _FLOCK, slot, None, None, kind


def still_in_place(slot: int) -> Step:
    """Fail when the file has no name any more: a lock on a deleted file protects nothing."""
    return _IN_PLACE, slot, None, None, 0


def exists(path: str) -> Step:
    """Fail when nothing is at ``path``."""
    return _EXISTS, 0, path, None, 0


def link(slot: int, target: str) -> Step:
    """Give an unnamed file its name; fails when the name is taken."""
    return _LINK, slot, target, None, 0


def room(slot: int, limit: int) -> Step:
    """Fail unless the file system has more than ``limit`` bytes left."""
    return _ROOM, slot, None, None, limit


def mounted(path: str) -> Step:
    """Fail unless something is mounted at ``path``, as fs.is_mount() says."""
    return _MOUNTED, 0, path, _STUB, 0


def unchanged(path: str, status: os.stat_result) -> Step:
    """Fail unless what is at ``path`` has the inode, modification time and size of ``status``."""
    return _SAME, 0, path, _marks(status), 0


def unlink(path: str) -> Step:
    """Remove a file unless it is gone already."""
    return _UNLINK, 0, path, None, 0


def empty(path: str) -> Step:
    """Fail unless the file at ``path`` is empty or not there."""
    return _EMPTY, 0, path, None, 0


def list_dir(path: str) -> Step:
    """Read the names in a directory; names_in() takes them apart."""
    return _LIST, 0, path, None, 0


def open_last(slot: int, path: str, ending: bytes) -> Step:
    """Open for reading the greatest of the names listed last that end so, if there is one."""
    return _OPEN_LAST, slot, path, ending, os.O_RDONLY


def open_if_there(slot: int, path: str) -> Step:
    """Open a file for reading unless nothing is there."""
    return _OPEN_IF, slot, path, None, os.O_RDONLY


def get_status_of(path: str) -> Step:
    """Read the status of what is at ``path``, as get_status() does."""
    return _STAT, 0, path, None, 0


def get_status(slot: int) -> Step:
    """Read what status_in() takes apart."""
    return _STATUS, slot, None, None, 0


def get_attribute(slot: int, name: str) -> Step:
    """Read an extended attribute; at most 64 KiB of it."""
    return _GETXATTR, slot, name, None, 0


def get_content(slot: int, size_max: int) -> Step:
    """Read a file to its end; find nothing if it is longer than ``size_max``."""
    return _READ, slot, None, None, size_max


# -- what was read -------------------------------------------------------------------------------

class Status(NamedTuple):
    """What get_status() finds, under the names of os.stat_result."""
    st_dev: int
    st_ino: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int


_STATUS_FORM = struct.Struct('=5q')


def names_in(listed: bytes) -> list[str]:
    """Return the names that list_dir() found."""
    return os.fsdecode(listed).split('\0')[:-1]


def status_in(packed: bytes) -> Status:
    """Return the status that get_status() found."""
    return Status._make(_STATUS_FORM.unpack(packed))


# -- the same without the extension --------------------------------------------------------------

def run_in_python(program: Program, fd: int = -1) -> int:
    """Like run(), operation by operation, announcing each durable one (``fs.step``)."""
    return _carry_out(program, fd)[0]


def read_in_python(program: Program) -> list[bytes | None]:
    """Like read()."""
    return _carry_out(program, -1)[1]


def _carry_out(program: Program, fd: int) -> tuple[int, list[bytes | None]]:
    fds = [fd] + [-1] * (SLOTS - 1)
    found: list[bytes | None] = []
    listed = b''
    made = done = 0
    try:
        for op, *step in program:
            name = _NAMES.get(op)
            if name is not None:
                fs.step(name)
            if op in _READING:
                found.append(_READING[op](fds, *step))
                listed = found[-1] if op == _LIST else listed
            elif op == _OPEN_LAST:
                _open_last(fds, listed, *step)
            else:
                made += _OPERATIONS[op](fds, *step) or 0
            done += 1
    except OSError as error:
        raise Stopped(done, error) from None
    finally:
        for opened in fds:
            if opened not in (-1, fd):
                os.close(opened)
    return made, found


def _open(fds: list[int], slot: int, path: str, readable_by_all: bool, flags: int) -> None:
    fds[slot] = os.open(path, flags | os.O_CLOEXEC, 0o644 if readable_by_all else 0o600)


def _close(fds: list[int], slot: int, *_rest: object) -> None:
    opened, fds[slot] = fds[slot], -1
    os.close(opened)


def _make_dir(_fds: list[int], _slot: int, path: str, *_rest: object) -> int:
    try:
        os.mkdir(path)
        return 1
    except FileExistsError:
        return 0


def _make_new_dir(_fds: list[int], _slot: int, path: str, *_rest: object) -> int:
    os.mkdir(path)
    return 1


def _write(fds: list[int], slot: int, _text: None, data: bytes, _number: int) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fds[slot], view):]


def _append(fds: list[int], slot: int, _text: None, data: bytes, size_max: int) -> None:
    length = os.fstat(fds[slot]).st_size
    if length > size_max:
        raise OSError('too long')
    try:
        _write(fds, slot, None, data, 0)
    except OSError:
        os.ftruncate(fds[slot], length)
        raise


def _still_in_place(fds: list[int], slot: int, *_rest: object) -> None:
    if not os.fstat(fds[slot]).st_nlink:
        raise FileNotFoundError('deleted')


def _room(fds: list[int], slot: int, _text: None, _data: None, limit: int) -> None:
    info = os.fstatvfs(fds[slot])
    if info.f_bavail * info.f_frsize <= limit:
        raise OSError('no room')


def _marks(status: os.stat_result) -> bytes:
    return struct.pack('=3q', status.st_ino, status.st_mtime_ns, status.st_size)


def _same(_fds: list[int], _slot: int, path: str, marks: bytes, _number: int) -> None:
    if _marks(os.stat(path)) != marks:
        raise OSError('changed')


def _empty(_fds: list[int], _slot: int, path: str, *_rest: object) -> None:
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        return
    if size:
        raise OSError('not empty')


def _mounted(_fds: list[int], _slot: int, path: str, *_rest: object) -> None:
    if not fs.is_mount(path):
        raise FileNotFoundError('not mounted')


def _unlink(_fds: list[int], _slot: int, path: str, *_rest: object) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _open_last(fds: list[int], listed: bytes, slot: int, path: str, ending: bytes,
               flags: int) -> None:
    if names := [name for name in listed.split(b'\0')[:-1] if name.endswith(ending)]:
        _open(fds, slot, os.path.join(path, os.fsdecode(max(names))), False, flags)


def _open_if_there(fds: list[int], slot: int, path: str, _data: None, flags: int) -> None:
    try:
        _open(fds, slot, path, False, flags)
    except FileNotFoundError:
        pass


def _list(_fds: list[int], _slot: int, path: str, *_rest: object) -> bytes:
    return b''.join(os.fsencode(name) + b'\0' for name in os.listdir(path))


def _status(fds: list[int], slot: int, *_rest: object) -> bytes | None:
    if fds[slot] < 0:
        return None
    return _packed(os.fstat(fds[slot]))


def _status_of(_fds: list[int], _slot: int, path: str, *_rest: object) -> bytes:
    return _packed(os.stat(path))


def _packed(info: os.stat_result) -> bytes:
    return _STATUS_FORM.pack(info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns,
                             info.st_ctime_ns)


def _get_attribute(fds: list[int], slot: int, name: str, *_rest: object) -> bytes | None:
    if fds[slot] < 0:
        return None
    try:
        return os.getxattr(fds[slot], name)
    except OSError as error:
        if fs.lacks_attribute(error):
            return None
        raise


def _content(fds: list[int], slot: int, _text: None, _data: None, size_max: int) -> bytes | None:
    if fds[slot] < 0:
        return None
    size = os.fstat(fds[slot]).st_size
    if size > size_max:
        return None
    data = b''
    while len(data) < size:
        more = os.read(fds[slot], size - len(data))
        if not more:
            break
        data += more
    return data


_READING: dict[int, Callable[..., bytes | None]] = {
    _LIST: _list, _STAT: _status_of, _STATUS: _status, _GETXATTR: _get_attribute, _READ: _content}
_OPERATIONS: dict[int, Callable[..., int | None]] = {
    _OPEN: _open, _CLOSE: _close, _MKDIR: _make_dir, _MKDIR_NEW: _make_new_dir, _WRITE: _write,
    _APPEND: _append, _IN_PLACE: _still_in_place, _ROOM: _room, _MOUNTED: _mounted,
    _SAME: _same, _EMPTY: _empty, _UNLINK: _unlink, _OPEN_IF: _open_if_there,
    _SETXATTR: lambda fds, slot, name, value, _number: os.setxattr(fds[slot], name, value),
    _FSYNC: lambda fds, slot, *_rest: os.fsync(fds[slot]),
    _FDATASYNC: lambda fds, slot, *_rest: os.fdatasync(fds[slot]),
    _FLOCK: lambda fds, slot, _text, _data, kind: fcntl.flock(fds[slot], kind),
    _EXISTS: lambda _fds, _slot, path, *_rest: os.stat(path) and None,
    _LINK: lambda fds, slot, target, *_rest: os.link(
        '/proc/self/fd/%d' % fds[slot], target, src_dir_fd=fds[slot], follow_symlinks=True),
}
