"""Whatever a client or a peer sends, the server and the client stay well-behaved.

Mutated messages: bytes replaced, removed, doubled, cut. The server must answer in HTTP or close,
never fail in its own code, and never serve more requests than the bytes can hold.
"""
from hypothesis import given
from hypothesis import strategies as st

from swift.common.errors import ClientDisconnect, ClientReadTimeout
from swift.common.http import proxy_protocol, wire
from swift.common.http.wire import BadHead, BadRequest, Limits
from test.support.raw_http import served

SEED = (b'PUT /v1/a/c/o?x=y HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello'
        b'PUT /o HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n'
        b'3\r\nabc\r\n0\r\nT: x\r\n\r\nGET / HTTP/1.0\r\n\r\n')
PIECES = st.sampled_from([b'', b'\r\n', b'\n', b'\r', b' ', b':', b'\0', b'\xff', b'0', b'-', b'\t',
                          b'Content-Length: 9\r\n', b'Transfer-Encoding: chunked\r\n', b'HTTP/1.1',
                          b'\r\n\r\n', b'%', b',', b';', b'999999999999999999999'])
EDITS = st.lists(st.tuples(st.integers(0, len(SEED)), st.integers(0, 8), PIECES), max_size=4)


def mutated(edits):
    data = SEED
    for place, removed, inserted in edits:
        data = data[:place] + inserted + data[place + removed:]
    return data


def app(environ, start_response):
    try:
        environ['wsgi.input'].read()
        status = '200 OK'
    except (ClientDisconnect, ClientReadTimeout):
        status = '499 Client Disconnect'
    start_response(status, [('Content-Length', '0')])
    return []


@given(EDITS)
def test_server(edits):
    with served(app, client_timeout=0.2) as here:
        client = here.client()
        client.send(mutated(edits))
        client.half_close()
        answers = client.rest()
        assert not answers or answers.startswith(b'HTTP/1.')
        assert here.server.statistics()['failed'] == 0
        assert here.server.request_count <= 4
        assert answers.count(b'HTTP/1.') >= here.server.request_count


@given(EDITS)
def test_request_heads(edits):
    data = mutated(edits)
    end = wire.find_head_end(data)
    if end < 0:
        return
    environ = {}
    try:
        head, _block = wire.parse_request_head(data[:end], Limits(), environ)
    except BadRequest as refusal:
        assert refusal.status in (400, 414, 431, 505)
        assert '\r' not in refusal.reason and '\n' not in refusal.reason
        return
    assert not (head.chunked and head.content_length is not None)
    assert head.content_length is None or head.content_length >= 0
    for key, value in environ.items():
        if key != 'headers_raw':
            assert not {'\r', '\n', '\0'} & set(value) or key == 'PATH_INFO'
    # A bare line feed or carriage return never gets through.
    lines = data[:end].split(b'\r\n')
    assert not any(b'\n' in line or b'\r' in line for line in lines)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 8), PIECES), max_size=4))
def test_response_heads(edits):
    data = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\nConnection: close\r\n\r\n'
    for place, removed, inserted in edits:
        data = data[:place] + inserted + data[place + removed:]
    end = wire.find_head_end(data)
    if end >= 0:
        try:
            head = wire.parse_response_head(data[:end], Limits())
        except BadHead:
            return
        assert 100 <= head.status <= 999
        assert head.chunked is False or head.content_length is None


@given(st.binary(max_size=120), st.booleans())
def test_proxy_lines(data, prefixed):
    data = b'PROXY ' + data if prefixed else data
    try:
        line, rest = proxy_protocol.split(data)
        if line is None:
            assert rest == data and len(data) < proxy_protocol.LINE_SIZE_MAX
        else:
            assert line + b'\r\n' + rest == data
            proxy_protocol.parse(line)
    except BadRequest as refusal:
        assert refusal.status == 400 and refusal.reason.isascii()
