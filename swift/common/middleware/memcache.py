"""The cache filter: puts the client of the shared memcached servers into every request.

Layer 2. Left of every filter that wants a cache, right of the left proxy-logging. One client per
worker, so its connections are pooled over all requests; `swift.cache` in the environ is its
contract with other filters. Options: see `swift.common.memcache_conf`. Source: sheet 05 section 7.
"""
from collections.abc import Callable, Iterable

from swift.common.memcache_conf import load_memcache
from swift.common.memcached import MemcacheRing


class MemcacheMiddleware:
    """Sets `swift.cache`."""

    def __init__(self, app: Callable, cache: MemcacheRing):
        self.app = app
        self.memcache = cache

    def __call__(self, env: dict, start_response: Callable) -> Iterable[bytes]:
        env['swift.cache'] = self.memcache
        return self.app(env, start_response)


def filter_factory(global_conf: dict, **local_conf: str) -> Callable:
    """Paste entry point: `use = egg:swift#memcache`."""
    conf = {**global_conf, **local_conf}

    def cache_filter(app: Callable) -> MemcacheMiddleware:
        return MemcacheMiddleware(app, load_memcache(conf))

    return cache_filter
