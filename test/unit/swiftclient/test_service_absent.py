"""What a listing proves absent, against the obvious: looking into the set of all names."""
import itertools

from swiftclient.service.uploads.existing import Absent, everything_absent

NAMES = ['a', 'aa', 'ab', 'b', 'ba', 'é']


def test_everything_is_absent_from_a_new_container():
    assert all(name in everything_absent() for name in NAMES)


def test_nothing_is_known_without_a_listing():
    assert not any(name in Absent() for name in NAMES)


def test_no_present_name_is_ever_called_absent():
    """All subsets of names, prefixes, page sizes and numbers of pages that were read."""
    for count in range(len(NAMES) + 1):
        for there in itertools.combinations(NAMES, count):
            for prefix, size, read in itertools.product(('', 'a', 'b'), (1, 2, 6), range(8)):
                check(set(there), prefix, size, read)


def check(there, prefix, size, read):
    listed = sorted(name for name in there if name.startswith(prefix))
    absent = Absent(prefix)
    for page in range(read):
        absent.add_page(listed[page * size:(page + 1) * size], NAMES)
        if not listed[page * size:]:
            break
    for name in NAMES:
        assert not (name in absent and name in there)
    complete = read > -(-len(listed) // size)
    if complete:
        assert all(name in absent for name in NAMES
                   if name.startswith(prefix) and name not in there)
