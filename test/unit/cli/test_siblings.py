"""Programs with several configurations: a process for each, forked from one."""
import subprocess
import sys

import pytest

from swift.cli.siblings import split

PROGRAM = '''
import sys
from swift.common import green
green.patch()
from swift.cli.siblings import run_each

def run(argv):
    with open(argv[0], 'a') as file:
        file.write(' '.join([str(argv == sys.argv[1:]), *argv[1:]]))
    if 'bad' in argv[0]:
        raise SystemExit(3)
    return 0
sys.exit(run_each(run, lambda: print('prepared', file=sys.stderr)))
'''


def run(*argv):
    return subprocess.run([sys.executable, '-c', PROGRAM, *argv], capture_output=True, text=True,
                          timeout=60)


def test_one_configuration_runs_in_the_process_itself(tmp_path):
    conf = str(tmp_path / 'a.conf')
    done = run(conf, 'once')
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')
    assert (tmp_path / 'a.conf').read_text() == 'True once'


def test_each_configuration_gets_a_process_that_sees_only_itself(tmp_path):
    confs = [str(tmp_path / name) for name in ('a.conf', 'bad.conf', 'c.conf.d')]
    # Standard output ends when the last of them has ended.
    done = run(*confs, 'verbose')
    assert (done.returncode, done.stderr) == (0, 'prepared\n')
    pids = done.stdout.split()
    assert len(set(pids)) == 3 and all(pid.isdigit() for pid in pids)
    assert [open(conf).read() for conf in confs] == ['True verbose'] * 3


@pytest.mark.parametrize('argv,confs', [
    ([], 0), (['a.conf'], 1), (['a.conf', 'once'], 1), (['a.conf', 'b.conf', '-v', 'c.conf'], 2),
    (['d.conf.d/', 'b.conf'], 2), (['once', 'a.conf'], 0)])
def test_configurations_lead_the_command_line(argv, confs):
    assert split(argv) == (argv[:confs], argv[confs:])
