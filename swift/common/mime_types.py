"""Content types by file name: the system's maps and the cluster's own (layer 1).

Source: sheet 04 section 8.1, row 4.
"""
import mimetypes
import os
from functools import lru_cache

from swift.core.names import quote

DEFAULT_TYPE = 'application/octet-stream'


class MimeTypes:
    """The system's map from extensions to types, plus <swift_dir>/mime.types. Reads files."""

    def __init__(self, swift_dir: str | None):
        self._types = mimetypes.MimeTypes()
        own = (os.path.join(swift_dir, 'mime.types'),) if swift_dir else ()
        for name in (*mimetypes.knownfiles, *own):
            if os.path.isfile(name):
                self._types.read(name)

    def guess(self, name: str) -> str:
        """Return the type of an object by its name, text."""
        guess, _encoding = self._types.guess_type(quote(name))
        return guess or DEFAULT_TYPE


@lru_cache(maxsize=1)
def system_types() -> MimeTypes:
    """Return the system's own map: for pipelines that have no proxy at their end."""
    return MimeTypes(None)
