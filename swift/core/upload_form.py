"""Upload forms of web pages: their parts, their fields, and the limits that the fields set.

Layer 0. A form is a multipart/form-data document: fields, then files (parts with a filename).

    redirect                            where the browser goes afterwards; may be missing
    max_file_size  max_file_count       limits, in bytes and files
    expires  signature                  see core/tempurl_sig.py
    x_delete_at  x_delete_after         expiry of the objects; may be missing
    content-type  content-encoding      of all objects, instead of what the parts say

Names of fields are in lower case here, values are bytes. Source: sheet 05 §19.2.
"""
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from swift.core.content_type import split_parameters

FIELDS = frozenset((
    'redirect', 'max_file_size', 'max_file_count', 'expires', 'signature', 'x_delete_at',
    'x_delete_after', 'content-type', 'content-encoding'))
FIELD_BYTES_MAX = 4096
# Compat: what the original strips, which looks for the next boundary line with them.
STRIPPED = b'\r\n-'
MEDIA_TYPE = 'multipart/form-data'

_INTEGER = re.compile(rb'\s*[+-]?[0-9]{1,30}\s*\Z')
_PARAMETER = re.compile(
    r'\s*;\s*(?P<name>[^\s=;]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s;"]*))')
# Characters that would end a header line, or that no URL has.
_UNFIT = re.compile('[\x00-\x20\x7f"<>\\\\^`{|}]')


class FormRefused(ValueError):
    """The form cannot be used: the text for the client, without its beginning `FormPost: `."""


def boundary_of(content_type: str) -> str | None:
    """Return the boundary of a form's content type; None if it is no form, or has none."""
    media_type, parameters = split_parameters(content_type)
    if media_type.lower() != MEDIA_TYPE:
        return None
    for parameter in parameters:
        name, _, value = parameter.partition('=')
        if name.lower() == 'boundary':
            return value.strip('"') or None
    return None


def parse_disposition(header: str) -> dict[str, str]:
    """Return the parameters of a part's Content-Disposition, names in lower case.

    Values are WSGI strings. Browsers put a backslash before a quote, or write %22; before anything
    else a backslash stands for itself (names of files of Windows).
    """
    found: dict[str, str] = {}
    position = header.find(';')
    while position >= 0:
        match = _PARAMETER.match(header, position)
        if not match:
            break
        value = match['token'] if match['quoted'] is None else match['quoted'].replace('\\"', '"')
        found.setdefault(match['name'].lower(), value)
        position = match.end()
    return found


@dataclass(frozen=True, slots=True)
class FormLimits:
    """What the fields allow; times in seconds since 1970, or from now on."""

    max_file_size: int
    max_file_count: int
    expires: int
    delete_at: int | None
    delete_after: int | None

    @classmethod
    def of(cls, fields: Mapping[str, bytes]) -> 'FormLimits':
        """Read the fields; FormRefused names the first that is no number."""
        count = _integer(fields.get('max_file_count', b'0'), 'max_file_count not an integer')
        size = _integer(fields.get('max_file_size', b'0'), 'max_file_size not an integer')
        expires = _integer(fields.get('expires', b'0'), 'expired not an integer')
        delete_at, delete_after = (
            _integer(fields[name], f'{name} not an integer: {meaning} required.')
            if fields.get(name) else None
            for name, meaning in (('x_delete_at', 'Unix timestamp'),
                                  ('x_delete_after', 'Number of seconds')))
        return cls(size, count, expires, delete_at, delete_after)


def _integer(text: bytes, complaint: str) -> int:
    if not _INTEGER.match(text):
        raise FormRefused(complaint)
    return int(text)


def redirect_target(redirect: bytes, status: int, message: str) -> str:
    """Return where a browser is sent: a WSGI string fit for a header line."""
    url = _UNFIT.sub(lambda match: quote(match[0]), redirect.decode('latin-1'))
    return f'{url}{"&" if "?" in url else "?"}status={status}&message={quote(message)}'


def redirect_page(target: str) -> bytes:
    """Return what is shown by a browser that does not follow a redirect.

    Compat: ampersands stand as they are.
    """
    href = escape(target).replace('&amp;', '&')
    return (f'<html><body><p><a href="{href}">Click to continue...</a></p></body></html>'
            ).encode('latin-1')


def upload_path(path: str, filename: str) -> str:
    """Return the path of the object for a file of a form sent to `path`; WSGI strings."""
    has_object = path.count('/') > 3
    return f'{path}{"" if has_object or path.endswith("/") else "/"}{filename}'
