"""Real server processes for tests: a directory with configuration, a port, signals, a log."""
import getpass
import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 30


def free_port():
    """Return a port nobody listens on right now."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def environment(**extra):
    """Return an environment in which programs find this tree."""
    env = {name: value for name, value in os.environ.items()
           if name not in ('NOTIFY_SOCKET', 'SWIFT_DIR', 'SWIFT_RUN_DIR')}
    return {**env, 'PYTHONPATH': str(ROOT), 'PYTHONUNBUFFERED': '1', **extra}


def eventually(check, what='condition', timeout=20.0):
    """Return check() as soon as it is true; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        result = check()
        if result:
            return result
        assert time.monotonic() < deadline, 'timed out waiting for ' + what
        time.sleep(0.02)


def alive(pid):
    """Tell whether a process exists and is no zombie."""
    try:
        return Path('/proc/%d/stat' % pid).read_text().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    """Return the pids of living children."""
    found = []
    for entry in Path('/proc').iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / 'stat').read_text().rpartition(')')[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == pid and fields[0] != 'Z':
                found.append(int(entry.name))
    return sorted(found)


class Service:
    """One server: `write()` its configuration, `start()` it, talk to it, `close()` it."""

    def __init__(self, directory, program='swift-account-server', section='account-server'):
        self.dir = Path(directory)
        self.program = ROOT / 'bin' / program
        self.section = section
        self.port = free_port()
        self.conf = self.dir / (section + '.conf')
        self.log_path = self.dir / 'service.log'
        self.process = None
        (self.dir / 'swift.conf').write_text(
            '[swift-hash]\nswift_hash_path_suffix = changeme\n')

    def write(self, default='', app='', workers=1, use='call:test.support.probe_app:app_factory',
              bind_port=None):
        """Write the configuration."""
        port = self.port if bind_port is None else bind_port
        self.conf.write_text(
            '[DEFAULT]\nswift_dir = %s\nbind_ip = 127.0.0.1\n%suser = %s\nworkers = %s\n'
            'log_file = %s\n%s\n'
            '[pipeline:main]\npipeline = %s\n[app:%s]\nuse = %s\n%s\n'
            % (self.dir, 'bind_port = %s\n' % port if port else '', getpass.getuser(),
               workers, self.log_path,
               default, self.section, self.section, use, app))
        return self

    def run(self, *words, **env):
        """Run the program to its end; return (exit code, output)."""
        done = subprocess.run([sys.executable, self.program, *map(str, words)],
                              env=environment(**env), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=START_TIMEOUT_S, text=True,
                              check=False)
        return done.returncode, done.stdout

    def start(self, *words, **env):
        """Start the program; return when it closes its standard output, which says ready."""
        self.process = subprocess.Popen(
            [sys.executable, self.program, self.conf, *words], env=environment(**env),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.output = b''
        deadline = time.monotonic() + START_TIMEOUT_S
        fd = self.process.stdout.fileno()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        while True:
            left = max(0, deadline - time.monotonic())
            assert poll.poll(left * 1000), 'not ready: %s %s' % (self.output, self.log())
            data = os.read(fd, 65536)
            if not data:
                break
            self.output += data
        return self

    @property
    def pid(self):
        return self.process.pid

    def workers(self):
        """Return the pids of the manager's living children."""
        return children(self.pid)

    def log(self):
        return self.log_path.read_text() if self.log_path.exists() else ''

    def connect(self):
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)

    def get(self, path):
        """Return the body of a GET on a connection of its own."""
        connection = self.connect()
        try:
            connection.request('GET', path)
            response = connection.getresponse()
            assert response.status == 200, response.status
            return response.read().decode()
        finally:
            connection.close()

    def refuses(self):
        """Tell whether new connections are refused."""
        with socket.socket() as sock:
            sock.settimeout(5)
            return sock.connect_ex(('127.0.0.1', self.port)) != 0

    def signal(self, number, pid=None):
        os.kill(pid or self.pid, number)

    def wait(self, timeout=20):
        return self.process.wait(timeout)

    def close(self):
        """Kill what is left of the process group."""
        if self.process is not None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.stdout.close()
            self.process.wait(10)
