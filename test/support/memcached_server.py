"""A real memcached for one test module, on a free port, and a scripted one for its faults."""
import shutil
import socket
import subprocess
from contextlib import contextmanager

import pytest

from swift.common import green


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


@contextmanager
def real_memcached():
    """Yield 'host:port' of a running memcached; skips the test without the program."""
    program = shutil.which('memcached')
    if program is None:
        pytest.skip('the program memcached is not installed')
    port = free_port()
    command = [program, '-l', '127.0.0.1', '-p', str(port), '-U', '0', '-m', '16', '-t', '1']
    # It refuses to run as root without being told whom to become.
    process = subprocess.Popen([*command, '-u', 'nobody'], stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_answers(port, process)
        yield f'127.0.0.1:{port}'
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_it_answers(port, process):
    for _ in range(500):
        assert process.poll() is None, 'memcached ended at once'
        try:
            socket.create_connection(('127.0.0.1', port), 0.2).close()
            return
        except OSError:
            green.sleep(0.01)
    raise AssertionError('memcached does not answer')


class ScriptedServer:
    """A server whose connections follow scripts.

    A script is a list of steps for one connection: bytes to answer a read with, a callable that
    gets the received bytes and returns such bytes, or None to close.
    """

    def __init__(self, *scripts):
        self.received: list[bytes] = []
        self.connections = 0
        self._scripts = list(scripts)
        self._sock = green.listen(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self._sock.getsockname()[1]
        self._task = green.spawn(self._accept)
        self._tasks = []

    def _accept(self):
        while True:
            green.wait_readable(self._sock)
            sock, _peer = self._sock.accept()
            sock.setblocking(False)
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            self._tasks.append(green.spawn(self._serve, sock, list(script)))

    def _serve(self, sock, script):
        try:
            for step in script:
                green.wait_readable(sock)
                data = sock.recv(1 << 20)
                if not data:
                    return
                self.received.append(data)
                answer = step(data) if callable(step) else step
                if answer is None:
                    return
                sock.sendall(answer)
            # Silent from here on, until the client gives up.
            green.wait_readable(sock)
        finally:
            sock.close()

    def close(self):
        for task in [self._task, *self._tasks]:
            task.kill()
        self._sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()
