"""Files in which daemons leave their numbers for operators' tools.

Layer 1; blocks. One JSON object on one line, keys sorted, per service (``object.recon``). Writers
of several processes share a file: each locks the file itself, merges its keys and renames a new
file over it. Merging: an empty dict removes its key, a dict merges one level deep, anything else
replaces (sheet 07 §6.3). Not durable on purpose: the next pass writes it anew.
"""
import fcntl
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from swift.common.errors import SwiftError
from swift.common.locks import acquire

LOCK_TIMEOUT_S = 2
OBJECT_FILE = 'object.recon'
CONTAINER_FILE = 'container.recon'
ACCOUNT_FILE = 'account.recon'
_MODE = 0o644


def dump_recon_cache(values: Mapping[str, Any], path: str, logger: Any) -> None:
    """Merge ``values`` into the file; trouble is logged and otherwise ignored."""
    try:
        fd = acquire(path, LOCK_TIMEOUT_S)
        try:
            _replace(path, merge_recon(_read(path), values))
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)
    except (OSError, SwiftError, TypeError, ValueError) as error:
        logger.error('Exception dumping recon cache: %s', error)


def merge_recon(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``old`` with ``new`` merged in."""
    merged = dict(old)
    for key, value in new.items():
        if not isinstance(value, Mapping):
            merged[key] = value
        elif not value:
            merged.pop(key, None)
        else:
            inner = merged.get(key)
            merged[key] = _merge_inner(inner if isinstance(inner, dict) else {}, value)
    return merged


def _merge_inner(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        if isinstance(value, Mapping) and not value:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding='ascii', errors='replace') as file:
            content = json.loads(file.readline() or '{}')
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _replace(path: str, content: Mapping[str, Any]) -> None:
    fd, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or '.')
    try:
        with os.fdopen(fd, 'w', encoding='ascii') as file:
            file.write(json.dumps(content, sort_keys=True) + '\n')
            os.fchmod(file.fileno(), _MODE)
        os.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
