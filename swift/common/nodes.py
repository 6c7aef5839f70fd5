"""Which nodes a request tries, in which order, and which are left alone for a while.

Layer 1. A NodePicker belongs to one worker process of one service: it knows error records, node
speeds and the request_node_count; per policy a NodeOrder says how primaries are sorted. For each
request it makes a NodeIter, which several green threads may share: taking the next node never
switches.

    primaries (sorted) -> handoffs (ring order), skipping nodes with too many errors,
    until request_node_count nodes were given out that are not limited by now

Source: sheet 04, sections 10.4 and 10.5.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from operator import itemgetter
from typing import Any

from swift.common.clock import SYSTEM
from swift.common.transport import node_name
from swift.core.affinity import (
    local_first,
    local_handoff_count,
    parse_read_affinity,
    parse_write_affinity,
)
from swift.core.pacing import ErrorLimiter

_UNKNOWN_SPEED = -1.0
MILLISECONDS = 1000
# All orders of as many nodes as most policies have replicas.
_ORDERS = {count: [itemgetter(*order) for order in permutations(range(count))]
           for count in (2, 3, 4)}


def shuffle(nodes: list[Any]) -> None:
    """Bring nodes into a random order. Cost: one random number for two to four."""
    orders = _ORDERS.get(len(nodes))
    if orders is None:
        random.shuffle(nodes)
    else:
        nodes[:] = orders[int(random.random() * len(orders))](nodes)


class NodeSpeeds:
    """How long nodes took lately, by IP, in whole milliseconds. Bounded by the ring's nodes."""

    __slots__ = ('expiry_s', '_measured')

    def __init__(self, expiry_s: float):
        self.expiry_s = expiry_s
        self._measured: dict[str, tuple[float, float]] = {}

    def note(self, ip: str, seconds: float, now: float) -> None:
        self._measured[ip] = (round(seconds * MILLISECONDS) / MILLISECONDS, now + self.expiry_s)

    def of(self, ip: str, now: float) -> float:
        """Return the speed; unknown nodes count as fastest, so that they get measured."""
        seconds, valid_until = self._measured.get(ip, (_UNKNOWN_SPEED, 0.0))
        return seconds if now < valid_until else _UNKNOWN_SPEED


class NodeOrder:
    """How the primaries of one policy (or of accounts and containers) are sorted."""

    __slots__ = ('measures', 'is_local', 'local_count', '_delete_count', '_by_affinity', '_speeds',
                 '_clock', '_shuffle')

    def __init__(self, options: Any, speeds: NodeSpeeds, clock: Any = SYSTEM,
                 shuffle: Callable[[list], None] = shuffle):
        """`options` has sorting_method, read_affinity and the write_affinity settings."""
        self.measures = options.sorting_method == 'timing'
        self.is_local = parse_write_affinity(options.write_affinity)
        self.local_count = options.write_affinity_node_count
        self._delete_count = options.write_affinity_handoff_delete_count
        self._by_affinity = (parse_read_affinity(options.read_affinity)
                             if options.sorting_method == 'affinity' and options.read_affinity
                             else None)
        self._speeds = speeds
        self._clock = clock
        self._shuffle = shuffle

    def sort(self, nodes: Sequence[Any]) -> list[Any]:
        """Return the nodes in the order in which to try them. Cost: a shuffle, mostly."""
        nodes = list(nodes)
        self._shuffle(nodes)
        if self.measures:
            now = self._clock.monotonic()
            nodes.sort(key=lambda node: self._speeds.of(node.ip, now))
        elif self._by_affinity is not None:
            nodes.sort(key=self._by_affinity)
        return nodes

    def delete_handoff_count(self, primaries: Sequence[Any]) -> int:
        """Return how many local handoffs a DELETE asks besides the primaries."""
        if self.is_local is None:
            return 0
        return local_handoff_count(primaries, self.is_local, self._delete_count)


class NodePicker:
    """Chooses nodes for requests and remembers which ones fail. One per worker process."""

    def __init__(self, options: Any, logger: Any, metrics: Any, clock: Any = SYSTEM):
        """`options` has the request_node_count, error_suppression_* and timing_expiry."""
        self.request_node_count = options.request_node_count
        self.log_handoffs = options.log_handoffs
        self.limiter = ErrorLimiter(options.error_suppression_interval,
                                    options.error_suppression_limit)
        self.speeds = NodeSpeeds(options.timing_expiry)
        self.clock = clock
        self.logger = logger
        self.metrics = metrics

    def is_limited(self, node: Any) -> bool:
        limiter = self.limiter
        if not limiter.has_records:
            return False
        limited = limiter.is_limited(node_name(node), self.clock.time())
        if limited:
            self.metrics.increment('error_limiter.is_limited')
        return limited

    def note_error(self, node: Any, text: str) -> None:
        """Count an error of the node and log it."""
        name = node_name(node)
        self.logger.error('%s %s', name, text)
        self.metrics.increment('error_limiter.incremented_limit')
        if self.limiter.count_error(name, self.clock.time()):
            self._log_limited(name)

    def limit(self, node: Any, text: str) -> None:
        """Leave the node alone from now on: it said that its drive is gone."""
        name = node_name(node)
        self.logger.error('%s %s', name, text)
        self.metrics.increment('error_limiter.forced_limit')
        self.limiter.limit_now(name, self.clock.time())
        self._log_limited(name)

    def _log_limited(self, name: str) -> None:
        self.logger.error('Node will be error limited for %.2fs: %s',
                          self.limiter.interval_s, name)

    def for_reading(self, ring: Any, part: int, order: NodeOrder, kind: str) -> 'NodeIter':
        """Return the nodes for anything but object PUT and DELETE, sorted."""
        primaries = order.sort(ring.get_part_nodes(part))
        return NodeIter(self, primaries, _handoffs(ring, part),
                        self.request_node_count(len(primaries)), kind)

    def for_writing(self, ring: Any, part: int, order: NodeOrder, kind: str,
                    local_handoffs: int | None = None) -> 'NodeIter':
        """Return the nodes for object PUT and DELETE: near ones first if so configured.

        `local_handoffs` (DELETE): so many local handoffs follow the primaries at once, instead of
        local nodes coming before remote primaries.
        """
        if order.is_local is None:
            return self.for_reading(ring, part, order, kind)
        primaries = order.sort(ring.get_part_nodes(part))
        handoffs = _handoffs(ring, part)
        limit = self.request_node_count(len(primaries))
        if local_handoffs is None:
            near_count = order.local_count(len(primaries))
        else:
            near_count = len(primaries) + local_handoffs
            limit = max(limit, near_count)
            handoffs = local_first((), handoffs, order.is_local, local_handoffs)
            return NodeIter(self, primaries, handoffs, limit, kind)
        nodes = local_first(primaries, handoffs, order.is_local, near_count)
        return NodeIter(self, (), nodes, limit, kind, primary_count=len(primaries))


def _handoffs(ring: Any, part: int) -> Iterator[Any]:
    # A generator, so that the ring does no work for requests that need no handoff.
    yield from ring.get_more_nodes(part)


class NodeIter:
    """The nodes of one request, in order. `primary_count` tells how many primaries there are."""

    __slots__ = ('primary_count', '_picker', '_primaries', '_handoffs', '_limit', '_kind',
                 '_given', '_handoff_count')

    def __init__(self, picker: NodePicker, primaries: Sequence[Any], handoffs: Iterator[Any],
                 limit: int, kind: str, primary_count: int | None = None):
        self.primary_count = len(primaries) if primary_count is None else primary_count
        self._picker = picker
        self._primaries = iter(primaries)
        self._handoffs = handoffs
        self._limit = limit
        self._kind = kind
        self._given: list[Any] = []
        self._handoff_count = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        node = self.take()
        if node is None:
            raise StopIteration
        return node

    def take(self) -> Any | None:
        """Return the next node, None when there is none."""
        given = self._given
        if len(given) >= self._limit and self._used() >= self._limit:
            return None
        picker = self._picker
        for node in self._primaries:
            if not picker.is_limited(node):
                given.append(node)
                return node
        for node in self._handoffs:
            if picker.is_limited(node):
                continue
            if node.handoff_index is not None:
                self._note_handoff()
            given.append(node)
            return node
        return None

    def _used(self) -> int:
        # A node that became limited while it was tried does not count (it was no real chance).
        return sum(1 for node in self._given if not self._picker.is_limited(node))

    def _note_handoff(self) -> None:
        self._handoff_count += 1
        picker = self._picker
        expected = self._limit - self.primary_count
        if not picker.log_handoffs or self._handoff_count <= expected:
            return
        picker.metrics.increment(self._kind + '.handoff_count')
        picker.logger.warning('Handoff requested (%d)', self._handoff_count)
        if self._handoff_count - expected == self.primary_count:
            picker.metrics.increment(self._kind + '.handoff_all_count')
