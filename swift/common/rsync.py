"""Run rsync beside the event loop, and say how it went.

Layer 1. The process writes to a pipe that the loop watches, and its end is a descriptor too: no
thread waits for it. Whatever happens, the process is gone and reaped when `run` returns.
"""
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from swift.common.green import wait_readable

OUTPUT_BYTES_MAX = 1 << 20
NOT_FOUND = 127
_READ_SIZE = 65536


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended: exit status, and what it had to say."""

    status: int
    output: str


def run(command: Sequence[str]) -> Run:
    """Run a command to its end. It limits its own silence (--timeout), so there is no other limit.
    """
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, write_fd, 1), (os.POSIX_SPAWN_DUP2, write_fd, 2)]
        try:
            pid = os.posix_spawnp(command[0], list(command), os.environ, file_actions=actions)
        except OSError as error:
            return Run(NOT_FOUND, f'{command[0]}: {error.strerror}')
        finally:
            os.close(write_fd)
        return _watch(pid, read_fd)
    finally:
        os.close(read_fd)


def _watch(pid: int, read_fd: int) -> Run:
    ended = None
    pid_fd = os.pidfd_open(pid)
    try:
        output = _read_all(read_fd)
        wait_readable(pid_fd)
        ended = os.waitpid(pid, 0)[1]
    finally:
        if ended is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(pid_fd)
    return Run(os.waitstatus_to_exitcode(ended), output.decode('utf-8', 'replace').strip())


def _read_all(fd: int) -> bytes:
    output = bytearray()
    while True:
        wait_readable(fd)
        data = os.read(fd, _READ_SIZE)
        if not data:
            return bytes(output)
        if len(output) < OUTPUT_BYTES_MAX:
            output += data
