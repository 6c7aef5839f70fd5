"""Bytes in and out of one connection, blocking only the green thread (layer 1).

A ``Stream`` owns a non-blocking socket (or a ``TlsSocket``), the waiting for it, and the few
bytes that were received but not consumed. It never receives more than it was asked for plus
what a head or a chunk line needs (at most READ_SIZE), so a slow consumer is felt by the peer.

Every operation tries the system call first and waits only when the kernel says so. Waits are
bounded by ``timeout`` seconds of silence, not of the whole transfer. Errors are those of the
operating system: TimeoutError for silence, other OSError for a broken connection; EndOfStream
when the peer closed where more was due. Client and server translate them.
"""
from __future__ import annotations

import os
import struct
from typing import Any

from swift.common.green import Readiness, native_socket

READ_SIZE = 65536
_LINGER_RESET = struct.pack('ii', 1, 0)


class EndOfStream(Exception):
    """The peer closed the connection where more bytes were due."""


class BadFraming(Exception):
    """What was received does not follow the rules of its framing."""


class Stream:
    """One connection. Its owner closes it, exactly one green thread reads, one writes."""

    __slots__ = ('buffer', 'closed', 'position', 'ready', 'sock')
    eager = False                    # True: try to receive before relying on readiness

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.ready = Readiness(sock.fileno())
        self.buffer = b''                # received; consumed up to position
        self.position = 0
        self.closed = False

    def receive(self, size: int, timeout: float | None) -> bytes:
        """Return 1 to ``size`` bytes fresh from the peer, b'' when it closed."""
        while True:
            try:
                return self.sock.recv(size)
            except BlockingIOError:
                pass
            if not self.ready.wait_read(timeout):
                raise TimeoutError if not self.closed else ConnectionAbortedError('closed')

    def read_some(self, size: int, timeout: float | None) -> bytes:
        """Return 1 to ``size`` bytes, b'' when the peer closed."""
        buffer = self.buffer
        if not buffer:
            return self.receive(min(size, READ_SIZE), timeout)
        position = self.position
        data = buffer[position:position + size]
        position += len(data)
        if position >= len(buffer):
            self.buffer = b''
            self.position = 0
        else:
            self.position = position
        return data

    def splice(self, pipe_fd: int, size: int, timeout: float | None) -> int:
        """Move up to ``size`` fresh bytes into an empty pipe; return how many, 0: peer closed."""
        while True:
            try:
                return os.splice(self.sock.fileno(), pipe_fd, size, flags=os.SPLICE_F_NONBLOCK)
            except BlockingIOError:
                pass
            if not self.ready.wait_read(timeout):
                raise TimeoutError if not self.closed else ConnectionAbortedError('closed')

    def read_line(self, limit: int, timeout: float | None) -> bytes:
        """Return the bytes up to CR LF, without it. Raises BadFraming beyond ``limit`` bytes."""
        while True:
            end = self.buffer.find(b'\n', self.position)
            if end >= 0:
                break
            if len(self.buffer) - self.position >= limit:
                raise BadFraming(f'line longer than {limit} bytes')
            self.fill(timeout)
        line = self.buffer[self.position:end + 1]
        self.position = end + 1
        if self.position >= len(self.buffer):
            self.buffer = b''
            self.position = 0
        if len(line) > limit or line[-2:] != b'\r\n' or line.count(b'\r') != 1:
            raise BadFraming('bad line ending')
        return line[:-2]

    def fill(self, timeout: float | None) -> None:
        """Receive more into the buffer. Raises EndOfStream when the peer closed."""
        data = self.receive(READ_SIZE, timeout)
        if not data:
            raise EndOfStream
        self.buffer = self.buffer[self.position:] + data if self.buffer else data
        self.position = 0

    def take_buffer(self) -> bytes:
        """Remove and return everything buffered."""
        data = self.buffer[self.position:] if self.position else self.buffer
        self.buffer = b''
        self.position = 0
        return data

    def send(self, data: bytes, timeout: float | None) -> None:
        """Send all of ``data``; ``timeout`` bounds each wait for room."""
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:], timeout)

    def send_parts(self, parts: tuple[bytes, ...], timeout: float | None) -> None:
        """Send several pieces in one system call without copying them together."""
        try:
            sent = self.sock.sendmsg(parts)
        except BlockingIOError:
            sent = 0
        for part in parts:
            size = len(part)
            if sent >= size:
                sent -= size
            else:
                self._send_rest(memoryview(part)[sent:], timeout)
                sent = 0

    def _send_rest(self, rest: memoryview, timeout: float | None) -> None:
        while rest:
            if not self.ready.wait_write(timeout):
                raise TimeoutError if not self.closed else ConnectionAbortedError('closed')
            try:
                rest = rest[self.sock.send(rest):]
            except BlockingIOError:
                continue

    def is_stale(self) -> bool:
        """Tell whether an idle connection has been closed, or spoken on, by its peer."""
        if self.buffer:
            return True
        try:
            data = self.sock.recv(1)
        except BlockingIOError:
            return False
        except OSError:
            return True
        # A byte that nobody asked for, or the end: either way not to be used again.
        del data
        return True

    def direct_fd(self) -> int | None:
        """Return the descriptor that bytes may be sent to past this object; None with TLS."""
        return None if self.closed or self.eager else self.sock.fileno()

    def finish_sending(self) -> None:
        """Tell the peer that nothing more comes; it may still send."""
        try:
            self.sock.shutdown(native_socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        """Close the connection. Idempotent; a green thread waiting for it is woken."""
        if not self.closed:
            self.closed = True
            self.ready.close()
            self.sock.close()

    def __del__(self) -> None:
        # A descriptor closed behind the hub's back would confuse its next user.
        if not getattr(self, 'closed', True):
            self.close()

    def abort(self) -> None:
        """Close so that the peer sees a reset: what it received is known to be incomplete."""
        if not self.closed:
            try:
                self.sock.setsockopt(native_socket.SOL_SOCKET, native_socket.SO_LINGER,
                                     _LINGER_RESET)
            except OSError:
                pass
            self.close()
