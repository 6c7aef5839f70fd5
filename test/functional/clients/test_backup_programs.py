"""Debian's restic and duplicity: a backup, a second one of what changed, a check, a restore."""

import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from test.support.client import Client

PASSWORD = 'correct horse battery staple'


@pytest.fixture
def tree(tmp_path) -> Path:
    """A few megabytes of files of all kinds of names and sizes."""
    source = tmp_path / 'source'
    (source / 'deep' / 'er').mkdir(parents=True)
    for number in range(40):
        (source / 'deep' / f'{number:02d}.dat').write_bytes(bytes([number]) * (number * 1000))
    (source / 'deep' / 'er' / 'naïve ☃.txt').write_bytes(b'snow\n' * 1000)
    (source / 'empty').write_bytes(b'')
    state, noise = 1, bytearray()
    while len(noise) < 3_000_000:
        state = state * 6364136223846793005 % (1 << 64)
        noise += state.to_bytes(8, 'big')
    (source / 'noise').write_bytes(noise)
    return source


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob('*') if path.is_file()}


@pytest.fixture
def container_name(client):
    """A name of a container that a program makes; gone with its objects afterwards."""
    name = f'backup-{uuid.uuid4().hex[:8]}'
    yield name
    remove(client, name)


def remove(client: Client, name: str) -> None:
    for entry in client.get(name, query='?format=json').json():
        client.delete(f'{name}/{entry["name"]}')
    assert client.delete(name).status == 204


@pytest.mark.slow
def test_restic_backs_up_checks_and_restores(
    run_client, auth_url, container_name, tree, tmp_path
):
    env = {'RESTIC_REPOSITORY': f'swift:{container_name}:/repo', 'RESTIC_PASSWORD': PASSWORD,
           'RESTIC_CACHE_DIR': str(tmp_path / 'cache')}

    def restic(*words: str) -> str:
        return run_client('restic', *words, env=env).stdout

    restic('init')
    restic('backup', str(tree))
    (tree / 'new').write_bytes(b'later')
    (tree / 'empty').unlink()
    assert 'Files:           1 new' in restic('backup', str(tree))
    restic('check', '--read-data')
    restic('restore', 'latest', '--target', str(tmp_path / 'back'))
    assert contents(tmp_path / 'back' / tree.relative_to('/')) == contents(tree)
    restic('forget', '--keep-last', '1', '--prune')
    restic('check')
    assert len(restic('snapshots', '--json').split('"short_id"')) == 2


@pytest.mark.slow
def test_duplicity_backs_up_verifies_and_restores(
    run_client, auth_url, container_name, tree, tmp_path
):
    if shutil.which('duplicity') and not debian_has_swiftclient():
        pytest.skip('duplicity has no python3-swiftclient (Debian)')
    env = {'SWIFT_USERNAME': 'test:tester', 'SWIFT_PASSWORD': 'testing',
           'SWIFT_AUTHURL': auth_url, 'SWIFT_AUTHVERSION': '1',
           'XDG_CACHE_HOME': str(tmp_path / 'cache')}
    target = f'swift://{container_name}'

    def duplicity(*words: str) -> str:
        return run_client('duplicity', *words, '--no-encryption', '--volsize', '1', env=env).stdout

    duplicity('full', str(tree), target)
    (tree / 'new').write_bytes(b'later')
    (tree / 'empty').unlink()
    report = duplicity('incremental', str(tree), target)
    assert 'DeletedFiles 1\n' in report and 'RawDeltaSize 5 ' in report
    duplicity('verify', '--compare-data', target, str(tree))
    shutil.rmtree(tmp_path / 'cache')
    duplicity('restore', target, str(tmp_path / 'back'))
    assert contents(tmp_path / 'back') == contents(tree)


def debian_has_swiftclient() -> bool:
    python = '/usr/bin/python3' if Path('/usr/bin/python3').exists() else sys.executable
    return subprocess.run([python, '-c', 'import swiftclient'], check=False, timeout=60,
                          stderr=subprocess.DEVNULL).returncode == 0
