"""An all-in-one cluster spread over four hosts with addresses of their own (test/support/hosts).

Every host has one storage node, a proxy and a memcached; the proxies answer clients also while
the lan is cut. Offers what test/support/faults.py needs of a cluster.
"""
import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from swift.cli.saio import cluster, configs
from swift.cli.saio.layout import AUTH_PATH, Layout
from swift.common.services import parse_services
from test.support.hosts import LAN, Hosts
from test.support.saio import PATIENCE_S, wait_for_daemons
from test.support.service import eventually

PORT = 8080
MEMCACHED_PORT = 11211
# A cut lan swallows bytes: do not wait for long. Servers give up what they tell each other before
# the proxy gives them up, or a write that happened is answered 503.
NODE_TIMEOUT_S, SERVER_TIMEOUT_S = 3, 1


class HostsLayout(Layout):
    """Node N is on host N."""

    def ip(self, node: int) -> str:
        return f'{LAN}.{node}'


@dataclass
class HostsCluster:
    """The running cluster."""

    layout: HostsLayout
    hosts: Hosts

    def auth_url_of(self, host: int) -> str:
        """Where the proxy of a host gives tokens."""
        return f'http://{self.hosts.front_ip(host)}:{PORT}{AUTH_PATH}'

    def near(self, node: int) -> contextlib.AbstractContextManager[None]:
        """Requests that a test sends meanwhile come from the node's host: the lan is not ours."""
        return self.hosts.inside(node)

    def environment(self) -> dict[str, str]:
        return dict(os.environ, **cluster.environment(self.layout))

    def run(self, host: int, *words: str) -> subprocess.CompletedProcess:
        """Run a program on a host, in the cluster's environment."""
        return subprocess.run(self.hosts.command(host, *words), env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)

    def swift_init(self, *words: str) -> subprocess.CompletedProcess:
        """Run swift-init: `name.N` on host N, other names on every host for its own instance.

        Hosts work at the same time.
        """
        options = [word for word in words if word.startswith('--')]
        *names, command = (word for word in words if word not in options)
        services = self._services(names)
        todo = {}
        for host in self.hosts.numbers:
            mine = [f'{name}.{host}' for name in services]
            mine += [name for name in names if name.endswith(f'.{host}')]
            if mine:
                todo[host] = ('swift-init', *mine, command, *options)
        assert todo, words
        with ThreadPoolExecutor(len(todo)) as threads:
            done = list(threads.map(lambda host: self.run(host, *todo[host]), todo))
        return next((each for each in done if each.returncode), done[-1])

    def _services(self, names: Iterable[str]) -> list[str]:
        """Return the installed services that names without a number stand for."""
        services, _explicit = parse_services(name for name in names if '.' not in name)
        path = self.environment()['PATH']
        return [str(service) for service in services if shutil.which(service.program, path=path)]

    def pids(self, server: str, node: int | None = None) -> list[int]:
        return [int(path.read_text()) for path in
                sorted(Path(self.layout.run).glob(f'{server}/{node or "*"}.pid'))]


@contextlib.contextmanager
def running_on_hosts(root: Path, hosts: Hosts) -> Iterator[HostsCluster]:
    """Start a cluster in `root` on the hosts, and stop it whatever happens."""
    made = cluster.make(HostsLayout(root=str(root), port=PORT, memcache_port=MEMCACHED_PORT,
                                    nodes=hosts.count, workers=1))
    _write_proxies(made)
    _hurry_servers(made)
    wait_for_daemons(made)
    running = HostsCluster(made, hosts)
    with contextlib.ExitStack() as stack:
        for host in hosts.numbers:
            stack.enter_context(_memcached(hosts, host))
        stack.callback(running.swift_init, 'all', 'kill', '--kill-after-timeout')
        done = running.swift_init('main', 'start')
        assert done.returncode == 0, done.stdout + done.stderr
        yield running


def _write_proxies(layout: HostsLayout) -> None:
    """Replace the one proxy by one for each host."""
    etc = Path(layout.etc)
    (etc / 'proxy-server.conf').unlink()
    (etc / 'proxy-server').mkdir()
    for host in layout.node_numbers:
        text = configs.proxy_conf(layout).replace('bind_ip = 127.0.0.1', 'bind_ip = 0.0.0.0')
        text = text.replace('/proxy.log', f'/proxy{host}.log').replace(
            '[app:proxy-server]\n', f'[app:proxy-server]\nnode_timeout = {NODE_TIMEOUT_S}\n')
        (etc / 'proxy-server' / f'{host}.conf').write_text(text)


def _hurry_servers(layout: HostsLayout) -> None:
    for kind in ('container', 'object'):
        for node in layout.node_numbers:
            path = Path(layout.etc) / f'{kind}-server' / f'{node}.conf'
            app = f'[app:{kind}-server]\n'
            text = path.read_text()
            assert app in text
            path.write_text(text.replace(app, f'{app}node_timeout = {SERVER_TIMEOUT_S}\n'))


@contextlib.contextmanager
def _memcached(hosts: Hosts, host: int) -> Iterator[None]:
    process = subprocess.Popen(
        hosts.command(host, 'memcached', '-u', 'root', '-l', '127.0.0.1', '-m', '16',
                      '-p', str(MEMCACHED_PORT)), stdin=subprocess.DEVNULL)
    try:
        probe = hosts.command(host, 'bash', '-c',
                              f'exec 3<>/dev/tcp/127.0.0.1/{MEMCACHED_PORT}')
        eventually(lambda: subprocess.run(probe, capture_output=True, check=False
                                          ).returncode == 0, 'memcached', PATIENCE_S)
        yield
    finally:
        process.terminate()
        process.wait(10)
