"""Text and WSGI strings: the two ways in which Python holds the bytes of names and headers.

Layer 0. PEP 3333 keeps each byte of a request as one character below 256 ("WSGI string"). Text is
UTF-8 decoded, with bytes that are not UTF-8 as surrogate escapes, so that both ways lose nothing:

    bytes c3 a9     WSGI string 'Ã©'     text 'é'

Pure ASCII is the same in both, and is recognised without looking at each character.
"""
import re
from urllib.parse import quote as _quote
from urllib.parse import quote_plus as _quote_plus
from urllib.parse import unquote as _unquote
from urllib.parse import unquote_plus as _unquote_plus

_surrogates = re.compile('[\ud800-\udfff]')
# Tells what needs no quoting in a path.
is_plain = re.compile(r'[A-Za-z0-9_.~/-]*', re.ASCII).fullmatch


def wsgi_to_bytes(text: str | None) -> bytes | None:
    """Return the bytes that a WSGI string stands for."""
    return None if text is None else text.encode('latin-1')


def bytes_to_wsgi(data: bytes) -> str:
    """Return the WSGI string of some bytes."""
    return data.decode('latin-1')


def wsgi_to_str(text: str | None) -> str | None:
    """Return the text of a WSGI string."""
    if text is None or text.isascii():
        return text
    return text.encode('latin-1').decode('utf-8', 'surrogateescape')


def str_to_wsgi(text: str | None) -> str | None:
    """Return the WSGI string of a text."""
    if text is None or text.isascii():
        return text
    return text.encode('utf-8', 'surrogateescape').decode('latin-1')


def wsgi_quote(text: str, safe: str = '/') -> str:
    """Percent-encode a WSGI string. Cost for an ordinary path: one regular expression."""
    if safe == '/' and is_plain(text):
        return text
    return _quote(text, safe, 'latin-1')


def wsgi_unquote(text: str) -> str:
    """Percent-decode a WSGI string."""
    return _unquote(text, 'latin-1') if '%' in text else text


def wsgi_quote_plus(text: str, safe: str = '') -> str:
    """Percent-encode a WSGI string as in a form, blanks as `+`."""
    return _quote_plus(text, safe, 'latin-1')


def wsgi_unquote_plus(text: str) -> str:
    """Undo wsgi_quote_plus."""
    return _unquote_plus(text, 'latin-1')


def storable(text: str) -> str:
    """Return text with replacement characters for what UTF-8 cannot say (lone surrogates)."""
    if text.isascii():
        return text
    return _surrogates.sub('\N{REPLACEMENT CHARACTER}', text)
