"""Processes as an operator's tool sees them: pid files, liveness, signals.

Layer 1. A pid file holds the decimal pid of a manager or daemon, written by whoever started it.
A pid is believed only if the process is the right program with the right configuration, because
pids are used again after a reboot or a crash:

    /proc/<pid>/cmdline    .../swift-object-server /etc/swift/object-server/1.conf ...

Source: sheet 07 sections 7.3, 28.3, 28.5.
"""
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Verdict(Enum):
    """What a pid turned out to be."""

    RUNNING = 'running'
    GONE = 'gone'
    SOMETHING_ELSE = 'something else'
    FORBIDDEN = 'forbidden'


PROC = '/proc'
# Fields of a stat file after the name in parentheses.
_STATE, _PARENT, _SESSION, _START = 0, 1, 3, 19


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A living process: its parent, its session, its command line, its start.

    `start_ticks` are clock ticks since the machine was started.
    """

    pid: int
    parent: int
    session: int
    command: tuple[str, ...]
    start_ticks: int = 0


def look_up(pid: int, proc: str = PROC) -> ProcessInfo | None:
    """Return what /proc says about a process; None if it is gone or a zombie."""
    try:
        fields = Path(proc, str(pid), 'stat').read_bytes().rpartition(b')')[2].split()
        command = read_words(pid, 'cmdline', proc)
    except OSError:
        return None
    if fields[_STATE] == b'Z':
        return None
    return ProcessInfo(pid, int(fields[_PARENT]), int(fields[_SESSION]), command,
                       int(fields[_START]))


def read_words(pid: int, name: str, proc: str = PROC) -> tuple[str, ...]:
    """Return the words, each ended by NUL, of `cmdline` or `environ`. Raises OSError."""
    text = Path(proc, str(pid), name).read_bytes()
    return tuple(text.decode('utf-8', 'surrogateescape').rstrip('\0').split('\0'))


def all_processes(proc: str = PROC) -> Iterator[ProcessInfo]:
    """Yield every process that we may look at."""
    for name in os.listdir(proc):
        if name.isdecimal():
            info = look_up(int(name), proc)
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


def find_main(program: str, conf: str, pid_folder: str) -> int | None:
    """Return the pid of a main process whose pid file was lost; None if there is none.

    Main processes lead their session; workers that finish after a reload do not. Those that were
    started together have one command line: who has a pid file below ``pid_folder`` is not lost.
    """
    known = {read_pid(os.path.join(pid_folder, name)) for name in os.listdir(pid_folder)
             if name.endswith('.pid')} if os.path.isdir(pid_folder) else set()
    for info in all_processes():
        if (info.pid not in known and info.session == info.pid and conf in info.command
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
