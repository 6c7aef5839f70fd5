"""Shard ranges: which container is responsible for which part of a namespace.

Layer 0: the value, its states, reading it from requests, merging replicas of it, and choosing and
ordering ranges for an answer. A range covers names in (lower, upper]; '' is "unbounded" on either
side. The range whose name is the container's own path is its *own* range.

Merge rule (sheet 03 §9.3): the later `timestamp` replaces everything; at equal timestamps counts
follow `meta_timestamp` and the state follows `state_timestamp` (equal: the larger state). Ties keep
what is stored. Laws: idempotent; order of arrival does not matter where equal times mean equal
values. Finding, cleaving and shrinking ranges is not decided here.

Source: sheet 03 §4, §9.3, §15.6, §20.1-20.3.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from swift.core.listing import HIGHEST
from swift.core.timestamp import Timestamp

FOUND, CREATED, CLEAVED, ACTIVE, SHRINKING, SHARDING, SHARDED, SHRUNK = range(10, 90, 10)
STATE_NAMES = {FOUND: 'found', CREATED: 'created', CLEAVED: 'cleaved', ACTIVE: 'active',
               SHRINKING: 'shrinking', SHARDING: 'sharding', SHARDED: 'sharded', SHRUNK: 'shrunk'}
STATES = {name: number for number, name in STATE_NAMES.items()}

LISTING_STATES = frozenset((CLEAVED, ACTIVE, SHARDING, SHRINKING))
UPDATING_STATES = frozenset((CREATED, CLEAVED, ACTIVE, SHARDING))
AUDITING_STATES = frozenset(STATE_NAMES) - {FOUND}
STATS_STATES = frozenset((ACTIVE, SHARDING, SHRINKING))
CLEAVING_STATES = frozenset((SHRINKING, SHRUNK, SHARDING, SHARDED))
STATE_ALIASES = {'listing': LISTING_STATES, 'updating': UPDATING_STATES,
                 'auditing': AUDITING_STATES}

_MANDATORY = ('name', 'timestamp', 'lower', 'upper', 'object_count', 'bytes_used',
              'meta_timestamp', 'deleted', 'state', 'state_timestamp', 'epoch')


@dataclass(frozen=True, slots=True)
class ShardRange:
    """One row of the shard_range table. Times are internal texts, epoch may be None."""

    name: str
    timestamp: str
    lower: str = ''
    upper: str = ''
    object_count: int = 0
    bytes_used: int = 0
    meta_timestamp: str = ''
    deleted: int = 0
    state: int = FOUND
    state_timestamp: str = ''
    epoch: str | None = None
    reported: int = 0
    tombstones: int = -1

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ShardRange:
        """Read a range as peers send it. KeyError for what is missing, ValueError for nonsense."""
        values = {name: fields[name] for name in _MANDATORY}
        values['reported'] = fields.get('reported', 0)
        values['tombstones'] = fields.get('tombstones', -1)
        for name in ('timestamp', 'meta_timestamp', 'state_timestamp', 'epoch'):
            if values[name] is not None or name == 'timestamp':
                values[name] = Timestamp(values[name]).internal
        values['meta_timestamp'] = values['meta_timestamp'] or values['timestamp']
        values['state_timestamp'] = values['state_timestamp'] or values['timestamp']
        values['state'] = parse_state(values['state'])
        for name in ('object_count', 'bytes_used'):
            values[name] = _count(name, values[name])
        values['tombstones'] = max(-1, int(values['tombstones']))
        values['deleted'] = int(bool(values['deleted']))
        values['reported'] = int(bool(values['reported']))
        account, mark, container = str(values['name']).partition('/')
        if not (mark and account and container):
            raise ValueError("Name must be of the form '<account>/<container>', got "
                             f'{values["name"]!r}')
        values['lower'], values['upper'] = _bound(values['lower']), _bound(values['upper'])
        if values['upper'] and values['lower'] > values['upper']:
            raise ValueError(f'lower ({values["lower"]!r}) must be less than or equal to upper '
                             f'({values["upper"]!r})')
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields in the order in which answers show them."""
        return asdict(self)

    def as_namespace(self) -> dict[str, str]:
        """Return name and bounds only, the short form of answers."""
        return {'name': self.name, 'lower': self.lower, 'upper': self.upper}

    def includes(self, name: str) -> bool:
        """Tell whether an object name lies in the range."""
        return name > self.lower and (not self.upper or name <= self.upper)

    @property
    def sort_key(self) -> tuple:
        """Ascending by upper bound; with equal bounds a new sub-shard precedes its parent."""
        return self.upper or HIGHEST * 2, self.state, self.lower, self.name


def _count(name: str, value: Any) -> int:
    number = int(value)
    if number < 0:
        raise ValueError(f'{name} cannot be < 0')
    return number


def _bound(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError('must be a string type')
    return value


def parse_state(value: Any) -> int:
    """Return the number of a state given as number, text of a number, or name; ValueError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = STATES.get(str(value).lower())
    if number not in STATE_NAMES:
        raise ValueError(f'Invalid state {value!r}' if isinstance(value, str)
                         else f'Invalid state {value}')
    return int(number)


def parse_states(text: str) -> frozenset[int]:
    """Return the states that a comma list of names, numbers and aliases stands for; ValueError."""
    wanted: set[int] = set()
    for word in text.split(','):
        wanted |= STATE_ALIASES.get(word) or {parse_state(word)}
    return frozenset(wanted)


def default_own_range(path: str, now: str) -> ShardRange:
    """Return the own range of a container that never had one."""
    return ShardRange(path, now, meta_timestamp=now, state=ACTIVE, state_timestamp=now)


# -- merging ----------------------------------------------------------------------------------

def merge(existing: ShardRange | None, item: ShardRange) -> ShardRange | None:
    """Return the range to store in place of `existing`, or None when nothing of `item` wins."""
    if existing is None:
        return item
    if existing.timestamp < item.timestamp:
        return replace(item, reported=0)
    if existing.timestamp > item.timestamp:
        return None
    merged = replace(item, lower=existing.lower, upper=existing.upper, deleted=existing.deleted)
    if existing.meta_timestamp >= item.meta_timestamp:
        merged = replace(merged, object_count=existing.object_count,
                         bytes_used=existing.bytes_used, tombstones=existing.tombstones,
                         meta_timestamp=existing.meta_timestamp)
    if (existing.state_timestamp, existing.state) >= (item.state_timestamp, item.state):
        merged = replace(merged, state=existing.state, epoch=existing.epoch,
                         state_timestamp=existing.state_timestamp)
    if existing.reported and all(
            getattr(existing, field) == getattr(merged, field)
            for field in ('object_count', 'bytes_used', 'tombstones', 'state', 'epoch')):
        merged = replace(merged, reported=1)
    return None if merged == existing else merged


def loses_epoch(own: ShardRange | None, item: ShardRange) -> bool:
    """Tell whether a peer's version of the own range must be ignored: it lacks our epoch.

    A peer that never heard of sharding makes a new own range at the newest time, and would undo it.
    """
    return (own is not None and own.name == item.name and own.epoch is not None
            and item.epoch is None)


def merge_all(stored: Mapping[str, ShardRange],
              items: Iterable[ShardRange]) -> dict[str, ShardRange]:
    """Fold a batch into the stored ranges; return only those that change, by name."""
    changed: dict[str, ShardRange] = {}
    for item in items:
        merged = merge(changed.get(item.name) or stored.get(item.name), item)
        if merged is not None:
            changed[item.name] = merged
    return changed


# -- answering --------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class RangeQuery:
    """Which ranges an answer shows. `states` None means all; `fill` adds the own range's rest."""

    marker: str = ''
    end_marker: str = ''
    includes: str = ''
    states: frozenset[int] | None = None
    include_deleted: bool = False
    include_own: bool = False
    fill: bool = False
    reverse: bool = False


def select(query: RangeQuery, ranges: Iterable[ShardRange], own: ShardRange) -> list[ShardRange]:
    """Return the ranges that answer a query, in order.

    `ranges` are all stored ones (the own range may be among them), `own` the own range or its
    default.
    """
    marker, end_marker = query.marker, query.end_marker
    if query.reverse:
        marker, end_marker = end_marker, marker
    if marker and end_marker and marker >= end_marker and not query.includes:
        return []
    found = [item for item in ranges
             if (query.include_own or item.name != own.name)
             and (query.include_deleted or not item.deleted)
             and (query.states is None or item.state in query.states)]
    found.sort(key=lambda item: item.sort_key)
    if query.includes:
        return [item for item in found if item.includes(query.includes)][:1]
    found = [item for item in found
             if (not end_marker or item.lower < end_marker)
             and (not item.upper or item.upper > marker)]
    if query.fill:
        found += _filler(found, own, marker, end_marker)
    return found[::-1] if query.reverse else found


def _filler(found: list[ShardRange], own: ShardRange, marker: str,
            end_marker: str) -> list[ShardRange]:
    """Return the own range cut to the end of the namespace that no range in `found` covers."""
    upper = min(end_marker or HIGHEST * 2, own.upper or HIGHEST * 2)
    upper = '' if upper == HIGHEST * 2 else upper
    if found:
        lower = found[-1].upper
        if not lower or (upper and lower >= upper):
            return []
    else:
        lower = max(marker, own.lower)
    return [replace(own, lower=lower, upper=upper)]


def totals(ranges: Iterable[ShardRange]) -> tuple[int, int]:
    """Return object count and bytes that live ranges report for a sharded root."""
    counted = [item for item in ranges if not item.deleted and item.state in STATS_STATES]
    return sum(item.object_count for item in counted), sum(item.bytes_used for item in counted)
