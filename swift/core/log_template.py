"""Templates of log lines: `{field}`, `{time.attribute}`, `{field.anonymized}` to one line of text.

Pure (layer 0). A template is compiled once into one function per placeholder; a line costs one
call of each and one join.

    value empty, None or 0      "-"
    any other                   its text, percent-quoted but for letters, digits, _.-~ and :/{}

Times print as `%.9f` and have the attributes datetime (dd/Mon/YYYY/HH/MM/SS), iso8601, asctime,
s, ms, us, ns (whole seconds; the first 3, 6, 9 decimals) and single letters of strftime, all UTC.
Anonymised values are `{MD5}<hex>`, with a salt `{SMD5}<hex>`. Source: sheet 05 section 6.2, sheet
07 section 17.4.
"""
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from string import Formatter
from typing import Any
from urllib.parse import quote

QUOTE_SAFE = ':/{}'
STRFTIME_LETTERS = frozenset('aAbBcdHIjmMpSUwWxXyYZ')
NOTHING = '-'

Getter = Callable[[Any], Any]
Part = Callable[[Any], str]

_is_plain = re.compile(r'[A-Za-z0-9_.~:/{}-]+').fullmatch


def quote_field(text: str) -> str:
    """Return a text as it stands in a line; WSGI strings are quoted byte by byte."""
    if _is_plain(text):
        return text
    try:
        return quote(text.encode('latin-1'), QUOTE_SAFE)
    except UnicodeEncodeError:
        return quote(text.encode('utf-8', 'surrogateescape'), QUOTE_SAFE)


def shown(value: Any) -> str:
    """Return a value as it stands in a line."""
    if not value:
        return NOTHING
    return quote_field(value if type(value) is str else str(value))


# What a field looked like the last time. Fields of one service have few values (methods, addresses,
# agents, statuses) but for names, times and ids, which go past it.
_known: dict[Any, str] = {}
KNOWN_MAX = 2048
KNOWN_LENGTH_MAX = 256
VARYING_FIELDS = frozenset((
    'path', 'account', 'container', 'object', 'transaction_id', 'request_time', 'ttfb', 'headers',
    'client_etag', 'log_info', 'bytes_recvd', 'bytes_sent'))


def _shown_anew(value: Any) -> str:
    """Return shown(value) and remember it."""
    text = shown(value)
    if len(text) <= KNOWN_LENGTH_MAX:
        if len(_known) >= KNOWN_MAX:
            _known.clear()
        _known[value] = text
    return text


class Anonymizer:
    """Replaces values by their hashes."""

    def __init__(self, method: str = 'MD5', salt: str = ''):
        """Raises ValueError for a method that not every machine has."""
        name = method.lower()
        if name not in hashlib.algorithms_guaranteed or name.startswith('shake_'):
            raise ValueError(f'Unsupported log anonymization hash method: {method!r}')
        self._name = name
        self._mark = f'{{{"S" if salt else ""}{method.upper()}}}'
        self._salt = salt.encode('utf-8')

    def __call__(self, value: Any) -> str:
        """Return the hash of a value; an empty one stays empty."""
        if not value:
            return ''
        text = str(value)
        try:
            data = text.encode('latin-1')
        except UnicodeEncodeError:
            data = text.encode('utf-8', 'surrogateescape')
        digest = hashlib.new(self._name, self._salt + data, usedforsecurity=False).hexdigest()
        return self._mark + digest


class _DatetimeOfSecond:
    """Formats dd/Mon/YYYY/HH/MM/SS; busy servers ask for the same second again and again."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ''

    def __call__(self, seconds: float) -> str:
        second = int(seconds)
        if second != self._second:
            self._text = _utc(second).strftime('%d/%b/%Y/%H/%M/%S')
            self._second = second
        return self._text


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def plain_time(seconds: float) -> str:
    """Return a time without attribute."""
    return f'{seconds:.9f}'


def time_format(attribute: str) -> Callable[[float], str] | None:
    """Return the formatter of a time attribute, None if there is no such attribute."""
    if attribute == 'datetime':
        return _DatetimeOfSecond()
    decimals = {'ms': 3, 'us': 6, 'ns': 9}.get(attribute)
    if decimals:
        return lambda seconds: plain_time(seconds).partition('.')[2][:decimals]
    if attribute == 's':
        return lambda seconds: plain_time(seconds).partition('.')[0]
    if attribute == 'iso8601':
        return lambda seconds: _utc(seconds).strftime('%Y-%m-%dT%H:%M:%S')
    if attribute == 'asctime':
        return lambda seconds: _utc(seconds).ctime()
    if attribute in STRFTIME_LETTERS:
        return lambda seconds: _utc(seconds).strftime(f'%{attribute}')
    return None


class Template:
    """A compiled template; call it with the record that its getters take."""

    def __init__(self, text: str, fields: Mapping[str, Getter], times: Mapping[str, Getter],
                 anonymizable: frozenset[str], anonymizer: Anonymizer):
        """Raises ValueError for a placeholder that means nothing."""
        self._fields = fields
        self._times = times
        self._anonymizable = anonymizable
        self._anonymizer = anonymizer
        self.field_names: set[str] = set()
        literals = []
        parts = []
        for literal, name, spec, conversion in Formatter().parse(text):
            literals.append(literal.replace('%', '%%'))
            if name is not None:
                if conversion:
                    raise ValueError(f'conversion !{conversion} of {name!r}')
                parts.append(self._part(name, spec or ''))
                literals.append('%s')
        self._line = ''.join(literals)
        self._parts: tuple[Part, ...] = tuple(parts)

    def __call__(self, record: Any) -> str:
        """Return the line."""
        return self._line % tuple([part(record) for part in self._parts])

    def _part(self, placeholder: str, spec: str) -> Part:
        name, _dot, attribute = placeholder.partition('.')
        self.field_names.add(name)
        if name in self._times:
            return self._time_part(name, attribute, spec)
        if name not in self._fields:
            raise ValueError(f'unknown field {name!r}')
        getter = self._fields[name]
        if attribute:
            if attribute != 'anonymized' or name not in self._anonymizable:
                raise ValueError(f'field {name!r} has no attribute {attribute!r}')
            getter = self._anonymized(getter)
        if spec:
            return lambda record: shown(format(value, spec) if (value := getter(record)) else '')
        # Half of all fields are empty: no second call for them.
        if name not in VARYING_FIELDS and not attribute:
            known = _known.get
            return lambda record: ((known(value) or _shown_anew(value))
                                   if (value := getter(record)) else NOTHING)
        return lambda record: shown(value) if (value := getter(record)) else NOTHING

    def _time_part(self, name: str, attribute: str, spec: str) -> Part:
        getter = self._times[name]
        formatted = time_format(attribute) if attribute else plain_time
        if formatted is None:
            raise ValueError(f'time {name!r} has no attribute {attribute!r}')
        if spec:
            return lambda record: shown(format(formatted(getter(record)), spec))
        if attribute in ('', 'datetime', 's', 'ms', 'us', 'ns'):
            return lambda record: formatted(getter(record))  # nothing in it needs quoting
        return lambda record: shown(formatted(getter(record)))

    def _anonymized(self, getter: Getter) -> Getter:
        anonymizer = self._anonymizer
        return lambda record: anonymizer(getter(record))
