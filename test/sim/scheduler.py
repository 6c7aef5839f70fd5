"""Time, tasks and the order in which everything happens. One seed, one history.

A task is a generator that belongs to an owner (a node or a proxy) and yields what it waits for:

    None           a durable step is done: others may run now, and the owner may crash here
    a number       sleep so many seconds
    a Call         one message and its answer (None: no answer came in time)
    [Call, ...]    several at once; the answers in the same order
    a Mailbox      the next answer to any of the calls posted there, as (tag, answer)

In a storm every pause takes a random time. When it is calm tasks run to their end at once, one
after another: what they must not do under stress was tried before, what remains is arithmetic.
"""
import heapq
import random
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

STEP_SECONDS_MAX = 0.02
# Share of the durable steps after which others get a chance.
PAUSE_SHARE = 0.4


class Task:
    """A running generator. Dies with its owner."""

    __slots__ = ('owner', 'generator', 'on_done', 'is_dead')

    def __init__(self, owner: Any, generator: Generator, on_done: Callable[[Any], None] | None):
        self.owner = owner
        self.generator = generator
        self.on_done = on_done
        self.is_dead = False

    def kill(self) -> None:
        self.is_dead = True
        self.generator.close()


class Mailbox:
    """Where answers to several calls arrive, in any order."""

    __slots__ = ('_scheduler', '_letters', 'waiting')

    def __init__(self, scheduler: 'Scheduler'):
        self._scheduler = scheduler
        self._letters: deque[tuple[Any, Any]] = deque()
        self.waiting: Callable[[Any], None] | None = None

    def post(self, tag: Any, call: Any) -> None:
        """Send a call; its answer arrives under the tag."""
        if self._scheduler.is_calm:
            self._letters.append((tag, self._scheduler.network.ask_now(call)))
        else:
            self._scheduler.network.send(call, lambda answer: self.put(tag, answer))

    def put(self, tag: Any, answer: Any) -> None:
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting((tag, answer))
        else:
            self._letters.append((tag, answer))

    def remind(self, tag: Any, seconds: float) -> None:
        """Let a letter without content arrive later; not in calm weather, when nobody waits."""
        if not self._scheduler.is_calm:
            self._scheduler.at(seconds, self.put, tag, None)

    def take(self) -> tuple[Any, Any] | None:
        return self._letters.popleft() if self._letters else None


class Scheduler:
    """The heap of future events. `trace` gets what happens, if anybody wants to read it."""

    def __init__(self, seed: int, trace: Callable[[str], None] | None = None):
        self.rng = random.Random(seed)
        self.now = 0.0
        self.is_calm = False
        self.crash_rate = 0.0
        self.event_count = 0
        self.network: Any = None
        self._heap: list[tuple[float, int, Callable, tuple]] = []
        self._number = 0
        self._trace = trace

    def note(self, text: str, *values: Any) -> None:
        """Write a line of the trace. Values are formatted only if somebody reads it."""
        if self._trace is not None:
            self._trace('%10.3f  %s' % (self.now, text % values))

    def at(self, delay: float, function: Callable, *args: Any) -> None:
        """Call a function after so many seconds."""
        self._number += 1
        heapq.heappush(self._heap, (self.now + delay, self._number, function, args))

    def spawn(self, owner: Any, generator: Generator,
              on_done: Callable[[Any], None] | None = None) -> Task:
        """Start a task now."""
        task = Task(owner, generator, on_done)
        owner.tasks[task] = None
        self._advance(task, None)
        return task

    def run(self, count: int) -> None:
        """Let so many events happen."""
        heap, pop = self._heap, heapq.heappop
        end = self.event_count + count
        while heap and self.event_count < end:
            self.now, _number, function, args = pop(heap)
            function(*args)
            # Time limits of calls that were answered long ago are no events.
            self.event_count += function is not _expire

    def expire(self, delay: float, answer: Callable[[Any], None]) -> None:
        """Answer a call with None after so many seconds, unless it was answered before."""
        self.at(delay, _expire, answer)

    def drain(self) -> None:
        """Let everything happen that is under way."""
        while self._heap:
            self.run(1000)

    # -- storm ---------------------------------------------------------------------------------

    def _advance(self, task: Task, value: Any) -> None:
        if task.is_dead:
            return
        chance = self.rng.random
        try:
            wish = task.generator.send(value)
            while wish is None:
                if self.crash_rate and chance() < self.crash_rate:
                    task.owner.crash()
                    return
                if chance() < PAUSE_SHARE:
                    self.at(chance() * STEP_SECONDS_MAX, self._advance, task, None)
                    return
                wish = task.generator.send(None)
        except StopIteration as stop:
            task.is_dead = True
            task.owner.tasks.pop(task, None)
            if task.on_done is not None:
                task.on_done(stop.value)
            return
        self._fulfil(task, wish)

    def _fulfil(self, task: Task, wish: Any) -> None:
        if isinstance(wish, (int, float)):
            self.at(wish, self._advance, task, None)
        elif isinstance(wish, Mailbox):
            letter = wish.take()
            if letter is not None:
                self.at(0, self._advance, task, letter)
            else:
                wish.waiting = lambda letter: self._advance(task, letter)
        elif isinstance(wish, list):
            self._ask_all(task, wish)
        else:
            self.network.send(wish, lambda answer: self._advance(task, answer))

    def _ask_all(self, task: Task, calls: list) -> None:
        answers: list[Any] = [None] * len(calls)
        missing = [len(calls)]
        if not calls:
            self.at(0, self._advance, task, answers)

        def collect(index: int, answer: Any) -> None:
            answers[index] = answer
            missing[0] -= 1
            if not missing[0]:
                self._advance(task, answers)
        for index, call in enumerate(calls):
            self.network.send(call, lambda answer, index=index: collect(index, answer))

    # -- calm ----------------------------------------------------------------------------------

    def run_now(self, generator: Generator) -> Any:
        """Run a generator to its end at once and return its result; for calm weather."""
        ask = self.network.ask_now
        value = None
        while True:
            try:
                wish = generator.send(value)
            except StopIteration as stop:
                return stop.value
            if wish is None:
                value = None
            elif isinstance(wish, (int, float)):
                self.now += wish
                value = None
            elif isinstance(wish, Mailbox):
                value = wish.take()
                assert value is not None, 'waiting for a letter that nobody wrote'
            elif isinstance(wish, list):
                value = [ask(call) for call in wish]
            else:
                value = ask(wish)


def _expire(answer: Callable[[Any], None]) -> None:
    answer(None)
