"""A request body that may not be longer than what is left of a quota (layer 1).

An upload in chunks says its length last. It is let in, counted as it comes, and refused in the
middle with 413 when it is too much: the proxy drops what it has sent so far, nothing is stored.
"""
from typing import Any

from swift.common.swob import HTTPRequestEntityTooLarge, Request


class LimitedInput:
    """A `wsgi.input` over another one; reads raise HTTPRequestEntityTooLarge past `limit`."""

    def __init__(self, source: Any, limit: int, message: str):
        self._source = source
        self._left = limit
        self._message = message

    def read(self, *size: int) -> bytes:
        return self._count(self._source.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._count(self._source.readline(*size))

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise HTTPRequestEntityTooLarge(body=self._message)
        return data


def limit_body(req: Request, limit: int | None, message: str) -> None:
    """Hold a body of unknown length to a limit, if there is one."""
    if limit is not None and req.is_chunked:
        req.environ['wsgi.input'] = LimitedInput(req.environ['wsgi.input'], limit, message)
