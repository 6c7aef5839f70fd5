"""The one place that reads time (layer 1).

Everything that needs the time takes a ``clock`` parameter, so that tests hand in a clock they
move themselves. ``time()`` is wall time in seconds since 1970 and may jump; ``monotonic()``
never goes back and is the one to measure durations and deadlines with.
"""
import time as _time


class Clock:
    """The machine's clocks."""

    time = staticmethod(_time.time)
    monotonic = staticmethod(_time.monotonic)


class ManualClock:
    """A clock that stands still until it is told to advance. For tests and simulations."""

    def __init__(self, time: float = 1700000000.0) -> None:
        self._time = time
        self._monotonic = 0.0

    def time(self) -> float:
        return self._time

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks."""
        assert seconds >= 0
        self._time += seconds
        self._monotonic += seconds


SYSTEM = Clock()
