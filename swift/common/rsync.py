"""Run rsync beside the event loop, and say how it went.

Layer 1. The process writes to a pipe that the loop watches, and its end is a descriptor too: no
thread waits for it. Whatever happens, the process is gone and reaped when `run` returns.
"""
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from swift.common.clock import SYSTEM, Clock
from swift.common.green import wait_readable

# Of a run over a suffix with many files, which names each.
OUTPUT_BYTES_MAX = 16 << 20
NOT_FOUND = 127
_READ_SIZE = 65536


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended: exit status (None: killed after its time), and what it had to say."""

    status: int | None
    lines: tuple[str, ...]


def run(command: Sequence[str], timeout_s: float | None = None, clock: Clock = SYSTEM) -> Run:
    """Run a command to its end, or kill it after ``timeout_s`` seconds.

    None: it limits its own silence (--timeout), and may take as long as it moves.
    """
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, write_fd, 1), (os.POSIX_SPAWN_DUP2, write_fd, 2)]
        try:
            pid = os.posix_spawnp(command[0], list(command), os.environ, file_actions=actions)
        except OSError as error:
            return Run(NOT_FOUND, (f'{command[0]}: {error.strerror}',))
        finally:
            os.close(write_fd)
        return _watch(pid, read_fd, _TimeLeft(timeout_s, clock))
    finally:
        os.close(read_fd)


class _TimeLeft:
    """Waits that together take no longer than allowed."""

    def __init__(self, timeout_s: float | None, clock: Clock) -> None:
        self._clock = clock
        self._deadline = None if timeout_s is None else clock.monotonic() + timeout_s

    def wait_readable(self, fd: int) -> bool:
        """Return whether a descriptor became readable in time."""
        if self._deadline is None:
            return wait_readable(fd)
        left = self._deadline - self._clock.monotonic()
        return left > 0 and wait_readable(fd, left)


def _watch(pid: int, read_fd: int, time: _TimeLeft) -> Run:
    ended = None
    pid_fd = os.pidfd_open(pid)
    try:
        output = _read_all(read_fd, time)
        if output is not None and time.wait_readable(pid_fd):
            ended = os.waitpid(pid, 0)[1]
    finally:
        if ended is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(pid_fd)
    lines = tuple((output or b'').decode('utf-8', 'replace').splitlines())
    return Run(None if ended is None else os.waitstatus_to_exitcode(ended), lines)


def _read_all(fd: int, time: _TimeLeft) -> bytes | None:
    """Return what comes until the pipe is closed; None if the time is over before."""
    output = bytearray()
    while time.wait_readable(fd):
        data = os.read(fd, _READ_SIZE)
        if not data:
            return bytes(output)
        if len(output) < OUTPUT_BYTES_MAX:
            output += data
    return None


def log_run(logger: Any, run: Run, command: Sequence[str], lines: Sequence[str]) -> None:
    """Log the end of a run, and lines of it: quietly if it went well."""
    if run.status is None:
        logger.error('Killing long-running rsync: %s', ' '.join(command))
        return
    for line in lines:
        (logger.error if run.status else logger.debug)('%s', line)
    if run.status:
        logger.error('Bad rsync return code: %d <- %s', run.status, list(command))
