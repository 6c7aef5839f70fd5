"""The line at the bottom of a terminal: files, bytes, rate, time left.

Shown only if both output streams are terminals and the user did not ask for quiet; otherwise the
service is given nobody to tell and pays nothing. `line_of` is pure. Jobs call `add` from their
threads; the line is drawn at most every REDRAW_S seconds and taken off before anything else is
printed. Source: demands beyond the sheet.
"""
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

REDRAW_S = 0.1
ERASE = '\r\x1b[K'
_on_screen: list['Progress'] = []


def line_of(files: int, total_files: int | None, sent: int, total: int | None,
            elapsed_s: float) -> str:
    """Return the text for `sent` of `total` bytes (None: unknown) after `elapsed_s` seconds."""
    rate = sent / elapsed_s if elapsed_s > 0 else 0.0
    parts = [f'{files}{f"/{total_files}" if total_files is not None else ""} files',
             readable(sent) + (f' of {readable(total)}' if total is not None else ''),
             f'{readable(rate)}/s']
    if total is not None and rate > 0:
        left = max(0, total - sent) / rate
        minutes, seconds = divmod(round(left), 60)
        hours, minutes = divmod(minutes, 60)
        parts.append(f'{hours}:{minutes:02d}:{seconds:02d} left')
    return ', '.join(parts)


def readable(size: float) -> str:
    for unit in ('B', 'KiB', 'MiB', 'GiB'):
        if size < 1024:
            return f'{size:.0f} {unit}' if unit == 'B' else f'{size:.1f} {unit}'
        size /= 1024
    return f'{size:.1f} TiB'


class Progress:
    """Counts what jobs tell and draws it. Safe to use from many threads."""

    def __init__(self, stream: Any, clock: Any = time.monotonic):
        self._stream = stream
        self._clock = clock
        self._begin = clock()
        self._drawn_at = self._begin - REDRAW_S  # the first news is shown at once
        self._lock = threading.Lock()
        self._files, self._bytes = 0, 0
        self._total_files: int | None = None
        self._total_bytes: int | None = None
        self._visible = False

    def expect(self, sources: Iterable[Any]) -> None:
        """Take the totals from what will be uploaded; a stream's size is unknown."""
        files, size = 0, 0
        for source in sources:
            files += 1
            if isinstance(source, str) and os.path.isfile(source):
                size += os.path.getsize(source)
            elif not isinstance(source, str):
                self.expect_totals(files, None)
                return
        self.expect_totals(files, size)

    def expect_totals(self, files: int | None, size: int | None) -> None:
        self._total_files, self._total_bytes = files, size

    def add(self, count: int) -> None:
        """Count bytes that went over the wire; negative when an attempt begins again."""
        with self._lock:
            self._bytes += count
            self._draw_if_due()

    def file_done(self) -> None:
        with self._lock:
            self._files += 1
            self._draw_if_due()

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._visible:
            self._visible = False
            self._stream.write(ERASE)
            self._stream.flush()

    def _draw_if_due(self) -> None:
        now = self._clock()
        if now - self._drawn_at < REDRAW_S:
            return
        self._drawn_at = now
        text = line_of(self._files, self._total_files, self._bytes, self._total_bytes,
                       now - self._begin)
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(ERASE + text[:width])
        self._stream.flush()
        self._visible = True


class NoProgress:
    """Stands where nothing is shown."""

    def expect(self, sources: Iterable[Any]) -> None:
        """There is nobody to tell."""

    def expect_totals(self, files: int | None, size: int | None) -> None:
        """There is nobody to tell."""

    def file_done(self) -> None:
        """There is nobody to tell."""


@contextmanager
def shown_progress(options: dict, output: Any) -> Iterator[Any]:
    """Yield the display of a transfer and make it the option `progress` of the service."""
    if options['verbose'] < 1 or not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield NoProgress()
        return
    progress = Progress(sys.stderr)
    options['progress'] = progress
    output.before_write = progress.clear
    _on_screen.append(progress)
    try:
        yield progress
    finally:
        _on_screen.remove(progress)
        output.before_write = None
        progress.clear()


def clear_terminal() -> None:
    """Take what is shown off the terminal, for a process that ends at once."""
    for progress in list(_on_screen):
        progress.clear()
