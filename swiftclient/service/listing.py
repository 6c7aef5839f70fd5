"""list: pages of an account or a container, the next one fetched while this one is read.

A page is asked for in the container pool and by nobody else in there, so a pool of one thread
is enough. Source: sheet 08, section 4.3 (list) and weak points 4 and 5.
"""
from collections.abc import Iterator
from typing import Any

from swiftclient.exceptions import ClientException
from swiftclient.service.errors import SwiftError
from swiftclient.service.options import split_headers
from swiftclient.service.results import failed, get_future_result


def list_parts(service: Any, container: str | None, options: dict) -> Iterator[dict]:
    """Yield one result per page; a failed page is the last."""
    pool = service.thread_manager.container_pool
    ask = _account_page if container is None else _container_page
    future = pool.submit(ask, container, options, options['marker'],
                         options.get('version_marker', ''))
    while True:
        result = get_future_result(future)
        entries = result.get('listing')
        if result['success'] and not entries:
            return
        if result['success']:
            last = entries[-1]
            future = pool.submit(ask, container, options, last.get('name', last.get('subdir')),
                                 last.get('version_id', ''))
            if container is None and options['long']:
                _add_container_headers(pool, result, options)
        yield result
        if not result['success']:
            return


def _account_page(connection: Any, _container: None, options: dict, marker: str,
                  _version_marker: str) -> dict:
    result = {'action': 'list_account_part', 'container': None, 'prefix': options['prefix'],
              'marker': marker}
    try:
        _headers, entries = connection.get_account(
            marker=marker, prefix=options['prefix'], headers=split_headers(options['header']))
    except Exception as error:  # the boundary of a job
        return failed(result, _not_found_as_swift_error(error, None))
    return dict(result, success=True, listing=entries)


def _container_page(connection: Any, container: str, options: dict, marker: str,
                    version_marker: str) -> dict:
    result = {'action': 'list_container_part', 'container': container,
              'prefix': options['prefix'], 'marker': marker}
    wanted = {'marker': marker, 'prefix': options['prefix'], 'delimiter': options['delimiter'],
              'headers': split_headers(options['header'])}
    if options['versions']:
        wanted.update(version_marker=version_marker, query_string='versions=true')
    try:
        _headers, entries = connection.get_container(container, **wanted)
    except Exception as error:  # the boundary of a job
        result['version_marker'] = version_marker
        return failed(result, _not_found_as_swift_error(error, container))
    return dict(result, success=True, listing=entries)


def _not_found_as_swift_error(error: Exception, container: str | None) -> Exception:
    if not isinstance(error, ClientException) or error.http_status != 404:
        return error
    if container is None:
        return SwiftError('Account not found', exc=error)
    return SwiftError(f'Container {container!r} not found', container=container, exc=error)


def _add_container_headers(pool: Any, result: dict, options: dict) -> None:
    """Put each container's headers into its entry as `meta`, asked for side by side."""
    headers = split_headers(options['header'])
    looks = [pool.submit(_head_container, entry['name'], headers) for entry in result['listing']]
    for entry, look in zip(result['listing'], looks, strict=True):
        try:
            entry['meta'] = get_future_result(look)
        except ClientException as error:
            if error.http_status != 404:  # 404: deleted since the page was made
                result.pop('listing')
                failed(result, error)
                return


def _head_container(connection: Any, name: str, headers: dict) -> dict:
    return connection.head_container(name, headers=headers)
