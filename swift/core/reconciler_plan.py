"""What to do with one misplaced object: an object whose row says another policy than its container.

Layer 0. Replicas of a container can be created apart with different policies; what was written
into the losing one is queued as rows of the hidden account (sheet 03 §18.2, §18.3)

    account    .misplaced_objects
    container  the row's time rounded down to an hour:  1699999200
    row        <policy index>:/<account>/<container>/<object>
               hash = time of the misplaced row, content type application/x-put or x-delete

and moved, newest wins. Times of one move, all counted from the same base time, in this order:

    source written  <  source tombstone (+1)  <  row popped (+2)  <  copy in the destination (+3)

so that the source's tombstone does not queue the object again (its row is older than the pop) and
none of them hides what a client writes later, or was hidden by what the move found.

Safe at any crash: first the copy, then the tombstone, then the row; whoever finds the row again
finds the copy in the destination as new as the row, and goes on with the tombstone.
"""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from swift.core.names import quote, split_path
from swift.core.row_merge import ObjectRecord
from swift.core.timestamp import Timestamp, decode_timestamps

QUEUE_ACCOUNT = '.misplaced_objects'
QUEUE_POLICY = 0
DIVISOR_S = 3600
PUT, DELETE = 'PUT', 'DELETE'
CONTENT_TYPES = {PUT: 'application/x-put', DELETE: 'application/x-delete'}
SOURCE_TOMBSTONE, POP, COPY = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the queue. `time` is that of the misplaced row, `record` that of this row."""

    queue_container: str
    name: str
    policy_index: int
    account: str
    container: str
    obj: str
    op: str
    time: Timestamp
    record: Timestamp

    @property
    def names(self) -> tuple[str, str, str]:
        return self.account, self.container, self.obj

    @property
    def path(self) -> str:
        return '/' + '/'.join(self.names)


def queue_container(time: Timestamp) -> str:
    """Return the queue container for a row of that (metadata) time."""
    return str(int(time) // DIVISOR_S * DIVISOR_S)


def queue_name(policy_index: int, account: str, container: str, obj: str) -> str:
    """Return the name of the queue row of a misplaced object."""
    return f'{policy_index}:/{account}/{container}/{obj}'


def queue_record(target: tuple[int, str, str, str], created_at: str, op: str,
                 row_time: str) -> ObjectRecord:
    """Return the queue row about a row of (policy index, account, container, object).

    `created_at` is that row's time, `row_time` the queue row's: the same, unless a queue row that
    was popped is to be queued again.
    """
    return ObjectRecord(queue_name(*target), row_time, 0, CONTENT_TYPES[op], created_at, 0,
                        QUEUE_POLICY)


def misplaced_record(record: ObjectRecord, account: str, container: str
                     ) -> tuple[str, ObjectRecord]:
    """Return queue container and queue row of a row in the wrong policy. ValueError: no time."""
    _data, _ctype, changed = decode_timestamps(record.created_at)
    target = record.storage_policy_index, account, container, record.name
    return queue_container(changed), queue_record(
        target, record.created_at, DELETE if record.deleted else PUT, record.created_at)


def parse_entry(container: str, row: Mapping[str, str]) -> Entry:
    """Return the entry that a row of a listing stands for; ValueError for none."""
    try:
        name, kind = row['name'], row['content_type']
        time, _ctype, _meta = decode_timestamps(row['hash'])
        record = Timestamp.from_isoformat(row['last_modified'])
    except KeyError as missing:
        raise ValueError(f'no queue entry: {row!r}') from missing
    index, colon, path = name.partition(':')
    if not colon or not (index.isascii() and index.isdigit()):
        raise ValueError(f'no policy index in {quote(name)}')
    ops = [op for op, content_type in CONTENT_TYPES.items() if content_type == kind]
    if not ops:
        raise ValueError(f'no operation in content type {kind!r}')
    account, root, obj = split_path(path, 3, 3, True)
    return Entry(container, name, int(index), account, root, obj, ops[0], time, record)


def is_mine(path_hash: str, process: int, processes: int) -> bool:
    """Tell whether an object, by its salted hash, falls to one of several reconcilers."""
    return processes <= 0 or int(path_hash, 16) % processes == process


def visiting_order(names: Iterable[str], now: float) -> list[str]:
    """Return the queue containers to visit: the current hour, then the newest first.

    Names that are no times come last: their rows count like any others.
    """
    current = queue_container(Timestamp(now))
    rest = set(names) - {current}
    return [current, *sorted(rest, key=lambda name: (name.isdigit(), len(name), name),
                             reverse=True)]


def is_obsolete(container: str, now: float, reclaim_age_s: float) -> bool:
    """Tell whether an empty queue container may go: nothing of its hour can still arrive."""
    return container.isascii() and container.isdigit() and int(container) < now - reclaim_age_s


# -- one object ------------------------------------------------------------------------------------

class Step(Enum):
    """The next thing to do."""

    LOOK_AT_SOURCE = 'look at source'
    COPY = 'copy'                       # source to destination, then CLEAN_SOURCE
    DELETE_DESTINATION = 'delete'       # then CLEAN_SOURCE
    CLEAN_SOURCE = 'clean source'       # then the row is done
    DONE = 'done'
    GIVE_UP = 'give up'                 # done, but what was acknowledged is nowhere to be found
    RETRY = 'retry'


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, and the base time that the offsets are added to."""

    step: Step
    base: Timestamp

    @property
    def copy_time(self) -> Timestamp:
        return Timestamp(self.base, offset=COPY)

    @property
    def tombstone_time(self) -> Timestamp:
        return Timestamp(self.base, offset=SOURCE_TOMBSTONE)


def compare_policies(entry: Entry, container_policy: int | None,
                     are_rings_steady: bool) -> Step | None:
    """Return what the container's policy alone decides; None to look at the destination.

    `container_policy` None: a majority of the container's servers did not answer.
    """
    if container_policy is None:
        return Step.RETRY
    if container_policy == entry.policy_index:
        return Step.DONE
    return None if are_rings_steady else Step.RETRY


def after_destination(entry: Entry, destination: Timestamp) -> Plan:
    """Decide by the newest time known in the destination, tombstones included; 0 for none."""
    if destination >= entry.time:
        return Plan(Step.CLEAN_SOURCE, entry.time)
    return Plan(Step.LOOK_AT_SOURCE, entry.time)


def after_source(entry: Entry, status: int, source: Timestamp, now: float,
                 reclaim_age_s: float) -> Plan:
    """Decide by what the source answered; `source` is its newest time, 0 if it told none."""
    if 200 <= status < 300 and source >= entry.time:
        return Plan(Step.COPY, source)
    if status == 404 and entry.op == DELETE:
        step = Step.CLEAN_SOURCE if is_trace(entry) else Step.DELETE_DESTINATION
        return Plan(step, entry.time)
    if float(entry.time) < now - reclaim_age_s:
        return Plan(Step.GIVE_UP, entry.time)
    return Plan(Step.RETRY, entry.time)


def is_trace(entry: Entry) -> bool:
    """Tell whether a deletion is the tombstone that a move left in its source.

    Clients' deletions have no offset, those that a move copied have a multiple of 3. A trace says
    that the destination has the object; if it seems not to, because the nodes with the copy are
    away, it must not be deleted there.
    """
    return entry.op == DELETE and entry.time.offset % COPY == SOURCE_TOMBSTONE


def is_cleaned(status: int) -> bool:
    """Tell whether the answer to the source's DELETE ends the move.

    409 does not: there is something newer, whose own row will come, and this one waits for it.
    """
    return 200 <= status < 300 or status == 404


def pop_time(entry: Entry, base: Timestamp) -> Timestamp:
    """Return the time with which the queue row is removed."""
    return Timestamp(max(entry.record, entry.time, base), offset=POP)


# Of an answer to a GET: what describes that answer and not the object.
_NOT_OF_THE_OBJECT = frozenset((
    'accept-ranges', 'connection', 'date', 'last-modified', 'server', 'vary', 'x-timestamp',
    'x-trans-id', 'x-openstack-request-id', 'x-storage-policy', 'transfer-encoding',
    'keep-alive'))


def copied_headers(source: Mapping[str, str], plan: Plan, now: float) -> dict[str, str]:
    """Return the headers of the PUT that copies an object, system metadata included."""
    headers = {name: value for name, value in source.items()
               if name.lower() not in _NOT_OF_THE_OBJECT
               and not name.lower().startswith('x-backend-')}
    delete_at = next((value for name, value in headers.items()
                      if name.lower() == 'x-delete-at'), None)
    if delete_at is not None and int(delete_at) <= now:
        # Proxies refuse times in the past from everybody but replication. Its expirer row was
        # queued when the object was written, and depends on no policy.
        headers['X-Backend-Replication'] = 'true'
    headers['X-Timestamp'] = plan.copy_time.internal
    return headers
