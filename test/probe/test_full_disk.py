"""One of four disks is full: writes go elsewhere, and come back when there is room."""
import os

import pytest

from test.support.client import Client
from test.support.faults import Faults, copies, differences
from test.support.saio import running_saio
from test.support.small_disk import small_disk

NODE = 2


@pytest.fixture
def disk(tmp_path):
    """A cluster whose node 2 has a small disk; yields (faults, disk)."""
    with running_saio(tmp_path / 'saio') as saio:
        faults = Faults(saio)
        faults.quiet()
        with small_disk(faults.device(NODE), tmp_path / 'image') as small:
            yield faults, small
            faults.init('all', 'kill')


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason='needs root to mount a small file system')
def test_full_disk_is_passed_over_until_there_is_room(disk):
    faults, small = disk
    client = Client(faults.saio.auth_url)
    assert client.put('c').status == 201
    name = next(f'o{number}' for number in range(100) if NODE in {
        place.node for place in faults.primaries(client.account, 'c', f'o{number}')})
    names = (client.account, 'c', name)
    small.fill()
    assert client.put(f'c/{name}', b'x' * 100_000).status == 201
    assert copies(faults, names)[NODE] is None
    assert client.get(f'c/{name}').body == b'x' * 100_000
    small.make_room()
    faults.forgive()
    assert client.put(f'c/{name}', b'y').status == 201
    assert differences(faults, names) == []
