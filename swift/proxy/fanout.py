"""Send one write to all replicas at once and find out what the cluster says to it.

Layer 3. Account and container PUT, POST, DELETE and object POST, DELETE. One green thread for each
header set; each takes the next node of the shared iterator until one answers with anything but a
server error. As soon as a quorum of answers is in one status class, the others get the
post-quorum time. (sheet 04, section 10.6)

    n header sets -> n answers (a missing one counts as 503) -> best answer
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swift.common import green
from swift.common.errors import TransportError
from swift.common.nodes import NodeIter
from swift.core.quorum import MISSING_STATUS, Answer, has_class_quorum, quorum_size


@dataclass(slots=True)
class Write:
    """One request that goes to several nodes; `path` is quoted, without device and partition."""

    kind: str
    method: str
    part: int
    path: str
    nodes: NodeIter
    header_sets: Sequence[Mapping[str, str]]
    query: str = ''
    body: bytes = b''
    replication: bool = False


def send_to_all(app: Any, write: Write, quorum: int | None = None) -> list[Answer]:
    """Return one answer for each header set, missing ones as 503. Blocks up to the timeouts."""
    count = len(write.header_sets)
    if quorum is None:
        quorum = quorum_size(count)
    answers: list[Answer] = []
    with green.Pile(count) as pile:
        for headers in write.header_sets:
            pile.spawn(_ask_until_answered, app, write, headers)
        timeout = None
        for _ in range(count):
            if timeout is None and has_class_quorum([a.status for a in answers], quorum):
                deadline = app.clock.monotonic() + app.options.post_quorum_timeout
                timeout = app.options.post_quorum_timeout
            elif timeout is not None:
                timeout = max(0.0, deadline - app.clock.monotonic())
            answer = pile.wait_first(timeout)
            if answer is not None:
                answers.append(answer)
            elif timeout is not None:
                break
    while len(answers) < count:
        answers.append(Answer(MISSING_STATUS, 'Service Unavailable'))
    return answers


def _ask_until_answered(app: Any, write: Write, headers: Mapping[str, str]) -> Answer | None:
    """Ask node after node until one answers with 2xx to 4xx; None when none is left."""
    picker = app.nodes
    while (node := write.nodes.take()) is not None:
        try:
            resp = app.transport.request(
                node, write.part, write.method, write.path, headers, body=write.body,
                query=write.query, timeout_s=app.options.node_timeout,
                replication=write.replication)
            try:
                body = resp.read()
            finally:
                resp.close()
        except TransportError as error:
            picker.note_error(node, f'{write.kind} server: {error} while trying to '
                                    f'{write.method} {write.path}')
            continue
        status = resp.status
        if status == 507:
            picker.limit(node, f'{write.kind} server: 507 Insufficient Storage')
        elif status >= 500:
            picker.note_error(node, f'{write.kind} server: {status} from {write.method} '
                                    f'{write.path}')
        else:
            is_handoff = node.handoff_index is not None
            if status == 404 and is_handoff and not resp.headers.get('X-Backend-Timestamp'):
                # A handoff that never heard of the thing has no say.
                continue
            return Answer(status, resp.reason, resp.headers, body, is_handoff)
    return None
