"""One primary is down while clients write: what it missed reaches it by the updaters."""
import pytest

from test.support.faults import copies, cut, differences


@pytest.fixture
def primary(faults, client, container):
    """The node of the second replica of the test's container."""
    return faults.primaries(client.account, container)[1].node


def test_replicas_of_a_quiet_cluster_are_the_same(faults, client, container):
    assert client.put(f'{container}/o', b'body', headers={'X-Object-Meta-A': '1'}).status == 201
    for names in ((client.account, container), (client.account, container, 'o')):
        found = copies(faults, names)
        assert len(found) == 3 and None not in found.values()
        assert differences(faults, names) == []


def test_rows_of_puts_and_deletes_reach_a_container_that_was_down(
        faults, client, container, primary):
    names = (client.account, container)
    for name in ('kept', 'changed', 'deleted'):
        assert client.put(f'{container}/{name}', b'old').status == 201
    with faults.down('container', primary):
        assert client.put(f'{container}/new', b'new').status == 201
        assert client.put(f'{container}/changed', b'changed').status == 201
        assert client.delete(f'{container}/deleted').status == 204
        assert len(faults.async_pendings()) == 3
    assert differences(faults, names) != []
    faults.once('object-updater')
    assert faults.async_pendings() == []
    assert differences(faults, names) == []
    assert client.get(container).lines == ['changed', 'kept', 'new']


def test_account_that_was_down_learns_of_containers(faults, client, container):
    names = (client.account,)
    primary = faults.primaries(*names)[0].node
    with faults.down('account', primary):
        assert client.put(f'{container}-new').status == 201
        assert client.put(f'{container}-new/o', b'12345').status == 201
    assert differences(faults, names) != []
    faults.once('container-updater')
    assert differences(faults, names) == []


def test_object_of_a_primary_that_is_down_goes_to_a_handoff(faults, client, container):
    names = (client.account, container, 'o')
    first = faults.primaries(*names)[0]
    (handoff,) = faults.handoffs(*names)
    with faults.down('object', first.node):
        assert client.put(f'{container}/o', b'body').status == 201
        assert client.get(f'{container}/o').body == b'body'
    assert copies(faults, names)[first.node] is None
    assert [path.suffix for path in handoff.folder.iterdir()] == ['.data']


def test_damaged_async_pending_is_quarantined_and_the_others_are_sent(
        faults, client, container, primary):
    with faults.down('container', primary):
        for name in ('a', 'b'):
            assert client.put(f'{container}/{name}', b'x').status == 201
    bad, good = faults.async_pendings()
    cut(bad, 10)
    faults.once('object-updater')
    assert not bad.exists() and not good.exists()
    assert [path.name for path in faults.files('quarantined/**/*') if path.is_file()] == [bad.name]
    assert [client.get(f'{container}/{name}').body for name in ('a', 'b')] == [b'x', b'x']


def test_killed_server_takes_part_again_after_its_start(faults, client, container):
    names = (client.account, container, 'o')
    node = faults.primaries(*names)[2].node
    faults.kill('object', node)
    try:
        assert client.put(f'{container}/o', b'1').status == 201
    finally:
        faults.start('object', node)
        faults.forgive()
    assert client.put(f'{container}/o', b'2').status == 201
    assert differences(faults, names) == []


def test_wiped_device_takes_writes_and_hides_nothing(faults, client, container):
    names = (client.account, container, 'o')
    assert client.put(f'{container}/o', b'1').status == 201
    node = faults.primaries(*names)[0].node
    faults.wipe(node)
    assert client.get(f'{container}/o').body == b'1'
    assert copies(faults, names)[node] is None
    assert client.put(f'{container}/o', b'2').status == 201
    assert differences(faults, names) == []
