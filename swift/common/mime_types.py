"""Content types by file name: the system's maps and the cluster's own (layer 1).

Source: sheet 04 section 8.1, row 4.
"""
import mimetypes
import os

from swift.core.names import quote

DEFAULT_TYPE = 'application/octet-stream'


class MimeTypes:
    """The system's map from extensions to types, plus <swift_dir>/mime.types. Reads files."""

    def __init__(self, swift_dir: str):
        self._types = mimetypes.MimeTypes()
        for name in (*mimetypes.knownfiles, os.path.join(swift_dir, 'mime.types')):
            if os.path.isfile(name):
                self._types.read(name)

    def guess(self, name: str) -> str:
        """Return the type of an object by its name, text."""
        guess, _encoding = self._types.guess_type(quote(name))
        return guess or DEFAULT_TYPE
