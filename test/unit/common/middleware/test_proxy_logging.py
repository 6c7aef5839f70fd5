"""proxy-logging: the line, what is counted, when it is written, and the metrics."""
import pytest

from swift.common.clock import ManualClock
from swift.common.log import clear_transaction
from swift.common.metrics import LabeledStatsd, Statsd
from swift.common.middleware.proxy_logging import ProxyLogging, filter_factory
from swift.common.middleware.proxy_logging_metrics import RequestMetrics
from swift.common.registry import register_sensitive_header, register_sensitive_param
from swift.common.swob import Request, Response
from test.support.logs import RecordingLogger
from test.support.stub_app import StubApp

FIELD_NAMES = (
    'client_ip remote_addr end_time.datetime method path protocol status_int referer user_agent '
    'auth_token bytes_recvd bytes_sent client_etag transaction_id headers request_time source '
    'log_info start_time end_time policy_index access_user_id').split()
for name in ('x-auth-token', 'x-storage-token'):
    register_sensitive_header(name)
register_sensitive_param('temp_url_sig')


class World:
    def __init__(self, app=None, labeled=False, metrics=False, interval=-1, **conf):
        # What an earlier test left behind would be added to the line.
        clear_transaction()
        self.stub = StubApp()
        self.logger = RecordingLogger()
        self.clock = ManualClock(1795208735.25)
        self.sent = []
        self.metrics = RequestMetrics(
            Statsd(self._send if metrics else None, 'proxy-server'),
            LabeledStatsd(self._send if labeled else None, 'dogstatsd'),
            ('GET', 'PUT', 'HEAD'), interval, self.clock)
        self.filter = ProxyLogging(app or self.stub, conf, logger=self.logger,
                                   metrics=self.metrics, clock=self.clock)

    def _send(self, datagram):
        self.sent.append(datagram.decode())

    def request(self, path='/v1/a/c/o', headers=None, body=None, method='GET', **env):
        env.setdefault('swift.trans_id', 'tx1')
        return Request.blank(path, environ=env, headers=headers or {}, body=body, method=method)

    def get(self, *args, **kwargs):
        resp = self.request(*args, **kwargs).get_response(self.filter)
        _ = resp.body
        assert not self.stub.unclosed
        return resp

    @property
    def lines(self):
        return self.logger.lines()

    @property
    def line(self):
        assert len(self.lines) == 1
        return self.lines[0]

    @property
    def fields(self):
        words = self.line.split(' ')
        assert len(words) == len(FIELD_NAMES)
        return dict(zip(FIELD_NAMES, words, strict=True))


# -- the line ------------------------------------------------------------------------------------

def test_line_of_the_sheet():
    world = World()
    world.stub.answer('GET', '/v1/AUTH_t/c/o', body=b'x')
    world.stub.on_call = lambda env: world.clock.advance(0.0001)
    world.get('/v1/AUTH_t/c/o?x=y&temp_url_sig=1234567890123456789012', {
        'X-Forwarded-For': '1.2.3.4, 5.6.7.8', 'X-Auth-Token': 'AUTH_tk0123456789abcdef',
        'User-Agent': 'curl/8', 'Referer': 'http://r/x y'}, REMOTE_ADDR='10.0.0.9',
        **{'swift.trans_id': 'txabc'})
    start, end = world.fields['start_time'], world.fields['end_time']
    assert (start, end) == ('1795208735.250000000', f'{1795208735.25 + 0.0001:.9f}')
    assert world.line == (
        '1.2.3.4 10.0.0.9 20/Nov/2026/21/05/35 GET '
        '/v1/AUTH_t/c/o%3Fx%3Dy%26temp_url_sig%3D1234567890123456... HTTP/1.0 200 http://r/x%20y '
        f'curl/8 AUTH_tk012345678... - 1 - txabc - 0.0001 - - {start} {end} - -')


def test_an_empty_request_is_all_dashes():
    world = World()
    world.get('/v1/a')
    fields = world.fields
    assert [name for name, value in fields.items() if value == '-'] == [
        'referer', 'user_agent', 'auth_token', 'bytes_recvd', 'client_etag', 'headers', 'source',
        'log_info', 'policy_index', 'access_user_id']
    assert fields['status_int'] == '404' and fields['bytes_sent'] == '70'


@pytest.mark.parametrize('headers, env, field, value', [
    ({'X-Cluster-Client-Ip': '9.9.9.9', 'X-Forwarded-For': '1.1.1.1'}, {}, 'client_ip', '9.9.9.9'),
    ({'X-Forwarded-For': '1.1.1.1,2.2.2.2'}, {}, 'client_ip', '1.1.1.1'),
    ({}, {'REMOTE_ADDR': '::1'}, 'client_ip', '::1'),
    ({'X-Auth-Token': 'short'}, {}, 'auth_token', 'short'),
    ({'X-Auth-Token': 'x' * 16}, {}, 'auth_token', 'x' * 16),
    ({'X-Auth-Token': 'x' * 17}, {}, 'auth_token', 'x' * 16 + '...'),
    ({'Etag': 'abc'}, {}, 'client_etag', 'abc'),
    ({'X-Backend-Storage-Policy-Index': '3'}, {}, 'policy_index', '3'),
    ({}, {'swift.orig_req_method': 'COPY'}, 'method', 'COPY'),
    ({}, {'swift.source': 'SSC'}, 'source', 'SSC'),
    ({}, {'swift.log_info': ['a:1', 'b c']}, 'log_info', 'a:1%2Cb%20c'),
    ({}, {'swift.access_logging': {'user_id': 'test:tést'}}, 'access_user_id', 'test:t%C3%A9st'),
    ({}, {'swift.access_logging': {}}, 'access_user_id', '-'),
    ({}, {'swift.proxy_logging_status': 498}, 'status_int', '498'),
    ({'User-Agent': 'a\xc3\xa9'}, {}, 'user_agent', 'a%C3%A9'),
])
def test_fields(headers, env, field, value):
    world = World()
    world.get(headers=headers, **env)
    assert world.fields[field] == value


def test_path_is_quoted_twice():
    world = World()
    world.get('/v1/a/c/d%20e%C3%A9')
    assert world.fields['path'] == '/v1/a/c/d%2520e%25C3%25A9'


def test_policy_of_the_answer_wins():
    world = World()
    world.stub.answer('GET', '/v1/a/c/o', headers={'X-Backend-Storage-Policy-Index': '1'})
    world.get(headers={'X-Backend-Storage-Policy-Index': '3'})
    assert world.fields['policy_index'] == '1'


@pytest.mark.parametrize('conf, shown', [
    ({'access_log_headers': 'yes', 'access_log_headers_only': 'x-auth-token, x-a'},
     'X-A:%20b%0AX-Auth-Token:%20AUTH...'),
    ({'log_headers': 'yes', 'access_log_headers_only': 'X-A'}, 'X-A:%20b'),
    ({'access_log_headers_only': 'X-A'}, '-')])
def test_headers(conf, shown):
    world = World(reveal_sensitive_prefix='4', **conf)
    world.logger.clear()
    world.get(headers={'X-A': 'b', 'X-Auth-Token': 'AUTH_tk1', 'X-B': 'c'})
    assert world.fields['headers'] == shown


def test_all_headers():
    world = World(access_log_headers='true')
    world.get(headers={'X-A': 'b'}, method='PUT', body=b'xx')
    lines = world.fields['headers'].split('%0A')
    assert set(lines) == {'Host:%20localhost:80', 'X-A:%20b', 'Content-Length:%202'}


@pytest.mark.parametrize('template, line', [
    ('{account}|{container}|{object}|{domain}', 'AUTH_t|c|o/p|h.example'),
    ('{method} {wire_status_int} {status_int}', 'GET 404 404'),
    ('{account.anonymized}', '{SMD5}5a49d2ab3bb5a1c8d8d0d5cd6c7a5f2e'),
    ('{ttfb}', '0.0000'),
])
def test_custom_templates(template, line):
    world = World(log_msg_template=template, log_anonymization_salt='s')
    world.get('/v1/AUTH_t/c/o/p', {'Host': 'h.example:8080'})
    if 'anonymized' in template:
        assert world.line.startswith('{SMD5}') and len(world.line) == 38
    else:
        assert world.line == line


@pytest.mark.parametrize('conf', [
    {'log_msg_template': '{nope}'}, {'log_msg_template': '{'},
    {'log_msg_template': '{status_int.anonymized}'}])
def test_bad_templates_refuse_the_start(conf):
    with pytest.raises(ValueError, match='Cannot interpolate log_msg_template'):
        World(**conf)


def test_bad_hash_refuses_the_start():
    with pytest.raises(ValueError):
        World(log_anonymization_method='nope')


# -- once per request ----------------------------------------------------------------------------

def test_the_inner_one_is_silent_for_a_marked_request():
    inner = World()
    outer = World(app=inner.filter)
    inner.stub.answer('GET', '/v1/a/c/o', body=b'abc')
    outer.get()
    assert len(outer.lines) == 1 and not inner.lines


def test_the_inner_one_logs_what_filters_ask():
    inner = World()

    def asking(env, start_response):
        Request.blank('/v1/other', environ={'swift.source': 'TA'}).get_response(inner.filter)
        return inner.filter(env, start_response)

    outer = World(app=asking)
    outer.get()
    assert inner.fields['source'] == 'TA'
    assert outer.fields['source'] == '-'


# -- bodies --------------------------------------------------------------------------------------

def app_of(status, headers, body):
    def app(env, start_response):
        start_response(status, headers)
        return body
    return app


def test_list_bodies_are_handed_on_as_they_are():
    body = [b'abc', b'def']
    world = World(app=app_of('200 OK', [], body))
    started = []
    got = world.filter(world.request().environ, lambda *args: started.append(args))
    assert got is body
    assert started == [('200 OK', [('Content-Length', '6')])]
    assert world.fields['bytes_sent'] == '6'


@pytest.mark.parametrize('headers', [
    [('Content-Length', '9')], [('transfer-encoding', 'chunked')]])
def test_no_length_is_added_where_one_is_or_none_may_be(headers):
    world = World(app=app_of('200 OK', headers, [b'abc']))
    resp = world.request().get_response(world.filter)
    assert dict(resp.headers) == {name.title(): value for name, value in headers}


def test_a_streamed_body_is_logged_at_its_end():
    world = World()
    world.stub.answer('GET', '/v1/a/c/o', body=[b'abc', b'', b'de'])
    resp = world.request().get_response(world.filter)
    chunks = iter(resp.app_iter)
    assert [next(chunks), next(chunks), next(chunks)] == [b'abc', b'', b'de']
    assert not world.lines
    assert next(chunks, None) is None
    assert world.fields['bytes_sent'] == '5'
    resp.close()
    assert len(world.lines) == 1 and not world.stub.unclosed


def test_a_client_that_leaves_is_499():
    world = World()
    world.stub.answer('GET', '/v1/a/c/o', body=[b'abc', b'de'])
    resp = world.request().get_response(world.filter)
    next(iter(resp.app_iter))
    resp.close()
    resp.close()
    assert (world.fields['status_int'], world.fields['bytes_sent']) == ('499', '3')
    assert not world.stub.unclosed


def test_a_body_given_up_by_another_filter_is_not_499():
    world = World()
    world.stub.answer('GET', '/v1/a/c/o', body=[b'abc', b'de'])
    req = world.request(**{'swift.non_client_disconnect': True})
    req.get_response(world.filter).close()
    assert world.fields['status_int'] == '200'


@pytest.mark.parametrize('source, body, status', [
    ('SSC', b'abc', '200'), ('SSC', b'abcd', '499'), (None, b'abc', '499')])
def test_a_filter_reads_no_further_than_the_length(source, body, status):
    world = World()
    world.stub.answer('GET', '/v1/a/c/o', '200 OK', {'Content-Length': str(len(body))},
                      [b'abc', b'd'])
    req = world.request(**({'swift.source': source} if source else {}))
    resp = req.get_response(world.filter)
    next(iter(resp.app_iter))
    resp.close()
    assert world.fields['status_int'] == status


def test_a_body_that_breaks_is_500():
    world = World()
    world.stub.answer('GET', '/v1/a/c/o', body=[b'abc', ValueError('broken')])
    resp = world.request().get_response(world.filter)
    with pytest.raises(ValueError):
        list(resp.app_iter)
    resp.close()
    assert world.fields['status_int'] == '500'


def test_a_body_that_is_too_short_is_500():
    world = World()
    world.stub.answer('GET', '/v1/a/c/o', '200 OK', {'Content-Length': '5'}, [b'abc'])
    world.get()
    assert world.fields['status_int'] == '500'


def test_an_app_that_fails_is_500_and_passes():
    world = World()
    world.stub.answer('GET', '/v1/a/c/o', body=ValueError('broken'))
    with pytest.raises(ValueError):
        world.get()
    assert world.fields['status_int'] == '500'


def test_head_sends_nothing():
    world = World()
    world.stub.answer('HEAD', '/v1/a/c/o', '200 OK', {'Content-Length': '5'}, b'')
    resp = world.get(method='HEAD')
    assert resp.headers['Content-Length'] == '5'
    assert (world.fields['bytes_sent'], world.fields['status_int']) == ('-', '200')


def test_an_app_that_starts_late():
    def app(env, start_response):
        yield b''
        start_response('201 Created', [('X-A', 'b')])
        yield b'abc'

    world = World(app=app)
    resp = world.get()
    assert (resp.status, resp.headers['X-A'], resp.body) == ('201 Created', 'b', b'abc')
    assert world.fields['bytes_sent'] == '3'


def test_an_app_that_writes():
    def app(env, start_response):
        write = start_response('200 OK', [])
        write(b'abc')
        write(b'd')
        return [b'e']

    world = World(app=app)
    assert world.get().body == b'abcde'
    assert world.fields['bytes_sent'] == '5'


def test_an_app_may_start_with_exc_info():
    def app(env, start_response):
        start_response('500 Internal Error', [], (ValueError, ValueError(), None))
        return [b'x']

    world = World(app=app)
    seen = []
    world.filter(world.request().environ, lambda *args: seen.append(args))
    assert len(seen[0]) == 3


# -- what is received ----------------------------------------------------------------------------

class CountingInput:
    """The body of our own server."""

    def __init__(self, position=0, broken=False):
        self.position = position
        self.broken = broken

    def read(self, size=-1):
        self.position += 4
        return b''


def test_bytes_received_are_counted():
    world = World()
    world.get(method='PUT', body=b'12345')
    assert world.fields['bytes_recvd'] == '5'


def test_input_of_another_server_is_read_all_ways():
    def app(env, start_response):
        body = env['wsgi.input']
        assert (body.readline(), body.read(2), next(iter(body))) == (b'a\n', b'bc', b'd\n')
        assert body.seekable()
        return Response(body=b'')(env, start_response)

    world = World(app=app)
    world.get(method='PUT', body=b'a\nbcd\nrest')
    assert world.fields['bytes_recvd'] == '6'


def test_input_of_our_own_server_is_not_wrapped():
    world = World()
    body = CountingInput()
    world.get(method='PUT', **{'wsgi.input': body})
    assert world.stub.calls[0].env['wsgi.input'] is body
    assert world.fields['bytes_recvd'] == '4'


def test_a_client_lost_while_sending_is_499():
    world = World()
    world.get(method='PUT', **{'wsgi.input': CountingInput(broken=True)})
    assert world.fields['status_int'] == '499'


def test_a_slow_client_stays_408():
    world = World()
    world.stub.answer('PUT', '/v1/a/c/o', '408 Request Timeout')
    world.get(method='PUT', **{'wsgi.input': CountingInput(broken=True)})
    assert world.fields['status_int'] == '408'


def test_reading_that_fails_is_499():
    class Lost:
        def read(self, *args):
            raise OSError('lost')

    def app(env, start_response):
        with pytest.raises(OSError):
            env['wsgi.input'].read()
        return Response(status=499)(env, start_response)

    world = World(app=app)
    world.get(method='PUT', **{'wsgi.input': Lost()})
    assert world.fields['status_int'] == '499'


# -- metrics -------------------------------------------------------------------------------------

def test_metrics_of_an_object():
    world = World(metrics=True)
    world.stub.answer('GET', '/v1/a/c/o', '200 OK', {'X-Backend-Storage-Policy-Index': '0'}, b'abc')
    world.stub.on_call = lambda env: world.clock.advance(0.25)
    world.get(body=b'12')
    expected = ['timing:250.0|ms', 'xfer:5|c', 'first-byte.timing:250.0|ms']
    assert world.sent == [
        f'proxy-server.{base}.GET.200.{metric}'
        for base in ('object', 'object.policy.0') for metric in expected]


@pytest.mark.parametrize('path, method, env, name', [
    ('/v1/a', 'HEAD', {}, 'account.HEAD.404'), ('/v1.0/a/c', 'PUT', {}, 'container.PUT.404'),
    ('/info', 'GET', {}, 'UNKNOWN.GET.404'), ('/x', 'GET', {'swift.source': 'S3'}, 'S3.GET.404'),
    ('/v1/a', 'FOO', {}, 'account.BAD_METHOD.404'), ('/v1', 'GET', {}, 'UNKNOWN.GET.404'),
    ('/bucket/key', 'GET', {'swift.backend_path': '/v1/a/bucket/key'}, 'object.GET.404')])
def test_metric_names(path, method, env, name):
    world = World(metrics=True)
    world.get(path, method=method, **env)
    assert world.sent[0].startswith(f'proxy-server.{name}.timing:')


def test_labelled_metrics():
    world = World(labeled=True)
    world.stub.answer('GET', '/v1/a/c/o', '200 OK', {'X-Backend-Storage-Policy-Index': '0'}, b'abc')
    world.get()
    labels = '#account:a,api:swift,container:c,method:GET,policy:0,resource:object,status:200'
    assert world.sent == [
        f'swift_proxy_server_request_timing:0.0|ms|{labels}',
        f'swift_proxy_server_request_body_bytes:0|c|{labels}',
        f'swift_proxy_server_response_body_bytes:3|c|{labels}',
        f'swift_proxy_server_request_ttfb:0.0|ms|{labels}']
    assert world.stub.calls[0].env['swift.base_labels']['container'] == 'c'


def test_long_transfers_are_reported_while_they_last():
    world = World(labeled=True, interval=10)
    world.stub.answer('GET', '/v1/a/c/o', body=[b'abc', b'de', b'f'])
    resp = world.request(body=b'1234').get_response(world.filter)
    chunks = iter(resp.app_iter)
    next(chunks)
    assert not world.sent
    world.clock.advance(10)
    next(chunks)
    streaming = [text.partition('|')[0] for text in world.sent]
    assert streaming == ['swift_proxy_server_request_body_streaming_bytes:4',
                         'swift_proxy_server_response_body_streaming_bytes:5']
    list(chunks)
    assert world.sent[2].startswith('swift_proxy_server_response_body_streaming_bytes:1|')
    resp.close()


def test_without_metrics_nothing_is_labelled():
    world = World()
    world.get()
    assert 'swift.base_labels' not in world.stub.calls[0].env


# -- the factory ---------------------------------------------------------------------------------

def test_factory_writes_to_its_own_log(tmp_path):
    path = tmp_path / 'access.log'
    make = filter_factory({'log_name': 'proxy-server', 'log_file': str(tmp_path / 'other.log')},
                          access_log_name='access', access_log_file=str(path))
    stub = StubApp()
    Request.blank('/v1/a').get_response(make(stub))
    make(stub).access_logger.flush()
    assert not (tmp_path / 'other.log').exists()
