"""Two containers that are synchronised with each other, a pass of the daemon at a time.

The realm's only cluster is this one, so both containers are here; what goes between them goes
through the proxy's front door, signed.
"""
import json
import uuid

import pytest

from swift.cli.saio.configs import REALM, REALM_CLUSTER
from swift.common.cluster import Cluster
from swift.common.internal_client import InternalClient

KEY = 'secret of the owners'
PASSES_MAX = 8


@pytest.fixture(scope='module')
def sync_pass(saio):
    """sync_pass(): one pass on all nodes."""
    assert saio.swift_init('container-sync', 'stop').returncode == 0

    def run():
        # Of all nodes, though the cluster itself starts only the first one's daemon.
        done = saio.swift_init('container-sync', 'once')
        assert done.returncode == 0, done.stdout + done.stderr

    yield run
    assert saio.swift_init('container-sync.1', 'start').returncode == 0


@pytest.fixture
def sync_until(sync_pass):
    """sync_until(condition): passes until it holds; on a busy machine rows may come late."""

    def run(condition):
        for _ in range(PASSES_MAX):
            sync_pass()
            if condition():
                return
        raise AssertionError(f'not after {PASSES_MAX} passes')

    return run


@pytest.fixture
def pair(client, stranger):
    """Names of two containers, of two accounts, that have a key."""
    names = [f'sync-{uuid.uuid4().hex[:12]}' for _ in range(2)]
    for user, name in zip((client, stranger), names, strict=True):
        assert user.put(name, headers={'X-Container-Sync-Key': KEY}).status == 201
    yield names
    for user, name in zip((client, stranger), names, strict=True):
        for entry in user.get(name, query='?format=json').json():
            user.delete(f'{name}/{entry["name"]}')
        user.delete(name)


def point(user, name, target_user, target):
    value = f'//{REALM}/{REALM_CLUSTER}/{target_user.account}/{target}'
    assert user.post(name, headers={'X-Container-Sync-To': value}).status == 204


def listed(user, name):
    return sorted((entry['name'], entry['bytes'], entry['hash'], entry['content_type'])
                  for entry in json.loads(user.get(name, query='?format=json').body))


def facts(user, path):
    answer = user.get(path)
    return answer.status, answer.body, {
        name: answer.header(name) for name in (
            'Etag', 'Content-Type', 'X-Timestamp', 'X-Object-Meta-Colour', 'Content-Encoding')}


def test_what_is_in_one_container_comes_into_the_other(client, stranger, sync_until, pair):
    here, there = pair
    point(client, here, stranger, there)
    for number in range(12):
        client.put(f'{here}/o{number}', f'body {number}'.encode(), headers={
            'Content-Type': 'text/x; a=b', 'X-Object-Meta-Colour': 'blü'.encode()})
    client.put(f'{here}/ä ?%/x', b'', headers={'Content-Encoding': 'gzip'})
    client.put(f'{here}/large', b'x' * 300000)
    sync_until(lambda: listed(stranger, there) == listed(client, here)
               and len(listed(client, here)) == 14)
    for name in ('o3', 'ä ?%/x', 'large'):
        assert facts(stranger, f'{there}/{name}') == facts(client, f'{here}/{name}')
    client.delete(f'{here}/o3')
    assert client.post(f'{here}/o4', headers={'X-Object-Meta-Colour': 'red'}).status == 202
    client.put(f'{here}/o5', b'new')
    sync_until(lambda: stranger.get(f'{there}/o3').status == 404 and all(
        facts(stranger, f'{there}/{name}') == facts(client, f'{here}/{name}')
        for name in ('o4', 'o5')))


def test_both_ways_the_newest_wins_and_nothing_goes_round(client, stranger, sync_until, sync_pass,
                                                          pair):
    here, there = pair
    point(client, here, stranger, there)
    point(stranger, there, client, here)
    client.put(f'{here}/same', b'older')
    stranger.put(f'{there}/same', b'newer')
    client.put(f'{here}/mine', b'1')
    stranger.put(f'{there}/yours', b'22')
    sync_until(lambda: [name for name, *_rest in listed(client, here)] == ['mine', 'same', 'yours']
               and listed(stranger, there) == listed(client, here)
               and client.get(f'{here}/same').body == b'newer')
    before = facts(client, f'{here}/same')
    assert before[1] == b'newer' and before == facts(stranger, f'{there}/same')
    sync_pass()
    assert facts(client, f'{here}/same') == before == facts(stranger, f'{there}/same')


def test_the_old_way_keeps_times_too(client, stranger, sync_until, pair, saio):
    here, there = pair
    url = f'{saio.layout.endpoint}/v1/{stranger.account}/{there}'
    assert client.post(here, headers={'X-Container-Sync-To': url}).status == 204
    client.put(f'{here}/o', b'body')
    sync_until(lambda: facts(stranger, f'{there}/o') == facts(client, f'{here}/o'))
    client.delete(f'{here}/o')
    sync_until(lambda: stranger.get(f'{there}/o').status == 404)


def test_nothing_arrives_with_another_key(client, stranger, sync_until, sync_pass, pair):
    here, there = pair
    point(client, here, stranger, there)
    assert stranger.post(there, headers={'X-Container-Sync-Key': 'other'}).status == 204
    client.put(f'{here}/o', b'body')
    sync_pass()
    assert stranger.get(f'{there}/o').status == 404
    # With the right one what was refused is caught up on.
    assert stranger.post(there, headers={'X-Container-Sync-Key': KEY}).status == 204
    sync_until(lambda: stranger.get(f'{there}/o').body == b'body')


def test_another_target_gets_everything(client, stranger, sync_until, pair):
    here, there = pair
    point(client, here, stranger, there)
    client.put(f'{here}/o', b'body')
    sync_until(lambda: stranger.get(f'{there}/o').status == 200)
    third = f'{here}-third'
    assert client.put(third, headers={'X-Container-Sync-Key': KEY}).status == 201
    point(client, here, client, third)
    sync_until(lambda: facts(client, f'{third}/o') == facts(client, f'{here}/o'))
    client.delete(f'{third}/o')
    client.delete(third)


def test_info_names_the_realm(client):
    info = client.raw('GET', '/info').json()
    assert info['container_sync'] == {'realms': {REALM.upper(): {'clusters': {
        REALM_CLUSTER.upper(): {'current': True}}}}}


def test_operators_read_how_far_it_came(client, stranger, sync_until, pair, saio):
    here, there = pair
    point(client, here, stranger, there)
    client.put(f'{here}/o', b'body')
    cluster = Cluster.load(saio.layout.etc)
    part, nodes = cluster.container_ring.get_nodes(client.account, here)
    devices = {saio.layout.ip(node): saio.layout.devices_root(node)
               for node in saio.layout.node_numbers}
    hash_ = cluster.hash_path(client.account, here)

    def points(node):
        path = (f'{devices[node.ip]}/{node.device}/containers/{part}/{hash_[-3:]}/{hash_}/'
                f'{hash_}.db')
        done = saio.program('swift-container-info', path)
        assert done.returncode == 0, done.stderr
        return [int(line.split()[-1]) for line in done.stdout.splitlines()
                if 'Sync-Point' in line]

    sync_until(lambda: [points(node) for node in nodes] == [[1, 1]] * len(nodes))


def test_deleted_containers_are_left_alone(client, stranger, sync_pass, saio):
    name = f'sync-{uuid.uuid4().hex[:12]}'
    assert client.put(name, headers={'X-Container-Sync-Key': KEY}).status == 201
    point(client, name, stranger, 'nowhere')
    assert client.delete(name).status == 204
    sync_pass()
    internal = InternalClient(f'{saio.layout.etc}/internal-client.conf', 'test', 1)
    assert not internal.container_exists(client.account, name)
