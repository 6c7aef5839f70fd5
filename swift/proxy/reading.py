"""Ask replicas for one thing until one gives a usable answer.

Layer 3. The driver of swift.core.get_race: it takes nodes from the iterator, sends requests, and
does what the race says. Nodes are asked one after the other in the caller's green thread; only
`concurrent_gets` pays for more green threads. (sheet 04, section 11.1)

Cost of the common case (first node answers): one pooled request, no green thread, no queue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swift.common import green
from swift.common.errors import TransportError
from swift.common.nodes import NodeIter
from swift.common.transport import target_of
from swift.core.get_race import GetRace, Heard, ReadRule, Step, source_timestamp
from swift.core.timestamp import ZERO, Timestamp


@dataclass(slots=True)
class Read:
    """One thing to read; `path` is quoted, without device and partition."""

    kind: str
    method: str
    part: int
    path: str
    nodes: NodeIter
    headers: Mapping[str, str]
    timeout_s: float
    query: str = ''
    replication: bool = False


class Source:
    """A backend's answer with an open body, and the node it came from. The owner closes it."""

    __slots__ = ('node', 'resp', 'status')

    def __init__(self, node: Any, resp: Any):
        self.node = node
        self.resp = resp
        self.status = resp.status

    def close(self) -> None:
        self.resp.close()


def read_from_nodes(app: Any, read: Read, rule: ReadRule,
                    silence_s: float | None = None) -> tuple[int, Source | None, bool]:
    """Return (status, source, usable): a usable source is open, another one is the best refusal.

    Without any answer the status is 503 and the source None. `silence_s` with rule.concurrency
    above one: ask one more node after that long without a usable answer.
    """
    if rule.concurrency > 1 and silence_s is not None:
        race = GetRace(rule)
        outcome = _race(app, read, race, silence_s)
    else:
        node = read.nodes.take()
        source = ask(app, read, node) if node is not None else None
        if source is not None and _is_good_at_once(source, rule):
            return source.status, source, True
        race = GetRace(rule)
        outcome = _one_by_one(app, read, race, node, source)
    for loser in race.superseded:
        loser.close()
    if outcome.source is not None:
        return outcome.status, outcome.source, True
    return outcome.status, outcome.shown, False


def _is_good_at_once(source: Source, rule: ReadRule) -> bool:
    """Return whether the race would end with this first answer: the short cut for most reads."""
    if rule.newest or not 200 <= source.status < 400:
        return False
    return rule.is_object or not _is_never_put(source)


def _is_never_put(source: Source) -> bool:
    """Return heard_from(source).never_put, without looking at the rest of the answer."""
    for name, value in source.resp.head.headers:
        if len(name) == 15 and name.lower() == 'x-put-timestamp':
            return not _timestamp(value)
    return False


def _one_by_one(app: Any, read: Read, race: GetRace, node: Any, source: Source | None) -> Any:
    """Run the race, of which the first node was asked already."""
    while node is not None:
        race.on_asked()
        step = race.on_failure() if source is None else race.on_answer(source, heard_from(source))
        if race.superseded:
            _close_all(race.superseded)
        if step is Step.FINISH:
            return race.outcome
        node = read.nodes.take()
        if node is not None:
            source = ask(app, read, node)
    race.on_no_more_nodes()
    assert race.outcome is not None
    return race.outcome


def _close_all(sources: list[Source]) -> None:
    for source in sources:
        source.close()
    sources.clear()


def ask(app: Any, read: Read, node: Any) -> Source | None:
    """Ask one node; None when it cannot be reached. Counts errors; the caller owns the source."""
    picker = app.nodes
    started = picker.clock.monotonic() if app.measures_nodes else 0.0
    try:
        resp = app.transport.request(
            node, read.method, target_of(node.device, read.part, read.path, read.query),
            read.headers, timeout_s=read.timeout_s, replication=read.replication)
    except TransportError as error:
        picker.note_error(node, f'{read.kind} server: {error} while trying to '
                                f'{read.method} {read.path}')
        return None
    if app.measures_nodes:
        now = picker.clock.monotonic()
        picker.speeds.note(node.ip, now - started, now)
    status = resp.status
    if status >= 500:
        if status == 507:
            picker.limit(node, f'{read.kind} server: 507 Insufficient Storage')
        else:
            picker.note_error(node, f'{read.kind} server: {status} from {read.method} '
                                    f'{read.path}')
    return Source(node, resp)


def _timestamp(text: str | None) -> Timestamp:
    try:
        return Timestamp(text) if text else ZERO
    except ValueError:
        return ZERO


def heard_from(source: Source) -> Heard:
    """Reduce an answer to what the race looks at."""
    get = source.resp.headers.get
    put_timestamp = get('X-Put-Timestamp')
    return Heard(
        source.status, _timestamp(source_timestamp(get)), _timestamp(get('X-Backend-Timestamp')),
        put_timestamp is not None and not _timestamp(put_timestamp),
        source.node.handoff_index is not None)


def _race(app: Any, read: Read, race: GetRace, silence_s: float) -> Any:
    """Ask several nodes at a time; one more whenever nothing usable came for `silence_s`."""
    answers = green.Queue()
    tasks = []

    def start() -> bool:
        node = read.nodes.take()
        if node is None:
            race.on_no_more_nodes()
            return False
        race.on_asked()
        tasks.append(green.spawn(_ask_into, app, read, node, answers))
        return True

    start()
    while race.outcome is None:
        try:
            source = answers.get(timeout=silence_s)
        except green.QueueEmpty:
            if race.on_silence() is Step.ASK_NEXT:
                start()
            continue
        step = race.on_failure() if source is None else race.on_answer(source, heard_from(source))
        if step is Step.ASK_NEXT:
            start()
    for task in tasks:
        task.kill()
    while not answers.empty():
        late = answers.get()
        if late is not None:
            race.superseded.append(late)
    return race.outcome


def _ask_into(app: Any, read: Read, node: Any, answers: Any) -> None:
    answers.put(ask(app, read, node))
