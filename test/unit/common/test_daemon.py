"""The life cycle of daemons: pacing with a virtual clock, the rest with real processes."""
import os
import signal
import socket
import subprocess
import sys

import pytest

from swift.common.clock import ManualClock
from swift.common.daemon import Daemon, in_processes
from swift.common.errors import RingError
from test.support.logs import RecordingLogger
from test.support.service import ROOT, alive, environment, eventually


class Enough(BaseException):
    """Ends a loop that has no end."""


class Paced(Daemon):
    """Each pass takes 3 seconds; the fourth sleep ends the test."""

    fails = False
    trouble = ValueError

    def __init__(self, conf):
        clock = ManualClock()
        self.slept = []
        self.passes = 0

        def sleep(seconds):
            self.slept.append(round(seconds, 3))
            clock.advance(seconds)
            if len(self.slept) == 4:
                raise Enough
        super().__init__(conf, RecordingLogger('paced'), clock=clock, sleep=sleep,
                         rng=lambda: 0.5)

    def run_pass(self, **words):
        self.passes += 1
        self.clock.advance(3)
        if self.fails:
            raise self.trouble('broken')


def run(daemon_class, **conf):
    daemon = daemon_class(conf)
    with pytest.raises(Enough):
        daemon.run_forever()
    return daemon


def test_one_pass_per_interval_after_a_random_start():
    assert run(Paced, interval='10').slept == [5, 7, 7, 7]


def test_long_passes_follow_without_rest():
    assert run(Paced, interval='2').slept == [1, 0, 0, 0]


def test_full_rest_without_jitter():
    class Resting(Paced):
        jitter = False
        rest_full_interval = True
    assert run(Resting, interval='10').slept == [10] * 4


def test_failed_pass_is_logged_and_the_next_one_runs():
    class Failing(Paced):
        fails = True
    daemon = run(Failing, interval='10')
    assert daemon.passes == 3
    lines = daemon.logger.lines()
    assert len(lines) == 3 and 'ValueError: broken' in lines[0]
    with pytest.raises(ValueError):
        daemon.run_once()


def test_operating_errors_are_one_line_without_traceback():
    class Failing(Paced):
        fails = True
        trouble = RingError
    assert run(Failing, interval='10').logger.lines() == ['ERROR in paced pass: broken'] * 3


# -- real processes ----------------------------------------------------------------------------

@pytest.fixture
def probe(tmp_path):
    (tmp_path / 'swift.conf').write_text('[swift-hash]\nswift_hash_path_suffix = x\n')

    class Probe:
        trace = tmp_path / 'trace'
        log = tmp_path / 'log'
        conf = tmp_path / 'probe.conf'

        def write(self, text='', section='probe-daemon'):
            self.conf.write_text(
                '[DEFAULT]\nswift_dir = %s\nlog_file = %s\n[%s]\ntrace = %s\nuser = %s\n%s\n'
                % (tmp_path, self.log, section, self.trace, os.environ.get('USER', 'root'), text))
            return self

        def start(self, *words, **env):
            return subprocess.Popen(
                [sys.executable, ROOT / 'test' / 'support' / 'probe_daemon.py', self.conf,
                 *words], env=environment(**env), stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True)

        def words(self):
            return self.trace.read_text().split() if self.trace.exists() else []
    return Probe()


def test_once_runs_one_pass_with_its_options_and_ends(probe):
    process = probe.write().start('once', '-d', 'sda,sdb')
    assert process.communicate() == ('', '')
    assert (process.returncode, probe.words()) == (0, ['passsda,sdb'])
    assert [line.split(' ', 2)[1:] for line in probe.log.read_text().splitlines()] == [
        ['NOTICE', 'probe-daemon: Starting %d' % process.pid],
        ['NOTICE', 'probe-daemon: Exited %d' % process.pid]]


def test_daemonize_off_means_once(probe):
    process = probe.write('daemonize = no').start()
    process.communicate()
    assert probe.words() == ['pass']


def test_failed_once_run_is_an_exit_code(probe):
    process = probe.write('fail = yes').start('--once')
    process.communicate()
    assert process.returncode == 1 and 'told to fail' in probe.log.read_text()


def test_missing_section_and_bad_option(probe):
    process = probe.write(section='other').start()
    assert process.communicate() == (
        '', 'Unable to find probe-daemon config section in %s\n' % probe.conf)
    assert process.returncode == 1
    process = probe.write('interval = x').start()
    assert 'interval' in process.communicate()[1]
    assert process.returncode == 1


def test_config_check_runs_nothing(probe):
    process = probe.write().start('-t')
    assert process.communicate() == ('', '') and process.returncode == 0
    assert probe.words() == []


def test_missing_swift_conf_is_one_sentence(probe, tmp_path):
    (tmp_path / 'swift.conf').unlink()
    process = probe.write().start()
    out, err = process.communicate()
    assert (process.returncode, out) == (1, '')
    assert 'Traceback' not in err and 'swift.conf' in err


def test_unknown_option_is_a_warning(probe):
    probe.write('intervall = 3').start('once').communicate()
    assert 'unknown option intervall (did you mean interval?)' in probe.log.read_text()


def test_term_ends_daemon_and_children_at_once(probe, tmp_path):
    path = str(tmp_path / 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(20)
        process = probe.write('hang = yes').start(NOTIFY_SOCKET=path)
        assert systemd.recv(99) == b'READY=1'
        assert process.stdout.read() == ''  # closed: this is how swift-init knows
        child = eventually(lambda: [int(word.partition('-')[2]) for word in probe.words()
                                    if word.startswith('child')])[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert systemd.recv(99) == b'STOPPING=1'
    eventually(lambda: not alive(child))
    assert 'SIGTERM received (%d)' % process.pid in probe.log.read_text()
    process.stdout.close()
    process.stderr.close()


def test_forever_goes_on(probe):
    process = probe.write().start()
    eventually(lambda: len(probe.words()) > 3)
    process.terminate()
    process.communicate()
    assert process.returncode == 0


def test_verbose_logs_to_the_console(probe):
    err = probe.write().start('once', '-v').communicate()[1]
    assert err.startswith('probe-daemon: Starting ')


# -- work in processes ---------------------------------------------------------------------------

def test_items_run_in_processes_of_their_own(tmp_path):
    def work(item):
        if item == 'bad':
            raise ValueError(item)
        (tmp_path / item).write_text(str(os.getpid()))
    logger = RecordingLogger()
    assert in_processes(work, ['a', 'bad', 'b', 'c'], 2, logger) == 1
    pids = {(tmp_path / name).read_text() for name in 'abc'}
    assert len(pids) == 3 and str(os.getpid()) not in pids


def test_no_processes_means_inline():
    seen = []
    assert in_processes(seen.append, [1, 2], 0, RecordingLogger()) == 0
    assert seen == [1, 2]
