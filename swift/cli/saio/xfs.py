"""The devices of an all-in-one cluster on XFS, in a loop file (layer 4; root only).

XFS keeps large extended attributes inline and is what production uses; an ordinary folder is
fine for everything else. The file is sparse: it takes only what is stored.
"""
import os
import subprocess

from swift.cli.saio.bootstrap import Trouble, find_program, run_quietly
from swift.cli.saio.layout import Layout

IMAGE_BYTES = 16 << 30


def image(layout: Layout) -> str:
    return os.path.join(layout.root, 'xfs.img')


def mount_point(layout: Layout) -> str:
    return os.path.join(layout.root, 'srv')


def mount(layout: Layout) -> None:
    """Make the file system if it is not there yet, and mount it at ROOT/srv."""
    if os.geteuid() != 0:
        raise Trouble('--xfs needs root, because it mounts a file system.')
    if os.path.ismount(mount_point(layout)):
        return
    if not os.path.exists(image(layout)):
        with open(image(layout), 'wb') as f:
            f.truncate(IMAGE_BYTES)
        run_quietly([find_program('mkfs.xfs') or 'mkfs.xfs', '-q', '-f', '-i', 'size=1024',
                     image(layout)])
    os.makedirs(mount_point(layout), exist_ok=True)
    done = subprocess.run(['mount', '-o', 'loop,noatime', image(layout), mount_point(layout)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f'cannot mount {image(layout)}: {done.stderr.strip()}')


def unmount(layout: Layout) -> None:
    if os.path.ismount(mount_point(layout)):
        subprocess.run(['umount', mount_point(layout)], check=False)
