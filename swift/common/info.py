"""What is known of accounts, containers and objects, and the two caches that remember it.

Layer 1: filters and the proxy call it. Answers are dicts as sheet 04 section 14 describes them.

    environ['swift.infocache']   dict of this request, shared with its sub-requests
    environ['swift.cache']       memcached, shared by all proxies       account/<a>
                                                                        container/<a>/<c>
Lookup: request cache -> memcached -> HEAD through the innermost logging filter, whose answer the
proxy itself puts into both caches (`set_info_cache`). Only 2xx, 404 and 410 are remembered, the
last two for a tenth of the time.

Invariants: `clear_info_cache` returns only after memcached has confirmed the delete, so that
whoever was told of a change is never answered from the old entry; the get_*_info functions never
check authorization and hand out private copies. Cached dicts are never changed in place.
"""

import random
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from swift.common.subrequest import make_pre_authed_request
from swift.core.names import AUTO_CREATE_PREFIX, quote, split_path, unquote

UNSUCCESSFUL_TTL_SHARE = 0.1
_PREFETCHED = 'swift.info.prefetched'
_USED = 'swift.info.used'
_EARLY = 'swift.info.early'
_SKIPPED = 'swift.info.skipped'
_COUNT_FIELDS = ('container_count', 'total_object_count', 'bytes')
_POLICY_PREFIX = 'x-account-storage-policy-'
_POLICY_SUFFIXES = (('-container-count', 'container_count'), ('-object-count', 'object_count'),
                    ('-bytes-used', 'bytes'))
_CORS_FIELDS = ('allow_origin', 'expose_headers', 'max_age')


# -- keys ------------------------------------------------------------------------------------------

def cache_key(account: str, container: str | None = None, obj: str | None = None,
              shard: str | None = None) -> str:
    """Return the key of an entry; `shard` is 'listing' or 'updating'."""
    if shard:
        assert container and not obj, 'shard lists belong to containers'
        return f'shard-{shard}-v2/{account}/{container}'
    if obj:
        assert container, 'an object needs a container'
        return f'object/{account}/{container}/{obj}'
    return f'container/{account}/{container}' if container else f'account/{account}'


# -- headers to info -------------------------------------------------------------------------------

def _text(value: str) -> str:
    """Undo the byte-per-character form of header values; what is no UTF-8 stays as it is."""
    if value.isascii():
        return value
    try:
        return value.encode('latin-1').decode('utf-8')
    except UnicodeError:
        return value


def _sort_headers(headers: Mapping[str, str], kind: str) -> tuple[dict, dict, dict, dict]:
    """Return (other headers, meta, sysmeta, transient sysmeta), names lower-case without prefix."""
    found: tuple[dict, dict, dict, dict] = ({}, {}, {}, {})
    for name, value in headers.items():
        group, key = _sorted_name(kind, name)
        found[group][key] = value if value.isascii() else _text(value)
    return found


# The same two dozen names with every answer.
@lru_cache(maxsize=1024)
def _sorted_name(kind: str, name: str) -> tuple[int, str]:
    """Return where _sort_headers() puts a header, and under which name."""
    name = _text(name).lower()
    prefixes = (f'x-{kind}-meta-', f'x-{kind}-sysmeta-', 'x-object-transient-sysmeta-')
    for group, prefix in enumerate(prefixes, 1):
        if name.startswith(prefix):
            return group, name[len(prefix):]
    return 0, name


def headers_to_account_info(headers: Mapping[str, str], status: int,
                            policy_indexes: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Return account info; `policy_indexes` maps lower-case policy names to indexes."""
    rest, meta, sysmeta, _ = _sort_headers(headers, 'account')
    policies: dict[str, dict[str, int]] = {}
    for name, value in rest.items():
        if not name.startswith(_POLICY_PREFIX):
            continue
        for suffix, field in _POLICY_SUFFIXES:
            if name.endswith(suffix):
                index = (policy_indexes or {}).get(name[len(_POLICY_PREFIX):-len(suffix)])
                if index is not None:
                    policies.setdefault(str(index), {})[field] = int(value or 0)
                break
    info = {
        'status': status,
        'container_count': rest.get('x-account-container-count'),
        'total_object_count': rest.get('x-account-object-count'),
        'bytes': rest.get('x-account-bytes-used'),
        'storage_policies': policies,
        'meta': meta,
        'sysmeta': sysmeta,
    }
    if 200 <= status < 300:
        info['account_really_exists'] = (
            rest.get('x-backend-fake-account-listing', '').lower() != 'yes')
    return info


def headers_to_container_info(headers: Mapping[str, str], status: int) -> dict[str, Any]:
    rest, meta, sysmeta, _ = _sort_headers(headers, 'container')
    get = rest.get
    return {
        'status': status,
        'read_acl': get('x-container-read'),
        'write_acl': get('x-container-write'),
        'sync_to': get('x-container-sync-to'),
        'sync_key': get('x-container-sync-key'),
        'object_count': get('x-container-object-count'),
        'bytes': get('x-container-bytes-used'),
        'versions': get('x-versions-location'),
        'storage_policy': get('x-backend-storage-policy-index', '0'),
        'cors': {
            'allow_origin': meta.get('access-control-allow-origin'),
            'expose_headers': meta.get('access-control-expose-headers'),
            'max_age': meta.get('access-control-max-age'),
        },
        'meta': meta,
        'sysmeta': sysmeta,
        'sharding_state': get('x-backend-sharding-state', 'unsharded'),
        'created_at': get('x-backend-timestamp'),
        'put_timestamp': get('x-backend-put-timestamp'),
        'delete_timestamp': get('x-backend-delete-timestamp'),
        'status_changed_at': get('x-backend-status-changed-at'),
    }


def headers_to_object_info(headers: Mapping[str, str], status: int) -> dict[str, Any]:
    rest, meta, sysmeta, transient = _sort_headers(headers, 'object')
    return {
        'status': status,
        'length': rest.get('content-length'),
        'type': rest.get('content-type'),
        'etag': rest.get('etag'),
        'meta': meta,
        'sysmeta': sysmeta,
        'transient_sysmeta': transient,
    }


# -- the caches ------------------------------------------------------------------------------------

def _request_cache(env: dict) -> dict:
    cache = env.get('swift.infocache')
    if cache is None:
        cache = env['swift.infocache'] = {}
    return cache


def prefetch(env: dict, cache: Any, account: str | None, container: str | None,
             extra_keys: Iterable[str] = ()) -> dict[str, Any]:
    """Get the entries a request will need, and `extra_keys`, in one trip to memcached.

    Fills the request cache with what is there, remembers what is not (so that nobody asks again
    within this request), and returns the values found for the extra keys. What prefetch_early()
    has brought costs no further trip.
    """
    early = env.get(_EARLY)
    if early is not None and all(key in early for key in extra_keys):
        return {key: early[key] for key in extra_keys if early[key] is not None}
    known = _request_cache(env)
    asked = env.get(_PREFETCHED, frozenset())
    keys = []
    if account:
        keys.append('account/' + account)
        if container:
            keys.append(f'container/{account}/{container}')
    keys = [key for key in keys if key not in known and key not in asked]
    extra_keys = tuple(extra_keys)
    if not keys and not extra_keys:
        return {}
    found = cache.get_many((*keys, *extra_keys))
    for key in keys:
        value = found.get(key)
        if _is_entry(value):
            known[key] = value
    env[_PREFETCHED] = asked.union(keys)
    return {key: found[key] for key in extra_keys if found.get(key) is not None}


def prefetch_early(env: dict, cache: Any, account: str, container: str | None,
                   pipeline: Iterable[Any]) -> dict[str, Any]:
    """prefetch() for a filter that looks before others do: what they will ask for comes along.

    Returns the request cache: what is in it was found. The others say what they want by a method
    `cache_keys(env)`, which returns the extra_keys of their own prefetch().
    """
    keys = [key for element in pipeline for key in element.cache_keys(env)]
    found = prefetch(env, cache, account, container, keys)
    env[_EARLY] = {key: found.get(key) for key in keys}
    return env['swift.infocache']


def set_info_cache(env: dict, key: str, info: dict[str, Any], ttl_s: float) -> None:
    """Remember an answer in both caches if its status may be; wait for memcached.

    An entry equal to the one this request was served from is not written again: its remaining
    lifetime is shorter, but a trip to memcached is saved on every HEAD and listing.
    """
    status = info['status']
    if 200 <= status < 300:
        ttl = ttl_s
    elif status in (404, 410):
        ttl = ttl_s * UNSUCCESSFUL_TTL_SHARE
    else:
        return
    known = _request_cache(env)
    if key in env.get(_PREFETCHED, ()) and _same(known.get(key), info):
        return
    known[key] = info
    cache = env.get('swift.cache')
    if cache is not None and ttl > 0:
        cache.set(key, info, time=ttl)


def _same(known: dict[str, Any] | None, info: dict[str, Any]) -> bool:
    # Every replica has its own creation time, which says nothing about the entity.
    if known is None:
        return False
    own = {'created_at': info['created_at']} if 'created_at' in info else {}
    return {**known, **own} == info


def clear_info_cache(env: dict, account: str, container: str | None = None,
                     shard: str | None = None) -> None:
    """Forget an entry in both caches. When this returns, memcached has confirmed."""
    key = cache_key(account, container, shard=shard)
    _request_cache(env).pop(key, None)
    prefetched = env.get(_PREFETCHED)
    if prefetched and key in prefetched:
        env[_PREFETCHED] = prefetched - {key}
    cache = env.get('swift.cache')
    if cache is not None:
        cache.delete(key)


def cached_info(env: dict, key: str, app: Any = None, kind: str = '') -> dict[str, Any] | None:
    """Return a cached entry, shared: not to be changed. Cost without prefetch: one trip."""
    known = env.get('swift.infocache')
    info = known.get(key) if known is not None else None
    final = getattr(app, '_pipeline_final_app', app)
    skip_share = getattr(final, kind + '_existence_skip_cache', 0.0) if kind else 0.0
    prefetched = env.get(_PREFETCHED, ())
    if skip_share and key in prefetched:
        # What came by prefetch is subject to the skip share once, like any get from memcached.
        env[_PREFETCHED] = prefetched - {key}
        if random.random() < skip_share:
            known.pop(key, None)
            env.setdefault(_SKIPPED, set()).add(key)
            return None
    if info is not None:
        if kind:
            _count_hit(final, kind, env, key, key in prefetched)
        return info
    cache = env.get('swift.cache')
    if cache is None:
        return None
    if key in prefetched:
        return None
    if skip_share and random.random() < skip_share:
        env.setdefault(_SKIPPED, set()).add(key)
        return None
    info = cache.get(key)
    if not _is_entry(info):
        return None
    _request_cache(env)[key] = info
    if kind:
        _count_hit(final, kind, env, key, True)
    return info


def _is_entry(value: Any) -> bool:
    """Tell whether what memcached gave is an entry: others write there too."""
    return isinstance(value, dict) and type(value.get('status')) is int


def _count_hit(final: Any, kind: str, env: dict, key: str, from_memcached: bool) -> None:
    """Count the first use of what memcached gave as its hit, the others as the request's own."""
    metrics = getattr(final, 'metrics', None)
    if metrics is None or not metrics.enabled:
        return
    used = env.setdefault(_USED, set())
    where = 'cache' if from_memcached and key not in used else 'infocache'
    used.add(key)
    metrics.increment(f'{kind}.info.{where}.hit')


def _count_lookup(app: Any, kind: str, env: dict, key: str, status: int) -> None:
    """Count a trip to the backend by its reason and answer."""
    skipped = env.get(_SKIPPED, ())
    metrics = getattr(getattr(app, '_pipeline_final_app', app), 'metrics', None)
    if metrics is not None:
        why = ('disabled' if env.get('swift.cache') is None
               else 'skip' if key in skipped else 'miss')
        metrics.increment(f'{kind}.info.cache.{why}.{status}')


# -- lookups ---------------------------------------------------------------------------------------

def _split_env_path(env: dict, segments: int) -> list[str | None]:
    path = env['PATH_INFO']
    if not path.isascii():
        path = path.encode('latin-1').decode('utf-8', 'surrogateescape')
    return split_path(path, segments, 4, True)


def _fetch(env: dict, app: Any, path: str, swift_source: str) -> Any:
    """HEAD as the owner, past all filters but the innermost logging one; returns the response."""
    req = make_pre_authed_request(env, 'HEAD', quote(path), agent='Swift',
                                  swift_source=swift_source)
    sub = req.environ
    sub['QUERY_STRING'] = ''
    sub['swift_owner'] = True
    sub['HTTP_X_BACKEND_ALLOW_RESERVED_NAMES'] = 'true'
    sub.pop('HTTP_ORIGIN', None)
    sub.setdefault('swift.infocache', _request_cache(env))
    return req.get_response(getattr(app, '_pipeline_request_logging_app', app))


def _fetched_info(env: dict, app: Any, key: str, path: str, swift_source: str,
                  convert: Any) -> dict[str, Any]:
    resp = _fetch(env, app, path, swift_source)
    resp.close()
    info = _request_cache(env).get(key)
    if info is not None:
        return info
    status = resp.status_int
    # Compat: an answer that may not be cached says nothing about the entity: 503.
    return convert(resp.headers, status if _may_cache(status) else 503)


def _may_cache(status: int) -> bool:
    return 200 <= status < 300 or status in (404, 410)


def account_info(env: dict, app: Any, account: str, swift_source: str | None = None) -> dict:
    """Return account info as cached (shared, not to be changed)."""
    key = 'account/' + account
    info = cached_info(env, key, app, 'account')
    if info is None:
        info = _fetched_info(env, app, key, '/v1/' + account,
                             swift_source or 'GET_ACCOUNT_INFO', headers_to_account_info)
        _count_lookup(app, 'account', env, key, info['status'])
    return info


def container_info(env: dict, app: Any, account: str, container: str,
                   swift_source: str | None = None) -> dict:
    """Return container info as cached (shared, not to be changed); counts may be text or None."""
    key = f'container/{account}/{container}'
    info = cached_info(env, key, app, 'container')
    if info is not None:
        return info
    if not account.startswith(AUTO_CREATE_PREFIX):
        status = account_info(env, app, account, swift_source)['status']
        if not 200 <= status < 300:
            return headers_to_container_info({}, 0)
    info = _fetched_info(env, app, key, f'/v1/{account}/{container}',
                         swift_source or 'GET_CONTAINER_INFO', headers_to_container_info)
    _count_lookup(app, 'container', env, key, info['status'])
    return info


def _number(value: Any) -> int:
    return int(value or 0)


def get_account_info(env: dict, app: Any, swift_source: str | None = None) -> dict[str, Any]:
    """Return a private copy of the info of the account in the request's path."""
    _version, account, _container, _obj = _split_env_path(env, 2)
    shared = account_info(env, app, account, swift_source)
    info = dict(shared, meta=dict(shared.get('meta') or {}),
                sysmeta=dict(shared.get('sysmeta') or {}))
    for field in _COUNT_FIELDS:
        info[field] = _number(info.get(field))
    info['storage_policies'] = {
        int(index): {name: _number(value) for name, value in counts.items()}
        for index, counts in (info.get('storage_policies') or {}).items()}
    return info


def get_container_info(env: dict, app: Any, swift_source: str | None = None,
                       cache_only: bool = False) -> dict[str, Any]:
    """Return a private copy of the info of the container in the request's path.

    `cache_only`: status 0 instead of a backend request when nothing is cached.
    """
    _version, account, container, _obj = _split_env_path(env, 3)
    if cache_only:
        shared = (cached_info(env, cache_key(account, container), app, 'container')
                  or headers_to_container_info({}, 0))
    else:
        shared = container_info(env, app, account, container, swift_source)
    info = dict(shared, meta=dict(shared.get('meta') or {}),
                sysmeta=dict(shared.get('sysmeta') or {}),
                cors=dict(shared.get('cors') or dict.fromkeys(_CORS_FIELDS)))
    for field in ('storage_policy', 'bytes', 'object_count'):
        info[field] = _number(info.get(field))
    info.setdefault('sharding_state', 'unsharded')
    versions = info['sysmeta'].get('versions-container')
    if versions and not cache_only:
        other = container_info(env, app, account, unquote(versions), swift_source)
        info['bytes'] += _number(other.get('bytes'))
    return info


def get_object_info(env: dict, app: Any, path: str | None = None,
                    swift_source: str | None = None) -> dict[str, Any]:
    """Return the info of an object (the request's, or `path` = quoted /v1/a/c/o).

    Kept for this request only.
    """
    if path is None:
        version, account, container, obj = _split_env_path(env, 4)
    else:
        version, account, container, obj = split_path(unquote(path), 4, 4, True)
    key = cache_key(account, container, obj)
    known = _request_cache(env)
    info = known.get(key)
    if info is None:
        resp = _fetch(env, app, f'/{version}/{account}/{container}/{obj}',
                      swift_source or 'GET_OBJECT_INFO')
        resp.close()
        info = known[key] = headers_to_object_info(resp.headers, resp.status_int)
    return {name: dict(value) if isinstance(value, dict) else value
            for name, value in info.items()}
