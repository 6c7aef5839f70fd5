"""Keep both places of an object alike while a ring's partition power is being raised.

Layer 3; blocks, for disk threads. The proxy announces the coming power with each write
(sheet 02 §22.1). Before the increase the new file also gets a hard link where the object will
live; after it, what the write made obsolete is also cleaned up where the object lived before.
Trouble here never fails the write: the relinker repeats the work.
"""
import os

from swift.common import fs
from swift.common.errors import DiskError, SwiftError
from swift.core.hashing import part_of
from swift.obj.placement import Placement
from swift.obj.suffix_hashes import clean_up, marked_dirty


def mirror(place: Placement, next_part_power: int, name: str, now: float,
           reclaim_age: float) -> str | None:
    """Do what the coming power asks for after ``name`` became visible; return what went wrong."""
    part = str(part_of(place.hash, next_part_power))
    try:
        if part != place.part:
            other = place.in_part(part)
            _link(place, other, name)
        else:
            other = place.in_part(str(part_of(place.hash, next_part_power - 1)))
        if other.part != place.part:
            clean_up(other.hash_path, now, reclaim_age)
    except (OSError, SwiftError) as error:
        return 'cannot keep %s in step for part power %d: %s' % (place, next_part_power, error)
    return None


def _link(place: Placement, other: Placement, name: str) -> None:
    source, target = ('%s/%s' % (where.hash_path, name) for where in (place, other))
    made = fs.make_dirs(other.hash_path, other.device_path)
    with marked_dirty(other):
        fs.step('link')
        try:
            os.link(source, target)
        except FileExistsError:
            # Linked already by another request or by the relinker; anything else is a conflict.
            if os.stat(source).st_ino != os.stat(target).st_ino:
                raise DiskError('another file is at %s' % target, target) from None
    fs.sync_dirs(other.hash_path, made)
