"""The rsync daemon of an all-in-one cluster, through which replicators push (layer 4).

One daemon without root on a loopback port of its own, with a module for each storage server:
`object6010` to `account6042`, named by service and port as in sheet 07 section 20.
"""
import os
import signal
import subprocess
import time

from swift.cli.saio.bootstrap import Trouble, find_program
from swift.cli.saio.layout import STORAGE_TYPES, Layout
from swift.cli.saio.pids import running_pid

ADDRESS = '127.0.0.1'
MAX_CONNECTIONS = 25
STOP_TIMEOUT_S = 5


def config(layout: Layout) -> str:
    """Return the text of rsyncd.conf."""
    lines = ['use chroot = no', 'reverse lookup = no',
             f'pid file = {layout.rsyncd_pid_file}', f'log file = {layout.log}/rsyncd.log']
    if os.geteuid() == 0:
        lines += ['uid = root', 'gid = root']       # else it would become nobody
    for kind in STORAGE_TYPES:
        for node in layout.node_numbers:
            name = f'{kind}{layout.port_of(kind, node)}'
            lines += ['', f'[{name}]', f'max connections = {MAX_CONNECTIONS}',
                      f'path = {layout.devices_root(node)}/', 'read only = false',
                      f'lock file = {layout.run}/{name}.lock']
    return '\n'.join(lines) + '\n'


def module_template(layout: Layout, kind: str) -> str:
    """Return the rsync_module of a replicator."""
    return f'rsync://{ADDRESS}:{layout.rsync_port}/{kind}{{replication_port}}'


def pid(layout: Layout) -> int | None:
    """Return the daemon's process id while it runs."""
    return running_pid(layout.rsyncd_pid_file, 'rsync')


def start(layout: Layout) -> None:
    """Start the daemon unless it runs; it is listening when this returns."""
    if pid(layout):
        return
    _forget(layout)
    command = [find_program('rsync'), '--daemon', f'--config={layout.etc}/rsyncd.conf',
               f'--address={ADDRESS}', f'--port={layout.rsync_port}']
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while not done.returncode and not pid(layout) and time.monotonic() < deadline:
        time.sleep(0.02)
    if not pid(layout):
        raise Trouble(f'rsync did not start: {done.stderr.strip()}; see {layout.log}/rsyncd.log')


def stop(layout: Layout) -> None:
    """Stop the daemon."""
    running = pid(layout)
    if running:
        os.kill(running, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while pid(layout) and time.monotonic() < deadline:
            time.sleep(0.02)
    _forget(layout)


def _forget(layout: Layout) -> None:
    if os.path.exists(layout.rsyncd_pid_file):
        os.unlink(layout.rsyncd_pid_file)
