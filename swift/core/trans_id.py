"""Transaction ids: the name under which one client request appears in every log.

Pure (layer 0). `tx` + 21 random hex digits + `-` + 10 hex digits of seconds + quoted suffix; the
time can be read back (sheet 04, section 2.3).

    tx3feaa47f9fd94bd4bf889-006b00b79a-hello%20world
"""

from random import getrandbits

from swift.core.names import quote

RANDOM_HEX_DIGITS = 21
_TIME_START = 2 + RANDOM_HEX_DIGITS + 1
_TIME_END = _TIME_START + 10
EXTRA_CHARACTERS_MAX = 32


def generate_trans_id(suffix: str, now: float) -> str:
    """Return a new id for a request that came at `now` (seconds)."""
    # An id names, it protects nothing: no system call for better random bits. (Python seeds this
    # generator anew in every forked worker.)
    random_part = getrandbits(4 * RANDOM_HEX_DIGITS)
    # Compat: what a client adds is a WSGI string, of which each byte is encoded as UTF-8 again.
    return f'tx{random_part:0{RANDOM_HEX_DIGITS}x}-{int(now):010x}{quote(suffix) if suffix else ""}'


def trans_id_suffix(configured: str, extra: str | None) -> str:
    """Return the suffix for a request whose client sent `extra` as X-Trans-Id-Extra."""
    return f'{configured}-{extra[:EXTRA_CHARACTERS_MAX]}' if extra else configured


def get_time_from_trans_id(trans_id: str) -> int | None:
    """Return the seconds an id carries, None when it is no transaction id."""
    if (len(trans_id) < _TIME_END or not trans_id.startswith('tx')
            or trans_id[_TIME_START - 1] != '-'):
        return None
    try:
        return int(trans_id[_TIME_START:_TIME_END], 16)
    except ValueError:
        return None
