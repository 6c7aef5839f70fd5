"""Entries of the reconciler's queue (03 §18.2)."""
import pytest

from swift.core.misplaced import queue_container, queue_entry
from swift.core.row_merge import ObjectRecord


def record(created_at='1700000001.00000', deleted=0):
    return ObjectRecord('a/photo é', created_at, 7, 'image/jpeg', 'tag', deleted, 3)


@pytest.mark.parametrize('created_at, container', [
    ('1700000001.00000', '1699999200'), ('1699999200.00000', '1699999200'),
    ('1699999199.99999', '1699995600'), ('1699999199.99999_2', '1699995600'),
    # The last of the three times counts: two hours after the data.
    ('1700000001.00000+0+2aea5400', '1700006400')])
def test_container_of_the_hour(created_at, container):
    assert queue_container(record(created_at)) == container


@pytest.mark.parametrize('deleted, kind', [(0, 'application/x-put'), (1, 'application/x-delete')])
def test_entry(deleted, kind):
    entry = queue_entry(record('1700000001.00000+1+2', deleted), 'AUTH_test', 'c')
    assert entry == ObjectRecord('3:/AUTH_test/c/a/photo é', '1700000001.00000+1+2', 0, kind,
                                 '1700000001.00000+1+2', 0, 0)
