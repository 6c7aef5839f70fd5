"""Requests to single nodes in memory."""

import pytest

from swift.common.direct_client import DirectClient, DirectError
from swift.common.errors import ConnectFailed
from test.support.fake_backend import FakeNodes, StubCluster
from test.support.proxy import TickingClock

NAMES = ('a', 'c', 'o')


@pytest.fixture
def pool():
    return FakeNodes(3)


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def client(pool, pauses):
    return DirectClient(pool, TickingClock(), sleep=pauses.append)


@pytest.fixture
def cluster():
    return StubCluster(3)


def test_objects(client, cluster, pool):
    node = cluster.object_ring(0).get_part_nodes(0)[0]
    etag = client.put_object(node, 0, NAMES, b'body', {'X-Object-Meta-A': '1'})
    assert etag == '841a2d689ad86bd1611447453c22c6fc'
    headers, body = client.get_object(node, 0, NAMES)
    assert body == b'body' and headers['X-Object-Meta-A'] == '1'
    assert b''.join(client.iter_object(node, 0, NAMES)[1]) == b'body'
    client.post_object(node, 0, NAMES, {'X-Object-Meta-B': '2'})
    assert client.head_object(node, 0, NAMES)['X-Object-Meta-B'] == '2'
    client.delete_object(node, 0, NAMES)
    with pytest.raises(DirectError) as error:
        client.head_object(node, 0, NAMES)
    assert (error.value.status, error.value.host, error.value.port, error.value.device) == (
        404, '10.0.0.1', 6000, 'sd0')
    sent = pool.nodes[0].requests[0][3]
    assert sent['User-Agent'].startswith('direct-client ')
    assert sent['X-Backend-Allow-Reserved-Names'] == 'true' and sent['X-Timestamp']


def test_databases(client, cluster):
    node = cluster.container_ring.get_part_nodes(0)[1]
    client.put_container(node, 0, 'a', 'c', {'X-Container-Meta-A': '1'})
    client.post_container(node, 0, 'a', 'c', {'X-Container-Meta-B': '2'})
    headers = client.head_container(node, 0, 'a', 'c')
    assert headers['X-Container-Meta-A'] == '1' and headers['X-Container-Meta-B'] == '2'
    _headers, rows = client.get_container(node, 0, 'a', 'c', marker='x y', limit=5)
    assert rows == []
    client.delete_container(node, 0, 'a', 'c')
    with pytest.raises(DirectError, match='Container HEAD direct to 10.0.0.2:6001/sd1 gave'):
        client.head_container(node, 0, 'a', 'c')


def test_listing_query(client, cluster, pool):
    node = cluster.container_ring.get_part_nodes(0)[0]
    client.put_container(node, 0, 'a', 'c')
    client.get_container(node, 0, 'a', 'c', marker='x y', limit=5, prefix='')
    assert pool.nodes[0].requests[-1][2] == '/sd0/0/a/c?format=json&marker=x%20y&limit=5'


def test_accounts(client, cluster):
    node = cluster.account_ring.get_part_nodes(0)[0]
    with pytest.raises(DirectError):
        client.get_account(node, 0, 'a')
    with pytest.raises(DirectError):
        client.delete_account(node, 0, 'a')


def test_retry_pauses_and_gives_up(client, cluster, pool, pauses):
    node = cluster.object_ring(0).get_part_nodes(0)[0]
    client.put_object(node, 0, NAMES, b'x')
    pool.nodes[0].answers = [503, 500]
    tries, headers = client.retry(client.head_object, node, 0, NAMES)
    assert tries == 3 and pauses == [1.0, 2.0] and headers['Etag']
    pool.nodes[0].is_down = True
    with pytest.raises(ConnectFailed):
        client.retry(client.head_object, node, 0, NAMES, retries=1)


@pytest.mark.parametrize('status', [404, 507])
def test_retry_does_not_repeat_what_will_not_change(client, cluster, pool, pauses, status):
    node = cluster.object_ring(0).get_part_nodes(0)[0]
    pool.nodes[0].answers = [status]
    with pytest.raises(DirectError):
        client.retry(client.head_object, node, 0, NAMES)
    assert pauses == []
