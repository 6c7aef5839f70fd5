"""Listing rules against a naive model, and the examples of sheet 03 §29 (checks 24-26)."""
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from swift.core.listing import ListingQuery, after_prefix, list_page, path_prefix

# With the reserved byte, the first ordinary character, and those without a simple successor.
ALPHABET = 'a/b\x00\x01\ud7ff\U0010ffff'
NAMES = st.text(ALPHABET, min_size=1, max_size=5)
CHECK_24 = ('/', '/lead', 'a', 'a/', 'a/x/y', 'a/x1', 'z')


def fetcher(names, log=None):
    """Return a fetch function over names in memory: the model of the SQL."""
    def fetch(span, whole):
        found = sorted((name for name in names if span.contains(name)), reverse=span.reverse)
        for name in found[:span.limit]:
            if log is not None:
                log.append(name)
            yield (name,)
    return fetch


def page(names, **query):
    entries = list_page(ListingQuery(**{'limit': 10000, **query}), fetcher(names))
    return [entry if type(entry) is str else entry[0] for entry in entries]


def naive_page(names, query):
    """The rules, written down as slowly as possible."""
    prefix = query.prefix if query.path is None else path_prefix(query.path)
    above, below = query.marker, query.end_marker
    if query.reverse:
        above, below = below, above
    entries = []
    for name in sorted(names, reverse=query.reverse):
        if not name.startswith(prefix) or (name < '\x01' and not query.allow_reserved):
            continue
        if (above and name <= above) or (below and name >= below):
            continue
        entry = name
        if query.path is not None:
            slash = name.find('/', len(prefix))
            if name == prefix or slash not in (-1, len(name) - 1):
                continue
        elif query.delimiter and query.delimiter in name[len(prefix):]:
            end = name.index(query.delimiter, len(prefix)) + len(query.delimiter)
            entry = ('subdir', name[:end])
            hidden = query.end_marker if query.reverse else query.marker
            if entry in entries or entry[1] == hidden:
                continue
        entries.append(entry)
    return [entry[1] if isinstance(entry, tuple) else entry for entry in entries][:query.limit]


QUERIES = st.builds(
    ListingQuery, limit=st.integers(0, 6), marker=st.text(ALPHABET, max_size=3),
    end_marker=st.text(ALPHABET, max_size=3), prefix=st.text(ALPHABET, max_size=2),
    delimiter=st.text(ALPHABET, max_size=2), path=st.none() | st.text('a/b', max_size=3),
    reverse=st.booleans(), allow_reserved=st.booleans())


@given(st.sets(NAMES, max_size=25), QUERIES)
def test_any_query_gives_what_the_naive_model_gives(names, query):
    entries = list_page(query, fetcher(names))
    shown = [entry if type(entry) is str else entry[0] for entry in entries]
    assert shown == naive_page(names, query)


@given(st.sets(NAMES, max_size=20), st.integers(1, 3), st.text('a/', max_size=2), st.booleans())
def test_paging_by_last_entry_shows_everything_once(names, limit, delimiter, reverse):
    # A marker of the last entry continues the listing, whether that is a name or a subdirectory.
    # (Forward only with subdirectories: in reverse a marker inside one shows it again.)
    assume(not (delimiter and reverse))
    whole = page(names, delimiter=delimiter, reverse=reverse)
    pages, marker = [], ''
    for _ in range(len(whole) + 1):
        part = page(names, limit=limit, marker=marker, delimiter=delimiter, reverse=reverse)
        if not part:
            break
        pages += part
        marker = part[-1]
    assert pages == whole


@given(st.text(ALPHABET, max_size=3), NAMES)
def test_after_prefix_is_the_first_name_behind(prefix, name):
    bound = after_prefix(prefix)
    if bound is None:
        assert not prefix.strip('\U0010ffff')
    elif name.startswith(prefix):
        assert name < bound
    else:
        assert (name < prefix) == (name < bound)
    if bound is not None:
        bound.encode('utf-8')


@pytest.mark.parametrize('query, expected', [
    ({'delimiter': '/'}, '/ a a/ z'),
    ({'delimiter': '/', 'reverse': True}, 'z a/ a /'),
    ({'delimiter': '/', 'marker': 'a/'}, 'z'),
    ({'delimiter': '/', 'marker': 'a/x/y'}, 'a/ z'),
    ({'path': ''}, '/ a a/ z'),
    ({'path': 'a'}, 'a/x1'),
    ({'path': 'a/'}, 'a/x1'),
    ({'path': '/'}, '/lead'),
    ({'reverse': True, 'marker': 'z', 'end_marker': 'a/'}, 'a/x1 a/x/y'),
    ({'prefix': 'a', 'delimiter': 'x/'}, 'a a/ a/x/ a/x1'),
    ({'limit': 0}, ''),
    ({'marker': 'b', 'prefix': 'a'}, ''),
    ({'limit': 2}, '/ /lead'),
])
def test_examples_of_the_sheet(query, expected):
    assert page(CHECK_24, **query) == expected.split()


def test_multi_character_delimiter_matches_as_a_whole():
    assert page(('a-b-c', 'a/b'), delimiter='-b') == ['a-b', 'a/b']


def test_path_lists_a_name_right_behind_a_pseudo_directory():
    # The original leaves out `a/x0`, since `0` follows `/` (sheet 03 §28.25).
    assert page(('a/x/y', 'a/x0'), path='a') == ['a/x0']
    assert page(('a/x/y', 'a/x0'), path='a', reverse=True) == ['a/x0']


def test_prefix_of_highest_characters_is_no_error():
    assert page(('\U0010ffff', '\U0010ffffx'), prefix='\U0010ffff') == [
        '\U0010ffff', '\U0010ffffx']


def test_reserved_names_are_hidden_unless_allowed():
    names = ('\x00hidden', 'shown')
    assert page(names) == ['shown']
    assert page(names, allow_reserved=True) == ['\x00hidden', 'shown']
    assert page(names, prefix='\x00') == []


def test_subdirectories_are_skipped_not_read():
    names = [f'a/{number:04}' for number in range(500)] + ['b']
    log = []
    list_page(ListingQuery(10, delimiter='/'), fetcher(names, log))
    assert log == ['a/0000', 'b']
