"""The facts about a storage node that recon reports, apart from what daemons write down.

Layer 1; everything blocks (devices may be dead), for native threads. Source: sheet 07 §10.1.
"""
import os
from collections.abc import Iterator
from typing import Any

from swift.common import fs
from swift.common.cluster import Cluster
from swift.common.errors import DiskError
from swift.core import proc_files
from swift.core.hashing import md5
from swift.core.names import split_policy_name

PROC = '/proc'
RING_SUFFIX = '.ring.gz'
SWIFT_CONF = 'swift.conf'
_CHUNK = 1 << 20


def load() -> dict[str, Any]:
    with open(PROC + '/loadavg', encoding='ascii') as file:
        return proc_files.load_average(file.read())


def memory() -> dict[str, str]:
    with open(PROC + '/meminfo', encoding='ascii') as file:
        return proc_files.memory(file)


def mounted() -> list[dict[str, str]]:
    with open(PROC + '/mounts', encoding='utf-8', errors='surrogateescape') as file:
        return proc_files.mounts(file)


def sockets() -> dict[str, int]:
    with open(PROC + '/net/sockstat', encoding='ascii') as file:
        ipv4 = file.readlines()
    try:
        with open(PROC + '/net/sockstat6', encoding='ascii') as file:
            ipv6 = file.readlines()
    except FileNotFoundError:                           # a kernel without IPv6
        ipv6 = []
    return proc_files.sockets(ipv4, ipv6, os.sysconf('SC_PAGE_SIZE'))


# -- devices ------------------------------------------------------------------------------------

def _mount_states(devices: str) -> Iterator[tuple[str, bool | str]]:
    """Yield each device with whether it is mounted, or the error that asking gave."""
    for name in sorted(os.listdir(devices)):
        path = os.path.join(devices, name)
        try:
            os.stat(path)
        except OSError as error:
            yield name, str(error)
            continue
        if os.path.isdir(path):
            try:
                yield name, fs.is_mount(path)
            except (OSError, DiskError) as error:
                yield name, str(error)


def unmounted(devices: str) -> list[dict[str, Any]]:
    return [{'device': name, 'mounted': state} for name, state in _mount_states(devices)
            if state is not True]


def disk_usage(devices: str) -> list[dict[str, Any]]:
    found = []
    for name, state in _mount_states(devices):
        size: Any = ''
        used: Any = ''
        available: Any = ''
        if state is True:
            try:
                info = os.statvfs(os.path.join(devices, name))
                available = info.f_bsize * info.f_bavail
                size = info.f_bsize * info.f_blocks
                used = size - available
            except OSError as error:
                state = str(error)
        found.append({'device': name, 'mounted': state, 'size': size, 'used': used,
                      'avail': available})
    return found


def device_names(devices: str) -> dict[str, list[str] | None]:
    try:
        return {devices: os.listdir(devices)}
    except OSError:
        return {devices: None}


def quarantined(devices: str, cluster: Cluster) -> dict[str, Any]:
    """Count what was quarantined: the directories in each quarantine, by their link counts."""
    counts = {'objects': 0, 'containers': 0, 'accounts': 0}
    policies = {str(policy.index): {'objects': 0} for policy in cluster.policies}
    for device in os.listdir(devices):
        top = os.path.join(devices, device, 'quarantined')
        for name in _directories(top):
            number = _count_directories(os.path.join(top, name))
            try:
                base, index = split_policy_name(name)
            except ValueError:
                continue
            if base == 'objects':
                policies.setdefault(str(index), {'objects': 0})['objects'] += number
            if base in counts:
                counts[base] += number
    return {**counts, 'policies': policies}


def _directories(path: str) -> list[str]:
    try:
        return [name for name in os.listdir(path) if os.path.isdir(os.path.join(path, name))]
    except OSError:
        return []


def _count_directories(path: str) -> int:
    links = os.lstat(path).st_nlink
    # Some file systems do not count directories as links.
    return links - 2 if links >= 2 else len(_directories(path))


# -- checksums ----------------------------------------------------------------------------------

class Checksums:
    """MD5s of files that rarely change: read again only when time, size or inode did."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple, str]] = {}

    def of_file(self, path: str) -> str:
        """Return the MD5 in hex. Raises OSError."""
        with open(path, 'rb') as file:
            status = os.fstat(file.fileno())
            identity = (status.st_ino, status.st_size, status.st_mtime_ns)
            known = self._known.get(path)
            if known is not None and known[0] == identity:
                return known[1]
            digest = md5()
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
            self._known[path] = identity, digest.hexdigest()
            return digest.hexdigest()


def ring_paths(cluster: Cluster) -> list[str]:
    """Return the paths that the rings of a cluster have, there or not."""
    names = ['account', 'container', *(policy.ring_name for policy in cluster.policies)]
    return [os.path.abspath(os.path.join(cluster.swift_dir, name + RING_SUFFIX))
            for name in names]


def ring_checksums(cluster: Cluster, checksums: Checksums, logger: Any) -> dict[str, str]:
    found = {}
    for path in ring_paths(cluster):
        try:
            found[path] = checksums.of_file(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            logger.error('Error reading ringfile: %s', error)
    return found


def swift_conf_checksum(cluster: Cluster, checksums: Checksums, logger: Any
                        ) -> dict[str, str | None]:
    path = os.path.join(cluster.swift_dir, SWIFT_CONF)
    try:
        return {path: checksums.of_file(path)}
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            logger.error('Error reading %s: %s', path, error)
        return {path: None}
