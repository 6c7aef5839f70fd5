"""Server processes die at random under a mixed load, again and again: nothing is lost.

Victims are workers (their manager forks new ones) and whole servers (started again at once, as
an operator's supervisor would). What is checked afterwards, when everything runs again: each
acknowledged write reads back, what was not acknowledged is absent or whole, every data file on
every disk is whole, every database is sound, and every row is in some replica of the container
once the updater ran.
(An object server killed between storing an object and sending its row leaves that row to the
other replicas; making them equal is the container replicator's work.)
"""

import hashlib
import json
import os
import random
import signal
import sqlite3
import threading
import urllib.request
from pathlib import Path

import pytest

from swift.common.cluster import Cluster
from swift.common.codecs.metadata import decode_metadata
from swift.common.xattr import read_blob
from test.support.load import Load, wrong_objects

SEED = int(os.environ.get('SWIFT_TEST_SEED') or 8)
DURATION_S = float(os.environ.get('SWIFT_TEST_KILL_SECONDS') or 12)
INTERVAL_S = 0.3
STORAGE = ('object-server', 'container-server', 'account-server')


def children(pid: int) -> list[int]:
    try:
        return [int(pid) for pid in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    except FileNotFoundError:
        return []


def kill(pid: int, group: bool = False) -> None:
    try:
        (os.killpg if group else os.kill)(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # its last restart is not through yet


class Killer(threading.Thread):
    """Kills one process every INTERVAL_S until told to stop; `history` says which."""

    def __init__(self, saio, seed: int):
        super().__init__()
        self._saio = saio
        self._choice = random.Random(seed)
        self._stop_event = threading.Event()
        self.history: list[str] = []
        self.failure = ''

    def run(self) -> None:
        while not self._stop_event.wait(INTERVAL_S):
            self._strike()

    def stop(self) -> None:
        self._stop_event.set()
        self.join()

    def _strike(self) -> None:
        server = self._choice.choice((*STORAGE, *STORAGE, 'proxy-server'))
        node = None if server == 'proxy-server' else self._choice.choice((1, 2, 3, 4))
        whole, index = self._choice.random() < 0.1, self._choice.randrange(64)
        name = f'{server}.{node}' if node else server
        self.history.append(name + (' whole' if whole else ''))
        for manager in self._saio.pids(server, node):
            workers = children(manager)
            if whole:
                kill(manager, group=True)
                done = self._saio.swift_init(name, 'start')
                self.failure = self.failure or (done.returncode and done.stdout + done.stderr)
            elif workers:
                kill(workers[index % len(workers)])


def devices(saio) -> list[Path]:
    return [path for node in saio.layout.node_numbers
            for path in Path(saio.layout.devices_root(node)).iterdir()]


def files(saio, pattern: str) -> list[Path]:
    return [path for device in devices(saio) for path in device.glob(pattern)]


def broken_data_files(saio) -> list[str]:
    broken = []
    for path in files(saio, 'objects*/*/*/*/*.data'):
        known = decode_metadata(read_blob(str(path)))
        body = path.read_bytes()
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if (known['Content-Length'], known['ETag']) != (str(len(body)), digest):
            broken.append(f'{path}: {known} but {len(body)} bytes {digest}')
    return broken


def broken_databases(saio) -> list[str]:
    broken = []
    for path in files(saio, '*/*/*/*/*.db'):
        conn = sqlite3.connect(path)
        try:
            verdict = conn.execute('PRAGMA integrity_check').fetchone()[0]
        finally:
            conn.close()
        if verdict != 'ok':
            broken.append(f'{path}: {verdict}')
    return broken


def half_done(load: Load) -> list[str]:
    """Objects whose last write was not acknowledged and that are there, but not whole."""
    broken = []
    for name in load.unsure:
        answer = load.client.get(f'{load.container}/{name}', headers={'X-Newest': 'true'})
        digest = hashlib.md5(answer.body, usedforsecurity=False).hexdigest()
        if answer.status not in (200, 404) or (
                answer.status == 200 and answer.header('Etag') != digest):
            broken.append(f'{name}: {answer.status} {answer.header("Etag")} {digest}')
    return broken


def drain(saio) -> None:
    """Run the object updater until it leaves nothing, three passes at most."""
    for _ in range(3):
        if not files(saio, 'async_pending*/*/*'):
            break
        done = saio.swift_init('object-updater', 'once')
        assert done.returncode == 0, done.stdout + done.stderr
    assert files(saio, 'async_pending*/*/*') == []


@pytest.mark.slow
@pytest.mark.timeout(300 + DURATION_S)
def rows_that_no_replica_has(saio, load: Load) -> set[str]:
    """Names missing from all replicas of the container, or deleted in none of them."""
    account = load.client.account
    ring = Cluster.load(saio.layout.etc).container_ring
    part, nodes = ring.get_nodes(account, load.container)
    listings = []
    for node in nodes:
        url = (f'http://{node.ip}:{node.port}/{node.device}/{part}/{account}/{load.container}'
               '?format=json&limit=10000')
        with urllib.request.urlopen(url, timeout=30) as answer:
            listings.append({row['name'] for row in json.loads(answer.read() or b'[]')})
    present = {name for name, digest in load.acknowledged.items() if digest is not None}
    lost = present - set.union(*listings)
    revived = set.intersection(*listings) - present
    return (lost | revived) - load.unsure


def test_random_kills_lose_nothing(saio, client, container):
    print(f'SWIFT_TEST_SEED={SEED}')  # shown when the test fails
    assert saio.swift_init('object-updater', 'stop').returncode == 0
    killer = Killer(saio, SEED)
    with Load(client, container, clients=16, limit=100_000) as load:
        killer.start()
        killer.join(DURATION_S)
        killer.stop()
    print(f'{load.done} operations, {len(load.refused)} refused, killed: {killer.history}')
    print(load.refused[:20])
    assert not killer.failure
    # Proxies leave nodes that failed alone for a minute; new ones have no such memories.
    done = saio.swift_init('main', 'restart')
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(load.acknowledged) > 50
    assert wrong_objects(load, newest=True) == []
    assert half_done(load) == []
    drain(saio)
    assert rows_that_no_replica_has(saio, load) == set()
    assert broken_data_files(saio) == []
    assert broken_databases(saio) == []
    assert files(saio, 'tmp*/*') == []
