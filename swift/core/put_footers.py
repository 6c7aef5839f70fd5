"""The MIME document in which a PUT carries metadata that is known only after the body.

Pure (layer 0). Bytes on the wire between proxy and object server (sheet 02, section 10), without a
commit phase:

    --B CRLF X-Document: object body CRLF CRLF <object bytes>
    CRLF --B CRLF X-Document: object metadata CRLF Content-MD5: <md5 of JSON> CRLF CRLF <JSON>
    CRLF --B-- CRLF
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from swift.core.hashing import md5


@dataclass(frozen=True, slots=True)
class FooterDocument:
    """Writer of one document; the body's bytes go between opening() and closing()."""

    boundary: str

    def opening(self) -> bytes:
        return b'--%s\r\nX-Document: object body\r\n\r\n' % self.boundary.encode()

    def closing(self, footers: Mapping[str, str]) -> bytes:
        """Return everything after the body's last byte."""
        text = json.dumps(dict(footers)).encode('ascii')
        boundary = self.boundary.encode()
        checksum = md5(text).hexdigest().encode()
        return (b'\r\n--%s\r\nX-Document: object metadata\r\nContent-MD5: %s\r\n\r\n%s'
                b'\r\n--%s--\r\n' % (boundary, checksum, text, boundary))
