"""No statement of an account or container server walks through all rows of a large table.

Every statement that the operations below carry out is written down by SQLite itself, and its plan
asked for. A table of which there may be millions of rows has to be searched by an index.
"""
import itertools
import sqlite3

import pytest

from swift.common.db import connection
from swift.core.db_sync import Horizons
from swift.core.listing import ListingQuery
from test.support.brokers import T, account_broker, cont, container_broker, obj, put

MARKERS = ('', 'd/5')
QUERIES = [
    ListingQuery(5, marker, end_marker, prefix, delimiter, path, reverse)
    for marker, end_marker, prefix, delimiter, reverse in itertools.product(
        MARKERS, ('', 'd/7'), ('', 'd/'), ('', '/'), (False, True))
    for path in (None, 'd')]


@pytest.fixture
def statements(monkeypatch):
    """The statements that are carried out, with their values."""
    seen = set()
    real = connection.connect

    def traced(*args):
        db = real(*args)
        db.set_trace_callback(seen.add)
        return db
    monkeypatch.setattr(connection, 'connect', traced)
    return seen


def scans(path, table, statements):
    """Return the statements, and the lines of their plans, that walk through a table."""
    db = sqlite3.connect(path)
    db.create_function('chexor', 3, connection.chexor)
    found = []
    for statement in statements:
        if statement.split(None, 1)[0] in ('SELECT', 'INSERT', 'DELETE', 'UPDATE'):
            plan = db.execute(f'EXPLAIN QUERY PLAN {statement}').fetchall()
            found += [(statement, line[3]) for line in plan if line[3].startswith(f'SCAN {table}')]
    db.close()
    return found


def test_plans_that_scan_are_found(tmp_path, statements):
    broker = container_broker(tmp_path)
    assert scans(broker.path, 'object', ["SELECT name FROM object WHERE etag = 'e'"])
    assert not scans(broker.path, 'object', ["SELECT name FROM object WHERE deleted = 0"])
    broker.close()


def test_containers(tmp_path, statements):
    broker = container_broker(tmp_path)
    put(broker, *(obj(f'd/{number}') for number in range(9)), obj('e'))
    broker.info()
    put(broker, obj('d/3', T[2], deleted=1))
    for query in QUERIES:
        broker.list_objects(query)
    broker.policy_stats()
    broker.is_empty()
    broker.misplaced_since(-1, 5)
    broker.reclaim(Horizons(T[0], T[0]))
    broker.items_since(3, 5)
    broker.replication_info()
    listed = [text for text in statements if 'FROM object' in text]
    assert len(listed) > 20
    assert scans(broker.path, 'object', statements) == []
    broker.close()


def test_accounts(tmp_path, statements):
    broker = account_broker(tmp_path)
    put(broker, *(cont(f'd/{number}') for number in range(9)))
    broker.info()
    for query in QUERIES:
        if query.path is None:
            broker.list_containers(query)
    broker.items_since(3, 5)
    broker.replication_info()
    assert [text for text in statements if 'FROM container' in text]
    assert scans(broker.path, 'container', statements) == []
    broker.close()
