"""Which of two records about the same name wins, in container and in account databases.

Layer 0. Records travel unordered: through pending files, retries and replication, several times
and in any order. A container keeps one row per (name, policy), whose time is really three times
(data, content type, metadata: `created_at`, sheet 03 §7) that win separately:

    data time newer      size, etag, deleted, swift_bytes come from the newer record
    type time newer      the content type (without swift_bytes) comes from the newer record
    meta time newer      only the time is taken over
    equal times          what is stored stays, but any content type beats that of a removal: a
                         removal has none of its own, it only sets a time (the expirer's queue has
                         removals and later rows that give the same type time)

Laws (property-tested): merging is idempotent; and as long as equal times mean equal content it is
commutative and associative, so any order of arrival ends in the same row.

An account keeps one row per container name. Its times only grow, but its counts and its policy
are whatever was reported last: last writer wins, as peers of the original expect.

Source: sheet 03 §9.1, §9.2 and errata. Row identity, ROWIDs and SQL belong to common/db.
"""
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from swift.core.content_type import extract_swift_bytes
from swift.core.timestamp import Timestamp, decode_timestamps, encode_timestamps, is_normal

DELETED_TYPE = 'application/deleted'
DELETED_ETAG = 'noetag'


class ObjectRecord(NamedTuple):
    """One statement about an object. Order of fields: that of pending files (sheet 03 §8.1).

    In a stored row `created_at` holds all three times and the two optional times are None.
    """

    name: str
    created_at: str
    size: int
    content_type: str
    etag: str
    deleted: int
    storage_policy_index: int = 0
    ctype_timestamp: str | None = None
    meta_timestamp: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.name, self.storage_policy_index


class ContainerRecord(NamedTuple):
    """One statement about a container, as an account keeps it. Field order of pending files."""

    name: str
    put_timestamp: str | None
    delete_timestamp: str | None
    object_count: int | str | None
    bytes_used: int | str | None
    deleted: int = 0
    storage_policy_index: int | str = 0


def is_storable(number: int) -> bool:
    """Tell whether a database can hold a number: 64 bits."""
    return -1 << 63 <= number < 1 << 63


def is_zero_like(count: int | str | None) -> bool:
    """Tell whether a stored count means nothing: NULL, '', 0 or '0' (sheet 03, terms)."""
    return count in (None, '', 0, '0')


# -- container databases ----------------------------------------------------------------------

def settle(record: ObjectRecord) -> ObjectRecord:
    """Return the record as a new row stores it: its three times folded into `created_at`."""
    if (record.ctype_timestamp is None and record.meta_timestamp is None
            and len(record.created_at) == 16 and record.created_at[10] == '.'):
        return record
    return record._replace(created_at=encode_timestamps(*record_times(record)),
                           ctype_timestamp=None, meta_timestamp=None)


def record_times(record: ObjectRecord) -> tuple[Timestamp, Timestamp, Timestamp]:
    """Return data, content type and metadata time of a record or row; ValueError on bad text."""
    data, ctype, meta = decode_timestamps(record.created_at)
    if record.ctype_timestamp is not None:
        ctype = meta = Timestamp(record.ctype_timestamp)
    if record.meta_timestamp is not None:
        meta = Timestamp(record.meta_timestamp)
    return data, ctype, meta


def check_times(record: ObjectRecord) -> None:
    """Raise ValueError unless all times of a record can be read."""
    if (record.ctype_timestamp is not None or record.meta_timestamp is not None
            or not is_normal(record.created_at)):
        record_times(record)


def merge_object(existing: ObjectRecord, item: ObjectRecord) -> ObjectRecord | None:
    """Return the row that replaces `existing`, or None when nothing in `item` is newer."""
    if _has_one_time(existing) and _has_one_time(item) and ';' not in item.content_type:
        # All three times are the same, in the form that sorts as text: one wins as a whole.
        return item if item.created_at > existing.created_at else None
    return merge_times(existing, item)


def _has_one_time(record: ObjectRecord) -> bool:
    return (record.ctype_timestamp is None and record.meta_timestamp is None
            and is_normal(record.created_at))


def merge_times(existing: ObjectRecord, item: ObjectRecord) -> ObjectRecord | None:
    """Do what merge_object() does, for records with any times."""
    old_data, old_ctype, old_meta = record_times(existing)
    new_data, new_ctype, new_meta = record_times(item)
    data_wins = new_data > old_data
    ctype_wins = new_ctype > old_ctype or (new_ctype == old_ctype and _fills_type(existing, item))
    if not (data_wins or ctype_wins or new_meta > old_meta):
        return None
    data = item if data_wins else existing
    ctype = item if ctype_wins else existing
    created_at = encode_timestamps(max(old_data, new_data), max(old_ctype, new_ctype),
                                   max(old_meta, new_meta))
    content_type, _ = extract_swift_bytes(ctype.content_type)
    _, swift_bytes = extract_swift_bytes(data.content_type)
    if swift_bytes is not None:
        content_type = f'{content_type};swift_bytes={swift_bytes}'
    return ObjectRecord(existing.name, created_at, data.size, content_type, data.etag,
                        data.deleted, existing.storage_policy_index)


def _fills_type(existing: ObjectRecord, item: ObjectRecord) -> bool:
    """Tell whether only one of two records has a content type, and it is not the stored one."""
    return (existing.content_type.startswith(DELETED_TYPE)
            and not item.content_type.startswith(DELETED_TYPE))


def merge_objects(rows: Mapping[tuple[str, int], ObjectRecord],
                  items: Iterable[ObjectRecord]) -> dict[tuple[str, int], ObjectRecord]:
    """Fold a batch of records into the rows they concern; return only the rows that change.

    `rows` has the stored rows by key. A key of the result that is in `rows` supersedes that row.
    """
    changed: dict[tuple[str, int], ObjectRecord] = {}
    for item in items:
        key = item.key
        existing = changed.get(key) or rows.get(key)
        if existing is None:
            changed[key] = settle(item)
            continue
        merged = merge_object(existing, item)
        if merged is not None:
            changed[key] = merged
    return changed


# -- account databases ------------------------------------------------------------------------

def is_container_deleted(put_timestamp: str, delete_timestamp: str,
                         object_count: int | str | None) -> bool:
    """Tell whether a container record means "gone": deleted later than put, and empty."""
    return delete_timestamp > put_timestamp and is_zero_like(object_count)


def merge_container(existing: ContainerRecord | None,
                    item: ContainerRecord) -> ContainerRecord:
    """Return the row to store for `item` over the row of the same name, if there is one.

    Times are compared as text: internal forms, and the `0` of never, sort that way.
    """
    policy_index = int(item.storage_policy_index or 0)
    if existing is None:
        return item._replace(storage_policy_index=policy_index)
    put = _later(existing.put_timestamp, item.put_timestamp)
    delete = _later(existing.delete_timestamp, item.delete_timestamp)
    count = existing.object_count if item.object_count is None else item.object_count
    used = existing.bytes_used if item.bytes_used is None else item.bytes_used
    return ContainerRecord(existing.name, put, delete, count, used,
                           int(is_container_deleted(put, delete, count)), policy_index)


def _later(old: str | None, new: str | None) -> str:
    if new is None:
        return old
    return new if old is None else max(old, new)
