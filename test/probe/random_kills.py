"""Processes die at random under a mixed load, again and again; afterwards nothing is lost.

    python -m test.probe.random_kills --seed 8 --seconds 600

starts a cluster of its own in a temporary folder, runs the load for that long while a process is
killed with SIGKILL five times a second, lets updaters and replicators finish, and holds every
replica on every disk to what was acknowledged (test/support/strict_check.py). It prints seed and
figures. With --root FOLDER the cluster's files are kept there.
"""
import argparse
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from test.support.client import Answer, Client
from test.support.faults import Faults
from test.support.killer import Killer
from test.support.mixed_load import Ledger, MixedLoad
from test.support.saio import running_saio, wait_for_daemons
from test.support.service import eventually
from test.support.strict_check import Figures, settle

CONTAINERS = ('data0', 'data1', 'data2')
PROBLEMS_SHOWN = 20
TRIES = 8


@dataclass(frozen=True)
class Result:
    seed: int
    problems: list[str]
    figures: Figures
    ledger: Ledger
    killed: Counter[str]

    @property
    def answered(self) -> int:
        return sum(count for (_what, outcome), count in self.ledger.outcomes.items()
                   if _is_answer(outcome))

    def __str__(self) -> str:
        refused = Counter({f'{what}: {outcome}': count
                           for (what, outcome), count in self.ledger.outcomes.items()
                           if not _is_answer(outcome)})
        unsure = len(self.ledger.states) - len(self.ledger.settled())
        return '\n'.join((
            f'seed {self.seed}: {len(self.problems)} problems',
            f'{self.answered} operations answered, {refused.total()} refused or lost: '
            f'{dict(refused.most_common(6))}',
            f'{self.killed.total()} kills: {dict(self.killed.most_common())}',
            f'{len(self.ledger.states)} names, {unsure} of them with an open last operation',
            str(self.figures), *self.problems[:PROBLEMS_SHOWN]))


def _is_answer(outcome: int | str) -> bool:
    return isinstance(outcome, int) and outcome < 500


def run(saio, seed: int, seconds: float) -> Result:
    """Load, kill, repair, check. The cluster must be new."""
    faults, client = Faults(saio), Client(saio.auth_url)
    for container in CONTAINERS:
        # The first of them makes the account, and daemons may be starting all over the machine.
        eventually(lambda name=container: client.put(name).status in (201, 202), 'container', 300)
    saio.swift_init('rest', 'start')             # complains of those that run already
    with MixedLoad(client, list(CONTAINERS), seed) as load, Killer(saio, seed) as killer:
        threading.Event().wait(seconds)          # the length of the run, nothing waits for it
    faults.quiet()
    wait_for_daemons(saio.layout)
    # Proxies leave nodes that failed alone for a minute; new ones have no such memories.
    faults.init('main', 'restart')
    problems, figures = settle(faults, client.account, load.ledger)
    problems += [f'mixed up: {text}' for text in load.ledger.mixed_up]
    return Result(seed, problems + _unreadable(client, load.ledger), figures, load.ledger,
                  killer.killed)


def _unreadable(client: Client, ledger: Ledger) -> list[str]:
    """Read everything as a client would; return what is not as acknowledged."""
    problems = []
    for name, state in ledger.settled().items():
        answer = _patient_get(client, '/'.join(name))
        seen = answer.header('X-Object-Meta-Gen' if len(name) == 2 else 'X-Container-Meta-Gen')
        expected = state[2] if isinstance(state, tuple) else state
        if (answer.status // 100, seen) != ((4, None) if state is None else (2, expected)):
            problems.append(f'{name}: answers {answer.status} {seen}, acknowledged: {state}')
        elif len(name) == 2 and state is not None and len(answer.body) != state[1]:
            problems.append(f'{name}: {len(answer.body)} bytes, acknowledged: {state}')
    return problems


def _patient_get(client: Client, path: str) -> Answer:
    """GET, again if nobody answered in time: the daemons of other clusters may be at work."""
    for _try in range(TRIES):
        answer = client.get(path)
        if answer.status != 503:
            break
    return answer


def main() -> int:
    parser = argparse.ArgumentParser(prog='python -m test.probe.random_kills')
    parser.add_argument('--seed', type=int, default=8)
    parser.add_argument('--seconds', type=float, default=600)
    parser.add_argument('--root', help='folder for the cluster, which is kept')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='random-kills-') as folder:
        with running_saio(Path(args.root or folder)) as saio:
            result = run(saio, args.seed, args.seconds)
    print(result)
    return 1 if result.problems else 0


if __name__ == '__main__':
    sys.exit(main())
