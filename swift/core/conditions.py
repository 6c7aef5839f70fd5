"""If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since: what they make of an answer.

Layer 0. Order of sheet 04 §9.1, first hit decides:

    If-None-Match matches            304
    If-Match does not match          412
    nothing there, If-Match: *       412
    not changed since                304
    changed since                    412

Weak tags are not understood: `W/"x"` is a tag that no object has. An object without a tag or a date
passes the tests that need one. If-Range is not supported. Dates are whole seconds.
"""
from collections.abc import Mapping

from swift.core.http_dates import parse_http_date


def strip_quotes(tag: str) -> str:
    """Take one pair of double quotes off a tag."""
    return tag[1:-1] if len(tag) > 1 and tag[0] == tag[-1] == '"' else tag


class Match:
    """The tags that an If-Match or If-None-Match header lists; `*` matches any."""

    __slots__ = ('tags',)

    def __init__(self, header: str):
        words = [word.strip() for word in header.split(',')]
        self.tags = frozenset(strip_quotes(word) for word in words if word)

    def __contains__(self, tag: str | None) -> bool:
        return '*' in self.tags or (tag is not None and strip_quotes(tag) in self.tags)

    def __repr__(self) -> str:
        return f'Match({sorted(self.tags)!r})'


def verdict(status: int, etag: str | None, last_modified: int | None,
            headers: Mapping[str, str]) -> int | None:
    """Return 304 or 412 when the request's conditions turn the answer into that, else None.

    `etag` is the tag to compare (which need not be the one the client is shown), `last_modified`
    in seconds; both None when unknown. `headers` are the request's.
    """
    none_match = headers.get('If-None-Match')
    if none_match is not None and etag and etag in Match(none_match):
        return 304
    match = headers.get('If-Match')
    if match is not None:
        wanted = Match(match)
        if etag and etag not in wanted:
            return 412
        if status == 404 and '*' in wanted.tags:
            return 412
    if last_modified is None:
        return None
    since = parse_http_date(headers.get('If-Modified-Since'))
    if since is not None and last_modified <= since:
        return 304
    until = parse_http_date(headers.get('If-Unmodified-Since'))
    if until is not None and last_modified > until:
        return 412
    return None


def resolve_etag_is_at(header: str | None, metadata: Mapping[str, str]) -> str | None:
    """Return the alternate tag that X-Backend-Etag-Is-At points to, or None.

    The header lists names of metadata; the first that is there supplies the tag.
    """
    if not header:
        return None
    for name in header.split(','):
        name = name.strip()
        if name and name in metadata:
            return metadata[name]
    return None


def ignores_range(header: str | None, metadata: Mapping[str, str]) -> bool:
    """True iff X-Backend-Ignore-Range-If-Metadata-Present names something that is there."""
    return bool(header) and any(
        name.strip() in metadata for name in header.split(',') if name.strip())
