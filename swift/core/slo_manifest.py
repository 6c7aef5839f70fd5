"""The manifest of a static large object, as it is stored and as it is shown.

Pure (layer 0). The body of the object is a JSON list; an entry is one of

    {"name": "/c/o", "bytes": 4, "hash": "<md5>", "content_type": "..",
     "last_modified": "2026-11-20T21:09:51.000000" [, "range": "1-2"] [, "sub_slo": true]}
    {"data": "<base64>"}

With `format=raw` clients get the form in which they would send it. The ETag of the whole is the
MD5 of what follows, for one entry after the other:

    data     md5 of the data        object   its hash        part   <hash>:<first>-<last>;

Manifests of older releases may keep the size of a manifest inside as `;swift_bytes=N` of its
content type. Source: sheet 05 section 14.2, PUT step 8 and GET.
"""
import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from swift.core.content_type import SWIFT_BYTES, extract_swift_bytes
from swift.core.hashing import md5
from swift.core.headers import get_sys_meta_prefix
from swift.core.segment_plan import DataSegment, ObjectSegment, Segment, total_length

FLAG = 'X-Static-Large-Object'
ETAG_SYSMETA = 'X-Object-Sysmeta-Slo-Etag'
SIZE_SYSMETA = 'X-Object-Sysmeta-Slo-Size'
LISTING_ETAG = get_sys_meta_prefix('object') + 'container-update-override-etag'
JSON_TYPE = 'application/json; charset=utf-8'
_RAW_NAMES = {'name': 'path', 'bytes': 'size_bytes', 'hash': 'etag', 'range': 'range',
              'data': 'data'}


class BrokenManifest(ValueError):
    """What is stored is no manifest."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A stored manifest."""

    segments: tuple[Segment, ...]

    @property
    def size(self) -> int:
        return total_length(self.segments)

    @property
    def etag(self) -> str:
        return slo_etag(self.segments)

    def part(self, number: int) -> tuple[int, int]:
        """Return where part `number`, counted from 1, begins and stops."""
        start = total_length(self.segments[:number - 1])
        return start, start + self.segments[number - 1].length


def asks_for_manifest(query: str | None) -> bool:
    """Tell whether a query asks for a large object's manifest instead of what it stands for."""
    if not query or 'multipart-manifest' not in query:
        return False
    return dict(parse_qsl(query, keep_blank_values=True)).get('multipart-manifest') == 'get'


def slo_etag(segments: Iterable[Segment]) -> str:
    """Return the ETag of a large object."""
    digest = md5()
    for segment in segments:
        if isinstance(segment, DataSegment):
            digest.update(md5(segment.data).hexdigest().encode('ascii'))
            continue
        text = segment.etag
        if (segment.start, segment.stop) != (0, segment.size):
            text += f':{segment.start}-{segment.stop - 1};'
        digest.update(text.encode('utf-8', 'surrogateescape'))
    return digest.hexdigest()


def load_manifest(body: bytes) -> Manifest:
    """Return the manifest that is stored as `body`. Raises BrokenManifest."""
    return Manifest(tuple(_segment(entry) for entry in _entries(body)))


def raw_manifest(body: bytes) -> bytes:
    """Return a stored manifest in the form in which clients send one. Raises BrokenManifest."""
    shown = [{_RAW_NAMES[key]: value for key, value in entry.items() if key in _RAW_NAMES}
             for entry in _entries(body)]
    return json.dumps(shown, sort_keys=True).encode('ascii')


def _entries(body: bytes) -> Sequence[Mapping]:
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError):
        raise BrokenManifest('not JSON') from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BrokenManifest('not a list of objects')
    return entries


def _segment(entry: Mapping) -> Segment:
    try:
        if 'data' in entry:
            return DataSegment(base64.b64decode(entry['data']))
        size = int(entry['bytes'])
        is_manifest = bool(entry.get('sub_slo'))
        if is_manifest:
            _type, swift_bytes = extract_swift_bytes(entry.get('content_type') or '')
            size = size if swift_bytes is None else int(swift_bytes)
        start, stop = 0, size
        if entry.get('range'):
            first, _dash, last = entry['range'].partition('-')
            start, stop = int(first), int(last) + 1
        if not 0 <= start <= stop <= size:
            raise BrokenManifest('a range outside of its segment')
        if not isinstance(entry['name'], str) or not isinstance(entry['hash'], str):
            raise BrokenManifest('a segment without name')
        return ObjectSegment(entry['name'], size, entry['hash'], start, stop, is_manifest)
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error) as problem:
        if isinstance(problem, BrokenManifest):
            raise
        raise BrokenManifest(f'entry not understood: {problem!r}') from None


@dataclass(frozen=True, slots=True)
class Checked:
    """A segment of a new manifest, with what its HEAD told beyond what readers need."""

    segment: Segment
    content_type: str = ''
    last_modified: str = ''

    def stored(self) -> dict:
        """Return the entry to store."""
        segment = self.segment
        if isinstance(segment, DataSegment):
            return {'data': base64.b64encode(segment.data).decode('ascii')}
        entry = {'name': segment.path, 'bytes': segment.size, 'hash': segment.etag,
                 'content_type': self.content_type, 'last_modified': self.last_modified}
        if (segment.start, segment.stop) != (0, segment.size):
            entry['range'] = f'{segment.start}-{segment.stop - 1}'
        if segment.is_manifest:
            entry['sub_slo'] = True
        return entry


def manifest_headers(body: bytes, segments: Sequence[Segment], content_type: str,
                     listing_etag: str | None) -> dict[str, str]:
    """Return the headers that make an object with this body a manifest.

    `listing_etag` is the value that a filter further left has set for the listing, if any.
    """
    size, etag, own = total_length(segments), slo_etag(segments), md5(body).hexdigest()
    return {FLAG: 'True', 'Etag': own, ETAG_SYSMETA: etag, SIZE_SYSMETA: str(size),
            'Content-Type': f'{content_type};{SWIFT_BYTES}={size}',
            LISTING_ETAG: f'{listing_etag or own}; slo_etag={etag}'}


def split_slo_etag(entries: Iterable[dict]) -> None:
    """Give the entries of a container's listing a key `slo_etag` of what hides in their hash."""
    for entry in entries:
        value = entry.get('hash')
        if not value or 'slo_etag=' not in value:
            continue
        hash_, *parameters = value.split(';')
        kept = [hash_]
        for parameter in parameters:
            key, _mark, found = parameter.strip().partition('=')
            if key == 'slo_etag':
                entry['slo_etag'] = f'"{found}"'
            else:
                kept.append(parameter)
        entry['hash'] = ';'.join(kept)
