"""Programs whose reader goes away."""
import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from swift.cli.broken_pipe import ends_quietly, say

@ends_quietly
def shows():
    print('x' * 100000)
    sys.exit('never comes here')

def does():
    say('one')
    say('two')
    print('done', file=sys.stderr)
    return 3

sys.exit({}())
"""


@pytest.mark.parametrize('program, code, errors', [('shows', 0, b''), ('does', 3, b'done\n')])
def test_reader_has_gone(program, code, errors):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([sys.executable, '-c', SCRIPT.format(program)], stdout=writer,
                              stderr=subprocess.PIPE, timeout=30, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (code, errors)
