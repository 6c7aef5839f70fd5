"""Believing pids, pid files and signals."""
import os
import signal
import subprocess
import sys

import pytest

from swift.common import processes
from swift.common.processes import ProcessInfo, Verdict
from test.support.service import eventually

CONF = '/etc/swift/object-server/1.conf'


@pytest.mark.parametrize('command, truth', [
    (('python', '/usr/bin/swift-object-server', CONF), True),
    (('/usr/bin/swift-object-server', CONF, 'verbose'), True),
    (('python', '/usr/bin/swift-object-server', '1.conf'), True),
    (('python', '/usr/bin/swift-object-server', '/etc/swift/object-server/2.conf'), False),
    (('python', '/usr/bin/swift-object-updater', CONF), False),
    (('',), False)])
def test_a_process_is_believed_by_its_command_line(command, truth):
    assert processes.runs(ProcessInfo(1, 1, 1, command), 'swift-object-server', CONF) is truth


def test_looking_at_ourselves():
    info = processes.look_up(os.getpid())
    assert (info.pid, info.parent, info.session) == (os.getpid(), os.getppid(), os.getsid(0))
    assert info in list(processes.all_processes())
    assert processes.verdict(os.getpid(), 'swift-x', CONF) is Verdict.SOMETHING_ELSE


def test_zombies_are_gone():
    child = subprocess.Popen([sys.executable, '-c', ''])
    eventually(lambda: processes.look_up(child.pid) is None)
    assert processes.verdict(child.pid, 'swift-x', CONF) is Verdict.GONE
    child.wait()


def test_main_process_is_found_by_its_session(tmp_path):
    script = tmp_path / 'swift-thing'
    script.write_text('import sys; sys.stdin.read()')
    command = [sys.executable, script, CONF]
    for session in (False, True):
        child = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=session)
        eventually(lambda child=child: processes.look_up(child.pid).command[1:] == (
            str(script), CONF))
        found = processes.find_main('swift-thing', CONF, str(tmp_path))
        assert found == (child.pid if session else None)
        assert processes.find_main('swift-thing', CONF + 'x', str(tmp_path)) is None
        # One that was started together with others has a pid file under another name.
        (tmp_path / '2.pid').write_text(f'{found}\n')
        assert processes.find_main('swift-thing', CONF, str(tmp_path)) is None
        child.communicate()


def test_signals_and_their_outcomes():
    child = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'],
                             stdin=subprocess.PIPE, start_new_session=True)
    assert processes.send(child.pid, 0) is Verdict.RUNNING
    assert processes.kill_group(child.pid) is Verdict.RUNNING
    assert child.wait() == -signal.SIGKILL
    assert processes.send(child.pid, 0) is Verdict.GONE
    assert processes.kill_group(child.pid) is Verdict.GONE
    child.stdin.close()


@pytest.mark.skipif(os.geteuid() == 0, reason='root may signal everybody')
def test_foreign_processes_are_forbidden():
    assert processes.send(1, 0) is Verdict.FORBIDDEN


@pytest.mark.parametrize('content, pid', [
    ('12', 12), ('12\n', 12), ('', None), ('x', None), ('-1', None), ('0', None),
    ('\udcff', None)])
def test_pid_file_content(tmp_path, content, pid):
    path = tmp_path / 'x.pid'
    path.write_bytes(content.encode('utf-8', 'surrogateescape'))
    assert processes.read_pid(str(path)) == pid


def test_pid_files_are_written_without_newline_and_removed(tmp_path):
    path = str(tmp_path / 'object-server' / '1.pid')
    processes.write_pid(path, 77)
    with open(path) as stream:
        assert stream.read() == '77'
    processes.remove_pid(path)
    processes.remove_pid(path)
    assert processes.read_pid(path) is None
