"""Seamless reload: a new program image takes over while the old workers finish.

Layer 1. Protocol between the manager, its temporary child (the closer) and the new image,
which keeps the manager's pid. It is the one of older releases, so that either side may be one:

    manager   fork closer; exec own program with __SWIFT_SERVER_NOTIFY_FD and
              __SWIFT_SERVER_CHILD_STATE_FD (two pipes) in the environment
    new image load, start workers; write `<pid>` to the notify pipe
    closer    write the state: 4-byte big-endian length + JSON {"old_pids": {pid: unix time}}
              then stop the old workers' listening and exit
    new image read the state: children to reap, and to kill after stale_worker_timeout

Our addition, without which each reload resets the connections that wait in the old sockets'
queues: listening sockets are inherited too (__SWIFT_SERVER_LISTEN_FDS). A new image that uses
them writes `<pid> kept`; the closer then leaves the sockets open and asks the old workers to
stop with SIGHUP. Otherwise it shuts the sockets down. If the new image dies, the pipe ends
without data: the closer says so and shuts the sockets down.

Source: sheet 07 section 5.5.
"""
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from swift.common.listening import inherited

NOTIFY_FD = '__SWIFT_SERVER_NOTIFY_FD'
STATE_FD = '__SWIFT_SERVER_CHILD_STATE_FD'
LISTEN_FDS = '__SWIFT_SERVER_LISTEN_FDS'
LENGTH = struct.Struct('!I')
MESSAGE_SIZE_MAX = 64
STATE_SIZE_MAX = 1 << 20
STOP_GRACE_S = 0.1


@dataclass
class Inheritance:
    """What a manager finds in its environment after a reload; empty after a plain start."""

    notify_fd: int | None = None
    state_fd: int | None = None
    sockets: list[socket.socket] = field(default_factory=list)
    guards: list[socket.socket] = field(default_factory=list)  # of the ports; listening.PortGuard

    def adopt(self, address: tuple[str, int]) -> socket.socket | None:
        """Return and remove an inherited socket that listens on `address`, if there is one."""
        for sock in self.sockets:
            if sock.getsockname()[:2] == address:
                self.sockets.remove(sock)
                return sock
        return None

    def close_pipes(self) -> None:
        """In a worker: leave talking to the closer to the manager."""
        for fd in (self.notify_fd, self.state_fd):
            if fd is not None:
                os.close(fd)
        self.notify_fd = self.state_fd = None

    def close_unused(self) -> None:
        """Close the sockets that nobody adopted."""
        for sock in self.sockets:
            sock.close()
        self.sockets.clear()


def inherit(environ: dict[str, str] | os._Environ = os.environ) -> Inheritance:
    """Take what a previous image left in the environment, and remove it from there."""
    found = Inheritance(_take_fd(environ, NOTIFY_FD), _take_fd(environ, STATE_FD))
    for word in environ.pop(LISTEN_FDS, '').split(','):
        if word.isdecimal():
            try:
                sock = inherited(int(word))
            except OSError:
                continue
            (found.guards if sock.family == socket.AF_UNIX else found.sockets).append(sock)
    return found


def _take_fd(environ: Any, name: str) -> int | None:
    word = environ.pop(name, '')
    if not word.isdecimal():
        return None
    try:
        os.set_inheritable(int(word), False)
    except OSError:
        return None
    return int(word)


def report_ready(inheritance: Inheritance, kept: bool, logger: Any) -> dict[int, float]:
    """Tell the closer that the new workers serve; return {pid: time} of the old children.

    A closer that is gone or talks nonsense costs a log line and the knowledge of old workers.
    """
    if inheritance.notify_fd is None:
        return {}
    try:
        message = '%d kept' % os.getpid() if kept else '%d' % os.getpid()
        os.write(inheritance.notify_fd, message.encode())
    except OSError as err:
        logger.warning('Unable to tell the old workers to stop: %s', err)
    os.close(inheritance.notify_fd)
    inheritance.notify_fd = None
    if inheritance.state_fd is None:
        return {}
    with os.fdopen(inheritance.state_fd, 'rb') as pipe:
        inheritance.state_fd = None
        return read_state(pipe.read, logger)


def read_state(read: Callable[[int], bytes], logger: Any) -> dict[int, float]:
    """Return the old children named in a state message; {} with a log line if it is broken."""
    head = read(LENGTH.size)
    if len(head) < LENGTH.size:
        logger.warning('Previous manager sent no state; old workers will not be supervised')
        return {}
    size = min(LENGTH.unpack(head)[0], STATE_SIZE_MAX)
    body = read(size)
    if len(body) < size:
        logger.warning('Previous manager sent %d of %d bytes of state', len(body), size)
        return {}
    try:
        return {int(pid): float(when) for pid, when in json.loads(body)['old_pids'].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        logger.error('Previous manager sent invalid state %r', body[:200])
        return {}


def encode_state(old_pids: dict[int, float]) -> bytes:
    """Return the state message."""
    body = json.dumps({'old_pids': {str(pid): when for pid, when in old_pids.items()}}).encode()
    return LENGTH.pack(len(body)) + body


@dataclass(frozen=True)
class Program:
    """How this process was started, remembered before anything changes the directory."""

    path: str
    arguments: tuple[str, ...]

    @classmethod
    def remember(cls) -> 'Program':
        """Return what has to be executed to start this program again.

        The path is not resolved: a link that is moved to a new installation is followed, and
        so is the interpreter that an installed program names in its first line. A program that
        leaves it to `env` keeps the interpreter it runs on.
        """
        script = os.path.abspath(sys.argv[0])
        if not os.path.isfile(script):
            return cls(sys.executable, (sys.executable, *sys.orig_argv[1:]))
        if os.access(script, os.X_OK) and names_its_interpreter(script):
            return cls(script, (script, *sys.argv[1:]))
        return cls(sys.executable, (sys.executable, script, *sys.argv[1:]))

    def with_config(self, path: str) -> 'Program':
        """Return the program with `path` for the argument that names it, relative or not: the
        manager works in another directory. Has to be called before it goes there."""
        return Program(self.path, tuple(path if os.path.abspath(word) == path else word
                                        for word in self.arguments))

    def replace_process(self) -> None:
        """Execute the program in place of this process. Returns only by OSError."""
        os.execv(self.path, self.arguments)


def names_its_interpreter(script: str) -> bool:
    """Tell whether a program's first line says which Python runs it, not leaving it to env."""
    try:
        with open(script, 'rb') as stream:
            line = stream.readline(256)
    except OSError:
        return False
    return line.startswith(b'#!/') and not line.split()[0].endswith(b'/env')


def start_closer(sockets: Iterable[socket.socket], guards: Iterable[socket.socket],
                 workers: Iterable[int], old_pids: dict[int, float], now: float,
                 logger: Any) -> None:
    """Fork the closer and put everything the next image needs into the environment.

    The caller then executes its program; all descriptors named stay open across that.
    """
    sockets = list(sockets)
    workers = list(workers)
    passed_on = [*sockets, *guards]
    notify_read, notify_write = os.pipe()
    state_read, state_write = os.pipe()
    if os.fork() == 0:
        code = 1
        try:
            os.close(notify_write)
            os.close(state_read)
            state = {**old_pids, **dict.fromkeys(workers, now), os.getpid(): now}
            _close_when_told(notify_read, state_write, state, sockets, workers, logger)
            code = 0
        finally:
            os._exit(code)
    os.close(notify_read)
    os.close(state_write)
    os.environ[NOTIFY_FD] = str(notify_write)
    os.environ[STATE_FD] = str(state_read)
    os.environ[LISTEN_FDS] = ','.join(str(sock.fileno()) for sock in passed_on)
    for fd in (notify_write, state_read, *(sock.fileno() for sock in passed_on)):
        os.set_inheritable(fd, True)


def _close_when_told(notify_fd: int, state_fd: int, state: dict[int, float],
                     sockets: list[socket.socket], workers: list[int], logger: Any) -> None:
    """The closer's life: wait for the new image, answer, stop the old workers' listening."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    message = os.read(notify_fd, MESSAGE_SIZE_MAX)
    if message:
        try:
            os.write(state_fd, encode_state(state))
        except OSError as err:
            logger.warning('Unable to send state to the new manager: %s', err)
    else:
        logger.warning('New manager did not start; closing old sockets of %d workers',
                       len(workers))
    os.close(state_fd)
    os.close(notify_fd)
    if message.endswith(b' kept'):
        stop_listening(sockets, workers)
    else:
        # The new image may hold these sockets open without knowing of them, so closing is not
        # enough to have connections refused.
        ask_to_finish(workers)
        pause()
        for sock in sockets:
            shut_down(sock)
    logger.flush()


def stop_listening(sockets: Iterable[socket.socket], workers: Iterable[int]) -> None:
    """Make workers stop accepting, and give them a moment to do so.

    Our descriptors are closed first: a worker accepts what waits in its queue and closes its
    socket, and if that is the last descriptor, later connections are refused. As long as we had
    it open too, they would be queued for nobody.
    """
    for sock in sockets:
        sock.close()
    ask_to_finish(workers)
    pause()


def pause() -> None:
    """Sleep a moment, in a way that nothing patches and no green thread can use."""
    signal.sigtimedwait((signal.SIGALRM,), STOP_GRACE_S)


def shut_down(sock: socket.socket) -> None:
    """Stop all processes that share a listening socket from accepting on it."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def ask_to_finish(workers: Iterable[int]) -> None:
    """Ask workers to accept no more, to finish what they have, and to exit."""
    for pid in workers:
        try:
            os.kill(pid, signal.SIGHUP)
        except ProcessLookupError:
            pass
