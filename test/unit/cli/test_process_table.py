"""swift-oldies and swift-orphans on a process table of files."""
import os
import signal

import pytest

from swift.cli import oldies, orphans
from swift.cli.process_table import SwiftProcess, is_ours, swift_processes, table
from swift.common.processes import Verdict

UP_S = 1000 * 3600
TICKS = os.sysconf('SC_CLK_TCK')
PYTHON = '/usr/bin/python3'
SERVER = '/usr/bin/swift-object-server'


class Machine:
    """A folder like /proc, and a run directory."""

    def __init__(self, folder):
        self.proc, self.run = folder / 'proc', folder / 'run'
        for directory in (self.proc, self.run):
            directory.mkdir()
        (self.proc / 'uptime').write_text(f'{UP_S}.00 12.00\n')
        self.add(1, 0, 900, ['/sbin/init'])

    def add(self, pid, parent, hours, command, state='S', run_dir=None):
        folder = self.proc / str(pid)
        folder.mkdir()
        start = (UP_S - hours * 3600) * TICKS
        (folder / 'stat').write_text(f'{pid} (a (b) c) {state} {parent} 1 1 '
                                     + '0 ' * 15 + f'{start} 0 0\n')
        (folder / 'cmdline').write_text('\0'.join(command) + '\0')
        (folder / 'environ').write_text(f'A=b\0SWIFT_RUN_DIR={run_dir or self.run}\0')

    def pid_file(self, name, pid):
        path = self.run / f'{name}.pid'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{pid}\n')

    def oldies(self, *words):
        return oldies.main(list(words), proc=str(self.proc))

    def orphans(self, *words, **more):
        return orphans.main(['-r', str(self.run), *words], proc=str(self.proc), **more)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize('command, verdict', [
    ([PYTHON, SERVER, '/etc/swift/object-server.conf'], True),
    (['/srv/venv/bin/python3.11', '-u', '/srv/venv/bin/swift-oldies'], True),
    (['python2', '/usr/local/bin/swift-proxy-server'], True),
    ([PYTHON, '/usr/bin/other', 'swift-proxy-server'], False),
    (['/usr/bin/vi', SERVER], False), (['grep', 'swift-object-server'], False),
    ([PYTHON], False), ([''], False)])
def test_what_is_ours(command, verdict):
    assert is_ours(command) is verdict


def test_oldies_lists_what_is_old_enough(machine, capsys):
    machine.add(7, 1, 800, [PYTHON, SERVER, 'c.conf'])
    machine.add(8, 1, 719, [PYTHON, SERVER])
    machine.add(9, 1, 800, [PYTHON, SERVER], state='Z')
    machine.add(12345, 1, 720, [PYTHON, SERVER, 'x' * 80])
    assert machine.oldies() == 0
    assert capsys.readouterr().out.splitlines() == [
        'Hours   PID Command', f'  800     7 {PYTHON} {SERVER} c.conf',
        f'  720 12345 {PYTHON} {SERVER} {"x" * 80}'[:80]]
    assert machine.oldies('-a', '719', '-p') == 0
    assert capsys.readouterr().out == '7\n8\n12345\n'


def test_oldies_is_silent_when_there_is_none(machine, capsys):
    machine.add(7, 1, 3, [PYTHON, SERVER])
    assert machine.oldies() == 0 and machine.oldies('-p') == 0
    assert capsys.readouterr().out == ''


def test_caller_and_its_ancestors_are_not_listed(machine):
    machine.add(7, 1, 3, [PYTHON, '/usr/bin/swift-init', 'all', 'stop'])
    machine.add(8, 7, 3, [PYTHON, '/usr/bin/swift-orphans'])
    machine.add(9, 7, 3, [PYTHON, SERVER])
    assert [process.pid for process in swift_processes(str(machine.proc), own_pid=8)] == [9]


def test_orphans_are_what_no_pid_file_accounts_for(machine, capsys):
    machine.add(7, 1, 30, [PYTHON, SERVER])
    machine.add(8, 7, 30, [PYTHON, SERVER])
    machine.pid_file('object-server/1', 7)
    machine.add(9, 1, 30, [PYTHON, SERVER])
    machine.add(10, 1, 23, [PYTHON, SERVER])
    machine.add(11, 1, 30, [PYTHON, '/usr/bin/swift-object-auditor', 'c.conf', 'once'])
    machine.add(12, 1, 30, [PYTHON, SERVER], run_dir='/somewhere/else')
    (machine.proc / '9' / 'environ').unlink()
    (machine.run / 'broken.pid').write_text('nonsense')
    assert machine.orphans() == 0
    assert capsys.readouterr().out == f'Hours PID Command\n   30   9 {PYTHON} {SERVER}\n'


def test_orphans_is_silent_when_there_is_none(machine, capsys):
    assert machine.orphans('-a', '0', '-k', 'KILL') == 0
    assert capsys.readouterr() == ('', '')


@pytest.mark.parametrize('name', ['15', 'TERM', 'SIGTERM', 'term'])
def test_orphans_are_signalled(machine, capsys, name):
    machine.add(9, 1, 30, [PYTHON, SERVER])
    sent = []

    def kill(pid, number):
        sent.append((pid, number))
        return Verdict.RUNNING
    assert machine.orphans('-k', name, kill=kill) == 0
    assert sent == [(9, signal.SIGTERM)]
    assert capsys.readouterr().out.endswith('Sending processes SIGTERM (15) signal...Done.\n')


def test_orphans_says_whom_it_may_not_signal(machine, capsys):
    machine.add(9, 1, 30, [PYTHON, SERVER])
    assert machine.orphans('-k', 'KILL', kill=lambda pid, number: Verdict.FORBIDDEN) == 1
    assert capsys.readouterr().err == 'Not allowed to signal process 9\n'


@pytest.mark.parametrize('name', ['FOO', '999', '-1'])
def test_unknown_signal_is_refused_in_one_line(machine, capsys, name):
    machine.add(9, 1, 30, [PYTHON, SERVER])
    assert machine.orphans(f'-k={name}') == 1
    assert capsys.readouterr() == (
        '', f"Could not translate '={name}' to a signal number.\n".replace("'=", "'"))


@pytest.mark.parametrize('words', [['-a', 'x'], ['-a', '-1'], ['--nonsense']])
def test_bad_options_are_refused_in_one_line(machine, capsys, words):
    for tool in (machine.oldies, machine.orphans):
        with pytest.raises(SystemExit) as stop:
            tool(*words)
        out, err = capsys.readouterr()
        assert stop.value.code == 2 and out == '' and err.count('\n') == 1


def test_wide_lines_are_not_cut():
    process = SwiftProcess(9, 1, 0.0, (PYTHON, 'x' * 100))
    assert len(table([process])[1]) == 80
    assert table([process], wide=True)[1].endswith('x' * 100)
