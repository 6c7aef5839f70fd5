"""The reconciler's queue: what is written down about an object row of the wrong storage policy.

Layer 0. When replicas of a container were created in different policies one of them wins, and the
rows of the other are misplaced: their objects are where no reader looks. Each is an entry in a
container of the account `.misplaced_objects`, one container per hour of the row's last change:

    1699999200 / 1:/AUTH_test/c/photo.jpg

The entry's type says what was done to the object, its time and etag when. Source: sheet 03 §18.2.
"""
from swift.core.row_merge import ObjectRecord
from swift.core.timestamp import decode_timestamps

QUEUE_ACCOUNT = '.misplaced_objects'
QUEUE_POLICY = 0
SECONDS_PER_CONTAINER = 3600
PUT_TYPE, DELETE_TYPE = 'application/x-put', 'application/x-delete'


def queue_container(record: ObjectRecord) -> str:
    """Return the container of the queue that a row's entry belongs in. ValueError: no time."""
    _, _, changed = decode_timestamps(record.created_at)
    return str(int(changed) // SECONDS_PER_CONTAINER * SECONDS_PER_CONTAINER)


def queue_entry(record: ObjectRecord, container_path: str) -> ObjectRecord:
    """Return the entry for a misplaced row of `account/container`."""
    return ObjectRecord(
        f'{record.storage_policy_index}:/{container_path}/{record.name}', record.created_at, 0,
        DELETE_TYPE if record.deleted else PUT_TYPE, record.created_at, 0, QUEUE_POLICY)
