"""Large objects as lists of segments: reading manifests, comparing them with a local file.

Used by upload (what an overwritten object leaves behind, skip-identical), by download
(skip-identical) and by delete. Source: sheet 08, section 4.3.
"""
import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5
from typing import Any, BinaryIO
from urllib.parse import unquote

from swiftclient.service.options import split_headers
from swiftclient.utils import config_true_value, normalize_manifest_path, parse_api_response

_READ_SIZE = 1 << 16
# A manifest within a manifest within ...: the server allows 10 levels.
MAX_DEPTH = 10


@dataclass(frozen=True)
class Segment:
    """One stored piece; `path` is container/object without a leading slash."""

    path: str
    etag: str
    size_bytes: int


def is_static(headers: dict) -> bool:
    return config_true_value(headers.get('x-static-large-object'))


def is_large(headers: dict) -> bool:
    return is_static(headers) or bool(headers.get('x-object-manifest'))


def segments_of(connection: Any, headers: dict, container: str, name: str,
                options: dict) -> list[Segment]:
    """Return the segments of the large object that `headers` describe, in order."""
    if headers.get('x-object-manifest'):
        return list(_dynamic(connection, headers['x-object-manifest']))
    return list(_static(connection, container, name, split_headers(options['header'])))


def _static(connection: Any, container: str, name: str, headers: dict,
            depth: int = 1) -> Iterator[Segment]:
    answer, body = connection.get_object(container, name, headers=headers,
                                         query_string='multipart-manifest=get')
    yield from static_segments(connection, answer, body, headers, depth)


def static_segments(connection: Any, answer: dict, body: bytes, headers: dict,
                    depth: int = 1) -> Iterator[Segment]:
    """Yield the segments listed in a manifest's body, those of nested manifests in place."""
    for entry in parse_api_response(answer, body):
        if 'name' not in entry:
            continue  # inline data: nothing of its own is stored
        path = normalize_manifest_path(entry['name'])
        if entry.get('sub_slo') and depth < MAX_DEPTH:
            yield from _static(connection, *path.split('/', 1), headers, depth + 1)
        else:
            yield Segment(path, entry['hash'], entry['bytes'])


def _dynamic(connection: Any, manifest: str) -> Iterator[Segment]:
    container, prefix = unquote(manifest).split('/', 1)
    _headers, listing = connection.get_container(container, prefix=prefix, full_listing=True)
    for entry in listing:
        yield Segment(f'{container}/{entry["name"]}', entry['hash'], entry['bytes'])


def same_as_file(segments: list[Segment], path: str) -> bool:
    """True if the file's bytes are those of the segments, by size and MD5. Reads the file."""
    if sum(segment.size_bytes for segment in segments) != os.path.getsize(path):
        return False
    with open(path, 'rb') as file:
        return all(md5_of(file, segment.size_bytes) == segment.etag for segment in segments)


def md5_of(file: BinaryIO, length: int | None = None) -> str:
    """Return the MD5 of the next `length` bytes of a file, of all that follow if None."""
    digest = md5(usedforsecurity=False)
    left = length
    while left is None or left > 0:
        chunk = file.read(_READ_SIZE if left is None else min(_READ_SIZE, left))
        if not chunk:
            break
        digest.update(chunk)
        left = None if left is None else left - len(chunk)
    return digest.hexdigest()


def md5_of_path(path: str) -> str:
    with open(path, 'rb') as file:
        return md5_of(file)
