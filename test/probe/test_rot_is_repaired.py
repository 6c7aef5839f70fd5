"""Damage on a disk is found by the auditors, quarantined, and made good by the replicators."""
import pytest

from test.support.converge import at_once, check_database, check_object, replicate
from test.support.faults import copies, cut, differences, rot, rot_metadata


def newly_quarantined(faults, node, before):
    """Return the hashes of what was put into quarantine since; one that was there has a suffix."""
    return sorted(name[:32] for name in {path.name for path in faults.quarantined(node)} - before)


@pytest.mark.parametrize('damage', [rot, rot_metadata, cut], ids=['data', 'xattr', 'length'])
def test_damaged_object_is_found_and_restored(faults, names, damage):
    place = faults.primaries(*names)[1]
    before = {path.name for path in faults.quarantined(place.node)}
    sound = copies(faults, names)
    damage(next(place.folder.glob('*.data')))
    faults.once('object-auditor', place.node)
    assert newly_quarantined(faults, place.node, before) == [place.folder.name]
    assert copies(faults, names)[place.node] is None
    replicate(faults, 'object')
    assert copies(faults, names) == sound
    check_object(faults, names, b'sound')


@pytest.mark.parametrize('kind', ['container', 'account'])
@pytest.mark.parametrize('page', [0, 1], ids=['head', 'page'])
def test_damaged_database_is_found_and_restored(faults, client, names, kind, page):
    names = names[:2] if kind == 'container' else names[:1]
    sound = copies(faults, names)
    assert differences(faults, names) == []
    place = faults.primaries(*names)[1]
    before = {path.name for path in faults.quarantined(place.node)}
    (database,) = place.folder.glob('*.db')
    for at in range(16):
        rot(database, 4096 * page + at)
    faults.once(f'{kind}-auditor', place.node)
    assert newly_quarantined(faults, place.node, before) == [place.folder.name]
    assert not place.folder.exists()
    replicate(faults, kind)
    assert copies(faults, names) == sound
    check_database(faults, names)


def test_damaged_pending_records_come_back_from_other_replicas(faults, client, names):
    """What only the log of one replica had: an object's row, and a container's."""
    for each in (names[:2], names[:1]):
        copies(faults, each)                     # merges what is in the logs by now
    assert client.put(f'{names[1]}/late', b'x').status == 201
    assert client.put(f'{names[1]}-late').status == 201
    for each in (names[:2], names[:1]):
        (log,) = faults.primaries(*each)[1].folder.glob('*.pending')
        assert log.stat().st_size
        for at in range(log.stat().st_size):
            rot(log, at)
    at_once(faults, 'container-auditor', 'account-auditor')
    for each, row in ((names[:2], "'late'"), (names[:1], f"'{names[1]}-late'")):
        found = [row in str(copy.rows) for copy in copies(faults, each).values()]
        assert found == [True, False, True]
    replicate(faults, 'container', 'account')
    for each in (names[:2], names[:1]):
        check_database(faults, each)
    assert client.get(names[1]).lines == ['late', 'o']


def test_damaged_async_pending_is_quarantined_and_its_row_comes_by_replication(
        faults, client, container):
    away = faults.primaries(client.account, container)[0].node
    with faults.down('container', away):
        assert client.put(f'{container}/o', b'x').status == 201
    (pending,) = faults.async_pendings()
    for at in range(pending.stat().st_size):
        rot(pending, at)
    at_once(faults, 'object-updater')
    assert faults.async_pendings() == []
    assert pending.name in [path.name for path in faults.files('quarantined/**/*')]
    assert differences(faults, (client.account, container)) != []
    replicate(faults, 'container')
    check_database(faults, (client.account, container))
