"""The proxy's writes and the clients that ask for them.

Rounds, quorums and who is told about rows are swift/core's (put_round, write_round, quorum); the
driver follows swift/proxy (fanout, obj_write, obj_change, obj_targets): a slot per replica, which
moves on to handoffs when its node fails.
"""
from collections.abc import Generator
from typing import Any

from swift.core.put_round import PutRound, Step
from swift.core.quorum import (
    DELETE_OVERRIDES,
    best_index,
    container_update_count,
    quorum_size,
    spread_updates,
)
from swift.core.timestamp import UNITS_PER_SECOND, Timestamp
from swift.core.write_round import WriteRound
from test.sim.ledger import Fate, Ledger, Write
from test.sim.network import Call
from test.sim.objects import Change, queue_container
from test.sim.scheduler import Mailbox, Scheduler
from test.sim.world import ACCOUNT, QUEUE_ACCOUNT, REPLICAS, Node, Owner, Path, path_of

Steps = Generator[Any, Any, Any]
POST_QUORUM_S = 0.5
CLEANING_REQUESTS = 2
_DEADLINE = object()


class Proxy(Owner):
    """A proxy server. No two proxies ever give two writes the same time."""

    def __init__(self, number: int, count: int, scheduler: Scheduler, skew_s: float):
        super().__init__('p%d' % number, scheduler, skew_s)
        self._number = number
        self._count = count
        self._last = 0

    def timestamp(self) -> Timestamp:
        raw = max(int(self.now() * UNITS_PER_SECOND), self._last + 1)
        self._last = raw + (self._number - raw) % self._count
        return Timestamp.from_raw(self._last)

    # -- rounds --------------------------------------------------------------------------------

    def run_round(self, round_: PutRound | WriteRound, nodes: list[Node],
                  op: str, arguments: list[tuple]) -> Steps:
        """Drive a round to its end; return its statuses by slot."""
        mailbox = Mailbox(self.scheduler)
        waiting_nodes = iter(nodes)
        answers: dict[int, int] = {}
        for slot in range(round_.slot_count):
            self._ask_next(mailbox, round_, waiting_nodes, slot, op, arguments)
        is_hurried = False
        while not round_.is_done:
            slot, answer = yield mailbox
            if slot is _DEADLINE:
                round_.on_out_of_time()
                continue
            if answer is None:
                step = round_.on_failure(slot)
            else:
                answers[slot] = answer[0]
                step = round_.on_answer(slot, answer[0])
            if step in (Step.ASK_NEXT, Step.COUNT_ERROR, Step.LIMIT_NODE):
                answers.pop(slot, None)
                self._ask_next(mailbox, round_, waiting_nodes, slot, op, arguments)
            elif step is Step.HURRY and not is_hurried:
                is_hurried = True
                mailbox.remind(_DEADLINE, POST_QUORUM_S)
        return [answers.get(slot, 503) for slot in range(round_.slot_count)]

    def _ask_next(self, mailbox: Mailbox, round_: Any, nodes: Any, slot: int, op: str,
                  arguments: list[tuple]) -> None:
        node = next(nodes, None)
        if node is None:
            round_.on_no_more_nodes(slot)
        else:
            mailbox.post(slot, Call(self, node, op, arguments[slot]))

    def _nodes(self, ring: str, part: int) -> list[Node]:
        rings = self.rings[ring]
        return rings.primaries(part) + rings.handoffs(part)

    # -- objects -------------------------------------------------------------------------------

    def object_write(self, write: Write) -> Steps:
        """Carry out a PUT, POST or DELETE of an object; return the client's status."""
        path = write.path
        container = path_of(path.account, path.container)
        if not (yield from self._container_exists(container)):
            return 404
        changes = self._changes(write, container)
        nodes = self._nodes('object', path.part)
        if write.method == 'PUT':
            round_ = PutRound(REPLICAS, quorum_size(REPLICAS), whole=True)
            yield from self.run_round(round_, nodes, 'put', changes)
            return round_.verdict.status
        statuses = yield from self.run_round(WriteRound(REPLICAS), nodes, write.method.lower(),
                                             changes)
        if write.method == 'DELETE':
            return _best(statuses, DELETE_OVERRIDES)
        status = _best(statuses)
        return 503 if status == 404 and 202 in statuses else status

    def _container_exists(self, container: Path) -> Steps:
        for node in self.rings['db'].primaries(container.part):
            answer = yield Call(self, node, 'container_head', (container,))
            if answer is not None and answer[0] != 507:
                return answer[0] == 204
        return False

    def _changes(self, write: Write, container: Path) -> list[tuple[Change]]:
        ring = self.rings['db']
        targets = _spread(ring.primaries(container.part))
        queue_targets: list[tuple[Node, ...]] = [()] * REPLICAS
        if write.delete_at:
            queue = path_of(QUEUE_ACCOUNT, queue_container(write.path, write.delete_at))
            queue_targets = _spread(ring.primaries(queue.part), from_end=True)
        return [(Change(write.path, write.time, write.headers, targets[slot],
                        queue_targets[slot], slot < CLEANING_REQUESTS),)
                for slot in range(REPLICAS)]

    def newest(self, path: Path) -> Steps:
        """HEAD with X-Newest of an object, expired or not: (status, time, X-Delete-At)."""
        answers = yield [Call(self, node, 'head_object', (path,))
                         for node in self._nodes('object', path.part)]
        found = [answer for answer in answers if answer is not None and answer[0] == 200]
        if found:
            return max(found, key=lambda answer: answer[1])
        return (503 if all(answer is None for answer in answers) else 404), None, None

    def expire(self, path: Path, time: Timestamp, if_delete_at: int) -> Steps:
        """DELETE of an expired object."""
        container = path_of(path.account, path.container)
        targets = _spread(self.rings['db'].primaries(container.part))
        changes = [(Change(path, time, {}, targets[slot], (), False, if_delete_at),)
                   for slot in range(REPLICAS)]
        statuses = yield from self.run_round(
            WriteRound(REPLICAS), self._nodes('object', path.part), 'delete', changes)
        return _best(statuses, DELETE_OVERRIDES)

    # -- containers ----------------------------------------------------------------------------

    def container_write(self, write: Write) -> Steps:
        """Carry out a PUT or DELETE of a container; return the client's status."""
        accounts = _spread(self.rings['db'].primaries(path_of(write.path.account).part))
        arguments = [(write.path, write.time, accounts[slot]) for slot in range(REPLICAS)]
        statuses = yield from self.run_round(
            WriteRound(REPLICAS), self._nodes('db', write.path.part),
            'container_' + write.method.lower(), arguments)
        return _best(statuses)


def _spread(nodes: list[Node], from_end: bool = False) -> list[tuple[Node, ...]]:
    """Return for each slot which nodes its request names for updates."""
    count = container_update_count(REPLICAS, len(nodes))
    return [tuple(nodes[replica] for replica in replicas)
            for replicas in spread_updates(count, REPLICAS, len(nodes), from_end)]


def _best(statuses: list[int], overrides: Any = None) -> int:
    index = best_index(statuses, quorum_size(len(statuses)), overrides)
    return 503 if index is None else statuses[index]


class Clients:
    """Makes up writes and keeps the ledger."""

    def __init__(self, scheduler: Scheduler, proxies: list[Proxy], names: dict[str, tuple],
                 expires: bool):
        self.ledger = Ledger()
        # Called with the path of each acknowledged write.
        self.on_promise: Any = None
        self._scheduler = scheduler
        self._rng = scheduler.rng
        self._proxies = proxies
        self._names = names
        self._expires = expires
        self._etag = 0

    def start_one(self) -> None:
        """Start a write at some proxy."""
        proxy = self._rng.choice(self._proxies)
        if not proxy.is_up:
            return
        container = self._rng.choice(sorted(self._names))
        kind = self._rng.random()
        if kind < 0.12:
            method = 'DELETE' if kind < 0.05 else 'PUT'
            self._start(proxy, Write(method, path_of(ACCOUNT, container), proxy.timestamp(), {}),
                        proxy.container_write)
            return
        path = path_of(ACCOUNT, container, self._rng.choice(self._names[container]))
        method = 'PUT' if kind < 0.55 else 'DELETE' if kind < 0.75 else 'POST'
        time = proxy.timestamp()
        self._start(proxy, Write(method, path, time, self._headers(method, time)),
                    proxy.object_write)

    def _headers(self, method: str, time: Timestamp) -> dict[str, str]:
        headers: dict[str, str] = {}
        self._etag += 1
        if method == 'PUT':
            headers = {'Content-Type': 't%d' % (self._etag % 3), 'ETag': 'e%d' % self._etag,
                       'Content-Length': str(self._rng.randrange(1, 100))}
        elif method == 'POST':
            headers = {'X-Object-Meta-V': str(self._etag)}
            if self._rng.random() < 0.5:
                headers['Content-Type'] = 't%d' % (self._etag % 3)
        if self._expires and method != 'DELETE' and self._rng.random() < 0.3:
            headers['X-Delete-At'] = str(int(time) + self._rng.randrange(1, 400))
        return headers

    def _start(self, proxy: Proxy, write: Write, carry_out: Any) -> None:
        self._scheduler.note('client: %s %s at %s via %s', write.method, write.path, write.time,
                             proxy)
        self.ledger.add(write)
        self._scheduler.spawn(proxy, carry_out(write), lambda status: self._end(write, status))

    def _end(self, write: Write, status: int) -> None:
        write.status = status
        if status // 100 == 2:
            is_overtaken = write.method == 'PUT' and write.path.obj and status == 202
            write.fate = Fate.OVERTAKEN if is_overtaken else Fate.DONE
            if self.on_promise:
                self.on_promise(write.path)
        self._scheduler.note('client: %s', write)
