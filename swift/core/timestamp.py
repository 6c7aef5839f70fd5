"""Points in time as the cluster orders events: parse, text forms, order, three-in-one encoding.

Layer 0. A Timestamp is a count of 10 microsecond units since 1970 (`raw`) and an `offset` that
only internal daemons use to place an event after another one of the same time. Text forms (sheet
02 §2.1):

    normal    1402464677.04188                      what clients see
    internal  1402464677.04188_0000000000000001     backends, file names, databases
    short     1402464677.04188_1                    inside encoded timestamps

Invariants: 0 <= raw < 10**15, so all forms have ten digits before the point and internal forms
sort as plain strings; offset < 16**16 and is never written when it is 0.

Only digits, a point and a hexadecimal offset are accepted as text: what real peers send. Signs,
exponents, blanks, other Unicode digits are refused, so that one time has one meaning everywhere.
"""
import re
from datetime import datetime, timedelta
from math import isfinite

UNITS_PER_SECOND = 100000
MAX_RAW = 10 ** 15 - 1
MAX_OFFSET = 16 ** 16 - 1

_NUMBER = re.compile(r'[0-9]+(?:\.[0-9]*)?\Z', re.ASCII)
_HEX = re.compile(r'[0-9a-fA-F]{1,16}\Z', re.ASCII)
_DELTA = re.compile(r'([+-])', re.ASCII)
_EPOCH = datetime(1970, 1, 1)


class Timestamp:
    """One moment of the cluster's history. Immutable, hashable, totally ordered.

    `value` is text in any of the three forms, a number of seconds, or another Timestamp; `offset`
    is added to the offset of the value, `delta` (10 µs units, may be negative) to its time. Raises
    ValueError for anything else. Cost: under a microsecond for the normal form.
    """

    __slots__ = ('offset', 'raw')
    raw: int
    offset: int

    def __new__(cls, value: 'str | int | float | Timestamp', offset: int = 0,
                delta: int = 0) -> 'Timestamp':
        if isinstance(value, str):
            raw, own_offset = _parse(value)
        elif isinstance(value, Timestamp):
            raw, own_offset = value.raw, value.offset
        elif isinstance(value, (int, float)):
            if not isfinite(value):
                raise ValueError(f'timestamp must be finite, not {value}')
            raw, own_offset = round(value * UNITS_PER_SECOND), 0
        else:
            raise ValueError(f'timestamp cannot be made from {type(value).__name__}')
        if offset < 0:
            raise ValueError('offset must be non-negative')
        return cls.from_raw(raw + delta, own_offset + offset)

    @classmethod
    def from_raw(cls, raw: int, offset: int = 0) -> 'Timestamp':
        """Build from 10 µs units and an offset; ValueError when out of range."""
        if not 0 <= raw <= MAX_RAW:
            raise ValueError('timestamp cannot be negative' if raw < 0 else 'timestamp too large')
        if not 0 <= offset <= MAX_OFFSET:
            raise ValueError('timestamp offset out of range')
        self = object.__new__(cls)
        _set_raw(self, raw)
        _set_offset(self, offset)
        return self

    def __setattr__(self, name, value):
        raise AttributeError('a Timestamp never changes')

    def __reduce__(self):
        return Timestamp.from_raw, (self.raw, self.offset)

    @property
    def normal(self) -> str:
        """Seconds with five decimals, without the offset: the form clients see."""
        digits = '%015d' % self.raw
        return f'{digits[:10]}.{digits[10:]}'

    @property
    def internal(self) -> str:
        """Normal form plus, if there is an offset, `_` and 16 hex digits. Sorts as text."""
        return f'{self.normal}_{self.offset:016x}' if self.offset else self.normal

    @property
    def short(self) -> str:
        """Like internal, but the offset is not padded."""
        return f'{self.normal}_{self.offset:x}' if self.offset else self.normal

    @property
    def isoformat(self) -> str:
        """UTC date and time with six decimals and no zone, as in listings; no offset."""
        seconds, units = divmod(self.raw, UNITS_PER_SECOND)
        moment = _EPOCH + timedelta(seconds=seconds)
        return f'{moment:%Y-%m-%dT%H:%M:%S}.{units * 10:06d}'

    @classmethod
    def from_isoformat(cls, text: str) -> 'Timestamp':
        """Read what isoformat wrote (a missing fraction counts as zero); ValueError otherwise."""
        pattern = '%Y-%m-%dT%H:%M:%S.%f' if '.' in text else '%Y-%m-%dT%H:%M:%S'
        since = datetime.strptime(text, pattern) - _EPOCH
        micros = (since.days * 86400 + since.seconds) * 10 ** 6 + since.microseconds
        return cls.from_raw(round(micros / 10))

    def ceil(self) -> int:
        """Whole seconds, rounded up: the value behind Last-Modified."""
        return -(-self.raw // UNITS_PER_SECOND)

    def __invert__(self) -> 'Timestamp':
        """The mirror image within the valid range, so that names sort newest first."""
        if self.offset:
            raise ValueError('cannot invert a timestamp with an offset')
        return Timestamp.from_raw(MAX_RAW - self.raw)

    def __float__(self) -> float:
        return self.raw / UNITS_PER_SECOND

    def __int__(self) -> int:
        return self.raw // UNITS_PER_SECOND

    def __bool__(self) -> bool:
        return bool(self.raw or self.offset)

    def __str__(self) -> str:
        return self.internal

    def __repr__(self) -> str:
        return f'Timestamp({self.internal!r})'

    def __hash__(self) -> int:
        return hash((self.raw, self.offset))

    # Other types are not comparable on purpose: text of unknown form or a float next to a Timestamp
    # is a mistake that should show.
    def __eq__(self, other) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self.raw == other.raw and self.offset == other.offset

    def __lt__(self, other) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return (self.raw, self.offset) < (other.raw, other.offset)

    def __le__(self, other) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return (self.raw, self.offset) <= (other.raw, other.offset)

    def __gt__(self, other) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return (self.raw, self.offset) > (other.raw, other.offset)

    def __ge__(self, other) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return (self.raw, self.offset) >= (other.raw, other.offset)


_set_raw = Timestamp.__dict__['raw'].__set__
_set_offset = Timestamp.__dict__['offset'].__set__

ZERO = Timestamp.from_raw(0)


def is_normal(text: str) -> bool:
    """Tell whether text is a time in its normal form to the letter."""
    return (len(text) == 16 and text[10] == '.' and text.isascii()
            and (text[:10] + text[11:]).isdigit())


def _parse(text: str) -> tuple[int, int]:
    number, mark, hexa = text.partition('_')
    if mark and not _HEX.match(hexa):
        raise ValueError(f'bad timestamp offset: {hexa!r}')
    offset = int(hexa, 16) if mark else 0
    # The form that is nearly always there: ten digits, a point, five digits.
    if len(number) == 16 and number[10] == '.' and number.isascii():
        digits = number[:10] + number[11:]
        if digits.isdigit():
            return int(digits), offset
    if not _NUMBER.match(number):
        # Compat: some servers answer 400 with this text.
        raise ValueError(f'could not convert string to float: {text!r}')
    whole, _, fraction = number.partition('.')
    if len(fraction) <= 5:
        return int(whole) * UNITS_PER_SECOND + int(fraction.ljust(5, '0')), offset
    return round(float(number) * UNITS_PER_SECOND), offset


def normalize_timestamp(value: str | int | float | Timestamp) -> str:
    """Return the normal text form of a time in any form; ValueError when it is none."""
    return Timestamp(value).normal


def last_modified_date_to_timestamp(text: str) -> Timestamp:
    """Read the `last_modified` value of a listing entry."""
    return Timestamp.from_isoformat(text)


def encode_timestamps(t1: Timestamp, t2: Timestamp | None = None, t3: Timestamp | None = None,
                      explicit: bool = False) -> str:
    """Pack up to three times into one text: the first in short form, then signed hex differences.

    Differences are in 10 µs units, each to its predecessor; only the first keeps its offset. When
    all are zero they are left out, unless `explicit`, which keeps one per time given. Sheet 03 §7.
    """
    deltas = []
    if t2 is not None:
        deltas.append(t2.raw - t1.raw)
        if t3 is not None:
            deltas.append(t3.raw - t2.raw)
    if not explicit and not any(deltas):
        return t1.short
    return t1.short + ''.join('%+x' % delta for delta in deltas)


def decode_timestamps(text: str, explicit: bool = False) -> tuple[
        Timestamp, Timestamp | None, Timestamp | None]:
    """Unpack what encode_timestamps wrote; a missing difference means "as the one before".

    With `explicit` a missing one is None. A zero difference copies the offset too, any other drops
    it. Whatever follows the second difference is ignored. ValueError on bad text.
    """
    pieces = _DELTA.split(text)
    t1 = Timestamp(pieces[0])
    times = [t1]
    for sign, digits in zip(pieces[1:4:2], pieces[2:5:2], strict=False):
        if not _HEX.match(digits):
            raise ValueError(f'bad timestamp difference: {digits!r}')
        delta = int(sign + digits, 16)
        before = times[-1]
        times.append(Timestamp.from_raw(before.raw + delta) if delta else before)
    while len(times) < 3:
        times.append(None if explicit else times[-1])
    return times[0], times[1], times[2]
