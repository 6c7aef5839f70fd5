"""The numbers of a replication pass: for operators, recon and the log.

Layer 3, no I/O. One ReplicationStats per device; a pass adds them up (sheet 02 §24).
"""
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

_COUNTERS = ('attempted', 'failure', 'hashmatch', 'remove', 'rsync', 'success', 'suffix_count',
             'suffix_hash', 'suffix_sync')
_MINUTE_S = 60


@dataclass(slots=True)
class ReplicationStats:
    """Counters of one device, or of several.

    attempted: partitions; success, failure: peers; hashmatch: peers that had everything; rsync:
    peers that were sent something, by whatever method; remove: handoff partitions worked on;
    suffix_count, suffix_hash, suffix_sync: suffixes seen, computed, sent.
    """
    attempted: int = 0
    failure: int = 0
    hashmatch: int = 0
    remove: int = 0
    rsync: int = 0
    success: int = 0
    suffix_count: int = 0
    suffix_hash: int = 0
    suffix_sync: int = 0
    unchanged: int = 0                # partitions known to be in sync without a comparison
    failed_nodes: Counter = field(default_factory=Counter)

    def fail(self, nodes: Iterable[Any]) -> None:
        """Count peers that failed."""
        for node in nodes:
            self.failure += 1
            self.failed_nodes[node.replication_ip, node.device] += 1

    def add(self, other: Self) -> None:
        """Add the numbers of another device."""
        for name in (*_COUNTERS, 'unchanged'):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failed_nodes.update(other.failed_nodes)

    def as_recon(self) -> dict[str, Any]:
        """Return the numbers as recon files hold them."""
        nodes: dict[str, dict[str, int]] = {}
        for (ip, device), count in self.failed_nodes.items():
            nodes.setdefault(ip, {})[device] = count
        values: dict[str, Any] = {name: getattr(self, name) for name in _COUNTERS}
        return {**values, 'failure_nodes': nodes}


def total_of(stats: Iterable[ReplicationStats]) -> ReplicationStats:
    """Return the sum."""
    total = ReplicationStats()
    for one in stats:
        total.add(one)
    return total


def recon_values(stats: dict[str, Any], seconds: float, ended: float) -> dict[str, Any]:
    """Return the recon keys of a finished pass. Compat: durations are in minutes."""
    minutes = seconds / _MINUTE_S
    return {'replication_stats': stats, 'replication_time': minutes, 'replication_last': ended,
            'object_replication_time': minutes, 'object_replication_last': ended}


def aggregate(per_disk: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the recon keys of all disks together: sums, and the oldest of times.

    A node is as well replicated as its slowest disk.
    """
    summed: dict[str, Any] = dict.fromkeys(_COUNTERS, 0)
    nodes: dict[str, dict[str, int]] = {}
    for disk in per_disk.values():
        stats = disk['replication_stats']
        for name in _COUNTERS:
            summed[name] += stats[name]
        for ip, devices in stats['failure_nodes'].items():
            counts = nodes.setdefault(ip, {})
            for device, count in devices.items():
                counts[device] = counts.get(device, 0) + count
    values = {name: min(disk[name] for disk in per_disk.values())
              for name in ('replication_time', 'replication_last', 'object_replication_time',
                           'object_replication_last')}
    return {**values, 'replication_stats': {**summed, 'failure_nodes': nodes}}


def progress_lines(done: int, total: int, seconds: float, stats: ReplicationStats) -> list[str]:
    """Return what is logged about a running pass."""
    if not done:
        return ['Nothing replicated for %d seconds.' % seconds]
    rate = done / seconds if seconds > 0 else float(done)
    left = (total - done) / rate
    lines = ['%d/%d (%.2f%%) partitions replicated in %.2fs (%.2f/sec, %s remaining)' % (
        done, total, 100.0 * done / total, seconds, rate, _rough(left)),
        '%d successes, %d failures' % (stats.success, stats.failure)]
    if stats.suffix_count:
        lines.append('%d suffixes checked - %.2f%% hashed, %.2f%% synced' % (
            stats.suffix_count, 100.0 * stats.suffix_hash / stats.suffix_count,
            100.0 * stats.suffix_sync / stats.suffix_count))
    if stats.unchanged:
        lines.append('%d partitions unchanged since they were last compared' % stats.unchanged)
    return lines


def _rough(seconds: float) -> str:
    if seconds >= 60 * _MINUTE_S:
        return '%dh' % round(seconds / 3600)
    return '%dm' % round(seconds / _MINUTE_S) if seconds >= _MINUTE_S else '%ds' % round(seconds)
