"""What swift-ring-builder prints about golden builders, compared with the original's output."""
import hashlib
import io
import re
import shutil

import pytest

from swift.cli.ringbuilder import main
from swift.common.clock import ManualClock
from test.support.golden_rings import FOLDER, cases

REMAINING = re.compile(r'\((\d+ days?, )?\d+:\d\d:\d\d remaining\)')
PROGRAM_OUTPUTS = [(name, number) for name, case in cases().items()
                   for number in range(len(case.get('program_output', ())))]


def run(*arguments, answer='', time=1800000000.0):
    out, err = io.StringIO(), io.StringIO()
    code = main(['swift-ring-builder', *map(str, arguments)], out=out, err=err,
                ask=lambda question: answer, clock=ManualClock(time))
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize('name, number', PROGRAM_OUTPUTS)
def test_output_about_a_builder_of_the_original(name, number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(FOLDER / name / 'object.builder', tmp_path / 'object.builder')
    expected = cases()[name]['program_output'][number]
    if 'is up-to-date' in expected['stdout']:
        run('object.builder', 'write_ring', '--format-version=1')
    code, out, err = run(*expected['arguments'])
    assert code == expected['exit']
    if 'stdout_md5' in expected:
        assert hashlib.md5(out.encode()).hexdigest() == expected['stdout_md5']
    elif 'validate' not in expected['arguments']:
        wanted = REMAINING.sub('(remaining)', expected['stdout'])
        assert REMAINING.sub('(remaining)', out) == wanted
    assert err == ''


def same_until_the_numbers(ours, theirs, is_rebalance):
    """Compare outputs; of a rebalance only the exact lines, not how well it did."""
    if not is_rebalance:
        return ours == theirs
    return ours.split('\n')[:5] == theirs.split('\n')[:5]


@pytest.mark.parametrize('name', [name for name, case in cases().items() if 'commands' in case])
def test_commands_that_made_the_golden_builders(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in cases()[name]['commands']:
        code, out, _err = run(*command['arguments'])
        is_rebalance = 'rebalance' in command['arguments']
        assert same_until_the_numbers(out, command['stdout'], is_rebalance)
        assert code == command['exit'] or is_rebalance
