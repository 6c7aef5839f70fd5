"""The body of an object that goes on where a broken connection left it.

Source: the client sheet, section 1.7. The rest is asked for with Range and If-Match, so that it is
the rest of the same object. All requests for it together count as attempts of the Connection.
"""

from collections import namedtuple

import swiftclient.client
from swiftclient.exceptions import ClientException
from swiftclient.object_body import ObjectBody
from swiftclient.streams import BLOCK_SIZE


def can_resume(asked_headers, headers) -> bool:
    """Tell whether the rest of such a response can be asked for."""
    ranged = any(name.lower() == 'range' for name in asked_headers or ())
    return not ranged and 'transfer-encoding' not in headers and 'content-length' in headers


class Again(namedtuple('Again', 'connection container name query_string headers')):
    """How to ask for the object again."""

    __slots__ = ()

    def ask(self, headers: dict, chunk_size: int) -> tuple:
        return self.connection._retry(
            None, swiftclient.client.get_object, self.container, self.name,
            resp_chunk_size=chunk_size, query_string=self.query_string,
            headers={**self.headers, **headers})


class ResumingBody(ObjectBody):
    def __init__(self, body: ObjectBody, headers, again: Again):
        super().__init__(body.resp, body.chunk_size)
        self.bytes_read = 0
        self.expected_length = int(headers['content-length'])
        self._etag = headers.get('etag')
        self._again = again

    def read(self, length=None) -> bytes:
        if length == 0:
            return b''
        parts, wanted = [], length
        while True:
            block, err = self._attempt(wanted)
            self.bytes_read += len(block)
            parts.append(block)
            if wanted is not None and wanted >= 0:
                wanted -= len(block)
            if self.bytes_read >= self.expected_length or wanted == 0:
                return b''.join(parts)
            if err is not None or not block:
                self._resume(err)

    def _attempt(self, wanted: int | None) -> tuple[bytes, OSError | None]:
        """Return what can be read, and what stopped it."""
        parts = []
        try:
            if wanted is not None and wanted >= 0:
                return self.resp.read(wanted), None
            while block := self.resp.read(BLOCK_SIZE):
                parts.append(block)
        except OSError as err:
            return b''.join(parts), err
        return b''.join(parts), None

    def _resume(self, err: OSError | None) -> None:
        connection = self._again.connection
        attempts = connection.attempts
        if attempts > connection.retries:
            raise err or ClientException(
                f'{self._again.container}/{self._again.name} ended after {self.bytes_read} of '
                f'{self.expected_length} bytes')
        self.resp.close()
        headers = {'Range': f'bytes={self.bytes_read}-'}
        if self._etag:
            headers['If-Match'] = self._etag
        got, body = self._again.ask(headers, self.chunk_size)
        connection.attempts += attempts
        self.resp = body.resp
        self._check(got)

    def _check(self, got) -> None:
        """Make sure that the rest comes next; a server without ranges sends all from the start."""
        expected = f'bytes {self.bytes_read}-{self.expected_length - 1}/{self.expected_length}'
        if 'content-range' not in got:
            skip = self.bytes_read
            while skip and (block := self.resp.read(min(skip, BLOCK_SIZE))):
                skip -= len(block)
        elif got['content-range'] != expected:
            self.resp.close()
            raise ClientException(
                f'Expected range "{expected}" while retrying {self._again.container}/'
                f'{self._again.name} but got "{got["content-range"]}"')
