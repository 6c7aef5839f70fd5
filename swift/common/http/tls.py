"""TLS over a non-blocking socket, with the interface of a socket (layer 1).

For tests and small installations (sheet 04 section 18); real ones terminate TLS in front. Works
on memory BIOs, so that it neither depends on how the standard library's sockets are patched nor
blocks: whatever cannot go on raises BlockingIOError like a plain non-blocking socket.
"""
from __future__ import annotations

import ssl
from typing import Any

from swift.common.http.stream import READ_SIZE, Stream

RECORD_MAX = 16384               # plain bytes of one TLS record; bounds what is encrypted ahead


class TlsStream(Stream):
    """A stream whose bytes may sit in the TLS layer where the hub cannot see them."""

    __slots__ = ()
    eager = True


class TlsSocket:
    """Server or client side of one TLS connection; handshake() comes first."""

    def __init__(self, sock: Any, context: ssl.SSLContext, server_side: bool = True,
                 server_hostname: str | None = None) -> None:
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side,
                                     server_hostname=server_hostname)
        self._encrypted = b''            # made, not sent yet
        self._owed = 0                   # plain bytes in it that the caller does not know of

    def fileno(self) -> int:
        return self._sock.fileno()

    def handshake(self, stream: Stream, timeout: float) -> None:
        """Do the handshake, blocking the green thread. Raises OSError (ssl.SSLError is one)."""
        while True:
            try:
                self._tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            self._blocking_flush(stream, timeout)
            if done:
                return
            try:
                self._feed()
            except BlockingIOError:
                if not stream.ready.wait_read(timeout):
                    raise TimeoutError('TLS handshake') from None
            if self._incoming.eof:
                raise ConnectionResetError('closed during the TLS handshake')

    def _blocking_flush(self, stream: Stream, timeout: float) -> None:
        while True:
            try:
                self._flush()
                return
            except BlockingIOError:
                if not stream.ready.wait_write(timeout):
                    raise TimeoutError('TLS handshake') from None

    def _feed(self) -> None:
        data = self._sock.recv(READ_SIZE)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        while self._encrypted or self._outgoing.pending:
            if not self._encrypted:
                self._encrypted = self._outgoing.read()
            self._encrypted = self._encrypted[self._sock.send(self._encrypted):]

    def recv(self, size: int) -> bytes:
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                if self._outgoing.pending:
                    self._flush()        # answers of the TLS layer itself, such as key updates
                self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b''

    def send(self, data: Any) -> int:
        # Bytes count as sent when their record left: a caller that was told BlockingIOError
        # comes again with the same bytes, which are encrypted already.
        if not self._owed:
            self._owed = self._tls.write(memoryview(data)[:RECORD_MAX])
        self._flush()
        written, self._owed = self._owed, 0
        return written

    def sendmsg(self, parts: tuple) -> int:
        # One part only: a retry after BlockingIOError starts again with just that.
        return self.send(next(part for part in parts if part))

    def shutdown(self, how: int) -> None:
        try:
            self._tls.unwrap()
        except (ssl.SSLError, ValueError):
            pass
        try:
            self._flush()
        except OSError:
            pass
        self._sock.shutdown(how)

    def setsockopt(self, *args: Any) -> None:
        self._sock.setsockopt(*args)

    def close(self) -> None:
        self._sock.close()
