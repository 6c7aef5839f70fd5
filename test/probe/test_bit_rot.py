"""Damage that a reader meets: it is put into quarantine, and others serve what it was."""
import pytest

from test.support.faults import copies, cut, direct, rot, rot_metadata
from test.support.service import eventually


@pytest.mark.parametrize('damage', [rot_metadata, lambda path: cut(path, 3)],
                         ids=['metadata', 'length'])
def test_copy_that_cannot_be_trusted_is_not_served(faults, client, names, damage):
    place = faults.primaries(*names)[0]
    before = faults.quarantined(place.node)
    damage(next(place.folder.glob('*.data')))
    assert direct(place, names) == (404, b'')
    assert copies(faults, names)[place.node] is None
    (moved,) = set(faults.quarantined(place.node)) - set(before)
    assert moved.name == place.folder.name
    assert client.get('/'.join(names[1:])).body == b'sound'


def test_rotten_bytes_are_found_by_whoever_reads_them_to_the_end(faults, client, names):
    place = faults.primaries(*names)[0]
    rot(next(place.folder.glob('*.data')), 2)
    # The head has left before the bytes were known: this reader sees them, the next does not.
    direct(place, names)
    eventually(lambda: copies(faults, names)[place.node] is None, 'quarantine')
    assert client.get('/'.join(names[1:])).body == b'sound'


def test_device_that_is_away_is_507_and_back_again(faults, client, names):
    place = faults.primaries(*names)[0]
    with faults.unmounted(place.node):
        assert direct(place, names)[0] == 507
        assert client.get('/'.join(names[1:])).body == b'sound'
    assert direct(place, names) == (200, b'sound')
