"""The body of an object, read in blocks.

Source: the client sheet, section 1.6.
"""


class ObjectBody:
    """Read, iterate in blocks of `chunk_size` bytes, close.

    A connection that was made for this body alone is closed at its end.
    """

    def __init__(self, resp, chunk_size, conn_to_close=None):
        self.resp = resp
        self.chunk_size = chunk_size
        self.conn_to_close = conn_to_close

    def read(self, length=None) -> bytes:
        block = self.resp.read(length)
        if length != 0 and not block:
            self._close_connection()
        return block

    def __iter__(self) -> 'ObjectBody':
        return self

    def __next__(self) -> bytes:
        block = self.read(self.chunk_size)
        if not block:
            raise StopIteration
        return block

    next = __next__

    def close(self) -> None:
        self.resp.close()
        self._close_connection()

    def _close_connection(self) -> None:
        if self.conn_to_close is not None:
            self.conn_to_close.close()
            self.conn_to_close = None
