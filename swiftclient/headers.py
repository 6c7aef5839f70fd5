"""Header names and values on their way out and in.

Source: the client sheet, section 1.3. Out: names in lower case, metadata as UTF-8 octets. In: the
octets are UTF-8, and percent sequences that are UTF-8 are undone, because callers count on it.
Pure.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

USER_METADATA_TYPE = tuple(f'x-{kind}-meta-' for kind in ('container', 'account', 'object'))
_PLAIN_TYPES = (int, float, bool)


def encode_utf8(value):
    """Return numbers as text and text as UTF-8; anything else, subclasses too, as it is."""
    if type(value) in _PLAIN_TYPES:
        # As text, not octets: what goes into a header is made octets by whoever sends it.
        value = str(value)
    if type(value) is str:
        value = value.encode('utf-8')
    return value


def encode_meta_headers(headers: Mapping) -> dict:
    """Return the headers as they are sent: names in lower case, metadata names as octets."""
    encoded = {}
    for name, value in headers.items():
        value = encode_utf8(value)
        name = name.lower()
        if isinstance(name, str) and name.startswith(USER_METADATA_TYPE):
            name = encode_utf8(name)
        encoded[name] = value
    return encoded


def parse_header_string(data) -> str:
    """Return a header's text with percent sequences undone, where that gives UTF-8.

    Compat: values that came with %XX are handed out decoded: a manifest c/a%20b reads c/a b.
    """
    if isinstance(data, bytes):
        try:
            text = data.decode('ascii')
        except UnicodeDecodeError:
            text = quote(data)
    elif isinstance(data, str):
        text = data
    else:
        text = str(data)
    if '%' not in text:
        return text
    try:
        return unquote(text, errors='strict')
    except UnicodeDecodeError:
        return text


def decoded_octets(value: str) -> str:
    """Return the text of a header that was read as latin-1. UnicodeDecodeError: no UTF-8."""
    return value if value.isascii() else value.encode('latin-1').decode('utf-8')


class LowerKeyCaseInsensitiveDict(dict):
    """Names in any case find the value; what comes out when iterating is in lower case."""

    def __init__(self, data: Mapping | Iterable | None = None, **kwargs):
        super().__init__()
        self.update(data or (), **kwargs)

    def __setitem__(self, name, value) -> None:
        super().__setitem__(name.lower(), value)

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def __delitem__(self, name) -> None:
        super().__delitem__(name.lower())

    def __contains__(self, name) -> bool:
        return hasattr(name, 'lower') and super().__contains__(name.lower())

    def __eq__(self, other) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return dict(self) == {name.lower(): value for name, value in other.items()}

    def __ne__(self, other) -> bool:
        return not self == other

    __hash__ = None

    def get(self, name, default=None):
        return super().get(name.lower(), default)

    def pop(self, name, *default):
        return super().pop(name.lower(), *default)

    def setdefault(self, name, default=None):
        return super().setdefault(name.lower(), default)

    def update(self, data=(), **kwargs) -> None:
        pairs = data.items() if isinstance(data, Mapping) else data
        for name, value in [*pairs, *kwargs.items()]:
            self[name] = value

    def copy(self) -> 'LowerKeyCaseInsensitiveDict':
        return type(self)(self)

    def lower_items(self) -> Iterable:
        return self.items()


def resp_header_dict(resp) -> LowerKeyCaseInsensitiveDict:
    """Return the headers of a response as callers see them."""
    return LowerKeyCaseInsensitiveDict(
        (parse_header_string(name), parse_header_string(value))
        for name, value in resp.getheaders())


def store_response(resp, response_dict: dict | None) -> None:
    """Tell the caller's dictionary the status, reason and headers of a response."""
    if response_dict is not None:
        response_dict['status'] = resp.status
        response_dict['reason'] = resp.reason
        response_dict['headers'] = resp_header_dict(resp)
