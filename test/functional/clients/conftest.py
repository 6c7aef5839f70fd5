"""Real clients, from their own virtual environment or from Debian's packages."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest


def client_program(name: str) -> str:
    folder = Path(os.environ.get('SWIFT_TEST_CLIENTS', '/nonexistent')) / 'bin'
    found = shutil.which(name, path=str(folder)) or shutil.which(name)
    if not found or name == 'python' and not (folder / name).exists():
        pytest.skip(f'{name} is not installed (SWIFT_TEST_CLIENTS, or a Debian package)')
    return found


@pytest.fixture(scope='session')
def run_client(auth_url):
    """run(program, *words, **subprocess options) -> CompletedProcess; a bad exit fails."""

    def run(program: str, *words: str, **kwargs) -> subprocess.CompletedProcess:
        env = {
            'PATH': os.environ['PATH'],
            'HOME': os.environ.get('HOME', '/'),
            'ST_AUTH': auth_url,
            'ST_USER': 'test:tester',
            'ST_KEY': 'testing',
            'LC_ALL': 'C.UTF-8',
            'PYTHONSAFEPATH': '1',  # ours must not be found where the published client is tested
        }
        env.update(kwargs.pop('env', {}))
        kwargs.setdefault('check', True)
        done = subprocess.run(
            [client_program(program), *words],
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
            **{**kwargs, 'check': False},
        )
        if kwargs['check']:
            assert done.returncode == 0, f'{program} {words}: {done.stdout}\n{done.stderr}'
        return done

    return run


@pytest.fixture(scope='session')
def library_tree() -> Path:
    """A real tree of files that every machine has: Python's standard library."""
    return Path(sysconfig.get_path('stdlib'))
