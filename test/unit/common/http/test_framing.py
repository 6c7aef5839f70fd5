"""Body readers: every split of the wire gives the same body, every violation is refused."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.common.http.framing import ChunkedReader, CloseReader, LengthReader
from swift.common.http.stream import READ_SIZE, BadFraming, EndOfStream
from swift.common.http.wire import encode_chunk, parse_chunk_size
from test.support.scripted_stream import ScriptedStream, split_at

CUTS = st.lists(st.integers(0, 400), max_size=12)


def drain(reader, size=READ_SIZE):
    body = b''
    while piece := reader.read_some(size, 1):
        assert len(piece) <= size
        body += piece
    assert reader.done
    assert reader.read_some(size, 1) == b''
    return body


@given(chunks=st.lists(st.binary(min_size=1, max_size=60), max_size=6), cuts=CUTS,
       size=st.integers(1, 100), trailer=st.sampled_from([b'', b'X: y\r\n', b'A: b\r\nC: d\r\n']),
       upper=st.booleans(), buffered=st.integers(0, 50))
def test_chunked_in_any_split(chunks, cuts, size, trailer, upper, buffered):
    wire = b''
    for chunk in chunks:
        line = b'%x' % len(chunk)
        wire += (line.upper() if upper else line) + b' ;ext="a"\r\n' + chunk + b'\r\n'
    wire += b'000\r\n' + trailer + b'\r\n'
    rest = b'GET /next'
    stream = ScriptedStream(split_at((wire + rest)[buffered:], cuts), (wire + rest)[:buffered])
    reader = ChunkedReader(stream)
    assert drain(reader, size) == b''.join(chunks)
    # Nothing beyond the body was consumed.
    assert stream.take_buffer() + b''.join(stream.pieces) == rest


@given(body=st.binary(max_size=300), cuts=CUTS, size=st.integers(1, 100))
def test_length_in_any_split(body, cuts, size):
    stream = ScriptedStream(split_at(body + b'next', cuts))
    reader = LengthReader(stream, len(body))
    assert drain(reader, size) == body
    assert b''.join(stream.pieces) == b'next'      # never asked for more than the body


@given(body=st.binary(max_size=300), cuts=CUTS, size=st.integers(1, 100))
def test_close_in_any_split(body, cuts, size):
    assert drain(CloseReader(ScriptedStream(split_at(body, cuts))), size) == body


@pytest.mark.parametrize('wire', [
    b'x\r\n', b'-1\r\n', b'+1\r\na\r\n0\r\n\r\n', b' 1\r\na\r\n0\r\n\r\n', b'\r\n', b'0x1\r\na',
    b'1_0\r\n', b'11111111111111111\r\n', b'1\na\r\n', b'1\r\nab\r\n', b'1\r\na\n0\r\n\r\n',
    b'1\r\na\r\r\n', b'1\r\r\na\r\n', b'1;' + b'x' * 5000 + b'\r\n', b'0\r\nA: b\n\r\n',
    b'0\r\n' + b'T: ' + b'x' * 5000 + b'\r\n\r\n', b'0\r\n' + b'T: xxxx\r\n' * 10000 + b'\r\n',
    b'1\r\na' + b'junk' * 2000,
])
def test_violations(wire):
    with pytest.raises(BadFraming):
        drain(ChunkedReader(ScriptedStream(split_at(wire, range(0, len(wire), 1000)))))


@pytest.mark.parametrize('wire', [
    b'', b'5', b'5\r\n', b'5\r\nabc', b'5\r\nabcde', b'5\r\nabcde\r\n', b'0\r\n', b'0\r\nX: y\r\n'])
def test_closed_too_early(wire):
    with pytest.raises(EndOfStream):
        drain(ChunkedReader(ScriptedStream([wire])))


def test_length_closed_too_early():
    reader = LengthReader(ScriptedStream([b'abc']), 4)
    assert reader.read_some(10, 1) == b'abc'
    with pytest.raises(EndOfStream):
        reader.read_some(10, 1)


@given(st.binary(min_size=1, max_size=50))
def test_chunk_round_trip(data):
    line, _sep, rest = encode_chunk(data).partition(b'\r\n')
    assert parse_chunk_size(line) == len(data)
    assert rest == data + b'\r\n'


def test_tiny_chunks_are_not_quadratic():
    stream = ScriptedStream([b'1\r\na\r\n' * 10000] * 10 + [b'0\r\n\r\n'])
    assert drain(ChunkedReader(stream)) == b'a' * 100000
