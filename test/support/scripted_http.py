"""An HTTP server on loopback that gives the answers a test wrote down, in their order.

Each answer is the octets to send, or a function of the request that returns them. The octets of
`cut(...)` are the last of their connection. What was asked is kept in `seen`, also requests whose
body broke off. Everything ends with the `with` block.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

WAIT_S = 20  # longest wait for octets of a client; a test that hangs ends with it


class cut(bytes):
    """Octets after which the server closes."""


@dataclass
class Seen:
    method: str
    target: str
    lines: list[tuple[bytes, bytes]]
    body: bytes = b''
    connection: int = 0

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.lines if key.lower() == name.lower().encode()]
        return b', '.join(found).decode('utf-8') if found else None

    @property
    def names(self) -> list[str]:
        return [key.decode('utf-8') for key, _ in self.lines]


Answer = bytes | Callable[[Seen], bytes]


def answer(status: int, body: bytes = b'', **headers: str) -> bytes:
    """Return a response with its length; x_trans_id=... becomes X-Trans-Id."""
    lines = [f'HTTP/1.1 {status} Scripted', f'Content-Length: {len(body)}']
    lines += [f'{name.title().replace("_", "-")}: {value}' for name, value in headers.items()]
    return '\r\n'.join([*lines, '', '']).encode('utf-8') + body


@dataclass
class ScriptedHTTP:
    answers: list[Answer]
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self.root = f'http://127.0.0.1:{self.port}'
        self.url = f'{self.root}/v1/AUTH_a'
        self.auth_url = f'{self.root}/auth/v1.0'
        self._open: list[socket.socket] = []
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def wrap(self, sock: socket.socket) -> socket.socket:
        return sock

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.thread.join()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(WAIT_S)
            self._open.append(sock)
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock, self.connections),
                             daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), self.wrap(sock) as sock, sock.makefile('rb') as stream:
            while True:
                seen = _head(stream)
                if seen is None:
                    return
                seen.connection = number
                with self._lock:
                    self.seen.append(seen)
                    reply = self.answers.pop(0) if self.answers else answer(500, b'not scripted')
                if not isinstance(reply, Early):
                    _read_body(stream, seen)
                octets = reply(seen) if callable(reply) else reply
                if seen.method == 'HEAD' and b'\r\n\r\n' in octets:
                    octets = type(octets)(octets[:octets.index(b'\r\n\r\n') + 4])
                sock.sendall(octets)
                if isinstance(octets, cut | Early):
                    with contextlib.suppress(OSError):
                        sock.shutdown(socket.SHUT_WR)
                        while stream.read(65536):  # so that what was sent is not reset
                            pass
                    return


class Early(bytes):
    """An answer that is given before the body was read."""


def _head(stream) -> Seen | None:
    first = stream.readline()
    if not first:
        return None
    method, target, _ = first.decode('ascii').split(' ', 2)
    lines = []
    while (line := stream.readline().rstrip(b'\r\n')):
        name, _, value = line.partition(b': ')
        lines.append((name, value))
    return Seen(method, target, lines)


def _read_body(stream, seen: Seen) -> None:
    if seen.header('transfer-encoding') == 'chunked':
        while size := int(stream.readline(), 16):
            seen.body += stream.read(size)
            stream.readline()
        stream.readline()
    else:
        seen.body = stream.read(int(seen.header('content-length') or 0))


@contextlib.contextmanager
def scripted(*answers: Answer) -> Iterator[ScriptedHTTP]:
    server = ScriptedHTTP(list(answers))
    try:
        yield server
    finally:
        server.close()
