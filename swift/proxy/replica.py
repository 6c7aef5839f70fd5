"""One object server that takes part in a streamed PUT: its connection, its queue, its sender.

Layer 3. The PUT's own green thread reads the client and puts chunks into the queue of each
replica; one green thread per replica takes them out and writes. A slow replica fills its queue
and only then slows the others, for as long as the chunk's deadline lasts. Chunks are shared, not
copied.

    start() --100--> start_sending() --put()...--> final_answer() --> close()

close() is safe at any point and gives the connection back only when the dialogue is complete.
"""

from collections.abc import Mapping
from typing import Any

from swift.common import green
from swift.common.errors import ResponseTimeout, TransportError
from swift.common.transport import target_of
from swift.core.quorum import Answer

QUEUE_CHUNKS = 4
_END = None
_FOOTER_CAPABILITY = 'x-obj-metadata-footer'


class Replica:
    """A streamed request to one node. Owned by the PUT, which closes it."""

    __slots__ = ('node', 'takes_footers', '_transport', '_timeout_s', '_exchange', '_queue',
                 '_sender', '_error')

    def __init__(self, transport: Any, node: Any, timeout_s: float):
        self.node = node
        self.takes_footers = False
        self._transport = transport
        self._timeout_s = timeout_s
        self._exchange: Any = None
        self._queue: Any = None
        self._sender: Any = None
        self._error: TransportError | None = None

    def start(self, part: int, method: str, path: str, query: str, headers: Mapping[str, str],
              replication: bool) -> Answer | None:
        """Send the headers; None when the node wants the body, else its final answer."""
        self._exchange = self._transport.open(self.node, self._timeout_s, replication)
        self._exchange.send_head(method, target_of(self.node.device, part, path, query), headers)
        resp = self._exchange.wait_continue(self._timeout_s)
        if resp is None:
            self.takes_footers = any(
                name.lower() == _FOOTER_CAPABILITY and value.lower() == 'yes'
                for name, value in self._exchange.interim.headers)
            return None
        return _answer(resp)

    def start_sending(self) -> None:
        self._queue = green.Queue(QUEUE_CHUNKS)
        self._sender = green.spawn(self._send_queued)

    def _send_queued(self) -> None:
        exchange, queue = self._exchange, self._queue
        try:
            while (chunk := queue.get()) is not _END:
                exchange.send(chunk)
            exchange.end()
        except TransportError as error:
            self._error = error
            # Whoever waits for room in the queue must hear of it at once.
            while queue.get() is not _END:
                pass

    def put(self, data: bytes, timeout_s: float) -> TransportError | None:
        """Queue a chunk; return why the replica is lost, None when it is not.

        Blocks while the queue is full, at most `timeout_s`.
        """
        if self._error is None:
            try:
                self._queue.put(data, timeout=max(0.0, timeout_s))
            except green.QueueFull:
                self._error = ResponseTimeout('does not take the body', seconds=self._timeout_s)
        return self._error

    def final_answer(self) -> Answer:
        """Send what is queued, then wait for the node's word. Raises TransportError.

        The node's timeout bounds each of the two waits.
        """
        with green.Timeout(self._timeout_s, ResponseTimeout('does not take the end of the body',
                                                            seconds=self._timeout_s)):
            self._queue.put(_END)
            self._sender.wait()
        if self._error is not None:
            raise self._error
        return _answer(self._exchange.response(self._timeout_s))

    def close(self) -> None:
        if self._sender is not None:
            self._sender.kill()
            self._sender = None
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None


def _answer(resp: Any) -> Answer:
    try:
        return Answer(resp.status, resp.reason, resp.headers, resp.read())
    finally:
        resp.close()
