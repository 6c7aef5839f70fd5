"""The suffix hash cache of a partition: ``hashes.pkl`` and ``hashes.invalid``.

Layer 1, no I/O. ``hashes.pkl`` is a pickle, protocol 2, of one flat dict: suffix (3 hex digits)
-> hash, plus ``valid`` and ``updated``. The hash is text (replicated policies), a dict of
fragment index or None -> text (erasure coded), or None for "must be computed again".
``hashes.invalid`` is a text list of dirty suffixes, one per line, only appended to until a
consolidation empties it (sheet 02 §7.2).
"""
import pickle
import re
from collections.abc import Mapping
from typing import Any

from swift.common.codecs.unpickle import HEADER_GLOBALS, BadPickle, loads

VALID = 'valid'
UPDATED = 'updated'
_SUFFIX = re.compile(r'[0-9a-f]{3}')

SuffixHash = str | dict[int | None, str] | None
Hashes = dict[str, Any]


def is_suffix(text: object) -> bool:
    return isinstance(text, str) and _SUFFIX.fullmatch(text) is not None


def encode_hashes(hashes: Mapping[Any, Any] | None) -> bytes:
    """Pickle a hash dict, for the file and for the answer to REPLICATE (None: nothing asked)."""
    return pickle.dumps(hashes, protocol=2)


def decode_hashes(data: bytes) -> Hashes:
    """Return the content of ``hashes.pkl``; {'valid': False} for anything unreadable."""
    try:
        hashes = loads(data, HEADER_GLOBALS)
    except BadPickle:
        return {VALID: False}
    if not isinstance(hashes, dict):
        return {VALID: False}
    if not all(is_suffix(key) or key in (VALID, UPDATED) for key in hashes):
        return {VALID: False}
    # Compat: files of releases before these keys existed are good.
    hashes.setdefault(VALID, True)
    hashes.setdefault(UPDATED, -1)
    return hashes


def decode_peer_hashes(data: bytes) -> dict[str, SuffixHash] | None:
    """Return the hash dict in a peer's REPLICATE answer. Raises BadPickle if it is none."""
    hashes = loads(data, HEADER_GLOBALS)
    if hashes is not None and not isinstance(hashes, dict):
        raise BadPickle('not a dict of suffix hashes')
    return hashes


def encode_invalid(suffix: str) -> bytes:
    assert is_suffix(suffix), suffix
    return suffix.encode('ascii') + b'\n'


def decode_invalid(data: bytes) -> list[str]:
    """Return the dirty suffixes listed in ``hashes.invalid``, leaving out what is none.

    A torn last line (crash while appending) is three digits or fewer; fewer are dropped, which is
    safe because that write was never acknowledged.
    """
    lines = data.decode('ascii', 'replace').split('\n')
    return [line for line in dict.fromkeys(lines) if is_suffix(line)]
