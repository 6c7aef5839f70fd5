"""Which memcached server keeps a key, and which servers are left alone after errors.

Pure (layer 0): takes names and times, returns choices. Source: sheet 04 sections 15.1 and 15.3.

Every server contributes POINTS_PER_SERVER points to a circle, the MD5 hex texts of
``<server>-<n>``, compared as texts. A key sits at the MD5 hex of its UTF-8 bytes; the same text
is the key sent to memcached. The first server asked is that of the point *one after* the key's
successor, further ones follow clockwise, each server once.

Proxies of both implementations share one cache during a migration, so the placement has to be
the same to the last bit; golden files show it.
"""
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from hashlib import md5

POINTS_PER_SERVER = 50
# Looking up the same few thousand hot names again and again is the normal case. Longer keys come
# from forged tokens and are not remembered, so that the memo stays below two megabytes.
KEY_MEMO_SIZE = 4096
KEY_MEMO_LENGTH_MAX = 128
PROBE_INTERVAL_S = 5.0


def hash_key(key: str) -> str:
    """Return the text under which memcached knows a key."""
    return _remembered_hash(key) if len(key) <= KEY_MEMO_LENGTH_MAX else _hash(key)


def _hash(key: str) -> str:
    return md5(key.encode('utf-8', 'surrogateescape'), usedforsecurity=False).hexdigest()


_remembered_hash = lru_cache(maxsize=KEY_MEMO_SIZE)(_hash)


class ServerCircle:
    """The servers around the circle; immutable."""

    def __init__(self, servers: Sequence[str], tries: int = 3):
        """``servers`` are the texts as configured: they are part of the points' names."""
        if not servers:
            raise ValueError('no memcached servers given')
        self.servers = tuple(dict.fromkeys(servers))
        self.tries = min(tries, len(self.servers))
        points = sorted(
            (md5(f'{server}-{n}'.encode(), usedforsecurity=False).hexdigest(), server)
            for server in self.servers for n in range(POINTS_PER_SERVER))
        self._points = [point for point, _server in points]
        self._owners = [server for _point, server in points]

    def first(self, key_hash: str) -> str:
        """Return the server asked first for a key. Cost: one bisection."""
        if len(self.servers) == 1:
            return self.servers[0]
        return self._owners[self._start(key_hash)]

    def candidates(self, key_hash: str) -> list[str]:
        """Return the servers to ask for a key, in order, at most ``tries``."""
        if len(self.servers) == 1:
            return list(self.servers[:self.tries])
        chosen: list[str] = []
        count = len(self._owners)
        start = self._start(key_hash)
        for step in range(count):
            if len(chosen) == self.tries:
                break
            server = self._owners[(start + step) % count]
            if server not in chosen:
                chosen.append(server)
        return chosen

    def _start(self, key_hash: str) -> int:
        # Compat: the point after the successor. It looks like an error and was one once, but
        # moving it would move every key of a running cluster.
        return (bisect_right(self._points, key_hash) + 1) % len(self._points)

    @property
    def points(self) -> list[tuple[str, str]]:
        """The circle as (point, server), for tests and tools."""
        return list(zip(self._points, self._owners, strict=True))


class ErrorWindow:
    """Errors of one server: too many of them within an interval and it is left alone.

    More than ``limit`` errors within ``interval_s`` seconds limit the server for ``interval_s``
    from the last of them. An interval of 0 never limits. Holds at most ``limit`` + 1 times.
    A limited server may be tried every ``PROBE_INTERVAL_S`` when there is none besides it; one
    success lifts the limit.
    """

    __slots__ = ('_errors', '_probe_at', 'interval_s', 'limit', 'limited_until')

    def __init__(self, limit: int, interval_s: float):
        self.limit = limit
        self.interval_s = interval_s
        self.limited_until = 0.0
        self._probe_at = 0.0
        self._errors: deque[float] = deque(maxlen=limit + 1)

    def note(self, now: float) -> bool:
        """Count an error; True if it is the one that limits the server."""
        if self.interval_s <= 0:
            return False
        errors = self._errors
        errors.append(now)
        if len(errors) <= self.limit or errors[0] <= now - self.interval_s:
            return False
        errors.clear()
        self.limited_until = now + self.interval_s
        self._probe_at = now + PROBE_INTERVAL_S
        return True

    def may_probe(self, now: float) -> bool:
        """Tell whether it is time for one try, which is then taken as made."""
        if now < self._probe_at:
            return False
        self._probe_at = now + PROBE_INTERVAL_S
        return True

    def note_success(self) -> None:
        self.limited_until = 0.0

    def is_limited(self, now: float) -> bool:
        return now < self.limited_until
