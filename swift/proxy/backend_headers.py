"""Which headers go from a client's request to storage nodes, and which come back.

Layer 3. The rules are tables computed at import; per request it is one pass over the environ.

To nodes (sheet 04, section 10.1): every X-Backend-* header, time, transaction id, agent and
referer always; account and container writes add only metadata and pass-through headers, all other
requests add what the client sent, but nothing that is between the client and the proxy alone
(tokens, cookies, connection and body framing).
From nodes (10.2): everything but dates, framing and bookkeeping, the etag without its quotes.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from swift.common.swob import HeaderKeyDict, wsgi_quote
from swift.common.transport import is_plain
from swift.core.headers import (
    CONTAINER_PASS_THROUGH,
    bounded_referer,
    get_sys_meta_prefix,
    get_user_meta_prefix,
    title_case,
)

# Between client and proxy only. The auth token is replaced by its presence (see below).
_NEVER_FORWARDED = frozenset((
    'HTTP_HOST', 'HTTP_CONNECTION', 'HTTP_KEEP_ALIVE', 'HTTP_TRANSFER_ENCODING', 'HTTP_TE',
    'HTTP_TRAILER', 'HTTP_UPGRADE', 'HTTP_EXPECT', 'HTTP_CONTENT_LENGTH', 'HTTP_CONTENT_TYPE',
    'HTTP_USER_AGENT', 'HTTP_REFERER', 'HTTP_COOKIE', 'HTTP_AUTHORIZATION', 'HTTP_ACCEPT',
    'HTTP_ACCEPT_ENCODING', 'HTTP_ACCEPT_LANGUAGE', 'HTTP_ORIGIN', 'HTTP_X_AUTH_TOKEN',
    'HTTP_X_STORAGE_TOKEN', 'HTTP_X_SERVICE_TOKEN', 'HTTP_X_AUTH_KEY', 'HTTP_X_AUTH_USER',
    'HTTP_X_TRANS_ID', 'HTTP_X_TRANS_ID_EXTRA', 'HTTP_PROXY_AUTHORIZATION', 'HTTP_PROXY_CONNECTION',
    'HTTP_X_NEWEST', 'HTTP_X_OPEN_EXPIRED', 'HTTP_X_FORWARDED_FOR'))
_TOKEN_SENT = 'sent'

_NOT_RETURNED = frozenset((
    'date', 'content-length', 'content-type', 'connection', 'keep-alive', 'transfer-encoding',
    'x-put-timestamp', 'x-delete-after', 'server'))

_PASS_THROUGH = {'account': frozenset(), 'container': frozenset(CONTAINER_PASS_THROUGH)}


# Names are bounded by the header limits and few in practice: what is known of each is remembered.
@lru_cache(maxsize=4096)
def _header_name(key: str) -> str:
    """Return the header name of an environ key: HTTP_X_FOO -> X-Foo."""
    return title_case(key[5:].replace('_', '-'))


@lru_cache(maxsize=4096)
def _forwarded_name(key: str) -> str | None:
    """Return the name under which an environ key goes to nodes, None when it does not."""
    if key == 'CONTENT_TYPE':
        return 'Content-Type'
    if not key.startswith('HTTP_') or key in _NEVER_FORWARDED:
        return None
    return _header_name(key)


@lru_cache(maxsize=4096)
def _returned_name(name: str) -> str | None:
    """Return how a backend's header is shown further on, None when it is not."""
    return None if name.lower() in _NOT_RETURNED else title_case(name)


def common_headers(env: dict[str, Any], agent: str) -> dict[str, str]:
    """Return what every backend request carries (X-Timestamp included if the request has one)."""
    headers = {'User-Agent': agent,
               'X-Trans-Id': env.get('swift.trans_id') or '-',
               'Referer': _referer(env)}
    timestamp = env.get('HTTP_X_TIMESTAMP')
    if timestamp:
        headers['X-Timestamp'] = timestamp
    return headers


def _referer(env: dict[str, Any]) -> str:
    """Return method and URL of the request, as backends log them."""
    host = env.get('HTTP_HOST') or env.get('SERVER_NAME', '')
    path = env.get('SCRIPT_NAME', '') + env['PATH_INFO']
    if not is_plain(path):
        path = wsgi_quote(path)
    query = env.get('QUERY_STRING')
    url = f'{env["REQUEST_METHOD"]} {env.get("wsgi.url_scheme", "http")}://{host}{path}'
    return bounded_referer(f'{url}?{query}' if query else url)


# Keys met that are not forwarded: two dozen of each environ, passed over faster than asked about.
_silent_keys: set[str] = set()
SILENT_KEYS_MAX = 4096


def request_headers(env: dict[str, Any], agent: str) -> dict[str, str]:
    """Return the headers for backend requests that pass on what the client sent."""
    headers = common_headers(env, agent)
    silent = _silent_keys
    for key in [key for key in env if key not in silent]:
        name = _forwarded_name(key)
        if name is not None:
            headers[name] = env[key]
        elif len(silent) < SILENT_KEYS_MAX:
            silent.add(key)
    if 'HTTP_X_AUTH_TOKEN' in env or 'HTTP_X_STORAGE_TOKEN' in env:
        # Object servers only look at the presence: private data is not kept in the page cache.
        headers['X-Auth-Token'] = _TOKEN_SENT
    return headers


def metadata_headers(env: dict[str, Any], kind: str, agent: str) -> dict[str, str]:
    """Return the headers for account and container PUT, POST and DELETE.

    X-Remove-<Kind>-Meta-* and the like become the header itself, empty, unless that is set too.
    """
    headers = common_headers(env, agent)
    user, system = get_user_meta_prefix(kind), get_sys_meta_prefix(kind)
    remove = f'x-remove-{kind}-'
    pass_through = _PASS_THROUGH[kind]
    removed = []
    for key, value in env.items():
        if not key.startswith('HTTP_X_'):
            continue
        name = _header_name(key)
        lower = name.lower()
        if (lower.startswith((user, system, 'x-backend-')) or lower in pass_through):
            headers[name] = value
        elif lower.startswith(remove) or lower == 'x-remove-versions-location':
            # Not of the lower-case name: lower() changes bytes of a name that is not ASCII.
            removed.append('X-' + name[len('x-remove-'):])
    for name in removed:
        if name.lower().startswith((user, system)) or name.lower() in pass_through:
            headers.setdefault(name, '')
    return headers


def returned_headers(lines: Iterable[tuple[str, str]]) -> HeaderKeyDict:
    """Return the headers of a backend's answer that go on to filters and the client."""
    kept = HeaderKeyDict()
    # The names are in their final spelling already: past the dict's own checks.
    for name, value in lines:
        shown = _returned_name(name)
        if shown is None:
            continue
        known = dict.get(kept, shown)
        dict.__setitem__(kept, shown, value if known is None else f'{known},{value}')
    etag = dict.get(kept, 'Etag')
    if etag is not None:
        dict.__setitem__(kept, 'Etag', etag.replace('"', ''))
    return kept


def account_update_headers(headers: Mapping[str, str], count: int, part: int,
                           nodes: Iterable[Any]) -> list[dict[str, str]]:
    """Return `count` header sets that together name each account replica for the update.

    Account replica i goes to container request i mod count (sheet 04, section 10.1).
    """
    sets = [dict(headers) for _ in range(count)]
    for position, node in enumerate(nodes):
        target = sets[position % count]
        _append(target, 'X-Account-Host', f'{node.ip}:{node.port}')
        _append(target, 'X-Account-Device', node.device)
        target['X-Account-Partition'] = str(part)
    return sets


def append_update_target(headers: dict[str, str], prefix: str, part: int, node: Any) -> None:
    """Name one more node that the object server has to tell of the write."""
    _append(headers, prefix + '-Host', f'{node.ip}:{node.port}')
    _append(headers, prefix + '-Device', node.device)
    headers[prefix + '-Partition'] = str(part)


def _append(headers: dict[str, str], name: str, value: str) -> None:
    known = headers.get(name)
    headers[name] = f'{known},{value}' if known else value
