"""The upload of one object, run on a thread of the upload pool.

Steps: look at what is there (unless it is known to be new), skip it if it is the same, send it,
check the MD5, then delete segments that the overwritten object leaves behind.
Source: sheet 08, section 4.3 (upload, steps 4 to 8).
"""
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Any

from swiftclient.service.errors import SwiftError
from swiftclient.service.manifests import is_large, md5_of_path, same_as_file, segments_of
from swiftclient.service.options import request_headers, split_headers
from swiftclient.service.results import settle
from swiftclient.service.uploads import old_segments, plan
from swiftclient.service.uploads import segments as parts
from swiftclient.service.uploads.segmented_stream import read_segment, upload_stream
from swiftclient.service.uploads.sources import piece, stream
from swiftclient.utils import EMPTY_ETAG

DIRECTORY_TYPE = 'application/directory'


@dataclass(frozen=True)
class Job:
    """One upload with what it needs of the service.

    `is_new`: nothing can be there under its name. `emit` takes the results of segments.
    """

    upload: plan.Upload
    segment_pool: Any
    emit: Callable[[dict], None]
    is_new: bool


def upload_object(connection: Any, job: Job) -> dict:
    """Return the result of uploading one file, stream or empty object."""
    result = job.upload.outline()
    settle(result, _upload, connection, job, result)
    error = result.get('error')
    if isinstance(error, FileNotFoundError) and job.upload.path:
        result['error'] = SwiftError(f'Local file {job.upload.path!r} not found', exc=error)
    if not str(result.get('status')).startswith('skipped'):
        result['attempts'] = connection.attempts
    return result


def create_dir_marker(connection: Any, job: Job) -> dict:
    """Return the result of storing a directory as an empty object of its type."""
    result = job.upload.outline('create_dir_marker')
    result['response_dict'] = {}
    return settle(result, _mark, connection, job, result)


def _mark(connection: Any, job: Job, result: dict) -> None:
    upload = job.upload
    mtime = os.path.getmtime(upload.path) if upload.path else round(time())
    result['headers'] = {'x-object-meta-mtime': f'{mtime:f}'}
    if upload.options['changed'] and not job.is_new:
        there = _look(connection, upload)
        if there and there.get('content-type', '').split(';', 1)[0] == DIRECTORY_TYPE \
                and there.get('content-length') == '0' and there.get('etag') == EMPTY_ETAG \
                and there.get('x-object-meta-mtime') == f'{mtime:f}':
            return
    connection.put_object(
        upload.container, upload.name, '', content_length=0, content_type=DIRECTORY_TYPE,
        headers=_headers(upload, result), response_dict=result['response_dict'])


def _headers(upload: plan.Upload, result: dict) -> dict:
    return {**result['headers'], **request_headers(upload.options, 'X-Object-Meta-')}


def _look(connection: Any, upload: plan.Upload) -> dict | None:
    return old_segments.look(connection, upload.container, upload.name,
                             split_headers(upload.options['header']))


def _upload(connection: Any, job: Job, result: dict) -> dict:
    upload, options = job.upload, job.upload.options
    mtime = os.path.getmtime(upload.path) if upload.path else round(time())
    result['headers'] = {'x-object-meta-mtime': f'{mtime:f}'}
    wants_look = options['changed'] or options['skip_identical'] or not options['leave_segments']
    old = None
    if wants_look and not job.is_new:
        old = _look(connection, upload)
        status = _reason_to_skip(connection, upload, old, result['headers'])
        if status:
            if options.get('progress') and upload.path:
                options['progress'].add(os.path.getsize(upload.path))
            return {'status': status}
    leftover = () if options['leave_segments'] else old_segments.listed_segments(
        connection, old, upload.container, upload.name, options)
    _send(connection, job, result)
    fresh = {segment['segment_location'].lstrip('/')
             for segment in result.get('segment_results', ())}
    leftover = [path for path in leftover if path not in fresh]
    if leftover:
        result['segment_delete_results'] = old_segments.delete_segments(
            job.segment_pool, leftover, job.emit)
    return {'status': 'uploaded', 'success': True}


def _reason_to_skip(connection: Any, upload: plan.Upload, there: dict | None,
                    headers: dict) -> str | None:
    """Return the status if the object is there as it should be, else None."""
    options = upload.options
    if there is None or upload.path is None:
        return None
    size = os.path.getsize(upload.path)
    if options['skip_identical']:
        if is_large(there):
            segments = segments_of(connection, there, upload.container, upload.name, options)
            if same_as_file(segments, upload.path):
                return 'skipped-identical'
        elif there.get('content-length') == str(size) \
                and md5_of_path(upload.path) == there.get('etag', '').strip('"'):
            return 'skipped-identical'
    if options['changed'] and there.get('content-length') == str(size) \
            and there.get('x-object-meta-mtime') == headers['x-object-meta-mtime']:
        return 'skipped-changed'
    return None


def _send(connection: Any, job: Job, result: dict) -> None:
    upload = job.upload
    result['large_object'] = False
    segment_size = plan.segment_size_of(upload.options)
    if upload.path is not None:
        size = os.path.getsize(upload.path)
        if segment_size and size > segment_size:
            _send_in_segments(connection, job, result, size)
        else:
            _send_file(connection, upload, result, size)
    elif upload.source is None:
        _put(connection, upload, result, None, 0)
    elif segment_size and upload.options['use_slo']:
        _send_segmented_stream(connection, job, result, segment_size)
    else:
        _put(connection, upload, result, stream(upload.source, upload.options), None)


def _send_file(connection: Any, upload: plan.Upload, result: dict, size: int) -> None:
    with open(upload.path, 'rb', buffering=0) as file:
        _put(connection, upload, result, piece(file, size, upload.options), size)


def _put(connection: Any, upload: plan.Upload, result: dict, body: Any,
         length: int | None) -> None:
    """Send one plain object, and compare the MD5 of what was sent with the server's."""
    result['response_dict'] = {}
    etag = connection.put_object(
        upload.container, upload.name, '' if body is None else body, content_length=length,
        headers=_headers(upload, result), response_dict=result['response_dict'])
    if body is None or not upload.options['checksum']:
        return
    local = body.get_md5sum()
    if etag != local:
        raise SwiftError(
            f'Object upload verification failed: md5 mismatch, local {local} != remote {etag} '
            '(remote object has not been removed)')


def _send_in_segments(connection: Any, job: Job, result: dict, size: int) -> None:
    upload, options = job.upload, job.upload.options
    result['large_object'] = True
    mtime = result['headers']['x-object-meta-mtime']
    folder = plan.segment_folder(upload, mtime, size)
    wanted = list(plan.spans(folder, size, plan.segment_size_of(options)))
    # Only a static manifest is checked against the segments, so only then is a listing enough
    # to believe that they are there.
    resumes = options['skip_identical'] and options['use_slo']
    stored = parts.stored_segments(connection, upload.segment_container, folder) \
        if resumes else {}
    _join(connection, job, result, folder,
          lambda: parts.upload_segments(job.segment_pool, upload, wanted, stored, job.emit))


def _send_segmented_stream(connection: Any, job: Job, result: dict, segment_size: int) -> None:
    upload = job.upload
    first = read_segment(upload.source, segment_size, upload.options.get('progress'))
    if len(first) < segment_size:
        options = {**upload.options, 'progress': None}
        _put(connection, upload, result, piece(io.BytesIO(first), len(first), options),
             len(first))
        return
    result['large_object'] = True
    folder = plan.segment_folder(upload, result['headers']['x-object-meta-mtime'], None)
    _join(connection, job, result, folder,
          lambda: upload_stream(job.segment_pool, upload, first, folder, job.emit))


def _join(connection: Any, job: Job, result: dict, folder: str,
          send_segments: Callable[[], list[dict]]) -> None:
    """Send the segments, then the manifest that makes them one object."""
    upload = job.upload
    try:
        result['segment_results'] = send_segments()
    except Exception as error:
        result['segment_results'] = getattr(error, 'segment_results', [])
        raise
    response = result['manifest_response_dict'] = {}
    headers = _headers(upload, result)
    if upload.options['use_slo']:
        parts.put_static_manifest(connection, upload, headers, result['segment_results'],
                                  response)
    else:
        parts.put_dynamic_manifest(connection, upload, headers, folder, response)
