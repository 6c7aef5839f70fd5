"""Listening sockets, and which addresses and ports are ours.

Layer 1. Each worker has a socket of its own on the same address (SO_REUSEPORT): the kernel
spreads connections evenly and no worker steals another's. The kernel would give a second manager
its share as well, without a word; a PortGuard keeps it away.

Source: sheet 07 sections 3.1, 5.2 step 6, 5.4.
"""
import ctypes
import ipaddress
import os
import socket
from _socket import socket as RawSocket
from collections.abc import Callable, Iterable

from swift.common.clock import SYSTEM, Clock
from swift.common.config.common import CommonServerOptions
from swift.common.errors import BindError, is_address_in_use
from swift.common.green import native_socket, sleep

RETRY_INTERVAL_S = 0.1
PORT_MISSING = ("bind_port wasn't properly set in the config file. It must be explicitly set to "
                'a valid port number.')


class PortGuard:
    """The ports of one manager: what it took, no other manager gets while it lives.

    A port stands for an abstract Unix socket, which no crash leaves behind. Only the manager
    may have it open, not its workers: those that outlive it do not keep the next one away.
    """

    def __init__(self, sockets: Iterable[RawSocket] = ()):
        """`sockets` are those of the image that this one replaces."""
        self._held = {sock.getsockname(): sock for sock in sockets}

    def take(self, address: str, port: int) -> bool:
        """Tell whether the port is ours from now on, or was already."""
        name = self._name(address, port)
        if name in self._held:
            return True
        sock = native_socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(name)
        except OSError as err:
            sock.close()
            if is_address_in_use(err):
                return False
            raise
        self._held[name] = sock
        return True

    def release(self, address: str, port: int) -> None:
        """Give a port back."""
        sock = self._held.pop(self._name(address, port), None)
        if sock is not None:
            sock.close()

    def close(self) -> None:
        """Close our descriptors; in a worker the manager keeps its own."""
        for sock in self._held.values():
            sock.close()
        self._held.clear()

    @property
    def sockets(self) -> list[RawSocket]:
        """What the next image of this manager must inherit."""
        return list(self._held.values())

    @staticmethod
    def _name(address: str, port: int) -> bytes:
        return b'\0swift-manager\0%s:%d' % (address.encode(), port)


def bind(options: CommonServerOptions, port: int, guard: PortGuard, clock: Clock = SYSTEM,
         wait: Callable[[float], None] = sleep) -> socket.socket:
    """Return a socket that listens on bind_ip and `port`.

    Retries for bind_timeout seconds while somebody else has the port, then raises BindError.
    """
    deadline = clock.monotonic() + options.bind_timeout
    while True:
        if guard.take(options.bind_ip, port):
            sock = _listen(options, port)
            if sock is not None:
                return sock
        if clock.monotonic() >= deadline:
            raise BindError('Could not bind to %s:%s after trying for %g seconds'
                            % (options.bind_ip, port, options.bind_timeout),
                            options.bind_ip, port)
        wait(RETRY_INTERVAL_S)


def _listen(options: CommonServerOptions, port: int) -> socket.socket | None:
    """Return a listening socket, None while the address is in use."""
    sock = _open(options, port)
    try:
        sock.bind((options.bind_ip, port))
        sock.listen(options.backlog)
        return sock
    except OSError as err:
        sock.close()
        if is_address_in_use(err):
            return None
        raise BindError('Could not bind to %s:%s: %s' % (options.bind_ip, port, err),
                        options.bind_ip, port) from None


def _open(options: CommonServerOptions, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(options.bind_ip, port, socket.AF_UNSPEC,
                                    socket.SOCK_STREAM)[0][0]
    except OSError as err:
        raise BindError('Could not bind to %s:%s: %s' % (options.bind_ip, port, err),
                        options.bind_ip, port) from None
    sock = native_socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    configure(sock, options)
    return sock


def configure(sock: RawSocket, options: CommonServerOptions) -> None:
    """Set what accepted connections inherit."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, 'TCP_KEEPIDLE'):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, options.keep_idle)


def inherited(fd: int) -> socket.socket:
    """Return the listening socket behind a descriptor that survived an exec."""
    sock = native_socket.socket(fileno=fd)
    os.set_inheritable(fd, False)
    return sock


def describe(options: CommonServerOptions, port: int) -> str:
    """Return `ip:port` for log lines."""
    return '%s:%s' % (options.bind_ip, port)


# -- local addresses ------------------------------------------------------------------------------

class _SockAddr(ctypes.Structure):
    _fields_ = [('family', ctypes.c_ushort), ('data', ctypes.c_ubyte * 26)]


class _IfAddrs(ctypes.Structure):
    pass


_IfAddrs._fields_ = [('next', ctypes.POINTER(_IfAddrs)), ('name', ctypes.c_char_p),
                     ('flags', ctypes.c_uint), ('addr', ctypes.POINTER(_SockAddr))]


def local_addresses(ring_ip: str = '0.0.0.0') -> list[str]:
    """Return the addresses under which rings may list this machine.

    A specific `ring_ip` is the answer itself; the any-address means all addresses of all
    interfaces. IPv6 addresses come in their compressed form, as in rings.
    """
    try:
        if ring_ip and not ipaddress.ip_address(ring_ip).is_unspecified:
            return [str(ipaddress.ip_address(ring_ip))]
    except ValueError:
        return [ring_ip]  # a host name: rings may hold those too
    libc = ctypes.CDLL(None, use_errno=True)
    head = ctypes.POINTER(_IfAddrs)()
    if libc.getifaddrs(ctypes.byref(head)) != 0:
        raise OSError(ctypes.get_errno(), 'getifaddrs failed')
    found, node = [], head
    try:
        while node:
            entry = node.contents
            if entry.addr:
                data = bytes(entry.addr.contents.data)
                if entry.addr.contents.family == socket.AF_INET:
                    found.append(socket.inet_ntop(socket.AF_INET, data[2:6]))
                elif entry.addr.contents.family == socket.AF_INET6:
                    found.append(socket.inet_ntop(socket.AF_INET6, data[6:22]))
            node = entry.next
    finally:
        libc.freeifaddrs(head)
    return found


def local_ports(devices: Iterable, addresses: Iterable[str]) -> set[int]:
    """Return the ports of those ring devices (mappings or Nodes) that are on this machine."""
    mine = set(addresses)
    return {device['port'] for device in devices if device is not None and device['ip'] in mine}
