"""Listing pages as they were sent last, for readers that ask again before anything changes.

Layer 3, used in disk threads. Clients that poll or walk a container ask for the same page over and
over; making it costs a hundred times what sending it costs. A page is kept together with the
ContainerInfo it was made under. The broker forgets that object as soon as anybody, another process
included, commits to the database; so a page is valid exactly as long as its info is the current
one, and no time limit is needed. Bounded in bytes, least recently used first to go.
"""
from collections import OrderedDict
from typing import Any

from swift.common.db.service import Headers
from swift.common.green import NativeLock

PAGES_BYTES_MAX = 4 << 20
PAGE_BYTES_MAX = 512 << 10
# What an entry occupies besides its body: key, headers, the info it keeps alive.
OVERHEAD_BYTES = 2048

Page = tuple[Headers, bytes]


class Pages:
    """Pages by database directory and reading. Safe in several threads."""

    def __init__(self, bytes_max: int = PAGES_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._lock = NativeLock()
        self._pages: OrderedDict[tuple, tuple[Any, Page]] = OrderedDict()

    def get(self, key: tuple, info: Any) -> Page | None:
        """Return the page made under exactly this `info`, or None."""
        with self._lock:
            kept = self._pages.get(key)
            if kept is None:
                return None
            if kept[0] is not info:
                self._drop(key)
                return None
            self._pages.move_to_end(key)
            return kept[1]

    def put(self, key: tuple, info: Any, page: Page) -> None:
        """Keep a page, unless it is too large."""
        size = len(page[1])
        if size > PAGE_BYTES_MAX:
            return
        with self._lock:
            if key in self._pages:
                self._drop(key)
            self._pages[key] = info, page
            self._bytes += size + OVERHEAD_BYTES
            while self._bytes > self._bytes_max:
                self._drop(next(iter(self._pages)))

    def _drop(self, key: tuple) -> None:
        _info, page = self._pages.pop(key)
        self._bytes -= len(page[1]) + OVERHEAD_BYTES

    def statistics(self) -> dict[str, int]:
        """Return how many pages are kept, and their bytes."""
        return {'pages': len(self._pages), 'bytes': self._bytes}
