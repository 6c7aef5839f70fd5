"""What a container is told about a change of one of its objects, and whom to tell.

Layer 0. The proxy names the container servers of an object request in its headers, as lists of
equal length (sheet 02 §15.1):

    X-Container-Host: ip:port[, ip:port]    X-Container-Device: sda[, sdb]
    X-Container-Partition: 61               X-Backend-Quoted-Container-Path: account/container

Fields of the row can be overridden: ``<prefix>foo`` sets ``X-Foo`` (§15.2), request headers first,
then footers, then the same with the prefix that is stored as system metadata.
"""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from swift.core.headers import (
    BACKEND_CONTAINER_UPDATE_OVERRIDE_PREFIX,
    OBJECT_SYSMETA_CONTAINER_UPDATE_OVERRIDE_PREFIX,
    title_case,
)
from swift.core.names import unquote

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """One container server that holds a replica of the container."""
    ip: str
    port: int
    device: str

    @property
    def address(self) -> tuple[str, int]:
        return self.ip, self.port


@dataclass(frozen=True, slots=True)
class Targets:
    """Whom to tell. ``problem`` says why nobody can be told although somebody was named."""
    partition: str = ''
    targets: tuple[Target, ...] = ()
    problem: str = ''


@lru_cache(maxsize=4096)
def parse_targets(hosts: str, devices: str, partition: str) -> Targets:
    """Read the three headers, each of which may be ''.

    Without a partition nobody is to be told; hosts and devices must pair up. With a host that is
    no address nobody can be told now, but the updater can: `partition` is kept.
    """
    host_list, device_list = _items(hosts), _items(devices)
    if not partition:
        return Targets()
    if len(host_list) != len(device_list):
        return Targets(problem='number of hosts and devices differs: %r, %r' % (hosts, devices))
    try:
        targets = tuple(Target(*_split_host(host), device)
                        for host, device in zip(host_list, device_list, strict=True))
    except ValueError:
        return Targets(partition, problem='bad host in %r' % hosts)
    return Targets(partition, targets)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(',') if item.strip()]


def _split_host(text: str) -> tuple[str, int]:
    ip, _colon, port = text.rpartition(':')
    if not ip:
        raise ValueError(text)
    return ip.strip('[]'), int(port)


def parse_container_path(quoted: str | None, plain: str | None) -> str | None:
    """Return ``account/container`` of the shard to tell, None to tell the root.

    ``quoted`` and ``plain`` are the two headers that may name it. ValueError if malformed.
    """
    path = unquote(quoted) if quoted else plain
    if not path:
        return None
    account, _slash, container = path.partition('/')
    if not account or not container or '/' in container:
        raise ValueError('Invalid path: %s' % path)
    return path


def redirected_path(location: str, is_quoted: bool) -> str | None:
    """Return ``account/container`` that a redirect points to, None when it is none.

    ``location`` is the Location header: a path or URL whose first two segments count.
    """
    path = location
    if '://' in path:
        path = '/' + path.split('://', 1)[1].partition('/')[2]
    path = path.partition('?')[0]
    if is_quoted:
        path = unquote(path)
    segments = path.split('/')
    if len(segments) < 3 or segments[0] or not segments[1] or not segments[2]:
        return None
    return '%s/%s' % (segments[1], segments[2])


def overrides(sources: Iterable[Headers]) -> dict[str, str]:
    """Return the row fields that ``sources`` override, the later sources winning per prefix.

    ``sources`` are the headers of the request (or the stored metadata), then the footers.
    """
    result: dict[str, str] = {}
    sources = [source for source in sources if source]
    if not sources:
        return result
    for prefix in (BACKEND_CONTAINER_UPDATE_OVERRIDE_PREFIX,
                   OBJECT_SYSMETA_CONTAINER_UPDATE_OVERRIDE_PREFIX):
        for source in sources:
            for name, value in source.items():
                if len(name) > len(prefix) and name.lower().startswith(prefix):
                    result[title_case('x-' + name[len(prefix):])] = value
    return result
