"""Where everything of an all-in-one cluster is: folders, addresses, ports, users (layer 4).

Pure values, no I/O. Topology and users are those of sheet 07 section 20 with the ports
6010/6011/6012 (object/container/account) … 6040/6041/6042:

    ROOT/etc/            swift.conf, rings, proxy-server.conf, {account,…,object}-server/N.conf
    ROOT/srv/N/node/     devices of node N: sdbN and sdb(N+4)
    ROOT/run/  log/  cache/N/      pid files, log files, recon caches
    ROOT/cluster.json    the choices it was made with
"""
import json
import os
from dataclasses import asdict, dataclass, field
from typing import Self

STORAGE_TYPES = ('object', 'container', 'account')      # order of their ports
AUTH_PATH = '/auth/v1.0'


@dataclass(frozen=True)
class User:
    account: str
    name: str
    key: str
    groups: str = ''


USERS = (
    User('admin', 'admin', 'admin', '.admin .reseller_admin'),
    User('admin', 'auditor', 'admin_ro', '.reseller_reader'),
    User('test', 'tester', 'testing', '.admin'),
    User('test', 'tester2', 'testing2', '.admin'),
    User('test', 'tester3', 'testing3'),
    User('test2', 'tester2', 'testing2', '.admin'),
    User('test5', 'tester5', 'testing5', 'service'),
)


@dataclass(frozen=True)
class Policy:
    index: int
    name: str
    replicas: int

    @property
    def ring_name(self) -> str:
        return f'object-{self.index}' if self.index else 'object'


POLICIES = (Policy(0, 'gold', 3), Policy(1, 'silver', 2))


@dataclass(frozen=True)
class Layout:
    """One cluster. Ports of storage node n: base_port + 10 n + 0, 1, 2."""
    root: str
    port: int = 8080
    nodes: int = 4
    workers: int = 0            # of the proxy; 0 = chosen from the number of processors
    base_port: int = 6000
    memcache_port: int = 0      # 0 = not chosen yet
    rsync_port: int = 0         # 0 = not chosen yet
    xfs: bool = False
    part_power: int = 10
    policies: tuple[Policy, ...] = field(default=POLICIES)

    @property
    def etc(self) -> str:
        return os.path.join(self.root, 'etc')

    @property
    def run(self) -> str:
        return os.path.join(self.root, 'run')

    @property
    def log(self) -> str:
        return os.path.join(self.root, 'log')

    @property
    def state_file(self) -> str:
        return os.path.join(self.root, 'cluster.json')

    @property
    def memcached_pid_file(self) -> str:
        return os.path.join(self.run, 'memcached.pid')

    @property
    def rsyncd_pid_file(self) -> str:
        return os.path.join(self.run, 'rsyncd.pid')

    @property
    def endpoint(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    @property
    def auth_url(self) -> str:
        return self.endpoint + AUTH_PATH

    @property
    def node_numbers(self) -> range:
        return range(1, self.nodes + 1)

    def devices_root(self, node: int) -> str:
        return os.path.join(self.root, 'srv', str(node), 'node')

    def cache(self, node: int) -> str:
        return os.path.join(self.root, 'cache', str(node))

    def devices(self, node: int) -> tuple[str, str]:
        """The device of every ring, and a second one for wide policies."""
        return f'sdb{node}', f'sdb{node + self.nodes}'

    def ip(self, node: int) -> str:
        return f'127.0.0.{node}'

    def port_of(self, kind: str, node: int) -> int:
        return self.base_port + 10 * node + STORAGE_TYPES.index(kind)

    def addresses(self) -> list[tuple[str, str, int]]:
        """Every listening address as (service, ip, port), the proxy first."""
        storage = [(f'{kind}-server {node}', self.ip(node), self.port_of(kind, node))
                   for kind in reversed(STORAGE_TYPES) for node in self.node_numbers]
        return [('proxy-server', '127.0.0.1', self.port), *storage]

    def replicas(self, wanted: int) -> int:
        return min(wanted, self.nodes)

    def to_json(self) -> str:
        values = asdict(self)
        del values['root'], values['policies']
        return json.dumps(values, indent=1, sort_keys=True) + '\n'

    @classmethod
    def from_json(cls, root: str, text: str) -> Self:
        return cls(root=root, **json.loads(text))
