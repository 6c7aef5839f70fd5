"""Open brokers, the most recently used ones, one per database directory.

Layer 1. Used in disk threads. Opening a database costs about half a millisecond (open, pragmas,
schema), asking an open one a few microseconds; the bound keeps descriptors and page caches in
check. A broker that is dropped while somebody uses it stays usable: it opens files on demand and
closes them when it is collected.
"""
from collections import OrderedDict
from collections.abc import Callable

from swift.common.db.broker import Broker
from swift.common.db.files import Place
from swift.common.green import NativeLock

OPEN_DATABASES_MAX = 128


class BrokerCache:
    """Brokers by directory. Owns them; close() closes what is open."""

    def __init__(self, make: Callable[[Place], Broker], size: int = OPEN_DATABASES_MAX) -> None:
        assert size > 0
        self._make = make
        self._size = size
        self._lock = NativeLock()
        self._brokers: OrderedDict[str, Broker] = OrderedDict()

    def get(self, place: Place) -> Broker:
        """Return the broker of a place; the file need not exist."""
        dropped = None
        with self._lock:
            broker = self._brokers.get(place.directory)
            if broker is not None:
                self._brokers.move_to_end(place.directory)
                return broker
            broker = self._brokers[place.directory] = self._make(place)
            if len(self._brokers) > self._size:
                _, dropped = self._brokers.popitem(last=False)
        if dropped is not None:
            dropped.close_if_idle()
        return broker

    def known(self, place: Place) -> Broker | None:
        """Return the broker of a place if there is one. Never waits: fit for the event loop."""
        broker = self._brokers.get(place.directory)
        if broker is not None:
            try:
                self._brokers.move_to_end(place.directory)
            except KeyError:
                return None              # dropped by a thread just now
        return broker

    def close(self) -> None:
        """Close all brokers."""
        with self._lock:
            brokers = list(self._brokers.values())
            self._brokers.clear()
        for broker in brokers:
            broker.close()

    def statistics(self) -> dict[str, int]:
        """Return how many brokers are kept, and the bound."""
        return {'brokers': len(self._brokers), 'limit': self._size}
