"""Send one small request to several nodes at once and hear what they say.

Layer 3. The driver of swift.core.write_round and of whole-body PUTs (swift.core.put_round). One
slot for each header set; a slot takes the next node of the shared iterator until it is settled.

    all requests go out --> answers are taken in slot order --> done
                              | one is late, or a slot needs another node
                              +--> a green thread for that slot, and a queue

Requests fit into the socket buffers, so sending never waits; in the common case there is no green
thread and no queue, and the time is that of the slowest node all the same. As soon as a quorum
agrees the others get the post-quorum time. (sheet 04, section 10.6)
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swift.common import green
from swift.common.errors import TransportError
from swift.common.http.message import WholeHeaders
from swift.common.nodes import NodeIter
from swift.common.transport import target_of
from swift.core.put_round import PutRound, Step
from swift.core.quorum import MISSING_STATUS, Answer
from swift.core.write_round import WriteRound

_NEXT_NODE = (Step.ASK_NEXT, Step.COUNT_ERROR, Step.LIMIT_NODE)


@dataclass(slots=True)
class Write:
    """One request that goes to several nodes; `path` is quoted, without device and partition."""

    kind: str
    method: str
    part: int
    path: str
    nodes: NodeIter
    header_sets: Sequence[Mapping[str, str] | WholeHeaders]
    query: str = ''
    body: bytes = b''
    replication: bool = False


def send_to_all(app: Any, write: Write, quorum: int | None = None) -> list[Answer]:
    """Return one answer for each header set, missing ones as 503. Blocks up to the timeouts."""
    round_ = WriteRound(len(write.header_sets), quorum)
    answers = Fanout(app, write, round_).run()
    return [answers.get(slot) or Answer(MISSING_STATUS, 'Service Unavailable')
            for slot in range(round_.slot_count)]


class Fanout:
    """One write in progress."""

    __slots__ = ('_app', '_write', '_round', '_answers', '_events', '_tasks', '_deadline',
                 '_exchanges', '_needed')

    def __init__(self, app: Any, write: Write, round_: WriteRound | PutRound,
                 needed_connections: int = 0):
        self._app = app
        self._write = write
        self._round = round_
        self._answers: dict[int, Answer] = {}
        self._events: Any = None
        self._tasks: list[Any] = []
        self._exchanges: list[Any] = []
        self._deadline: float | None = None
        self._needed = needed_connections

    def run(self) -> dict[int, Answer]:
        """Return the final answers by slot, when the round is done."""
        try:
            started = self._start_all()
            for slot, attempt in enumerate(started):
                if attempt is None:
                    self._note(self._round.on_no_more_nodes(slot))
                else:
                    self._take_answer(slot, attempt)
            self._await_tasks()
        finally:
            for task in self._tasks:
                task.kill()
            # Those that are complete gave their connection back; the rest is broken off.
            for exchange in self._exchanges:
                exchange.close()
        return self._answers

    def _start_all(self) -> list[tuple[Any, Any] | None]:
        """Send the request for every slot, but nothing at all without the connections needed.

        A write that cannot succeed must not leave its trace on the few nodes that are there.
        """
        slots = range(self._round.slot_count)
        if not self._needed:
            return [self._start(slot) for slot in slots]
        connected = [self._connect() for _ in slots]
        if len(slots) - connected.count(None) < self._needed:
            return [None for _ in slots]
        return [attempt and self._start(slot, attempt) for slot, attempt in enumerate(connected)]

    def _connect(self) -> tuple[Any, Any] | None:
        """Return the next node that can be reached and an exchange with it, None when none is."""
        write, app = self._write, self._app
        while (node := write.nodes.take()) is not None:
            try:
                exchange = app.transport.open(node, app.options.node_timeout, write.replication)
            except TransportError as error:
                self._blame(node, error)
                continue
            self._exchanges.append(exchange)
            return node, exchange
        return None

    def _start(self, slot: int, attempt: tuple[Any, Any] | None = None) -> tuple[Any, Any] | None:
        """Send the request to the next node; return (node, exchange), None when none is left."""
        write = self._write
        while (attempt := attempt or self._connect()) is not None:
            node, exchange = attempt
            try:
                exchange.send_head(
                    write.method, target_of(node.device, write.part, write.path, write.query),
                    write.header_sets[slot], write.body)
                return attempt
            except TransportError as error:
                self._blame(node, error)
                attempt = None
        return None

    def _take_answer(self, slot: int, attempt: tuple[Any, Any]) -> None:
        """Take the answer if it comes soon and settles the slot; else leave it to a task."""
        patience_s = self._app.options.post_quorum_timeout
        if not attempt[1].answer_begins(patience_s):
            self._delegate(slot, attempt)
        elif (step := self._hear(slot, attempt)) in _NEXT_NODE:
            self._delegate(slot, None)
        else:
            self._note(step)

    def _hear(self, slot: int, attempt: tuple[Any, Any]) -> Step:
        """Read the answer of a node and return what it means for the slot."""
        node, exchange = attempt
        try:
            head, body = exchange.answer(self._app.options.node_timeout)
            answer = Answer(head.status, head.reason, head.header_map, body,
                            node.handoff_index is not None)
            if answer.status == 409 and exchange.repeated:
                answer = self._own_trace(slot, answer)
        except TransportError as error:
            self._blame(node, error)
            return Step.COUNT_ERROR if self._round.is_done else self._round.on_failure(slot)
        if self._round.is_done:
            return Step.FINISH
        if (answer.status == 404 and answer.is_handoff
                and not answer.headers.get('X-Backend-Timestamp')):
            # A handoff that never heard of the thing has no say.
            return Step.ASK_NEXT
        step = self._round.on_answer(slot, answer.status)
        if step is Step.LIMIT_NODE:
            self._app.nodes.limit(node, f'{self._write.kind} server: 507 Insufficient Storage')
        elif step is Step.COUNT_ERROR:
            self._blame(node, answer.status)
        elif step is not Step.ASK_NEXT:
            self._answers[slot] = answer
        return step

    def _own_trace(self, slot: int, answer: Answer) -> Answer:
        """Return the answer that a node lost if its conflict is with this very request.

        It carried out the request, then died or closed before it answered; the connection sent
        the request once more, and now the node holds something of the same time.
        """
        write = self._write
        time = write.header_sets[slot].get('X-Timestamp')
        if not time or answer.headers.get('X-Backend-Timestamp') != time:
            return answer
        if write.method == 'PUT':
            etag = hashlib.md5(write.body, usedforsecurity=False).hexdigest()
            return Answer(201, 'Created', {'Etag': etag}, b'', answer.is_handoff)
        return Answer(202, 'Accepted', {}, b'', answer.is_handoff)

    def _blame(self, node: Any, what: Any) -> None:
        write = self._write
        self._app.nodes.note_error(node, f'{write.kind} server: {what} while trying to '
                                         f'{write.method} {write.path}')

    def _note(self, step: Step) -> None:
        if step is Step.HURRY and self._deadline is None:
            self._deadline = (self._app.clock.monotonic()
                              + self._app.options.post_quorum_timeout)

    # -- the slow way ------------------------------------------------------------------------------

    def _delegate(self, slot: int, attempt: tuple[Any, Any] | None) -> None:
        if self._events is None:
            self._events = green.Queue()
        self._tasks.append(green.spawn(self._settle_slot, slot, attempt))

    def _settle_slot(self, slot: int, attempt: tuple[Any, Any] | None) -> None:
        """Ask node after node until the slot is settled; runs in a green thread."""
        while True:
            if attempt is None:
                attempt = self._start(slot)
            if attempt is None:
                if not self._round.is_done:
                    self._events.put(self._round.on_no_more_nodes(slot))
                return
            step = self._hear(slot, attempt)
            if self._round.is_done or step not in _NEXT_NODE:
                self._events.put(step)
                return
            attempt = None

    def _await_tasks(self) -> None:
        clock = self._app.clock
        while not self._round.is_done:
            assert self._events is not None, 'all slots settled, but the round goes on'
            timeout = (None if self._deadline is None
                       else max(0.0, self._deadline - clock.monotonic()))
            try:
                self._note(self._events.get(timeout=timeout))
            except green.QueueEmpty:
                self._round.on_out_of_time()
