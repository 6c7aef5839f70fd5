"""What is sent: files and streams that count for a progress display and know their MD5.

Source: sheet 08, section 4.3 (upload) and weak point 3.
"""
import io
from typing import Any, BinaryIO

from swiftclient.utils import LengthWrapper, ReadableToIterable

# Files up to this size are read at once and sent with the request's head.
SMALL_FILE_BYTES = 1 << 16
READ_SIZE_BYTES = 1 << 16


class _Counted:
    """A readable that tells a progress display what was read from it."""

    def __init__(self, file: Any, progress: Any):
        self._file = file
        self._progress = progress
        self._sent = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._sent += len(data)
        self._progress.add(len(data))
        return data

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, position: int) -> None:
        """Go back for another attempt: what was counted is taken off again."""
        self._progress.add(-self._sent)
        self._sent = 0
        self._file.seek(position)


def piece(file: BinaryIO, size: int, options: dict) -> LengthWrapper:
    """Return the next `size` bytes of a file as a body that can be sent again."""
    if size <= SMALL_FILE_BYTES:
        file = io.BytesIO(file.read(size))
    progress = options.get('progress')
    return LengthWrapper(file if progress is None else _Counted(file, progress), size,
                         md5=options['checksum'])


class _Resettable(ReadableToIterable):
    """A stream of unknown length that can be sent again because its source can go back."""

    def __init__(self, content: Any, chunk_size: int, md5: bool):
        super().__init__(content, chunk_size, md5=md5)
        self._again = lambda: super(_Resettable, self).__init__(content, chunk_size, md5=md5)
        self._source = content
        self._start = content.tell()

    def reset(self) -> None:
        self._source.seek(self._start)
        self._again()


def stream(source: Any, options: dict) -> ReadableToIterable:
    """Return a readable as a body of unknown length."""
    seekable = getattr(source, 'seekable', None)
    kind = _Resettable if seekable is not None and seekable() else ReadableToIterable
    progress = options.get('progress')
    return kind(source if progress is None else _Counted(source, progress), READ_SIZE_BYTES,
                md5=options['checksum'])
