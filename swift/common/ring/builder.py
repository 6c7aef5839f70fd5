"""The ring builder: devices and a table that follows them, with its file.

Layer 1. What should be where is decided by swift.core.ring_plan*; this class keeps the state,
the ages of partitions and the build version, and checks what operators ask for.

States of a partition power increase (``next_part_power``; pp is the power in use):

    None --prepare--> pp + 1 --increase--> pp == next --finish--> None
                         └---cancel------> pp == next --finish--> None

Invariants: ``devs[i]['id'] == i``; ``parts`` of all devices add up to the table's size; the
table is int32 [replica, partition], -1 where a partition lacks the last replica; the version
grows with every change that makes another ring. Nothing moves before rebalance().

Not imported by servers: it needs numpy. Source: sheet 01 sections 7 to 9.
"""
from __future__ import annotations

import hashlib
import os
import secrets
import uuid
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from swift.common.clock import SYSTEM, Clock
from swift.common.codecs import builder as codec
from swift.common.errors import (
    BuilderError,
    BuilderFileError,
    DuplicateDeviceError,
    EmptyRingError,
    RingValidationError,
)
from swift.common.ring.files import RingData, replace_file
from swift.core.ring_plan import Plan, PlanError, make_plan, quotas
from swift.core.ring_plan_fill import fill_table
from swift.core.ring_plan_measure import measure_dispersion, ring_balance
from swift.core.ring_plan_moves import rearrange
from swift.core.ring_plan_table import Task

AGE_MAX = 255
HOUR_S = 3600
BUILDER_ONLY_KEYS = ('parts', 'parts_wanted', 'tiers', 'sort_key')
REQUIRED_KEYS = ('region', 'zone', 'ip', 'port', 'device', 'weight')
EMPTY_TEXT = 'There are no devices in this ring, or all devices have been deleted'
_CODES = {2: ('H', np.uint16), 4: ('I', np.uint32)}


@dataclass(frozen=True)
class Rebalanced:
    """What a rebalance did. ``changed`` counts part-replicas that are on another device."""

    changed: int
    balance: float
    removed: int


class RingBuilder:
    """Devices, table and history of one ring."""

    def __init__(self, part_power: int, replicas: float, min_part_hours: int, *,
                 clock: Clock = SYSTEM) -> None:
        if part_power > 32:
            raise BuilderError(f'part_power must be at most 32 (was {part_power})')
        if part_power < 0:
            raise BuilderError(f'part_power must be at least 0 (was {part_power})')
        if not replicas >= 1:
            raise BuilderError(f'replicas must be at least 1 (was {replicas:.6f})')
        if min_part_hours < 0:
            raise BuilderError(f'min_part_hours must be non-negative (was {min_part_hours})')
        self.clock = clock
        self.part_power = part_power
        self.next_part_power: int | None = None
        self.replicas = float(replicas)
        self.min_part_hours = min_part_hours
        self.devs: list[dict | None] = []
        self.devs_changed = False
        self.version = 0
        self.overload = 0.0
        self.id: str | None = None
        self.dispersion: float | None = 0.0
        self.dispersion_graph: dict[tuple, list[int]] = {}
        self.removed_devs: list[dict] = []
        self._table: np.ndarray | None = None
        self._short = self.parts
        self._id_bytes = 2
        self._ages: np.ndarray | None = None
        self._stored_ages: object = None
        self._epoch = 0
        self._gather_start = 0
        self._keys: dict[str, str] = {}

    # -- what the ring is ----------------------------------------------------------------------

    @property
    def parts(self) -> int:
        """The number of partitions."""
        return 1 << self.part_power

    @property
    def part_replicas(self) -> float:
        return self.parts * self.replicas

    @property
    def is_balanced_once(self) -> bool:
        """Whether there is a table."""
        return self._table is not None

    @property
    def table(self) -> np.ndarray | None:
        """The assignment, int32 [replica, partition], -1 for none. Not to be changed."""
        return self._table

    @property
    def rows(self) -> list[np.ndarray]:
        """The table's rows, the last one cut to its length."""
        if self._table is None:
            return []
        return [*self._table[:-1], self._table[-1][:self._short]]

    @property
    def dev_id_bytes(self) -> int:
        return self._id_bytes

    @property
    def present_devs(self) -> list[dict]:
        return [dev for dev in self.devs if dev is not None]

    @property
    def power_increase_in_progress(self) -> bool:
        return self.next_part_power is not None

    def balance(self) -> float:
        """Return the worst device's deviation from its share in percent."""
        found = ring_balance(self.devs, self.part_replicas)
        if found is None:
            raise EmptyRingError(EMPTY_TEXT)
        return found

    def parts_per_weight(self) -> float:
        """Return how many part-replicas a weight of one should hold; 0 without any weight."""
        total = sum(dev['weight'] for dev in self.present_devs)
        return self.part_replicas / total if total else 0.0

    def required_overload(self) -> float:
        """Return the overload that full dispersion needs; BuilderError if nothing can."""
        return self._plan().required_overload

    def is_marked(self, dev: dict) -> bool:
        """Tell whether a device is marked for removal."""
        return any(dev is marked for marked in self.removed_devs)

    def min_part_seconds_left(self) -> int:
        """Return after how many seconds partitions moved by the last rebalance may move."""
        elapsed = int(self.clock.time()) - (self._epoch or 0)
        return max(self.min_part_hours * HOUR_S - elapsed, 0)

    def ring_data(self) -> RingData:
        """Return what goes into a ring file."""
        devs = [dev and {key: value for key, value in dev.items()
                         if key not in BUILDER_ONLY_KEYS} for dev in self.devs]
        kind = _CODES[self._id_bytes][1]
        rows = [memoryview(np.ascontiguousarray(row.astype(kind))) for row in self.rows]
        return RingData(devs=devs, part_shift=32 - self.part_power, rows=rows,
                        dev_id_bytes=self._id_bytes, version=self.version,
                        next_part_power=self.next_part_power)

    # -- devices -------------------------------------------------------------------------------

    def add_dev(self, dev: dict) -> int:
        """Add a device and return its id: the one it asks for, the lowest hole or the next."""
        missing = [key for key in REQUIRED_KEYS if dev.get(key) is None]
        if missing:
            raise BuilderError(f'{missing[0]} is required')
        new = dict(dev)
        if new.get('id') is None:
            holes = (index for index, held in enumerate(self.devs) if held is None)
            new['id'] = next(holes, len(self.devs))
        dev_id = new['id']
        if dev_id < len(self.devs) and self.devs[dev_id] is not None:
            raise DuplicateDeviceError(f'Duplicate device id: {dev_id}')
        self._id_bytes = max(self._id_bytes, id_bytes_for(dev_id))
        self.devs.extend([None] * (dev_id + 1 - len(self.devs)))
        new['weight'] = float(new['weight'])
        new['parts'] = 0
        new.setdefault('meta', '')
        new.setdefault('replication_ip', new['ip'])
        new.setdefault('replication_port', new['port'])
        self.devs[dev_id] = new
        self._devices_changed()
        return dev_id

    def set_dev_value(self, dev_id: int, key: str, value: float | int) -> None:
        """Set weight, region or zone of a device; refused if it is marked for removal."""
        assert key in ('weight', 'region', 'zone')
        dev = self._dev(dev_id)
        if self.is_marked(dev):
            raise BuilderError(f'Can not set {key} of dev_id {dev_id} because it is marked for '
                               'removal')
        dev[key] = value
        self._devices_changed()

    def remove_dev(self, dev_id: int) -> None:
        """Mark a device for removal by the next rebalance. Marking twice changes nothing."""
        dev = self._dev(dev_id)
        dev['weight'] = 0
        if not self.is_marked(dev):
            self.removed_devs.append(dev)
        self._devices_changed()

    def _dev(self, dev_id: int) -> dict:
        dev = self.devs[dev_id] if 0 <= dev_id < len(self.devs) else None
        if dev is None:
            raise BuilderError(f'There is no device {dev_id}')
        return dev

    def _devices_changed(self) -> None:
        self.devs_changed = True
        self.version += 1

    # -- settings ------------------------------------------------------------------------------

    def set_replicas(self, replicas: float) -> None:
        """Set the replica count, which takes effect at the next rebalance."""
        if int(self.part_replicas) != int(self.parts * replicas):
            self.devs_changed = True
        self.replicas = float(replicas)

    def pretend_min_part_hours_passed(self) -> None:
        """Let every partition be moved at once."""
        self._set_ages(np.full(self.parts, AGE_MAX, np.uint8))
        self._epoch = 0

    # -- partition power -----------------------------------------------------------------------

    def prepare_increase_partition_power(self) -> bool:
        """Announce the next power; False if that was done already."""
        if self.next_part_power is not None:
            return False
        self.next_part_power = self.part_power + 1
        self.version += 1
        return True

    def increase_partition_power(self) -> bool:
        """Double the partitions: both halves of each stay where it is. False if not prepared."""
        if self.next_part_power != self.part_power + 1:
            return False
        self.part_power = self.next_part_power
        if self._table is not None:
            self._table = np.repeat(self._table, 2, axis=1)
        self._short *= 2
        self._set_ages(np.repeat(self.ages(), 2))
        for dev in self.present_devs:
            dev['parts'] *= 2
        self.version += 1
        return True

    def cancel_increase_partition_power(self) -> bool:
        """Give a prepared increase up; False if there is none that still can be."""
        if self.next_part_power != self.part_power + 1:
            return False
        self.next_part_power = self.part_power
        self.version += 1
        return True

    def finish_increase_partition_power(self) -> bool:
        """End an increase after cleaning up; False if there is none to end."""
        if self.next_part_power is None or self.next_part_power != self.part_power:
            return False
        self.next_part_power = None
        self.version += 1
        return True

    # -- rebalancing ---------------------------------------------------------------------------

    def ages(self) -> np.ndarray:
        """Return the hours since each partition moved, 255 standing for more, by partition."""
        if self._ages is None:
            return np.zeros(self.parts, np.uint8)
        return self._ages

    def rebalance(self, seed: str | None = None) -> Rebalanced:
        """Make the table follow the devices. The same state, clock hour and seed, the same table.

        RingValidationError if there are too few devices, EmptyRingError if there are none.
        """
        if not any(dev['weight'] for dev in self.present_devs):
            raise EmptyRingError(EMPTY_TEXT)
        plan = self._plan()
        key = _key_of(seed)
        before = self._table
        self._pass_time()
        held = self._held(before)
        quota = quotas(plan, self.parts, held)
        if before is None:
            table = fill_table(plan, quota, self.parts, key)
            short = int(self.part_replicas) - (len(table) - 1) * self.parts
        else:
            table, short = self._resized()
            marked = [dev['id'] for dev in self.removed_devs]
            table[np.isin(table, marked)] = -1
            movable = self.ages() >= self.min_part_hours
            rearrange(Task(table, short, plan, quota, movable, key))
        moved = _differences(before, table)
        if moved.any():
            ages = self.ages().copy()
            ages[moved.any(axis=0)] = 0
            self._set_ages(ages)
            # Ages grow by whole hours from here: what moved just now must not profit from the
            # part of an hour that others have behind them.
            self._epoch = int(self.clock.time())
        self._table, self._short = table, short
        removed = self._finish_removal()
        self._count_parts(quota)
        self.devs_changed = False
        self.measure_dispersion()
        return Rebalanced(int(moved.sum()), self.balance(), removed)

    def measure_dispersion(self) -> None:
        """Compute dispersion and its graph anew; counts as a change."""
        if self._table is None:
            raise BuilderError('The ring has no table to measure')
        found = measure_dispersion(self._table, self.devs, self.replicas)
        self.dispersion, self.dispersion_graph = found.percent, found.graph
        self.version += 1

    def validate(self) -> None:
        """Raise RingValidationError if table and devices contradict each other."""
        if self._table is None:
            raise RingValidationError('_replica2part2dev empty; did you forget to rebalance?')
        size = (len(self._table) - 1) * self.parts + self._short
        total = sum(dev['parts'] for dev in self.present_devs)
        if total != size:
            raise RingValidationError(
                f'All partitions are not double accounted for: {total} != {size}')
        for dev in self.present_devs:
            if not isinstance(dev['port'], int):
                raise RingValidationError(f"Device {dev['id']} has port {dev['port']!r}, which "
                                          'is not an integer.')
        self._validate_table()

    def _validate_table(self) -> None:
        known = np.array([dev is not None for dev in self.devs] + [False])
        bad = ~known[np.minimum(self._table, len(self.devs))]
        bad[-1, self._short:] = False
        if bad.any():
            part, replica = np.argwhere(bad.T)[0]
            raise RingValidationError(
                f'Partition {part}, replica {replica} was not allocated to a device.')
        for row in range(1, len(self._table)):
            same = (self._table[:row] == self._table[row]) & (self._table[row] >= 0)
            if same.any():
                part = int(np.flatnonzero(same.any(axis=0))[0])
                column = self._table[:, part]
                raise RingValidationError(f'The partition {part} has been assigned to duplicate '
                                          f'devices {column[column >= 0].tolist()}')

    def _plan(self) -> Plan:
        try:
            return make_plan(self.devs, self.replicas, self.overload)
        except PlanError as problem:
            raise RingValidationError(str(problem)) from problem

    def _pass_time(self) -> None:
        """Add the whole hours that went by to all ages.

        The fraction of an hour is dropped: no partition ever counts as older than it is.
        """
        now = int(self.clock.time())
        hours = (now - (self._epoch or 0)) // HOUR_S
        if hours > 0 or self._table is None:
            grown = np.minimum(self.ages().astype(np.int64) + max(hours, 0), AGE_MAX)
            self._set_ages(grown.astype(np.uint8))
            self._epoch = now

    def _held(self, table: np.ndarray | None) -> np.ndarray:
        if table is None:
            return np.zeros(len(self.devs) + 1, np.int64)
        return np.bincount(table[table >= 0], minlength=len(self.devs) + 1)

    def _resized(self) -> tuple[np.ndarray, int]:
        """Return a copy of the table with the size that the replica count asks for."""
        total = int(self.part_replicas)
        count = ceil(total / self.parts)
        short = total - (count - 1) * self.parts
        table = np.full((count, self.parts), -1, np.int32)
        kept = min(count, len(self._table))
        table[:kept] = self._table[:kept]
        table[-1, short:] = -1
        return table, short

    def _finish_removal(self) -> int:
        removed = len(self.removed_devs)
        for dev in self.removed_devs:
            self.devs[dev['id']] = None
        self.removed_devs = []
        while self.devs and self.devs[-1] is None:
            self.devs.pop()
        if self._id_bytes > 2 and len(self.devs) < 1 << 15:
            self._id_bytes = 2
        return removed

    def _count_parts(self, quota: np.ndarray | None = None) -> None:
        held = self._held(self._table)
        for dev in self.present_devs:
            dev['parts'] = int(held[dev['id']])
            if quota is not None:
                dev['parts_wanted'] = (int(quota[dev['id']]) - dev['parts'] if dev['weight']
                                       else -self.part_replicas)

    def _set_ages(self, ages: np.ndarray) -> None:
        self._ages, self._stored_ages = ages, None

    # -- file ----------------------------------------------------------------------------------

    @classmethod
    def load(cls, path: str, clock: Clock = SYSTEM) -> RingBuilder:
        """Read a builder file; BuilderFileError with a text for operators."""
        try:
            with open(path, 'rb') as source:
                content = source.read()
        except FileNotFoundError:
            raise BuilderFileError(f'Ring Builder file does not exist: {path}', path)
        except PermissionError:
            raise BuilderFileError(f'Ring Builder file cannot be accessed: {path}', path)
        except OSError as problem:
            raise BuilderFileError(f'Ring Builder file cannot be accessed: {path} '
                                   f'({problem.strerror})', path)
        try:
            return cls.from_state(codec.load(content), clock)
        except (codec.NotABuilder, KeyError, TypeError, ValueError, BuilderError) as problem:
            raise BuilderFileError(f'Ring Builder file is invalid: {path}', path) from problem

    def save(self, path: str) -> None:
        """Write the builder durably; what was there stays until the new file is complete.

        A builder without an id gets one.
        """
        if self.id is None:
            self.id = uuid.uuid4().hex
        target = os.path.realpath(path)
        mode = os.stat(target).st_mode & 0o777 if os.path.exists(target) else None
        replace_file(target, [codec.dump(self.state())], mode)

    @classmethod
    def from_state(cls, state: dict, clock: Clock = SYSTEM) -> RingBuilder:
        """Take over a dict of swift.common.codecs.builder; ValueError if it makes no sense."""
        builder = cls(state['part_power'], state['replicas'], state['min_part_hours'],
                      clock=clock)
        # Pickle writes a repeated text once: with the same key objects, the same bytes again.
        builder._keys = {key: key for key in state}
        builder.replicas = state['replicas']
        builder.next_part_power = state.get('next_part_power')
        builder.devs = state['devs']
        for dev in builder.present_devs:
            _complete(dev)
        builder.devs_changed = state.get('devs_changed', False)
        builder.version = state.get('version', 0)
        builder.overload = state.get('overload', 0.0)
        builder.id = state.get('id')
        builder.dispersion = state.get('dispersion')
        builder.dispersion_graph = state.get('_dispersion_graph') or {}
        builder.removed_devs = state.get('_remove_devs') or []
        builder._epoch = state.get('_last_part_moves_epoch')
        builder._gather_start = state.get('_last_part_gather_start', 0)
        builder._take_ages(state.get('_last_part_moves'))
        builder._take_rows(state.get('_replica2part2dev'))
        return builder

    @classmethod
    def from_ring(cls, ring: RingData, min_part_hours: int, clock: Clock = SYSTEM) -> RingBuilder:
        """Make up a builder for a ring whose builder was lost. History and overload are gone."""
        builder = cls(ring.part_power, ring.replica_count, min_part_hours, clock=clock)
        builder.devs = [dev and dict(dev, parts=0) for dev in ring.devs]
        builder.version = ring.version or 0
        builder.next_part_power = ring.next_part_power
        builder._take_rows([array(_CODES[ring.dev_id_bytes][0], row) for row in ring.rows])
        builder._count_parts()
        return builder

    def state(self) -> dict[str, object]:
        """Return the dict that goes into the file, in the order other tools write it."""
        code, kind = _CODES[self._id_bytes]
        rows = None
        if self._table is not None:
            rows = [array(code, row.astype(kind).tobytes()) for row in self.rows]
        state = {
            'part_power': self.part_power, 'next_part_power': self.next_part_power,
            'replicas': self.replicas, 'min_part_hours': self.min_part_hours,
            'parts': self.parts, 'devs': self.devs, 'devs_changed': self.devs_changed,
            'dev_id_bytes': self._id_bytes, 'version': self.version, 'overload': self.overload,
            '_replica2part2dev': rows, '_last_part_moves_epoch': self._epoch,
            '_last_part_moves': self._ages_to_store(),
            '_last_part_gather_start': self._gather_start,
            '_dispersion_graph': self.dispersion_graph, 'dispersion': self.dispersion,
            '_remove_devs': self.removed_devs, 'id': self.id}
        return {self._keys.get(key, key): value for key, value in state.items()}

    def _ages_to_store(self) -> object:
        if self._stored_ages is not None or self._ages is None:
            return self._stored_ages
        return array('B', self._ages.tobytes())

    def _take_ages(self, stored: Sequence[int] | None) -> None:
        self._stored_ages = stored
        if stored is not None:
            self._ages = np.frombuffer(bytes(stored), np.uint8)
            if len(self._ages) != self.parts:
                raise ValueError('ages do not fit the number of partitions')

    def _take_rows(self, rows: Sequence[array] | None) -> None:
        self._id_bytes = id_bytes_for(len(self.devs) - 1)
        if not rows:
            return
        self._id_bytes = 2 if rows[0].itemsize == 2 else 4
        if any(len(row) != self.parts for row in rows[:-1]) or len(rows[-1]) > self.parts:
            self._refuse_short_rows(rows)
        self._short = len(rows[-1])
        table = np.full((len(rows), self.parts), -1, np.int64)
        for row, values in zip(table, rows, strict=True):
            row[:len(values)] = values
        # All ones is "unassigned": seen only in files saved in the middle of something.
        table[table == (1 << 8 * rows[0].itemsize) - 1] = -1
        self._table = table.astype(np.int32)

    def _refuse_short_rows(self, rows: Sequence[array]) -> None:
        for replica, row in enumerate(rows[:-1]):
            if len(row) < self.parts:
                raise RingValidationError(
                    f'The partition assignments of replica {replica} were shorter than expected '
                    f'({len(row)} < {self.parts}) - this should only happen for the last replica')
        raise RingValidationError('A row of the table is longer than there are partitions')


def id_bytes_for(dev_id: int) -> int:
    """Return how many bytes ids up to this one need; all ones is reserved."""
    if dev_id < (1 << 16) - 1:
        return 2
    if dev_id < (1 << 32) - 1:
        return 4
    raise BuilderError(f'Device id {dev_id} does not fit into 4 bytes')


def _complete(dev: dict) -> None:
    """Add what very old files lack."""
    dev.setdefault('region', 1)
    dev.setdefault('meta', '')
    dev.setdefault('replication_ip', dev['ip'])
    dev.setdefault('replication_port', dev['port'])
    dev.setdefault('parts', 0)


def _key_of(seed: str | None) -> int:
    if seed is None:
        return secrets.randbits(63)
    digest = hashlib.sha256(str(seed).encode('utf-8', 'surrogateescape')).digest()
    return int.from_bytes(digest[:8], 'big') >> 1


def _differences(before: np.ndarray | None, after: np.ndarray) -> np.ndarray:
    """Return which entries of the new table were on another device before, or on none."""
    moved = after >= 0
    if before is not None:
        kept = min(len(before), len(after))
        moved[:kept] &= before[:kept] != after[:kept]
    return moved
