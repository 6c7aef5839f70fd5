"""Processes as an operator's tool sees them: pid files, liveness, signals.

Layer 1. A pid file holds the decimal pid of a manager or daemon, written by whoever started it.
A pid is believed only if the process is the right program with the right configuration, because
pids are used again after a reboot or a crash:

    /proc/<pid>/cmdline    .../swift-object-server /etc/swift/object-server/1.conf ...

Source: sheet 07 sections 7.3, 28.3, 28.5.
"""
import os
import signal
from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Verdict(Enum):
    """What a pid turned out to be."""

    RUNNING = 'running'
    GONE = 'gone'
    SOMETHING_ELSE = 'something else'
    FORBIDDEN = 'forbidden'


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A living process: its parent, its session, its command line."""

    pid: int
    parent: int
    session: int
    command: tuple[str, ...]


def look_up(pid: int) -> ProcessInfo | None:
    """Return what /proc says about a process; None if it is gone or a zombie."""
    try:
        fields = Path('/proc/%d/stat' % pid).read_bytes().rpartition(b')')[2].split()
        command = Path('/proc/%d/cmdline' % pid).read_bytes()
    except OSError:
        return None
    if fields[0] == b'Z':
        return None
    words = command.decode('utf-8', 'surrogateescape').rstrip('\0').split('\0')
    return ProcessInfo(pid, int(fields[1]), int(fields[3]), tuple(words))


def all_processes() -> Iterator[ProcessInfo]:
    """Yield every process that we may look at."""
    for name in os.listdir('/proc'):
        if name.isdecimal():
            info = look_up(int(name))
            if info is not None:
                yield info


def runs(info: ProcessInfo, program: str, conf: str) -> bool:
    """Tell whether a process is `program` with the configuration `conf`.

    A command line with a relative path proves nothing either way and is believed.
    """
    if program not in ' '.join(info.command):
        return False
    paths = [word for word in info.command
             if word.startswith('/') and word.rstrip('/').endswith(('.conf', '.conf.d'))]
    return not paths or conf in paths


def verdict(pid: int, program: str, conf: str) -> Verdict:
    """Return what the process with this pid is to us."""
    info = look_up(pid)
    if info is None:
        return Verdict.GONE
    return Verdict.RUNNING if runs(info, program, conf) else Verdict.SOMETHING_ELSE


def find_main(program: str, conf: str, known: Container[int] = ()) -> int | None:
    """Return the pid of a main process whose pid file was lost; None if there is none.

    Main processes lead their session; workers that finish after a reload do not. Siblings that
    share memory have one command line with all their configurations: those in `known` have pid
    files of their own, and are not what is looked for.
    """
    for info in all_processes():
        if (info.session == info.pid and info.pid not in known and conf in info.command
                and any(os.path.basename(word) == program for word in info.command)):
            return info.pid
    return None


def send(pid: int, number: int, group: bool = False) -> Verdict:
    """Signal a process or its group; RUNNING means that it was delivered."""
    try:
        if group:
            os.killpg(os.getpgid(pid), number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return Verdict.GONE
    except PermissionError:
        return Verdict.FORBIDDEN
    return Verdict.RUNNING


def kill_group(pid: int) -> Verdict:
    """SIGKILL a process together with its workers."""
    return send(pid, signal.SIGKILL, group=True)


# -- pid files --------------------------------------------------------------------------------

def read_pid(path: str) -> int | None:
    """Return the pid in a file; None when it holds none."""
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.strip().isdecimal() and int(text) > 0 else None


def write_pid(path: str, pid: int) -> None:
    """Write a pid file, making its directory. Raises PermissionError naming the directory."""
    directory = os.path.dirname(path)
    try:
        os.makedirs(directory, exist_ok=True)
        with open(path, 'w') as stream:
            stream.write(str(pid))
    except PermissionError:
        raise PermissionError('Unable to create %s.  Running as non-root?'
                              % directory) from None


def remove_pid(path: str) -> None:
    """Remove a pid file that is of no use any more."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
