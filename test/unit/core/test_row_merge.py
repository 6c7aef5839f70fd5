"""The laws of row merging, and the worked examples of sheet 03 §9, §29.9, errata."""
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.core.row_merge import (
    ContainerRecord,
    ObjectRecord,
    merge_container,
    merge_object,
    merge_objects,
    merge_times,
    settle,
)
from swift.core.timestamp import Timestamp, decode_timestamps

TIMES = ['%010d.00000' % second for second in range(1, 6)]


def content_at(data_time, ctype_time):
    """Content that depends on the times alone, so that equal times mean equal content."""
    data = TIMES.index(data_time)
    return {'size': data, 'etag': f'e{data}', 'deleted': data % 2,
            'content_type': f't/{TIMES.index(ctype_time)};swift_bytes={data}'}


@st.composite
def records(draw, name='o'):
    data, ctype, meta = sorted(draw(st.lists(st.sampled_from(TIMES), min_size=3, max_size=3)))
    record = ObjectRecord(name, data, storage_policy_index=draw(st.integers(0, 1)),
                          **content_at(data, ctype))
    if ctype != data:
        record = record._replace(ctype_timestamp=ctype)
    if meta != ctype:
        record = record._replace(meta_timestamp=meta)
    return record


def fold(items):
    return merge_objects({}, items)


def same(rows):
    """Rows without the spelling of a parameter that nothing else depends on."""
    return {key: (decode_timestamps(row.created_at), row.size, row.etag, row.deleted,
                  row.content_type) for key, row in rows.items()}


@given(st.lists(records(), max_size=4))
def test_any_order_gives_the_same_rows(items):
    expected = same(fold(items))
    for order in permutations(items):
        assert same(fold(order)) == expected


@given(st.lists(records(), max_size=5), st.lists(records(), max_size=5))
def test_merging_in_batches_is_merging_at_once(first, second):
    stored = fold(first)
    changed = merge_objects(stored, second)
    assert same({**stored, **changed}) == same(fold(first + second))


@given(st.lists(records(), max_size=5))
def test_merging_again_changes_nothing(items):
    stored = fold(items)
    assert merge_objects(stored, items) == {}
    assert merge_objects(stored, stored.values()) == {}


@given(records(), records())
def test_no_time_goes_back(first, second):
    existing = settle(first)
    merged = merge_object(existing, second) or existing
    before, after = decode_timestamps(existing.created_at), decode_timestamps(merged.created_at)
    assert all(new >= old for new, old in zip(after, before, strict=True))


@given(records(), records(), st.sampled_from(TIMES), st.sampled_from(TIMES))
def test_records_of_one_time_are_merged_like_any(first, second, old_time, new_time):
    first, second = first._replace(storage_policy_index=0), second._replace(storage_policy_index=0)
    one_time = {'ctype_timestamp': None, 'meta_timestamp': None, 'content_type': 'a/b'}
    for existing in (settle(first), first._replace(created_at=old_time, **one_time)):
        for item in (second, second._replace(created_at=new_time, **one_time)):
            assert merge_object(existing, item) == merge_times(existing, item)


def test_check_9_content_type_update_keeps_swift_bytes():
    t1, t3, t4 = '1700000001.00000', '1700000003.00000', '1700000004.00000'
    stored = settle(ObjectRecord('o', t1, 5, 't;swift_bytes=7', 'e', 0))
    update = ObjectRecord('o', t1, 0, 'u', 'other', 0, 0, t3, t4)
    merged = merge_object(stored, update)
    assert (merged.size, merged.etag, merged.content_type) == (5, 'e', 'u;swift_bytes=7')
    assert merged.created_at == f'{t1}+30d40+186a0'
    assert merge_object(merged, update) is None


def test_first_insert_keeps_the_content_type_verbatim_replacement_does_not():
    first = settle(ObjectRecord('o', TIMES[0], 1, 'text/plain; charset=utf8', 'e', 0))
    assert first.content_type == 'text/plain; charset=utf8'
    merged = merge_object(first, first._replace(created_at=TIMES[1]))
    assert merged.content_type == 'text/plain;charset=utf8'


def test_equal_times_keep_what_is_stored():
    stored = ObjectRecord('o', TIMES[0], 1, 'a/b', 'e', 0)
    assert merge_object(stored, stored._replace(size=2, deleted=1)) is None


@pytest.mark.parametrize('order', permutations(range(3)))
def test_a_removal_at_the_same_time_does_not_hide_a_content_type(order):
    # Seed 2398 of the simulator: an object loses its expiry by a PUT and gets it back by a POST.
    # The row of its queue then has the PUT's time twice: as a removal, and as its type's time.
    first, second, third = TIMES[:3]
    statements = (
        ObjectRecord('o', first, 0, 'text/plain', 'e', 0),
        ObjectRecord('o', second, 0, 'application/deleted', 'noetag', 1),
        ObjectRecord('o', third, 0, 'text/plain', 'e', 0, 0, second))
    row, = fold([statements[index] for index in order]).values()
    assert (row.content_type, row.deleted) == ('text/plain', 0)


def test_settle_shortens_the_offset_of_the_data_time():
    record = ObjectRecord('o', '1700000006.12345_0000000000000002', 1, 'a/b', 'e', 0)
    assert settle(record).created_at == '1700000006.12345_2'


def test_bad_time_is_an_error():
    with pytest.raises(ValueError):
        merge_objects({}, [ObjectRecord('o', 'yesterday', 1, 'a/b', 'e', 0)])


# -- container records ------------------------------------------------------------------------

def record(put, delete, count=0, used=0, policy=0):
    return ContainerRecord('c', put, delete, count, used, 0, policy)


def test_container_times_only_grow_counts_are_the_last():
    stored = merge_container(None, record('2', '0', 5, 50, 1))
    merged = merge_container(stored, record('1', '0', 9, 90, 0))
    assert merged == ContainerRecord('c', '2', '0', 9, 90, 0, 0)


def test_container_deleted_only_when_empty():
    stored = record('1', '0', 5, 50)
    assert merge_container(stored, record('1', '2', 5, 50)).deleted == 0
    assert merge_container(stored, record('1', '2', 0, 0)).deleted == 1
    # Deleted stays deleted for an older put, comes back with a newer one.
    gone = merge_container(stored, record('1', '2', 0, 0))
    assert merge_container(gone, record('0', '0', 0, 0)).deleted == 1
    assert merge_container(gone, record('3', '0', 0, 0)).deleted == 0


def test_container_missing_values_are_kept():
    stored = record('1', '0', 5, 50)
    merged = merge_container(stored, ContainerRecord('c', None, '3', None, None))
    assert merged == ContainerRecord('c', '1', '3', 5, 50, 0, 0)


@given(st.lists(st.builds(record, *[st.sampled_from(TIMES)] * 2), min_size=1, max_size=4))
def test_container_order_does_not_matter_for_times(items):
    def ending(order):
        row = None
        for item in order:
            row = merge_container(row, item)
        return row.put_timestamp, row.delete_timestamp
    assert len({ending(order) for order in permutations(items)}) == 1
    assert ending(items) == (max(item.put_timestamp for item in items),
                             max(item.delete_timestamp for item in items))


def test_times_are_ordered_as_text():
    assert Timestamp('1700000001.00000_0000000000000002').internal > '1700000001.00000'
