"""When to leave a failing node alone, and how long a step that comes too soon has to wait.

Pure (layer 0): every call is told the time; nothing here reads a clock.

A node is limited while it has collected more than `limit` errors and the last of them is younger
than `interval_s`. After an interval without a new error the record is forgotten. A node that says
its drive is gone is limited at once. An interval of zero switches the whole thing off.
(sheet 04, section 10.5; keys are `ip:port/device` so that one bad drive does not hide its node.)
"""


class ErrorLimiter:
    """Which nodes have failed too often lately. One per worker process.

    Records are created by errors only and dropped when they expire, so their number is bounded by
    the number of devices in the rings.
    """

    __slots__ = ('interval_s', 'limit', '_records')

    def __init__(self, interval_s: float, limit: int):
        self.interval_s = interval_s
        self.limit = limit
        self._records: dict[str, tuple[int, float]] = {}

    @property
    def has_records(self) -> bool:
        """False while no node has failed lately: nothing to look up."""
        return bool(self._records)

    def is_limited(self, key: str, now: float) -> bool:
        """Return whether the node must not be asked now. Cost with no failing node: one `if`."""
        if not self._records:
            return False
        record = self._records.get(key)
        if record is None:
            return False
        errors, last = record
        if now - last >= self.interval_s:
            del self._records[key]
            return False
        return errors > self.limit

    def count_error(self, key: str, now: float) -> bool:
        """Count one error; return whether this one made the node limited."""
        if self.interval_s <= 0:
            return False
        errors, last = self._records.get(key, (0, now))
        if now - last >= self.interval_s:
            errors = 0
        self._records[key] = (errors + 1, now)
        return errors == self.limit

    def limit_now(self, key: str, now: float) -> bool:
        """Limit the node at once (507); return whether it was not limited before."""
        if self.interval_s <= 0:
            return False
        was_limited = self.is_limited(key, now)
        self._records[key] = (self.limit + 1, now)
        return not was_limited

    def statistics(self) -> dict[str, tuple[int, float]]:
        """Return errors and time of the last error for each node with a record."""
        return dict(self._records)


class AfterBurst:
    """Lets `burst` steps pass at once and holds the following ones back to `per_second`.

    A rate of zero or less means no limit.
    """

    __slots__ = ('_burst', '_interval_s', '_next')

    def __init__(self, burst: int, per_second: float):
        self._burst = burst
        self._interval_s = 1 / per_second if per_second > 0 else 0
        self._next = 0.0

    def wait_s(self, now: float) -> float:
        """Count a step; return how long it has to wait."""
        if not self._interval_s:
            return 0
        if self._burst > 0:
            self._burst -= 1
            self._next = now + self._interval_s
            return 0
        wait_s = max(0.0, self._next - now)
        self._next = now + wait_s + self._interval_s
        return wait_s
