"""A daemon in several processes, each with a share of the devices, watched by their parent.

Layer 1. The parent does nothing but this; every POLL_S seconds:

    dead worker -> started again        devices changed -> all ended, dealt out anew
    once: wait for all

Workers end with their parent: TERM goes to the whole process group (swift.common.daemon).
"""
import os
import signal
from collections.abc import Callable, Sequence
from typing import Any

from swift.common.daemon import be_child

POLL_S = 5.0


def deal_out(devices: Sequence[str], workers: int) -> list[tuple[str, ...]]:
    """Return the share of each worker: round robin over the sorted devices, none without any."""
    names = sorted(set(devices))
    count = min(workers, len(names))
    return [tuple(names[start::count]) for start in range(count)]


def run_workers(shares: Sequence[Any], work: Callable[[Any], None], logger: Any) -> int:
    """Run `work(share)` in a process per share and wait for all; return how many failed."""
    workers = _Workers(work, logger)
    workers.start(shares)
    return workers.wait()


def supervise(current_shares: Callable[[], Sequence[Any]], work: Callable[[Any], None],
              logger: Any, sleep: Callable[[float], None],
              every_turn: Callable[[], None]) -> None:
    """Keep a process per share running for ever. `every_turn` is called between looks."""
    workers = _Workers(work, logger)
    shares: Sequence[Any] = []
    while True:
        found = current_shares()
        if found != shares:
            workers.end()
            shares = found
            workers.start(shares)
        workers.restart_dead()
        every_turn()
        sleep(POLL_S)


class _Workers:
    """The children of one parent, by process id."""

    def __init__(self, work: Callable[[Any], None], logger: Any):
        self._work = work
        self._logger = logger
        self._running: dict[int, Any] = {}

    def start(self, shares: Sequence[Any]) -> None:
        """Start a process for each share."""
        for share in shares:
            pid = os.fork()
            if pid == 0:
                be_child(self._work, share, self._logger)
            self._running[pid] = share

    def restart_dead(self) -> None:
        """Start again what has ended."""
        for pid in list(self._running):
            if os.waitpid(pid, os.WNOHANG)[0]:
                share = self._running.pop(pid)
                self._logger.warning('Worker %d for %s ended; starting another', pid, share)
                self.start([share])

    def end(self) -> None:
        """End all workers."""
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)
        self.wait()

    def wait(self) -> int:
        """Wait for all workers; return how many failed."""
        failed = 0
        for pid in list(self._running):
            failed += os.waitpid(pid, 0)[1] != 0
            del self._running[pid]
        return failed
