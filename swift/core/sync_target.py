"""Where a container is to be synchronised to: checking and resolving X-Container-Sync-To.

Layer 0. Two forms (sheet 03 §19.2); a trailing slash is ignored, nothing means "off":

    //realm/cluster/account/container     realms, keys and endpoints from the operator's file
    http(s)://host/path                   a full URL, of a host that the operator allows
"""
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlparse


@dataclass(frozen=True, slots=True)
class Realm:
    """One section of container-sync-realms.conf; names are compared without case."""

    key: str | None = None
    key2: str | None = None
    # cluster name in upper case -> endpoint
    clusters: Mapping[str, str] = field(default_factory=dict)


class BadSyncTarget(ValueError):
    """A value that must not be stored; the text is for the client."""


def parse_realms(sections: Mapping[str, Mapping[str, str]]) -> dict[str, Realm]:
    """Return realm name in upper case -> Realm from the file's sections."""
    realms = {}
    for name, options in sections.items():
        clusters = {option[len('cluster_'):].upper(): value.strip()
                    for option, value in options.items() if option.startswith('cluster_')}
        realms[name.upper()] = Realm(options.get('key'), options.get('key2'), clusters)
    return realms


def resolve(value: str, allowed_hosts: Collection[str],
            realms: Mapping[str, Realm]) -> str | None:
    """Return the URL that a value names, None for "off"; BadSyncTarget for what is not allowed."""
    value = value.rstrip('/')
    if not value:
        return None
    if value.startswith('//'):
        return _resolve_realm(value, realms)
    try:
        parsed = urlparse(value)
    except ValueError:                                   # brackets without an address in them
        raise BadSyncTarget(f'Invalid host in X-Container-Sync-To {value!r}') from None
    if parsed.scheme not in ('http', 'https'):
        raise BadSyncTarget(f'Invalid scheme {parsed.scheme!r} in X-Container-Sync-To, '
                            'must be "//", "http", or "https".')
    if not parsed.path:
        raise BadSyncTarget('Path required in X-Container-Sync-To')
    if parsed.params or parsed.query or parsed.fragment:
        raise BadSyncTarget(
            'Params, queries, and fragments not allowed in X-Container-Sync-To')
    if parsed.hostname not in allowed_hosts:
        raise BadSyncTarget(f'Invalid host {parsed.hostname!r} in X-Container-Sync-To')
    return value


def realm_of(value: str) -> str:
    """Return the realm of a value in upper case, '' for a URL."""
    return value[2:].partition('/')[0].upper() if value.startswith('//') else ''


def _resolve_realm(value: str, realms: Mapping[str, Realm]) -> str:
    parts = value[2:].split('/')
    if len(parts) != 4 or not all(parts):
        raise BadSyncTarget(f'Invalid X-Container-Sync-To format {value!r}')
    realm_name, cluster_name, account, container = parts
    realm = realms.get(realm_name.upper(), Realm())
    if not realm.key:
        raise BadSyncTarget(f'No realm key for {realm_name!r}')
    endpoint = realm.clusters.get(cluster_name.upper())
    if not endpoint:
        raise BadSyncTarget(f'No cluster endpoint for {realm_name!r} {cluster_name!r}')
    return f'{endpoint.rstrip("/")}/{account}/{container}'
