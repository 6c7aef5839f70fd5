"""Listings of versions: from the rows of a container and of its hidden one to what a client sees.

Layer 0. Rows are decoded JSON (text). The container has one row per current object: a link to the
version that is current, or an object of its own, the version `null`. The hidden container has the
data of all other versions. Both are listed with parameters made here and merged:

    order      by name, within a name the null version first, then the newest first; `reverse`
               turns all of it around
    is_latest  the null version; the version that the link names; a delete marker that is the
               newest of its name, unless there is a null version

Compat: what a page does not show takes no part. A page that begins behind a name's link, because
of `marker` or `end_marker`, has no latest version of that name other than a marker; `end_marker`
does not end the versions.
Source: sheet 05 section 23.2, golden dialogues e-versions.
"""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from swift.core.constraints import config_true_value
from swift.core.names import RESERVED, quote
from swift.core.timestamp import Timestamp
from swift.core.versions import (
    DELETED_TYPE,
    NULL,
    hidden_container,
    parse_version_id,
    split_version_name,
    user_container,
    version_at_path,
)

# Rows of links to versions have this in their JSON.
LINK_MARKER = b'symlink_target=%00versions%00'
_DELIMITER_REFUSED = frozenset('0123456789.' + RESERVED)
# Sorts after all times and before the next name.
_AFTER_TIMES = ':'
# The first that can follow a name in another name.
_AFTER_NAME = '\x01'


class BadQuery(Exception):
    """A parameter that cannot be; `status` and text are the client's answer."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class VersionsQuery:
    """The parameters of a listing of versions; WSGI strings."""

    params: Mapping[str, str]
    limit: int
    limit_max: int
    reverse: bool
    marker: str
    version_marker: str | None      # `null`, or a time in normal form

    def own(self) -> dict[str, str]:
        """Return the parameters for the listing of the container."""
        params = {name: value for name, value in self.params.items()
                  if name not in ('versions', 'version_marker', 'path')}
        limit = self.limit
        if self._own_may_follow():
            # One more than is shown: the marker's own row may be a link, which has had its turn.
            params['marker'] = self.marker + _AFTER_NAME
            limit = min(limit + 1, self.limit_max)
        return {**params, 'format': 'json', 'limit': str(limit)}

    def hidden(self) -> dict[str, str]:
        """Return the parameters for the listing of the hidden container."""
        # One more than is shown: whether a marker is the newest of its name.
        params = {'format': 'json', 'limit': str(min(self.limit + 1, self.limit_max)),
                  'prefix': RESERVED + self.params.get('prefix', '')}
        if self.reverse:
            params['reverse'] = 'true'
        if self.params.get('delimiter'):
            params['delimiter'] = self.params['delimiter']
        if self.marker:
            params['marker'] = self._hidden_marker()
        return params

    def _own_may_follow(self) -> bool:
        """Tell whether the null version of the marker's name comes after the marker."""
        return self.reverse and self.version_marker not in (None, NULL)

    def _hidden_marker(self) -> str:
        start = RESERVED + self.marker + RESERVED
        if self.version_marker is None:
            return start + _AFTER_TIMES
        if self.version_marker == NULL:
            return start
        return start + (~Timestamp(self.version_marker)).normal


def parse_query(params: Mapping[str, str], limit_max: int) -> VersionsQuery:
    """Read the parameters of a request (WSGI strings). Raises BadQuery."""
    limit = limit_max
    given = params.get('limit', '')
    if given.isascii() and given.isdigit():
        limit = int(given[:20])
        if limit > limit_max:
            raise BadQuery(412, f'Maximum limit is {limit_max}')
    if _DELIMITER_REFUSED.intersection(params.get('delimiter', '')):
        raise BadQuery(400, 'invalid delimiter param')
    marker, version_marker = params.get('marker', ''), params.get('version_marker')
    if version_marker is not None:
        if not marker:
            raise BadQuery(400, 'version_marker param requires marker')
        try:
            time = parse_version_id(version_marker)
        except ValueError:
            raise BadQuery(400, 'invalid version_marker param')
        version_marker = NULL if time is None else time.normal
    return VersionsQuery(params, limit, limit_max, config_true_value(params.get('reverse')),
                         marker, version_marker)


# -- versions of a container ----------------------------------------------------------------------

def merge_versions(query: VersionsQuery, hidden: Iterable[dict], own: Iterable[dict],
                   marker_name: str) -> list[dict]:
    """Return a page of versions. `marker_name` is the marker as text."""
    links: dict[str, tuple[str, dict]] = {}
    rows: dict[tuple[str, str], dict] = {}
    with_null = set()
    for entry in own:
        if 'subdir' in entry:
            rows[entry['subdir'], ''] = {'subdir': entry['subdir']}
            continue
        name = entry['name']
        version = version_at_path(entry.get('symlink_path', ''))
        if version is None:
            with_null.add(name)
            rows[name, ''] = {**entry, 'version_id': NULL, 'is_latest': True}
        elif not (query.version_marker and name == marker_name):
            links[name] = version.version_id, entry
    newest: dict[str, str] = {}
    for entry in hidden:
        if 'subdir' in entry:
            subdir = entry['subdir'][len(RESERVED):]
            rows[subdir, ''] = {'subdir': subdir}
            continue
        parts = split_version_name(entry['name'])
        if parts is None:
            continue
        name, version_id = parts
        linked = links.get(name)
        newest[name] = max(newest.get(name, ''), version_id)
        rows[name, entry['name'].rpartition(RESERVED)[2]] = {
            **entry, 'name': name, 'is_latest': linked is not None and linked[0] == version_id,
            'version_id': version_id}
    for name, (version_id, entry) in links.items():
        # Data that the hidden listing does not have yet, or not any more.
        key = name, (~Timestamp(version_id)).normal
        if key not in rows:
            rows[key] = _of_link(entry, version_id)
    _mark_markers(query, rows, newest, with_null, marker_name)
    return [rows[key] for key in sorted(rows, reverse=query.reverse)][:query.limit]


def _mark_markers(query: VersionsQuery, rows: Mapping[tuple[str, str], dict],
                  newest: Mapping[str, str], with_null: set[str], marker_name: str) -> None:
    """Call the markers latest that are the newest of their name."""
    for (name, _), row in rows.items():
        if row.get('content_type') != DELETED_TYPE or name in with_null:
            continue
        begins_within = (query.version_marker not in (None, NULL) and not query.reverse
                         and name == marker_name)
        if row['version_id'] == newest.get(name) and not begins_within:
            row['is_latest'] = True


def _of_link(entry: Mapping, version_id: str) -> dict:
    row = {name: value for name, value in entry.items() if not name.startswith('symlink_')}
    _take_target(row, entry)
    return {**row, 'is_latest': True, 'version_id': version_id}


def _take_target(row: dict, entry: Mapping) -> None:
    """Give a row the size and tag of what the link stands for; parameters of the tag stay."""
    if 'symlink_bytes' in entry:
        row['bytes'] = entry['symlink_bytes']
    if 'symlink_etag' in entry:
        _, mark, parameters = entry['hash'].partition(';')
        row['hash'] = entry['symlink_etag'] + mark + parameters


# -- other listings -------------------------------------------------------------------------------

def show_version_links(entries: list[dict], path: str) -> None:
    """Show links to versions as what they stand for; `path` is the container's, quoted."""
    for entry in entries:
        version = version_at_path(entry.get('symlink_path', ''))
        if version is None:
            continue
        _take_target(entry, entry)
        for name in ('symlink_bytes', 'symlink_etag'):
            entry.pop(name, None)
        entry['symlink_path'] = f'{path}/{quote(entry["name"])}?version-id={version.version_id}'
        entry['version_symlink'] = True


def hidden_account_query(params: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that list the hidden containers of a page of an account."""
    found = {name: params[name] for name in ('limit', 'delimiter', 'reverse') if name in params}
    for name in ('marker', 'end_marker'):
        if params.get(name):
            found[name] = hidden_container(params[name])
    return {**found, 'prefix': hidden_container(params.get('prefix', '')), 'format': 'json'}


def merge_containers(entries: list[dict], hidden: Iterable[dict], limit: int,
                     reverse: bool) -> None:
    """Add the sizes of hidden containers to those of their users, in place.

    A hidden container without its user, as after a deletion that was cut short, is listed under
    the user's name, without objects.
    """
    rows = {entry.get('name') or entry.get('subdir'): entry for entry in entries}
    for entry in hidden:
        is_subdir = 'subdir' in entry
        user = user_container(entry['subdir' if is_subdir else 'name'])
        if user is None:
            continue
        if is_subdir:
            rows.setdefault(user, {'subdir': user})
        elif user not in rows:
            rows[user] = {**entry, 'name': user, 'count': 0}
        elif 'bytes' in rows[user]:
            rows[user]['bytes'] += entry['bytes']
    entries[:] = [rows[name] for name in sorted(rows, reverse=reverse)][:limit]

