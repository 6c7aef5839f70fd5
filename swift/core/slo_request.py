"""A manifest as a client sends it: what may be wrong with it, and how it is compared with segments.

Pure (layer 0). Two steps, with the HEADs of the segments between them:

    body --parse_manifest--> Wanted | DataSegment ...        problems: `Index i: ...`
    Wanted + Found (what HEAD told) --checked--> Checked     problems: `Size Mismatch` ...

All problems of a step are collected, so that a client learns them at once.
Source: sheet 05 section 14.2, PUT steps 3 to 6; errata (numbers and null are entries like others).
"""
import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from swift.core.constraints import Refusal
from swift.core.http_dates import parse_http_date
from swift.core.names import is_valid_utf8, split_path
from swift.core.ranges import Range
from swift.core.segment_plan import DataSegment, ObjectSegment
from swift.core.slo_manifest import Checked
from swift.core.timestamp import Timestamp

HTML = 'text/html; charset=UTF-8'
PATH_KEYS = frozenset(('path', 'etag', 'size_bytes', 'range'))
TOO_SMALL = 'oo small; each segment must be at least 1 byte.'
NOT_AN_OBJECT = 'path does not refer to an object. Path must be of the form /container/object.'
ONLY_DATA = 'Inline data segments require at least one object-backed segment.'


@dataclass(frozen=True, slots=True)
class Wanted:
    """A segment as a client names it; `size` and `etag` are what it must have, None for any."""

    path: str
    size: int | None = None
    etag: str | None = None
    range: Range | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What HEAD told of an object: its status line and, if it is there, the rest."""

    status: str
    length: int = 0
    etag: str = ''
    content_type: str = ''
    last_modified: str = ''
    is_manifest: bool = False


class _Problem(ValueError):
    """What is wrong with an entry."""


def parse_manifest(body: bytes, own_path: str,
                   segments_max: int) -> list[Wanted | DataSegment] | Refusal:
    """Return the entries of a client's manifest, or the answer to a bad one.

    `own_path` is the `/container/object` (text) that the manifest is for.
    """
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError):
        return Refusal(400, 'Manifest must be valid JSON.\n', HTML)
    if not isinstance(entries, list):
        return Refusal(400, 'Manifest must be a list.\n', HTML)
    segments: list[Wanted | DataSegment] = []
    problems = []
    for index, entry in enumerate(entries):
        try:
            segments.append(_entry(entry, own_path, index == len(entries) - 1))
        except _Problem as problem:
            problems.append(f'Index {index}: {problem}\n')
    if entries and all(isinstance(entry, dict) and 'data' in entry for entry in entries):
        problems.append(ONLY_DATA + '\n')
    if problems:
        return Refusal(400, ''.join(problems))
    if sum(isinstance(segment, Wanted) for segment in segments) > segments_max:
        return Refusal(413, f'Number of object-backed segments must be <= {segments_max}', HTML)
    return segments


def _entry(entry: object, own_path: str, is_last: bool) -> Wanted | DataSegment:
    if not isinstance(entry, dict):
        raise _Problem('not a JSON object')
    if 'data' not in entry and 'path' not in entry:
        raise _Problem("expected keys to include one of 'data' or 'path'")
    extraneous = sorted(set(entry) - (PATH_KEYS if 'data' not in entry else {'data'}))
    if extraneous:
        raise _Problem('extraneous keys ' + ', '.join(map(json.dumps, extraneous)))
    if 'data' in entry:
        return _data(entry['data'])
    path, etag = entry['path'], entry.get('etag')
    if not isinstance(path, str):
        raise _Problem('"path" must be a string')
    if etag is not None and not isinstance(etag, str):
        raise _Problem('"etag" must be a string or null (if provided)')
    path = _object_path(path)
    size = _size(entry.get('size_bytes'))
    if size is not None and size < 1 and not is_last:
        raise _Problem('t' + TOO_SMALL)
    if path == own_path:
        raise _Problem('manifest must not include itself as a segment')
    return Wanted(path, size, etag, _range(entry.get('range'), size))


def _data(text: object) -> DataSegment:
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (ValueError, binascii.Error):
        data = None
    if data is None:
        raise _Problem('data must be valid base64')
    if not data:
        raise _Problem('t' + TOO_SMALL)
    return DataSegment(data)


def _object_path(path: str) -> str:
    path = '/' + path.lstrip('/')
    try:
        split_path(path, 2, 2, True)
    except ValueError:
        raise _Problem(NOT_AN_OBJECT) from None
    if not is_valid_utf8(path):
        raise _Problem(NOT_AN_OBJECT)
    return path


def _size(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return int(value)
        except ValueError:
            pass
    raise _Problem('invalid size_bytes')


def _range(text: object, size: int | None) -> Range | None:
    if not text:
        return None
    try:
        wanted = Range(f'bytes={text}')
    except ValueError:
        raise _Problem('invalid range') from None
    if len(wanted.ranges) > 1:
        raise _Problem('multiple ranges (only one allowed)')
    if size is not None and wanted.resolve(size) == []:
        raise _Problem('unsatisfiable range')
    return wanted


def checked(segments: Sequence[Wanted | DataSegment], found: Mapping[str, Found],
            ) -> tuple[list[Checked], list[tuple[str, str]]]:
    """Return the segments as they are stored, and the problems as (path, text).

    `found` has the answer for every path among the segments.
    """
    result, problems = [], []
    for index, wanted in enumerate(segments):
        if isinstance(wanted, DataSegment):
            result.append(Checked(wanted))
            continue
        there = found[wanted.path]
        segment, own_problems = _compared(wanted, there, index == len(segments) - 1)
        problems += [(wanted.path, problem) for problem in own_problems]
        if segment is not None:
            result.append(Checked(segment, there.content_type, _iso(there.last_modified)))
    return result, problems


def _compared(wanted: Wanted, there: Found,
              is_last: bool) -> tuple[ObjectSegment | None, list[str]]:
    if not there.status.startswith('2'):
        return None, [there.status]
    start, stop = 0, there.length
    if wanted.range is not None:
        resolved = wanted.range.resolve(there.length)
        if resolved == []:
            return None, ['Unsatisfiable Range']
        if resolved:
            start, stop = resolved[0]
    problems = list(_differences(wanted, there))
    if stop - start < 1 and not is_last:
        problems.insert(0, 'T' + TOO_SMALL)
    return ObjectSegment(wanted.path, there.length, there.etag, start, stop,
                         there.is_manifest), problems


def _differences(wanted: Wanted, there: Found) -> Iterator[str]:
    if wanted.size is not None and wanted.size != there.length:
        yield 'Size Mismatch'
    if wanted.etag is not None and wanted.etag != there.etag:
        yield 'Etag Mismatch'


def _iso(http_date: str) -> str:
    """Return a date as manifests have it; the beginning of time for one that cannot be read."""
    return Timestamp(parse_http_date(http_date) or 0).isoformat
