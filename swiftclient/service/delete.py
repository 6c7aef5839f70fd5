"""delete: objects with their segments, containers, or everything.

Many plain objects go in a few bulk requests if the cluster has them; otherwise each object is a
job of its own (deletes.py). Source: sheet 08, section 4.3 (delete).
"""
from collections.abc import Iterator
from typing import Any

from swiftclient.service.capabilities import known_capabilities
from swiftclient.service.deletes import bulk_delete, delete_container, delete_object
from swiftclient.service.errors import SwiftError
from swiftclient.service.listing import list_parts
from swiftclient.service.objects import SwiftDeleteObject, named_object_from
from swiftclient.service.results import Batch, failure, get_future_result
from swiftclient.utils import n_at_a_time, n_groups

DEFAULT_MAX_DELETES = 10000


def delete(service: Any, container: str | None, objects: list | None,
           options: dict) -> Iterator[dict]:
    """Yield one result per object, segment, bulk request and container."""
    if container is None:
        if objects is not None:
            raise SwiftError('Objects specified without container')
        if options['prefix']:
            raise SwiftError('Prefix specified without container')
        if options['yes_all']:
            yield from _delete_account(service, options)
    elif objects is not None:
        wanted = [named_object_from(thing, SwiftDeleteObject, 'delete') for thing in objects]
        prefix = options['prefix']
        yield from _delete_objects(
            service, container,
            [thing for thing in wanted if not prefix or thing.object_name.startswith(prefix)],
            options)
    else:
        yield from _delete_container(service, container, options)


def _delete_account(service: Any, options: dict) -> Iterator[dict]:
    account_options = dict(options, long=False)
    for page in list_parts(service, None, account_options):
        if not page['success']:
            raise page['error']
        for entry in page['listing']:
            yield from _delete_container(service, entry['name'], options)


def _delete_container(service: Any, container: str, options: dict) -> Iterator[dict]:
    """Delete what a listing shows, then the container unless a prefix was given."""
    outline = {'action': 'delete_container', 'container': container, 'object': None}
    for page in list_parts(service, container, dict(options, delimiter=None)):
        if not page['success']:
            yield failure(outline, page['error'])
            return
        found = [SwiftDeleteObject(entry['name'], _version_options(entry, options))
                 for entry in page['listing']]
        yield from _delete_objects(service, container, found, options)
    if not options['prefix']:
        pool = service.thread_manager.container_pool
        yield get_future_result(pool.submit(delete_container, outline, options))


def _version_options(entry: dict, options: dict) -> dict | None:
    return {'version_id': entry.get('version_id')} if options['versions'] else None


def _delete_objects(service: Any, container: str, wanted: list[SwiftDeleteObject],
                    options: dict) -> Iterator[dict]:
    page_size = _bulk_page_size(service, wanted, options)
    pools = service.thread_manager
    batch = Batch(options['fail_fast'])

    def single(thing: SwiftDeleteObject):
        own = dict(options, **thing.options) if thing.options else options
        outline = {'action': 'delete_object', 'container': container,
                   'object': thing.object_name}
        return outline, lambda: pools.object_dd_pool.submit(
            delete_object, outline, own, pools.segment_pool, batch.emit)

    def bulk(names: list[str]):
        outline = {'action': 'bulk_delete', 'container': container, 'objects': names}
        return outline, lambda: pools.object_dd_pool.submit(bulk_delete, outline, options)

    if page_size:
        names = [thing.object_name for thing in wanted]
        groups = (group for page in n_at_a_time(names, page_size)
                  for group in n_groups(page, options['object_dd_threads']))
        yield from batch.run(map(bulk, groups))
    else:
        yield from batch.run(map(single, wanted))


def _bulk_page_size(service: Any, wanted: list[SwiftDeleteObject], options: dict) -> int:
    """Return how many objects may go at once, 0 if each has to be deleted by itself."""
    if len(wanted) <= 2 * options['object_dd_threads'] or \
            any(thing.options for thing in wanted):
        return 0
    bulk = known_capabilities(service).get('bulk_delete')
    if bulk is None:
        return 0
    return bulk.get('max_deletes_per_request', DEFAULT_MAX_DELETES)
