"""Where an object lives: device, policy, partition, names, and the paths that follow.

Layer 3, no I/O. The partition is the one in the request path; the object server never computes it
from the ring (sheet 02 §1).
"""
from dataclasses import dataclass
from functools import cached_property

from swift.core.policy import StoragePolicy


@dataclass(frozen=True)
class Placement:
    """One object on one device. Names are text; `hash` is the 32 hex digits of its path.

    `next_part_power` is set while the ring's partition power is being raised.
    """
    device: str
    device_path: str
    part: str
    policy: StoragePolicy
    account: str
    container: str
    obj: str
    hash: str
    next_part_power: int | None = None

    @property
    def name(self) -> str:
        """The object's path as kept in its metadata."""
        return '/%s/%s/%s' % (self.account, self.container, self.obj)

    @property
    def suffix(self) -> str:
        return self.hash[-3:]

    @property
    def datadir(self) -> str:
        """``objects`` or ``objects-N``."""
        return self.policy.objects_dir

    @cached_property
    def part_path(self) -> str:
        return '%s/%s/%s' % (self.device_path, self.datadir, self.part)

    @cached_property
    def suffix_path(self) -> str:
        return '%s/%s' % (self.part_path, self.suffix)

    @cached_property
    def hash_path(self) -> str:
        return '%s/%s' % (self.suffix_path, self.hash)

    @property
    def tmp_path(self) -> str:
        """The directory for temporary files of this policy on this device."""
        return '%s/%s' % (self.device_path, self.policy.tmp_dir)

    def __str__(self) -> str:
        return '%s%s' % (self.device, self.name)
