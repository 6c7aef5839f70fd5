"""Running WSGI servers: `run_wsgi` from the command line to the last worker.

Layer 1. The parts: pipeline.py (from configuration to app), listening.py (sockets),
serving.py (a worker), supervisor.py (the manager), reload.py (taking over). This module reads
the configuration, decides which of them are needed, and turns errors into exit codes.

    swift-<type>-server CONFIG ──> ServerConfig ──> check pipeline ──> manager ──> workers

Source: sheet 07 section 5.
"""
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from swift.common import commandline, green, listening, reload
from swift.common.cluster import Cluster
from swift.common.config.common import CommonServerOptions
from swift.common.config.parser import ConfigString, appconfig, shadowed_options
from swift.common.errors import (
    BindError,
    ClusterConfigError,
    ConfigError,
    RingError,
    RingMissing,
    SwiftError,
)
from swift.common.http.server import ServerOptions
from swift.common.lean import tidy_memory
from swift.common.log import Logger, capture_stdio, capture_uncaught, get_logger
from swift.common.notify import READY, STOPPING, notify
from swift.common.pipeline import loadapp, refuse_filter
from swift.common.privileges import drop_privileges, give_to, known_user, set_priorities, settle
from swift.common.serving import TLS_WARNING, engine_options, serve
from swift.common.subrequest import (
    WSGIContext,
    make_env,
    make_pre_authed_env,
    make_pre_authed_request,
    make_subrequest,
)
from swift.common.supervisor import CHECK_INTERVAL_S, WATCHED, Key, Supervisor

# The makers of sub-requests live elsewhere; third-party filters import them from here.
__all__ = ['ConfigString', 'WSGIContext', 'appconfig', 'loadapp', 'make_env',
           'make_pre_authed_env', 'make_pre_authed_request', 'make_subrequest', 'refuse_filter',
           'run_wsgi']

BACKEND_SECTIONS = ('account-server', 'container-server', 'object-server')
SERVICE_PORT_SECTIONS = ('object-server',)  # whose servers may listen on one port per disk


@dataclass(frozen=True)
class ServerConfig:
    """One server as configured: where from, what, and for which cluster."""

    path: str
    section: str
    options: CommonServerOptions
    cluster: Cluster
    logger: Logger

    def load_app(self) -> Callable:
        """Return the pipeline; its filters log under the server's name, as log routing expects."""
        return loadapp(self.path, {'log_name': self.options.log_name or self.section})

    @property
    def ports_from_rings(self) -> bool:
        """Whether rings decide the ports."""
        return self.options.servers_per_port > 0 and self.section in SERVICE_PORT_SECTIONS

    def engine_options(self) -> ServerOptions:
        """Return what the HTTP engine wants to know. Raises ConfigError."""
        return engine_options(self.options, self.cluster.constraints,
                              is_backend=self.section in BACKEND_SECTIONS)


@dataclass(frozen=True)
class FixedPort:
    """So many workers on one port."""

    options: CommonServerOptions
    guard: listening.PortGuard
    check_interval_s: float = CHECK_INTERVAL_S

    def wanted(self) -> list[Key]:
        """Return one key per worker."""
        return [(self.options.bind_port, index) for index in range(self.options.workers)]

    def bind(self, port: int) -> socket.socket:
        """Return a listening socket."""
        return listening.bind(self.options, port, self.guard)

    def release(self, port: int) -> None:
        """Never happens: what is wanted stays the same."""

    def bind_is_fatal(self) -> bool:
        """There is nothing to do without the port."""
        return True


class PortsFromRings:
    """So many workers on each port that an object ring gives to a device of this machine."""

    def __init__(self, options: CommonServerOptions, cluster: Cluster, logger: Logger,
                 guard: listening.PortGuard):
        self.guard = guard
        self.check_interval_s = options.ring_check_interval
        self._logger = logger
        self._started = False
        # A port may be taken for a moment; the next check tries again, others go on meanwhile.
        self._options = options.replace(bind_timeout=0)
        self._cluster = cluster

    def wanted(self) -> list[Key]:
        """Return (port, index) pairs; rings that changed on disk are loaded again.

        A policy without a ring file has no ports yet. A ring that cannot be used ends the start,
        but not what runs already.
        """
        addresses = listening.local_addresses(self._options.ring_ip or self._options.bind_ip)
        ports: set[int] = set()
        for policy in self._cluster.policies:
            try:
                ring = self._cluster.object_ring(policy.index)
            except RingMissing:
                continue
            except RingError as problem:
                if not self._started:
                    raise
                self._logger.error('%s', problem)
                continue
            ring.reload_if_changed()
            ports |= listening.local_ports(ring.devs, addresses)
        self._started = True
        return [(port, index) for port in sorted(ports)
                for index in range(self._options.servers_per_port)]

    def bind(self, port: int) -> socket.socket:
        """Return a listening socket; raises BindError at once if the port is taken."""
        return listening.bind(self._options, port, self.guard)

    def release(self, port: int) -> None:
        """Let others have a port that no device of ours has any more."""
        self.guard.release(self._options.bind_ip, port)

    def bind_is_fatal(self) -> bool:
        """The other ports keep running."""
        return False


def load_config(path: str, section: str, verbose: bool = False) -> ServerConfig:
    """Return the checked configuration of a server. Raises ConfigError."""
    conf = appconfig(path, section)
    # What belongs to the app alone is its own business: warnings come from its factory.
    options = CommonServerOptions.parse(conf, path)
    logger = get_logger(conf, conf.get('log_name') or section, log_to_console=verbose)
    cluster = Cluster.load(options.swift_dir, logger=logger)
    return ServerConfig(path, section, options, cluster, logger)


def run_wsgi(program: str, section: str, argv: Sequence[str],
             show: Callable[[str], Any] = print) -> int:
    """Run a server as its command line says; return the exit code.

    `green.patch()` must have been called before anything else was imported.
    """
    image = reload.Program.remember()
    _prepare_signals()
    parser = commandline.parser_for(program, test_config=True)
    path, words = commandline.parse(parser, argv, show)
    try:
        config = load_config(path, section, words['verbose'])
    except ClusterConfigError as err:
        print(err, file=sys.stderr)
        return 1
    except ConfigError as err:
        show('Error trying to load config from %s: %s' % (path, err))
        return 1
    try:
        return _run(config, image.with_config(path), words['test_config'], words['verbose'], show)
    except ConfigError as err:
        show('Error trying to load config from %s: %s' % (path, err))
        config.logger.critical('Error trying to load config from %s: %s', path, err)
    except SwiftError as err:
        show(str(err))
        config.logger.critical('%s', err)
    finally:
        config.logger.flush()
    return 1


def _run(config: ServerConfig, image: reload.Program, test_config: bool, verbose: bool,
         show: Callable[[str], Any]) -> int:
    options = config.options
    _check_port(config)
    set_priorities(options, show)
    for warning in (*shadowed_options(config.path), *config.cluster.policies.warnings):
        config.logger.warning('%s', warning)
    if options.cert_file:
        show(TLS_WARNING)
        config.logger.warning('%s', TLS_WARNING)
    config.engine_options()
    known_user(options.user)
    _check_pipeline(config)
    if test_config:
        return 0
    capture_uncaught(config.logger)
    if options.workers == 0 and not config.ports_from_rings:
        return _serve_alone(config, verbose)
    give_to(options.user, options.log_file)
    settle()
    return _supervise(config, image, verbose)


def _check_pipeline(config: ServerConfig) -> None:
    """Build the pipeline once: whatever is wrong shows here and not in every worker."""
    try:
        config.load_app()
    except (ValueError, TypeError) as err:
        # How factories of other projects refuse their configuration.
        raise ConfigError('%s: %s' % (type(err).__name__, err)) from err


def _supervise(config: ServerConfig, image: reload.Program, verbose: bool) -> int:
    """Be the manager."""
    options = config.options

    def work(sockets: list[socket.socket], ready: Callable[[], None]) -> None:
        green.after_fork_in_child()
        drop_privileges(options.user)
        app = config.load_app()

        def tell() -> None:
            capture_stdio(config.logger, keep_stderr=verbose)
            ready()

        serve(sockets, app, config.engine_options(), config.logger, tell,
              options.stale_worker_timeout)

    inheritance = reload.inherit()
    guard = listening.PortGuard(inheritance.guards)
    if config.ports_from_rings:
        plan: Any = PortsFromRings(options, config.cluster, config.logger, guard)
    else:
        plan = FixedPort(options, guard)
    tidy_memory()
    manager = Supervisor(plan, work, config.logger, image, options.stale_worker_timeout)
    manager.start(inheritance, lambda port: _numeric_address(options.bind_ip, port))
    # In this order: who sees the start succeed may send signals and wait for their notifications.
    notify(READY)
    capture_stdio(config.logger, keep_stderr=verbose)
    return manager.run()


def _serve_alone(config: ServerConfig, verbose: bool) -> int:
    """Serve in this process, without fork and without dropping privileges."""
    guard = listening.PortGuard()
    sock = listening.bind(config.options, config.options.bind_port, guard)

    def ready() -> None:
        capture_stdio(config.logger, keep_stderr=verbose)
        notify(READY)

    serve([sock], config.load_app(), config.engine_options(), config.logger, ready,
          config.options.stale_worker_timeout)
    guard.close()
    notify(STOPPING)
    config.logger.notice('Exited (%d)', os.getpid())
    return 0


def _check_port(config: ServerConfig) -> None:
    port = config.options.bind_port
    if not config.ports_from_rings and not (port and 0 < port < 65536):
        raise BindError(listening.PORT_MISSING)


def _numeric_address(host: str, port: int) -> tuple[str, int]:
    """Return the address as getsockname would show it."""
    try:
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0][4][:2]
    except OSError:
        return host, port


def _prepare_signals() -> None:
    """Undo what a launcher left ignored; let signals for the manager wait until it is one.

    A second reload or a shutdown asked for while this image starts must not kill it. During a
    reload that includes TERM: only the manager's loop can end the workers as well.
    """
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    reloading = reload.NOTIFY_FD in os.environ
    signal.pthread_sigmask(signal.SIG_SETMASK,
                           WATCHED if reloading else (signal.SIGHUP, signal.SIGUSR1))
    # All local times of a cluster are UTC.
    os.environ['TZ'] = 'UTC+0'
