"""What clients are told while servers of one kind are dead: sheet 04, sections 10.6 and 11."""

import contextlib

import pytest

from swift.common.cluster import Cluster

DEFAULT_503_SIZE = 118


@contextlib.contextmanager
def dead(saio, kind: str, nodes):
    """Servers of a kind on some nodes are stopped meanwhile, and forgiven afterwards."""
    try:
        for node in nodes:
            assert saio.swift_init(f'{kind}-server.{node}', 'stop').returncode == 0
        yield
    finally:
        for node in nodes:
            saio.swift_init(f'{kind}-server.{node}', 'start')
        # Proxies leave nodes with errors alone for a minute: new ones know of none.
        assert saio.swift_init('proxy', 'restart').returncode == 0


@pytest.fixture
def stored(saio, client, container):
    """(path, nodes of its primaries, the node without it) of an object on three of four nodes."""
    path = f'{container}/o'
    assert client.put(path, b'old').status == 201
    ring = Cluster.load(saio.layout.etc).object_ring(0)
    _part, primaries = ring.get_nodes(client.account, *path.split('/'))
    nodes = [int(node.ip.rsplit('.', 1)[1]) for node in primaries]
    (other,) = set(saio.layout.node_numbers) - set(nodes)
    return path, nodes, other


def test_one_dead_object_server_is_not_noticed(saio, client, stored):
    path, nodes, _ = stored
    with dead(saio, 'object', nodes[:1]):
        assert client.put(path, b'new').status == 201
        assert client.get(path).body == b'new'
        assert client.post(path, headers={'X-Object-Meta-A': '1'}).status == 202
        assert client.get(path + '-none').status == 404
        assert client.delete(path).status == 204


@pytest.mark.parametrize('size', [3, 200000])
def test_one_living_object_server_serves_and_takes_nothing(saio, client, stored, size):
    path, nodes, other = stored
    with dead(saio, 'object', [*nodes[1:], other]):
        answer = client.put(path, b'x' * size)
        assert (answer.status, len(answer.body)) == (503, DEFAULT_503_SIZE)
        assert client.get(path).body == b'old'
        assert client.post(path).status == 503


def test_without_object_servers_everything_is_503(saio, client, stored):
    path, _, _ = stored
    with dead(saio, 'object', saio.layout.node_numbers):
        for method in ('GET', 'PUT', 'POST', 'DELETE'):
            answer = client.request(method, path, b'x' if method == 'PUT' else None)
            assert (answer.status, len(answer.body)) == (503, DEFAULT_503_SIZE), method
        assert client.head(path).status == 503
        assert client.get(path.partition('/')[0]).body == b'o\n'
    assert client.get(path).body == b'old'


def test_without_container_servers_objects_cannot_be_reached(saio, client, container):
    client.put(f'{container}/o', b'x')
    client.post(container)  # nobody shall answer from the cache
    with dead(saio, 'container', saio.layout.node_numbers):
        for path in (container, f'{container}/o'):
            for method in ('GET', 'PUT', 'POST', 'DELETE'):
                body = b'x' if method == 'PUT' else None
                assert client.request(method, path, body).status == 503, (method, path)
        assert container in client.get().lines
    assert client.get(f'{container}/o').body == b'x'
