"""Objects come to where they belong: a wiped device, a node that was away, replicators killed."""
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from swift.common.cluster import Cluster

OBJECTS = 30


def copies(saio, index=0):
    """Return the devices that hold each object file of a policy, by partition and name."""
    found = {}
    folder = f'objects-{index}' if index else 'objects'
    for node in saio.layout.node_numbers:
        for path in Path(saio.layout.devices_root(node)).glob(f'*/{folder}/*/*/*/*'):
            device, _, part, _, hash_, name = path.parts[-6:]
            found.setdefault((int(part), hash_, name), set()).add(device)
    return found


def misplaced(saio):
    """Return what is not exactly on the primaries of its partition."""
    ring = Cluster.load(saio.layout.etc).object_ring(0)
    return {key: devices for key, devices in copies(saio).items()
            if devices != {node.device for node in ring.get_part_nodes(key[0])}}


def replicate_once(saio, passes=3):
    for _pass in range(passes):
        done = saio.swift_init('object-replicator', 'once')
        assert done.returncode == 0, done.stdout + done.stderr


def use(saio, **options):
    """Set options of the replicators, which are stopped: tests run their passes."""
    saio.swift_init('object-replicator', 'stop')
    for node in saio.layout.node_numbers:
        path = Path(saio.layout.etc) / 'object-server' / f'{node}.conf'
        lines = [line for line in path.read_text().splitlines()
                 if line.split(' =')[0] not in options]
        at = lines.index('[object-replicator]') + 1
        lines[at:at] = [f'{name} = {value}' for name, value in options.items()]
        path.write_text('\n'.join(lines) + '\n')


def fill(client, container):
    bodies = {f'o{number}': os.urandom(100 * number) for number in range(OBJECTS)}
    for name, body in bodies.items():
        assert client.put(f'{container}/{name}', body).status == 201
    return bodies


@pytest.mark.parametrize('method', ['rsync', 'ssync'])
def test_a_wiped_device_is_rebuilt(saio, client, container, method):
    use(saio, sync_method=method)
    bodies = fill(client, container)
    device = Path(saio.layout.devices_root(2)) / 'sdb2'
    shutil.rmtree(device / 'objects')
    replicate_once(saio)
    assert not misplaced(saio)
    for name, body in bodies.items():
        assert client.get(f'{container}/{name}').body == body


@pytest.mark.parametrize('method', ['rsync', 'ssync'])
def test_handoffs_are_emptied_though_replicators_are_killed(saio, client, container, method):
    use(saio, sync_method=method)
    assert saio.swift_init('object-server.4', 'stop').returncode == 0
    bodies = fill(client, container)
    assert client.delete(f'{container}/o1').status == 204
    del bodies['o1']
    assert saio.swift_init('object-server.4', 'start').returncode == 0
    assert misplaced(saio)
    for round_number in range(6):
        running = [subprocess.Popen(
            ['swift-object-replicator', f'{saio.layout.etc}/object-server/{node}.conf', 'once'],
            env=saio.environment(), start_new_session=True) for node in saio.layout.node_numbers]
        try:
            running[0].wait(timeout=0.4 + 0.05 * round_number)
        except subprocess.TimeoutExpired:
            pass
        for process in running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    replicate_once(saio)
    assert not misplaced(saio)
    for name, body in bodies.items():
        assert client.get(f'{container}/{name}').body == body
    assert client.get(f'{container}/o1').status == 404
