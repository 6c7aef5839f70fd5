"""Where an object lives: device, policy, partition, names, and the paths that follow.

Layer 3, no I/O. The partition is the one in the request path; the object server never computes it
from the ring (sheet 02 §1).
"""
from collections.abc import Callable

from swift.common.errors import Damaged, NameCollision
from swift.core.names import split_path
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

    def on_other_name(self, name: str, path: str) -> None:
        """Raise what it means that the metadata of ``path`` names another object than this."""
        raise NameCollision('%s is stored where %s belongs' % (name, self.name), path)


class FoundPlacement(Placement):
    """A hash directory that a walk over the disk met: its name is all that is known of its object.

    ``suffix`` is the directory it stands in; ``hash_of`` maps account, container, object to a hash.
    """

    __slots__ = ('_hash_of',)

    def __init__(self, device: str, device_path: str, part: str, policy: StoragePolicy,
                 suffix: str, name: str, hash_of: Callable[[str, str, str], str]):
        super().__init__(device, device_path, part, policy, '', '', '', name)
        self.suffix = suffix
        self.suffix_path = '%s/%s' % (self.part_path, suffix)
        self.hash_path = '%s/%s' % (self.suffix_path, name)
        self._hash_of = hash_of

    def on_other_name(self, name: str, path: str) -> None:
        """Raise Damaged unless an object of this name belongs into this directory."""
        try:
            found = self._hash_of(*split_path(name, 3, 3, True))
        except ValueError:
            found = None
        if found != self.hash:
            raise Damaged(path, path, self.device, 'Hash of name in metadata does not match '
                          'directory name')
