"""Our programs among the processes of a machine, with their age (layer 4).

What counts is a Python interpreter that runs a script called swift-*, wherever both are
installed. Two things keep tools that signal from hitting others:

* a process whose environment names another run directory belongs to another cluster of the
  machine;
* whoever looks, and the processes it was started by, are never listed.

    /proc/uptime             seconds since the machine was started
    /proc/<pid>/environ      readable for our own processes and for root; the rest is told in
                             common/processes.py

Source: sheet 07 section 9, weak point 14.
"""
from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from swift.common.processes import PROC, all_processes, look_up, read_pid, read_words
from swift.common.services import DEFAULT_RUN_DIR

INTERPRETER = re.compile(r'python[0-9.]*')
PROGRAM = re.compile(r'swift-[a-z-]+')
LINE_WIDTH = 80


@dataclass(frozen=True, slots=True)
class SwiftProcess:
    """A living process that runs one of our programs. `run_dir` is None where we may not look."""

    pid: int
    parent: int
    age_s: float
    command: tuple[str, ...]
    run_dir: str | None = None

    @property
    def hours(self) -> int:
        return int(self.age_s // 3600)


def is_ours(command: Iterable[str]) -> bool:
    """Return whether a command line is an interpreter that runs a program of ours."""
    words = list(command)
    if not words or not INTERPRETER.fullmatch(os.path.basename(words[0])):
        return False
    script = next((word for word in words[1:] if not word.startswith('-')), '')
    return PROGRAM.fullmatch(os.path.basename(script)) is not None


def swift_processes(proc: str = PROC, own_pid: int | None = None,
                    ticks_per_s: int | None = None) -> list[SwiftProcess]:
    """Return our processes by pid, without the caller and its ancestors."""
    ticks_per_s = ticks_per_s or os.sysconf('SC_CLK_TCK')
    up_s = float(Path(proc, 'uptime').read_text().split()[0])
    hidden = set(_ancestors(proc, own_pid or os.getpid()))
    return [SwiftProcess(info.pid, info.parent, up_s - info.start_ticks / ticks_per_s,
                         info.command, _run_dir(proc, info.pid))
            for info in sorted(all_processes(proc), key=attrgetter('pid'))
            if info.pid not in hidden and is_ours(info.command)]


def _ancestors(proc: str, pid: int) -> Iterator[int]:
    while pid > 0:
        yield pid
        info = look_up(pid, proc)
        pid = info.parent if info else 0


def _run_dir(proc: str, pid: int) -> str | None:
    try:
        environ = read_words(pid, 'environ', proc)
    except OSError:
        return None
    if not any(environ):
        return None
    values = dict(word.partition('=')[::2] for word in environ)
    return os.path.abspath(values.get('SWIFT_RUN_DIR') or DEFAULT_RUN_DIR)


def pids_in(run_dir: str) -> set[int]:
    """Return the pids that the pid files below a directory name."""
    found = {read_pid(str(path)) for path in Path(run_dir).rglob('*.pid')}
    return found - {None}


def orphans(processes: Iterable[SwiftProcess], kept: set[int],
            run_dir: str) -> list[SwiftProcess]:
    """Return the processes of this cluster that no pid file accounts for, directly or by parent.

    A daemon that was told to run once ends by itself and is none.
    """
    return [process for process in processes
            if process.pid not in kept and process.parent not in kept
            and process.run_dir in (None, run_dir)
            and not {'once', '--once', '-o'} & set(process.command[2:])]


def table(processes: Iterable[SwiftProcess], wide: bool = False) -> list[str]:
    """Return lines for people: hours, pid, command."""
    processes = list(processes)
    width = max([len('PID'), *(len(str(process.pid)) for process in processes)])
    lines = [f'Hours {"PID":>{width}} Command', *(
        f'{process.hours:>5} {process.pid:>{width}} {" ".join(process.command)}'
        for process in processes)]
    return lines if wide else [line[:LINE_WIDTH] for line in lines]
