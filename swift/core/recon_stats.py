"""What swift-recon makes of the answers of many hosts, as numbers and lines.

Pure (layer 0). Hosts that did not answer are told apart from these numbers, one line each; a host
that answered without a value counts as failed. Source: sheet 07 §10.2.
"""
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GRAPH_WIDTH = 69
NO_DATA = '[%s] - No hosts returned valid data.'
_SUFFIXES = ('bytes', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB')
_UNITS = ((60, 'seconds'), (60, 'minutes'), (24, 'hours'))


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the values of some hosts: those that are None count as no result."""
    low: float
    high: float
    total: float
    reported: int
    no_result: int

    @property
    def average(self) -> float:
        return self.total / self.reported if self.reported else 0.0

    @property
    def failed_percent(self) -> float:
        """Return the share of hosts without a value, 0 if there are no hosts."""
        count = self.reported + self.no_result
        return 100.0 * self.no_result / count if count else 0.0


def statistics(values: Iterable[float | None]) -> Statistics:
    """Return the numbers of some values."""
    values = list(values)
    known = [value for value in values if value is not None]
    return Statistics(min(known, default=0), max(known, default=0), sum(known), len(known),
                      len(values) - len(known))


def line(name: str, values: Iterable[float | None], short_name: str = '') -> str:
    """Return the line of a statistic; with ``short_name`` instead if there is no data."""
    found = statistics(values)
    if not found.reported:
        return NO_DATA % (short_name or name)
    return ('[%s] low: %d, high: %d, avg: %.1f, total: %d, Failed: %.1f%%, no_result: %d, '
            'reported: %d' % (name, found.low, found.high, found.average, found.total,
                              found.failed_percent, found.no_result, found.reported))


def nested_sum(entry: Any, key: str) -> float | None:
    """Return the value of a key in an auditor's entry, summed if it is nested under devices."""
    if not isinstance(entry, Mapping):
        return None
    if key in entry:
        return entry[key]
    found = [value for value in (nested_sum(inner, key) for inner in entry.values())
             if value is not None]
    return sum(found) if found else None


def time_unit(seconds: float) -> tuple[int, str]:
    """Return a duration in whole seconds, minutes, hours or days, whichever is readable."""
    for size, unit in _UNITS:
        if seconds < size:
            return int(seconds), unit
        seconds /= size
    return int(seconds), 'days'


def extremes(times: Mapping[str, float]) -> tuple[str, str] | None:
    """Return the hosts with the lowest and the highest time; None without hosts."""
    if not times:
        return None
    return min(times, key=times.__getitem__), max(times, key=times.__getitem__)


# -- disks -----------------------------------------------------------------------------------------

def size_text(size: int, human_readable: bool) -> str:
    """Return a number of bytes for people: decimal units, rounded down."""
    if not human_readable:
        return str(size)
    for suffix in _SUFFIXES[:-1]:
        if size < 1000:
            return '%s %s' % (size, suffix)
        size //= 1000
    return '%s %s' % (size, _SUFFIXES[-1])


def graph(percents: Iterable[float]) -> list[str]:
    """Return how many disks are used by how many percent, a line per percent that occurs."""
    counts: dict[int, int] = {}
    for percent in percents:
        counts[int(percent)] = counts.get(int(percent), 0) + 1
    scale = GRAPH_WIDTH / max(counts.values(), default=1)
    return ['%3d%%%5d %s' % (percent, count, '*' * int(count * scale))
            for percent, count in sorted(counts.items())]


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted disk of a host, in bytes."""
    host: str
    device: str
    used: int
    available: int

    @property
    def percent(self) -> float:
        """Return how full it is."""
        size = self.used + self.available
        return 100.0 * self.used / size if size else 0.0

    def __str__(self) -> str:
        return '%.02f%%  %-15s %s' % (self.percent, self.host, self.device)


def usage_lines(disks: Sequence[Disk], human_readable: bool) -> list[str]:
    """Return the summary of all disks."""
    if not disks:
        return ['No hosts returned valid data.']
    used = sum(disk.used for disk in disks)
    free = sum(disk.available for disk in disks)
    percents = [round(disk.percent, 2) for disk in disks]
    total = size_text(used + free, human_readable)
    return ['Distribution Graph:', *graph(percents),
            'Disk usage: space used: %s of %s' % (size_text(used, human_readable), total),
            'Disk usage: space free: %s of %s' % (size_text(free, human_readable), total),
            'Disk usage: lowest: %s%%, highest: %s%%, avg: %s%%' % (
                min(percents), max(percents), 100.0 * used / (used + free) if used + free else 0)]


def fullest(disks: Sequence[Disk], count: int) -> list[Disk]:
    """Return the ``count`` fullest disks, the fullest first."""
    return sorted(disks, key=lambda disk: (-disk.percent, disk.host, disk.device))[:count]


def emptiest(disks: Sequence[Disk], count: int) -> list[Disk]:
    """Return the ``count`` emptiest disks, the emptiest first."""
    return sorted(disks, key=lambda disk: (disk.percent, disk.host, disk.device))[:count]


# -- time ------------------------------------------------------------------------------------------

def is_in_sync(remote: float, sent: float, received: float, jitter: float) -> bool:
    """Tell whether a remote time lies in the window of its request, give or take some seconds."""
    return sent - jitter <= remote <= received + jitter
