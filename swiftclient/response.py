"""A response as programs use it: status, headers, and a body that is read once.

Source: the client sheet, section 1.4. Octets are handed out as they came, packed or not. At the
end of the body the connection goes back to its pool; a response that is closed before takes its
connection with it.
"""

import gzip
from collections import namedtuple
from collections.abc import Iterable

from swiftclient import failures
from swiftclient.headers import decoded_octets

Request = namedtuple('Request', 'method url headers')  # what was asked, for messages


class RawHeaders(dict):
    """Headers as they came, latin-1; found by name in any case. Repeated ones are joined."""

    def __init__(self, pairs: Iterable[tuple[str, str]]):
        super().__init__()
        self._names: dict[str, str] = {}
        for name, value in pairs:
            known = self._names.setdefault(name.lower(), name)
            super().__setitem__(known, f'{super().__getitem__(known)}, {value}'
                                if super().__contains__(known) else value)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(self._names[name.lower()])

    def __contains__(self, name) -> bool:
        return hasattr(name, 'lower') and name.lower() in self._names

    def get(self, name: str, default=None):
        return self[name] if name in self else default


class HeaderAccess:
    """What both kinds of response, ours and that of `requests`, offer of their headers."""

    headers: dict

    def getheaders(self) -> list[tuple[str, str]]:
        """Return names and values as text. UnicodeDecodeError: one of them is not UTF-8."""
        return [(decoded_octets(name), decoded_octets(value))
                for name, value in self.headers.items()]

    def getheader(self, name: str, default=None):
        value = self.headers.get(name)
        return default if value is None else decoded_octets(value)


def read_raw(raw, length: int | None, where: str) -> bytes:
    """Read from a response of urllib3, of which errors become those of `requests`."""
    from urllib3.exceptions import HTTPError

    try:
        return raw.read(length) or b''
    except HTTPError as err:
        raise failures.lost(where, err) from err


class Response(HeaderAccess):
    """One answer on a connection that is its own until the body has been read."""

    def __init__(self, request: Request, raw, headers: RawHeaders, where: str):
        self.request = request
        self.url = request.url
        self.status = self.status_code = raw.status
        self.reason = raw.reason
        self.headers = headers
        self._raw = raw
        self._where = where
        self._content: bytes | None = None
        if raw.length_remaining == 0:
            self.read()  # so that the connection is free, though nobody asks for what is not there

    def read(self, length: int | None = None) -> bytes:
        """Return `length` bytes, fewer only at the end of the body, all of it without a length.

        Raises requests.exceptions.ConnectionError if the connection ends before the body does;
        what came until then was returned by the call before.
        """
        return read_raw(self._raw, length, self._where)

    @property
    def content(self) -> bytes:
        """All of the body, unpacked; kept, so that it can be asked for again."""
        if self._content is None:
            body = self.read()
            packed = self.headers.get('content-encoding') == 'gzip'
            self._content = gzip.decompress(body) if packed and body else body
        return self._content

    def close(self) -> None:
        self._raw.close()
