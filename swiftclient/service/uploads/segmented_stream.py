"""A stream of unknown length, cut into segments as it comes.

One segment is sent while the next is read, so at most two of them are in memory. A stream that
ends within the first segment becomes a plain object. Source: sheet 08, section 4.3 (upload,
step 7) and weak point 14.
"""
import io
from collections.abc import Callable
from concurrent.futures import Future
from hashlib import md5
from typing import Any

from swiftclient.service.errors import SwiftError
from swiftclient.service.results import get_future_result, settle
from swiftclient.service.uploads.plan import SEGMENT_TYPE, Upload
from swiftclient.service.uploads.segments import require_all, segment_outline
from swiftclient.service.uploads.sources import READ_SIZE_BYTES


def read_segment(source: Any, size: int, progress: Any = None) -> bytes:
    """Return the next `size` bytes of a readable, fewer only at its end."""
    chunks, left = [], size
    while left:
        chunk = source.read(min(left, READ_SIZE_BYTES))
        if not chunk:
            break
        chunks.append(chunk.encode() if isinstance(chunk, str) else chunk)
        left -= len(chunks[-1])
        if progress is not None:
            progress.add(len(chunks[-1]))
    return b''.join(chunks)


def upload_stream(pool: Any, upload: Upload, first: bytes, folder: str,
                  emit: Callable) -> list[dict]:
    """Send `first` and all that follows in segments of its length; return their results."""
    size, results = len(first), []
    on_its_way: Future | None = None
    data, index = first, 0
    while data:
        if on_its_way is not None and not _collect(on_its_way, results, emit):
            break
        on_its_way = pool.submit(_send, upload, index, f'{folder}/{index:08d}', data)
        data, index = read_segment(upload.source, size, upload.options.get('progress')), index + 1
    else:
        assert on_its_way is not None
        _collect(on_its_way, results, emit)
    require_all(upload, results, [result['error'] for result in results
                                  if not result['success']])
    return results


def _collect(future: Future, results: list[dict], emit: Callable) -> bool:
    result = get_future_result(future)
    emit(result)
    results.append(result)
    return result['success']


def _send(connection: Any, upload: Upload, index: int, name: str, data: bytes) -> dict:
    result = segment_outline(upload, index, len(data), name)

    def put() -> dict:
        digest = md5(data, usedforsecurity=False).hexdigest() if upload.options['checksum'] \
            else None
        # A BytesIO, unlike bytes, can be sent again when the connection breaks.
        etag = connection.put_object(
            upload.segment_container, name, io.BytesIO(data), content_length=len(data),
            etag=digest, content_type=SEGMENT_TYPE, response_dict=result['response_dict'])
        if digest and etag != digest:
            raise SwiftError(
                f'Segment {index}: upload verification failed: md5 mismatch, local {digest} != '
                f'remote {etag} (remote segment has not been removed)')
        return {'segment_etag': etag}

    settle(result, put)
    result['attempts'] = connection.attempts
    return result
