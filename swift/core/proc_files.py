"""What the kernel's files below /proc say, as recon reports it.

Pure (layer 0): takes their text. ValueError or IndexError for text of another shape.
Source: sheet 07 §10.1.
"""
from collections.abc import Iterable


def load_average(text: str) -> dict[str, object]:
    """Return /proc/loadavg: `0.08 0.03 0.05 1/389 12345`."""
    one, five, fifteen, tasks, processes = text.split()[:5]
    return {'1m': float(one), '5m': float(five), '15m': float(fifteen), 'tasks': tasks,
            'processes': int(processes)}


def memory(lines: Iterable[str]) -> dict[str, str]:
    """Return /proc/meminfo: `MemTotal:  16384 kB`, values with their units as text."""
    found = {}
    for line in lines:
        name, colon, value = line.partition(':')
        if colon:
            found[name] = value.strip()
    return found


def mounts(lines: Iterable[str]) -> list[dict[str, str]]:
    """Return /proc/mounts: device and path of each line."""
    fields = (line.rstrip().split() for line in lines)
    return [{'device': words[0], 'path': words[1]} for words in fields if len(words) > 1]


def sockets(ipv4: Iterable[str], ipv6: Iterable[str], page_size: int) -> dict[str, int]:
    """Return what /proc/net/sockstat and sockstat6 say of TCP."""
    found = {}
    for line in ipv4:
        if line.startswith('TCP: '):
            values = _pairs(line)
            found.update(tcp_in_use=values['inuse'], orphan=values['orphan'],
                         time_wait=values['tw'], tcp_mem_allocated_bytes=values['mem'] * page_size)
    for line in ipv6:
        if line.startswith('TCP6: '):
            found['tcp6_in_use'] = _pairs(line)['inuse']
    return found


def _pairs(line: str) -> dict[str, int]:
    words = line.split()[1:]
    return {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True)}
