"""Native threads for blocking file work, a bounded pool per device (layer 1).

A green thread hands in a function and sleeps until its result is there:

    green thread --job--> (end of the loop's turn) --> SimpleQueue --> native thread
    green thread <--switch-- loop <--one eventfd write per batch of results-- native thread

Programs of file operations (swift.common.chain) go to threads without an interpreter instead,
``_chain.c``'s crew: they wake no thread that would have to wait for the interpreter lock.

Invariants: a result is delivered in the OS thread that asked for it; a waiting green thread is
woken exactly once, by its result or by whoever killed it.

Works unpatched and from plain programs too: a caller in the main greenlet is simply the only
green thread. Functions run natively: they must not use green primitives, and only loggers whose
handlers are safe in native threads.
"""
from __future__ import annotations

import contextvars
import os
import sys
import weakref

# The C class: patching replaces only the name in the ``queue`` module.
from _queue import SimpleQueue as _NativeQueue
from collections import deque
from collections.abc import Callable
from typing import Any

from swift.common import chain
from swift.common.green import (
    Event,
    Readiness,
    current_thread,
    event_loop,
    native_thread,
    native_threading,
    spawn_detached,
)

GENERAL_THREADS = 8
DISK_QUEUE_LIMIT = 1024
CLOSE_WAIT_S = 5


class _Mailbox:
    """Brings finished jobs from native threads to the loop; one wake-up per batch."""

    def __init__(self) -> None:
        self.loop = event_loop()
        self._done: deque = deque()
        self._signalled = False
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._ready = Readiness(self._fd)
        self._ready.watch(self._on_wake)

    def post(self, job: _Job) -> None:
        """Hand over a finished job. Called in native threads."""
        # Append before the flag is looked at: _deliver clears the flag before it empties the
        # queue, so a job is either seen by the running delivery or signalled anew.
        self._done.append(job)
        if not self._signalled:
            self._signalled = True
            os.eventfd_write(self._fd, 1)

    def _on_wake(self) -> None:
        os.eventfd_read(self._fd)
        self._signalled = False
        done = self._done
        while done:
            done.popleft().deliver(self.loop)

    def close(self) -> None:
        if self._ready is not None:
            self._ready.close()
            self._ready = None
            os.close(self._fd)


class _Job:
    __slots__ = ('args', 'context', 'error', 'fn', 'kwargs', 'pool', 'result', 'waiter')

    def __init__(self, pool: DiskThreads, fn: Callable, args: tuple, kwargs: dict) -> None:
        self.pool = pool
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.waiter = current_thread()
        self.context = contextvars.copy_context()
        self.result: Any = None
        self.error: BaseException | None = None

    def execute(self) -> None:
        """Run in a native thread; whatever happens is kept for the waiter."""
        try:
            self.result = self.context.run(self.fn, *self.args, **self.kwargs)
        except BaseException as error:
            self.error = error

    def deliver(self, loop: Any) -> None:
        """Wake the green thread that waits. Called by the loop."""
        pool, waiter = self.pool, self.waiter
        pool._finished()
        if waiter is not None:
            try:
                waiter.switch()
            except Exception:
                loop.squelch_generic_exception(sys.exc_info())


class _NativeCrew:
    """Threads of the extension, and the loop's ear for what they have done."""

    def __init__(self, pool: DiskThreads, threads: int) -> None:
        self._loop = event_loop()
        self.in_hand = 0
        self._finished = pool._finished
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._crew = chain.new_crew(threads, self._fd)
        self.submit = self._crew.submit
        self._ready = Readiness(self._fd)
        self._ready.watch(self._on_wake)

    def _on_wake(self) -> None:
        for token, outcome in self._crew.collect():
            self.in_hand -= 1
            self._finished()
            waiter = token[0]
            if waiter is not None:
                try:
                    waiter.switch(outcome)
                except Exception:
                    self._loop.squelch_generic_exception(sys.exc_info())

    def close(self) -> None:
        # Descriptors of a thread that hangs must stay what they are.
        if self._crew.close(CLOSE_WAIT_S):
            self._ready.close()
            os.close(self._fd)


_all_pools: weakref.WeakSet = weakref.WeakSet()


class DiskThreads:
    """A bounded pool of native threads for blocking file work, one pool per device.

    At most ``queue_limit`` jobs are in hand; further callers wait their turn, first come first
    served. Threads start when they are needed and end at close(). A job whose caller was killed
    or timed out is skipped if it has not started; otherwise its result is dropped, so return
    objects that close themselves rather than bare descriptors.
    """

    def __init__(self, name: str, threads: int = 4, queue_limit: int = DISK_QUEUE_LIMIT) -> None:
        assert threads > 0 and queue_limit > 0
        self.name = name
        self._size = threads
        self._limit = queue_limit
        self._reset()
        _all_pools.add(self)

    def _reset(self) -> None:
        """Start from nothing: at first, and in a forked child, where no thread survived."""
        self._threads: list = []
        self._jobs = _NativeQueue()
        self._new: list[_Job] = []               # jobs of this turn of the loop
        self._mailbox: _Mailbox | None = None
        self._owner: int | None = None
        self._crew: _NativeCrew | None = None
        self._in_hand = 0
        self._waiting: deque[Event] = deque()    # callers whose turn has not come
        self._done = self._abandoned = 0
        self._closed = False

    def run(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Any:
        """Call ``fn`` in a native thread and return its result or raise its exception.

        Blocks the calling green thread only. From an OS thread other than the first caller's
        the function runs right there: that thread is native already.
        """
        if native_thread.get_ident() != self._owner:
            if self._owner is not None:
                return fn(*args, **kwargs)
            self._start()
        loop = self._mailbox.loop
        self._take_turn()
        job = _Job(self, fn, args, kwargs)
        if not self._new:
            # Handed over when the loop has nothing else to do: a thread woken now would only
            # wait for the interpreter lock (measured: two context switches of six per job).
            loop.schedule_call_global(0, self._hand_over)
        self._new.append(job)
        try:
            loop.switch()
        except BaseException:
            job.waiter = None
            self._abandoned += 1
            raise
        if job.error is not None:
            try:
                raise job.error
            finally:
                del job          # breaks the cycle error -> traceback -> frame -> job
        return job.result

    def run_program(self, program: chain.Program) -> int:
        """As chain.run() without a descriptor of the caller's, blocking the green thread only.

        Cost: three switches of threads less than run(). It is not skipped when the caller is
        killed before it began.
        """
        if not self._gives_to_crew():
            return self._elsewhere(chain.run, program)
        return self._run_in_crew(program)[0]

    def read_program(self, program: chain.Program) -> list[bytes | None]:
        """As chain.read(), at the cost of run_program()."""
        if not self._gives_to_crew():
            return self._elsewhere(chain.read, program)
        return self._run_in_crew(program)[1]

    def _gives_to_crew(self) -> bool:
        return chain.is_native() and self._owner in (native_thread.get_ident(), None)

    def _elsewhere(self, run: Callable[[chain.Program], Any], program: chain.Program) -> Any:
        """Have a program carried out without the crew: by a thread of Python, or right here."""
        return run(program) if chain.is_native() else self.run(run, program)

    def _run_in_crew(self, program: chain.Program) -> tuple[int, list[bytes | None]]:
        if self._owner is None:
            self._start()
        crew = self._crew
        if crew is None:
            crew = self._crew = _NativeCrew(self, self._size)
        self._take_turn()
        token = [current_thread()]
        try:
            crew.submit(program, token)
        except BaseException:
            self._finished()
            raise
        crew.in_hand += 1
        try:
            outcome = self._mailbox.loop.switch()
        except BaseException:
            token[0] = None
            self._abandoned += 1
            raise
        return chain.outcome(program, *outcome)

    def _take_turn(self) -> None:
        """Wait until there is one job less in hand than the limit."""
        if self._in_hand < self._limit:
            self._in_hand += 1
            return
        turn = Event()
        self._waiting.append(turn)
        try:
            turn.wait()                          # whoever finishes hands us its place
        except BaseException:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._pass_turn()
            raise

    def _pass_turn(self) -> None:
        if self._waiting:
            self._waiting.popleft().send(None)
        else:
            self._in_hand -= 1

    def _hand_over(self) -> None:
        """Give the jobs of this turn of the loop to the threads."""
        jobs, self._new = self._new, []
        in_hand = self._in_hand - (self._crew.in_hand if self._crew else 0)
        while in_hand > len(self._threads) and len(self._threads) < self._size:
            self._start_thread()
        for job in jobs:
            self._jobs.put(job)

    def _finished(self) -> None:
        self._done += 1
        self._pass_turn()

    def _start(self) -> None:
        assert not self._closed, f'disk threads {self.name} are closed'
        self._mailbox = _Mailbox()
        self._owner = native_thread.get_ident()

    def _start_thread(self) -> None:
        thread = native_threading.Thread(
            target=self._work, args=(self._jobs, self._mailbox), daemon=True,
            name=f'{self.name}-{len(self._threads)}')
        self._threads.append(thread)
        thread.start()

    @staticmethod
    def _work(jobs: Any, mailbox: _Mailbox) -> None:
        while True:
            job = jobs.get()
            if job is None:
                return
            if job.waiter is not None:
                job.execute()
            mailbox.post(job)
            del job                          # results must not live until the next job

    def statistics(self) -> dict:
        """Return counters: jobs in hand (queued, running), waiting turns, done, abandoned."""
        return {'threads': len(self._threads), 'in_hand': self._in_hand,
                'waiting': len(self._waiting), 'done': self._done,
                'abandoned': self._abandoned}

    def close(self) -> None:
        """End the threads after the jobs in hand. Nobody may be waiting in run().

        Waits a few seconds at most: a thread stuck on a hung disk is left behind with its mailbox.
        """
        if self._closed:
            return
        self._closed = True
        for _thread in self._threads:
            self._jobs.put(None)
        if self._crew is not None:
            self._crew.close()
            self._crew = None
        for thread in self._threads:
            thread.join(CLOSE_WAIT_S)
        if self._mailbox is not None and not any(thread.is_alive() for thread in self._threads):
            self._mailbox.close()
        self._mailbox = self._owner = None
        self._threads = []


_general: DiskThreads | None = None


def run_in_thread(fn: Callable, /, *args: Any, **kwargs: Any) -> Any:
    """Call a blocking function in the process's shared native threads (not for device work)."""
    global _general
    if _general is None:
        _general = DiskThreads('general', GENERAL_THREADS)
    return _general.run(fn, *args, **kwargs)


def run_in_background(fn: Callable[[], Any]) -> None:
    """Let a native thread call a blocking function some time; nobody waits for the result."""
    if native_thread.get_native_id() != os.getpid():
        # A native thread has no event loop to run a green thread in, and may block as it likes.
        fn()
    else:
        spawn_detached(run_in_thread, fn)


def _reset_pools_in_child() -> None:
    for pool in list(_all_pools):
        pool._reset()


os.register_at_fork(after_in_child=_reset_pools_in_child)
