"""Request log lines from templates: fields, times in many forms, anonymized values.

Layer 0. A template is text with ``{field}``, ``{field.attribute}`` and format specifications, as
operators write it in ``log_format`` (sheet 07 §17.2 to §17.4). Three kinds of values:

    plain      numbers, for specifications like {trans_time:.4f}; None and '' show as ``-``
    LogText    text; ``.anonymized`` is a hash of it, salted if there is a salt
    LogTime    a moment in UTC; ``.datetime .asctime .iso8601 .s .ms .us .ns`` or a strftime letter
"""
import hashlib
import string
from collections.abc import Mapping
from datetime import UTC, datetime

_LETTERS = frozenset('aAbBcdHIjmMpSUwWxXyYZ')
_FORMATS = {'datetime': '%d/%b/%Y/%H/%M/%S', 'asctime': '%a %b %d %H:%M:%S %Y',
            'iso8601': '%Y-%m-%dT%H:%M:%S'}
_SCALES = {'s': 0, 'ms': 3, 'us': 6, 'ns': 9}


class LogTime:
    """A moment, given in seconds since 1970."""

    __slots__ = ('_moment', '_seconds')

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._moment: datetime | None = None

    def __getattr__(self, name: str):
        if name in _SCALES:
            return int(self._seconds * 10 ** _SCALES[name])
        form = _FORMATS.get(name) or ('%' + name if name in _LETTERS else None)
        if form is None:
            raise AttributeError('a time in a log format has no %r' % name)
        if self._moment is None:
            self._moment = datetime.fromtimestamp(self._seconds, UTC)
        return self._moment.strftime(form)

    def __str__(self) -> str:
        return '%.9f' % self._seconds


class LogText(str):
    """Text that can be shown anonymized; make it with ``Anonymizer.text``."""

    _anonymizer: 'Anonymizer'

    @property
    def anonymized(self) -> str:
        """The hash of the text; empty text stays empty."""
        return self._anonymizer.hash(self)


class Anonymizer:
    """One hash method and salt. ValueError for a method this Python does not have for sure."""

    def __init__(self, method: str = 'MD5', salt: str = ''):
        self.method = method.lower()
        if self.method not in hashlib.algorithms_guaranteed:
            raise ValueError('Unsupported hashing method: %s' % method)
        self.salt = salt

    def hash(self, text: str) -> str:
        """Return ``{MD5}<hex>``, or ``{SMD5}<hex>`` of salt and text when there is a salt."""
        if not text or text == '-':
            return str(text)
        digest = hashlib.new(self.method, usedforsecurity=False)
        digest.update((self.salt + text).encode('utf-8', 'surrogateescape'))
        # The shake family has digests of any length.
        sized = (32,) if self.method.startswith('shake') else ()
        return '{%s%s}%s' % ('S' if self.salt else '', self.method.upper(),
                             digest.hexdigest(*sized))

    def text(self, value: str | None) -> LogText:
        """Return a value for a template; ``-`` when there is none."""
        made = LogText(value or '-')
        made._anonymizer = self
        return made


class LogTemplate:
    """A checked template. ``known`` are the fields it may use."""

    def __init__(self, template: str, known: Mapping[str, object]):
        self.template = template
        self.fields = frozenset(
            name.split('.')[0] for _text, name, _spec, _conversion
            in string.Formatter().parse(template) if name)
        try:
            template.format(**known)
        except (KeyError, IndexError, AttributeError, ValueError) as error:
            raise ValueError('bad log format %r: %s' % (template, error)) from None

    def render(self, values: Mapping[str, object]) -> str:
        """Fill the template in."""
        return self.template.format_map(values)
