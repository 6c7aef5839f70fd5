"""SIGKILL for random processes of a cluster, one every INTERVAL_S; what died is started again.

Victims: workers of servers (their manager forks new ones), whole servers, and daemons, with the
programs that these started or without. The order follows from the seed; when it meets what
depends on the machine.
"""
import os
import random
import signal
import threading
from collections import Counter
from pathlib import Path

INTERVAL_S = 0.2
SERVERS = ('object-server', 'container-server', 'account-server', 'proxy-server')
# Nobody else takes the load while the only proxy starts, so it dies less often.
SERVER_WEIGHTS = (5, 5, 5, 1)
DAEMONS = ('object-replicator', 'container-replicator', 'account-replicator', 'object-updater',
           'container-updater', 'object-auditor', 'container-auditor', 'account-auditor',
           'account-reaper', 'object-expirer')
# Replicators do most, so they die most.
DAEMON_WEIGHTS = (6, 4, 3, 3, 3, 1, 1, 1, 1, 1)
SHARE_OF_DAEMONS, SHARE_OF_WHOLE_SERVERS = 0.4, 0.1


def children(pid: int) -> list[int]:
    try:
        return [int(pid) for pid in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    except FileNotFoundError:
        return []


def kill(pid: int, group: bool = False) -> bool:
    """Kill a process, or its group; False if it is not there, its restart not being through."""
    try:
        (os.killpg if group else os.kill)(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


class Killer:
    """Kills from entering to leaving the `with` block; `killed` counts what died."""

    def __init__(self, saio, seed: int):
        self._saio = saio
        self._choice = random.Random(seed)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._dead: set[str] = set()
        self._threads = [threading.Thread(target=self._kill), threading.Thread(target=self._start)]
        self.killed: Counter[str] = Counter()

    def __enter__(self) -> 'Killer':
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._start_dead()

    def _kill(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            self._strike()

    def _start(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            self._start_dead()

    def _start_dead(self) -> None:
        with self._lock:
            names, self._dead = sorted(self._dead), set()
        if names and self._saio.swift_init(*names, 'start').returncode:
            # Some were not dead enough yet, or were killed again meanwhile.
            with self._lock:
                self._dead.update(name for name in names if not self._runs(name))

    def _runs(self, name: str) -> bool:
        program, _, node = name.partition('.')
        return any(os.path.exists(f'/proc/{pid}')
                   for pid in self._saio.pids(program, int(node) if node else None))

    def _strike(self) -> None:
        choice = self._choice
        share, node, index = choice.random(), choice.randint(1, 4), choice.randrange(64)
        if share < SHARE_OF_DAEMONS:
            (program,) = choice.choices(DAEMONS, DAEMON_WEIGHTS)
            self._whole(program, node, group=index % 2 == 0)
            return
        (program,) = choice.choices(SERVERS, SERVER_WEIGHTS)
        if share < SHARE_OF_DAEMONS + SHARE_OF_WHOLE_SERVERS:
            self._whole(program, node, group=True)
            return
        for manager in self._saio.pids(program, None if program == 'proxy-server' else node):
            workers = children(manager)
            if workers and kill(workers[index % len(workers)]):
                self.killed[program + ' worker'] += 1

    def _whole(self, program: str, node: int, group: bool) -> None:
        alone = program == 'proxy-server'
        for pid in self._saio.pids(program, None if alone else node):
            with self._lock:
                name = program if alone else f'{program}.{node}'
                if name not in self._dead and kill(pid, group):
                    self.killed[program] += 1
                    self._dead.add(name)
