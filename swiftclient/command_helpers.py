"""What `stat` shows: labelled items from response headers, and their printing.

Source: sheet 08, sections 4.3 (stat, labels) and 5.2 (stat, layout).
"""
from typing import Any
from urllib.parse import urlsplit

from swiftclient.utils import prt_bytes, split_request_headers

POLICY_HEADER_PREFIX = 'x-account-storage-policy-'
PER_POLICY_QUOTA_HEADER_PREFIX = 'x-account-quota-bytes-policy-'
_POLICY_COUNTS = (('-container-count', 'Containers'), ('-object-count', 'Objects'),
                  ('-bytes-used', 'Bytes'))
_NEVER_SHOWN = ('content-length', 'date')


def stat_account(conn: Any, options: dict) -> tuple[list, dict]:
    """Return (items, headers) of the account."""
    headers = conn.head_account(headers=_request_headers(options))
    human = options['human']
    items = _login_items(conn, options, 'StorageURL', conn.url)
    items += [('Account', _account_name(conn)),
              ('Containers', _number(headers, 'x-account-container-count', human)),
              ('Objects', _number(headers, 'x-account-object-count', human)),
              ('Bytes', _number(headers, 'x-account-bytes-used', human))]
    if headers.get('x-account-meta-quota-bytes'):
        items.append(('Quota Bytes', _number(headers, 'x-account-meta-quota-bytes', human)))
    for policy in _policies(headers):
        for suffix, label in _POLICY_COUNTS:
            header = f'{POLICY_HEADER_PREFIX}{policy}{suffix}'
            if header in headers or label != 'Containers':
                items.append((f'{label} in policy "{policy}"', _number(headers, header, human)))
        quota = f'{PER_POLICY_QUOTA_HEADER_PREFIX}{policy}'
        if quota in headers:
            items.append((f'Quota Bytes for policy "{policy}"', _number(headers, quota, human)))
    return items, headers


def stat_container(conn: Any, options: dict, container: str) -> tuple[list, dict]:
    """Return (items, headers) of a container."""
    headers = conn.head_container(container, headers=_request_headers(options))
    human = options['human']
    items = _login_items(conn, options, 'URL', f'{conn.url}/{container}')
    items += [('Account', _account_name(conn)),
              ('Container', container),
              ('Objects', _number(headers, 'x-container-object-count', human)),
              ('Bytes', _number(headers, 'x-container-bytes-used', human)),
              ('Read ACL', headers.get('x-container-read', '')),
              ('Write ACL', headers.get('x-container-write', '')),
              ('Sync To', headers.get('x-container-sync-to', '')),
              ('Sync Key', headers.get('x-container-sync-key', ''))]
    return items, headers


def stat_object(conn: Any, options: dict, container: str, obj: str) -> tuple[list, dict]:
    """Return (items, headers) of an object, or of one version of it."""
    query = None
    if options.get('version_id') is not None:
        query = f'version-id={options["version_id"]}'
    headers = conn.head_object(container, obj, headers=_request_headers(options),
                               query_string=query)
    items = _login_items(conn, options, 'URL', f'{conn.url}/{container}/{obj}')
    length = _number(headers, 'content-length', options['human']) \
        if 'content-length' in headers else None
    items += [('Account', _account_name(conn)),
              ('Container', container),
              ('Object', obj),
              ('Content Type', headers.get('content-type')),
              ('Content Length', length),
              ('Last Modified', headers.get('last-modified')),
              ('ETag', headers.get('etag')),
              ('Manifest', headers.get('x-object-manifest'))]
    return items, headers


def _request_headers(options: dict) -> dict:
    return split_request_headers(options.get('header', []))


def _login_items(conn: Any, options: dict, label: str, url: str) -> list[tuple[str, Any]]:
    return [(label, url), ('Auth Token', conn.token)] if options['verbose'] > 1 else []


def _account_name(conn: Any) -> str:
    return urlsplit(conn.url).path.rstrip('/').rsplit('/', 1)[-1]


def _number(headers: dict, name: str, human: bool) -> str:
    return prt_bytes(headers.get(name, 0), human).lstrip()


def _policies(headers: dict) -> list[str]:
    """Return the names of the policies that account headers tell of, sorted."""
    found = set()
    for name in headers:
        if name.startswith(POLICY_HEADER_PREFIX):
            rest = name[len(POLICY_HEADER_PREFIX):]
            found.update(rest[:-len(suffix)] for suffix, _label in _POLICY_COUNTS
                         if rest.endswith(suffix))
    return sorted(found)


def headers_to_items(headers: dict, meta_prefix: str = '',
                     exclude_headers: Any = None) -> list[tuple[str, str]]:
    """Return the remaining headers as items: metadata first, as `Meta Name`, then the others."""
    hidden = (*_NEVER_SHOWN, *(exclude_headers or ()))
    meta, others = [], []
    for name, value in headers.items():
        if name in hidden:
            continue
        if meta_prefix and name.startswith(meta_prefix):
            meta.append((f'Meta {name[len(meta_prefix):].title()}', value))
        else:
            others.append((name.title(), value))
    return meta + others


def print_account_stats(items: list, headers: dict, output_manager: Any) -> None:
    """Print items and the account's other headers, labels right-aligned."""
    shown = ['x-account-container-count', 'x-account-object-count', 'x-account-bytes-used',
             'x-account-meta-quota-bytes']
    shown += [name for name in headers
              if name.startswith((POLICY_HEADER_PREFIX, PER_POLICY_QUOTA_HEADER_PREFIX))]
    _print(items, headers_to_items(headers, 'x-account-meta-', shown), output_manager, False)


def print_container_stats(items: list, headers: dict, output_manager: Any) -> None:
    shown = ('x-container-object-count', 'x-container-bytes-used', 'x-container-read',
             'x-container-write', 'x-container-sync-to', 'x-container-sync-key')
    _print(items, headers_to_items(headers, 'x-container-meta-', shown), output_manager, False)


def print_object_stats(items: list, headers: dict, output_manager: Any) -> None:
    """The same for an object; items without a value are left out."""
    shown = ('content-type', 'last-modified', 'etag', 'x-object-manifest')
    _print(items, headers_to_items(headers, 'x-object-meta-', shown), output_manager, True)


def _print(items: list, others: list, output_manager: Any, skip_missing: bool) -> None:
    shown = [item for item in items if item[1] or not skip_missing]
    width = max(len(label) for label, _value in shown + others)
    output_manager.print_items(shown, offset=width)
    output_manager.print_items(others, offset=width)
