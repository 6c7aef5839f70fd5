"""Expirer, reaper and reconciler on a real cluster, a pass at a time.

Times in the past are written through a proxy of our own without gatekeeper, so that nothing has
to be waited for.
"""
import json
import time
import uuid
from io import BytesIO
from pathlib import Path

import pytest

from swift.cli.saio.cluster import DAEMONS
from swift.common.cluster import Cluster
from swift.common.direct_client import DirectClient, DirectError
from swift.common.http.pool import ConnectionPool
from swift.common.internal_client import InternalClient
from swift.core.expiring import queue_object
from swift.core.hashing import expirer_container
from swift.core.timestamp import Timestamp
from test.support.client import Client

QUEUE = '.expiring_objects'


class Backend:
    """The cluster without its front door."""

    def __init__(self, saio):
        self.saio = saio
        self.cluster = Cluster.load(saio.layout.etc)
        self.direct = DirectClient(ConnectionPool())
        self.client = InternalClient(f'{saio.layout.etc}/internal-client.conf', 'test', 1)

    def once(self, *daemons):
        for daemon in daemons:
            done = self.saio.swift_init(daemon, 'once')
            assert done.returncode == 0, done.stdout + done.stderr

    def put(self, names, body=b'x', **headers):
        self.client.upload_object(BytesIO(body), *names, {
            'Content-Length': str(len(body)), 'Content-Type': 'text/x',
            **{name.replace('_', '-'): str(value) for name, value in headers.items()}},
            environ={'swift.content_type_overridden': True})

    def settle(self):
        """Bring all rows home: of objects to containers, of containers to accounts."""
        self.once('object-updater', 'container-updater')

    def copies(self, names, policy_index=0):
        """Return what each primary says about an object: (status, its newest time)."""
        part, nodes = self.cluster.object_ring(policy_index).get_nodes(*names)
        said = []
        for node in nodes:
            try:
                headers = self.direct.head_object(node, part, names, {
                    'X-Backend-Storage-Policy-Index': str(policy_index),
                    'X-Backend-Open-Expired': 'true'})
                said.append((200, headers['X-Backend-Timestamp']))
            except DirectError as err:
                said.append((err.status, err.headers.get('X-Backend-Timestamp')))
        return said

    def rows(self, account, container):
        """Return the names in a container as each of its servers lists them."""
        part, nodes = self.cluster.container_ring.get_nodes(account, container)
        return [[row['name'] for row in self.listing(node, part, account, container)]
                for node in nodes]

    def listing(self, node, part, account, container):
        try:
            return self.direct.get_container(node, part, account, container)[1]
        except DirectError as err:
            assert err.status == 404
            return []


@pytest.fixture(scope='module')
def backend(saio):
    assert saio.swift_init(*DAEMONS, 'stop').returncode == 0
    yield Backend(saio)
    assert saio.swift_init(*DAEMONS, 'start').returncode == 0


@pytest.fixture
def past():
    """A time well before now, different for every test."""
    return int(time.time()) - 5000


# -- expirer ---------------------------------------------------------------------------------------

def queue_place(backend, names, delete_at):
    where = expirer_container(backend.cluster.hash_path(*names), delete_at)
    return where, queue_object(delete_at, *names)


def test_an_expired_object_goes_with_its_rows(backend, client, container, past):
    names = (client.account, container, 'gone/ö')
    backend.put(names, X_Timestamp=past, X_Delete_At=past + 100)
    where, row = queue_place(backend, names, past + 100)
    backend.settle()
    assert all(row in rows for rows in backend.rows(QUEUE, where))
    assert client.get(f'{container}/gone/ö').status == 404
    assert all(status == 200 for status, _time in backend.copies(names))
    backend.once('object-expirer')
    backend.settle()
    assert backend.copies(names) == [(404, Timestamp(past + 100).internal)] * 3
    assert not any(row in rows for rows in backend.rows(QUEUE, where))
    assert client.get(container).lines == []
    recon = json.loads(Path(backend.saio.layout.cache(1), 'object.recon').read_text())
    assert recon['expired_last_pass'] >= 1 and recon['object_expiration_pass'] >= 0


def test_an_empty_task_container_goes_too(backend, client, container, past):
    names = (client.account, container, 'o')
    backend.put(names, X_Timestamp=past - 90000, X_Delete_At=past - 86400)
    where, _row = queue_place(backend, names, past - 86400)
    backend.settle()
    backend.once('object-expirer', 'object-expirer')
    backend.settle()
    assert where not in [entry['name'] for entry in backend.client.iter_containers(QUEUE)]


@pytest.mark.parametrize('change', ['later', 'never', 'put again', 'sooner'])
def test_an_old_row_does_not_delete_an_object_whose_time_was_changed(
        backend, client, container, past, change):
    names = (client.account, container, 'o')
    backend.put(names, X_Timestamp=past, X_Delete_At=past + 100)
    backend.once('container-updater')
    if change == 'put again':
        backend.put(names, b'new', X_Timestamp=past + 200)
    else:
        headers = {'X-Timestamp': str(past + 50)}
        if change != 'never':
            headers['X-Delete-At'] = str(past + (100000 if change == 'later' else 60))
        backend.client.set_object_metadata(*names, headers)
    # The object updater did not run: the old row is still in the queue.
    where, row = queue_place(backend, names, past + 100)
    assert all(row in rows for rows in backend.rows(QUEUE, where))
    backend.once('object-expirer')
    expected = {404} if change == 'sooner' else {200}
    assert {status for status, _time in backend.copies(names)} == expected
    if change != 'sooner':
        assert client.get(f'{container}/o').status == 200


def test_a_row_whose_object_is_unknown_is_given_up_after_the_reclaim_age(backend, container, past):
    account = f'AUTH_{uuid.uuid4().hex}'
    rows = []
    for delete_at in (past, past - 700000):
        names = (account, container, 'never')
        where, row = queue_place(backend, names, delete_at)
        part, nodes = backend.cluster.container_ring.get_nodes(QUEUE, where)
        for node in nodes:
            backend.direct.put_container_object(node, part, (QUEUE, where, row), {
                'X-Size': '0', 'X-Content-Type': 'text/plain', 'X-Etag': 'x',
                'X-Backend-Storage-Policy-Index': '0', 'X-Timestamp': str(past - 800000)})
        rows.append((where, row))
    backend.settle()
    backend.once('object-expirer')
    kept, dropped = [any(row in names for names in backend.rows(QUEUE, where))
                     for where, row in rows]
    assert kept and not dropped


def test_what_is_marked_for_deletion_is_deleted(backend, client, container, past):
    """As a bulk deletion asks for it: by a row with the time of the mark."""
    for name, at in (('old', past), ('young', past + 200)):
        backend.put((client.account, container, name), X_Timestamp=at)
    mark = Timestamp(past + 100.5)
    for name in ('old', 'young', 'none'):
        where = expirer_container(
            backend.cluster.hash_path(client.account, container, name), int(mark))
        row = f'{mark.internal}-{client.account}/{container}/{name}'
        part, nodes = backend.cluster.container_ring.get_nodes(QUEUE, where)
        for node in nodes:
            backend.direct.put_container_object(node, part, (QUEUE, where, row), {
                'X-Size': '0', 'X-Content-Type': 'application/async-deleted', 'X-Etag': 'x',
                'X-Backend-Storage-Policy-Index': '0', 'X-Timestamp': mark.internal})
    backend.settle()
    backend.once('object-expirer')
    assert client.get(f'{container}/old').status == 404
    assert client.get(f'{container}/young').status == 200
    assert not any(row.endswith('/none') for rows in backend.rows(QUEUE, where) for row in rows)



def test_expirer_deletes_the_segments_of_large_objects(backend, client, container):
    for name in ('seg/1', 'seg/2', 'other'):
        assert client.put(f'{container}/{name}', b'x').status == 201
    entries = [{'path': f'{container}/seg/{number}'} for number in (1, 2)]
    assert client.put(f'{container}/large', json.dumps(entries),
                      query='?multipart-manifest=put').status == 201
    assert client.delete(f'{container}/large',
                         query='?multipart-manifest=delete&async=on').status == 204
    assert client.get(f'{container}/large').status == 404
    assert client.get(f'{container}/seg/1').status == 200
    # The account of the queue has to hear of its new container first.
    backend.settle()
    backend.once('object-expirer')
    assert [client.get(f'{container}/{name}').status for name in ('seg/1', 'seg/2', 'other')] == [
        404, 404, 200]


# -- reaper ----------------------------------------------------------------------------------------

def test_a_deleted_account_is_emptied(backend, admin):
    account = f'AUTH_{uuid.uuid4().hex}'
    owner = Client(admin.auth_url, admin.user, admin.key)
    owner.storage_path = f'/v1/{account}'
    objects = [(c, o) for c in ('a', 'b', 'c ö', 'd') for o in ('1', 'x/y', 'ü')]
    for name in ('a', 'b', 'c ö', 'd', 'empty'):
        policy = 'silver' if name == 'b' else 'gold'
        assert owner.put(name, headers={'X-Storage-Policy': policy}).status == 201
    for name, obj in objects:
        assert owner.put(f'{name}/{obj}', b'x').status == 201
    backend.settle()
    backend.once('account-reaper')
    assert owner.get('a/1').status == 200
    assert owner.request('DELETE', '').status == 204
    backend.once('account-reaper')
    for name, obj in objects:
        index = 1 if name == 'b' else 0
        assert {status for status, _time in backend.copies((account, name, obj), index)} == {404}
    for name in ('a', 'b', 'c ö', 'd', 'empty'):
        assert backend.rows(account, name) == [[], [], []]
    backend.settle()
    part, nodes = backend.cluster.account_ring.get_nodes(account)
    for node in nodes:
        with pytest.raises(DirectError) as caught:
            backend.direct.get_account(node, part, account)
        assert caught.value.status == 404
        assert caught.value.headers['X-Account-Status'] == 'Deleted'


# -- reconciler ------------------------------------------------------------------------------------

def misplace(backend, names, at, body=b'misplaced', **headers):
    """Write an object into policy 1 and queue it as the container replicator does."""
    backend.put(names, body, X_Timestamp=at, X_Backend_Storage_Policy_Index=1, **headers)
    return enqueue(backend, names, at)


def enqueue(backend, names, at, *more):
    done = backend.saio.program('swift-reconciler-enqueue', '1', '/' + '/'.join(names),
                                Timestamp(at).internal, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def queued(backend, container, names):
    name = '1:/' + '/'.join(names)
    return any(name in rows for rows in backend.rows('.misplaced_objects', container))


def reconcile(backend):
    backend.settle()
    backend.once('container-reconciler')


def test_a_misplaced_object_is_moved(backend, client, container, past):
    names = (client.account, container, 'wrong/ö')
    where = misplace(backend, names, past, X_Object_Meta_Color='blue',
                     X_Object_Sysmeta_Hidden='yes')
    assert client.get(f'{container}/wrong/ö').status == 404
    assert queued(backend, where, names)
    reconcile(backend)
    answer = client.get(f'{container}/wrong/ö')
    assert (answer.status, answer.body) == (200, b'misplaced')
    assert answer.header('X-Object-Meta-Color') == 'blue'
    assert answer.header('Content-Type') == 'text/x'
    assert backend.copies(names) == [(200, Timestamp(past, offset=3).internal)] * 3
    assert backend.copies(names, 1) == [(404, Timestamp(past, offset=1).internal)] * 2
    assert backend.client.get_object_metadata(*names, 'x-object-sysmeta-') == {'hidden': 'yes'}
    assert not queued(backend, where, names)
    assert client.get(container).lines == ['wrong/ö']


def test_the_newest_wins(backend, client, container, past):
    names = (client.account, container, 'o')
    backend.put(names, b'newer', X_Timestamp=past + 10)
    where = misplace(backend, names, past)
    reconcile(backend)
    assert client.get(f'{container}/o').body == b'newer'
    assert {status for status, _time in backend.copies(names, 1)} == {404}
    assert not queued(backend, where, names)
    where = misplace(backend, names, past + 20, b'newest')
    reconcile(backend)
    assert client.get(f'{container}/o').body == b'newest'
    assert not queued(backend, where, names)


def test_a_misplaced_deletion_is_carried_over(backend, client, container, past):
    names = (client.account, container, 'o')
    backend.put(names, b'old', X_Timestamp=past)
    backend.client.delete_object(*names, {'X-Timestamp': str(past + 10),
                                          'X-Backend-Storage-Policy-Index': '1'})
    where = enqueue(backend, names, past + 10, '--op', 'DELETE')
    reconcile(backend)
    assert backend.copies(names) == [(404, Timestamp(past + 10, offset=3).internal)] * 3
    assert not queued(backend, where, names)


def test_an_expired_misplaced_object_is_moved_and_then_expires(backend, client, container, past):
    names = (client.account, container, 'o')
    where = misplace(backend, names, past, X_Delete_At=past + 100)
    reconcile(backend)
    assert [status for status, _time in backend.copies(names)] == [200, 200, 200]
    assert not queued(backend, where, names)
    backend.settle()
    backend.once('object-expirer')
    assert {status for status, _time in backend.copies(names)} == {404}


def test_a_large_object_keeps_its_size_in_listings(backend, client, container, past):
    names = (client.account, container, 'manifest')
    misplace(backend, names, past, b'[]', X_Static_Large_Object='True',
             Content_Type='text/x;swift_bytes=12345')
    reconcile(backend)
    entry, = client.get(container, query='?format=json').json()
    assert entry['bytes'] == 12345


def test_a_lost_source_is_retried_until_the_reclaim_age(backend, client, container, past):
    young, old = ((client.account, container, name) for name in ('young', 'old'))
    waiting = enqueue(backend, young, past)
    lost = enqueue(backend, old, past - 700000)
    reconcile(backend)
    assert queued(backend, waiting, young) and not queued(backend, lost, old)
    log = Path(backend.saio.layout.log, 'reconciler.log').read_text()
    assert 'lost_source' in log and '/old' in log
    # Forced rows come back after they were popped.
    assert enqueue(backend, old, past - 700000, '--force') == lost
    assert queued(backend, lost, old)
    backend.put(young, b'late', X_Timestamp=past, X_Backend_Storage_Policy_Index=1)
    reconcile(backend)
    assert client.get(f'{container}/young').body == b'late'


@pytest.mark.parametrize('words, reason', [
    (['7', '/a/c/o', '1'], 'ERROR: invalid storage policy index: 7'),
    (['x', '/a/c/o', '1'], 'ERROR: invalid storage policy index: x'),
    (['1', '/a/c', '1'], 'ERROR: Invalid path: /a/c'),
    (['1', '/a/c/o', 'now'], 'ERROR: ')])
def test_enqueue_refuses_nonsense(backend, words, reason):
    done = backend.saio.program('swift-reconciler-enqueue', *words)
    assert done.returncode == 1 and done.stderr.startswith(reason)
