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
from os import getpid
from typing import Any

from swift.core.headers import (
    CONTAINER_PASS_THROUGH,
    get_sys_meta_prefix,
    get_user_meta_prefix,
    title_case,
)
from swift.core.names import quote

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


@lru_cache(maxsize=4096)
def _header_name(key: str) -> str:
    """Return the header name of an environ key: HTTP_X_FOO -> X-Foo."""
    return title_case(key[5:].replace('_', '-'))


def common_headers(env: dict[str, Any], agent: str | None = None) -> dict[str, str]:
    """Return what every backend request carries (X-Timestamp included if the request has one)."""
    headers = {'User-Agent': agent or f'proxy-server {getpid()}',
               'X-Trans-Id': env.get('swift.trans_id') or '-',
               'Referer': f'{env["REQUEST_METHOD"]} {_url(env)}'}
    timestamp = env.get('HTTP_X_TIMESTAMP')
    if timestamp:
        headers['X-Timestamp'] = timestamp
    return headers


def _url(env: dict[str, Any]) -> str:
    host = env.get('HTTP_HOST') or env.get('SERVER_NAME', '')
    raw = env.get('RAW_PATH_INFO')
    path = raw if raw else _quoted(env.get('SCRIPT_NAME', '') + env.get('PATH_INFO', ''))
    query = env.get('QUERY_STRING')
    scheme = env.get('wsgi.url_scheme', 'http')
    return f'{scheme}://{host}{path}?{query}' if query else f'{scheme}://{host}{path}'


def _quoted(path: str) -> str:
    return quote(path.encode('latin-1'))


def request_headers(env: dict[str, Any], agent: str | None = None) -> dict[str, str]:
    """Return the headers for backend requests that pass on what the client sent."""
    headers = common_headers(env, agent)
    for key, value in env.items():
        if key.startswith('HTTP_') and key not in _NEVER_FORWARDED:
            headers[_header_name(key)] = value
    content_type = env.get('CONTENT_TYPE')
    if content_type is not None:
        headers['Content-Type'] = content_type
    if 'HTTP_X_AUTH_TOKEN' in env or 'HTTP_X_STORAGE_TOKEN' in env:
        # Object servers only look at the presence: private data is not kept in the page cache.
        headers['X-Auth-Token'] = _TOKEN_SENT
    return headers


def metadata_headers(env: dict[str, Any], kind: str, agent: str | None = None) -> dict[str, str]:
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
            removed.append('x-' + lower[len('x-remove-'):])
    for lower in removed:
        if lower.startswith((user, system)) or lower in pass_through:
            headers.setdefault(title_case(lower), '')
    return headers


def returned_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a backend's answer that go on to filters and the client."""
    kept = {name: value for name, value in headers.items() if name.lower() not in _NOT_RETURNED}
    etag = kept.get('Etag')
    if etag is not None:
        kept['Etag'] = etag.replace('"', '')
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
