"""swift-reload against a real server."""
import os
import signal
import socket
import subprocess
import sys

import pytest

from swift.cli import reload
from test.support.service import ROOT, Service, environment, eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service.write()
    service.close()


def run(*words):
    done = subprocess.run([sys.executable, ROOT / 'bin' / 'swift-reload', *map(str, words)],
                          env=environment(), capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def test_reload_waits_until_ready(service):
    service.start()
    old = service.workers()
    assert run('-v', service.pid) == (0, [
        'Checking config for swift-account-server', 'Sending USR1 signal',
        'Process is RELOADING', 'Process is READY', 'Reloaded swift-account-server'], [])
    assert set(service.workers()) - set(old)


def test_no_wait_returns_after_the_signal(service):
    service.start()
    old = service.workers()
    assert run('-w', service.pid) == (0, ['Reloaded swift-account-server'], [])
    eventually(lambda: set(service.workers()) - set(old))


def test_broken_configuration_changes_nothing(service):
    service.start()
    old = service.workers()
    service.write(app='refuse = no')
    code, _out, err = run(service.pid)
    assert (code, err[-1]) == (1, 'Failed to validate config')
    assert service.workers() == old and service.get('/pid') == str(old[0])


def test_worker_is_recognised(service):
    service.start()
    (worker,) = service.workers()
    assert run(worker) == (2, [], [
        'Process appears to be a swift-account-server worker, not a manager. Did you mean %d?'
        % service.pid])


def test_somebody_listening_already_is_an_error(service):
    service.start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind('\0swift-notifications\0%d' % service.pid)
        code, _out, err = run(service.pid)
    assert code == 1 and err[-1].startswith('Could not listen')


def test_silent_process_times_out(service):
    service.start()
    service.signal(signal.SIGSTOP)
    code, _out, err = run('-t', '0.2', service.pid)
    service.signal(signal.SIGCONT)
    assert (code, err) == (238, ['Timed out reloading swift-account-server'])


@pytest.mark.parametrize('pid, message', [
    (2_000_000_000, 'Failed to get process information for 2000000000'),
    (os.getpid(), 'Non-swift process: ')])
def test_bad_pids(pid, message, capsys):
    assert reload.run([str(pid)]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_daemons_cannot_be_checked(tmp_path, capsys):
    script = tmp_path / 'bin' / 'swift-object-updater'
    script.parent.mkdir()
    script.write_text('import sys; print("runs", flush=True); sys.stdin.read()')
    process = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    try:
        # Until then it has the command line of the process that started it, or none.
        process.stdout.readline()
        assert reload.run([str(process.pid)]) == 2
        assert capsys.readouterr().err == (
            'Process does not support config checks: swift-object-updater\n')
    finally:
        process.communicate()
