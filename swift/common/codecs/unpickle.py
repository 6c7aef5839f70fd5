"""Reading pickles without trusting them.

Layer 1. Files on disk and peers are input: a pickle may name any importable object and call it.
``loads`` admits the globals that its caller lists and nothing else; everything that can go wrong
with the bytes comes out as one error, ``BadPickle``.

The tables here are the complete set that object metadata, suffix hashes and pending container
updates ever need (sheet 02 §4.2). They map a global's name to *our* function, never to the real
one, so that an admitted name cannot be called in a way its format does not use.
"""
import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any

Globals = Mapping[tuple[str, str], Callable[..., Any]]

# What a C-level unpickler raises on bytes that are not the pickle they claim to be. MemoryError
# belongs here: a single opcode can ask for a memo table of any size.
_DAMAGE = (pickle.UnpicklingError, ValueError, TypeError, KeyError, IndexError, AttributeError,
           EOFError, OverflowError, MemoryError, RecursionError, AssertionError, ImportError)


class BadPickle(ValueError):
    """The bytes are not a pickle, or name a global that their format never uses."""


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, admitted: Globals, encoding: str):
        super().__init__(io.BytesIO(data), encoding=encoding)
        self._admitted = admitted

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._admitted[module, name]
        except KeyError:
            raise BadPickle('pickle names the global %s.%s' % (module, name)) from None

    def persistent_load(self, pid: object) -> Any:
        raise BadPickle('pickle holds a persistent id')


def loads(data: bytes, admitted: Globals, encoding: str = 'ASCII') -> Any:
    """Return the value pickled in ``data``, calling only what ``admitted`` lists.

    ``admitted`` maps (module, name) as written in the pickle to the callable to use in its place.
    ``encoding`` is for byte strings written by Python 2 ('latin-1', 'bytes').
    Raises BadPickle for everything else than a well-formed pickle of admitted globals.
    """
    try:
        return _Reader(data, admitted, encoding).load()
    except BadPickle:
        raise
    except _DAMAGE as err:
        raise BadPickle('cannot be unpickled: %s' % err) from None


def _encode(text: str, codec: str = 'latin1') -> bytes:
    """Stand-in for ``_codecs.encode``: protocol 2 writes bytes as text to be encoded so."""
    if codec not in ('latin1', 'latin-1'):
        raise BadPickle('bytes pickled with codec %r' % codec)
    return text.encode('latin-1')


def _bytes(*args: Any) -> bytes:
    """Stand-in for ``bytes``: protocol 2 writes the empty byte string as a call without args."""
    if args:
        raise BadPickle('bytes() called with arguments')
    return b''


class PickledHeaders(dict):
    """What a pickled header dict becomes; the writer's class knew headers without case."""


def _dict(*args: Any) -> dict:
    return dict(*args)


def _reconstructor(cls: type, base: Any, state: Any) -> dict:
    """Stand-in for ``copyreg._reconstructor``, which protocol 0 uses for subclasses of dict."""
    if cls is not PickledHeaders or base is not _dict or not isinstance(state, dict):
        raise BadPickle('pickle reconstructs something else than a header dict')
    return PickledHeaders(state)


BYTES_GLOBALS: Globals = {
    ('_codecs', 'encode'): _encode,
    ('__builtin__', 'bytes'): _bytes,
    ('builtins', 'bytes'): _bytes,
}

HEADER_GLOBALS: Globals = {
    **BYTES_GLOBALS,
    ('copy_reg', '_reconstructor'): _reconstructor,
    ('copyreg', '_reconstructor'): _reconstructor,
    ('swift.common.header_key_dict', 'HeaderKeyDict'): PickledHeaders,
    ('__builtin__', 'dict'): _dict,
    ('builtins', 'dict'): _dict,
}
