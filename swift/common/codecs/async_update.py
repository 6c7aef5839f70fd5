"""Bytes of a pending container update ("async pending").

Layer 1, no I/O. A pickle, protocol 0, of a dict with the keys of ``PendingUpdate``; its headers
are an instance of a header dict class, referred to by name (sheet 02 §15.4). Other nodes'
updaters read what we write and the other way round, so the writer below produces exactly the
opcodes of that pickle without having the class: text, None, numbers, lists, dicts and the one
reconstructed object are all there is. Nothing is written as a reference to something earlier:
readers do not care, and the files of other nodes hold none.
"""
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from swift.common.codecs.unpickle import HEADER_GLOBALS, BadPickle, PickledHeaders, loads

PUT = 'PUT'
DELETE = 'DELETE'


@dataclass(slots=True)
class PendingUpdate:
    """One deferred update of a container row. Names are text, header values as sent."""
    op: str
    account: str
    container: str
    obj: str
    headers: dict[str, str]
    db_state: str | None = None
    container_path: str | None = None
    successes: list[int] = field(default_factory=list)
    redirect_history: list[str] = field(default_factory=list)


def encode_update(update: PendingUpdate) -> bytes:
    """Return the file content for ``update``; optional keys are left out when empty."""
    fields: dict[str, Any] = {
        'op': update.op, 'account': update.account, 'container': update.container,
        'obj': update.obj, 'headers': PickledHeaders(update.headers), 'db_state': update.db_state}
    if update.container_path:
        fields['container_path'] = update.container_path
    if update.successes:
        fields['successes'] = update.successes
    if update.redirect_history:
        fields['redirect_history'] = update.redirect_history
    return _Writer().dump(fields)


def decode_update(data: bytes) -> PendingUpdate:
    """Return the update in ``data``. Raises BadPickle when it is damaged or incomplete."""
    raw = loads(data, HEADER_GLOBALS, encoding='utf-8')
    if not isinstance(raw, dict):
        raise BadPickle('pending update is not a dict')
    try:
        update = PendingUpdate(
            raw['op'], raw['account'], raw['container'], raw['obj'],
            {_header_name(k): str(v) for k, v in raw['headers'].items()}, raw.get('db_state'),
            raw.get('container_path'), list(raw.get('successes') or ()),
            list(raw.get('redirect_history') or ()))
    except (KeyError, AttributeError, TypeError) as err:
        raise BadPickle('pending update lacks %s' % err) from None
    texts = (update.op, update.account, update.container, update.obj)
    if not all(isinstance(text, str) and text for text in texts):
        raise BadPickle('pending update has no usable names')
    return update


def _header_name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError('text header names')
    return name.title()


class _Writer:
    """Protocol 0 for the few types above."""

    def __init__(self):
        self._out: list[bytes] = []
        self._memo_count = 0

    def dump(self, value: Any) -> bytes:
        self._write(value)
        return b''.join(self._out) + b'.'

    def _write(self, value: Any) -> None:
        if value is None:
            self._out.append(b'N')
        elif isinstance(value, int):
            self._out.append(b'I%d\n' % value)
        elif isinstance(value, str):
            self._out.append(b'V' + _escape(value) + b'\n')
            self._remember()
        elif isinstance(value, PickledHeaders):
            self._write_headers(value)
        elif isinstance(value, dict):
            self._write_dict(value)
        else:
            self._write_list(value)

    def _remember(self) -> None:
        self._out.append(b'p%d\n' % self._memo_count)
        self._memo_count += 1

    def _write_dict(self, value: Mapping[str, Any]) -> None:
        self._out.append(b'(d')
        self._remember()
        for key, item in value.items():
            self._write(key)
            self._write(item)
            self._out.append(b's')

    def _write_list(self, value: list) -> None:
        self._out.append(b'(l')
        self._remember()
        for item in value:
            self._write(item)
            self._out.append(b'a')

    def _write_headers(self, value: PickledHeaders) -> None:
        self._write_global(b'copy_reg\n_reconstructor')
        self._out.append(b'(')
        self._write_global(b'swift.common.header_key_dict\nHeaderKeyDict')
        self._write_global(b'__builtin__\ndict')
        self._write_dict(dict(value))
        self._out.append(b't')
        self._remember()
        self._out.append(b'R')
        self._remember()

    def _write_global(self, name: bytes) -> None:
        self._out.append(b'c' + name + b'\n')
        self._remember()


def _escape(text: str) -> bytes:
    for char in ('\\', '\0', '\n', '\r', '\x1a'):
        text = text.replace(char, '\\u%04x' % ord(char))
    return text.encode('raw-unicode-escape')
