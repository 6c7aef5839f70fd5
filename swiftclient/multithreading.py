"""Threads and output: the pools that jobs run on, and a printer that keeps lines whole.

A ConnectionThreadPoolExecutor hands each job a connection of its own; connections are made when
first needed, and low-numbered ones are used again first, so no more than necessary are opened.
MultiThreadingManager holds four such pools. They are separate because jobs wait for jobs: an
upload waits for its segments and a delete for the segments it removes. A job may wait only for a
job of another pool, and segment jobs wait for nobody, so the pools cannot block each other.

Part of the client package: standard library only. Source: sheet 08, section 3.
"""
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import PriorityQueue
from typing import Any, TextIO


class OutputManager:
    """Print to two streams from many threads; lines of one stream appear in the order of calls.

    Each stream has a lock and callers write themselves. Compat: the streams default to those of
    the process at the time of creation, as programs that capture output expect.
    """

    DEFAULT_OFFSET = 14

    def __init__(self, print_stream: TextIO | None = None, error_stream: TextIO | None = None):
        self.print_stream = print_stream or sys.stdout
        self.error_stream = error_stream or sys.stderr
        self.error_count = 0
        # Called around every write; a progress display takes itself off the terminal meanwhile.
        self.before_write: Callable[[], None] | None = None
        self._print_lock = threading.RLock()
        self._error_lock = threading.RLock()

    def __enter__(self) -> 'OutputManager':
        return self

    def __exit__(self, *exc_info: object) -> None:
        for stream in (self.print_stream, self.error_stream):
            stream.flush()

    def print_raw(self, data: bytes) -> None:
        """Write bytes as they are, and flush."""
        with self._print_lock:
            stream = getattr(self.print_stream, 'buffer', self.print_stream)
            self.print_stream.flush()
            stream.write(data)
            stream.flush()

    def print_msg(self, msg: str, *fmt_args: object) -> None:
        self._write(self._print_lock, self.print_stream, msg, fmt_args)

    def print_items(self, items: Iterable[tuple[str, Any]], offset: int = DEFAULT_OFFSET,
                    skip_missing: bool = False) -> None:
        """Print `label: value` lines with the labels right-aligned in `offset` columns."""
        for label, value in items:
            if not skip_missing or value:
                self.print_msg(f'{label:>{offset}}: {value}'.rstrip())

    def error(self, msg: str, *fmt_args: object) -> None:
        """Print an error and count it: the program's exit status depends on the count."""
        with self._error_lock:
            self.error_count += 1
            self._write(self._error_lock, self.error_stream, msg, fmt_args)

    def warning(self, msg: str, *fmt_args: object) -> None:
        self._write(self._error_lock, self.error_stream, msg, fmt_args)

    def error_with_txn_id(self, swift_err: Any) -> None:
        """Print what a SwiftError says and the transaction that an operator can look up."""
        self.error('%s\nFailed Transaction ID: %s', swift_err.value,
                   swift_err.transaction_id or 'unknown')

    def get_error_count(self) -> int:
        return self.error_count

    def _write(self, lock: threading.RLock, stream: TextIO, msg: str, fmt_args: tuple) -> None:
        text = msg % fmt_args if fmt_args else msg
        with lock:
            if self.before_write:
                self.before_write()
            stream.write(f'{text}\n')


class ConnectionThreadPoolExecutor(ThreadPoolExecutor):
    """A thread pool whose jobs get a connection as their first argument."""

    def __init__(self, create_connection: Callable[[], Any], max_workers: int):
        super().__init__(max_workers)
        self._create_connection = create_connection
        # (number, connection or None): numbers are unique, connections are never compared.
        self._slots: PriorityQueue[tuple[int, Any]] = PriorityQueue()
        for number in range(max_workers):
            self._slots.put((number, None))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Run `fn(connection, *args, **kwargs)` on a thread of the pool."""
        return super().submit(self._with_connection, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop the threads; after waiting for them, close their connections."""
        super().shutdown(wait=wait, cancel_futures=cancel_futures)
        if not wait:
            return
        while not self._slots.empty():
            _number, connection = self._slots.get_nowait()
            if connection is not None:
                connection.close()

    def _with_connection(self, fn: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
        number, connection = self._slots.get()
        try:
            if connection is None:
                connection = self._create_connection()
            return fn(connection, *args, **kwargs)
        finally:
            self._slots.put((number, connection))


class MultiThreadingManager:
    """The four pools of one service, shut down together on leaving the `with` block.

    `object_dd_pool` downloads, deletes and looks up; `object_uu_pool` uploads, posts and copies.
    """

    def __init__(self, create_connection: Callable[[], Any], segment_threads: int = 10,
                 object_dd_threads: int = 10, object_uu_threads: int = 10,
                 container_threads: int = 10):
        def pool(threads: int) -> ConnectionThreadPoolExecutor:
            return ConnectionThreadPoolExecutor(create_connection, threads)

        self.segment_pool = pool(segment_threads)
        self.object_dd_pool = pool(object_dd_threads)
        self.object_uu_pool = pool(object_uu_threads)
        self.container_pool = pool(container_threads)

    def __enter__(self) -> 'MultiThreadingManager':
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Wait for the jobs under way; jobs of a failed block that have not begun never do."""
        failed = exc_info[:1] != (None,) and bool(exc_info)
        for pool in (self.container_pool, self.object_uu_pool, self.object_dd_pool,
                     self.segment_pool):
            pool.shutdown(cancel_futures=failed)
