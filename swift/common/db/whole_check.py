"""Read a whole database and find pages and rows that are damaged.

Layer 1; blocks, for disk threads. A reader keeps writers from committing, so a file up to
AT_ONCE_BYTES is checked in one go, with SQLite's own check of its structure and the checksum of
its rows; a larger one in pieces of PIECE_ROWS rows, which finds pages that cannot be read. Each
step returns the next one; between them nothing is locked.

Damaged structure raises DamagedDatabase, which has the database quarantined; rows that do not fit
their checksum raise SwiftError: they can be read, and which of them is wrong cannot be told.
"""
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from swift.common.db.broker import Broker
from swift.common.db.connection import DatabaseFile
from swift.common.errors import DamagedDatabase, SwiftError
from swift.core.hashing import md5

AT_ONCE_BYTES = 32 << 20
PIECE_ROWS = 20000
EMPTY_HASH = '0' * 32
# What the checksum of a row is made of, by table (sheet 03 §5).
_ROW_TEXTS = {
    'object': "name || '-' || created_at",
    'container': "name || '-' || put_timestamp || '-' || delete_timestamp || '-' || "
                 "object_count || '-' || bytes_used",
}
_ROW_LENGTHS = {
    'object': 'length(name) + length(created_at) + length(content_type) + length(etag)',
    'container': 'length(name) + length(put_timestamp) + length(delete_timestamp)',
}

Step = Callable[[Broker], Any]


def begin(broker: Broker) -> Step | None:
    """Check a small database; of a larger one return the first step. Raises see above."""
    with broker.reading() as file:
        if os.path.getsize(file.path) > AT_ONCE_BYTES:
            return partial(_read_piece, 0)
        answer = file.db.execute('PRAGMA quick_check(1)').fetchone()[0]
        if answer != 'ok':
            raise DamagedDatabase(answer, file.path, reason='malformed database')
        _check_rows(broker, file)
    return None


def _check_rows(broker: Broker, file: DatabaseFile) -> None:
    table = broker.row_table
    if table not in _ROW_TEXTS:
        return
    file.db.execute('BEGIN')
    try:
        stored = file.db.execute(f'SELECT hash FROM {broker.stat_table}').fetchone()
        digest = 0
        for (text,) in file.db.execute(
                f'SELECT CAST({_ROW_TEXTS[table]} AS BLOB) FROM {table}'):
            if text is not None:
                digest ^= int(md5(text).hexdigest(), 16)
    finally:
        file.db.execute('ROLLBACK')
    expected = (stored[0] if stored else None) or EMPTY_HASH
    if '%032x' % digest != expected:
        raise SwiftError('The hash of the rows (%032x) does not match the stored one (%s)'
                         % (digest, expected))


def _read_piece(after: int, broker: Broker) -> Step | None:
    """Read some rows after a ROWID, all of what they hold."""
    table = broker.row_table
    with broker.reading(skip_pending=True) as file:
        last, _lengths = file.db.execute(
            f'SELECT max(number), sum(lengths) FROM (SELECT ROWID AS number, '
            f'{_ROW_LENGTHS[table]} AS lengths FROM {table} WHERE ROWID > ? '
            f'ORDER BY ROWID LIMIT {PIECE_ROWS})', (after,)).fetchone()
    return None if last is None else partial(_read_piece, last)
