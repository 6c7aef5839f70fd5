"""A line that says how far a long pass of a tool is (layer 4).

On a terminal it is written over itself at most once per interval and is gone at the end; into
files and pipes nothing is written, so that logs of cron jobs stay readable.

    with Progress('containers', total=2621) as progress:
        progress.step()                    containers: 120 of 2621 (4%)
"""
from __future__ import annotations

import sys
from typing import Any, TextIO

from swift.common.clock import SYSTEM, Clock

INTERVAL_S = 0.5
CLEAR_LINE = '\r\x1b[K'


class Progress:
    """How much of a pass is done. Steps are made by one thread; cost: one clock reading."""

    def __init__(self, what: str, total: int | None = None, *, out: TextIO | None = None,
                 clock: Clock = SYSTEM) -> None:
        self._what = what
        self._total = total
        self._out = out or sys.stderr
        self._clock = clock
        self._done = 0
        self._next_s = clock.monotonic() + INTERVAL_S
        self._on_screen = False
        self._is_terminal = self._out.isatty()

    def step(self, count: int = 1) -> None:
        """Count what was done since the last call."""
        self._done += count
        if self._is_terminal and self._clock.monotonic() >= self._next_s:
            self._next_s = self._clock.monotonic() + INTERVAL_S
            self._write(CLEAR_LINE + str(self))
            self._on_screen = True

    def clear(self) -> None:
        """Take the line away, before something else is printed and at the end."""
        if self._on_screen:
            self._write(CLEAR_LINE)
            self._on_screen = False

    def __str__(self) -> str:
        if not self._total:
            return f'{self._what}: {self._done}'
        return f'{self._what}: {self._done} of {self._total} ({100 * self._done // self._total}%)'

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_exc_info: Any) -> None:
        self.clear()
