"""One worker: privileges, pipeline, engine, and how it is told to finish.

Layer 1. TERM ends a worker at once. HUP and USR1 make it stop accepting, finish the requests
it has, and return. It does not wait for them for ever: after a HUP to its manager nobody else
is left who could end it.

Source: sheet 07 sections 5.2 step 6, 5.3.
"""
import os
import signal
import ssl
from collections.abc import Callable
from socket import socket
from typing import Any

from swift.common import green
from swift.common.clock import SYSTEM
from swift.common.config.common import CommonServerOptions
from swift.common.errors import ConfigError
from swift.common.http.server import HttpServer, ServerOptions
from swift.common.lean import tidy_memory

# A backend's path has more in front of a name than the client's: the device, the partition, or
# the expirer's container and the time.
BACKEND_LINE_EXTRA = 1024
FLUSH_INTERVAL_S = 1.0
# A manager that reloaded ends its stale workers itself, and says so in its log.
FINISH_EXTRA_S = 2.0
FINISH_SIGNALS = (signal.SIGHUP, signal.SIGUSR1)
TLS_WARNING = ('WARNING: SSL should only be enabled for testing purposes. Use external SSL '
               'termination for a production deployment.')


def engine_options(options: CommonServerOptions, constraints: Any,
                   is_backend: bool = False) -> ServerOptions:
    """Return what the HTTP engine wants to know, from the section and from swift.conf."""
    tls = None
    if options.cert_file and options.key_file:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            tls.load_cert_chain(options.cert_file, options.key_file)
        except (OSError, ssl.SSLError) as err:
            raise ConfigError('Unable to use cert_file %s and key_file %s: %s'
                              % (options.cert_file, options.key_file, err)) from None
    return ServerOptions(
        client_timeout=options.client_timeout, keepalive_timeout=options.keepalive_timeout,
        max_request_line=constraints.max_request_line + (
            BACKEND_LINE_EXTRA if is_backend else 0),
        max_header_size=constraints.max_header_size,
        max_header_count=constraints.max_header_lines,
        max_clients=options.max_clients, proxy_protocol=options.require_proxy_protocol, tls=tls,
        access_log=options.eventlet_debug)


def serve(sockets: list[socket], app: Callable, options: ServerOptions, logger: Any,
          ready: Callable[[], None], finish_timeout_s: float) -> None:
    """Serve `app` on listening sockets until told to finish, then drain. Closes the sockets.

    Connections still busy `finish_timeout_s` after that (and a little) are left to break.

    Signals that were blocked for the start are delivered from here on. `ready` is called as
    soon as connections are accepted.
    """
    servers = [HttpServer(sock, app, options, logger, SYSTEM) for sock in sockets]

    def finish() -> None:
        for server, sock in zip(servers, sockets, strict=True):
            # stop() accepts what waits in the kernel. Closed at once afterwards: a connection
            # that arrived in between would be reset instead of refused.
            server.stop()
            sock.close()

    for number in FINISH_SIGNALS:
        green.on_signal(number, finish)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the manager decides what ^C means
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    green.spawn(_flush_now_and_then, logger)
    tidy_memory()
    for server in servers:
        server.start()
    ready()
    for server in servers:
        server.serve()
    deadline = SYSTEM.monotonic() + finish_timeout_s + FINISH_EXTRA_S
    for server in servers:
        if not server.drain(max(0.0, deadline - SYSTEM.monotonic())):
            logger.notice('Child %d leaves %d busy connections after %gs', os.getpid(),
                          server.statistics()['connections'], finish_timeout_s)


def _flush_now_and_then(logger: Any) -> None:
    while True:
        green.sleep(FLUSH_INTERVAL_S)
        logger.flush()
