"""Which replicas move where, when a ring that is in use must follow a changed plan.

Layer 0, numpy, no I/O, deterministic for a key. The table and its counts are in
ring_plan_table.py.

Three phases, each moves as little as possible:

    fill        entries without a device (new, removed, doubled) get one; never optional
    disperse    where a tier holds more of a partition than the plan allows, one replica leaves
    balance     devices above their quota give to devices below it, within the plan

Disperse and balance touch a partition only if it is ``movable`` and nothing of it moved before
in this run, so at most one replica of a partition moves by choice. Free places ("seats") and
replicas that could take them are paired at random, pairs that break the plan are dropped, and
the next round pairs again: each round is a few array operations however many replicas there
are. What random pairs do not find is found by looking at all candidates of a device, and at last
by moving through devices in between (ring_plan_chains.py).

Invariants: a device never holds a partition twice; a move never raises a tier above the plan's
bound (fill may have to, when nothing else is left). Source: sheet 01 section 9.5.
"""
from __future__ import annotations

import numpy as np

from swift.core.ring_plan import DEVICE_LEVEL, LEVELS
from swift.core.ring_plan_chains import balance_through_others
from swift.core.ring_plan_fill import mix
from swift.core.ring_plan_measure import CHUNK_PARTITIONS
from swift.core.ring_plan_table import Mover, Task, concatenated_ranges

STALL_ROUNDS = 12


def rearrange(task: Task) -> None:
    """Run the three phases."""
    mover = _Phases(task)
    mover.free_doubled()
    mover.fill()
    mover.disperse()
    if not mover.balance():
        balance_through_others(mover)


class _Phases(Mover):
    """The three phases over one table."""

    # -- phases --------------------------------------------------------------------------------

    def free_doubled(self) -> None:
        """Take replicas away from devices that hold another one of the same partition."""
        for row in range(1, len(self.table)):
            devs = self.table[row]
            doubled = np.flatnonzero((self.table[:row] == devs).any(axis=0) & (devs >= 0))
            np.subtract.at(self.held, devs[doubled], 1)
            devs[doubled] = -1

    def fill(self) -> None:
        """Give every entry a device, preferring seats, then anything the plan allows."""
        exists = np.ones(self.table.shape, bool)
        exists[-1, self.task.short:] = False
        rows, parts = np.nonzero((self.table < 0) & exists)
        rows, parts = self._pair_up(rows, parts, strict=True)
        for row, part in zip(rows.tolist(), parts.tolist(), strict=True):
            self._place_one(row, part, must=True)

    def disperse(self) -> None:
        """Move one replica out of tiers that hold too many of a movable partition."""
        rows, parts = self._crowded()
        rows, parts = self._pair_up(rows, parts, strict=True)
        for row, part in zip(rows.tolist(), parts.tolist(), strict=True):
            self._place_one(row, part, must=False)

    def balance(self) -> bool:
        """Bring devices to their quotas as far as the plan and movable partitions allow.

        Return whether that is all: False if something is left that direct moves cannot do.
        """
        for keep_least in (True, False):
            deck = _Deck(self)
            if deck.empty or not self.seats().size:
                return True
            stalled = 0
            while stalled < STALL_ROUNDS:
                rows, parts = deck.deal()
                seats = self.shuffled(self.seats())
                if not len(rows) or not len(seats):
                    return True
                stalled = 0 if self._try(rows, parts, seats, keep_least) else stalled + 1
            self._search(deck, keep_least)
        return False

    # -- rounds --------------------------------------------------------------------------------

    def _pair_up(self, rows: np.ndarray, parts: np.ndarray,
                 strict: bool) -> tuple[np.ndarray, np.ndarray]:
        """Pair replicas with random seats, round by round; return those left over."""
        stalled = 0
        while len(rows) and stalled < STALL_ROUNDS:
            seats = self.shuffled(self.seats())
            if not len(seats):
                break
            order = self.shuffled(np.arange(len(rows)))
            rows, parts = rows[order], parts[order]
            before = self.table[rows, parts]
            moved = self._try(rows, parts, seats, keep_least=False, strict=strict)
            left = self.table[rows, parts] == before
            rows, parts = rows[left], parts[left]
            stalled = 0 if moved * 50 > len(order) else stalled + 1
        return rows, parts

    def _try(self, rows: np.ndarray, parts: np.ndarray, seats: np.ndarray, keep_least: bool,
             strict: bool = False) -> int:
        """Move the n-th replica to the n-th seat where that is allowed; return how many moved."""
        count = min(len(rows), len(seats))
        rows, parts, seats = rows[:count], parts[:count], seats[:count]
        good = np.flatnonzero(self.fits(rows, parts, seats, keep_least, strict))
        # Two replicas of one partition were checked without each other: only the first goes.
        good = good[np.unique(parts[good], return_index=True)[1]]
        self.move(rows[good], parts[good], seats[good])
        return len(good)

    # -- single replicas -----------------------------------------------------------------------

    def _place_one(self, row: int, part: int, must: bool) -> None:
        """Move one replica to the best device that the plan allows.

        If the plan allows none, a replica that ``must`` be placed goes where it crowds least.
        """
        devices = np.flatnonzero(self.quota > 0)
        column = self.table[:, part].copy()
        column[row] = -1
        crowding = np.zeros(len(devices), np.int64)
        for level in range(len(LEVELS)):
            entered = self.nodes[level][devices]
            holding = (self.nodes[level][column][:, None] == entered).sum(axis=0)
            above = np.maximum(holding + 1 - self.most[level][entered], 0)
            # A crowded device cannot be had at all, a crowded region is worse than a server.
            crowding += above * (1 << 40 if level == DEVICE_LEVEL else 1 << (30 - 10 * level))
        allowed = crowding == 0 if not must else crowding == crowding.min()
        if not allowed.any() or crowding[allowed].min() >= 1 << 40:
            assert not must, 'no device left for a replica'
            return
        room = (self.quota - self.held)[devices] / (self.quota[devices] + 1.0)
        best = devices[np.argmax(np.where(allowed, room, -np.inf))]
        if best != self.table[row, part]:
            self.move(np.array([row]), np.array([part]), np.array([best]))

    def _crowded(self) -> tuple[np.ndarray, np.ndarray]:
        """Return one replica of each movable partition that a tier holds too many of.

        It is taken from the widest such tier, there from the device most above its quota.
        """
        surplus = (self.held - self.quota) / (self.quota + 1.0)
        found_rows, found_parts = [], []
        for start in range(0, self.table.shape[1], CHUNK_PARTITIONS):
            stop = start + CHUNK_PARTITIONS
            parts = start + np.flatnonzero(self.free_to_move[start:stop])
            columns = self.table[:, parts]
            score = np.full(columns.shape, -np.inf)
            for level in reversed(range(len(LEVELS))):
                tiers = self.nodes[level][columns]
                counts = np.stack([(tiers == tier).sum(axis=0) for tier in tiers])
                over = (counts > self.most[level][tiers]) & (columns >= 0)
                widest = over.any(axis=0)
                level_score = np.where(over, surplus[columns], -np.inf)
                score[:, widest] = level_score[:, widest]
            worst = np.flatnonzero((score > -np.inf).any(axis=0))
            found_rows.append(score[:, worst].argmax(axis=0))
            found_parts.append(parts[worst])
        return np.concatenate(found_rows), np.concatenate(found_parts)

    def _search(self, deck: _Deck, keep_least: bool) -> None:
        """Compare all candidates with each device that still has seats."""
        rows, parts = deck.cards(self.search_size())
        needy = np.flatnonzero(self.quota > self.held)
        needy = needy[np.argsort(self.held[needy] - self.quota[needy], kind='stable')]
        for target in needy.tolist():
            still = self.may_move(rows, parts)
            rows, parts = rows[still], parts[still]
            targets = np.full(len(rows), target)
            good = np.flatnonzero(self.fits(rows, parts, targets, keep_least, False))
            self.take(rows[good], parts[good], target)

class _Deck:
    """Replicas on devices above their quota, shuffled per device and dealt in turn."""

    def __init__(self, mover: Mover) -> None:
        self._mover = mover
        over = mover.held > mover.quota
        rows, parts = np.nonzero(over[mover.table] & (mover.table >= 0)
                                 & (mover.free_to_move | mover.fresh))
        devs = mover.table[rows, parts]
        mover._round += 1
        random = mix(mover.task.key + (mover._round << 20), parts * len(mover.table) + rows)
        order = np.lexsort((random, ~mover.fresh[rows, parts], devs))
        self._rows, self._parts, self._devs = rows[order], parts[order], devs[order]
        self._sizes = np.bincount(devs, minlength=len(mover.held))
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._position = np.zeros_like(self._sizes)
        self.empty = not len(rows)

    def deal(self) -> tuple[np.ndarray, np.ndarray]:
        """Return, in random order, as many replicas of each device as it holds too many."""
        mover = self._mover
        count = np.minimum(np.maximum(mover.held - mover.quota, 0), self._sizes)
        devs = np.flatnonzero(count)
        offsets = concatenated_ranges(count[devs])
        owners = np.repeat(devs, count[devs])
        cards = self._starts[owners] + (self._position[owners] + offsets) % self._sizes[owners]
        self._position[devs] = (self._position[devs] + count[devs]) % self._sizes[devs]
        return self._valid(mover.shuffled(cards))

    def cards(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Return all replicas that may still go, or ``most`` of them from all devices."""
        step = -(-len(self._rows) // most)
        return self._valid(np.arange(0, len(self._rows), step))

    def _valid(self, cards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Drop replicas that moved already or whose device has nothing left to give."""
        mover, devs = self._mover, self._devs[cards]
        rows, parts = self._rows[cards], self._parts[cards]
        good = (mover.may_move(rows, parts) & (mover.held[devs] > mover.quota[devs])
                & (mover.table[rows, parts] == devs))
        return rows[good], parts[good]
