"""Nodes, their disks and rings. What is on a disk survives a crash, everything else does not.

    Disk        objects: partition -> hash -> {file name: metadata}; hashes.pkl and hashes.invalid
                of each partition; async pendings; databases; landed database files
    Node        a disk, a clock that is off by some seconds, the ring it knows, running tasks
    Ring        partition -> devices in order: primaries, then handoffs

Each change of a Disk is one durable step; the tasks that make them yield between two of them.
That a step itself is all or nothing is the business of the tests that kill real processes.
"""
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from typing import Any

from swift.core import hashing
from swift.core.timestamp import Timestamp
from test.sim.scheduler import Scheduler

EPOCH = 1_700_000_000
REPLICAS = 3
PART_POWER = 3
PART_COUNT = 1 << PART_POWER
ACCOUNT = 'AUTH_sim'
QUEUE_ACCOUNT = '.expiring_objects'


@dataclass(frozen=True, eq=False)
class Path:
    """The name of an account, container or object, with its hash.

    Only `path_of` makes them, one for each name: they are compared by identity, which is cheap.
    """
    account: str
    container: str | None
    obj: str | None
    hash: str
    part: int
    text: str

    def __str__(self) -> str:
        return self.text


@cache
def path_of(account: str, container: str | None = None, obj: str | None = None) -> Path:
    hash_ = hashing.hash_path(b'', b'sim', account, container, obj)
    text = '/'.join(filter(None, (account, container, obj)))
    return Path(account, container, obj, hash_, hashing.part_of(hash_, PART_POWER), text)


by_text = attrgetter('text')


@cache
def object_names(container: str, count: int) -> tuple[str, ...]:
    """Return names of which some share a suffix directory: hashing treats those together."""
    found: dict[tuple[int, str], list[str]] = {}
    for number in range(400):
        path = path_of(ACCOUNT, container, 'o%d' % number)
        found.setdefault((path.part, hashing.suffix_of(path.hash)), []).append(path.obj)
    names = [name for group in sorted(found.values(), key=len, reverse=True) for name in group]
    return tuple(names[:count])


@dataclass
class Partition:
    """One partition of objects on a disk. `hashes` None: there is no hashes.pkl."""
    dirs: dict[str, dict[str, dict]] = field(default_factory=dict)
    hashes: dict[str, str | None] | None = None
    invalid: list[str] = field(default_factory=list)
    # What stat() says of hashes.invalid: inode, number of changes, time of the last one.
    inode: int = 0
    change_count: int = 0
    changed_at: float = 0.0

    def touch(self, now: float) -> None:
        self.change_count += 1
        self.changed_at = now

    @property
    def token(self) -> str:
        return '%d.%d' % (self.inode, self.change_count)


@dataclass
class Disk:
    """All that is durable on one device."""
    number: int = 0
    parts: dict[int, Partition] = field(default_factory=dict)
    asyncs: dict[str, Any] = field(default_factory=dict)
    dbs: dict[Path, Any] = field(default_factory=dict)
    landed: dict[str, Any] = field(default_factory=dict)
    inode_count: int = 0

    def part(self, number: int) -> Partition:
        """Return a partition, made if need be."""
        part = self.parts.get(number)
        if part is None:
            self.inode_count += 1
            part = self.parts[number] = Partition(inode=self.inode_count)
        return part

    def files(self, path: Path) -> dict[str, dict]:
        """Return the files of an object's hash directory; not to be changed."""
        part = self.parts.get(path.part)
        return part.dirs.get(path.hash, {}) if part else {}


class Ring:
    """Which devices hold a partition. Immutable; a change makes another one."""

    def __init__(self, orders: dict[int, tuple[int, ...]], nodes: list['Node']):
        self._orders = orders
        self._nodes = nodes

    def primaries(self, part: int) -> list['Node']:
        return [self._nodes[number] for number in self._orders[part][:REPLICAS]]

    def handoffs(self, part: int) -> list['Node']:
        return [self._nodes[number] for number in self._orders[part][REPLICAS:]]

    def moved(self, part: int, slot: int) -> 'Ring':
        """Return the ring in which the first handoff of a partition becomes primary `slot`."""
        order = list(self._orders[part])
        order[slot], order[REPLICAS] = order[REPLICAS], order[slot]
        return Ring({**self._orders, part: tuple(order)}, self._nodes)


Rings = dict[str, Ring]


class Owner:
    """A process or a node: has a clock, a view of the rings, and tasks that die in a crash."""

    def __init__(self, name: str, scheduler: Scheduler, skew_s: float):
        self.name = name
        self.scheduler = scheduler
        self.skew_s = skew_s
        self.tasks: dict[Any, None] = {}
        self.rings: Rings = {}
        self.is_up = True
        self.is_mounted = True

    def __str__(self) -> str:
        return self.name

    def now(self) -> float:
        """Return the time as this owner's clock shows it."""
        return EPOCH + self.scheduler.now + self.skew_s

    def timestamp(self) -> Timestamp:
        return Timestamp(self.now())

    def crash(self) -> None:
        """Lose everything that is not on disk."""
        self.scheduler.note('%s crashes', self.name)
        self.is_up = False
        for task in list(self.tasks):
            task.kill()
        self.tasks.clear()
        self.forget()

    def forget(self) -> None:
        """Drop volatile state; subclasses."""


class Node(Owner):
    """A storage node with one device."""

    def __init__(self, number: int, scheduler: Scheduler, skew_s: float, reclaim_age_s: float):
        super().__init__('n%d' % number, scheduler, skew_s)
        self.id = number
        self.region = 0
        self.disk = Disk()
        self.server: Any = None
        self.reclaim_age_s = reclaim_age_s
        # Called with the nodes that now hold what this one gave away.
        self.on_handover: Callable[[Any], None] = _ignore
        self.forget()

    def forget(self) -> None:
        self.locked: dict[Any, None] = {}
        self.known_in_sync: dict[int, Any] = {}
        self.pass_count = 0

    def replace_disk(self) -> None:
        """Put an empty device in the place of the one that is there."""
        self.disk = Disk(number=self.disk.number + 1)


def _ignore(_nodes: Any) -> None:
    """Nobody wants to know."""
