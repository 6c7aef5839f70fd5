"""Rates: whose turn it is, and when."""
import pytest

from swift.core.pacing_rates import (
    Allowance,
    RateTable,
    Turn,
    is_too_long,
    next_turn,
    ticks_per_turn,
)


@pytest.mark.parametrize('size, rate', [
    (0, None), (9, None), (10, 100), (15, 75), (20, 50), (60, 30), (100, 10), (9999, 10)])
def test_rates_between_points_are_interpolated(size, rate):
    table = RateTable.parse({'100': '10', '10': '100', '20': '50'})
    assert table.rate_at(size) == rate


def test_a_table_without_points_limits_nothing():
    assert RateTable.parse({}).rate_at(10) is None


@pytest.mark.parametrize('options', [{'x': '1'}, {'1': 'y'}])
def test_a_table_has_numbers(options):
    with pytest.raises(ValueError):
        RateTable.parse(options)


@pytest.mark.parametrize('counter, now, turn', [
    (1000, 1000, Turn(0)),              # its share is what it waits for next time
    (1100, 1000, Turn(0)), (1101, 1000, Turn(1)), (1500, 1000, Turn(400)),
    (500, 1000, Turn(0)),               # late, within the buffer: no wait, and credit stays
    (499, 1000, Turn(0, 1100)),         # later than that: starts anew
    (100, 1_000_000, Turn(0, 1_000_100))])
def test_turn(counter, now, turn):
    assert next_turn(counter, 100, now, 500) == turn


def test_turns_follow_the_rate_after_idleness():
    """Ten per second, two tenths of a second of buffer."""
    step, buffer, counter, now, waits = ticks_per_turn(10, 1000), 200, 0, 50_000, []
    for _ in range(4):
        counter += step
        turn = next_turn(counter, step, now, buffer)
        counter = turn.restart_at or counter
        waits.append(turn.wait)
    assert waits == [0, 100, 200, 300]
    later = now + 500
    for expected in (0, 0, 100):            # all four had their turn 100 ticks ago
        counter += step
        assert next_turn(counter, step, later, buffer) == Turn(expected)


@pytest.mark.parametrize('wait, too_long', [(989, False), (990, True), (1000, True), (5000, True)])
def test_too_long(wait, too_long):
    assert is_too_long(wait, 1000, 1000) == too_long


def test_allowance_without_rate_never_refuses():
    allowance = Allowance(0, 1)
    assert all(allowance.take(0) for _ in range(1000))


@pytest.mark.parametrize('buffer_s, at_once', [(0, 1), (1, 1)])
def test_allowance_starts_with_one_turn(buffer_s, at_once):
    allowance = Allowance(2, buffer_s)
    assert [allowance.take(100) for _ in range(3)].count(True) == at_once


def test_allowance_refuses_what_is_early_and_forgets_it():
    allowance = Allowance(2, 0)
    times = [100, 100.4, 100.5, 100.5, 100.9, 101, 107, 107]
    assert [allowance.take(now) for now in times] == [
        True, False, True, False, False, True, True, False]


def test_allowance_lets_a_burst_pass_after_idleness():
    allowance = Allowance(2, 1)
    assert allowance.take(100)
    # Due since 100.5; a second of it counts.
    assert [allowance.take(101.5) for _ in range(4)] == [True, True, True, False]
    # Idle for longer: starts anew.
    assert [allowance.take(200) for _ in range(2)] == [True, False]
