"""HTTP/1.1 as octets: heads written and read, and where a body ends."""

import pytest

from swiftclient import wire
from swiftclient.wire import BadAnswer, Ends, Head


def test_render_head_octets_of_names_and_values():
    head = wire.render_head('PUT', '/v1/a b', [('Host', 'h'), (b'x-\xc3\xa9', 'é')])
    assert head == b'PUT /v1/a%20b HTTP/1.1\r\nHost: h\r\nx-\xc3\xa9: \xc3\xa9\r\n\r\n'


@pytest.mark.parametrize('target,quoted', [
    ('/v1/a%2Fb?x=%41#~', '/v1/a%2Fb?x=%41#~'), ('/é', '/%C3%A9'), ('/a\r\nX: y', '/a%0D%0AX:%20y'),
    ('/a/../b', '/a/../b'), ('/\x7f', '/%7F')])
def test_target_fits_into_the_request_line(target, quoted):
    assert wire.quoted_target(target) == quoted


@pytest.mark.parametrize('line', [
    ('a', 'b\r\nc: d'), ('a\n', 'b'), (b'a', b'b\r')])
def test_render_head_refuses_line_breaks(line):
    with pytest.raises(ValueError, match='line break'):
        wire.render_head('GET', '/', [line])


@pytest.mark.parametrize('value', [None, 5, object()])
def test_render_head_refuses_what_is_no_text(value):
    with pytest.raises(TypeError):
        wire.render_head('GET', '/', [('a', value)])


def test_parse_head_keeps_order_case_and_repeated_headers():
    head = wire.parse_head(b'HTTP/1.1 404 Not Found\r\nX-A: 1\r\nx-b:  2 \r\nX-A: 3\r\n  more')
    assert (head.version, head.status, head.reason) == ((1, 1), 404, 'Not Found')
    assert head.headers == [('X-A', '1'), ('x-b', '2'), ('X-A', '3 more')]


def test_parse_head_takes_a_bare_line_feed_for_the_end_of_a_line():
    assert wire.parse_head(b'HTTP/1.1 200 OK\r\nA: b\nC: d').headers == [('A', 'b'), ('C', 'd')]


@pytest.mark.parametrize('value', ['voilà', 'Å', '\x85', '\xa0'])
def test_parse_head_strips_no_octets_of_utf8(value):
    head = wire.parse_head(f'HTTP/1.1 200 OK\r\nA: \t{value} '.encode())
    assert head.headers == [('A', value.encode().decode('latin-1'))]


@pytest.mark.parametrize('first,reason', [
    (b'HTTP/1.1 200', ''), (b'HTTP/1.1 200 ', ''), (b'HTTP/1.0 200 A B', 'A B')])
def test_parse_head_reason_may_be_missing(first, reason):
    assert wire.parse_head(first).reason == reason


@pytest.mark.parametrize('block', [
    b'', b'hello', b'HTTP/1.1 20 OK', b'HTTP/1.1 200 OK\r\nno header', b'HTTP/x 200 OK',
    b'HTTP/1.1 200 OK\r\n folded first'])
def test_parse_head_refuses_what_is_no_response(block):
    with pytest.raises(BadAnswer):
        wire.parse_head(block)


def framing(method='GET', status=200, version=(1, 1), **headers):
    lines = [(name.replace('_', '-'), value) for name, value in headers.items()]
    return tuple(wire.framing_of(method, Head(version, status, '', lines)))


@pytest.mark.parametrize('case,expected', [
    ({'Content_Length': '5'}, (Ends.LENGTH, 5, True)),
    ({'Content_Length': '0'}, (Ends.NONE, 0, True)),
    ({'transfer_encoding': 'Chunked', 'content_length': '5'}, (Ends.CHUNKS, 0, True)),
    ({}, (Ends.CLOSE, 0, False)),
    ({'method': 'HEAD', 'content_length': '5'}, (Ends.NONE, 0, True)),
    ({'status': 204}, (Ends.NONE, 0, True)),
    ({'status': 304, 'content_length': '5'}, (Ends.NONE, 0, True)),
    ({'content_length': '5', 'connection': 'Close'}, (Ends.LENGTH, 5, False)),
    ({'content_length': '5', 'version': (1, 0)}, (Ends.LENGTH, 5, False)),
    ({'content_length': '5', 'version': (1, 0), 'connection': 'keep-alive'},
     (Ends.LENGTH, 5, True)),
])
def test_where_a_body_ends(case, expected):
    assert framing(**case) == expected


@pytest.mark.parametrize('length', ['-1', '+1', '1.0', '', 'x', '1, 1', '²'])
def test_framing_refuses_a_length_that_is_no_number(length):
    with pytest.raises(BadAnswer):
        framing(content_length=length)


@pytest.mark.parametrize('line,size', [(b'0', 0), (b'fF', 255), (b'10 ; name=value', 16)])
def test_chunk_size(line, size):
    assert wire.chunk_size(line) == size


@pytest.mark.parametrize('line', [b'', b'g', b'-1', b'; x', b'0x10', b'1_0'])
def test_chunk_size_refuses_what_is_none(line):
    with pytest.raises(BadAnswer):
        wire.chunk_size(line)
