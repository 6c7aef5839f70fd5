"""Make, start, stop and inspect one all-in-one cluster (layer 4).

    absent --write_files--> made --start--> up --stop--> made --remove_data--> absent

Every step may be repeated: `up` of a running cluster changes nothing, and `up` of a half-dead
one says what is missing and starts it. Services are started and stopped by `swift-init` alone;
only memcached and rsync, which are not ours, are started here.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from dataclasses import replace

from swift.cli.saio import checks, rsyncd, xfs
from swift.cli.saio.bootstrap import Trouble, find_program
from swift.cli.saio.configs import ON_FIRST_NODE, STARTED_ON_FIRST_NODE, all_files
from swift.cli.saio.layout import Layout
from swift.cli.saio.pids import running_pid
from swift.common.services import STANDALONE

DAEMONS = ('account-replicator', 'container-replicator', 'object-replicator', 'object-updater',
           'container-updater', 'container-sync', 'account-reaper', 'object-expirer',
           'container-reconciler', 'object-auditor', 'container-auditor', 'account-auditor')
START_TIMEOUT_S = 60
MEMCACHED_MEGABYTES = 64


def load(root: str) -> Layout | None:
    """The cluster that lives in a folder, or None."""
    try:
        with open(os.path.join(root, 'cluster.json'), encoding='utf-8') as f:
            return Layout.from_json(root, f.read())
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, TypeError) as err:
        raise Trouble(f'{root}/cluster.json is damaged ({err}); remove the folder.') from None


def make(layout: Layout) -> Layout:
    """Write folders, configuration and rings; return the layout with all ports chosen."""
    if not layout.memcache_port:
        layout = replace(layout, memcache_port=checks.free_port())
    if not layout.rsync_port:
        layout = replace(layout, rsync_port=checks.free_port())
    for folder in (layout.etc, layout.run, layout.log):
        os.makedirs(folder, exist_ok=True)
    if layout.xfs:
        xfs.mount(layout)
    for node in layout.node_numbers:
        os.makedirs(layout.cache(node), exist_ok=True)
        for device in layout.devices(node):
            os.makedirs(os.path.join(layout.devices_root(node), device), exist_ok=True)
    checks.check_xattrs(layout.devices_root(1))
    for name, text in all_files(layout).items():
        path = os.path.join(layout.etc, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_secret(path, text)
    from swift.cli.saio.rings import build_rings  # numpy: only when rings are built
    build_rings(layout)
    write_secret(layout.state_file, layout.to_json())
    return layout


def write_secret(path: str, text: str) -> None:
    """Configuration holds keys: readable by its owner only."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, 'w', encoding='utf-8') as f:
        f.write(text)


def environment(layout: Layout) -> dict[str, str]:
    """Variables under which `swift-init` and the tools find this cluster."""
    programs = sysconfig.get_path('scripts')
    return {
        'SWIFT_DIR': layout.etc, 'SWIFT_RUN_DIR': layout.run,
        'SWIFT_TEST_CONFIG_FILE': os.path.join(layout.etc, 'test.conf'),
        'ST_AUTH': layout.auth_url, 'ST_USER': 'test:tester', 'ST_KEY': 'testing',
        'PATH': programs + os.pathsep + os.environ.get('PATH', os.defpath),
    }


def swift_init(layout: Layout, *words: str) -> tuple[int, str]:
    env = dict(os.environ, **environment(layout))
    done = subprocess.run(['swift-init', *words], env=env, stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def start(layout: Layout) -> None:
    """Start what does not run yet, and return when every server answers."""
    start_memcached(layout)
    rsyncd.start(layout)
    status, output = swift_init(layout, *stopped_services(layout), 'start', '--share-memory')
    deadline = time.monotonic() + START_TIMEOUT_S
    while silent := silent_services(layout):
        if time.monotonic() > deadline or status:
            said = [line for line in output.splitlines() if not line.startswith('Starting')]
            raise Trouble('%s did not start: %s; see %s' % (
                ', '.join(silent), said[-1] if said else 'no answer', layout.log))
        time.sleep(0.05)


def stop(layout: Layout) -> None:
    """Stop every service of the cluster, gently first; data stays."""
    swift_init(layout, 'all', 'kill', '--kill-wait', '10', '--kill-after-timeout')
    stop_memcached(layout)
    rsyncd.stop(layout)
    if layout.xfs and os.geteuid() == 0:
        xfs.unmount(layout)


def remove_data(layout: Layout) -> None:
    """Remove the folder of a stopped cluster; only what `make` put there."""
    for name in ('etc', 'srv', 'run', 'log', 'cache'):
        shutil.rmtree(os.path.join(layout.root, name), ignore_errors=True)
    for name in ('xfs.img', 'cluster.json'):
        if os.path.exists(os.path.join(layout.root, name)):
            os.unlink(os.path.join(layout.root, name))


def is_whole(layout: Layout) -> bool:
    """Does everything run and answer?"""
    return bool(memcached_pid(layout) and rsyncd.pid(layout)
                and not silent_services(layout) and not stopped_services(layout))


def stopped_services(layout: Layout) -> list[str]:
    """What `swift-init` has to start: whole services, or single nodes of half-dead ones."""
    wanted = []
    for service in ('account-server', 'container-server', 'object-server', *DAEMONS):
        nodes = nodes_with(layout, service)
        stopped = [node for node in nodes if not is_running(layout, service, node)]
        is_all = len(stopped) == len(nodes) and service not in STARTED_ON_FIRST_NODE
        wanted += ([service] if is_all
                   else [f'{service}.{node}' for node in stopped])
    return wanted + ([] if is_running(layout, 'proxy-server') else ['proxy-server'])


def nodes_with(layout: Layout, service: str) -> list[int | None]:
    """Return the nodes that have a service; None stands for one that belongs to no node."""
    if service in STANDALONE:
        return [None]
    return ([1] if service in ON_FIRST_NODE + STARTED_ON_FIRST_NODE
            else list(layout.node_numbers))


def is_running(layout: Layout, service: str, node: int | None = None) -> bool:
    """Does the process live that swift-init wrote down?"""
    name = f'{service}/{node}.pid' if node else f'{service}.pid'
    return running_pid(os.path.join(layout.run, name), f'swift-{service}') is not None


def silent_services(layout: Layout) -> list[str]:
    """Services whose health check does not answer."""
    return [service for service, ip, port in layout.addresses() if not is_healthy(ip, port)]


def state_of(layout: Layout, service: str, ip: str, port: int) -> str:
    """Say in words how a server does. `service` is its name and, but for the proxy, its node."""
    name, _, node = service.partition(' ')
    running, healthy = is_running(layout, name, int(node) if node else None), is_healthy(ip, port)
    if running:
        return 'ok' if healthy else 'no answer'
    return 'not running, but another program answers' if healthy else 'not running'


def is_healthy(ip: str, port: int) -> bool:
    try:
        with urllib.request.urlopen(f'http://{ip}:{port}/healthcheck', timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


# --- memcached ---------------------------------------------------------------------------------

def start_memcached(layout: Layout) -> None:
    """A memcached of our own, on loopback: another cluster's entries must never mix with ours."""
    if memcached_pid(layout):
        return
    command = [find_program('memcached'), '-d', '-l', '127.0.0.1', '-U', '0', '-t', '1',
               '-p', str(layout.memcache_port), '-m', str(MEMCACHED_MEGABYTES),
               '-P', layout.memcached_pid_file]
    if os.geteuid() == 0:
        command += ['-u', 'root']       # its pid file lies in our run folder
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f'memcached did not start: {done.stderr.strip()}')


def memcached_pid(layout: Layout) -> int | None:
    return running_pid(layout.memcached_pid_file, 'memcached')


def stop_memcached(layout: Layout) -> None:
    pid = memcached_pid(layout)
    if pid:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 5
        while memcached_pid(layout) and time.monotonic() < deadline:
            time.sleep(0.02)
    if os.path.exists(layout.memcached_pid_file):
        os.unlink(layout.memcached_pid_file)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
