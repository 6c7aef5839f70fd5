"""Wrappers around what is sent and read: exact lengths, blocks, and an MD5 sum on the way.

Source: the client sheet, section 2. A body passes through memory one block at a time. None of the
wrappers owns what it wraps: whoever opened a file closes it.
"""

import hashlib
import itertools

BLOCK_SIZE = 65536  # bytes read at once from a source


def new_md5():
    """MD5 as a checksum, which machines in FIPS mode allow."""
    return hashlib.md5(usedforsecurity=False)


class NoopMD5:
    """Stands where no sum is wanted."""

    def __init__(self, *a, **kw):
        pass

    def update(self, *a, **kw) -> None:
        pass

    def hexdigest(self, *a, **kw) -> str:
        return ''


class _Summed:
    """Keeps the sum of what went through, if asked to."""

    def __init__(self, md5: bool):
        self.md5 = md5
        self._reset_md5()

    def _reset_md5(self) -> None:
        self.md5sum = new_md5() if self.md5 else NoopMD5()

    def get_md5sum(self) -> str:
        """Return the hexadecimal MD5 of everything read so far; '' if none was asked for."""
        return self.md5sum.hexdigest()


class ReadableToIterable(_Summed):
    """Iterate over a readable in blocks of `chunk_size` bytes. Text is sent as UTF-8."""

    def __init__(self, content, chunk_size=BLOCK_SIZE, md5=False):
        super().__init__(md5)
        self.content = content
        self.chunk_size = chunk_size

    def __iter__(self) -> 'ReadableToIterable':
        return self

    def __next__(self) -> bytes:
        chunk = self.content.read(self.chunk_size)
        if not chunk:
            raise StopIteration
        if isinstance(chunk, str):
            chunk = chunk.encode('utf-8')
        self.md5sum.update(chunk)
        return chunk

    next = __next__


class LengthWrapper(_Summed):
    """Exactly `length` bytes of a readable, from where it stands.

    With a source that can seek, `reset()` goes back to the beginning; with another there is no
    such attribute, so that callers see that the body cannot be sent again.
    """

    def __init__(self, readable, length, md5=False):
        super().__init__(md5)
        self._readable = readable
        self._length = self._remaining = length
        self._start = None
        if hasattr(readable, 'seek') and hasattr(readable, 'tell'):
            try:
                self._start = readable.tell()
            except OSError:  # a pipe has both methods, and can do neither
                self._start = None

    def __len__(self) -> int:
        return self._length

    def read(self, size=-1) -> bytes:
        if self._remaining <= 0:
            return b''
        wanted = self._remaining if size is None or size < 0 else min(size, self._remaining)
        chunk = self._readable.read(wanted)
        self._remaining -= len(chunk)
        if isinstance(chunk, str):
            chunk = chunk.encode('utf-8')
        self.md5sum.update(chunk)
        return chunk

    @property
    def reset(self):
        if self._start is None:
            raise AttributeError(f'{type(self._readable).__name__} cannot seek back')
        return self._reset

    def _reset(self, *args, **kwargs) -> None:
        if not hasattr(self._readable, 'seek'):
            raise AttributeError(f'{type(self._readable).__name__} cannot seek back')
        self._readable.seek(self._start)
        self._remaining = self._length
        self._reset_md5()


def iter_wrapper(iterable):
    """Yield the chunks that hold something: in chunked transfer an empty one ends the body."""
    for chunk in iterable:
        if len(chunk):
            yield chunk


class JSONableIterable(list):
    """A list for `json.dump` whose entries are made while they are written."""

    def __init__(self, iterable):
        super().__init__()
        self._iterable = iter(iterable)
        # An empty list is written at once as []: whether there is a first entry is asked before.
        self._head = list(itertools.islice(self._iterable, 1))

    def __bool__(self) -> bool:
        return bool(self._head)

    def __iter__(self):
        yield from self._head
        yield from self._iterable
