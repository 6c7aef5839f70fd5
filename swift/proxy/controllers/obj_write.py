"""PUT of replicated objects: the body to all replicas, an answer from a quorum of them.

Layer 3. The driver of swift.core.put_round (sheet 04, sections 8.1 and 11.2), in two ways:

  whole     a body of known length up to SMALL_BODY_BYTES is read first and goes out with the
            headers in one write to each replica, no Expect; a failing node is replaced by the next.
  streamed  headers with Expect: 100-continue to all; when enough replicas want the body, client
            chunks go to each through a bounded queue; then the final answers.

If-None-Match always takes the dialogue: one replica's 412 must keep the others from writing.
Filters that add metadata computed from the body (swift.callback.update_footers) take it too, with
the body in a MIME document (sheet 02, section 10).

Whatever goes wrong before the verdict closes the connections to the replicas: an object server
that did not get the whole body stores nothing.
"""

import secrets
from typing import Any

from swift.common import green
from swift.common.errors import ClientDisconnect, ClientReadTimeout, TransportError
from swift.common.swob import HeaderKeyDict, Response
from swift.core.mime import body_head, footer_part
from swift.core.put_round import PutRound, Step
from swift.core.quorum import Answer
from swift.core.timestamp import Timestamp
from swift.proxy.backend_headers import request_headers
from swift.proxy.controllers.base import (
    answer_reply,
    quoted_path,
    status_reply,
    uses_replication_network,
)
from swift.proxy.controllers.obj_targets import object_header_sets, whole_header_sets
from swift.proxy.fanout import Fanout, Write
from swift.proxy.replica import Replica

SMALL_BODY_BYTES = 65536
_FOOTERS = 'swift.callback.update_footers'


def put_object(controller: Any, req: Any) -> Response:
    """Store the request's body; everything about the request itself was checked before."""
    return ObjectPut(controller, req).run()


class ObjectPut:
    """One PUT in progress."""

    def __init__(self, controller: Any, req: Any):
        self.app = controller.app
        self.req = req
        self.env = req.environ
        self.controller = controller
        self.path = quoted_path(controller.account, controller.container, controller.obj)
        self.replication = uses_replication_network(self.env)
        self.only_if_absent = 'HTTP_IF_NONE_MATCH' in self.env
        self.footers = self.env.get(_FOOTERS)
        self.length = self._known_length()
        self.ring = self.app.cluster.object_ring(controller.policy.index)
        self.part = self.ring.get_part(controller.account, controller.container, controller.obj)
        self.nodes = self.app.nodes.for_writing(self.ring, self.part, controller.order, 'object')
        self.header_sets: list[dict[str, str]] = []      # of a streamed PUT
        self.answers: dict[int, Answer] = {}

    def _known_length(self) -> int | None:
        text = self.env.get('CONTENT_LENGTH')
        if 'HTTP_TRANSFER_ENCODING' in self.env or not text:
            return None
        return int(text)

    def _headers(self) -> dict[str, str]:
        headers = request_headers(self.env, self.app.agent(self.req))
        etag = headers.get('Etag')
        if etag is not None and (not etag or self.footers):
            # An empty tag is no tag; with footers the tag of what is stored comes in them.
            del headers['Etag']
        return headers

    def run(self) -> Response:
        """Return the response for the client. Blocks until the verdict."""
        try:
            if self.only_if_absent or self.footers:
                return self._streamed(b'')
            if self.length is not None and self.length <= SMALL_BODY_BYTES:
                return self._whole(self._read(self.length))
            if self.length is None:
                start = self._read(SMALL_BODY_BYTES)
                if len(start) < SMALL_BODY_BYTES:
                    return self._whole(start)
                return self._streamed(start)
            return self._streamed(b'')
        except ClientReadTimeout:
            self.app.logger.warning('ERROR Client read timeout (%ss)',
                                    self.app.options.client_timeout)
            self.app.metrics.increment('object.client_timeouts')
            return status_reply(self.req, 408)
        except ClientDisconnect:
            self.app.logger.warning('Client disconnected without sending last chunk')
            self.app.metrics.increment('object.client_disconnects')
            return status_reply(self.req, 499)

    def _read(self, size: int) -> bytes:
        """Return `size` bytes of the body; fewer at its end, which may be a disconnect."""
        # Filters put inputs of their own in place, whose reads may be short before the end.
        read = self.env['wsgi.input'].read
        data = read(size) if size else b''
        if 0 < len(data) < size:
            parts, left = [data], size - len(data)
            while left and (data := read(left)):
                parts.append(data)
                left -= len(data)
            data = b''.join(parts)
        if self.length is not None and len(data) < size:
            raise ClientDisconnect('body shorter than its Content-Length')
        return data

    # -- small bodies ------------------------------------------------------------------------------

    def _whole(self, body: bytes) -> Response:
        """Send headers and body in one write to each replica."""
        limit = self.app.cluster.constraints.max_file_size
        if len(body) > limit:
            return status_reply(self.req, 413)
        count = self.nodes.primary_count
        round_ = PutRound(count, self.controller.policy.quorum(count), whole=True)
        headers = self._headers()
        headers.pop('Transfer-Encoding', None)
        headers['Content-Length'] = str(len(body))
        sets = whole_header_sets(self.controller, self.env, self.ring, headers, count)
        write = Write('Object', 'PUT', self.part, self.path, self.nodes, sets,
                      self.env.get('QUERY_STRING', ''), body, self.replication)
        self.answers = Fanout(self.app, write, round_, round_.quorum).run()
        return self._reply(round_)

    # -- large bodies ------------------------------------------------------------------------------

    def _streamed(self, start: bytes) -> Response:
        """Ask replicas whether they want the body, then stream it."""
        count = self.nodes.primary_count
        self.header_sets = object_header_sets(self.controller, self.env, self.ring,
                                              self._headers(), count)
        round_ = PutRound(count, self.controller.policy.quorum(count),
                          only_if_absent=self.only_if_absent)
        boundary = self._prepare_framing()
        replicas: dict[int, Replica] = {}
        try:
            self._connect_all(round_, replicas)
            if round_.verdict is None:
                refused = self._send_body(round_, replicas, boundary, start)
                if refused is not None:
                    return refused
            if round_.verdict is None:
                self._collect_answers(round_, replicas)
        finally:
            for replica in replicas.values():
                replica.close()
        return self._reply(round_)

    def _prepare_framing(self) -> str | None:
        """Complete the header sets for the dialogue; return the MIME boundary if one is needed."""
        boundary = secrets.token_hex(32) if self.footers else None
        for headers in self.header_sets:
            headers['Expect'] = '100-continue'
            if boundary is not None:
                headers['X-Backend-Obj-Metadata-Footer'] = 'yes'
                headers['X-Backend-Obj-Multipart-Mime-Boundary'] = boundary
                if self.length is not None:
                    headers['X-Backend-Obj-Content-Length'] = str(self.length)
            if boundary is not None or not self.length:
                headers['Transfer-Encoding'] = 'chunked'
            else:
                headers['Content-Length'] = str(self.length)
        return boundary

    def _connect_all(self, round_: PutRound, replicas: dict[int, Replica]) -> None:
        """Settle every slot: it wants the body, gave a final answer, or found no node."""
        with green.Pile(len(self.header_sets)) as pile:
            for slot in range(len(self.header_sets)):
                pile.spawn(self._connect_slot, slot, round_, replicas)
            for _ in pile:
                pass

    def _connect_slot(self, slot: int, round_: PutRound, replicas: dict[int, Replica]) -> None:
        app = self.app
        while (node := self.nodes.take()) is not None:
            replica = Replica(app.transport, node, app.options.node_timeout)
            try:
                answer = replica.start(self.part, 'PUT', self.path,
                                       self.env.get('QUERY_STRING', ''), self.header_sets[slot],
                                       self.replication)
            except TransportError as error:
                replica.close()
                round_.on_failure(slot)
                self._blame(node, error)
                continue
            except BaseException:
                replica.close()
                raise
            if answer is None:
                if self.footers and not replica.takes_footers:
                    # A node that does not know footers would store the framing as data.
                    replica.close()
                    self._blame(node, 'no support for metadata footers')
                    continue
                replicas[slot] = replica
                round_.on_answer(slot, 100)
                return
            replica.close()
            step = round_.on_answer(slot, answer.status)
            if step is Step.LIMIT_NODE:
                app.nodes.limit(node, 'Object server: 507 Insufficient Storage')
            elif step is Step.COUNT_ERROR:
                self._blame(node, answer.status)
            elif step is not Step.ASK_NEXT:
                self.answers[slot] = answer
                return
        round_.on_no_more_nodes(slot)

    def _send_body(self, round_: PutRound, replicas: dict[int, Replica],
                   boundary: str | None, start: bytes) -> Response | None:
        """Stream the body to all replicas; return a refusal that ends the PUT, else None."""
        limit = self.app.cluster.constraints.max_file_size
        chunk_size = self.app.options.client_chunk_size
        for replica in replicas.values():
            replica.start_sending()
        if boundary is not None:
            self._send_to_all(round_, replicas, body_head(boundary))
        left = self.length
        total = 0
        chunk = start or self._read_chunk(left, chunk_size)
        while chunk:
            total += len(chunk)
            if total > limit:
                return status_reply(self.req, 413)
            self._send_to_all(round_, replicas, chunk)
            if round_.verdict is not None:
                return None
            if left is not None:
                left -= len(chunk)
            chunk = self._read_chunk(left, chunk_size)
        if left:
            raise ClientDisconnect('body shorter than its Content-Length')
        if boundary is not None:
            footers = HeaderKeyDict()
            self.footers(footers)
            self._send_to_all(round_, replicas, footer_part(boundary, footers, is_last=True))
        if round_.verdict is None:
            round_.on_body_sent()
        return None

    def _read_chunk(self, left: int | None, chunk_size: int) -> bytes:
        if left is not None:
            chunk_size = min(left, chunk_size)
        return self.env['wsgi.input'].read(chunk_size) if chunk_size else b''

    def _send_to_all(self, round_: PutRound, replicas: dict[int, Replica], data: bytes) -> None:
        """Queue data for every live replica; those that failed or stall too long are dropped."""
        deadline = self.app.clock.monotonic() + self.app.options.node_timeout
        for slot in round_.live_slots:
            replica = replicas[slot]
            error = replica.put(data, deadline - self.app.clock.monotonic())
            if error is None:
                continue
            self._blame(replica.node, error)
            replica.close()
            if round_.on_failure(slot) is Step.FINISH:
                return

    def _collect_answers(self, round_: PutRound, replicas: dict[int, Replica]) -> None:
        events = green.Queue()
        tasks = [green.spawn(self._final_answer, slot, replicas[slot], round_, events)
                 for slot in round_.live_slots]
        try:
            self._await_verdict(round_, events)
        finally:
            for task in tasks:
                task.kill()

    def _await_verdict(self, round_: PutRound, events: Any) -> None:
        """Take steps until the round is finished; HURRY starts the post-quorum time."""
        clock = self.app.clock
        deadline: float | None = None
        while round_.verdict is None:
            timeout = None if deadline is None else max(0.0, deadline - clock.monotonic())
            try:
                step = events.get(timeout=timeout)
            except green.QueueEmpty:
                round_.on_out_of_time()
                return
            if step is Step.HURRY and deadline is None:
                deadline = clock.monotonic() + self.app.options.post_quorum_timeout

    def _final_answer(self, slot: int, replica: Replica, round_: PutRound, events: Any) -> None:
        try:
            answer = replica.final_answer()
        except TransportError as error:
            self._blame(replica.node, error)
            if round_.verdict is None:
                events.put(round_.on_failure(slot))
            return
        if answer.status == 507:
            self.app.nodes.limit(replica.node, 'Object server: 507 Insufficient Storage')
        elif answer.status >= 500:
            self._blame(replica.node, answer.status)
        if round_.verdict is None:
            self.answers[slot] = answer
            events.put(round_.on_answer(slot, answer.status))

    # -- the end -----------------------------------------------------------------------------------

    def _blame(self, node: Any, what: Any) -> None:
        self.app.nodes.note_error(node, f'Object server: {what} while trying to PUT {self.path}')

    def _reply(self, round_: PutRound) -> Response:
        verdict = round_.verdict
        assert verdict is not None
        if verdict.slot is None:
            if verdict.status == 503:
                self.app.logger.error('Object PUT returning 503 for %s',
                                      dict(round_.final_statuses))
            return status_reply(self.req, verdict.status)
        etags = {answer.headers.get('Etag', '').strip('"') for answer in self.answers.values()
                 if answer.status // 100 == 2}
        if len(etags) > 1:
            self.app.logger.error('Object servers returned %s mismatched etags', len(etags))
            return status_reply(self.req, 500)
        resp = answer_reply(self.req, self.answers[verdict.slot])
        resp.headers.pop('Etag', None)
        if verdict.status // 100 == 2 and etags:
            resp.headers['Etag'] = etags.pop()
        resp.last_modified = Timestamp(self.env['HTTP_X_TIMESTAMP'])
        return resp
