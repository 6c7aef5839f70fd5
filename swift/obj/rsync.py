"""Run rsync beside the event loop, and say how it went.

Layer 3. The process writes to a pipe that the loop watches, its end is a descriptor too: no thread
waits for it. Whatever happens the process is gone, and reaped, when ``run_rsync`` returns.
"""
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from swift.common.clock import Clock
from swift.common.green import wait_readable

OUTPUT_BYTES_MAX = 16 << 20
_READ_SIZE = 65536
_NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class RsyncRun:
    """How a run ended: exit status (None: killed after its time), output lines."""
    status: int | None
    lines: tuple[str, ...]


def run_rsync(command: Sequence[str], timeout_s: float, clock: Clock) -> RsyncRun:
    """Run a command and return when it has ended, or was killed after ``timeout_s`` seconds."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            actions = [(os.POSIX_SPAWN_DUP2, write_fd, 1), (os.POSIX_SPAWN_DUP2, write_fd, 2)]
            pid = os.posix_spawnp(command[0], list(command), os.environ, file_actions=actions)
        except OSError as error:
            return RsyncRun(_NOT_FOUND, ('%s: %s' % (command[0], error.strerror),))
        finally:
            os.close(write_fd)
        return _watch(pid, read_fd, clock.monotonic() + timeout_s, clock)
    finally:
        os.close(read_fd)


def _watch(pid: int, read_fd: int, deadline: float, clock: Clock) -> RsyncRun:
    ended = None
    pid_fd = os.pidfd_open(pid)
    try:
        output = _read_all(read_fd, deadline, clock)
        if output is not None and wait_readable(pid_fd, max(0.0, deadline - clock.monotonic())):
            ended = os.waitpid(pid, 0)[1]
    finally:
        if ended is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(pid_fd)
    lines = tuple((output or b'').decode('utf-8', 'replace').splitlines())
    return RsyncRun(None if ended is None else os.waitstatus_to_exitcode(ended), lines)


def _read_all(fd: int, deadline: float, clock: Clock) -> bytes | None:
    """Return what comes until the pipe is closed; None if the time is over before."""
    pieces: list[bytes] = []
    size = 0
    while True:
        left = deadline - clock.monotonic()
        if left <= 0 or not wait_readable(fd, left):
            return None
        data = os.read(fd, _READ_SIZE)
        if not data:
            return b''.join(pieces)
        if size < OUTPUT_BYTES_MAX:
            pieces.append(data)
            size += len(data)


def log_run(logger: Any, run: RsyncRun, command: Sequence[str], lines: Sequence[str]) -> None:
    """Log the end of a run: quietly if it went well."""
    if run.status is None:
        logger.error('Killing long-running rsync: %s', ' '.join(command))
        return
    for line in lines:
        (logger.error if run.status else logger.debug)('%s', line)
    if run.status:
        logger.error('Bad rsync return code: %d <- %s', run.status, list(command))
