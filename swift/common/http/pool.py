"""Connections to peers, kept open between requests (layer 1).

    take: newest idle connection of the address, if it still lives; else a new one
    give back: after a complete request and answer; beyond the limits it is closed

The newest goes first so that the surplus of a burst ages and is closed. A connection that the
peer closes while idle is noticed by the hub at once and dropped. A request that met a stale
connection after all (closed before the first byte of an answer) is sent once more on a fresh
one by its Exchange; no other failure is retried. Bounded: idle connections per address and in
all, idle time. No locks: nothing here switches between reading and changing the tables.

Everything raised is a TransportError. ARCHITECTURE decision 4.
"""
from __future__ import annotations

from collections import deque
from typing import Any

from swift.common import green
from swift.common.clock import SYSTEM, Clock
from swift.common.errors import (
    ConnectFailed,
    ConnectTimeout,
    weather_reason,
)
from swift.common.http.client import Exchange, Headers, Response
from swift.common.http.stream import Stream

Address = tuple[str, int]
# Connections idle for less are used without a look: no peer closes so soon, the hub notices one
# that is restarted, and what both miss is repeated by the Exchange. (Measured: the look and its
# BlockingIOError are 2 µs for each of the three connections of a write.)
TRUSTED_S = 1.0


class IdleConnection:
    """A connection in the pool. Drops itself when the peer closes or speaks unasked."""

    __slots__ = ('address', 'pool', 'since', 'stream')

    def __init__(self, pool: ConnectionPool, address: Address, stream: Stream,
                 since: float) -> None:
        self.pool = pool
        self.address = address
        self.stream = stream
        self.since = since

    def on_readable(self) -> None:
        self.pool.drop(self)


class ConnectionPool:
    """Keep-alive connections by (ip, port). One per process and purpose; close() at the end."""

    def __init__(self, *, clock: Clock = SYSTEM, max_idle_per_node: int = 32,
                 max_idle: int = 1024, idle_timeout_s: float = 30.0) -> None:
        assert max_idle_per_node >= 0 and max_idle >= 0
        self.clock = clock
        self._max_idle_per_node = max_idle_per_node
        self._max_idle = max_idle
        self._idle_timeout = idle_timeout_s
        self._idle: dict[Address, deque[IdleConnection]] = {}
        self._idle_count = 0
        self._sweeper: Any = None
        self._closed = False
        self._counts = {'connected': 0, 'reused': 0, 'stale': 0, 'repeated': 0}

    # -- requests ---------------------------------------------------------------------------------

    def request(self, address: Address, method: str, target: str, headers: Headers,
                body: bytes = b'', *, conn_timeout: float, timeout: float) -> Response:
        """Send a request whose body is in memory; return when the answer's head is there.

        ``timeout`` bounds each wait of sending, the wait for the head, and by default each wait
        of reading the body. The caller closes the response or reads it to the end.
        """
        exchange = self.open(address, conn_timeout, timeout)
        try:
            exchange.send_head(method, target, headers, body)
            return exchange.response(timeout)
        except BaseException:
            exchange.close()
            raise

    def open(self, address: Address, conn_timeout: float, timeout: float = 60.0) -> Exchange:
        """Return an exchange for one request with a streamed body. ``timeout``: waits to send."""
        stream = self._take(address)
        if stream is not None:
            self._counts['reused'] += 1
            return Exchange(self, address, stream, True, conn_timeout, timeout)
        stream = self.connect(address, conn_timeout)
        return Exchange(self, address, stream, False, conn_timeout, timeout)

    def connect(self, address: Address, timeout: float) -> Stream:
        """Return a new connection. Raises ConnectTimeout or ConnectFailed."""
        peer = f'{address[0]}:{address[1]}'
        try:
            stream = Stream(green.connect(address, timeout))
        except TimeoutError as error:
            raise ConnectTimeout(f'no connection within {timeout}s', peer,
                                 'Connection timeout', seconds=timeout) from error
        except OSError as error:
            reason = weather_reason(error) or str(error)
            raise ConnectFailed(f'{reason}: {peer}', peer, reason) from error
        self._counts['connected'] += 1
        return stream

    # -- idle connections -------------------------------------------------------------------------

    def _take(self, address: Address) -> Stream | None:
        idle = self._idle.get(address)
        while idle:
            connection = idle.pop()
            self._idle_count -= 1
            stream = connection.stream
            stream.ready.unwatch()
            # The hub may not have looked since the peer closed: one recv() tells.
            if self.clock.monotonic() - connection.since < TRUSTED_S or not stream.is_stale():
                return stream
            self._counts['stale'] += 1
            stream.close()
        return None

    def give_back(self, address: Address, stream: Stream) -> None:
        """Keep a connection whose exchange is complete, or close it if there are enough."""
        idle = self._idle.get(address)
        if idle is None:
            idle = self._idle[address] = deque()
        if (self._closed or len(idle) >= self._max_idle_per_node
                or self._idle_count >= self._max_idle):
            stream.close()
            return
        connection = IdleConnection(self, address, stream, self.clock.monotonic())
        idle.append(connection)
        self._idle_count += 1
        stream.ready.watch(connection.on_readable)
        if self._sweeper is None:
            self._sweeper = green.call_later(self._idle_timeout, self._sweep)

    def drop(self, connection: IdleConnection) -> None:
        """Close an idle connection and forget it."""
        idle = self._idle.get(connection.address)
        if idle is not None and connection in idle:
            idle.remove(connection)
            self._idle_count -= 1
            self._counts['stale'] += 1
        connection.stream.close()

    def _sweep(self) -> None:
        """Close what has been idle too long; forget addresses without connections."""
        self._sweeper = None
        before = self.clock.monotonic() - self._idle_timeout
        for address, idle in list(self._idle.items()):
            while idle and idle[0].since <= before:
                self._idle_count -= 1
                idle.popleft().stream.close()
            if not idle:
                del self._idle[address]
        if self._idle_count:
            self._sweeper = green.call_later(self._idle_timeout / 2, self._sweep)

    def count(self, name: str) -> None:
        self._counts[name] += 1

    def statistics(self) -> dict:
        """Return counts since the start, and of idle connections now."""
        return {'idle': self._idle_count, **self._counts}

    def close(self) -> None:
        """Close idle connections; those in use close when their exchange ends."""
        self._closed = True
        for idle in self._idle.values():
            while idle:
                idle.pop().stream.close()
        self._idle.clear()
        self._idle_count = 0
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
