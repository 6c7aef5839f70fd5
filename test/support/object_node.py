"""An object server without sockets: the real application on a folder, asked through WSGI."""
import io
import os
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from swift.common import green
from swift.common.clock import ManualClock
from swift.common.cluster import Cluster
from swift.common.errors import ConnectFailed, ResponseTimeout
from swift.common.metrics import Statsd
from swift.core.headers import HeaderMap
from swift.core.policy import EC, StoragePolicy, validate_policies
from swift.obj.options import ObjectServerOptions
from swift.obj.server import ObjectController
from test.support.logs import RecordingLogger

POLICIES = validate_policies([StoragePolicy(0, 'gold', is_default=True),
                              StoragePolicy(1, 'silver'), StoragePolicy(2, 'ec42', policy_type=EC)])


def cluster() -> Cluster:
    """Return a cluster with the salt of the golden data."""
    return Cluster.of('/nowhere', prefix=b'changeme', suffix=b'changeme', policies=POLICIES)


@dataclass
class Answer:
    status: int
    reason: str
    headers: HeaderMap
    body: bytes


class ScriptedResponse:
    """What a container server answers."""

    def __init__(self, status: int, headers=()):
        self.status = status
        self.headers = HeaderMap(headers)

    def read(self, *args):
        return b''

    def close(self):
        pass


@dataclass
class ScriptedPool:
    """A connection pool from memory: ``answers`` maps (ip, port) to statuses or responses.

    Addresses without an answer refuse the connection. Every request is kept.
    """
    answers: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)
    before_answer: object = None

    def request(self, address, method, target, headers, body=b'', *, conn_timeout, timeout):
        self.requests.append((address, method, target, dict(headers)))
        if self.before_answer:
            with green.Timeout(timeout, ResponseTimeout(peer='%s:%s' % address)):
                self.before_answer()
        answer = self.answers.get(address)
        if answer is None:
            raise ConnectFailed('refused', peer='%s:%s' % address)
        return ScriptedResponse(answer) if isinstance(answer, int) else answer

    def close(self):
        pass


class Node:
    """One object server with device folders below ``devices``."""

    def __init__(self, devices, pool=None, clock=None, **options):
        self.devices = devices
        self.clock = clock or ManualClock(1800000000)
        self.pool = pool or ScriptedPool()
        self.logger = RecordingLogger()
        self.metrics = []
        conf = {'devices': str(devices), 'mount_check': 'false', 'reclaim_age': '1000000000',
                'eventlet_tpool_num_threads': '2', **options}
        self.app = ObjectController(
            ObjectServerOptions.parse(conf), cluster(), self.logger, pool=self.pool,
            statsd=Statsd(lambda line: self.metrics.append(line.decode())), clock=self.clock)

    def close(self):
        self.app.close()

    def request(self, method, path, headers=(), body=None, **environ) -> Answer:
        """Send a request; header values are WSGI strings, `body` bytes or a file."""
        lines = list(headers.items() if isinstance(headers, dict) else headers)
        env = {'REQUEST_METHOD': method, 'SCRIPT_NAME': '', 'QUERY_STRING': '',
               'PATH_INFO': unquote_to_bytes(path).decode('latin-1'), 'SERVER_NAME': '127.0.0.1',
               'SERVER_PORT': '6010', 'HTTP_HOST': '127.0.0.1:6010', 'REMOTE_ADDR': '127.0.0.1',
               'SERVER_PROTOCOL': 'HTTP/1.1', 'wsgi.url_scheme': 'http',
               'wsgi.input': io.BytesIO(b'')}
        if isinstance(body, bytes):
            env['wsgi.input'], env['CONTENT_LENGTH'] = io.BytesIO(body), str(len(body))
        elif body is not None:
            env['wsgi.input'] = body
        for name, value in lines:
            key = name.upper().replace('-', '_')
            env[key if key in ('CONTENT_TYPE', 'CONTENT_LENGTH') else 'HTTP_' + key] = value
        env.update(environ)
        started = []
        chunks = self.app(env, lambda status, head, exc_info=None: started.append((status, head)))
        try:
            data = b''.join(chunks)
        finally:
            if hasattr(chunks, 'close'):
                chunks.close()
        status, head = started[-1]
        return Answer(int(status[:3]), status[4:], HeaderMap(head), data)

    def files(self, top='') -> list[str]:
        """Return the paths of all files below the devices, without bookkeeping files."""
        found = []
        for folder, _dirs, names in os.walk(os.path.join(self.devices, top)):
            found += [os.path.relpath(os.path.join(folder, name), self.devices) for name in names
                      if name not in ('hashes.invalid', '.lock', 'hashes.pkl')]
        return sorted(found)
