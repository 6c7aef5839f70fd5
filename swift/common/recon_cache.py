"""The recon files: what daemons last did, as one line of JSON per service.

Layer 1. Several processes of old and new releases share a file, therefore the procedure is
fixed: lock the file itself, read its line, merge, write a temporary file, rename it over.

    merge    a scalar or list replaces; a dict merges one level;
             an empty dict deletes its key; a nested empty dict deletes the nested key

`merged` is pure. A damaged line counts as empty: the file only holds what will be written again.
Nothing is synced to disk. Source: sheet 07 section 6.3.
"""
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swift.common.errors import SwiftError
from swift.common.locks import file_lock

LOCK_TIMEOUT_S = 2
SIZE_MAX = 64 << 20
ACCOUNT_FILE = 'account.recon'
CONTAINER_FILE = 'container.recon'
OBJECT_FILE = 'object.recon'


def merged(current: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Return `current` with `update` merged in."""
    result = dict(current)
    for key, value in update.items():
        if not isinstance(value, Mapping):
            result[key] = value
        elif not value:
            result.pop(key, None)
        else:
            nested = result.get(key)
            nested = dict(nested) if isinstance(nested, Mapping) else {}
            for inner, item in value.items():
                if item == {}:
                    nested.pop(inner, None)
                else:
                    nested[inner] = item
            result[key] = nested
    return result


def parse(line: bytes) -> dict[str, Any]:
    """Return what a recon file holds; {} when it is damaged."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def render(values: Mapping[str, Any]) -> bytes:
    """Return the content of a recon file: sorted keys, ASCII, one line."""
    return json.dumps(values, sort_keys=True).encode('ascii') + b'\n'


def read(path: str) -> dict[str, Any]:
    """Return the values in a recon file; {} when there is none."""
    try:
        with open(path, 'rb') as stream:
            return parse(stream.readline(SIZE_MAX))
    except OSError:
        return {}


def dump(update: Mapping[str, Any], path: str, logger: Any,
         lock_timeout_s: float = LOCK_TIMEOUT_S, user: int | None = None) -> bool:
    """Merge `update` into the recon file at `path`; a failure is only logged.

    Blocks on disk and up to `lock_timeout_s` on the lock: call it from daemons, or in a disk
    thread. `user` is the owner the file gets when root writes it. Returns whether it worked.
    """
    try:
        with file_lock(path, lock_timeout_s):
            _replace(path, render(merged(read(path), update)), user)
        return True
    except (OSError, SwiftError, TypeError, ValueError) as err:
        logger.error('Exception dumping recon cache: %s: %s', path,
                     getattr(err, 'strerror', None) or err)
        return False


def _replace(path: str, content: bytes, user: int | None) -> None:
    fd, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(fd, 'wb') as stream:
            stream.write(content)
            # mkstemp makes files that only their owner can read; tools of operators read these.
            os.fchmod(stream.fileno(), 0o644)
            if user is not None and os.geteuid() == 0:
                os.fchown(stream.fileno(), user, -1)
        os.rename(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
