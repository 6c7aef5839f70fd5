"""What the cluster says of itself at /info, asked once per service and URL.

Source: sheet 08, section 4.3 (capabilities).
"""
from time import time
from typing import Any

from swiftclient.service.results import get_future_result


def capabilities(service: Any, url: str | None, refresh_cache: bool) -> dict:
    """Return the result dictionary; raises what the request raises."""
    cached = service.capabilities_cache.get(url)
    if cached is not None and not refresh_cache:
        return cached
    future = service.thread_manager.container_pool.submit(_ask, url)
    result = {'action': 'capabilities', 'timestamp': time(), 'success': True,
              'capabilities': get_future_result(future)}
    if url is not None:
        result['url'] = url
    service.capabilities_cache[url] = result
    return result


def _ask(connection: Any, url: str | None) -> dict:
    return connection.get_capabilities(url)


def known_capabilities(service: Any) -> dict:
    """Return the capabilities, {} if the cluster does not tell them.

    For choices that have a fallback: which kind of large object, one request or many deletes.
    """
    result: dict = {}
    try:
        result = service.capabilities()['capabilities']
    except Exception as error:  # whatever the reason, the fallback works
        service.logger.debug('capabilities are not to be had: %s', error)
    return result
