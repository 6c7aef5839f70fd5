"""Sockets to one server, kept open between requests.

Source: the client sheet, sections 1.4 and 9. A Pool belongs to one HTTPConnection; it hands out
Channels and takes back those whose response was read to its end. A channel that the server closed
meanwhile is found before it is used. TLS is imported only for https.
"""

import functools
import os
import select
import socket
import weakref
from collections import namedtuple

from swiftclient import failures, wire
from swiftclient.exceptions import ClientException

RECEIVE_SIZE = 65536  # bytes asked of the kernel at once
SEND_SIZE = 262144  # bytes given to it at once: a time limit holds for each piece
INTERIM_MAX = 100  # responses of status 1xx before the one that counts
IDLE_MAX = 10  # idle connections kept per server
CA_BUNDLE_VARIABLES = ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE')


class Server(namedtuple('Server', 'host port tls verify cert timeout')):
    """Where requests go, and how far it is trusted.

    `verify` is True, False, or a file or folder of certificates; `cert` the client's own, a file
    or a pair with that of the key; `timeout` seconds, or a pair: to connect, between octets.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        return f'[{self.host}]:{self.port}' if ':' in self.host else f'{self.host}:{self.port}'

    @property
    def timeouts(self) -> tuple[float | None, float | None]:
        return self.timeout if isinstance(self.timeout, tuple) else (self.timeout, self.timeout)


def tls_context(server: Server):
    """Return how to speak TLS to a server. ClientException: a file of it cannot be used."""
    verify = _authorities(server.verify)
    files = [verify] if isinstance(verify, str) else []
    files += [server.cert] if isinstance(server.cert, str) else server.cert or ()
    try:
        return _loaded_context(verify, server.cert, tuple(os.stat(f).st_mtime_ns for f in files))
    except OSError as err:  # ssl.SSLError is one
        raise ClientException(f'TLS with {server.name}: cannot use {", ".join(files)}: {err}')


@functools.lru_cache(maxsize=16)
def _loaded_context(verify: bool | str, cert: str | tuple | None, changed: tuple):
    """Return a context for files as they are; to load the authorities takes 20 ms."""
    import ssl

    context = ssl.create_default_context() if isinstance(verify, bool) else \
        ssl.create_default_context(**{'capath' if os.path.isdir(verify) else 'cafile': verify})
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(*((cert,) if isinstance(cert, str) else cert))
    return context


def _authorities(verify: bool | str) -> bool | str:
    """Return whose certificates are believed: like `requests`, the environment's or certifi's."""
    if verify is not True:
        return verify or False
    for variable in CA_BUNDLE_VARIABLES:
        if os.environ.get(variable):
            return os.environ[variable]
    from requests.certs import where
    return where()


class Channel:
    """One connection: octets out, octets in through a buffer. Not for two threads at once."""

    def __init__(self, server: Server):
        self.where = server.name
        self._buffer, self._at = b'', 0  # octets received, and how many of them were handed out
        connect_s, self._timeout_s = server.timeouts
        context = tls_context(server) if server.tls else None
        try:
            sock = socket.create_connection((server.host, server.port), connect_s)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context:
                sock = context.wrap_socket(sock, server_hostname=server.host)
            sock.settimeout(self._timeout_s)
        except OSError as err:
            raise failures.not_connected(self.where, err) from err
        self._sock = sock
        # Programs patched by eventlet have no poll; without it the answer costs two calls more.
        self._poll = select.poll() if hasattr(select, 'poll') else None
        if self._poll:
            self._poll.register(sock, select.POLLIN)

    def send(self, octets: bytes) -> None:
        try:
            if len(octets) <= SEND_SIZE:
                self._sock.sendall(octets)
                return
            view = memoryview(octets)
            for start in range(0, len(view), SEND_SIZE):
                self._sock.sendall(view[start:start + SEND_SIZE])
        except OSError as err:
            raise failures.lost(self.where, 'while sending', err) from err

    def heard(self) -> bool:
        """Tell without waiting whether the server said something, or closed.

        Cost: one poll. What came is kept for whoever reads next.
        """
        if self.holds_octets:
            return True
        if self._poll and not self._poll.poll(0):
            return False
        self._sock.settimeout(0)
        try:
            self._buffer, self._at = self._sock.recv(RECEIVE_SIZE), 0
        except BlockingIOError:
            return False
        except OSError as err:
            # TLS wakes up for records that hold no data, such as a ticket for the next session.
            return type(err).__name__ != 'SSLWantReadError'
        finally:
            self._sock.settimeout(self._timeout_s)
        return True  # octets, or none: the end

    @property
    def holds_octets(self) -> bool:
        return self._at < len(self._buffer)

    def _receive(self, size: int) -> bytes:
        try:
            return self._sock.recv(size)
        except OSError as err:
            raise failures.lost(self.where, 'while reading', err) from err

    def read_until(self, mark: bytes, limit: int) -> bytes:
        """Return what comes before the mark, which is passed over; at most `limit` bytes."""
        searched = self._at
        while True:
            found = self._buffer.find(mark, searched)
            if found >= 0:
                block = self._buffer[self._at:found]
                self._at = found + len(mark)
                return block
            rest = self._buffer[self._at:]
            if len(rest) > limit:
                raise failures.lost(self.where, 'while reading', f'more than {limit} bytes of head')
            more = self._receive(RECEIVE_SIZE)
            if not more:
                raise failures.lost(
                    self.where, 'while reading',
                    'the server closed it in the middle of a response' if rest
                    else 'the server closed it without a response')
            self._buffer, self._at = rest + more, 0
            searched = max(0, len(rest) - len(mark) + 1)

    def read_some(self, size: int) -> bytes:
        """Return between one and `size` bytes; none at the end of the connection."""
        if self.holds_octets:
            block = self._buffer[self._at:self._at + size]
            self._at += len(block)
            return block
        return self._receive(min(size, RECEIVE_SIZE))

    def is_fresh(self) -> bool:
        """Tell whether a connection that was idle can take another request."""
        return not self.heard()

    def close(self) -> None:
        self._sock.close()


class Pool:
    """Idle connections to one server; list operations are atomic, so that threads may share it."""

    def __init__(self):
        self._idle: list[Channel] = []
        # Programs that never close() get no warnings of sockets left open.
        weakref.finalize(self, _close_all, self._idle)

    def channel(self, server: Server) -> Channel:
        """Return an idle connection, the last used first, or a new one."""
        while self._idle:
            try:
                channel = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if channel.is_fresh():
                return channel
            channel.close()
        return Channel(server)

    def give_back(self, channel: Channel) -> None:
        if len(self._idle) < IDLE_MAX:
            self._idle.append(channel)
        else:
            channel.close()

    def close(self) -> None:
        _close_all(self._idle)


def _close_all(channels: list[Channel]) -> None:
    while channels:
        channels.pop().close()


def read_head(channel: Channel) -> wire.Head:
    """Return the head of the response, past interim ones such as 100 Continue."""
    for _ in range(INTERIM_MAX):
        try:
            head = wire.parse_head(channel.read_until(b'\r\n\r\n', wire.MAX_HEAD_SIZE))
        except wire.BadAnswer as err:
            raise failures.lost(channel.where, 'while reading', err) from err
        if head.status >= 200 or head.status == 101:
            return head
    raise failures.lost(channel.where, 'while reading', f'{INTERIM_MAX} interim responses')
