"""The line on a terminal, and how an interrupted transfer ends."""
import io
import os
import pty
import signal
import socket
import subprocess

import pytest

from swiftclient.shell.progress import Progress, line_of, readable
from test.support.swift_command import OURS, run


@pytest.mark.parametrize(('arguments', 'text'), [
    ((3, 10, 1024, 4096, 1.0), '3/10 files, 1.0 KiB of 4.0 KiB, 1.0 KiB/s, 0:00:03 left'),
    ((3, None, 10, None, 2.0), '3 files, 10 B, 5 B/s'),
    ((0, 1, 0, 100, 0.0), '0/1 files, 0 B of 100 B, 0 B/s'),
    ((1, 1, 200, 100, 1.0), '1/1 files, 200 B of 100 B, 200 B/s, 0:00:00 left'),
    ((1, 2, 1, 7263, 1.0), '1/2 files, 1 B of 7.1 KiB, 1 B/s, 2:01:02 left')])
def test_line(arguments, text):
    assert line_of(*arguments) == text


def test_sizes_are_readable():
    assert [readable(1024 ** power) for power in range(5)] == [
        '1 B', '1.0 KiB', '1.0 MiB', '1.0 GiB', '1.0 TiB']


def test_line_is_drawn_when_it_is_due_and_taken_off():
    now, stream = [0.0], io.StringIO()
    progress = Progress(stream, clock=lambda: now[0])
    progress.add(100)
    first = stream.getvalue()
    assert first == '\r\x1b[K0 files, 100 B, 0 B/s'
    progress.file_done()
    assert stream.getvalue() == first
    now[0] = 1.0
    progress.add(-50)
    assert stream.getvalue() == first + '\r\x1b[K1 files, 50 B, 50 B/s'
    progress.clear()
    progress.clear()
    assert stream.getvalue().endswith('50 B/s\r\x1b[K')


def test_totals_come_from_the_files(tmp_path):
    (tmp_path / 'a').write_bytes(b'12345')
    progress = Progress(io.StringIO())
    progress.expect([str(tmp_path / 'a'), str(tmp_path)])
    assert (progress._total_files, progress._total_bytes) == (2, 5)
    progress.expect([io.BytesIO()])
    assert progress._total_bytes is None


def on_terminal(*words, cwd, auth_url):
    """Run the command with a terminal for its output; return what the terminal got."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*OURS, *words], cwd=cwd, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
        env=dict(os.environ, ST_AUTH=auth_url, ST_USER='a:b', ST_KEY='testing', COLUMNS='80'))
    os.close(theirs)
    seen = b''
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # how a terminal says that its other end is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0
    return seen


def test_terminal_shows_progress_and_quiet_and_pipes_do_not(cluster, tree):
    seen = on_terminal('upload', 'c', 'd', cwd=tree, auth_url=cluster.url)
    assert b'/3 files, ' in seen
    assert b'd/a.txt\r\n' in seen
    assert b'files' not in on_terminal('upload', '-q', 'c', 'd', cwd=tree, auth_url=cluster.url)
    piped = run(OURS, 'upload', 'c', 'd', cwd=tree, auth_url=cluster.url)
    assert 'files' not in piped.out + piped.err


def test_interrupted_download_ends_at_once_and_leaves_nothing(tmp_path):
    """The body stops half-way; the signal comes when the file has been begun."""
    server = socket.create_server(('127.0.0.1', 0))
    url = f'http://127.0.0.1:{server.getsockname()[1]}/v1/AUTH_test'
    process = subprocess.Popen(
        [*OURS, '--os-storage-url', url, '--os-auth-token', 't', 'download', 'c', 'x'],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        connection, _address = server.accept()
        connection.recv(65536)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n' + b'y' * 600000)
        while not os.listdir(tmp_path):
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        server.close()
    assert (process.returncode, out, err) == (2, b'', b' Aborted\n')
    assert os.listdir(tmp_path) == []
