"""A stream over a real socket pair: partial writes, lines, staleness."""
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift.common import green
from swift.common.http.stream import BadFraming, EndOfStream, Stream
from test.support.scripted_stream import ScriptedStream, split_at


class Stingy:
    """A socket that takes only a few bytes at a time, or none."""

    def __init__(self, takes):
        self.takes = list(takes)
        self.taken = b''

    def send(self, data):
        take = self.takes.pop(0) if self.takes else len(data)
        if not take:
            raise BlockingIOError
        self.taken += bytes(data[:take])
        return min(take, len(data))

    def sendmsg(self, parts):
        return self.send(b''.join(parts))


class AlwaysReady:
    def wait_write(self, timeout):
        return True


def stream_over(sock):
    stream = ScriptedStream([])
    stream.sock = sock
    stream.ready = AlwaysReady()
    return stream


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5),
       st.lists(st.integers(0, 30), max_size=12))
def test_parts_arrive_whole_however_little_is_taken(parts, takes):
    sock = Stingy(takes)
    Stream.send_parts(stream_over(sock), tuple(parts), 1)
    assert sock.taken == b''.join(parts)


@given(st.binary(max_size=60), st.lists(st.integers(0, 30), max_size=12))
def test_data_arrives_whole_however_little_is_taken(data, takes):
    sock = Stingy(takes)
    Stream.send(stream_over(sock), data, 1)
    assert sock.taken == data


@given(st.lists(st.sampled_from([b'a', b'bc', b'']), max_size=6),
       st.lists(st.integers(0, 40), max_size=8))
def test_lines_in_any_split(lines, cuts):
    wire = b''.join(line + b'\r\n' for line in lines) + b'rest'
    stream = ScriptedStream(split_at(wire, cuts))
    assert [stream.read_line(10, 1) for _line in lines] == lines
    assert stream.take_buffer() + b''.join(stream.pieces) == b'rest'


@pytest.mark.parametrize('wire', [b'a\n', b'a\rb\r\n', b'\n', b'a' * 20 + b'\r\n', b'a' * 20])
def test_bad_lines(wire):
    with pytest.raises(BadFraming):
        ScriptedStream([wire]).read_line(10, 1)


def test_line_cut_short():
    with pytest.raises(EndOfStream):
        ScriptedStream([b'abc']).read_line(10, 1)


@pytest.fixture
def pair():
    one, two = socket.socketpair()
    for sock in (one, two):
        sock.setblocking(False)
    streams = Stream(one), Stream(two)
    yield streams
    for stream in streams:
        stream.close()


def test_stale(pair):
    one, two = pair
    assert not one.is_stale()
    two.send(b'x', 1)
    assert one.is_stale()
    two.close()
    assert one.is_stale()


def test_large_transfer(pair):
    one, two = pair
    data = bytes(range(256)) * 20000
    sender = green.spawn(one.send_parts, (data, b'', data), 5)
    received = b''
    while len(received) < 2 * len(data):
        received += two.read_some(1 << 20, 5)
    sender.wait()
    assert received == data + data


def test_close_ends_a_wait(pair):
    one, _two = pair
    task = green.spawn(one.receive, 10, None)
    green.sleep(0)
    one.close()
    with pytest.raises(ConnectionAbortedError):
        task.wait()
    one.close()


class Stop(Exception):
    pass


def test_close_does_not_wake_a_thread_that_waits_for_something_else(pair):
    one, _two = pair
    event = green.Event()
    seen = []

    def work():
        try:
            one.receive(10, None)
        except Stop:
            seen.append('stopped')
        seen.append(event.wait())

    task = green.spawn(work)
    green.sleep(0)
    green.call_later(0, task.throw, Stop())      # as a timeout that fires in the same turn
    one.close()
    for _turn in range(3):
        green.sleep(0)
    assert seen == ['stopped']
    event.send('sent')
    task.wait()
    assert seen == ['stopped', 'sent']


def test_forgotten_stream_leaves_nothing_behind():
    one, two = socket.socketpair()
    one.setblocking(False)
    stream = Stream(one)
    assert stream.ready.wait_read(0) is False
    number = one.fileno()
    del stream
    assert one.fileno() == -1
    ready = green.Readiness(two.fileno())
    assert ready.wait_read(1) is True    # closed
    ready.close()
    two.close()
    assert number not in green.hubs.get_hub().listeners['read']
