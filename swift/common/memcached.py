"""The client of the memcached servers that all proxies share: a circle of pooled connections.

Layer 1. ``swift.cache`` in a request's environ is one ``MemcacheRing`` per worker; third-party
filters use its ``get set delete incr decr get_multi set_multi``. ``get_many`` is ours: everything
one client request needs, in one write and one read per server.

Who keeps what is decided in ``swift.core.memcache_ring``, what travels in
``swift.core.memcache_text``; this file connects, waits and gives up. Source: sheet 04 section 15.

* At most ``max_connections`` sockets per server and worker. A command waits ``pool_timeout_s``
  for one of them, a new one ``connect_timeout_s`` for its connection, a reply ``io_timeout_s``.
* The reply of every command is awaited before the connection serves another: a delete is
  visible before the next get of anybody, and an unread reply is never taken for that of the
  next command. A connection whose command did not end well is closed.
* A pooled connection that the server closed meanwhile (restart, idle limit) is replaced without
  counting as an error: nothing can have happened on it.
* A server with too many errors is left alone for a while, unless all are; a cache that fails is
  a miss, unless the caller asks to know (``raise_on_error``) or counts (``incr``).
"""
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ssl import SSLContext, SSLError

from swift.common import green
from swift.common.clock import SYSTEM, Clock
from swift.common.errors import TransportError
from swift.common.memcached_wire import PlainWire, TlsWire
from swift.core.memcache_ring import (
    KEY_MEMO_LENGTH_MAX,
    ErrorWindow,
    ServerCircle,
    hash_key,
)
from swift.core.memcache_text import (
    NOT_FOUND,
    NOT_STORED,
    STORED,
    GetReply,
    LineReplies,
    ProtocolError,
    decode_value,
    encode_delete,
    encode_delta,
    encode_get,
    encode_store,
    encode_value,
    expiry,
)

DEFAULT_PORT = 11211
READ_SIZE_BYTES = 65536
READ_SIZE_BYTES_MAX = 1 << 20
# Questions of get_many that are remembered with their replies: at most about 10 MB.
QUESTIONS_KEPT = 1024
REPLY_KEPT_BYTES_MAX = 4096
# Sampling of the timing metrics, as operators' dashboards expect them.
SAMPLE_RATES = {'get': 0.01, 'incr': 0.001, 'decr': 0.001}
SAMPLE_RATE_DEFAULT = 0.1


class MemcacheConnectionError(TransportError):
    """No memcached server carried out a command."""


class MemcachePoolTimeout(TransportError):
    """All connections to a server stayed busy."""


class MemcacheIncrNotFoundError(MemcacheConnectionError):
    """A counter vanished while it was being created; not the fault of any server."""


class _Stale(Exception):
    """A reused connection ended before the first byte of a reply."""


@dataclass(frozen=True)
class MemcacheSettings:
    """How patient the client is, and how many connections it may have."""

    max_connections: int = 2
    connect_timeout_s: float = 0.3
    pool_timeout_s: float = 1.0
    io_timeout_s: float = 2.0
    tries: int = 3
    error_limit: int = 10
    error_interval_s: float = 60.0
    item_size_warning_threshold: int = -1
    tls_context: SSLContext | None = None


def parse_server(server: str) -> tuple[str, int]:
    """Return (host, port) of ``host``, ``host:port``, ``[v6]`` or ``[v6]:port``.

    Raises ValueError, naming the text, for anything else.
    """
    if server.startswith('['):
        host, bracket, rest = server[1:].partition(']')
        if not bracket or (rest and not rest.startswith(':')):
            raise ValueError(f'Invalid memcached server: {server}')
        port = rest[1:]
    else:
        host, _colon, port = server.partition(':')
        if ':' in port:
            raise ValueError(f'IPv6 addresses must be in brackets: {server}')
    if not host or (port and not port.isascii()) or (port and not port.isdigit()):
        raise ValueError(f'Invalid memcached server: {server}')
    return host, int(port) if port else DEFAULT_PORT


class _Link:
    """One connection. Owned by its pool, or by the exchange that uses it."""

    __slots__ = ('_clock', '_timeout_s', '_wire', 'used')

    def __init__(self, address: tuple[str, int], timeout_s: float, settings: MemcacheSettings,
                 clock: Clock):
        if settings.tls_context is None:
            self._wire = PlainWire(address, timeout_s)
        else:
            self._wire = TlsWire(address, timeout_s, settings.tls_context)
        self._timeout_s = settings.io_timeout_s
        self._clock = clock
        self.used = False

    def send(self, data: bytes) -> None:
        try:
            self._wire.send(data, self._timeout_s)
        except (ConnectionError, SSLError) as exc:
            if self.used:
                raise _Stale from exc
            raise

    def receive(self, reply: GetReply | LineReplies) -> None:
        """Feed a reply until it is complete. Cost: one recv for all but large values."""
        try:
            data = self._wire.recv(READ_SIZE_BYTES, self._timeout_s)
        except ConnectionError as exc:
            if self.used:
                raise _Stale from exc
            raise
        if not data and self.used:
            raise _Stale
        if data and not reply.feed(data):
            data = self._receive_rest(reply)
        if not data:
            raise ConnectionResetError('closed by the server in the middle of a reply')
        self.used = True

    def _receive_rest(self, reply: GetReply | LineReplies) -> bytes:
        """Return the last bytes of a reply of several reads, b'' if the server closes early."""
        deadline = self._clock.monotonic() + self._timeout_s
        while True:
            remaining_s = deadline - self._clock.monotonic()
            if remaining_s <= 0:
                raise TimeoutError('the reply takes too long')
            wanted = max(READ_SIZE_BYTES, min(reply.missing_bytes, READ_SIZE_BYTES_MAX))
            data = self._wire.recv(wanted, remaining_s)
            if not data or reply.feed(data):
                return data

    def close(self) -> None:
        self._wire.close()


class _ServerPool:
    """The connections to one server; last used, first used again, so that few stay warm."""

    def __init__(self, server: str, settings: MemcacheSettings, clock: Clock):
        self.server = server
        self.address = parse_server(server)
        self.settings = settings
        self.clock = clock
        self.errors = ErrorWindow(settings.error_limit, settings.error_interval_s)
        self._idle: list[_Link] = []
        self._slots = green.Semaphore(settings.max_connections)

    def start(self, request: bytes) -> '_Exchange':
        """Send a command on a connection of its own; the caller finishes or aborts it."""
        pool_timeout_s = self.settings.pool_timeout_s
        began = self.clock.monotonic()
        # Taking a free slot must not switch to another green thread: the common case.
        if not self._slots.acquire(blocking=False):
            if not self._slots.acquire(timeout=pool_timeout_s):
                raise MemcachePoolTimeout(
                    f'no free connection within {pool_timeout_s}s', peer=self.server)
        exchange = _Exchange(self, request)
        try:
            if self._idle:
                exchange.link = self._idle.pop()
            else:
                exchange.connect(pool_timeout_s - (self.clock.monotonic() - began))
            exchange.send()
        except BaseException:
            exchange.abort()
            raise
        return exchange

    def connect(self, limit_s: float) -> _Link:
        timeout_s = max(min(self.settings.connect_timeout_s, limit_s), 0.001)
        return _Link(self.address, timeout_s, self.settings, self.clock)

    def take_back(self, link: _Link | None) -> None:
        """End of an exchange: keep the connection, if it is given, and free the slot."""
        if link is not None:
            self._idle.append(link)
        self._slots.release()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class _Exchange:
    """One command under way: owns a connection and a slot of its pool until it ends."""

    __slots__ = ('link', 'pool', 'request')

    def __init__(self, pool: _ServerPool, request: bytes):
        self.pool = pool
        self.request = request
        self.link: _Link | None = None

    def connect(self, limit_s: float) -> None:
        self.link = self.pool.connect(limit_s)

    def send(self) -> None:
        try:
            self.link.send(self.request)
        except _Stale:
            self._renew()

    def finish(self, make_reply) -> 'GetReply | LineReplies':
        """Wait for the reply and give the connection back. Raises like a socket, after closing."""
        try:
            reply = make_reply()
            try:
                self.link.receive(reply)
            except _Stale:
                self._renew()
                self.link.receive(reply)
        except BaseException:
            self.abort()
            raise
        self.pool.take_back(self.link)
        return reply

    def abort(self) -> None:
        """End without a usable reply: the connection is closed, whatever state it is in."""
        if self.link is not None:
            self.link.close()
        self.pool.take_back(None)

    def _renew(self) -> None:
        # The idle neighbours are as old as this one: a restarted server has closed them too.
        self.link.close()
        self.link = None
        self.pool.close()
        self.connect(self.pool.settings.connect_timeout_s)
        self.link.send(self.request)


class _GetCommand:
    """A ``get`` to one server, with the last reply to it.

    Token, account and container of a busy client hardly change: comparing the bytes of the reply
    with those before is a tenth of the work of reading them (measured: 6 % of a GET).
    """

    __slots__ = ('pool', 'reply', 'request')

    def __init__(self, pool: _ServerPool, request: bytes):
        self.pool = pool
        self.request = request
        self.reply: GetReply | None = None

    def make_reply(self) -> GetReply:
        return GetReply(self.reply)


class _Question:
    """What to send for a set of keys; `names` has the key of each hash."""

    __slots__ = ('commands', 'names')

    def __init__(self, names: Mapping[str, str], commands: list[_GetCommand]):
        self.names = names
        self.commands = commands


# What a server can do to us; everything else is a bug and passes.
_TROUBLE = (OSError, ProtocolError, MemcachePoolTimeout)


class MemcacheRing:
    """A cache spread over servers. Owns its connections; close() when done."""

    def __init__(self, servers: Sequence[str], settings: MemcacheSettings | None = None, *,
                 logger=None, metrics=None, clock: Clock = SYSTEM):
        """Raises ValueError for a server that is no address. Connects to nothing yet."""
        self.settings = settings or MemcacheSettings()
        self.circle = ServerCircle(servers, self.settings.tries)
        self.logger = logger or logging.getLogger('memcached')
        self._metrics = metrics
        self._clock = clock
        self._pools = {server: _ServerPool(server, self.settings, clock)
                       for server in self.circle.servers}
        self._questions: dict[tuple[str, ...], _Question] = {}
        self._order = {server: n for n, server in enumerate(self.circle.servers)}

    # -- single keys -------------------------------------------------------------------------

    def get(self, key: str, raise_on_error: bool = False):
        """Return the value of a key, None for a miss, for an old pickle and for trouble."""
        key_hash = hash_key(key)
        began = self._clock.monotonic()
        reply = self._command('get', key, self.circle.candidates(key_hash),
                              encode_get((key_hash,)), GetReply)
        self._timed('get', began)
        if reply is None:
            return self._gave_up('get', raise_on_error)
        found = reply.values.get(key_hash)
        return None if found is None else decode_value(*found)

    def set(self, key: str, value, serialize: bool = True, time: float = 0,
            raise_on_error: bool = False) -> None:
        """Store a value for ``time`` seconds, 0 for ever; as JSON unless it is raw bytes."""
        key_hash = hash_key(key)
        began = self._clock.monotonic()
        flags, data = self._encode(key, value, serialize)
        request = encode_store(b'set', key_hash, flags, self._expiry(time), data)
        reply = self._command('set', key, self.circle.candidates(key_hash), request, LineReplies)
        self._timed('set', began)
        if reply is None or not self._all_stored(reply.lines, key):
            self._gave_up('set', raise_on_error)

    def delete(self, key: str, server_key: str | None = None) -> None:
        """Forget a key. When it returns, no later get finds the value on that server."""
        key_hash = hash_key(key)
        began = self._clock.monotonic()
        servers = self.circle.candidates(hash_key(server_key) if server_key else key_hash)
        self._command('delete', key, servers, encode_delete(key_hash), LineReplies)
        self._timed('delete', began)

    def incr(self, key: str, delta: int = 1, time: float = 0) -> int:
        """Add to a counter and return it; a missing one starts at delta (0 when negative).

        ``time`` holds only for a counter created by this call. Counters never fall below 0.
        Raises MemcacheConnectionError when no server worked.
        """
        method = 'incr' if delta >= 0 else 'decr'
        key_hash = hash_key(key)
        began = self._clock.monotonic()
        servers = self.circle.candidates(key_hash)
        step = encode_delta(method.encode(), key_hash, abs(int(delta)))
        start = b'%d' % max(int(delta), 0)
        create = encode_store(b'add', key_hash, 0, self._expiry(time), start)
        line = self._one_line(method, key, servers, step)
        if line == NOT_FOUND:
            if self._one_line(method, key, servers, create) != NOT_STORED:
                line = start
            else:
                # Somebody else created it in between; now it is there to be counted on.
                line = self._one_line(method, key, servers, step)
        self._timed(method, began)
        if line == NOT_FOUND:
            raise MemcacheIncrNotFoundError('the counter expired while it was created')
        try:
            return int(line)
        except ValueError:
            raise MemcacheConnectionError(f'memcached answered {line[:80]!r} to {method}')

    def decr(self, key: str, delta: int = 1, time: float = 0) -> int:
        """Subtract from a counter; see incr."""
        return self.incr(key, delta=-delta, time=time)

    # -- several keys ------------------------------------------------------------------------

    def get_multi(self, keys: Iterable[str], server_key: str, raise_on_error: bool = False
                  ) -> list:
        """Return the values of keys kept together by set_multi, in order, None for misses."""
        hashes = [hash_key(key) for key in keys]
        began = self._clock.monotonic()
        reply = self._command('get_multi', server_key,
                              self.circle.candidates(hash_key(server_key)),
                              encode_get(hashes), GetReply)
        self._timed('get_multi', began)
        if reply is None:
            return self._gave_up('get_multi', raise_on_error) or [None] * len(hashes)
        values = reply.values
        return [decode_value(*values[name]) if name in values else None for name in hashes]

    def set_multi(self, mapping: Mapping[str, object], server_key: str, serialize: bool = True,
                  time: float = 0, raise_on_error: bool = False) -> None:
        """Store several values on the server of one key, in one write."""
        if not mapping:
            return
        began = self._clock.monotonic()
        exptime = self._expiry(time)
        request = b''.join(
            encode_store(b'set', hash_key(key), *self._flags_expiry(key, value, serialize, exptime))
            for key, value in mapping.items())
        reply = self._command('set_multi', server_key,
                              self.circle.candidates(hash_key(server_key)), request,
                              lambda: LineReplies(len(mapping)))
        self._timed('set_multi', began)
        if reply is None or not self._all_stored(reply.lines, server_key):
            self._gave_up('set_multi', raise_on_error)

    def get_many(self, keys: Iterable[str]) -> dict[str, object]:
        """Return the values of keys that are present, each read from its own server.

        Cost: one write and one read per server concerned, all servers at the same time. Trouble
        with a server is a miss of its keys; a key is not looked for on its other servers, since
        this is the path whose latency everybody pays.
        """
        keys = tuple(keys)
        question = self._questions.get(keys)
        if question is None:
            question = self._ask_for(keys)
        began = self._clock.monotonic()
        found: dict[str, object] = {}
        started = []
        try:
            for command in question.commands:
                exchange = self._start(command)
                if exchange is not None:
                    started.append((exchange, command))
            while started:
                self._collect(*started.pop(0), question.names, found)
        finally:
            for exchange, _command in started:
                exchange.abort()
        self._timed('get_multi', began)
        return found

    def _ask_for(self, keys: tuple[str, ...]) -> '_Question':
        """Return the commands that get these keys, and remember them for the next time."""
        names = {hash_key(key): key for key in keys}
        groups: dict[str, list[str]] = {}
        for key_hash in names:
            groups.setdefault(self.circle.first(key_hash), []).append(key_hash)
        # One order for everybody: two requests that hold a slot here and wait for one there
        # would otherwise wait for each other.
        servers = sorted(groups, key=self._order.__getitem__)
        question = _Question(names, [_GetCommand(self._pools[server], encode_get(groups[server]))
                                     for server in servers])
        if all(len(key) <= KEY_MEMO_LENGTH_MAX for key in keys):
            if len(self._questions) >= QUESTIONS_KEPT:
                del self._questions[next(iter(self._questions))]
            self._questions[keys] = question
        return question

    def close(self) -> None:
        """Close idle connections; commands under way close theirs when they end."""
        for pool in self._pools.values():
            pool.close()

    # -- the way of a command ----------------------------------------------------------------

    def _start(self, command: '_GetCommand') -> _Exchange | None:
        pool = command.pool
        if self._is_avoided(pool):
            return None
        try:
            return pool.start(command.request)
        except _TROUBLE as exc:
            self._trouble('get_multi', pool, exc, '')
            return None

    def _collect(self, exchange: _Exchange, command: '_GetCommand', names: Mapping[str, str],
                 found: dict) -> None:
        try:
            reply = exchange.finish(command.make_reply)
        except _TROUBLE as exc:
            self._trouble('get_multi', exchange.pool, exc, '')
            return
        exchange.pool.errors.note_success()
        for key_hash, value in reply.decoded().items():
            found[names[key_hash]] = value
        if reply.size <= REPLY_KEPT_BYTES_MAX:
            command.reply = reply

    def _command(self, method: str, key: str, servers: Sequence[str], request: bytes, make_reply):
        """Return the reply of the first server that works, None when none does."""
        for server in servers:
            pool = self._pools[server]
            if self._is_avoided(pool):
                continue
            try:
                reply = pool.start(request).finish(make_reply)
            except _TROUBLE as exc:
                self._trouble(method, pool, exc, key)
            else:
                pool.errors.note_success()
                return reply
        return None

    def _is_avoided(self, pool: _ServerPool) -> bool:
        """Tell whether a server had too many errors of late.

        If all had, one command is let through now and then: nobody could log in for a whole
        interval after the only server was restarted.
        """
        now = self._clock.monotonic()
        if not pool.errors.is_limited(now):
            return False
        return not (all(other.errors.is_limited(now) for other in self._pools.values())
                    and pool.errors.may_probe(now))

    def _one_line(self, method: str, key: str, servers: Sequence[str], request: bytes) -> bytes:
        reply = self._command(method, key, servers, request, LineReplies)
        if reply is None:
            raise MemcacheConnectionError('No memcached server could be reached')
        return reply.lines[0].strip()

    def _trouble(self, method: str, pool: _ServerPool, exc: Exception, key: str) -> None:
        prefix = key.rpartition('/')[0] or 'cache'
        if isinstance(exc, MemcachePoolTimeout):
            kind, what = 'timeout', 'Timeout getting a connection to memcached'
        elif isinstance(exc, TimeoutError):
            kind, what = 'timeout', 'Timeout talking to memcached'
        elif isinstance(exc, ConnectionError):
            kind, what = 'conn_err', 'Error connecting to memcached'
        else:
            kind, what = 'errors', 'Error talking to memcached'
        self.logger.error('%s: %s: with key_prefix %s, method %s: %s',
                          what, pool.server, prefix, method, exc)
        if self._metrics is not None:
            self._metrics.increment(f'memcached.{method}.{kind}')
        if pool.errors.note(self._clock.monotonic()):
            self.logger.error('Error limiting server %s', pool.server)

    def _gave_up(self, method: str, raise_on_error: bool) -> None:
        if raise_on_error:
            raise MemcacheConnectionError(f'memcached {method} failed on every server tried')

    def _all_stored(self, lines: Sequence[bytes], key: str) -> bool:
        refused = [line for line in lines if line != STORED]
        if refused:
            # Too large, or out of memory: it says something about the item, not the server.
            self.logger.error('memcached refused to store, key_prefix %s: %s',
                              key.rpartition('/')[0], refused[0].decode('latin-1'))
        return not refused

    def _encode(self, key: str, value, serialize: bool) -> tuple[int, bytes]:
        flags, data = encode_value(value, serialize)
        threshold = self.settings.item_size_warning_threshold
        if 0 <= threshold <= len(data):
            self.logger.warning(
                'Item size larger than warning threshold: %d >= %d, key_prefix %s',
                len(data), threshold, key.rpartition('/')[0] or 'cache')
        return flags, data

    def _flags_expiry(self, key: str, value, serialize: bool, exptime: int):
        flags, data = self._encode(key, value, serialize)
        return flags, exptime, data

    def _expiry(self, time_s: float) -> int:
        return expiry(time_s, self._clock.time()) if time_s else 0

    def _timed(self, method: str, began: float) -> None:
        if self._metrics is not None:
            self._metrics.timing(f'memcached.{method}.timing',
                                 (self._clock.monotonic() - began) * 1000,
                                 SAMPLE_RATES.get(method, SAMPLE_RATE_DEFAULT))
