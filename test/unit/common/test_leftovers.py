"""What interrupted writes left in temporary directories."""
import os
import signal
import subprocess
import sys

from swift.common import leftovers

KILLED = """
import os, signal, sys
from swift.common import fs
fs.set_step_hook(lambda name: name == 'rename' and os.kill(os.getpid(), signal.SIGKILL))
fs.replace_file(sys.argv[1] + '/here/file', b'x', sys.argv[1] + '/tmp-1', sys.argv[1])
"""


def make(path, age):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'x')
    os.utime(path, (1000 - age, 1000 - age))


def test_old_files_go_and_all_else_stays(tmp_path):
    for place in ('tmp/old.tmp', 'tmp-1/old', 'tmp-01/old', 'tmpx/old', 'objects/old',
                  'tmp/below/old'):
        make(tmp_path / place, 101)
    make(tmp_path / 'tmp/new.tmp', 99)
    os.symlink('nowhere', tmp_path / 'tmp/link')
    os.utime(tmp_path / 'tmp/link', (1, 1), follow_symlinks=False)
    assert leftovers.remove_old(str(tmp_path), 900) == 3
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*')
                  if path.is_file())
    assert left == ['objects/old', 'tmp-01/old', 'tmp/below/old', 'tmp/new.tmp', 'tmpx/old']


def test_trouble_is_no_reason_to_stop(tmp_path):
    assert leftovers.remove_old(str(tmp_path / 'missing'), 900) == 0
    (tmp_path / 'tmp').write_bytes(b'a file')
    make(tmp_path / 'tmp-1/old', 101)
    assert leftovers.remove_old(str(tmp_path), 900) == 1


def test_what_a_killed_write_leaves_goes(tmp_path):
    child = subprocess.run([sys.executable, '-c', KILLED, str(tmp_path)], check=False)
    assert child.returncode == -signal.SIGKILL
    left, = (tmp_path / 'tmp-1').iterdir()
    born = left.stat().st_mtime
    assert leftovers.remove_old(str(tmp_path), born) == 0
    assert leftovers.remove_old(str(tmp_path), born + 1) == 1
    assert list((tmp_path / 'tmp-1').iterdir()) == []
