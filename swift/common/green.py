"""Green threads and waiting: the one module that imports eventlet (layer 1).

Two things live here:

* names of eventlet under our own roof (``spawn``, ``Timeout``, ``Queue`` ...), so that it can be
  replaced in one place, plus the pools that the servers need;
* ``Readiness``: waiting for a descriptor without registering and unregistering it in epoll for
  every wait (two system calls saved per request), with a deadline that costs no timer per wait.

Native threads for blocking file work are in ``disk_threads``.

Invariants: nothing here switches while it holds shared state half-changed; a callback run by the
hub never raises into the hub, because the hub would then drop the descriptor.

It is longer than other files because it alone may import eventlet.

Everything works unpatched and from plain programs too: a caller in the main greenlet is simply
the only green thread.
"""
from __future__ import annotations

import contextvars
import os
import select
import signal
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

# Compat: eventlet's green resolver breaks IPv6 and /etc/hosts lookups; must be set before import.
os.environ.setdefault('EVENTLET_NO_GREENDNS', 'yes')

with warnings.catch_warnings():
    warnings.simplefilter('ignore')              # eventlet announces that it is in bug-fix mode
    # It imports asyncio, which only its asyncio hub uses: 1.5 MiB and 40 ms for each of the
    # dozens of processes of a node. Meanwhile an empty module stands there.
    _stand_in = None if 'asyncio' in sys.modules else types.ModuleType('asyncio')
    if _stand_in is not None:
        sys.modules['asyncio'] = _stand_in
    import eventlet
    if _stand_in is not None:
        del sys.modules['asyncio']
import eventlet.event
import eventlet.queue
import eventlet.semaphore
import eventlet.timeout
from eventlet import hubs, patcher
from eventlet.hubs import epolls
from greenlet import GreenletExit, getcurrent
from greenlet import greenlet as Greenlet

native_threading = patcher.original('threading')
native_thread = patcher.original('_thread')
native_socket = patcher.original('socket')

__all__ = [
    'ContextPool', 'Crew', 'Event', 'GreenletExit', 'Lock', 'NativeLock', 'NativeRLock', 'Pile',
    'Pool', 'Queue', 'QueueEmpty', 'QueueFull', 'Readiness', 'Semaphore', 'Task', 'Timeout',
    'after_fork_in_child', 'call_later', 'connect', 'current_id', 'current_thread', 'event_loop',
    'listen', 'native_socket', 'native_thread', 'native_threading', 'on_signal', 'patch',
    'raw_socket', 'sleep', 'spawn', 'spawn_after', 'spawn_detached', 'wait_readable',
    'wait_writable', 'with_timeout',
]

Task = eventlet.greenthread.GreenThread      # .wait() .kill() .dead .cancel() .link()
Timeout = eventlet.timeout.Timeout           # a BaseException; raises itself or the given one
Event = eventlet.event.Event                 # .send(value) .send_exception(e) .wait() .ready()
Queue = eventlet.queue.LightQueue
QueueEmpty = eventlet.queue.Empty
QueueFull = eventlet.queue.Full
Semaphore = eventlet.semaphore.Semaphore
NativeLock = native_thread.allocate_lock
NativeRLock = native_threading.RLock        # for logging handlers used from disk threads
event_loop = hubs.get_hub                    # the loop of this OS thread: .switch() and timers
current_thread = getcurrent                  # the running green thread: .switch()
sleep = eventlet.sleep
with_timeout = eventlet.with_timeout

BACKLOG_DEFAULT = 4096
LOOP_SLEEP_S_MAX = 60.0


class Lock(Semaphore):
    """A lock between green threads; a context manager. Not re-entrant."""

    def __init__(self) -> None:
        super().__init__(1)


def patch() -> None:
    """Replace the blocking parts of the standard library by green ones. Call first in a server.

    ``os`` stays as it is: our file work runs in disk threads, which need the real one.
    """
    eventlet.monkey_patch(os=False, select=True, socket=True, thread=True, time=True)
    hubs.use_hub(Hub)


def after_fork_in_child() -> None:
    """Give a forked child its own event loop: epoll descriptors must not be shared."""
    hubs.use_hub(Hub)
    # Their wake-up descriptors are shared with the parent: the child sets up its own.
    for number in _signals:
        signal.signal(number, signal.SIG_DFL)
    _signals.clear()


def spawn(fn: Callable, *args: Any, **kwargs: Any) -> Task:
    """Run ``fn`` in a new green thread that sees the caller's context variables."""
    task = eventlet.spawn(fn, *args, **kwargs)
    task.gr_context = contextvars.copy_context()
    return task


def spawn_after(seconds: float, fn: Callable, *args: Any, **kwargs: Any) -> Task:
    """Like spawn(), starting later; .cancel() works until then."""
    task = eventlet.spawn_after(seconds, fn, *args, **kwargs)
    task.gr_context = contextvars.copy_context()
    return task


def spawn_detached(fn: Callable, *args: Any, **kwargs: Any) -> None:
    """Like spawn(), cheaper: nobody can wait for the result."""
    eventlet.spawn_n(fn, *args, **kwargs).gr_context = contextvars.copy_context()


_signals: set[int] = set()


def on_signal(number: int, fn: Callable[[], None]) -> None:
    """Call ``fn`` in a green thread soon after a signal arrives, even while the loop sleeps.

    The kernel restarts the loop's wait after a plain handler ran; a byte in a pipe that the loop
    watches makes it return. ``fn`` may block. Main thread only.
    """
    hub = hubs.get_hub()
    wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    hub.add(hub.READ, wake_fd, lambda fd: (os.eventfd_read(fd), eventlet.spawn_n(fn)),
            lambda error: None, None)
    _signals.add(number)
    signal.signal(number, lambda _number, _frame: os.eventfd_write(wake_fd, 1))


def current_id() -> int:
    """Return a number that identifies the running green thread."""
    return id(getcurrent())


def call_later(seconds: float, fn: Callable, *args: Any) -> Any:
    """Let the hub call ``fn`` after a delay; it must not block. The result has .cancel()."""
    return hubs.get_hub().schedule_call_global(seconds, fn, *args)


# --- the loop --------------------------------------------------------------------------------

class Hub(epolls.Hub):
    """eventlet's loop over epoll with fewer steps: it turns several times for each request.

    Left out are what nobody here uses (second listeners, detection of blocking) and work for
    timers when there is none to do. Measured: a wake-up takes 2.0 µs instead of 2.7, with epoll.
    Listeners are looked up before the first is called, as in the original, because a callback may
    close a descriptor whose number then belongs to another.
    """

    @staticmethod
    def is_available() -> bool:
        """Whether this system has epoll; eventlet asks."""
        return epolls.is_available()

    def run(self, *_args: Any, **_more: Any) -> None:
        """Turn until abort(). Runs in the hub's greenlet."""
        assert not self.running, 'one loop per thread'
        clock = self.clock
        self.running = True
        self.stopping = False
        try:
            while not self.stopping:
                while self.closed:
                    self.close_one()
                if self.next_timers:
                    self.prepare_timers()
                seconds = LOOP_SLEEP_S_MAX
                if self.timers:
                    now = clock()
                    if self.timers[0][0] <= now:
                        self.fire_timers(now)
                        now = clock()
                    if self.next_timers:
                        self.prepare_timers()
                    if self.timers:
                        seconds = max(0.0, self.timers[0][0] - now)
                self.wait(seconds)
            self.timers_canceled = 0
            self.timers.clear()
            self.next_timers.clear()
        finally:
            self.running = self.stopping = False

    def wait(self, seconds: float | None = None) -> None:
        """Sleep until something is ready, ``seconds`` at most, and call who waits for it."""
        readers, writers = self.listeners[self.READ], self.listeners[self.WRITE]
        due = []
        for fd, event in self.poll.poll(seconds):
            if event & _READABLE and (listener := readers.get(fd)) is not None:
                due.append(listener)
            if event & _WRITABLE and (listener := writers.get(fd)) is not None:
                due.append(listener)
        for listener in due:
            try:
                listener.cb(listener.fileno)
            except self.SYSTEM_EXCEPTIONS:
                raise
            except BaseException:
                self.squelch_exception(listener.fileno, sys.exc_info())

    def switch(self) -> Any:
        """Let the others run until somebody switches back. In any green thread but the loop's."""
        loop = self.greenlet
        if getcurrent().parent is loop and not loop.dead:
            return loop.switch()
        return super().switch()


# Whoever waits for a descriptor is to learn of its end as well.
_READABLE = select.EPOLLIN | select.EPOLLPRI | select.EPOLLERR | select.EPOLLHUP
_WRITABLE = select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP


# --- pools -----------------------------------------------------------------------------------

class Pool(eventlet.GreenPool):
    """At most ``size`` green threads; spawn() blocks while all are busy.

    .spawn(fn, *args)->Task .waitall() .free() .running()
    """

    def spawn(self, fn: Callable, *args: Any, **kwargs: Any) -> Task:
        task = super().spawn(fn, *args, **kwargs)
        task.gr_context = contextvars.copy_context()
        return task


class Crew:
    """Green threads that are kept for the next piece of work; the hub hands it to them.

    Starting a green thread costs several µs and fresh pages; a kept one costs two switches.
    At most ``kept`` idle ones stay.
    """

    def __init__(self, kept: int = 64) -> None:
        self._kept = kept
        self._idle: list = []
        self._hub = hubs.get_hub()

    def start(self, fn: Callable[[], None]) -> None:
        """Run ``fn`` now; return when it first blocks or ends. Called by hub callbacks only."""
        assert getcurrent() is self._hub.greenlet
        if self._idle:
            self._idle.pop().switch(fn)
        else:
            Greenlet(self._work, self._hub.greenlet).switch(fn)

    def start_soon(self, fn: Callable[[], None]) -> None:
        """Run ``fn`` at the loop's next turn. May be called from anywhere."""
        self._hub.schedule_call_global(0, self.start, fn)

    def _work(self, fn: Callable[[], None] | None) -> None:
        me = getcurrent()
        while fn is not None:
            # A fresh context: a request must not see its predecessor's transaction id.
            contextvars.Context().run(fn)
            if len(self._idle) >= self._kept:
                return
            self._idle.append(me)
            fn = self._hub.switch()

    def close(self) -> None:
        """Let the idle green threads end."""
        while self._idle:
            self._hub.schedule_call_global(0, self._idle.pop().switch, None)


class ContextPool(Pool):
    """A pool for one ``with`` block: whatever still runs at its end is killed."""

    def __enter__(self) -> ContextPool:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    def close(self) -> None:
        for task in list(self.coroutines_running):
            task.kill(GreenletExit)


class Pile:
    """Run functions side by side and take results in the order in which they come.

    Iteration ends when every spawned function has been answered for. A function that raised
    raises again at its turn of the iteration. At most ``size`` run at once; spawn() blocks
    beyond that. As a context manager it kills leftovers at the end.
    """

    def __init__(self, size: int | ContextPool) -> None:
        self._pool = size if isinstance(size, Pool) else ContextPool(size)
        self._results = Queue()
        self._pending = 0

    def __enter__(self) -> Pile:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._pool.close()

    def spawn(self, fn: Callable, *args: Any, **kwargs: Any) -> Task:
        self._pending += 1
        return self._pool.spawn(self._call, fn, args, kwargs)

    def _call(self, fn: Callable, args: tuple, kwargs: dict) -> None:
        try:
            outcome = (fn(*args, **kwargs), None)
        except GreenletExit:
            outcome = (None, None)
        except (Exception, Timeout) as error:
            outcome = (None, error)
        self._results.put(outcome)

    @property
    def pending(self) -> int:
        """How many results have not been taken yet."""
        return self._pending

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self._pending:
            raise StopIteration
        return self._take(None)

    def _take(self, timeout: float | None) -> Any:
        result, error = self._results.get(timeout=timeout)
        self._pending -= 1
        if error is not None:
            raise error
        return result

    def wait_first(self, timeout: float | None) -> Any:
        """Return the next result, or None when none comes within ``timeout`` seconds."""
        if not self._pending:
            return None
        try:
            return self._take(timeout)
        except QueueEmpty:
            return None

    def wait_all(self, timeout: float | None) -> list:
        """Return the results that come within ``timeout`` seconds; failed calls are left out."""
        results: list = []
        try:
            with Timeout(timeout, False):
                while self._pending:
                    result, error = self._results.get()
                    self._pending -= 1
                    if error is None:
                        results.append(result)
        except QueueEmpty:                       # pragma: no cover - get() without a timeout
            pass
        return results


# --- waiting for descriptors -----------------------------------------------------------------

class Readiness:
    """Waits for one descriptor; at most one green thread per direction waits at a time.

    The descriptor stays registered after a wait, since the next wait nearly always follows; an
    event that nobody waits for takes the registration away. A wait's deadline is a number;
    the one timer behind it is moved only when it fires early.

    ``watch(callback)`` lets the hub call ``callback()`` on each readable event instead. Whoever
    owns the descriptor calls close() before closing it. Cost of a wait: two switches.
    """

    __slots__ = ('_callback', '_deadlines', '_fd', '_file', '_hub', '_listeners', '_timer',
                 '_timer_at', '_waiters')

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._file, self._hub = os.fstat(fd)[1:3], hubs.get_hub()    # inode and device
        self._listeners: list = [None, None]     # index: 0 read, 1 write
        self._waiters: list = [None, None]
        self._deadlines: list = [None, None]
        self._callback: Callable | None = None
        self._timer: Any = None
        self._timer_at = 0.0

    def wait_read(self, timeout: float | None = None) -> bool:
        """Block until readable; False when ``timeout`` seconds passed first."""
        if self._listeners[0] is None:
            self._listeners[0] = self._registered(self._hub.READ, self._on_readable)
        return self._wait(0, timeout)

    def wait_write(self, timeout: float | None = None) -> bool:
        """Block until writable; False when ``timeout`` seconds passed first."""
        # A socket is writable nearly always, so this registration lives only for the wait.
        if self._listeners[1] is None:
            self._listeners[1] = self._registered(self._hub.WRITE, self._on_writable)
        try:
            return self._wait(1, timeout)
        finally:
            self._drop(1)

    def _wait(self, way: int, timeout: float | None) -> bool:
        waiters, hub = self._waiters, self._hub
        assert waiters[way] is None, 'two green threads wait for one descriptor'
        if timeout is None:
            self._deadlines[way] = None
        else:
            at = self._deadlines[way] = hub.clock() + timeout
            if self._timer is None or self._timer_at > at:
                self._move_timer(at, timeout)
        waiters[way] = getcurrent()
        try:
            return hub.switch()
        finally:
            waiters[way] = None

    def watch(self, callback: Callable[[], None]) -> None:
        """From now on let the hub call ``callback`` while the descriptor is readable."""
        self._callback = callback
        if self._listeners[0] is None:
            self._listeners[0] = self._registered(self._hub.READ, self._on_readable)

    def _registered(self, way: str, callback: Callable) -> Any:
        known = self._hub.listeners[way].get(self._fd)
        other = getattr(known.cb, '__self__', None) if known else None
        # Who closed a descriptor without a word must not harm the next one with its number.
        if type(other) is Readiness and other._file != self._file:
            other.close()
        return self._hub.add(way, self._fd, callback, self._on_closed, None)

    def unwatch(self) -> None:
        """Stop calling back. The registration stays until an event finds nobody interested."""
        self._callback = None

    def close(self) -> None:
        """Forget the descriptor; waiting green threads get False."""
        self._callback = None
        self._drop(0)
        self._drop(1)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for way in (0, 1):
            waiter = self._waiters[way]
            if waiter is not None and waiter is not getcurrent():
                self._hub.schedule_call_global(0, self._wake_closed, way, waiter)

    def _wake_closed(self, way: int, waiter: Any) -> None:
        # A timeout may have ended the wait in the meantime: then it waits for something else now.
        if self._waiters[way] is waiter:
            waiter.switch(False)

    def _drop(self, way: int) -> None:
        listener = self._listeners[way]
        if listener is not None:
            self._listeners[way] = None
            self._hub.remove(listener)

    def _on_readable(self, _fd: int) -> None:
        waiter = self._waiters[0]
        try:
            if waiter is not None:
                waiter.switch(True)
            elif self._callback is not None:
                self._callback()
            else:
                self._drop(0)
        except Exception:
            self._hub.squelch_generic_exception(sys.exc_info())

    def _on_writable(self, _fd: int) -> None:
        waiter = self._waiters[1]
        try:
            if waiter is not None:
                waiter.switch(True)
            else:
                self._drop(1)
        except Exception:
            self._hub.squelch_generic_exception(sys.exc_info())

    def _on_closed(self, _error: Any) -> None:
        """The hub found the descriptor reused: somebody closed it behind our back."""
        self._listeners = [None, None]
        for waiter in self._waiters:
            if waiter is not None:
                waiter.switch(False)

    def _move_timer(self, at: float, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._hub.schedule_call_global(seconds, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._hub.clock()
        for way in (0, 1):
            waiter, at = self._waiters[way], self._deadlines[way]
            if waiter is None or at is None:
                continue
            if at > now:
                if self._timer is None or self._timer_at > at:
                    self._move_timer(at, at - now)
            else:
                try:
                    waiter.switch(False)
                except Exception:
                    self._hub.squelch_generic_exception(sys.exc_info())


def _wait_fd(fd: Any, timeout: float | None, read: bool) -> bool:
    ready = Readiness(fd if isinstance(fd, int) else fd.fileno())
    try:
        return ready.wait_read(timeout) if read else ready.wait_write(timeout)
    finally:
        ready.close()


def wait_readable(fd: Any, timeout: float | None = None) -> bool:
    """Block until a descriptor (or object with fileno()) is readable; False on timeout."""
    return _wait_fd(fd, timeout, True)


def wait_writable(fd: Any, timeout: float | None = None) -> bool:
    """Block until a descriptor (or object with fileno()) is writable; False on timeout."""
    return _wait_fd(fd, timeout, False)


# --- sockets -----------------------------------------------------------------------------------

def raw_socket(sock: Any) -> Any:
    """Return the non-blocking socket of the operating system behind a plain or green one."""
    sock = getattr(sock, 'fd', sock)
    sock.setblocking(False)
    return sock


def listen(address: tuple | str, backlog: int = BACKLOG_DEFAULT, *, reuse_port: bool = False,
           family: int | None = None) -> Any:
    """Return a native non-blocking listening socket: ``(ip, port)`` or a unix socket path."""
    net = native_socket
    if family is None:
        family = net.AF_UNIX if isinstance(address, str) else (
            net.AF_INET6 if ':' in address[0] else net.AF_INET)
    sock = net.socket(family, net.SOCK_STREAM)
    try:
        if family != net.AF_UNIX:
            sock.setsockopt(net.SOL_SOCKET, net.SO_REUSEADDR, 1)
            if reuse_port:
                sock.setsockopt(net.SOL_SOCKET, net.SO_REUSEPORT, 1)
            # Inherited by accepted sockets: no setsockopt per connection.
            sock.setsockopt(net.IPPROTO_TCP, net.TCP_NODELAY, 1)
        sock.bind(address)
        sock.listen(backlog)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def connect(address: tuple, timeout: float | None = None) -> Any:
    """Return a native non-blocking socket connected to ``(ip, port)``.

    Raises TimeoutError after ``timeout`` seconds and OSError as the system reports it.
    """
    net = native_socket
    family = net.AF_INET6 if ':' in address[0] else net.AF_INET
    sock = net.socket(family, net.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(net.IPPROTO_TCP, net.TCP_NODELAY, 1)
        try:
            sock.connect(address)
        except BlockingIOError:
            if not wait_writable(sock, timeout):
                raise TimeoutError(f'no connection to {address[0]}:{address[1]} '
                                   f'within {timeout} s') from None
            code = sock.getsockopt(net.SOL_SOCKET, net.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code)) from None
    except BaseException:
        sock.close()
        raise
    return sock
