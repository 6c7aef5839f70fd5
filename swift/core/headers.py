"""Header names: the case-free header map, every name the cluster owns, and which of them persist.

Layer 0. Three families of stored metadata (sheet 05 §1.6), for kind = account, container, object:

    X-<Kind>-Meta-*                 user metadata
    X-<Kind>-Sysmeta-*              system metadata, never crosses the edge
    X-Object-Transient-Sysmeta-*    system metadata of objects that every POST replaces

A name belongs to a family only if something follows the prefix. Header names compare without case;
they are stored and sent Title-Cased (`X-Object-Meta-Foo`, `Etag`).
"""
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from functools import lru_cache

KINDS = ('account', 'container', 'object')

REFERER_LENGTH_MAX = 4096

# Names are bounded by the header size limit and few in practice: remember the spelling of a
# bounded number of them instead of splitting each header of each request.
@lru_cache(maxsize=4096)
def title_case(name: str) -> str:
    """Return a header name with the first letter of each run of ASCII letters capitalised.

    Compat: letters after digits and other signs count as first letters (`A1B`). The spelling is a
    key in databases and extended attributes that nodes compare, so all must agree. The detour over
    bytes keeps letters outside ASCII as they are.
    """
    if name.isascii():
        return name.title()
    return name.encode('utf-8', 'surrogateescape').title().decode('utf-8', 'surrogateescape')


class HeaderMap(MutableMapping):
    """Ordered map of header names (case-free, kept Title-Cased) to text values.

    Setting replaces all values of a name, `add` appends one more line of the same name, as
    Set-Cookie or duplicate backend headers need. Reading joins several with `,`; `lines` shows
    each. Setting None deletes. Order is that of the first appearance of a name.
    """

    __slots__ = ('_lines',)

    def __init__(self, initial: 'Mapping | Iterable[tuple[str, str]] | None' = None, **kwargs):
        self._lines: dict[str, list[str]] = {}
        if initial or kwargs:
            self.update(initial or (), **kwargs)

    def __getitem__(self, name: str) -> str:
        values = self._lines[title_case(name)]
        return values[0] if len(values) == 1 else ','.join(values)

    def __setitem__(self, name: str, value) -> None:
        if value is None:
            self._lines.pop(title_case(name), None)
        else:
            self._lines[title_case(name)] = [_text(value)]

    def __delitem__(self, name: str) -> None:
        del self._lines[title_case(name)]

    def __contains__(self, name) -> bool:
        return title_case(name) in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        return f'HeaderMap({self.lines()!r})'

    def get(self, name: str, default=None):
        values = self._lines.get(title_case(name))
        if values is None:
            return default
        return values[0] if len(values) == 1 else ','.join(values)

    def add(self, name: str, value) -> None:
        """Append another line of this name."""
        self._lines.setdefault(title_case(name), []).append(_text(value))

    @classmethod
    def of_lines(cls, lines: Iterable[tuple[str, str]]) -> 'HeaderMap':
        """Return the map of header lines, given as text. As adding them, with fewer steps."""
        self = cls()
        known = self._lines
        for name, value in lines:
            name = title_case(name)
            values = known.get(name)
            if values is None:
                known[name] = [value]
            else:
                values.append(value)
        return self

    def get_all(self, name: str) -> list[str]:
        """Return the values of all lines of this name, in order."""
        return list(self._lines.get(title_case(name), ()))

    def lines(self) -> list[tuple[str, str]]:
        """Return (name, value) for every header line."""
        return [(name, value) for name, values in self._lines.items() for value in values]

    def copy(self) -> 'HeaderMap':
        other = HeaderMap()
        other._lines = {name: list(values) for name, values in self._lines.items()}
        return other


def _text(value) -> str:
    if isinstance(value, str):
        return value
    return value.decode('utf-8', 'surrogateescape') if isinstance(value, bytes) else str(value)


def _families(infix: str) -> dict[str, str]:
    return {kind: f'x-{kind}-{infix}-' for kind in KINDS}


_USER_META = _families('meta')
_SYS_META = _families('sysmeta')
_TRANSIENT_SYSMETA = 'x-object-transient-sysmeta-'
OBJECT_SYSMETA_CONTAINER_UPDATE_OVERRIDE_PREFIX = 'x-object-sysmeta-container-update-override-'
BACKEND_CONTAINER_UPDATE_OVERRIDE_PREFIX = 'x-backend-container-update-override-'


def get_user_meta_prefix(kind: str) -> str:
    """Return `x-<kind>-meta-`."""
    return _USER_META[kind.lower()]


def get_sys_meta_prefix(kind: str) -> str:
    """Return `x-<kind>-sysmeta-`."""
    return _SYS_META[kind.lower()]


def get_object_transient_sysmeta(name: str) -> str:
    """Return the header for a transient system metadata item of an object."""
    return _TRANSIENT_SYSMETA + name


def get_container_update_override_key(name: str) -> str:
    """Return the object system metadata header that overrides a field of the container's row."""
    return OBJECT_SYSMETA_CONTAINER_UPDATE_OVERRIDE_PREFIX + name


def is_user_meta(kind: str, name: str) -> bool:
    """True iff the header is user metadata of this kind of thing."""
    prefix = _USER_META[kind.lower()]
    return len(name) > len(prefix) and name[:len(prefix)].lower() == prefix


def is_sys_meta(kind: str, name: str) -> bool:
    """True iff the header is system metadata of this kind of thing."""
    prefix = _SYS_META[kind.lower()]
    return len(name) > len(prefix) and name[:len(prefix)].lower() == prefix


def is_object_transient_sysmeta(name: str) -> bool:
    """True iff the header is system metadata of an object that a POST replaces."""
    size = len(_TRANSIENT_SYSMETA)
    return len(name) > size and name[:size].lower() == _TRANSIENT_SYSMETA


def is_sys_or_user_meta(kind: str, name: str) -> bool:
    """True iff the header is user or system metadata of this kind of thing."""
    return is_user_meta(kind, name) or is_sys_meta(kind, name)


def strip_user_meta_prefix(kind: str, name: str) -> str:
    """Return what follows `X-<Kind>-Meta-`; the caller knows that the prefix is there."""
    return name[len(_USER_META[kind.lower()]):]


def strip_sys_meta_prefix(kind: str, name: str) -> str:
    """Return what follows `X-<Kind>-Sysmeta-`; the caller knows that the prefix is there."""
    return name[len(_SYS_META[kind.lower()]):]


def strip_object_transient_sysmeta_prefix(name: str) -> str:
    """Return what follows `X-Object-Transient-Sysmeta-`."""
    return name[len(_TRANSIENT_SYSMETA):]


# Everything of these names is the cluster's own: dropped from the requests of clients and from
# answers to them (sheet 05 §3). `x-backend` has no dash: whatever begins so is dropped.
INTERNAL_PREFIXES = (
    'x-account-sysmeta-', 'x-container-sysmeta-', 'x-object-sysmeta-', _TRANSIENT_SYSMETA,
    'x-backend')
INTERNAL_NAMES = frozenset(
    ['x-account-' + word for word in ('host', 'device', 'partition')]
    + ['x-container-' + word for word in ('host', 'device', 'partition', 'root-db-state')]
    + ['x-delete-at-' + word for word in ('host', 'device', 'partition', 'container')])


def is_internal(name: str) -> bool:
    """True iff a header must not pass between clients and the cluster."""
    name = name.lower()
    return name.startswith(INTERNAL_PREFIXES) or name in INTERNAL_NAMES


# What the container stores besides metadata, and what the object server may store (sheet 02 §9.4).
CONTAINER_PASS_THROUGH = ('x-container-read', 'x-container-write', 'x-container-sync-key',
                          'x-container-sync-to', 'x-versions-location')
OBJECT_ALLOWED_DEFAULT = (
    'content-disposition', 'content-encoding', 'x-delete-at', 'x-object-manifest',
    'x-static-large-object', 'cache-control', 'content-language', 'expires', 'x-robots-tag')
OBJECT_NEVER_ALLOWED = frozenset(('content-length', 'deleted', 'etag'))
# Visible only to the owner of the account (sheet 04 §4.4).
OWNER_HEADERS_DEFAULT = (
    'x-container-read', 'x-container-write', 'x-container-sync-key', 'x-container-sync-to',
    'x-account-meta-temp-url-key', 'x-account-meta-temp-url-key-2',
    'x-container-meta-temp-url-key', 'x-container-meta-temp-url-key-2',
    'x-account-access-control')

X_TIMESTAMP = 'X-Timestamp'
X_TRANS_ID = 'X-Trans-Id'
X_REQUEST_ID = 'X-Openstack-Request-Id'
X_BACKEND_TIMESTAMP = 'X-Backend-Timestamp'
X_BACKEND_DATA_TIMESTAMP = 'X-Backend-Data-Timestamp'
X_BACKEND_DURABLE_TIMESTAMP = 'X-Backend-Durable-Timestamp'
X_BACKEND_POLICY_INDEX = 'X-Backend-Storage-Policy-Index'
X_BACKEND_POLICY_DEFAULT = 'X-Backend-Storage-Policy-Default'
X_BACKEND_ETAG_IS_AT = 'X-Backend-Etag-Is-At'
X_BACKEND_IGNORE_RANGE = 'X-Backend-Ignore-Range-If-Metadata-Present'
X_BACKEND_ALLOW_RESERVED = 'X-Backend-Allow-Reserved-Names'
X_BACKEND_INBOUND_TIMESTAMP = 'X-Backend-Inbound-X-Timestamp'
# Which filter made an answer, for the filters to its left.
X_BACKEND_CONTENT_GENERATOR = 'X-Backend-Content-Generator'
GENERATED_BY_STATICWEB = 'staticweb'


def bounded_referer(text: str) -> str:
    """Return method and URL of a request, cut to what every node accepts as a header line.

    A name of 1024 characters can fill a request line to its limit; together with a host and the
    field's name that no longer fits into a header line, and the note for the logs would make the
    node refuse the whole request.
    """
    return text if len(text) <= REFERER_LENGTH_MAX else text[:REFERER_LENGTH_MAX - 3] + '...'
