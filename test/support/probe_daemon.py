"""A small daemon for tests: each pass appends a word to the file of option `trace`.

Run as `python probe_daemon.py CONF [once]`, from a copy named like a daemon if need be.
"""
import os
import signal
import sys

from swift.common import green

green.patch()

from swift.common.config.common import DaemonOptions  # noqa: E402
from swift.common.config.options import Bool, Seconds, Text  # noqa: E402
from swift.common.daemon import Daemon, in_processes, run_daemon  # noqa: E402


class ProbeOptions(DaemonOptions, section='probe-daemon'):
    interval = Seconds(0.01, 'Short.')
    trace = Text('', 'File.')
    fail = Bool(False, 'Raise in the pass.')
    hang = Bool(False, 'Fork a child that waits for ever.')


class ProbeDaemon(Daemon):
    options_class = ProbeOptions

    def run_pass(self, **words):
        self.note('pass%s' % (words.get('devices') or ''))
        if self.options.fail:
            raise ValueError('told to fail')
        if self.options.hang:
            in_processes(self.hang, [1], 1, self.logger)

    def hang(self, item):
        self.note('child-%d' % os.getpid())
        signal.pause()

    def note(self, word):
        with open(self.options.trace, 'a') as stream:
            stream.write(word + '\n')


if __name__ == '__main__':
    sys.exit(run_daemon(ProbeDaemon, 'probe-daemon', sys.argv[1:],
                        lambda parser: parser.add_argument('-d', '--devices')))
