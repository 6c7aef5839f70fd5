"""Closing what disk threads work on: never under a running step, never twice, never waiting."""
import threading

import pytest

from swift.obj.guard import GivenUp, Guard


def test_an_idle_guard_closes_at_once_and_only_once():
    closed = []
    guard = Guard(lambda: closed.append(1))
    with guard:
        pass
    guard.close()
    guard.close()
    assert closed == [1] and guard.is_closed


def test_no_step_begins_after_close():
    guard = Guard(lambda: None)
    guard.close()
    with pytest.raises(GivenUp), guard:
        pytest.fail('a step ran on something closed')


def test_a_running_step_ends_before_it_is_closed():
    events, inside, go_on = [], threading.Event(), threading.Event()
    guard = Guard(lambda: events.append('closed'))

    def step():
        with guard:
            inside.set()
            go_on.wait(10)
            events.append('step done')
    thread = threading.Thread(target=step)
    thread.start()
    inside.wait(10)
    guard.close()                 # returns although the step still runs
    assert events == []
    go_on.set()
    thread.join(10)
    assert events == ['step done', 'closed']


def test_a_step_that_fails_still_closes():
    closed = []
    guard = Guard(lambda: closed.append(1))
    with pytest.raises(OSError), guard:
        guard.close()
        raise OSError
    assert closed == [1]
