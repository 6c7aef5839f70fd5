"""Who may work on a partition, on a device, on this server: locks of replication.

Layer 3. Files (sheet 02 §7.4), flock'ed exclusively; they die with the process that holds them:

    <partition>/.lock-replication        an incoming SSYNC session, or a handoff being reverted
    <device>/.lock, .lock-1 …            as many incoming sessions per device as there are files

and one slot per session of a server, over all of its worker processes: an abstract Unix socket
that only one process at a time can have, and that no crash leaves behind.

Waiting happens in the event loop: a disk thread that waited for a lock would keep other requests
from the device.
"""
import os
import socket
from _socket import socket as RawSocket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from swift.common import fs
from swift.common.clock import Clock
from swift.common.errors import LockTimeout, is_address_in_use
from swift.common.green import native_socket, sleep
from swift.common.locks import acquire
from swift.core.hashing import md5

PARTITION_LOCK = '.lock-replication'
REVERT_TIMEOUT_S = 0.2
_FIRST_PAUSE_S = 0.01
_PAUSE_SHARE = 0.01


class Held:
    """A lock file that is held. Close it; closing twice is fine."""

    __slots__ = ('_fd',)

    def __init__(self, fd: int):
        self._fd = fd

    def close(self) -> None:
        """Let go."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> 'Held':
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def try_lock(directory: str, device_path: str, names: tuple[str, ...]) -> Held | None:
    """Take any one of some lock files in a directory, which is made if missing; never waits.

    Blocks on disk only.
    """
    fs.make_dirs(directory, device_path)
    for name in names:
        try:
            return Held(acquire('%s/%s' % (directory, name), 0))
        except (LockTimeout, FileNotFoundError):
            continue
    return None


def wait_for(attempt: Callable[[], Held | None], timeout_s: float, path: str,
             clock: Clock) -> Held:
    """Repeat an attempt until it gives a lock. Raises LockTimeout."""
    deadline = clock.monotonic() + timeout_s
    pause = _FIRST_PAUSE_S
    while True:
        held = attempt()
        if held is not None:
            return held
        left = deadline - clock.monotonic()
        if left <= 0:
            raise LockTimeout(path=path, seconds=timeout_s)
        sleep(min(pause, left))
        pause = max(_FIRST_PAUSE_S, timeout_s * _PAUSE_SHARE)


def device_lock_names(count: int) -> tuple[str, ...]:
    """Return the names of the slots of a device."""
    return ('.lock', *('.lock-%d' % number for number in range(1, count)))


class SessionSlots:
    """At most ``limit`` sessions on one server, counted over its processes; 0: no limit."""

    def __init__(self, limit: int, *identity: object):
        self._limit = limit
        text = '/'.join(str(part) for part in identity)
        self._key = md5(text.encode('utf-8', 'surrogateescape')).hexdigest()

    @contextmanager
    def slot(self) -> Iterator[bool]:
        """Hold a slot for the length of the block; yields False if there is none."""
        with ExitStack() as stack:
            if not self._limit:
                yield True
                return
            sock = self._take()
            if sock is not None:
                stack.callback(sock.close)
            yield sock is not None

    def _take(self) -> RawSocket | None:
        for number in range(self._limit):
            sock = native_socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.bind('\0swift-ssync-%s-%d' % (self._key, number))
                return sock
            except OSError as error:
                sock.close()
                if not is_address_in_use(error):
                    raise
        return None
