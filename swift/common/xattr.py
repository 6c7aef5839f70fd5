"""A blob of any size in the extended attributes of an open file, with its checksum.

Layer 1; blocks on disk. Format (sheet 02 §4.1): the blob is cut into pieces of 65536 bytes in
``user.swift.metadata``, ``user.swift.metadata1`` ...; ``user.swift.metadata_checksum`` is the MD5
of the whole in hex. Files from before checksums have none, which is accepted.

ext4 has room for about 4 KiB per file, less than an object's metadata may have. There, and only
there, a blob that does not fit is kept deflated in ``user.swift.metadata_zlib``; other nodes could
not have stored such an object at all. On XFS, which storage nodes should use, it never happens.
"""
import os
import zlib

from swift.common import fs
from swift.common.errors import Damaged, DiskFull
from swift.core.hashing import md5

KEY = 'user.swift.metadata'
CHECKSUM_KEY = 'user.swift.metadata_checksum'
DEFLATED_KEY = 'user.swift.metadata_zlib'
PIECE_SIZE = 65536
# Far above what any object has; an attribute that claims more is damaged.
_INFLATED_BYTES_MAX = 16 << 20


def write_blob(fd: int, blob: bytes) -> None:
    """Store a blob with an open new file.

    Raises DiskFull where it does not fit, NotSupported where the file system keeps no extended
    attributes. Cost: two system calls up to 64 KiB.
    """
    fs.step('setxattr')
    checksum = md5(blob).hexdigest().encode('ascii')
    try:
        with fs.translate():
            _write_pieces(fd, blob)
            os.setxattr(fd, CHECKSUM_KEY, checksum)
    except DiskFull:
        with fs.translate():
            for name in os.listxattr(fd):
                if name.startswith(KEY):
                    os.removexattr(fd, name)
            os.setxattr(fd, DEFLATED_KEY, zlib.compress(blob, 9))
            os.setxattr(fd, CHECKSUM_KEY, checksum)


def _write_pieces(fd: int, blob: bytes) -> None:
    key = KEY
    for number, start in enumerate(range(0, len(blob) or 1, PIECE_SIZE), start=1):
        os.setxattr(fd, key, blob[start:start + PIECE_SIZE])
        key = KEY + str(number)


def read_blob(fd: int | str) -> bytes:
    """Return the blob stored with an open file (or path).

    Raises Damaged if there is none or the checksum does not match, NotSupported if the file
    system keeps no extended attributes.
    """
    try:
        blob = _read_pieces(fd)
        checksum = _optional(fd, CHECKSUM_KEY)
    except OSError as error:
        raise _missing_or_other(error) from error
    if checksum is not None and md5(blob).hexdigest().encode('ascii') != checksum:
        raise Damaged('metadata checksum does not match', reason='Metadata checksum mismatch')
    return blob


def add_missing_checksum(path: str) -> bool:
    """Give the blob of a file from before checksums its own; True iff that was done.

    Files are never written again, so the blob cannot change meanwhile. A file that is gone, or
    has no room, stays as it is.
    """
    try:
        if _optional(path, CHECKSUM_KEY) is not None:
            return False
        checksum = md5(_read_pieces(path)).hexdigest().encode('ascii')
        os.setxattr(path, CHECKSUM_KEY, checksum, os.XATTR_CREATE)
        return True
    except OSError:
        return False


def _read_pieces(fd: int | str) -> bytes:
    try:
        pieces = [os.getxattr(fd, KEY)]
    except OSError as error:
        if not fs.lacks_attribute(error):
            raise
        return _inflate(os.getxattr(fd, DEFLATED_KEY))
    # Only the last piece can be short.
    while len(pieces[-1]) == PIECE_SIZE:
        piece = _optional(fd, KEY + str(len(pieces)))
        if piece is None:
            break
        pieces.append(piece)
    return b''.join(pieces) if len(pieces) > 1 else pieces[0]


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        blob = inflater.decompress(data, _INFLATED_BYTES_MAX)
    except zlib.error as error:
        raise Damaged('metadata cannot be inflated', reason=str(error)) from None
    if not inflater.eof:
        raise Damaged('metadata is too long', reason='deflated metadata is cut or too long')
    return blob


def _optional(fd: int | str, key: str) -> bytes | None:
    try:
        return os.getxattr(fd, key)
    except OSError as error:
        if fs.lacks_attribute(error):
            return None
        raise


def _missing_or_other(error: OSError) -> Exception:
    if fs.lacks_attribute(error):
        return Damaged('no metadata', reason='No metadata in extended attributes')
    if isinstance(error, FileNotFoundError):
        return error
    return fs.disk_error(error)
