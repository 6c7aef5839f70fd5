"""The HTTP/1.1 engine: wire parser, server, client, connection pool.

Third-party filters import names of statuses from here: `from swift.common.http import HTTP_OK`.
"""
from swift.common.http.status import (
    NAMES,
    is_client_error,
    is_informational,
    is_redirection,
    is_server_error,
    is_success,
)

__all__ = ['is_client_error', 'is_informational', 'is_redirection', 'is_server_error',
           'is_success']


def __getattr__(name: str) -> int:
    """Return the number of a status by its name."""
    if name in NAMES:
        return NAMES[name]
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
