"""Whether one request leaves the others their turn: `cooperative_period`.

Layer 3. A step of a body waits for its disk thread, and others run meanwhile; but a client whose
bytes are there already keeps the network part going. Off by default (sheet 02 §23.2).
"""
from collections.abc import Callable

from swift.common.green import sleep


def turns(period: int, chunk_size: int,
          pause: Callable[[], object] = sleep) -> Callable[[int], None]:
    """Return what a request calls with the number of bytes it has moved.

    It lets other requests run after every `period` chunks of `chunk_size` bytes; 0 = it never does.
    """
    if not period:
        return _keep_going
    moved = 0

    def note(size: int) -> None:
        nonlocal moved
        moved += size
        if moved >= period * chunk_size:
            moved = 0
            pause()
    return note


def _keep_going(_size: int) -> None:
    """Nobody asked for pauses."""
