"""A memcache client in memory, with the interface of MemcacheRing and a clock of its own.

Values go through JSON as they do on the wire, so that a tuple comes back as a list. The contract
test test/unit/common/test_memcached_contract.py runs the same calls against it and against the
real client with a real server.
"""
import json

from swift.common.clock import SYSTEM
from swift.common.memcached import MemcacheConnectionError


class FakeCache:
    """Set `broken` to let every command fail as when no server answers."""

    def __init__(self, clock=SYSTEM):
        self.broken = False
        self.trips = 0
        self._clock = clock
        self._items: dict[str, tuple[str, float]] = {}

    def _trip(self, raise_on_error: bool = False) -> bool:
        self.trips += 1
        if self.broken and raise_on_error:
            raise MemcacheConnectionError('broken on purpose')
        return not self.broken

    def _look(self, key):
        value, expires = self._items.get(key, (None, 0))
        if value is None or (expires and expires <= self._clock.time()):
            return None
        return json.loads(value)

    def get(self, key, raise_on_error=False):
        return self._look(key) if self._trip(raise_on_error) else None

    def set(self, key, value, serialize=True, time=0, raise_on_error=False):
        if self._trip(raise_on_error):
            expires = self._clock.time() + time if time else 0
            text = value.decode() if isinstance(value, bytes) else value
            self._items[key] = (json.dumps(text), expires)

    def delete(self, key, server_key=None):
        if self._trip():
            self._items.pop(key, None)

    def incr(self, key, delta=1, time=0):
        self._trip(raise_on_error=True)
        old = self._look(key)
        value = max(int(old) + delta, 0) if old is not None else max(delta, 0)
        expires = self._items[key][1] if old is not None else (
            self._clock.time() + time if time else 0)
        self._items[key] = (json.dumps(value), expires)
        return value

    def decr(self, key, delta=1, time=0):
        return self.incr(key, -delta, time)

    def get_multi(self, keys, server_key, raise_on_error=False):
        if not self._trip(raise_on_error):
            return [None for _ in keys]
        return [self._look(key) for key in keys]

    def set_multi(self, mapping, server_key, serialize=True, time=0, raise_on_error=False):
        for key, value in mapping.items():
            self.set(key, value, serialize, time, raise_on_error)

    def get_many(self, keys):
        if not self._trip():
            return {}
        found = {key: self._look(key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}
