"""The devices of this machine that a daemon can work on.

Layer 1; blocks, for disk threads or daemons without requests. A device is a directory below
`devices`; with `mount_check` something must be mounted there, because otherwise it is the empty
mount point of a failed disk. Files that lie about are no devices and not worth a word.
"""
import os
from collections.abc import Collection
from typing import Any

from swift.common import fs
from swift.common.errors import DiskError


def usable_devices(top: str, mount_check: bool, log: Any, chosen: Collection[str] = ()
                   ) -> list[tuple[str, str]]:
    """Return name and path of the devices below ``top``, or those of them that are chosen.

    `log` is called with what is skipped. Raises OSError if ``top`` cannot be listed.
    """
    found = []
    for name in sorted(fs.list_dir(top)):
        path = os.path.join(top, name)
        if (chosen and name not in chosen) or not os.path.isdir(path):
            continue
        try:
            fs.check_device(path, mount_check)
            found.append((name, path))
        except DiskError:
            log('Skipping %s as it is not mounted', name)
    return found
