"""post: change the metadata of an account, a container or objects.

A container that is not there is created with the same headers. Source: sheet 08, section 4.3.
"""
from typing import Any

from swiftclient.exceptions import ClientException
from swiftclient.service.errors import SwiftError
from swiftclient.service.objects import SwiftPostObject, named_object_from
from swiftclient.service.options import request_headers
from swiftclient.service.results import ResultsIterator, get_future_result, settle

_CONTAINER_HEADERS = {'read_acl': 'X-Container-Read', 'write_acl': 'X-Container-Write',
                      'sync_to': 'X-Container-Sync-To', 'sync_key': 'X-Container-Sync-Key'}


def post(service: Any, container: str | None, objects: list | None, options: dict) -> Any:
    """Return one result for an account or container, an iterator of them for objects."""
    pools = service.thread_manager
    if objects is not None:
        if container is None:
            raise SwiftError('Objects specified without container')
        wanted = [named_object_from(thing, SwiftPostObject, 'post') for thing in objects]
        return ResultsIterator([
            pools.object_uu_pool.submit(_post_object, container, thing.object_name,
                                        dict(options, **(thing.options or {})))
            for thing in wanted])
    result = {'action': 'post_account' if container is None else 'post_container',
              'container': container, 'object': None, 'response_dict': {}}
    work = _post_account if container is None else _post_container
    result = get_future_result(pools.container_pool.submit(_run, result, work, options))
    error = result.get('error')
    if container is None and isinstance(error, ClientException) and error.http_status == 404:
        raise SwiftError('Account not found', exc=error)
    return result


def _run(connection: Any, result: dict, work: Any, options: dict) -> dict:
    return settle(result, work, connection, result, options)


def _post_account(connection: Any, result: dict, options: dict) -> None:
    result['headers'] = request_headers(options, 'X-Account-Meta-')
    connection.post_account(headers=result['headers'], response_dict=result['response_dict'])


def _post_container(connection: Any, result: dict, options: dict) -> None:
    headers = result['headers'] = request_headers(options, 'X-Container-Meta-')
    headers.update((header, options[name]) for name, header in _CONTAINER_HEADERS.items()
                   if options[name] is not None)
    container, response = result['container'], result['response_dict']
    try:
        connection.post_container(container, headers=headers, response_dict=response)
    except ClientException as error:
        if error.http_status != 404:
            raise
        response['post_put'] = {}
        connection.put_container(container, headers=headers, response_dict=response['post_put'])


def _post_object(connection: Any, container: str, name: str, options: dict) -> dict:
    result = {'action': 'post_object', 'container': container, 'object': name,
              'response_dict': {}}
    return settle(result, _send_object_post, connection, result, options)


def _send_object_post(connection: Any, result: dict, options: dict) -> None:
    result['headers'] = request_headers(options, 'X-Object-Meta-')
    connection.post_object(result['container'], result['object'], headers=result['headers'],
                           response_dict=result['response_dict'])
