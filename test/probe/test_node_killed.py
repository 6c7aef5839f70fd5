"""One of four nodes dies without warning while sixteen clients write."""

import os
import signal
from pathlib import Path

import pytest

from test.support.load import Load, listing_differences, wrong_objects

SERVERS = ('object-server', 'container-server', 'account-server')
UPDATERS = ('object-updater', 'container-updater')


def kill_node(saio, node: int) -> None:
    """SIGKILL every process group of the node: managers and workers at once."""
    for server in SERVERS + UPDATERS:
        for pid in saio.pids(server, node):
            os.killpg(pid, signal.SIGKILL)


def start_node(saio, node: int) -> None:
    for server in SERVERS + UPDATERS:
        done = saio.swift_init(f'{server}.{node}', 'start')
        assert done.returncode == 0, done.stdout + done.stderr
    # The proxies leave the node alone for a minute more; the next test kills another one now.
    assert saio.swift_init('proxy', 'restart').returncode == 0


def async_pendings(saio) -> list[Path]:
    return [
        path
        for node in saio.layout.node_numbers
        for path in Path(saio.layout.devices_root(node)).glob('*/async_pending*/*/*')
    ]


@pytest.mark.slow
@pytest.mark.parametrize('node', [1, 2, 3, 4])
def test_no_acknowledged_write_is_lost_when_a_node_dies(saio, client, container, node):
    with Load(client, container) as load:
        load.wait_for(200)
        kill_node(saio, node)
        load.wait_for(400)
    try:
        assert load.refused == []
        assert wrong_objects(load) == []
    finally:
        start_node(saio, node)
    assert wrong_objects(load, newest=True) == []
    saio.swift_init('object-updater', 'stop')
    for _ in range(3):  # a pass that found a server not yet listening leaves its file
        if not async_pendings(saio):
            break
        done = saio.swift_init('object-updater', 'once')
    saio.swift_init('object-updater', 'start')
    assert async_pendings(saio) == [], done.stdout
    assert listing_differences(load) == set()
