"""The pending file: exact bytes both ways, old writers, damage (sheet 03 §8.1)."""
import pickle
from binascii import b2a_base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.common.codecs import pending
from swift.core.row_merge import ContainerRecord, ObjectRecord
from test.support.golden_databases import case

PHOTO = ObjectRecord('photo.jpg', '1700000001.12345', 100, 'image/jpeg',
                     'd41d8cd98f00b204e9800998ecf8427e', 0)
PHOTO_BYTES = (
    b':gAIoWAkAAABwaG90by5qcGdxAFgQAAAAMTcwMDAwMDAwMS4xMjM0NXEBS2RYCgAAAGltYWdlL2pwZWdxAlggAAAAZDQx'
    b'ZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2VxA0sASwBOTnRxBC4=')
ACCOUNT_BYTES = b':gAIoWAEAAABjcQBYEAAAADE3MDAwMDAwMDAuMDAwMDBxAVgBAAAAMHECSwJLB0sASwB0cQMu'


def decode_objects(data, damage=None):
    return pending.decode(data, pending.object_record, ([] if damage is None else damage).append)


def entry(value):
    return b':' + b2a_base64(pickle.dumps(value, protocol=2), newline=False)


def test_worked_examples_of_the_sheet():
    assert pending.encode(PHOTO) == PHOTO_BYTES
    assert decode_objects(PHOTO_BYTES) == [PHOTO]
    record = ContainerRecord('c', '1700000000.00000', '0', 2, 7)
    assert pending.encode(record) == ACCOUNT_BYTES
    assert pending.decode(ACCOUNT_BYTES, pending.container_record, [].append) == [record]


@pytest.mark.parametrize('name, make', [('cont_pending', pending.object_record),
                                        ('acct_pending', pending.container_record)])
def test_golden_files_are_read_and_written_back(name, make, tmp_path):
    path = case(name).install(tmp_path) + '.pending'
    with open(path, 'rb') as stream:
        data = stream.read()
    records = pending.decode(data, make, pytest.fail)
    assert records
    assert b''.join(pending.encode(record) for record in records) == data


TEXT = st.text(st.characters(exclude_categories=('Cs',)), min_size=1, max_size=8)


@given(st.builds(ObjectRecord, TEXT, st.just('1700000001.12345'), st.integers(0, 1 << 60), TEXT,
                 TEXT, st.integers(0, 1), st.integers(0, 9),
                 *[st.sampled_from((None, '1700000002.00000', '3'))] * 2))
def test_any_record_comes_back(record):
    assert decode_objects(pending.encode(record)) == [record]


@pytest.mark.parametrize('length, expected', [
    (6, PHOTO), (7, PHOTO._replace(storage_policy_index=2)),
    (8, PHOTO._replace(storage_policy_index=2, ctype_timestamp='3'))])
def test_records_of_older_writers(length, expected):
    fields = (*PHOTO[:6], 2, '3', '4')[:length]
    assert decode_objects(entry(fields)) == [expected]


def test_byte_strings_are_text_and_numbers_may_be_text():
    old = pickle.dumps((b'caf\xc3\xa9', '1', '0', '2', '7', 0), protocol=0)
    # What Python 2 wrote for byte strings: opcode S with a quoted literal.
    python2 = b"(S'caf\\xc3\\xa9'\nS'1700000001.12345'\nI1\nS'a/b'\nS'e'\nI0\ntp0\n."
    data = b':' + b2a_base64(python2, newline=False)
    assert decode_objects(data)[0].name == 'café'
    data = b':' + b2a_base64(old, newline=False)
    assert pending.decode(data, pending.container_record, pytest.fail) == [
        ContainerRecord('café', '1', '0', '2', '7')]


@pytest.mark.parametrize('damaged', [
    b':!!!', b':gAIo', PHOTO_BYTES[:-9], entry('text'), entry(PHOTO[:5]),
    entry((*PHOTO, 1)), entry((None, *PHOTO[1:])), entry((*PHOTO[:2], 'many', *PHOTO[3:])),
    entry((*PHOTO[:2], {}, *PHOTO[3:])), entry((*PHOTO[:2], 1.5, *PHOTO[3:]))])
def test_damage_is_reported_and_skipped(damaged):
    damage = []
    assert decode_objects(PHOTO_BYTES + damaged + PHOTO_BYTES, damage) == [PHOTO, PHOTO]
    assert len(damage) == 1


class Evil:
    def __reduce__(self):
        return print, ('called',)


def test_nothing_is_called(capsys):
    damage = []
    assert decode_objects(entry((Evil(), *PHOTO[1:])), damage) == []
    assert len(damage) == 1 and capsys.readouterr().out == ''


def test_empty_entries_are_nothing():
    assert decode_objects(b'::' + PHOTO_BYTES + b':') == [PHOTO]


ACCOUNT_RECORD = ContainerRecord('c', '1700000001.00000', '0', 5, 7)


@pytest.mark.parametrize('make, record', [
    (pending.object_record, PHOTO._replace(name='\udcff')),
    (pending.object_record, PHOTO._replace(size=1 << 63)),
    (pending.object_record, PHOTO._replace(size=None)),
    (pending.object_record, PHOTO._replace(created_at=5)),
    (pending.container_record, ACCOUNT_RECORD._replace(name='\udcff')),
    (pending.container_record, ACCOUNT_RECORD._replace(bytes_used=str(1 << 63))),
    (pending.container_record, ACCOUNT_RECORD._replace(put_timestamp='soon'))])
def test_what_a_database_cannot_hold_is_damage(make, record):
    damage = []
    assert pending.decode(pending.encode(record), make, damage.append) == []
    assert len(damage) == 1


def test_what_is_no_text_is_replaced_in_fields_that_are_only_shown():
    record = PHOTO._replace(content_type='a/\udcff', etag=None)
    assert decode_objects(pending.encode(record)) == [
        record._replace(content_type='a/\N{REPLACEMENT CHARACTER}', etag='')]
