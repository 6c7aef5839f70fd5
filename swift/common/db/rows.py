"""Reading rows by name ranges: a core.listing.Span as an SQL query with a cached statement.

Layer 1. The index on (deleted, name) serves every variant; the text of a query depends only on the
shape of the span, so SQLite compiles it once per connection.

Two ways to read. A page that is used whole is made one JSON text inside SQLite: one step, one
release of the interpreter lock instead of one per row, which under load is several times faster
(measured: 0.7 ms for 1000 rows whatever other threads do, row by row 0.6 ms alone and 2.2 ms and
more beside a busy one). Otherwise rows are read as they are used, and stopping early costs nothing.
"""
import sqlite3
from collections.abc import Callable, Iterable

import orjson

from swift.core.listing import Span


def fetcher(db: sqlite3.Connection, columns: str, table: str, where: str,
            values: tuple) -> Callable[[Span, bool], Iterable]:
    """Return the fetch function that core.listing asks; `columns` begins with the name.

    `where` is a condition with `?` for `values`.
    """
    def fetch(span: Span, whole: bool) -> Iterable:
        bounds = f"name {'>=' if span.lower_included else '>'} ?"
        parameters = (*values, span.lower)
        if span.upper is not None:
            bounds += f" AND name {'<=' if span.upper_included else '<'} ?"
            parameters += (span.upper,)
        order = 'DESC' if span.reverse else 'ASC'
        query = (f'SELECT {columns} FROM {table} WHERE {where} AND {bounds} '
                 f'ORDER BY name {order} LIMIT ?')
        parameters += (span.limit,)
        return _read_whole(query, parameters) if whole else _read_lazily(query, parameters)

    def _read_whole(query: str, parameters: tuple) -> list:
        names = ', '.join(column.rpartition(' AS ')[2] for column in columns.split(', '))
        text, = db.execute(f'SELECT json_group_array(json_array({names})) FROM ({query})',
                           parameters).fetchone()
        return orjson.loads(text)

    def _read_lazily(query: str, parameters: tuple) -> Iterable[tuple]:
        cursor = db.execute(query, parameters)
        try:
            yield from cursor
        finally:
            cursor.close()
    return fetch
