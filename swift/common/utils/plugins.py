"""Small functions that filters of third parties import from swift.common.utils.

Layer 1. The cluster itself does not use them: it has option tables instead of converters of single
values, and closes bodies through swob. They keep the names, results and errors that filters know.
"""
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from swift.common import log
from swift.common.swob import close_if_possible


def get_logger(conf: Any, name: str | None = None, log_to_console: bool = False,
               log_route: str | None = None, fmt: str = '') -> log.Logger:
    """Return a logger by the section's log_* options; `fmt` is accepted and has no effect."""
    return log.get_logger(conf, name, route=log_route, log_to_console=log_to_console)


def list_from_csv(text: str | None) -> list[str]:
    """Return the non-empty items of a comma separated list, without outer blanks."""
    return [item.strip() for item in (text or '').split(',') if item.strip()]


def config_positive_int_value(value: Any) -> int:
    """Return a whole number above zero; ValueError otherwise."""
    try:
        result = int(value)
    except (TypeError, ValueError):
        result = 0
    if result < 1:
        raise ValueError(f'Config option must be an positive int number, not "{value}".')
    return result


def config_auto_int_value(value: Any, default: int) -> int:
    """Return a whole number, the default for None and `auto`; ValueError otherwise."""
    if value is None or (isinstance(value, str) and value.lower() == 'auto'):
        return default
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError(f'Config option must be an integer or the string "auto", not "{value}".')


def config_float_value(value: Any, minimum: float | None = None,
                       maximum: float | None = None) -> float:
    """Return a number within bounds; ValueError otherwise."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = None
    if (result is None or (minimum is not None and result < minimum)
            or (maximum is not None and result > maximum)):
        raise ValueError(f'Config option must be a number from {minimum} to {maximum}, '
                         f'not "{value}".')
    return result


def config_percent_value(value: Any) -> float:
    """Return a percentage as a fraction; ValueError when it is not within 0 to 100."""
    return config_float_value(value, 0, 100) / 100


def cache_from_env(env: dict, ignore: bool = False) -> Any:
    """Return the memcached client of a request, None if there is none (or with `ignore`)."""
    return None if ignore else env.get('swift.cache')


def streq_const_time(one: str, other: str) -> bool:
    """Compare two secrets in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def public(function: Callable) -> Callable:
    """Mark a method as an HTTP verb that clients may use."""
    function.publicly_accessible = True
    return function


@contextmanager
def closing_if_possible(thing: Any) -> Iterator[Any]:
    """Close a thing that has a close method at the end of a block."""
    try:
        yield thing
    finally:
        close_if_possible(thing)


def drain_and_close(response_or_body: Any) -> None:
    """Read a body to its end and close it, so that its connection can be used again."""
    body = getattr(response_or_body, 'app_iter', response_or_body)
    for _chunk in body or ():
        pass
    close_if_possible(body)
