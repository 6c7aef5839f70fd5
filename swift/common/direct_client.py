"""Requests of daemons and tools to one storage node, without a proxy.

Layer 1. (sheet 04, section 16.8) Plain functions over a connection pool. They raise DirectError
for any answer that is not 2xx, carrying host, port, device, status and headers, and
TransportError when the node does not answer.

    node, part, account[, container[, obj]] -> (headers, parsed body)

Headers added: User-Agent `direct-client <pid>`, X-Backend-Allow-Reserved-Names, and X-Timestamp
now unless given. Times out after 5 s for the connection, 15 s for the answer.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from os import getpid
from typing import Any

from swift.common import green
from swift.common.clock import SYSTEM, Clock
from swift.common.codecs.hashes import decode_peer_hashes
from swift.common.errors import SwiftError, TransportError
from swift.common.transport import node_address, quote_path, target_of
from swift.core.names import quote
from swift.core.timestamp import Timestamp

CONN_TIMEOUT_S = 5
RESPONSE_TIMEOUT_S = 15
RETRIES_DEFAULT = 5


class DirectError(SwiftError):
    """A node answered with an error."""

    def __init__(self, what: str, node: Any, path: str, resp: Any, address: tuple[str, int]):
        self.host, self.port = address
        self.device = node.device
        self.path = path
        self.status = resp.status
        self.reason = resp.reason
        self.headers = resp.headers
        super().__init__(f'{what} direct to {self.host}:{self.port}/{self.device} gave status '
                         f'{resp.status} for {path}')


@dataclass(frozen=True, slots=True)
class _Place:
    """A thing on a node: account[, container[, object]] in a partition."""

    node: Any
    part: int
    names: tuple[str, ...]


@dataclass(slots=True)
class DirectClient:
    """Where requests go: a pool, and how long to wait."""

    pool: Any
    clock: Clock = SYSTEM
    conn_timeout_s: float = CONN_TIMEOUT_S
    response_timeout_s: float = RESPONSE_TIMEOUT_S
    sleep: Callable[[float], None] = field(default=green.sleep)

    # -- accounts and containers -------------------------------------------------------------------

    def get_account(self, node: Any, part: int, account: str, **listing: Any) -> tuple[Any, list]:
        """Return (headers, listing); `listing`: marker, limit, prefix, delimiter, end_marker..."""
        return self._listing('Account', _Place(node, part, (account,)), listing)

    def delete_account(self, node: Any, part: int, account: str,
                       headers: Mapping[str, str] | None = None) -> None:
        self._call('Account DELETE', 'DELETE', _Place(node, part, (account,)), headers)

    def head_container(self, node: Any, part: int, account: str, container: str,
                       headers: Mapping[str, str] | None = None) -> Any:
        return self._call('Container HEAD', 'HEAD', _Place(node, part, (account, container)),
                          headers)[0]

    def get_container(self, node: Any, part: int, account: str, container: str,
                      headers: Mapping[str, str] | None = None, **listing: Any) -> tuple[Any, list]:
        return self._listing('Container', _Place(node, part, (account, container)), listing,
                             headers)

    def put_container(self, node: Any, part: int, account: str, container: str,
                      headers: Mapping[str, str] | None = None, body: bytes = b'') -> None:
        self._call('Container PUT', 'PUT', _Place(node, part, (account, container)), headers, body)

    def post_container(self, node: Any, part: int, account: str, container: str,
                       headers: Mapping[str, str] | None = None) -> None:
        self._call('Container POST', 'POST', _Place(node, part, (account, container)), headers)

    def delete_container(self, node: Any, part: int, account: str, container: str,
                         headers: Mapping[str, str] | None = None) -> None:
        self._call('Container DELETE', 'DELETE', _Place(node, part, (account, container)), headers)

    def put_container_object(self, node: Any, part: int, names: tuple[str, str, str],
                             headers: Mapping[str, str] | None = None) -> None:
        """Record an object in a container database."""
        self._call('Container PUT', 'PUT', _Place(node, part, names), headers)

    def delete_container_object(self, node: Any, part: int, names: tuple[str, str, str],
                                headers: Mapping[str, str] | None = None) -> None:
        self._call('Container DELETE', 'DELETE', _Place(node, part, names), headers)

    # -- objects -----------------------------------------------------------------------------------

    def head_object(self, node: Any, part: int, names: tuple[str, str, str],
                    headers: Mapping[str, str] | None = None) -> Any:
        return self._call('Object HEAD', 'HEAD', _Place(node, part, names), headers)[0]

    def get_object(self, node: Any, part: int, names: tuple[str, str, str],
                   headers: Mapping[str, str] | None = None) -> tuple[Any, bytes]:
        """Return (headers, whole body); for large ones use iter_object."""
        return self._call('Object GET', 'GET', _Place(node, part, names), headers)

    def iter_object(self, node: Any, part: int, names: tuple[str, str, str],
                    headers: Mapping[str, str] | None = None,
                    chunk_size: int = 65536) -> tuple[Any, Iterator[bytes]]:
        """Return (headers, body iterator); the iterator closes the connection at its end."""
        resp = self._open('Object GET', 'GET', _Place(node, part, names), headers)
        return resp.headers, resp.iter_chunks(chunk_size)

    def put_object(self, node: Any, part: int, names: tuple[str, str, str], body: bytes,
                   headers: Mapping[str, str] | None = None) -> str:
        """Store an object that is in memory; return its etag."""
        got, _ = self._call('Object PUT', 'PUT', _Place(node, part, names),
                            {'Content-Type': 'application/octet-stream', **(headers or {})}, body)
        return (got.get('Etag') or '').strip('"')

    def post_object(self, node: Any, part: int, names: tuple[str, str, str],
                    headers: Mapping[str, str]) -> None:
        self._call('Object POST', 'POST', _Place(node, part, names), headers)

    def delete_object(self, node: Any, part: int, names: tuple[str, str, str],
                      headers: Mapping[str, str] | None = None) -> None:
        self._call('Object DELETE', 'DELETE', _Place(node, part, names), headers)

    def get_suffix_hashes(self, node: Any, part: int, suffixes: list[str],
                          headers: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """Return the suffix hashes of a partition, None if unreadable.

        Asked for on the replication network."""
        target = '-'.join(suffixes)
        path = f'/{quote(node.device)}/{part}' + (f'/{quote(target)}' if target else '')
        address = node_address(node, replication=True)
        resp = self._request(address, 'REPLICATE', path, headers)
        try:
            if not 200 <= resp.status < 300:
                raise DirectError('Object REPLICATE', node, path, resp, address)
            return decode_peer_hashes(resp.read())
        finally:
            resp.close()

    def get_recon(self, node: Any, command: str) -> Any:
        """Return the parsed answer of a node's recon filter."""
        address, path = node_address(node), f'/recon/{quote(command)}'
        resp = self._request(address, 'GET', path, None)
        try:
            if not 200 <= resp.status < 300:
                raise DirectError('Recon GET', node, path, resp, address)
            return json.loads(resp.read())
        finally:
            resp.close()

    # -- retrying ----------------------------------------------------------------------------------

    def retry(self, call: Callable[..., Any], *args: Any, retries: int = RETRIES_DEFAULT,
              **more: Any) -> tuple[int, Any]:
        """Return (tries, result), trying again on silence and on server errors but 507.

        Pauses double from one second.
        """
        pause_s = 1.0
        for turn in range(1, retries + 2):
            try:
                return turn, call(*args, **more)
            except (TransportError, DirectError) as error:
                status = getattr(error, 'status', 500)
                if turn > retries or status < 500 or status == 507:
                    raise
            self.sleep(pause_s)
            pause_s *= 2
        raise AssertionError('unreachable')

    # -- shared ------------------------------------------------------------------------------------

    def _request(self, address: tuple[str, int], method: str, target: str,
                 headers: Mapping[str, str] | None, body: bytes = b'') -> Any:
        sent = {'User-Agent': f'direct-client {getpid()}',
                'X-Backend-Allow-Reserved-Names': 'true', **(headers or {})}
        sent.setdefault('X-Timestamp', Timestamp(self.clock.time()).internal)
        return self.pool.request(address, method, target, sent, body,
                                 conn_timeout=self.conn_timeout_s, timeout=self.response_timeout_s)

    def _open(self, what: str, method: str, place: '_Place',
              headers: Mapping[str, str] | None = None, body: bytes = b'', query: str = '') -> Any:
        node = place.node
        path = quote_path('/' + '/'.join(place.names))
        replication = (headers or {}).get('X-Backend-Use-Replication-Network') == 'true'
        address = node_address(node, replication)
        resp = self._request(address, method, target_of(node.device, place.part, path, query),
                             headers, body)
        if not 200 <= resp.status < 300:
            resp.close()
            raise DirectError(what, node, path, resp, address)
        return resp

    def _call(self, what: str, method: str, place: '_Place',
              headers: Mapping[str, str] | None = None, body: bytes = b'',
              query: str = '') -> tuple[Any, bytes]:
        resp = self._open(what, method, place, headers, body, query)
        try:
            return resp.headers, resp.read()
        finally:
            resp.close()

    def _listing(self, kind: str, place: '_Place', listing: Mapping[str, Any],
                 headers: Mapping[str, str] | None = None) -> tuple[Any, list]:
        query = '&'.join(['format=json', *(
            f'{name}={quote(str(value), "")}' for name, value in listing.items() if value)])
        got, body = self._call(f'{kind} GET', 'GET', place, headers, query=query)
        return got, json.loads(body) if body else []
