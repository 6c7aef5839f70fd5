"""A primary that was away, or got a new disk, has everything after one pass of the replicators."""
import pytest

from test.support.client import Client
from test.support.converge import at_once, check_database, check_object, held, replicate
from test.support.faults import copies, differences
from test.support.service import eventually


@pytest.fixture
def account(saio):
    """A function that asks something of a whole account, as the operator."""
    operator = Client(saio.auth_url, 'admin:admin', 'admin')

    def ask(method, name, **headers):
        named = {key.replace('_', '-'): value for key, value in headers.items()}
        return operator.raw(method, f'/v1/{name}', headers={
            'X-Auth-Token': operator.token, **named}).status
    return ask


def test_object_primary_was_down_during_create_update_and_delete(faults, client, container):
    def names(name):
        return client.account, container, name

    away = faults.primaries(*names('changed'))[0].node
    for name in ('changed', 'posted', 'deleted', 'untouched'):
        assert client.put(f'{container}/{name}', b'old').status == 201
    with faults.down('object', away):
        for name in ('changed', 'new', 'new too'):
            assert client.put(f'{container}/{name}', b'new').status == 201
        assert client.post(f'{container}/posted',
                           headers={'X-Object-Meta-Word': 'new'}).status == 202
        assert client.delete(f'{container}/deleted').status == 204
    assert differences(faults, names('changed')) != []
    assert held(faults.handoffs(*names('changed'))) != []
    replicate(faults, 'object')
    for name, body in {'changed': b'new', 'new': b'new', 'new too': b'new', 'posted': b'old',
                       'untouched': b'old', 'deleted': None}.items():
        check_object(faults, names(name), body)
    assert all(dict(copy.metadata)['X-Object-Meta-Word'] == 'new'
               for copy in copies(faults, names('posted')).values())


def test_container_primary_was_down_during_create_update_and_delete(faults, client, container):
    away = faults.primaries(client.account, container)[0].node
    gone, new = (_container_on(faults, client, f'{container}-{word}', away)
                 for word in ('gone', 'new'))
    assert client.put(gone).status == 201
    for name in ('kept', 'deleted'):
        assert client.put(f'{container}/{name}', b'old').status == 201
    with faults.down('container', away):
        assert client.put(new, headers={'X-Container-Meta-Word': 'a'}).status == 201
        assert client.put(f'{new}/o', b'1').status == 201
        assert client.post(container, headers={'X-Container-Meta-Word': 'b'}).status == 204
        assert client.put(f'{container}/new', b'1').status == 201
        assert client.delete(f'{container}/deleted').status == 204
        assert client.delete(gone).status == 204
    assert held(faults.handoffs(client.account, new)) != []
    assert all(differences(faults, (client.account, name)) for name in (container, gone, new))
    replicate(faults, 'container')
    for name in (container, gone, new):
        check_database(faults, (client.account, name))
    assert client.get(container).lines == ['kept', 'new']
    assert client.head(new).header('X-Container-Meta-Word') == 'a'
    assert client.get(gone).status == 404
    at_once(faults, 'object-updater')
    assert faults.async_pendings() == []
    check_database(faults, (client.account, container))


def _container_on(faults, client, stem, node):
    """Return a name that begins with `stem`, of a container that has a replica on the node."""
    return next(name for name in (f'{stem}{number}' for number in range(100))
                if node in [place.node for place in faults.primaries(client.account, name)])


def test_account_primary_was_down_during_create_update_and_delete(
        faults, client, container, account):
    away = faults.primaries('AUTH_changed')[0].node
    gone, new = (next(name for name in (f'AUTH_{word}{number}' for number in range(100))
                      if away in [place.node for place in faults.primaries(name)])
                 for word in ('gone', 'new'))
    for name in ('AUTH_changed', gone):
        assert account('PUT', name) == 201
    for name in ('kept', 'deleted'):
        assert account('PUT', f'AUTH_changed/{name}') == 201
    with faults.down('account', away):
        assert account('PUT', new, X_Account_Meta_Word='a') == 201
        assert account('POST', 'AUTH_changed', X_Account_Meta_Word='b') == 204
        assert account('PUT', 'AUTH_changed/new') == 201
        assert account('DELETE', 'AUTH_changed/deleted') == 204
        assert account('DELETE', gone) == 204
    assert held(faults.handoffs(new)) != []
    assert all(differences(faults, (name,)) for name in ('AUTH_changed', gone, new))
    replicate(faults, 'account')
    for name in ('AUTH_changed', gone, new):
        check_database(faults, (name,))
    assert account('HEAD', 'AUTH_changed') == 204
    assert account('HEAD', gone) == 410


def test_everything_is_rebuilt_on_a_replaced_device(faults, client, container):
    names = client.account, container, 'o0'
    objects = [(client.account, container, f'o{number}') for number in range(5)]
    for each in objects:
        assert client.put('/'.join(each[1:]), each[2].encode()).status == 201
    assert client.delete(f'{container}/o4').status == 204
    node = faults.primaries(*names)[0].node
    before = {each: copies(faults, each) for each in (names[:1], names[:2], *objects)}
    faults.wipe(node)
    assert copies(faults, names)[node] is None
    replicate(faults)
    assert {each: copies(faults, each) for each in before} == before
    for each in objects[:4]:
        check_object(faults, each, each[2].encode())
    check_object(faults, objects[4], None)
    check_database(faults, names[:2])
    check_database(faults, names[:1])


def test_expired_and_deleted_objects_stay_away_when_a_node_comes_back(
        faults, client, container):
    objects = [(client.account, container, f'{word}{number}')
               for word in ('expired', 'deleted') for number in range(2)]
    for each in objects:
        headers = {'X-Delete-After': '1'} if each[2].startswith('expired') else {}
        assert client.put('/'.join(each[1:]), b'x', headers=headers).status == 201
    away = faults.primaries(*objects[0])[0].node
    with faults.down('object', away):
        for each in objects[2:]:
            assert client.delete('/'.join(each[1:])).status == 204
        eventually(lambda: [client.get('/'.join(each[1:])).status for each in objects[:2]]
                   == [404, 404], 'expiry')
        at_once(faults, 'container-updater')     # the account learns of the expirer's queue
        faults.once('object-expirer', 1)
    assert 'data' in str(copies(faults, objects[0])[away])
    replicate(faults, 'object', 'container')
    for each in objects:
        check_object(faults, each, None)
        assert all('.ts' in copy.files[0] for copy in copies(faults, each).values())
    check_database(faults, (client.account, container))
    assert client.get(container).lines == []
