"""What the daemons of a storage node occupy when its device is full of small objects.

    python -m test.bench.daemon_memory [--objects N] [--root FOLDER] [--seconds N]

Starts an all-in-one cluster in a temporary folder (or FOLDER, which is kept), and fills node 1 past
all servers: N objects of 100 bytes where the ring wants them, one that is large and sparse, a
container with N rows, N/4 updates that wait for their container. Then each daemon makes a pass
alone, for at most that many seconds, while the servers run; the other nodes have none of it, so
replicators and updater have everything to send. Prints the most that one process of the daemon had
resident, children included, and how long it took.

Three inodes an object: a million of them need 4 million, and 5 GB on ext4.
"""
import argparse
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from swift.common.clock import SYSTEM
from swift.common.codecs.async_update import PendingUpdate, encode_update
from swift.common.codecs.metadata import encode_metadata
from swift.common.db.broker import Environment
from swift.common.db.files import Place
from swift.common.xattr import write_blob
from swift.container.backend import ContainerBroker
from swift.core.row_merge import ObjectRecord
from test.support import memory
from test.support.client import Client
from test.support.faults import Faults
from test.support.logs import RecordingLogger
from test.support.saio import running_saio, wait_for_daemons

NODE = 1
CONTAINER = 'many'
BODY = b'x' * 100
BODY_ETAG = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
TIME = '1700000000.00000'
LARGE_BYTES = 1 << 30
ROWS_AT_ONCE = 20000
SAMPLE_S = 0.02
DAEMONS = ('object-auditor', 'object-replicator', 'object-updater', 'container-replicator',
           'container-updater', 'container-auditor')
FASTER = {'object-auditor': ('files_per_second = 0', 'bytes_per_second = 0'),
          'object-updater': ('objects_per_second = 0',),
          'container-auditor': ('containers_per_second = 0',)}


# -- filling ----------------------------------------------------------------------------------

def names_on(faults: Faults, account: str, device: str) -> Iterator[tuple[str, int, str]]:
    """Yield (object, partition, hash) of objects that belong on a device."""
    ring, cluster = faults.cluster.object_ring(0), faults.cluster
    parts = [any(node.device == device for node in ring.get_part_nodes(part))
             for part in range(ring.partition_count)]
    number = 0
    while True:
        name = f'o{number:08d}'
        part = ring.get_part(account, CONTAINER, name)
        if parts[part]:
            yield name, part, cluster.hash_path(account, CONTAINER, name)
        number += 1


def write_object(folder: Path, name: str, size: int, etag: str, body: bytes) -> None:
    """Write the file of an object as servers do, but for syncing."""
    os.makedirs(folder)
    with open(folder / f'{TIME}.data', 'wb') as file:
        file.write(body)
        file.truncate(size)
        write_blob(file.fileno(), encode_metadata({
            'name': name, 'X-Timestamp': TIME, 'Content-Type': 'text/plain', 'ETag': etag,
            'Content-Length': str(size)}))


def fill_objects(faults: Faults, account: str, count: int) -> None:
    device = faults.device(NODE)
    found = names_on(faults, account, device.name)
    for _number in range(count):
        name, part, digest = next(found)
        write_object(device / 'objects' / str(part) / digest[-3:] / digest,
                     f'/{account}/{CONTAINER}/{name}', len(BODY), BODY_ETAG, BODY)
    name, part, digest = next(found)
    zeros = hashlib.md5(usedforsecurity=False)
    for _piece in range(LARGE_BYTES >> 20):
        zeros.update(bytes(1 << 20))
    write_object(device / 'objects' / str(part) / digest[-3:] / digest,
                 f'/{account}/{CONTAINER}/{name}', LARGE_BYTES, zeros.hexdigest(), b'')


def fill_pending(faults: Faults, account: str, count: int) -> None:
    device = faults.device(NODE)
    for number in range(count):
        name = f'p{number:08d}'
        digest = faults.cluster.hash_path(account, CONTAINER, name)
        folder = device / 'async_pending' / digest[-3:]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{digest}-{TIME}').write_bytes(encode_update(PendingUpdate(
            'PUT', account, CONTAINER, name, {
                'X-Size': '100', 'X-Etag': BODY_ETAG, 'X-Content-Type': 'text/plain',
                'X-Timestamp': TIME, 'X-Backend-Storage-Policy-Index': '0'})))


def fill_rows(faults: Faults, account: str, count: int) -> None:
    """Give the container's replica on node 1 its rows."""
    places = faults.primaries(account, CONTAINER)
    where = next((place for place in places if place.node == NODE), None)
    assert where is not None, 'choose another CONTAINER: node 1 has no replica of this one'
    device = Path(faults.layout.devices_root(where.node)) / where.device
    broker = ContainerBroker(
        Place.of('container', str(device), where.part, where.folder.name),
        Environment(RecordingLogger(), SYSTEM))
    for first in range(0, count, ROWS_AT_ONCE):
        broker.merge_records([
            ObjectRecord(f'o{number:08d}', TIME, 100, 'text/plain', BODY_ETAG, 0)
            for number in range(first, min(count, first + ROWS_AT_ONCE))])
    broker.close()


# -- measuring --------------------------------------------------------------------------------

def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        with contextlib.suppress(OSError):
            waiting += memory.children(one)
    return found


def peak_of_pass(saio, daemon: str, seconds: float) -> tuple[float, float, bool]:
    """Run a pass; return the peak of its largest process in MiB, its seconds, whether it ended."""
    conf = Path(saio.layout.etc) / f'{daemon.split("-")[0]}-server' / f'{NODE}.conf'
    began, most = time.monotonic(), 0.0
    process = subprocess.Popen([f'swift-{daemon}', str(conf), 'once'], env=saio.environment(),
                               stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        while process.poll() is None and time.monotonic() - began < seconds:
            for pid in family(process.pid):
                with contextlib.suppress(OSError, StopIteration):
                    most = max(most, memory.peak(pid))
            time.sleep(SAMPLE_S)
        return most, time.monotonic() - began, process.poll() is not None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def hurry(saio) -> None:
    """Take away the limits that would make a pass last for hours."""
    for daemon, lines in FASTER.items():
        path = Path(saio.layout.etc) / f'{daemon.split("-")[0]}-server' / f'{NODE}.conf'
        head = f'[{daemon}]\n'
        text = path.read_text()
        assert head in text
        path.write_text(text.replace(head, head + ''.join(f'{line}\n' for line in lines)))


def measure(saio, count: int, seconds: float) -> None:
    faults, client = Faults(saio), Client(saio.auth_url)
    faults.quiet()
    assert client.put(CONTAINER).status == 201
    for what, fill, number in (('objects', fill_objects, count),
                               ('pending updates', fill_pending, count // 4),
                               ('rows', fill_rows, count)):
        began = time.monotonic()
        fill(faults, client.account, number)
        print(f'{number} {what} made in {time.monotonic() - began:.0f} s', flush=True)
    hurry(saio)
    wait_for_daemons(saio.layout)
    for daemon in DAEMONS:
        most, took, ended = peak_of_pass(saio, daemon, seconds)
        print(f'{daemon}: {most:.0f} MiB at most, {"pass ended" if ended else "stopped"} '
              f'after {took:.0f} s', flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--objects', type=int, default=1_000_000)
    parser.add_argument('--root', help='folder for the cluster, which is kept')
    parser.add_argument('--seconds', type=float, default=3600, help='most for a pass')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='daemon-memory-') as folder:
        with running_saio(Path(args.root or folder)) as saio:
            measure(saio, args.objects, args.seconds)
    return 0


if __name__ == '__main__':
    sys.exit(main())
