"""Where an object lives: device, policy, partition, names, and the paths that follow.

Layer 3, no I/O. The partition is the one in the request path; the object server never computes it
from the ring (sheet 02 §1).
"""
from swift.core.policy import StoragePolicy


class Placement:
    """One object on one device. Names are text; `hash` is the 32 hex digits of its path.

    `next_part_power` is set while the ring's partition power is being raised. Made for every
    request, hence without the machinery of a frozen dataclass; nobody changes it.
    """

    __slots__ = ('account', 'container', 'device', 'device_path', 'hash', 'hash_path',
                 'next_part_power', 'obj', 'part', 'part_path', 'policy', 'suffix', 'suffix_path')

    def __init__(self, device: str, device_path: str, part: str, policy: StoragePolicy,
                 account: str, container: str, obj: str, hash: str,
                 next_part_power: int | None = None):
        self.device = device
        self.device_path = device_path
        self.part = part
        self.policy = policy
        self.account = account
        self.container = container
        self.obj = obj
        self.hash = hash
        self.next_part_power = next_part_power
        self.suffix = hash[-3:]
        self.part_path = '%s/%s/%s' % (device_path, policy.objects_dir, part)
        self.suffix_path = '%s/%s' % (self.part_path, self.suffix)
        self.hash_path = '%s/%s' % (self.suffix_path, hash)

    def in_part(self, part: str) -> 'Placement':
        """Return the place of the same object in another partition."""
        return Placement(self.device, self.device_path, part, self.policy, self.account,
                         self.container, self.obj, self.hash, self.next_part_power)

    @property
    def name(self) -> str:
        """The object's path as kept in its metadata."""
        return '/%s/%s/%s' % (self.account, self.container, self.obj)

    @property
    def datadir(self) -> str:
        """``objects`` or ``objects-N``."""
        return self.policy.objects_dir

    @property
    def tmp_path(self) -> str:
        """The directory for temporary files of this policy on this device."""
        return '%s/%s' % (self.device_path, self.policy.tmp_dir)

    def with_hash(self, hash_: str) -> 'Placement':
        """Return the place of another object of the partition, of which only the hash is known."""
        return Placement(self.device, self.device_path, self.part, self.policy, '', '', '', hash_)

    def __str__(self) -> str:
        return '%s%s' % (self.device, self.name)
