"""Users, priorities and limits."""
import getpass
import os
import resource
import subprocess
import sys

import pytest

from swift.common import privileges
from swift.common.config.common import CommonOptions
from swift.common.errors import ConfigError
from test.support.service import environment


def in_child(code):
    """Run code in a process of its own; return its output."""
    done = subprocess.run([sys.executable, '-c', 'from swift.common import privileges\n' + code],
                          env=environment(), capture_output=True, text=True, timeout=60,
                          check=False)
    return done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason='root drops privileges')
def test_non_root_stays_who_it_is():
    privileges.drop_privileges('swift')
    assert privileges.known_user('nosuchuser') is None


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
def test_root_becomes_the_user_or_fails():
    assert privileges.known_user(getpass.getuser()).pw_uid == 0
    with pytest.raises(ConfigError, match="Unknown user 'nosuchuser'"):
        privileges.drop_privileges('nosuchuser')
    assert in_child('import os\nprivileges.drop_privileges("nobody")\n'
                    'print(os.geteuid() > 0, os.getgroups() != [0], os.environ["HOME"] != "/root")'
                    ) == 'True True True\n'


def test_settling_leads_a_session_at_the_root_directory():
    assert in_child('import os\nprivileges.settle()\nprivileges.settle()\n'
                    'print(os.getsid(0) == os.getpid(), os.getcwd(), oct(os.umask(0)))'
                    ) == 'True / 0o22\n'


def test_priorities_are_applied_in_a_child():
    assert in_child('''
import os
from swift.common.config.common import CommonOptions
privileges.set_priorities(CommonOptions.parse({'nice_priority': '7',
                                               'ionice_class': 'IOPRIO_CLASS_BE'}))
print(os.nice(0))''').splitlines()[-1] == '7'


@pytest.mark.parametrize('conf, before, after', [
    ({}, 'OTHER', 'BATCH'), ({'cpu_scheduling': 'normal'}, 'OTHER', 'OTHER'),
    ({}, 'IDLE', 'IDLE')])
def test_only_the_usual_scheduling_becomes_batch(conf, before, after):
    assert in_child(f'''
import os
from swift.common.config.common import CommonOptions
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
if {before!r} == 'IDLE':
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
privileges.set_priorities(CommonOptions.parse({conf!r}))
print(os.sched_getscheduler(0) == os.SCHED_{after})''').splitlines()[-1] == 'True'


def test_impossible_priorities_are_warnings():
    warnings = []
    privileges.set_priorities(CommonOptions.parse(
        {'ionice_class': 'NONSENSE', 'cpu_scheduling': 'normal'}), warnings.append)
    assert warnings[0].startswith('WARNING: Unable to modify I/O scheduling class')


def test_limits_are_raised_never_lowered():
    assert in_child('''
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
privileges.raise_limits(lambda text: None)
now = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
print(now == min(32768, hard) or now)''') == 'True\n'
    before = resource.getrlimit(resource.RLIMIT_DATA)
    privileges.raise_limits(lambda text: None)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
