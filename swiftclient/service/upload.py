"""upload: files, directories, streams and empty objects into a container.

Source: sheet 08, section 4.3 (upload).
"""
import os
from collections.abc import Iterable, Iterator
from typing import Any

from swiftclient.service.capabilities import known_capabilities
from swiftclient.service.errors import SwiftError
from swiftclient.service.objects import upload_object_from
from swiftclient.service.options import split_headers
from swiftclient.service.results import Batch, failure, get_future_result
from swiftclient.service.uploads import existing, plan
from swiftclient.service.uploads.containers import (
    POLICY,
    create_container,
    create_segment_container,
)
from swiftclient.service.uploads.job import Job, create_dir_marker, upload_object


def upload(service: Any, container: str, objects: Iterable, options: dict) -> Iterator[dict]:
    """Yield results as they come: containers, segments, objects, deleted old segments."""
    wanted = [_checked(thing) for thing in objects]
    container, _slash, folder = container.partition('/')
    if plan.segment_size_of(options) and options['use_slo'] is None:
        options = dict(options, use_slo='slo' in known_capabilities(service))
    is_new = False
    if not options['skip_container_put']:
        for result in _create_containers(service, container, options):
            is_new = is_new or (result['container'] == container
                                and result['response_dict'].get('status') == 201)
            yield result
    uploads = [plan.upload_of(thing, container, folder, options) for thing in wanted]
    if is_new:
        absent = existing.everything_absent()
    elif options['leave_segments'] and not options['changed'] and not options['skip_identical']:
        absent = existing.Absent()  # nothing will be looked at anyway
    else:
        absent = existing.learn(service.thread_manager.container_pool, container,
                                [upload.name for upload in uploads])
    batch = Batch(options['fail_fast'])
    yield from batch.run(_submissions(service, uploads, absent, batch))


def _checked(thing: Any) -> Any:
    try:
        return upload_object_from(thing)
    except SwiftError as error:
        error.obj = thing
        raise


def _create_containers(service: Any, container: str, options: dict) -> Iterator[dict]:
    pool = service.thread_manager.container_pool
    headers = {name: value for name, value in split_headers(options['header']).items()
               if name == POLICY}
    yield get_future_result(pool.submit(create_container, container, headers))
    if plan.segment_size_of(options):
        name = options['segment_container'] or f'{container}_segments'
        yield get_future_result(
            pool.submit(create_segment_container, name, container, headers))


def _submissions(service: Any, uploads: list[plan.Upload], absent: existing.Absent,
                 batch: Batch) -> Iterator[tuple]:
    """Yield the outline of each upload's result and the function that submits its job."""
    pools = service.thread_manager
    for upload in uploads:
        job = Job(upload, pools.segment_pool, batch.emit, upload.name in absent)
        is_marker = upload.options['dir_marker'] if upload.source is None else \
            upload.path is not None and os.path.isdir(upload.path)
        work = create_dir_marker if is_marker else upload_object
        outline = upload.outline('create_dir_marker' if is_marker else 'upload_object')
        error = _unreadable(upload)
        if error is not None:
            batch.emit(failure(outline, error))
            continue
        yield outline, lambda work=work, job=job: pools.object_uu_pool.submit(work, job)


def _unreadable(upload: plan.Upload) -> OSError | None:
    """Return what is wrong with a path, found out before a thread has to wait for it."""
    if upload.path is None:
        return None
    try:
        os.stat(upload.path)
    except OSError as error:
        return error
    return None
