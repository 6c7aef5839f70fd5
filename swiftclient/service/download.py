"""download: objects, a container, or everything, to files or to the caller.

Source: sheet 08, section 4.3 (download).
"""
from collections.abc import Iterator
from random import shuffle
from typing import Any

from swiftclient.service.downloads.body import CheckedBody
from swiftclient.service.downloads.job import Download, download_object, open_object
from swiftclient.service.downloads.paths import Folders
from swiftclient.service.errors import SwiftError
from swiftclient.service.listing import list_parts
from swiftclient.service.results import Batch, settle


def download(service: Any, container: str | None, objects: list | None,
             options: dict) -> Iterator[dict]:
    """Yield one result per object. Raises SwiftError if a listing fails."""
    if container is None:
        if options['yes_all']:
            yield from _run(service, _everything(service, options), options)
        return
    if '/' in container:
        raise SwiftError("'/' in container name", container=container)
    if objects is None:
        names = _listed(service, container, options)
        if options['out_file'] and options['out_file'] != '-':
            options = dict(options, out_file=None)
        yield from _run(service, ((container, name) for name in names), options)
        return
    objects = list(objects)
    if len(objects) > 1:
        options = dict(options, out_file=None)
    yield from _run(service, [(container, name) for name in objects], options)


def _run(service: Any, names: Any, options: dict) -> Iterator[dict]:
    folders = Folders(options['out_directory'])
    jobs = (Download(container, name, options, folders) for container, name in names)
    if options['out_file'] == '-' and not options['no_download']:
        for job in jobs:
            yield _to_caller(service, job)
        return
    pool = service.thread_manager.object_dd_pool

    def submission(job: Download):
        return job.outline(), lambda: pool.submit(download_object, job)

    yield from Batch(options['fail_fast']).run(map(submission, jobs))


def _everything(service: Any, options: dict) -> Iterator[tuple[str, str]]:
    account_options = dict(options, prefix=None, long=False, delimiter=None)
    for page in list_parts(service, None, account_options):
        _require(page)
        entries = list(page['listing'])
        if options['shuffle']:
            shuffle(entries)
        for entry in entries:
            inside = dict(options, marker='')
            for name in _listed(service, entry['name'], inside):
                yield entry['name'], name


def _listed(service: Any, container: str, options: dict) -> Iterator[str]:
    """Yield the names of a container's objects, page by page."""
    for page in list_parts(service, container, dict(options, versions=False)):
        _require(page)
        names = [entry['name'] for entry in page['listing'] if 'name' in entry]
        if options['shuffle']:
            shuffle(names)
        yield from names


def _require(page: dict) -> None:
    if not page['success']:
        raise page['error']


def _to_caller(service: Any, job: Download) -> dict:
    """Return a result whose `contents` iterates over the body.

    The caller reads when it likes, so the body gets a connection that nobody else uses; it is
    closed at the end of the body. Compat: such a result has no key `success`.
    """
    result = dict(job.outline(), path=job.options['out_file'] and job.name,
                  pseudodir=job.name.endswith('/'), response_dict={})
    connection = service.create_connection()

    def open_body() -> dict:
        headers, body = open_object(connection, job, None, result['response_dict'])
        return {'contents': CheckedBody(job.name, body, headers, job.options['checksum'],
                                        close=connection.close)}

    settle(result, open_body)
    if result['success']:
        del result['success'], result['response_dict']
    else:
        result['attempts'] = connection.attempts
        connection.close()
    return result
