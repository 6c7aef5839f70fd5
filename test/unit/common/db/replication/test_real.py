"""Replication with real processes: rsync daemons, servers on sockets, the programs themselves."""
import getpass
import json
import os
import sqlite3
from contextlib import closing

import pytest

from swift.common.cluster import Cluster
from swift.common.db.broker import Environment
from swift.common.db.files import Place
from swift.container.backend import ContainerBroker
from test.support.brokers import T, obj, put
from test.support.db_cluster import DbCluster
from test.support.logs import RecordingLogger
from test.support.rsync_daemon import RSYNC, RsyncDaemon
from test.support.service import Service
from test.unit.common.db.replication.test_replicator import assert_equal, create, row


@pytest.fixture(params=['container', 'account'])
def cluster(request, tmp_path):
    """A cluster whose servers know nothing of our extensions, with a real rsync daemon."""
    if RSYNC is None:
        pytest.skip('rsync is not installed')
    made = DbCluster(request.param, tmp_path)
    made.foreign = {0, 1, 2, 3}
    daemon = RsyncDaemon(tmp_path, {f'{request.param}{number}': f'{tmp_path}/{number}'
                                    for number in range(4)})
    made.options['rsync_module'] = (
        f'rsync://{{replication_ip}}:{daemon.port}/{request.param}{{replication_port}}')
    yield made
    daemon.close()
    made.close()


@pytest.mark.slow
def test_whole_databases_by_rsync(cluster):
    create(cluster, 3, *(f'o{number}' for number in range(30)))
    create(cluster, 1, 'mine')
    daemon = cluster.replicate(3, per_diff='5')
    assert (daemon.stats['rsync'], daemon.stats['remote_merge'], daemon.stats['failure']) == (
        2, 1, 0)
    assert cluster.holders() == [0, 1, 2]
    cluster.settle()
    assert assert_equal(cluster)[0]['count'] == 31


@pytest.mark.slow
def test_what_is_sent_is_whole_while_others_write(cluster):
    """A journal beside the database, and a transaction that has spilled into it, mean nothing."""
    broker = create(cluster, 0, *(f'o{number}' for number in range(300)))
    broker.merge_pending()
    with closing(sqlite3.connect(broker.path, isolation_level=None)) as db:
        db.execute('PRAGMA journal_mode = PERSIST')
        db.execute('CREATE TABLE strange (x)')
        db.execute('BEGIN IMMEDIATE')
        db.execute('INSERT INTO strange VALUES (zeroblob(100000))')
        db.execute('ROLLBACK')
        assert os.path.exists(broker.path + '-journal')
    put(broker, row(cluster, 'pending'))
    assert cluster.replicate(0).stats['rsync'] == 2
    for number in (1, 2):
        with closing(sqlite3.connect(cluster.broker(number).path)) as db:
            assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
    assert assert_equal(cluster)[0]['count'] == 301


@pytest.mark.slow
def test_rsync_that_fails_is_a_failure_and_nothing_else(cluster):
    create(cluster, 0, 'a')
    for module in ('rsync://127.0.0.1:1/none', '{nobody}::container'):
        daemon = cluster.replicate(0, rsync_module=module)
        assert (daemon.stats['failure'], daemon.stats['success']) == (2, 0)
        assert cluster.holders() == [0]
        assert os.listdir(cluster.device(0) + '/tmp') == []


# -- the programs --------------------------------------------------------------------------------

class Node(Service):
    """A container server and its replicator."""

    def __init__(self, directory, number):
        os.makedirs(directory / str(number))
        super().__init__(directory / str(number), 'swift-container-server', 'container-server')
        self.number = number
        self.device = f'sd{number}'
        (self.dir / 'srv' / self.device).mkdir(parents=True)

    def configure(self, swift_dir):
        self.conf.write_text(
            f'[DEFAULT]\nswift_dir = {swift_dir}\nbind_ip = 127.0.0.1\nbind_port = {self.port}\n'
            f'user = {getpass.getuser()}\nworkers = 1\nlog_file = {self.log_path}\n'
            f'devices = {self.dir}/srv\nmount_check = false\nrecon_cache_path = {self.dir}\n'
            'fallocate_reserve = 0\n'
            '[pipeline:main]\npipeline = container-server\n'
            '[app:container-server]\nuse = egg:swift#container\n'
            '[container-replicator]\ndatabases_per_second = 0\nper_diff = 100\n')

    def run(self, *words, program):
        started, self.program = self.program, self.program.parent / program
        try:
            return super().run(*words)
        finally:
            self.program = started

    def replicate(self, *words):
        code, output = self.run(self.conf, '--once', *words, program='swift-container-replicator')
        assert code == 0, output
        return json.loads((self.dir / 'container.recon').read_text())['replication_stats']

    def broker(self, cluster, container='c'):
        part, _ = cluster.container_ring.get_nodes('AUTH_test', container)
        place = Place.of('container', f'{self.dir}/srv/{self.device}', part,
                         cluster.hash_path('AUTH_test', container))
        return ContainerBroker(place, Environment(RecordingLogger()))


@pytest.fixture
def nodes(tmp_path):
    made = [Node(tmp_path, number) for number in range(3)]
    builder = tmp_path / 'container.builder'
    words = [('create', '4', '3', '1')]
    words += [('add', f'r1z{node.number}-127.0.0.1:{node.port}/{node.device}', '1')
              for node in made]
    for command in (*words, ('rebalance',)):
        code, output = made[0].run(builder, *command, program='swift-ring-builder')
        assert code == 0, output
    (tmp_path / 'swift.conf').write_text('[swift-hash]\nswift_hash_path_suffix = changeme\n')
    for node in made:
        node.configure(tmp_path)
    yield made
    for node in made:
        node.close()


@pytest.mark.slow
def test_programs(nodes, tmp_path):
    cluster = Cluster.load(str(tmp_path))
    for node in nodes[:2]:
        node.start()
    for container in ('c', 'd'):
        broker = nodes[0].broker(cluster, container)
        broker.create_container('AUTH_test', container, T[1], 0)
        put(broker, *(obj(f'o{number:03}', T[2]) for number in range(250)))
    stats = nodes[0].replicate()
    assert (stats['attempted'], stats['rsync'], stats['success'], stats['failure']) == (2, 2, 2, 2)
    nodes[2].start()
    assert nodes[1].replicate('--devices', 'none')['attempted'] == 0
    # Each tells the third, which is filled by one of them.
    stats = nodes[1].replicate()
    assert (stats['rsync'], stats['failure']) == (2, 0)
    put(nodes[2].broker(cluster), obj('more', T[3]))
    assert nodes[2].replicate()['diff'] == 2
    stats = nodes[0].replicate('-d', 'sd0')
    assert stats['failure'] == 0 and stats['diff'] == stats['rsync'] == 0
    counts = [node.broker(cluster).info().object_count for node in nodes]
    assert counts == [251, 251, 251]
    assert 'Traceback' not in ''.join(node.log() for node in nodes)
