"""Real account, container and object servers in one process, behind the interface of a pool.

Three nodes with a device each, called through WSGI without sockets; they tell each other of
updates the same way. For daemons: a proxy of one's own, and a budget of requests after which
nothing reaches any server any more, as if the daemon had been killed there.
"""
import io
import os
from urllib.parse import unquote_to_bytes

from swift.account.options import AccountServerOptions
from swift.account.server import make_app as make_account_app
from swift.common.clock import ManualClock
from swift.common.cluster import Cluster
from swift.common.db.broker import Environment
from swift.common.db.files import Place
from swift.common.errors import ConnectFailed
from swift.common.internal_client import InternalClient
from swift.common.metrics import Statsd
from swift.common.transport import NodeTransport
from swift.container.backend import ContainerBroker
from swift.container.options import ContainerServerOptions
from swift.container.server import make_app as make_container_app
from swift.core.policy import StoragePolicy, validate_policies
from swift.core.row_merge import ObjectRecord
from swift.obj.options import ObjectServerOptions
from swift.obj.server import ObjectController
from swift.proxy.options import ProxyOptions
from swift.proxy.server import Application
from test.support.fake_backend import FakeExchange, FakeResponse, FakeRing
from test.support.logs import RecordingLogger

START = 1800000000.0
PORTS = {6000: 'object', 6001: 'container', 6002: 'account'}


class SmallRing(FakeRing):
    partition_count = 16


class RealNode:
    """The three servers of one machine; `devices` is its devices directory."""

    silence = None

    def __init__(self, number, root, cluster, pool, clock):
        self.devices = os.path.join(root, str(number))
        self.is_down = False
        os.makedirs(os.path.join(self.devices, f'sd{number}'))
        conf = {'devices': self.devices, 'mount_check': 'false', 'fallocate_reserve': '0',
                'log_requests': 'false'}
        logger = self.logger = RecordingLogger()
        self._apps = {
            'account': make_account_app(AccountServerOptions.parse(conf), cluster, logger, clock),
            'container': make_container_app(ContainerServerOptions.parse(conf), cluster, logger,
                                            clock, pool),
            'object': ObjectController(
                ObjectServerOptions.parse({**conf, 'eventlet_tpool_num_threads': '2'}), cluster,
                logger, pool=pool, statsd=Statsd(None), clock=clock)}

    def handle(self, kind, method, target, headers, body):
        """Answer one request."""
        path, _, query = target.partition('?')
        env = {'REQUEST_METHOD': method, 'SCRIPT_NAME': '', 'QUERY_STRING': query,
               'PATH_INFO': unquote_to_bytes(path).decode('latin-1'), 'SERVER_NAME': 'node',
               'SERVER_PORT': '6000', 'SERVER_PROTOCOL': 'HTTP/1.1', 'REMOTE_ADDR': '127.0.0.1',
               'wsgi.url_scheme': 'http', 'wsgi.input': io.BytesIO(body or b''),
               'CONTENT_LENGTH': str(len(body or b''))}
        for name, value in dict(headers).items():
            key = name.upper().replace('-', '_')
            env[key if key in ('CONTENT_TYPE', 'CONTENT_LENGTH') else 'HTTP_' + key] = str(value)
        started = []
        chunks = self._apps[kind](env, lambda status, head, _exc=None: started.append(
            (status, head)))
        try:
            data = b''.join(chunks)
        finally:
            getattr(chunks, 'close', lambda: None)()
        status, head = started[-1]
        return FakeResponse(int(status[:3]), dict(head), data, method=method)

    def answer_begins(self, timeout):
        return True

    def close(self):
        for app in self._apps.values():
            app.close()


class ServerPool:
    """The pool that servers use among themselves, and the base of that of the others."""

    def __init__(self):
        self.nodes = []

    def node(self, address):
        return self.nodes[int(address[0].rpartition('.')[2]) - 1]

    @staticmethod
    def kind(address):
        return PORTS[6000 + address[1] % 1000]

    def request(self, address, method, target, headers, body=b'', *, conn_timeout, timeout):
        node = self.node(address)
        if node.is_down:
            raise ConnectFailed('refused', f'{address[0]}:{address[1]}')
        return node.handle(self.kind(address), method, target, headers, body)

    def close(self):
        pass


class DaemonPool(ServerPool):
    """The pool of a daemon: keeps what was asked, and lets only `budget` requests through."""

    def __init__(self, nodes, budget=None):
        self.nodes = nodes
        self.budget = budget
        self.asked = []

    def spend(self, address, method, target):
        if self.budget is not None and len(self.asked) >= self.budget:
            raise ConnectFailed('killed', f'{address[0]}:{address[1]}')
        self.asked.append((self.kind(address), method, target))

    def request(self, address, method, target, headers, body=b'', **more):
        self.spend(address, method, target)
        return super().request(address, method, target, headers, body, **more)

    def open(self, address, conn_timeout, timeout=60.0):
        if self.node(address).is_down:
            raise ConnectFailed('refused', f'{address[0]}:{address[1]}')
        return _Exchange(self, address)


class _Exchange(FakeExchange):
    def send_head(self, method, target, headers, body=None):
        self._pool.spend(self._address, method, target)
        super().send_head(method, target, headers, body)


class RealCluster:
    """Nodes, rings, a clock; `client()` and `pool()` for one life of a daemon."""

    def __init__(self, root):
        self.root = str(root)
        self.clock = ManualClock(START)
        policies = validate_policies([StoragePolicy(0, 'gold', is_default=True),
                                      StoragePolicy(1, 'silver')])
        self.cluster = Cluster.of(self.root, prefix=b'', suffix=b'x', policies=policies)
        devices = [{'id': i, 'region': 1, 'ip': f'10.0.0.{i + 1}', 'device': f'sd{i}'}
                   for i in range(3)]
        for port, name in ((6000, 'object'), (6000, 'object-1'), (6001, 'container'),
                           (6002, 'account')):
            self.cluster._rings[name] = SmallRing([dict(one, port=port) for one in devices])
        servers = ServerPool()
        servers.nodes = self.nodes = [RealNode(number, self.root, self.cluster, servers,
                                               self.clock) for number in range(3)]
        self.front = self.client(self.pool())

    def close(self):
        for node in self.nodes:
            node.close()

    def pool(self, budget=None):
        return DaemonPool(self.nodes, budget)

    def client(self, pool):
        app = Application(
            ProxyOptions.parse({'account_autocreate': 'yes', 'allow_account_management': 'yes'}),
            self.cluster, NodeTransport(pool), RecordingLogger(), metrics=Statsd(None),
            clock=self.clock)
        return InternalClient(None, 'test', 1, app=app, sleep=lambda seconds: None)

    def put(self, names, body=b'x', **headers):
        """Store an object; headers with _ for -."""
        self.front.upload_object(io.BytesIO(body), *names, {
            'Content-Length': str(len(body)), 'Content-Type': 'text/x',
            **{name.replace('_', '-'): str(value) for name, value in headers.items()}})

    def report(self, account, container, count=1):
        """Tell an account of a container, as the container updater does."""
        part, nodes = self.cluster.account_ring.get_nodes(account)
        for node in nodes:
            self.nodes[node.id].handle(
                'account', 'PUT', f'/{node.device}/{part}/{account}/{container}',
                {'X-Put-Timestamp': f'{START - 90000:.5f}', 'X-Delete-Timestamp': '0',
                 'X-Object-Count': str(count), 'X-Bytes-Used': '0',
                 'X-Timestamp': f'{START - 90000:.5f}'}, b'')

    def heads(self, names, policy_index=0):
        """Return (status, newest time, headers) of an object on each node."""
        part, nodes = self.cluster.object_ring(policy_index).get_nodes(*names)
        said = []
        for node in nodes:
            resp = self.nodes[node.id].handle(
                'object', 'HEAD', f'/{node.device}/{part}/' + '/'.join(names),
                {'X-Timestamp': f'{START:.5f}', 'X-Backend-Open-Expired': 'true',
                 'X-Backend-Storage-Policy-Index': str(policy_index)}, b'')
            said.append((resp.status, resp.headers.get('X-Backend-Timestamp'), resp.headers))
        return said

    def statuses(self, names, policy_index=0):
        return [status for status, _time, _headers in self.heads(names, policy_index)]

    def listed(self, account, container):
        """Return the names in a container on each node."""
        part, nodes = self.cluster.container_ring.get_nodes(account, container)
        found = []
        for node in nodes:
            resp = self.nodes[node.id].handle(
                'container', 'GET', f'/{node.device}/{part}/{account}/{container}',
                {'X-Timestamp': f'{START:.5f}'}, b'')
            found.append(resp.read().decode().splitlines() if resp.status < 300 else None)
        return found

    def replicate(self, account, container):
        """Let all servers of a container know all its rows."""
        digest = self.cluster.hash_path(account, container)
        part, nodes = self.cluster.container_ring.get_nodes(account, container)
        brokers = [ContainerBroker(
            Place.of('container', f'{self.nodes[node.id].devices}/{node.device}', part, digest),
            Environment(RecordingLogger(), self.clock)) for node in nodes]
        brokers = [broker for broker in brokers if broker.exists()]
        rows = []
        for broker in brokers:
            with broker.reading() as file:
                rows += file.db.execute('SELECT name, created_at, size, content_type, etag, '
                                        'deleted, storage_policy_index FROM object')
        for broker in brokers:
            broker.merge_records([ObjectRecord(*row) for row in rows])
            broker.close()
