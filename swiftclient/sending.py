"""The body of a request: how long it is, and its way to the server block by block.

Source: the client sheet, sections 1.4, 1.6 and 9.18. A server that answers before it has read
everything (401, 413, 507) is heard after each block, and the rest is not sent: that saves most of
a body that is refused, without the extra round trip of Expect: 100-continue.
"""

import os
from collections import namedtuple
from collections.abc import Iterable

from swiftclient.exceptions import ClientException
from swiftclient.streams import BLOCK_SIZE
from swiftclient.transport import Channel

SENT_WITH_HEAD = BLOCK_SIZE  # bytes of a body that leave in the same write as the head
CHUNKED = -1


Body = namedtuple('Body', 'blocks length')  # octets or text; the length in bytes, or CHUNKED


def body_of(data, content_length: str | None) -> Body:
    """Return how `data` is sent; `content_length` is what the caller's headers tell, if they do."""
    if not data and not hasattr(data, 'read') and not hasattr(data, '__next__'):
        return Body((), 0)
    if isinstance(data, str):
        data = data.encode('utf-8')
    if isinstance(data, bytes | bytearray | memoryview):
        octets = bytes(data)
        return Body((octets,), len(octets))
    told = int(content_length) if content_length is not None else CHUNKED
    if hasattr(data, 'read'):
        length = _length_of(data)
        return Body(_read_blocks(data), told if length is None else length)
    return Body(iter(data), told)


def _length_of(readable) -> int | None:
    """Return how many bytes are left to read; None if there is no telling."""
    if hasattr(readable, '__len__'):
        return len(readable)
    try:
        size = os.fstat(readable.fileno()).st_size
        return max(0, size - readable.tell()) or None  # pipes tell zero, and have more
    except (AttributeError, OSError):
        return None


def _read_blocks(readable) -> Iterable:
    while block := readable.read(BLOCK_SIZE):
        yield block


def send(channel: Channel, head: bytes, body: Body) -> bool:
    """Send a request. Return False if the server answered before it had all of the body.

    Cost: one write for a body that fits beside its head; then one write and one poll per block.
    """
    waiting = head
    for block in _as_chunks(body.blocks) if body.length == CHUNKED else _exactly(body):
        if waiting and len(block) <= SENT_WITH_HEAD:
            block, waiting = waiting + block, b''
        elif waiting:
            channel.send(waiting)
            waiting = b''
        elif channel.heard():
            return False
        try:
            channel.send(block)
        except OSError:
            if channel.heard() and channel.holds_octets:
                return False  # an answer came before the connection broke
            raise
    if waiting:
        channel.send(waiting)
    return True


def _octets(block) -> bytes:
    return block.encode('utf-8') if isinstance(block, str) else block


def _exactly(body: Body) -> Iterable[bytes]:
    """Yield the blocks of a body whose length was announced. ClientException: it is not kept."""
    left = body.length
    for block in body.blocks:
        block = _octets(block)
        left -= len(block)
        if left < 0:
            raise ClientException(f'Request body is longer than the {body.length} bytes announced')
        yield block
        if not left:
            return  # nobody reads a source beyond what is wanted of it
    if left:
        raise ClientException(f'Request body ends {left} bytes before the {body.length} announced')


def _as_chunks(blocks: Iterable) -> Iterable[bytes]:
    for block in blocks:
        block = _octets(block)
        if block:  # an empty chunk would be the end
            yield b'%x\r\n%b\r\n' % (len(block), block)
    yield b'0\r\n\r\n'
