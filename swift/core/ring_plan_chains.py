"""Balancing through devices in between, for what no single move can do.

Layer 0, numpy, no I/O. A device above its quota may hold nothing that fits on the device below,
for instance because all its partitions are there already. Then a third device, at its quota,
gives the needy one something that fits and gets something from the one above:

    relay   above -> between -> needy, in bulk for one needy device
    chain   above -> between -> ... -> needy, one unit at a time, found by breadth-first search

Every step is a different partition, so no partition moves twice, and every step keeps to the
plan. Both cost more moves than units gained; they are tried last, and chains only for so many
units, because in a large ring a unit is nothing.
"""
from __future__ import annotations

import numpy as np

from swift.core.ring_plan_table import Mover, rank_within

RELAY_ROUNDS = 4
CHAINS_MAX = 200
CHAIN_LENGTH_MAX = 5
CHAIN_REPLICAS_MAX = 20000
# How many targets of the previous step each replica is tried with.
CHAIN_TRIES = 4


def balance_through_others(mover: Mover) -> None:
    """Reduce what is still above and below quotas."""
    for _round in range(RELAY_ROUNDS):
        if not _relay(mover):
            break
    for _count in range(CHAINS_MAX):
        needy = np.flatnonzero(mover.quota > mover.held)
        if not any(_Chain(mover, target).find() for target in needy.tolist()):
            return


def _candidates(mover: Mover, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return about ``most`` replicas that may move, from evenly spaced partitions."""
    step = max(1, mover.table.size // most)
    start = int(mover.shuffled(np.arange(step))[0])
    sampled = slice(start, None, step)
    rows, parts = np.nonzero((mover.free_to_move[sampled] | mover.fresh[:, sampled])
                             & (mover.table[:, sampled] >= 0))
    return rows, start + parts * step


def _relay(mover: Mover) -> int:
    rows, parts = _candidates(mover, mover.search_size())
    moved = 0
    for target in np.flatnonzero(mover.quota > mover.held).tolist():
        still = mover.may_move(rows, parts)
        rows, parts = rows[still], parts[still]
        moved += _relay_to(mover, target, rows, parts)
    return moved


def _relay_to(mover: Mover, target: int, rows: np.ndarray, parts: np.ndarray) -> int:
    """Serve one device; return how many relays were used."""
    surplus = mover.held - mover.quota
    devs = mover.table[rows, parts]
    givers = mover.shuffled(np.flatnonzero(surplus[devs] > 0))
    givers = givers[rank_within(devs[givers]) < surplus[devs[givers]]]
    even = np.flatnonzero(surplus[devs] == 0)
    fitting = even[mover.fits(rows[even], parts[even], np.full(len(even), target))]
    fitting = fitting[np.unique(parts[fitting], return_index=True)[1]]
    relays = mover.shuffled(devs[fitting])
    if not len(givers) or not len(relays):
        return 0
    pairs = max(len(givers), min(len(relays), 8 * len(givers)))
    chosen, relays = np.resize(givers, pairs), np.resize(relays, pairs)
    good = np.flatnonzero(mover.fits(rows[chosen], parts[chosen], relays))
    good = good[np.unique(parts[chosen[good]], return_index=True)[1]]
    good = mover.shuffled(good)[:int(-surplus[target])]
    mover.move(rows[chosen[good]], parts[chosen[good]], relays[good])
    fitting = fitting[mover.may_move(rows[fitting], parts[fitting])
                      & (mover.table[rows[fitting], parts[fitting]] == devs[fitting])]
    mover.take(rows[fitting], parts[fitting], target)
    return len(good)


class _Chain:
    """A breadth-first search backwards from a needy device to one above its quota."""

    def __init__(self, mover: Mover, target: int) -> None:
        self._mover = mover
        self._rows, self._parts = _candidates(mover, CHAIN_REPLICAS_MAX)
        self._devs = mover.table[self._rows, self._parts]
        self._reached = np.zeros(len(mover.held), bool)
        self._reached[target] = True
        # The step by which a reached device gives: (row, part, to which device).
        self._step: dict[int, tuple[int, int, int]] = {}
        self._last = np.array([target])

    def find(self) -> bool:
        """Search, and move along the chain if there is one."""
        surplus = self._mover.held - self._mover.quota
        for _step in range(CHAIN_LENGTH_MAX):
            if not self._extend():
                return False
            above = self._last[surplus[self._last] > 0]
            if len(above):
                return self._move_along(int(above[0]))
        return False

    def _extend(self) -> bool:
        """Reach the devices that can give to those reached last."""
        mover, found = self._mover, []
        for _try in range(min(CHAIN_TRIES, len(self._last))):
            cards = np.flatnonzero(~self._reached[self._devs])
            if not len(cards):
                break
            targets = mover.shuffled(np.resize(mover.shuffled(self._last), len(cards)))
            fitting = np.flatnonzero(mover.fits(self._rows[cards], self._parts[cards], targets))
            fitting = fitting[np.unique(self._devs[cards[fitting]], return_index=True)[1]]
            for index in fitting.tolist():
                card = cards[index]
                dev = int(self._devs[card])
                self._step[dev] = (int(self._rows[card]), int(self._parts[card]),
                                   int(targets[index]))
                self._reached[dev] = True
                found.append(dev)
        self._last = np.array(found, int)
        return bool(found)

    def _move_along(self, start: int) -> bool:
        steps, dev = [], start
        while dev in self._step:
            steps.append(self._step[dev])
            dev = self._step[dev][2]
        rows, parts, targets = (np.array(values) for values in zip(*steps, strict=True))
        if len(set(parts.tolist())) < len(parts):
            return False
        self._mover.move(rows, parts, targets)
        return True
