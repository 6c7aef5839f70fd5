"""New databases have the original's schema to the letter; old ones are migrated (sheet 03 §25)."""
import sqlite3
from contextlib import closing

import pytest

from swift.common.db import connection, schema
from test.support.golden_databases import case

MASTER = 'SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name'
PRAGMAS = ('page_size', 'encoding', 'auto_vacuum', 'user_version', 'application_id')


def new(script):
    db = connection.new_database(script)
    db.create_function('chexor', 3, connection.chexor)
    return closing(db)


@pytest.mark.parametrize('name, script', [('acct_empty', schema.ACCOUNT),
                                          ('cont_empty', schema.CONTAINER)])
def test_schema_text_is_the_original_s(name, script, tmp_path):
    golden = sqlite3.connect(case(name).install(tmp_path))
    with closing(golden), new(script) as db:
        assert db.execute(MASTER).fetchall() == golden.execute(MASTER).fetchall()
        for pragma in PRAGMAS:
            pragma = f'PRAGMA {pragma}'
            assert db.execute(pragma).fetchone() == golden.execute(pragma).fetchone()


def test_templates_do_not_share_content():
    with new(schema.ACCOUNT) as first:
        first.execute("INSERT INTO account_stat (account) VALUES ('a')")
        with new(schema.ACCOUNT) as second:
            assert second.execute('SELECT * FROM account_stat').fetchall() == []


@pytest.mark.parametrize('script, table', [
    (schema.ACCOUNT, 'container'), (schema.CONTAINER, 'object'),
    (schema.CONTAINER, 'shard_range')])
def test_rows_cannot_be_updated(script, table):
    with new(script) as db:
        db.execute(f"INSERT INTO {table} (name) VALUES ('x')") if table == 'shard_range' else None
        insert = {'container': "('x', '1', '0', 1, 2)", 'object': "('x', '1', 2, 'a/b', 'e')"}
        columns = {'container': 'name, put_timestamp, delete_timestamp, object_count, bytes_used',
                   'object': 'name, created_at, size, content_type, etag'}
        if table in insert:
            db.execute(f'INSERT INTO {table} ({columns[table]}) VALUES {insert[table]}')
        with pytest.raises(sqlite3.IntegrityError) as caught:
            db.execute(f"UPDATE {table} SET name = 'y'")
        assert str(caught.value) == 'UPDATE not allowed; DELETE and INSERT'


def test_sync_points_are_stamped():
    with new(schema.CONTAINER) as db:
        db.execute("INSERT INTO incoming_sync (remote_id, sync_point) VALUES ('r', 1)")
        assert int(db.execute('SELECT updated_at FROM incoming_sync').fetchone()[0]) > 1700000000


OLD_ACCOUNT = '''
CREATE TABLE container (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, put_timestamp TEXT,
    delete_timestamp TEXT, object_count INTEGER, bytes_used INTEGER, deleted INTEGER DEFAULT 0);
CREATE TABLE account_stat (account TEXT, created_at TEXT, put_timestamp TEXT, delete_timestamp TEXT,
    container_count INTEGER, object_count INTEGER, bytes_used INTEGER, hash TEXT, id TEXT,
    status TEXT, status_changed_at TEXT);
INSERT INTO container VALUES (1, 'c', '1', '0', 2, 7, 0);
INSERT INTO account_stat VALUES ('a', '1', '1', '0', 1, 2, 7, '0', 'id', '', '1');
'''

OLD_CONTAINER = '''
CREATE TABLE object (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created_at TEXT,
    size INTEGER, content_type TEXT, etag TEXT, deleted INTEGER DEFAULT 0);
CREATE TABLE container_stat (account TEXT, container TEXT, created_at TEXT, put_timestamp TEXT,
    delete_timestamp TEXT, object_count INTEGER, bytes_used INTEGER, reported_put_timestamp TEXT,
    reported_delete_timestamp TEXT, reported_object_count INTEGER, reported_bytes_used INTEGER,
    hash TEXT, id TEXT, status TEXT, status_changed_at TEXT);
CREATE TRIGGER object_insert AFTER INSERT ON object BEGIN
    UPDATE container_stat SET object_count = object_count + (1 - new.deleted); END;
CREATE TRIGGER object_delete AFTER DELETE ON object BEGIN
    UPDATE container_stat SET object_count = object_count - (1 - old.deleted); END;
INSERT INTO container_stat VALUES ('a', 'c', '1700000000.00000', '1700000000.00000', '0', 0, 0,
    '0', '0', 0, 0, '00000000000000000000000000000000', 'id', '', '1');
INSERT INTO object VALUES (1, 'o', '1700000001.00000', 5, 'a/b', 'e', 0);
UPDATE container_stat SET bytes_used = 5;
'''


def old(script):
    db = sqlite3.connect(':memory:', isolation_level=None)
    db.executescript(script)
    db.create_function('chexor', 3, connection.chexor)
    return closing(db)


def test_account_without_policies_is_migrated_once():
    with old(OLD_ACCOUNT) as db:
        for _ in range(2):
            schema.migrate_account(db)
        assert db.execute('SELECT * FROM policy_stat').fetchall() == [(0, 1, 2, 7)]
        db.execute("INSERT INTO container (name, put_timestamp, delete_timestamp, object_count, "
                   "bytes_used, storage_policy_index) VALUES ('d', '1', '0', 1, 1, 1)")
        assert db.execute('SELECT * FROM policy_stat').fetchall() == [(0, 1, 2, 7), (1, 1, 1, 1)]


def test_container_without_policies_is_migrated_once():
    with old(OLD_CONTAINER) as db:
        for _ in range(2):
            schema.migrate_container(db)
        counts = 'SELECT object_count, bytes_used, storage_policy_index FROM container_stat'
        assert db.execute(counts).fetchone() == (1, 5, 0)
        db.execute("INSERT INTO object (name, created_at, size, content_type, etag) "
                   "VALUES ('p', '1700000002.00000', 3, 'a/b', 'e')")
        assert db.execute(counts).fetchone() == (2, 8, 0)
        types = dict(db.execute('SELECT name, type FROM sqlite_master'))
        assert types['container_stat'] == 'view' and 'object_insert' not in types


def test_shard_range_table_is_made_or_completed():
    with old(OLD_CONTAINER) as db:
        schema.migrate_shard_ranges(db)
        assert 'tombstones' in schema.columns(db, 'shard_range')
    with old('CREATE TABLE shard_range (name TEXT)') as db:
        schema.migrate_shard_ranges(db)
        assert schema.columns(db, 'shard_range') == {'name', 'reported', 'tombstones'}


def test_metadata_column_is_added_once():
    with old(OLD_ACCOUNT) as db:
        for _ in range(2):
            schema.add_metadata_column(db, 'account_stat')
        assert db.execute('SELECT metadata FROM account_stat').fetchone() == ('',)
