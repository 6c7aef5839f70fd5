"""Move what contradicts itself out of the way: never served again, never deleted.

Layer 3; blocks, for disk threads. A damaged object's whole hash directory goes to
``<device>/quarantined/objects[-N]/<name>``; a name that is taken there gets a random tail. Before
that the suffix is marked dirty, so that replication notices the hole and fills it (sheet 02 §6).
Nothing is synced: after a crash the object is found damaged again.
"""
import os
import uuid

from swift.common import fs
from swift.common.errors import DiskError
from swift.obj.placement import Placement
from swift.obj.suffix_hashes import marked_dirty

QUARANTINE_DIR = 'quarantined'


def quarantine_object(place: Placement) -> str | None:
    """Quarantine an object's hash directory (or the file that stands in its place).

    Returns where it went, None if it had gone already.
    """
    with marked_dirty(place):
        return quarantine_path(place.hash_path, place.device_path, place.datadir)


def quarantine_damaged_dir(place: Placement) -> str | None:
    """Quarantine a hash directory whose file system entry is broken.

    When it cannot even be renamed the whole suffix directory goes.
    """
    try:
        return quarantine_object(place)
    except DiskError:
        return quarantine_path(place.suffix_path, place.device_path, place.datadir)


def quarantine_async_pending(path: str, device_path: str) -> str | None:
    """Quarantine a pending update that cannot be read.

    Compat: always below ``objects``, whatever its policy; tools look there.
    """
    return quarantine_path(path, device_path, 'objects')


def quarantine_path(path: str, device_path: str, datadir: str) -> str | None:
    """Move a directory or file; the caller has marked its suffix dirty if there is one."""
    directory = os.path.join(device_path, QUARANTINE_DIR, datadir)
    fs.make_dirs(directory, device_path)
    target = os.path.join(directory, os.path.basename(path))
    with fs.translate(path):
        try:
            os.rename(path, target)
        except FileNotFoundError:
            return None
        except OSError as error:
            if not (fs.is_not_empty(error) or isinstance(error, NotADirectoryError
                                                         | IsADirectoryError)):
                raise
            target = '%s-%s' % (target, uuid.uuid4().hex)
            os.rename(path, target)
    return target
