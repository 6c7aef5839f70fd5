"""Links to objects: what a client may ask for, how a link is stored, when following it ends.

Layer 0. A link is an empty object whose system metadata names its target. Names in headers and
metadata are quoted WSGI strings, `container/object` without a leading slash:

    client header            system metadata X-Object-Sysmeta-*    in the `hash` of a listed row
    X-Symlink-Target         Symlink-Target                        symlink_target
    X-Symlink-Target-Account Symlink-Target-Account                symlink_target_account
    X-Symlink-Target-Etag    Symlink-Target-Etag                   symlink_target_etag
    X-Symlink-Target-Bytes   Symlink-Target-Bytes                  symlink_target_bytes

A link with a tag is static: it shows its target only while that has this tag. Two more items are
for links that the cluster itself makes: Symloop-Extend (the hop is not counted) and
Allow-Reserved-Names (the hop may enter the reserved namespace, whoever asks).
Source: sheet 05 section 22.
"""
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from swift.core.constraints import Refusal, config_true_value
from swift.core.content_type import split_parameters
from swift.core.headers import get_container_update_override_key
from swift.core.names import (
    account_name_problem,
    check_utf8,
    is_reserved_name,
    split_path,
)
from swift.core.wsgi_text import wsgi_quote, wsgi_to_bytes, wsgi_unquote

CONTENT_TYPE = 'application/symlink'
EMPTY_ETAG = 'd41d8cd98f00b204e9800998ecf8427e'
OVERRIDE_ETAG = get_container_update_override_key('etag').title()

TARGET, ACCOUNT, ETAG, BYTES = (
    'X-Symlink-Target', 'X-Symlink-Target-Account', 'X-Symlink-Target-Etag',
    'X-Symlink-Target-Bytes')
CLIENT_HEADERS = (TARGET, ACCOUNT, ETAG, BYTES)
_SYSMETA = 'X-Object-Sysmeta-'
STORED_TARGET, STORED_ACCOUNT, STORED_ETAG, STORED_BYTES = (
    name.replace('X-', _SYSMETA, 1) for name in CLIENT_HEADERS)
SHOWN_AS = dict(zip((STORED_TARGET, STORED_ACCOUNT, STORED_ETAG, STORED_BYTES), CLIENT_HEADERS,
                    strict=True))
LOOP_EXTEND = _SYSMETA + 'Symloop-Extend'
ALLOW_RESERVED = _SYSMETA + 'Allow-Reserved-Names'
# What the manifest of a large object, perhaps a link's target, tells about it.
SLO_ETAG, SLO_SIZE = _SYSMETA + 'Slo-Etag', _SYSMETA + 'Slo-Size'

# Environ key: the request with whose rights the target of a static link is looked at, when a filter
# stores the link in the cluster's name.
REQUESTER = 'swift.symlink.requester'
_QUOTED_RESERVED = '%00'
_LISTED = 'symlink_target'
LISTED_MARKER = b'symlink_target='
TARGET_FORM = f'{TARGET} header must be of the form <container name>/<object name>'
HTML = 'text/html; charset=UTF-8'


class Refused(Exception):
    """A link that cannot be; `refusal` is what the client is answered (no body: default page)."""

    def __init__(self, status: int, body: str, content_type: str = 'text/plain'):
        super().__init__(body)
        self.refusal = Refusal(status, body, content_type)


@dataclass(frozen=True, slots=True)
class Target:
    """What a link points to: WSGI strings, names unquoted. `etag` makes it static."""

    container: str
    obj: str
    account: str | None = None
    etag: str | None = None

    @property
    def quoted(self) -> str:
        return f'{wsgi_quote(self.container)}/{wsgi_quote(self.obj)}'

    def path(self, version: str, own_account: str) -> str:
        """Return the path (not quoted), for a link in `own_account`."""
        return f'/{version}/{self.account or own_account}/{self.container}/{self.obj}'


def wanted_target(headers: Mapping[str, str], internal: bool = False) -> Target:
    """Return what a PUT with X-Symlink-Target asks for. Raises Refused.

    `internal`: the target may have a reserved name.
    """
    path = wsgi_unquote(headers[TARGET])
    if path.startswith('/'):
        raise Refused(412, TARGET_FORM)
    try:
        container, obj = split_path('/' + path, 2, 2, True)
    except ValueError:
        raise Refused(412, TARGET_FORM, HTML)
    account = headers.get(ACCOUNT)
    if account is not None:
        account = wsgi_unquote(account)
        problem = account_name_problem(account)
        if problem:
            raise Refused(412, problem, HTML)
    # Nobody could ever read what has such a name.
    if not check_utf8(wsgi_to_bytes(f'{account or ""}/{path}'), internal):
        raise Refused(412, TARGET_FORM)
    return Target(container, obj, account, _wanted_etag(headers))


def _wanted_etag(headers: Mapping[str, str]) -> str | None:
    etag = headers.get(ETAG, '').strip()
    if len(etag) > 1 and etag[0] == etag[-1] == '"':
        etag = etag[1:-1]
    # It becomes a parameter in the listing's row.
    if any(char in etag for char in ';"\\'):
        raise Refused(400, f'Bad {ETAG} format')
    return etag or None


def store_link(headers: MutableMapping[str, str], target: Target, size: str | None = None,
               slo_etag: str | None = None) -> None:
    """Turn the headers of a client's PUT into those of the link as it is stored.

    `size` and `slo_etag` (of a large target) are what was found behind a static link.
    """
    for name in CLIENT_HEADERS:
        headers.pop(name, None)
    if not is_reserved_name(target.container):
        # Compat: they come along when a link of the cluster's is copied. A link of a client's that
        # had them would open whatever it points to.
        headers.pop(LOOP_EXTEND, None)
        headers.pop(ALLOW_RESERVED, None)
    found = {STORED_TARGET: target.quoted, STORED_BYTES: size}
    if target.account is not None:
        found[STORED_ACCOUNT] = wsgi_quote(target.account)
    if target.etag is not None:
        found[STORED_ETAG] = target.etag
    base = headers.get(OVERRIDE_ETAG)
    if slo_etag is not None:
        base = f'{EMPTY_ETAG}; slo_etag={slo_etag}'
    parts = [without_link(base) if base else EMPTY_ETAG]
    for name in (STORED_TARGET, STORED_ACCOUNT, STORED_ETAG, STORED_BYTES):
        value = found.get(name)
        if value is None:
            headers.pop(name, None)
            continue
        headers[name] = value
        parts.append(f'{name[len(_SYSMETA):].lower().replace("-", "_")}={value}')
    headers[OVERRIDE_ETAG] = '; '.join(parts)


def without_link(override: str) -> str:
    """Return a row's tag without what it says of a link, as when a link is copied."""
    base, parameters = split_parameters(override)
    return '; '.join([base, *(item for item in parameters if not item.startswith(_LISTED))])


# -- following ------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Hop:
    """Where an answer that shows a link leads; `path` and `account` are quoted."""

    path: str
    account: str
    etag: str | None
    counts: bool
    internal: bool


def next_hop(headers: Mapping[str, str], version: str, own_account: str) -> Hop | None:
    """Return the hop that the headers of an answer ask for, None when it is no link.

    `own_account` (quoted) is that of the link.
    """
    target = headers.get(STORED_TARGET)
    if not target:
        return None
    account = headers.get(STORED_ACCOUNT) or own_account
    # Only within the reserved namespace, where nobody but the cluster makes names.
    is_reserved = target.startswith(_QUOTED_RESERVED)
    return Hop(f'/{version}/{account}/{target}', account, headers.get(STORED_ETAG),
               not (is_reserved and config_true_value(headers.get(LOOP_EXTEND))),
               is_reserved and config_true_value(headers.get(ALLOW_RESERVED)))


def tag_problem(hop: Hop, found: Mapping[str, str]) -> str | None:
    """Return why what a static link found is not what it stands for, or None.

    `found` are the headers of the target's answer: of an object, or of one more link. A link of
    the cluster stands for just the object that it names, which may be a link with a tag of its own.
    """
    wanted = hop.etag
    if not wanted:
        return None
    further = found.get(STORED_ETAG)
    if further and not hop.internal:
        return None if further == wanted else f'{ETAG} headers do not match'
    etag = found.get('Etag', '').strip('"')
    if not etag or etag == wanted:
        return None
    return f"Object Etag '{etag}' does not match {ETAG} header '{wanted}'"


def size_behind(found: Mapping[str, str]) -> str:
    """Return the size that a reader gets of what a static link shows, a large object's in full."""
    return found.get(SLO_SIZE) or found.get('Content-Length', '0')


# -- showing --------------------------------------------------------------------------------------

def show_link(headers: MutableMapping[str, str]) -> None:
    """Show a link's own target to the client who asked for the link itself."""
    for stored, shown in SHOWN_AS.items():
        value = headers.pop(stored, None)
        if value is not None:
            headers[shown] = value


def show_in_listing(entries: list[dict], prefix: str, own_account: str) -> None:
    """Take what rows tell about links out of their `hash`.

    `prefix` is `/<version>`, `own_account` quoted. Whatever else stands in the hash stays.
    """
    for entry in entries:
        text = entry.get('hash')
        if not isinstance(text, str) or _LISTED not in text:
            continue
        base, parameters = split_parameters(text)
        found, kept = {}, [base]
        for item in parameters:
            name, _, value = item.partition('=')
            if name.startswith(_LISTED):
                found[name[len(_LISTED):]] = value
            else:
                kept.append(item)
        if '' not in found:
            continue
        entry['hash'] = '; '.join(kept)
        if '_etag' in found:
            entry['symlink_etag'] = found['_etag']
        size = found.get('_bytes', '')
        if size.isascii() and size.isdigit():
            entry['symlink_bytes'] = int(size)
        account = found.get('_account', own_account)
        entry['symlink_path'] = f'{prefix}/{account}/{found[""]}'

