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


def test_ring_builder_ends_quietly_in_the_middle_of_an_explanation(tmp_path):
    builder = str(tmp_path / 'object.builder')
    call = ('import sys; from swift.cli.ringbuilder import main; '
            'sys.exit(main(["swift-ring-builder", *sys.argv[1:]]))')
    subprocess.run([sys.executable, '-c', call, builder, 'create', '4', '3', '1'], check=True,
                   timeout=60)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([sys.executable, '-u', '-c', call, builder, 'remove'],
                              stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (2, b'')
