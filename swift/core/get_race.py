"""Which of several replicas' answers to a GET or HEAD is used, and when to ask another one.

Pure (layer 0). The driver asks nodes, tells the race what it heard, and does what the step says.

    ASKING --good answer (any but newest)--> DONE(use it)
      |  ^
      |  +--- unusable answer, failure, silence: ask the next node
      +------ no node left and nothing outstanding --> DONE(newest source, or best refusal, or 503)

An answer is *good* with 2xx, 3xx, and for objects 416; a good one from a database that was never
put (`X-PUT-Timestamp: 0`) counts as 404. A source older than the newest tombstone seen is no
source. Refusals are *collected* for the final verdict, except those that say nothing: 404 and 5xx
of a handoff that has no timestamp to show, and the first few such 404s of primaries (a rebalance
may have moved the partition there a moment ago). Failed connections are never collected.

Law: with `newest`, the result does not depend on the order of the answers.
Source: sheet 04, section 11.1.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from swift.core.quorum import MISSING_STATUS, best_index, quorum_size


class Step(enum.Enum):
    """What the driver has to do next."""

    ASK_NEXT = 'ask one more node'
    WAIT = 'wait for the answers that are outstanding'
    FINISH = 'the outcome is ready'


@dataclass(slots=True)
class ReadRule:
    """How a read judges its answers. Never changed; frozen ones are slower to make."""

    is_object: bool
    newest: bool = False
    primary_count: int = 3
    suppressed_404_count: int = 1
    """How many silent 404s of primaries are ignored (never all of the primaries')."""
    concurrency: int = 1
    """How many nodes may be asked at the same time."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One backend answer, reduced to what the race looks at.

    `timestamp` orders sources; `backend_timestamp` is the proof a refusal carries (zero: none).
    Both are comparable values of one kind (Timestamp, or float in tests).
    """

    status: int
    timestamp: Any = 0
    backend_timestamp: Any = 0
    never_put: bool = False
    is_handoff: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """`source`: use this answer's head and body. Otherwise `status`, shown by answer `shown`."""

    status: int
    source: Any = None
    shown: Any = None


class GetRace:
    """State of one read. Answers are handed in with an opaque `ticket` that comes back out."""

    __slots__ = ('rule', 'outcome', 'superseded', '_asked', '_outstanding', '_nodes_left',
                 '_suppress', '_tombstone', '_best', '_collected')

    def __init__(self, rule: ReadRule):
        self.rule = rule
        self.outcome: Outcome | None = None
        self.superseded: list[Any] = []
        """Tickets whose answers lost: the driver closes them (and empties the list)."""
        self._asked = 0
        self._outstanding = 0
        self._nodes_left = True
        self._suppress = max(0, min(rule.suppressed_404_count, rule.primary_count - 1))
        self._tombstone: Any = None
        self._best: tuple[Any, Any, int] | None = None
        self._collected: list[tuple[int, Any]] = []

    def on_asked(self) -> Step:
        """One more node is being asked. ASK_NEXT: several may be asked at once."""
        self._outstanding += 1
        self._asked += 1
        if self.rule.newest and self._outstanding < self.rule.concurrency:
            return Step.ASK_NEXT
        return Step.WAIT

    def on_answer(self, ticket: Any, heard: Heard) -> Step:
        self._outstanding -= 1
        status = 404 if heard.never_put and self._is_good(heard.status) else heard.status
        if self._is_good(status):
            if self._tombstone is not None and heard.timestamp < self._tombstone:
                self.superseded.append(ticket)
            else:
                self._keep(ticket, heard, status)
                if not self.rule.newest:
                    return self._finish()
        else:
            self._collect(ticket, heard, status)
        return self._advance()

    def on_failure(self) -> Step:
        """The node that was asked could not be reached, broke off or stayed silent."""
        self._outstanding -= 1
        return self._advance()

    def on_silence(self) -> Step:
        """Nothing usable for a while: may one more node be asked meanwhile?"""
        if self._nodes_left and self._outstanding < self.rule.concurrency:
            return Step.ASK_NEXT
        return Step.WAIT

    def on_no_more_nodes(self) -> Step:
        self._nodes_left = False
        return self._advance()

    def _is_good(self, status: int) -> bool:
        return 200 <= status < 400 or (status == 416 and self.rule.is_object)

    def _keep(self, ticket: Any, heard: Heard, status: int) -> None:
        if self._best is not None:
            if heard.timestamp <= self._best[0]:
                self.superseded.append(ticket)
                return
            self.superseded.append(self._best[1])
        self._best = (heard.timestamp, ticket, status)

    def _collect(self, ticket: Any, heard: Heard, status: int) -> None:
        if status == 404 and heard.backend_timestamp and self.rule.is_object:
            self._bury(heard.backend_timestamp)
        if (status == 404 or status >= 500) and not heard.backend_timestamp:
            if heard.is_handoff:
                self.superseded.append(ticket)
                return
            if status == 404 and self._suppress:
                self._suppress -= 1
                self.superseded.append(ticket)
                return
        self._collected.append((status, ticket))

    def _bury(self, timestamp: Any) -> None:
        if self._tombstone is None or timestamp > self._tombstone:
            self._tombstone = timestamp
        if self._best is not None and self._best[0] < self._tombstone:
            self.superseded.append(self._best[1])
            self._best = None

    def _advance(self) -> Step:
        if self._nodes_left:
            return Step.ASK_NEXT
        if self._outstanding:
            return Step.WAIT
        return self._finish()

    def _finish(self) -> Step:
        if self._best is not None:
            self.outcome = Outcome(self._best[2], source=self._best[1])
            self.superseded.extend(ticket for _, ticket in self._collected)
            return Step.FINISH
        statuses = [status for status, _ in self._collected]
        index = best_index(statuses, quorum_size(len(statuses))) if statuses else None
        if index is None:
            self.outcome = Outcome(MISSING_STATUS)
            self.superseded.extend(ticket for _, ticket in self._collected)
            return Step.FINISH
        shown = self._collected[index][1]
        self.outcome = Outcome(statuses[index], shown=shown)
        self.superseded.extend(t for _, t in self._collected if t is not shown)
        return Step.FINISH


def source_timestamp(header: Callable[[str], str | None]) -> str:
    """Return the timestamp text that orders a source, '0' when the answer shows none."""
    for name in ('X-Backend-Data-Timestamp', 'X-Backend-Timestamp', 'X-Put-Timestamp',
                 'X-Timestamp'):
        value = header(name)
        if value:
            return value
    return '0'
