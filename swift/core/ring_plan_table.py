"""The table of a ring that is being rearranged: what is held, what fits, what moved (layer 0).

An int32 array [replica, partition] of device ids; -1 marks an entry to fill, or one that does not
exist (``Task.short``). ``Mover`` keeps the counts that decisions need; what moves and why is
decided in ring_plan_moves.py and ring_plan_chains.py.

Invariant: a partition is moved by choice at most once in a run, except for entries that were
placed in it.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from swift.core.ring_plan import DEVICE_LEVEL, LEVELS, Plan
from swift.core.ring_plan_fill import mix

# A search compares candidates with every device that has seats; in large rings only so many.
SEARCH_STEPS_MAX = 20_000_000


@dataclass
class Task:
    """What to rearrange. ``table`` is changed in place; ``quota`` is by device id plus one 0.

    ``short`` is the number of partitions that have the last replica.
    """

    table: np.ndarray
    short: int
    plan: Plan
    quota: np.ndarray
    movable: np.ndarray
    key: int


class Mover:
    """The table with the counts that decisions need."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.table = task.table
        self.quota = task.quota
        self.nodes = task.plan.tree.node_of
        bounds = [task.plan.bounds(level) for level in range(len(LEVELS))]
        # One more entry for tier -1 (no device), which is never full and never too empty.
        self.least = [np.append(least, 0) for least, _most in bounds]
        self.most = [np.append(most, np.iinfo(np.int32).max) for _least, most in bounds]
        self.free_to_move = task.movable.copy()
        # Entries placed in this run: placing them again costs nothing.
        self.fresh = np.zeros(self.table.shape, bool)
        self.held = np.bincount(self.table[self.table >= 0], minlength=len(self.quota))
        self._round = 0

    def fits(self, rows: np.ndarray, parts: np.ndarray, targets: np.ndarray,
             keep_least: bool = False, strict: bool = False) -> np.ndarray:
        """Return which replicas may go to their target.

        A tier that the replica leaves and enters is not judged unless ``strict``: the move does
        not change what it holds. ``keep_least`` forbids leaving a tier with too few.
        """
        columns = self.table[:, parts]
        sources = self.table[rows, parts]
        columns[rows, np.arange(len(parts))] = -1
        good = ~(columns == targets).any(axis=0) & (sources != targets)
        for level in range(len(LEVELS)):
            tiers, entered = self.nodes[level][columns], self.nodes[level][targets]
            left = self.nodes[level][sources]
            fine = (tiers == entered).sum(axis=0) < self.most[level][entered]
            good &= fine if strict else fine | (left == entered)
            if keep_least and level < DEVICE_LEVEL:
                remaining = (tiers == left).sum(axis=0)
                good &= (left == entered) | (remaining >= self.least[level][left])
        return good

    def move(self, rows: np.ndarray, parts: np.ndarray, targets: np.ndarray) -> None:
        sources = self.table[rows, parts]
        size = len(self.held)
        self.held -= np.bincount(sources[sources >= 0], minlength=size)
        self.held += np.bincount(targets, minlength=size)
        self.table[rows, parts] = targets
        self.fresh[rows, parts] = True
        self.free_to_move[parts] = False

    def may_move(self, rows: np.ndarray, parts: np.ndarray) -> np.ndarray:
        """Return which replicas may go somewhere else."""
        return self.free_to_move[parts] | self.fresh[rows, parts]

    def seats(self) -> np.ndarray:
        """Return device ids, each as often as it is below its quota."""
        return np.repeat(np.arange(len(self.quota)), np.maximum(self.quota - self.held, 0))

    def shuffled(self, values: np.ndarray) -> np.ndarray:
        self._round += 1
        key = self.task.key + (self._round << 20)
        return values[np.argsort(mix(key, np.arange(len(values))), kind='stable')]

    def search_size(self) -> int:
        """Return how many replicas a search for every device with seats may look at."""
        needy = max(1, int((self.quota > self.held).sum()))
        return max(1, SEARCH_STEPS_MAX // (len(self.table) * needy))

    def take(self, rows: np.ndarray, parts: np.ndarray, target: int) -> None:
        """Move replicas to a device until it is full, at most the surplus of each source."""
        chosen = np.unique(parts, return_index=True)[1]
        rows, parts = rows[chosen], parts[chosen]
        sources = self.table[rows, parts]
        rank = rank_within(sources)
        within = np.flatnonzero(rank < (self.held - self.quota)[sources])
        within = self.shuffled(within)[:int(self.quota[target] - self.held[target])]
        self.move(rows[within], parts[within], np.full(len(within), target))


def concatenated_ranges(lengths: np.ndarray) -> np.ndarray:
    """Return 0..n-1 for each length, one after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def rank_within(values: np.ndarray) -> np.ndarray:
    """Return for each entry how many equal ones precede it."""
    rank = np.empty(len(values), np.int64)
    if not len(values):
        return rank
    order = np.argsort(values, kind='stable')
    ordered = values[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    rank[order] = concatenated_ranges(np.diff(np.append(starts, len(values))))
    return rank
