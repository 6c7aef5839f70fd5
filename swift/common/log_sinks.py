"""Ways for a finished log line to leave the process, none of which waits.

Layer 1. A sink takes the payload of one line and returns at once: a non-blocking `send`; when
the receiver's buffer is full the line waits in a bounded queue for the next call or `flush()`;
when the queue is full it is dropped and counted, and the first line that gets through again is
preceded by one saying how many were lost.

Invariants: lines keep their order; a broken receiver costs one failed connect per second; no
exception leaves `send`.

The C socket class is used directly: the green wrapper would add a hub round trip to each line,
and a log line must never switch to another green thread.

Source: sheet 07 sections 17.1 and 28.22.
"""
import os
import socket
import stat
import sys
from _socket import socket as RawSocket
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from swift.common.clock import SYSTEM, Clock
from swift.common.errors import would_block

QUEUE_LIMIT = 2000
DATAGRAM_SIZE_MAX = 60_000  # UDP carries 65507 bytes; what syslog daemons accept is far less
REOPEN_INTERVAL_S = 1.0
SEVERITY_NAMES = ('EMERG', 'ALERT', 'CRITICAL', 'ERROR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG')


class Sink(Protocol):
    """What a logger writes to."""

    def send(self, priority: int, text: str) -> None:
        """Take one line; never waits, never raises."""

    def flush(self) -> None:
        """Send what is queued, as far as it goes without waiting."""

    def close(self) -> None:
        """Flush and give the socket back."""


class NullSink:
    """Takes everything, keeps nothing."""

    def send(self, priority: int, text: str) -> None:
        """Forget the line."""

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class SyslogSink:
    """Lines to a syslog daemon: `<priority>text` with a closing NUL.

    `connect` returns a connected socket or raises OSError; it is called at the first line and
    again after the connection broke.
    """

    def __init__(self, connect: Callable[[], RawSocket], clock: Clock = SYSTEM,
                 queue_limit: int = QUEUE_LIMIT):
        self.dropped_count = 0
        self._connect = connect
        self._clock = clock
        self._queue_limit = queue_limit
        self._queue: deque[bytes] = deque()
        self._sock: RawSocket | None = None
        self._next_open = 0.0
        self._lost = 0

    def send(self, priority: int, text: str) -> None:
        """Send one line, or queue it, or count it as lost. Cost: one send(2)."""
        # Compat: a NUL ends each message, as syslog daemons expect on stream sockets.
        payload = b'<%d>%s\0' % (priority, text.encode('utf-8', 'backslashreplace'))
        if len(payload) > DATAGRAM_SIZE_MAX:
            payload = payload[:DATAGRAM_SIZE_MAX] + b'\0'
        if self._queue or self._lost:
            self.flush()
        if self._queue or not self._try(payload):
            self._keep(payload)

    def flush(self) -> None:
        """Send queued lines until the receiver's buffer is full."""
        queue = self._queue
        while queue:
            payload = queue.popleft()
            if not self._try(payload):
                queue.appendleft(payload)
                return
        if self._lost:
            lost, self._lost = self._lost, 0
            if not self._try(b'<44>swift: %d log lines were lost\0' % lost):
                self._lost += lost

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._drop_socket()

    def _keep(self, payload: bytes) -> None:
        if len(self._queue) < self._queue_limit:
            self._queue.append(payload)
        else:
            self._lost += 1
            self.dropped_count += 1

    def _try(self, payload: bytes) -> bool:
        """Send one payload; False when it has to wait."""
        for _attempt in range(2):  # a broken connection is replaced once
            sock = self._sock or self._open()
            if sock is None:
                return False
            try:
                sent = sock.send(payload)
                if sent < len(payload):  # streams only: the rest goes first, later
                    self._queue.appendleft(payload[sent:])
                return True
            except OSError as err:
                if would_block(err):
                    return False
                self._drop_socket()
        return False

    def _open(self) -> RawSocket | None:
        now = self._clock.monotonic()
        if now < self._next_open:
            return None
        self._next_open = now + REOPEN_INTERVAL_S
        try:
            self._sock = self._connect()
            self._sock.setblocking(False)
        except OSError:
            self._sock = None
        return self._sock

    def _drop_socket(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None


class FileSink:
    """Lines appended to a file, each with time and severity in front.

    One write(2) per line on an O_APPEND descriptor: processes may share the file. It is opened
    again when its name no longer leads to it (checked once a second), so that it can be rotated
    by renaming.
    """

    def __init__(self, path: str, clock: Clock = SYSTEM):
        self._path = path
        self._clock = clock
        self._fd: int | None = None
        self._second = -1
        self._stamp = ''
        # Opened by the starting user: a worker that has dropped privileges may not be able to.
        self._follow_renames()

    def send(self, priority: int, text: str) -> None:
        """Append one line; it is lost when the file cannot be written."""
        now = self._clock.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime('%Y-%m-%dT%H:%M:%S')
            self._follow_renames()
        if self._fd is None:
            return
        line = '%s.%03dZ %s %s\n' % (self._stamp, (now - second) * 1000,
                                     SEVERITY_NAMES[priority % 8], text)
        try:
            os.write(self._fd, line.encode('utf-8', 'backslashreplace'))
        except OSError:
            pass  # a full disk must not stop the service

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._second = -1

    def _follow_renames(self) -> None:
        if self._fd is not None and self._same_file():
            return
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return  # the old file, if any, stays in use
        if self._fd is not None:
            os.close(self._fd)
        self._fd = fd

    def _same_file(self) -> bool:
        try:
            there, mine = os.stat(self._path), os.fstat(self._fd)
        except OSError:
            return False
        return (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev)


class ConsoleSink:
    """Lines to a file descriptor, by default the one that was standard error at start."""

    def __init__(self, fd: int | None = None):
        self._fd = fd if fd is not None else _stderr_fd()

    def send(self, priority: int, text: str) -> None:
        """Write the line; an unwritable console is nobody's problem."""
        try:
            os.write(self._fd, text.encode('utf-8', 'backslashreplace') + b'\n')
        except OSError:
            pass

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """The descriptor is not ours."""


def _stderr_fd() -> int:
    try:
        return sys.__stderr__.fileno()
    except (AttributeError, OSError, ValueError):
        return 2


def udp_connect(host: str, port: int) -> RawSocket:
    """Return a UDP socket connected to `host`; raises OSError when the name is unknown."""
    family, kind, proto, _name, address = socket.getaddrinfo(
        host, port, 0, socket.SOCK_DGRAM)[0]
    sock = RawSocket(family, kind, proto)
    sock.connect(address)
    return sock


def unix_connect(path: str) -> RawSocket:
    """Return a socket connected to a syslog daemon's Unix socket, datagram or stream."""
    try:
        return _connected(socket.SOCK_DGRAM, path)
    except OSError:
        return _connected(socket.SOCK_STREAM, path)


def _connected(kind: int, path: str) -> RawSocket:
    sock = RawSocket(socket.AF_UNIX, kind)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


def syslog_sink(address: str, udp_host: str = '', udp_port: int = 514) -> SyslogSink:
    """Return the sink that the options log_address, log_udp_host and log_udp_port mean."""
    if udp_host:
        return SyslogSink(lambda: udp_connect(udp_host, udp_port))

    def connect() -> RawSocket:
        # Decided at each connect: the syslog daemon may come up after us.
        try:
            is_socket = stat.S_ISSOCK(os.stat(address).st_mode)
        except OSError:
            is_socket = False
        return unix_connect(address) if is_socket else udp_connect('localhost', 514)

    return SyslogSink(connect)
