"""Listing entries to the bytes of a listing: JSON, XML or plain text, in one pass.

Layer 0. Entries come from core/listing.py: row tuples, and `str` for a subdirectory.

    container rows   (name, created_at, size, content_type, etag)
    account rows     (name, object_count, bytes_used, put_timestamp, storage_policy_index)

The bytes are what clients of the original see (sheet 03 §13): JSON in ASCII with ", " and ": "
between items, times with six decimals and no zone, XML with exactly these newlines. JSON is
written by formatting, not by a serialiser: a thousand rows cost half a millisecond.
Listings that were rendered as JSON by a peer are turned into the other formats with `to_xml` and
`to_text`, which take the parsed JSON.
"""
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from json.encoder import encode_basestring_ascii as _quoted
from xml.sax.saxutils import escape

from swift.core.content_type import listed
from swift.core.timestamp import Timestamp, decode_timestamps

PLAIN, JSON, XML = 'text/plain', 'application/json', 'application/xml'
TEXT_XML = 'text/xml'

_XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_EPOCH = datetime(1970, 1, 1)
_ATTRIBUTE = {'"': '&quot;', '\n': '&#10;', '\r': '&#13;', '\t': '&#9;'}


def iso_time(timestamp: str) -> str:
    """Return any timestamp text in the form of `last_modified`."""
    return Timestamp(timestamp).isoformat


_SECONDS = tuple(f'{second:02d}' for second in range(60))


class _IsoTimes(dict):
    """`created_at` up to the second -> `last_modified` up to the second, worked out once each.

    A dict, because rows of one second cost a look-up then and no call.
    """

    def __init__(self) -> None:
        self._minutes: dict[int, str] = {}

    def __missing__(self, digits: str) -> str:
        minute, second = divmod(int(digits), 60)
        start = self._minutes.get(minute)
        if start is None:
            start = (_EPOCH + timedelta(minutes=minute)).isoformat()[:-2]
            self._minutes[minute] = start
        text = self[digits] = start + _SECONDS[second]
        return text

    def whole(self, created_at: str) -> str:
        """Return `last_modified` of any `created_at`."""
        if len(created_at) != 16:
            return decode_timestamps(created_at)[2].isoformat
        return f'{self[created_at[:10]]}{created_at[10:]}0'


class _ContentTypes:
    """Turns stored content types into listed ones; the few different ones are parsed once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, int | None]] = {}

    def __call__(self, content_type: str, size: int) -> tuple[str, int]:
        known = self._known.get(content_type)
        if known is None:
            shown, override = listed(content_type, -1)
            known = shown, None if override == -1 else override
            self._known[content_type] = known
        return known[0], size if known[1] is None else known[1]


# -- objects of a container -------------------------------------------------------------------

def objects_json(entries: Iterable[tuple | str]) -> bytes:
    """Return the JSON listing of a container. Cost: about 0.5 µs per row."""
    iso, types, quoted = _IsoTimes(), _ContentTypes(), _quoted
    quoted_types: dict[str, tuple[str, int]] = {}
    lines = []
    for entry in entries:
        if type(entry) is str:
            lines.append(f'{{"subdir": {quoted(entry)}}}')
            continue
        name, created_at, size, content_type, etag = entry
        known = quoted_types.get(content_type)
        if known is None:
            shown, override = types(content_type, -1)
            known = quoted_types[content_type] = quoted(shown), override
        shown, override = known
        # The ordinary time is put together here: a call per row would double the loop's cost.
        time = (f'{iso[created_at[:10]]}{created_at[10:]}0' if len(created_at) == 16
                else iso.whole(created_at))
        lines.append(
            f'{{"bytes": {size if override == -1 else override}, "hash": {quoted(etag)}, '
            f'"name": {quoted(name)}, "content_type": {shown}, "last_modified": "{time}"}}')
    return f'[{", ".join(lines)}]'.encode('ascii')


def object_entries(entries: Iterable[tuple | str]) -> list[dict]:
    """Return the same listing as the objects that its JSON stands for."""
    iso, types = _IsoTimes(), _ContentTypes()
    result = []
    for entry in entries:
        if type(entry) is str:
            result.append({'subdir': entry})
            continue
        name, created_at, size, content_type, etag = entry
        shown, size = types(content_type, size)
        result.append({'bytes': size, 'hash': etag, 'name': name, 'content_type': shown,
                       'last_modified': iso.whole(created_at)})
    return result


# -- containers of an account -----------------------------------------------------------------

def container_entries(entries: Iterable[tuple | str],
                      policy_names: Mapping[int, str]) -> list[dict]:
    """Return an account listing as the objects that its JSON stands for.

    The policy is left out when its index has no name in `policy_names`.
    """
    result = []
    for entry in entries:
        if type(entry) is str:
            result.append({'subdir': entry})
            continue
        name, count, used, put_timestamp, policy_index = entry
        item = {'name': name, 'count': count, 'bytes': used,
                'last_modified': iso_time(put_timestamp)}
        if policy_index in policy_names:
            item['storage_policy'] = policy_names[policy_index]
        result.append(item)
    return result


def containers_json(entries: Iterable[tuple | str], policy_names: Mapping[int, str]) -> bytes:
    """Return the JSON listing of an account."""
    lines = []
    for item in container_entries(entries, policy_names):
        pairs = (f'{_quoted(key)}: {value if type(value) is int else _quoted(str(value))}'
                 for key, value in item.items())
        lines.append(f'{{{", ".join(pairs)}}}')
    return f'[{", ".join(lines)}]'.encode('ascii')


# -- other formats ----------------------------------------------------------------------------

def to_text(entries: Iterable[tuple | str | dict]) -> bytes:
    """Return one name or subdirectory per line, from row entries or from parsed JSON ones."""
    names = []
    for entry in entries:
        if type(entry) is dict:
            names.append(entry['name'] if 'name' in entry else entry['subdir'])
        else:
            names.append(entry if type(entry) is str else entry[0])
    return ''.join(f'{name}\n' for name in names).encode('utf-8', 'surrogateescape')


def account_xml(account: str, entries: Iterable[Mapping]) -> bytes:
    """Return the XML listing of an account from parsed JSON entries."""
    lines = [f'{_XML_HEAD}<account name="{attribute(account)}">']
    for entry in entries:
        if 'subdir' in entry:
            lines.append(f'<subdir name="{attribute(entry["subdir"])}" />')
        else:
            lines.append(_element('container', entry,
                                  ('name', 'count', 'bytes', 'last_modified', 'storage_policy')))
    lines.append('</account>')
    return '\n'.join(lines).encode('utf-8', 'surrogateescape')


def container_xml(container: str, entries: Iterable[Mapping]) -> bytes:
    """Return the XML listing of a container from parsed JSON entries."""
    inner = []
    for entry in entries:
        if 'subdir' in entry:
            name = entry['subdir']
            inner.append(f'<subdir name="{attribute(name)}"><name>{escape(name)}</name></subdir>')
        else:
            inner.append(_element('object', entry,
                                  ('name', 'hash', 'bytes', 'content_type', 'last_modified')))
    name = attribute(container)
    body = f'<container name="{name}">{"".join(inner)}</container>' if inner \
        else f'<container name="{name}" />'
    return (_XML_HEAD + body).encode('utf-8', 'surrogateescape')


def _element(tag: str, entry: Mapping, fields: tuple[str, ...]) -> str:
    inner = ''.join(f'<{field}>{escape(str(entry[field]))}</{field}>'
                    for field in fields if field in entry)
    return f'<{tag}>{inner}</{tag}>'


def attribute(text: str) -> str:
    """Return text escaped for a double-quoted XML attribute."""
    return escape(text, _ATTRIBUTE)
