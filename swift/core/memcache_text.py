"""The text protocol of memcached as bytes to values and back.

Pure (layer 0): builds command bytes and reads reply bytes; the client moves them.
Source: sheet 04 section 15.2.

    command                                                        replies
    set <hash> <flags> <exptime> <len>\\r\\n<value>\\r\\n             STORED
    add, as set                                                    STORED | NOT_STORED
    get <hash> [<hash> ...]\\r\\n           any of VALUE <hash> <flags> <len>\\r\\n<value>,
                                                                   END
    delete <hash>\\r\\n                                             DELETED | NOT_FOUND
    incr|decr <hash> <n>\\r\\n                                      <number> | NOT_FOUND

Stored values: FLAG_JSON is ASCII JSON with ", " and ": "; FLAG_RAW is bytes as they are, which
counters need; FLAG_PICKLE of old releases is read as a miss and never written.
"""
import json
from collections.abc import Iterable

import orjson

FLAG_RAW = 0
FLAG_PICKLE = 1
FLAG_JSON = 2
STORED = b'STORED'
NOT_STORED = b'NOT_STORED'
NOT_FOUND = b'NOT_FOUND'
# Times above this are read by memcached as absolute.
RELATIVE_TIME_MAX_S = 30 * 24 * 60 * 60
# The largest item a server can be told to take; an announcement above it is line noise.
VALUE_MAX_BYTES = 1 << 30
LINE_MAX_BYTES = 2048

_encode_json = json.JSONEncoder().encode


class ProtocolError(ValueError):
    """The peer does not speak as a memcached server; its connection is of no more use."""


def expiry(time_s: float, now: float) -> int:
    """Return the exptime argument for a time to live in seconds; 0 keeps for ever."""
    seconds = int(time_s)
    return seconds + int(now) if seconds > RELATIVE_TIME_MAX_S else seconds


def encode_value(value, serialize: bool = True) -> tuple[int, bytes]:
    """Return (flags, bytes) to store. Raises TypeError for what JSON cannot say."""
    if not serialize:
        return FLAG_RAW, value if isinstance(value, bytes) else str(value).encode('utf-8')
    return FLAG_JSON, _encode_json(_as_text(value)).encode('ascii')


def _as_text(value):
    return value.decode('utf-8') if isinstance(value, bytes) else value


def decode_value(flags: int, data: bytes):
    """Return what is stored, None where it cannot be read, which is the same as a miss."""
    if flags & FLAG_PICKLE:
        return None
    if not flags & FLAG_JSON:
        return data
    try:
        return orjson.loads(data)
    except ValueError:
        return _decode_odd_json(data)


def _decode_odd_json(data: bytes):
    # Compat: the standard library writes lone surrogates (names that are not UTF-8) and NaN,
    # which the fast decoder refuses.
    try:
        return json.loads(data)
    except ValueError:
        return None


def encode_get(hashes: Iterable[str]) -> bytes:
    return b'get %s\r\n' % ' '.join(hashes).encode('ascii')


def encode_store(command: bytes, key_hash: str, flags: int, exptime: int, data: bytes) -> bytes:
    """Return a ``set`` or ``add`` with its value, to be sent in one write."""
    return b'%s %s %d %d %d\r\n%s\r\n' % (
        command, key_hash.encode('ascii'), flags, exptime, len(data), data)


def encode_delete(key_hash: str) -> bytes:
    return b'delete %s\r\n' % key_hash.encode('ascii')


def encode_delta(command: bytes, key_hash: str, delta: int) -> bytes:
    return b'%s %s %d\r\n' % (command, key_hash.encode('ascii'), delta)


class GetReply:
    """Reads the reply of a ``get``: feed it until it is complete.

    ``values`` maps hash to (flags, bytes) for the keys that were present. ``earlier`` is a complete
    reply to the same command: equal bytes are not read a second time.
    """

    __slots__ = ('_buffer', '_decoded', '_earlier', '_position', 'complete', 'values')

    def __init__(self, earlier: 'GetReply | None' = None):
        self.values: dict[str, tuple[int, bytes]] = {}
        self.complete = False
        self._earlier = earlier
        self._decoded: dict[str, object] | None = None
        self._buffer = b''
        self._position = 0

    def feed(self, data: bytes) -> bool:
        """Take received bytes; True when the reply is whole. Raises ProtocolError."""
        earlier, self._earlier = self._earlier, None
        if earlier is not None and data == earlier._buffer:
            self._buffer = data
            self.values = earlier.values
            self._decoded = earlier.decoded()
            self.complete = True
            return True
        buffer = self._buffer = self._buffer + data if self._buffer else data
        position = self._position
        while True:
            end = buffer.find(b'\r\n', position)
            if end < 0:
                if len(buffer) - position > LINE_MAX_BYTES:
                    raise ProtocolError('endless line')
                break
            if end - position == 3 and buffer.startswith(b'END', position):
                if end + 2 != len(buffer):
                    raise ProtocolError('bytes after the end of a reply')
                self.complete = True
                break
            key_hash, flags, size = _value_line(buffer[position:end])
            stop = end + 2 + size
            if len(buffer) < stop + 2:
                break
            self.values[key_hash] = (flags, buffer[end + 2:stop])
            position = stop + 2
        self._position = position
        return self.complete

    @property
    def size(self) -> int:
        """Bytes received."""
        return len(self._buffer)

    def decoded(self) -> dict[str, object]:
        """Return the values by hash, without those that cannot be read. Shared: not to be changed.
        """
        if self._decoded is None:
            self._decoded = {
                key_hash: value for key_hash, (flags, data) in self.values.items()
                if (value := decode_value(flags, data)) is not None}
        return self._decoded

    @property
    def missing_bytes(self) -> int:
        """A hint of how much is still to come: large values are worth large reads."""
        buffer, position = self._buffer, self._position
        end = buffer.find(b'\r\n', position)
        if end < 0:
            return 0
        return _value_line(buffer[position:end])[2] + 4 - (len(buffer) - end)


def _value_line(line: bytes) -> tuple[str, int, int]:
    parts = line.split()
    if len(parts) < 4 or parts[0] != b'VALUE':
        raise ProtocolError(f'unexpected reply {line[:80]!r}')
    try:
        flags, size = int(parts[2]), int(parts[3])
        key_hash = parts[1].decode('ascii')
    except ValueError:
        raise ProtocolError(f'unexpected reply {line[:80]!r}')
    if not 0 <= size <= VALUE_MAX_BYTES:
        raise ProtocolError(f'value of {size} bytes announced')
    return key_hash, flags, size


class LineReplies:
    """Reads the replies of ``count`` commands that are answered by one line each."""

    __slots__ = ('_buffer', '_count', 'lines')

    def __init__(self, count: int = 1):
        self.lines: list[bytes] = []
        self._count = count
        self._buffer = b''

    def feed(self, data: bytes) -> bool:
        """Take received bytes; True when all lines are there. Raises ProtocolError."""
        parts = (self._buffer + data).split(b'\r\n')
        self._buffer = parts.pop()
        self.lines += parts
        if len(self._buffer) > LINE_MAX_BYTES:
            raise ProtocolError('endless line')
        if len(self.lines) < self._count:
            return False
        if len(self.lines) > self._count or self._buffer:
            raise ProtocolError('more replies than commands')
        return True

    missing_bytes = 0
