"""Verdict of one small write to several nodes, slot by slot. Never talks to a node.

Pure (layer 0). For everything but object PUT: account and container PUT, POST, DELETE, object POST
and DELETE. A slot that hears a server error moves on to the next node; anything else settles it.

    OPEN --every slot settled--> DONE
      +--a quorum of one class--> HURRY: the rest gets the post-quorum time --> DONE

Same steps as swift.core.put_round, so that one driver serves both. Source: sheet 04 section 10.6.
"""

from collections.abc import Mapping

from swift.core.put_round import Step
from swift.core.quorum import MISSING_STATUS, best_index, has_class_quorum, quorum_size


class WriteRound:
    """State of one write over `slot_count` header sets."""

    __slots__ = ('slot_count', 'quorum', 'is_done', '_final', '_lost')

    def __init__(self, slot_count: int, quorum: int | None = None):
        self.slot_count = slot_count
        self.quorum = quorum_size(slot_count) if quorum is None else quorum
        self.is_done = False
        self._final: dict[int, int] = {}
        self._lost = 0

    def on_answer(self, slot: int, status: int) -> Step:
        if status == 507:
            return Step.LIMIT_NODE
        if status >= 500:
            return Step.COUNT_ERROR
        self._final[slot] = status
        return self._settle()

    def on_failure(self, slot: int) -> Step:
        return Step.COUNT_ERROR

    def on_no_more_nodes(self, slot: int) -> Step:
        self._lost += 1
        return self._settle()

    def on_out_of_time(self) -> Step:
        self.is_done = True
        return Step.FINISH

    def _settle(self) -> Step:
        if len(self._final) + self._lost == self.slot_count:
            self.is_done = True
            return Step.FINISH
        if has_class_quorum(list(self._final.values()), self.quorum):
            return Step.HURRY
        return Step.WAIT

    def statuses(self) -> list[int]:
        """Return the status of every slot; a missing answer counts as 503."""
        return [self._final.get(slot, MISSING_STATUS) for slot in range(self.slot_count)]

    def best(self, overrides: Mapping[int, int] | None = None) -> int | None:
        """Return the slot whose answer speaks for all, None when there is no quorum."""
        return best_index(self.statuses(), self.quorum, overrides)
