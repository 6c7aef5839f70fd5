"""Transaction ids: one per request, in logs, answers and backend requests.

Layer 1. Form (sheet 04 §2.3): `tx`, 21 random hex digits, `-`, 10 hex digits of unix seconds, and a
suffix that names the site, percent-encoded:

    tx3feaa47f9fd94bd4bf889-006b00b79a-hello%20world
"""
import secrets
from collections.abc import Mapping

from swift.core.wsgi_text import wsgi_quote

EXTRA_CHARS_MAX = 32


def generate_trans_id(suffix: str, now: float) -> str:
    """Return a new id; `suffix` is a WSGI string, not quoted yet."""
    quoted = wsgi_quote(suffix) if suffix else ''
    return f'tx{secrets.token_hex(11)[:21]}-{int(now):010x}{quoted}'


def suffix_of_request(site_suffix: str, environ: Mapping[str, str]) -> str:
    """Return the suffix for a request: the site's, and what X-Trans-Id-Extra adds."""
    extra = environ.get('HTTP_X_TRANS_ID_EXTRA')
    return f'{site_suffix}-{extra[:EXTRA_CHARS_MAX]}' if extra else site_suffix


def get_trans_id_time(trans_id: str) -> int | None:
    """Return the unix seconds that an id contains, None if it is no id."""
    if len(trans_id) < 34 or not trans_id.startswith('tx') or trans_id[23] != '-':
        return None
    try:
        return int(trans_id[24:34], 16)
    except ValueError:
        return None
