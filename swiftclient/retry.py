"""Whether another attempt can help after a failure, and how long to wait for it.

Pure. Source: the client sheet, sections 1.7 and 9.7. Unlike its model it listens to Retry-After:
a server that says when it will have time again is not asked before, within `max_backoff`.
"""

from enum import Enum

from swiftclient.exceptions import ClientException
from swiftclient.failures import is_tls_error

UNAUTHORIZED = 401
LOST_REQUESTS = (408, 499)  # the server gave up waiting: whatever it still expects is not to come
TOO_MANY = (429, 498)


class Verdict(Enum):
    GIVE_UP = 'raise it'
    NEW_TOKEN = 'authenticate, and try once more'
    NEW_CONNECTION = 'try again on another connection'
    AGAIN = 'try again'


def judge(err: Exception, attempts: int, retries: int, retry_on_ratelimit: bool) -> Verdict:
    """Return what to do after `attempts` attempts, of which the last one failed with `err`."""
    if isinstance(err, ClientException):
        return _judge_status(err.http_status, attempts > retries, retry_on_ratelimit)
    text = str(err)
    if is_tls_error(err):
        hopeless = 'certificate verify' in text or 'hostname' in text
    else:
        hopeless = isinstance(err, ValueError)  # such as a header that cannot be sent
    return Verdict.GIVE_UP if hopeless or attempts > retries else Verdict.NEW_CONNECTION


def _judge_status(status: int | None, exhausted: bool, retry_on_ratelimit: bool) -> Verdict:
    if status == UNAUTHORIZED:
        return Verdict.NEW_TOKEN
    if not status or exhausted:
        return Verdict.GIVE_UP
    if status in LOST_REQUESTS:
        return Verdict.NEW_CONNECTION
    if 500 <= status <= 599 or status in TOO_MANY and retry_on_ratelimit:
        return Verdict.AGAIN
    return Verdict.GIVE_UP


def delay(err: Exception, backoff: float, max_backoff: float) -> float:
    """Return the seconds to wait: `backoff`, or as long as the server asks for if that is more."""
    headers = getattr(err, 'http_response_headers', None) or {}
    asked = str(headers.get('retry-after') or headers.get('Retry-After') or '')
    if asked.isascii() and asked.isdigit():
        return max(backoff, min(int(asked), max_backoff))
    return backoff


def tell(told: dict | None, answer: dict | None) -> None:
    """Add the answer to one attempt to the caller's dictionary; the last one is on top."""
    if told is not None:
        told.setdefault('response_dicts', []).append(answer)
        told.update(answer)


def way_back(contents, what: str):
    """Return what makes `contents` ready to be sent again, to be called before another attempt.

    What cannot go back gets a function that raises: the first failure is then the last.
    """
    if not contents or isinstance(contents, str | bytes | list | tuple | dict):
        return None
    if hasattr(contents, 'tell') and hasattr(contents, 'seek'):
        try:
            start = contents.tell()
        except OSError:  # a pipe has the methods, and cannot
            pass
        else:
            return lambda *args, **kwargs: contents.seek(start)
    elif hasattr(contents, 'reset'):
        return lambda *args, **kwargs: contents.reset()

    def no_way(*args, **kwargs):
        raise ClientException(
            f'{what} failure and no ability to reset contents for reupload.')
    return no_way
