"""What to do with deferred container updates: which files, and what the answers mean.

Layer 0. A pending update is a file ``<hash>-<time>``. A container row is a state, not a change, so
of one hash the newest file says it all, with one exception: the time in the name of a POST's is
that of the POST, and it may rest on older data than a PUT or DELETE that arrived after it.
Sending an update to all replicas of its container ends in one Outcome (sheet 02 §20):

    all have it              DONE       remove the file
    some answered 301        REDIRECTED the object belongs to a shard: try that one, once at once
    otherwise                KEPT       remember who has it; the next sweep goes on from there
"""
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from swift.core.timestamp import Timestamp

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Files:
    """Verdict over the names below one prefix directory, newest first.

    What is outdated by name still has to be compared by `overtakes`.
    """
    current: tuple[str, ...]
    outdated: tuple[str, ...]
    strange: tuple[str, ...]


def sort_files(names: Iterable[str]) -> Files:
    """Say which files of one directory are to be sent and which were overtaken."""
    current, outdated, strange = [], [], []
    seen = set()
    for name in sorted(names, reverse=True):
        parts = name.split('-')
        if len(parts) != 2 or not all(parts):
            strange.append(name)
        elif parts[0] in seen:
            outdated.append(name)
        else:
            seen.add(parts[0])
            current.append(name)
    return Files(tuple(current), tuple(outdated), tuple(strange))


def overtakes(newer: Headers, op: str, older: Headers) -> bool:
    """Tell whether a row holds all that another has to say; `op` is the other's.

    Of a deletion only the time counts. KeyError or ValueError for rows without usable times.
    """
    new, old = _row_times(newer), _row_times(older)
    return new[0] >= old[0] and (op == 'DELETE' or (new[1] >= old[1] and new[2] >= old[2]))


def _row_times(headers: Headers) -> tuple[Timestamp, Timestamp, Timestamp]:
    """Return the times of data, content type and metadata."""
    data = headers['X-Timestamp']
    ctype = headers.get('X-Content-Type-Timestamp') or data
    return Timestamp(data), Timestamp(ctype), Timestamp(headers.get('X-Meta-Timestamp') or ctype)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one replica said. ``status`` 0: nothing; the redirect fields belong to a 301."""
    device_id: int
    status: int
    redirect: str | None = None
    redirect_time: Timestamp | None = None


class Fate(Enum):
    DONE = 'done'
    REDIRECTED = 'redirected'
    KEPT = 'kept'


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of an update, and its fields as they are to be stored."""
    fate: Fate
    container_path: str | None
    successes: tuple[int, ...]
    history: tuple[str, ...]
    changed: bool = False


def judge(container_path: str | None, successes: Sequence[int], history: Sequence[str],
          answers: Sequence[Answer]) -> Outcome:
    """Say what becomes of an update after every remaining replica was asked.

    A redirect to a place that was tried before means that replicas disagree about the shards; the
    update then starts again from the root.
    """
    redirects = [answer for answer in answers
                 if answer.status == 301 and answer.redirect and answer.redirect_time]
    if redirects:
        path = max(redirects, key=lambda answer: answer.redirect_time).redirect
        if path in history:
            return Outcome(Fate.REDIRECTED, None, (), (), True)
        return Outcome(Fate.REDIRECTED, path, (), (*history, path), True)
    new = [answer.device_id for answer in answers if answer.status // 100 == 2]
    kept = (*successes, *new)
    fate = Fate.DONE if len(new) == len(answers) else Fate.KEPT
    return Outcome(fate, container_path, kept, tuple(history), bool(new))


class Rate:
    """At most so many events a second, evenly spaced. A rate of zero or less is no limit."""

    __slots__ = ('_interval', '_next')

    def __init__(self, per_second: float):
        self._interval = 1 / per_second if per_second > 0 else 0.0
        self._next = 0.0

    def take(self, now: float) -> float:
        """Book the next event; return how many seconds to wait for it."""
        start = max(now, self._next)
        self._next = start + self._interval
        return start - now

    def is_free(self, now: float) -> bool:
        """True iff an event could happen right now."""
        return now >= self._next


class OldestFailures:
    """The containers with the oldest updates that failed, for reports. Bounded."""

    def __init__(self, limit: int):
        self._limit = limit
        self._oldest: dict[tuple[str, str], Timestamp] = {}

    def add(self, account: str, container: str, time: Timestamp) -> None:
        """Note a failure; of one container only the oldest is kept."""
        key = (account, container)
        known = self._oldest.get(key)
        if known is None or time < known:
            self._oldest[key] = time
        if len(self._oldest) > self._limit:
            newest = max(self._oldest, key=self._oldest.__getitem__)
            del self._oldest[newest]

    def __len__(self) -> int:
        return len(self._oldest)

    def oldest(self, count: int) -> list[tuple[Timestamp, str, str]]:
        """Return (time, account, container) of the oldest ``count``."""
        entries = sorted((time, *key) for key, time in self._oldest.items())
        return entries[:count]
