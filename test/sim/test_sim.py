"""Some hundred storms end well, and the simulator notices when a rule is broken.

A failure prints its seed; `python -m test.sim --seed N -v` repeats it with its trace. The full
number of runs is done by hand: see doc/durability.md.
"""
import subprocess
import sys

import pytest

from test.sim.mutations import MUTATIONS, first_failure
from test.sim.run import run

SEEDS = 200
BLOCK = 20
# What takes more runs to notice is for by hand.
MUTATION_SEEDS = range(1, 41)


@pytest.mark.slow
@pytest.mark.parametrize('first', range(1, SEEDS + 1, BLOCK))
def test_every_storm_ends_well(first):
    results = [run(seed) for seed in range(first, first + BLOCK)]
    assert [(result.seed, result.problem) for result in results if result.problem] == []
    # A storm in which nothing is promised proves nothing.
    assert all(result.done_count > 5 for result in results)


def test_a_run_is_repeated_exactly_in_another_process():
    traces = []
    for hash_seed in '1', '2':
        done = subprocess.run(
            [sys.executable, '-m', 'test.sim', '--seed', '11', '--steps', '1000', '-v'],
            env={'PYTHONHASHSEED': hash_seed}, capture_output=True, text=True, check=True)
        traces.append(done.stdout)
    assert traces[0] == traces[1]
    assert 'seed 11: good' in traces[0]


@pytest.mark.slow
@pytest.mark.parametrize('mutation', [one for one in MUTATIONS if not one.is_rare],
                         ids=lambda mutation: mutation.title)
def test_a_broken_rule_is_noticed(mutation):
    assert first_failure(mutation, MUTATION_SEEDS) is not None
    assert run(1).problem is None, 'the rule is whole again'
