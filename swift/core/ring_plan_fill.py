"""The first table of a ring: every quota met exactly, every partition optimally dispersed.

Layer 0, numpy, no I/O, deterministic: the only randomness is a 64-bit mixing function of a key.

Wrap-around rule. Write the part-replicas of a tier in one line, in rounds: first every partition
once, then every partition again, the last round only those that have one more (they come first
in each round, in the same random order). Give the first child its quota from the front of the
line, the next child the following ones, and so on. Two entries of one partition are never closer
than the number of the tier's partitions, so a child with a quota of q out of n partitions gets
floor(q/n) or ceil(q/n) replicas of each. Applied level by level, regions down to devices, this
meets the plan of swift.core.ring_plan without search: n log n for n part-replicas.
"""
from __future__ import annotations

import numpy as np

from swift.core.ring_plan import DEVICE_LEVEL, LEVELS, Plan

_ROUND_BITS = 6


def mix(key: int, values: np.ndarray) -> np.ndarray:
    """Return pseudo-random 64-bit numbers that depend on the key and each value only."""
    with np.errstate(over='ignore'):
        found = values.astype(np.uint64) + np.uint64(key & 0xffffffffffffffff)
        found *= np.uint64(0x9e3779b97f4a7c15)
        found ^= found >> np.uint64(30)
        found *= np.uint64(0xbf58476d1ce4e5b9)
        found ^= found >> np.uint64(27)
        found *= np.uint64(0x94d049bb133111eb)
        found ^= found >> np.uint64(31)
    return found


def fill_table(plan: Plan, quota: np.ndarray, part_count: int, key: int) -> np.ndarray:
    """Return a complete table [replica, partition]; ``quota`` by device id, summing to its size.

    Partitions that have one replica fewer than others are the last ones.
    """
    total = int(quota.sum())
    rows = -(-total // part_count)
    part = np.arange(total, dtype=np.int64) % part_count
    tier = np.zeros(total, np.int64)
    for level in range(len(LEVELS)):
        order = _line_up(tier, part, part_count, key + level)
        part, tier = part[order], tier[order]
        tier = np.repeat(*_children_in_line(plan, quota, level, key))
        assert len(tier) == total, 'quotas of a tier and of its children differ'
    dev_of_tier = np.zeros(len(plan.tree.tiers[DEVICE_LEVEL]), np.int32)
    numbers = plan.tree.node_of[DEVICE_LEVEL][:-1]
    dev_of_tier[numbers[numbers >= 0]] = np.flatnonzero(numbers >= 0)
    return _into_rows(part, dev_of_tier[tier], rows, part_count, key)


def _line_up(tier: np.ndarray, part: np.ndarray, part_count: int, key: int) -> np.ndarray:
    """Return the order of the line: by tier, round, partitions with more rounds first, random."""
    group = tier * part_count + part
    by_group = np.argsort(group, kind='stable')
    sorted_group = group[by_group]
    starts = np.flatnonzero(np.append(True, sorted_group[1:] != sorted_group[:-1]))
    sizes = np.diff(np.append(starts, len(group)))
    rounds = np.arange(len(group)) - np.repeat(starts, sizes)
    sizes = np.repeat(sizes, sizes)
    random = mix(key, sorted_group) >> np.uint64(32)
    if sizes.max(initial=0) < 1 << _ROUND_BITS and tier.max(initial=0) < 1 << 20:
        sort_key = tier[by_group].astype(np.uint64)
        for field, bits in ((rounds, _ROUND_BITS), ((1 << _ROUND_BITS) - 1 - sizes, _ROUND_BITS),
                            (random, 32)):
            sort_key = (sort_key << np.uint64(bits)) | field.astype(np.uint64)
        return by_group[np.argsort(sort_key, kind='stable')]
    return by_group[np.lexsort((random, -sizes, rounds, tier[by_group]))]


def _children_in_line(plan: Plan, quota: np.ndarray, level: int,
                      key: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tiers of a level, parents in order and children shuffled, and their quotas."""
    tree = plan.tree
    amounts = tree.sums(level, quota).astype(np.int64)
    parents = np.array(tree.parents[level])
    shuffled = np.lexsort((mix(key + 101 + level, np.arange(len(parents))), parents))
    return shuffled, amounts[shuffled]


def _into_rows(part: np.ndarray, dev: np.ndarray, rows: int, part_count: int,
               key: int) -> np.ndarray:
    """Distribute the devices of each partition over its rows in random order."""
    shuffled = np.argsort(mix(key + 211, part * rows + np.arange(len(part)) % rows
                              + dev.astype(np.int64) * 0x10001), kind='stable')
    order = shuffled[np.argsort(part[shuffled], kind='stable')]
    sorted_part = part[order]
    starts = np.searchsorted(sorted_part, np.arange(part_count))
    row = np.arange(len(part)) - starts[sorted_part]
    table = np.full((rows, part_count), -1, np.int32)
    table[row, sorted_part] = dev[order]
    return table
