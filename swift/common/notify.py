"""Telling service managers how far we are.

Layer 1. The datagrams READY=1, RELOADING=1 and STOPPING=1 go to

    \\0swift-notifications\\0<pid>    an abstract Unix socket on which swift-reload listens
    $NOTIFY_SOCKET                  systemd's (a leading @ means abstract)

Only the main process of a service notifies. A listener that is not there is no error.

Source: sheet 07 section 5.6.
"""
import os
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM
from _socket import socket as RawSocket  # the C class: notifying must not switch green threads

READY = b'READY=1'
RELOADING = b'RELOADING=1'
STOPPING = b'STOPPING=1'


def listening_address(pid: int) -> str:
    """Return the abstract address where the notifications of a main process can be had."""
    return '\0swift-notifications\0%d' % pid


def notify(state: bytes) -> None:
    """Send one state to whoever listens."""
    addresses = [listening_address(os.getpid())]
    systemd = os.environ.get('NOTIFY_SOCKET', '')
    if systemd:
        addresses.append('\0' + systemd[1:] if systemd.startswith('@') else systemd)
    for address in addresses:
        sock = RawSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
        try:
            sock.setblocking(False)
            sock.connect(address)
            sock.send(state)
        except OSError:
            pass
        finally:
            sock.close()


def forget_systemd() -> None:
    """In a child: leave notifying systemd to the main process."""
    os.environ.pop('NOTIFY_SOCKET', None)
