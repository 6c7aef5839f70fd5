"""Temporary URLs: the right to one request on one path until a time, without a token.

Source: the client sheet, section 2. Pure but for the clock: the lines that are signed, the
signature in its three forms, and the grammar of times.
"""

import hashlib
import logging
import math
import re
import time
from collections import namedtuple

EXPIRES_ISO8601_FORMAT = '%Y-%m-%dT%H:%M:%SZ'
SHORT_EXPIRES_ISO8601_FORMAT = '%Y-%m-%d'
LOCAL_EXPIRES_ISO8601_FORMAT = '%Y-%m-%dT%H:%M:%S'
TIME_ERRMSG = 'time must either be a whole number or in specific ISO 8601 format.'
USUAL_METHODS = ('GET', 'PUT', 'HEAD', 'POST', 'DELETE')
DIGESTS = {'sha1': hashlib.sha1, 'sha256': hashlib.sha256, 'sha512': hashlib.sha512}
SECONDS = {'s': 1, 'm': 60, 'min': 60, 'h': 3600, 'hr': 3600, 'd': 86400}
_NUMBER_WITH_UNIT = re.compile(r'(.*?)\s*(s|m|min|h|hr|d)$')

logger = logging.getLogger('swiftclient')


def parse_timeout(value) -> float:
    """Return seconds: a number, or one with a unit such as 30s, 2m, 1.5h, 1d."""
    text = str(value)
    found = _NUMBER_WITH_UNIT.match(text)
    if found:
        return float(found[1]) * SECONDS[found[2]]
    return float(text)


def parse_timestamp(seconds, absolute=False) -> tuple[int | float, bool]:
    """Return (seconds, whether they count from 1970). ValueError: neither a number nor a time.

    A date is absolute by itself; local time unless it ends in Z. A number with a unit (2h) is
    never absolute.
    """
    try:
        return _from_date(seconds), True
    except (ValueError, TypeError):
        pass
    try:
        stamp = float(seconds)
    except ValueError:
        stamp = _from_units(seconds, absolute)
    if stamp < 0 or not stamp.is_integer():
        raise ValueError(TIME_ERRMSG)
    return int(stamp), absolute


def _from_units(text: str, absolute: bool) -> float:
    """Return whole seconds of such as 1.5h; a time of the clock has no unit."""
    try:
        seconds = math.nan if absolute else math.trunc(parse_timeout(text))
    except (ValueError, OverflowError):
        seconds = math.nan
    return float(seconds)


def _from_date(text: str) -> float:
    from calendar import timegm

    for form, seconds_of in ((EXPIRES_ISO8601_FORMAT, timegm),
                             (LOCAL_EXPIRES_ISO8601_FORMAT, time.mktime),
                             (SHORT_EXPIRES_ISO8601_FORMAT, time.mktime)):
        try:
            return int(seconds_of(time.strptime(text, form)))
        except ValueError:
            continue
    raise ValueError(TIME_ERRMSG)


class _Grant(namedtuple('_Grant', 'method path expires prefix ip_range')):
    """What is signed: anything that the server will compare."""

    __slots__ = ()

    def lines(self) -> str:
        path = f'prefix:{self.path}' if self.prefix else self.path
        lines = [self.method.upper(), str(self.expires), path]
        return '\n'.join([f'ip={self.ip_range}', *lines] if self.ip_range else lines)

    def signature(self, key: bytes, digest) -> str:
        import base64  # only here: few who import this module sign
        import hmac

        mac = hmac.new(key, self.lines().encode('utf-8'), digest)
        if mac.digest_size < hashlib.sha512().digest_size:
            return mac.hexdigest()
        return 'sha512:' + base64.urlsafe_b64encode(mac.digest()).decode('ascii').rstrip('=')


def generate_temp_url(path, seconds, key, method, absolute=False, prefix=False, iso8601=False,
                      ip_range=None, digest='sha256'):
    """Return the path with the query that gives the right; bytes if `path` is bytes.

    `seconds` from now, or a time if `absolute` or a date. With `prefix` the right holds for every
    object whose name begins like the one in the path; with `ip_range` from there only; with
    `iso8601` the end is written as a date. ValueError tells what is wrong with an argument.
    """
    text = _text(path, 'path must be representable as UTF-8')
    where = _text(ip_range, 'ip_range must be representable as UTF-8') if ip_range else None
    stamp, absolute = parse_timestamp(seconds, absolute)
    about_server = text == '/info'
    if not about_server:
        _check_path(text, prefix)
    if method.upper() not in USUAL_METHODS:
        logger.warning('Non default HTTP method %s for tempurl specified, possibly an error',
                       method.upper())
    expires = int(stamp) if absolute else int(time.time() + stamp)
    grant = _Grant(method, text, expires, prefix and not about_server,
                   None if about_server else where)
    signature = grant.signature(key if isinstance(key, bytes) else key.encode('utf-8'),
                                _constructor(digest))
    until = time.strftime(EXPIRES_ISO8601_FORMAT, time.gmtime(expires)) if iso8601 else expires
    if about_server:
        url = f'{text}?swiftinfo_sig={signature}&swiftinfo_expires={until}'
    else:
        url = f'{text}?temp_url_sig={signature}&temp_url_expires={until}'
    url += f'&temp_url_ip_range={grant.ip_range}' if grant.ip_range else ''
    url += f'&temp_url_prefix={text.split("/", 4)[4]}' if grant.prefix else ''
    return url.encode('utf-8') if isinstance(path, bytes) else url


def _text(value, complaint: str) -> str:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode('utf-8')
    except UnicodeDecodeError:
        raise ValueError(complaint)


def _check_path(path: str, prefix: bool) -> None:
    parts = path.split('/', 4)
    if prefix:
        if len(parts) != 5 or parts[0] or not all(parts[1:4]):
            raise ValueError('path must at least contain /v1/a/c/')
    elif len(parts) != 5 or parts[0] or not all(parts[1:]):
        raise ValueError('path must be full path to an object e.g. /v1/a/c/o')


def _constructor(digest):
    known = DIGESTS.get(digest) if isinstance(digest, str) else digest
    if known not in DIGESTS.values():
        raise ValueError('digest must be one of sha1, sha256, or sha512')
    return known
