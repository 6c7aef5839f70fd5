"""Bytes of the metadata kept in the extended attributes of object files.

Layer 1, no I/O. A blob is a pickle, protocol 2, of one dict whose keys and values are byte strings
(sheet 02 §4.2). In memory the metadata is a dict of str. Two kinds of text live in it:

* header names and values are WSGI strings, one character per byte received. They are stored as
  the UTF-8 of that string, so UTF-8 from a client ends up encoded twice. Compat: every node of
  every release reads it so.
* ``name`` is real text and is stored as plain UTF-8.

Blobs from Python 2 nodes hold raw byte strings; they are told apart by the ``_codecs encode``
global, which any blob of the newer kind names within its first 32 bytes.
"""
import pickle

from swift.common.codecs.unpickle import BYTES_GLOBALS, BadPickle, loads

_NEW_BLOB_MARK = b'_codecs\nencode'
_MARK_WITHIN = 32

Metadata = dict[str, str]


def encode_metadata(metadata: Metadata) -> bytes:
    """Return the blob of ``metadata``, byte for byte as any other node writes it."""
    return pickle.dumps({_to_bytes(key): _to_bytes(value) for key, value in metadata.items()},
                        protocol=2)


def decode_metadata(blob: bytes) -> Metadata:
    """Return the metadata in ``blob`` with header values as WSGI strings and ``name`` as text.

    Raises BadPickle when the blob is anything else than a dict of byte strings.
    """
    if _NEW_BLOB_MARK in blob[:_MARK_WITHIN]:
        raw, to_text = loads(blob, BYTES_GLOBALS), _utf8
    else:
        raw, to_text = loads(blob, BYTES_GLOBALS, encoding='bytes'), _latin1
    if not isinstance(raw, dict):
        raise BadPickle('metadata is not a dict')
    metadata = {}
    for key, value in raw.items():
        name = _utf8(key)
        metadata[name] = _utf8(value) if name == 'name' else to_text(value)
    return metadata


def _to_bytes(text: str) -> bytes:
    if isinstance(text, bytes):
        return text
    return text.encode('utf-8', 'surrogateescape')


def _utf8(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode('utf-8', 'surrogateescape')
    if isinstance(value, str):
        return value
    raise BadPickle('metadata holds a %s' % type(value).__name__)


def _latin1(value: object) -> str:
    return value.decode('latin-1') if isinstance(value, bytes) else _utf8(value)
