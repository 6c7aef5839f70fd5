"""Object PUT through the proxy, whole and streamed."""

import hashlib
from io import BytesIO

import pytest

from swift.common import green
from swift.common.errors import ClientDisconnect, ClientReadTimeout
from swift.common.swob import Request
from swift.core.constraints import Constraints
from test.support.fake_backend import FakeExchange, FakeResponse, Record
from test.support.proxy import Proxy, Trickle

SMALL = b'hello world'
LARGE = b'0123456789abcdef' * 16384
HTML = 'text/html; charset=UTF-8'


@pytest.fixture
def proxy():
    proxy = Proxy()
    proxy.put_container()
    return proxy


@pytest.mark.parametrize('body', [b'', SMALL, b'x' * 65536, LARGE])
def test_put_stores_on_all_primaries(proxy, body):
    reply = proxy.request('PUT', '/v1/a/c/o', {'X-Object-Meta-A': '1'}, body=body)
    assert (reply.status, reply.body) == (201, b'')
    assert reply.headers['Etag'] == hashlib.md5(body).hexdigest()
    assert reply.headers['Content-Type'] == HTML and reply.headers['Content-Length'] == '0'
    assert reply.headers['Last-Modified'] == 'Tue, 14 Nov 2023 22:13:21 GMT'
    for node in proxy.primaries():
        stored = node.objects['a', 'c', 'o']
        assert stored['data'] == body and stored['meta']['X-Object-Meta-A'] == '1'
    assert all(exchange.is_closed for exchange in proxy.pool.exchanges)


def _chunked(body, proxy, error=None, **headers):
    req = Request.blank('/v1/a/c/o', method='PUT', environ={
        'swift.cache': proxy.cache, 'swift.trans_id': 'tx', 'swift_owner': True,
        'wsgi.input': Trickle(body, error) if error else BytesIO(body),
        'HTTP_TRANSFER_ENCODING': 'chunked'}, headers=headers)
    return proxy.send(req)


@pytest.mark.parametrize('size', [0, 11, 65535, 65536, 65537, 200000])
def test_chunked_bodies(proxy, size):
    body = (b'0123456789' * 20000)[:size]
    reply = _chunked(body, proxy)
    assert reply.status == 201
    assert {node.objects['a', 'c', 'o']['data'] for node in proxy.primaries()} == {body}


class ShortReads(BytesIO):
    """An input as filters put it in place: it gives what it has at the moment."""

    def read(self, size=-1):
        return super().read(min(size, 1000) if size > 0 else size)


@pytest.mark.parametrize('size', [0, 11, 1000, 65535, 65536, 65537, 200000])
@pytest.mark.parametrize('is_chunked', [False, True])
def test_reads_of_the_body_may_be_short(proxy, size, is_chunked):
    body = (b'0123456789' * 20000)[:size]
    req = Request.blank('/v1/a/c/o', method='PUT', environ={
        'swift.cache': proxy.cache, 'swift.trans_id': 'tx', 'swift_owner': True,
        'wsgi.input': ShortReads(body),
        **({'HTTP_TRANSFER_ENCODING': 'chunked'} if is_chunked
           else {'CONTENT_LENGTH': str(size)})})
    assert proxy.send(req).status == 201
    assert {node.objects['a', 'c', 'o']['data'] for node in proxy.primaries()} == {body}


def test_small_body_goes_with_its_length_and_without_expect(proxy):
    proxy.request('PUT', '/v1/a/c/o', body=SMALL)
    for _, _, _, headers, body in proxy.pool.requests('object', 'PUT'):
        assert headers['Content-Length'] == '11' and 'Expect' not in headers
        assert body == SMALL


def test_large_body_asks_first(proxy):
    proxy.request('PUT', '/v1/a/c/o', body=LARGE)
    first = proxy.pool.requests('object', 'PUT')[0]
    assert first[3]['Expect'] == '100-continue'
    assert first[3]['Content-Length'] == str(len(LARGE)) and first[4] is None


def test_client_headers_travel_but_secrets_do_not(proxy):
    proxy.request('PUT', '/v1/a/c/o', {'X-Auth-Token': 'secret', 'Cookie': 'c', 'X-Odd': 'kept',
                                       'Content-Type': 'a/b'}, body=SMALL)
    headers = proxy.pool.requests('object', 'PUT')[0][3]
    assert headers['X-Auth-Token'] != 'secret' and 'Cookie' not in headers
    assert headers['X-Odd'] == 'kept' and headers['Content-Type'] == 'a/b'
    assert headers['X-Backend-Storage-Policy-Index'] == '0'
    assert headers['X-Container-Root-Db-State'] == 'unsharded'


def test_container_updates_and_queue_cleaning_are_spread(proxy):
    proxy.request('PUT', '/v1/a/c/o', body=SMALL)
    _, nodes = proxy.cluster.container_ring.get_nodes('a', 'c')
    puts = [headers for _, _, _, headers, _ in proxy.pool.requests('object', 'PUT')]
    assert sorted(h['X-Container-Host'] for h in puts) == sorted(
        f'{node.ip}:{node.port}' for node in nodes)
    assert sorted(h['X-Backend-Clean-Expiring-Object-Queue'] for h in puts) == ['f', 't', 't']


def test_expiry_names_the_queue_container(proxy):
    info = []
    reply = proxy.request('PUT', '/v1/a/c/o', {'X-Delete-At': '1700086400'}, body=SMALL,
                          **{'swift.log_info': info})
    assert reply.status == 201 and info == ['x-delete-at:1700086400']
    puts = [headers for _, _, _, headers, _ in proxy.pool.requests('object', 'PUT')]
    containers = {h['X-Delete-At-Container'] for h in puts}
    assert len(containers) == 1
    shift = int(proxy.cluster.hash_path('a', 'c', 'o'), 16) % 100
    assert containers == {'%010d' % (1700086400 // 86400 * 86400 - shift)}
    assert all(h['X-Delete-At-Host'] and h['X-Delete-At-Device'] for h in puts)


@pytest.mark.parametrize('headers,status,body', [
    ({'If-None-Match': 'abc'}, 400, b'If-None-Match only supports *'),
    ({'If-None-Match': ''}, 400, b'If-None-Match only supports *'),
    ({'X-Delete-At': '1'}, 400, b'X-Delete-At in past'),
    ({'X-Delete-After': 'x'}, 400, b'Non-integer X-Delete-After'),
    ({'X-Object-Meta-': 'x'}, 400, b'Metadata name cannot be empty'),
    ({'Content-Type': 'a/\xff'}, 400, b'Invalid Content-Type'),
    ({'Content-Type': 'a/b; swift_bytes=1'}, 400,
     b'Invalid Content-Type, swift_* is not a valid parameter name.'),
    ({'Content-Length': '5368709123'}, 413, b'Your request is too large.'),
    ({'Transfer-Encoding': 'gzip'}, 400, b'Invalid Transfer-Encoding header value')])
def test_refusals_before_any_object_server_is_asked(proxy, headers, status, body):
    req = Request.blank('/v1/a/c/o', method='PUT', body=SMALL, environ={
        'swift.cache': proxy.cache, 'swift.trans_id': 'tx', 'swift_owner': True})
    for name, value in headers.items():
        req.headers[name] = value
    reply = proxy.send(req)
    assert (reply.status, reply.body) == (status, body)
    assert proxy.pool.requests('object') == []


def test_put_without_length_is_411(proxy):
    reply = proxy.request('PUT', '/v1/a/c/o')
    assert (reply.status, reply.body) == (411, b'Missing Content-Length header.')


def test_overridden_content_type_may_have_swift_parameters(proxy):
    reply = proxy.request('PUT', '/v1/a/c/o', {'Content-Type': 'a/b; swift_bytes=1'}, body=SMALL,
                          **{'swift.content_type_overridden': True})
    assert reply.status == 201


@pytest.mark.parametrize('name,headers,expected', [
    ('pic.png', {}, 'image/png'), ('X.PNG', {}, 'image/png'), ('noext', {},
     'application/octet-stream'), ('a.html', {'Content-Type': ''}, 'text/html'),
    ('a.html', {'Content-Type': 'x/y', 'X-Detect-Content-Type': 'true'}, 'text/html'),
    ('a.html', {'Content-Type': 'x/y', 'X-Detect-Content-Type': 'no'}, 'x/y')])
def test_content_type_is_guessed_when_needed(proxy, name, headers, expected):
    proxy.request('PUT', '/v1/a/c/' + name, headers, body=SMALL)
    sent = proxy.pool.requests('object', 'PUT')[0][3]
    assert sent['Content-Type'] == expected and 'X-Detect-Content-Type' not in sent


def test_missing_container_is_404(proxy):
    assert proxy.request('PUT', '/v1/a/none/o', body=SMALL).status == 404
    assert proxy.pool.requests('object') == []


@pytest.mark.parametrize('body', [SMALL, LARGE])
def test_wrong_etag_is_422_and_stores_nothing(proxy, body):
    proxy.request('PUT', '/v1/a/c/o', body=b'old')
    reply = proxy.request('PUT', '/v1/a/c/o', {'Etag': '0' * 32}, body=body)
    assert reply.status == 422 and 'Etag' not in reply.headers
    assert 'Last-Modified' in reply.headers
    assert proxy.request('GET', '/v1/a/c/o').body == b'old'
    assert proxy.request('PUT', '/v1/a/c/o', {'Etag': ''}, body=body).status == 201


@pytest.mark.parametrize('body', [SMALL, LARGE])
def test_older_than_what_is_there_is_202(proxy, body):
    proxy.request('PUT', '/v1/a/c/o', body=b'new')
    reply = proxy.request('PUT', '/v1/a/c/o', {'X-Timestamp': '1'}, body=body)
    assert reply.status == 202 and len(reply.body) == 76
    assert proxy.request('GET', '/v1/a/c/o').body == b'new'


@pytest.mark.parametrize('tags', ['*', '"*"', 'x, *'])
def test_if_none_match_keeps_all_replicas_from_writing(proxy, tags):
    assert proxy.request('PUT', '/v1/a/c/o', {'If-None-Match': tags}, body=SMALL).status == 201
    first, *others = proxy.primaries()
    for node in others:
        node.objects.clear()
    reply = proxy.request('PUT', '/v1/a/c/o', {'If-None-Match': '*'}, body=b'two')
    assert reply.status == 412 and len(reply.body) == 92
    assert first.objects['a', 'c', 'o']['data'] == SMALL
    assert not any(node.objects for node in others)


@pytest.mark.parametrize('body', [SMALL, LARGE])
def test_without_a_quorum_of_connections_nothing_is_sent(proxy, body):
    proxy.request('PUT', '/v1/a/c/o', body=b'old')
    survivor = proxy.primaries()[0]
    for node in proxy.nodes:
        node.is_down = node is not survivor
    assert proxy.request('PUT', '/v1/a/c/o', body=body).status == 503
    assert survivor.objects['a', 'c', 'o']['data'] == b'old'


@pytest.mark.parametrize('body', [SMALL, LARGE])
@pytest.mark.parametrize('down', [1, 2])
def test_dead_primaries_are_replaced_by_handoffs(proxy, body, down):
    for node in proxy.primaries()[:down]:
        node.is_down = True
    assert proxy.request('PUT', '/v1/a/c/o', body=body).status == 201
    assert sum(('a', 'c', 'o') in node.objects for node in proxy.nodes) == 3
    assert proxy.request('GET', '/v1/a/c/o').body == body


@pytest.mark.parametrize('body', [SMALL, LARGE])
def test_too_few_nodes_is_503(body):
    proxy = Proxy(3)
    proxy.put_container()
    proxy.request('HEAD', '/v1/a/c')
    for node in proxy.nodes[1:]:
        node.is_down = True
    reply = proxy.request('PUT', '/v1/a/c/o', body=body)
    assert reply.status == 503 and len(reply.body) == 118
    assert any('returning 503' in line for line in proxy.logger.lines())


@pytest.mark.parametrize('body', [SMALL, LARGE])
def test_full_node_is_limited_and_replaced(proxy, body):
    proxy.primaries()[0].answers = [507]
    assert proxy.request('PUT', '/v1/a/c/o', body=body).status == 201
    assert any(line.startswith('Node will be error limited for 60.00s: 10.0.0.')
               for line in proxy.logger.lines())
    assert proxy.metrics.counts['error_limiter.forced_limit'] == 1


@pytest.mark.parametrize('error,status', [
    (ClientDisconnect('gone'), 499), (ClientReadTimeout(seconds=60), 408)])
@pytest.mark.parametrize('size', [5, 70000])
def test_client_trouble_leaves_nothing_behind(proxy, error, status, size):
    reply = _chunked(b'x' * size, proxy, error)
    assert reply.status == status
    assert not any(node.objects for node in proxy.nodes)
    assert all(exchange.is_closed for exchange in proxy.pool.exchanges)


@pytest.mark.parametrize('size', [11, 100000])
def test_body_shorter_than_announced_is_499(proxy, size):
    reply = proxy.request('PUT', '/v1/a/c/o', CONTENT_LENGTH=str(size),
                          **{'wsgi.input': BytesIO(b'x' * (size - 1))})
    assert reply.status == 499
    assert not any(node.objects for node in proxy.nodes)


@pytest.mark.parametrize('size,limit', [(70000, 66000), (100, 50)])
def test_chunked_body_beyond_the_limit_is_413(size, limit):
    proxy = Proxy(constraints=Constraints(max_file_size=limit))
    proxy.put_container()
    reply = _chunked(b'x' * size, proxy)
    assert reply.status == 413
    assert not any(node.objects for node in proxy.nodes)


class DyingInput(BytesIO):
    """A body that takes nodes down when it is half read."""

    def __init__(self, data, nodes):
        super().__init__(data)
        self._nodes = nodes
        self._reads = 0

    def read(self, size=-1):
        self._reads += 1
        if self._reads == 2:
            for node in self._nodes:
                node.is_down = True
        return super().read(size)


@pytest.mark.parametrize('dying,status', [(1, 201), (2, 503), (3, 503)])
def test_nodes_dying_while_the_body_is_sent(proxy, dying, status):
    body = DyingInput(LARGE, proxy.primaries()[:dying])
    reply = proxy.request('PUT', '/v1/a/c/o', CONTENT_LENGTH=str(len(LARGE)),
                          **{'wsgi.input': body})
    assert reply.status == status


def test_different_etags_of_replicas_are_500(proxy):
    proxy.primaries()[1].object_put = lambda key, headers, body: FakeResponse(
        201, {'Etag': '"other"'})
    assert proxy.request('PUT', '/v1/a/c/o', body=SMALL).status == 500


@pytest.mark.parametrize('body', [SMALL, LARGE])
def test_silent_replica_is_not_waited_for_after_the_quorum(proxy, body):
    proxy.primaries()[2].silence = green.Event()
    if body is LARGE:
        # It wants the body and then says nothing.
        proxy.primaries()[2].answers = []
    assert proxy.request('PUT', '/v1/a/c/o', body=body).status == 201
    assert all(exchange.is_closed for exchange in proxy.pool.exchanges)


@pytest.mark.parametrize('body', [b'', SMALL, LARGE])
def test_footers_of_a_filter_are_stored(proxy, body):
    def footers(headers):
        headers['X-Object-Sysmeta-Foo'] = 'bar'
        headers['Etag'] = hashlib.md5(body).hexdigest()

    reply = proxy.request('PUT', '/v1/a/c/o', {'Etag': 'of-the-client'}, body=body,
                          **{'swift.callback.update_footers': footers})
    assert reply.status == 201
    for node in proxy.primaries():
        stored = node.objects['a', 'c', 'o']
        assert stored['data'] == body and stored['meta']['X-Object-Sysmeta-Foo'] == 'bar'
    sent = proxy.pool.requests('object', 'PUT')[0][3]
    assert sent['X-Backend-Obj-Content-Length'] == str(len(body))
    assert sent['Transfer-Encoding'] == 'chunked' and 'Content-Length' not in sent


def test_footer_etag_that_differs_is_422(proxy):
    reply = proxy.request('PUT', '/v1/a/c/o', body=SMALL, **{
        'swift.callback.update_footers': lambda headers: headers.update({'Etag': '0' * 32})})
    assert reply.status == 422


def test_write_affinity_puts_near_nodes_first():
    proxy = Proxy(6, write_affinity='r2', sorting_method='affinity', read_affinity='r2=1')
    proxy.put_container()
    assert proxy.request('PUT', '/v1/a/c/o', body=SMALL).status == 201
    holders = [i for i, node in enumerate(proxy.nodes) if ('a', 'c', 'o') in node.objects]
    assert holders == [1, 3, 5]
    assert proxy.request('GET', '/v1/a/c/o').body == SMALL
    assert proxy.request('DELETE', '/v1/a/c/o').status == 204
    assert proxy.request('GET', '/v1/a/c/o').status == 404


@pytest.mark.parametrize('already', [1, 3])
def test_a_request_sent_once_more_does_not_conflict_with_itself(proxy, already, monkeypatch):
    """A node stores, dies before it answers, and gets the same request again."""
    plain = FakeExchange.response

    def response(exchange, timeout):
        node = proxy.pool.node(exchange._address)
        if node in proxy.primaries()[:already]:
            assert plain(exchange, timeout).status in (201, 202)
            exchange.repeated = True
        return plain(exchange, timeout)

    monkeypatch.setattr(FakeExchange, 'response', response)
    reply = proxy.request('PUT', '/v1/a/c/o', body=SMALL)
    assert (reply.status, reply.headers['Etag']) == (201, hashlib.md5(SMALL).hexdigest())
    assert proxy.request('POST', '/v1/a/c/o', {'X-Object-Meta-A': '1'}).status == 202


def test_a_repeated_request_still_conflicts_with_a_newer_object(proxy, monkeypatch):
    for node in proxy.primaries():
        node.objects['a', 'c', 'o'] = Record(ts='9999999999.00000', data=b'', etag='', meta={},
                                             type='')
    monkeypatch.setattr(FakeExchange, '__init__', _repeated(FakeExchange.__init__))
    assert proxy.request('PUT', '/v1/a/c/o', body=SMALL).status == 202


def _repeated(plain):
    def init(exchange, *args):
        plain(exchange, *args)
        exchange.repeated = True
    return init
