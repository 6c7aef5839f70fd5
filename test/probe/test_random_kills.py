"""Processes die at random under a mixed load, again and again: nothing acknowledged is lost.

The bounded run; the long one is `python -m test.probe.random_kills --seed N --seconds 600`.
SWIFT_TEST_SEED and SWIFT_TEST_KILL_SECONDS choose others.

Rows are promised in a quorum of the container's replicas only, before its replicator ran: each
object server tells one replica. If one dies while it stores an object, the client is acknowledged
by the two others, and the third replica of the container is told by nobody. The second test shows
just that, without chance, and that one pass of the replicator makes the replicas equal.
"""
import hashlib
import os

import pytest

from swift.common.fs import CRASH_POINT_VARIABLE
from test.probe.random_kills import run
from test.support.faults import Faults, copies, differences
from test.support.saio import running_saio

SEED = int(os.environ.get('SWIFT_TEST_SEED') or 8)
DURATION_S = float(os.environ.get('SWIFT_TEST_KILL_SECONDS') or 20)
# A load that stands still shows nothing. How much is done depends on the machine.
ANSWERED_MIN, KILLED_MIN = 100, 10


@pytest.mark.slow
@pytest.mark.timeout(1800 + DURATION_S)          # a busy machine; daemons are nice
def test_random_kills_lose_nothing(tmp_path):
    with running_saio(tmp_path / 'saio') as saio:
        result = run(saio, SEED, DURATION_S)
    print(result)                                # shown when the test fails
    assert result.problems == []
    assert result.answered > ANSWERED_MIN and result.killed.total() > KILLED_MIN


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_row_of_an_object_server_that_dies_is_missing_in_one_replica_only(
        saio, client, container, monkeypatch):
    faults = Faults(saio)
    faults.quiet()
    names = (client.account, container, 'o')
    victim = faults.primaries(*names)[0].node
    # Its workers die when the object has its name, before they tell the container.
    monkeypatch.setenv(CRASH_POINT_VARIABLE, 'fsync dir')
    faults.init(f'object-server.{victim}', 'restart')
    monkeypatch.delenv(CRASH_POINT_VARIABLE)
    # Streamed: a small body would be in the proxy's hand still, and sent to a handoff.
    body = b'b' * 100_000
    put = client.put(f'{container}/o', body)
    faults.init(f'object-server.{victim}', 'restart')
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    assert (put.status, put.header('Etag')) == (201, digest)
    assert differences(faults, names) == [], 'the victim has the object, too'
    faults.once('object-updater')
    assert faults.async_pendings() == []
    found = copies(faults, names[:2]).values()
    assert sorted(len(copy.rows) for copy in found) == [0, 1, 1]
    faults.init('container-replicator', 'once')
    assert differences(faults, names[:2]) == []
