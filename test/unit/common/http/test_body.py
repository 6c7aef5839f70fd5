"""wsgi.input: reading, interim answers, the several-continues dialogue, lost clients."""
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.common import green
from swift.common.errors import ClientDisconnect, ClientReadTimeout
from swift.common.http.body import EMPTY_BODY, RequestBody
from swift.common.http.message import RequestHead
from test.support.raw_http import served, settle
from test.support.scripted_stream import ScriptedStream, split_at


def body_of(stream, length=None, expects=False, is_http10=False):
    head = RequestHead('PUT', '/', '', is_http10)
    head.content_length = length
    head.chunked = length is None
    head.expects_continue = expects
    return RequestBody(stream, head, 1.0)


def chunked(*chunks):
    return b''.join(b'%x\r\n%b\r\n' % (len(chunk), chunk) for chunk in chunks) + b'0\r\n\r\n'


TEXT = st.lists(st.sampled_from([b'a', b'bc\n', b'\n', b'def', b'\r\n']), max_size=30).map(b''.join)
STEPS = st.lists(st.tuples(st.sampled_from(['read', 'readline', 'read_some']),
                           st.integers(-1, 12)), max_size=20)


@given(data=TEXT, cuts=st.lists(st.integers(0, 90), max_size=10), steps=STEPS, plain=st.booleans())
def test_behaves_like_a_file(data, cuts, steps, plain):
    wire = data if plain else chunked(*[piece for piece in split_at(data, cuts[:3]) if piece])
    body = body_of(ScriptedStream(split_at(wire, cuts)), len(data) if plain else None)
    model = io.BytesIO(data)
    for name, size in steps:
        if name == 'read_some':
            piece = body.read_some(size) if size > 0 else b''
            assert model.read(len(piece)) == piece
            assert piece or size <= 0 or model.read(1) == b''
        else:
            assert getattr(body, name)(size) == getattr(model, name)(size)
        assert body.position == model.tell()
    assert body.readlines() == model.readlines()
    assert body.finished


def test_iteration_and_readlines_hint():
    body = body_of(ScriptedStream([b'ab\ncd\nef']), 8)
    assert body.readlines(1) == [b'ab\n']
    assert list(body) == [b'cd\n', b'ef']


def test_nothing_is_read_ahead():
    stream = ScriptedStream([b'x' * 65536] * 4)
    body = body_of(stream, 4 * 65536)
    assert len(body.read(10)) == 10
    assert stream.asked == [10]
    assert len(body.read(65536)) == 65536
    assert stream.asked == [10, 65536, 10]     # each time only what is missing


# --- 100 Continue ------------------------------------------------------------------------------

def test_continue_is_sent_at_the_first_read_with_headers():
    stream = ScriptedStream([b'abc'])
    body = body_of(stream, 3, expects=True)
    body.set_hundred_continue_response_headers([('X-Obj-Metadata-Footer', 'yes'), ('X-b', 'c')])
    assert stream.sent == b''
    assert body.read(2) == b'ab'
    sent = b'HTTP/1.1 100 Continue\r\nX-Obj-Metadata-Footer: yes\r\nX-b: c\r\n\r\n'
    assert stream.sent == sent
    assert body.read() == b'c'
    assert stream.sent == sent


def test_no_continue_after_the_answer_started():
    stream = ScriptedStream([b'abc'])
    body = body_of(stream, 3, expects=True)
    body.answer_started()
    assert body.read() == b'abc'
    assert stream.sent == b''


def test_several_continues():
    wire = chunked(b'object', b' bytes') + chunked(b'put commit')
    stream = ScriptedStream([wire])
    body = body_of(stream, None, expects=True)
    body.set_hundred_continue_response_headers([('X-Obj-Multiphase-Commit', 'yes')])
    assert body.read() == b'object bytes'
    assert body.read() == b''
    body.send_hundred_continue_response()
    assert body.read() == b'put commit'
    assert body.read() == b''
    assert body.finished
    assert stream.sent == b'HTTP/1.1 100 Continue\r\nX-Obj-Multiphase-Commit: yes\r\n\r\n' * 2


def test_second_body_follows_even_if_the_end_of_the_first_was_not_read():
    stream = ScriptedStream([chunked(b'object'), chunked(b'commit')])
    body = body_of(stream, None, expects=True)
    assert body.read(6) == b'object'
    body.send_hundred_continue_response()
    assert not body.finished
    assert body.read() == b'commit'
    assert body.finished


def test_explicit_first_continue():
    stream = ScriptedStream([chunked(b'x')])
    body = body_of(stream, None, expects=True)
    body.send_hundred_continue_response()
    assert body.read() == b'x'
    assert body.finished
    assert stream.sent.count(b'100 Continue') == 1


def test_continue_over_the_wire():
    def app(environ, start_response):
        body = environ['wsgi.input']
        if environ['PATH_INFO'] == '/refuse':
            start_response('413 Too Large', [('Content-Length', '0')])
            return []
        body.set_hundred_continue_response_headers([('X-A', 'b')])
        data = body.read()
        start_response('201 Created', [('Content-Length', '0'), ('X-Len', str(len(data)))])
        return []

    head = b' HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n'
    with served(app) as here:
        client = here.client()
        for _turn in range(2):
            interim = client.ask(b'PUT /' + head)
            assert (interim.status, interim.get('X-A')) == (100, 'b')
            assert client.ask(b'abc').get('X-Len') == '3'
        # A final answer instead: the body never comes, so the connection ends.
        answer = client.ask(b'PUT /refuse' + head)
        assert (answer.status, answer.get('Connection')) == (413, 'close')
        assert client.is_closed()


@pytest.mark.parametrize('head', [
    b'PUT / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc',
    b'PUT / HTTP/1.1\r\nContent-Length: 3\r\nExpect: something\r\n\r\nabc',
    b'PUT / HTTP/1.1\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n',
    b'PUT / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n',
])
def test_when_no_continue_is_sent(head):
    def app(environ, start_response):
        environ['wsgi.input'].read()
        start_response('200 OK', [])
        return []

    with served(app) as here:
        assert here.ask(head).status == 200


# --- clients that leave, stall or talk nonsense ------------------------------------------------

@pytest.mark.parametrize('pieces, length', [
    ([b'abc'], 4), ([b'3\r\nabc\r\n'], None), ([b'nonsense\r\n'], None),
    ([b'ab', ConnectionResetError()], 4),
])
def test_disconnect(pieces, length):
    body = body_of(ScriptedStream(pieces), length)
    with pytest.raises(ClientDisconnect):
        body.read()
    assert body.broken and not body.finished
    with pytest.raises(ClientDisconnect):
        body.read(1)


def test_silence():
    body = body_of(ScriptedStream([b'ab', TimeoutError()]), 4)
    with pytest.raises(ClientReadTimeout) as caught:
        body.read()
    assert caught.value.seconds == 1.0
    assert body.broken


@pytest.mark.parametrize('leave', ['half_close', 'abort', 'silence'])
def test_lost_client_over_the_wire(leave):
    seen = []

    def app(environ, start_response):
        try:
            environ['wsgi.input'].read()
        except (ClientDisconnect, ClientReadTimeout) as error:
            seen.append(type(error))
            start_response('499 Client Disconnect', [('Content-Length', '0')])
            return []

    with served(app, client_timeout=0.1 if leave == 'silence' else 10) as here:
        client = here.client()
        client.send(b'PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc')
        settle(lambda: here.server.request_count)
        if leave == 'half_close':
            client.half_close()
            answer = client.answer()
            assert (answer.status, answer.get('Connection')) == (499, 'close')
            assert client.is_closed()
        elif leave == 'abort':
            client.stream.abort()
        settle(lambda: not here.server.statistics()['connections'])
    assert seen == [ClientReadTimeout if leave == 'silence' else ClientDisconnect]


def test_application_that_lets_the_disconnect_pass():
    def app(environ, start_response):
        environ['wsgi.input'].read()

    with served(app) as here:
        client = here.client()
        client.send(b'PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc')
        client.half_close()
        client.rest()
        assert here.server.statistics()['disconnected'] == 1
        assert here.server.statistics()['failed'] == 0


# --- bodies that the application does not read -------------------------------------------------

def ignore(environ, start_response):
    start_response('200 OK', [('Content-Length', '0')])
    return []


@pytest.mark.parametrize('body', [
    b'Content-Length: 100000\r\n\r\n' + b'x' * 100000,
    b'Transfer-Encoding: chunked\r\n\r\n' + chunked(b'x' * 50000, b'y' * 50000),
])
def test_unread_body_is_drained(body):
    with served(ignore) as here:
        client = here.client()
        for _turn in range(3):
            client.send(b'PUT / HTTP/1.1\r\n' + body)
        for _turn in range(3):
            assert client.answer().status == 200


def test_unread_body_that_is_too_large_ends_the_connection(monkeypatch):
    monkeypatch.setattr('swift.common.http.answer.DRAIN_MAX', 1000)
    monkeypatch.setattr('swift.common.http.connection.DRAIN_MAX', 1000)
    with served(ignore) as here:
        client = here.client()
        answer = client.ask(b'PUT / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n' + b'x' * 10)
        assert answer.get('Connection') == 'close'
        client.close()
        client = here.client()
        client.send(b'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
                    + chunked(b'x' * 900, b'y' * 900, b'z' * 100000))
        assert client.answer().status == 200
        client.rest()
        settle(lambda: not here.server.statistics()['connections'])


def test_unread_broken_body_ends_the_connection():
    with served(ignore) as here:
        client = here.client()
        answer = client.ask(b'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'
                            b'GET /smuggled HTTP/1.1\r\n\r\n')
        assert answer.status == 200
        assert client.is_closed()
        assert here.server.request_count == 1


def test_answer_while_the_body_is_still_coming():
    """Full duplex, as SSYNC needs it."""
    def app(environ, start_response):
        environ['eventlet.minimum_write_chunk_size'] = 0
        start_response('200 OK', [])
        while line := environ['wsgi.input'].readline():
            yield b'got ' + line

    with served(app) as here:
        client = here.client()
        client.send(b'SSYNC / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n')
        client.send(b'4\r\none\n\r\n')
        answer = client.answer(head_only=True)
        assert answer.get('Transfer-Encoding') == 'chunked'
        assert client.read(13) == b'8\r\ngot one\n\r\n'
        client.send(b'4\r\ntwo\n\r\n0\r\n\r\n')
        assert client.read(18) == b'8\r\ngot two\n\r\n0\r\n\r\n'


def test_slow_application_is_felt_by_the_client():
    go_on = green.Event()

    def app(environ, start_response):
        environ['wsgi.input'].read(1)
        go_on.wait()
        return ignore(environ, start_response)

    with served(app) as here:
        client = here.client()
        client.send(b'PUT / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n')
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                client.stream.send(b'x' * 65536, 0.05)
                sent += 65536
        assert sent < 16 << 20           # the kernel's buffers, nothing of ours
        client.stream.abort()
        go_on.send()
        settle(lambda: not here.server.statistics()['connections'])


def test_empty_body():
    assert EMPTY_BODY.read() == EMPTY_BODY.readline(5) == EMPTY_BODY.read_some(9) == b''
    assert list(EMPTY_BODY) == EMPTY_BODY.readlines() == []
    EMPTY_BODY.set_hundred_continue_response_headers([])
    EMPTY_BODY.send_hundred_continue_response()
    assert EMPTY_BODY.finished


@given(st.lists(st.integers(0, 320), max_size=10))
def test_any_split_of_requests_gives_the_same_answers(cuts):
    wire = (b'GET /1 HTTP/1.1\r\nHost: h\r\nX-A:  b\r\n\r\n'
            b'PUT /2 HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789'
            b'PUT /3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
            b'5;x\r\nab\r\nc\r\n0\r\nT: x\r\n\r\n'
            b'HEAD /4%20 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'
            b'PUT /5 HTTP/1.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\nunrea')
    seen = []

    def app(environ, start_response):
        path = environ['PATH_INFO']
        seen.append((environ['REQUEST_METHOD'], path,
                     b'' if path == '/5' else environ['wsgi.input'].read()))
        return ignore(environ, start_response)

    with served(app) as here:
        client = here.client()
        client.send_split(split_at(wire, cuts))
        for _turn in range(5):
            assert client.answer().status == 200
        assert client.is_closed()
    assert seen == [('GET', '/1', b''), ('PUT', '/2', b'0123456789'), ('PUT', '/3', b'ab\r\nc'),
                    ('HEAD', '/4 ', b''), ('PUT', '/5', b'')]
