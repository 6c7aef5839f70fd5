"""Directories of this machine's devices, for daemons that visit all of them.

Layer 1. Each listing is one hop into a thread. What cannot be listed is logged and left out: the
next pass looks again, and a broken device must not keep the daemon from the others.
"""
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

from swift.common import fs
from swift.common.devices import usable_devices
from swift.common.disk_threads import run_in_thread


class DeviceTree:
    """The devices below `options.devices`. `on_error` is called for each listing that fails."""

    def __init__(self, options: Any, logger: Any, on_error: Callable[[], None] | None = None):
        self._options = options
        self._logger = logger
        self._on_error = on_error

    def partitions(self, datadir: str, seed: float) -> Iterator[tuple[str, str]]:
        """Yield (device path, partition) of everything below a datadir, in random order."""
        found = [(device, part) for device in self.devices()
                 for part in self.names(device, datadir) if part.isdecimal()]
        random.Random(seed).shuffle(found)
        return iter(found)

    def devices(self) -> list[str]:
        """Return the paths of the devices that can be used."""
        return [path for _name, path in run_in_thread(
            usable_devices, self._options.devices, self._options.mount_check,
            self._logger.warning)]

    def names(self, *path: str) -> list[str]:
        """Return the names in a directory; none if there is none."""
        return self.listed(fs.list_dir, *path)

    def listed(self, function: Callable[[str], list], *path: str) -> list:
        """Return what a function finds in a directory; nothing if it cannot be listed."""
        where = os.path.join(*path)
        try:
            return run_in_thread(function, where)
        except NotADirectoryError:
            return []
        except OSError as err:
            if self._on_error:
                self._on_error()
            self._logger.error('ERROR cannot list %s: %s', where, err)
            return []
