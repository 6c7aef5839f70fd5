"""The `<hash>.db.pending` file: records of a database that are not merged into it yet.

Layer 1. A sequence of records, each a colon and the base64 of a pickled tuple (protocol 2):

    :gAIoWAkAAABwaG90by5qcGdx...=:gAIoWAUAAABjYWbDqXEA...

The tuples have the fields of core.row_merge.ObjectRecord and ContainerRecord in order; older
writers left out the last ones. Text may be bytes of UTF-8 (Python 2). Reading skips what cannot be
decoded (a torn end after a crash, damage) and says so; it never calls anything a pickle names.
Source: sheet 03 §8.1; golden: databases/cont_pending, acct_pending.
"""
import binascii
import pickle
from collections.abc import Callable
from typing import Any, TypeVar

from swift.common.codecs.unpickle import BYTES_GLOBALS, BadPickle, loads
from swift.core.row_merge import ContainerRecord, ObjectRecord, check_times, is_storable
from swift.core.timestamp import Timestamp, is_normal
from swift.core.wsgi_text import storable

SEPARATOR = b':'
# Numbers of fields that writers of any age leave behind.
OBJECT_FIELDS = range(6, len(ObjectRecord._fields) + 1)
CONTAINER_FIELDS = range(6, len(ContainerRecord._fields) + 1)

Record = TypeVar('Record', ObjectRecord, ContainerRecord)


def encode(record: ObjectRecord | ContainerRecord) -> bytes:
    """Return the bytes to append for a record, the separator included."""
    pickled = pickle.dumps(tuple(record), protocol=2)
    return SEPARATOR + binascii.b2a_base64(pickled, newline=False)


def decode(data: bytes, make: Callable[[tuple], Record],
           on_damage: Callable[[bytes], Any]) -> list[Record]:
    """Return the records in the content of a pending file, in order.

    `make` is object_record or container_record; `on_damage` is called with each entry that is
    none.
    """
    records = []
    for entry in data.split(SEPARATOR):
        if not entry:
            continue
        try:
            pickled = binascii.a2b_base64(entry, strict_mode=True)
            records.append(make(loads(pickled, BYTES_GLOBALS, 'utf-8')))
        except (BadPickle, ValueError):           # binascii.Error is a ValueError
            on_damage(entry)
    return records


def object_record(fields: Any) -> ObjectRecord:
    """Return the container database's record made of a pickled tuple; ValueError if it is none."""
    if _is_usual(fields):
        return ObjectRecord._make(fields)
    fields = _checked(fields, OBJECT_FIELDS)
    name, created_at, size, content_type, etag, deleted, policy, ctype, meta = fields
    if not isinstance(name, str) or not isinstance(created_at, str):
        raise ValueError('record without name or time')
    record = ObjectRecord(_name(name), created_at, _number(size), _text(content_type), _text(etag),
                          _number(deleted), _number(policy or 0), ctype, meta)
    # A time that is none would make every later merge of this name fail.
    check_times(record)
    return record


def _is_usual(fields: Any) -> bool:
    """Tell whether the fields are those of nearly all records, with nothing to be changed."""
    if type(fields) is not tuple or len(fields) != len(ObjectRecord._fields):
        return False
    name, created_at, size, content_type, etag, deleted, policy, ctype, meta = fields
    return (ctype is None and meta is None
            and type(name) is type(created_at) is type(content_type) is type(etag) is str
            and type(size) is type(deleted) is type(policy) is int
            and is_normal(created_at) and name.isascii() and content_type.isascii()
            and etag.isascii() and is_storable(size) and deleted in (0, 1)
            and is_storable(policy))


def container_record(fields: Any) -> ContainerRecord:
    """Return the account database's record made of a pickled tuple; ValueError if it is none.

    Numbers stay the text that they may be.
    """
    name, put, delete, count, used, deleted, policy = _checked(fields, CONTAINER_FIELDS)[:7]
    if not isinstance(name, str):
        raise ValueError('record without name')
    for number in (count, used, policy):
        _number(number or 0)
    for time in (put, delete):
        # A time that is none would make every listing with this name fail.
        Timestamp(time or 0)
    return ContainerRecord(_name(name), put, delete, count, used, int(deleted), policy or 0)


def _checked(fields: Any, allowed: range) -> tuple:
    """Check the shape, decode bytes and fill up what older writers left out."""
    if not isinstance(fields, tuple) or len(fields) not in allowed:
        raise ValueError('not a record')
    clean = []
    for value in fields:
        if isinstance(value, bytes):
            value = value.decode('utf-8')
        if value is not None and type(value) not in (str, int):
            raise ValueError(f'a record cannot hold {type(value).__name__}')
        clean.append(value)
    return tuple(clean) + (None,) * (allowed.stop - 1 - len(clean))


# One value that SQLite refuses would make every later merge fail, and with it every reading: such
# a record is damage, or is made storable if nothing but its looks is wrong.

def _name(name: str) -> str:
    if storable(name) != name:
        raise ValueError('name is not UTF-8')
    return name


def _text(value: str | int | None) -> str:
    return '' if value is None else storable(str(value))


def _number(value: str | int | None) -> int:
    number = int('' if value is None else value)
    if not is_storable(number):
        raise ValueError('number is too large')
    return number
