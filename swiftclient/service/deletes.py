"""Jobs of the delete operation: one object, one container, one bulk request.

Source: sheet 08, section 4.3 (delete).
"""
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, urlencode

from swiftclient.service.errors import SwiftError
from swiftclient.service.manifests import is_static
from swiftclient.service.options import split_headers
from swiftclient.service.results import settle
from swiftclient.service.uploads.old_segments import delete_segments, look
from swiftclient.utils import parse_api_response


def delete_object(connection: Any, outline: dict, options: dict, segment_pool: Any,
                  emit: Callable[[dict], None]) -> dict:
    """Return the result of deleting one object and, unless told otherwise, its segments."""
    result = dict(outline, response_dict={})
    settle(result, _delete, connection, result, options, segment_pool, emit)
    result['attempts'] = connection.attempts
    return result


def _delete(connection: Any, result: dict, options: dict, segment_pool: Any,
            emit: Callable[[dict], None]) -> None:
    container, name = result['container'], result['object']
    headers = split_headers(options['header'])
    query, manifest = {}, None
    if options['version_id'] is not None:
        query['version-id'] = options['version_id']
    if not options['leave_segments']:
        # The object itself, not what it links to.
        found = look(connection, container, name, headers,
                     urlencode(sorted({**query, 'symlink': 'get'}.items()))) or {}
        if is_static(found):
            query['multipart-manifest'] = 'delete'
        manifest = found.get('x-object-manifest')
    connection.delete_object(container, name, headers=headers,
                             query_string=urlencode(sorted(query.items())) or None,
                             response_dict=result['response_dict'])
    if manifest:
        result['dlo_segments_deleted'] = _delete_dynamic(connection, manifest, segment_pool,
                                                         emit)


def _delete_dynamic(connection: Any, manifest: str, pool: Any,
                    emit: Callable[[dict], None]) -> bool:
    container, prefix = unquote(manifest).split('/', 1)
    _headers, listing = connection.get_container(container, prefix=prefix, full_listing=True)
    results = delete_segments(pool, [f'{container}/{entry["name"]}' for entry in listing], emit)
    return all(result['success'] for result in results)


def delete_container(connection: Any, outline: dict, options: dict) -> dict:
    result = dict(outline, response_dict={})

    def delete() -> None:
        connection.delete_container(result['container'],
                                    headers=split_headers(options['header']),
                                    response_dict=result['response_dict'])

    settle(result, delete)
    result['attempts'] = connection.attempts
    return result


def bulk_delete(connection: Any, outline: dict, options: dict) -> dict:
    """Return the result of one bulk request. Per-object errors are in `result['Errors']`."""
    result = dict(outline, response_dict={})
    settle(result, _bulk, connection, result, options)
    result['attempts'] = connection.attempts
    return result


def _bulk(connection: Any, result: dict, options: dict) -> dict:
    names = [quote(f'/{result["container"]}/{name}') for name in result['objects']]
    headers = {'Accept': 'application/json', 'Content-Type': 'text/plain',
               **split_headers(options['header'])}
    answer, body = connection.post_account(
        headers=headers, query_string='bulk-delete',
        data=b''.join(b'%b\n' % name.encode() for name in names),
        response_dict=result['response_dict'])
    if not body:
        raise SwiftError('No content received on account POST. Is the bulk operations '
                         'middleware enabled?')
    return {'result': parse_api_response(answer, body)}
