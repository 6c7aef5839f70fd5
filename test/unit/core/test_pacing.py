"""Error counters of nodes: when they are limited and when they are forgiven."""

from swift.core.pacing import ErrorLimiter


def test_limiter_limits_after_more_errors_than_the_limit():
    limiter = ErrorLimiter(60, 2)
    assert [limiter.count_error('n', 1.0) for _ in range(4)] == [False, False, True, False]
    assert limiter.is_limited('n', 60.9)
    assert not limiter.is_limited('other', 2.0)


def test_limiter_forgets_after_the_interval():
    limiter = ErrorLimiter(60, 0)
    limiter.count_error('n', 1.0)
    assert limiter.is_limited('n', 60.5)
    assert not limiter.is_limited('n', 61.0)
    assert limiter.statistics() == {}
    limiter.limit = 1
    assert not limiter.count_error('n', 62.0)


def test_limiter_old_errors_do_not_add_up():
    limiter = ErrorLimiter(60, 1)
    limiter.count_error('n', 0.0)
    limiter.count_error('n', 100.0)
    assert not limiter.is_limited('n', 100.0)
    assert limiter.statistics() == {'n': (1, 100.0)}


def test_limit_now_limits_at_once_and_says_whether_it_is_news():
    limiter = ErrorLimiter(60, 10)
    assert limiter.limit_now('n', 5.0)
    assert not limiter.limit_now('n', 6.0)
    assert limiter.is_limited('n', 65.0)
    assert not limiter.is_limited('n', 66.0)


def test_interval_zero_switches_limiting_off():
    limiter = ErrorLimiter(0, 0)
    assert not limiter.count_error('n', 1.0)
    assert not limiter.limit_now('n', 1.0)
    assert not limiter.is_limited('n', 1.0)
    assert not limiter.has_records
