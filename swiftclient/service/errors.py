"""SwiftError: what went wrong with which container, object or segment.

Source: sheet 08, section 4.1.
"""


class SwiftError(Exception):
    """A failed operation of the service; `exception` is the cause if there was one."""

    def __init__(self, value: object, container: str | None = None, obj: str | None = None,
                 segment: object = None, exc: Exception | None = None,
                 transaction_id: str | None = None):
        super().__init__(value)
        self.value = value
        self.container = container
        self.obj = obj
        self.segment = segment
        self.exception = exc
        self.transaction_id = transaction_id or getattr(exc, 'transaction_id', None)

    def __str__(self) -> str:
        where = (('container', self.container), ('object', self.obj), ('segment', self.segment))
        return repr(self.value) + ''.join(
            f' {label}:{part}' for label, part in where if part is not None)

    __repr__ = __str__
