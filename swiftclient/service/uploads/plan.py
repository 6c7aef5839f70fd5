"""What an upload is made of: one Upload per object, and the names of its segments.

Pure. Source: sheet 08, section 4.3 (upload, steps 4 to 7).
"""
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from swiftclient.service.errors import SwiftError
from swiftclient.service.objects import SwiftUploadObject

SEGMENT_TYPE = 'application/swiftclient-segment'


@dataclass(frozen=True)
class Upload:
    """One object on its way: where from, where to, and the merged options."""

    container: str
    name: str
    source: Any
    options: dict

    @property
    def path(self) -> str | None:
        return self.source if isinstance(self.source, str) else None

    @property
    def segment_container(self) -> str:
        return self.options['segment_container'] or f'{self.container}_segments'

    def outline(self, action: str = 'upload_object') -> dict:
        return {'action': action, 'container': self.container, 'object': self.name,
                'path': self.path}


def upload_of(thing: SwiftUploadObject, container: str, folder: str, options: dict) -> Upload:
    """Return the upload of `thing` into pseudo-folder `folder` (may be empty)."""
    name = f'{folder}/{thing.object_name}' if folder else thing.object_name
    if name.startswith(('./', '.\\')):
        name = name[2:]
    own = dict(options, **thing.options) if thing.options else options
    return Upload(container, name.removeprefix('/'), thing.source, own)


def segment_size_of(options: dict) -> int:
    """Return the size in bytes, 0 if objects are not to be segmented."""
    size = options['segment_size']
    if size is None:
        return 0
    try:
        return int(size)
    except (TypeError, ValueError):
        raise SwiftError('Segment size should be an integer value') from None


@dataclass(frozen=True)
class SegmentSpan:
    """Bytes `start` up to `start + size` of a file, to be stored under `name`."""

    index: int
    start: int
    size: int
    name: str


def segment_folder(upload: Upload, mtime: str, total: int | None) -> str:
    """Return what the names of all segments of an object begin with, without the last slash."""
    kind = f'{upload.name}/slo' if upload.options['use_slo'] else upload.name
    sizes = [str(upload.options['segment_size'])]
    if total is not None:
        sizes.insert(0, str(total))
    return '/'.join([kind, mtime, *sizes])


def spans(folder: str, total: int, segment_size: int) -> Iterator[SegmentSpan]:
    """Cut `total` bytes into spans of `segment_size`, the last one shorter."""
    for index, start in enumerate(range(0, total, segment_size)):
        yield SegmentSpan(index, start, min(segment_size, total - start),
                          f'{folder}/{index:08d}')


def dynamic_manifest(segment_container: str, folder: str) -> str:
    """Return the value of X-Object-Manifest."""
    return f'{quote(segment_container)}/{quote(folder)}/'


def static_manifest(results: list[dict]) -> list[dict]:
    """Return the manifest that joins segments, given their results in any order."""
    return [{'path': result['segment_location'], 'etag': result['segment_etag'],
             'size_bytes': result['segment_size']}
            for result in sorted(results, key=lambda result: result['segment_index'])]
