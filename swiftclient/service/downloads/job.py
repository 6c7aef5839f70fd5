"""The download of one object, run on a thread of the download pool.

Source: sheet 08, section 4.3 (download).
"""
import os
from contextlib import contextmanager
from dataclasses import dataclass
from time import time
from typing import Any
from urllib.parse import urlencode

from swiftclient.exceptions import ClientException
from swiftclient.service.downloads.body import CheckedBody
from swiftclient.service.downloads.files import arriving_file
from swiftclient.service.downloads.paths import DIRECTORY_TYPES, Folders, local_path
from swiftclient.service.manifests import (
    is_large,
    is_static,
    md5_of_path,
    same_as_file,
    segments_of,
    static_segments,
)
from swiftclient.service.options import split_headers
from swiftclient.service.results import settle

# Unit in which bodies are read. Not larger: from 128 KiB on the allocator maps and unmaps memory
# for every block, which doubled the system time of a download.
CHUNK_SIZE_BYTES = 1 << 16


@dataclass(frozen=True)
class Download:
    """What one job needs to know: which object, the merged options, the directories."""

    container: str
    name: str
    options: dict
    folders: Folders

    def outline(self) -> dict:
        return {'action': 'download_object', 'container': self.container, 'object': self.name}

    def query(self, **extra: str) -> str | None:
        if self.options.get('version_id') is not None:
            extra['version-id'] = self.options['version_id']
        return urlencode(sorted(extra.items())) or None


def download_object(connection: Any, job: Download) -> dict:
    """Return the result of downloading one object to its place."""
    result = dict(job.outline(), pseudodir=job.name.endswith('/'), response_dict={})
    try:
        return settle(result, _download, connection, job, result)
    finally:
        result['attempts'] = connection.attempts


def _download(connection: Any, job: Download, result: dict) -> dict:
    out_file = job.options['out_file']
    result['path'] = local_path(job.container, job.name, job.options)
    path = out_file or result['path']
    start_time = time()
    headers, body = open_object(connection, job, path, result['response_dict'])
    times = {'start_time': start_time, 'auth_end_time': connection.auth_end_time,
             'headers_receipt': time()}
    checked = CheckedBody(result['path'], body, headers, job.options['checksum'],
                          job.options.get('progress'))
    with _place(job, path, headers) as write:
        for chunk in checked:
            write(chunk)
    return dict(times, read_length=checked.bytes_read(), finish_time=time())


@contextmanager
def _place(job: Download, path: str, headers: dict):
    """Yield a function that takes the body's chunks to where they belong."""
    if job.options['no_download']:
        yield len
        return
    if job.options['out_file'] is None:
        is_folder = headers.get('content-type', '').split(';', 1)[0] in DIRECTORY_TYPES
        job.folders.make(path if is_folder else os.path.dirname(path))
        if is_folder or path.endswith('/') or not path:
            yield len
            return
    named_by_user = job.options['out_file'] is not None
    with arriving_file(path, _mtime(headers, job.options), named_by_user) as arriving:
        yield arriving.write


def _mtime(headers: dict, options: dict) -> float | None:
    if options['ignore_mtime']:
        return None
    try:
        return float(headers['x-object-meta-mtime'])
    except (KeyError, ValueError):  # not ours: anybody may set this header to anything
        return None


def open_object(connection: Any, job: Download, path: str | None,
                response_dict: dict) -> tuple[dict, Any]:
    """Return headers and unread body. ClientException 304 if `path` has the same content."""
    headers = split_headers(job.options['header'])
    if not (job.options['skip_identical'] and path and os.path.isfile(path)):
        return _get(connection, job, headers, response_dict)
    headers['If-None-Match'] = md5_of_path(path)
    answer, body = _get(connection, job, headers, response_dict, **{'multipart-manifest': 'get'})
    if not is_large(answer):
        return answer, body
    del headers['If-None-Match']
    manifest = b''.join(body)
    if is_static(answer):
        segments = list(static_segments(connection, answer, manifest, headers))
    else:
        segments = segments_of(connection, answer, job.container, job.name, job.options)
    if same_as_file(segments, path):
        raise ClientException('Large object is identical', http_status=304)
    return _get(connection, job, headers, response_dict)


def _get(connection: Any, job: Download, headers: dict, response_dict: dict,
         **query: str) -> tuple[dict, Any]:
    return connection.get_object(
        job.container, job.name, resp_chunk_size=CHUNK_SIZE_BYTES, headers=headers,
        query_string=job.query(**query), response_dict=response_dict)
