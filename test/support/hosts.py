"""Four hosts with addresses of their own on one machine, whose network can be cut in two.

Each host is a network namespace with two interfaces:

    lan      10.77.0.N/24 on a bridge: what nodes say to each other
    front    a point-to-point link to the test, for clients

    split({1, 2})    hosts 1 and 2 hear each other only; 3 and 4 too (a second bridge)
    heal()           one network again

The bridges have no address, so the lan meets nothing of the machine's own networks. Needs root;
`four_hosts` skips the test with the reason where namespaces cannot be made. Everything is named
after the test's process and removed at the end, after a failure too.
"""
import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Set
from typing import IO

import pytest

LAN = '10.77.0'
CLONE_NEWNET = 0x40000000
FRONT = '198.18'                                 # addresses set aside for tests of networks


class Hosts:
    """The namespaces and links. Numbers of hosts begin with 1."""

    def __init__(self, count: int = 4) -> None:
        self.count = count
        self._tag = f'sw{os.getpid() % 100000}'
        self._third = os.getpid() % 256

    @property
    def numbers(self) -> range:
        return range(1, self.count + 1)

    def name(self, host: int) -> str:
        return f'{self._tag}h{host}'

    def lan_ip(self, host: int) -> str:
        return f'{LAN}.{host}'

    def front_ip(self, host: int) -> str:
        """Where the test reaches a host, whatever became of the lan."""
        return f'{FRONT}.{self._third}.{4 * host + 2}'

    def _bridge(self, side: int) -> str:
        return f'{self._tag}b{side}'

    def command(self, host: int, *words: str) -> list[str]:
        """Return the command that runs another one on a host."""
        return ['ip', 'netns', 'exec', self.name(host), *words]

    def make(self) -> None:
        for side in (0, 1):
            ip('link', 'add', self._bridge(side), 'type', 'bridge')
            ip('link', 'set', self._bridge(side), 'up')
        for host in self.numbers:
            ip('netns', 'add', self.name(host))
            self._inside(host, 'link', 'set', 'lo', 'up')
            self._link(host, 'l', 'lan', f'{self.lan_ip(host)}/24')
            ip('link', 'set', f'{self.name(host)}l', 'master', self._bridge(0))
            self._link(host, 'f', 'front', f'{self.front_ip(host)}/30')
            ip('addr', 'add', f'{FRONT}.{self._third}.{4 * host + 1}/30', 'dev',
               f'{self.name(host)}f')

    def _link(self, host: int, end: str, inner: str, address: str) -> None:
        outer = f'{self.name(host)}{end}'
        ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', self.name(host))
        ip('link', 'set', outer, 'up')
        self._inside(host, 'addr', 'add', address, 'dev', inner)
        self._inside(host, 'link', 'set', inner, 'up')

    def _inside(self, host: int, *words: str) -> None:
        ip('-n', self.name(host), *words)

    def split(self, half: Set[int]) -> None:
        """Cut the lan: the hosts of `half` on one side, the others on the other."""
        for host in self.numbers:
            ip('link', 'set', f'{self.name(host)}l', 'master', self._bridge(int(host in half)))

    def heal(self) -> None:
        self.split(set())

    @contextlib.contextmanager
    def inside(self, host: int) -> Iterator[None]:
        """Sockets that this thread makes meanwhile are on the host."""
        with open('/proc/thread-self/ns/net', 'rb') as home, \
                open(f'/run/netns/{self.name(host)}', 'rb') as there:
            _enter(there)
            try:
                yield
            finally:
                _enter(home)

    def remove(self) -> None:
        """Remove whatever is there."""
        for host in self.numbers:
            for end in 'lf':
                ip('link', 'del', f'{self.name(host)}{end}', check=False)
            ip('netns', 'del', self.name(host), check=False)
        for side in (0, 1):
            ip('link', 'del', self._bridge(side), check=False)


def _enter(namespace: IO[bytes]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)     # os.setns is newer than our oldest Python
    if libc.setns(namespace.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'setns')


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(['ip', *words], check=check, capture_output=True)


@contextlib.contextmanager
def four_hosts() -> Iterator[Hosts]:
    """Make the hosts, and remove them at the end."""
    if os.geteuid() != 0:
        pytest.skip('needs root to make network namespaces')
    if shutil.which('ip') is None:
        pytest.skip('needs iproute2')
    hosts = Hosts()
    try:
        try:
            hosts.make()
        except subprocess.CalledProcessError as problem:
            pytest.skip(f'no network namespaces on this machine: {problem.stderr.decode().strip()}')
        yield hosts
    finally:
        hosts.remove()
