"""A disk of one node that fails with EIO while a test says so (io_errors.c)."""
import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from test.support.faults import Faults

SOURCE = Path(__file__).with_name('io_errors.c')


@dataclass(frozen=True)
class FailingDisk:
    """The device of a node; its servers and daemons were started with the library."""

    faults: Faults
    node: int
    environment: dict[str, str]

    @contextlib.contextmanager
    def failing(self, *modes: str) -> Iterator[None]:
        """`read`, `write` or both fail meanwhile."""
        switches = [Path(self.environment['IO_ERRORS_SWITCH']) / mode for mode in modes]
        for switch in switches:
            switch.touch()
        try:
            yield
        finally:
            for switch in switches:
                switch.unlink()

    def once(self, daemon: str) -> subprocess.CompletedProcess:
        """Run one pass of a daemon of this node on the failing disk; it may fail."""
        return subprocess.run(
            ['swift-init', f'{daemon}.{self.node}', 'once'], check=False, capture_output=True,
            text=True, timeout=120, env={**self.faults.saio.environment(), **self.environment})


@contextlib.contextmanager
def failing_disk(faults: Faults, node: int, folder: Path) -> Iterator[FailingDisk]:
    """Run the servers of a node with the library; nothing fails before `failing`."""
    compiler = shutil.which('cc') or shutil.which('gcc')
    if compiler is None:
        pytest.skip('needs a C compiler')
    library, switch = folder / 'io_errors.so', folder / 'switch'
    switch.mkdir()
    subprocess.run([compiler, '-shared', '-fPIC', '-O1', '-o', str(library), str(SOURCE), '-ldl'],
                   check=True)
    disk = FailingDisk(faults, node, {
        'LD_PRELOAD': str(library), 'IO_ERRORS_SWITCH': str(switch),
        'IO_ERRORS_DEVICE': str(faults.device(node))})
    names = [f'{kind}-server.{node}' for kind in ('account', 'container', 'object')]
    try:
        done = subprocess.run(['swift-init', *names, 'restart'], check=False, text=True,
                              capture_output=True, timeout=120,
                              env={**os.environ, **faults.saio.environment(),
                                   **disk.environment})
        assert done.returncode == 0, done.stdout + done.stderr
        yield disk
    finally:
        faults.init(*names, 'restart')
