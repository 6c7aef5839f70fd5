"""A storage cluster in memory behind a real socket, for tests of the client.

It speaks HTTP/1.1 with keep-alive: version 1 authentication, accounts, containers, objects,
ranges, If-None-Match, server-side copies, static and dynamic large objects, bulk delete, /info.
It writes down every request, and `faults` answer instead of it: a function that is given the
request and returns a status, DROP (close the connection without an answer), or None.

Not a model of the server's rules: names, metadata limits and access rights are not checked.
"""
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

DROP = 'drop'
INFO = {'swift': {'version': '2.38.0'}, 'slo': {'max_manifest_segments': 1000},
        'bulk_delete': {'max_deletes_per_request': 10000}}


@dataclass(frozen=True)
class Request:
    """One request as it arrived: `path` unquoted, header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        query = '&'.join(f'{key}={value}' if value else key
                         for key, value in sorted(self.query.items()))
        return f'{self.method} {self.path}{"?" if query else ""}{query}'


@dataclass
class StoredObject:
    data: bytes
    headers: dict[str, str]
    etag: str
    manifest: list[dict] | None = None


@dataclass
class MemoryCluster:
    """The stored state and the log; `url` is where to authenticate."""

    info: dict = field(default_factory=lambda: json.loads(json.dumps(INFO)))
    faults: list[Callable[[Request], object]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    containers: dict[str, dict[str, StoredObject]] = field(default_factory=dict)
    container_headers: dict[str, dict[str, str]] = field(default_factory=dict)
    account_headers: dict[str, str] = field(default_factory=dict)
    page_size: int = 10000
    tokens: int = 0
    revoked: int = 0  # tokens up to this number are refused
    url: str = ''

    def __enter__(self) -> 'MemoryCluster':
        self.lock = threading.Lock()
        handler = type('Handler', (_Handler,), {'cluster': self})
        self.server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self.server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self.server.server_port}/auth/v1.0'
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def storage_url(self) -> str:
        return self.url.replace('/auth/v1.0', '/v1/AUTH_test')

    def log(self, *methods: str) -> list[str]:
        """Return requests as `METHOD container/object?query`, only `methods` if any are given."""
        with self.lock:
            return [str(request).replace('/v1/AUTH_test/', '', 1).replace('/v1/AUTH_test', '', 1)
                    for request in self.requests
                    if (not methods or request.method in methods)
                    and request.path.startswith('/v1')]

    def put(self, path: str, data: bytes = b'', **headers: str) -> None:
        """Store an object behind the client's back; `a_b` in a header's name means a-b."""
        container, name = path.split('/', 1)
        self.containers.setdefault(container, {})[name] = StoredObject(
            data, {key.replace('_', '-'): value for key, value in headers.items()},
            hashlib.md5(data).hexdigest())

    def names(self, container: str) -> list[str]:
        return sorted(self.containers[container])

    def content(self, stored: StoredObject) -> bytes:
        """Return what a GET of a stored object gives, segments joined."""
        if stored.manifest is not None:
            return b''.join(self.content(self._at(entry['name'])) for entry in stored.manifest)
        prefix = stored.headers.get('x-object-manifest')
        if prefix:
            container, start = unquote(prefix).split('/', 1)
            found = self.containers.get(container, {})
            return b''.join(found[name].data for name in sorted(found) if name.startswith(start))
        return stored.data

    def _at(self, path: str) -> StoredObject:
        container, name = path.lstrip('/').split('/', 1)
        return self.containers[container][name]


class _Handler(BaseHTTPRequestHandler):
    """One connection; every answer has a length, so that the connection can go on."""

    cluster: MemoryCluster
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def log_message(self, *args: object) -> None:
        """Requests are kept in the cluster's log."""

    def _read_body(self) -> bytes:
        if self.headers.get('Transfer-Encoding', '').lower() != 'chunked':
            return self.rfile.read(int(self.headers.get('Content-Length') or 0))
        body = b''
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in
                 parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {key.lower(): value for key, value in self.headers.items()}
        request = Request(self.command, unquote(parts.path), query, headers, self._read_body())
        cluster = self.cluster
        with cluster.lock:
            cluster.requests.append(request)
            faults = list(cluster.faults)
        for fault in faults:
            verdict = fault(request)
            if verdict is DROP:
                self.close_connection = True
                return
            if verdict is not None:
                self._answer(verdict, b'<html>no</html>')
                return
        with cluster.lock:
            status, sent, body = answer(cluster, request)
        self._answer(status, body, sent)

    def _answer(self, status: int, body: bytes = b'', headers: dict | None = None) -> None:
        self.send_response(status)
        headers = {'x-trans-id': f'tx{len(self.cluster.requests):021d}-0000000000',
                   'content-length': str(len(body)), **(headers or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != 'HEAD' and status != 304:
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_COPY = _handle


def answer(cluster: MemoryCluster, request: Request) -> tuple[int, dict, bytes]:
    """Return (status, headers, body) and change the stored state."""
    if request.path == '/info':
        return 200, {'content-type': 'application/json'}, json.dumps(cluster.info).encode()
    if request.path == '/auth/v1.0':
        if request.headers.get('x-auth-key') != 'testing':
            return 401, {}, b'<html>no</html>'
        cluster.tokens += 1
        return 200, {'x-storage-url': cluster.storage_url,
                     'x-auth-token': f'AUTH_tk{cluster.tokens}'}, b''
    token = request.headers.get('x-auth-token', '').removeprefix('AUTH_tk')
    if not token.isdigit() or int(token) <= cluster.revoked:
        return 401, {}, b'<html>no</html>'
    parts = request.path.split('/', 4)[3:]
    if not parts:
        return _account(cluster, request)
    container, name = parts[0], parts[1] if len(parts) > 1 else ''
    if not name:
        return _container(cluster, request, container)
    if request.method in ('GET', 'HEAD'):
        return _read(cluster, request, container, name)
    return _write(cluster, request, container, name)


def _kept(headers: dict[str, str], *prefixes: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith(prefixes)}


def _account(cluster: MemoryCluster, request: Request) -> tuple[int, dict, bytes]:
    if request.method == 'POST' and 'bulk-delete' in request.query:
        return _bulk_delete(cluster, request)
    if request.method == 'POST':
        cluster.account_headers.update(_kept(request.headers, 'x-account-meta-'))
        return 204, {}, b''
    entries = [{'name': name, 'count': len(objects),
                'bytes': sum(len(stored.data) for stored in objects.values())}
               for name, objects in sorted(cluster.containers.items())]
    headers = {'x-account-container-count': str(len(entries)), 'x-account-object-count': '0',
               'x-account-bytes-used': '0', **cluster.account_headers}
    return _listing(cluster, request, entries, headers)


def _listing(cluster: MemoryCluster, request: Request, entries: list[dict],
             headers: dict) -> tuple[int, dict, bytes]:
    if request.method == 'HEAD':
        return 204, headers, b''
    marker, prefix = request.query.get('marker', ''), request.query.get('prefix', '')
    found = [entry for entry in entries
             if entry['name'] > marker and entry['name'].startswith(prefix)]
    body = json.dumps(found[:cluster.page_size]).encode()
    return 200, {'content-type': 'application/json; charset=utf-8', **headers}, body


def _container(cluster: MemoryCluster, request: Request,
               name: str) -> tuple[int, dict, bytes]:
    there = name in cluster.containers
    if request.method == 'PUT':
        cluster.containers.setdefault(name, {})
        cluster.container_headers.setdefault(name, {}).update(
            _kept(request.headers, 'x-container-', 'x-storage-policy'))
        return 202 if there else 201, {}, b''
    if not there:
        return 404, {}, b'<html>no</html>'
    if request.method == 'DELETE':
        if cluster.containers[name]:
            return 409, {}, b'<html>no</html>'
        del cluster.containers[name]
        return 204, {}, b''
    if request.method == 'POST':
        cluster.container_headers.setdefault(name, {}).update(
            _kept(request.headers, 'x-container-'))
        return 204, {}, b''
    entries = [{'name': key, 'bytes': len(stored.data), 'hash': stored.etag,
                'content_type': stored.headers.get('content-type', 'text/plain'),
                'last_modified': '2023-11-14T22:13:20.000000'}
               for key, stored in sorted(cluster.containers[name].items())]
    return _listing(cluster, request, entries, {
        'x-container-object-count': str(len(entries)), 'x-timestamp': '1700000000.00000',
        'x-container-bytes-used': str(sum(entry['bytes'] for entry in entries)),
        'x-storage-policy': 'gold', **cluster.container_headers.get(name, {})})


def _read(cluster: MemoryCluster, request: Request, container: str,
          name: str) -> tuple[int, dict, bytes]:
    stored = cluster.containers.get(container, {}).get(name)
    if stored is None:
        return 404, {}, b'<html>no</html>'
    headers = {'etag': stored.etag, 'last-modified': formatdate(1700000000, usegmt=True),
               'content-type': 'text/plain', **stored.headers}
    wants_manifest = request.query.get('multipart-manifest') == 'get'
    if stored.manifest is not None:
        headers['x-static-large-object'] = 'True'
    if request.headers.get('if-none-match') == stored.etag:
        return 304, headers, b''
    if wants_manifest and stored.manifest is not None:
        return 200, {**headers, 'content-type': 'application/json'}, \
            json.dumps(stored.manifest).encode()
    body = stored.data if wants_manifest else cluster.content(stored)
    if request.method == 'HEAD':
        return 200, {**headers, 'content-length': str(len(body))}, b''
    wanted = request.headers.get('range')
    if wanted:
        start, end = wanted.removeprefix('bytes=').split('-')
        last = int(end) if end else len(body) - 1
        headers['content-range'] = f'bytes {start}-{last}/{len(body)}'
        return 206, headers, body[int(start):last + 1]
    return 200, headers, body


def _write(cluster: MemoryCluster, request: Request, container: str,
           name: str) -> tuple[int, dict, bytes]:
    objects = cluster.containers.get(container)
    if objects is None or (request.method != 'PUT' and name not in objects):
        return 404, {}, b'<html>no</html>'
    if request.method == 'PUT':
        return _put(cluster, request, objects, name)
    stored = objects[name]
    if request.method == 'POST':
        stored.headers = {**_kept(stored.headers, 'content-type', 'x-object-manifest'),
                          **_kept(request.headers, 'x-object-meta-', 'content-type')}
        return 202, {}, b''
    if request.method == 'COPY':
        target, new_name = unquote(request.headers['destination']).lstrip('/').split('/', 1)
        if target not in cluster.containers:
            return 404, {}, b'<html>no</html>'
        fresh = request.headers.get('x-fresh-metadata') == 'true'
        cluster.containers[target][new_name] = StoredObject(
            stored.data, {**({} if fresh else stored.headers),
                          **_kept(request.headers, 'x-object-meta-')}, stored.etag)
        return 201, {}, b''
    if request.query.get('multipart-manifest') == 'delete':
        for entry in stored.manifest or ():
            segment_container, segment = entry['name'].lstrip('/').split('/', 1)
            cluster.containers[segment_container].pop(segment, None)
    del objects[name]
    return 204, {}, b''


def _put(cluster: MemoryCluster, request: Request, objects: dict,
         name: str) -> tuple[int, dict, bytes]:
    headers = _kept(request.headers, 'x-object-meta-', 'content-type', 'x-object-manifest',
                    'x-delete-')
    etag = hashlib.md5(request.body).hexdigest()
    if request.headers.get('etag', etag) != etag:
        return 422, {}, b'<html>no</html>'
    manifest = None
    if request.query.get('multipart-manifest') == 'put':
        wanted = json.loads(request.body)
        for entry in wanted:
            segment = cluster._at(entry['path'])
            if entry['etag'] != segment.etag or entry['size_bytes'] != len(segment.data):
                return 400, {}, b'Errors: ' + quote(entry['path']).encode()
        manifest = [{'name': entry['path'], 'hash': entry['etag'],
                     'bytes': entry['size_bytes'],
                     **({'sub_slo': True} if cluster._at(entry['path']).manifest else {})}
                    for entry in wanted]
        etag = hashlib.md5(''.join(entry['etag'] for entry in wanted).encode()).hexdigest()
    objects[name] = StoredObject(request.body, headers, etag, manifest)
    return 201, {'etag': etag, 'last-modified': formatdate(time.time(), usegmt=True)}, b''


def _bulk_delete(cluster: MemoryCluster, request: Request) -> tuple[int, dict, bytes]:
    deleted, missing, errors = 0, 0, []
    for line in request.body.decode().split():
        container, name = unquote(line).lstrip('/').split('/', 1)
        if name.startswith('locked'):
            errors.append([line, '403 Forbidden'])
        elif cluster.containers.get(container, {}).pop(name, None) is None:
            missing += 1
        else:
            deleted += 1
    told = {'Number Deleted': deleted, 'Number Not Found': missing, 'Errors': errors,
            'Response Status': '400 Bad Request' if errors else '200 OK', 'Response Body': ''}
    return 200, {'content-type': 'application/json'}, json.dumps(told).encode()
