"""One client connection of the server (layer 1).

            readable                    head complete                 answered
    IDLE ------------> (hub reads) -----------------> SERVING ---------------------> IDLE
      ^                     | head incomplete            | pipelined request there: SERVING
      +---------------------+                            | close, error: gone

An idle connection has no green thread: the hub reads and looks for a complete head, so that a
thousand quiet clients cost a few KiB each. A complete head is served by a green thread of the
server's crew, which stays until no further request is buffered: pipelined requests are
answered strictly in order. Sheet 04 section 18.
"""
from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any

from swift.common.http import error_pages, proxy_protocol, wire
from swift.common.http.answer import DRAIN_MAX, Answer, Ending
from swift.common.http.body import EMPTY_BODY, RequestBody
from swift.common.http.stream import READ_SIZE, Stream
from swift.common.http.wire import BadRequest

if TYPE_CHECKING:
    from swift.common.http.server import HttpServer

LINGER_S = 2.0                   # how long a closed client may go on sending before it is cut off
LINGER_SIZE_MAX = 1 << 20


class Connection:
    """State of one client connection. Owned by its server, which hears of the end by ended()."""

    __slots__ = ('_base', '_block', '_head_end', '_needs_proxy_line', '_parked', 'peer', 'server',
                 'since', 'stream')

    def __init__(self, server: HttpServer, stream: Stream, peer: Any) -> None:
        self.server = server
        self.stream = stream
        self.peer = peer
        self.since = 0.0                 # when it was put into the server's present waiting line
        self._parked = True
        self._head_end = -1              # of the head that on_readable() found
        self._block: wire.HeaderBlock | None = None      # headers of the last request, if few
        self._needs_proxy_line = server.options.proxy_protocol
        self._base = server.base_environ
        if isinstance(peer, tuple):
            self._base = {**self._base, 'REMOTE_ADDR': peer[0], 'REMOTE_PORT': str(peer[1])}

    # -- idle: called by the hub ------------------------------------------------------------------

    def on_readable(self) -> None:
        """Receive; hand over to a green thread when a request's head is complete."""
        stream = self.stream
        while True:
            try:
                data = stream.sock.recv(READ_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b''
            if not data:
                self.close()
                return
            seen = len(stream.buffer)
            stream.buffer = stream.buffer + data if seen else data
            if self._is_ready(seen):
                stream.ready.unwatch()
                self.server.begins(self)
                self.server.crew.start(self.serve)
                return
            if not seen:
                self.server.parks(self)
            if not stream.eager:
                return

    def _is_ready(self, seen: int) -> bool:
        """Whether there is something for a green thread to do; ``seen`` bytes were not enough."""
        if self._needs_proxy_line:
            return True
        self._head_end = wire.find_head_end(self.stream.buffer, seen)
        if self._head_end >= 0:
            return True
        try:
            wire.check_partial(self.stream.buffer, self.server.limits)
        except BadRequest:
            return True                  # found again, and answered, there
        return False

    # -- serving: in a green thread ---------------------------------------------------------------

    def serve(self) -> None:
        """Answer the requests that are buffered, then wait for the next one or close."""
        self._parked = False
        try:
            more = self._serve_next()
            while more:
                # As the crew does for the first: no context variables of the request before.
                more = contextvars.Context().run(self._serve_next)
        except BadRequest as refusal:
            self._refuse(refusal)
        except OSError:
            pass
        finally:
            if not self._parked:
                self.close()

    def _serve_next(self) -> bool:
        """Serve one request if it is all there. False: parked, or to be closed."""
        stream = self.stream
        if self._needs_proxy_line and not self._take_proxy_line():
            return self._park()
        end, self._head_end = self._head_end, -1
        if end < 0:
            end = wire.find_head_end(stream.buffer)
        if end < 0:
            wire.check_partial(stream.buffer, self.server.limits)
            return self._park()
        if not self._serve_one(end):
            return False
        if stream.position:              # what the body reader left of its buffer
            stream.buffer = stream.take_buffer()
        return bool(stream.buffer) or self._park()

    def _park(self) -> bool:
        """Give the connection back to the hub. True when there is more to serve at once."""
        stream = self.stream
        if stream.eager:
            try:
                data = stream.sock.recv(READ_SIZE)
            except BlockingIOError:
                pass
            else:
                stream.buffer += data
                return bool(data)
        self._parked = True
        self.server.parks(self)
        stream.ready.watch(self.on_readable)
        return False

    def _take_proxy_line(self) -> bool:
        """Read the PROXY line. True when it was there, False while it is incomplete."""
        line, rest = proxy_protocol.split(self.stream.buffer)
        if line is None:
            return False
        self.stream.buffer = rest
        self._needs_proxy_line = False
        addresses = proxy_protocol.parse(line)
        if addresses is not None:
            self._base = {**self._base, **addresses}
        return True

    def _serve_one(self, end: int) -> bool:
        """Serve the request whose head ends at ``end``. True when another may follow."""
        server, stream = self.server, self.stream
        buffer = stream.buffer
        environ = self._base.copy()
        if end == len(buffer):
            first, rest = buffer, b''
        else:
            first, rest = buffer[:end], buffer[end:]
        head, block = wire.parse_request_head(first, server.limits, environ, self._block)
        stream.buffer = rest
        self._block = block if len(block.data) <= wire.BLOCK_KEPT_SIZE_MAX else None
        if head.chunked or head.content_length:
            body = RequestBody(stream, head, server.options.client_timeout)
        else:
            body = EMPTY_BODY
        environ['wsgi.input'] = body
        environ['swift.http.connection'] = self
        server.request_count += 1
        answer = Answer(self, head, environ, body)
        if server.options.access_log:
            began = server.clock.monotonic()
            ending = answer.run(server.app)
            server.log_access(environ, answer.status, began)
        else:
            ending = answer.run(server.app)
        if ending is Ending.BREAK:
            stream.abort()
            return False
        if not body.finished and not self._drain(body, ending):
            return False
        if ending is Ending.CLOSE:
            if stream.buffer or head.unframed:       # sent along, never to be served
                self._linger()
            return False
        return True

    def _drain(self, body: RequestBody, ending: Ending) -> bool:
        """Get rid of an unread body so that the next request can be found. False: give up."""
        if ending is Ending.CLOSE:
            # No next request: only let the client finish reading our answer.
            self.stream.finish_sending()
            if not body.broken and not body.awaits_continue:
                body.drain(DRAIN_MAX, min(LINGER_S, self.server.options.client_timeout))
            return False
        return body.drain(DRAIN_MAX, self.server.options.client_timeout)

    def _refuse(self, refusal: BadRequest) -> None:
        """Answer a request that cannot be served, and see that the client can read it."""
        self.server.count('refused')
        page = error_pages.render(refusal, self.server.date_line(), self.server.clock.time())
        try:
            self.stream.send(page, self.server.options.client_timeout)
        except OSError:
            return
        self._linger()

    def _linger(self) -> None:
        """Wait for the client's end before closing.

        Closing with unread bytes makes the kernel send a reset, which can overtake the answer.
        """
        stream = self.stream
        stream.finish_sending()
        if self.server.stopping and not stream.buffer:
            return
        left = LINGER_SIZE_MAX
        try:
            while left > 0:
                data = stream.receive(READ_SIZE, LINGER_S)
                if not data:
                    return
                left -= len(data)
        except OSError:
            pass

    def close(self) -> None:
        """Close and tell the server. Idempotent."""
        self.stream.close()
        self.server.ended(self)
