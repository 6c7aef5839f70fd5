"""How many replicas each failure domain should hold: the planning half of the ring builder.

Layer 0, numpy, no I/O. Never imported by servers.

Failure domains form a tree: region, zone, server (the ip), device. A plan gives each of them
"replicanths", the average number of replicas of a partition it should hold:

    weighted   in proportion to weight, at most 1 per device, the rest handed to the others
    wanted     as dispersed as possible, weights respected as far as that allows
    target     weighted + (wanted - weighted) x min(overload, required) / required

Per partition a tier then holds between floor and ceil of its target. Devices without weight are
not planned for. From the target follow whole numbers of part-replicas (quotas), top-down, so
that at every level the sums are exact.

Law: at each level the targets add up to the replica count. Source: sheet 01 section 9.3, 9.4.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

EPSILON = 1e-10
LEVELS = ('regions', 'zones', 'servers', 'devices')
DEVICE_LEVEL = 3

Tier = tuple
Device = Mapping[str, object]


class PlanError(ValueError):
    """No plan exists for these devices and this replica count."""


class TierTree:
    """The failure domains of a device list, numbered per level in order of first appearance.

    ``node_of[level][dev_id]`` is the tier number of a device, -1 for holes; the arrays have one
    more entry, so that the "no device" id -1 maps to tier -1.
    """

    def __init__(self, devs: Sequence[Device | None]) -> None:
        self.tiers: list[list[Tier]] = [[] for _level in LEVELS]
        self.parents: list[list[int]] = [[] for _level in LEVELS]
        self.children: list[list[list[int]]] = [[[]]] + [[] for _level in LEVELS]
        self.node_of = [np.full(len(devs) + 1, -1, np.int32) for _level in LEVELS]
        self.weights = np.zeros(len(devs) + 1)
        numbers: dict[Tier, int] = {}
        for dev_id, dev in enumerate(devs):
            if dev is None:
                continue
            self.weights[dev_id] = dev['weight']
            parent = 0
            for level, tier in enumerate(tiers_of(dev)):
                number = numbers.get(tier)
                if number is None:
                    number = numbers[tier] = len(self.tiers[level])
                    self.tiers[level].append(tier)
                    self.parents[level].append(parent)
                    self.children[level][parent].append(number)
                    self.children[level + 1].append([])
                self.node_of[level][dev_id] = parent = number

    def sums(self, level: int, per_device: np.ndarray) -> np.ndarray:
        """Add up a per-device value over the tiers of a level."""
        known = self.node_of[level][:-1] >= 0
        return np.bincount(self.node_of[level][:-1][known], weights=per_device[:-1][known],
                           minlength=len(self.tiers[level]))


@dataclass
class Plan:
    """Targets per level and tier number; the device level also by device id."""

    tree: TierTree
    replicas: float
    target: list[np.ndarray]
    required_overload: float

    @property
    def device_target(self) -> np.ndarray:
        """Target by device id; the extra last entry is 0."""
        values = np.append(self.target[DEVICE_LEVEL], 0.0)
        return values[self.tree.node_of[DEVICE_LEVEL]]

    def bounds(self, level: int) -> tuple[np.ndarray, np.ndarray]:
        """Return how many replicas of one partition a tier may hold, least and most."""
        target = self.target[level]
        return (np.floor(target + EPSILON).astype(np.int32),
                np.ceil(target - EPSILON).astype(np.int32))


def tiers_of(dev: Device) -> tuple[Tier, Tier, Tier, Tier]:
    """Return the failure domains of a device, the widest first. The port does not matter."""
    region, zone, ip = dev['region'], dev['zone'], dev['ip']
    return (region,), (region, zone), (region, zone, ip), (region, zone, ip, dev['id'])


def make_plan(devs: Sequence[Device | None], replicas: float, overload: float) -> Plan:
    """Return the plan for a device list. PlanError if there are too few devices with weight."""
    tree = TierTree(devs)
    weighted_devices = int((tree.weights > 0).sum())
    if weighted_devices < replicas:
        raise PlanError(f'Replica count of {replicas} requires more than {weighted_devices} '
                        'devices')
    per_device = weighted_replicas(tree.weights, replicas)
    weighted = [tree.sums(level, per_device) for level in range(len(LEVELS))]
    wanted = wanted_replicas(tree, weighted, replicas)
    required = required_overload(weighted[DEVICE_LEVEL], wanted[DEVICE_LEVEL])
    share = min(overload, required) / required if required > 0 else 1.0
    target = [held + (want - held) * share for held, want in zip(weighted, wanted, strict=True)]
    for level, values in enumerate(target):
        if abs(values.sum() - replicas) > EPSILON * max(1, len(values)):
            raise PlanError(f'{values.sum()} != {replicas} at tier {LEVELS[level]}')
    return Plan(tree, replicas, target, required)


def weighted_replicas(weights: np.ndarray, replicas: float) -> np.ndarray:
    """Share replicas by weight, at most one per device.

    The cap makes heavy devices give up what they cannot hold; it goes to the others by weight.
    """
    share = weights * (replicas / weights.sum())
    while True:
        excess = np.maximum(share - 1, 0).sum()
        share = np.minimum(share, 1)
        if excess < EPSILON:
            return share
        free = (share < 1) & (weights > 0)
        if not free.any():
            return share
        share[free] += excess * weights[free] / weights[free].sum()


def required_overload(weighted: np.ndarray, wanted: np.ndarray) -> float:
    """Return how much more than its weight's share the worst device must take for dispersion."""
    has_weight = weighted > 0
    assert not wanted[~has_weight].any(), 'a device without weight is wanted'
    if not has_weight.any():
        return 0.0
    held = weighted[has_weight]
    required = float(((wanted[has_weight] - held) / held).max())
    return required if required > EPSILON else 0.0


def wanted_replicas(tree: TierTree, weighted: list[np.ndarray],
                    replicas: float) -> list[np.ndarray]:
    """Return the most dispersed distribution, by level, that still follows the weights."""
    room = [tree.sums(level, (tree.weights > 0).astype(float)) for level in range(len(LEVELS))]
    even = _even_shares(tree, room, replicas)
    wanted = [np.zeros(len(tiers)) for tiers in tree.tiers]
    for level in range(len(LEVELS)):
        parents = [replicas] if level == 0 else wanted[level - 1]
        for parent, value in enumerate(parents):
            children = [child for child in tree.children[level][parent] if room[level][child]]
            if children and value > 0:
                index = np.array(children)
                wanted[level][index] = _place(
                    value, weighted[level][index], even[level][index], room[level][index])
    return wanted


def _even_shares(tree: TierTree, room: list[np.ndarray], replicas: float) -> list[np.ndarray]:
    """Divide the replicas equally at each level among the tiers that have weight."""
    shares = [np.zeros(len(tiers)) for tiers in tree.tiers]
    for level in range(len(LEVELS)):
        parents = [replicas] if level == 0 else shares[level - 1]
        for parent, value in enumerate(parents):
            children = [child for child in tree.children[level][parent] if room[level][child]]
            for child in children:
                shares[level][child] = value / len(children)
    shares[DEVICE_LEVEL] = np.minimum(shares[DEVICE_LEVEL], 1)
    return shares


def _place(value: float, weighted: np.ndarray, even: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Distribute a tier's replicanths over its children.

    Starts from the proportions of the weights, clamped between floor and ceil of the even share
    and to the number of devices; what is over or missing goes by weight to the children that
    can still give or take.
    """
    if value > room.sum() + EPSILON:
        raise PlanError(f'More replicanths ({value}) than devices ({int(room.sum())}) in tier')
    least = np.minimum(np.floor(even + EPSILON), room)
    most = np.minimum(np.ceil(even - EPSILON), room)
    placed = np.clip(value * weighted / weighted.sum(), least, most)
    for _attempt in range(4 * len(placed) + 8):
        rest = value - placed.sum()
        if abs(rest) <= EPSILON:
            break
        open_ = placed < most - EPSILON / 2 if rest > 0 else placed > least + EPSILON / 2
        if not open_.any():
            # Too few devices elsewhere: dispersion has to yield, the number of devices cannot.
            least, most = np.zeros_like(least), room
            continue
        part = rest * weighted[open_] / weighted[open_].sum()
        placed[open_] = np.clip(placed[open_] + part, least[open_], most[open_])
    return placed


def quotas(plan: Plan, part_count: int, held: np.ndarray) -> np.ndarray:
    """Return how many part-replicas each device id should hold; the sum is exact.

    Every tier gets floor(target x partitions) of its parent's share, and what is left goes one
    by one to children which hold more than that already (``held`` by device id: nothing has to
    move for them), then to those with the smallest target.
    """
    tree, total = plan.tree, int(plan.replicas * part_count)
    given = [np.zeros(len(tiers), np.int64) for tiers in tree.tiers]
    for level in range(len(LEVELS)):
        ideal = plan.target[level] * part_count
        most = (plan.bounds(level)[1] * part_count).tolist()
        floors = np.floor(ideal + 1e-6).astype(np.int64).tolist()
        holds = tree.sums(level, held).tolist()
        targets = plan.target[level].tolist()
        parents = [total] if level == 0 else given[level - 1].tolist()
        for parent, value in enumerate(parents):
            children = [child for child in tree.children[level][parent] if targets[child] > 0]
            if children:
                _give(value, children, given[level], _Shares(floors, most, holds, targets))
    result = np.zeros(len(tree.weights), np.int64)
    known = tree.node_of[DEVICE_LEVEL] >= 0
    result[known] = given[DEVICE_LEVEL][tree.node_of[DEVICE_LEVEL][known]]
    return result


@dataclass(frozen=True, slots=True)
class _Shares:
    floors: list[int]
    most: list[int]
    holds: list[float]
    targets: list[float]


def _give(value: int, children: list[int], given: np.ndarray, shares: _Shares) -> None:
    left = value
    amounts = {}
    for child in children:
        amounts[child] = min(shares.floors[child], shares.most[child], left)
        left -= amounts[child]
    order = sorted(children, key=lambda child: (
        shares.holds[child] <= amounts[child], shares.targets[child]))
    while left:
        takers = [child for child in order if amounts[child] < shares.most[child]] or order
        for child in takers[:left]:
            amounts[child] += 1
        left -= min(left, len(takers))
    for child, amount in amounts.items():
        given[child] = amount
