"""A cluster of real processes for tests: an all-in-one cluster in a temporary folder.

Ports: the proxy's is picked by the kernel; storage nodes use a base port whose block of ports is
free on every node's address, so that suites can run beside a cluster that somebody uses.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from swift.cli.saio import checks, cluster, configs
from swift.cli.saio.layout import Layout

CLONE = Path(__file__).resolve().parents[2]
# A program that hangs ends some day; many clusters on few processors are no hanging.
PATIENCE_S = 600
# The same for everybody on this machine, wherever their temporary files are.
CLAIMS = '/tmp'
_CLAIMS: list[IO] = []  # keeps the lock files of this process open


@dataclass(frozen=True)
class Saio:
    """A running cluster, and the ways in which tests disturb it."""

    layout: Layout

    @property
    def auth_url(self) -> str:
        return self.layout.auth_url

    def near(self, node: int) -> contextlib.AbstractContextManager[None]:
        """Every node is as near as any other: on loopback."""
        return contextlib.nullcontext()

    def environment(self) -> dict[str, str]:
        return dict(os.environ, **cluster.environment(self.layout))

    def swift_init(self, *words: str) -> subprocess.CompletedProcess:
        return self.program('swift-init', *words)

    def program(self, *argv: str, timeout_s: float = PATIENCE_S) -> subprocess.CompletedProcess:
        """Run one of our programs in the cluster's environment."""
        return subprocess.run(
            argv,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def pids(self, server: str, node: int | None = None) -> list[int]:
        """Process ids of managers, as swift-init wrote them."""
        folder = Path(self.layout.run)
        name = f'{server}/{node}.pid' if node else f'{server}.pid'
        found = (
            [folder / name]
            if node or server == 'proxy-server'
            else sorted(folder.glob(f'{server}/*.pid'))
        )
        return [int(path.read_text()) for path in found if path.exists()]


def saio_command(*words: str, root: str, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-m', 'swift.cli.saio.main', *words, '--root', root],
        cwd='/',
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        **kwargs,
    )


def free_base_port(nodes: int = 4) -> int:
    """Return a base port all of whose storage addresses can be bound, for this process alone.

    A cluster takes a while to bind them all, and servers share their ports with whoever asks the
    same way (SO_REUSEPORT): another suite that picked the same block meanwhile would get half of
    the requests. So the block is claimed with a lock on a file, which goes with the process.
    """
    for base in range(20000, 32700, 100):  # below the ports that the kernel gives to clients
        layout = Layout(root='/', base_port=base, nodes=nodes, port=checks.free_port())
        if _claim(base) and all(checks.can_bind(ip, port) for _, ip, port in layout.addresses()):
            return base
    raise AssertionError('no free block of ports')


def _claim(base: int) -> bool:
    claim = open(f'{CLAIMS}/swift-test-ports-{base}.lock', 'a')  # noqa: SIM115
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        claim.close()
        return False
    _CLAIMS.append(claim)
    return True


def wait_for_daemons(layout: Layout) -> None:
    """Give daemons the priority of everybody else: a test that waits for them is not in the way.

    Nice ones do next to nothing where more processes want to run than there are processors.
    """
    nice = f'nice_priority = {configs.DAEMON_NICENESS}'
    for path in Path(layout.etc).glob('*-server/*.conf'):
        text = path.read_text()
        path.write_text(text.replace(nice, 'nice_priority = 0'))


@contextlib.contextmanager
def running_saio(root: Path, *options: str) -> Iterator[Saio]:
    """Start a cluster in `root`, yield it, and stop it whatever happens."""
    try:
        done = saio_command(
            'up',
            '--port',
            str(checks.free_port()),
            '--base-port',
            str(free_base_port()),
            *options,
            root=str(root),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        layout = cluster.load(str(root))
        assert layout is not None
        yield Saio(layout)
    finally:
        saio_command('down', root=str(root))
