"""Send one request to one storage node: the seam between deciding and the network.

Layer 1. A NodeTransport turns (node, partition, path) into an address and a request target and
hands them to a connection pool; tests give it a pool that answers from memory
(test/support/fake_backend.py), servers give it swift.common.http.pool.ConnectionPool.

    METHOD /<device>/<partition>/<account>[/<container>[/<object>]][?query]

The pool must offer what is used here:
    request(address, method, target, headers, body, conn_timeout=, timeout=) -> response
    open(address, conn_timeout, timeout) -> exchange     for bodies that are streamed
and raise nothing but TransportError. Responses have status, reason, headers, read(), iter_chunks()
and close(); whoever asked closes them.

Source: sheet 04, section 10.1.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from swift.core.names import quote

_PLAIN = re.compile(r'[A-Za-z0-9_.~/-]*', re.ASCII).fullmatch


def is_plain(path: str) -> bool:
    """Return whether a path has only characters that stand for themselves in a URL."""
    return _PLAIN(path) is not None


def quote_path(path: str) -> str:
    """Percent-encode a path. Cost for an ordinary name: one regular expression."""
    return path if _PLAIN(path) else quote(path)


def node_address(node: Any, replication: bool = False) -> tuple[str, int]:
    """Return where to reach a node, on the replication network if asked."""
    if replication:
        return (node.replication_ip, node.replication_port)
    return (node.ip, node.port)


def node_name(node: Any) -> str:
    """Return `ip:port/device`: the key of error records and the name used in logs."""
    return f'{node.ip}:{node.port}/{node.device}'


def target_of(device: str, part: int | str, path: str, query: str = '') -> str:
    """Return the request target; `path` is quoted already and starts with a slash."""
    target = f'/{_quoted_device(device)}/{part}{path}'
    return f'{target}?{query}' if query else target


_quoted_device = lru_cache(maxsize=4096)(quote_path)


class NodeTransport:
    """Requests to nodes over one pool, with the timeouts of one service."""

    __slots__ = ('pool', 'conn_timeout_s')

    def __init__(self, pool: Any, conn_timeout_s: float = 0.5):
        self.pool = pool
        self.conn_timeout_s = conn_timeout_s

    def request(self, node: Any, method: str, target: str,
                headers: Mapping[str, str] | Iterable[tuple[str, str]], *, body: bytes = b'',
                timeout_s: float = 10.0, replication: bool = False) -> Any:
        """Return the response as soon as its head is there. Raises TransportError."""
        return self.pool.request(node_address(node, replication), method, target, headers, body,
                                 conn_timeout=self.conn_timeout_s, timeout=timeout_s)

    def open(self, node: Any, timeout_s: float, replication: bool = False) -> Any:
        """Return an exchange on a connection to the node; `timeout_s` bounds each wait to send.

        Raises TransportError.
        """
        return self.pool.open(node_address(node, replication), self.conn_timeout_s, timeout_s)

    def close(self) -> None:
        """Close idle connections."""
        self.pool.close()
