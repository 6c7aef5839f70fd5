"""Files that an interrupted write left in <device>/tmp or <device>/tmp-<policy>.

Layer 1; blocks, for disk threads. Whoever writes a file under a temporary name and is killed
before it gets its own leaves one there, and nobody will ever ask for it. Daemons that walk a
device anyway remove them, once they are so old that nobody can still be writing.
"""
import os

from swift.common import fs
from swift.common.errors import DiskError
from swift.core.names import split_policy_name

TMP = 'tmp'
# Of what object servers and replicators leave.
AGE_S = 86400


def remove_old(device_path: str, before: float) -> int:
    """Remove temporary files last changed before a time; return how many.

    Trouble with one spares it. Directories stay. Cost: a listing of the device, one of each
    directory, and a call for each file.
    """
    removed = 0
    try:
        names = [name for name in fs.list_dir(device_path) if is_tmp(name)]
    except (OSError, DiskError):
        return 0
    for name in names:
        removed += _remove_in(os.path.join(device_path, name), before)
    return removed


def is_tmp(name: str) -> bool:
    """Tell whether a directory of a device is for temporary files."""
    try:
        return split_policy_name(name)[0] == TMP
    except ValueError:
        return False


def _remove_in(directory: str, before: float) -> int:
    removed = 0
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                removed += not entry.is_dir(follow_symlinks=False) and remove_if_older(
                    entry.path, before)
    except (OSError, DiskError):
        pass
    return removed


def remove_if_older(path: str, before: float) -> bool:
    """Unlink a file that was last changed before a time; tell whether it was."""
    try:
        if os.lstat(path).st_mtime < before:
            return fs.unlink_if_there(path)
    except FileNotFoundError:
        pass
    return False
