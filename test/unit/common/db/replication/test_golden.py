"""Databases written by the original are replicated, and stay what the original can go on with."""
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from swift.common.db.connection import chexor
from test.support.db_cluster import DbCluster
from test.support.golden_databases import cases
from test.unit.common.db.replication.test_replicator import assert_equal

ALL = [pytest.param(case, id=case.name) for case in cases()]


def install(case, cluster, number):
    """Put a golden database where a node keeps it; return its names."""
    names = {'account': case['account'], 'container': case.get('container')}
    place = cluster.place(number, **names)
    path = case.install(cluster.devices)
    shutil.copytree(os.path.dirname(path), place.directory)
    return names


def content(path):
    """Return schema and rows that every reader sees, but for what is each replica's own."""
    with closing(sqlite3.connect(path)) as db:
        db.create_function('chexor', 3, chexor)
        assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
        schema = sorted(db.execute('SELECT type, name, sql FROM sqlite_master').fetchall())
        tables = {name for kind, name, _ in schema if kind == 'table'}
        rows = {table: sorted(db.execute(f'SELECT * FROM {table}').fetchall(), key=repr)
                for table in tables & {'object', 'container', 'policy_stat', 'shard_range'}}
        return schema, rows


@pytest.mark.parametrize('case', ALL)
def test_golden_database_replicates(case, tmp_path):
    cluster = DbCluster(case['kind'], tmp_path, salt=b'changeme', reclaim_age='1000000000')
    names = install(case, cluster, 0)
    broker = cluster.broker(0, **names)
    broker.merge_pending()
    before = content(broker.path)
    cluster.settle()
    assert cluster.holders(**names) == [0, 1, 2]
    for number in range(3):
        assert content(cluster.broker(number, **names).path) == before
    if case['kind'] == 'container' and broker.info().db_state == 'sharding':
        cluster.close()
        return                       # the retiring file is not replicated, so counts differ
    told, metadata, _ = assert_equal(cluster, **names)
    assert {key: tuple(pair) for key, pair in metadata.items()} == broker.info().metadata
    info = case.get('info') or case['info_after_commit']
    for name in ('put_timestamp', 'delete_timestamp', 'hash'):
        assert told[name] == info[name]
    cluster.close()


@pytest.mark.parametrize('case', ALL)
def test_golden_database_leaves_a_handoff(case, tmp_path):
    cluster = DbCluster(case['kind'], tmp_path, salt=b'changeme', reclaim_age='1000000000')
    names = install(case, cluster, 3)
    broker = cluster.broker(3, **names)
    stays = case['kind'] == 'container' and broker.requires_sharding()
    cluster.replicate(3)
    assert cluster.holders(**names) == ([0, 1, 2, 3] if stays else [0, 1, 2])
    cluster.close()
