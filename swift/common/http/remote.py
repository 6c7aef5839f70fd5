"""Requests to servers outside of the cluster: URLs, TLS, proxies on the way (layer 1).

Nodes of the cluster are spoken to through ConnectionPool; this is for the few requests that leave
it, each on a connection of its own. Green once the standard library is patched. What goes wrong on
the way raises TransportError; statuses are answers. Each wait is bounded by `timeout_s`.
"""
import http.client
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from swift.common.errors import TransportError

ANSWER_BYTES_MAX = 65536


class RemoteError(TransportError):
    """A server outside could not be asked."""


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """An answer; names of headers in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class RemoteClient:
    """One per process; holds no connections."""

    def __init__(self, timeout_s: float, proxies: Sequence[str] = ()):
        """`proxies`: URLs of HTTP proxies, one of which is taken for each request."""
        self._timeout_s = timeout_s
        self._proxies = tuple(proxies)

    def request(self, method: str, url: str, headers: Mapping[str, str],
                body: Iterable[bytes] = ()) -> RemoteAnswer:
        """Send a request, its body in pieces (the headers say how long it is)."""
        connection, target = self._connection(url)
        try:
            return self._exchange(connection, method, target, headers, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RemoteError(f'{method} {url}: {error or type(error).__name__}') from error
        finally:
            connection.close()

    def _connection(self, url: str) -> tuple[http.client.HTTPConnection, str]:
        """Return a connection and what to ask on it."""
        parts = urlsplit(url)
        target = parts.path + (f'?{parts.query}' if parts.query else '')
        kind = (http.client.HTTPSConnection if parts.scheme == 'https'
                else http.client.HTTPConnection)
        if not self._proxies:
            return kind(parts.netloc, timeout=self._timeout_s), target
        proxy = urlsplit(random.choice(self._proxies)).netloc
        connection = kind(proxy, timeout=self._timeout_s)
        if parts.scheme == 'https':
            connection.set_tunnel(parts.netloc)
            return connection, target
        return connection, url

    @staticmethod
    def _exchange(connection: http.client.HTTPConnection, method: str, target: str,
                  headers: Mapping[str, str], body: Iterable[bytes]) -> RemoteAnswer:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.encode('utf-8', 'surrogateescape'))
        connection.endheaders()
        try:
            for piece in body:
                connection.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            # Who refuses a body may say so and close; its answer is still there to be read.
            pass
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return RemoteAnswer(answer.status, answer.reason, found, answer.read(ANSWER_BYTES_MAX))
