"""Verdict of one replicated write, slot by slot. Never talks to a node.

Pure (layer 0). The driver owns one slot for each replica, tells the round what each of them
heard, and does what the returned step says.

    OPEN ---every slot settled, enough of them---> SENDING ---body sent---> CLOSING ---> DONE
      |                                               |                        |
      +-- 412, 409, too few --------------------------+-- too few left --------+--> DONE

OPEN     headers are out; a slot that hears a refusal worth nothing (5xx, other 4xx, a dead
         connection) moves on to the next node, others settle: 100 (wants the body) or a final
         answer. All slots are awaited, because one 412 or 409 decides for all of them.
SENDING  body chunks go to the slots that said 100; a slot may be lost.
CLOSING  final answers; a quorum of one class starts the short wait for the rest.

A body that travelled with its headers (`whole=True`) has no SENDING phase: the first answer of a
slot is final, and the round goes to the short wait as soon as a class has a quorum.

Source: sheet 04, sections 8.1 (rows 14 to 22) and 11.2.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from swift.core.quorum import MISSING_STATUS, best_index, has_class_quorum, quorum_size


class Step(enum.Enum):
    """What the driver has to do after an event."""

    WAIT = 'wait for more answers'
    ASK_NEXT = 'offer this slot the next node; the node is not to blame'
    COUNT_ERROR = 'count an error against the node, offer this slot the next one'
    LIMIT_NODE = 'stop using the node, offer this slot the next one'
    SEND = 'send the body to the slots that wait for it'
    HURRY = 'a quorum agrees: wait for the rest for the post-quorum time only'
    FINISH = 'the verdict is ready'


class State(enum.Enum):
    OPEN = 'open'
    SENDING = 'sending'
    CLOSING = 'closing'
    DONE = 'done'


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a round: a status, and the slot whose answer is shown (None: a bare status)."""

    status: int
    slot: int | None = None


class PutRound:
    """State of one PUT over `slot_count` replicas."""

    __slots__ = ('slot_count', 'quorum', 'state', 'verdict', '_only_if_absent', '_whole',
                 '_waiting', '_final', '_lost')

    def __init__(self, slot_count: int, quorum: int | None = None, *,
                 only_if_absent: bool = False, whole: bool = False):
        self.slot_count = slot_count
        self.quorum = quorum_size(slot_count) if quorum is None else quorum
        self.state = State.OPEN
        self.verdict: Verdict | None = None
        self._only_if_absent = only_if_absent
        self._whole = whole
        self._waiting: set[int] = set()
        self._final: dict[int, int] = {}
        self._lost: set[int] = set()

    @property
    def is_done(self) -> bool:
        return self.verdict is not None

    @property
    def live_slots(self) -> frozenset[int]:
        """Slots that want the body (SENDING) or still owe their answer (CLOSING)."""
        return frozenset(self._waiting)

    @property
    def final_statuses(self) -> Mapping[int, int]:
        return self._final

    def on_answer(self, slot: int, status: int) -> Step:
        """A node answered for `slot`: 100, or its final status."""
        assert self.state in (State.OPEN, State.CLOSING), self.state
        if self.state is State.CLOSING:
            return self._on_closing_answer(slot, status)
        assert slot not in self._final and slot not in self._waiting, slot
        if status == 100:
            self._waiting.add(slot)
            return self._settle_open()
        if status == 507:
            return Step.LIMIT_NODE
        if status >= 500:
            return Step.COUNT_ERROR
        if not self._is_final_when_open(status):
            return Step.ASK_NEXT
        self._final[slot] = status
        return self._settle_open()

    def on_failure(self, slot: int) -> Step:
        """The connection of `slot` failed or stayed silent: refused, broken, timed out."""
        if self.state is State.OPEN:
            return Step.COUNT_ERROR
        self._waiting.discard(slot)
        if slot not in self._final:
            self._lost.add(slot)
        if self.state is State.SENDING:
            if len(self._waiting) + len(self._final) < self.quorum:
                return self._finish(Verdict(MISSING_STATUS))
            return Step.WAIT
        return self._settle_closing()

    def on_no_more_nodes(self, slot: int) -> Step:
        """There is no node left to try for `slot`."""
        assert self.state is State.OPEN, self.state
        self._lost.add(slot)
        return self._settle_open()

    def on_body_sent(self) -> Step:
        """The whole body is on its way to every live slot."""
        assert self.state is State.SENDING, self.state
        self.state = State.CLOSING
        return self._settle_closing()

    def on_out_of_time(self) -> Step:
        """The time for the answers that are still missing is over."""
        if self.state is State.DONE:
            return Step.FINISH
        return self._finish_with_best()

    def _is_final_when_open(self, status: int) -> bool:
        if self._whole:
            # The node had the whole request: its refusal is about the request, and the next
            # node would give the same one.
            return True
        return (200 <= status < 300 or status in (409, 422)
                or (status == 412 and self._only_if_absent))

    def _settle_open(self) -> Step:
        settled = len(self._waiting) + len(self._final) + len(self._lost)
        if settled < self.slot_count:
            if self._whole and has_class_quorum(list(self._final.values()), self.quorum):
                return Step.HURRY
            return Step.WAIT
        statuses = self._final.values()
        if self._only_if_absent and 412 in statuses:
            return self._finish(Verdict(412))
        if 409 in statuses:
            return self._finish(Verdict(202))
        if len(self._waiting) + len(self._final) < self.quorum:
            return self._finish(Verdict(MISSING_STATUS))
        if not self._waiting:
            return self._finish_with_best()
        self.state = State.SENDING
        return Step.SEND

    def _on_closing_answer(self, slot: int, status: int) -> Step:
        self._waiting.discard(slot)
        self._final[slot] = status
        return self._settle_closing()

    def _settle_closing(self) -> Step:
        if not self._waiting:
            return self._finish_with_best()
        if has_class_quorum(list(self._final.values()), self.quorum):
            return Step.HURRY
        return Step.WAIT

    def _finish_with_best(self) -> Step:
        statuses = [self._final.get(slot, MISSING_STATUS) for slot in range(self.slot_count)]
        if self._whole:
            if self._only_if_absent and 412 in statuses:
                return self._finish(Verdict(412))
            if 409 in statuses:
                return self._finish(Verdict(202))
        slot = best_index(statuses, self.quorum)
        if slot is None:
            return self._finish(Verdict(MISSING_STATUS))
        return self._finish(Verdict(statuses[slot], slot))

    def _finish(self, verdict: Verdict) -> Step:
        assert self.verdict is None, self.verdict
        self.verdict = verdict
        self.state = State.DONE
        return Step.FINISH
