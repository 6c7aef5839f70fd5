"""Which objects of an upload are surely new, so that nobody has to look at what they replace.

An overwritten large object leaves segments behind; to remove them the original sends a HEAD
before every PUT. That is needless in a container that was made a moment ago, and for names that
a listing, fetched once for the whole upload, does not have. Everything else keeps its HEAD.

`Absent` is pure; `learn` asks for two pages, and one more per PAGE_NAMES names.
Source: sheet 08, section 9.2.
"""
from collections.abc import Container, Iterable
from os.path import commonprefix
from typing import Any

from swiftclient.exceptions import ClientException
from swiftclient.service.results import get_future_result

# Fewer objects than this are looked at one by one: a page of 10,000 names is not cheaper.
LEARN_FROM = 20
PAGE_NAMES = 1000


class Absent:
    """Names known to be absent: all those after `start` up to `end` that are not `present`.

    Names sort by their UTF-8 bytes on the server and by code point here, which is the same.
    """

    def __init__(self, prefix: str = ''):
        self._prefix = prefix
        self._present: set[str] = set()
        self._end: str | None = ''
        self._known = False

    def add_page(self, names: list[str], of_interest: Container[str] | None = None) -> None:
        """Take the next page of the listing, [] for its end.

        Only names `of_interest` are kept; nobody may ask for others then.
        """
        self._known = True
        self._present.update(names if of_interest is None else
                             [name for name in names if name in of_interest])
        self._end = names[-1] if names else None

    def reaches(self, name: str) -> bool:
        return self._known and (self._end is None or name <= self._end)

    def __contains__(self, name: str) -> bool:
        return (self.reaches(name) and name.startswith(self._prefix)
                and name not in self._present)


def everything_absent() -> Absent:
    """What is known of a container that has just been created."""
    absent = Absent()
    absent.add_page([])
    return absent


def learn(pool: Any, container: str, names: Iterable[str]) -> Absent:
    """Return what listings tell about `names`; nothing if they are few or may not be listed."""
    wanted = sorted(names)
    if len(wanted) < LEARN_FROM:
        return Absent()
    prefix = commonprefix([wanted[0], wanted[-1]])
    absent, among, marker = Absent(prefix), frozenset(wanted), ''
    # One page more than the names fill: only an empty page proves that there are no others.
    for _page in range(2 + len(wanted) // PAGE_NAMES):
        try:
            page = get_future_result(pool.submit(_page_of, container, prefix, marker))
        except ClientException:  # no right to read: the upload itself will say what is wrong
            break
        absent.add_page(page, among)
        if absent.reaches(wanted[-1]):
            break
        marker = page[-1]
    return absent


def _page_of(connection: Any, container: str, prefix: str, marker: str) -> list[str]:
    _headers, entries = connection.get_container(container, prefix=prefix, marker=marker)
    return [entry['name'] for entry in entries]
