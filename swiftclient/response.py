"""A response as programs use it: status, headers, and a body that is read once.

Source: the client sheet, section 1.4. Octets are handed out as they came, packed or not. At the
end of the body the connection goes back to the pool; a response that is closed before takes its
connection with it.
"""

import gzip
from collections import namedtuple

from swiftclient import failures, wire
from swiftclient.headers import decoded_octets
from swiftclient.transport import Channel, Pool
from swiftclient.wire import Ends

TRAILERS_MAX = 256  # lines after the last chunk of a body

Request = namedtuple('Request', 'method url headers')  # what was asked, for messages


class RawHeaders(dict):
    """Headers as they came, latin-1; found by name in any case. Repeated ones are joined."""

    def __init__(self, pairs: list[tuple[str, str]]):
        super().__init__()
        self._names: dict[str, str] = {}
        for name, value in pairs:
            known = self._names.setdefault(name.lower(), name)
            super().__setitem__(known, f'{super().__getitem__(known)}, {value}'
                                if super().__contains__(known) else value)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(self._names[name.lower()])

    def __contains__(self, name) -> bool:
        return hasattr(name, 'lower') and name.lower() in self._names

    def get(self, name: str, default=None):
        return self[name] if name in self else default


class HeaderAccess:
    """What both kinds of response, ours and that of `requests`, offer of their headers."""

    headers: dict

    def getheaders(self) -> list[tuple[str, str]]:
        """Return names and values as text. UnicodeDecodeError: one of them is not UTF-8."""
        return [(decoded_octets(name), decoded_octets(value))
                for name, value in self.headers.items()]

    def getheader(self, name: str, default=None):
        value = self.headers.get(name)
        return default if value is None else decoded_octets(value)


class Response(HeaderAccess):
    """One answer on a channel that is its own until the body has been read."""

    def __init__(self, request: Request, head: wire.Head, channel: Channel, pool: Pool,
                 all_sent: bool = True):
        """Without `all_sent` the server may still wait for the rest of the request's body."""
        self.request = request
        self.url = request.url
        self.status = self.status_code = head.status
        self.reason = head.reason
        self.headers = RawHeaders(head.headers)
        self._channel: Channel | None = channel
        self._pool = pool
        self._content: bytes | None = None
        self._broken: OSError | None = None
        try:
            framing = wire.framing_of(request.method, head)
        except wire.BadAnswer as err:
            channel.close()
            raise failures.lost(channel.where, 'while reading', err) from err
        self._keep_alive = framing.keep_alive and all_sent
        self._ends = framing.ends
        self._left = framing.length  # bytes of the body, or of the chunk, that are still to come
        if self._ends is Ends.NONE:
            self._release()

    def read(self, length: int | None = None) -> bytes:
        """Return `length` bytes, fewer only at the end of the body, all of it without a length.

        Raises requests.exceptions.ConnectionError if the connection ends before the body does;
        what came until then was returned by the call before.
        """
        if length is None or length < 0:
            return b''.join(iter(lambda: self._some(wire.MAX_LINE_SIZE), b''))
        if self._broken is not None:
            raise self._broken
        block = self._some(length) if length else b''
        if len(block) == length or not block:
            return block
        parts, missing = [block], length - len(block)
        try:
            while missing and (block := self._some(missing)):
                parts.append(block)
                missing -= len(block)
        except OSError as err:
            self._broken = err
        return b''.join(parts)

    @property
    def content(self) -> bytes:
        """All of the body, unpacked; kept, so that it can be asked for again."""
        if self._content is None:
            body = self.read()
            packed = self.headers.get('content-encoding') == 'gzip'
            self._content = gzip.decompress(body) if packed and body else body
        return self._content

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _some(self, size: int) -> bytes:
        """Return up to `size` bytes of the body as they come; none at its end."""
        if self._channel is None:
            return b''
        if self._ends is Ends.CHUNKS and not self._left:
            self._begin_chunk()
            if self._channel is None:
                return b''
        if self._ends is not Ends.CLOSE:
            size = min(size, self._left)
        try:
            block = self._channel.read_some(size)
        except OSError:
            self.close()
            raise
        if self._ends is Ends.CLOSE:
            if not block:
                self.close()
            return block
        if not block:
            where = self._channel.where
            self.close()
            raise failures.lost(where, 'while reading', f'{self._left} bytes are missing')
        self._left -= len(block)
        if not self._left:
            self._end_block()
        return block

    def _begin_chunk(self) -> None:
        try:
            self._left = wire.chunk_size(self._line())
            if not self._left:
                self._pass_trailers()
                self._release()
        except wire.BadAnswer as err:
            where = self._channel.where
            self.close()
            raise failures.lost(where, 'while reading', err) from err
        except OSError:
            self.close()
            raise

    def _pass_trailers(self) -> None:
        for _ in range(TRAILERS_MAX):
            if not self._line():
                return
        raise wire.BadAnswer(f'more than {TRAILERS_MAX} trailers')

    def _end_block(self) -> None:
        if self._ends is Ends.LENGTH:
            self._release()
            return
        try:
            self._line()  # the empty rest of the line behind the chunk
        except OSError:
            self.close()
            raise

    def _line(self) -> bytes:
        return self._channel.read_until(b'\r\n', wire.MAX_LINE_SIZE)

    def _release(self) -> None:
        channel, self._channel = self._channel, None
        if self._keep_alive:
            self._pool.give_back(channel)
        else:
            channel.close()
