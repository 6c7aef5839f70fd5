"""The numbers of a replication pass: for recon, the log and StatsD.

Layer 1. Source: sheet 03 §17, §26.7.
"""
from collections import Counter
from typing import Any

from swift.core.db_sync import Method

COUNTERS = ('attempted', 'success', 'failure', 'ts_repl', 'no_change', 'hashmatch', 'rsync', 'diff',
            'remove', 'empty', 'remote_merge', 'diff_capped', 'deferred')
# Counters that StatsD knows by another name.
_STATSD = {'attempted': 'attempts', 'success': 'successes', 'failure': 'failures',
           'diff': 'diffs', 'diff_capped': 'diff_caps', 'no_change': 'no_changes',
           'hashmatch': 'hashmatches', 'rsync': 'rsyncs', 'remote_merge': 'remote_merges'}


class Stats:
    """Counters of one pass.

    attempted: databases; success and failure: peers; remove: databases that are gone from here;
    the rest: what was done about peers.
    """

    def __init__(self, statsd: Any, start: float) -> None:
        self._statsd = statsd
        self.start = start
        self.counts: Counter = Counter()
        self.failure_nodes: dict[str, Counter] = {}

    def __getitem__(self, name: str) -> int:
        return self.counts[name]

    def count(self, name: str) -> None:
        """Count one event."""
        assert name in COUNTERS, name
        self.counts[name] += 1
        if name in _STATSD:
            self._statsd.increment(_STATSD[name])

    def count_method(self, method: Method) -> None:
        """Count what is done about one peer."""
        self.count(method.value)

    def count_removal(self, device: str) -> None:
        """Count a database that was removed from a device."""
        self.count('remove')
        self._statsd.increment(f'removes.{device}')

    def fail(self, node: Any) -> None:
        """Count a peer that was not brought up to date."""
        self.count('failure')
        self.failure_nodes.setdefault(node.replication_ip, Counter())[node.device] += 1

    def as_recon(self) -> dict[str, Any]:
        """Return the numbers as recon files hold them."""
        return {**{name: self.counts[name] for name in COUNTERS}, 'start': self.start,
                'failure_nodes': {ip: dict(nodes) for ip, nodes in self.failure_nodes.items()}}
