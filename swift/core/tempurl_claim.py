"""What a temporary URL claims: the names in its path, what it is signed for, how to answer.

Layer 0. Read from path and query (WSGI strings, one character per byte); of a parameter given
several times the first counts. Whether the claim holds is for those to say who know the time, the
client's address and the keys.

    temp_url_sig  temp_url_expires                 both are needed
    temp_url_prefix                                any object whose name begins so; an empty one
                                                   admits the container itself, for reading
    temp_url_ip_range                              the client's address lies in it
    filename  inline                               how to name, and whether to show, the answer

Source: sheet 05 §19.1.
"""
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from swift.core.tempurl_sig import (
    Signature,
    parse_expires,
    parse_signature,
    signable_methods,
    url_message,
)
from swift.core.wsgi_text import wsgi_quote, wsgi_to_bytes

SIGNATURE = 'temp_url_sig'
EXPIRES = 'temp_url_expires'
PREFIX = 'temp_url_prefix'
IP_RANGE = 'temp_url_ip_range'
FILENAME = 'filename'
INLINE = 'inline'
# What names of parameters that concern us contain.
MARK = 'temp'
VERSION = 'v1'
# REMOTE_USER of whoever comes by such a URL.
USER = '.wsgi.tempurl'


@dataclass(frozen=True, slots=True)
class Claim:
    """A temporary URL; names are WSGI strings, `obj` is empty for the container itself."""

    account: str
    container: str
    obj: str
    signature: Signature
    expires: int
    expires_text: str
    prefix: str | None
    ip_range: str
    filename: str
    is_inline: bool

    @property
    def signed_path(self) -> str:
        where = f'/{VERSION}/{self.account}/{self.container}/'
        return where + self.obj if self.prefix is None else f'prefix:{where}{self.prefix}'

    def messages(self, method: str) -> list[bytes]:
        """Return the texts of which the signature may be, for a request with that method."""
        path = wsgi_to_bytes(self.signed_path)
        ip_range = wsgi_to_bytes(self.ip_range) if self.ip_range else None
        return [url_message(signed, self.expires, path, ip_range)
                for signed in signable_methods(method)]

    def query(self) -> str:
        """Return the query that filters to the right see: this claim and nothing else."""
        parts = [f'{SIGNATURE}={self.signature.hex}',
                 f'{EXPIRES}={wsgi_quote(self.expires_text, "")}']
        if self.prefix is not None:
            parts.append(f'{PREFIX}={wsgi_quote(self.prefix, "")}')
        if self.ip_range:
            parts.append(f'{IP_RANGE}={wsgi_quote(self.ip_range, "")}')
        if self.filename:
            parts.append(f'{FILENAME}={wsgi_quote(self.filename, "")}')
        if self.is_inline:
            parts.append(INLINE)
        return '&'.join(parts)


def first_params(query: str) -> dict[str, str]:
    """Return the parameters of a query; the first of a name counts."""
    params: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, encoding='latin-1'):
        params.setdefault(name, value)
    return params


def is_claim(params: Collection[str]) -> bool:
    """Tell whether a query with these parameters is meant for a temporary URL."""
    return SIGNATURE in params or EXPIRES in params


def read_claim(path: str, params: dict[str, str], allowed: Sequence[str]) -> Claim | None:
    """Read the claim of a URL; None when it cannot be one."""
    signature = parse_signature(params.get(SIGNATURE, ''), allowed)
    expires = parse_expires(params.get(EXPIRES, ''))
    prefix = params.get(PREFIX)
    names = _names(path, prefix)
    if signature is None or expires is None or names is None:
        return None
    return Claim(*names, signature, expires, params[EXPIRES], prefix, params.get(IP_RANGE, ''),
                 params.get(FILENAME, ''), INLINE in params)


def link_query(query: str) -> tuple[str, str | None]:
    """Return what links of a page carry on, and the beginning of names that they open.

    `query` is what Claim.query() has made. A claim to one object opens nothing else: ('', None).
    """
    params = first_params(query)
    if PREFIX not in params:
        return '', None
    carried = [f'{name}={wsgi_quote(params[name])}'
               for name in (PREFIX, EXPIRES, SIGNATURE, IP_RANGE) if name in params]
    if INLINE in params:
        carried.append(INLINE)
    return '&'.join(carried), params[PREFIX]


def _names(path: str, prefix: str | None) -> tuple[str, str, str] | None:
    segments = path.split('/', 4)
    if len(segments) < 4 or segments[0] or segments[1] != VERSION:
        return None
    account, container = segments[2:4]
    obj = segments[4] if len(segments) == 5 else ''
    if not account or not container:
        return None
    if not obj:
        return (account, container, '') if prefix == '' else None
    if not obj.strip('/') or (prefix is not None and not obj.startswith(prefix)):
        return None
    return account, container, obj
