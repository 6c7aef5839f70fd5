"""Signatures of temporary URLs and of upload forms: HMACs of a few lines of text.

Layer 0. Whoever knows a key of the account or container signs

    URL     [ip=<range>,] METHOD, expiry in seconds, path            lines joined by newlines
            path = /v1/a/c/o  or  prefix:/v1/a/c/<beginning of o>    decoded
    form    path of the form, redirect, max_file_size, max_file_count, expires

and writes the digest as hex (its length tells the algorithm) or as `<algorithm>:<base64>`, in the
standard or the URL-safe alphabet, padded or not. Comparisons take the same time wherever the
digests differ. Source: sheet 05 §19.
"""
import binascii
import hmac
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

DIGESTS = ('sha1', 'sha256', 'sha512')
DEPRECATED_DIGESTS = ('sha1',)
HEX_LENGTHS = {40: 'sha1', 64: 'sha256', 128: 'sha512'}
KEY_NAMES = ('temp-url-key', 'temp-url-key-2')
# A signature for one of these serves HEAD too: it gives away no more than they do.
SERVE_HEAD = ('GET', 'POST', 'PUT')
EXPIRES_DIGITS_MAX = 18

_HEX = re.compile(r'[0-9a-f]+\Z')
_BASE64 = re.compile(r'[A-Za-z0-9_-]+={0,2}\Z')
_ISO_TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z', re.ASCII)
_INTEGER = re.compile(r'[+-]?[0-9]{1,%d}\Z' % EXPIRES_DIGITS_MAX)
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Signature:
    """A digest as sent by a client: algorithm and lower-case hex."""

    algorithm: str
    hex: str


def parse_signature(text: str, allowed: Iterable[str] = DIGESTS) -> Signature | None:
    """Read a signature; None if it is none, or of an algorithm that is not allowed."""
    algorithm, colon, rest = text.partition(':')
    if not colon:
        algorithm = HEX_LENGTHS.get(len(text), '')
        hex_digest = text if _HEX.match(text) else ''
    else:
        hex_digest = _hex_of_base64(rest)
    if algorithm not in allowed or HEX_LENGTHS.get(len(hex_digest)) != algorithm:
        return None
    return Signature(algorithm, hex_digest)


def _hex_of_base64(text: str) -> str:
    text = text.replace('+', '-').replace('/', '_')
    if not _BASE64.match(text):
        return ''
    text = text.rstrip('=')
    try:
        return urlsafe_b64decode(text + '=' * (-len(text) % 4)).hex()
    except binascii.Error:
        return ''


def sign(key: str | bytes, message: bytes, algorithm: str) -> str:
    """Return the digest in hex."""
    key = key.encode('utf-8', 'surrogateescape') if isinstance(key, str) else key
    return hmac.new(key, message, algorithm).hexdigest()


def url_message(method: str, expires: int, path: bytes, ip_range: bytes | None = None) -> bytes:
    """Return what is signed for a URL; `path` is decoded, and begins with `prefix:` for one."""
    lines = [method.encode('ascii'), b'%d' % expires, path]
    if ip_range is not None:
        lines.insert(0, b'ip=' + ip_range)
    return b'\n'.join(lines)


def form_message(path: bytes, fields: Mapping[str, bytes]) -> bytes:
    """Return what is signed for a form; `fields` have the texts as sent."""
    return b'\n'.join((path, fields.get('redirect', b''), fields.get('max_file_size', b'0'),
                       fields.get('max_file_count', b'0'), fields.get('expires', b'0')))


def matches(signature: Signature, keys: Sequence[str], messages: Iterable[bytes]) -> bool:
    """Tell whether one of the keys made the signature of one of the messages."""
    given = signature.hex
    # No way out in the middle: the time taken tells nothing of which key or message it was.
    found = [hmac.compare_digest(sign(key, message, signature.algorithm), given)
             for message in messages for key in keys]
    return any(found)


def signable_methods(method: str) -> tuple[str, ...]:
    """Return the methods whose signature lets a request of `method` pass."""
    return (method, *SERVE_HEAD) if method == 'HEAD' else (method,)


def parse_expires(text: str) -> int | None:
    """Return the seconds that an expiry means: a whole number, or a UTC time in ISO form."""
    if _INTEGER.match(text):
        return int(text)
    if not _ISO_TIME.match(text):
        return None
    try:
        since = datetime.strptime(text, '%Y-%m-%dT%H:%M:%SZ') - _EPOCH
    except ValueError:
        return None
    return since.days * 86400 + since.seconds


def is_address_in(address: str, ip_range: str) -> bool:
    """Tell whether an address lies in a range (an address, or a network without host bits)."""
    try:
        return ip_address(address) in ip_network(ip_range)
    except ValueError:
        return False


def keys_in(meta: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys among the metadata of an account or container (names in lower case)."""
    return tuple(meta[name] for name in KEY_NAMES if meta.get(name))
