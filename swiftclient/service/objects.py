"""Arguments of upload, post, delete and copy that carry options of their own.

Each of them is checked when it is made, so that a wrong name is reported by the caller's line
and not by a thread. Source: sheet 08, section 4.1; the tuples of the founding proposal 001 are
accepted by `upload_object_from`.
"""
from typing import Any

from swiftclient.service.errors import SwiftError


class SwiftUploadObject:
    """One thing to upload: a path, a readable, or None for an empty object.

    The object's name defaults to the path; a leading slash is taken off.
    """

    def __init__(self, source: Any, object_name: str | None = None,
                 options: dict | None = None):
        if isinstance(source, str):
            name = object_name or source
        elif source is None or hasattr(source, 'read'):
            if not object_name or not isinstance(object_name, str):
                raise SwiftError('Object names must be specified as strings for uploads from '
                                 'None or file like objects.')
            name = object_name
        else:
            raise SwiftError(f'Unexpected source type for SwiftUploadObject: {type(source)}')
        self.source = source
        self.object_name = name.removeprefix('/')
        if not self.object_name:
            raise SwiftError('Object names must not be empty strings')
        self.options = options


class _NamedObject:
    """An existing object and the options for it."""

    def __init__(self, object_name: str, options: dict | None = None):
        if not isinstance(object_name, str) or not object_name:
            raise SwiftError('Object names must be specified as non-empty strings')
        self.object_name = object_name
        self.options = options


def named_object_from(thing: Any, kind: type[_NamedObject], operation: str) -> _NamedObject:
    """Return what a name or an object of this kind stands for, for post or delete."""
    if isinstance(thing, str):
        return kind(thing)
    if isinstance(thing, kind):
        return thing
    raise SwiftError(f'The {operation} operation takes only strings or {kind.__name__}s as input',
                     obj=thing)


class SwiftPostObject(_NamedObject):
    """An object whose metadata is to be replaced."""


class SwiftDeleteObject(_NamedObject):
    """An object to delete."""


class SwiftCopyObject(_NamedObject):
    """An object to copy; reads `destination` and `fresh_metadata` from its options."""

    def __init__(self, object_name: str, options: dict | None = None):
        super().__init__(object_name, options)
        self.destination = None
        self.fresh_metadata = False
        if self.options:
            self.fresh_metadata = self.options.get('fresh_metadata', False)
            self.destination = _full_destination(self.options.get('destination'), object_name)


def _full_destination(destination: str | None, object_name: str) -> str | None:
    """Return /container/object, with the copied object's name if only a container is given."""
    if destination is None:
        return None
    parts = destination.split('/', 2)
    if len(parts) < 2 or parts[0] or not parts[1]:
        raise SwiftError('destination must be in format /cont[/obj]')
    if destination.endswith('/'):
        raise SwiftError('destination must not end in a slash')
    return destination if len(parts) == 3 else f'{destination}/{object_name}'


def upload_object_from(thing: Any) -> SwiftUploadObject:
    """Return the upload that a path, a tuple or a SwiftUploadObject stands for."""
    if isinstance(thing, SwiftUploadObject):
        return thing
    if isinstance(thing, str):
        return SwiftUploadObject(thing)
    if isinstance(thing, tuple) and len(thing) == 2:
        return SwiftUploadObject(*thing)
    if isinstance(thing, tuple) and len(thing) == 3 and thing[0] is None:
        return SwiftUploadObject(None, thing[1], {'dir_marker': bool(thing[2])})
    raise SwiftError('The upload operation takes only strings or SwiftUploadObjects as input')
