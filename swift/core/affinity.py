"""Which nodes are near: the grammar of the affinity options, and the orders made from them.

Pure (layer 0). Two grammars (sheet 04, section 10.4):

    read_affinity  = r1z1=100, r1=200      lower number first, nodes that match nothing last
    write_affinity = r1z2, r3              a node is local if it matches one of them

Region and zone are numbers; a term without zone matches the whole region. When several terms
match a node, the smallest number counts.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

FARTHEST = 2 ** 32
"""Priority of a node that no term matches."""

_READ_TERM = re.compile(r'r(\d+)(?:z(\d+))?=(\d+)\Z', re.ASCII)
_WRITE_TERM = re.compile(r'r(\d+)(?:z(\d+))?\Z', re.ASCII)


def _terms(text: str, pattern: re.Pattern, option: str) -> Iterator[re.Match]:
    for term in filter(None, (part.strip() for part in text.split(','))):
        match = pattern.match(term)
        if match is None:
            raise ValueError(f'Invalid {option} value: {text!r} (near {term!r})')
        yield match


def parse_read_affinity(text: str) -> Callable[[Any], int]:
    """Return the sort key of nodes for reads. ValueError with the offending term."""
    zones: dict[tuple[int, int], int] = {}
    regions: dict[int, int] = {}
    for match in _terms(text, _READ_TERM, 'affinity'):
        region, zone, priority = match.groups()
        if zone is None:
            regions[int(region)] = int(priority)
        else:
            zones[int(region), int(zone)] = int(priority)

    def priority_of(node: Any) -> int:
        return min(zones.get((node.region, node.zone), FARTHEST),
                   regions.get(node.region, FARTHEST))

    return priority_of


def parse_write_affinity(text: str) -> Callable[[Any], bool] | None:
    """Return the test for local nodes, None when the option is empty. ValueError on bad text."""
    local: set[tuple[int, int | None]] = set()
    for match in _terms(text, _WRITE_TERM, 'write_affinity'):
        region, zone = match.groups()
        local.add((int(region), None if zone is None else int(zone)))
    if not local:
        return None

    def is_local(node: Any) -> bool:
        return (node.region, None) in local or (node.region, node.zone) in local

    return is_local


def local_first(primaries: Sequence[Any], handoffs: Iterator[Any], is_local: Callable[[Any], bool],
                count: int) -> Iterator[Any]:
    """Yield up to `count` local nodes of primaries then handoffs, then all others in order.

    Lazy: handoffs are looked at only as far as needed. A node is yielded once.
    """
    passed_over = []
    found = 0
    source = iter(primaries)
    for nodes in (source, handoffs):
        for node in nodes:
            if found >= count:
                passed_over.append(node)
                break
            if is_local(node):
                found += 1
                yield node
            else:
                passed_over.append(node)
    # What was not local keeps its place: primaries before handoffs.
    primary_ids = {node.id for node in primaries}
    yield from (node for node in passed_over if node.id in primary_ids)
    yield from source
    yield from (node for node in passed_over if node.id not in primary_ids)
    yield from handoffs


def local_handoff_count(primaries: Sequence[Any], is_local: Callable[[Any], bool],
                        configured: int | None) -> int:
    """Return how many local handoffs a DELETE asks besides the primaries (None: automatic)."""
    if configured is not None:
        return configured
    return len(primaries) - sum(1 for node in primaries if is_local(node))
