"""stat: what an account, a container or an object is. Source: sheet 08, section 4.3."""
from typing import Any

from swiftclient.command_helpers import stat_account, stat_container, stat_object
from swiftclient.exceptions import ClientException
from swiftclient.service.errors import SwiftError
from swiftclient.service.results import ResultsIterator, get_future_result, settle


def stat(service: Any, container: str | None, objects: list | None, options: dict) -> Any:
    """Return one result for an account or container, an iterator of them for objects."""
    pools = service.thread_manager
    if objects is not None:
        if container is None:
            raise SwiftError('Objects specified without container')
        return ResultsIterator([
            pools.object_dd_pool.submit(_stat_object, container, name, options)
            for name in objects])
    job = pools.container_pool.submit(_stat_whole, container, options)
    result = get_future_result(job)
    error = result.get('error')
    if isinstance(error, ClientException) and error.http_status == 404:
        what = f'Container {container!r} not found' if container else 'Account not found'
        raise SwiftError(what, container=container, exc=error)
    return result


def _stat_whole(connection: Any, container: str | None, options: dict) -> dict:
    def look() -> dict:
        if container is None:
            items, headers = stat_account(connection, options)
        else:
            items, headers = stat_container(connection, options, container)
        return {'items': items, 'headers': headers}

    action = 'stat_account' if container is None else 'stat_container'
    return settle({'action': action, 'container': container, 'object': None}, look)


def _stat_object(connection: Any, container: str, name: str, options: dict) -> dict:
    def look() -> dict:
        items, headers = stat_object(connection, options, container, name)
        return {'items': items, 'headers': headers}

    return settle({'action': 'stat_object', 'object': name, 'container': container}, look)
