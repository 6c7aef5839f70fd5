"""A blob of any size in the extended attributes of an open file, with its checksum.

Layer 1; blocks on disk. Format (sheet 02 §4.1): the blob is cut into pieces of 65536 bytes in
``user.swift.metadata``, ``user.swift.metadata1`` ...; ``user.swift.metadata_checksum`` is the MD5
of the whole in hex. Files from before checksums have none, which is accepted.
"""
import os

from swift.common import fs
from swift.common.errors import Damaged
from swift.core.hashing import md5

KEY = 'user.swift.metadata'
CHECKSUM_KEY = 'user.swift.metadata_checksum'
PIECE_SIZE = 65536


def write_blob(fd: int, blob: bytes) -> None:
    """Store a blob with an open file.

    Raises DiskFull where it does not fit (ext4 has about 4 KiB per file), NotSupported where the
    file system keeps no extended attributes. Cost: two system calls up to 64 KiB.
    """
    fs.step('setxattr')
    with fs.translate():
        key = KEY
        for number, start in enumerate(range(0, len(blob) or 1, PIECE_SIZE), start=1):
            os.setxattr(fd, key, blob[start:start + PIECE_SIZE])
            key = KEY + str(number)
        os.setxattr(fd, CHECKSUM_KEY, md5(blob).hexdigest().encode('ascii'))


def read_blob(fd: int | str) -> bytes:
    """Return the blob stored with an open file (or path).

    Raises Damaged if there is none or the checksum does not match, NotSupported if the file
    system keeps no extended attributes.
    """
    try:
        pieces = [os.getxattr(fd, KEY)]
        # Only the last piece can be short.
        while len(pieces[-1]) == PIECE_SIZE:
            piece = _optional(fd, KEY + str(len(pieces)))
            if piece is None:
                break
            pieces.append(piece)
        checksum = _optional(fd, CHECKSUM_KEY)
    except OSError as error:
        raise _missing_or_other(error) from error
    blob = b''.join(pieces) if len(pieces) > 1 else pieces[0]
    if checksum is not None and md5(blob).hexdigest().encode('ascii') != checksum:
        raise Damaged('metadata checksum does not match', reason='Metadata checksum mismatch')
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
