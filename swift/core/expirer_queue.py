"""The expirer's decisions: which rows of the queue are tasks, whose they are, what an answer means.

Layer 0. The queue is the hidden account of `core.expiring`: containers named after a time in
seconds, rows named `<time>-<account>/<container>/<object>` (sheet 02 §15.3, §21):

    container  row                           content type                what to do when due
    1699919962 1700000000-AUTH_test/c/o      text/plain;...              delete what expires then
    1699919962 1700000000.12345-AUTH_test/.. application/async-deleted   delete what is as old

Both levels are sorted by time, so that a reader may stop at the first that is not due. A row is
a request, not a fact: the object server compares the time in it with what the object says now
(X-If-Delete-At), therefore an old row never deletes an object whose time was changed.

Safe at any crash: the object goes first, its row last; whoever finds the row again finds the
object gone (404) or younger than the row (409).
"""
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from swift.core.hashing import md5
from swift.core.names import split_path, unquote
from swift.core.timestamp import Timestamp

ASYNC_DELETE_TYPE = 'application/async-deleted'
# How far below a multiple of the divisor the names of task containers lie: 0 to 99 seconds.
OFFSETS = 100
# What object servers answer when the object is younger than the DELETE, and when it does not
# expire at the time that the DELETE says.
CONFLICT, REPLACED = 409, 412
_NOT_THERE = (404, REPLACED)


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the queue: at `time`, delete `account/container/obj`."""

    queue_container: str
    name: str
    time: Timestamp
    account: str
    container: str
    obj: str
    is_async_delete: bool = False

    @property
    def path(self) -> str:
        return f'{self.account}/{self.container}/{self.obj}'


def container_time(name: str) -> int | None:
    """Return the time that a task container is named after; None for other names."""
    digits = name.removeprefix('-')
    return int(name) if digits.isascii() and digits.isdigit() else None


def is_expected_time(seconds: int, divisor: int) -> bool:
    """Tell whether object servers with this divisor name task containers so."""
    return -seconds % divisor < OFFSETS


def parse_task(queue_container: str, name: str, content_type: str | None) -> Task:
    """Return the task that a row of the queue stands for; ValueError for none."""
    time, dash, target = name.partition('-')
    if not dash:
        raise ValueError(f'no task: {name!r}')
    account, container, obj = split_path('/' + target, 3, 3, True)
    return Task(queue_container, name, Timestamp(time), account, container, obj,
                content_type == ASYNC_DELETE_TYPE)


def is_mine(queue_container: str, name: str, process: int, processes: int) -> bool:
    """Tell whether a row falls to one of several expirers. Each row falls to exactly one."""
    if processes <= 0:
        return True
    digest = md5(f'{queue_container}/{name}'.encode('utf-8', 'surrogateescape')).hexdigest()
    return int(digest, 16) % processes == process


# -- grace: objects that operators want to keep for a while after their time ----------------------

class Delays:
    """How many seconds tasks of an account or a container are put off."""

    __slots__ = ('_delays',)

    def __init__(self, texts: Mapping[str, str]):
        """`texts` maps quoted `<account>` or `<account>/<container>` to seconds; ValueError."""
        self._delays = {_delay_target(path): _seconds(path, text)
                        for path, text in texts.items()}

    def of(self, account: str, container: str) -> float:
        """Return the delay of a container; its own one beats that of the account."""
        own = self._delays.get((account, container))
        return self._delays.get((account, None), 0.0) if own is None else own

    def is_delayed(self, task: Task, now: float) -> bool:
        """Tell whether a due task has to wait. Deletions that somebody asked for never do."""
        return (not task.is_async_delete
                and float(task.time) > now - self.of(task.account, task.container))


def _delay_target(path: str) -> tuple[str, str | None]:
    account, slash, container = path.partition('/')
    if not account or '/' in container or (slash and not container):
        raise ValueError(f'delay_reaping_{path} should be in the form delay_reaping_<account> or '
                         'delay_reaping_<account>/<container> (at most one "/" is allowed)')
    return unquote(account), unquote(container) if container else None


def _seconds(path: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float('inf'):
        raise ValueError(f'delay_reaping_{path} must be a number of seconds >= 0, not {text!r}')
    return seconds


# -- carrying out ----------------------------------------------------------------------------------

class Fate(Enum):
    """What becomes of a task after an answer."""

    DONE = 'done'          # the object is gone: remove the row
    DROPPED = 'dropped'    # there was never anything to do: remove the row
    WAITING = 'waiting'    # not there (yet): look again in a later pass
    FAILED = 'failed'      # an error: try again for ever


def delete_headers(task: Task) -> dict[str, str]:
    """Return the headers of the DELETE that carries out a task."""
    if task.is_async_delete:
        return {'X-Timestamp': task.time.internal}
    # The row of this task is removed by who carries it out, not through the object server.
    return {'X-Timestamp': task.time.normal, 'X-If-Delete-At': task.time.normal,
            'X-Backend-Clean-Expiring-Object-Queue': 'no'}


def newest_headers() -> dict[str, str]:
    """Return the headers of the HEAD that asks all servers for the newest version, expired or not.

    It goes before each DELETE of an expired object. The tombstone will have the time of the task,
    so a server that missed a younger version must not get the DELETE: it would accept it, for
    what it has did expire, and its tombstone would beat the younger version everywhere.
    """
    return {'X-Newest': 'true', 'X-Backend-Open-Expired': 'true'}


def foresee(task: Task, time: Timestamp, delete_at: int | None) -> int | None:
    """Return the status with which servers refuse to delete the newest version; None: they do not.

    `time` is when that version was last changed, `delete_at` when it expires.
    """
    if time >= task.time:
        return CONFLICT
    return None if delete_at == int(task.time) else REPLACED


def judge(task: Task, status: int, now: float, reclaim_age_s: float) -> Fate:
    """Return what the answer to the DELETE means for the task.

    404 and 412 may change: the object, or its new time, may not have reached these servers yet.
    After `reclaim_age_s` nothing arrives any more.
    """
    if 200 <= status < 300 or status == CONFLICT or (task.is_async_delete and status == 404):
        return Fate.DONE
    if status in _NOT_THERE:
        return Fate.DROPPED if float(task.time) < now - reclaim_age_s else Fate.WAITING
    return Fate.FAILED


def round_robin(tasks: Iterable[Task], cache_size: int) -> Iterator[Task]:
    """Yield all tasks, those of different target containers in turn.

    Rows of one container stand together in the queue; deleting them one after another would load
    a few container servers while the others idle. Holds at most `cache_size` tasks.
    """
    source = iter(tasks)
    while True:
        waiting: dict[tuple[str, str], deque[Task]] = {}
        count = 0
        while count < cache_size and (task := next(source, None)) is not None:
            waiting.setdefault((task.account, task.container), deque()).append(task)
            count += 1
        if not count:
            return
        while waiting:
            for key in list(waiting):
                queue = waiting[key]
                yield queue.popleft()
                if not queue:
                    del waiting[key]
