"""Several object servers on loopback in one process, their replicators, and an rsync daemon.

Every server has a devices folder of its own with one device; a ring says which are primaries. The
servers are the real application behind the real HTTP engine, so are the requests between them.
"""
import base64
import io
import json
import os
import shutil
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from swift.common.clock import ManualClock
from swift.common.codecs.metadata import decode_metadata
from swift.common.http.pool import ConnectionPool
from swift.common.metrics import Statsd
from swift.common.xattr import read_blob
from swift.core.ring_lookup import Node as RingNode
from swift.obj.options import ObjectServerOptions
from swift.obj.replicator import ObjectReplicator
from swift.obj.server import ObjectController
from test.support.logs import RecordingLogger
from test.support.object_node import cluster
from test.support.raw_http import served
from test.support.service import eventually, free_port

NOW = 1800000000
PART = 11
ACCOUNT = 'AUTH_test'


class FixedRing:
    """The first ``replicas`` nodes are primaries of every partition, the others handoffs."""

    next_part_power = None
    partition_count = 1024

    def __init__(self, nodes, replicas):
        self.nodes = nodes
        self.replica_count = float(replicas)
        self.devs = [node.as_dict() for node in nodes]
        self.changed = False

    def get_part_nodes(self, part):
        return self.nodes[:int(self.replica_count)]

    def get_more_nodes(self, part):
        return iter(self.nodes[int(self.replica_count):])

    def has_changed(self):
        return self.changed


class Server:
    """One object server, its device, and its replicator."""

    def __init__(self, number, top, conf):
        self.number = number
        self.devices = top / str(number)
        self.device = 'sd%d' % number
        self.path = self.devices / self.device
        self.path.mkdir(parents=True)
        self.recon = top / ('recon%d' % number)
        self.recon.mkdir()
        self.clock = ManualClock(NOW)
        self.logger = RecordingLogger()
        self.metrics = []
        self.seen = []
        self.conf = {'devices': str(self.devices), 'mount_check': 'false',
                     'reclaim_age': '1000000', 'eventlet_tpool_num_threads': '2',
                     'recon_cache_path': str(self.recon), 'fallocate_reserve': '0', **conf}
        self.cluster = cluster()
        self.app = ObjectController(
            ObjectServerOptions.parse({**self.conf, 'bind_port': str(number + 1)}),
            self.cluster, self.logger, pool=None,
            statsd=Statsd(lambda line: self.metrics.append(line.decode())), clock=self.clock)
        self.is_down = False
        self.replicator = None

    def serve(self, environ, start_response):
        self.seen.append((environ['REQUEST_METHOD'], environ['PATH_INFO']))
        if self.is_down:
            start_response('507 Insufficient Storage', [('Content-Length', '0')])
            return [b'']
        return self.app(environ, start_response)

    def do(self, method, name, time, headers=(), body=None, part=PART, container='c'):
        """Carry out a request of a proxy; return its status."""
        env = {'REQUEST_METHOD': method, 'SCRIPT_NAME': '', 'QUERY_STRING': '',
               'PATH_INFO': '/%s/%d/%s/%s/%s' % (self.device, part, ACCOUNT, container, name),
               'SERVER_NAME': 'x', 'SERVER_PORT': '1', 'SERVER_PROTOCOL': 'HTTP/1.1',
               'REMOTE_ADDR': '127.0.0.1', 'wsgi.url_scheme': 'http',
               'wsgi.input': io.BytesIO(body or b''), 'HTTP_X_TIMESTAMP': time}
        if method == 'PUT':
            env['CONTENT_TYPE'] = 'text/plain'
            env['CONTENT_LENGTH'] = str(len(body or b''))
        for key, value in dict(headers).items():
            key = key.upper().replace('-', '_')
            env[key if key == 'CONTENT_TYPE' else 'HTTP_' + key] = value
        status = []
        out = self.app(env, lambda line, *_more: status.append(line))
        b''.join(out)
        return int(status[0][:3])

    def tree(self, policy=''):
        """Return the object files below a policy's directory, each with body and metadata."""
        top = self.path / ('objects' + policy)
        found = {}
        for folder, _dirs, names in os.walk(top):
            for name in names:
                path = Path(folder) / name
                if len(path.relative_to(top).parts) == 4:
                    found[str(path.relative_to(top))] = (
                        path.read_bytes(), decode_metadata(read_blob(str(path))))
        return found

    def stats(self):
        """Return what the replicator left in the recon file."""
        return json.loads((self.recon / 'object.recon').read_text())


class ObjectCluster:
    """``count`` servers of which ``replicas`` are primaries. Use it with ``with``."""

    def __init__(self, tmp_path, count=3, replicas=3, sync_method='ssync', regions=None, **conf):
        self._stack = ExitStack()
        self.servers = [Server(number, tmp_path, conf) for number in range(count)]
        self.pool = ConnectionPool()
        self._stack.callback(self.pool.close)
        self.rsync_port = None
        if sync_method == 'rsync':
            self._start_rsync(tmp_path)
        nodes = []
        self.running = []
        for server in self.servers:
            running = self._stack.enter_context(served(server.serve))
            self.running.append(running)
            self._stack.callback(server.app.close)
            host, port = running.address
            nodes.append(RingNode(server.number, (regions or [1] * count)[server.number],
                                  server.number, host, port, host, port, server.device))
        self.nodes = nodes
        self.ring = FixedRing(nodes, replicas)
        for server in self.servers:
            server.replicator = self.replicator_of(server, sync_method)

    def replicator_of(self, server, sync_method='ssync', **more):
        """Return a replicator of a server that remembers nothing yet."""
        where = cluster()
        where._rings['object'] = where._rings['object-1'] = self.ring
        conf = {**server.conf, 'bind_ip': '127.0.0.1', 'sync_method': sync_method,
                'bind_port': str(self.nodes[server.number].port), 'swift_dir': '/nowhere',
                'rsync_module': 'rsync://127.0.0.1:%s/node{zone}' % self.rsync_port, **more}
        return ObjectReplicator(conf, server.logger, pool=self.pool, cluster=where,
                                clock=server.clock)

    def _start_rsync(self, tmp_path):
        if not shutil.which('rsync'):
            pytest.skip('rsync is not installed')
        self.rsync_port = free_port()
        conf = tmp_path / 'rsyncd.conf'
        text = 'use chroot = no\nreverse lookup = no\n'
        if os.geteuid() == 0:
            text += 'uid = root\ngid = root\n'
        for server in self.servers:
            text += '[node%d]\npath = %s\nread only = no\n' % (server.number, server.devices)
        conf.write_text(text)
        process = subprocess.Popen(
            ['rsync', '--daemon', '--no-detach', '--config=%s' % conf, '--address=127.0.0.1',
             '--port=%d' % self.rsync_port, '--log-file=%s' % (tmp_path / 'rsyncd.log')],
            stdin=subprocess.DEVNULL)
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        eventually(lambda: _answers(self.rsync_port), 'rsync daemon')

    def replicate(self, *numbers):
        """Run one pass of some servers' replicators, of all by default."""
        for server in self.servers:
            if not numbers or server.number in numbers:
                server.replicator.run_once()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        for server in self.servers:
            server.replicator.store.close()
        self._stack.close()


def _answers(port):
    try:
        with socket.create_connection(('127.0.0.1', port), timeout=1):
            return True
    except OSError:
        return False


def golden_turns(session, side):
    """Return what one side of a recorded session said, chunks taken apart, headers left out."""
    data = b''.join(base64.b64decode(turn['bytes_base64']) for turn in session['turns']
                    if turn['from'] == side and 'bytes_base64' in turn)
    return dechunked(data.partition(b'\r\n\r\n')[2])


def dechunked(data):
    """Return the body in a stream of chunks."""
    out = b''
    while data:
        size, _, data = data.partition(b'\r\n')
        length = int(size, 16)
        out += data[:length]
        data = data[length + 2:]
    return out
