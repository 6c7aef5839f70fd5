"""Names and paths: splitting and quoting URLs, the reserved namespace, places on a device.

Layer 0. Names are text (undecodable bytes as surrogate escapes). Three families:

    /v1/account/container/object     split_path, join_path, quote, unquote
    NUL part NUL part                the reserved namespace, closed to clients
    objects-2/<part>/<suffix>/<hash> where a hash lives below a device (sheet 01 §2, §14.4)

Source: sheet 04 §1.1 (forms and their refusals), sheet 05 §1.6 (reserved names).
"""
from urllib.parse import quote as _quote
from urllib.parse import unquote as _unquote

from swift.core.wsgi_text import is_plain

RESERVED = '\x00'
EXPIRING_ACCOUNT = '.expiring_objects'
MISPLACED_ACCOUNT = '.misplaced_objects'
AUTO_CREATE_PREFIX = '.'


def quote(text: str | bytes, safe: str = '/') -> str:
    """Percent-encode text (as UTF-8, undecodable bytes as they were) or bytes for use in a URL.

    Cost for an ordinary path: one regular expression.
    """
    if safe == '/' and isinstance(text, str) and is_plain(text):
        return text
    if isinstance(text, bytes):
        return _quote(text, safe)
    return _quote(text, safe, 'utf-8', 'surrogateescape')


def unquote(text: str) -> str:
    """Undo quote; bytes that are not UTF-8 come out as surrogate escapes."""
    return _unquote(text, 'utf-8', 'surrogateescape')


def split_path(path: str, minsegs: int = 1, maxsegs: int | None = None,
               rest_with_last: bool = False) -> list[str | None]:
    """Cut `/a/b/c` into exactly `maxsegs` segments, the absent ones None.

    At least `minsegs` must be there and not empty. One empty segment at the end counts as absent.
    With `rest_with_last` the last one takes the remainder, slashes included. ValueError, with the
    quoted path, for a path of another shape; also when minsegs is above maxsegs.

    >>> split_path('/v1/a/c/o/p', 1, 4, True)
    ['v1', 'a', 'c', 'o/p']
    """
    if not maxsegs:
        maxsegs = minsegs
    if minsegs > maxsegs:
        raise ValueError(f'minsegs > maxsegs: {minsegs} > {maxsegs}')
    if rest_with_last:
        segments = path.split('/', maxsegs)
        wanted = maxsegs + 1
    else:
        segments = path.split('/', maxsegs + 1)
        wanted = maxsegs + 2
    count = len(segments)
    if (segments[0] or count <= minsegs or count > wanted
            or '' in segments[1:minsegs + 1]
            or (count == maxsegs + 2 and segments[maxsegs + 1])):
        raise ValueError('Invalid path: ' + quote(path))
    found = segments[1:maxsegs + 1]
    # Only the last of the segments present may be empty, and then it is absent.
    if '' in found[:-1]:
        raise ValueError('Invalid path: ' + quote(path))
    found += [None] * (maxsegs - len(found))
    for index in range(minsegs, maxsegs):
        if not found[index]:
            found[index] = None
    return found


def split_backend_path(path: str, minsegs: int, maxsegs: int) -> list[str | None]:
    """Cut the path of a backend request, `/device/partition/account...`, rest with the last.

    ValueError with the client-visible text for a bad device or partition, or another shape.
    """
    head = path.split('/', 3)
    if len(head) == 4 and head[1] and not head[2]:
        raise ValueError(device_part_problem(head[1], head[2]))
    found = split_path(path, minsegs, maxsegs, True)
    problem = device_part_problem(found[0], found[1])
    if problem:
        raise ValueError(problem)
    return found


def is_container_path(path: str) -> bool:
    """Tell whether a path is `/version/account/container`. Cost: one split."""
    segments = path.split('/', 4)
    return (len(segments) == 4 or (len(segments) == 5 and not segments[4])) and (
        '' not in segments[1:4])


def is_object_path(path: str) -> bool:
    """Tell whether a path is `/version/account/container/object`. Cost: one split."""
    segments = path.split('/', 4)
    return len(segments) == 5 and not segments[0] and '' not in segments[1:]


def join_path(account: str, container: str | None = None, obj: str | None = None) -> str:
    """Return `/account[/container[/object]]`, unquoted."""
    if obj:
        assert container, 'an object needs a container'
        return f'/{account}/{container}/{obj}'
    return f'/{account}/{container}' if container else f'/{account}'


def is_valid_utf8(text: str | bytes) -> bool:
    """True iff the text is valid UTF-8 without surrogates, and not empty."""
    if isinstance(text, bytes):
        try:
            return bool(text.decode('utf-8'))
        except UnicodeDecodeError:
            return False
    try:
        text.encode('utf-8')
    except UnicodeEncodeError:
        return False
    return bool(text)


def check_utf8(text: str | bytes | None, internal: bool = False) -> bool:
    """True iff a name may be used: not empty, valid UTF-8, and no NUL unless `internal`."""
    if not text or not is_valid_utf8(text):
        return False
    return internal or (b'\0' if isinstance(text, bytes) else RESERVED) not in text


def is_reserved_name(name: str | None) -> bool:
    """True iff the name belongs to the reserved namespace."""
    return bool(name) and name.startswith(RESERVED)


def get_reserved_name(*parts: str) -> str:
    """Join parts to a reserved name; ValueError if one contains the reserved byte."""
    if any(RESERVED in part for part in parts):
        raise ValueError('Invalid reserved part in components')
    return RESERVED + RESERVED.join(parts)


def split_reserved_name(name: str) -> list[str]:
    """Return the parts of a reserved name; ValueError if it is none."""
    if not is_reserved_name(name):
        raise ValueError('Invalid reserved name')
    return name.split(RESERVED)[1:]


def reserved_name_problem(account: str, container: str | None = None,
                          obj: str | None = None) -> str | None:
    """Return what is wrong with the use of the reserved namespace in a path, or None.

    Names starting inside the namespace must start with the reserved byte; objects and their
    container are inside or outside together, except in accounts that only the cluster uses.
    """
    for kind, name in (('account', account), ('container', container)):
        if name and RESERVED in name and not name.startswith(RESERVED):
            return f'Invalid reserved-namespace {kind}'
    if not obj:
        return None
    if RESERVED in obj and not obj.startswith(RESERVED):
        return 'Invalid reserved-namespace object'
    # `.misplaced_objects` is among the accounts with the prefix.
    if account.startswith(AUTO_CREATE_PREFIX):
        return None
    if is_reserved_name(container) and not is_reserved_name(obj):
        return 'Invalid user-namespace object in reserved-namespace container'
    if is_reserved_name(obj) and not is_reserved_name(container):
        return 'Invalid reserved-namespace object in user-namespace container'
    return None


def account_name_problem(name: str) -> str | None:
    """Return why the value of a Destination-Account header is no account, or None."""
    if not name:
        return 'Account name cannot be empty'
    return 'Account name cannot contain slashes' if '/' in name else None


def drive_name_is_valid(name: str) -> bool:
    """True iff a device name needs no quoting as a form field (sheet 01 §15)."""
    return bool(name) and _quote(name, safe='', errors='surrogateescape') == name


def device_part_problem(device: str, part: str) -> str | None:
    """Return why a device or partition segment of a backend path is refused, or None."""
    for kind, value in (('device', device), ('partition', part)):
        if not value or '/' in value or value in ('.', '..'):
            return f'Invalid {kind}: {quote(value or "", "")}'
    return None


def policy_name(base: str, index: int) -> str:
    """Return the name of a per-policy thing: `objects`, `objects-2`, `tmp`, `tmp-1` ..."""
    return f'{base}-{index}' if index else base


def split_policy_name(name: str) -> tuple[str, int]:
    """Undo policy_name. ValueError for spellings it never makes, such as `objects-0`."""
    base, mark, digits = name.rpartition('-')
    if not mark or not digits.isascii() or not digits.isdigit():
        if mark:
            raise ValueError(f'Unknown policy, for index {digits!r}')
        return name, 0
    if not base or policy_name(base, int(digits)) != name:
        raise ValueError(f'Unknown policy, for index {digits!r}')
    return base, int(digits)


def storage_directory(datadir: str, part: int | str, hex_hash: str) -> str:
    """Return `<datadir>/<part>/<suffix>/<hash>`, the place of a hash below its device."""
    return f'{datadir}/{part}/{hex_hash[-3:]}/{hex_hash}'
