"""The WSGI server of all services: accepts, keeps and times out connections (layer 1).

    hub: accept ----> Connection (idle, watched by the hub) ----> crew of green threads ----> app

``HttpServer(sock, app, options, logger, clock)``: serve() until stop(); drain() waits for what is
being served. One instance serves one listening socket in one process; the sockets, their
options and the processes belong to ``swift.common.wsgi``.

Waiting connections stand in three lines, each ordered by time, so that one timer finds all that
have waited too long: *fresh* (no byte yet), *partial* (a head begun), *idle* (between requests).
At ``max_clients`` connections the one idle longest is closed to make room; if none is idle,
accepting pauses until a connection ends. Sheet 04 section 18, sheet 07 section 5.8.
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swift.common import green
from swift.common.clock import SYSTEM, Clock
from swift.common.http.connection import Connection
from swift.common.http.message import DateLine
from swift.common.http.stream import Stream
from swift.common.http.tls import TlsSocket, TlsStream
from swift.common.http.wire import Limits

if TYPE_CHECKING:
    import logging
    import ssl

ACCEPT_BATCH = 64                # connections taken per event; others get their turn in between
ACCEPT_RETRY_S = 0.1             # after the process ran out of descriptors
IDLE_KEPT_S = 1.0                # a connection idle for less is not closed to make room
SWEEP_S_MIN = 0.01
NEVER = float('inf')
STOP_GRACE_S = 5.0               # how long clients may still begin a request after stop()


@dataclass(frozen=True)
class ServerOptions:
    """What operators may set. Times in seconds, sizes in bytes."""

    client_timeout: float = 60.0             # silence in the middle of a request or answer
    keepalive_timeout: float | None = None   # idle between requests; None: client_timeout; 0: off
    max_request_line: int = 8192
    max_header_size: int = 8192              # of one line
    max_header_count: int = 201
    max_clients: int = 1024                  # connections at a time
    proxy_protocol: bool = False             # require a PROXY line on every connection
    tls: ssl.SSLContext | None = None
    access_log: bool = False                 # a line per answer, whatever the application logs

    @property
    def idle_timeout(self) -> float:
        """How long a connection may be idle between requests."""
        timeout = self.keepalive_timeout
        return self.client_timeout if timeout is None else timeout


class WaitingLine:
    """Connections that wait for the same number of seconds; the first has waited longest."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.members: dict[Connection, None] = {}

    def first(self) -> Connection | None:
        return next(iter(self.members), None)


class HttpServer:
    """Serves HTTP on one listening socket until stopped."""

    def __init__(self, sock: Any, app: Callable, options: ServerOptions,
                 logger: logging.Logger | None = None, clock: Clock = SYSTEM) -> None:
        assert options.max_clients > 0
        self.app = app
        self.options = options
        self.clock = clock
        self.limits = Limits(options.max_request_line, options.max_header_size,
                             options.max_header_count)
        self.keeps_alive = options.idle_timeout > 0
        self.stopping = False
        self.request_count = 0
        self.crew = green.Crew()
        self._logger = logger
        self._sock = green.raw_socket(sock)
        self._ready = green.Readiness(self._sock.fileno())
        self._stopped = green.Event()
        self._connections: dict[Connection, WaitingLine | None] = {}
        self._fresh = WaitingLine(options.client_timeout)
        self._partial = WaitingLine(options.client_timeout)
        self._idle = WaitingLine(options.idle_timeout)
        self._lines = (self._fresh, self._partial, self._idle)
        self._sweeper: Any = None
        self._sweep_at = NEVER
        self._all_done: green.Event | None = None
        self._accepting = False
        self._date = DateLine()
        self._counts = {'accepted': 0, 'refused': 0, 'disconnected': 0, 'failed': 0,
                        'timed_out': 0, 'evicted': 0}
        self.base_environ = self._make_base_environ()

    def _make_base_environ(self) -> dict:
        name = self._sock.getsockname()
        host, port = (name[0], str(name[1])) if isinstance(name, tuple) else (name or 'unix', '0')
        environ = {
            'SCRIPT_NAME': '', 'SERVER_NAME': host, 'SERVER_PORT': port, 'SERVER_ADDR': host,
            'REMOTE_ADDR': '', 'REMOTE_PORT': '0', 'GATEWAY_INTERFACE': 'CGI/1.1',
            # Compat: the constant that applications of this ecosystem have always seen.
            'SERVER_PROTOCOL': 'HTTP/1.0',
            'wsgi.version': (1, 0), 'wsgi.url_scheme': 'https' if self.options.tls else 'http',
            'wsgi.errors': sys.stderr, 'wsgi.multithread': True, 'wsgi.multiprocess': True,
            'wsgi.run_once': False}
        if self.options.tls:
            environ['HTTPS'] = 'on'
        return environ

    # -- life ----------------------------------------------------------------------------------

    def serve(self) -> None:
        """Accept and serve connections; block the green thread until stop() is called."""
        self.start()
        self._stopped.wait()

    def start(self) -> None:
        """Begin to accept; return at once."""
        if not self.stopping:
            self._accepting = True
            self._ready.watch(self._accept)

    def stop(self) -> None:
        """Stop accepting; every connection may have one more answer, with Connection: close.

        Connections the kernel has taken already are accepted first: closing the listening socket,
        which is the caller's to do right afterwards, would reset them. Idle ones are not closed at
        once, because a request may be on its way; they have STOP_GRACE_S to show it.
        """
        if self.stopping:
            return
        self._accept_waiting()
        self.stopping = True
        self.keeps_alive = False
        self._accepting = False
        self._ready.close()
        now = self.clock.monotonic()
        for line in (self._idle, self._fresh):
            line.timeout = min(line.timeout, STOP_GRACE_S)
            for connection in line.members:
                connection.since = now
        self._sweep_in(0, now)
        self._stopped.send()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until no connection is left; True when that was within ``timeout`` seconds."""
        assert self.stopping, 'stop() comes first'
        if self._connections:
            self._all_done = green.Event()
            with green.Timeout(timeout, False):
                self._all_done.wait()
        return not self._connections

    def close_all(self) -> None:
        """Close whatever is left, mid-request or not."""
        for connection in list(self._connections):
            connection.close()
        self.crew.close()

    def statistics(self) -> dict:
        """Return counts since the start and of this moment."""
        return {'requests': self.request_count, 'connections': len(self._connections),
                'idle': len(self._idle.members), 'fresh': len(self._fresh.members),
                'partial': len(self._partial.members), **self._counts}

    # -- accepting --------------------------------------------------------------------------------

    def _accept(self) -> None:
        for _turn in range(ACCEPT_BATCH):
            if self._is_full() and self._evictable() is None:
                # New clients wait in the kernel until a connection ends or is idle enough.
                self._pause()
                green.call_later(IDLE_KEPT_S, self._resume)
                return
            if not self._accept_one(in_hub=True):
                return

    def _accept_waiting(self) -> None:
        if self._accepting:
            while not self._is_full() and self._accept_one():
                pass

    def _accept_one(self, in_hub: bool = False) -> bool:
        try:
            sock, peer = self._sock.accept()
        except BlockingIOError:
            return False
        except ConnectionError:
            return True                  # gone before it was taken
        except OSError as error:
            self._pause()
            if not self._listens():
                self.stop()              # the manager shut the socket down for all workers
            elif not self.stopping:
                self._log('error', 'cannot accept connections: %s', error)
                green.call_later(ACCEPT_RETRY_S, self._resume)
            return False
        sock.setblocking(False)
        self._counts['accepted'] += 1
        if self._is_full():
            # Only now: whoever is idle stays connected until somebody needs the place.
            self._counts['evicted'] += 1
            self._evictable().close()
        if self.options.tls is not None:
            self._begin_tls(sock, peer)
            return True
        connection = Connection(self, Stream(sock), peer)
        self._connections[connection] = None
        self._stand(connection, self._fresh)
        connection.stream.ready.watch(connection.on_readable)
        if in_hub:
            # The request is often there already: one turn of the event loop saved.
            connection.on_readable()
        return True

    def _listens(self) -> bool:
        net = green.native_socket
        return bool(self._sock.getsockopt(net.SOL_SOCKET, net.SO_ACCEPTCONN))

    def _begin_tls(self, sock: Any, peer: Any) -> None:
        stream = TlsStream(TlsSocket(sock, self.options.tls))
        connection = Connection(self, stream, peer)
        self._connections[connection] = None
        self.crew.start_soon(lambda: self._handshake(connection, stream))

    def _handshake(self, connection: Connection, stream: TlsStream) -> None:
        try:
            stream.sock.handshake(stream, self.options.client_timeout)
        except OSError:
            connection.close()
            return
        connection.serve()

    def _is_full(self) -> bool:
        return len(self._connections) >= self.options.max_clients

    def _evictable(self) -> Connection | None:
        """Return the connection that is idle longest, if that is long enough to close it."""
        oldest = self._idle.first()
        if oldest is None or self.clock.monotonic() - oldest.since < IDLE_KEPT_S:
            return None
        return oldest

    def _pause(self) -> None:
        self._accepting = False
        self._ready.unwatch()

    def _resume(self) -> None:
        if not self._accepting and not self.stopping:
            self._accepting = True
            self._ready.watch(self._accept)

    # -- what connections report ------------------------------------------------------------------

    def begins(self, connection: Connection) -> None:
        """A request starts: the connection waits no longer."""
        line = self._connections.get(connection)
        if line is not None:
            del line.members[connection]
            self._connections[connection] = None

    def parks(self, connection: Connection) -> None:
        """The connection waits for its client: with a head begun, or for the next request."""
        self._stand(connection, self._partial if connection.stream.buffer else self._idle)

    def ended(self, connection: Connection) -> None:
        """The connection is closed."""
        line = self._connections.pop(connection, None)
        if line is not None:
            del line.members[connection]
        if not self._accepting:
            self._resume()
        if self._all_done is not None and not self._connections:
            self._all_done.send()
            self._all_done = None

    def _stand(self, connection: Connection, line: WaitingLine) -> None:
        present = self._connections.get(connection)
        if present is not None:
            del present.members[connection]
        self._connections[connection] = line
        line.members[connection] = None
        now = connection.since = self.clock.monotonic()
        if now + line.timeout < self._sweep_at:
            self._sweep_in(line.timeout, now)

    def _sweep_in(self, seconds: float, now: float) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        seconds = max(seconds, SWEEP_S_MIN)
        self._sweep_at = now + seconds
        self._sweeper = green.call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        """Close who has waited too long; come again when the next one is due."""
        self._sweeper = None
        self._sweep_at = NEVER
        now = self.clock.monotonic()
        due = None
        for line in self._lines:
            while (connection := line.first()) is not None:
                left = connection.since + line.timeout - now
                if left > 0:
                    due = left if due is None else min(due, left)
                    break
                self._counts['timed_out'] += 1
                connection.close()
        if due is not None:
            self._sweep_in(due, now)

    # -- helpers of connections -------------------------------------------------------------------

    def date_line(self) -> str:
        """Return the Date header line of now."""
        return self._date.at(self.clock.time())

    def count(self, name: str) -> None:
        self._counts[name] += 1

    def log_failure(self, environ: dict, trouble: Exception | None = None) -> None:
        """Log what cut an answer short in a line, or the bug being handled with its traceback."""
        self._counts['failed'] += 1
        if trouble is not None:
            self._log('error', 'cut off the answer to %s %s: %s', environ['REQUEST_METHOD'],
                      environ['RAW_PATH_INFO'], trouble)
        elif self._logger is not None:
            self._logger.exception('error serving %s %s', environ['REQUEST_METHOD'],
                                   environ['RAW_PATH_INFO'])

    def log_access(self, environ: dict, status: str | None, began: float) -> None:
        """Log one answer and the seconds it took since `began`. For debugging the engine."""
        target = environ['RAW_PATH_INFO']
        if environ['QUERY_STRING']:
            target += '?' + environ['QUERY_STRING']
        self._log('info', '%s - - "%s %s" %s %.4f', environ['REMOTE_ADDR'] or '-',
                  environ['REQUEST_METHOD'], target, (status or '-').partition(' ')[0],
                  self.clock.monotonic() - began)

    def log_overlong(self, environ: dict, excess: int) -> None:
        """Log that the application sent more than it promised."""
        self._log('error', '%s %s: %d bytes more than the Content-Length were dropped',
                  environ['REQUEST_METHOD'], environ['RAW_PATH_INFO'], excess)

    def _log(self, level: str, text: str, *args: Any) -> None:
        if self._logger is not None:
            getattr(self._logger, level)(text, *args)
