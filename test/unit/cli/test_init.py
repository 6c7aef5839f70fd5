"""swift-init against small programs that behave as their configuration says."""
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from swift.cli import init
from swift.common.services import ALL
from test.support.service import ROOT, alive, environment, eventually

# What each fake program does: say `say`, exit with `exit`, otherwise close its standard output,
# note every signal in <conf>.signals and die of TERM and HUP unless `stubborn`.
FAKE = '''#!%s
import os, signal, sys
confs = [word for word in sys.argv[1:] if word.endswith('.conf')]
conf = confs[0]
if len(confs) > 1:
    # As swift/cli/siblings.py does.
    pids = []
    for conf in confs:
        pids.append(os.fork())
        if not pids[-1]:
            break
    else:
        if 'warns' in open(confs[0]).read():
            print('something is old', flush=True)
        print(*pids, flush=True)
        sys.exit()
words = dict(line.split('=') for line in open(conf).read().split())
with open(conf + '.words', 'a') as stream:
    stream.write(' '.join(sys.argv[2:]) + ';')
if 'say' in words:
    print(words['say'], flush=True)
if 'show' in words:
    print(os.environ.get(words['show']), flush=True)
if 'exit' in words or 'once' in sys.argv:
    sys.exit(int(words.get('exit', 0)))
def note(number, frame):
    with open(conf + '.signals', 'a') as stream:
        stream.write('%%d ' %% number)
    if 'stubborn' not in words and number != signal.SIGUSR1:
        os._exit(0)
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, note)
if 'leader' in words:
    os.setsid()
null = os.open(os.devnull, os.O_RDWR)
os.dup2(null, 1)
os.dup2(null, 2)
while True:
    signal.pause()
''' % sys.executable


class Node:
    """A directory with programs, configurations and pid files, and swift-init run in it."""

    def __init__(self, root):
        self.root = root
        self.bin, self.etc, self.run_dir = root / 'bin', root / 'etc', root / 'run'
        for directory in (self.bin, self.etc, self.run_dir):
            directory.mkdir()

    def install(self, *names):
        for name in names:
            path = self.bin / ('swift-' + name)
            path.write_text(FAKE)
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def conf(self, name, text=''):
        path = self.etc / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def init(self, *words):
        """Return (exit code, lines) of one call."""
        lines = []
        code = init.run([*words, '-d', str(self.etc), '-r', str(self.run_dir)], lines.append)
        return code, '\n'.join(lines).splitlines()

    def pid(self, name):
        return int((self.run_dir / (name + '.pid')).read_text())

    def notes(self, name):
        path = self.etc / (name + '.conf.signals')
        return [int(word) for word in path.read_text().split()] if path.exists() else []

    def kill_all(self):
        for path in self.run_dir.rglob('*.pid*'):
            try:
                os.kill(int(path.read_text()), signal.SIGKILL)
            except (ValueError, ProcessLookupError):
                pass


@pytest.fixture
def node(tmp_path, monkeypatch):
    node = Node(tmp_path)
    monkeypatch.setenv('PATH', str(node.bin))
    monkeypatch.setattr(sys, 'argv', [str(tmp_path / 'elsewhere' / 'swift-init')])
    monkeypatch.setattr('swift.common.manager.raise_limits', lambda show: None)
    yield node
    node.kill_all()


@pytest.fixture
def objects(node):
    """Two object servers and a proxy, all configured, nothing running."""
    node.install(*ALL)
    for name in ('object-server/1.conf', 'object-server/2.conf', 'proxy-server.conf'):
        node.conf(name)
    return node


def test_usage_errors(node):
    assert node.init('object')[0] == 1
    assert node.init('object')[1][-1] == 'ERROR: specify server(s) and command'
    node.install('object-server')
    code, lines = node.init('object', 'frobnicate')
    assert (code, lines[-1]) == (1, 'ERROR: unknown command, frobnicate')


def test_programs_that_are_not_installed_are_dropped_silently(node):
    assert node.init('nosuch', 'start') == (1, [])
    assert node.init('all', 'status') == (1, [])


def test_life_of_a_server(objects):
    confs = [objects.etc / 'object-server' / name for name in ('1.conf', '2.conf')]
    assert objects.init('object', 'start') == (0, [
        'Starting object-server...(%s)' % conf for conf in confs])
    pids = [objects.pid('object-server/1'), objects.pid('object-server/2')]
    running = ['object-server running (%d - %s)' % pair for pair in zip(pids, confs, strict=True)]
    assert objects.init('object', 'status') == (0, running)
    assert objects.init('object', 'start') == (1, [*running, 'object-server already started...'])
    code, lines = objects.init('object', 'stop')
    assert code == 0
    assert lines[:2] == ['Signal object-server  pid: %d  signal: 15' % pid for pid in pids]
    assert sorted(lines[2:]) == sorted(
        'object-server (%d) appears to have stopped' % pid for pid in pids)
    assert objects.init('object', 'status') == (1, ['No object-server running'])
    assert objects.init('object', 'stop') == (1, ['No object-server running'])
    assert objects.init('object', 'kill') == (0, ['No object-server running'])


def test_words_may_be_swapped_and_underscored(objects):
    assert objects.init('start', 'proxy')[0] == 0
    assert objects.init('proxy', 'reload_seamless')[0] == 0
    assert objects.init('proxy', 'force_reload')[0] == 0


def test_groups_are_not_strict_unless_asked(objects):
    code, lines = objects.init('main', 'start')
    assert code == 0
    assert 'Unable to locate config for account-server' in lines
    assert objects.init('main', 'start')[0] == 0
    assert objects.init('main', 'start', '--strict')[0] == 1
    assert objects.init('account', 'start') == (
        1, ['Unable to locate config for account-server'])
    assert objects.init('account', 'start', '--non-strict')[0] == 0
    assert objects.init('main', 'stop')[0] == 1  # some were not running
    assert objects.init('main', 'kill')[0] == 0


def test_configurations_may_share_a_parent(objects):
    assert objects.init('object', 'start', '--share-memory') == (0, [
        'Starting object-server...(%s/object-server/%s)' % (objects.etc, name)
        for name in ('1.conf', '2.conf')])
    pids = [objects.pid('object-server/%d' % number) for number in (1, 2)]
    assert len(set(pids)) == 2 and all(alive(pid) for pid in pids)
    code, lines = objects.init('object.2', 'stop')
    assert code == 0 and eventually(lambda: not alive(pids[1])) and alive(pids[0])
    assert objects.init('object', 'stop')[0] == 0


def test_what_a_common_parent_says_hides_no_pids(objects):
    objects.conf('object-server/1.conf', 'warns=1')
    code, lines = objects.init('object', 'start', '--share-memory')
    assert (code, lines[-1]) == (0, 'something is old')
    assert all(alive(objects.pid('object-server/%d' % number)) for number in (1, 2))
    assert objects.init('object', 'stop')[0] == 0


def test_numbered_configurations(objects):
    second = objects.etc / 'object-server' / '2.conf'
    objects.init('object', 'start')
    code, lines = objects.init('object', 'stop', '-c', '2')
    assert (code, len(lines)) == (0, 2)
    assert objects.init('object', 'status', '-c', '2') == (
        1, ['object-server #2 not running (%s)' % second])
    assert objects.init('object', 'status', '-c', '1')[0] == 0
    assert objects.init('object', 'start', '-c', '2')[0] == 0
    assert objects.init('object', 'start', '-c', '5', '-v') == (1, [
        'Unable to locate config number 5 for object-server', 'Found configs:',
        '  1) %s' % (objects.etc / 'object-server' / '1.conf'), '  2) %s' % second])
    missing = 'Unable to locate config number 5 for object-server'
    assert objects.init('object', 'status', '-c', '5') == (1, [missing])
    assert objects.init('object', 'stop', '-c', '5') == (1, [missing, 'No object-server running'])


def test_several_instances_in_one_call(objects):
    assert len(objects.init('object.1', 'object.2', 'start')[1]) == 2
    pid = objects.pid('object-server/1')
    assert objects.init('object.2', 'stop')[0] == 0
    assert objects.init('object.1', 'status')[1] == [
        'object-server running (%d - %s/object-server/1.conf)' % (pid, objects.etc)]
    assert objects.init('object.2', 'start')[0] == 0  # the other one does not block it
    assert objects.init('object', 'status')[0] == 0


def test_one_running_instance_blocks_the_others_without_a_number(objects):
    objects.init('object.1', 'start')
    code, lines = objects.init('object', 'start')
    assert (code, lines[-1]) == (1, 'object-server already started...')
    assert not (objects.run_dir / 'object-server' / '2.pid').exists()


def test_graceful_is_hup_for_main_servers_only(objects):
    objects.init('proxy', 'object-updater', 'start', '-c', '1')
    pid = objects.pid('proxy-server')
    code, lines = objects.init('proxy', 'object-updater', 'shutdown')
    assert code == 0
    assert 'Signal proxy-server  pid: %d  signal: 1' % pid in lines
    assert objects.notes('proxy-server') == [1]
    assert objects.notes('object-server/1') == [15]
    objects.init('proxy', 'start')
    objects.init('proxy', 'stop', '--graceful')
    assert objects.notes('proxy-server') == [1, 1]


def test_reload_stops_gracefully_and_starts_in_the_same_run_dir(objects):
    objects.init('proxy', 'start')
    old = objects.pid('proxy-server')
    code, lines = objects.init('proxy', 'reload')
    assert code == 0
    assert lines[-1] == 'Starting proxy-server...(%s)' % (objects.etc / 'proxy-server.conf')
    assert objects.notes('proxy-server') == [1] and objects.pid('proxy-server') != old
    assert objects.init('proxy', 'restart')[0] == 0
    assert objects.notes('proxy-server') == [1, 15]


def test_reload_seamless_signals_and_returns(objects):
    objects.init('proxy', 'start')
    pid = objects.pid('proxy-server')
    assert objects.init('proxy', 'reload-seamless') == (
        0, ['Signal proxy-server  pid: %d  signal: 10' % pid])
    eventually(lambda: objects.notes('proxy-server') == [10])
    assert alive(pid)
    assert objects.init('object', 'reload-seamless') == (1, ['No object-server running'])


def test_once_waits_for_the_end_of_daemons(objects):
    objects.conf('container-server.conf', 'exit=3')
    code, lines = objects.init('object-auditor', 'once')
    assert code == 0
    assert lines[0] == 'Running object-auditor once...(%s/object-server/1.conf)' % objects.etc
    assert (objects.etc / 'object-server' / '1.conf.words').read_text() == 'once;'
    assert objects.init('container-auditor', 'start', '--once')[0] == 1
    assert objects.init('proxy', 'once')[1] == [
        'Starting proxy-server...(%s/proxy-server.conf)' % objects.etc]


def test_no_daemon_stays_until_the_end(objects):
    objects.conf('proxy-server.conf', 'exit=0')
    assert objects.init('proxy', 'no-daemon')[0] == 0
    assert (objects.etc / 'proxy-server.conf.words').read_text() == 'verbose;'
    objects.conf('proxy-server.conf', 'exit=2')
    assert objects.init('proxy', 'start', '-n')[0] == 1


def test_no_wait_does_not_look_at_the_child(objects):
    objects.conf('proxy-server.conf', 'say=oops exit=1')
    assert objects.init('proxy', 'no-wait')[0] == 0


def test_failed_start_shows_what_the_child_said(objects):
    objects.conf('proxy-server.conf', 'say=oops exit=1')
    code, lines = objects.init('proxy', 'start')
    assert (code, lines[-1]) == (1, 'oops')
    assert objects.init('main', 'start', '--non-strict')[0] == 1


def test_stubborn_processes_are_given_up_or_killed(objects):
    objects.conf('proxy-server.conf', 'stubborn=1')
    objects.init('proxy', 'start')
    pid = objects.pid('proxy-server')
    code, lines = objects.init('proxy', 'stop', '-k', '0.1')
    assert (code, lines[-1]) == (1, 'Waited 0.1 seconds for proxy-server to die; giving up')
    assert alive(pid)


def test_kill_after_timeout_kills_the_group(objects):
    objects.conf('proxy-server.conf', 'stubborn=1 leader=1')
    objects.init('proxy', 'start')
    pid = objects.pid('proxy-server')
    code, lines = objects.init('proxy', 'stop', '-k', '0.1', '--kill-after-timeout')
    assert (code, lines[-2:]) == (1, [
        'Waited 0.1 seconds for proxy-server to die; killing',
        'Signal proxy-server  pid: %d  signal: 9' % pid])
    eventually(lambda: not alive(pid))


@pytest.mark.parametrize('content, verbose, line', [
    ('garbage', [], 'Removing pid file {} with invalid pid'),
    ('', ['-v'], 'Removing pid file {} with invalid pid'),
    ('2000000000', ['-v'], 'Removing stale pid file {}'),
    ('1', ['-v'], 'Removing pid file {} with wrong pid 1'), ('1', [], None)])
def test_wrong_pid_files_are_removed(objects, content, verbose, line):
    path = objects.run_dir / 'proxy-server.pid'
    path.write_text(content)
    code, lines = objects.init('proxy', 'status', *verbose)
    expected = [line.format(path)] if line else []
    assert (code, lines) == (1, [*expected, 'No proxy-server running'])
    assert not path.exists()


def test_pid_of_another_instance_is_not_believed(objects):
    objects.init('object.1', 'start')
    (objects.run_dir / 'object-server' / '2.pid').write_text(str(
        objects.pid('object-server/1')))
    assert objects.init('object.2', 'status') == (1, ['No object-server running'])


def test_lost_pid_files_do_not_lead_to_a_second_start(objects):
    objects.conf('proxy-server.conf', 'leader=1')
    objects.init('proxy', 'start')
    pid = objects.pid('proxy-server')
    (objects.run_dir / 'proxy-server.pid').unlink()
    code, lines = objects.init('proxy', 'start')
    assert (code, lines[-1]) == (1, 'proxy-server already started...')
    assert objects.pid('proxy-server') == pid


def test_json_tells_what_was_said_and_what_runs(objects):
    objects.init('object.1', 'start')
    confs = ['%s/object-server/%d.conf' % (objects.etc, number) for number in (1, 2)]
    pid = objects.pid('object-server/1')
    code, (text,) = objects.init('object', 'proxy', 'status', '--json')
    assert code == 1
    assert json.loads(text) == {
        'exit_code': 1,
        'messages': ['object-server running (%d - %s)' % (pid, confs[0]),
                     'No proxy-server running'],
        'servers': [
            {'server': 'object-server', 'config': confs[0], 'pid': pid, 'running': True},
            {'server': 'object-server', 'config': confs[1], 'pid': None, 'running': False},
            {'server': 'proxy-server', 'config': '%s/proxy-server.conf' % objects.etc,
             'pid': None, 'running': False}]}
    code, (text,) = objects.init('object', 'stop', '-j', '-c', '1')
    assert code == 0 and json.loads(text)['servers'] == [
        {'server': 'object-server', 'config': confs[0], 'pid': None, 'running': False}]
    assert json.loads(objects.init('object', 'frobnicate', '-j')[1][0])['messages'][-1] == (
        'ERROR: unknown command, frobnicate')


def test_what_is_started_has_the_same_root(objects):
    objects.conf('proxy-server.conf', 'show=SWIFT_DIR')
    assert objects.init('proxy', 'start')[1][1:] == [str(objects.etc)]


def test_what_is_started_has_the_same_run_dir(objects):
    # By it swift-orphans knows the processes of its cluster.
    objects.conf('proxy-server.conf', 'show=SWIFT_RUN_DIR')
    assert objects.init('proxy', 'start')[1][1:] == [str(objects.run_dir)]


def test_environment_chooses_the_places(objects):
    done = subprocess.run(
        [sys.executable, ROOT / 'bin' / 'swift-init', 'proxy', 'start'],
        env=environment(SWIFT_DIR=str(objects.etc), SWIFT_RUN_DIR=str(objects.run_dir / 'new'),
                        PATH=str(objects.bin)),
        capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (
        0, done.stdout if 'limit' in done.stdout else
        'Starting proxy-server...(%s/proxy-server.conf)\n' % objects.etc)
    assert alive(int((objects.run_dir / 'new' / 'proxy-server.pid').read_text()))


def test_unwritable_run_dir_says_so(objects):
    (objects.run_dir / 'file').write_text('')
    if os.geteuid() == 0:
        pytest.skip('root may write everywhere')
    objects.run_dir.chmod(0o555)
    code, lines = objects.init('proxy', 'start')
    objects.run_dir.chmod(0o755)
    assert 'Running as non-root?' in lines[-1]


def test_help_names_commands_and_places():
    text = init.make_parser().format_help()
    assert all(command in text for command in init.COMMANDS)
    assert 'SWIFT_RUN_DIR' in text and Path(init.__file__).exists()
