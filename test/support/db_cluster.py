"""A cluster of account or container servers in one process: real servers, databases, replicators.

Requests go from the replicators to the servers without sockets; nodes can be down, and hooks can
look at every request. Node N has the device `sdN` below <devices>/N.
"""
import io
import os
import random
from collections import Counter

from swift.account.backend import AccountBroker
from swift.account.replicator import AccountReplicator
from swift.common.db.broker import Environment
from swift.common.db.files import Place
from swift.common.errors import ConnectFailed
from swift.common.request import Request
from swift.container.backend import ContainerBroker
from swift.container.replicator import ContainerReplicator
from swift.core.ring_lookup import Node
from test.support.db_servers import Client
from test.support.logs import RecordingLogger

PARTS = 4
BROKERS = {'account': AccountBroker, 'container': ContainerBroker}
REPLICATORS = {'account': AccountReplicator, 'container': ContainerReplicator}


class Ring:
    """Primaries by partition; every other node is a handoff."""

    partition_count = PARTS

    def __init__(self, nodes, hash_path, replicas=3):
        self.nodes = nodes
        self.devs = [node.as_dict() for node in nodes]
        self._hash_path = hash_path
        self.replica_count = float(replicas)
        self.primaries = {part: list(range(replicas)) for part in range(PARTS)}

    def get_part(self, account, container=None, obj=None):
        return int(self._hash_path(account, container)[0], 16) % PARTS

    def get_part_nodes(self, part):
        return [self.nodes[number] for number in self.primaries[part]]

    def get_nodes(self, account, container=None):
        part = self.get_part(account, container)
        return part, self.get_part_nodes(part)

    def get_more_nodes(self, part):
        return (node for node in self.nodes if node.id not in self.primaries[part])


class Response:
    """An answer of a server."""

    def __init__(self, answer):
        self.status, self.headers, self._body = answer.status, answer.headers, answer.body

    def read(self, size=-1):
        return self._body

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        pass


class Exchange:
    """A request whose body is sent in pieces."""

    def __init__(self, pool, address):
        self._pool, self._address, self._body = pool, address, b''

    def send_head(self, method, target, headers):
        self._head = method, target, headers

    def send(self, data):
        self._body += data

    def end(self):
        assert len(self._body) == int(self._head[2]['Content-Length'])

    def response(self, timeout):
        return self._pool.request(self._address, *self._head, self._body)

    def close(self):
        pass


class Pool:
    """Brings requests to the servers of a cluster, if they are up."""

    def __init__(self, cluster):
        self._cluster = cluster

    def request(self, address, method, target, headers, body=b'', *, conn_timeout=0, timeout=0):
        cluster = self._cluster
        number = address[1]
        cluster.requests[number] += 1
        if number in cluster.down:
            raise ConnectFailed(f'node {number} is down')
        sent = dict(headers)
        if number in cluster.foreign:          # knows nothing of what only ours offer
            sent.pop('X-Backend-Replication-Extensions', None)
        cluster.on_request(number, sent, body)
        env = Request.blank(target, body=body).environ
        env['REQUEST_METHOD'] = method
        env['wsgi.input'] = io.BytesIO(body)
        for name, value in sent.items():
            env['HTTP_' + name.upper().replace('-', '_')] = value
        got = []
        app = cluster.servers[number].app
        content = b''.join(app(env, lambda *answer: got.append(answer)))
        (status, lines), = got
        return Response(Answer(int(status.split()[0]), dict(lines), content))

    def open(self, address, conn_timeout, timeout):
        return Exchange(self, address)

    def close(self):
        pass


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class DbCluster:
    """`count` nodes, of which the first `replicas` are primaries of everything."""

    def __init__(self, kind, devices, count=4, replicas=3, salt=b'', **options):
        self.kind, self.devices = kind, str(devices)
        self.options = options
        self.down, self.foreign = set(), set()
        self.requests = Counter()
        self.on_request = lambda number, headers, body: None
        self.servers = [Client(kind, f'{devices}/{number}', salt=salt)
                        for number in range(count)]
        for number in range(count):
            os.makedirs(self.device(number), exist_ok=True)
        nodes = [Node(id=number, region=1, zone=number, ip='127.0.0.1', port=number,
                      replication_ip='127.0.0.1', replication_port=number, device=f'sd{number}',
                      weight=1, meta='') for number in range(count)]
        self.cluster = self.servers[0].app.cluster
        self.ring = Ring(nodes, self.cluster.hash_path, replicas)
        self.clock = self.servers[0].clock
        for server in self.servers:
            server.app.clock = server.clock = self.clock
            server.app.environment = Environment(server.logger, self.clock)
        self.logger = RecordingLogger()

    def device(self, number):
        return f'{self.devices}/{number}/sd{number}'

    def place(self, number, account='AUTH_test', container='c', part=None):
        """Return where a node keeps a database."""
        container = container if self.kind == 'container' else None
        if part is None:
            part = self.ring.get_part(account, container)
        return Place.of(self.kind, self.device(number), part,
                        self.cluster.hash_path(account, container))

    def broker(self, number, account='AUTH_test', container='c', part=None):
        """Return a new broker of a node's database, which need not exist."""
        return BROKERS[self.kind](self.place(number, account, container, part),
                                  Environment(self.logger, self.clock))

    def replicator(self, number, **options):
        """Return the replicator of a node."""
        conf = {'devices': f'{self.devices}/{number}', 'mount_check': 'false',
                'bind_ip': '127.0.0.1', 'bind_port': str(number), 'databases_per_second': '0',
                'recon_cache_path': f'{self.devices}/{number}', **self.options, **options}
        return REPLICATORS[self.kind](conf, self.logger, cluster=Rings(self), pool=Pool(self),
                                        clock=self.clock)

    def replicate(self, *numbers, **options):
        """Run one pass on each of these nodes; return the last one's replicator."""
        for number in numbers:
            daemon = self.replicator(number, **options)
            daemon.run_once()
        return daemon

    def settle(self, rng=random, passes=3):
        """Run passes on all nodes, in any order."""
        for _ in range(passes):
            numbers = list(range(len(self.servers)))
            rng.shuffle(numbers)
            self.replicate(*numbers)

    def holders(self, **names):
        """Return the nodes that have a database."""
        return [number for number in range(len(self.servers))
                if self.broker(number, **names).exists()]

    def close(self):
        for server in self.servers:
            server.close()


class Rings:
    """What a replicator sees of the cluster."""

    def __init__(self, db_cluster):
        self.account_ring = self.container_ring = db_cluster.ring
        self.policies = db_cluster.cluster.policies
        self.hash_path = db_cluster.cluster.hash_path
