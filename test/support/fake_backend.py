"""Storage nodes in memory, behind the interface of swift.common.http.pool.

`FakeNodes` is a pool: requests to an address reach a FakeNode, which keeps accounts, containers and
objects in dicts with the semantics of the real servers as far as a proxy can see them. What a
test wants to go wrong is set on the node:

    node.is_down            connections are refused
    node.answers            list of statuses for the next requests (None: behave)
    node.failing            {kind: status} that one of the three servers always gives
    node.silence            an Event: exchanges wait for it before they answer
    node.break_body_after   object bodies end with an error after so many bytes

test/unit/proxy/test_fake_contract.py runs the same dialogues against these and the real servers.
"""

import hashlib
import json
from types import SimpleNamespace
from urllib.parse import parse_qsl, unquote

from swift.common.errors import ConnectFailed, PeerClosed
from swift.core.constraints import Constraints
from swift.core.hashing import hash_path, part_of
from swift.core.headers import HeaderMap, title_case
from swift.core.http_dates import format_http_date
from swift.core.policy import PolicyCollection, StoragePolicy
from swift.core.ranges import Range
from swift.core.ring_lookup import Node
from swift.core.timestamp import Timestamp

PART_POWER = 4


class FakeRing:
    """A ring of `nodes`; partition p starts at node p."""

    next_part_power = None

    def __init__(self, nodes, replicas=3):
        self.devices = nodes
        self.replica_count = replicas

    def get_part(self, account, container=None, obj=None):
        return part_of(hash_path(b'', b'x', account, container, obj, raw=True), PART_POWER)

    def _order(self, part):
        start = part % len(self.devices)
        return self.devices[start:] + self.devices[:start]

    def get_part_nodes(self, part):
        return [_node(device, index=i)
                for i, device in enumerate(self._order(part)[:self.replica_count])]

    def get_more_nodes(self, part):
        for i, device in enumerate(self._order(part)[self.replica_count:]):
            yield _node(device, handoff=i)

    def get_nodes(self, account, container=None, obj=None):
        part = self.get_part(account, container, obj)
        return part, self.get_part_nodes(part)


def _node(device, index=None, handoff=None):
    return Node(device['id'], device['region'], 1, device['ip'], device['port'], device['ip'],
                device['port'] + 1000, device['device'], index=index, handoff_index=handoff)


class StubCluster:
    """Rings, policies and limits without files."""

    def __init__(self, node_count=5, replicas=3, policies=None, constraints=None):
        self.policies = PolicyCollection(policies or (
            StoragePolicy(0, 'gold', ('yellow',), is_default=True), StoragePolicy(1, 'silver'),
            StoragePolicy(2, 'old', is_deprecated=True)))
        self.constraints = constraints or Constraints()
        devices = [{'id': i, 'region': 1 + i % 2, 'ip': f'10.0.0.{i + 1}', 'device': f'sd{i}',
                    'port': 6000} for i in range(node_count)]
        self.account_ring, self.container_ring, self._object_ring = (
            FakeRing([dict(one, port=port) for one in devices], replicas)
            for port in (6002, 6001, 6000))

    def object_ring(self, _index):
        return self._object_ring

    def hash_path(self, account, container=None, obj=None, raw_digest=False):
        return hash_path(b'', b'x', account, container, obj, raw_digest)


class FakeResponse:
    """What a pool hands out: status, reason, headers and a body."""

    def __init__(self, status, headers=None, body=b'', broken_after=None, method='GET'):
        self.status = status
        self.reason = {200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content',
                       404: 'Not Found'}.get(status, 'Whatever')
        self.headers = HeaderMap(headers or {})
        if 'Content-Length' not in self.headers:
            self.headers['Content-Length'] = str(len(body))
        self._body = b'' if method == 'HEAD' else body
        self._broken_after = broken_after
        self.is_closed = False

    @property
    def head(self):
        return SimpleNamespace(headers=self.headers.lines())

    @property
    def content_length(self):
        return int(self.headers['Content-Length'])

    def read(self, size=None):
        return b''.join(self.iter_chunks(65536))

    def take_whole(self):
        return None              # as if it were still under way: it may break

    def iter_chunks(self, size, timeout=None):
        body, end = self._body, self._broken_after
        for start in range(0, len(body), size):
            if end is not None and start + size > end:
                if body[start:end]:
                    yield body[start:end]
                raise PeerClosed('broken by the test')
            yield body[start:start + size]
        self.close()

    def close(self):
        self.is_closed = True


class Record(dict):
    """Metadata of a thing: headers by title-cased name."""


class FakeNode:
    """All three servers of one machine."""

    def __init__(self):
        self.accounts, self.containers, self.objects = {}, {}, {}
        self.is_down = False
        self.answers = []
        self.failing = {}
        self.silence = None
        self.break_body_after = None
        self.requests = []

    def answer_begins(self, timeout):
        return self.silence is None

    # -- the three servers -------------------------------------------------------------------------

    def handle(self, kind, method, target, headers, body):
        """Answer one request as the account, container or object server."""
        headers = HeaderMap(headers)
        path, _, query = target.partition('?')
        names = [unquote(part) for part in path.split('/', 5)[1:]]
        self.requests.append((kind, method, target, headers, body))
        if self.answers:
            status = self.answers.pop(0)
            if status is not None:
                return FakeResponse(status, body=b'scripted')
        if kind in self.failing:
            return FakeResponse(self.failing[kind], body=b'failing')
        server = {'account': self.account_server, 'container': self.container_server,
                  'object': self.object_server}[kind]
        return server(method, names[2:], headers, dict(parse_qsl(query)), body)

    def account_server(self, method, names, headers, query, body):
        account = names[0]
        known = self.accounts.get(account)
        if len(names) == 2:
            if known is None and not account.startswith('.'):
                return FakeResponse(404)
            return FakeResponse(201)
        if method in ('GET', 'HEAD'):
            if known is None:
                return FakeResponse(404)
            if known.get('deleted'):
                return FakeResponse(404, {'X-Account-Status': 'Deleted'})
            listing = [{'name': c, 'count': 0, 'bytes': 0} for a, c in sorted(self.containers)
                       if a == account]
            return self._listing(method, known, listing, {
                'X-Account-Container-Count': str(len(listing)), 'X-Account-Object-Count': '0',
                'X-Account-Bytes-Used': '0', 'X-Timestamp': known['ts'],
                'X-PUT-Timestamp': known['ts']})
        if method == 'DELETE':
            if known is None:
                return FakeResponse(404)
            if known.get('deleted'):
                return FakeResponse(404, {'X-Account-Status': 'Deleted'})
            known['deleted'] = True
            return FakeResponse(204, {'X-Account-Status': 'Deleted'})
        if known is not None and known.get('deleted'):
            if method == 'POST':
                return FakeResponse(404, {'X-Account-Status': 'Deleted'})
            return FakeResponse(403, {'X-Account-Status': 'Deleted'}, b'Recently deleted')
        if known is None and method == 'POST':
            return FakeResponse(404)
        created = known is None
        self._merge(self.accounts.setdefault(account, Record(ts=headers['X-Timestamp'])),
                    'account', headers)
        return FakeResponse(204 if method == 'POST' else 201 if created else 202)

    def container_server(self, method, names, headers, query, body):
        key = tuple(names[:2])
        known = self.containers.get(key)
        if method in ('GET', 'HEAD'):
            if known is None:
                return FakeResponse(404, {'X-Backend-Timestamp': Timestamp(0).internal})
            rows = self._rows(key)
            listing = [{'name': name} for name in rows]
            return self._listing(method, known, listing, {
                'X-Container-Object-Count': str(len(rows)), 'X-Container-Bytes-Used': '0',
                'X-Timestamp': known['ts'], 'X-PUT-Timestamp': known['ts'],
                'X-Backend-Timestamp': known['ts'], 'X-Backend-Put-Timestamp': known['ts'],
                'X-Backend-Storage-Policy-Index': known['policy'],
                'X-Backend-Sharding-State': 'unsharded'})
        if method == 'DELETE':
            if known is None:
                return FakeResponse(404)
            if self._rows(key):
                return FakeResponse(409)
            del self.containers[key]
            return FakeResponse(204)
        if method == 'UPDATE':
            return FakeResponse(202)
        if method == 'POST' and known is None:
            return FakeResponse(404)
        asked = headers.get('X-Backend-Storage-Policy-Index')
        if known is not None and asked is not None and asked != known['policy']:
            return FakeResponse(409)
        created = known is None
        policy = asked or headers.get('X-Backend-Storage-Policy-Default') or '0'
        known = self.containers.setdefault(key, Record(ts=headers['X-Timestamp'], policy=policy))
        self._merge(known, 'container', headers)
        return FakeResponse(204 if method == 'POST' else 201 if created else 202)

    def _rows(self, container):
        return sorted(name for (a, c, name), record in self.objects.items()
                      if (a, c) == container and not record.get('deleted'))

    def object_server(self, method, names, headers, query, body):
        key = tuple(names[:3])
        return getattr(self, 'object_' + method.lower())(key, headers, body)

    def object_get(self, key, headers, body, method='GET'):
        known = self.objects.get(key)
        if known is None:
            return FakeResponse(404)
        if known.get('deleted'):
            return FakeResponse(404, {'X-Backend-Timestamp': known['ts']})
        data = known['data']
        shown = {'Etag': f'"{known["etag"]}"', 'X-Timestamp': Timestamp(known['ts']).normal,
                 'X-Backend-Timestamp': known['ts'], 'X-Backend-Data-Timestamp': known['ts'],
                 'Last-Modified': format_http_date(Timestamp(known['ts']).ceil()),
                 'Content-Type': known['type'], **known['meta']}
        status = 200
        wanted = Range.parse(headers['Range']) if 'Range' in headers and method == 'GET' else None
        ranges = wanted.resolve(len(data)) if wanted else None
        if ranges is not None and not ranges:
            return FakeResponse(416, {**shown, 'Content-Range': f'bytes */{len(data)}'}, b'no')
        if ranges and len(ranges) == 1:
            (start, stop), status = ranges[0], 206
            shown['Content-Range'] = f'bytes {start}-{stop - 1}/{len(data)}'
            data = data[start:stop]
        elif ranges:
            status, boundary = 206, 'b%031d' % len(self.requests)
            data = b''.join(
                b'--%s\r\nContent-Type: %s\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%s\r\n' % (
                    boundary.encode(), known['type'].encode(), start, stop - 1, len(data),
                    data[start:stop]) for start, stop in ranges) + b'--%s--' % boundary.encode()
            shown['Content-Type'] = 'multipart/byteranges;boundary=' + boundary
        broken, self.break_body_after = self.break_body_after, None
        shown['Content-Length'] = str(len(data))
        return FakeResponse(status, shown, data, broken, method)

    def object_head(self, key, headers, body):
        return self.object_get(key, headers, body, 'HEAD')

    def object_put(self, key, headers, body):
        known = self.objects.get(key)
        if known is not None and known['ts'] >= headers['X-Timestamp']:
            return FakeResponse(409, {'X-Backend-Timestamp': known['ts']})
        if known and not known.get('deleted') and headers.get('If-None-Match') == '*':
            return FakeResponse(412)
        if body is None:
            return None
        footers = {}
        if 'X-Backend-Obj-Metadata-Footer' in headers:
            body, footers = _split_footers(headers['X-Backend-Obj-Multipart-Mime-Boundary'], body)
        etag = hashlib.md5(body).hexdigest()
        expected = footers.get('Etag') or headers.get('Etag')
        if expected is not None and expected.strip('"') != etag:
            return FakeResponse(422)
        everything = {**dict(headers.items()),
                      **{title_case(name): value for name, value in footers.items()}}
        meta = {name: value for name, value in everything.items() if name.startswith((
            'X-Object-Meta-', 'X-Object-Sysmeta-', 'X-Delete-At'))
            and not name.startswith('X-Delete-At-')}
        self.objects[key] = Record(ts=headers['X-Timestamp'], data=body, etag=etag, meta=meta,
                                   type=headers.get('Content-Type'))
        return FakeResponse(201, {'Etag': f'"{etag}"'})

    def object_post(self, key, headers, body):
        known = self.objects.get(key)
        if known is None or known.get('deleted'):
            return FakeResponse(404)
        sysmeta = {name: value for name, value in known['meta'].items()
                   if name.startswith('X-Object-Sysmeta-')}
        known['meta'] = {**sysmeta, **{name: value for name, value in headers.items()
                                       if name.startswith('X-Object-Meta-')}}
        known['type'] = headers.get('Content-Type', known['type'])
        return FakeResponse(202, sysmeta)

    def object_delete(self, key, headers, body):
        known = self.objects.get(key)
        ts = headers['X-Timestamp']
        if known is not None and known['ts'] >= ts:
            return FakeResponse(409, {'X-Backend-Timestamp': known['ts']})
        found = known is not None and not known.get('deleted')
        self.objects[key] = Record(ts=ts, deleted=True)
        return FakeResponse(204 if found else 404, {'X-Backend-Timestamp': ts})

    # -- shared ------------------------------------------------------------------------------------

    @staticmethod
    def _merge(record, kind, headers):
        kept = (f'X-{kind.title()}-Meta-', f'X-{kind.title()}-Sysmeta-', 'X-Container-Read',
                'X-Container-Write', 'X-Container-Sync', 'X-Versions-Location')
        for name, value in headers.items():
            if name.startswith(kept):
                record.pop(name, None)
                if value:
                    record[name] = value

    @staticmethod
    def _listing(method, record, rows, headers):
        body = json.dumps(rows).encode()
        shown = {**headers, **{k: v for k, v in record.items() if k.startswith('X-')},
                 'Content-Type': 'application/json; charset=utf-8'}
        if method == 'HEAD':
            return FakeResponse(204, {**shown, 'Content-Length': '0'})
        return FakeResponse(200, shown, body)


def _split_footers(boundary, body):
    parts = body.split(f'--{boundary}'.encode())
    data = parts[1].partition(b'\r\n\r\n')[2][:-2]
    head, _, text = parts[2].partition(b'\r\n\r\n')
    text = text[:-2]
    assert hashlib.md5(text).hexdigest().encode() in head
    assert parts[3] == b'--\r\n'
    return data, json.loads(text)


class FakeExchange:
    """A streamed request to a FakeNode."""

    class interim:
        headers = (('X-Obj-Metadata-Footer', 'yes'),)

    def __init__(self, pool, address):
        self._pool = pool
        self._address = address
        self._chunks = []
        self._is_ended = False
        self.is_closed = False
        self.repeated = False

    def send_head(self, method, target, headers, body=None):
        self._request = (method, target, headers)
        if body is not None:
            assert int(dict(headers).get('Content-Length', len(body))) == len(body)
            self._chunks, self._is_ended = [body], True

    def answer_begins(self, timeout):
        return self._pool.node(self._address).answer_begins(timeout)

    def wait_continue(self, timeout):
        return self._pool.node(self._address).handle(
            self._pool.kind(self._address), *self._request, None)

    def send(self, data):
        node = self._pool.node(self._address)
        if node.is_down:
            raise PeerClosed('broken by the test')
        self._chunks.append(data)

    def end(self):
        self._is_ended = True

    def response(self, timeout):
        assert self._is_ended
        node = self._pool.node(self._address)
        if node.is_down:
            raise PeerClosed('broken by the test')
        if node.silence is not None:
            node.silence.wait()
        return node.handle(self._pool.kind(self._address), *self._request, b''.join(self._chunks))

    def answer(self, timeout):
        response = self.response(timeout)
        try:
            head = SimpleNamespace(status=response.status, reason=response.reason,
                                   header_map=response.headers)
            return head, response.read()
        finally:
            response.close()

    def close(self):
        self.is_closed = True


class FakeNodes:
    """A connection pool whose addresses are FakeNodes; port - 6000 tells the server."""

    def __init__(self, count=5):
        self.nodes = [FakeNode() for _ in range(count)]
        self.exchanges = []
        self.responses = []

    def node(self, address):
        return self.nodes[int(address[0].rpartition('.')[2]) - 1]

    @staticmethod
    def kind(address):
        return ('object', 'container', 'account')[address[1] % 1000]

    def request(self, address, method, target, headers, body=b'', *, conn_timeout, timeout):
        node = self.node(address)
        if node.is_down:
            raise ConnectFailed('refused', f'{address[0]}:{address[1]}')
        resp = node.handle(self.kind(address), method, target, headers, body)
        self.responses.append(resp)
        return resp

    def open(self, address, conn_timeout, timeout=60.0):
        if self.node(address).is_down:
            raise ConnectFailed('refused', f'{address[0]}:{address[1]}')
        exchange = FakeExchange(self, address)
        self.exchanges.append(exchange)
        return exchange

    def close(self):
        pass

    def requests(self, kind=None, method=None):
        """All requests so far, as (kind, method, target, headers, body)."""
        return [one for node in self.nodes for one in node.requests
                if kind in (None, one[0]) and method in (None, one[1])]


class DictCache:
    """A memcached in memory; counts trips."""

    def __init__(self):
        self.values, self.times, self.trips = {}, {}, []

    def get(self, key, raise_on_error=False):
        self.trips.append(('get', key))
        return json.loads(self.values[key]) if key in self.values else None

    def get_many(self, keys):
        self.trips.append(('get_many', tuple(keys)))
        return {key: json.loads(self.values[key]) for key in keys if key in self.values}

    def set(self, key, value, serialize=True, time=0, **_more):
        self.trips.append(('set', key))
        self.values[key], self.times[key] = json.dumps(value), time

    def delete(self, key, server_key=None):
        self.trips.append(('delete', key))
        self.values.pop(key, None)


__all__ = ['DictCache', 'FakeNodes', 'StubCluster']
