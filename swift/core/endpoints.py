"""Paths of list_endpoints: what is asked for, and the URLs that answer.

Pure (layer 0).

    <account>[/<container>[/<object>]]     with v1/, v1.0/, v2/ or v2.0/ before it, or nothing (v1)
    -> http://<ip>:<port>/<device>/<partition>/<account>[/...]     one for each primary node

Source: sheet 05 §25.1.
"""
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from swift.core.names import join_path, quote, split_path

VERSIONS = {'v1': 1, 'v1.0': 1, 'v2': 2, 'v2.0': 2}


class BadEndpointPath(ValueError):
    """A path that names nothing; the text is for the client."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for; names are text."""

    version: int
    account: str
    container: str | None
    obj: str | None


def parse(path: str) -> Wanted:
    """Return what is asked for by the path behind the prefix. Raises BadEndpointPath."""
    first, _slash, rest = path.partition('/')
    version = VERSIONS.get(first)
    if version is None:
        # An account of that name would have its reseller prefix.
        if first.startswith('v') and '_' not in first and first[1:2].isdigit():
            raise BadEndpointPath(f'Unsupported version {first!r}')
        version, rest = 1, path
    try:
        account, container, obj = split_path('/' + rest, 1, 3, True)
    except ValueError:
        raise BadEndpointPath('No account specified') from None
    return Wanted(version, account, container, obj)


def urls(wanted: Wanted, partition: int, nodes: Iterable[Any]) -> list[str]:
    """Return the URLs of a thing on its nodes."""
    path = quote(join_path(wanted.account, wanted.container, wanted.obj))
    return [f'http://{_host(node.ip)}:{node.port}/{node.device}/{partition}{path}'
            for node in nodes]


def _host(ip: str) -> str:
    return f'[{ip}]' if ':' in ip else ip
