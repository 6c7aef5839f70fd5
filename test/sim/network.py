"""Messages between proxies and nodes: lost, late, delivered twice, in any order, cut off.

A call runs a method of the target's server as a task of the target. Its answer is None when
nothing came back in time; then nobody knows whether the target did it, or will do it yet.
"""
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from test.sim.scheduler import Scheduler

ANSWER_TIMEOUT_S = 10.0


class Call(NamedTuple):
    """One request: the method `op` of the target's server with `args`."""
    source: Any
    target: Any
    op: str
    args: tuple
    timeout_s: float = ANSWER_TIMEOUT_S


@dataclass
class Weather:
    """How likely each trouble is, per message."""
    lost: float = 0.0
    late: float = 0.0
    twice: float = 0.0
    late_seconds_max: float = 60.0
    # In some storms container servers hardly take rows: everything hangs on async pendings.
    rows_lost: float = 0.0


CALM = Weather()


class Network:
    """Delivers calls. `sides` maps an owner to its side of a split; others reach everybody."""

    def __init__(self, scheduler: Scheduler, weather: Weather):
        self._scheduler = scheduler
        self._rng = scheduler.rng
        self.weather = weather
        self.sides: dict[Any, int] = {}
        scheduler.network = self

    def is_cut(self, one: Any, other: Any) -> bool:
        """Tell whether a split keeps two from talking."""
        if not self.sides:
            return False
        mine, theirs = self.sides.get(one), self.sides.get(other)
        return mine is not None and theirs is not None and mine != theirs

    def _delay(self) -> float:
        rng, weather = self._rng, self.weather
        if weather.late and rng.random() < weather.late:
            return rng.random() * weather.late_seconds_max
        return rng.random() * 0.02

    def _is_lost(self, op: str) -> bool:
        chance = max(self.weather.lost, self.weather.rows_lost if op == 'row' else 0.0)
        return chance > 0 and self._rng.random() < chance

    def send(self, call: Call, on_answer: Callable[[Any], None]) -> None:
        """Send a call; `on_answer` is called exactly once."""
        open_ = [True]

        def answer(value: Any) -> None:
            if open_[0]:
                open_[0] = False
                on_answer(value)
        at = self._scheduler.at
        self._scheduler.expire(call.timeout_s, answer)
        if self.is_cut(call.source, call.target) or self._is_lost(call.op):
            self._scheduler.note('lost: %s -> %s %s', call.source, call.target, call.op)
            return
        at(self._delay(), self._deliver, call, answer)
        if self.weather.twice and self._rng.random() < self.weather.twice:
            self._scheduler.note('twice: %s -> %s %s', call.source, call.target, call.op)
            at(self._delay(), self._deliver, call, _ignore)

    def _deliver(self, call: Call, answer: Callable[[Any], None]) -> None:
        target = call.target
        if not target.is_up or self.is_cut(call.source, target):
            answer(None)
            return
        if not target.is_mounted:
            answer((507,))
            return
        self._scheduler.spawn(target, getattr(target.server, call.op)(*call.args),
                              lambda value: self._respond(call, value, answer))

    def _respond(self, call: Call, value: Any, answer: Callable[[Any], None]) -> None:
        if self.is_cut(call.source, call.target) or self._is_lost(call.op):
            self._scheduler.note('answer lost: %s <- %s %s', call.source, call.target, call.op)
            return
        self._scheduler.at(self._delay(), answer, value)

    def ask_now(self, call: Call) -> Any:
        """Do a call at once; for calm weather."""
        return self._scheduler.run_now(getattr(call.target.server, call.op)(*call.args))


def _ignore(_value: Any) -> None:
    """A second delivery has nobody waiting for its answer."""
