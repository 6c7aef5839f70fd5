"""One user at a time for something that disk threads work on and requests give up.

Layer 3. A request can end (timeout, lost client) while a disk thread is in the middle of a step
with its file. Closing the descriptor under that thread would let it read or write whatever file
gets the number next. And waiting for the thread would stop the event loop on a slow disk. So:
whoever finds the guard taken only leaves the wish to close; whoever lets go fulfils it.

    with guard: ...step...          GivenUp if it was closed before
    guard.close()                   now if idle, else at the end of the running step
"""
from collections.abc import Callable
from typing import Any

from swift.common.errors import DiskError
from swift.common.green import NativeLock


class GivenUp(DiskError):
    """The request that this step belonged to has ended."""


class Guard:
    """Calls ``close`` exactly once, when asked to and when no step is running."""

    __slots__ = ('_close', '_closed', '_closing', '_lock')

    def __init__(self, close: Callable[[], Any]):
        self._close = close
        self._lock = NativeLock()
        self._closing = False
        self._closed = False

    @property
    def is_closed(self) -> bool:
        return self._closing

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._closing:
            self._lock.release()
            self._close_if_idle()
            raise GivenUp('given up')

    def __exit__(self, *exc_info: Any) -> None:
        self._lock.release()
        # Read after the release: a wish that came before it was left to us.
        if self._closing:
            self._close_if_idle()

    def close(self) -> None:
        """Close now or at the end of the running step. Never waits."""
        self._closing = True
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._lock.acquire(False):
            try:
                if not self._closed:
                    self._closed = True
                    self._close()
            finally:
                self._lock.release()
