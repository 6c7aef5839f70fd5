"""Which names a page of a listing shows: marker, prefix, delimiter, path, reverse.

Layer 0, the same rules for containers of an account and objects of a container (sheet 03 §11).
Names are ordered by code point, which is the order of their UTF-8 bytes and of SQLite's BINARY
collation. The rules do not touch a database: they ask a `fetch` function for rows of a Span, a
range of names, and stop reading as soon as the page is full or a subdirectory was found; then
they ask again behind it. One Span per subdirectory is one index seek.

    rows     tuples whose first item is the name
    entries  rows, and `str` for a subdirectory (all that begins with it, rolled up)

Rules for clients that differ from the obvious: a subdirectory equal to the excluding marker
(reverse: end_marker) is not shown again, every other marker inside a subdirectory shows it
again; `path` shows objects directly below it, also those whose name ends in the only further
slash, and no subdirectories.
"""
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

HIGHEST = '\U0010ffff'
# Names of the reserved namespace begin with NUL: everything from here on is ordinary.
FIRST_ORDINARY = '\x01'
PATH_DELIMITER = '/'


@dataclass(frozen=True, slots=True)
class Span:
    """A range of names and the direction to walk it. None is "no bound" above."""

    lower: str = ''
    lower_included: bool = True
    upper: str | None = None
    upper_included: bool = False
    reverse: bool = False
    limit: int = 0

    def is_empty(self) -> bool:
        """Tell whether no name can lie in it."""
        if self.upper is None:
            return False
        if self.lower == self.upper:
            return not (self.lower_included and self.upper_included)
        return self.lower > self.upper

    def contains(self, name: str) -> bool:
        """Tell whether a name lies in it; the model of what fetch has to do in SQL."""
        if name < self.lower or (name == self.lower and not self.lower_included):
            return False
        if self.upper is None:
            return True
        return name < self.upper or (name == self.upper and self.upper_included)


@dataclass(frozen=True, slots=True)
class ListingQuery:
    """What a client asked for. Empty texts mean absent; `path` None means absent."""

    limit: int
    marker: str = ''
    end_marker: str = ''
    prefix: str = ''
    delimiter: str = ''
    path: str | None = None
    reverse: bool = False
    allow_reserved: bool = False


Row = tuple
# Called with a span and whether all its rows will be used.
Fetch = Callable[[Span, bool], Iterable[Row]]


def list_page(query: ListingQuery, fetch: Fetch) -> list[Row | str]:
    """Return up to `query.limit` entries in order. Raises what `fetch` raises."""
    if query.limit <= 0:
        return []
    if query.path is not None:
        prefix, delimiter, judge = path_prefix(query.path), PATH_DELIMITER, _judge_path
    else:
        prefix, delimiter, judge = query.prefix, query.delimiter, _judge_delimiter
    span = first_span(query, prefix)
    if not delimiter:
        return [] if span.is_empty() else list(fetch(span, True))
    # One row more than asked for: the one that `path` may pass over without a skip.
    span = replace(span, limit=query.limit + 1)
    shown_before = query.end_marker if query.reverse else query.marker
    entries: list[Row | str] = []
    while span is not None and not span.is_empty():
        skip = None
        for row in fetch(span, False):
            entry, skip = judge(row, prefix, delimiter)
            if entry is not None and entry != shown_before:
                entries.append(entry)
                if len(entries) == query.limit:
                    return entries
            if skip is not None:
                break
        span = None if skip is None else behind(span, skip)
    return entries


def _judge_delimiter(row: Row, prefix: str, delimiter: str) -> tuple[Row | str | None, str | None]:
    """Return the entry that a row makes, and the subdirectory to skip after it, if any."""
    name = row[0]
    found = name.find(delimiter, len(prefix))
    if found < 0:
        return row, None
    subdir = name[:found + len(delimiter)]
    return subdir, subdir


def _judge_path(row: Row, prefix: str, delimiter: str) -> tuple[Row | None, str | None]:
    """The same for `path`: pseudo directories are passed over, not shown."""
    name = row[0]
    if name == prefix:
        return None, None
    found = name.find(delimiter, len(prefix))
    if found < 0 or found == len(name) - 1:
        return row, None
    return None, name[:found + 1]


def path_prefix(path: str) -> str:
    """Return the prefix that a `path` parameter stands for; `/` alone is a directory too."""
    return path.rstrip('/') + '/' if path else ''


def first_span(query: ListingQuery, prefix: str) -> Span:
    """Return the range of names that markers, prefix and the reserved namespace leave."""
    above, below = query.marker, query.end_marker
    if query.reverse:
        above, below = below, above
    lower, lower_included = prefix, True
    if not query.allow_reserved and lower < FIRST_ORDINARY:
        lower = FIRST_ORDINARY
    if above and above >= lower:
        lower, lower_included = above, False
    upper = after_prefix(prefix)
    if below and (upper is None or below < upper):
        upper = below
    return Span(lower, lower_included, upper, False, query.reverse, query.limit)


def behind(span: Span, subdir: str) -> Span | None:
    """Return what is left of a span after a subdirectory, or None if nothing can be left."""
    if span.reverse:
        return Span(span.lower, span.lower_included, subdir, False, True, span.limit)
    following = after_prefix(subdir)
    if following is None:
        return None
    return Span(following, True, span.upper, span.upper_included, False, span.limit)


def after_prefix(prefix: str) -> str | None:
    """Return the smallest text above everything that begins with `prefix`; None if there is none.

    Surrogates are no characters, and the highest character has no successor: then the character
    before it counts up.
    """
    kept = prefix.rstrip(HIGHEST)
    if not kept:
        return None
    code = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xe000 if 0xd800 <= code <= 0xdfff else code)
