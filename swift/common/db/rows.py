"""Reading rows by name ranges: a core.listing.Span as an SQL query with a cached statement.

Layer 1. The index on (deleted, name) serves every variant; the text of a query depends only on the
shape of the span, so SQLite compiles it once per connection. Rows are read while they are used:
stop early and nothing more is read.
"""
import sqlite3
from collections.abc import Callable, Iterator

from swift.core.listing import Span


def fetcher(db: sqlite3.Connection, select: str, where: str,
            values: tuple) -> Callable[[Span], Iterator[tuple]]:
    """Return the fetch function that core.listing asks.

    `select` is 'SELECT name, ... FROM table', `where` a condition with `?` for `values`.
    """
    def fetch(span: Span) -> Iterator[tuple]:
        bounds = f"name {'>=' if span.lower_included else '>'} ?"
        parameters = (*values, span.lower)
        if span.upper is not None:
            bounds += f" AND name {'<=' if span.upper_included else '<'} ?"
            parameters += (span.upper,)
        order = 'DESC' if span.reverse else 'ASC'
        cursor = db.execute(f'{select} WHERE {where} AND {bounds} ORDER BY name {order} LIMIT ?',
                            (*parameters, span.limit))
        try:
            yield from cursor
        finally:
            cursor.close()
    return fetch
