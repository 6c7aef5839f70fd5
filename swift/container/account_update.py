"""Telling the account servers what became of a container, as part of a PUT or DELETE.

Layer 3. The proxy names the account servers to tell; usually one for each container server, so
that together they tell all. What fails is only logged: the updater reports again. Only when every
server named answers 404 does the client learn of it. Source: sheet 03 §15.8.
"""
import os
from dataclasses import dataclass
from typing import Any

from swift.common.errors import TransportError
from swift.common.green import Pile
from swift.container.backend import ContainerInfo
from swift.core.names import quote


class BadUpdateHeaders(ValueError):
    """The request names hosts and devices that do not belong together."""


@dataclass(frozen=True, slots=True)
class AccountServers:
    """Where to send updates to. `nodes` has (ip:port, device) pairs."""

    part: str
    nodes: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, part: str | None, hosts: str | None, devices: str | None) -> 'AccountServers':
        """Read the headers of a request; without a partition there is nobody to tell."""
        if not part:
            return cls('', ())
        host_list = [host.strip() for host in (hosts or '').split(',')]
        device_list = [device.strip() for device in (devices or '').split(',')]
        if len(host_list) != len(device_list):
            raise BadUpdateHeaders('X-Account-Host and X-Account-Device do not match')
        return cls(part, tuple(
            (host, device) for host, device in zip(host_list, device_list, strict=True)
            if host and device))


def report_headers(info: ContainerInfo, agent: str) -> list[tuple[str, str]]:
    """Return the headers that tell an account about a container."""
    return [('X-Put-Timestamp', info.put_timestamp),
            ('X-Delete-Timestamp', info.delete_timestamp),
            ('X-Object-Count', str(info.object_count)),
            ('X-Bytes-Used', str(info.bytes_used)),
            ('X-Backend-Storage-Policy-Index', str(info.storage_policy_index)),
            ('User-Agent', f'{agent} {os.getpid()}')]


class AccountUpdates:
    """Sends updates over a connection pool; timeouts in seconds."""

    def __init__(self, pool: Any, conn_timeout_s: float, node_timeout_s: float,
                 logger: Any) -> None:
        self._pool = pool
        self._conn_timeout_s = conn_timeout_s
        self._node_timeout_s = node_timeout_s
        self._logger = logger

    def send(self, servers: AccountServers, path: tuple[str, str],
             headers: list[tuple[str, str]]) -> bool:
        """Tell all servers at once; False iff there are some and all answered 404."""
        if not servers.nodes:
            return True
        target = f'{servers.part}/{quote(path[0])}/{quote(path[1])}'
        if len(servers.nodes) == 1:
            return self._send_one(*servers.nodes[0], target, headers) != 404
        with Pile(len(servers.nodes)) as pile:
            for host, device in servers.nodes:
                pile.spawn(self._send_one, host, device, target, headers)
            statuses = list(pile)
        return any(status != 404 for status in statuses)

    def _send_one(self, host: str, device: str, target: str,
                  headers: list[tuple[str, str]]) -> int | None:
        """Return the status of the answer, None when there was none."""
        ip, _, port = host.rpartition(':')
        try:
            address = (ip.strip('[]'), int(port))
            response = self._pool.request(
                address, 'PUT', f'/{quote(device)}/{target}', headers, b'',
                conn_timeout=self._conn_timeout_s, timeout=self._node_timeout_s)
            try:
                response.read()
            finally:
                response.close()
        except ValueError:
            self._logger.error('ERROR account update cannot go to %s/%s: no address', host, device)
            return None
        except TransportError as err:
            self._logger.error('ERROR account update failed with %s/%s (will retry later): %s',
                               host, device, err)
            return None
        if not 200 <= response.status < 300 and response.status != 404:
            self._logger.error('ERROR Account update failed with %s/%s (will retry later): '
                               'Response %s', host, device, response.status)
        return response.status
