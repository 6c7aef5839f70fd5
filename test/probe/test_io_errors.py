"""The disk of one node answers EIO: that node refuses, the others carry on, nothing is lost.

The errors are injected at the C library of the node's processes (test/support/io_errors.c), below
the interpreter, the C extension and SQLite; kernels of test machines seldom have dm-error.
"""
import pytest

from test.support.client import Client
from test.support.faults import Faults, copies, differences, direct
from test.support.io_errors import failing_disk
from test.support.saio import running_saio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NODE = 2
BODY = b'b' * 100_000                            # streamed: the proxy keeps no copy of it


@pytest.fixture(scope='module')
def disk(tmp_path_factory):
    folder = tmp_path_factory.mktemp('io')
    with running_saio(folder / 'saio') as saio:
        faults = Faults(saio)
        faults.quiet()
        with failing_disk(faults, NODE, folder) as failing:
            yield failing


@pytest.fixture
def client(disk):
    disk.faults.forgive()
    return Client(disk.faults.saio.auth_url)


@pytest.fixture
def names(disk, client, container):
    """An object that belongs on the failing disk, too."""
    faults = disk.faults
    name = next(f'o{number}' for number in range(100) if NODE in {
        place.node for place in faults.primaries(client.account, container, f'o{number}')})
    return client.account, container, name


def repair(faults):
    for daemon in ('object-updater', 'container-replicator', 'object-replicator',
                   'object-replicator'):
        faults.init(daemon, 'once')


def handoff_copies(faults, names):
    return [path for place in faults.handoffs(*names) if place.folder.exists()
            for path in place.folder.iterdir()]


def place_of(faults, names):
    return next(place for place in faults.primaries(*names) if place.node == NODE)


@pytest.mark.parametrize('body', [b'small', BODY], ids=['small', 'streamed'])
def test_writes_go_elsewhere_and_come_back(disk, client, names, body):
    faults, path = disk.faults, '/'.join(names[1:])
    with disk.failing('write'):
        assert client.put(path, body).status == 201
        assert client.get(path).body == body
        assert copies(faults, names)[NODE] is None, 'a file that may be lost has a name'
        assert client.put(path, body + b'2').status == 201
    repair(faults)
    assert differences(faults, names) == [] and handoff_copies(faults, names) == []
    assert direct(place_of(faults, names), names) == (200, body + b'2')


def test_delete_that_one_disk_does_not_take(disk, client, names):
    faults, path = disk.faults, '/'.join(names[1:])
    assert client.put(path, BODY).status == 201
    with disk.failing('write'):
        assert client.delete(path).status == 204
        assert direct(place_of(faults, names), names) == (200, BODY)
    faults.forgive()
    repair(faults)
    assert differences(faults, names) == []
    assert [file.rsplit('.')[-1] for file in copies(faults, names)[NODE].files] == ['ts']
    assert client.get(path).status == 404


@pytest.mark.parametrize('body', [b'small', BODY], ids=['small', 'streamed'])
def test_reads_come_from_others_and_nothing_is_thrown_away(disk, client, names, body):
    faults, path = disk.faults, '/'.join(names[1:])
    assert client.put(path, body).status == 201
    before = faults.quarantined()
    with disk.failing('read'):
        for _attempt in range(6):                # some of them begin with the failing node
            answer = client.get(path)
            assert (answer.status, answer.body) == (200, body)
        assert direct(place_of(faults, names), names)[0] // 100 == 5
    assert faults.quarantined() == before, 'an I/O error says nothing about the bytes'
    assert direct(place_of(faults, names), names) == (200, body)


def test_rows_that_a_failing_database_does_not_take_wait(disk, client, container, names):
    faults = disk.faults
    if NODE not in {place.node for place in faults.primaries(*names[:2])}:
        container = next(f'{container}-{number}' for number in range(100) if NODE in {
            place.node for place in faults.primaries(names[0], f'{container}-{number}')})
        assert client.put(container).status == 201
    with disk.failing('write'):
        assert client.put(f'{container}/row', b'12345').status == 201
        assert client.delete(f'{container}/none').status == 404
    assert faults.async_pendings() != []
    faults.forgive()
    repair(faults)
    assert faults.async_pendings() == []
    assert differences(faults, (names[0], container)) == []
    assert client.get(container).lines == ['row']


def test_replication_to_a_failing_disk_loses_nothing(disk, client, names):
    faults, path = disk.faults, '/'.join(names[1:])
    with faults.down('object', NODE):
        assert client.put(path, BODY).status == 201
    kept = handoff_copies(faults, names)
    # Let go once it is on all primaries only: one of them takes nothing.
    with disk.failing('write'):
        for node in set(faults.layout.node_numbers) - {NODE}:
            faults.saio.swift_init(f'object-replicator.{node}', 'once')
        disk.once('object-replicator')
    assert client.get(path).body == BODY
    assert len(kept) == len(handoff_copies(faults, names)) or copies(faults, names)[NODE]
    repair(faults)
    assert differences(faults, names) == [] and handoff_copies(faults, names) == []


def test_replication_from_a_failing_disk_hurts_nobody(disk, client, names):
    faults, path = disk.faults, '/'.join(names[1:])
    assert client.put(path, BODY).status == 201
    before = faults.files('quarantined/objects/*')
    good = copies(faults, names)
    with disk.failing('read'):
        disk.once('object-replicator')
        disk.once('container-replicator')
        for node in set(faults.layout.node_numbers) - {NODE}:
            faults.saio.swift_init(f'object-replicator.{node}', 'once')
    assert copies(faults, names) == good
    assert faults.files('quarantined/objects/*') == before
    # Databases that cannot be read go to quarantine and are fetched from the others.
    repair(faults)
    assert differences(faults, names) == []
    assert differences(faults, names[:2]) == []
