"""copy: server-side copies of objects, destination containers created first.

Source: sheet 08, section 4.3 (copy).
"""
from collections.abc import Iterator
from typing import Any

from swiftclient.service.errors import SwiftError
from swiftclient.service.objects import SwiftCopyObject
from swiftclient.service.options import request_headers
from swiftclient.service.results import Batch, get_future_result, settle
from swiftclient.service.uploads.containers import create_container


def copy(service: Any, container: str, objects: list, options: dict) -> Iterator[dict]:
    """Yield create_container results, then one result per object."""
    pools = service.thread_manager
    wanted = _copies(objects, options['destination'])
    targets = dict.fromkeys(thing.destination.split('/', 2)[1]
                            for thing in wanted if thing.destination)
    made = [pools.container_pool.submit(create_container, name, {}) for name in targets]
    for future in made:
        yield get_future_result(future)

    def job(thing: SwiftCopyObject):
        own = dict(options, destination=thing.destination, **_own_options(thing))
        outline = {'action': 'copy_object', 'container': container, 'object': thing.object_name}
        return outline, lambda: pools.object_uu_pool.submit(_copy_object, outline, own)

    yield from Batch(options['fail_fast']).run(map(job, wanted))


def _own_options(thing: SwiftCopyObject) -> dict:
    return {key: value for key, value in (thing.options or {}).items() if key != 'destination'}


def _copies(objects: list, destination: str | None) -> list[SwiftCopyObject]:
    """Return the copies asked for, each with its complete destination or None (onto itself)."""
    if destination is not None:
        _check_destination(destination, len(objects))
    wanted = []
    for thing in objects:
        if isinstance(thing, str):
            thing = SwiftCopyObject(thing, {'destination': destination})
        elif not isinstance(thing, SwiftCopyObject):
            raise SwiftError(
                'The copy operation takes only strings or SwiftCopyObjects as input', obj=thing)
        elif thing.destination is None and destination is not None:
            thing = SwiftCopyObject(thing.object_name,
                                    dict(thing.options or {}, destination=destination))
        wanted.append(thing)
    return wanted


def _check_destination(destination: str, object_count: int) -> None:
    parts = destination.split('/', 2)
    if len(parts) < 2 or parts[0] or (len(parts) == 2 and not parts[1]):
        raise SwiftError('destination must be in format /cont[/obj]')
    if destination.endswith('/'):
        raise SwiftError('destination can not end in a slash')
    if len(parts) == 3 and object_count > 1:
        raise SwiftError('Combination of multiple objects and destination including object '
                         'is invalid')


def _copy_object(connection: Any, outline: dict, options: dict) -> dict:
    result = dict(outline, destination=options['destination'],
                  fresh_metadata=options['fresh_metadata'], response_dict={})
    return settle(result, _send_copy, connection, result, options)


def _send_copy(connection: Any, result: dict, options: dict) -> None:
    result['headers'] = request_headers(options, 'X-Object-Meta-')
    connection.copy_object(
        result['container'], result['object'], destination=result['destination'],
        headers=result['headers'], fresh_metadata=result['fresh_metadata'],
        response_dict=result['response_dict'])
