"""SQL of account and container databases: creation, and migration of older schemas in place.

Layer 1. Sheet 03 sections 2-4 and 25. A peer may receive one of our files by rsync and go on
writing to it, so names, columns and the effects of triggers are interface. Rows of `object`,
`container` and `shard_range` never change: they are deleted and inserted again, which makes the
ROWID order a change log; triggers enforce it. Triggers keep counts, bytes and the checksum
(`chexor`, a function each writing connection has to register).
"""
import sqlite3

ZERO_HASH = '0' * 32


def _sync_table(direction: str) -> str:
    """Sync points of peers, `incoming` or `outgoing`, with the time of their last change."""
    touch = f'''
            BEGIN
                UPDATE {direction}_sync
                SET updated_at = STRFTIME('%s', 'NOW')
                WHERE ROWID = new.ROWID;
            END;'''
    return f'''
        CREATE TABLE {direction}_sync (
                remote_id TEXT UNIQUE,
                sync_point INTEGER,
                updated_at TEXT DEFAULT 0
            );
        CREATE TRIGGER {direction}_sync_insert AFTER INSERT ON {direction}_sync{touch}
        CREATE TRIGGER {direction}_sync_update AFTER UPDATE ON {direction}_sync{touch}
    '''


SYNC_TABLES = _sync_table('outgoing') + _sync_table('incoming')


def _no_update(table: str) -> str:
    return f'''
        CREATE TRIGGER {table}_update BEFORE UPDATE ON {table}
            BEGIN
                SELECT RAISE(FAIL, 'UPDATE not allowed; DELETE and INSERT');
            END;
    '''


# -- account ----------------------------------------------------------------------------------

CONTAINER_TABLE = '''
        CREATE TABLE container (
                ROWID INTEGER PRIMARY KEY AUTOINCREMENT,
                name TEXT,
                put_timestamp TEXT,
                delete_timestamp TEXT,
                object_count INTEGER,
                bytes_used INTEGER,
                deleted INTEGER DEFAULT 0,
                storage_policy_index INTEGER DEFAULT 0
            );
        CREATE INDEX ix_container_deleted_name ON
                container (deleted, name);
        CREATE TRIGGER container_insert AFTER INSERT ON container
            BEGIN
                UPDATE account_stat
                SET container_count = container_count + (1 - new.deleted),
                    object_count = object_count + new.object_count,
                    bytes_used = bytes_used + new.bytes_used,
                    hash = chexor(hash, new.name,
                                  new.put_timestamp || '-' ||
                                    new.delete_timestamp || '-' ||
                                    new.object_count || '-' || new.bytes_used);
            END;
''' + _no_update('container') + '''
        CREATE TRIGGER container_delete AFTER DELETE ON container
            BEGIN
                UPDATE account_stat
                SET container_count = container_count - (1 - old.deleted),
                    object_count = object_count - old.object_count,
                    bytes_used = bytes_used - old.bytes_used,
                    hash = chexor(hash, old.name,
                                  old.put_timestamp || '-' ||
                                    old.delete_timestamp || '-' ||
                                    old.object_count || '-' || old.bytes_used);
            END;
'''

CONTAINER_POLICY_TRIGGERS = '''
CREATE TRIGGER container_insert_ps AFTER INSERT ON container
    BEGIN
        INSERT OR IGNORE INTO policy_stat
            (storage_policy_index, container_count, object_count, bytes_used)
            VALUES (new.storage_policy_index, 0, 0, 0);
        UPDATE policy_stat
        SET container_count = container_count + (1 - new.deleted),
            object_count = object_count + new.object_count,
            bytes_used = bytes_used + new.bytes_used
        WHERE storage_policy_index = new.storage_policy_index;
    END;
CREATE TRIGGER container_delete_ps AFTER DELETE ON container
    BEGIN
        UPDATE policy_stat
        SET container_count = container_count - (1 - old.deleted),
            object_count = object_count - old.object_count,
            bytes_used = bytes_used - old.bytes_used
        WHERE storage_policy_index = old.storage_policy_index;
    END;
'''

ACCOUNT_POLICY_STAT = '''
        CREATE TABLE policy_stat (
                storage_policy_index INTEGER PRIMARY KEY,
                container_count INTEGER DEFAULT 0,
                object_count INTEGER DEFAULT 0,
                bytes_used INTEGER DEFAULT 0
            );
'''

ACCOUNT_STAT = f'''
        CREATE TABLE account_stat (
                account TEXT,
                created_at TEXT,
                put_timestamp TEXT DEFAULT '0',
                delete_timestamp TEXT DEFAULT '0',
                container_count INTEGER,
                object_count INTEGER DEFAULT 0,
                bytes_used INTEGER DEFAULT 0,
                hash TEXT default '{ZERO_HASH}',
                id TEXT,
                status TEXT DEFAULT '',
                status_changed_at TEXT DEFAULT '0',
                metadata TEXT DEFAULT ''
            );
'''

ACCOUNT = (SYNC_TABLES + CONTAINER_TABLE + CONTAINER_POLICY_TRIGGERS + ACCOUNT_STAT
           + ACCOUNT_POLICY_STAT)

# -- container --------------------------------------------------------------------------------

OBJECT_TABLE = '''
        CREATE TABLE object (
                ROWID INTEGER PRIMARY KEY AUTOINCREMENT,
                name TEXT,
                created_at TEXT,
                size INTEGER,
                content_type TEXT,
                etag TEXT,
                deleted INTEGER DEFAULT 0,
                storage_policy_index INTEGER DEFAULT 0
            );
        CREATE INDEX ix_object_deleted_name ON object (deleted, name);
''' + _no_update('object')

OBJECT_POLICY_TRIGGERS = '''
CREATE TRIGGER object_insert_policy_stat AFTER INSERT ON object
    BEGIN
        UPDATE policy_stat
        SET object_count = object_count + (1 - new.deleted),
            bytes_used = bytes_used + new.size
        WHERE storage_policy_index = new.storage_policy_index;
        INSERT INTO policy_stat (
            storage_policy_index, object_count, bytes_used)
        SELECT new.storage_policy_index,
               (1 - new.deleted),
               new.size
        WHERE NOT EXISTS(
            SELECT changes() as change
            FROM policy_stat
            WHERE change <> 0
        );
        UPDATE container_info
        SET hash = chexor(hash, new.name, new.created_at);
    END;
CREATE TRIGGER object_delete_policy_stat AFTER DELETE ON object
    BEGIN
        UPDATE policy_stat
        SET object_count = object_count - (1 - old.deleted),
            bytes_used = bytes_used - old.size
        WHERE storage_policy_index = old.storage_policy_index;
        UPDATE container_info
        SET hash = chexor(hash, old.name, old.created_at);
    END;
'''

CONTAINER_POLICY_STAT = '''
CREATE TABLE policy_stat (
        storage_policy_index INTEGER PRIMARY KEY,
        object_count INTEGER DEFAULT 0,
        bytes_used INTEGER DEFAULT 0
    );
'''

# Columns of container_info in the order of the table, with their declarations.
_INFO_COLUMNS = (
    ('account', 'TEXT'), ('container', 'TEXT'), ('created_at', 'TEXT'),
    ('put_timestamp', "TEXT DEFAULT '0'"), ('delete_timestamp', "TEXT DEFAULT '0'"),
    ('reported_put_timestamp', "TEXT DEFAULT '0'"),
    ('reported_delete_timestamp', "TEXT DEFAULT '0'"),
    ('reported_object_count', 'INTEGER DEFAULT 0'), ('reported_bytes_used', 'INTEGER DEFAULT 0'),
    ('hash', f"TEXT default '{ZERO_HASH}'"), ('id', 'TEXT'), ('status', "TEXT DEFAULT ''"),
    ('status_changed_at', "TEXT DEFAULT '0'"), ('metadata', "TEXT DEFAULT ''"),
    ('x_container_sync_point1', 'INTEGER DEFAULT -1'),
    ('x_container_sync_point2', 'INTEGER DEFAULT -1'),
    ('storage_policy_index', 'INTEGER DEFAULT 0'),
    ('reconciler_sync_point', 'INTEGER DEFAULT -1'))
INFO_COLUMNS = tuple(name for name, _ in _INFO_COLUMNS)

CONTAINER_INFO = 'CREATE TABLE container_info (\n%s\n    );\n' % ',\n'.join(
    f'        {name} {declared}' for name, declared in _INFO_COLUMNS)

CONTAINER_STAT = '''
CREATE VIEW container_stat
    AS SELECT ci.account, ci.container, ci.created_at,
        ci.put_timestamp, ci.delete_timestamp,
        ci.reported_put_timestamp, ci.reported_delete_timestamp,
        ci.reported_object_count, ci.reported_bytes_used, ci.hash,
        ci.id, ci.status, ci.status_changed_at, ci.metadata,
        ci.x_container_sync_point1, ci.x_container_sync_point2,
        ci.reconciler_sync_point,
        ci.storage_policy_index,
        coalesce(ps.object_count, 0) AS object_count,
        coalesce(ps.bytes_used, 0) AS bytes_used
    FROM container_info ci LEFT JOIN policy_stat ps
    ON ci.storage_policy_index = ps.storage_policy_index;
CREATE TRIGGER container_stat_update
    INSTEAD OF UPDATE ON container_stat
    BEGIN
        UPDATE container_info
        SET %s;
    END;
''' % ',\n            '.join(f'{name} = NEW.{name}' for name in INFO_COLUMNS)

SHARD_RANGE_TABLE = '''
        CREATE TABLE shard_range (
                ROWID INTEGER PRIMARY KEY AUTOINCREMENT,
                name TEXT,
                timestamp TEXT,
                lower TEXT,
                upper TEXT,
                object_count INTEGER DEFAULT 0,
                bytes_used INTEGER DEFAULT 0,
                meta_timestamp TEXT,
                deleted INTEGER DEFAULT 0,
                state INTEGER,
                state_timestamp TEXT,
                epoch TEXT,
                reported INTEGER DEFAULT 0,
                tombstones INTEGER DEFAULT -1
            );
''' + _no_update('shard_range')

CONTAINER = (SYNC_TABLES + OBJECT_TABLE + OBJECT_POLICY_TRIGGERS + CONTAINER_POLICY_STAT
             + CONTAINER_INFO + CONTAINER_STAT + SHARD_RANGE_TABLE)


# -- older schemas ----------------------------------------------------------------------------

def statements(script: str) -> list[str]:
    """Cut a script into single statements, so that they can run inside a transaction.

    (sqlite3's own executescript commits first.)
    """
    found, lines = [], []
    for line in script.splitlines(keepends=True):
        lines.append(line)
        text = ''.join(lines)
        if ';' in line and sqlite3.complete_statement(text):
            found.append(text.strip())
            lines = []
    assert not ''.join(lines).strip(), 'a script ends with a complete statement'
    return found


def columns(db: sqlite3.Connection, table: str) -> frozenset[str]:
    """Return the column names of a table or view; empty if there is none."""
    return frozenset(row[1] for row in db.execute(f'PRAGMA table_info({table})'))


def migrate_account(db: sqlite3.Connection) -> None:
    """Give an account database without policies its per-policy counts. Inside a transaction."""
    if 'storage_policy_index' in columns(db, 'container'):
        return
    for statement in statements(ACCOUNT_POLICY_STAT):
        db.execute(statement)
    db.execute('INSERT INTO policy_stat (storage_policy_index, container_count, object_count, '
               'bytes_used) SELECT 0, container_count, object_count, bytes_used '
               'FROM account_stat WHERE container_count > 0')
    db.execute('ALTER TABLE container ADD COLUMN storage_policy_index INTEGER DEFAULT 0')
    for statement in statements(CONTAINER_POLICY_TRIGGERS):
        db.execute(statement)


def migrate_container(db: sqlite3.Connection) -> None:
    """Turn container_stat from a table into the view over container_info. In a transaction."""
    if columns(db, 'container_info'):
        return
    known = columns(db, 'container_stat')
    for statement in statements(CONTAINER_POLICY_STAT):
        db.execute(statement)
    db.execute('INSERT INTO policy_stat (storage_policy_index, object_count, bytes_used) '
               'SELECT 0, object_count, bytes_used FROM container_stat')
    db.execute('ALTER TABLE object ADD COLUMN storage_policy_index INTEGER DEFAULT 0')
    db.execute('DROP TRIGGER IF EXISTS object_insert')
    db.execute('DROP TRIGGER IF EXISTS object_delete')
    shared = ', '.join(name for name in INFO_COLUMNS if name in known)
    db.execute(CONTAINER_INFO)
    db.execute(f'INSERT INTO container_info ({shared}) SELECT {shared} FROM container_stat')
    db.execute('DROP TABLE container_stat')
    for statement in statements(CONTAINER_STAT + OBJECT_POLICY_TRIGGERS):
        db.execute(statement)


def migrate_shard_ranges(db: sqlite3.Connection) -> None:
    """Create the table of shard ranges, or the columns that it lacks. In a transaction."""
    known = columns(db, 'shard_range')
    if not known:
        for statement in statements(SHARD_RANGE_TABLE):
            db.execute(statement)
        return
    for name, declared in (('reported', 'INTEGER DEFAULT 0'), ('tombstones', 'INTEGER DEFAULT -1')):
        if name not in known:
            db.execute(f'ALTER TABLE shard_range ADD COLUMN {name} {declared}')


def add_metadata_column(db: sqlite3.Connection, table: str) -> None:
    """Add the metadata column to a stat table of before there was metadata."""
    if 'metadata' not in columns(db, table):
        db.execute(f"ALTER TABLE {table} ADD COLUMN metadata TEXT DEFAULT ''")
