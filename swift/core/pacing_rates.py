"""Rates: how long a request has to wait for its turn, and whether a burst may pass.

Pure (layer 0): every call is told the time; nothing here reads a clock.

Two forms of one idea, a point in time up to which turns have been given away:

    next_turn     the point is a counter shared by all proxies, in ticks; a request adds its
                  share and waits until the point is reached           (sheet 05 §13.1)
    Allowance     the point is in one process; what is not due yet is refused (sheet 05 §13.2)

In both, time in which nobody asked may be caught up on, but only `buffer` seconds of it.

RateTable gives the rate for a container by its size, linear between the operator's points,
nothing below the first, constant from the last one on.
"""
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateTable:
    """Points (size, rate), by size."""

    points: tuple[tuple[int, float], ...] = ()

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> 'RateTable':
        """Read `<size> = <rate>`. Raises ValueError for what is no number."""
        return cls(tuple(sorted((int(size), float(rate)) for size, rate in options.items())))

    def rate_at(self, size: int) -> float | None:
        """Return the rate for a size, None for no limit."""
        before = None
        for point in self.points:
            if size < point[0]:
                return _between(before, point, size) if before else None
            before = point
        return before[1] if before else None


def _between(low: tuple[int, float], high: tuple[int, float], size: int) -> float:
    share = (size - low[0]) / (high[0] - low[0])
    return low[1] + share * (high[1] - low[1])


@dataclass(frozen=True, slots=True)
class Turn:
    """What a shared counter says: wait so many ticks; `restart_at` is its new value, if any."""

    wait: int
    restart_at: int | None = None


def ticks_per_turn(rate: float, accuracy: int) -> int:
    """Return how far one request moves the counter."""
    return round(accuracy / rate)


def next_turn(counter: int, step: int, now: int, buffer: int) -> Turn:
    """Return the turn of a request that has just moved the counter by `step` to `counter`.

    A counter that lags by more than the buffer starts anew: long idleness is no credit.
    """
    if now - counter > buffer:
        return Turn(0, now + step)
    return Turn(max(counter - now - step, 0))


def is_too_long(wait: int, limit: int, accuracy: int) -> bool:
    """Tell whether a wait is not worth it: within a hundredth of a second of the limit, or more."""
    return limit - wait <= accuracy * 0.01


class Allowance:
    """A rate per second for one thing in one process; no rate, no limit."""

    __slots__ = ('rate', 'buffer_s', '_until')

    def __init__(self, rate: float, buffer_s: float):
        self.rate = rate
        self.buffer_s = buffer_s
        self._until = 0.0

    def take(self, now: float) -> bool:
        """Take one turn if it is due; tell whether it was."""
        if self.rate <= 0:
            return True
        if now - self._until > self.buffer_s:
            self._until = now
        if now < self._until:
            return False
        self._until += 1 / self.rate
        return True
