"""Errors of the connection, as the exceptions of `requests` that programs catch.

Source: the client sheet, sections 1.4, 1.7 and 9.1. `requests` is imported only when something
fails: it takes longer than a whole request. Its exceptions are OSErrors, so that `except OSError`
catches them here without that import.
"""

import sys


def _exceptions():
    from requests import exceptions
    return exceptions


def is_tls_error(err: BaseException) -> bool:
    """Tell TLS errors from others; without `ssl` imported there are none."""
    if 'ssl' in sys.modules and isinstance(err, sys.modules['ssl'].SSLError):
        return True
    known = sys.modules.get('requests.exceptions')
    return known is not None and isinstance(err, known.SSLError)


def not_connected(where: str, err: OSError) -> OSError:
    if is_tls_error(err):
        return _exceptions().SSLError(f'TLS with {where}: {err}')
    if isinstance(err, TimeoutError):
        return _exceptions().ConnectTimeout(f'Connecting to {where} timed out: {err}')
    return _exceptions().ConnectionError(
        f'Failed to establish a new connection to {where}: {err}')


def lost(where: str, doing: str, err: Exception | str) -> OSError:
    """A connection that was there broke while `doing` something."""
    if isinstance(err, TimeoutError):
        return _exceptions().ReadTimeout(f'{where}: timed out {doing}')
    if isinstance(err, BaseException) and is_tls_error(err):
        return _exceptions().SSLError(f'{where}: {doing}: {err}')
    return _exceptions().ConnectionError(f'{where}: connection broken {doing}: {err}')


def too_many_redirects(where: str, limit: int) -> OSError:
    return _exceptions().TooManyRedirects(f'{where}: exceeded {limit} redirects')


def invalid_header(err: Exception) -> OSError:
    return _exceptions().InvalidHeader(str(err))
