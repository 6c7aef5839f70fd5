"""Dynamic large objects: a header names a container and a prefix, the listing is the manifest.

Pure (layer 0).

    X-Object-Manifest: container/prefix       percent-encoded

Nothing is pinned: what is listed when the object is read is what it consists of. The ETag is the
MD5 of the hashes as listed. A listing that fills its page may go on; then neither size nor ETag of
the whole are known. Source: sheet 05 section 14.1.
"""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swift.core.hashing import md5
from swift.core.names import is_valid_utf8, unquote
from swift.core.segment_plan import ObjectSegment, total_length

HEADER = 'X-Object-Manifest'
FORM = 'X-Object-Manifest must be in the format container/prefix'


@dataclass(frozen=True, slots=True)
class Source:
    """Where the segments of a dynamic large object are; text."""

    container: str
    prefix: str


def parse_source(value: str) -> Source | None:
    """Return what the header's value (text) names, None for what is no source."""
    if '?' in value or '&' in value:
        return None
    container, slash, prefix = unquote(value).partition('/')
    if not (slash and container and prefix) or prefix.startswith('/'):
        return None
    if not is_valid_utf8(container + prefix):
        return None
    return Source(container, prefix)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing as segments."""

    segments: tuple[ObjectSegment, ...]
    is_last: bool
    # Where the next page begins.
    marker: str = ''

    @property
    def size(self) -> int:
        return total_length(self.segments)


def page_of(container: str, entries: Sequence[dict], limit: int) -> Page:
    """Return the segments of a page of at most `limit` entries. Raises ValueError, KeyError."""
    segments = tuple(_segment(container, entry) for entry in entries if 'subdir' not in entry)
    is_last = len(entries) < limit
    return Page(segments, is_last, '' if is_last else entries[-1]['name'])


def _segment(container: str, entry: dict) -> ObjectSegment:
    size = int(entry['bytes'])
    # Filters keep details of their objects behind the hash.
    etag = entry['hash'].partition(';')[0].strip('"')
    return ObjectSegment(f'/{container}/{entry["name"]}', size, etag, 0, size)


def dlo_etag(segments: Iterable[ObjectSegment]) -> str:
    """Return the ETag of a dynamic large object whose segments are all known."""
    return md5(''.join(segment.etag for segment in segments).encode('ascii')).hexdigest()
