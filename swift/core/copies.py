"""Do the copies of something agree? Comparisons of what several nodes say (layer 0).

Pages of listings are compared without holding a listing: each node gives a page after the same
marker. Names up to the smallest last name of the full pages are complete on every node, so they
are compared now; the next pages start there.

    merge_pages([[a, c, d], [a, b, c]], limit=3)
        -> horizon c; a: both, b: second only, c: both;   d is seen again on the next page

Law: whatever the page size, the same rows are yielded in the same order.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Compared:
    """One name of a listing, with the row of each node, None where it is not listed."""

    name: str
    rows: tuple[Row | None, ...]

    @property
    def is_everywhere(self) -> bool:
        return None not in self.rows

    def values(self, key: str) -> list[Any]:
        """Return the different values of a column, in no order that means anything."""
        return distinct(row.get(key) for row in self.rows if row is not None)


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return the values without repeats, in order of appearance."""
    return list(dict.fromkeys(values))


def merge_pages(pages: Sequence[Sequence[Row]], limit: int) -> tuple[list[Compared], str | None]:
    """Return (what can be compared, marker of the next pages or None at the end).

    Each page is sorted by name the way the servers sort, by the bytes of UTF-8.
    """
    full = [page[-1]['name'] for page in pages if len(page) >= limit]
    horizon = min(full, key=_order) if full else None
    by_name: dict[str, list[Row | None]] = {}
    for index, page in enumerate(pages):
        for row in page:
            if horizon is None or _order(row['name']) <= _order(horizon):
                by_name.setdefault(row['name'], [None] * len(pages))[index] = row
    found = [Compared(name, tuple(by_name[name])) for name in sorted(by_name, key=_order)]
    assert not found or horizon is None or found[-1].name == horizon
    return found, horizon


def goes_on(page: Sequence[Row], marker: str) -> bool:
    """Return whether a page lies after the marker; one that does not would have no end."""
    return not page or _order(page[0]['name']) > _order(marker)


def _order(name: str) -> bytes:
    return name.encode('utf-8', 'surrogateescape')


OVERRIDES = ('X-Backend-Container-Update-Override-Etag',
             'X-Object-Sysmeta-Container-Update-Override-Etag', 'X-Object-Sysmeta-Ec-Etag', 'Etag')


def listed_etag(headers: Mapping[str, str]) -> str:
    """Return the hash that a container should list for an object with these headers.

    Fragments and encrypted or segmented objects tell it apart from the ETag of their bytes.
    """
    found = next((headers[name] for name in OVERRIDES if headers.get(name)), '')
    return bare_etag(found)


def bare_etag(text: str) -> str:
    """Return an ETag or a listed hash without quotes and without what filters append to it."""
    return text.strip().strip('"').partition(';')[0].strip('"')


def differing(answers: Iterable[Mapping[str, str]], names: Sequence[str]) -> Iterator[str]:
    """Yield those of the header names whose values differ among the answers."""
    answers = list(answers)
    for name in names:
        if len(distinct(answer.get(name) for answer in answers)) > 1:
            yield name
