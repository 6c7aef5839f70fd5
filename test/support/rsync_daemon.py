"""An rsync daemon on a free port, for tests."""
import os
import shutil
import socket
import subprocess

from test.support.service import eventually, free_port

RSYNC = shutil.which('rsync')


class RsyncDaemon:
    """Serves `modules` (name -> path). close() ends it."""

    def __init__(self, directory, modules):
        self.port = free_port()
        conf = os.path.join(str(directory), 'rsyncd.conf')
        lines = ['use chroot = no', 'reverse lookup = no', f'log file = {directory}/rsyncd.log']
        if os.geteuid() == 0:
            lines += ['uid = root', 'gid = root']
        for name, path in modules.items():
            lines += [f'[{name}]', f'path = {path}', 'read only = false',
                      f'lock file = {directory}/{name}.lock']
        with open(conf, 'w') as file:
            file.write('\n'.join(lines) + '\n')
        self._process = subprocess.Popen(
            [RSYNC, '--daemon', '--no-detach', f'--config={conf}', '--address=127.0.0.1',
             f'--port={self.port}'], stdin=subprocess.DEVNULL)
        eventually(self._listens, 'rsync')

    def _listens(self):
        with socket.socket() as sock:
            return sock.connect_ex(('127.0.0.1', self.port)) == 0

    def close(self):
        self._process.terminate()
        self._process.wait(10)
