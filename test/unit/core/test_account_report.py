"""News and turns of containers' reports."""
import pytest

from swift.core.account_report import Told, is_news, is_turn

PUT, LATER = '1700000000.00000', '1700000001.00000'
HASHES = ['%08x' % (number * 0x10000001) + 'a' * 24 for number in range(16)]


@pytest.mark.parametrize(('facts', 'expected'), [
    (Told(PUT, '0', 3, 30), False),
    (Told(LATER, '0', 3, 30), True),
    (Told(PUT, LATER, 3, 30), True),
    (Told(PUT, '0', 2, 30), True),
    (Told(PUT, '0', 3, 31), True),
])
def test_news_is_what_differs(facts, expected):
    assert is_news(facts, Told(PUT, '0', 3, 30)) is expected


def test_an_older_time_is_no_news():
    assert not is_news(Told(PUT, '0', 3, 30), Told(LATER, '0', 3, 30))


@pytest.mark.parametrize('hex_hash', HASHES)
@pytest.mark.parametrize('pass_s', [7, 100, 300])
def test_each_has_one_turn_in_a_period_whatever_the_passes(hex_hash, pass_s):
    period, begin = 2100, 1_700_000_000
    turns = [is_turn(hex_hash, begin + at, begin + at + pass_s, period)
             for at in range(0, period, pass_s)]
    assert sum(turns) == 1


def test_a_long_pause_misses_no_turn():
    assert all(is_turn(hex_hash, 1000.0, 4000.0, 2100) for hex_hash in HASHES)


def test_turns_are_spread():
    turns = [sum(is_turn(hex_hash, at, at + 500, 2000) for hex_hash in HASHES)
             for at in range(0, 2000, 500)]
    assert turns == [3, 4, 4, 5]


def test_no_period_no_turn():
    assert not is_turn(HASHES[0], 0, 1e9, 0)
