"""A proxy application over in-memory storage nodes, and one-line requests to it."""

from io import BytesIO

from swift.common.swob import HeaderKeyDict, Request
from swift.common.transport import NodeTransport
from swift.proxy.options import ProxyOptions
from swift.proxy.server import Application
from test.support.fake_backend import DictCache, FakeNodes, StubCluster
from test.support.logs import RecordingLogger

START = 1700000000.0


class TickingClock:
    """Each look at the wall clock is a millisecond later than the one before."""

    def __init__(self):
        self.now = START

    def time(self):
        self.now += 0.001
        return self.now

    monotonic = time


class CountingMetrics:
    """Counts increments by name."""

    enabled = True

    def __init__(self):
        self.counts = {}

    def increment(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1


class Reply:
    """A finished answer."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = HeaderKeyDict(headers)
        self.raw_headers = headers
        self.body = body

    def __repr__(self):
        return f'<{self.status} {dict(self.headers)} {self.body[:80]!r}>'


class Proxy:
    """The application, its nodes, cache, clock and log. `options` are those of the config file."""

    def __init__(self, node_count=5, replicas=3, cached=True, policy_overrides=None,
                 constraints=None, **options):
        self.clock = TickingClock()
        self.cluster = StubCluster(node_count, replicas, constraints=constraints)
        self.pool = FakeNodes(node_count)
        self.nodes = self.pool.nodes
        self.logger = RecordingLogger()
        self.metrics = CountingMetrics()
        self.cache = DictCache() if cached else None
        self.app = Application(
            ProxyOptions.parse({'account_autocreate': 'yes', 'post_quorum_timeout': '0.05',
                                **options}),
            self.cluster, NodeTransport(self.pool), self.logger, metrics=self.metrics,
            clock=self.clock, policy_overrides=policy_overrides)

    def request(self, method, path, headers=None, body=None, owner=True, **env):
        environ = {'swift_owner': owner, 'swift.trans_id': 'tx-test', **env}
        if self.cache is not None:
            environ['swift.cache'] = self.cache
        req = Request.blank(path, environ=environ, method=method)
        for name, value in (headers or {}).items():
            req.headers[name] = value
        if body is not None:
            req.body = body
        return self.send(req)

    def send(self, req):
        status, headers, chunks = req.call_application(self.app)
        try:
            body = b''.join(chunks)
        finally:
            getattr(chunks, 'close', lambda: None)()
        return Reply(int(status.split()[0]), headers, body)

    def put_container(self, name='c', account='a', **headers):
        reply = self.request('PUT', f'/v1/{account}/{name}',
                             {k.replace('_', '-'): v for k, v in headers.items()})
        assert reply.status in (201, 202), reply
        self.forget()

    def forget(self):
        """Forget which requests the nodes got."""
        for node in self.nodes:
            node.requests.clear()

    def primaries(self, account='a', container='c', obj='o'):
        """The FakeNodes of the object's primaries, in ring order."""
        ring = self.cluster.object_ring(0)
        _part, nodes = ring.get_nodes(account, container, obj)
        return [self.pool.node((node.ip, node.port)) for node in nodes]


class Trickle(BytesIO):
    """A request body that raises `error` at its end."""

    def __init__(self, data, error):
        super().__init__(data)
        self._error = error

    def read(self, size=-1):
        data = super().read(size)
        if not data or len(data) < size:
            raise self._error
        return data
