"""Errors of the connection, as the exceptions of `requests` that programs catch.

Source: the client sheet, sections 1.4, 1.7 and 9.1. Here alone the errors of urllib3 become those
of `requests`, which is imported only when something fails: it takes longer than a whole request.
"""

import sys


def _exceptions():
    from requests import exceptions
    return exceptions


def is_tls_error(err: BaseException) -> bool:
    """Tell TLS errors from others; without `ssl` imported there are none.

    Another thread may be importing either module at this moment: as long as its class is not
    there, `err` cannot be one.
    """
    known = (getattr(sys.modules.get(name), 'SSLError', None)
             for name in ('ssl', 'requests.exceptions'))
    return any(kind is not None and isinstance(err, kind) for kind in known)


def lost(where: str, err: Exception) -> OSError:
    """Translate what urllib3 raised instead of an answer from `where`, or of the rest of one."""
    from urllib3 import exceptions as raised

    known = _exceptions()
    if isinstance(err, raised.NewConnectionError):
        return known.ConnectionError(
            f'Failed to establish a new connection to {where}: {err.__cause__ or err}')
    for kind, translated in ((raised.SSLError, known.SSLError),
                             (raised.ProxyError, known.ProxyError),
                             (raised.ConnectTimeoutError, known.ConnectTimeout),
                             (raised.TimeoutError, known.ReadTimeout),
                             (raised.LocationValueError, known.InvalidURL)):
        if isinstance(err, kind):
            return translated(f'{where}: {_words(err)}')
    return known.ConnectionError(f'{where}: {_words(err)}')


def _words(err: Exception) -> str:
    """Return what urllib3 says, without the objects that it says it of."""
    said = ': '.join(str(arg).rstrip('.') for arg in err.args if isinstance(arg, str | Exception))
    return said.removeprefix(f'{getattr(err, "pool", None)}: ') or str(err)


def too_many_redirects(where: str, limit: int) -> OSError:
    return _exceptions().TooManyRedirects(f'{where}: exceeded {limit} redirects')


def invalid_url(url: str) -> OSError:
    return _exceptions().InvalidURL(f'No URL of HTTP: {url!r}')


def invalid_header(err: Exception) -> OSError:
    return _exceptions().InvalidHeader(str(err))
