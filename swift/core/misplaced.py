"""What is queued for the container-reconciler about an object row of the wrong storage policy.

Layer 0. When replicas of a container were created in different policies one of them wins, and the
rows of the other are misplaced: their objects are where no reader looks. What the entries mean is
told in reconciler_plan.py, whose side of the queue this is not. Source: sheet 03 §18.2.
"""
from swift.core import reconciler_plan
from swift.core.row_merge import ObjectRecord
from swift.core.timestamp import decode_timestamps

QUEUE_POLICY = 0


def queue_container(record: ObjectRecord) -> str:
    """Return the container of the queue that a row's entry belongs in. ValueError: no time."""
    _, _, changed = decode_timestamps(record.created_at)
    return reconciler_plan.queue_container(changed)


def queue_entry(record: ObjectRecord, account: str, container: str) -> ObjectRecord:
    """Return the entry for a misplaced row of a container."""
    name = reconciler_plan.queue_name(record.storage_policy_index, account, container, record.name)
    op = reconciler_plan.DELETE if record.deleted else reconciler_plan.PUT
    return ObjectRecord(name, record.created_at, 0, reconciler_plan.CONTENT_TYPES[op],
                        record.created_at, 0, QUEUE_POLICY)
