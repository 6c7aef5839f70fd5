"""Connection: attempts, waits and new tokens, against a scripted server and a clock of paper."""

import inspect
import io
import subprocess
import sys

import pytest
import requests

import swiftclient
from swiftclient import client
from swiftclient.client import ClientException, Connection
from test.support.scripted_http import answer, cut, scripted


@pytest.fixture(autouse=True)
def waits(monkeypatch) -> list[float]:
    """Seconds that were slept, without sleeping."""
    slept = []
    monkeypatch.setattr('swiftclient.client.sleep', slept.append)
    return slept


def granted(seen) -> bytes:
    """Answer of an authentication service that lives beside the account."""
    return answer(200, x_storage_url=f'http://{seen.header("host")}/v1/AUTH_a',
                  x_auth_token=f'token{seen.header("x-auth-user")}')


def connection(server, **options) -> Connection:
    return Connection(**{'authurl': server.auth_url, 'user': 'u', 'key': 'k',
                         'preauthurl': server.url, 'preauthtoken': 't', **options})


FRESH = {'preauthurl': None, 'preauthtoken': None}


def test_authenticates_once_and_keeps_the_connection():
    with scripted(granted, answer(204, x_a='b'), answer(204)) as server:
        conn = connection(server, **FRESH)
        assert conn.head_account()['x-a'] == 'b'
        conn.head_account()
        assert (conn.url, conn.token, conn.attempts) == (server.url, 'tokenu', 1)
        assert conn.auth_end_time > 0
    assert [seen.target for seen in server.seen] == ['/auth/v1.0', '/v1/AUTH_a', '/v1/AUTH_a']
    assert [seen.connection for seen in server.seen] == [1, 2, 2]


def test_two_failures_then_success(waits):
    with scripted(answer(503), answer(503), answer(204)) as server:
        conn = connection(server)
        conn.head_account()
    assert (conn.attempts, waits) == (3, [1, 2])


def test_waits_double_up_to_a_limit(waits):
    with scripted(*[answer(503)] * 6) as server:
        conn = connection(server, starting_backoff=3, max_backoff=10)
        with pytest.raises(ClientException):
            conn.head_account()
    assert (len(server.seen), conn.attempts, waits) == (6, 6, [3, 6, 10, 10, 10])


@pytest.mark.parametrize('asked,waited', [('7', 7), ('1', 2), ('600', 64), ('soon', 2), ('²', 2)])
def test_server_that_says_when_is_not_asked_before(waits, asked, waited):
    with scripted(answer(503, retry_after=asked), answer(204)) as server:
        connection(server, starting_backoff=2).head_account()
    assert waits == [waited]


AGAIN = {408, 429, 498, 499, *range(500, 600)}


@pytest.mark.parametrize('status', [400, 401, 403, 404, 408, 409, 412, 413, 416, 422, 429, 498, 499,
                                    500, 503, 507, 599])
@pytest.mark.parametrize('retries', [0, 1])
def test_which_statuses_are_tried_again(status, retries):
    with scripted(answer(status), answer(204)) as server:
        conn = connection(server, retries=retries, user=None)
        try:
            conn.head_account()
            assert status in AGAIN and retries
        except ClientException as err:
            assert err.http_status == status and not (status in AGAIN and retries)


@pytest.mark.parametrize('status', [429, 498])
def test_too_many_requests_only_if_wanted(status):
    with scripted(answer(status), answer(204)) as server:
        with pytest.raises(ClientException):
            connection(server, retry_on_ratelimit=False).head_account()
    assert len(server.seen) == 1


@pytest.mark.parametrize('status,connections', [(503, 1), (429, 1), (408, 2), (499, 2)])
def test_which_statuses_drop_the_connection(status, connections):
    with scripted(answer(status), answer(204)) as server:
        connection(server).head_account()
        assert server.connections == connections


@pytest.mark.parametrize('retries', [0, 5])
def test_refused_token_is_renewed_once(retries):
    with scripted(answer(401), granted, answer(204)) as server:
        conn = connection(server, retries=retries)
        conn.head_account()
    assert [seen.target for seen in server.seen] == ['/v1/AUTH_a', '/auth/v1.0', '/v1/AUTH_a']
    assert server.seen[2].header('x-auth-token') == 'tokenu' and conn.attempts == 2


def test_refused_token_twice_is_an_error():
    with scripted(answer(401), granted, answer(401), granted) as server:
        with pytest.raises(ClientException) as caught:
            connection(server).head_account()
    assert caught.value.http_status == 401 and len(server.seen) == 3


def test_refused_password_is_tried_twice_as_ever():
    with scripted(answer(401), answer(401), answer(401)) as server:
        with pytest.raises(ClientException, match='Auth GET failed'):
            connection(server, **FRESH).head_account()
    assert len(server.seen) == 2


@pytest.mark.parametrize('missing', ['authurl', 'user', 'key'])
def test_refused_token_without_a_way_to_another(missing):
    with scripted(answer(401), answer(204)) as server:
        with pytest.raises(ClientException):
            connection(server, **{missing: None}).head_account()
    assert len(server.seen) == 1


def test_refused_token_of_an_application_credential(monkeypatch):
    monkeypatch.setattr('swiftclient.client.get_auth', lambda *args, **kwargs: (url, 'next'))
    credential = {'auth_type': 'v3applicationcredential', 'application_credential_id': 'i',
                  'application_credential_secret': 's'}
    with scripted(answer(401), answer(204)) as server:
        url = server.url
        connection(server, user=None, key=None, os_options=credential).head_account()
    assert [seen.header('x-auth-token') for seen in server.seen] == ['t', 'next']


class Session:
    """The three methods of a session of keystoneauth1 that are used."""

    def __init__(self, url, renews=True):
        self.url, self.renews, self.tokens = url, renews, 0

    def get_endpoint(self, **wanted):
        self.wanted = wanted
        return self.url

    def get_token(self):
        self.tokens += 1
        return f'session{self.tokens}'

    def invalidate(self):
        return self.renews


@pytest.mark.parametrize('renews', [True, False])
def test_session_is_asked_for_another_token(renews):
    with scripted(answer(401), answer(204)) as server:
        session = Session(server.url, renews)
        conn = Connection(session=session, os_options={'region_name': 'r', 'service_type': 's'})
        try:
            conn.head_account()
            assert renews and server.seen[1].header('x-auth-token') == 'session2'
        except ClientException:
            assert not renews
    assert session.wanted == {'service_type': 's', 'interface': 'public', 'region_name': 'r'}


def test_force_auth_retry_asks_for_a_new_token_after_any_failure():
    with scripted(answer(503), granted, answer(204)) as server:
        connection(server, force_auth_retry=True).head_account()
    assert [seen.target for seen in server.seen][1] == '/auth/v1.0'


def test_lost_connection_is_made_anew(waits):
    with scripted(cut(b''), answer(204)) as server:
        connection(server).head_account()
    assert waits == [1] and [seen.connection for seen in server.seen] == [1, 2]


def test_lost_connection_without_retries():
    with scripted(cut(b'')) as server:
        with pytest.raises(swiftclient.RequestException):
            connection(server, retries=0).head_account()


def test_whole_body_that_breaks_is_asked_for_again():
    with scripted(cut(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'),
                  answer(200, b'all of it')) as server:
        assert connection(server).get_object('c', 'o')[1] == b'all of it'


@pytest.mark.parametrize('err,attempts', [
    (requests.exceptions.SSLError('certificate verify failed'), 1),
    (requests.exceptions.SSLError("hostname 'a' does not match"), 1),
    (requests.exceptions.SSLError('unexpected eof'), 3), (OSError('reset'), 3),
    (requests.exceptions.ConnectionError('x'), 3), (TimeoutError('x'), 3),
    (requests.exceptions.InvalidHeader('x'), 1), (ClientException('no status'), 1)])
def test_which_errors_are_tried_again(monkeypatch, err, attempts):
    def fails(*args, **kwargs):
        raise err

    monkeypatch.setattr('swiftclient.client.head_account', fails)
    conn = Connection(preauthurl='http://h/v1', preauthtoken='t', retries=2)
    with pytest.raises(type(err)):
        conn.head_account()
    assert conn.attempts == attempts


def test_response_dict_of_all_attempts():
    told = {'mine': 1}
    with scripted(answer(503, x_a='1'), cut(b''), answer(201, x_a='2')) as server:
        connection(server).put_container('c', response_dict=told)
    assert [one.get('status') for one in told['response_dicts']] == [503, None, 201]
    assert (told['status'], told['headers']['x-a'], told['mine']) == (201, '2', 1)


@pytest.mark.parametrize('list_all', [
    lambda conn: conn.get_account(full_listing=True),
    lambda conn: conn.get_container('c', full_listing=True, query_string='lost=1')])
def test_full_listing_goes_on_after_a_failure_where_it_was(list_all):
    pages = [answer(200, b'[{"name": "a"}]', x_a='1'), answer(200, b'[{"name": "b"}]'), answer(204)]
    with scripted(pages[0], answer(503), pages[1], pages[2]) as server:
        headers, entries = list_all(connection(server))
    assert [entry['name'] for entry in entries] == ['a', 'b'] and headers['x-a'] == '1'
    assert [seen.target.partition('json')[2] for seen in server.seen] == [
        '', '&marker=a', '&marker=a', '&marker=b']


class Resettable:
    def __init__(self):
        self.round = 0
        self.reset()

    def reset(self):
        self.round += 1
        self.read = io.BytesIO(b'round %d' % self.round).read


def test_blocks_of_an_upload_are_let_go():
    alive, peak = set(), []

    class Block(bytes):
        def __del__(self):
            alive.discard(id(self))

    def blocks():
        for _ in range(50):
            block = Block(1000)
            alive.add(id(block))
            peak.append(len(alive))
            yield block

    with scripted(answer(201)) as server:
        connection(server).put_object('c', 'o', blocks())
        assert server.seen[0].body == bytes(50_000)
    assert max(peak) <= 3 and not alive


class OneWay:
    def __init__(self):
        self.read = io.BytesIO(b'once').read


def middle() -> io.BytesIO:
    source = io.BytesIO(b'0123456')
    source.seek(3)
    return source


@pytest.mark.parametrize('contents,options,bodies', [
    ('text', {}, [b'text'] * 3), (b'octets', {}, [b'octets'] * 3), (None, {}, [b''] * 3),
    (middle(), {}, [b'3456'] * 3), (middle(), {'content_length': 2}, [b'34'] * 3),
    (Resettable(), {}, [b'round 1', b'round 2', b'round 3']),
    (client.LengthWrapper(middle(), 2), {}, [b'34'] * 3)])
def test_contents_that_can_go_back_are_sent_again(contents, options, bodies):
    with scripted(answer(503), answer(503), answer(201, etag='e')) as server:
        assert connection(server).put_object('c', 'o', contents, **options) == 'e'
    assert [seen.body for seen in server.seen] == bodies


@pytest.mark.parametrize('contents', [
    OneWay(), iter([b'a']), client.LengthWrapper(OneWay(), 3),
    client.ReadableToIterable(middle(), 3)])
def test_contents_that_cannot_go_back_are_sent_once(contents):
    with scripted(answer(503), answer(201)) as server:
        with pytest.raises(ClientException) as caught:
            connection(server).put_object('c', 'o', contents)
    assert len(server.seen) == 1
    assert str(caught.value) == \
        "put_object('c', 'o', ...) failure and no ability to reset contents for reupload."


def part(body: bytes, first: int, status=206, **headers) -> bytes:
    """The octets 0...9 from the first on, of which not all may come."""
    return (answer(status, etag='"e"', **headers).replace(
        b'Content-Length: 0', b'Content-Length: %d' % (10 - first)) + body)


def ranged(body: bytes, first: int) -> bytes:
    return part(body, first, content_range=f'bytes {first}-9/10')


def test_broken_body_goes_on_where_it_broke(waits):
    with scripted(cut(part(b'0123', 0, 200)), cut(ranged(b'456', 4)),
                  ranged(b'789', 7)) as server:
        conn = connection(server)
        headers, body = conn.get_object('c', 'o', resp_chunk_size=3, query_string='q')
        assert b''.join(body) == b'0123456789' and conn.attempts == 3
    assert [(seen.header('range'), seen.header('if-match')) for seen in server.seen] == [
        (None, None), ('bytes=4-', '"e"'), ('bytes=7-', '"e"')]
    assert {seen.target for seen in server.seen} == {'/v1/AUTH_a/c/o?q'} and not waits


def test_broken_body_from_a_server_without_ranges():
    with scripted(cut(part(b'0123', 0, 200)), part(b'0123456789', 0, 200)) as server:
        _, body = connection(server).get_object('c', 'o', resp_chunk_size=4)
        assert body.read() == b'0123456789' and body.read() == b''


@pytest.mark.parametrize('answers,error', [
    ([ranged(b'3456789', 3)], 'Expected range "bytes 4-9/10" while retrying c/o but got '
                              '"bytes 3-9/10"'),
    ([answer(412)], '412 Scripted'),
    ([cut(ranged(b'', 4))] * 2, '6 bytes are missing')])
def test_broken_body_that_cannot_go_on(answers, error):
    with scripted(cut(part(b'0123', 0, 200)), *answers) as server:
        conn = connection(server, retries=2)
        _, body = conn.get_object('c', 'o', resp_chunk_size=2)
        assert [next(body), next(body)] == [b'01', b'23']
        with pytest.raises((ClientException, requests.exceptions.ConnectionError), match=error):
            next(body)


@pytest.mark.parametrize('headers', [{'Range': 'bytes=0-9'}, {'range': 'bytes=0-9'}])
def test_broken_range_does_not_go_on(headers):
    with scripted(cut(part(b'0123', 0, 200))) as server:
        _, body = connection(server).get_object('c', 'o', resp_chunk_size=9, headers=headers)
        with pytest.raises(requests.exceptions.ConnectionError):
            list(body)
    assert len(server.seen) == 1


def test_service_token_and_url_of_the_service():
    service = {'service_username': 's', 'service_key': 'sk', 'service_project_name': 'sp'}
    with scripted(granted, granted, answer(204)) as server:
        conn = connection(server, os_options=service, **FRESH)
        conn.head_account()
        assert conn.service_auth and conn.service_token == 'tokens'
    assert [seen.header('x-auth-user') for seen in server.seen[:2]] == ['u', 's']
    assert server.seen[2].header('x-service-token') == 'tokens'


@pytest.mark.parametrize('url,mapped', [
    ('http://h/v1/A', 'http://h/info'), ('http://h/swift/v1/A', 'http://h/swift/info'),
    ('http://h/v1.0', 'http://h/info'), ('http://h/', 'http://h/info'),
    ('http://h', 'http://h/info'), ('http://h/info', 'http://h/info'),
    ('http://h/swift', 'http://h/swift/info')])
def test_where_capabilities_are_found(monkeypatch, url, mapped):
    monkeypatch.setattr('swiftclient.client.get_capabilities', lambda pair: pair[0].geturl())
    assert Connection().get_capabilities(url) == mapped


def test_capabilities_are_asked_for_once_and_without_a_token():
    with scripted(granted, answer(503)) as server:
        with pytest.raises(ClientException, match='Capabilities GET failed'):
            connection(server, **FRESH).get_capabilities()
    assert [seen.target for seen in server.seen] == ['/auth/v1.0', '/info']
    assert server.seen[1].header('x-auth-token') is None


def test_attributes_of_a_new_connection():
    options = {'auth_token': 'ot', 'region_name': 'r'}
    conn = Connection('a', 'u', 'k', 3, preauthurl='p', tenant_name='t', os_options=options)
    assert (conn.authurl, conn.user, conn.key, conn.retries) == ('a', 'u', 'k', 3)
    assert (conn.url, conn.token, conn.http_conn, conn.attempts) == ('p', 'ot', None, 0)
    assert conn.os_options == {'auth_token': 'ot', 'region_name': 'r', 'tenant_name': 't',
                               'object_storage_url': 'p'}
    assert options == {'auth_token': 'ot', 'region_name': 'r'}
    named = set(inspect.signature(Connection).parameters)
    assert named <= set(vars(conn))


def test_programs_that_eventlet_has_patched():
    """Such programs have no `select.poll`, and sockets and threads of another kind."""
    code = ('import warnings; warnings.simplefilter("ignore"); import eventlet\n'
            'eventlet.monkey_patch(); import sys, swiftclient\n'
            'conn = swiftclient.Connection(preauthurl=sys.argv[1], preauthtoken="t")\n'
            'conn.put_object("c", "o", b"x" * 200000)\n'
            'print(conn.get_object("c", "o")[1])')
    with scripted(answer(201), answer(200, b'body')) as server:
        done = subprocess.run([sys.executable, '-c', code, server.url], capture_output=True,
                              text=True, check=False)
        assert (done.stdout, done.returncode) == ("b'body'\n", 0), done.stderr
        assert server.connections == 1 and len(server.seen[0].body) == 200000


def test_with_closes_the_connection():
    with scripted(answer(204), answer(204)) as server:
        with connection(server) as conn:
            conn.head_account()
        assert conn.http_conn is None
        conn.head_account()
        assert server.connections == 2


def test_names_are_looked_up_where_programs_replace_them(monkeypatch):
    """Every call goes through `swiftclient.client`, which is where tests of programs patch."""
    asked = []
    monkeypatch.setattr('swiftclient.client.get_auth', lambda *args, **kw: ('http://h/v1', 'tk'))
    monkeypatch.setattr('swiftclient.client.http_connection', lambda url, **kw: ('parsed', url))
    for name in ('get_account', 'head_account', 'post_account', 'get_container', 'head_container',
                 'put_container', 'post_container', 'delete_container', 'get_object',
                 'head_object', 'put_object', 'post_object', 'copy_object', 'delete_object'):
        monkeypatch.setattr(f'swiftclient.client.{name}',
                            lambda url, token, *args, http_conn, name=name, **kw:
                            asked.append((name, url, token, http_conn)) or ({}, b''))
        method = getattr(Connection('a', 'u', 'k'), name)
        wanted = [p for p in inspect.signature(method).parameters.values()
                  if p.default is p.empty]
        method(*['x' for _ in wanted])
        assert asked[-1] == (name, 'http://h/v1', 'tk', ('parsed', 'http://h/v1'))
