"""What must be true before a cluster can start, each failure in one clear sentence (layer 4)."""
import os
import socket

from swift.cli.saio.bootstrap import Trouble, find_program
from swift.cli.saio.layout import Layout

SHOWN_PORTS = 4       # of those in use; an old cluster on the same ports has all of them


def is_listening(ip: str, port: int, timeout_s: float = 0.5) -> bool:
    with socket.socket() as sock:
        sock.settimeout(timeout_s)
        return sock.connect_ex((ip, port)) == 0


def can_bind(ip: str, port: int) -> bool:
    """Is the address ours to take? (No SO_REUSEPORT: another server there means no.)"""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((ip, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port that the kernel says is free on 127.0.0.1 now."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def check_ports(layout: Layout) -> None:
    """Raise Trouble naming the first addresses that somebody else holds."""
    taken = [f'{ip}:{port} ({service})' for service, ip, port in layout.addresses()
             if not can_bind(ip, port)]
    if taken:
        taken[SHOWN_PORTS:] = ([f'and {len(taken) - SHOWN_PORTS} more']
                               if len(taken) > SHOWN_PORTS else [])
        raise Trouble('cannot listen on %s: in use by another program; stop it, or choose other '
                      'ports with --port and --base-port.' % ', '.join(taken))


def check_programs() -> None:
    for name in ('memcached', 'rsync'):
        if not find_program(name):
            raise Trouble(f'{name} is missing; install with: sudo apt-get install {name}')


def check_xattrs(folder: str) -> None:
    """Object metadata lives in extended attributes: the file system must keep user.*."""
    probe = os.path.join(folder, '.xattr-probe')
    with open(probe, 'wb') as f:
        try:
            os.setxattr(f.fileno(), 'user.swift.probe', b'1')
        except OSError as err:
            raise Trouble(f'the file system of {folder} keeps no extended attributes '
                          f'({err.strerror}); choose another place with --root, or use --xfs '
                          'as root.') from None
        finally:
            os.unlink(probe)
