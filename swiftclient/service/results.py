"""Result dictionaries and the ways in which results of many jobs reach one caller.

A job never raises: `settle` turns what it raises into the failed form of its result, with the
keys `success`, `error`, `traceback` and `error_timestamp`. `Batch` keeps a bounded number of
jobs submitted and yields what they return, and what they emit on the way, as it comes.

Source: sheet 08, sections 4.1 and 4.3 (common result keys).
"""
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, as_completed
from queue import Queue, SimpleQueue
from typing import Any

from swiftclient.service.errors import SwiftError
from swiftclient.utils import report_traceback

logger = logging.getLogger('swiftclient.service')

# Jobs of one batch that are submitted and not yet reported; the rest waits in the caller's list.
BATCH_WINDOW = 1000
FUTURE_TIMEOUT_S = 86400
QUEUE_TIMEOUT_S = 864000


def failed(result: dict, error: BaseException) -> dict:
    """Return `result` completed as a failure; call it while `error` is being handled."""
    traceback, timestamp = report_traceback()
    # Expected failures such as 404 reach the caller in the result; the log needs no traceback.
    logger.debug('%s failed: %s', result.get('action'), error)
    result.update(success=False, error=error, traceback=traceback, error_timestamp=timestamp)
    return result


def settle(result: dict, work: Callable[..., dict | None], *args: Any) -> dict:
    """Return `result` with what `work` adds, or with the error that it raises."""
    try:
        result.update(work(*args) or {})
    except Exception as error:  # the boundary of a job: a caller sees every failure in its result
        return failed(result, error)
    result.setdefault('success', True)
    return result


def failure(result: dict, error: Exception) -> dict:
    """Return `result` as failed by `error`, which nobody has raised yet."""
    def fail():
        raise error

    return settle(result, fail)


class ResultsIterator:
    """Results of futures in the order of completion."""

    def __init__(self, futures: Iterable[Future]):
        self.futures = interruptable_as_completed(futures)

    def __iter__(self) -> 'ResultsIterator':
        return self

    def __next__(self) -> dict:
        return get_future_result(next(self.futures))

    next = __next__  # Compat: callers written for the iterator of Python 2


def get_future_result(f: Future, timeout: float = FUTURE_TIMEOUT_S) -> Any:
    return f.result(timeout=timeout)


def get_from_queue(q: Queue, timeout: float = QUEUE_TIMEOUT_S) -> Any:
    return q.get(timeout=timeout)


def interruptable_as_completed(fs: Iterable[Future],
                               timeout: float = FUTURE_TIMEOUT_S) -> Iterator[Future]:
    return as_completed(fs, timeout=timeout)


class Batch:
    """Runs jobs through a pool and yields their results, at most BATCH_WINDOW in flight.

    Jobs may `emit` results of their own parts (segments) before they end. With `fail_fast` the
    first failure cancels the jobs that have not begun; each of them yields its result with the
    status `cancelled`.
    """

    def __init__(self, fail_fast: bool = False, window: int = BATCH_WINDOW):
        self._fail_fast = fail_fast
        self._window = window
        self._arrived: SimpleQueue = SimpleQueue()
        self._outlines: dict[Future, dict] = {}
        self._stopped = False

    def emit(self, result: dict) -> None:
        """Hand a part's result to the caller; may be called from any thread."""
        self._arrived.put(result)

    def run(self, jobs: Iterable[tuple[dict, Callable[[], Future]]]) -> Iterator[dict]:
        """Yield the results of `jobs`, pairs of (outline of the result, function that submits).

        The outline becomes the result of a job that is cancelled or that dies.
        """
        waiting = iter(jobs)
        try:
            self._top_up(waiting)
            while self._outlines or not self._arrived.empty():
                result = self._next()
                yield result
                if self._fail_fast and result.get('success') is False and not self._stopped:
                    self._stopped = True
                    for future in list(self._outlines):
                        future.cancel()
                self._top_up(waiting)
        finally:
            for future in list(self._outlines):
                future.cancel()

    def _top_up(self, waiting: Iterator) -> None:
        while len(self._outlines) < self._window:
            outline, submit = next(waiting, (None, None))
            if submit is None:
                return
            if self._stopped:
                self._arrived.put(_cancelled(outline))
                continue
            future = submit()
            self._outlines[future] = outline
            future.add_done_callback(self._arrived.put)

    def _next(self) -> dict:
        arrived = self._arrived.get()
        if isinstance(arrived, dict):
            return arrived
        outline = self._outlines.pop(arrived)
        try:
            return arrived.result()
        except CancelledError:
            return _cancelled(outline)
        except Exception as error:  # the pool could not even make a connection
            return failed(outline, error)


def _cancelled(outline: dict) -> dict:
    """Result of a job that never began. It has `success`, so that callers may always ask."""
    return dict(outline, status='cancelled', success=False,
                error=SwiftError('cancelled after an earlier failure'))
