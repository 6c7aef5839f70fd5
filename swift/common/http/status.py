"""Numbers of HTTP statuses by name, and their classes, as third-party filters import them.

Layer 1. Our own code writes the numbers, which readers know better than the names.
"""
from http import HTTPStatus

_EXTRA = {'HTTP_RATE_LIMITED': 498, 'HTTP_CLIENT_CLOSED_REQUEST': 499,
          'HTTP_TOO_MANY_BACKEND_REQUESTS': 529, 'HTTP_INSUFFICIENT_STORAGE': 507,
          'HTTP_MOVED_TEMPORARILY': 302, 'HTTP_UNPROCESSABLE_ENTITY': 422}
NAMES = {f'HTTP_{status.name}': status.value for status in HTTPStatus} | _EXTRA


def is_informational(status: int) -> bool:
    """True for 1xx."""
    return 100 <= status <= 199


def is_success(status: int) -> bool:
    """True for 2xx."""
    return 200 <= status <= 299


def is_redirection(status: int) -> bool:
    """True for 3xx."""
    return 300 <= status <= 399


def is_client_error(status: int) -> bool:
    """True for 4xx."""
    return 400 <= status <= 499


def is_server_error(status: int) -> bool:
    """True for 5xx."""
    return 500 <= status <= 599
