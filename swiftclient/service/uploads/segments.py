"""Segments of one file, sent side by side, and the manifest that joins them.

Runs inside an upload job; the segments run in the segment pool, which waits for nobody. The first
segment that fails stops those that have not begun: the manifest will not be written anyway.
With `skip_identical`, segments that an interrupted upload left (same name, size and MD5) are not
sent again. Source: sheet 08, section 4.3 (upload, step 6) and weak point 15.
"""
import json
from collections.abc import Callable
from typing import Any

from swiftclient.exceptions import ClientException
from swiftclient.service.errors import SwiftError
from swiftclient.service.manifests import md5_of
from swiftclient.service.results import get_future_result, settle
from swiftclient.service.uploads.plan import (
    SEGMENT_TYPE,
    SegmentSpan,
    Upload,
    dynamic_manifest,
    static_manifest,
)
from swiftclient.service.uploads.sources import piece


def upload_segments(pool: Any, upload: Upload, wanted: list[SegmentSpan],
                    stored: dict[str, tuple[int, str]], emit: Callable) -> list[dict]:
    """Return the results of all segments. ClientException if not all of them are stored.

    `stored` maps the names of segments that are there already to size and MD5.
    """
    futures = [pool.submit(_upload_segment, upload, span, stored.get(span.name))
               for span in wanted]
    results, errors = [], []
    for future in futures:
        if future.cancelled():
            continue
        result = get_future_result(future)
        emit(result)
        results.append(result)
        if not result['success'] and not errors:
            for later in futures:
                later.cancel()
        if not result['success']:
            errors.append(result['error'])
    require_all(upload, results, errors)
    return results


def require_all(upload: Upload, results: list[dict], errors: list[Exception]) -> None:
    if errors:
        error = ClientException('Aborting manifest creation because not all segments could be '
                                f'uploaded. {upload.container}/{upload.name}')
        error.segment_results = results
        error.exceptions = errors
        raise error


def segment_outline(upload: Upload, index: int, size: int, name: str) -> dict:
    return {'action': 'upload_segment', 'for_container': upload.container,
            'for_object': upload.name, 'segment_index': index, 'segment_size': size,
            'segment_location': f'/{upload.segment_container}/{name}',
            'log_line': f'{upload.name} segment {index}', 'response_dict': {}}


def _upload_segment(connection: Any, upload: Upload, span: SegmentSpan,
                    stored: tuple[int, str] | None) -> dict:
    result = segment_outline(upload, span.index, span.size, span.name)
    settle(result, _send_segment, connection, upload, span, stored, result)
    result['attempts'] = connection.attempts
    return result


def _send_segment(connection: Any, upload: Upload, span: SegmentSpan,
                  stored: tuple[int, str] | None, result: dict) -> dict:
    options = upload.options
    with open(upload.source, 'rb', buffering=0) as file:
        file.seek(span.start)
        if stored is not None and stored[0] == span.size \
                and md5_of(file, span.size) == stored[1]:
            if options.get('progress'):
                options['progress'].add(span.size)
            return {'segment_etag': stored[1], 'status': 'skipped-identical'}
        file.seek(span.start)
        body = piece(file, span.size, options)
        etag = connection.put_object(
            upload.segment_container, span.name, body, content_length=span.size,
            content_type=SEGMENT_TYPE, response_dict=result['response_dict'])
    if options['checksum'] and etag != body.get_md5sum():
        raise SwiftError(
            f'Segment {span.index}: upload verification failed: md5 mismatch, local '
            f'{body.get_md5sum()} != remote {etag} (remote segment has not been removed)')
    return {'segment_etag': etag}


def stored_segments(connection: Any, container: str, folder: str) -> dict[str, tuple[int, str]]:
    """Return name -> (size, MD5) of what is already there under `folder`."""
    try:
        _headers, entries = connection.get_container(container, prefix=f'{folder}/',
                                                     full_listing=True)
    except ClientException:  # no such container, or no right to read it: everything is sent
        return {}
    return {entry['name']: (entry['bytes'], entry['hash']) for entry in entries}


def put_static_manifest(connection: Any, upload: Upload, headers: dict, results: list[dict],
                        response_dict: dict) -> None:
    """Write the manifest; the server checks that each segment is there as described."""
    connection.put_object(
        upload.container, upload.name, json.dumps(static_manifest(results)), headers=headers,
        query_string='multipart-manifest=put', response_dict=response_dict)


def put_dynamic_manifest(connection: Any, upload: Upload, headers: dict, folder: str,
                         response_dict: dict) -> None:
    headers = dict(headers)
    headers['X-Object-Manifest'] = dynamic_manifest(upload.segment_container, folder)
    connection.put_object(upload.container, upload.name, '', content_length=0, headers=headers,
                          response_dict=response_dict)
