"""Where a name lives: salted path hash, partition, suffix; the running checksum of a database.

Layer 0, no state: the salt of swift.conf is a parameter (common/cluster.py binds it).

    digest    = MD5(prefix + "/" + account [+ "/" + container [+ "/" + object]] + suffix)
    partition = first four digest bytes, big-endian, shifted right by 32 - part_power
    suffix    = last three hexadecimal digits

Names are text; bytes that were not UTF-8 travel as surrogate escapes and are hashed as the bytes
they were. Nothing is quoted or normalised. Source: sheet 01 §2, sheet 03 §5.
"""
import hashlib

_md5 = hashlib.md5


def md5(data: bytes = b''):
    """A new MD5 object. The algorithm names things here, it protects nothing."""
    return _md5(data, usedforsecurity=False)


def _to_bytes(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else name.encode('utf-8', 'surrogateescape')


def hash_path(prefix: bytes, suffix: bytes, account: str | bytes,
              container: str | bytes | None = None, obj: str | bytes | None = None,
              raw: bool = False) -> str | bytes:
    """Return the hash of a path as 32 hex digits, or as 16 bytes if `raw`.

    An empty container or object counts as absent. An object without a container is a bug.
    """
    assert container or not obj, 'an object needs a container'
    if obj and type(account) is type(container) is type(obj) is str:
        # What nearly all calls are about, in one piece.
        path = f'/{account}/{container}/{obj}'.encode('utf-8', 'surrogateescape')
        digest = _md5(prefix + path + suffix, usedforsecurity=False)
        return digest.digest() if raw else digest.hexdigest()
    path = prefix + b'/' + _to_bytes(account)
    if container:
        path += b'/' + _to_bytes(container)
        if obj:
            path += b'/' + _to_bytes(obj)
    digest = _md5(path + suffix, usedforsecurity=False)
    return digest.digest() if raw else digest.hexdigest()


def part_of(digest: bytes | str, part_power: int) -> int:
    """Return the partition of a digest (16 bytes, or its hex form) in a ring of this power."""
    if isinstance(digest, str):
        return int(digest[:8], 16) >> (32 - part_power)
    return int.from_bytes(digest[:4], 'big') >> (32 - part_power)


def suffix_of(hex_hash: str) -> str:
    """Return the three digits that name the suffix directory of a path hash."""
    return hex_hash[-3:]


def chexor(old: str, name: str, timestamp: str) -> str:
    """Add a row to (or take it out of) the order-independent checksum of a database.

    `old` and the result are 32 hex digits. Law: the result does not depend on the order of rows,
    and the same row twice cancels out. A name of None is a bug of the caller.
    """
    assert name is not None, 'a row has a name'
    row = f'{name}-{timestamp}'.encode('utf-8', 'surrogateescape')
    return '%032x' % (int(old, 16) ^ int(_md5(row, usedforsecurity=False).hexdigest(), 16))


def expirer_container(hex_hash: str, delete_at: int, divisor: int = 86400) -> str:
    """Return the queue container of an object's deletion, from the object's path hash.

    One container per `divisor` seconds, spread over 100 names. Source: sheet 04 §8.5.
    """
    assert divisor > 100, 'the spread must stay within one interval'
    start = int(delete_at) // divisor * divisor
    return '%010d' % min(max(0, start - int(hex_hash, 16) % 100), 9999999999)
