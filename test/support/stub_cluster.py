"""A cluster for operators' tools: one HTTP server that is authentication, proxy and every node.

It remembers containers and objects that are put; each node has a copy of each, unless

    unmounted       devices that answer 507
    lost            (device, path) of copies that are not there
    copies          {(device, path): (status, headers, body)} of nodes that say something else
                    (on the first page of a listing)
    failing         statuses of the next requests to the proxy, first one first
    deaf_to_markers servers begin every listing at its start
    refused         paths that the proxy answers with 403

Rings have 16 partitions on devices d0 to d3, all at this server's address.
"""
import json
import threading
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from swift.common.clock import ManualClock
from swift.common.ring.builder import RingBuilder
from swift.common.ring.files import write_ring

PART_POWER = 4
DEVICES = ('d0', 'd1', 'd2', 'd3')
CONF = """[swift-hash]
swift_hash_path_suffix = changeme
[storage-policy:0]
name = gold
default = yes
[storage-policy:1]
name = silver
"""
ACCOUNT = 'AUTH_test'


class StubCluster:
    """Start it in a folder, close() it at the end."""

    def __init__(self, folder):
        self.folder = folder
        self.containers, self.objects, self.puts = {}, {}, {}
        self.unmounted, self.lost, self.copies = set(), set(), {}
        self.failing, self.refused, self.requests = [], set(), []
        self.catalog = None
        self.token_is_stale = self.deaf_to_markers = False
        self._lock = threading.Lock()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def _answer(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                with stub._lock:
                    status, headers, content = stub.answer(self.command, self.path,
                                                           self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if 'Content-Length' not in headers:
                    self.send_header('Content-Length', str(len(content)))
                self.end_headers()
                if self.command != 'HEAD':
                    self.wfile.write(content)

            do_GET = do_HEAD = do_PUT = do_POST = _answer

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f'http://127.0.0.1:{self.port}'
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self._write_files()

    def _write_files(self):
        (self.folder / 'swift.conf').write_text(CONF)
        for name in ('account', 'container', 'object', 'object-1'):
            builder = RingBuilder(PART_POWER, 3, 1, clock=ManualClock())
            for zone, device in enumerate(DEVICES):
                builder.add_dev({'region': 1, 'zone': zone, 'ip': '127.0.0.1', 'port': self.port,
                                 'device': device, 'weight': 100.0})
            builder.rebalance(seed='1')
            write_ring(str(self.folder / f'{name}.ring.gz'), builder.ring_data())
        self.write_conf()

    def write_conf(self, **options):
        options = {'auth_url': f'{self.url}/auth/v1.0', 'auth_user': 'test:tester',
                   'auth_key': 'testing', 'swift_dir': self.folder, 'dispersion_coverage': 50,
                   'concurrency': 3, 'retries': 1, **options}
        self.conf = self.folder / 'dispersion.conf'
        self.conf.write_text('[dispersion]\n' + ''.join(
            f'{name} = {value}\n' for name, value in options.items()))

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def put_object(self, container, name, body=b'x'):
        """Put something without a request."""
        self.containers.setdefault(container, {})
        self.objects[container, name] = body

    def answer(self, method, target, headers, body):
        """Return (status, headers, body)."""
        path = unquote(urlsplit(target).path)
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        self.requests.append((method, path, dict(headers.items())))
        if self.deaf_to_markers:
            query.pop('marker', None)
        if path == '/auth/v1.0':
            if headers['X-Auth-Key'] != 'testing':
                return 401, {}, b''
            self.token_is_stale = False
            return 200, {'X-Auth-Token': 'tk', 'X-Storage-Url': f'{self.url}/v1/{ACCOUNT}'}, b''
        if path.endswith('/tokens'):
            return self.catalog(path, json.loads(body))
        if path.startswith('/v1/'):
            return self._proxy(method, path.split('/', 4)[3:], query, headers, body)
        _empty, device, _part, rest = path.split('/', 3)
        return self._node(device, rest, query)

    def _proxy(self, method, names, query, headers, body):
        if self.token_is_stale or headers['X-Auth-Token'] != 'tk':
            return 401, {}, b''
        if self.failing:
            return self.failing.pop(0), {}, b''
        path = '/'.join(names)
        if path in self.refused:
            return 403, {}, b''
        if method == 'PUT':
            self.puts[path] = (dict(headers.items()), body)
            if len(names) == 1:
                self.containers.setdefault(names[0], {})
            else:
                self.objects[tuple(names)] = body
            return 201, {}, b''
        if names and names[0] not in self.containers:
            return 404, {}, b''
        return 200, {}, self._listing(names[0] if names and names[0] else None, query)

    def _listing(self, container, query):
        names = (sorted(self.containers) if container is None
                 else sorted(name for (c, name) in self.objects if c == container))
        names = [name for name in names if name.startswith(query.get('prefix', ''))
                 and name > query.get('marker', '')][:int(query.get('limit', 3))]
        return json.dumps([self._row(container, name) for name in names]).encode()

    def _row(self, container, name):
        if container is None:
            return {'name': name}
        return {'name': name, 'hash': md5(self.objects[container, name]).hexdigest(),
                'last_modified': '2023-11-14T22:13:20.000000'}

    def _node(self, device, path, query):
        if device in self.unmounted:
            return 507, {}, b''
        if (device, path) in self.lost:
            return 404, {}, b''
        if (device, path) in self.copies and 'marker' not in query:
            return self.copies[device, path]
        names = path.split('/', 2)
        if len(names) == 3:
            body = self.objects.get((names[1], names[2]))
            return (404, {}, b'') if body is None else (
                200, {'Etag': f'"{md5(body).hexdigest()}"', 'X-Timestamp': '1700000000.00000',
                      'Content-Length': str(len(body))}, body)
        if len(names) == 2 and names[1] not in self.containers:
            return 404, {}, b''
        container = names[1] if len(names) == 2 else None
        return 200, {'X-Backend-Storage-Policy-Index': '0'}, self._listing(container, query)
