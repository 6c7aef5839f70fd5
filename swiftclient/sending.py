"""The body of a request: how long it is, and its way to the server block by block.

Source: the client sheet, sections 1.4, 1.6 and 9.18.
"""

import os
from collections import namedtuple
from collections.abc import Iterable, Iterator

from swiftclient.exceptions import ClientException
from swiftclient.streams import BLOCK_SIZE

SEND_SIZE = 262144  # bytes given to the kernel at once: a time limit holds for each piece
CHUNKED = -1

Body = namedtuple('Body', 'blocks length')  # octets or text; the length in bytes, or CHUNKED


class SourceFailed(Exception):
    """What reads the body raised the cause of this, which is no failure of the connection.

    As an OSError it would be taken for one: a broken pipe of a source for a server that closed.
    """


def body_of(data, content_length: str | bytes | None) -> Body:
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


def _read_blocks(readable) -> Iterator:
    while block := readable.read(BLOCK_SIZE):
        yield block


def octets_of(body: Body) -> Iterable[bytes] | None:
    """Return what goes out, exactly as much as was announced; None if there is nothing.

    Raises, while it is sent: SourceFailed; ClientException if the announced length is not kept.
    """
    return _pieces(body) if body.length else None


def _pieces(body: Body) -> Iterator[bytes]:
    left = body.length
    for block in _from_source(body.blocks):
        if isinstance(block, str):
            block = block.encode('utf-8')
        left -= len(block)
        if left < 0 and body.length != CHUNKED:
            raise ClientException(f'Request body is longer than the {body.length} bytes announced')
        if len(block) <= SEND_SIZE:
            yield block
        else:
            view = memoryview(block)
            yield from (view[start:start + SEND_SIZE] for start in range(0, len(view), SEND_SIZE))
        if not left:
            return  # nobody reads a source beyond what is wanted of it
    if left > 0:
        raise ClientException(f'Request body ends {left} bytes before the {body.length} announced')


def _from_source(blocks: Iterable) -> Iterator:
    try:
        yield from blocks
    except OSError as err:
        raise SourceFailed from err
