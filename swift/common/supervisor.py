"""The manager process of a WSGI server: one listening socket per worker, one loop.

Layer 1. The manager never serves. It takes signals synchronously (`sigtimedwait` with all of
them blocked), so that no handler interrupts anything:

    start:   bind, fork workers, wait for `ready` of each
    TERM     kill the whole process group, exit                      in-flight requests are cut
    INT      the same, said differently
    HUP      stop accepting, exit; workers finish on their own
    USR1     seamless reload (swift.common.reload)
    CHLD     reap, fork a replacement

What should run is a set of keys (port, index) from a Plan; the loop makes reality match it.
With a fixed port the set never changes; with servers_per_port it follows the rings.

Invariants: a socket belongs to exactly one worker at a time; a worker that cannot start ends
the first start with an error, but later is only logged and tried again. A worker has one
socket, except after a reload to fewer workers: inherited sockets are shared out, because
closing one would reset the connections that wait in it.

Source: sheet 07 sections 5.2 to 5.5.
"""
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from socket import socket
from typing import Any, Protocol

from swift.common import reload
from swift.common.clock import SYSTEM, Clock
from swift.common.errors import BindError, SwiftError
from swift.common.listening import PortGuard
from swift.common.notify import RELOADING, STOPPING, forget_systemd, notify

WATCHED = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1,
                     signal.SIGCHLD))
CHECK_INTERVAL_S = 0.5
READY_POLL_S = 0.02
RESPAWN_INTERVAL_S = 1.0
LAST_WORDS_S = 2.0
READY_WORD = b'ready'

Key = tuple[int, int]


class StartError(SwiftError):
    """A worker could not start."""


class Plan(Protocol):
    """What should listen where."""

    check_interval_s: float
    guard: PortGuard

    def wanted(self) -> list[Key]:
        """Return (port, index) of each worker that should exist."""

    def bind(self, port: int) -> socket:
        """Return a listening socket; raises BindError."""

    def release(self, port: int) -> None:
        """The port is not needed any more."""

    def bind_is_fatal(self) -> bool:
        """Tell whether a port that cannot be had ends the start."""


@dataclass
class Slot:
    """One worker: its sockets and, while it lives, its process."""

    socks: list[socket]
    pid: int = 0
    respawn_at: float = 0.0


class Supervisor:
    """The manager's state and loop. `serve(sockets, ready)` runs in each child and never returns
    normally before the worker is done; `ready()` must be called once it accepts."""

    def __init__(self, plan: Plan, serve: Callable[[list[socket], Callable[[], None]], None],
                 logger: Any, program: reload.Program, stale_timeout_s: float = 86400,
                 clock: Clock = SYSTEM):
        self._plan = plan
        self._serve = serve
        self._logger = logger
        self._program = program
        self._stale_timeout_s = stale_timeout_s
        self._clock = clock
        self._slots: dict[Key, Slot] = {}
        self._old_pids: dict[int, float] = {}
        self._stop_signal = 0
        self._inheritance = reload.Inheritance()

    # -- start ----------------------------------------------------------------------------------

    def start(self, inheritance: reload.Inheritance,
              address_of: Callable[[int], tuple[str, int]]) -> None:
        """Bind and fork all workers, wait until they serve, take over from an older image.

        Raises BindError or StartError; then no worker is left.
        """
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        self._inheritance = inheritance
        inherited_count = len(inheritance.sockets)
        try:
            for key in self._plan.wanted():
                self._add(key, inheritance.adopt(address_of(key[0])))
            while self._share_out(inheritance, address_of):
                pass
            kept = len(inheritance.sockets) < inherited_count
            inheritance.close_unused()
            for key in list(self._slots):
                self._fork(key)
        except SwiftError:
            self._terminate_children()
            raise
        self._old_pids = reload.report_ready(inheritance, kept, self._logger)

    def _share_out(self, inheritance: reload.Inheritance,
                   address_of: Callable[[int], tuple[str, int]]) -> bool:
        """Give each worker at most one more inherited socket; False when none was left."""
        given = False
        for key, slot in self._slots.items():
            extra = inheritance.adopt(address_of(key[0]))
            if extra is not None:
                slot.socks.append(extra)
                given = True
        return given

    def _add(self, key: Key, sock: socket | None = None) -> None:
        try:
            self._slots[key] = Slot([sock or self._plan.bind(key[0])])
        except BindError as err:
            if self._plan.bind_is_fatal():
                raise
            self._logger.critical('%s', err)

    def _fork(self, key: Key) -> None:
        """Start the worker of a slot and wait for its ready word; raises StartError."""
        slot = self._slots[key]
        try:
            reader, writer = os.pipe()
            pid = os.fork()
        except OSError as err:  # no descriptors or no processes left: it may pass
            raise StartError('Unable to start a worker: %s' % err) from None
        if pid == 0:
            os.close(reader)
            self._be_worker(slot, writer)  # never returns
        os.close(writer)
        slot.pid = pid
        try:
            words = self._read_words(reader)
        finally:
            os.close(reader)
        if words != READY_WORD and not self._stop_signal:
            raise StartError('worker %d did not start normally: %s'
                             % (pid, words.decode('utf-8', 'replace') or 'it just exited'))
        self._logger.notice('Started child %d from parent %d', pid, os.getpid())

    def _read_words(self, fd: int) -> bytes:
        """Return what a new worker says, ready or a complaint; b'' if we are to stop."""
        os.set_blocking(fd, False)
        while True:
            try:
                return os.read(fd, 4096)
            except BlockingIOError:
                info = signal.sigtimedwait((signal.SIGTERM, signal.SIGINT), READY_POLL_S)
                if info is not None:
                    self._stop_signal = info.si_signo
                    return b''

    def _be_worker(self, slot: Slot, fd: int) -> None:
        code = 1
        try:
            forget_systemd()
            self._inheritance.close_pipes()
            self._plan.guard.close()
            for other in self._slots.values():
                if other is not slot:
                    close_all(other.socks)

            def ready() -> None:
                os.write(fd, READY_WORD)
                os.close(fd)

            self._serve(slot.socks, ready)
            self._logger.notice('Child %d exiting normally', os.getpid())
            code = 0
        except SwiftError as err:
            self._complain(fd, str(err))
        except BaseException as err:  # the process boundary: nothing may run past it
            self._logger.exception('Child %d exiting after exception', os.getpid())
            self._complain(fd, repr(err))
        finally:
            self._logger.flush()
            os._exit(code)

    @staticmethod
    def _complain(fd: int, text: str) -> None:
        try:
            os.write(fd, text.encode('utf-8', 'replace')[:4000])
        except OSError:
            pass  # it was ready already; the log has the reason

    # -- loop -----------------------------------------------------------------------------------

    def run(self) -> int:
        """Supervise until a signal ends the service; return the exit code."""
        try:
            return self._loop()
        except BaseException:
            self._terminate_children()  # a bug must not leave workers without a manager
            raise

    def _loop(self) -> int:
        checked_at = self._clock.monotonic()
        while True:
            number = self._stop_signal or self._wait_signal()
            if number in (signal.SIGTERM, signal.SIGINT):
                return self._terminate(number)
            if number == signal.SIGHUP:
                return self._finish()
            if number == signal.SIGUSR1:
                self._reload()
            self._reap()
            self._kill_stale()
            if self._clock.monotonic() >= checked_at + self._plan.check_interval_s:
                checked_at = self._clock.monotonic()
                self._follow_plan()
            self._respawn()
            self._logger.flush()

    @staticmethod
    def _wait_signal() -> int:
        info = signal.sigtimedwait(WATCHED, CHECK_INTERVAL_S)
        return info.si_signo if info is not None else 0

    def _reap(self) -> None:
        while True:
            try:
                pid, _status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            slot = next((slot for slot in self._slots.values() if slot.pid == pid), None)
            if slot is not None:
                self._logger.error('Removing dead child %d from parent %d', pid, os.getpid())
                slot.pid = 0
            elif self._old_pids.pop(pid, None) is not None:
                self._logger.notice('Removing stale child %d from parent %d', pid, os.getpid())
            else:
                self._logger.warning('Ignoring wait() result from unknown PID %d', pid)

    def _kill_stale(self) -> None:
        for pid, since in list(self._old_pids.items()):
            age = self._clock.time() - since
            if age < self._stale_timeout_s:
                continue
            try:
                ours = os.waitpid(pid, os.WNOHANG) == (0, 0)
            except ChildProcessError:
                ours = False
            if ours:
                self._logger.notice('Killing long-running stale worker %d after %ds', pid, age)
                os.kill(pid, signal.SIGKILL)
            else:
                del self._old_pids[pid]

    def _follow_plan(self) -> None:
        """Bind what became wanted; then close what no longer is."""
        wanted = self._plan.wanted()
        for key in wanted:
            if key not in self._slots:
                self._add(key)
        self._respawn()
        gone = set(self._slots) - set(wanted)
        for key in gone:
            slot = self._slots.pop(key)
            self._logger.notice('Closing unnecessary sock for port %d', key[0])
            pids = [slot.pid] if slot.pid else []
            self._old_pids.update(dict.fromkeys(pids, self._clock.time()))
            reload.stop_listening(slot.socks, pids)
        for port in {port for port, _index in gone} - {port for port, _index in wanted}:
            self._plan.release(port)

    def _respawn(self) -> None:
        now = self._clock.monotonic()
        for key, slot in list(self._slots.items()):
            if slot.pid or now < slot.respawn_at:
                continue
            slot.respawn_at = now + RESPAWN_INTERVAL_S
            try:
                self._fork(key)
            except StartError as err:
                self._logger.critical('%s', err)
                slot.pid = 0

    # -- ends -----------------------------------------------------------------------------------

    def _terminate(self, number: int) -> int:
        if number == signal.SIGINT:
            self._logger.notice('User quit')
        else:
            self._logger.notice('SIGTERM received (%d)', os.getpid())
        notify(STOPPING)
        os.killpg(0, signal.SIGTERM)  # blocked for us
        self._terminate_children()
        self._logger.notice('Exited (%d)', os.getpid())
        self._logger.flush()
        return 0

    def _terminate_children(self) -> None:
        """TERM all workers and reap them for a short while."""
        for slot in self._slots.values():
            close_all(slot.socks)
            if slot.pid:
                try:
                    os.kill(slot.pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass
        deadline = self._clock.monotonic() + LAST_WORDS_S
        while self._clock.monotonic() < deadline:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            signal.sigtimedwait((signal.SIGCHLD,), READY_POLL_S)

    def _finish(self) -> int:
        """Graceful shutdown: the workers drain their accept queues and requests, we leave."""
        self._logger.notice('SIGHUP received (%d)', os.getpid())
        notify(STOPPING)
        reload.stop_listening(self._sockets(), self._pids())
        self._logger.notice('Exited (%d)', os.getpid())
        self._logger.flush()
        return 0

    def _reload(self) -> None:
        """Execute the program anew; if that fails, nothing can run on."""
        self._logger.notice('SIGUSR1 received (%d), reloading', os.getpid())
        notify(RELOADING)
        reload.start_closer(self._sockets(), self._plan.guard.sockets, self._pids(),
                            self._old_pids, self._clock.time(), self._logger)
        self._logger.close()
        try:
            self._program.replace_process()
        except OSError as err:
            self._logger.critical('Unable to execute %s: %s', self._program.path, err)
            os.killpg(0, signal.SIGTERM)
            os._exit(1)

    def _sockets(self) -> list[socket]:
        return [sock for slot in self._slots.values() for sock in slot.socks]

    def _pids(self) -> list[int]:
        return [slot.pid for slot in self._slots.values() if slot.pid]


def close_all(sockets: list[socket]) -> None:
    """Close our descriptors of some sockets; other processes keep theirs."""
    for sock in sockets:
        sock.close()
