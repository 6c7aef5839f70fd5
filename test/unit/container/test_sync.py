"""container-sync: which rows go, what is asked of the other side, and how far a pass comes."""
import os
from types import SimpleNamespace

import pytest

from swift.common.clock import ManualClock
from swift.common.http.remote import RemoteAnswer, RemoteError
from swift.common.internal_client import UnexpectedResponse
from swift.common.swob import Response
from swift.container import sync_store
from swift.container.backend import ContainerBroker
from swift.container.sync import ContainerSync
from swift.container.sync_send import PAUSES_S
from swift.core import hashing
from swift.core.ring_lookup import Node
from swift.core.sync_signature import Signed
from test.support.brokers import T, container_broker, obj, put
from test.support.logs import RecordingLogger

URL = 'http://127.0.0.1:9/v1/b/d'
KEYS = {'X-Container-Sync-To': URL, 'X-Container-Sync-Key': 'secret'}


def node(device='sda1', ip='127.0.0.1', port=6201):
    return Node(id=0, region=1, zone=1, ip=ip, port=port, replication_ip=ip,
                replication_port=port, device=device, weight=1, meta='')


def hash_of(*names):
    return hashing.hash_path(b'', b'x', *names, True)


class Here:
    """The internal client: objects by name -> (headers, body), or an exception."""

    def __init__(self):
        self.objects = {}
        self.asked = []
        self.closed = 0

    def get_object(self, account, container, name, headers, params=''):
        self.asked.append((account, container, name, headers, params))
        found = self.objects.get(name)
        if found is None:
            raise UnexpectedResponse('Unexpected response: 404', Response(status=404))
        here = self

        class Body(list):
            def close(self):
                here.closed += 1

        return 200, found[0], Body([found[1]])


class There:
    """The other cluster: a plain store that can fail."""

    def __init__(self):
        self.objects = {}
        self.asked = []
        self.failing = {}           # (method, name) -> list of statuses or exceptions

    def request(self, method, url, headers, body=()):
        name = url.removeprefix(URL + '/')
        self.asked.append((method, name, dict(headers)))
        planned = self.failing.get((method, name))
        if planned:
            outcome = planned.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return RemoteAnswer(outcome, 'planned', {}, b'')
        if method == 'PUT':
            self.objects[name] = (headers, b''.join(body))
            return RemoteAnswer(201, 'Created', {}, b'')
        found = self.objects.pop(name, None) if method == 'DELETE' else self.objects.get(name)
        if found is None:
            return RemoteAnswer(404, 'Not Found', {}, b'')
        return RemoteAnswer(204, 'No Content', {'x-timestamp': found[0]['X-Timestamp']}, b'')

    @property
    def lines(self):
        return [f'{method} {name}' for method, name, _headers in self.asked]


class World:
    def __init__(self, tmp_path, nodes=None, metadata=KEYS, **conf):
        self.devices = tmp_path / 'node'
        self.broker = container_broker(self.devices)
        self.tell(metadata)
        self.here, self.there = Here(), There()
        self.slept = []
        nodes = [node()] if nodes is None else nodes
        ring = SimpleNamespace(get_nodes=lambda account, container: (1, nodes))
        cluster = SimpleNamespace(
            container_ring=ring, hash_path=lambda *names, raw_digest: hash_of(*names))
        self.clock = ManualClock()
        self.logger = RecordingLogger()
        self.daemon = ContainerSync(
            {'devices': str(self.devices), 'mount_check': 'false', 'bind_ip': '127.0.0.1',
             'bind_port': '6201', 'swift_dir': str(tmp_path), **conf}, self.logger,
            clock=self.clock, cluster=cluster, client=self.here, remote=self.there,
            sleep=self.slept.append)

    def tell(self, metadata, at=T[1]):
        self.broker.update_metadata({name: (value, at) for name, value in metadata.items()})
        info = self.broker.info()
        sync_store.update(self.broker.place, self.broker.path, info.metadata, info.is_deleted)

    def store(self, name, time=T[2], body=b'body', **more):
        put(self.broker, obj(name, time, size=len(body), **more))
        self.here.objects[name] = ({'X-Timestamp': time, 'Content-Length': str(len(body)),
                                    'Etag': '"e"', 'Date': 'd'}, body)

    def run(self):
        """Run a pass; return what was asked of the other side."""
        self.there.asked.clear()
        self.daemon.run_pass()
        return self.there.lines

    @property
    def points(self):
        info = self.broker.info()
        return info.x_container_sync_point1, info.x_container_sync_point2


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_new_row_is_sent_and_looked_at_once_more(world):
    world.store('o')
    assert world.run() == ['HEAD o', 'PUT o'] and world.points == (1, -1)
    headers, body = world.there.objects['o']
    assert body == b'body' and headers == {
        'X-Timestamp': T[2], 'Content-Length': '4', 'Etag': 'e', 'X-Container-Sync-Key': 'secret'}
    assert world.here.asked == [('AUTH_test', 'c', 'o', {
        'X-Newest': 'true', 'X-Backend-Storage-Policy-Index': '0'}, 'symlink=get')]
    assert world.here.closed == 1
    assert world.run() == ['HEAD o'] and world.points == (1, 1)
    assert world.run() == []
    assert world.daemon.counts == {'syncs': 3, 'puts': 1, 'deletes': 0, 'skips': 0, 'failures': 0}


def test_a_removal_is_sent_at_its_time(world):
    put(world.broker, obj('o', T[3], deleted=1))
    assert world.run() == ['DELETE o']
    assert world.there.asked[0][2] == {'X-Timestamp': T[3], 'X-Container-Sync-Key': 'secret'}
    assert world.daemon.counts['deletes'] == 1 and world.daemon.counts['failures'] == 0


def test_realms_sign(tmp_path):
    (tmp_path / 'container-sync-realms.conf').write_text(
        '[us]\nkey = k\nkey2 = l\ncluster_c1 = http://127.0.0.1:9/v1/\n')
    world = World(tmp_path, metadata={**KEYS, 'X-Container-Sync-To': '//us/C1/b/d'})
    world.store('ä o')
    assert world.run() == ['HEAD %C3%A4%20o', 'PUT %C3%A4%20o']
    for (method, name, headers), time in zip(world.there.asked, ('0', T[2]), strict=True):
        realm, nonce, signature = headers['X-Container-Sync-Auth'].split()
        assert realm == 'US' and 'X-Container-Sync-Key' not in headers
        assert signature == Signed(method, f'/v1/b/d/{name}', time, nonce).signature('k', 'secret')


@pytest.mark.parametrize('ordinal', [0, 1, 2])
def test_new_rows_are_shared_and_old_ones_are_everybodys(tmp_path, ordinal):
    nodes = [node(f'other{number}') for number in range(3)]
    nodes[ordinal] = node()
    world = World(tmp_path, nodes)
    names = [f'o{number}' for number in range(20)]
    for name in names:
        world.store(name)
    mine = {name for name in names if int.from_bytes(
        hash_of('AUTH_test', 'c', name)[:4], 'big') % 3 == ordinal}
    assert 0 < len(mine) < 20
    assert {line.split()[1] for line in world.run()} == mine and world.points == (20, -1)
    assert {line.split()[1] for line in world.run()} == set(names) and world.points == (20, 20)


def test_what_the_other_side_has_is_not_sent(world):
    world.store('o')
    world.there.objects['o'] = ({'X-Timestamp': T[5]}, b'newer')
    assert world.run() == ['HEAD o'] and world.there.objects['o'][1] == b'newer'


def test_failures_are_caught_up_on_and_nothing_behind_them_is_lost(world):
    for name in ('o1', 'o2', 'o3'):
        world.store(name)
    world.there.failing[('PUT', 'o2')] = [401, 401, 403]
    world.run()
    assert world.points == (3, -1) and world.daemon.counts['failures'] == 1
    assert 'Unauth /AUTH_test/c/o2' in str(world.logger.lines())
    world.run()
    assert world.points == (3, 1)               # o3 has arrived, o2 is where to begin again
    assert sorted(world.run()) == ['HEAD o2', 'HEAD o3', 'PUT o2']
    assert world.points == (3, 1)
    world.run()
    assert world.points == (3, 3) and set(world.there.objects) == {'o1', 'o2', 'o3'}


def test_server_errors_are_tried_again(world):
    world.store('o')
    world.there.failing[('PUT', 'o')] = [503, RemoteError('silence'), 500]
    world.run()
    assert world.there.lines == ['HEAD o'] + ['PUT o'] * 4 and world.slept == [1, 2, 4]
    assert world.here.closed == 4 and world.daemon.counts['failures'] == 0


def test_server_errors_end(world):
    world.store('o')
    world.there.failing[('PUT', 'o')] = [503] * 20
    world.run()
    assert world.there.lines.count('PUT o') == 6 and world.slept == list(PAUSES_S)
    assert world.daemon.counts['failures'] == 1


def test_nobody_there_is_a_failure_at_once(world):
    world.store('o')
    world.there.failing[('HEAD', 'o')] = [RemoteError('no connection')]
    assert world.run() == ['HEAD o'] and world.slept == []
    assert 'no connection' in str(world.logger.lines()) and world.daemon.counts['failures'] == 1


@pytest.mark.parametrize('found', [None, T[1]])
def test_an_object_that_is_not_found_here_is_a_failure(world, found):
    world.store('o')
    if found is None:
        world.here.objects.clear()
    else:
        world.here.objects['o'][0]['X-Timestamp'] = found
    assert world.run() == ['HEAD o'] and world.daemon.counts['failures'] == 1
    assert not world.there.objects


def test_links_to_versions_are_no_failures(world):
    world.store('o')
    world.here.objects['o'][0]['X-Object-Sysmeta-Versions-Symlink'] = 'true'
    assert world.run() == ['HEAD o'] and world.daemon.counts['failures'] == 0


@pytest.mark.parametrize('metadata', [
    {'X-Container-Sysmeta-Versions-Container': 'v'}, {'X-Container-Sync-To': ''},
    {'X-Container-Sync-Key': ''}])
def test_skipped_containers(world, metadata):
    world.store('o')
    world.broker.update_metadata({name: (value, T[4]) for name, value in metadata.items()})
    assert world.run() == [] and world.daemon.counts['skips'] == 1


def test_deleted_containers_are_skipped(world):
    world.broker.delete_db(T[9])
    assert world.run() == [] and world.daemon.counts['skips'] == 1


@pytest.mark.parametrize('nodes', [[], [node('sdb1')], [node(ip='10.9.9.9')],
                                   [node(port=6202)]])
def test_containers_of_other_nodes_are_left_alone(tmp_path, nodes):
    world = World(tmp_path, nodes)
    world.store('o')
    assert world.run() == [] and not any(world.daemon.counts.values())


@pytest.mark.parametrize('target', ['http://elsewhere/v1/b/d', '//us/c1/b/d', 'ftp://x/y'])
def test_targets_that_are_not_allowed(tmp_path, target):
    world = World(tmp_path, metadata={**KEYS, 'X-Container-Sync-To': target})
    world.store('o')
    assert world.run() == [] and world.daemon.counts['failures'] == 1


def test_a_container_has_its_time(tmp_path):
    world = World(tmp_path, container_time='10', sync_row_concurrency='1')
    for name in ('o1', 'o2', 'o3'):
        world.store(name)
    request = world.there.request

    def slow(method, *more, **words):
        if method == 'PUT':
            world.clock.advance(6)
        return request(method, *more, **words)

    world.there.request = slow
    world.run()
    assert set(world.there.objects) == {'o1', 'o2'} and world.points == (2, -1)
    world.run()
    assert set(world.there.objects) == {'o1', 'o2', 'o3'} and world.points == (3, 2)


def test_another_target_is_sent_everything(world):
    world.store('o')
    world.run()
    world.run()
    assert world.points == (1, 1)
    world.tell({'X-Container-Sync-To': URL + '2'}, T[5])
    assert world.points == (-1, -1)


def test_a_target_that_changes_meanwhile_is_not_taken_for_served(world):
    world.store('o')
    request = world.there.request

    def change(*more, **words):
        world.tell({'X-Container-Sync-To': URL + '2'}, T[5])
        return request(*more, **words)

    world.there.request = change
    world.run()
    assert world.points == (-1, -1)


def test_stray_links_are_no_trouble(world):
    os.makedirs(f'{world.devices}/sda1/sync_containers/7/abc/'
                '0123456789abcdef0123456789abcabc')
    link = f'{world.devices}/sda1/sync_containers/7/abc/fedcba9876543210fedcba9876543abc'
    os.makedirs(link)
    os.symlink('/nowhere', f'{link}/x.db')
    open(f'{world.devices}/sda1/sync_containers/stray', 'w').close()
    world.store('o')
    assert world.run() == ['HEAD o', 'PUT o'] and world.daemon.counts['failures'] == 0


def test_an_hour_of_work_is_reported(world):
    world.store('o')
    world.clock.advance(3600)
    world.run()
    said = 'In the last 3600s: 1 synced [0 deletes, 1 puts], 0 skipped, 0 failed'
    assert any(line.startswith(said) for line in world.logger.lines())


def test_rows_between(tmp_path):
    broker = container_broker(tmp_path / 'node')
    for number in range(5):
        put(broker, obj(f'o{number}'))

    def names(*what):
        return [(number, row.name) for number, row in broker.rows_between(*what)]

    assert names(-1, None, 2) == [(1, 'o0'), (2, 'o1')]
    assert names(2, 4, 9) == [(3, 'o2'), (4, 'o3')] and names(5, None, 9) == []
    assert isinstance(broker, ContainerBroker)
