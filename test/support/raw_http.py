"""Speaks HTTP byte by byte to a server on loopback, and runs one in the test's own process.

``served(app)`` starts an HttpServer in the test's event loop; ``RawClient`` writes given bytes and
parses answers leniently, so that a test sees what really crossed the wire. Every wait is bounded
by WAIT_S: a test that would hang fails instead.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from swift.common import green
from swift.common.http.server import HttpServer, ServerOptions
from swift.common.http.stream import Stream
from test.support.logs import RecordingLogger

WAIT_S = 10


class RawAnswer:
    """One answer as it was received."""

    def __init__(self, status_line: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status_line = status_line
        self.headers = headers
        self.body = body

    @property
    def status(self) -> int:
        return int(self.status_line.split(' ')[1])

    def get(self, name: str) -> str | None:
        """Return a header's value whatever its case; several joined with a bar."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return '|'.join(values) if values else None

    def __repr__(self) -> str:
        return f'<{self.status_line} {self.headers} {self.body[:200]!r}>'


class RawClient:
    """A connection that sends exactly what it is told."""

    def __init__(self, address: tuple) -> None:
        self.stream = Stream(green.connect(address, WAIT_S))

    def send(self, data: bytes) -> None:
        self.stream.send(data, WAIT_S)

    def send_split(self, pieces: list[bytes]) -> None:
        """Send pieces, letting the server run in between."""
        for piece in pieces:
            self.send(piece)
            green.sleep(0)

    def half_close(self) -> None:
        self.stream.finish_sending()

    def answer(self, head_only: bool = False) -> RawAnswer:
        """Read one answer, interim ones included."""
        lines = []
        while line := self.stream.read_line(65536, WAIT_S):
            lines.append(line.decode('latin-1'))
        headers = [tuple(line.split(': ', 1)) if ': ' in line else (line.rstrip(':'), '')
                   for line in lines[1:]]
        answer = RawAnswer(lines[0], headers, b'')
        if not head_only and answer.status >= 200 and answer.status not in (204, 304):
            answer.body = self._body(answer)
        return answer

    def _body(self, answer: RawAnswer) -> bytes:
        length = answer.get('Content-Length')
        if length is not None:
            return self.read(int(length))
        if answer.get('Transfer-Encoding') != 'chunked':
            return self.rest()
        body = b''
        while size := int(self.stream.read_line(100, WAIT_S), 16):
            body += self.read(size)
            assert self.stream.read_line(2, WAIT_S) == b''
        assert self.stream.read_line(2, WAIT_S) == b''
        return body

    def read(self, size: int) -> bytes:
        data = b''
        while len(data) < size:
            piece = self.stream.read_some(size - len(data), WAIT_S)
            assert piece, f'closed after {len(data)} of {size} bytes'
            data += piece
        return data

    def rest(self) -> bytes:
        """Read until the server closes; a reset counts as its end."""
        data = b''
        try:
            while piece := self.stream.read_some(65536, WAIT_S):
                data += piece
        except ConnectionResetError:
            pass
        return data

    def ask(self, data: bytes, head_only: bool = False) -> RawAnswer:
        self.send(data)
        return self.answer(head_only)

    def is_closed(self) -> bool:
        """Wait for the server to close; False if it sends something instead."""
        return self.rest() == b''

    def close(self) -> None:
        self.stream.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()


class Served:
    """A running server: its address, its log, and clients of it."""

    def __init__(self, server: HttpServer, address: tuple, logger: RecordingLogger) -> None:
        self.server = server
        self.address = address
        self.logger = logger
        self.clients: list[RawClient] = []

    def client(self) -> RawClient:
        client = RawClient(self.address)
        self.clients.append(client)
        return client

    def ask(self, data: bytes, head_only: bool = False) -> RawAnswer:
        """Ask on a connection of its own."""
        return self.client().ask(data, head_only)

    def settle(self, condition: Callable[[], Any]) -> None:
        """Let the loop run until ``condition`` holds."""
        settle(condition)


def settle(condition: Callable[[], Any]) -> None:
    """Let the event loop run until ``condition`` holds; fail after WAIT_S."""
    with green.Timeout(WAIT_S):
        while not condition():
            green.sleep(0)


@contextmanager
def served(app: Callable, **options: Any) -> Iterator[Served]:
    """Run a server for ``app`` on a free port of 127.0.0.1 in this event loop."""
    sock = green.listen(('127.0.0.1', 0))
    logger = RecordingLogger()
    server = HttpServer(sock, app, ServerOptions(**options), logger)
    server.start()
    here = Served(server, sock.getsockname(), logger)
    try:
        yield here
    finally:
        for client in here.clients:
            client.close()
        server.stop()
        sock.close()
        server.close_all()
