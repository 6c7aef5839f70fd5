"""The connections of the memcached client: bytes out, bytes in, each with a deadline (layer 1).

One interface, ``send recv close``, over a plain socket and over TLS. Errors are the operating
system's; the client in ``swift.common.memcached`` decides what they mean.
"""
import socket
from ssl import SSLContext

from swift.common import green
from swift.common.disk_threads import run_in_thread


class PlainWire:
    """A TCP connection: bytes out, bytes in, each with a deadline."""

    __slots__ = ('_ready', '_sock')

    def __init__(self, address: tuple[str, int], timeout_s: float):
        self._sock = green.connect(_resolve(address), timeout_s)
        self._ready = green.Readiness(self._sock.fileno())

    def send(self, data: bytes, timeout_s: float) -> None:
        while data:
            try:
                data = data[self._sock.send(data):]
            except BlockingIOError:
                if not self._ready.wait_write(timeout_s):
                    raise TimeoutError('the server takes no more bytes')

    def recv(self, size: int, timeout_s: float) -> bytes:
        # The reply is never there yet when this is called, so waiting comes before reading.
        while True:
            if not self._ready.wait_read(timeout_s):
                raise TimeoutError('no reply')
            try:
                return self._sock.recv(size)
            except BlockingIOError:
                continue

    def close(self) -> None:
        self._ready.close()
        self._sock.close()

    def __del__(self) -> None:
        # A descriptor closed behind the hub's back would confuse its next user.
        if hasattr(self, '_ready'):
            self.close()


class TlsWire:
    """The same through TLS, on the standard library's (patched) sockets."""

    __slots__ = ('_sock',)

    def __init__(self, address: tuple[str, int], timeout_s: float, context: SSLContext):
        sock = socket.create_connection(address, timeout_s)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock = context.wrap_socket(sock, server_hostname=address[0])
        except BaseException:
            sock.close()
            raise

    def send(self, data: bytes, timeout_s: float) -> None:
        self._sock.settimeout(timeout_s)
        self._sock.sendall(data)

    def recv(self, size: int, timeout_s: float) -> bytes:
        self._sock.settimeout(timeout_s)
        return self._sock.recv(size)

    def close(self) -> None:
        self._sock.close()


def _resolve(address: tuple[str, int]) -> tuple[str, int]:
    """Return (ip, port); a name is looked up in a thread, since the resolver blocks."""
    host, port = address
    if ':' in host or host.replace('.', '').isdigit():
        return address
    found = run_in_thread(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    return found[0][4][:2]
