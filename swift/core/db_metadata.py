"""The metadata column of account and container databases: merge rule, limits, deletion.

Layer 0. A mapping from header name to (value, internal timestamp). The newer timestamp wins per
key, ties keep what is stored; an empty value is a removal that is kept (and replicated) until it
is reclaimed. Laws: idempotent; commutative and associative where equal times mean equal values.
Limits hold for what clients set (`x-*-meta-`), on the merged result, not for system metadata and
not for what replication brings. Source: sheet 03 §6.
"""
import json
from collections.abc import Iterable, Mapping

Metadata = dict[str, tuple[str, str]]


def parse(column: str | None) -> Metadata:
    """Read the JSON of the column; NULL and '' mean no metadata."""
    if not column:
        return {}
    return {key: (value, timestamp) for key, (value, timestamp) in json.loads(column).items()}


def serialise(metadata: Mapping[str, tuple[str, str]]) -> str:
    """Write the column's JSON."""
    return json.dumps(metadata)


def merge(stored: Metadata, updates: Metadata) -> Metadata | None:
    """Return the merged metadata, or None when no update is newer than what is stored."""
    newer = {key: pair for key, pair in updates.items()
             if key not in stored or pair[1] > stored[key][1]}
    return {**stored, **newer} if newer else None


def deleted(stored: Metadata, timestamp: str, keep: Iterable[str] = ()) -> Metadata:
    """Return metadata in which every key is removed as of `timestamp`, but for those in `keep`."""
    kept = {key.lower() for key in keep}
    removals = {key: ('', timestamp) for key in stored if key.lower() not in kept}
    return merge(stored, removals) or stored


def reclaimed(stored: Metadata, older_than: str) -> Metadata:
    """Return the metadata without removals from before `older_than`."""
    return {key: pair for key, pair in stored.items() if pair[0] or pair[1] >= older_than}


def live(metadata: Metadata) -> dict[str, str]:
    """Return the key-value pairs that exist."""
    return {key: pair[0] for key, pair in metadata.items() if pair[0]}


def limit_problem(metadata: Metadata, prefix: str, max_count: int, max_size: int) -> str | None:
    """Return the client-visible refusal of too much client metadata, or None.

    `prefix` is 'x-account-meta-' or 'x-container-meta-'; size is characters of names (without
    the prefix) and values.
    """
    count = size = 0
    for key, (value, _) in metadata.items():
        if not value or not key.lower().startswith(prefix):
            continue
        try:
            key.encode('utf-8')
            value.encode('utf-8')
        except UnicodeEncodeError:
            return 'Metadata must be valid UTF-8'
        count += 1
        size += len(key) - len(prefix) + len(value)
    if count > max_count:
        return f'Too many metadata items; max {max_count}'
    if size > max_size:
        return f'Total metadata too large; max {max_size}'
    return None
