"""Accounts beyond the golden files: old schemas, when records are accepted (sheet 03)."""
import os
import sqlite3
from contextlib import closing

import pytest

from swift.account.backend import AccountBroker, PolicyTotals
from swift.core.listing import ListingQuery
from test.support.brokers import T, account_broker, cont, environment, place, put, raw
from test.unit.common.db.test_schema import OLD_ACCOUNT


@pytest.fixture
def broker(tmp_path):
    broker = account_broker(tmp_path)
    yield broker
    broker.close()


def old_broker(devices):
    """Return the broker of an account of before storage policies and metadata."""
    broker = account_broker(devices)
    broker.close()
    os.unlink(broker.path)
    with closing(sqlite3.connect(broker.place.default_path)) as db:
        db.executescript(OLD_ACCOUNT)
    return broker


def test_old_schema_is_read_and_migrated_by_the_first_row(tmp_path):
    broker = old_broker(tmp_path)
    info = broker.info()
    assert (info.container_count, info.metadata, info.policies) == (1, {}, {})
    assert [list(row) for row in broker.list_containers(ListingQuery(9))] == [['c', 2, 7, '1', 0]]
    put(broker, cont('d', count=1, used=1, policy=1))
    assert broker.info().policies == {0: PolicyTotals(1, 2, 7), 1: PolicyTotals(1, 1, 1)}
    broker.update_metadata({'X-Account-Meta-A': ('1', T[1])})
    assert broker.info().metadata == {'X-Account-Meta-A': ('1', T[1])}
    broker.close()


def test_policy_totals_without_container_count(broker):
    put(broker, cont('c'))
    broker.merge_pending()
    raw(broker, 'DROP TRIGGER container_insert_ps')
    raw(broker, 'DROP TRIGGER container_delete_ps')
    raw(broker, 'ALTER TABLE policy_stat DROP COLUMN container_count')
    assert broker.info().policies == {0: PolicyTotals(None, 1, 10)}


def test_every_record_makes_a_new_row(broker):
    for _ in range(3):
        put(broker, cont('c', count=2, used=7))
    broker.merge_pending()
    assert raw(broker, 'SELECT ROWID, name FROM container') == [(3, 'c')]
    assert broker.max_row() == 3


def test_checksum_example_of_the_sheet(broker):
    put(broker, cont('c', '1700000000.00000', '0', 2, 7))
    assert broker.info().hash == 'c59d0982b4dd6284555e9360332be311'


def test_a_container_moves_between_policies(broker):
    put(broker, cont('c', policy=0), cont('c', policy=1))
    assert broker.info().policies == {0: PolicyTotals(0, 0, 0), 1: PolicyTotals(1, 1, 10)}


@pytest.mark.parametrize('prepare, takes, takes_overridden', [
    (lambda broker: None, True, True),
    (lambda broker: broker.delete_db(T[5]), False, True),
    # Deleted by time alone, as replication brings it: what it contains decides.
    (lambda broker: raw(broker, 'UPDATE account_stat SET delete_timestamp = ?', T[5]), False, True),
    (lambda broker: (raw(broker, 'UPDATE account_stat SET delete_timestamp = ?', T[5]),
                     put(broker, cont('c'))), True, True)])
def test_when_records_are_accepted(broker, prepare, takes, takes_overridden):
    prepare(broker)
    assert broker.takes_records(False) is takes
    assert broker.takes_records(True) is takes_overridden


def test_missing_account_takes_no_records(tmp_path):
    broker = AccountBroker(place('account', tmp_path), environment())
    assert broker.takes_records(True) is False


def test_deletion_by_status_and_by_time(broker):
    put(broker, cont('c'))
    raw(broker, 'UPDATE account_stat SET delete_timestamp = ?', T[5])
    info = broker.info()
    assert info.is_status_deleted and not info.is_deleted
    broker.delete_db(T[6])
    assert broker.info().is_deleted
