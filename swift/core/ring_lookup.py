"""Where a partition lives: primaries and the order of handoffs, over a decoded ring table.

Layer 0, no numpy: every server process imports this. A Placement is immutable; a reload builds
a new one. Devices are given as dicts (all keys are kept and handed on), rows as memoryviews of
unsigned integers, one row per replica, only the last may be short.

Primaries: the device ids of a column in row order without repeats; ``index`` is the position in
that list. Every node of a cluster must compute the same list, EC fragments depend on it.

Handoffs: the column order starts at a column derived from the md5 of the decimal partition
number and steps through the ring; four passes offer devices in unused regions, then zones, then
servers, then any. Devices that own no partition are never offered. Later occurrences of a
device never change a verdict, so one pass over the table (in C, by chunks, stopping when every
device was met) yields the order in which all four passes look at devices.

Compat: column 0 is visited only if the walk starts there, and tables of more than 65536
columns are sampled; other nodes do the same. Source: sheet 01 section 6.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import md5
from itertools import chain

FIRST_CHUNK, CHUNK_MAX = 32, 4096
PARTS_KEPT = 16384               # primaries remembered: about 3 MB per ring at most
SAMPLED_COLUMNS = 65536


@dataclass(frozen=True, slots=True)
class Node:
    """A device as seen from one partition. ``node['ip']`` and ``node.get('ip')`` work too.

    ``index`` is set for primaries, ``handoff_index`` for handoffs, the other one is None and,
    in the mapping view, absent.
    """

    id: int
    region: int
    zone: int
    ip: str
    port: int
    replication_ip: str
    replication_port: int
    device: str
    weight: float = 0.0
    meta: str = ''
    index: int | None = None
    handoff_index: int | None = None
    extra: Mapping[str, object] = field(default_factory=dict, hash=False)

    @classmethod
    def from_dict(cls, device: Mapping[str, object], index: int | None = None,
                  handoff_index: int | None = None) -> Node:
        """Return a node for a ring's device dict; keys we do not know are kept in ``extra``."""
        return cls(
            id=device['id'], region=device['region'], zone=device['zone'], ip=device['ip'],
            port=device['port'], replication_ip=device.get('replication_ip', device['ip']),
            replication_port=device.get('replication_port', device['port']),
            device=device['device'], weight=device.get('weight', 0.0),
            meta=device.get('meta', ''), index=device.get('index', index),
            handoff_index=device.get('handoff_index', handoff_index),
            extra={key: value for key, value in device.items() if key not in _NODE_KEYS})

    def as_dict(self) -> dict[str, object]:
        """Return a new dict with every key, the way plug-ins know nodes."""
        known = {name: getattr(self, name) for name in _DEVICE_FIELDS}
        known.update(self.extra)
        for name in _POSITION_FIELDS:
            if getattr(self, name) is not None:
                known[name] = getattr(self, name)
        return known

    def __getitem__(self, key: str) -> object:
        if key in _DEVICE_FIELDS:
            return getattr(self, key)
        if key in _POSITION_FIELDS and getattr(self, key) is not None:
            return getattr(self, key)
        return self.extra[key]

    def get(self, key: str, default: object = None) -> object:
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        return self.get(key, self) is not self

    def keys(self) -> Sequence[str]:
        return list(self.as_dict())

    def __iter__(self) -> Iterator[str]:
        return iter(self.as_dict())


_POSITION_FIELDS = ('index', 'handoff_index')
_NODE_KEYS = frozenset(one.name for one in fields(Node)) - {'extra'}
_DEVICE_FIELDS = tuple(one.name for one in fields(Node)
                       if one.name not in ('index', 'handoff_index', 'extra'))


class Placement:
    """Answers of one loaded ring. Node lists are new objects, the nodes in them are shared."""

    __slots__ = ('_index_nodes', '_known_columns', '_known_parts', '_rows', 'assigned',
                 'assigned_count', 'devs', 'ips', 'part_shift', 'partition_count', 'regions',
                 'replica_count', 'zones')

    def __init__(self, devs: Sequence[Mapping[str, object] | None],
                 rows: Sequence[memoryview], part_shift: int) -> None:
        """Take a checked table: only the last row may be short, ids refer to devices."""
        self.devs = devs
        self.part_shift = part_shift
        self._rows = tuple(rows)
        self.partition_count = len(self._rows[0]) if self._rows else 0
        self.replica_count = replica_count_of(self._rows)
        self.assigned = assigned_ids(self._rows)
        self.assigned_count = len(self.assigned)
        owners = [devs[dev_id] for dev_id in self.assigned]
        self.regions = len({_region(dev) for dev in owners})
        self.zones = len({_zone(dev) for dev in owners})
        self.ips = len({_server(dev) for dev in owners})
        # At most devices x replicas entries: every node a primary list can contain.
        self._index_nodes: dict[tuple[int, int], Node] = {}
        self._known_parts: dict[int, list[Node]] = {}

    def primary_ids(self, part: int) -> list[int]:
        """Return the device ids of a partition in fragment order; empty outside the table."""
        if not 0 <= part < self.partition_count:
            return []
        ids = [row[part] for row in self._rows[:-1]]
        last = self._rows[-1]
        if part < len(last):
            ids.append(last[part])
        # Compat: a device holding two replicas counts once and shifts later indexes.
        return ids if len(set(ids)) == len(ids) else list(dict.fromkeys(ids))

    def primaries(self, part: int) -> list[Node]:
        """Return the primary nodes, a new list. Cost: a look-up and a copy for a part met before.
        """
        found = self._known_parts.get(part)
        if found is None:
            found = self._find_primaries(part)
            if len(self._known_parts) < PARTS_KEPT:
                self._known_parts[part] = found
        return found.copy()

    def _find_primaries(self, part: int) -> list[Node]:
        known = self._index_nodes
        nodes = []
        for key in enumerate(self.primary_ids(part)):
            node = known.get(key)
            if node is None:
                node = known[key] = Node.from_dict(self.devs[key[1]], index=key[0])
            nodes.append(node)
        return nodes

    def handoffs(self, part: int) -> Iterator[Node]:
        """Yield all other owning devices that the walk meets, the most distant first."""
        for position, dev_id in enumerate(self.handoff_ids(part)):
            yield Node.from_dict(self.devs[dev_id], handoff_index=position)

    def handoff_ids(self, part: int) -> Iterator[int]:
        """Yield device ids in handoff order. Lazy: the first few touch a few table columns."""
        if not self._rows:
            return
        devs = self.devs
        primaries = self.primary_ids(part)
        owners = [devs[dev_id] for dev_id in primaries]
        used_ids = set(primaries)
        used = [({key(dev) for dev in owners}, key, total) for key, total in (
            (_region, self.regions), (_zone, self.zones), (_server, self.ips))]
        met = _Replay(self._first_meetings(part))
        for level, (used_keys, key_of, total) in enumerate(used):
            if len(used_keys) == total:
                continue
            for dev_id in met:
                dev = devs[dev_id]
                if dev_id in used_ids or key_of(dev) in used_keys:
                    continue
                yield dev_id
                used_ids.add(dev_id)
                for lower_keys, lower_key_of, _total in used[level:]:
                    lower_keys.add(lower_key_of(dev))
                if len(used_keys) == total:
                    break
        for dev_id in met:
            if len(used_ids) == self.assigned_count:
                return
            if dev_id not in used_ids:
                yield dev_id
                used_ids.add(dev_id)

    def _first_meetings(self, part: int) -> Iterator[int]:
        """Yield every device id once, in the order in which the column walk meets them."""
        start = int.from_bytes(md5(b'%d' % part, usedforsecurity=False).digest()[:4],
                               'big') >> self.part_shift
        seen: set[int] = set()
        for columns in _column_chunks(start, self.partition_count):
            for dev_id in dict.fromkeys(self._ids_by_column(columns)):
                if dev_id not in seen:
                    yield dev_id
                    seen.add(dev_id)
            if len(seen) == self.assigned_count:
                return

    def _ids_by_column(self, columns: range) -> Iterator[int]:
        rows, short = self._rows, len(self._rows[-1])
        whole = slice(columns.start, columns.stop, columns.step)
        if columns[-1] < short:
            return chain.from_iterable(zip(*(row[whole] for row in rows), strict=True))
        if len(rows) == 1:
            return iter(rows[0][whole])
        both = [column for column in columns if column < short]
        rest = slice(columns[len(both)], columns.stop, columns.step)
        front = chain.from_iterable([row[column] for row in rows] for column in both)
        back = chain.from_iterable(zip(*(row[rest] for row in rows[:-1]), strict=True))
        return chain(front, back)


class _Replay:
    """An iterator that can be walked several times and is consumed only as far as needed."""

    __slots__ = ('_kept', '_source')

    def __init__(self, source: Iterator[int]) -> None:
        self._source = source
        self._kept: list[int] = []

    def __iter__(self) -> Iterator[int]:
        position = 0
        while True:
            while position < len(self._kept):
                yield self._kept[position]
                position += 1
            try:
                self._kept.append(next(self._source))
            except StopIteration:
                return


def replica_count_of(rows: Sequence[Sequence[int]]) -> float:
    """Return the possibly fractional replica count that the lengths of the rows express."""
    if not rows or not len(rows[0]):
        return 0.0
    return len(rows) - 1 + len(rows[-1]) / len(rows[0])


def assigned_ids(rows: Sequence[memoryview]) -> set[int]:
    """Return the ids of all devices in the table. Cost: about 15 ns per entry.

    Works in pieces, so that a thread which does this does not hold the interpreter for long.
    """
    found: set[int] = set()
    for row in rows:
        for start in range(0, len(row), 65536):
            found.update(row[start:start + 65536])
    return found


def _column_chunks(start: int, parts: int) -> Iterator[range]:
    """Yield the columns to visit in order, in growing ranges that are never empty."""
    step = parts // SAMPLED_COLUMNS or 1
    wrapped = step - (parts - start) % step
    size = FIRST_CHUNK
    for leg in (range(start, parts, step), range(wrapped, start, step)):
        position = 0
        while position < len(leg):
            yield leg[position:position + size]
            position += size
            size = min(size * 2, CHUNK_MAX)


def _region(dev: Mapping[str, object]) -> object:
    return dev['region']


def _zone(dev: Mapping[str, object]) -> object:
    return dev['region'], dev['zone']


def _server(dev: Mapping[str, object]) -> object:
    return dev['region'], dev['zone'], dev['ip']
