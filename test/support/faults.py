"""What probe tests do to a cluster of real processes, and how they see its replicas.

    faults = Faults(saio)
    with faults.down('container', node): ...        one server of one node is stopped meanwhile
    faults.wipe(node); faults.rot(path)             a new disk; a flipped bit
    faults.quiet(); faults.once('object-updater')   daemons run when the test says so
    copies(faults, ('AUTH_test', 'c', 'o'))         what every primary has on its disk
    differences(...)                                why they are not the same; [] when they are

Daemons in the background would repair what a test is about to look at: `quiet()` stops them all.
Nothing here waits for time to pass.
"""
import contextlib
import hashlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swift.common.cluster import Cluster
from swift.common.codecs.metadata import decode_metadata
from swift.common.direct_client import DirectClient, DirectError
from swift.common.errors import TransportError
from swift.common.http.pool import ConnectionPool
from swift.common.xattr import read_blob
from swift.core.headers import X_BACKEND_POLICY_INDEX
from swift.core.names import policy_name

MAIN = ('account-server', 'container-server', 'object-server')
TABLES = {'container': 'object', 'account': 'container'}
# What each replica of a database counts for itself.
OWN_COLUMNS = ('ROWID',)
STATS = {'container': 'container_info', 'account': 'account_stat'}
# What replicas agree on; ids, hashes and reports to accounts are each one's own.
SHARED_FACTS = ('put_timestamp', 'delete_timestamp', 'container_count',
                'object_count', 'bytes_used', 'storage_policy_index')


@dataclass(frozen=True)
class Primary:
    """One place of a thing: its node (a number of the layout) and its hash directory."""

    node: int
    device: str
    part: int
    folder: Path
    where: Any = field(compare=False)            # the ring's node


@dataclass(frozen=True)
class ObjectCopy:
    """An object on one disk; `files` are names, `metadata` of the newest .data and .meta."""

    files: tuple[str, ...]
    digest: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DatabaseCopy:
    """A database on one disk: rows, deleted ones included, and what clients see of it."""

    rows: tuple[tuple, ...]
    facts: tuple[tuple[str, Any], ...]
    metadata: str


class Faults:
    """A running all-in-one cluster under a test's hands."""

    def __init__(self, saio) -> None:
        self.saio = saio
        self.layout = saio.layout
        self.cluster = Cluster.load(saio.layout.etc)

    # -- processes --------------------------------------------------------------------------------

    def init(self, *words: str) -> None:
        """Run swift-init, which must succeed."""
        done = self.saio.swift_init(*words)
        assert done.returncode == 0, done.stdout + done.stderr

    def stop(self, kind: str, node: int) -> None:
        self.init(f'{kind}-server.{node}', 'stop')

    def start(self, kind: str, node: int) -> None:
        self.init(f'{kind}-server.{node}', 'start')

    def kill(self, kind: str, node: int) -> None:
        """SIGKILL a server and its workers, as a power cut would."""
        for pid in self.saio.pids(f'{kind}-server', node):
            os.killpg(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def down(self, kind: str, *nodes: int) -> Iterator[None]:
        """Servers of one kind are stopped meanwhile."""
        try:
            for node in nodes:
                self.stop(kind, node)
            yield
        finally:
            for node in nodes:
                self.start(kind, node)
            self.forgive()

    def forgive(self) -> None:
        """Proxies leave nodes with errors alone for a minute: new ones know of none."""
        self.init('proxy', 'restart')

    def quiet(self) -> None:
        """Stop all daemons; none was running is fine."""
        self.init('rest', 'kill')

    def once(self, daemon: str, *nodes: int) -> None:
        """Run one pass of a daemon on the nodes, all of them if none is named."""
        for node in nodes or self.layout.node_numbers:
            self.init(f'{daemon}.{node}', 'once')

    # -- disks ------------------------------------------------------------------------------------

    def node_of(self, where: Any) -> int:
        return next(node for node in self.layout.node_numbers if self.layout.ip(node) == where.ip)

    def device(self, node: int) -> Path:
        """The device of a node that is in every ring."""
        return Path(self.layout.devices_root(node)) / self.layout.devices(node)[0]

    def files(self, pattern: str, node: int | None = None) -> list[Path]:
        """Return files below the devices of a node, or of all nodes."""
        nodes = [node] if node else self.layout.node_numbers
        return sorted(path for number in nodes for path in self.device(number).glob(pattern))

    def async_pendings(self, node: int | None = None) -> list[Path]:
        return self.files('async_pending*/*/*', node)

    def quarantined(self, node: int | None = None) -> list[Path]:
        return self.files('quarantined/*/*', node)

    def wipe(self, node: int) -> None:
        """The device comes back empty, as after it was replaced; its servers run on."""
        for path in self.device(node).iterdir():
            shutil.rmtree(path)

    @contextlib.contextmanager
    def unmounted(self, node: int) -> Iterator[Path]:
        """The device is away meanwhile; yields where its content is."""
        device = self.device(node)
        away = device.with_name(device.name + '.away')
        device.rename(away)
        try:
            yield away
        finally:
            if device.exists():
                shutil.rmtree(device)
            away.rename(device)

    # -- places -----------------------------------------------------------------------------------

    def primaries(self, *names: str, policy: int = 0) -> list[Primary]:
        """Return where an account, container or object belongs, in the ring's order."""
        part, nodes = self._ring(names, policy).get_nodes(*names)
        return [self._primary(names, policy, part, where) for where in nodes]

    def handoffs(self, *names: str, policy: int = 0) -> list[Primary]:
        ring = self._ring(names, policy)
        part = ring.get_part(*names)
        return [self._primary(names, policy, part, where) for where in ring.get_more_nodes(part)]

    def _ring(self, names: tuple[str, ...], policy: int) -> Any:
        return {1: lambda: self.cluster.account_ring, 2: lambda: self.cluster.container_ring,
                3: lambda: self.cluster.object_ring(policy)}[len(names)]()

    def _primary(self, names: tuple[str, ...], policy: int, part: int, where: Any) -> Primary:
        digest = self.cluster.hash_path(*names)
        kind = {1: 'accounts', 2: 'containers', 3: policy_name('objects', policy)}[len(names)]
        node = self.node_of(where)
        device = Path(self.layout.devices_root(node)) / where.device
        return Primary(node, where.device, part,
                       device / kind / str(part) / digest[-3:] / digest, where)


def direct(place: Primary, names: tuple[str, str, str],
           policy: int = 0) -> tuple[int, bytes]:
    """Return (status, body) of an object as one node gives it."""
    pool = ConnectionPool()
    try:
        _headers, body = DirectClient(pool).get_object(
            place.where, place.part, names, headers={X_BACKEND_POLICY_INDEX: str(policy)})
        return 200, body
    except DirectError as problem:
        return problem.status, b''
    finally:
        pool.close()


# -- damage ---------------------------------------------------------------------------------------

def rot(path: Path, at: int = 0) -> None:
    """Flip the bits of one byte, and leave size and times as they are."""
    times = path.stat()
    with open(path, 'r+b') as file:
        file.seek(at)
        byte = file.read(1)
        assert byte, f'{path} has no byte {at}'
        file.seek(at)
        file.write(bytes([byte[0] ^ 0xff]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def rot_metadata(path: Path) -> None:
    """Flip a byte in the stored metadata, so that its checksum does not match any more."""
    name = 'user.swift.metadata'
    blob = bytearray(os.getxattr(path, name))
    blob[len(blob) // 2] ^= 0xff
    os.setxattr(path, name, bytes(blob))


def cut(path: Path, size: int = 0) -> None:
    """Cut a file off, as a power cut does to what was not synced."""
    os.truncate(path, size)


# -- comparing ------------------------------------------------------------------------------------

def object_copy(place: Primary) -> ObjectCopy | None:
    """Return what is on one disk of an object; None if nothing is."""
    try:
        names = sorted(os.listdir(place.folder))
    except FileNotFoundError:
        return None
    digest, metadata = None, {}
    for suffix in ('.data', '.meta'):
        found = [name for name in names if name.endswith(suffix)]
        if found:
            path = place.folder / found[-1]
            metadata.update(decode_metadata(read_blob(str(path))))
            if suffix == '.data':
                digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return ObjectCopy(tuple(names), digest, tuple(sorted(metadata.items())))


def database_copy(place: Primary, names: tuple[str, ...]) -> DatabaseCopy | None:
    """Return what one replica of a container or account says; None if it has no database.

    Its server is asked first, if it runs: that merges the records that are only in its log.
    """
    kind = {1: 'account', 2: 'container'}[len(names)]
    _settle(place, names)
    found = sorted(place.folder.glob('*.db'))
    if not found:
        return None
    conn = sqlite3.connect(f'file:{found[-1]}?mode=ro', uri=True)
    try:
        rows = _select(conn, f'SELECT * FROM {TABLES[kind]} ORDER BY name')
        (stat,) = _select(conn, f'SELECT * FROM {STATS[kind]}')
        totals = _select(conn, 'SELECT * FROM policy_stat ORDER BY storage_policy_index')
    finally:
        conn.close()
    known = dict(stat)
    facts = (('deleted', _is_deleted(known)),
             *((key, known[key]) for key in SHARED_FACTS if key in known))
    return DatabaseCopy(tuple(rows), (*facts, ('policies', tuple(totals))), known['metadata'])


def _is_deleted(stat: dict[str, Any]) -> bool:
    """Only the times tell: the word 'DELETED' is written by the DELETE itself and stays."""
    return float(stat['delete_timestamp']) > float(stat['put_timestamp'])


def _select(conn: sqlite3.Connection, query: str) -> list[tuple]:
    """Return rows as tuples of (column, value), without what each replica counts for itself."""
    cursor = conn.execute(query)
    names = [column[0] for column in cursor.description]
    return [tuple(pair for pair in zip(names, row, strict=True) if pair[0] not in OWN_COLUMNS)
            for row in cursor]


def _settle(place: Primary, names: tuple[str, ...]) -> None:
    pool = ConnectionPool()
    client = DirectClient(pool)
    ask = client.get_account if len(names) == 1 else client.get_container
    try:
        ask(place.where, place.part, *names, limit=1)
    except (DirectError, TransportError):
        pass                                     # deleted, or its server is down
    finally:
        pool.close()


def copies(faults: Faults, names: tuple[str, ...], policy: int = 0) -> dict[int, Any]:
    """Return {node: what it has} for all primaries of an account, container or object."""
    look: Callable[[Primary], Any] = object_copy if len(names) == 3 else (
        lambda place: database_copy(place, names))
    found = {}
    for place in faults.primaries(*names, policy=policy):
        with faults.saio.near(place.node):
            found[place.node] = look(place)
    return found


def differences(faults: Faults, names: tuple[str, ...], policy: int = 0) -> list[str]:
    """Return how the replicas of something differ, for people; nothing when they are the same."""
    found = copies(faults, names, policy)
    first_node, first = next(iter(found.items()))
    return [f'{"/".join(names)}: node {first_node} has {first}, node {node} has {copy}'
            for node, copy in found.items() if copy != first]
