"""An object's body that checks itself: length against Content-Length, MD5 against ETag.

Large objects have no ETag of their content, and a range is only a part of it; those are checked
by length alone. Source: sheet 08, section 4.3 (download, checks at the end of the stream).
"""
from collections.abc import Iterable, Iterator, Mapping
from hashlib import md5
from typing import Any

from swiftclient.exceptions import ClientException
from swiftclient.service.errors import SwiftError

_NO_MD5_OF_CONTENT = ('content-range', 'x-object-manifest', 'x-static-large-object')


class CheckedBody:
    """Iterates over the chunks of a body; raises SwiftError at its end if it is not right."""

    def __init__(self, path: str, body: Iterable[bytes], headers: Mapping[str, str],
                 checksum: bool = True, progress: Any = None, close: Any = None):
        self._path = path
        self._body = body
        self._read = 0
        self._progress = progress
        self._close = close
        self._txn = headers.get('x-openstack-request-id') or headers.get('x-trans-id')
        self._etag = headers.get('etag', '').strip('"')
        self._md5 = None
        if checksum and self._etag and not any(name in headers for name in _NO_MD5_OF_CONTENT):
            self._md5 = md5(usedforsecurity=False)
        self._content_length = None
        if 'content-length' in headers:
            try:
                self._content_length = int(headers['content-length'])
            except ValueError:
                raise ClientException(
                    f'Invalid Content-Length {headers["content-length"]!r} for {path}') from None

    def __iter__(self) -> Iterator[bytes]:
        digest, progress = self._md5, self._progress
        try:
            for chunk in self._body:
                if digest is not None:
                    digest.update(chunk)
                self._read += len(chunk)
                if progress is not None:
                    progress.add(len(chunk))
                yield chunk
            self._check()
        finally:
            if self._close is not None:
                self._close()

    def bytes_read(self) -> int:
        return self._read

    def _check(self) -> None:
        if self._content_length is not None and self._read != self._content_length:
            self._refuse('read_length != content_length', self._read, self._content_length)
        if self._md5 is not None and self._md5.hexdigest() != self._etag:
            self._refuse('md5sum != etag', self._md5.hexdigest(), self._etag)

    def _refuse(self, what: str, got: object, expected: object) -> None:
        raise SwiftError(f'Error downloading {self._path}: {what}, {got} != {expected} '
                         f'(txn: {self._txn or "unknown"})', transaction_id=self._txn)
