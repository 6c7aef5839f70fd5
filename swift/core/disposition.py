"""Content-Disposition: whether a browser shows or saves an answer, and under which name.

Layer 0. Names are WSGI strings (one character per byte). They are sent twice: in quotes, with
blanks and slashes as they are, for old clients, and percent-encoded for the others. What could
end the value or the header line is percent-encoded in both. Source: sheet 05 §19.1.
"""
from swift.core.wsgi_text import wsgi_quote

INLINE = 'inline'
ATTACHMENT = 'attachment'


def disposition(kind: str, filename: str = '') -> str:
    """Return the value of the header; `kind` is INLINE or ATTACHMENT."""
    if not filename:
        return kind
    return (f'{kind}; filename="{wsgi_quote(filename, " /")}"; '
            f"filename*=UTF-8''{wsgi_quote(filename)}")


def last_component(name: str) -> str:
    """Return the last component of an object's name that is not empty."""
    return name.rstrip('/').rpartition('/')[2]


def one_line(value: str) -> str:
    """Return a value without line ends, which would end the header."""
    return value.replace('\r', '%0D').replace('\n', '%0A')
