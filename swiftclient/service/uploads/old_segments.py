"""Segments that an overwritten or deleted large object leaves behind, and their removal.

Source: sheet 08, section 4.3 (upload, steps 5 and 8; delete).
"""
from collections.abc import Callable, Iterable
from typing import Any

from swiftclient.exceptions import ClientException
from swiftclient.service.manifests import segments_of
from swiftclient.service.results import get_future_result, settle


def look(connection: Any, container: str, name: str, headers: dict,
         query_string: str | None = None) -> dict | None:
    """Return what HEAD tells about an object, None if it is not there."""
    query = {} if query_string is None else {'query_string': query_string}
    try:
        return connection.head_object(container, name, headers=headers, **query)
    except ClientException as error:
        if error.http_status != 404:
            raise
        return None


def leaves_segments(old: dict | None) -> bool:
    """Tell whether an object with these headers leaves something behind when it is overwritten.

    A symlink's target keeps its segments: it is not what gets overwritten.
    """
    return bool(old) and 'content-location' not in old and (
        'x-static-large-object' in old or 'x-object-manifest' in old)


def listed_segments(connection: Any, old: dict | None, container: str, name: str,
                    options: dict) -> tuple[str, ...]:
    """Return container/object of each segment of a large object that will be overwritten."""
    if not leaves_segments(old):
        return ()
    return tuple(segment.path for segment in segments_of(connection, old, container, name, options))


def delete_segments(pool: Any, paths: Iterable[str],
                    emit: Callable[[dict], None]) -> list[dict]:
    """Delete segments side by side; emit and return their results.

    All of them are emitted before this returns: what a job emits after its end may be lost.
    """
    futures = [pool.submit(delete_segment, *path.split('/', 1)) for path in paths]
    results = []
    for future in futures:
        results.append(get_future_result(future))
        emit(results[-1])
    return results


def delete_segment(connection: Any, container: str, name: str) -> dict:
    """Return the result of deleting one segment; one that is gone already is a success."""
    result = {'action': 'delete_segment', 'container': container, 'object': name,
              'response_dict': {}}

    def delete() -> None:
        try:
            connection.delete_object(container, name, response_dict=result['response_dict'])
        except ClientException as error:
            if error.http_status != 404:
                raise

    settle(result, delete)
    result['attempts'] = connection.attempts
    return result
