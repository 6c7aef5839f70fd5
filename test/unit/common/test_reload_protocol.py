"""Messages between the generations of a manager."""
import io
import json
import os
import socket
import sys

import pytest

from swift.common import reload
from swift.common.notify import notify
from test.support.logs import RecordingLogger


def test_state_message_is_length_and_json():
    message = reload.encode_state({12: 1700000000.5})
    assert message == b'\x00\x00\x00\x22{"old_pids": {"12": 1700000000.5}}'
    assert reload.read_state(io.BytesIO(message).read, RecordingLogger()) == {12: 1700000000.5}


@pytest.mark.parametrize('message', [
    b'', b'\0\0', b'\0\0\0\x10{}', b'\0\0\0\x02{}', b'\0\0\0\x02[]', b'\0\0\0\x02xx',
    b'\0\0\0\x0d{"old_pids":1', b'\xff\xff\xff\xff', b'\0\0\0\x13{"old_pids": {"x":1}}'])
def test_broken_state_is_a_log_line(message):
    logger = RecordingLogger()
    assert reload.read_state(io.BytesIO(message).read, logger) == {}
    assert len(logger.lines()) == 1


@pytest.mark.parametrize('kept, word', [(False, b'%d'), (True, b'%d kept')])
def test_new_image_reports_and_learns_old_workers(kept, word):
    notify_read, notify_write = os.pipe()
    state_read, state_write = os.pipe()
    os.write(state_write, reload.encode_state({7: 1.0}))
    os.close(state_write)
    environ = {reload.NOTIFY_FD: str(notify_write), reload.STATE_FD: str(state_read),
               reload.LISTEN_FDS: '', 'OTHER': 'x'}
    found = reload.inherit(environ)
    assert environ == {'OTHER': 'x'}
    assert reload.report_ready(found, kept, RecordingLogger()) == {7: 1.0}
    assert os.read(notify_read, 99) == word % os.getpid()
    os.close(notify_read)


def test_closer_that_died_costs_a_warning():
    notify_read, notify_write = os.pipe()
    state_read, state_write = os.pipe()
    os.close(notify_read)
    os.close(state_write)
    logger = RecordingLogger()
    assert reload.report_ready(reload.Inheritance(notify_write, state_read), False, logger) == {}
    assert len(logger.lines()) == 2


def test_plain_start_inherits_nothing():
    found = reload.inherit({reload.NOTIFY_FD: 'x', reload.LISTEN_FDS: '9999,y'})
    assert (found.notify_fd, found.state_fd, found.sockets) == (None, None, [])
    assert reload.report_ready(found, False, RecordingLogger()) == {}


def test_sockets_are_adopted_by_address():
    sock = socket.create_server(('127.0.0.1', 0))
    address = sock.getsockname()
    found = reload.inherit({reload.LISTEN_FDS: str(sock.detach())})
    assert found.adopt(('127.0.0.1', 1)) is None
    adopted = found.adopt(address)
    assert adopted.getsockname() == address and found.sockets == []
    adopted.close()
    found.sockets.append(socket.create_server(('127.0.0.1', 0)))
    found.close_unused()
    assert found.sockets == []


def play_closer(message):
    """Run the closer's part against a script; return (state, whether the socket still accepts)."""
    sock = socket.create_server(('127.0.0.1', 0))
    logger = RecordingLogger()
    reload.start_closer([sock.dup()], [], [], {5: 1.0}, 2.0, logger)
    notify_fd = int(os.environ.pop(reload.NOTIFY_FD))
    state_fd = int(os.environ.pop(reload.STATE_FD))
    os.environ.pop(reload.LISTEN_FDS)
    if message:
        os.write(notify_fd, message)
    os.close(notify_fd)
    with os.fdopen(state_fd, 'rb') as pipe:
        state = pipe.read()
    os.wait()
    with socket.socket() as client:
        accepts = client.connect_ex(sock.getsockname()) == 0
    sock.close()
    return json.loads(state[4:])['old_pids'] if state else None, accepts


@pytest.mark.parametrize('message, accepts', [(b'123', False), (b'123 kept', True)])
def test_closer_sends_state_and_obeys(message, accepts):
    state, still_accepts = play_closer(message)
    assert state.pop('5') == 1.0
    assert list(state.values()) == [2.0]  # the closer itself
    assert still_accepts is accepts


def test_closer_of_a_failed_start_closes():
    assert play_closer(b'') == (None, False)


@pytest.mark.parametrize('line, mode, arguments', [
    ('#!/opt/python\n', 0o755, ['{script}', 'x.conf']),
    ('#!/usr/bin/env python3\n', 0o755, ['{python}', '{script}', 'x.conf']),
    ('#!/opt/python\n', 0o644, ['{python}', '{script}', 'x.conf'])])
def test_program_is_remembered_with_its_interpreter(tmp_path, monkeypatch, line, mode, arguments):
    script = tmp_path / 'swift-x'
    script.write_text(line)
    script.chmod(mode)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['swift-x', 'x.conf'])
    expected = tuple(word.format(script=script, python=sys.executable) for word in arguments)
    assert reload.Program.remember() == reload.Program(expected[0], expected)


def test_program_without_a_file_repeats_its_command(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['/no/such'])
    monkeypatch.setattr(sys, 'orig_argv', ['python3', '-c', 'x'])
    assert reload.Program.remember().arguments == (sys.executable, '-c', 'x')


def test_program_gets_an_absolute_configuration(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    program = reload.Program('/bin/x', ('/bin/x', './a.conf', '-v'))
    assert program.with_config(str(tmp_path / 'a.conf')).arguments == (
        '/bin/x', str(tmp_path / 'a.conf'), '-v')


def test_notifying_nobody_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setenv('NOTIFY_SOCKET', str(tmp_path / 'none'))
    notify(b'READY=1')


def test_abstract_systemd_socket(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind('\0swift-test-%d' % os.getpid())
        sock.settimeout(5)
        monkeypatch.setenv('NOTIFY_SOCKET', '@swift-test-%d' % os.getpid())
        notify(b'READY=1')
        assert sock.recv(99) == b'READY=1'
