"""Sinks never wait, keep order, count what they lose."""
import os
import socket

import pytest

from swift.common.clock import ManualClock
from swift.common.log_sinks import (
    ConsoleSink,
    FileSink,
    NullSink,
    SyslogSink,
    syslog_sink,
    unix_connect,
)


class Peer:
    """A scripted socket: takes `room` payloads, then would block; may be broken."""

    def __init__(self):
        self.room = 100
        self.got = []
        self.broken = False
        self.closed = False

    def setblocking(self, flag):
        assert flag is False

    def send(self, payload):
        if self.broken:
            raise ConnectionRefusedError(111, 'gone')
        if self.room == 0:
            raise BlockingIOError(11, 'full')
        self.room -= 1
        self.got.append(payload)
        return len(payload)

    def close(self):
        self.closed = True


@pytest.fixture
def peer():
    return Peer()


@pytest.fixture
def sink(peer):
    return SyslogSink(lambda: peer, ManualClock(), queue_limit=2)


def test_full_receiver_queues_then_drops_then_reports(sink, peer):
    peer.room = 1
    for text in 'abcde':
        sink.send(14, text)
    assert (peer.got, sink.dropped_count) == ([b'<14>a\0'], 2)
    peer.room = 10
    sink.send(14, 'f')
    assert peer.got[1:] == [b'<14>b\0', b'<14>c\0', b'<44>swift: 2 log lines were lost\0',
                            b'<14>f\0']


def test_flush_sends_what_waited(sink, peer):
    peer.room = 0
    sink.send(14, 'a')
    peer.room = 5
    sink.flush()
    assert peer.got == [b'<14>a\0']
    sink.close()
    assert peer.closed


def test_broken_connection_is_replaced_once_a_second(peer):
    clock, peers = ManualClock(), [Peer(), Peer()]
    opened = []

    def connect():
        opened.append(clock.monotonic())
        return peers[len(opened) - 1]
    clock.advance(10)
    sink = SyslogSink(connect, clock)
    sink.send(14, 'a')
    peers[0].broken = True
    sink.send(14, 'b')
    sink.send(14, 'c')
    assert (opened, peers[0].closed, peers[1].got) == ([10], True, [])
    clock.advance(1)
    sink.send(14, 'd')
    assert peers[1].got == [b'<14>b\0', b'<14>c\0', b'<14>d\0']


def test_unreachable_daemon_keeps_lines_until_it_comes(peer):
    clock, up = ManualClock(), []

    def connect():
        if not up:
            raise FileNotFoundError(2, 'no /dev/log')
        return peer
    sink = SyslogSink(connect, clock)
    sink.send(14, 'a')
    up.append(True)
    clock.advance(2)
    sink.flush()
    assert peer.got == [b'<14>a\0']


def test_partial_write_continues_with_the_rest_first(sink, peer):
    whole, peer.send = peer.send, lambda payload: whole(payload[:3]) and 3
    sink.send(14, 'abc')
    peer.send = whole
    sink.send(14, 'd')
    assert b''.join(peer.got) == b'<14>abc\0<14>d\0'


def test_huge_lines_are_cut_for_datagrams(sink, peer):
    sink.send(14, 'x' * 100_000)
    assert len(peer.got[0]) == 60_001 and peer.got[0].endswith(b'x\0')


def test_odd_text_is_escaped(sink, peer):
    sink.send(14, 'a\udcff\u00e9')
    assert peer.got == [b'<14>a\\udcff\xc3\xa9\0']


@pytest.mark.parametrize('kind', [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_unix_socket_of_either_kind(tmp_path, kind):
    path = str(tmp_path / 'log')
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(path)
        if kind == socket.SOCK_STREAM:
            server.listen()
        sink = syslog_sink(path)
        sink.send(30, 'hello')
        receiver = server if kind == socket.SOCK_DGRAM else server.accept()[0]
        receiver.settimeout(5)
        assert receiver.recv(100) == b'<30>hello\0'
        receiver.close()
        sink.close()


def test_no_unix_socket_raises(tmp_path):
    with pytest.raises(OSError):
        unix_connect(str(tmp_path / 'none'))


def test_missing_log_address_does_not_raise(tmp_path):
    sink = syslog_sink(str(tmp_path / 'none'))
    sink.send(30, 'to UDP 514, whoever listens')
    sink.close()


def test_console_writes_lines_and_survives_a_closed_pipe():
    reader, writer = os.pipe()
    sink = ConsoleSink(writer)
    sink.send(30, 'line')
    assert os.read(reader, 10) == b'line\n'
    os.close(reader)
    os.close(writer)
    sink.send(30, 'line')


def test_null_sink_is_silent():
    sink = NullSink()
    sink.send(1, 'x')
    sink.flush()
    sink.close()


def test_file_lines_carry_time_and_severity_and_follow_renames(tmp_path):
    clock, path = ManualClock(1700000000.25), tmp_path / 'x.log'
    sink = FileSink(str(path), clock)
    sink.send(16 * 8 + 5, 'proxy-server: a')
    path.rename(tmp_path / 'x.log.1')
    sink.send(16 * 8 + 3, 'proxy-server: b')
    clock.advance(1)
    sink.send(16 * 8 + 6, 'proxy-server: c')
    sink.close()
    sink.send(16 * 8 + 6, 'proxy-server: d')
    sink.close()
    assert (tmp_path / 'x.log.1').read_text().splitlines() == [
        '2023-11-14T22:13:20.250Z NOTICE proxy-server: a',
        '2023-11-14T22:13:20.250Z ERROR proxy-server: b']
    assert path.read_text().splitlines() == [
        '2023-11-14T22:13:21.250Z INFO proxy-server: c',
        '2023-11-14T22:13:21.250Z INFO proxy-server: d']


def test_unwritable_file_is_survived(tmp_path):
    sink = FileSink(str(tmp_path / 'no' / 'dir'), ManualClock())
    sink.send(1, 'x')
    sink.flush()
    sink.close()
