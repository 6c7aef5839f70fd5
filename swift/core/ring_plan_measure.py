"""How good a table is: balance against weights, dispersion over failure domains.

Layer 0, numpy, no I/O. Tables are int32 arrays [replica, partition] of device ids, -1 where a
partition has no such replica.

    balance of a device   100 x assigned / ideal - 100 percent; of the ring: the worst
    dispersion            100 x replicas above what their tier may hold / all replicas; of the
                          levels of a partition the worst one counts

Compat: what a tier may hold comes from dividing and rounding up level by level. Unlike the
original all partitions are looked at when the replica count is fractional.
Source: sheet 01 sections 9.6, 9.7, weak point 13.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np

from swift.core.ring_plan import LEVELS, Device, Tier, TierTree

UNWANTED_BALANCE = 999.99
# Bounds the temporary arrays: replicas x replicas x this many entries.
CHUNK_PARTITIONS = 65536


@dataclass
class Dispersion:
    """``graph[tier][n]`` is the number of partitions with n replicas in the tier."""

    percent: float
    graph: dict[Tier, list[int]] = field(repr=False)


def device_balance(dev: Device, parts_per_weight: float) -> float:
    """Return by how many percent a device holds more (or less) than its weight's share."""
    if not dev['weight'] or not parts_per_weight:
        return UNWANTED_BALANCE if dev['parts'] else 0.0
    return 100.0 * dev['parts'] / (dev['weight'] * parts_per_weight) - 100.0


def ring_balance(devs: Sequence[Device | None], part_replicas: float) -> float | None:
    """Return the worst device's deviation in percent, None if no device has weight."""
    present = [dev for dev in devs if dev is not None]
    total_weight = sum(dev['weight'] for dev in present)
    if not total_weight:
        return None
    per_weight = part_replicas / total_weight
    return max(abs(device_balance(dev, per_weight)) for dev in present)


def max_allowed(devs: Sequence[Device | None], replicas: float) -> dict[Tier, int]:
    """Return how many replicas of one partition each tier may hold in a dispersed ring.

    Tiers without weight may hold none.
    """
    tree = TierTree(devs)
    weights = [tree.sums(level, tree.weights) for level in range(len(LEVELS))]
    allowed: dict[Tier, int] = {(): ceil(replicas)}
    for level in range(len(LEVELS)):
        parents = [()] if level == 0 else tree.tiers[level - 1]
        for number, parent in enumerate(parents):
            children = tree.children[level][number]
            weighted = sum(weights[level][child] > 0 for child in children)
            for child in children:
                most = ceil(allowed[parent] / weighted) if weights[level][child] > 0 else 0
                allowed[tree.tiers[level][child]] = min(most, 1) if level == 3 else most
    return allowed


def measure_dispersion(table: np.ndarray, devs: Sequence[Device | None],
                       replicas: float) -> Dispersion:
    """Look at every partition. Cost: levels x replicas x replicas x partitions simple steps."""
    tree = TierTree(devs)
    allowed = max_allowed(devs, replicas)
    width = len(table) + 1
    limits = [np.array([allowed[tier] for tier in tiers], np.int32) for tiers in tree.tiers]
    counts = [np.zeros(len(tiers) * width, np.int64) for tiers in tree.tiers]
    excess_total = 0
    for piece in _pieces(table):
        worst = np.zeros(piece.shape[1], np.int32)
        for level in range(len(LEVELS)):
            tiers, held = tier_counts(tree.node_of[level][piece])
            first = held > 0
            counts[level] += np.bincount((tiers * width + held)[first],
                                         minlength=len(counts[level]))
            over = np.where(first, held - np.append(limits[level], 0)[tiers], 0)
            np.maximum(worst, np.maximum(over, 0).sum(axis=0), out=worst)
        excess_total += int(worst.sum())
    replicas_total = int((table >= 0).sum())
    percent = 100.0 * excess_total / replicas_total if replicas_total else 0.0
    return Dispersion(percent, _graph(tree, counts, width, table.shape[1]))


def tier_counts(tiers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (tiers, counts): how often each tier occurs in its column.

    A tier's count stands at its first occurrence in the column, all other places are 0.
    """
    held = np.zeros(tiers.shape, np.int32)
    for row, of_row in enumerate(tiers):
        same = tiers == of_row
        held[row] = np.where(same[:row].any(axis=0) | (of_row < 0), 0, same.sum(axis=0))
    return tiers, held


def _pieces(table: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, table.shape[1], CHUNK_PARTITIONS):
        yield table[:, start:start + CHUNK_PARTITIONS]


def _graph(tree: TierTree, counts: list[np.ndarray], width: int,
           part_count: int) -> dict[Tier, list[int]]:
    graph = {}
    for tiers, numbers in zip(tree.tiers, counts, strict=True):
        for tier, row in zip(tiers, numbers.reshape(-1, width).tolist(), strict=True):
            holding = sum(row)
            if holding:
                row[0] = part_count - holding
                graph[tier] = row
    return graph
