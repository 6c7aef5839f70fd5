"""The process model with real processes: start, signals, reloads, readiness."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

import pytest

from test.support.service import Service, alive, environment, eventually, free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


class Waiting:
    """A request that is answered when release() is called."""

    def __init__(self, service, name='fifo'):
        self.fifo = str(service.dir / name)
        os.mkfifo(self.fifo)
        self.connection = service.connect()
        self.connection.request('GET', '/wait' + self.fifo)
        # Opening for writing succeeds once the worker reads, which is when it serves us.
        self.fd = eventually(self._open, 'the request to be served')

    def _open(self):
        try:
            return os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return None

    def release(self):
        os.write(self.fd, b'done')
        os.close(self.fd)
        with self.connection.getresponse() as response:
            body = response.read()
        self.connection.close()
        return body


# -- command line and configuration ------------------------------

def test_missing_path_prints_usage(service):
    code, output = service.run()
    assert code == 1
    assert output.startswith('usage: swift-account-server CONFIG')
    assert output.endswith('Error: missing config path argument\n')


def test_absent_path_is_named(service):
    code, output = service.run(service.dir / 'no.conf')
    assert (code, output.splitlines()[-1]) == (
        1, 'Error: unable to locate %s/no.conf' % service.dir)


def test_config_check_binds_nothing(service):
    service.write()
    with socket.socket() as taken:  # a port without SO_REUSEPORT: binding would fail
        taken.bind(('127.0.0.1', service.port))
        taken.listen()
        assert service.run(service.conf, '-t') == (0, '')


def test_config_check_reports_a_missing_port(service):
    service.write(bind_port=0)
    assert service.run(service.conf, '-t') == (1, (
        "bind_port wasn't properly set in the config file. It must be explicitly set to a valid "
        'port number.\n'))


@pytest.mark.parametrize('config, reason', [
    ({'use': 'egg:swift#nosuch'}, 'nosuch'), ({'default': 'client_timeout = -1'},
                                              'client_timeout: Value must be'),
    ({'use': 'egg:nodist#x'}, 'nodist')])
def test_bad_configurations_say_why(service, config, reason):
    service.write(**config)
    code, output = service.run(service.conf, '--test-config')
    assert code == 1
    assert output.startswith('Error trying to load config from %s: ' % service.conf)
    assert reason in output and 'Traceback' not in output


def test_missing_hash_secret_is_refused(service):
    service.write()
    (service.dir / 'swift.conf').write_text('[swift-hash]\n')
    code, output = service.run(service.conf, '-t')
    assert code == 1
    assert output == ('Error: [swift-hash]: both swift_hash_path_suffix and '
                      'swift_hash_path_prefix are missing from %s/swift.conf\n' % service.dir)


def test_bad_policies_are_refused(service):
    service.write()
    conf = service.dir / 'swift.conf'
    conf.write_text('[swift-hash]\nswift_hash_path_suffix = x\n[storage-policy:1]\nname = a\n')
    code, output = service.run(service.conf, '-t')
    assert code == 1 and output.startswith(
        'ERROR: Invalid Storage Policy Configuration in %s (You must' % conf)


def test_app_that_cannot_be_built_ends_the_check(service):
    service.write(app='refuse = because')
    code, output = service.run(service.conf, '-t')
    assert (code, output) == (
        1, 'Error trying to load config from %s: ValueError: because\n' % service.conf)


def test_port_in_use_fails_after_bind_timeout(service):
    service.write(default='bind_timeout = 0.2')
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', service.port))
        taken.listen()
        assert service.run(service.conf) == (1, (
            'Could not bind to 127.0.0.1:%d after trying for 0.2 seconds\n' % service.port))


# -- start, respawn, TERM ------------------------------

def test_start_serves_and_term_ends_everything(service):
    service.write(workers=2).start()
    assert service.output == b''
    workers = service.workers()
    assert len(workers) == 2
    assert eventually(lambda: len({service.get('/pid') for _ in range(8)}) == 2)
    waiting = Waiting(service)
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
    assert not any(alive(pid) for pid in workers) and service.refuses()
    with pytest.raises(OSError):
        waiting.release()
    log = service.log()
    for pid in workers:
        assert 'Started child %d from parent %d' % (pid, service.pid) in log
    assert 'SIGTERM received (%d)' % service.pid in log
    assert 'Exited (%d)' % service.pid in log


def test_killed_worker_is_replaced(service):
    service.write().start()
    (old,) = service.workers()
    service.signal(signal.SIGKILL, old)
    (new,) = eventually(lambda: [pid for pid in service.workers() if pid != old])
    assert eventually(lambda: not service.refuses() and service.get('/pid')) == str(new)
    assert 'Removing dead child %d from parent %d' % (old, service.pid) in service.log()


def test_worker_told_to_finish_drains_and_is_replaced(service):
    service.write().start()
    (old,) = service.workers()
    waiting = Waiting(service)
    service.signal(signal.SIGHUP, old)
    service.signal(signal.SIGUSR1, old)
    assert waiting.release() == b'done'
    eventually(lambda: service.workers() not in ([], [old]))
    eventually(lambda: 'Child %d exiting normally' % old in service.log())


def test_worker_that_cannot_start_again_is_tried_again(service, tmp_path):
    marker = tmp_path / 'broken'
    service.write(app='break_when = %s' % marker).start()
    marker.touch()
    service.signal(signal.SIGKILL, service.workers()[0])
    eventually(lambda: 'did not start normally' in service.log())
    marker.unlink()
    eventually(service.workers)
    eventually(lambda: 'told to break' in service.log() and not service.refuses()
               and service.get('/pid'))


def test_no_fork_mode_serves_in_the_foreground(service):
    service.write(workers=0).start()
    assert service.get('/pid') == str(service.pid)
    waiting = Waiting(service)
    service.signal(signal.SIGHUP)
    eventually(service.refuses)
    assert waiting.release() == b'done'
    assert service.wait() == 0


def test_prints_go_to_the_log(service):
    service.write().start()
    service.get('/print/hello')
    eventually(lambda: 'STDOUT: said hello' in service.log())


def test_verbose_word_logs_to_the_console(service):
    service.write()
    service.process = subprocess.Popen(
        [sys.executable, service.program, service.conf, 'verbose', 'nonsense'],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(),
        start_new_session=True)
    service.process.stdout = service.process.stderr
    line = service.process.stderr.readline()
    assert re.match(r'account-server: Started child \d+ from parent \d+\n', line)


def test_pipeline_logs_under_the_name_of_the_server(service):
    service.write().start()
    assert service.get('/conf/log_name') == 'account-server'
    service.signal(signal.SIGTERM)
    service.wait()
    service.write(default='log_name = other').start()
    assert service.get('/conf/log_name') == 'other'


def test_directory_configuration_and_paste_rule(service):
    service.write(default='who = default\nother = default',
                  app='who = app\nset other = set')
    directory = service.dir / 'account-server.conf.d'
    directory.mkdir()
    service.conf.rename(directory / '10.conf')
    (directory / '20.conf').write_text('[DEFAULT]\nlate = 20\n')
    service.conf = directory
    service.start()
    assert [service.get('/conf/' + name) for name in ('who', 'other', 'late', 'here')] == [
        'default', 'set', '20', str(directory)]
    assert '"who = app" is ignored because [DEFAULT] has "who = default"' in service.log()


# -- HUP and USR1 to the manager ------------------------------

def test_hup_lets_requests_finish_and_refuses_new_ones(service):
    service.write().start()
    (worker,) = service.workers()
    waiting = Waiting(service)
    service.signal(signal.SIGHUP)
    assert service.wait() == 0
    assert service.refuses() and alive(worker)
    assert waiting.release() == b'done'
    eventually(lambda: not alive(worker))


def test_hup_does_not_leave_workers_for_ever(service):
    service.write(default='stale_worker_timeout = 0').start()
    (worker,) = service.workers()
    Waiting(service)
    service.signal(signal.SIGHUP)
    assert service.wait() == 0
    eventually(lambda: not alive(worker))
    assert 'Child %d leaves 1 busy connections after 0s' % worker in service.log()


def test_second_manager_is_refused_before_and_after_a_reload(service):
    service.write(default='bind_timeout = 0').start()
    refusal = 'Could not bind to 127.0.0.1:%d after trying for 0 seconds\n' % service.port
    assert service.run(service.conf) == (1, refusal)
    (old,) = service.workers()
    service.signal(signal.SIGUSR1)
    eventually(lambda: not alive(old))
    assert service.run(service.conf) == (1, refusal)


def test_orphans_of_a_killed_manager_do_not_keep_the_next_one_away(service):
    service.write(default='bind_timeout = 0').start()
    (orphan,) = service.workers()
    service.signal(signal.SIGKILL)
    service.wait()
    try:
        service.start()
    finally:
        os.kill(orphan, signal.SIGKILL)
    eventually(lambda: not alive(orphan))  # until then it gets its share of the connections
    eventually(lambda: service.get('/pid') == str(service.workers()[0]))


def test_seamless_reload_keeps_the_pid_and_running_requests(service):
    service.write(workers=1, app='release = one').start()
    old = service.workers()
    waiting = Waiting(service)
    service.write(workers=2, app='release = two')
    service.signal(signal.SIGUSR1)
    eventually(lambda: len(set(service.workers()) - set(old)) == 2)
    eventually(lambda: service.get('/conf/release') == 'two')
    assert all(alive(pid) for pid in old)
    assert waiting.release() == b'done'
    eventually(lambda: not any(alive(pid) for pid in old))
    eventually(lambda: 'Removing stale child %d' % old[0] in service.log())
    assert 'New manager did not start' not in service.log()


@pytest.mark.parametrize('before, after', [(2, 2), (3, 1)])
def test_no_connection_is_lost_in_a_reload(service, before, after):
    service.write(workers=before, app='release = one').start()
    service.write(workers=after, app='release = two')
    stop, problems, answers = threading.Event(), [], set()

    def load():
        while not stop.is_set():
            try:
                answers.add(service.get('/conf/release'))
            except Exception as err:
                problems.append(err)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    old = service.workers()
    service.signal(signal.SIGUSR1)
    eventually(lambda: not any(alive(pid) for pid in old) and len(service.workers()) == after)
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == [] and answers == {'one', 'two'}


def test_reload_to_another_port_closes_the_old_one(service):
    service.write().start()
    old_port, service.port = service.port, free_port()
    service.write().signal(signal.SIGUSR1)
    eventually(lambda: not service.refuses() and service.get('/pid'))
    service.port = old_port
    eventually(service.refuses)


def test_stale_workers_are_killed_in_the_end(service):
    service.write(default='stale_worker_timeout = 0.5').start()
    (old,) = service.workers()
    Waiting(service, 'a')
    service.signal(signal.SIGUSR1)
    eventually(lambda: not alive(old))
    assert re.search(r'Killing long-running stale worker %d after \d+s' % old, service.log())


def test_two_reloads_keep_both_generations(service):
    service.write().start()
    generations = []
    for name in ('a', 'b'):
        generations.append((service.workers()[-1], Waiting(service, name)))
        known = service.workers()
        service.signal(signal.SIGUSR1)
        eventually(lambda known=known: set(service.workers()) - set(known))
        eventually(lambda: 'Removing stale child' in service.log())
    for pid, waiting in generations:
        assert alive(pid) and waiting.release() == b'done'
    eventually(lambda: not any(alive(pid) for pid, _ in generations))


def test_signals_during_a_reload_are_heard_afterwards(service):
    service.write().start()
    path = '\0swift-notifications\0%d' % service.pid
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(20)
        service.signal(signal.SIGUSR1)
        assert sock.recv(99) == b'RELOADING=1'
        service.signal(signal.SIGUSR1)  # while the new image starts
        assert [sock.recv(99) for _ in range(3)] == [b'READY=1', b'RELOADING=1', b'READY=1']
        assert service.get('/pid')
        service.signal(signal.SIGUSR1)
        assert sock.recv(99) == b'RELOADING=1'
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
    eventually(service.refuses)


def test_reload_that_fails_shuts_down(service):
    service.write().start()
    (worker,) = service.workers()
    service.write(app='refuse = broken')
    service.signal(signal.SIGUSR1)
    assert service.wait() == 1
    eventually(service.refuses)
    eventually(lambda: not alive(worker))
    assert 'New manager did not start' in service.log()


# -- readiness ------------------------------

def test_systemd_and_abstract_socket_hear_each_state(service, tmp_path):
    path = str(tmp_path / 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(20)
        service.write().start(NOTIFY_SOCKET=path)
        assert systemd.recv(99) == b'READY=1'
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract:
            abstract.bind('\0swift-notifications\0%d' % service.pid)
            abstract.settimeout(20)
            service.signal(signal.SIGUSR1)
            assert [abstract.recv(99), abstract.recv(99)] == [b'RELOADING=1', b'READY=1']
            assert [systemd.recv(99), systemd.recv(99)] == [b'RELOADING=1', b'READY=1']
            assert service.get('/user').endswith(' None')
            service.signal(signal.SIGTERM)
            assert (abstract.recv(99), systemd.recv(99)) == (b'STOPPING=1', b'STOPPING=1')


# -- engine options ------------------------------

@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    openssl = shutil.which('openssl')
    if not openssl:
        pytest.skip('needs the openssl program')
    directory = tmp_path_factory.mktemp('tls')
    subprocess.run([openssl, 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-keyout', directory / 'key.pem',
                    '-out', directory / 'cert.pem'], check=True, capture_output=True)
    return directory


def test_tls_serves_with_a_warning(service, certificate):
    service.write(default='cert_file = %s/cert.pem\nkey_file = %s/key.pem'
                          % (certificate, certificate)).start()
    assert b'WARNING: SSL should only be enabled for testing purposes' in service.output
    context = ssl.create_default_context(cafile=certificate / 'cert.pem')
    context.check_hostname = False
    with socket.create_connection(('127.0.0.1', service.port), timeout=20) as plain:
        with context.wrap_socket(plain) as sock:
            sock.sendall(b'GET /pid HTTP/1.0\r\n\r\n')
            assert sock.recv(1000).startswith(b'HTTP/1.1 200 OK')


def test_bad_certificate_is_refused_at_start(service):
    service.write(default='cert_file = /nonexistent\nkey_file = /nonexistent')
    code, output = service.run(service.conf, '-t')
    assert code == 1 and 'Unable to use cert_file' in output


def test_proxy_protocol_is_required_when_configured(service):
    service.write(default='require_proxy_protocol = yes').start()
    with socket.create_connection(('127.0.0.1', service.port), timeout=20) as sock:
        sock.sendall(b'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /pid HTTP/1.0\r\n\r\n')
        assert b' 200 OK' in sock.recv(1000)
    with socket.create_connection(('127.0.0.1', service.port), timeout=20) as sock:
        sock.sendall(b'GET /pid HTTP/1.0\r\n\r\n')
        assert b' 400 ' in sock.recv(1000)


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root to drop privileges')
def test_workers_drop_privileges_and_the_manager_does_not():
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)  # the user has to get at the configuration
        service = Service(directory).write()
        service.conf.write_text(service.conf.read_text().replace('user = root', 'user = nobody'))
        try:
            service.start()
            assert not service.get('/user').startswith('0 ')
            service.get('/print/hello')
            eventually(lambda: 'STDOUT: said hello' in service.log())
            assert os.stat('/proc/%d' % service.pid).st_uid == 0
            assert service.log_path.stat().st_uid != 0
        finally:
            service.close()


@pytest.mark.skipif(os.geteuid() != 0, reason='others ignore the user option')
def test_unknown_user_is_a_start_error_for_root(service):
    service.write(default='')
    service.conf.write_text(service.conf.read_text().replace('user = root', 'user = nosuchuser'))
    code, output = service.run(service.conf)
    assert code == 1 and "Unknown user 'nosuchuser'" in output
