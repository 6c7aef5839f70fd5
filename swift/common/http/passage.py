"""The body of an answer on its way from a peer's connection to another socket, past the process.

Layer 1. ``splice(2)`` moves pages from the one socket into a pipe, and from there to the other:
nothing is copied, and Python sees no byte of it.

    peer's socket --splice--> pipe --splice--> client's socket

For bodies that nobody has to look at; see Response.passes and http/answer.py (``sender``). Memory:
what fits into the pipe. Pipes are kept for the next transfer, as long as they are empty.
"""
import fcntl
import os
from collections.abc import Callable

from swift.common.green import sleep
from swift.common.http.client import Response

PIPE_BYTES = 1 << 20
# Of a body that flows without a wait; then others have their turn.
_TURN_BYTES = 4 << 20
_KEPT_MAX = 32
_kept: list[tuple[int, int]] = []


class Remainder:
    """Bytes on their way into a socket that takes them piece by piece; one body's, in its order."""

    __slots__ = ('_data',)

    def __init__(self) -> None:
        self._data = b''

    def __bool__(self) -> bool:
        return bool(self._data)

    def step(self, fd: int, following: Callable[[], bytes]) -> int:
        """Send what is left, else what `following` gives; return how many bytes, 0 when it is full.
        """
        if not self._data:
            self._data = following()
        try:
            sent = os.write(fd, self._data)
        except BlockingIOError:
            return 0
        self._data = self._data[sent:]
        return sent


def _new_pipe() -> tuple[int, int]:
    ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:
        pass                             # a user may have so many pages in pipes; small ones do
    return ends


class Passage:
    """One body's way into the socket ``fd``. Whoever made it closes it."""

    __slots__ = ('_ends', '_fd', '_held', '_response', '_turn')

    def __init__(self, response: Response, fd: int):
        self._response = response
        self._fd = fd
        self._held = 0                   # bytes in the pipe
        self._turn = 0
        self._ends: tuple[int, int] | None = _kept.pop() if _kept else _new_pipe()

    def step(self) -> int:
        """Move on; return how many bytes the socket took, 0 when it is full.

        Waits for the peer. Raises TransportError when it fails (all that came from it has then
        been sent), ConnectionError when the socket does.
        """
        assert self._ends is not None, 'the passage is closed'
        if not self._held:
            self._held = self._response.splice(self._ends[1], PIPE_BYTES)
        try:
            sent = os.splice(self._ends[0], self._fd, self._held, flags=os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            self._turn = 0               # the caller waits
            return 0
        except ConnectionError:
            raise
        except OSError as error:
            raise ConnectionAbortedError(error.errno, error.strerror) from error
        self._held -= sent
        self._turn += sent
        if self._turn >= _TURN_BYTES:
            self._turn = 0
            sleep(0)
        return sent

    def close(self) -> None:
        """Give the pipe up. Idempotent."""
        ends, self._ends = self._ends, None
        if ends is None:
            return
        if not self._held and len(_kept) < _KEPT_MAX:
            _kept.append(ends)
            return
        for end in ends:
            os.close(end)

    def __del__(self) -> None:
        self.close()
