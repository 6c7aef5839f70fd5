"""A small XFS file system of its own for one device, which tests fill to the brim.

Needs root and loop devices; `small_disk` skips the test with the reason where it has neither.
"""
import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

XFS_BYTES_MIN = 320 << 20                        # mkfs.xfs makes none below 300 MiB
BALLAST = '.ballast'


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system."""

    folder: Path

    def free_bytes(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self, leave_bytes: int = 0) -> None:
        """Take the free space but for `leave_bytes`, by files that nobody looks at."""
        # Both exist before there is no room for new ones.
        opened = [os.open(self.folder / f'{BALLAST}{number}', os.O_WRONLY | os.O_CREAT)
                  for number in range(2)]
        for descriptor, size in zip(opened, (1 << 20, 4096), strict=True):
            try:
                at = 0
                while self.free_bytes() - leave_bytes >= size:
                    os.posix_fallocate(descriptor, at, size)
                    at += size
            except OSError:
                pass                             # what is left is the file system's own
            finally:
                os.close(descriptor)

    def make_room(self) -> None:
        for path in self.folder.glob(BALLAST + '*'):
            path.unlink()


@contextlib.contextmanager
def small_disk(folder: Path, image: Path, size_bytes: int = XFS_BYTES_MIN) -> Iterator[SmallDisk]:
    """Mount a new file system at `folder`, which is made, and take it away at the end."""
    if os.geteuid() != 0:
        pytest.skip('needs root to mount a small file system')
    if shutil.which('mkfs.xfs') is None:
        pytest.skip('needs mkfs.xfs')
    folder.mkdir(parents=True, exist_ok=True)
    with open(image, 'wb') as file:
        file.truncate(size_bytes)
    try:
        subprocess.run(['mkfs.xfs', '-q', '-f', '-i', 'size=1024', str(image)], check=True,
                       capture_output=True)
        subprocess.run(['mount', '-o', 'loop,noatime', str(image), str(folder)], check=True,
                       capture_output=True)
    except subprocess.CalledProcessError as problem:
        pytest.skip(f'no loop mounts on this machine: {problem.stderr.decode().strip()}')
    try:
        yield SmallDisk(folder)
    finally:
        # Servers that are still busy keep it alive until they end.
        subprocess.run(['umount', '-l', str(folder)], check=False)
