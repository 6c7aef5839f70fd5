"""Object GET and HEAD through the proxy, with replicas that fail at every point."""

import pytest

from swift.common import green
from swift.common.swob import Request
from test.support.proxy import Proxy

BODY = bytes(range(256)) * 1024


@pytest.fixture
def proxy():
    proxy = Proxy()
    proxy.put_container()
    assert proxy.request('PUT', '/v1/a/c/o', {'X-Object-Meta-A': '1', 'Content-Type': 'a/b'},
                         body=BODY).status == 201
    proxy.forget()
    return proxy


def test_get_and_head(proxy):
    reply = proxy.request('GET', '/v1/a/c/o')
    assert (reply.status, reply.body) == (200, BODY)
    assert reply.headers['Content-Length'] == str(len(BODY))
    assert reply.headers['Content-Type'] == 'a/b'
    assert reply.headers['Accept-Ranges'] == 'bytes'
    assert reply.headers['X-Object-Meta-A'] == '1'
    assert '"' not in reply.headers['Etag']
    head = proxy.request('HEAD', '/v1/a/c/o')
    assert (head.status, head.body) == (200, b'')
    assert dict(head.headers) == dict(reply.headers)
    assert len(proxy.pool.requests('object')) == 2


def test_missing_object_and_container(proxy):
    assert proxy.request('GET', '/v1/a/c/none').status == 404
    assert proxy.request('GET', '/v1/a/none/o').status == 404
    assert proxy.request('HEAD', '/v1/a/c/none').body == b''


def test_read_timestamp_and_policy_are_left_for_filters(proxy):
    env = {}
    real = proxy.app.handle

    def spy(req):
        reply = real(req)
        env.update(req.environ)
        return reply

    proxy.app.handle = spy
    reply = proxy.request('GET', '/v1/a/c/o')
    assert env['swift_x_timestamp'] == reply.headers['X-Timestamp']
    assert env['HTTP_X_BACKEND_STORAGE_POLICY_INDEX'] == '0'


def test_swift_bytes_is_not_shown(proxy):
    for node in proxy.nodes:
        for stored in node.objects.values():
            stored['type'] = 'a/b; charset=x;swift_bytes=5'
    assert proxy.request('GET', '/v1/a/c/o').headers['Content-Type'] == 'a/b; charset=x'


@pytest.mark.parametrize('headers,status,expected', [
    ({'Range': 'bytes=10-19'}, 206, BODY[10:20]),
    ({'Range': 'bytes=-5'}, 206, BODY[-5:]),
    ({'Range': 'bytes=999999-'}, 416, b'no'),
    ({'Range': 'nonsense'}, 200, BODY)])
def test_ranges_are_the_backends(proxy, headers, status, expected):
    reply = proxy.request('GET', '/v1/a/c/o', headers)
    assert (reply.status, reply.body) == (status, expected)


def test_multi_range_document_passes(proxy):
    reply = proxy.request('GET', '/v1/a/c/o', {'Range': 'bytes=0-4,10-14'})
    assert reply.status == 206
    assert len(reply.body) == int(reply.headers['Content-Length'])
    assert BODY[10:15] in reply.body


def test_dead_nodes_are_skipped(proxy):
    for node in proxy.primaries()[:2]:
        node.is_down = True
    for _ in range(5):
        assert proxy.request('GET', '/v1/a/c/o').body == BODY


@pytest.mark.parametrize('dead,status', [(0, 404), (1, 404), (2, 503), (3, 503)])
def test_missing_object_with_dead_nodes(proxy, dead, status):
    for node in proxy.primaries(obj='none')[:dead]:
        node.is_down = True
    assert proxy.request('GET', '/v1/a/c/none').status == status


def test_tombstone_beats_dead_nodes(proxy):
    proxy.request('DELETE', '/v1/a/c/o')
    for node in proxy.primaries()[1:]:
        node.is_down = True
    assert proxy.request('GET', '/v1/a/c/o').status == 404


def test_too_many_errors_limit_a_node():
    proxy = Proxy(error_suppression_limit='1')
    proxy.put_container()
    proxy.request('PUT', '/v1/a/c/o', body=b'x')
    bad = proxy.primaries()[0]
    bad.failing = {'object': 500}
    for _ in range(20):
        assert proxy.request('GET', '/v1/a/c/o').status == 200
    bad.requests.clear()
    for _ in range(10):
        proxy.request('GET', '/v1/a/c/o')
    assert bad.requests == []
    assert proxy.metrics.counts['error_limiter.is_limited']
    proxy.clock.now += 61
    for _ in range(20):
        proxy.request('GET', '/v1/a/c/o')
    assert bad.requests


@pytest.mark.parametrize('broken_at', [0, 1, 65536, 65537, 131072, len(BODY) - 1])
@pytest.mark.parametrize('range_', [None, 'bytes=5-', 'bytes=100-200000', 'bytes=-250000'])
def test_broken_body_continues_on_another_node(proxy, broken_at, range_):
    for node in proxy.nodes:
        node.break_body_after = broken_at
    last = proxy.primaries()
    for node in last[1:]:
        node.break_body_after = None
    headers = {'Range': range_} if range_ else {}
    expected = None
    for _ in range(6):
        last[0].break_body_after = broken_at
        reply = proxy.request('GET', '/v1/a/c/o', headers)
        expected = expected or proxy.request('GET', '/v1/a/c/o', headers).body
        assert reply.body == expected
        assert len(reply.body) == int(reply.headers['Content-Length'])


def test_resume_narrows_the_range_and_drops_conditions(proxy):
    for node in proxy.primaries():
        node.break_body_after = 65536
    with pytest.raises(Exception, match='broken by the test'):
        proxy.request('GET', '/v1/a/c/o', {'If-None-Match': 'other'})
    gets = [headers for _, _, _, headers, _ in proxy.pool.requests('object', 'GET')]
    ranges = sorted(headers.get('Range', '') for headers in gets)
    assert ranges[:3] == ['', 'bytes=131072-262143', 'bytes=196608-262143']
    assert sum('If-None-Match' in headers for headers in gets) == 1


def test_resume_of_a_multi_range_answer(proxy):
    wanted = {'Range': 'bytes=0-99999,150000-150009,200000-'}
    whole = proxy.request('GET', '/v1/a/c/o', wanted)
    for broken_at in (0, 50, 70000, 100050, 100200, 100320, 120000):
        for node in proxy.nodes:
            node.break_body_after = None
        for node in proxy.primaries()[:2]:
            node.break_body_after = broken_at
        reply = proxy.request('GET', '/v1/a/c/o', wanted)
        own = reply.headers['Content-Type'].partition('boundary=')[2]
        other = whole.headers['Content-Type'].partition('boundary=')[2]
        assert reply.body == whole.body.replace(other.encode(), own.encode())


def test_resume_accepts_the_same_version_only(proxy):
    first, second, third = proxy.primaries()
    for node in (second, third):
        node.objects['a', 'c', 'o']['etag'] = 'other'
        node.is_down = True
    first.break_body_after = 65536

    real_request = proxy.pool.request

    def reviving(*args, **more):
        resp = real_request(*args, **more)
        second.is_down = third.is_down = False
        return resp

    proxy.app.nodes.limiter.interval_s = 0
    proxy.request('HEAD', '/v1/a/c')
    proxy.pool.request = reviving
    with pytest.raises(Exception, match='broken by the test'):
        proxy.request('GET', '/v1/a/c/o')


def test_newest_takes_the_newest_and_does_not_resume(proxy):
    old, *_rest = proxy.primaries()
    old.objects['a', 'c', 'o'].update(ts='0000000005.00000', data=b'old')
    for _ in range(5):
        reply = proxy.request('GET', '/v1/a/c/o', {'X-Newest': 'true'})
        assert reply.body == BODY
    assert len(proxy.pool.requests('object', 'GET')) == 25
    assert all(resp.is_closed for resp in proxy.pool.responses if resp.status == 200
               and 'X-Backend-Data-Timestamp' in resp.headers)


def test_newest_honours_a_newer_tombstone(proxy):
    proxy.primaries()[0].objects['a', 'c', 'o'] = {'ts': '1800000000.00000', 'deleted': True}
    assert proxy.request('GET', '/v1/a/c/o', {'X-Newest': 'on'}).status == 404


def test_open_expired_is_passed_on_only_when_allowed(proxy):
    proxy.request('GET', '/v1/a/c/o', {'X-Open-Expired': 'true'})
    assert 'X-Backend-Open-Expired' not in proxy.pool.requests('object', 'GET')[0][3]
    allowing = Proxy(allow_open_expired='yes')
    allowing.put_container()
    allowing.request('GET', '/v1/a/c/o', {'X-Open-Expired': 'true'})
    assert allowing.pool.requests('object', 'GET')[0][3]['X-Backend-Open-Expired'] == 'true'


def test_concurrent_gets_do_not_wait_for_a_slow_node():
    proxy = Proxy(concurrent_gets='on', concurrency_timeout='0.01')
    proxy.put_container()
    proxy.request('PUT', '/v1/a/c/o', body=b'x')
    slow = proxy.primaries()[0]
    real = proxy.pool.request
    started = []

    def request(address, *args, **more):
        if proxy.pool.kind(address) == 'object' and proxy.pool.node(address) is slow:
            started.append(address)
            green.Event().wait()
        return real(address, *args, **more)

    proxy.pool.request = request
    for _ in range(12):
        assert proxy.request('GET', '/v1/a/c/o').body == b'x'
    assert started


@pytest.mark.parametrize(('marks', 'counted'), [
    ({}, 'object.client_disconnects'),
    ({'swift.http.client_stalled': True}, 'object.client_timeouts')])
def test_abandoned_downloads_are_counted_by_their_reason(proxy, marks, counted):
    req = Request.blank('/v1/a/c/o', environ={'swift.cache': proxy.cache, **marks})
    _status, _headers, chunks = req.call_application(proxy.app)
    next(iter(chunks))
    chunks.close()
    assert [name for name in proxy.metrics.counts if name.startswith('object.client')] == [counted]
